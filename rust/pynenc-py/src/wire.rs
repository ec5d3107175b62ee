//! How the calls and results of one task travel between processes.
//!
//! A payload begins with the version of its form, or with a signature and then that. What follows is in pieces,
//! each with its length, so that a damaged one is seen before any of it is used:
//!
//! - a call: how many arguments, then name and envelope of each, so that a process whose version of the task has
//!   one parameter more or fewer can tell;
//! - a result or an error: the attempt that it is of, then the envelope.
//!
//! An envelope is a scalar in the form of [`scalar`], or what the app's serializer makes of the value, which begins
//! with a letter. Errors are always written as JSON: whatever serializer an app has, why a body failed is readable.

mod calls;
mod outcomes;
mod pieces;
mod python;
mod scalar;

use pynenc_core::id::InvocationId;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::error;
use crate::signature::Signature;
use scalar::Scalar;

pub(crate) use calls::Common;
pub(crate) use python::PyTaskWire;

/// The form that is written; there was none before it.
const VERSION: u8 = 1;
/// What a signed payload begins with.
const SIGNED: u8 = b'S';
/// What travels with a call or a result at most, in bytes.
const LARGEST: usize = 64 << 20;

/// How the calls and results of one task travel.
pub(crate) struct TaskWire {
    /// What knows the app's serializer, its key, and the task's annotations.
    codec: Py<PyAny>,
    task_id: String,
    signature: Signature,
    names: Vec<String>,
    /// Scalars are written here: the serializer is plain JSON, and there is no key.
    native: bool,
    signed: bool,
}

impl TaskWire {
    pub(crate) fn new(codec: Bound<'_, PyAny>, task_id: String, signature: Signature) -> PyResult<Self> {
        let py = codec.py();
        let names = signature.names().map(|name| name.extract(py)).collect::<PyResult<Vec<String>>>()?;
        let native = codec.getattr(intern!(py, "native"))?.is_truthy()?;
        let signed = codec.getattr(intern!(py, "signed"))?.is_truthy()?;
        Ok(Self { codec: codec.unbind(), task_id, signature, names, native, signed })
    }

    /// The envelope of one value, to be written once its size is known to fit.
    fn envelope<'a>(&self, value: &'a Bound<'_, PyAny>, path: &str) -> PyResult<Envelope<'a>> {
        if self.native
            && let Some(scalar) = Scalar::of(value)
        {
            return Ok(Envelope::Scalar(scalar));
        }
        let py = value.py();
        let written = self.codec.bind(py).call_method1(intern!(py, "write"), (value, path))?;
        Ok(Envelope::Serialized(written.cast_into::<PyBytes>()?.unbind()))
    }

    /// The value of an envelope; `of` is the parameter that it is for, or `return`.
    fn read<'py>(&self, py: Python<'py>, data: &[u8], of: &str, path: &str) -> PyResult<Bound<'py, PyAny>> {
        match scalar::read(py, data) {
            Some(value) => value.map_err(|why| damaged(py, path, &why)),
            // A copy of its own: an array that is a view of it is aligned, and keeps nothing else alive.
            None => self.codec.bind(py).call_method1(intern!(py, "read"), (PyBytes::new(py, data), of, path)),
        }
    }

    /// The payload as it travels: its signature first, where there is a key.
    fn sealed(&self, py: Python<'_>, body: Vec<u8>, id: InvocationId, purpose: &str) -> PyResult<Vec<u8>> {
        if !self.signed {
            return Ok(body);
        }
        let about = (PyBytes::new(py, &body), id.to_string(), purpose);
        let signature = self.codec.bind(py).call_method1(intern!(py, "sign"), about)?;
        let signature = signature.cast::<PyBytes>()?.as_bytes();
        Ok([signature, &body].concat())
    }

    /// A payload behind its signature and its version, once both are known to be good.
    fn opened<'a>(&self, py: Python<'_>, data: &'a [u8], id: InvocationId, purpose: &str) -> PyResult<&'a [u8]> {
        let body = if self.signed {
            let about = (PyBytes::new(py, data), id.to_string(), purpose);
            let start: usize = self.codec.bind(py).call_method1(intern!(py, "verify"), about)?.extract()?;
            data.get(start..).unwrap_or_default()
        } else if data.first() == Some(&SIGNED) {
            let text = format!("the {purpose} of {id}: signed, and this process has no signing_key to check it with");
            return Err(error::make(py, "UntrustedPayloadError", (text,)));
        } else {
            data
        };
        match body.split_first() {
            Some((&VERSION, rest)) => Ok(rest),
            Some((version, _)) => {
                let text = format!(
                    "it is in version {version} of the form, and this pynenc reads version {VERSION}: \
                     bring the processes of the application to one version"
                );
                Err(error::make(py, "SerializationError", (purpose, text)))
            }
            None => Err(damaged(py, purpose, "nothing is there")),
        }
    }
}

/// A value about to be written.
enum Envelope<'a> {
    Scalar(Scalar<'a>),
    Serialized(Py<PyBytes>),
    /// Written before.
    Common(&'a [u8]),
}

impl Envelope<'_> {
    fn size(&self, py: Python<'_>) -> usize {
        match self {
            Self::Scalar(scalar) => scalar.size(),
            Self::Serialized(bytes) => bytes.as_bytes(py).len(),
            Self::Common(bytes) => bytes.len(),
        }
    }

    fn write(&self, py: Python<'_>, out: &mut Vec<u8>) {
        match self {
            Self::Scalar(scalar) => scalar.write(out),
            Self::Serialized(bytes) => out.extend_from_slice(bytes.as_bytes(py)),
            Self::Common(bytes) => out.extend_from_slice(bytes),
        }
    }
}

fn damaged(py: Python<'_>, path: &str, why: &str) -> PyErr {
    error::make(py, "SerializationError", (path, format!("the payload is damaged: {why}")))
}
