//! What a pool counts, where the process that has started this one can read it at any time, even
//! after this one has died.

use std::sync::atomic::{AtomicU64, Ordering};

use pyo3::buffer::PyBuffer;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// The numbers, in the order of `pynenc.runner.supervisor.scoreboard.Tally`.
#[derive(Clone, Copy)]
pub(crate) enum Count {
    /// What the engine calls the worker; 0 before it is known there.
    Worker,
    /// Bodies started so far.
    Started,
    /// Ended well.
    Done,
    /// Ended by an error for good, or called off.
    Failed,
    /// Ended by an error that is to be tried again.
    Retried,
    /// Ended after somebody else had taken over: refused.
    Fenced,
    /// Given back unfinished.
    HandedBack,
    /// 1 when the process has ended itself under a body that would not end.
    Forced,
}

const COUNTS: usize = Count::Forced as usize + 1;

/// The counts of one pool.
pub(crate) enum Board {
    /// Read by nobody but this process.
    Own([AtomicU64; COUNTS]),
    /// In memory that another process has made.
    Shared(PyBuffer<u8>),
}

impl Board {
    /// A board of the pool's own, or in `page`: memory that can be written, at an address that is a
    /// multiple of 8.
    pub(crate) fn new(page: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let Some(page) = page else { return Ok(Self::Own(Default::default())) };
        let buffer = PyBuffer::<u8>::get(page)?;
        let aligned = (buffer.buf_ptr() as usize).is_multiple_of(align_of::<AtomicU64>());
        if buffer.readonly() || !buffer.is_c_contiguous() || !aligned || buffer.len_bytes() < COUNTS * 8 {
            return Err(PyValueError::new_err(format!("a board is {} bytes of aligned, writable memory", COUNTS * 8)));
        }
        Ok(Self::Shared(buffer))
    }

    fn cell(&self, count: Count) -> &AtomicU64 {
        let place = count as usize;
        match self {
            Self::Own(cells) => &cells[place],
            // SAFETY: the buffer is aligned and long enough (looked at in `new`), it is held as long as
            // `self`, and everybody who shares the memory reads and writes whole aligned words.
            Self::Shared(buffer) => unsafe { &*buffer.buf_ptr().cast::<AtomicU64>().add(place) },
        }
    }

    /// The words behind the counts, for the bodies that are under way; none on a board of the pool's own.
    pub(super) fn roster(&self) -> &[AtomicU64] {
        match self {
            Self::Own(_) => &[],
            // SAFETY: as above; the words end within the buffer.
            Self::Shared(buffer) => unsafe {
                let words = buffer.len_bytes() / size_of::<AtomicU64>();
                std::slice::from_raw_parts(buffer.buf_ptr().cast::<AtomicU64>().add(COUNTS), words - COUNTS)
            },
        }
    }

    /// Count one more; how many there are now.
    pub(crate) fn add(&self, count: Count) -> u64 {
        self.cell(count).fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Say how many there are now.
    pub(crate) fn set(&self, count: Count, value: u64) {
        self.cell(count).store(value, Ordering::Relaxed);
    }

    /// All of them.
    pub(crate) fn read(&self) -> Vec<u64> {
        use Count::{Done, Failed, Fenced, Forced, HandedBack, Retried, Started, Worker};
        let all = [Worker, Started, Done, Failed, Retried, Fenced, HandedBack, Forced];
        all.into_iter().map(|count| self.cell(count).load(Ordering::Relaxed)).collect()
    }
}
