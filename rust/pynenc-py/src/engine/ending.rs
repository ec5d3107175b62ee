//! How runs end that no body ends, and how invocations are called off.

use pynenc_core::engine::{Cancelling, Ending, Fence, Outcome};
use pynenc_core::id::Ref;
use pyo3::prelude::*;

use super::Engine;
use crate::error::Refusal;
use crate::gil;

impl Engine {
    /// End an invocation whose body never began, by what kept it from that.
    pub(crate) fn fail(&self, py: Python<'_>, held: (Ref, Fence), why: PyErr, resume: Option<(Ref, Fence)>) {
        match self {
            Self::Memory(memory) => {
                let outcome = Outcome::Failed(why.into_value(py).into_any());
                let _ = memory.finish(held.0, held.1, Ending { outcome, bytes: 0, keep_call: true }, resume);
            }
            Self::Remote(remote) => remote.fail(py, held, why, resume),
        }
    }

    /// Hand a run back as if it had never been claimed.
    pub(crate) fn release(&self, (at, fence): (Ref, Fence)) -> Result<(), Refusal> {
        match self {
            Self::Memory(memory) => Ok(memory.release(at, fence)?),
            Self::Remote(remote) => Ok(remote.remote.release(at, fence)?),
        }
    }

    /// Call an invocation off: at once unless its body runs, and then its holder is to be asked.
    pub(crate) fn cancel(&self, py: Python<'_>, at: Ref) -> Result<Cancelling, Refusal> {
        match self {
            Self::Memory(memory) => Ok(memory.cancel(at)?),
            Self::Remote(remote) => gil::ask(py, || remote.remote.cancel(at)),
        }
    }
}
