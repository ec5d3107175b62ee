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
//! with a letter, or a reference ([`reference`]) to a large value that is stored apart. Errors are always written as JSON: whatever serializer an app has, why a body failed is readable.

mod calls;
mod content;
mod copying;
mod memory;
mod outcomes;
mod pieces;
mod python;
mod reference;
mod scalar;

use pynenc_core::id::InvocationId;
use pynenc_redis::blobs::{self, Blob, Blobs};
use pynenc_redis::store::MOST_BLOBS;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::error;
use crate::fingerprint::Hashed;
use crate::signature::Signature;
use reference::{REFERENCE, Reference};
use scalar::Scalar;

pub(crate) use calls::Common;
pub(crate) use python::PyTaskWire;
pub(crate) use reference::Source;

/// The form that is written; there was none before it.
const VERSION: u8 = 1;
/// What a signed payload begins with.
const SIGNED: u8 = b'S';
/// What travels with a call or a result at most, in bytes.
const LARGEST: usize = 64 << 20;
/// What the value of a result is for.
const RETURN: &str = "return";

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
    /// From how many bytes on a value travels by reference.
    blobs_from: Option<usize>,
    /// Parameters whose values never do; `*` for all.
    inline: Vec<String>,
}

/// What is known of large values by whoever is about to name some.
#[derive(Clone, Copy)]
pub(crate) struct Known<'a> {
    pub(crate) blobs: &'a Blobs,
    /// Nothing changes them until the server has answered: their caller waits for that.
    pub(crate) waits: bool,
    /// Many calls share them, as their caller has said: they are stored apart however small they are.
    pub(crate) shared: bool,
    /// Where digests are noted for whoever takes fingerprints of the same values next.
    pub(crate) hashed: Option<&'a Hashed>,
}

/// What a value is for, and what it is called in errors.
#[derive(Clone, Copy)]
struct Place<'a> {
    /// The parameter, or `return`.
    of: &'a str,
    path: &'a str,
    id: InvocationId,
}

impl TaskWire {
    pub(crate) fn new(codec: Bound<'_, PyAny>, task_id: String, signature: Signature) -> PyResult<Self> {
        let py = codec.py();
        let names = signature.names().map(|name| name.extract(py)).collect::<PyResult<Vec<String>>>()?;
        let native = codec.getattr(intern!(py, "native"))?.is_truthy()?;
        let signed = codec.getattr(intern!(py, "signed"))?.is_truthy()?;
        let blobs_from = codec.getattr(intern!(py, "blobs_from"))?.extract()?;
        let inline = codec.getattr(intern!(py, "inline"))?.extract()?;
        Ok(Self { codec: codec.unbind(), task_id, signature, names, native, signed, blobs_from, inline })
    }

    /// The envelope of one value, to be written once its size is known to fit. With `known` it may be a reference.
    fn envelope<'a>(
        &self,
        value: &'a Bound<'_, PyAny>,
        path: &str,
        known: Option<Known<'_>>,
    ) -> PyResult<Envelope<'a>> {
        let from = known.and(self.blobs_from).unwrap_or(usize::MAX);
        if self.native
            && let Some(scalar) = Scalar::of(value)
        {
            let large = scalar.content().zip(known).filter(|((_, content), _)| content.len() >= from);
            let apart = large.and_then(|((kind, content), known)| {
                let blob = content::of_immutable(value, content, true);
                self.goes_apart(&blob, known).then(|| named(vec![kind], blob))
            });
            return Ok(apart.unwrap_or(Envelope::Scalar(scalar)));
        }
        let py = value.py();
        let written = self.codec.bind(py).call_method1(intern!(py, "write"), (value, path))?;
        let (head, body): (Bound<'_, PyBytes>, Bound<'_, PyAny>) = written.extract()?;
        let size = body.len()?;
        if let Some(known) = known
            && size >= from
        {
            let blob = match value.cast_exact::<PyBytes>() {
                Ok(own) if body.is(own) => content::of_immutable(value, own.as_bytes(), true),
                _ => {
                    let blob = content::of_buffer(&body, known)?;
                    content::note(value, &body, &blob, known);
                    blob
                }
            };
            if self.goes_apart(&blob, known) {
                return Ok(named(head.as_bytes().to_vec(), blob));
            }
        }
        let joined = PyBytes::new_with(py, head.as_bytes().len() + size, |out| {
            let (front, back) = out.split_at_mut(head.as_bytes().len());
            front.copy_from_slice(head.as_bytes());
            content::copy_of(&body, back)
        })?;
        Ok(Envelope::Serialized(joined.unbind()))
    }

    /// Whether a value of at least the size that is asked for is named, and not sent as it is.
    fn goes_apart(&self, blob: &Blob, known: Known<'_>) -> bool {
        // Who asks for every value means it.
        let always = known.shared || self.blobs_from == Some(0);
        always || known.blobs.is_worth_it(&blob.digest, blob.content.size())
    }

    /// What is known, where the values of a parameter may travel by reference.
    fn may_name<'a>(&self, parameter: &str, known: Option<Known<'a>>) -> Option<Known<'a>> {
        known.filter(|_| !self.inline.iter().any(|name| name == "*" || name == parameter))
    }

    /// The value of an envelope.
    fn read<'py>(
        &self,
        py: Python<'py>,
        data: &[u8],
        place: Place<'_>,
        source: Option<&Source>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if let Some((&REFERENCE, reference)) = data.split_first() {
            return self.resolve(py, reference, place, source);
        }
        match scalar::read(py, data) {
            Some(value) => value.map_err(|why| damaged(py, place.path, &why)),
            // A copy of its own: an array that is a view of it is aligned, and keeps nothing else alive.
            None => {
                let about = (PyBytes::new(py, data), place.of, place.path);
                self.codec.bind(py).call_method1(intern!(py, "read"), about)
            }
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
    Named(Vec<u8>, Blob),
    /// Written before, with the value that it names.
    Common(&'a [u8], Option<&'a Blob>),
}

fn named(head: Vec<u8>, blob: Blob) -> Envelope<'static> {
    let reference = Reference { head, blob };
    Envelope::Named(reference.written(), reference.blob)
}

impl Envelope<'_> {
    fn size(&self, py: Python<'_>) -> usize {
        match self {
            Self::Scalar(scalar) => scalar.size(),
            Self::Serialized(bytes) => bytes.as_bytes(py).len(),
            Self::Named(bytes, _) => bytes.len(),
            Self::Common(bytes, _) => bytes.len(),
        }
    }

    fn write(&self, py: Python<'_>, out: &mut Vec<u8>) {
        match self {
            Self::Scalar(scalar) => scalar.write(out),
            Self::Serialized(bytes) => out.extend_from_slice(bytes.as_bytes(py)),
            Self::Named(bytes, _) => out.extend_from_slice(bytes),
            Self::Common(bytes, _) => out.extend_from_slice(bytes),
        }
    }

    /// How large the value is that it names.
    fn content_size(&self) -> Option<usize> {
        match self {
            Self::Named(_, blob) => Some(blob.content.size()),
            Self::Common(_, blob) => blob.map(|blob| blob.content.size()),
            Self::Scalar(_) | Self::Serialized(_) => None,
        }
    }

    /// The value that it names, if it is a reference.
    fn blob(self) -> Option<Blob> {
        match self {
            Self::Named(_, blob) => Some(blob),
            Self::Common(_, blob) => blob.cloned(),
            Self::Scalar(_) | Self::Serialized(_) => None,
        }
    }
}

fn damaged(py: Python<'_>, path: &str, why: &str) -> PyErr {
    error::make(py, "SerializationError", (path, format!("the payload is damaged: {why}")))
}
