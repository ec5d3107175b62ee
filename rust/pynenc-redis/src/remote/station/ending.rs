//! How runs end: told to the store soon, in order, and again until it has answered.

use std::sync::Arc;
use std::time::Instant;

use pynenc_core::clock::Micros;
use pynenc_core::engine::{Fence, Lane, Outcome};
use pynenc_core::error::CoreError::{Fenced, NotFound, Transition, Vanished};
use pynenc_core::id::{InvocationId, Ref};
use pynenc_core::status::Status;

use super::outbox::{Entry, Slip};
use crate::blobs::{Blob, Packed};
use crate::error::{RedisError, Result};
use crate::remote::Remote;
use crate::remote::after::After;
use crate::remote::mirror::{Gone, Phase};
use crate::remote::shared::State;
use crate::store::{End, Settlement};

/// Ending.
impl<C: Send + 'static> Remote<C> {
    /// End a run. It is told to the store soon, and again until that has answered, so that this blocks for
    /// nothing, not even in an outage; who waits learns of it when the store has. With `resume`, the paused
    /// waiter that ran it inline goes on in the same step, and this **blocks** until the store has answered.
    ///
    /// `bytes` is what the result weighs.
    ///
    /// # Errors
    /// [`pynenc_core::error::CoreError::Fenced`]: it is known here to be others', or to have ended. With
    /// `resume`: what the store says; an error that names the waiter refuses the waiter alone.
    pub fn finish(
        &self,
        at: Ref,
        fence: Fence,
        outcome: Outcome<impl Into<Packed>>,
        bytes: u64,
        resume: Option<(Ref, Fence)>,
    ) -> Result<()> {
        let (end, blobs) = match outcome {
            Outcome::Success(value) => apart(End::Success, value.into()),
            Outcome::Failed(value) => apart(End::Failed, value.into()),
            Outcome::Lost(_) | Outcome::Cancelled => (End::Cancelled, Vec::new()),
        };
        self.end(at, fence, (end, blobs), bytes, resume)
    }

    /// End a run by an error that is to be tried again, after `delay`; told to the store as by
    /// [`Self::finish`].
    ///
    /// # Errors
    /// [`pynenc_core::error::CoreError::Fenced`], as far as is known here.
    pub fn retry(&self, at: Ref, fence: Fence, delay: Micros) -> Result<()> {
        self.end(at, fence, (End::Retry { delay }, Vec::new()), 0, None)
    }

    /// Hand a run back as if it had never been claimed; told to the store as by [`Self::finish`].
    ///
    /// # Errors
    /// [`pynenc_core::error::CoreError::Fenced`], as far as is known here.
    pub fn release(&self, at: Ref, fence: Fence) -> Result<()> {
        self.end(at, fence, (End::Release, Vec::new()), 0, None)
    }

    fn end(
        &self,
        at: Ref,
        fence: Fence,
        (end, blobs): (End, Vec<Blob>),
        bytes: u64,
        resume: Option<(Ref, Fence)>,
    ) -> Result<()> {
        let shared = self.shared();
        shared.guard()?;
        let slip = resume.map(|_| Arc::<Slip>::default());
        let token = shared.server.fresh_number();
        shared.decide(|state, after| {
            let resume = resume.map(|(waiter, fence)| (state.mirror.id(waiter), fence));
            let id = state.mirror.id(at);
            let settlement = Settlement { id, fence, token, end, blobs, ran: None, bytes, resume, bundled: false };
            state.end_run(Entry { at, settlement, slip: slip.clone() }, after)
        })?;
        slip.map_or(Ok(()), |slip| slip.wait())
    }
}

impl<C> State<C> {
    /// A run that goes on here ends.
    fn end_run(&mut self, mut entry: Entry, after: &mut After<C>) -> Result<()> {
        let fence = entry.settlement.fence;
        let hold = self.held(entry.at, fence)?;
        hold.phase = Phase::Ending;
        let (place, lane, bundled) = (hold.station, hold.lane, hold.bundled);
        let (begun, measured) = (hold.begun, hold.measured);
        entry.settlement.ran = begun.map(micros_since);
        entry.settlement.bundled = bundled;
        let Some(station) = self.stations.get_mut(place) else { return Ok(()) };
        if let Some(since) = measured.filter(|_| lane == Lane::Sync) {
            station.pace.observe(since.elapsed());
        }
        if entry.slip.is_none() {
            station.lane(lane).expect_one();
        }
        if station.unreported.front().is_some_and(|&(first, of, _)| (first, of) == (entry.at, fence)) {
            // Its end reports it: the courier has no time to keep for it.
            station.unreported.pop_front();
        }
        station.outbox.push(entry);
        station.call_courier(after);
        Ok(())
    }

    /// A run goes back, counted as nothing; which, if it was held and had not ended.
    pub(in crate::remote) fn give_back(&mut self, at: Ref, fence: Fence) -> Option<InvocationId> {
        let shadow = self.mirror.get_mut(at)?;
        let id = shadow.id;
        let hold = shadow.held_by(fence).filter(|hold| hold.phase != Phase::Ending)?;
        hold.phase = Phase::Ending;
        let place = hold.station;
        // A hold goes back once: its own nonce tells this ending from every other of the invocation.
        let (token, end) = (fence.nonce, End::Release);
        let blobs = Vec::new();
        let settlement = Settlement { id, fence, token, end, blobs, ran: None, bytes: 0, resume: None, bundled: false };
        self.stations.get_mut(place)?.outbox.push(Entry { at, settlement, slip: None });
        Some(id)
    }

    /// The store has answered to an end.
    pub(super) fn settled(&mut self, entry: Entry, answer: Result<()>, after: &mut After<C>) {
        let Entry { at, settlement, slip } = entry;
        let hold = self.mirror.get_mut(at).and_then(|shadow| shadow.held_by(settlement.fence).cloned());
        match &answer {
            Ok(()) => self.ended_as_told(at, settlement.end, after),
            // It is about the waiter: this run has ended as told.
            Err(refused) if names_another(refused, settlement.id) => self.ended_as_told(at, settlement.end, after),
            Err(RedisError::Refused(NotFound(_) | Vanished(_))) => self.mirror.lose(at, Gone::Dropped, after),
            Err(_) => self.counters.fenced += 1,
        }
        if let Some(hold) = hold {
            if let Some(station) = self.stations.get_mut(hold.station) {
                station.let_go(at, hold.lane);
            }
            self.mirror.let_go(at, after);
        }
        if let Some(slip) = slip {
            slip.fill(answer);
        }
    }

    fn ended_as_told(&mut self, at: Ref, end: End, after: &mut After<C>) {
        match end {
            End::Success(value) => self.mirror.end(at, Status::Success, Outcome::Success(Arc::new(value)), after),
            End::Failed(value) => self.mirror.end(at, Status::Failed, Outcome::Failed(Arc::new(value)), after),
            End::Cancelled => self.mirror.end(at, Status::Cancelled, Outcome::Cancelled, after),
            End::Retry { .. } => self.goes_back(at, Status::Retry),
            End::Release => self.goes_back(at, Status::Rerouted),
        }
    }

    fn goes_back(&mut self, at: Ref, status: Status) {
        let Some(shadow) = self.mirror.get_mut(at) else { return };
        shadow.status = status;
        shadow.retries += u32::from(status == Status::Retry);
    }
}

/// What is told of an end, and the blobs that go ahead of it.
fn apart(end: fn(Vec<u8>) -> End, packed: Packed) -> (End, Vec<Blob>) {
    (end(packed.payload), packed.blobs)
}

/// Whether a refusal is about another invocation than this.
fn names_another(refused: &RedisError, id: InvocationId) -> bool {
    match refused {
        RedisError::Refused(NotFound(of) | Vanished(of) | Fenced { id: of, .. } | Transition { id: of, .. }) => {
            *of != id
        }
        _ => false,
    }
}

fn micros_since(then: Instant) -> Micros {
    Micros::try_from(then.elapsed().as_micros()).unwrap_or(Micros::MAX).max(1)
}
