//! Who waits for whom, and who keeps an interest in what.

use std::sync::Arc;

use pynenc_core::engine::Fence;
use pynenc_core::id::Ref;
use pynenc_core::park::Subscription;
use pyo3::prelude::*;

use super::Engine;
use crate::error::Refusal;
use crate::gil;
use crate::live::Caller;
use crate::plan::Plan;

impl Engine {
    /// Have `first`, `first + 1`, … delivered as the invocations end; at once for the ended.
    #[inline]
    pub(crate) fn watch(&self, all: &[Ref], by: &Arc<Subscription>, first: u32) {
        match self {
            Self::Memory(memory) => memory.watch(all, by, first),
            Self::Remote(remote) => remote.remote.watch(all, by, first),
        }
    }

    /// Take a subscription back from the invocations that have not ended.
    pub(crate) fn unwatch(&self, all: &[Ref], by: &Arc<Subscription>) {
        match self {
            Self::Memory(memory) => memory.unwatch(all, by),
            Self::Remote(remote) => remote.remote.unwatch(all, by),
        }
    }

    /// The body that holds `waiter` waits for all of `awaited` from now on, and they run first; `false`, and
    /// nothing changed, when one of them has ended already.
    #[inline]
    pub(crate) fn pause(
        &self,
        py: Python<'_>,
        (waiter, fence): (Ref, Fence),
        awaited: &[Ref],
    ) -> Result<bool, Refusal> {
        match self {
            Self::Memory(memory) => Ok(memory.pause(waiter, fence, awaited)?),
            Self::Remote(remote) => gil::ask(py, || remote.remote.pause(waiter, fence, awaited)),
        }
    }

    /// The wait is over. A server is told before the body says anything else, and refuses that if need be.
    #[inline]
    pub(crate) fn resume(&self, (waiter, fence): (Ref, Fence)) -> Result<(), Refusal> {
        match self {
            Self::Memory(memory) => Ok(memory.resume(waiter, fence)?),
            Self::Remote(remote) => {
                remote.remote.resume_soon(waiter, fence);
                Ok(())
            }
        }
    }

    /// One more reader for an invocation.
    pub(crate) fn remember(&self, at: Ref) {
        match self {
            Self::Memory(memory) => _ = memory.remember(at),
            Self::Remote(remote) => _ = remote.remote.remember(at),
        }
    }

    /// One more reader for an invocation whose body runs here, whether or not its run has been taken from it; its
    /// place from now on.
    pub(crate) fn recall(&self, Caller { at, id }: Caller, plan: &Plan) -> Ref {
        match self {
            Self::Memory(memory) => {
                memory.remember(at);
                at
            }
            Self::Remote(remote) => remote.remote.recall(id, plan.index),
        }
    }

    /// One reader less.
    #[inline]
    pub(crate) fn forget(&self, at: Ref) {
        match self {
            Self::Memory(memory) => memory.forget(at),
            Self::Remote(remote) => remote.remote.forget(at),
        }
    }

    /// One reader less for each, in one step.
    pub(crate) fn forget_all(&self, all: &[Ref]) {
        match self {
            Self::Memory(memory) => memory.forget_all(all),
            Self::Remote(remote) => remote.remote.forget_all(all),
        }
    }
}
