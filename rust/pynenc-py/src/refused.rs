//! What becomes of the children of a wait that was refused.

use pynenc_core::error::CoreError;
use pynenc_core::id::Ref;
use pynenc_core::status::Status;
use pyo3::prelude::*;

use crate::body::RunContext;
use crate::error::Refusal;

/// Whether the wait would never have ended, or nobody can tell whether it would.
pub(crate) const fn is_endless(refused: &CoreError) -> bool {
    matches!(refused, CoreError::Cycle(_) | CoreError::WaitLimit(_))
}

/// The body may not wait for these. Those that it submitted itself, and that have not started, are called off: nobody
/// waits for them, and each would submit the next and be refused in its turn, without end.
pub(crate) fn call_off(py: Python<'_>, context: &RunContext, awaited: &[Ref]) {
    for &at in awaited.iter().rev() {
        if matches!(call_off_one(py, context, at), Err(Refusal::Server(_) | Refusal::Raised(_))) {
            return; // the refusal is to be told, not what came of this
        }
    }
}

fn call_off_one(py: Python<'_>, context: &RunContext, at: Ref) -> Result<(), Refusal> {
    let engine = &context.runtime.engine;
    let is_own = engine.parent(py, at)? == Some(engine.id(context.at));
    if is_own && !matches!(engine.status(py, at)?, Status::Running | Status::Paused) {
        engine.cancel(py, at)?;
    }
    Ok(())
}
