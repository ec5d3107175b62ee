//! Waits that are refused because they would never end, and what becomes of the children that they were for.

use std::sync::atomic::Ordering;

use pynenc_core::error::CoreError;
use pynenc_core::id::{InvocationId, Ref};
use pynenc_core::status::Status;
use pyo3::prelude::*;

use crate::body::RunContext;
use crate::error::{self, Refusal};
use crate::runtime::RuntimeState;

/// Whether the wait would never have ended, or nobody can tell whether it would.
pub(crate) const fn is_endless(refused: &CoreError) -> bool {
    matches!(refused, CoreError::Cycle(_) | CoreError::WaitLimit(_))
}

/// Refuse a wait for a call that equals one that waits for this body, unless that is allowed.
pub(crate) fn refuse_equal_call(py: Python<'_>, context: &RunContext, awaited: &[Ref]) -> PyResult<()> {
    let Some(endless) = equal_call(py, context, awaited)? else { return Ok(()) };
    call_off(py, context, awaited);
    Err(endless)
}

/// The error of a wait for a call that equals one that waits for this body, or whose line is too long to tell.
pub(crate) fn equal_call(py: Python<'_>, context: &RunContext, awaited: &[Ref]) -> Result<Option<PyErr>, Refusal> {
    let (runtime, waiter) = (&context.runtime, context.at);
    if !runtime.cycle_control.load(Ordering::Relaxed) {
        return Ok(None);
    }
    let engine = &runtime.engine;
    match engine.equal_call(py, waiter, awaited) {
        Ok(None) => Ok(None),
        Ok(Some((equal, target))) => Ok(Some(cycle(runtime, py, &[equal, context.id, engine.id(target)]))),
        Err(Refusal::Core(endless)) if is_endless(&endless) => Ok(Some(Refusal::from(endless).into())),
        Err(failed) => Err(failed),
    }
}

/// The error that names those who wait for each other.
pub(crate) fn cycle(runtime: &RuntimeState, py: Python<'_>, path: &[InvocationId]) -> PyErr {
    let engine = &runtime.engine;
    let mut ids: Vec<String> = Vec::new();
    let mut lines = String::from("these invocations wait for each other:");
    for id in path {
        let name = engine.task_named(py, *id);
        let id = id.to_string();
        if ids.last() != Some(&id) {
            lines.push_str(&format!("\n- {name} ({id})"));
            ids.push(id);
        }
    }
    if let Some(first) = ids.first() {
        lines.push_str(&format!("\n- back to {first}"));
    }
    error::make(py, "CycleDetectedError", (ids, lines))
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
    let is_own = engine.parent(py, at)? == Some(context.id);
    if is_own && !matches!(engine.status(py, at)?, Status::Running | Status::Paused) {
        engine.cancel(py, at)?;
    }
    Ok(())
}
