//! Who waits for whom, and who keeps an interest in what.

use std::sync::Arc;

use pynenc_core::engine::Fence;
use pynenc_core::id::Ref;
use pynenc_core::park::Subscription;
use pyo3::prelude::*;

use super::Engine;
use crate::error::Refusal;

impl Engine {
    /// Have `first`, `first + 1`, … delivered as the invocations end; at once for the ended.
    #[inline]
    pub(crate) fn watch(&self, _py: Python<'_>, all: &[Ref], by: &Arc<Subscription>, first: u32) {
        match self {
            Self::Memory(memory) => memory.watch(all, by, first),
        }
    }

    /// Take a subscription back from the invocations that have not ended.
    pub(crate) fn unwatch(&self, all: &[Ref], by: &Arc<Subscription>) {
        match self {
            Self::Memory(memory) => memory.unwatch(all, by),
        }
    }

    /// The body that holds `waiter` waits for all of `awaited` from now on, and they run first; `false`, and
    /// nothing changed, when one of them has ended already.
    #[inline]
    pub(crate) fn pause(
        &self,
        _py: Python<'_>,
        (waiter, fence): (Ref, Fence),
        awaited: &[Ref],
    ) -> Result<bool, Refusal> {
        match self {
            Self::Memory(memory) => memory.pause(waiter, fence, awaited).map_err(Refusal::from),
        }
    }

    /// The wait is over.
    #[inline]
    pub(crate) fn resume(&self, (waiter, fence): (Ref, Fence)) -> Result<(), Refusal> {
        match self {
            Self::Memory(memory) => memory.resume(waiter, fence).map_err(Refusal::from),
        }
    }

    /// One more reader for an invocation.
    pub(crate) fn remember(&self, at: Ref) {
        match self {
            Self::Memory(memory) => _ = memory.remember(at),
        }
    }

    /// One reader less.
    #[inline]
    pub(crate) fn forget(&self, at: Ref) {
        match self {
            Self::Memory(memory) => memory.forget(at),
        }
    }

    /// One reader less for each, in one step.
    pub(crate) fn forget_all(&self, all: &[Ref]) {
        match self {
            Self::Memory(memory) => memory.forget_all(all),
        }
    }
}
