//! The bytes of large values as they lie in Python's memory, and as they come from a server.

use std::ffi::c_int;
use std::slice;
use std::sync::Arc;

use pynenc_core::fingerprint::content_digest;
use pynenc_redis::blobs::{Blob, Came, Content, Digest};
use pynenc_redis::link::Bytes;
use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::PyBufferError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyMemoryView};

use super::{Known, copying};
use crate::fingerprint;
use crate::gil;

/// Bytes inside an object that is kept; nothing changes them, or whoever reads them sees to that.
struct Frozen {
    _owner: Py<PyAny>,
    start: *const u8,
    size: usize,
}

// SAFETY: the bytes never move while the owner is kept; the owner itself is not touched without
// the interpreter, for pyo3 puts off dropping it until somebody has that.
unsafe impl Send for Frozen {}
// SAFETY: as above.
unsafe impl Sync for Frozen {}

impl AsRef<[u8]> for Frozen {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: `frozen` took both from a slice that lives as long as the owner.
        unsafe { slice::from_raw_parts(self.start, self.size) }
    }
}

impl Content for Frozen {
    fn size(&self) -> usize {
        self.size
    }

    fn bytes(self: Arc<Self>) -> Option<Bytes> {
        Some(self)
    }
}

fn frozen(owner: &Bound<'_, PyAny>, content: &[u8]) -> Frozen {
    Frozen { _owner: owner.clone().unbind(), start: content.as_ptr(), size: content.len() }
}

/// Bytes that somebody may change, of which the server has had the digest: read only if it has lost them.
///
/// It keeps a memoryview and no buffer: that would take the interpreter in order to be dropped, wherever that is.
struct Changing {
    at: Frozen,
    digest: Digest,
}

impl Content for Changing {
    fn size(&self) -> usize {
        self.at.size
    }

    fn bytes(self: Arc<Self>) -> Option<Bytes> {
        let copy = self.at.as_ref().to_vec();
        (content_digest(&copy) == self.digest).then(|| Arc::new(copy) as Bytes)
    }
}

/// The memory of a contiguous buffer. Another thread may write to it meanwhile, so whoever needs bytes that hold
/// still takes a copy, and the digest of that.
fn in_place(buffer: &PyUntypedBuffer) -> &[u8] {
    match buffer.len_bytes() {
        0 => &[],
        // SAFETY: the buffer is contiguous, so its memory is this long, and exported as long as `buffer` lives.
        size => unsafe { slice::from_raw_parts(buffer.buf_ptr().cast::<u8>(), size) },
    }
}

/// The content of an exact `bytes` or `str`, without a copy; `lasting`: the caller's own, so its digest is remembered.
pub(super) fn of_immutable(owner: &Bound<'_, PyAny>, content: &[u8], lasting: bool) -> Blob {
    let digest = fingerprint::of_content(owner.py(), content, lasting.then_some(owner));
    Blob { digest, content: Arc::new(frozen(owner, content)) }
}

/// The content of a buffer: without a copy if nothing can change it, or if the server has it already and the caller
/// waits until it has said so.
pub(super) fn of_buffer(object: &Bound<'_, PyAny>, known: Known<'_>) -> PyResult<Blob> {
    let py = object.py();
    if let Ok(bytes) = object.cast_exact::<PyBytes>() {
        return Ok(of_immutable(object, bytes.as_bytes(), false));
    }
    let buffer = PyUntypedBuffer::get(object)?;
    if !buffer.is_c_contiguous() {
        return Err(PyBufferError::new_err("a serializer gave a buffer that is not contiguous"));
    }
    let content = in_place(&buffer);
    if buffer.readonly()
        && let Some(owner) = fingerprint::owner_of(object, content)
    {
        return Ok(of_immutable(owner.as_any(), content, true));
    }
    // What nobody has met is copied at once: hashed where it lies, it would be hashed twice.
    if known.waits && known.blobs.seems_met(content) {
        let digest = fingerprint::of_content(py, content, None);
        if known.blobs.is_known(&digest) {
            let view = PyMemoryView::from(object)?;
            return Ok(Blob { digest, content: Arc::new(Changing { at: frozen(view.as_any(), content), digest }) });
        }
    }
    // What is sent is what the digest is of, whatever happens to the original.
    Ok(gil::release(py, || copying::copied(content)))
}

/// Note the digest of what a serializer gave, if that is the memory of the value itself.
pub(super) fn note(value: &Bound<'_, PyAny>, body: &Bound<'_, PyAny>, blob: &Blob, known: Known<'_>) {
    let Some(hashed) = known.hashed else { return };
    let (Ok(own), Ok(given)) = (PyUntypedBuffer::get(value), PyUntypedBuffer::get(body)) else { return };
    let is_same = (own.buf_ptr(), own.len_bytes()) == (given.buf_ptr(), given.len_bytes());
    if is_same && own.is_c_contiguous() && given.is_c_contiguous() {
        hashed.note(in_place(&own), blob.digest);
    }
}

/// Copy what a serializer has written.
pub(super) fn copy_of(object: &Bound<'_, PyAny>, out: &mut [u8]) -> PyResult<()> {
    let buffer = PyUntypedBuffer::get(object)?;
    let content = in_place(&buffer);
    if !buffer.is_c_contiguous() || content.len() != out.len() {
        return Err(PyBufferError::new_err("a serializer gave a buffer that is not contiguous bytes"));
    }
    out.copy_from_slice(content);
    Ok(())
}

/// From how many bytes on memory that a value has needed on its way is given back at once.
const GIVE_BACK_FROM: u64 = 4 << 20;

/// Give back what a value that was fetched has left behind. The C library keeps pieces of the size of the largest that
/// was ever freed, for the next one: a worker would hold each value of 20 MB twice.
pub(super) fn give_back(py: Python<'_>, size: u64, came: Came) {
    if came == Came::FromThere && size >= GIVE_BACK_FROM {
        gil::release(py, trim);
    }
}

fn trim() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it gives free pages back to the system, and takes the allocator's own locks.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Bytes that came from a server, for Python to look at without a copy.
#[pyclass(name = "BlobBytes", module = "pynenc._core", frozen)]
pub(super) struct PyBlobBytes(pub(super) Bytes);

#[pymethods]
impl PyBlobBytes {
    // SAFETY: the view is filled in by the interpreter, keeps this object, and through it the bytes, which never
    // change: it is read-only.
    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        let bytes = (*slf.get().0).as_ref();
        let size = ffi::Py_ssize_t::try_from(bytes.len())?;
        // SAFETY: `view` is the interpreter's, and the memory is as long as is said.
        let failed =
            unsafe { ffi::PyBuffer_FillInfo(view, slf.as_ptr(), bytes.as_ptr().cast_mut().cast(), size, 1, flags) };
        if failed == -1 { Err(PyErr::fetch(slf.py())) } else { Ok(()) }
    }
}
