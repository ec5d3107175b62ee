//! The handle of an invocation, as its caller holds it.

use std::sync::Arc;

use pynenc_core::engine::Cancelling;
use pynenc_core::id::Ref;
use pynenc_core::park::Subscription;
use pyo3::exceptions::PyTimeoutError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::asynchronous;
use crate::engine::{history, moment};
use crate::error::{self, Refusal};
use crate::fork;
use crate::interrupt::Interrupt;
use crate::live::answer;
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
    match runtime.engine.cancel(at).map_err(Refusal::from)? {
        Cancelling::Final => Ok(false),
        Cancelling::Cancelled => Ok(true),
        Cancelling::Requested => {
            for pool in runtime.pools() {
                if pool.interrupt(py, at, Interrupt::Cancelled)? {
                    break;
                }
            }
            Ok(true)
        }
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
    fn status_name(&self) -> PyResult<&'static str> {
        Ok(self.runtime.engine.read(self.at, |view| view.status.name()).map_err(Refusal::from)?)
    }

    /// One value a parameter, in signature order.
    #[getter]
    fn values(&self, py: Python<'_>) -> PyResult<Py<PyTuple>> {
        let read = self
            .runtime
            .engine
            .read(self.at, |view| view.call.and_then(|call| call.values.as_ref().map(|values| values.clone_ref(py))));
        read.map_err(Refusal::from)?.ok_or_else(|| {
            let text = "its arguments were dropped when it ended: they are larger than what is kept";
            error::make(py, "ResultExpired", (self.invocation_id(), text))
        })
    }

    #[getter]
    fn parent_id(&self) -> PyResult<Option<String>> {
        let parent = self.runtime.engine.read(self.at, |view| view.parent).map_err(Refusal::from)?;
        Ok(parent.map(|at| self.runtime.engine.id(at).to_string()))
    }

    #[getter]
    fn num_retries(&self) -> PyResult<u32> {
        Ok(self.runtime.engine.read(self.at, |view| view.retries).map_err(Refusal::from)?)
    }

    /// Block until it has ended, then return its result or raise its error.
    #[getter]
    fn result(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.get(py, None)
    }

    #[pyo3(signature = (timeout = None))]
    fn get(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<Py<PyAny>> {
        fork::check(py)?;
        let engine = &self.runtime.engine;
        if let Some(value) = answer(py, engine, self.at)?.resolve(py, engine, self.at)? {
            return Ok(value);
        }
        if !until_final(py, &self.runtime, self.at, moment(timeout)?)? {
            let text = format!("invocation {} has not ended after {} s", self.invocation_id(), timeout.unwrap_or(0.0));
            return Err(PyTimeoutError::new_err(text));
        }
        self._take(py)
    }

    /// Whether it has ended.
    fn done(&self) -> PyResult<bool> {
        Ok(self.runtime.engine.read(self.at, |view| view.status.is_final()).map_err(Refusal::from)?)
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

    fn _history(&self) -> PyResult<Vec<(&'static str, f64, String)>> {
        history(&self.runtime.engine, self.at)
    }

    /// The result of an ended invocation, or its error raised.
    fn _take(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let engine = &self.runtime.engine;
        let value = answer(py, engine, self.at)?.resolve(py, engine, self.at)?;
        value.ok_or_else(|| error::make(py, "InvocationError", (self.invocation_id(), "it has not ended yet")))
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
        let paused = match waiter.filter(|waiter| waiter.get().is_async()) {
            Some(waiter) => asynchronous::LoopWait::begin(waiter, self.at)?,
            None => None,
        };
        Ok(self.runtime.callbacks.on_ready(py, &inbox, callback, paused))
    }

    /// The wait was given up: forget the callback, and the pause that it stood for.
    #[pyo3(signature = (callback, /))]
    fn _off_final(&self, callback: &Bound<'_, PyAny>) {
        self.runtime.callbacks.forget(callback);
    }
}
