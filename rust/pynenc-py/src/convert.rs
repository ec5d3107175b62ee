//! What Python hands over, as the core's own types: every conversion of this crate stands here.

use pynenc_core::fingerprint::Digest;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// A digest that came as `bytes`.
pub(crate) struct DigestBytes(pub(crate) Digest);

impl<'py> FromPyObject<'_, 'py> for DigestBytes {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let bytes = object.cast::<PyBytes>()?;
        let bytes = bytes.as_bytes();
        match bytes.try_into() {
            Ok(digest) => Ok(Self(digest)),
            Err(_) => Err(PyValueError::new_err(format!("a digest is 32 bytes, got {}", bytes.len()))),
        }
    }
}

/// How long a server is tried, as settings say it: a mapping from these names to seconds.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Seconds {
    pub(crate) connect: f64,
    pub(crate) reply: f64,
    pub(crate) overall: f64,
    pub(crate) first: f64,
}
