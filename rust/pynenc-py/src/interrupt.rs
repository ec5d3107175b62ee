//! Stopping a body from outside: called off, or past its time.

use pyo3::create_exception;
use pyo3::exceptions::PyBaseException;
use pyo3::ffi;
use pyo3::prelude::*;

use crate::error;

create_exception!(
    pynenc._core,
    BodyInterrupt,
    PyBaseException,
    "Raised into a body that was called off or ran past `max_run_seconds`; not an `Exception`, so \
     that `except Exception` lets it through and `finally` runs."
);

/// Why a body is interrupted.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Interrupt {
    Cancelled,
    /// Another worker has it now, or will have.
    Lost,
    /// Past this many seconds.
    TimeOver(f64),
}

impl Interrupt {
    /// The error that the invocation ends with.
    pub(crate) fn error(self, py: Python<'_>, id: &str) -> PyErr {
        match self {
            Self::Cancelled => error::make(py, "InvocationCancelledError", (id,)),
            Self::Lost => {
                error::make(py, "FencedError", (id, "its worker lost the lease: another one has it, or will"))
            }
            Self::TimeOver(seconds) => error::make(py, "MaxRunTimeError", (id, seconds)),
        }
    }
}

/// Have [`BodyInterrupt`] raised in a thread at its next bytecode.
pub(crate) fn raise_in(py: Python<'_>, thread: u64) {
    set(thread, py.get_type::<BodyInterrupt>().as_ptr());
}

/// Take back an interrupt that its thread has not seen yet.
pub(crate) fn take_back(_py: Python<'_>, thread: u64) {
    set(thread, std::ptr::null_mut());
}

fn set(thread: u64, exception: *mut ffi::PyObject) {
    // SAFETY: the callers hold the interpreter (both take a `Python` token); the exception is a
    // class, or null to clear; an unknown thread id changes nothing.
    unsafe {
        ffi::PyThreadState_SetAsyncExc(thread as std::ffi::c_long as _, exception);
    }
}
