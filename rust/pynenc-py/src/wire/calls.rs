//! The arguments of a call: as bytes, and back.

use std::sync::Arc;

use pynenc_core::id::InvocationId;
use pynenc_redis::blobs::{Blob, Packed};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::pieces::{Pieces, write_number};
use super::reference::is_at_hand;
use super::{Envelope, Known, LARGEST, MOST_BLOBS, Place, Source, TaskWire, VERSION, blobs, damaged};
use crate::error;

const ARGUMENTS: &str = "arguments";

/// Envelopes of the arguments that all calls of one `parallelize` share: written once.
#[derive(Default)]
pub(crate) struct Common(Vec<Written>);

struct Written {
    value: Py<PyAny>,
    envelope: Arc<[u8]>,
    blob: Option<Blob>,
}

impl Common {
    fn of(&self, value: &Bound<'_, PyAny>) -> Option<Envelope<'_>> {
        let written = self.0.iter().find(|written| written.value.is(value))?;
        Some(Envelope::Common(&written.envelope, written.blob.as_ref()))
    }
}

impl TaskWire {
    /// Write what the calls of one `parallelize` share.
    pub(crate) fn common(&self, named: &Bound<'_, PyDict>, known: Option<Known<'_>>) -> PyResult<Common> {
        let py = named.py();
        let known = known.map(|known| Known { shared: true, ..known });
        let mut written = Vec::new();
        for (name, value) in named {
            let name = name.to_string();
            let known = self.may_name(&name, known).filter(|_| written.len() < MOST_BLOBS);
            let envelope = self.envelope(&value, &format!("args.{name}"), known)?;
            let mut bytes = Vec::with_capacity(fitting(py, &name, &envelope, 0)?);
            envelope.write(py, &mut bytes);
            let blob = envelope.blob();
            written.push(Written { value: value.unbind(), envelope: bytes.into(), blob });
        }
        Ok(Common(written))
    }

    /// The payload of a call, of which every parameter's value is known.
    pub(crate) fn encode_call(
        &self,
        values: &Bound<'_, PyTuple>,
        id: InvocationId,
        common: &Common,
        known: Option<Known<'_>>,
    ) -> PyResult<Packed> {
        let py = values.py();
        let (mut body, mut blobs) = (vec![VERSION], Vec::new());
        write_number(&mut body, self.names.len() as u64);
        for (name, value) in self.names.iter().zip(values.iter()) {
            write_number(&mut body, name.len() as u64);
            body.extend_from_slice(name.as_bytes());
            let envelope = match common.of(&value) {
                Some(envelope) => envelope,
                None => {
                    let known = self.may_name(name, known).filter(|_| blobs.len() < MOST_BLOBS);
                    self.envelope(&value, &format!("args.{name}"), known)?
                }
            };
            let size = fitting(py, name, &envelope, body.len())?;
            write_number(&mut body, size as u64);
            envelope.write(py, &mut body);
            blobs.extend(envelope.blob());
        }
        Ok(Packed { payload: self.sealed(py, body, id, ARGUMENTS)?, blobs })
    }

    /// One value a parameter, from a payload that another process may have written.
    pub(crate) fn decode_call<'py>(
        &self,
        py: Python<'py>,
        data: &[u8],
        id: InvocationId,
        source: Option<&Source>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let named = self.named(py, self.opened(py, data, id, ARGUMENTS)?)?;
        let mut values = vec![None; self.names.len()];
        for (name, envelope) in named {
            let place = self.names.iter().position(|known| *known == name);
            let Some(place) = place.and_then(|place| values.get_mut(place)) else {
                return Err(self.unknown_argument(py, &name));
            };
            let about = Place { of: &name, path: &format!("args.{name}"), id };
            if place.replace(self.read(py, envelope, about, source)?).is_some() {
                return Err(damaged(py, ARGUMENTS, "an argument is there twice"));
            }
        }
        self.signature.complete(values, py).map_err(|missing| {
            let text = format!("{}; its caller has another version of {}", missing.value(py), self.task_id);
            error::make(py, "SerializationError", (ARGUMENTS, text))
        })
    }

    /// Whether reading a call asks nobody.
    pub(crate) fn is_call_at_hand(&self, py: Python<'_>, data: &[u8], id: InvocationId, source: &Source) -> bool {
        // What cannot be opened is told by whoever reads it.
        let named = self.opened(py, data, id, ARGUMENTS).and_then(|body| self.named(py, body));
        named.map_or(true, |named| named.iter().all(|(_, envelope)| is_at_hand(envelope, source)))
    }

    fn named<'a>(&self, py: Python<'_>, body: &'a [u8]) -> PyResult<Vec<(String, &'a [u8])>> {
        let mut pieces = Pieces(body);
        let mut named = Vec::with_capacity(self.names.len());
        let mut take = || {
            for _ in 0..pieces.number()? {
                let name = std::str::from_utf8(pieces.piece()?).map_err(|_| "a name is not UTF-8")?;
                named.push((name.to_owned(), pieces.piece()?));
            }
            if pieces.0.is_empty() { Ok(()) } else { Err("something follows its end") }
        };
        take().map_err(|why| damaged(py, ARGUMENTS, why))?;
        Ok(named)
    }

    fn unknown_argument(&self, py: Python<'_>, name: &str) -> PyErr {
        let text = format!(
            "{} takes no such argument in the version that this process has; it takes: {}",
            self.task_id,
            self.names.join(", ")
        );
        error::make(py, "SerializationError", (format!("args.{name}"), text))
    }
}

/// The size of an argument that fits behind what is there already.
fn fitting(py: Python<'_>, name: &str, envelope: &Envelope<'_>, before: usize) -> PyResult<usize> {
    let too_large = |text: String| Err(error::make(py, "ArgumentTooLargeError", (format!("args.{name}"), text)));
    if let Some(content) = envelope.content_size().filter(|&size| size > blobs::LARGEST) {
        return too_large(format!(
            "takes {content} bytes; at most {} (512 MiB) are stored as one value: {INSTEAD}",
            blobs::LARGEST
        ));
    }
    let size = envelope.size(py);
    if size <= LARGEST.saturating_sub(before) {
        return Ok(size);
    }
    let beside = if before > LARGEST / 64 { format!(", beside {before} of other arguments") } else { String::new() };
    too_large(format!(
        "takes {size} bytes{beside}; at most {LARGEST} (64 MiB) travel with a call, when the argument cache is disabled \
         (disable_cache_args, DisabledArgCache): enable it for this argument, {INSTEAD}"
    ))
}

/// What to do with what is too large.
const INSTEAD: &str = "pass what says where it is (a path, a key), or split it over several calls";
