//! `with app.pipelined()`: calls that are taken without waiting for the server each time.

use std::sync::Arc;

use pynenc_core::engine::Receipt;
use pynenc_core::id::InvocationId;
use pynenc_redis::remote::{self, Submission, Unacknowledged};
use pyo3::prelude::*;

use crate::engine::Sent;
use crate::error;
use crate::gil;

/// Calls that were taken and are not acknowledged yet.
#[pyclass(name = "Pipeline", module = "pynenc._core", frozen)]
pub(crate) struct PyPipeline {
    pipeline: remote::Pipeline<Sent>,
    /// Whose calls it takes.
    of: Arc<remote::Remote<Sent>>,
}

impl PyPipeline {
    pub(crate) fn new(of: &Arc<remote::Remote<Sent>>) -> Self {
        Self { pipeline: of.pipeline(), of: Arc::clone(of) }
    }

    pub(crate) fn is_of(&self, remote: &Arc<remote::Remote<Sent>>) -> bool {
        Arc::ptr_eq(&self.of, remote)
    }

    /// An id for the next call.
    pub(crate) fn next_id(&self) -> InvocationId {
        self.pipeline.next_id()
    }

    pub(crate) fn submit(&self, py: Python<'_>, submission: Submission<Sent>) -> PyResult<Receipt> {
        Ok(gil::ask(py, || self.pipeline.submit(submission))?)
    }
}

#[pymethods]
impl PyPipeline {
    /// Have everything acknowledged.
    fn flush(&self, py: Python<'_>) -> PyResult<()> {
        let flushed = gil::ask(py, || Ok(self.pipeline.flush()))?;
        flushed.map_err(|Unacknowledged { ids, reason }| {
            let text = format!("{} calls were not acknowledged, and may have been taken or not: {reason}", ids.len());
            let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
            let error = error::make(py, "UnacknowledgedError", (ids, text));
            error.set_cause(py, Some(error::Refusal::from(reason).into()));
            error
        })
    }
}
