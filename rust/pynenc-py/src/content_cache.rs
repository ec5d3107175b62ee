//! `ContentCache`: the bounded cache of the core, holding Python objects.

use parking_lot::Mutex;
use pynenc_core::content_cache;
use pyo3::exceptions::PyValueError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::convert::DigestBytes;

/// Bounded, thread-safe LRU from a 32-byte digest to an object.
///
/// Objects leave the cache after the lock is given back: a drop may run any code, this cache's own
/// methods included.
#[pyclass(frozen, module = "pynenc._core")]
pub(crate) struct ContentCache {
    entries: Mutex<content_cache::ContentCache<Py<PyAny>>>,
}

#[pymethods]
impl ContentCache {
    #[new]
    #[pyo3(signature = (*, max_count, max_bytes))]
    fn new(max_count: i64, max_bytes: i64) -> PyResult<Self> {
        let count = not_negative("max_count", max_count)?;
        let bytes = not_negative("max_bytes", max_bytes)?;
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        Ok(Self { entries: Mutex::new(content_cache::ContentCache::new(count, bytes)) })
    }

    /// The object under `digest`, which is now the most recently used one; `None`: not there.
    #[pyo3(signature = (digest, /))]
    fn get(&self, py: Python<'_>, digest: DigestBytes) -> Option<Py<PyAny>> {
        self.entries.lock().get(&digest.0).map(|value| value.clone_ref(py))
    }

    /// Keep `value`, which weighs `size` bytes. ``False`` when the digest was there already or the
    /// value alone is over `max_bytes`.
    #[pyo3(signature = (digest, value, size, /))]
    fn put(&self, digest: DigestBytes, value: Py<PyAny>, size: i64) -> PyResult<bool> {
        let size = not_negative("size", size)?;
        let outcome = self.entries.lock().put(digest.0, value, size);
        Ok(outcome.stored)
    }

    /// Take the entry out; `False`: it was not there.
    #[pyo3(signature = (digest, /))]
    fn remove(&self, digest: DigestBytes) -> bool {
        let removed = self.entries.lock().remove(&digest.0);
        removed.is_some()
    }

    /// Empty the cache; the counters stay.
    fn clear(&self) {
        let removed = self.entries.lock().clear();
        drop(removed);
    }

    fn __len__(&self) -> usize {
        self.entries.lock().len()
    }

    /// Sum of the sizes of what is kept.
    #[getter]
    fn bytes(&self) -> u64 {
        self.entries.lock().bytes()
    }

    /// `hits`, `misses`, `evictions`, `bytes_saved` since creation.
    fn counters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let counters = self.entries.lock().counters();
        let dict = PyDict::new(py);
        dict.set_item("hits", counters.hits)?;
        dict.set_item("misses", counters.misses)?;
        dict.set_item("evictions", counters.evictions)?;
        dict.set_item("bytes_saved", counters.bytes_saved)?;
        Ok(dict)
    }

    fn __repr__(&self) -> String {
        let entries = self.entries.lock();
        format!("<ContentCache: {} entries, {} bytes>", entries.len(), entries.bytes())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // The collector may run while an entry is being stored; then it sees the cache next time.
        match self.entries.try_lock() {
            Some(entries) => entries.iter().try_for_each(|(_, value)| visit.call(value)),
            None => Ok(()),
        }
    }

    fn __clear__(&self) {
        self.clear();
    }
}

fn not_negative(name: &str, value: i64) -> PyResult<u64> {
    u64::try_from(value).map_err(|_| PyValueError::new_err(format!("{name} must be 0 or more, got {value}")))
}
