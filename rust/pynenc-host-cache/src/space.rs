//! A part in the hands of whoever fetches: the value is written while it comes, and lies nowhere else.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;

use parking_lot::Mutex;

/// Room for one value of a known length, until the fetch is over.
pub struct Space {
    length: u64,
    /// `None` once nothing can be written any more.
    part: Mutex<Option<Written>>,
}

struct Written {
    file: File,
    length: u64,
}

impl Space {
    pub(crate) fn of(part: &OwnedFd, length: u64) -> io::Result<Self> {
        let file = File::from(part.try_clone()?);
        Ok(Self { length, part: Mutex::new(Some(Written { file, length: 0 })) })
    }

    /// A value of so many bytes comes: for the first time, or from its beginning again. Whether it can be written.
    #[must_use]
    pub fn begin(&self, length: u64) -> bool {
        let mut part = self.part.lock();
        let Some(written) = part.as_mut().filter(|_| length == self.length) else { return false };
        written.length = 0;
        true
    }

    /// Write the next bytes. What has no place ends it, and the value has to be fetched again.
    pub fn write(&self, bytes: &[u8]) {
        let mut part = self.part.lock();
        let Some(written) = &mut *part else { return };
        let after = written.length + bytes.len() as u64;
        if after <= self.length && written.file.write_all_at(bytes, written.length).is_ok() {
            written.length = after;
        } else {
            *part = None;
        }
    }

    /// Let go of the part: who still writes does so in vain. Whether all is there.
    pub(crate) fn close(&self) -> bool {
        self.part.lock().take().is_some_and(|written| written.length == self.length)
    }
}

/// Closes the space whatever becomes of the fetch, also in a panic.
pub(crate) struct Opened<'a>(pub(crate) &'a Space);

impl Drop for Opened<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}
