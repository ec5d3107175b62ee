//! The one place where the interpreter is let go of, and where long waits look for signals.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use pynenc_redis::patience;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;

use crate::error::Refusal;

/// How long a signal may wait on the main thread while it sleeps in here: at first, and when it has slept for a while.
const FIRST_SLICE: Duration = Duration::from_millis(50);
const LAST_SLICE: Duration = Duration::from_millis(500);
/// A slice is this part of what the sleep has taken so far. To wake up costs a process that is idle more than
/// all else that it does.
const PART: u32 = 8;

/// Run `work` while other threads may run Python.
pub(crate) fn release<T: Send>(py: Python<'_>, work: impl FnOnce() -> T + Send) -> T {
    py.detach(work)
}

/// Sleep until `sleep` has an answer, or the time is over; `None` then.
///
/// `sleep` is given the time to sleep until, and is called again when it had no answer. On the main thread Python
/// runs signal handlers only when asked to, so the sleep is cut into slices there.
pub(crate) fn wait<T: Send>(
    py: Python<'_>,
    until: Option<Instant>,
    sleep: impl Fn(Option<Instant>) -> Option<T> + Send + Sync,
) -> PyResult<Option<T>> {
    if !on_main_thread(py)? {
        return Ok(release(py, || sleep(until)));
    }
    let began = Instant::now();
    loop {
        let slice = Instant::now() + (began.elapsed() / PART).clamp(FIRST_SLICE, LAST_SLICE);
        let next = until.map_or(slice, |until| until.min(slice));
        let answer = release(py, || sleep(Some(next)));
        // Signals first: an answer each time must not keep Ctrl-C from being seen.
        py.check_signals()?;
        if answer.is_some() || until.is_some_and(|until| Instant::now() >= until) {
            return Ok(answer);
        }
    }
}

/// Do what may have to wait for a server, while other threads may run Python. On the main thread a signal handler
/// that raises ends the wait.
pub(crate) fn ask<T: Send>(
    py: Python<'_>,
    work: impl FnOnce() -> pynenc_redis::error::Result<T> + Send,
) -> Result<T, Refusal> {
    if !on_main_thread(py)? {
        return Ok(release(py, work)?);
    }
    let (answer, raised) = release(py, || {
        let raised = Rc::new(RefCell::new(None));
        let seen = Rc::clone(&raised);
        let is_over = move || {
            let signal = Python::attach(|py| py.check_signals());
            signal.map_err(|error| *seen.borrow_mut() = Some(error)).is_err()
        };
        let answer = patience::with(is_over, work);
        (answer, raised.take())
    });
    match (answer, raised) {
        (_, Some(raised)) => Err(Refusal::Raised(raised)),
        (answer, None) => Ok(answer?),
    }
}

fn on_main_thread(py: Python<'_>) -> PyResult<bool> {
    let threading = py.import(intern!(py, "threading"))?;
    let main = threading.call_method0(intern!(py, "main_thread"))?.getattr(intern!(py, "ident"))?;
    main.eq(thread_id(py)?)
}

/// Take an object out of the cycle collector's sight: it is part of no cycle that the collector
/// could break, and there may be a million of its kind to look through.
pub(crate) fn untrack(object: &Bound<'_, PyAny>) {
    // SAFETY: the interpreter is held; an object of a type without collection, or one that is not
    // tracked, is left as it is, and deallocation untracks again, which is allowed.
    unsafe {
        if ffi::PyType_HasFeature(ffi::Py_TYPE(object.as_ptr()), ffi::Py_TPFLAGS_HAVE_GC) != 0 {
            ffi::PyObject_GC_UnTrack(object.as_ptr().cast());
        }
    }
}

/// Python's number for this thread.
pub(crate) fn thread_id(py: Python<'_>) -> PyResult<u64> {
    py.import(intern!(py, "_thread"))?.call_method0(intern!(py, "get_ident"))?.extract()
}
