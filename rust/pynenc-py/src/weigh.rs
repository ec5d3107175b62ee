//! What it costs to keep an object, roughly: retention is bounded by bytes.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyByteArray, PyBytes, PyDict, PyFloat, PyInt, PyList, PySet, PyString, PyTuple};

/// What any object costs.
const OBJECT: usize = 64;
/// What one place in a container costs.
const PLACE: usize = 16;

/// Bytes of an object, its items not followed.
pub(crate) fn shallow(value: &Bound<'_, PyAny>) -> usize {
    if value.is_none() || value.is_exact_instance_of::<PyBool>() || value.is_exact_instance_of::<PyFloat>() {
        return OBJECT;
    }
    if value.is_exact_instance_of::<PyInt>() {
        return OBJECT;
    }
    let places = |len: PyResult<usize>| OBJECT + len.unwrap_or(0);
    if value.is_exact_instance_of::<PyString>()
        || value.is_exact_instance_of::<PyBytes>()
        || value.is_exact_instance_of::<PyByteArray>()
    {
        return places(value.len());
    }
    if value.is_exact_instance_of::<PyList>()
        || value.is_exact_instance_of::<PyTuple>()
        || value.is_exact_instance_of::<PyDict>()
        || value.is_exact_instance_of::<PySet>()
    {
        return places(value.len().map(|len| len * PLACE));
    }
    places(value.getattr(intern!(value.py(), "nbytes")).and_then(|bytes| bytes.extract()))
}

/// Bytes of a bound call.
pub(crate) fn call(values: &Bound<'_, PyTuple>) -> usize {
    values.iter().map(|value| shallow(&value)).sum()
}
