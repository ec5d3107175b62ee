//! A value being written.
//!
//! It has a name of its own and a lock. Whoever holds the lock writes; the lock ends with its holder, so a part
//! without one was torn by a crash, and is begun anew by whoever comes next. Only a complete value gets its name.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{self, AtFlags, FlockOperation, Mode, OFlags};

use crate::directory;
use crate::folder::Folder;
use crate::space::Space;
use crate::value::{self, SEALED, Shared};

/// What the name of a part ends with.
pub(crate) const SUFFIX: &str = ".part";
/// How long a waiter sleeps before it asks whether it may go on.
const SLICE: Duration = Duration::from_millis(50);
const OPEN: OFlags = OFlags::RDWR.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Whose turn it is.
pub(crate) enum Turn<'a> {
    /// The caller's: it fetches and writes.
    Mine(Part<'a>),
    /// Nobody's: the value is there.
    Filled(Shared),
    /// Another's, for longer than the caller waits.
    Late,
}

/// The value under `name` if it is there, else the right to write it, else a wait for whoever has that right.
///
/// `keep_waiting` gets the time waited so far.
pub(crate) fn turn<'a>(
    folder: &'a Folder,
    name: &'a str,
    length: Option<u64>,
    mut keep_waiting: impl FnMut(Duration) -> bool,
) -> io::Result<Turn<'a>> {
    let began = Instant::now();
    loop {
        if let Some(found) = value::find(folder.directory(), name, length) {
            return Ok(Turn::Filled(found));
        }
        match Part::take(folder, name, length)? {
            Taken::Mine(part) => return Ok(Turn::Mine(part)),
            Taken::Filled(found) => return Ok(Turn::Filled(found)),
            Taken::Held(by_another) => {
                if !wait_for(by_another, || keep_waiting(began.elapsed())) {
                    return Ok(Turn::Late);
                }
            }
        }
    }
}

/// What came of reaching for a part.
pub(crate) enum Taken<'a> {
    /// Nobody else has it, and the value is not there.
    Mine(Part<'a>),
    /// The value became complete meanwhile.
    Filled(Shared),
    /// The part, locked by another.
    Held(OwnedFd),
}

/// The part of one value, locked.
pub(crate) struct Part<'a> {
    folder: &'a Folder,
    name: &'a str,
    part: String,
    file: OwnedFd,
    complete: bool,
}

impl<'a> Part<'a> {
    /// The part of `name`, whose value has `length` bytes where that is known.
    pub(crate) fn take(folder: &'a Folder, name: &'a str, length: Option<u64>) -> io::Result<Taken<'a>> {
        let part = format!("{name}{SUFFIX}");
        loop {
            let flags = OPEN | OFlags::CREATE;
            let file = fs::openat(folder.directory(), &*part, flags, Mode::RUSR | Mode::WUSR)?;
            if !lock(&file)? {
                return Ok(Taken::Held(file));
            }
            // Between the opening and the lock it may have got the value's name, or none.
            if directory::is_still(folder.directory(), &part, &file) {
                let mine = Self { folder, name, part, file, complete: false };
                // If the value is there, the part was made after the value got its name, and is removed.
                return Ok(match value::find(folder.directory(), name, length) {
                    Some(found) => Taken::Filled(found),
                    None => Taken::Mine(mine),
                });
            }
        }
    }

    pub(crate) fn folder(&self) -> &OwnedFd {
        self.folder.directory()
    }

    /// Say how large it is going to be, so that others see what is spoken for. What a crash left in it is no more.
    pub(crate) fn announce(&self, length: u64) -> io::Result<()> {
        fs::ftruncate(&self.file, 0)?;
        Ok(fs::ftruncate(&self.file, length)?)
    }

    /// A way to write all of its `length` bytes before [`Self::name`].
    pub(crate) fn space(&self, length: u64) -> io::Result<Space> {
        Space::of(&self.file, length)
    }

    /// Whether this is the name of it.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        self.part == name
    }

    /// Write all of it, and give it the value's name.
    pub(crate) fn complete(self, bytes: &[u8]) -> io::Result<()> {
        let mut file = File::from(self.file.try_clone()?);
        file.write_all(bytes)?;
        self.name()
    }

    /// Give it the value's name: all of it was written.
    pub(crate) fn name(mut self) -> io::Result<()> {
        fs::fchmod(&self.file, SEALED)?;
        fs::renameat(self.folder(), &*self.part, self.folder(), self.name)?;
        self.complete = true;
        Ok(())
    }
}

impl Drop for Part<'_> {
    fn drop(&mut self) {
        if !self.complete {
            // Under the lock: nobody else can have begun it anew.
            let _ = fs::unlinkat(self.folder(), &*self.part, AtFlags::empty());
        }
    }
}

/// Remove a part that nobody writes any more; whether it is gone.
pub(crate) fn remove_torn(folder: &OwnedFd, part: &str) -> bool {
    let Ok(file) = fs::openat(folder, part, OPEN, Mode::empty()) else { return true };
    let torn = matches!(lock(&file), Ok(true)) && directory::is_still(folder, part, &file);
    torn && fs::unlinkat(folder, part, AtFlags::empty()).is_ok()
}

fn lock(file: &OwnedFd) -> io::Result<bool> {
    match fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

/// Wait until nobody holds the lock; `false`: the caller does not want to any more.
///
/// The kernel has no wait for a lock that ends after a time. So a thread waits without an end, and the caller for the
/// thread; if the caller gives up, the thread ends when the holder does. Nobody asks the file again and again.
fn wait_for(file: OwnedFd, mut keep_waiting: impl FnMut() -> bool) -> bool {
    let (tell, told) = mpsc::channel();
    let waiter = thread::Builder::new().name("pynenc-host-cache".to_owned()).spawn(move || {
        let _ = fs::flock(file.as_fd(), FlockOperation::LockExclusive);
        drop(file);
        let _ = tell.send(());
    });
    if waiter.is_err() {
        return false;
    }
    loop {
        match told.recv_timeout(SLICE) {
            Ok(()) | Err(mpsc::RecvTimeoutError::Disconnected) => return true,
            Err(mpsc::RecvTimeoutError::Timeout) if !keep_waiting() => return false,
            Err(mpsc::RecvTimeoutError::Timeout) => {}
        }
    }
}
