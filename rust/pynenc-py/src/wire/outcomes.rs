//! How a run ended: as bytes, and back.

use pynenc_core::id::InvocationId;
use pynenc_redis::blobs::Packed;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::pieces::{Pieces, write_number};
use super::reference::is_at_hand;
use super::{Known, LARGEST, Place, RETURN, Source, TaskWire, VERSION, blobs, damaged};
use crate::error;

const RESULT: &str = "result";
const ERROR: &str = "error";

impl TaskWire {
    /// What a body returned.
    pub(crate) fn encode_result(
        &self,
        value: &Bound<'_, PyAny>,
        id: InvocationId,
        attempt: u32,
        known: Option<Known<'_>>,
    ) -> PyResult<Packed> {
        let py = value.py();
        let mut body = head(attempt);
        let envelope = self.envelope(value, RESULT, known).map_err(|refused| of_result(py, refused))?;
        let size = envelope.size(py);
        let (size, most, are) = match envelope.content_size() {
            Some(content) => (content, blobs::LARGEST, "(512 MiB) are stored as one value"),
            None => (size, LARGEST, "(64 MiB) travel as a result, when the argument cache is disabled"),
        };
        if size > most {
            let text = format!(
                "takes {size} bytes; at most {most} {are}: return what says where it is (a path, a key), or return it \
                 in parts"
            );
            return Err(error::make(py, "ResultSerializationError", (RESULT, text)));
        }
        envelope.write(py, &mut body);
        let blobs = envelope.blob().into_iter().collect();
        Ok(Packed { payload: self.sealed(py, body, id, RESULT)?, blobs })
    }

    /// What a body raised.
    pub(crate) fn encode_error(&self, raised: &Bound<'_, PyAny>, id: InvocationId, attempt: u32) -> PyResult<Vec<u8>> {
        let py = raised.py();
        let mut body = head(attempt);
        let written = self.codec.bind(py).call_method1(intern!(py, "write_error"), (raised,))?;
        body.extend_from_slice(written.cast::<PyBytes>()?.as_bytes());
        self.sealed(py, body, id, ERROR)
    }

    pub(crate) fn decode_result<'py>(
        &self,
        py: Python<'py>,
        data: &[u8],
        id: InvocationId,
        source: Option<&Source>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let envelope = self.behind_attempt(py, data, id, RESULT)?;
        self.read(py, envelope, Place { of: RETURN, path: RESULT, id }, source)
    }

    /// Whether reading a result asks nobody.
    pub(crate) fn is_result_at_hand(&self, py: Python<'_>, data: &[u8], id: InvocationId, source: &Source) -> bool {
        // What cannot be opened is told by whoever reads it.
        self.behind_attempt(py, data, id, RESULT).map_or(true, |envelope| is_at_hand(envelope, source))
    }

    /// The error that a body raised, to be raised again.
    pub(crate) fn decode_error<'py>(
        &self,
        py: Python<'py>,
        data: &[u8],
        id: InvocationId,
    ) -> PyResult<Bound<'py, PyAny>> {
        let envelope = self.behind_attempt(py, data, id, ERROR)?;
        self.codec.bind(py).call_method1(intern!(py, "read_error"), (PyBytes::new(py, envelope),))
    }

    fn behind_attempt<'a>(
        &self,
        py: Python<'_>,
        data: &'a [u8],
        id: InvocationId,
        purpose: &str,
    ) -> PyResult<&'a [u8]> {
        let mut pieces = Pieces(self.opened(py, data, id, purpose)?);
        pieces.number().map_err(|why| damaged(py, purpose, why))?;
        Ok(pieces.0)
    }
}

fn head(attempt: u32) -> Vec<u8> {
    let mut body = vec![VERSION];
    write_number(&mut body, u64::from(attempt));
    body
}

/// A value that cannot be written is the body's fault here, and not its caller's.
fn of_result(py: Python<'_>, refused: PyErr) -> PyErr {
    let value = refused.value(py);
    let field = |name| value.getattr(name).and_then(|field| field.extract::<String>());
    match (field("path"), field("message")) {
        (Ok(path), Ok(message)) => {
            let error = error::make(py, "ResultSerializationError", (path, message));
            error.set_cause(py, Some(refused));
            error
        }
        _ => refused,
    }
}
