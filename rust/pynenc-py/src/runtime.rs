//! One app's execution state in this process: engine, current context, live pools.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use pynenc_core::id::Ref;
use pynenc_core::status::Status;
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::asynchronous::Callbacks;
use crate::body::RunContext;
use crate::engine::Engine;
use crate::engine::PyPipeline;
use crate::engine::Tasks;
use crate::gil;
use crate::pool::Pool;

pub(crate) struct RuntimeState {
    pub(crate) engine: Engine,
    /// The same, as Python sees it.
    port: Py<PyAny>,
    pub(crate) inline_waits: AtomicBool,
    pub(crate) cycle_control: AtomicBool,
    auto_runner: AtomicBool,
    /// Somebody was told that nobody runs what is waited for.
    advised: AtomicBool,
    version: AtomicU64,
    pools: Mutex<Vec<Weak<Pool>>>,
    invocation_type: Py<PyAny>,
    reused_type: Py<PyAny>,
    /// `current.get`, bound: reads the context variable.
    current_get: Py<PyAny>,
    /// `current.set`, bound.
    pub(crate) current_set: Py<PyAny>,
    /// The application's side: starts a runner, finds tasks, gives advice.
    host: Py<PyAny>,
    pub(crate) tasks: Arc<Tasks>,
    /// Waits of event loops: see [`crate::asynchronous`].
    pub(crate) callbacks: Callbacks,
}

thread_local! {
    /// What the next invocation handle of this thread is made of: see [`RuntimeState::handle`].
    static STAGED: RefCell<Option<Staged>> = const { RefCell::new(None) };
}

/// The parts of a handle.
pub(crate) struct Staged {
    pub(crate) runtime: Arc<RuntimeState>,
    pub(crate) at: Ref,
    pub(crate) task: Py<PyAny>,
    /// Of a reused one: the values of the call that it answers for, when they differ.
    pub(crate) other_values: Option<Py<PyTuple>>,
}

impl Staged {
    /// Take what [`RuntimeState::handle`] left for the constructor that it calls.
    pub(crate) fn take() -> PyResult<Self> {
        STAGED.with_borrow_mut(Option::take).ok_or_else(|| {
            PyTypeError::new_err("an invocation is made by calling its task, or found by Pynenc.get_invocation")
        })
    }
}

impl RuntimeState {
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// What runs on this thread's context now, if it belongs to this runtime.
    pub(crate) fn current<'py>(self: &Arc<Self>, py: Python<'py>) -> PyResult<Option<Bound<'py, RunContext>>> {
        let current = self.current_get.bind(py).call0()?;
        if current.is_none() {
            return Ok(None);
        }
        let context = current.cast_into::<RunContext>()?;
        Ok(Arc::ptr_eq(&context.get().runtime, self).then_some(context))
    }

    /// A Python handle for an invocation in which the caller is interested already: the handle
    /// takes that interest over.
    ///
    /// The class is Python's, its fields are Rust's: they are staged for `__new__`, because an
    /// argument would cost an object a call.
    pub(crate) fn handle(self: &Arc<Self>, py: Python<'_>, at: Ref, task: &Py<PyAny>) -> PyResult<Py<PyAny>> {
        self.made(py, &self.invocation_type, at, task, None)
    }

    /// As [`Self::handle`], for a call that another invocation answers for.
    pub(crate) fn reused_handle(
        self: &Arc<Self>,
        py: Python<'_>,
        at: Ref,
        task: &Py<PyAny>,
        other_values: Option<Py<PyTuple>>,
    ) -> PyResult<Py<PyAny>> {
        self.made(py, &self.reused_type, at, task, other_values)
    }

    fn made(
        self: &Arc<Self>,
        py: Python<'_>,
        class: &Py<PyAny>,
        at: Ref,
        task: &Py<PyAny>,
        other_values: Option<Py<PyTuple>>,
    ) -> PyResult<Py<PyAny>> {
        let staged = Staged { runtime: Arc::clone(self), at, task: task.clone_ref(py), other_values };
        STAGED.with_borrow_mut(|place| *place = Some(staged));
        let made = class.call0(py);
        match &made {
            Ok(handle) => gil::untrack(handle.bind(py)),
            Err(_) if STAGED.with_borrow_mut(Option::take).is_some() => self.engine.forget(at),
            Err(_) => {}
        }
        made
    }

    /// The tasks that this application has by now.
    pub(crate) fn task_ids(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        self.host.bind(py).call_method0(intern!(py, "task_ids"))?.extract()
    }

    pub(crate) fn join(&self, pool: &Arc<Pool>) {
        self.pools.lock().push(Arc::downgrade(pool));
    }

    pub(crate) fn pools(&self) -> Vec<Arc<Pool>> {
        let mut pools = self.pools.lock();
        pools.retain(|pool| pool.strong_count() > 0);
        pools.iter().filter_map(Weak::upgrade).filter(|pool| !pool.is_stopping()).collect()
    }

    /// Whether nobody has looked yet if there is a runner somewhere, and there is none here.
    pub(crate) fn needs_advice(&self) -> bool {
        matches!(self.engine, Engine::Remote(_)) && !self.advised.load(Ordering::Relaxed) && self.pools().is_empty()
    }

    /// `at` has been waited for a while: say so if nobody has begun it.
    pub(crate) fn advise(&self, py: Python<'_>, at: Ref) -> PyResult<()> {
        let status = self.engine.status(py, at)?;
        if status == Status::Registered {
            self.advised.store(true, Ordering::Relaxed);
            let about = (self.engine.id(at).to_string(), status.name());
            self.host.call_method1(py, intern!(py, "advise"), about)?;
        }
        Ok(())
    }

    /// Before a wait outside any body: somebody must run what is waited for.
    pub(crate) fn ensure_runner(&self, py: Python<'_>) -> PyResult<()> {
        if self.auto_runner.load(Ordering::Relaxed) && self.pools().is_empty() {
            self.host.call_method0(py, intern!(py, "start_runner"))?;
        }
        Ok(())
    }
}

/// One app's execution state in this process: engine, current context, live worker pools.
#[pyclass(name = "Runtime", module = "pynenc._core", frozen)]
pub(crate) struct PyRuntime(pub(crate) Arc<RuntimeState>);

#[pymethods]
impl PyRuntime {
    #[new]
    #[pyo3(signature = (engine, *, invocation_type, reused_type, current, pipeline, host))]
    fn new(
        engine: &Bound<'_, PyAny>,
        invocation_type: Py<PyAny>,
        reused_type: Py<PyAny>,
        current: &Bound<'_, PyAny>,
        pipeline: &Bound<'_, PyAny>,
        host: Py<PyAny>,
    ) -> PyResult<Self> {
        let py = current.py();
        let tasks = Arc::new(Tasks::new(host.clone_ref(py)));
        Ok(Self(Arc::new(RuntimeState {
            engine: Engine::behind(engine, &tasks, pipeline)?,
            port: engine.clone().unbind(),
            inline_waits: AtomicBool::new(true),
            cycle_control: AtomicBool::new(true),
            auto_runner: AtomicBool::new(true),
            advised: AtomicBool::new(false),
            version: AtomicU64::new(0),
            pools: Mutex::new(Vec::new()),
            invocation_type,
            reused_type,
            current_get: current.getattr(intern!(py, "get"))?.unbind(),
            current_set: current.getattr(intern!(py, "set"))?.unbind(),
            host,
            tasks,
            callbacks: Callbacks::default(),
        })))
    }

    #[getter]
    fn engine(&self, py: Python<'_>) -> Py<PyAny> {
        self.0.port.clone_ref(py)
    }

    /// Whether values travel: the engine is not in this process.
    #[getter]
    fn remote(&self) -> bool {
        matches!(self.0.engine, Engine::Remote(_))
    }

    /// Where calls are gathered that need not be acknowledged one by one; `None`: each is at once.
    fn open_pipeline(&self) -> Option<PyPipeline> {
        match &self.0.engine {
            Engine::Memory(_) => None,
            Engine::Remote(engine) => Some(PyPipeline::new(&engine.remote)),
        }
    }

    /// Live worker pools in this process.
    #[getter]
    fn workers(&self) -> usize {
        self.0.pools().len()
    }

    #[pyo3(signature = (*, inline_waits, cycle_control, auto_runner))]
    fn configure(&self, inline_waits: bool, cycle_control: bool, auto_runner: bool) {
        self.0.inline_waits.store(inline_waits, Ordering::Relaxed);
        self.0.cycle_control.store(cycle_control, Ordering::Relaxed);
        self.0.auto_runner.store(auto_runner, Ordering::Relaxed);
    }

    /// Make every task ask for its plan again at its next call.
    fn invalidate(&self) {
        self.0.version.fetch_add(1, Ordering::AcqRel);
    }

    /// A handle for a known id.
    #[pyo3(signature = (invocation_id, /))]
    fn invocation(&self, py: Python<'_>, invocation_id: &str) -> PyResult<Py<PyAny>> {
        let (at, task) = self.0.engine.adopt(py, &self.0.tasks, invocation_id)?;
        self.0.handle(py, at, &task)
    }

    /// A task that was made after workers had begun: they can run it, too.
    #[pyo3(signature = (task_id, /))]
    fn know_task(&self, py: Python<'_>, task_id: &str) -> PyResult<()> {
        for pool in self.0.pools() {
            self.0.engine.know_task(py, pool.worker(), task_id)?;
        }
        Ok(())
    }
}
