//! Large values by reference: what stands in a payload in place of them, and how they are had again.
//!
//! A reference is a byte for its kind, the digest of the content, its length, and the head: what would stand before
//! the content if the value travelled inline. So a text and the same bytes are one content and two values.

use std::sync::Arc;

use parking_lot::Mutex;
use pynenc_core::content_cache::ContentCache;
use pynenc_redis::blobs::{Blob, Came, Digest};
use pynenc_redis::link::Bytes;
use pynenc_redis::remote::Remote;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyMemoryView};

use super::content::{self, PyBlobBytes};
use super::pieces::{Pieces, write_number};
use super::{Place, RETURN, TaskWire, damaged, scalar};
use crate::engine::Sent;
use crate::error;
use crate::gil;

/// The kind of a reference, among those of scalars.
pub(super) const REFERENCE: u8 = 8;
const DIGEST_SIZE: usize = 32;

/// A reference about to be written.
pub(super) struct Reference {
    pub(super) head: Vec<u8>,
    pub(super) blob: Blob,
}

impl Reference {
    pub(super) fn written(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(1 + DIGEST_SIZE + 10 + self.head.len());
        out.push(REFERENCE);
        out.extend_from_slice(&self.blob.digest);
        write_number(&mut out, self.blob.content.size() as u64);
        out.extend_from_slice(&self.head);
        out
    }
}

/// A reference as it was read.
struct Named<'a> {
    digest: Digest,
    size: u64,
    head: &'a [u8],
}

fn named(data: &[u8]) -> Result<Named<'_>, &'static str> {
    let (digest, rest) = data.split_first_chunk::<DIGEST_SIZE>().ok_or("a reference is cut short")?;
    let mut pieces = Pieces(rest);
    let size = pieces.number()?;
    Ok(Named { digest: *digest, size, head: pieces.0 })
}

/// A value by the digest of its content, and its head.
type Key = (Digest, Vec<u8>);
type Values = ContentCache<Py<PyAny>, Key>;

/// Where large values are had from, and what was made of them.
pub(crate) struct Source {
    remote: Arc<Remote<Sent>>,
    /// Values that nothing can change, by digest and head.
    values: Mutex<Values>,
}

impl Source {
    pub(crate) fn new(remote: Arc<Remote<Sent>>) -> Self {
        Self { remote, values: Mutex::new(ContentCache::new(0, 0)) }
    }

    /// Keep so many values and bytes from now on; what is kept goes.
    pub(crate) fn limit(&self, count: usize, bytes: u64) {
        let before = std::mem::replace(&mut *self.values.lock(), ContentCache::new(count, bytes));
        drop(before);
        if let Some(blobs) = self.remote.blobs() {
            blobs.shelf.limit(count, bytes);
        }
    }

    /// Forget every value.
    pub(crate) fn clear(&self) {
        let dropped = self.values.lock().clear();
        drop(dropped);
    }

    fn at_hand<'py>(&self, py: Python<'py>, key: &Key, size: u64) -> Option<Bound<'py, PyAny>> {
        let value = self.values.lock().get(key).map(|value| value.clone_ref(py))?;
        if let Some(blobs) = self.remote.blobs() {
            blobs.at_hand(usize::try_from(size).unwrap_or(usize::MAX));
        }
        Some(value.into_bound(py))
    }

    fn keep(&self, key: Key, value: &Bound<'_, PyAny>, size: u64) {
        let digest = key.0;
        let put = self.values.lock().put(key, value.clone().unbind(), size);
        if let Some(blobs) = self.remote.blobs() {
            blobs.put(put);
            blobs.shelf.release(&digest);
        }
    }

    /// Whether a value of this reference can be had without asking the server.
    fn has(&self, reference: &Named<'_>) -> bool {
        let key = (reference.digest, reference.head.to_vec());
        let is_shelved = || self.remote.blobs().is_some_and(|blobs| blobs.shelf.get(&reference.digest).is_some());
        self.values.lock().get(&key).is_some() || is_shelved()
    }

    fn count_decoded(&self) {
        if let Some(blobs) = self.remote.blobs() {
            blobs.tally.decoded.add(1);
        }
    }
}

/// Whether reading an envelope asks nobody.
pub(super) fn is_at_hand(envelope: &[u8], source: &Source) -> bool {
    match envelope.split_first() {
        // What is damaged is told by whoever reads it.
        Some((&REFERENCE, reference)) => named(reference).map_or(true, |reference| source.has(&reference)),
        _ => true,
    }
}

/// Whether a value of this head can be given to everybody: text and bytes, in the core's form or in their own.
fn is_immutable(head: &[u8]) -> bool {
    matches!(head, [scalar::TEXT] | [scalar::BYTES] | b"Rs" | b"Rb")
}

impl TaskWire {
    /// The value that a reference names.
    pub(super) fn resolve<'py>(
        &self,
        py: Python<'py>,
        data: &[u8],
        place: Place<'_>,
        source: Option<&Source>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let Place { path, of, .. } = place;
        let Named { digest, size, head } = named(data).map_err(|why| damaged(py, path, why))?;
        let Some(source) = source else {
            return Err(damaged(py, path, "it names a value that is kept apart, and there is no server to ask"));
        };
        if !is_immutable(head) {
            let (content, came) = content_of(py, source, &digest, size, place)?;
            content::give_back(py, size, came);
            source.count_decoded();
            return self.read_apart(py, head, content, of, path);
        }
        let key = (digest, head.to_vec());
        if let Some(value) = source.at_hand(py, &key, size) {
            return Ok(value);
        }
        let (content, came) = content_of(py, source, &digest, size, place)?;
        // Another thread may have been quicker while this one had let go of the interpreter.
        if let Some(value) = source.at_hand(py, &key, size) {
            return Ok(value);
        }
        source.count_decoded();
        let value = match head {
            [kind] => scalar::of_kind(py, *kind, (*content).as_ref()).map_err(|why| damaged(py, path, &why))?,
            _ => self.read_apart(py, head, Arc::clone(&content), of, path)?,
        };
        source.keep(key, &value, size);
        drop(content);
        content::give_back(py, size, came);
        Ok(value)
    }

    fn read_apart<'py>(
        &self,
        py: Python<'py>,
        head: &[u8],
        content: Bytes,
        of: &str,
        path: &str,
    ) -> PyResult<Bound<'py, PyAny>> {
        let bytes = Bound::new(py, PyBlobBytes(content))?;
        let view = PyMemoryView::from(bytes.as_any())?;
        self.codec.bind(py).call_method1(intern!(py, "read_apart"), (PyBytes::new(py, head), view, of, path))
    }
}

fn content_of(
    py: Python<'_>,
    source: &Source,
    digest: &Digest,
    size: u64,
    place: Place<'_>,
) -> PyResult<(Bytes, Came)> {
    let found = gil::ask(py, || source.remote.content(digest, size))?;
    let Some((content, came)) = found else {
        let why = "it was flushed, restarted without its data, or made room";
        if place.of == RETURN {
            let text = format!("its result of {size} bytes is no longer on the server: {why}");
            return Err(error::make(py, "ResultExpired", (place.id.to_string(), text)));
        }
        let text = format!("its {size} bytes are no longer on the server: {why}; call again, and they are sent again");
        return Err(error::make(py, "ArgumentUnavailableError", (place.path, text)));
    };
    if (*content).as_ref().len() as u64 != size {
        return Err(damaged(py, place.path, "a reference is of another size than its value"));
    }
    Ok((content, came))
}
