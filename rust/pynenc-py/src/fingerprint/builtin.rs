//! Int, float, str and bytes, exact or as the base of a subclass.

use std::convert::Infallible;
use std::ffi::c_int;

use pynenc_core::fingerprint::{Canonical, ContentHasher, Digest, INLINE_LIMIT, content_digest};
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyFloat, PyInt, PySlice, PyString};

use super::fault::{Fault, Outcome};
use super::remembered::{self, Place};
use super::walk::Walk;
use crate::gil;

/// From this size on content is hashed without the GIL: below, waiting to get it back costs more.
const RELEASE_FROM: usize = 256 * 1024;

/// Up to this length a str is turned into UTF-8 in place. Python keeps that with the str unless it
/// is ASCII, so longer ones are looked at first.
const UTF8_IN_PLACE: usize = 128;

/// Code points of a str that is not ASCII that are encoded at a time.
const CHUNK: usize = 256 * 1024;

/// Digest of content that stays where it is while this runs.
pub(super) fn hash_content(py: Python<'_>, content: &[u8]) -> Digest {
    if content.len() < RELEASE_FROM { content_digest(content) } else { gil::release(py, || content_digest(content)) }
}

impl<'py> Walk<'_, 'py> {
    pub(super) fn int(&self, out: &mut Canonical, int: &Bound<'py, PyAny>) -> Outcome {
        let mut overflow: c_int = 0;
        // SAFETY: the GIL is held and the caller checked that this is an int, so no method of a
        // subclass is called and nothing is raised.
        let small = unsafe { ffi::PyLong_AsLongLongAndOverflow(int.as_ptr(), &raw mut overflow) };
        if overflow == 0 {
            out.int(small);
            return Ok(());
        }
        let bytes = self.big_int(int).map_err(|error| Fault::raised(self.py, "the int cannot be read", error))?;
        out.int_le(bytes.as_bytes());
        Ok(())
    }

    fn big_int(&self, int: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
        let class = self.py.get_type::<PyInt>();
        let bits: usize = class.call_method1(intern!(self.py, "bit_length"), (int,))?.extract()?;
        let signed = PyDict::new(self.py);
        signed.set_item(intern!(self.py, "signed"), true)?;
        let bytes = class.call_method(intern!(self.py, "to_bytes"), (int, bits / 8 + 1, "little"), Some(&signed))?;
        Ok(bytes.cast_into::<PyBytes>()?)
    }

    pub(super) fn float(&self, out: &mut Canonical, float: &Bound<'py, PyAny>) -> Outcome {
        let float = float.cast::<PyFloat>().map_err(|error| Fault::new(error.to_string()))?;
        out.float(float.value());
        Ok(())
    }

    pub(super) fn bytes(&self, out: &mut Canonical, bytes: &Bound<'py, PyAny>) -> Outcome {
        let exact = bytes.is_exact_instance_of::<PyBytes>();
        let bytes = bytes.cast::<PyBytes>().map_err(|error| Fault::new(error.to_string()))?;
        let data = bytes.as_bytes();
        if data.len() < INLINE_LIMIT {
            out.bytes(data);
        } else {
            let owner = exact.then(|| bytes.as_any());
            out.long_bytes(data.len(), &self.content(data, owner));
        }
        Ok(())
    }

    /// Digest of `data`, remembered as long as `owner`, which nothing can change, is kept.
    pub(super) fn content(&self, data: &[u8], owner: Option<&Bound<'py, PyAny>>) -> Digest {
        match owner {
            None => {
                let known = self.hashed.and_then(|hashed| hashed.of(data));
                known.unwrap_or_else(|| hash_content(self.py, data))
            }
            Some(owner) => {
                let hash = || Ok::<_, Infallible>(hash_content(self.py, data));
                let Ok(digest) = remembered::or_else(owner, Place::of_data(data), hash);
                digest
            }
        }
    }

    /// An exact str; `lasting`: worth remembering, for the caller of the library holds it too.
    pub(super) fn text(&self, out: &mut Canonical, text: &Bound<'py, PyAny>, lasting: bool) -> Outcome {
        let raised = |error| Fault::raised(self.py, "the str cannot be read", error);
        let text = text.cast::<PyString>().map_err(|error| Fault::new(error.to_string()))?;
        let length = text.len().map_err(raised)?;
        if length <= UTF8_IN_PLACE {
            if let Ok(utf8) = text.to_str() {
                out.text(length, utf8.as_bytes());
                return Ok(());
            }
        } else if self.is_ascii(text).map_err(raised)? {
            let ascii = text.to_str().map_err(raised)?.as_bytes();
            if length < INLINE_LIMIT {
                out.text(length, ascii);
            } else {
                out.long_text(length, &self.content(ascii, lasting.then(|| text.as_any())));
            }
            return Ok(());
        }
        self.encoded(out, text, length, lasting).map_err(raised)
    }

    fn is_ascii(&self, text: &Bound<'py, PyString>) -> PyResult<bool> {
        text.call_method0(intern!(self.py, "isascii"))?.extract()
    }

    /// A str that is not ASCII, or not Unicode at all (lone surrogates).
    fn encoded(&self, out: &mut Canonical, text: &Bound<'py, PyString>, length: usize, lasting: bool) -> PyResult<()> {
        if length < INLINE_LIMIT {
            out.text(length, self.encode(text.as_any())?.as_bytes());
            return Ok(());
        }
        let hash = || self.encoded_content(text, length);
        let digest = match lasting {
            true => remembered::or_else(text.as_any(), Place::of_object(text.as_any()), hash)?,
            false => hash()?,
        };
        out.long_text(length, &digest);
        Ok(())
    }

    fn encoded_content(&self, text: &Bound<'py, PyString>, length: usize) -> PyResult<Digest> {
        let mut hasher = ContentHasher::default();
        for start in (0..length).step_by(CHUNK) {
            let end = length.min(start + CHUNK);
            let chunk = text.get_item(PySlice::new(self.py, start as isize, end as isize, 1))?;
            let encoded = self.encode(&chunk)?;
            let bytes = encoded.as_bytes();
            if bytes.len() < RELEASE_FROM {
                hasher.update(bytes);
            } else {
                gil::release(self.py, || hasher.update(bytes));
            }
        }
        Ok(hasher.finish())
    }

    fn encode(&self, text: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
        let arguments = (intern!(self.py, "utf-8"), intern!(self.py, "surrogatepass"));
        Ok(text.call_method1(intern!(self.py, "encode"), arguments)?.cast_into::<PyBytes>()?)
    }
}
