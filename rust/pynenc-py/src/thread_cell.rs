//! A worker thread, as others see it: which bodies are on its stack, and how to wake it.

use std::cell::RefCell;
use std::sync::Arc;

use parking_lot::Mutex;
use pynenc_core::id::Ref;
use pynenc_core::park::Parker;
use pyo3::intern;
use pyo3::prelude::*;

use crate::body::RunContext;
use crate::gil;

/// One worker thread: the bodies on its stack, outermost first.
pub(crate) struct ThreadCell {
    pub(crate) thread: u64,
    /// Makes a context for a body: the copy of this thread's own.
    pub(crate) new_context: Py<PyAny>,
    stack: Mutex<Vec<Py<RunContext>>>,
    pub(crate) parker: Arc<Parker>,
}

thread_local! {
    static CELL: RefCell<Option<Arc<ThreadCell>>> = const { RefCell::new(None) };
}

/// This thread is a worker's from here on, or no longer.
pub(crate) fn set_current_cell(cell: Option<Arc<ThreadCell>>) {
    CELL.set(cell);
}

/// The cell of this thread, if it is a worker's.
pub(crate) fn current_cell() -> Option<Arc<ThreadCell>> {
    CELL.with_borrow(Clone::clone)
}

impl ThreadCell {
    pub(crate) fn new(py: Python<'_>) -> PyResult<Arc<Self>> {
        let own = py.import(intern!(py, "contextvars"))?.call_method0(intern!(py, "copy_context"))?;
        Ok(Arc::new(Self {
            thread: gil::thread_id(py)?,
            new_context: own.getattr(intern!(py, "copy"))?.unbind(),
            stack: Mutex::new(Vec::new()),
            parker: Arc::new(Parker::new()),
        }))
    }

    pub(crate) fn enter(&self, _py: Python<'_>, context: &Bound<'_, RunContext>) {
        self.stack.lock().push(context.clone().unbind());
    }

    pub(crate) fn leave(&self) {
        let left = self.stack.lock().pop();
        drop(left);
    }

    pub(crate) fn is_top(&self, at: Ref) -> bool {
        self.stack.lock().last().is_some_and(|top| top.get().at == at)
    }

    pub(crate) fn contexts(&self, py: Python<'_>) -> Vec<Py<RunContext>> {
        self.stack.lock().iter().map(|context| context.clone_ref(py)).collect()
    }
}
