//! Buffers: bytearray, memoryview, array.array, numpy arrays and scalars.

use std::slice;

use pynenc_core::fingerprint::{Canonical, INLINE_LIMIT, Tag, element_form};
use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::{PyBufferError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyMemoryView};

use super::fault::{Fault, Outcome};
use super::kind::{self, Kind, Shape};
use super::walk::Walk;

/// Views of views of … are followed this far to their owner.
const MAX_VIEWS: usize = 8;

/// What stands before the data.
struct Header {
    element: String,
    item_size: usize,
    shape: Vec<usize>,
}

impl<'py> Walk<'_, 'py> {
    pub(super) fn buffer(&self, out: &mut Canonical, object: &Bound<'py, PyAny>, kind: &Kind) -> Outcome {
        match PyUntypedBuffer::get(object) {
            Ok(buffer) if buffer.is_c_contiguous() => {
                let written = self.contiguous(out, object, kind, &buffer);
                buffer.release(self.py);
                written
            }
            Ok(buffer) => {
                buffer.release(self.py);
                self.copied(out, object, kind)
            }
            Err(_) => self.copied(out, object, kind),
        }
    }

    /// Hash the memory where it is; the export, which the caller holds, keeps it there.
    fn contiguous(
        &self,
        out: &mut Canonical,
        object: &Bound<'py, PyAny>,
        kind: &Kind,
        buffer: &PyUntypedBuffer,
    ) -> Outcome {
        let format = buffer.format().to_string_lossy();
        let element = match self.element(object, kind, &format, buffer.item_size())? {
            Ok(element) => element,
            Err(why) => return self.extension(out, object, kind, Some(&why)),
        };
        let header = Header { element, item_size: buffer.item_size(), shape: buffer.shape().to_vec() };
        self.header(out, kind, &header);
        let data = match buffer.len_bytes() {
            0 => &[],
            // SAFETY: the buffer is contiguous, so its memory is this long, and exported as long as
            // `buffer` lives. Another thread may write to it meanwhile, as with any hash over a
            // buffer without the GIL (hashlib): the digest is then that of no particular moment,
            // but nothing here depends on the bytes holding still.
            size => unsafe { slice::from_raw_parts(buffer.buf_ptr().cast::<u8>(), size) },
        };
        if data.len() < INLINE_LIMIT {
            out.bytes(data);
            return Ok(());
        }
        let owner = if buffer.readonly() { self.final_owner(object, data) } else { None };
        out.long_bytes(data.len(), &self.content(data, owner.as_ref().map(|owner| owner.as_any())));
        Ok(())
    }

    /// Hash a copy in C order: the buffer has gaps, another order or no dimension.
    fn copied(&self, out: &mut Canonical, object: &Bound<'py, PyAny>, kind: &Kind) -> Outcome {
        let raised = |error| Fault::raised(self.py, "the buffer cannot be read", error);
        let view = match PyMemoryView::from(object) {
            Ok(view) => view,
            Err(error) => return self.unexported(out, object, kind, error),
        };
        let format: String = view.getattr(intern!(self.py, "format")).and_then(|it| it.extract()).map_err(raised)?;
        let item_size = view.getattr(intern!(self.py, "itemsize")).and_then(|it| it.extract()).map_err(raised)?;
        let shape = view.getattr(intern!(self.py, "shape")).and_then(|it| it.extract()).map_err(raised)?;
        let element = match self.element(object, kind, &format, item_size)? {
            Ok(element) => element,
            Err(why) => return self.extension(out, object, kind, Some(&why)),
        };
        self.header(out, kind, &Header { element, item_size, shape });
        // numpy is several times faster than a memoryview at closing gaps.
        let source = if matches!(kind.shape, Shape::NumpyArray) { object } else { view.as_any() };
        self.whole_copy(out, source).map_err(raised)
    }

    fn whole_copy(&self, out: &mut Canonical, source: &Bound<'py, PyAny>) -> PyResult<()> {
        let copy = source.call_method0(intern!(self.py, "tobytes"))?.cast_into::<PyBytes>()?;
        match copy.as_bytes() {
            data if data.len() < INLINE_LIMIT => out.bytes(data),
            data => out.long_bytes(data.len(), &self.content(data, None)),
        }
        Ok(())
    }

    /// numpy does not export dates and durations; their bits and their dtype say it all.
    fn unexported(&self, out: &mut Canonical, object: &Bound<'py, PyAny>, kind: &Kind, error: PyErr) -> Outcome {
        let raised = |error| Fault::raised(self.py, "the array cannot be read", error);
        if !(error.is_instance_of::<PyBufferError>(self.py) || error.is_instance_of::<PyValueError>(self.py)) {
            return Err(raised(error));
        }
        if !matches!(kind.shape, Shape::NumpyArray) || !self.is_dates(object).map_err(raised)? {
            return self.extension(out, object, kind, Some(&error.to_string()));
        }
        let element = self.dtype(object).map_err(raised)?;
        let shape = object.getattr(intern!(self.py, "shape")).and_then(|shape| shape.extract()).map_err(raised)?;
        self.header(out, kind, &Header { element, item_size: 8, shape });
        let bits = object.call_method1(intern!(self.py, "view"), (intern!(self.py, "i8"),)).map_err(raised)?;
        match PyUntypedBuffer::get(&bits) {
            Ok(buffer) if buffer.is_c_contiguous() && buffer.len_bytes() >= INLINE_LIMIT => {
                // SAFETY: as in `contiguous`.
                let data = unsafe { slice::from_raw_parts(buffer.buf_ptr().cast::<u8>(), buffer.len_bytes()) };
                out.long_bytes(data.len(), &self.content(data, None));
                buffer.release(self.py);
                Ok(())
            }
            _ => self.whole_copy(out, &bits).map_err(raised),
        }
    }

    fn header(&self, out: &mut Canonical, kind: &Kind, header: &Header) {
        out.open_named(Tag::Buffer, &kind.type_name);
        out.text(header.element.len(), header.element.as_bytes());
        out.number(header.item_size);
        out.number(header.shape.len());
        for &dimension in &header.shape {
            out.number(dimension);
        }
    }

    /// The form of the elements, or why they cannot be compared by their bits.
    fn element(
        &self,
        object: &Bound<'py, PyAny>,
        kind: &Kind,
        format: &str,
        item_size: usize,
    ) -> Outcome<Result<String, String>> {
        let form = match element_form(format, item_size) {
            Ok(form) => form,
            Err(fault) => return Ok(Err(fault.to_string())),
        };
        if matches!(kind.shape, Shape::Buffer) {
            return Ok(Ok(form));
        }
        // numpy's format depends on where the array lies in memory; its dtype does not.
        let dtype = self.dtype(object).map_err(|error| Fault::raised(self.py, "the dtype cannot be read", error))?;
        Ok(Ok(dtype))
    }

    fn dtype(&self, array: &Bound<'py, PyAny>) -> PyResult<String> {
        let dtype = array.getattr(intern!(self.py, "dtype"))?;
        if dtype.getattr(intern!(self.py, "names"))?.is_none() {
            dtype.getattr(intern!(self.py, "str"))?.extract()
        } else {
            Ok(dtype.getattr(intern!(self.py, "descr"))?.repr()?.to_string())
        }
    }

    fn is_dates(&self, array: &Bound<'py, PyAny>) -> PyResult<bool> {
        let kind: String = array.getattr(intern!(self.py, "dtype"))?.getattr(intern!(self.py, "kind"))?.extract()?;
        Ok(kind == "M" || kind == "m")
    }

    /// The exact `bytes` at the end of a chain of views, when `data` is a part of it.
    pub(super) fn final_owner(&self, view: &Bound<'py, PyAny>, data: &[u8]) -> Option<Bound<'py, PyBytes>> {
        let mut current = view.clone();
        for _ in 0..MAX_VIEWS {
            if let Ok(owner) = current.cast_exact::<PyBytes>() {
                let (whole, part) = (owner.as_bytes().as_ptr_range(), data.as_ptr_range());
                return (whole.start <= part.start && part.end <= whole.end).then(|| owner.clone());
            }
            let kind = kind::of(&current.get_type()).ok()?;
            current = match kind.shape {
                Shape::NumpyArray => current.getattr(intern!(self.py, "base")).ok()?,
                Shape::Buffer => current.getattr(intern!(self.py, "obj")).ok()?,
                _ => return None,
            };
        }
        None
    }
}
