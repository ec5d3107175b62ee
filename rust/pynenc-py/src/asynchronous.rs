//! Bodies on an event loop, and waits that do not block one.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use pynenc_core::error::CoreError;
use pynenc_core::id::Ref;
use pynenc_core::park::Subscription;
use pyo3::prelude::*;

use crate::body::RunContext;
use crate::error::Refusal;
use crate::live::Claimed;
use crate::pool::{Count, Pool};

/// A claimed invocation of an `async def` task, to be run on the loop.
#[pyclass(name = "AsyncRun", module = "pynenc._core", frozen)]
pub(crate) struct AsyncRun {
    context: Py<RunContext>,
    ended: Mutex<bool>,
}

impl AsyncRun {
    pub(crate) fn start(py: Python<'_>, pool: &Arc<Pool>, claimed: Claimed) -> PyResult<Option<Self>> {
        let (Some(plan), Some(values)) = (claimed.plan.clone(), claimed.values.as_ref().map(|v| v.clone_ref(py)))
        else {
            let _ = pool.runtime.engine.release(py, (claimed.at, claimed.fence));
            return Ok(None);
        };
        let context = Py::new(py, RunContext::new(pool, plan, claimed, values, 0))?;
        pool.on_loop.lock().push(context.clone_ref(py));
        Ok(Some(Self { context, ended: Mutex::new(false) }))
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
        self.context.get().id()
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
        }
    }

    #[pyo3(signature = (error, /))]
    fn fail<'py>(&self, py: Python<'py>, error: Bound<'py, PyAny>) {
        if self.end() {
            self.context.get().settle(py, Err(PyErr::from_value(error)), None);
        }
    }

    /// Give it back as if it had never been claimed.
    fn hand_back(&self, py: Python<'_>) {
        if self.end() {
            let context = self.context.get();
            let _ = context.runtime.engine.release(py, (context.at, context.fence));
            context.count(Count::HandedBack);
        }
    }
}

/// What a body on a loop awaits at the moment.
#[derive(Default)]
pub(crate) struct LoopWaits(Vec<Ref>);

impl LoopWaits {
    pub(crate) fn any(&self) -> bool {
        !self.0.is_empty()
    }
}

/// One wait of a body on a loop: it counts as paused while it has any.
pub(crate) struct LoopWait {
    waiter: Py<RunContext>,
    at: Ref,
}

impl LoopWait {
    /// The body begins to await `at`; `None` when it has nothing to wait for, or is no longer its
    /// holder's.
    pub(crate) fn begin(waiter: Bound<'_, RunContext>, at: Ref) -> PyResult<Option<Self>> {
        let context = waiter.get();
        if !context.control.lock().loop_waits.any() {
            context.pool.duty.may_wait(waiter.py())?;
        }
        let mut control = context.control.lock();
        control.loop_waits.0.push(at);
        let paused = context.runtime.engine.pause(waiter.py(), (context.at, context.fence), &control.loop_waits.0);
        match paused {
            Ok(_) => {
                drop(control);
                context.pool.lend_loop_place();
                Ok(Some(Self { waiter: waiter.unbind(), at }))
            }
            Err(refused) => {
                control.loop_waits.0.pop();
                drop(control);
                match refused {
                    Refusal::Core(CoreError::Fenced { .. }) => Ok(None),
                    other => Err(other.into()),
                }
            }
        }
    }

    fn end(&self) {
        let context = self.waiter.get();
        let mut control = context.control.lock();
        let waits = &mut control.loop_waits.0;
        if let Some(place) = waits.iter().position(|other| *other == self.at) {
            waits.swap_remove(place);
        }
        if waits.is_empty() {
            // A refusal says that it is not paused, or no longer its holder's: nothing to resume.
            let _ = context.runtime.engine.resume((context.at, context.fence));
            drop(control);
            context.pool.duty.goes_on_elsewhere();
        }
    }
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
        _py: Python<'_>,
        inbox: &Subscription,
        callback: Py<PyAny>,
        paused: Option<LoopWait>,
    ) -> bool {
        let key = callback.as_ptr() as usize;
        self.0.lock().insert(key, Pending { callback, paused });
        let all = self.clone();
        let waits = inbox.on_ready(move || {
            if let Some(pending) = all.take(key) {
                pending.call();
            }
        });
        if !waits && let Some(pending) = self.take(key) {
            pending.resume();
        }
        waits
    }

    /// The wait was given up.
    pub(crate) fn forget(&self, callback: &Bound<'_, PyAny>) {
        if let Some(pending) = self.take(callback.as_ptr() as usize) {
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

    fn call(self) {
        self.resume();
        Python::attach(|py| {
            if let Err(failed) = self.callback.call0(py) {
                failed.write_unraisable(py, Some(self.callback.bind(py)));
            }
        });
    }
}
