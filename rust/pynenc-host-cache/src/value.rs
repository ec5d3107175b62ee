//! What a caller gets: the bytes of a value, shared with the other processes of the host where that works.

use std::fs::File;
use std::ops::Deref;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use memmap2::{Mmap, MmapOptions};
use rustix::fs::{self, FileType, Mode, OFlags, Timespec, Timestamps, UTIME_NOW};

use crate::Owned;

/// The mode of a value that is complete; one being written has another.
pub(crate) const SEALED: Mode = Mode::RUSR;
const PERMISSIONS: Mode = Mode::RWXU.union(Mode::RWXG).union(Mode::RWXO);

/// The bytes of a value. Clones are the same bytes; they stay valid when the value leaves the cache.
#[derive(Clone)]
pub struct Shared(Arc<Bytes>);

enum Bytes {
    Mapped(Mmap),
    Private(Owned),
}

impl Shared {
    pub(crate) fn private(bytes: Owned) -> Self {
        Self(Arc::new(Bytes::Private(bytes)))
    }

    /// Whether other processes may hold the same memory.
    #[must_use]
    pub fn is_mapped(&self) -> bool {
        matches!(*self.0, Bytes::Mapped(_))
    }
}

impl Deref for Shared {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &*self.0 {
            Bytes::Mapped(map) => map,
            Bytes::Private(bytes) => (**bytes).as_ref(),
        }
    }
}

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

/// For who holds bytes of any kind.
impl From<Shared> for Owned {
    fn from(shared: Shared) -> Self {
        match &*shared.0 {
            Bytes::Private(bytes) => Self::clone(bytes),
            Bytes::Mapped(_) => Arc::new(shared),
        }
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Shared({} bytes, {})", self.len(), if self.is_mapped() { "mapped" } else { "private" })
    }
}

/// Map the complete value `name` of `folder`, and note that it was used. `None`: it is not there, or not as it must be;
/// its length too, where that is known.
pub(crate) fn find(folder: &OwnedFd, name: &str, length: Option<u64>) -> Option<Shared> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = fs::openat(folder, name, flags, Mode::empty()).ok()?;
    let found = fs::fstat(&file).ok()?;
    let as_it_must_be = FileType::from_raw_mode(found.st_mode) == FileType::RegularFile
        && Mode::from_raw_mode(found.st_mode) & PERMISSIONS == SEALED
        && found.st_uid == rustix::process::geteuid().as_raw()
        && length.is_none_or(|length| u64::try_from(found.st_size) == Ok(length));
    // Nothing can be mapped of an empty file.
    if !as_it_must_be || found.st_size == 0 {
        return None;
    }
    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    let _ = fs::futimens(&file, &Timestamps { last_access: now, last_modification: now });
    map(file, usize::try_from(found.st_size).ok()?)
}

#[allow(unsafe_code, reason = "a file is mapped here, and nowhere else")]
fn map(file: OwnedFd, length: usize) -> Option<Shared> {
    // SAFETY: nobody changes or truncates the file while it is mapped. It lies in a directory of mode 0700 that
    // belongs to this user (checked on the descriptor through which the file was opened), so no other user reaches
    // it. Of this user, only this crate writes there: under another name, through a descriptor that is closed before
    // anybody maps the file, and that was the last to be opened for writing, since the file has had mode 0400 from
    // before it got its name. From then on it is only unlinked, which leaves its content to those who map it. A
    // process of the same user (or root) that breaks these rules on purpose could as well write into our memory
    // through a debugger's interface: the system draws no line there.
    let mapped = unsafe { MmapOptions::new().len(length).map(&File::from(file)) };
    Some(Shared(Arc::new(Bytes::Mapped(mapped.ok()?))))
}
