//! Calls in, and out again to those who run them.

use std::sync::Arc;

use pynenc_core::engine::{Fence, Lane, Receipt, Submission};
use pynenc_core::id::Ref;
use pynenc_core::park::{Parker, Subscription};
use pyo3::prelude::*;

use super::Engine;
use crate::error::Refusal;
use crate::live::{Call, Claimed};

impl Engine {
    /// Take one call. The caller becomes interested in the invocation of the receipt, unless it was refused.
    #[inline]
    pub(crate) fn submit_one(&self, _py: Python<'_>, submission: Submission<Call>) -> Result<Receipt, Refusal> {
        match self {
            Self::Memory(memory) => Ok(memory.submit_one(submission)),
        }
    }

    /// Take many calls, under each one's own rules. With `notify`, tokens from that number on arrive there as
    /// the invocations end.
    pub(crate) fn submit_many(
        &self,
        _py: Python<'_>,
        batch: Vec<Submission<Call>>,
        notify: Option<(&Arc<Subscription>, u32)>,
    ) -> Result<Vec<Receipt>, Refusal> {
        match self {
            Self::Memory(memory) => Ok(memory.submit_many(batch, notify)),
        }
    }

    /// Claim one invocation and start it; `None` when nothing is there, and then `idle` is woken when there is.
    #[inline]
    pub(crate) fn claim_started(
        &self,
        py: Python<'_>,
        worker: u32,
        lane: Lane,
        idle: Option<&Arc<Parker>>,
    ) -> Result<Option<Claimed>, Refusal> {
        match self {
            Self::Memory(memory) => {
                let read = |at, fence, call: &Call| Claimed::read(py, at, fence, call);
                memory.claim_started(worker, lane, idle, read).map_err(Refusal::from)
            }
        }
    }

    /// Claim and start a queued invocation that the holder of `waiter` awaits, pausing the waiter; `None`, and
    /// nothing changed, when it cannot run here now.
    #[inline]
    pub(crate) fn claim_awaited(
        &self,
        py: Python<'_>,
        (waiter, fence): (Ref, Fence),
        target: Ref,
    ) -> Result<Option<Claimed>, Refusal> {
        match self {
            Self::Memory(memory) => {
                let read = |fence, call: &Call| Claimed::read(py, target, fence, call);
                memory.claim_awaited(waiter, fence, target, read).map_err(Refusal::from)
            }
        }
    }

    /// Stop waiting for work; a wake-up that was spent on this parker goes to another.
    pub(crate) fn leave_idle(&self, lane: Lane, parker: &Arc<Parker>) {
        match self {
            Self::Memory(memory) => memory.leave_idle(lane, parker),
        }
    }

    /// Whether something that a paused body waits for may be queued.
    pub(crate) fn has_awaited(&self, lane: Lane) -> bool {
        match self {
            Self::Memory(memory) => memory.has_awaited(lane),
        }
    }
}
