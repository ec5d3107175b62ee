//! The wire form, as Python sees it.

use std::sync::Arc;

use pynenc_core::id::InvocationId;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString, PyTuple};

use super::{Common, TaskWire};
use crate::signature::Signature;

/// How the calls and results of one task travel between processes.
#[pyclass(name = "TaskWire", module = "pynenc._core", frozen)]
pub(crate) struct PyTaskWire(pub(crate) Arc<TaskWire>);

fn identity(text: &str) -> PyResult<InvocationId> {
    InvocationId::parse(text).ok_or_else(|| PyValueError::new_err(format!("{text:?} is not the id of an invocation")))
}

#[pymethods]
impl PyTaskWire {
    #[new]
    #[pyo3(signature = (codec, task_id, parameters, /))]
    fn new(
        codec: Bound<'_, PyAny>,
        task_id: String,
        parameters: Vec<(Py<PyString>, u8, bool, Py<PyAny>)>,
    ) -> PyResult<Self> {
        let name = task_id.rsplit('.').next().unwrap_or(&task_id).to_owned();
        Ok(Self(Arc::new(TaskWire::new(codec, task_id, Signature::new(name, parameters)?)?)))
    }

    /// The payload of a call; `values` are one a parameter, in signature order.
    #[pyo3(signature = (values, invocation_id, /))]
    fn encode_call<'py>(&self, values: &Bound<'py, PyTuple>, invocation_id: &str) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(
            values.py(),
            &self.0.encode_call(values, identity(invocation_id)?, &Common::default(), None)?.payload,
        ))
    }

    #[pyo3(signature = (data, invocation_id, /))]
    fn decode_call<'py>(&self, py: Python<'py>, data: &[u8], invocation_id: &str) -> PyResult<Bound<'py, PyTuple>> {
        self.0.decode_call(py, data, identity(invocation_id)?, None)
    }

    #[pyo3(signature = (value, invocation_id, attempt, /))]
    fn encode_result<'py>(
        &self,
        value: &Bound<'py, PyAny>,
        invocation_id: &str,
        attempt: u32,
    ) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(value.py(), &self.0.encode_result(value, identity(invocation_id)?, attempt, None)?.payload))
    }

    #[pyo3(signature = (data, invocation_id, /))]
    fn decode_result<'py>(&self, py: Python<'py>, data: &[u8], invocation_id: &str) -> PyResult<Bound<'py, PyAny>> {
        self.0.decode_result(py, data, identity(invocation_id)?, None)
    }

    #[pyo3(signature = (error, invocation_id, attempt, /))]
    fn encode_error<'py>(
        &self,
        error: &Bound<'py, PyAny>,
        invocation_id: &str,
        attempt: u32,
    ) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(error.py(), &self.0.encode_error(error, identity(invocation_id)?, attempt)?))
    }

    /// The error itself, not raised.
    #[pyo3(signature = (data, invocation_id, /))]
    fn decode_error<'py>(&self, py: Python<'py>, data: &[u8], invocation_id: &str) -> PyResult<Bound<'py, PyAny>> {
        self.0.decode_error(py, data, identity(invocation_id)?)
    }
}
