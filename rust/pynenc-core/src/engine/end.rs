//! Endings and returns: every write of a holder is fenced, every end is the only one.

use super::MemoryEngine;
use super::after::{After, Garbage};
use super::claim::Fence;
use super::record::{ASIDE, Awaited, CANCEL, DELAYED, Outcome, WATCHED};
use super::state::State;
use crate::clock::Micros;
use crate::error::CoreError;
use crate::id::Ref;
use crate::status::Status;

/// What the holder says of the run that it ends.
#[derive(Debug)]
pub struct Ending<V> {
    /// How it ended.
    pub outcome: Outcome<V>,
    /// What the result costs to keep, in bytes.
    pub bytes: u64,
    /// Whether the call is worth keeping with the result.
    pub keep_call: bool,
}

/// What became of a request to call an invocation off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancelling {
    /// It had not started, and is over.
    Cancelled,
    /// It runs; its holder has been asked.
    Requested,
    /// It had ended.
    Final,
}

impl<C, V> MemoryEngine<C, V> {
    /// End a run. With `resume`, the paused waiter that ran it inline goes on in the same step.
    ///
    /// # Errors
    /// [`CoreError::Fenced`]: somebody else holds it, or it has ended; the outcome is dropped. An
    /// error that names the waiter refuses the waiter alone: the run has ended as told.
    pub fn finish(
        &self,
        at: Ref,
        fence: Fence,
        ending: Ending<V>,
        resume: Option<(Ref, Fence)>,
    ) -> Result<(), CoreError> {
        self.decide(|state, after, now| {
            if let Err(refused) = state.finishable(at, fence, &ending.outcome) {
                after.drop_later(Garbage::Outcome(ending.outcome));
                return Err(refused);
            }
            state.end(at, ending, after, now)?;
            match resume {
                Some((waiter, fence)) => state.resume(waiter, fence, now),
                None => Ok(()),
            }
        })
    }

    /// End a run by an error that is to be tried again, after `delay`.
    ///
    /// # Errors
    /// [`CoreError::Fenced`], [`CoreError::Transition`].
    pub fn retry(&self, at: Ref, fence: Fence, delay: Micros) -> Result<(), CoreError> {
        self.decide(|state, after, now| {
            state.held(at, fence)?;
            if state.call_off_asked(at, after, now)? {
                return Ok(());
            }
            state.let_go(at, Status::Retry, after, now)?;
            if let Some(record) = state.get_mut(at) {
                record.retries += 1;
            }
            if delay == 0 {
                state.enqueue(at, after);
            } else {
                state.delay(at, now.saturating_add(delay), after);
            }
            Ok(())
        })
    }

    /// Hand a run back as if it had never been claimed, but for its attempt and history.
    ///
    /// # Errors
    /// [`CoreError::Fenced`].
    pub fn release(&self, at: Ref, fence: Fence) -> Result<(), CoreError> {
        self.decide(|state, after, now| {
            state.held(at, fence)?;
            if !state.call_off_asked(at, after, now)? {
                state.let_go(at, Status::Rerouted, after, now)?;
                state.enqueue(at, after);
            }
            Ok(())
        })
    }

    /// Call an invocation off: at once unless its body runs, and then its holder is asked. If it
    /// leaves its holder's hands instead of ending there, it is over then.
    ///
    /// # Errors
    /// [`CoreError::NotFound`], [`CoreError::Expired`].
    pub fn cancel(&self, at: Ref) -> Result<Cancelling, CoreError> {
        self.decide(|state, after, now| {
            let status = state.expect(at)?.status;
            if status.is_final() {
                return Ok(Cancelling::Final);
            }
            if matches!(status, Status::Running | Status::Paused) {
                if let Some(record) = state.get_mut(at) {
                    record.set(CANCEL);
                }
                return Ok(Cancelling::Requested);
            }
            let ending = Ending { outcome: Outcome::Cancelled, bytes: 0, keep_call: true };
            state.end(at, ending, after, now)?;
            Ok(Cancelling::Cancelled)
        })
    }
}

impl<V> Outcome<V> {
    pub(crate) const fn status(&self) -> Status {
        match self {
            Self::Success(_) => Status::Success,
            Self::Failed(_) | Self::Lost(_) => Status::Failed,
            Self::Cancelled => Status::Cancelled,
        }
    }
}

impl<C, V> State<C, V> {
    fn finishable(&self, at: Ref, fence: Fence, outcome: &Outcome<V>) -> Result<(), CoreError> {
        let from = self.held(at, fence)?.status;
        let to = outcome.status();
        if from.can_move_to(to) { Ok(()) } else { Err(CoreError::Transition { id: self.ids.id(at), from, to }) }
    }

    /// Whether a body that was asked to stop is on its way back to the queue: it is called off.
    pub(crate) fn call_off_asked(&mut self, at: Ref, after: &mut After<C, V>, now: Micros) -> Result<bool, CoreError> {
        if !self.get(at).is_some_and(|record| record.has(CANCEL)) {
            return Ok(false);
        }
        let ending = Ending { outcome: Outcome::Cancelled, bytes: 0, keep_call: true };
        self.end(at, ending, after, now).map(|()| true)
    }

    /// The one way to a final status.
    pub(crate) fn end(
        &mut self,
        at: Ref,
        ending: Ending<V>,
        after: &mut After<C, V>,
        now: Micros,
    ) -> Result<(), CoreError> {
        let held = self.expect(at)?.status.is_held();
        self.dequeue(at);
        self.move_to(at, ending.outcome.status(), now)?;
        if held {
            self.unhold(at);
        }
        if let Some(record) = self.get_mut(at) {
            // Before its keys are settled: they must not wake it.
            record.clear(ASIDE | DELAYED);
        }
        self.settle_keys(at, &ending.outcome, after);
        let Some(record) = self.get_mut(at) else { return Ok(()) };
        record.awaits = Awaited::Nothing;
        record.outcome = Some(ending.outcome);
        let call = if ending.keep_call { None } else { record.call.take() };
        let watched = record.has(WATCHED);
        record.clear(WATCHED);
        if let Some(call) = call {
            after.drop_later(Garbage::Call(call));
        }
        if watched {
            for (subscription, token) in self.watchers.remove(&at).unwrap_or_default() {
                after.deliver(subscription, token);
            }
        }
        self.keep(at, ending.bytes, after, now);
        Ok(())
    }

    fn settle_keys(&mut self, at: Ref, outcome: &Outcome<V>, after: &mut After<C, V>) {
        let Some(rules) = self.get(at).and_then(|record| record.rules.as_deref()) else { return };
        let (registration, running, result) = (rules.registration, rules.running, rules.result);
        if let Some(key) = registration {
            self.keys.unregister(&key, at);
        }
        if let Some(key) = result
            && matches!(outcome, Outcome::Success(_))
        {
            self.keys.results.insert(key, at);
        }
        if let Some(key) = running {
            self.free_key(&key, at, after);
        }
    }

    /// Take a held record out of its worker's hands: it has not started, and new calls may hit it.
    pub(crate) fn let_go(
        &mut self,
        at: Ref,
        to: Status,
        after: &mut After<C, V>,
        now: Micros,
    ) -> Result<(), CoreError> {
        self.move_to(at, to, now)?;
        self.unhold(at);
        let Some(record) = self.get_mut(at) else { return Ok(()) };
        record.awaits = Awaited::Nothing;
        let (seq, registration, running) = (record.seq, record.registration_key(), record.running_key());
        if let Some(key) = registration {
            self.keys.register(key, seq, at);
        }
        if let Some(key) = running {
            self.free_key(&key, at, after);
        }
        Ok(())
    }
}
