//! The identity fast path: content of the same immutable object is not hashed twice.
//!
//! Only content that nothing can change comes here: an exact `str` or `bytes`, or a part of an exact
//! `bytes`. While an entry stands it holds a reference to the owner, so the address cannot be used
//! by anything else. References are dropped when no lock is held: a drop may run any code.

use parking_lot::Mutex;
use pynenc_core::content_cache::{ContentCache, Put};
use pynenc_core::fingerprint::{Digest, INLINE_LIMIT};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

const MAX_COUNT: usize = 256;
const MAX_BYTES: u64 = 128 * 1024 * 1024;

/// An owner of this size makes the table look for owners that nobody else needs any more.
const SWEEP_FROM: u64 = 1024 * 1024;

/// Where content lives.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Place {
    Data { address: usize, size: usize },
    Object { address: usize },
}

impl Place {
    pub(super) fn of_data(data: &[u8]) -> Self {
        Self::Data { address: data.as_ptr() as usize, size: data.len() }
    }

    pub(super) fn of_object(object: &Bound<'_, PyAny>) -> Self {
        Self::Object { address: object.as_ptr() as usize }
    }
}

struct Remembered {
    owner: Py<PyAny>,
    digest: Digest,
}

type Table = ContentCache<Remembered, Place>;

static TABLE: Mutex<Option<Table>> = Mutex::new(None);

fn with_table<T>(work: impl FnOnce(&mut Table) -> T) -> T {
    work(TABLE.lock().get_or_insert_with(|| ContentCache::new(MAX_COUNT, MAX_BYTES)))
}

/// The digest remembered for `place`, else the one that `hash` finds, from now on remembered.
///
/// `owner` keeps the content alive and unchanged: the caller made sure of that.
pub(super) fn or_else<E>(
    owner: &Bound<'_, PyAny>,
    place: Place,
    hash: impl FnOnce() -> Result<Digest, E>,
) -> Result<Digest, E> {
    if let Some(digest) = with_table(|table| table.get(&place).map(|known| known.digest)) {
        return Ok(digest);
    }
    let digest = hash()?;
    let size = kept_alive(owner);
    if size >= SWEEP_FROM {
        sweep(owner.py());
    }
    let entry = Remembered { owner: owner.clone().unbind(), digest };
    let Put { dropped, .. } = with_table(|table| table.put(place, entry, size));
    drop(dropped);
    Ok(digest)
}

/// Forget everything.
pub(super) fn forget() {
    let dropped = with_table(ContentCache::clear);
    drop(dropped);
}

/// Bytes of memory that a reference to the owner holds; a str counts with its code points.
fn kept_alive(owner: &Bound<'_, PyAny>) -> u64 {
    owner.len().unwrap_or(INLINE_LIMIT) as u64
}

/// Drop the owners to which only the table refers: nobody can ask for them again.
fn sweep(py: Python<'_>) {
    let held: Vec<(Place, Py<PyAny>)> =
        with_table(|table| table.iter().map(|(place, known)| (*place, known.owner.clone_ref(py))).collect());
    let Ok(unshared) = unshared(py, &held) else { return };
    let dropped: Vec<_> = with_table(|table| unshared.iter().filter_map(|place| table.remove(place)).collect());
    drop(dropped);
}

fn unshared(py: Python<'_>, held: &[(Place, Py<PyAny>)]) -> PyResult<Vec<Place>> {
    let count = py.import("sys")?.getattr("getrefcount")?;
    // What `getrefcount` says of an object with two references, as those of the table and `held`.
    let one = PyBytes::new(py, &[0; INLINE_LIMIT]).into_any().unbind();
    let two = one.clone_ref(py);
    let alone: usize = count.call1((&two,))?.extract()?;
    drop(one);
    let mut found = Vec::new();
    for (place, owner) in held {
        if count.call1((owner,))?.extract::<usize>()? <= alone {
            found.push(*place);
        }
    }
    Ok(found)
}
