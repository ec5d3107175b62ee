//! One trip to the store for one worker: what it has to tell goes out, what its threads want comes in.

use std::time::{Duration, Instant};

use pynenc_core::engine::Fence;
use pynenc_core::id::{InvocationId, Ref};

use super::Station;
use super::bring::Trip;
use super::lane::{LaneState, Ready};
use super::outbox::Entry;
use crate::error::Result;
use crate::remote::Settings;
use crate::remote::server::Hold;
use crate::remote::shared::{Shared, State, earliest};
use crate::store::{ClaimRequest, Claims, WorkerId};

/// A body that has run for this long is reported as started; a shorter one starts as it ends.
const REPORT_AFTER: Duration = Duration::from_millis(2);

/// What one trip carries.
pub(super) struct Load {
    worker: WorkerId,
    resumed: Vec<Hold>,
    started: Vec<(Ref, InvocationId, Fence)>,
    ends: Vec<Entry>,
    claim: Option<ClaimRequest>,
    interrupt_bell: bool,
}

/// What there is to do for a worker.
pub(super) enum Next {
    Go(Load),
    /// Something, in that moment, which is near.
    Pause(Instant),
    /// Nothing before that moment, or before somebody calls.
    Sleep(Option<Instant>),
    /// Nothing ever again.
    Over,
}

impl Load {
    fn is_empty(&self) -> bool {
        let told = self.resumed.is_empty() && self.started.is_empty() && self.ends.is_empty();
        told && self.claim.is_none() && !self.interrupt_bell
    }
}

impl<C> Shared<C> {
    /// What the next trip of a worker carries. Once it has gone out, its answer must be brought in.
    pub(super) fn load(&self, place: usize) -> Next {
        let now = Instant::now();
        let closing = self.is_closing();
        self.decide(|state, _| {
            state.give_stale_back(place, now, self.settings.hand_back_after);
            let Some(station) = state.stations.get(place) else { return Next::Over };
            if station.in_flight {
                return Next::Sleep(None);
            }
            if let Some(not_before) = station.not_before.filter(|&not_before| not_before > now) {
                return Next::Sleep(Some(not_before));
            }
            if let Some(until) = station.keeps_distance(now) {
                return Next::Pause(until);
            }
            let started = state.report_due(place, now);
            let Some(station) = state.stations.get_mut(place) else { return Next::Over };
            let ends = station.outbox.take();
            let resumed = station.outbox.take_resumed();
            let claim = station.plan_claim(&self.settings, || self.server.fresh_number());
            let interrupt_bell = std::mem::take(&mut station.interrupt_bell);
            let load = Load { worker: station.worker, resumed, started, ends, claim, interrupt_bell };
            if load.is_empty() {
                let over = station.outbox.unacknowledged() == 0 && (station.retired || closing);
                return if over { Next::Over } else { Next::Sleep(station.next_look(&self.settings)) };
            }
            station.in_flight = true;
            Next::Go(load)
        })
    }

    /// Carry it to the store and bring the answer in. Blocks.
    pub(super) fn carry(&self, place: usize, load: Load) {
        let Load { worker, mut resumed, started, ends, claim, interrupt_bell } = load;
        let mut failure = self.tell_resumed(&mut resumed).err();
        if failure.is_none() {
            failure = self.tell_started(&started).err();
        }
        let (marks, settlements): (Vec<_>, Vec<_>) = ends.into_iter().map(Entry::apart).unzip();
        let answer = match failure {
            Some(failure) => Err(failure),
            None if settlements.is_empty() && claim.is_none() => Ok((Vec::new(), Claims::default())),
            None => self.server.work(&settlements, claim.as_ref()),
        };
        let ends = marks.into_iter().zip(settlements).map(Entry::of).collect();
        self.decide(|state, after| {
            if let Some(station) = state.stations.get_mut(place) {
                station.in_flight = false;
                station.flow.ended(Instant::now());
                station.outbox.put_resumed_back(resumed);
            }
            if answer.is_err() {
                state.report_later(place, started);
            }
            state.bring_in(&Trip { place, worker, claim, shared: self }, ends, answer, after);
        });
        if interrupt_bell {
            // Should it fail, the bell looks again by itself, only later.
            let _ = self.server.interrupt_ring();
        }
    }

    fn tell_resumed(&self, resumed: &mut Vec<Hold>) -> Result<()> {
        while let Some(&waiter) = resumed.first() {
            match self.server.resume(waiter) {
                Err(failure) if failure.passes() => return Err(failure),
                // Not paused, or no longer its holder's: there is nothing to resume.
                Ok(()) | Err(_) => drop(resumed.remove(0)),
            }
        }
        Ok(())
    }

    fn tell_started(&self, started: &[(Ref, InvocationId, Fence)]) -> Result<()> {
        if started.is_empty() {
            return Ok(());
        }
        let holds: Vec<Hold> = started.iter().map(|&(_, id, fence)| (id, fence)).collect();
        let answers = match self.server.start(&holds) {
            Ok(answers) => answers,
            Err(failure) if failure.passes() => return Err(failure),
            // The ends start them.
            Err(_) => return Ok(()),
        };
        self.decide(|state, after| {
            for (&(at, _, fence), answer) in started.iter().zip(answers) {
                state.note_start(at, fence, &answer, after);
            }
        });
        Ok(())
    }
}

impl<C> State<C> {
    /// What was fetched ahead, and no thread came for: others may have it.
    fn give_stale_back(&mut self, place: usize, now: Instant, limit: Duration) {
        let Some(before) = now.checked_sub(limit) else { return };
        let Some(station) = self.stations.get_mut(place) else { return };
        let stale: Vec<Ready> = station.lanes.iter_mut().flat_map(|lane| lane.take_stale(before)).collect();
        if stale.is_empty() {
            return;
        }
        station.pace.stall(limit);
        self.counters.given_back += stale.len() as u64;
        for ready in stale {
            self.give_back(ready.at, ready.taken.fence);
        }
    }

    /// Bodies that have run for a while, and count as claimed only.
    fn report_due(&mut self, place: usize, now: Instant) -> Vec<(Ref, InvocationId, Fence)> {
        let mut due = Vec::new();
        let Some(station) = self.stations.get_mut(place) else { return due };
        while let Some(&(at, fence, since)) = station.unreported.front() {
            if now < since + REPORT_AFTER {
                break;
            }
            station.unreported.pop_front();
            if self.mirror.held(at, fence).is_ok_and(|hold| !hold.reported) {
                due.push((at, self.mirror.id(at), fence));
            }
        }
        due
    }

    /// The report did not arrive.
    fn report_later(&mut self, place: usize, started: Vec<(Ref, InvocationId, Fence)>) {
        let now = Instant::now();
        for (at, _, fence) in started {
            if self.mirror.held(at, fence).is_ok()
                && let Some(station) = self.stations.get_mut(place)
            {
                station.unreported.push_back((at, fence, now));
            }
        }
    }
}

impl Station {
    /// Until when the next trip waits for more to carry, if it may wait.
    fn keeps_distance(&self, now: Instant) -> Option<Instant> {
        let is_urgent = self.interrupt_bell || self.closed || self.outbox.has_resumed();
        self.flow.waits_until(now).filter(|_| !is_urgent)
    }

    /// When there will be something to do that nobody calls for.
    fn next_look(&self, settings: &Settings) -> Option<Instant> {
        let stale = self.lanes.iter().filter_map(LaneState::oldest_spare).min();
        let stale = stale.map(|since| since + settings.hand_back_after);
        let unreported = self.unreported.front().map(|&(_, _, since)| since + REPORT_AFTER);
        earliest(stale, unreported)
    }
}
