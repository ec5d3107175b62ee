//! Bodies on an event loop, and waits that do not block one.

pub(crate) mod loop_wait;

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use pynenc_core::park::Subscription;
use pyo3::prelude::*;

use crate::body::RunContext;
use crate::error::Refusal;
use crate::live::Ready;
use crate::pool::{Count, Listed, Pool};
use loop_wait::LoopWait;

/// A claimed invocation of an `async def` task, to be run on the loop.
#[pyclass(name = "AsyncRun", module = "pynenc._core", frozen)]
pub(crate) struct AsyncRun {
    context: Py<RunContext>,
    ended: Mutex<bool>,
}

impl AsyncRun {
    pub(crate) fn new(py: Python<'_>, pool: &Arc<Pool>, (ready, listed): (Ready, Listed)) -> PyResult<Self> {
        let context = Py::new(py, RunContext::new(py, pool, ready, listed, 0))?;
        pool.on_loop.lock().push(context.clone_ref(py));
        Ok(Self { context, ended: Mutex::new(false) })
    }

    fn end(&self) -> bool {
        let first = !std::mem::replace(&mut *self.ended.lock(), true);
        if first {
            let context = self.context.get();
            context.pool.leave_loop(context.at);
        }
        first
    }
}

#[pymethods]
impl AsyncRun {
    #[getter]
    fn context(&self, py: Python<'_>) -> Py<RunContext> {
        self.context.clone_ref(py)
    }

    #[getter]
    fn invocation_id(&self) -> String {
        self.context.get().id.to_string()
    }

    /// Make the coroutine; called inside the `contextvars.Context` that its task will run in.
    fn coroutine<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        RunContext::__call__(self.context.bind(py))
    }

    /// Call `callback` once, from any thread, when the body is to be stopped; `False`: it is
    /// already.
    #[pyo3(signature = (callback, /))]
    fn on_cancel(&self, callback: Py<PyAny>) -> bool {
        let mut control = self.context.get().control.lock();
        if control.interrupt.is_some() {
            return false;
        }
        control.on_interrupt = Some(callback);
        true
    }

    #[pyo3(signature = (value, /))]
    fn succeed<'py>(&self, py: Python<'py>, value: Bound<'py, PyAny>) {
        if self.end() {
            self.context.get().settle(py, Ok(value), None);
            self.context.get().take_off();
        }
    }

    #[pyo3(signature = (error, /))]
    fn fail<'py>(&self, py: Python<'py>, error: Bound<'py, PyAny>) {
        if self.end() {
            self.context.get().settle(py, Err(PyErr::from_value(error)), None);
            self.context.get().take_off();
        }
    }

    /// Give it back as if it had never been claimed.
    fn hand_back(&self) {
        if self.end() {
            let context = self.context.get();
            let _ = context.runtime.engine.release((context.at, context.fence));
            context.count(Count::HandedBack);
            context.take_off();
        }
    }
}

/// What a callback is known by.
pub(crate) fn key(callback: &Bound<'_, PyAny>) -> usize {
    callback.as_ptr() as usize
}

struct Pending {
    callback: Py<PyAny>,
    paused: Option<LoopWait>,
}

/// Callbacks of event loops that wait, by the callback's identity.
#[derive(Clone, Default)]
pub(crate) struct Callbacks(Arc<Mutex<HashMap<usize, Pending>>>);

impl Callbacks {
    /// Call `callback` once, from any thread, when `inbox` has a token; `false` when it has one.
    pub(crate) fn on_ready(
        &self,
        py: Python<'_>,
        inbox: &Subscription,
        callback: Py<PyAny>,
        paused: Option<LoopWait>,
    ) -> bool {
        let key = key(callback.bind(py));
        self.0.lock().insert(key, Pending { callback, paused });
        let all = self.clone();
        let waits = inbox.on_ready(move || {
            if let Some(pending) = all.take(key) {
                pending.call(None);
            }
        });
        if !waits && let Some(pending) = self.take(key) {
            pending.resume();
        }
        waits
    }

    /// The wait cannot be: whoever waits is told why.
    pub(crate) fn refuse(&self, key: usize, why: Refusal) {
        if let Some(pending) = self.take(key) {
            pending.call(Some(why));
        }
    }

    /// The wait was given up.
    pub(crate) fn forget(&self, callback: &Bound<'_, PyAny>) {
        if let Some(pending) = self.take(key(callback)) {
            pending.resume();
        }
    }

    fn take(&self, key: usize) -> Option<Pending> {
        self.0.lock().remove(&key)
    }
}

impl Pending {
    fn resume(&self) {
        if let Some(paused) = &self.paused {
            paused.end();
        }
    }

    fn call(self, refused: Option<Refusal>) {
        self.resume();
        Python::attach(|py| {
            let called = match refused {
                None => self.callback.call0(py),
                Some(why) => self.callback.call1(py, (PyErr::from(why).into_value(py),)),
            };
            if let Err(failed) = called {
                failed.write_unraisable(py, Some(self.callback.bind(py)));
            }
        });
    }
}
