//! Memory for large values.
//!
//! It is fresh mostly, and the system gives out each page of it at the first write: that takes several times as long as
//! copying the value there. So it is asked for as a whole.

use std::ptr;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// From how many bytes on it matters.
const FROM: usize = 4 << 20;

/// Room for so many bytes.
pub(super) fn room(size: usize) -> Vec<u8> {
    let mut room = Vec::with_capacity(size);
    if size >= FROM {
        at_once(room.as_mut_ptr(), size);
    }
    room
}

/// A `bytes` of this content.
pub(super) fn bytes_of<'py>(py: Python<'py>, content: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    if content.len() < FROM {
        return Ok(PyBytes::new(py, content));
    }
    let size = ffi::Py_ssize_t::try_from(content.len())?;
    // SAFETY: without a source the object is new, of that size, and nobody else has it: it is filled before it is seen.
    unsafe {
        let bytes = Bound::from_owned_ptr_or_err(py, ffi::PyBytes_FromStringAndSize(ptr::null(), size))?;
        let start = ffi::PyBytes_AsString(bytes.as_ptr()).cast::<u8>();
        at_once(start, content.len());
        ptr::copy_nonoverlapping(content.as_ptr(), start, content.len());
        Ok(bytes.cast_into_unchecked())
    }
}

/// Have the system give out all pages of memory that is about to be written. Where it cannot, it does so one by one.
#[cfg(target_os = "linux")]
pub(super) fn at_once(start: *mut u8, size: usize) {
    /// A multiple of a page, on every machine.
    const PAGES: usize = 64 << 10;
    let before = start.align_offset(PAGES);
    let Some(within) = size.checked_sub(before).map(|rest| rest & !(PAGES - 1)) else { return };
    // SAFETY: these are whole pages of memory that is the caller's, and what they hold stays.
    unsafe {
        libc::madvise(start.wrapping_add(before).cast(), within, libc::MADV_POPULATE_WRITE);
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn at_once(_start: *mut u8, _size: usize) {}
