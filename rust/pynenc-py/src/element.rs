//! One element of a `parallelize`, bound to the task's signature.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyMapping, PyTuple};

use crate::plan::Plan;

/// Bind one element; an error names its index.
pub(crate) fn bind_element<'py>(
    plan: &Plan,
    item: &Bound<'py, PyAny>,
    common: Option<&Bound<'py, PyDict>>,
    index: usize,
) -> PyResult<Bound<'py, PyTuple>> {
    let py = item.py();
    let bound = if let (Ok(args), None) = (item.cast::<PyTuple>(), common) {
        plan.signature.bind(args, None)
    } else if let Ok(named) = item.cast_exact::<PyDict>() {
        plan.signature.bind_mapping(named.cast::<PyMapping>()?, common)
    } else if let Ok(arguments) = item.getattr(intern!(py, "kwargs")) {
        plan.signature.bind_stored(&arguments, common)
    } else if let Ok(named) = item.cast::<PyMapping>() {
        plan.signature.bind_mapping(named, common)
    } else {
        let accepted = if common.is_some() { "a dict" } else { "a tuple, a dict or Arguments" };
        let kind = item.get_type().name()?;
        Err(if common.is_some() && item.is_instance_of::<PyTuple>() {
            PyValueError::new_err(format!("{accepted} is accepted with common_args, not a {kind}"))
        } else {
            PyTypeError::new_err(format!("{accepted} is accepted, not a {kind}"))
        })
    };
    bound.map_err(|refused| {
        let named = format!("element {index} of param_iter: {}", refused.value(py));
        if refused.is_instance_of::<PyValueError>(py) {
            PyValueError::new_err(named)
        } else {
            PyTypeError::new_err(named)
        }
    })
}
