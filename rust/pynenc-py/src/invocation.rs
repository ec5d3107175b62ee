//! The handle of an invocation, as its caller holds it.

use std::sync::Arc;

use pynenc_core::engine::Cancelling;
use pynenc_core::id::Ref;
use pynenc_core::park::Subscription;
use pyo3::exceptions::PyTimeoutError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::asynchronous::loop_wait::LoopWait;
use crate::error;
use crate::fork;
use crate::interrupt::Interrupt;
use crate::live::resolve;
use crate::memory_engine::{moment, told};
use crate::runtime::{RuntimeState, Staged};
use crate::wait::until_final;

/// An invocation, seen from the process that made or runs it.
#[pyclass(name = "InvocationHandle", module = "pynenc._core", frozen, subclass, generic)]
pub(crate) struct InvocationHandle {
    runtime: Arc<RuntimeState>,
    at: Ref,
    task: Py<PyAny>,
    other_values: Option<Py<PyTuple>>,
}

impl Drop for InvocationHandle {
    fn drop(&mut self) {
        if !fork::happened() {
            self.runtime.engine.forget(self.at);
        }
    }
}

/// Call an invocation off; whether it was not over yet.
pub(crate) fn cancel(py: Python<'_>, runtime: &RuntimeState, at: Ref) -> PyResult<bool> {
    match runtime.engine.cancel(py, at)? {
        Cancelling::Final => Ok(false),
        Cancelling::Cancelled => Ok(true),
        Cancelling::Requested => {
            for pool in runtime.pools() {
                if pool.interrupt(py, at, None, Interrupt::Cancelled)? {
                    break;
                }
            }
            Ok(true)
        }
    }
}

impl InvocationHandle {
    #[inline]
    fn answer(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let engine = &self.runtime.engine;
        resolve(py, engine.answer(py, self.at)?, || engine.id(self.at))
    }
}

#[pymethods]
impl InvocationHandle {
    #[new]
    fn new() -> PyResult<Self> {
        let Staged { runtime, at, task, other_values } = Staged::take()?;
        Ok(Self { runtime, at, task, other_values })
    }

    #[getter]
    fn task(&self, py: Python<'_>) -> Py<PyAny> {
        self.task.clone_ref(py)
    }

    #[getter]
    fn invocation_id(&self) -> String {
        self.runtime.engine.id(self.at).to_string()
    }

    #[getter]
    fn status_name(&self, py: Python<'_>) -> PyResult<&'static str> {
        Ok(self.runtime.engine.status(py, self.at)?.name())
    }

    /// One value a parameter, in signature order.
    #[getter]
    fn values(&self, py: Python<'_>) -> PyResult<Py<PyTuple>> {
        self.runtime.engine.values(py, self.at)?.ok_or_else(|| {
            let text = "its arguments were dropped when it ended: they are larger than what is kept";
            error::make(py, "ResultExpired", (self.invocation_id(), text))
        })
    }

    #[getter]
    fn parent_id(&self, py: Python<'_>) -> PyResult<Option<String>> {
        Ok(self.runtime.engine.parent(py, self.at)?.map(|id| id.to_string()))
    }

    #[getter]
    fn num_retries(&self, py: Python<'_>) -> PyResult<u32> {
        Ok(self.runtime.engine.retries(py, self.at)?)
    }

    /// Block until it has ended, then return its result or raise its error.
    #[getter]
    fn result(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.get(py, None)
    }

    #[pyo3(signature = (timeout = None))]
    fn get(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<Py<PyAny>> {
        fork::check(py)?;
        if let Some(value) = self.answer(py)? {
            return Ok(value);
        }
        if !until_final(py, &self.runtime, self.at, moment(timeout)?)? {
            let text = format!("invocation {} has not ended after {} s", self.invocation_id(), timeout.unwrap_or(0.0));
            return Err(PyTimeoutError::new_err(text));
        }
        self._take(py)
    }

    /// Whether it has ended.
    fn done(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(self.runtime.engine.status(py, self.at)?.is_final())
    }

    /// Call it off; `False` when it is over already.
    fn cancel(&self, py: Python<'_>) -> PyResult<bool> {
        cancel(py, &self.runtime, self.at)
    }

    /// Of a reused one: the values of the new call, when they differ from `values`.
    #[getter]
    fn _other_values(&self, py: Python<'_>) -> Option<Py<PyTuple>> {
        self.other_values.as_ref().map(|values| values.clone_ref(py))
    }

    fn _history(&self, py: Python<'_>) -> PyResult<Vec<(&'static str, f64, String)>> {
        Ok(told(self.runtime.engine.history(py, self.at)?))
    }

    /// The result of an ended invocation, or its error raised.
    fn _take(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let engine = &self.runtime.engine;
        let value = resolve(py, engine.outcome(py, self.at)?, || engine.id(self.at))?;
        value.ok_or_else(|| error::make(py, "InvocationError", (self.invocation_id(), "it has not ended yet")))
    }

    /// Whether taking the result asks no server.
    fn _is_at_hand(&self, py: Python<'_>) -> PyResult<bool> {
        self.runtime.engine.is_at_hand(py, self.at)
    }

    /// Take the result, or the error, on a thread that fetches; `callback` is called there with both, one of them
    /// `None`. `False`: there is no such thread, and nobody is called.
    #[pyo3(signature = (callback, /))]
    fn _take_aside(slf: &Bound<'_, Self>, callback: Py<PyAny>) -> bool {
        let handle = slf.clone().unbind();
        slf.get().runtime.engine.fetch_aside(move |py| {
            let told = match handle.get()._take(py) {
                Ok(value) => callback.call1(py, (value, py.None())),
                Err(error) => callback.call1(py, (py.None(), error.into_value(py))),
            };
            if let Err(failed) = told {
                failed.write_unraisable(py, Some(callback.bind(py)));
            }
        })
    }

    /// Call `callback` once when it has ended, from any thread; `False`: it has ended already.
    /// The body that awaits it on a loop is paused until then; raises on a cycle.
    #[pyo3(signature = (callback, /))]
    fn _on_final(&self, py: Python<'_>, callback: Py<PyAny>) -> PyResult<bool> {
        let waiter = self.runtime.current(py)?;
        if waiter.is_none() {
            self.runtime.ensure_runner(py)?;
        }
        let inbox = Subscription::new();
        self.runtime.engine.watch(&[self.at], &inbox, 0);
        if inbox.ready() > 0 {
            return Ok(false);
        }
        let callbacks = &self.runtime.callbacks;
        let Some(waiter) = waiter.filter(|waiter| waiter.get().is_async()) else {
            return Ok(callbacks.on_ready(py, &inbox, callback, None));
        };
        let paused = LoopWait::begin(&waiter, self.at)?;
        let called = callback.clone_ref(py);
        let waits = callbacks.on_ready(py, &inbox, callback, paused);
        if waits {
            LoopWait::announce(&waiter, callbacks, called.bind(py));
        }
        Ok(waits)
    }

    /// The wait was given up: forget the callback, and the pause that it stood for.
    #[pyo3(signature = (callback, /))]
    fn _off_final(&self, callback: &Bound<'_, PyAny>) {
        self.runtime.callbacks.forget(callback);
    }
}
