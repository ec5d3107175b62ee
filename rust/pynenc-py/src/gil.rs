//! The one place where the interpreter is let go of, and where long waits look for signals.

use std::time::{Duration, Instant};

use pyo3::intern;
use pyo3::prelude::*;

/// How long a signal may wait on the main thread while it sleeps in here.
const SIGNAL_SLICE: Duration = Duration::from_millis(50);

/// Run `work` while other threads may run Python.
pub(crate) fn release<T: Send>(py: Python<'_>, work: impl FnOnce() -> T + Send) -> T {
    py.detach(work)
}

/// Sleep until `sleep` says that it is done, or the time is over; whether it is done.
///
/// `sleep` is given the time to sleep until, and may be called again. On the main thread Python
/// runs signal handlers only when asked to, so the sleep is cut into slices there.
pub(crate) fn wait(
    py: Python<'_>,
    until: Option<Instant>,
    sleep: impl Fn(Option<Instant>) -> bool + Send + Sync,
) -> PyResult<bool> {
    if !on_main_thread(py)? {
        return Ok(release(py, || sleep(until)));
    }
    loop {
        let slice = Instant::now() + SIGNAL_SLICE;
        let next = until.map_or(slice, |until| until.min(slice));
        if release(py, || sleep(Some(next))) {
            return Ok(true);
        }
        py.check_signals()?;
        if until.is_some_and(|until| Instant::now() >= until) {
            return Ok(false);
        }
    }
}

fn on_main_thread(py: Python<'_>) -> PyResult<bool> {
    let threading = py.import(intern!(py, "threading"))?;
    let main = threading.call_method0(intern!(py, "main_thread"))?.getattr(intern!(py, "ident"))?;
    main.eq(thread_id(py)?)
}

/// Python's number for this thread.
pub(crate) fn thread_id(py: Python<'_>) -> PyResult<u64> {
    py.import(intern!(py, "_thread"))?.call_method0(intern!(py, "get_ident"))?.extract()
}
