//! The arguments of a call: as bytes, and back.

use std::sync::Arc;

use pynenc_core::id::InvocationId;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::pieces::{Pieces, write_number};
use super::{Envelope, LARGEST, TaskWire, VERSION, damaged};
use crate::error;

const ARGUMENTS: &str = "arguments";

/// Envelopes of the arguments that all calls of one `parallelize` share: written once.
#[derive(Default)]
pub(crate) struct Common(Vec<(Py<PyAny>, Arc<[u8]>)>);

impl Common {
    fn of(&self, value: &Bound<'_, PyAny>) -> Option<&[u8]> {
        self.0.iter().find(|(shared, _)| shared.is(value)).map(|(_, envelope)| &**envelope)
    }
}

impl TaskWire {
    /// Write what the calls of one `parallelize` share.
    pub(crate) fn common(&self, named: &Bound<'_, PyDict>) -> PyResult<Common> {
        let py = named.py();
        let mut written = Vec::new();
        for (name, value) in named {
            let envelope = self.envelope(&value, &format!("args.{name}"))?;
            let mut bytes = Vec::with_capacity(fitting(py, &name.to_string(), envelope.size(py), 0)?);
            envelope.write(py, &mut bytes);
            drop(envelope);
            written.push((value.unbind(), bytes.into()));
        }
        Ok(Common(written))
    }

    /// The payload of a call, of which every parameter's value is known.
    pub(crate) fn encode_call(
        &self,
        values: &Bound<'_, PyTuple>,
        id: InvocationId,
        common: &Common,
    ) -> PyResult<Vec<u8>> {
        let py = values.py();
        let mut body = vec![VERSION];
        write_number(&mut body, self.names.len() as u64);
        for (name, value) in self.names.iter().zip(values.iter()) {
            write_number(&mut body, name.len() as u64);
            body.extend_from_slice(name.as_bytes());
            let envelope = match common.of(&value) {
                Some(bytes) => Envelope::Common(bytes),
                None => self.envelope(&value, &format!("args.{name}"))?,
            };
            let size = fitting(py, name, envelope.size(py), body.len())?;
            write_number(&mut body, size as u64);
            envelope.write(py, &mut body);
        }
        self.sealed(py, body, id, ARGUMENTS)
    }

    /// One value a parameter, from a payload that another process may have written.
    pub(crate) fn decode_call<'py>(
        &self,
        py: Python<'py>,
        data: &[u8],
        id: InvocationId,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let named = self.named(py, self.opened(py, data, id, ARGUMENTS)?)?;
        let mut values = vec![None; self.names.len()];
        for (name, envelope) in named {
            let place = self.names.iter().position(|known| *known == name);
            let Some(place) = place.and_then(|place| values.get_mut(place)) else {
                return Err(self.unknown_argument(py, &name));
            };
            if place.replace(self.read(py, envelope, &name, &format!("args.{name}"))?).is_some() {
                return Err(damaged(py, ARGUMENTS, "an argument is there twice"));
            }
        }
        self.signature.complete(values, py).map_err(|missing| {
            let text = format!("{}; its caller has another version of {}", missing.value(py), self.task_id);
            error::make(py, "SerializationError", (ARGUMENTS, text))
        })
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
fn fitting(py: Python<'_>, name: &str, size: usize, before: usize) -> PyResult<usize> {
    if size <= LARGEST.saturating_sub(before) {
        return Ok(size);
    }
    let beside = if before > LARGEST / 64 { format!(", beside {before} of other arguments") } else { String::new() };
    let text = format!(
        "takes {size} bytes{beside}; at most {LARGEST} (64 MiB) travel with a call: pass what says where it is \
         (a path, a key), or split it over several calls"
    );
    Err(error::make(py, "ArgumentTooLargeError", (format!("args.{name}"), text)))
}
