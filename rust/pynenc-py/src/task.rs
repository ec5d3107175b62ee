//! The compiled half of a task: from a call to an invocation.

use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use pynenc_core::engine::{Lane, Receipt};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use crate::fork;
use crate::group::PyGroup;
use crate::plan::{Compiled, Mode, Plan};
use crate::signature::Signature;

/// The compiled half of a task: signature, plan, call.
#[pyclass(name = "TaskCore", module = "pynenc._core", frozen, subclass, generic)]
pub(crate) struct TaskCore {
    compiled: OnceLock<(String, Py<PyAny>, Arc<Signature>, Lane)>,
    plan: Mutex<Option<Arc<Plan>>>,
}

impl TaskCore {
    fn compiled(&self) -> PyResult<&(String, Py<PyAny>, Arc<Signature>, Lane)> {
        self.compiled.get().ok_or_else(|| PyRuntimeError::new_err("the task has not been compiled"))
    }

    fn ready_plan(&self) -> Option<Arc<Plan>> {
        self.plan.lock().as_ref().filter(|plan| plan.version == plan.runtime.version()).cloned()
    }

    /// The plan in force; made anew, by Python, when a setting has changed.
    pub(crate) fn plan(slf: &Bound<'_, Self>) -> PyResult<Arc<Plan>> {
        if let Some(plan) = slf.get().ready_plan() {
            return Ok(plan);
        }
        slf.call_method0("_prepare")?;
        slf.get().plan.lock().clone().ok_or_else(|| PyRuntimeError::new_err("_prepare installed no plan"))
    }

    fn submit<'py>(slf: &Bound<'py, Self>, plan: &Arc<Plan>, values: Bound<'py, PyTuple>) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        fork::check(py)?;
        if plan.mode == Mode::Local {
            return slf.call_method1("_call_locally", (values,)).map(Bound::unbind);
        }
        let parent = plan.runtime.current(py)?.map(|current| current.get().caller());
        let given = plan.has_rules().then(|| values.clone());
        let receipt = plan.runtime.engine.submit_one(slf, plan, values, parent)?;
        Self::handle(slf, plan, receipt, given.as_ref())
    }

    pub(crate) fn round_trip<'py>(
        slf: &Bound<'py, Self>,
        plan: &Plan,
        values: &Bound<'py, PyTuple>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let mut arrived = Vec::with_capacity(values.len());
        for (name, value) in plan.signature.names().zip(values.iter()) {
            arrived.push(slf.call_method1("_round_trip", (value, name))?);
        }
        PyTuple::new(slf.py(), arrived)
    }

    /// What the caller is given for a receipt.
    pub(crate) fn handle<'py>(
        slf: &Bound<'py, Self>,
        plan: &Plan,
        receipt: Receipt,
        values: Option<&Bound<'py, PyTuple>>,
    ) -> PyResult<Py<PyAny>> {
        let (py, task) = (slf.py(), slf.clone().into_any().unbind());
        match receipt {
            Receipt::New(at) | Receipt::Cached(at) => plan.runtime.handle(py, at, &task),
            Receipt::Reused { at, same } => {
                let other = values.filter(|_| !same).map(|values| values.clone().unbind());
                plan.runtime.reused_handle(py, at, &task, other)
            }
            Receipt::Refused(at) => {
                plan.runtime.engine.remember(at);
                let existing = plan.runtime.handle(py, at, &task)?;
                Err(PyErr::from_value(slf.call_method1("_difference_error", (existing, values))?))
            }
        }
    }
}

#[pymethods]
impl TaskCore {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self { compiled: OnceLock::new(), plan: Mutex::new(None) }
    }

    #[pyo3(signature = (func, task_id, parameters, is_async, /))]
    fn _compile(
        &self,
        func: Py<PyAny>,
        task_id: String,
        parameters: Vec<(Py<PyString>, u8, bool, Py<PyAny>)>,
        is_async: bool,
    ) -> PyResult<()> {
        let name = task_id.rsplit('.').next().unwrap_or(&task_id).to_owned();
        let signature = Arc::new(Signature::new(name, parameters)?);
        let lane = if is_async { Lane::Async } else { Lane::Sync };
        let compiled = self.compiled.set((task_id, func, signature, lane));
        compiled.map_err(|_| PyRuntimeError::new_err("the task has been compiled already"))
    }

    #[pyo3(signature = (plan, /))]
    fn _install(slf: &Bound<'_, Self>, plan: &Bound<'_, PyDict>) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        let (task_id, function, signature, lane) = this.compiled()?;
        let compiled = Compiled {
            task_id: task_id.clone(),
            function: function.clone_ref(py),
            signature: Arc::clone(signature),
            lane: *lane,
        };
        let plan = Arc::new(Plan::new(py, compiled, plan)?);
        plan.runtime.tasks.know(py, plan.index, slf.as_any())?;
        let before = this.plan.lock().replace(plan);
        drop(before);
        Ok(())
    }

    #[pyo3(signature = (*args, **kwargs))]
    fn __call__<'py>(
        slf: &Bound<'py, Self>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Py<PyAny>> {
        let plan = Self::plan(slf)?;
        let values = plan.signature.bind(args, kwargs)?;
        Self::submit(slf, &plan, values)
    }

    #[pyo3(signature = (args, kwargs, /))]
    fn _bind<'py>(&self, args: &Bound<'py, PyTuple>, kwargs: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyTuple>> {
        self.compiled()?.2.bind(args, Some(kwargs))
    }

    #[pyo3(signature = (values, /))]
    fn _submit<'py>(slf: &Bound<'py, Self>, values: Bound<'py, PyTuple>) -> PyResult<Py<PyAny>> {
        Self::submit(slf, &Self::plan(slf)?, values)
    }

    #[pyo3(signature = (items, common, chunk, /))]
    fn _parallelize<'py>(
        slf: &Bound<'py, Self>,
        items: &Bound<'py, PyAny>,
        common: Option<Bound<'py, PyDict>>,
        chunk: usize,
    ) -> PyResult<Py<PyGroup>> {
        PyGroup::submitted(slf, items, common, chunk)
    }

    #[pyo3(signature = (items, common, chunk, /))]
    fn _stream<'py>(
        slf: &Bound<'py, Self>,
        items: Bound<'py, PyAny>,
        common: Option<Bound<'py, PyDict>>,
        chunk: usize,
    ) -> PyResult<Py<PyGroup>> {
        PyGroup::fed(slf, items, common, chunk)
    }
}
