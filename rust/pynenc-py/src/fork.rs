//! A forked child inherits the memory of the engine but none of its threads: refuse to go on.

use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::prelude::*;

use crate::error;

static FORKED: AtomicBool = AtomicBool::new(false);
static ENGINE_MADE: AtomicBool = AtomicBool::new(false);

/// From now on there are locks and threads that a child could not use.
pub(crate) fn engine_made() {
    ENGINE_MADE.store(true, Ordering::Relaxed);
}

/// Called in the child, by `os.register_at_fork`. A parent that has only loaded the application, as a web server does
/// before it forks its workers, leaves nothing behind: each child makes an engine of its own.
#[pyfunction]
pub(crate) fn _mark_forked() {
    FORKED.fetch_or(ENGINE_MADE.load(Ordering::Relaxed), Ordering::Relaxed);
}

/// Whether this is a child: its locks may be held by threads that it does not have.
pub(crate) fn happened() -> bool {
    FORKED.load(Ordering::Relaxed)
}

/// Refuse to use what was built before the fork.
#[inline]
pub(crate) fn check(py: Python<'_>) -> PyResult<()> {
    if happened() { Err(error::make(py, "ForkedProcessError", ())) } else { Ok(()) }
}

/// Have the mark set in every child.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let mark = module.getattr("_mark_forked")?;
    let os = module.py().import("os")?;
    if let Ok(register) = os.getattr("register_at_fork") {
        let kwargs = pyo3::types::PyDict::new(module.py());
        kwargs.set_item("after_in_child", mark)?;
        register.call((), Some(&kwargs))?;
    }
    Ok(())
}
