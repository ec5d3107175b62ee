//! Calls in, and out again to those who run them.

use std::sync::Arc;
use std::time::Duration;

use pynenc_core::engine::{Fence, Lane, Receipt, Submission};
use pynenc_core::id::Ref;
use pynenc_core::park::{Parker, Subscription};
use pynenc_redis::remote;
use pynenc_redis::store::IdRow;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::submission::{self, InCommon};
use super::{Engine, RemoteEngine, Sent};
use crate::error::Refusal;
use crate::gil;
use crate::live::{Call, Caller, Claimed, Memory};
use crate::plan::Plan;
use crate::task::TaskCore;

/// Calls that are to be taken together.
pub(crate) enum Batch<'a> {
    Memory(&'a Memory, Vec<Submission<Call>>),
    Remote(&'a RemoteEngine, Vec<remote::Submission<Sent>>, IdRow),
}

impl Batch<'_> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Memory(_, calls) => calls.len(),
            Self::Remote(_, calls, _) => calls.len(),
        }
    }

    /// Add a bound call.
    pub(crate) fn add<'py>(
        &mut self,
        task: &Bound<'py, TaskCore>,
        plan: &Arc<Plan>,
        values: Bound<'py, PyTuple>,
        parent: Option<Caller>,
        common: &InCommon,
    ) -> PyResult<()> {
        match self {
            Self::Memory(_, calls) => calls.push(submission::live(task, plan, values, parent, common)?),
            Self::Remote(remote, calls, row) => {
                let id = remote.remote.next_id(row);
                calls.push(submission::sent(remote, id, plan, &values, parent, common)?);
            }
        }
        Ok(())
    }

    /// Have them taken, under each one's own rules. With `notify`, tokens from that number on arrive there as
    /// the invocations end. While a server is full, `room` says how to wait, if there is one.
    pub(crate) fn submit(
        self,
        py: Python<'_>,
        notify: Option<(&Arc<Subscription>, u32)>,
        room: Option<&(dyn Fn() -> bool + Sync)>,
    ) -> Result<Vec<Receipt>, Refusal> {
        match self {
            Self::Memory(memory, calls) => Ok(memory.submit_many(calls, notify)),
            Self::Remote(remote, calls, _) => gil::ask(py, || match room {
                Some(room) => remote.remote.submit_patiently(calls, notify, room),
                None => remote.remote.submit_many(calls, notify),
            }),
        }
    }
}

impl Engine {
    /// Take one call. The caller becomes interested in the invocation of the receipt, unless it was refused.
    #[inline]
    pub(crate) fn submit_one<'py>(
        &self,
        task: &Bound<'py, TaskCore>,
        plan: &Arc<Plan>,
        values: Bound<'py, PyTuple>,
        parent: Option<Caller>,
    ) -> PyResult<Receipt> {
        let alone = InCommon::default();
        match self {
            Self::Memory(memory) => Ok(memory.submit_one(submission::live(task, plan, values, parent, &alone)?)),
            Self::Remote(remote) => {
                let pipeline = remote.current_pipeline(task.py())?;
                let id =
                    pipeline.as_ref().map_or_else(|| remote.remote.fresh_id(), |pipeline| pipeline.get().next_id());
                let submission = submission::sent(remote, id, plan, &values, parent, &alone)?;
                remote.submit_one(task.py(), pipeline.as_ref(), submission)
            }
        }
    }

    /// How long whoever can wait waits for room in a full engine.
    pub(crate) fn patience_for_room(&self) -> Duration {
        match self {
            Self::Memory(_) => Duration::ZERO,
            Self::Remote(remote) => remote.remote.patience_for_room(),
        }
    }

    /// Room for calls that are to be taken together.
    pub(crate) fn batch(&self, size: usize) -> Batch<'_> {
        match self {
            Self::Memory(memory) => Batch::Memory(memory, Vec::with_capacity(size)),
            Self::Remote(remote) => Batch::Remote(remote, Vec::with_capacity(size), IdRow::default()),
        }
    }

    /// Claim one invocation and start it; `None` when nothing is there, and then `idle` is woken when there is.
    /// `wants` says how many could be begun at once.
    #[inline]
    pub(crate) fn claim_started(
        &self,
        py: Python<'_>,
        worker: u32,
        lane: Lane,
        idle: Option<&Arc<Parker>>,
        wants: usize,
    ) -> Result<Option<Claimed>, Refusal> {
        match self {
            Self::Memory(memory) => {
                let read = |at, fence, call: &Call| Claimed::read(py, Caller { at, id: memory.id(at) }, fence, call);
                memory.claim_started(worker, lane, idle, read).map_err(Refusal::from)
            }
            Self::Remote(remote) => {
                let idle = idle.map(|parker| remote::Idle { parker, wants });
                while let Some(work) = remote.remote.claim_started(worker, lane, idle)? {
                    if !work.came_back() || gil::ask(py, || Ok(remote.remote.tell_started(&work)))? {
                        return Ok(Some(remote.claimed(py, work)));
                    }
                }
                Ok(None)
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
                let claimed = Caller { at: target, id: memory.id(target) };
                let read = |fence, call: &Call| Claimed::read(py, claimed, fence, call);
                memory.claim_awaited(waiter, fence, target, read).map_err(Refusal::from)
            }
            Self::Remote(remote) => {
                let work = gil::ask(py, || remote.remote.claim_awaited(waiter, fence, target))?;
                Ok(work.map(|work| remote.claimed(py, work)))
            }
        }
    }

    /// Before a thread sleeps: tell the store what there is to be told.
    pub(crate) fn carry_before_sleep(&self, worker: u32, parker: &Parker, is_over: impl FnMut() -> bool + 'static) {
        match self {
            Self::Memory(_) => {}
            Self::Remote(remote) => remote.remote.carry_before_sleep(worker, parker, is_over),
        }
    }

    /// Stop waiting for work; a wake-up that was spent on this parker goes to another.
    pub(crate) fn leave_idle(&self, lane: Lane, parker: &Arc<Parker>) {
        match self {
            Self::Memory(memory) => memory.leave_idle(lane, parker),
            Self::Remote(remote) => remote.remote.leave_idle(lane, parker),
        }
    }

    /// Whether something that a paused body waits for may be queued.
    pub(crate) fn has_awaited(&self, lane: Lane) -> bool {
        match self {
            Self::Memory(memory) => memory.has_awaited(lane),
            Self::Remote(remote) => remote.remote.has_awaited(lane),
        }
    }
}
