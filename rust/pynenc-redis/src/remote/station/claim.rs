//! Threads that come for work.

use std::sync::Arc;
use std::time::Instant;

use pynenc_core::engine::{Fence, Lane};
use pynenc_core::error::CoreError;
use pynenc_core::id::Ref;
use pynenc_core::park::Parker;
use pynenc_core::status::Status;

use super::Station;
use super::lane::Ready;
use crate::error::{RedisError, Result};
use crate::remote::after::After;
use crate::remote::mirror::{Hold, Phase};
use crate::remote::shared::{Shared, State};
use crate::remote::{Idle, Remote, Work};
use crate::store::Taken;

/// Claiming.
impl<C: Send + 'static> Remote<C> {
    /// The next invocation to run; `None` when there is none here now. With `idle`, it is then asked for, and
    /// the parker woken when it has come. What came back is to be passed to [`Self::tell_started`] first.
    ///
    /// # Errors
    /// [`CoreError::UnknownWorker`] of a worker that has handed everything back.
    pub fn claim_started(&self, worker: u32, lane: Lane, idle: Option<Idle<'_>>) -> Result<Option<Work>> {
        let shared = self.shared();
        shared.guard()?;
        shared.decide(|state, after| {
            if let Some(idle) = idle {
                state.station(worker)?.lane(lane).arrive(idle.parker);
            }
            if let Some(ready) = state.next_ready(worker, lane)? {
                return Ok(Some(state.begin(ready, after)));
            }
            if let Some(idle) = idle {
                state.station(worker)?.ask_for_work(lane, idle, after);
                state.want_a_ring(&shared.bell, after);
            }
            Ok(None)
        })
    }

    /// Before the body of one that came back begins, the store must count it as started: should it end this
    /// process in its first moments, it would else be taken for one that was only fetched ahead, again and again.
    /// `false`: the store has given it to others, or cannot be told now, and it goes back. Blocks.
    pub fn tell_started(&self, work: &Work) -> bool {
        let shared = self.shared();
        if shared.report_started(work.at, work.fence).is_ok() {
            return true;
        }
        // Refused if it is no longer held: then there is nothing to give back.
        let _ = self.release(work.at, work.fence);
        false
    }

    /// Claim and start a queued invocation of the sync lane that the holder of `waiter` awaits; the waiter is
    /// paused until it resumes. `None`, and nothing changed, when it cannot run now. Blocks.
    ///
    /// # Errors
    /// [`CoreError::Fenced`] when the waiter is no longer held.
    pub fn claim_awaited(&self, waiter: Ref, fence: Fence, target: Ref) -> Result<Option<Work>> {
        let shared = self.shared();
        shared.guard()?;
        let Some((id, place)) = shared.decide(|state, _| {
            let waiter = state.waiter(waiter, fence)?;
            let open = state.mirror.get(target).filter(|shadow| !shadow.is_settled() && shadow.hold.is_none());
            Ok::<_, RedisError>(open.map(|shadow| (shadow.id, waiter)))
        })?
        else {
            return Ok(None);
        };
        shared.report_started(waiter, fence)?;
        let nonce = shared.server.fresh_number();
        let Some(taken) = shared.server.claim_awaited((place.id, fence), id, nonce)? else { return Ok(None) };
        Ok(Some(shared.decide(|state, after| {
            let at = state.take_in(place.station, &taken);
            state.begin(Ready { at, since: Instant::now(), taken }, after)
        })))
    }

    /// Stop waiting for work. A wake-up that has been spent on this parker goes to another one.
    pub fn leave_idle(&self, lane: Lane, parker: &Arc<Parker>) {
        if self.shared().is_home() {
            self.shared().decide(|state, after| {
                for station in &mut state.stations {
                    station.lane(lane).leave(parker, after);
                }
            });
        }
    }

    /// Whether something that a paused body of this process waits for may be queued in this lane.
    #[must_use]
    pub fn has_awaited(&self, lane: Lane) -> bool {
        self.shared().is_home() && self.shared().decide(|state, _| state.awaited[lane as usize])
    }
}

/// A body that waits, as it is told to the store.
#[derive(Clone, Copy)]
pub(in crate::remote) struct Waiter {
    pub(in crate::remote) id: pynenc_core::id::InvocationId,
    pub(in crate::remote) station: usize,
}

impl Station {
    /// A thread sleeps until there is work.
    fn ask_for_work<C>(&mut self, lane: Lane, idle: Idle<'_>, after: &mut After<C>) {
        self.lane(lane).sleep(idle);
        if !self.closed && self.lane(lane).may_be_had() {
            self.call_courier(after);
        }
    }
}

impl<C> State<C> {
    /// What lies here first and is still held.
    fn next_ready(&mut self, worker: u32, lane: Lane) -> Result<Option<Ready>> {
        loop {
            let Some(ready) = self.station(worker)?.lane(lane).pop() else { return Ok(None) };
            let fence = ready.taken.fence;
            let hold = self.mirror.get_mut(ready.at).and_then(|shadow| shadow.held_by(fence));
            if hold.is_some_and(|hold| hold.phase == Phase::Ready) {
                return Ok(Some(ready));
            }
        }
    }

    /// A thread takes it: its body begins, as far as anybody can tell.
    fn begin(&mut self, ready: Ready, after: &mut After<C>) -> Work {
        let Ready { at, taken, .. } = ready;
        let now = Instant::now();
        let mut task = 0;
        if let Some(shadow) = self.mirror.get_mut(at) {
            shadow.status = Status::Running;
            task = shadow.task;
            if let Some(hold) = shadow.held_by(taken.fence) {
                hold.phase = Phase::Running;
                hold.begun = Some(now);
                hold.measured = Some(now);
                if !hold.reported
                    && let Some(station) = self.stations.get_mut(hold.station)
                {
                    if station.unreported.is_empty() {
                        // From now on the courier has a time to keep.
                        station.call_courier(after);
                    }
                    station.unreported.push_back((at, taken.fence, now));
                }
            }
        }
        let Taken { id, fence, payload, parent, retries, print, .. } = taken;
        Work { at, id, fence, task, payload, parent, retries, print }
    }

    /// This process holds it from now on.
    pub(in crate::remote) fn take_in(&mut self, place: usize, taken: &Taken) -> Ref {
        let at = self.mirror.ensure(taken.id);
        let task = self.mirror.names.number(&taken.task);
        let Some(shadow) = self.mirror.get_mut(at) else { return at };
        shadow.task = task;
        shadow.parent = taken.parent;
        shadow.retries = taken.retries;
        shadow.status = if taken.started { Status::Running } else { Status::Pending };
        let hold = Hold {
            station: place,
            fence: taken.fence,
            lane: taken.lane,
            phase: Phase::Ready,
            reported: taken.started,
            bundled: taken.bundled,
            begun: None,
            measured: None,
        };
        let before = shadow.hold.replace(hold);
        if let Some(before) = before
            && let Some(station) = self.stations.get_mut(before.station)
        {
            // It was lost and came back to the same process: the older run is no longer held.
            station.let_go(at, before.lane);
        }
        if let Some(station) = self.stations.get_mut(place) {
            station.held.insert(at);
        }
        at
    }

    /// A body that goes on, about to wait; how long it takes says nothing of bodies from now on.
    pub(in crate::remote) fn waiter(&mut self, at: Ref, fence: Fence) -> Result<Waiter> {
        let hold = self.held(at, fence)?;
        hold.measured = None;
        let station = hold.station;
        Ok(Waiter { id: self.mirror.id(at), station })
    }
}

impl<C> Shared<C> {
    /// Before a body's first word to the store: the store must count it as started.
    pub(in crate::remote) fn report_started(&self, at: Ref, fence: Fence) -> Result<()> {
        let unreported = self.decide(|state, _| {
            let id = state.mirror.id(at);
            state.mirror.held(at, fence).ok().filter(|hold| !hold.reported).map(|_| id)
        });
        let Some(id) = unreported else { return Ok(()) };
        for answer in self.server.start(&[(id, fence)])? {
            self.decide(|state, after| state.note_start(at, fence, &answer, after));
            if !is_started(&answer) {
                return answer;
            }
        }
        Ok(())
    }
}

/// One that had started before was told so by somebody else meanwhile.
const fn is_started(answer: &Result<()>) -> bool {
    matches!(answer, Ok(()) | Err(RedisError::Refused(CoreError::Transition { .. })))
}

impl<C> State<C> {
    /// What the store says of a body that has begun.
    pub(super) fn note_start(&mut self, at: Ref, fence: Fence, answer: &Result<()>, after: &mut After<C>) {
        if is_started(answer) {
            if let Ok(hold) = self.mirror.held(at, fence) {
                hold.reported = true;
            }
        } else if matches!(answer, Err(RedisError::Refused(_))) {
            self.lose_hold(at, fence, after);
        }
    }
}
