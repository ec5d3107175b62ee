//! The tasks of this process, by the numbers that its engine has for them.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use pyo3::intern;
use pyo3::prelude::*;

use crate::plan::Plan;
use crate::task::TaskCore;
use crate::wire::{PyTaskWire, TaskWire};

pub(crate) struct Tasks {
    /// The application's side: finds tasks by their names.
    host: Py<PyAny>,
    /// Weak references: a record outlives its call, and neither keeps a task alive.
    known: Mutex<HashMap<u32, Py<PyAny>>>,
    /// How results of tasks that this process does not have are read.
    foreign: Mutex<HashMap<u32, Arc<TaskWire>>>,
}

impl Tasks {
    pub(crate) fn new(host: Py<PyAny>) -> Self {
        Self { host, known: Mutex::new(HashMap::new()), foreign: Mutex::new(HashMap::new()) }
    }

    /// Remember a task, without keeping it alive.
    pub(crate) fn know(&self, py: Python<'_>, index: u32, task: &Bound<'_, PyAny>) -> PyResult<()> {
        let weak = py.import(intern!(py, "weakref"))?.call_method1(intern!(py, "ref"), (task,))?;
        let before = self.known.lock().insert(index, weak.unbind());
        drop(before);
        Ok(())
    }

    /// A task that was called here and is still there; else `None` of Python.
    pub(crate) fn known<'py>(&self, py: Python<'py>, index: u32) -> PyResult<Bound<'py, PyAny>> {
        let weak = self.known.lock().get(&index).map(|weak| weak.clone_ref(py));
        weak.map_or_else(|| Ok(py.None().into_bound(py)), |weak| weak.bind(py).call0())
    }

    /// A task of this application, whether it was called here or not.
    pub(crate) fn find<'py>(
        &self,
        py: Python<'py>,
        index: u32,
        name: &str,
    ) -> PyResult<Option<(Bound<'py, TaskCore>, Arc<Plan>)>> {
        let known = self.known(py, index)?;
        let task = if known.is_none() {
            let found = self.host.bind(py).call_method1(intern!(py, "find_task"), (name,))?;
            if found.is_none() {
                return Ok(None);
            }
            found
        } else {
            known
        };
        let task = task.cast_into::<TaskCore>()?;
        let plan = TaskCore::plan(&task)?;
        Ok(Some((task, plan)))
    }

    /// How results of a task are read; of one that this process does not have, without its annotations.
    pub(crate) fn wire(&self, py: Python<'_>, index: u32, name: &str) -> PyResult<Arc<TaskWire>> {
        if let Some(wire) = self.find(py, index, name)?.and_then(|(_, plan)| plan.wire.clone()) {
            return Ok(wire);
        }
        if let Some(wire) = self.foreign.lock().get(&index) {
            return Ok(Arc::clone(wire));
        }
        let made = self.host.bind(py).call_method1(intern!(py, "bare_wire"), (name,))?;
        let wire = Arc::clone(&made.cast::<PyTaskWire>()?.get().0);
        self.foreign.lock().insert(index, Arc::clone(&wire));
        Ok(wire)
    }
}
