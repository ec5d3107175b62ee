//! How runs end, and how invocations are called off.

use pynenc_core::engine::{Cancelling, Ending, Fence};
use pynenc_core::id::Ref;
use pyo3::prelude::*;

use super::Engine;
use crate::error::Refusal;
use crate::live::Value;

impl Engine {
    /// End a run; with `resume`, the paused waiter that ran it inline goes on in the same step.
    #[inline]
    pub(crate) fn finish(
        &self,
        _py: Python<'_>,
        (at, fence): (Ref, Fence),
        ending: Ending<Value>,
        resume: Option<(Ref, Fence)>,
    ) -> Result<(), Refusal> {
        match self {
            Self::Memory(memory) => memory.finish(at, fence, ending, resume).map_err(Refusal::from),
        }
    }

    /// End a run by an error that is to be tried again at once.
    pub(crate) fn retry(&self, _py: Python<'_>, (at, fence): (Ref, Fence)) -> Result<(), Refusal> {
        match self {
            Self::Memory(memory) => memory.retry(at, fence, 0).map_err(Refusal::from),
        }
    }

    /// Hand a run back as if it had never been claimed.
    pub(crate) fn release(&self, _py: Python<'_>, (at, fence): (Ref, Fence)) -> Result<(), Refusal> {
        match self {
            Self::Memory(memory) => memory.release(at, fence).map_err(Refusal::from),
        }
    }

    /// Call an invocation off: at once unless its body runs, and then its holder is to be asked.
    pub(crate) fn cancel(&self, _py: Python<'_>, at: Ref) -> Result<Cancelling, Refusal> {
        match self {
            Self::Memory(memory) => memory.cancel(at).map_err(Refusal::from),
        }
    }
}
