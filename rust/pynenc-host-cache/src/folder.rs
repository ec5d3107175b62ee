//! The folder of one engine and app.
//!
//! Each process that uses it holds a shared lock on the folder itself. A lock ends with its process, so whoever gets
//! the exclusive one knows that nobody is there: then what lies in the folder was left by a crash, or, at the end of
//! the last one, is of no use to anybody. A folder that was removed while it was being opened is found out by its
//! place after the lock is held, and opened anew.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{self, AtFlags, FlockOperation};

use crate::directory;
use crate::off::Reason;

/// How often opening is tried while others clean, and for how long each time is waited.
const TRIES: u32 = 400;
const PAUSE: Duration = Duration::from_millis(5);
/// Folders of others that one start looks at.
const SWEPT: usize = 64;
const NAME_LENGTH: usize = 32;

/// The folder, held by this process.
pub(crate) struct Folder {
    above: OwnedFd,
    root: OwnedFd,
    root_name: String,
    name: String,
    directory: OwnedFd,
    /// A forked child shares the lock, and must not clean its parent's folder.
    home: u32,
}

impl Folder {
    /// The folder for `scope` in the user's directory below `above`.
    pub(crate) fn open(above: &Path, scope: &str) -> Result<Self, Reason> {
        let above = directory::open_above(above)?;
        let root_name = directory::name_of_root();
        let name = name_of(scope);
        for _ in 0..TRIES {
            // The root is opened again each time: the last one to leave removes it too.
            let root = match directory::open_private(&above, &root_name) {
                Ok(root) => root,
                Err(reason) if has_vanished(&reason) => continue,
                Err(reason) => return Err(reason),
            };
            match hold(&root, &name) {
                Ok(Some(directory)) => {
                    sweep(&root, &name);
                    return Ok(Self { above, root, root_name, name, directory, home: std::process::id() });
                }
                Ok(None) => std::thread::sleep(PAUSE),
                Err(reason) if has_vanished(&reason) => {}
                Err(reason) => return Err(reason),
            }
        }
        Err(Reason::Busy)
    }

    pub(crate) fn directory(&self) -> &OwnedFd {
        &self.directory
    }

    /// Whether somebody has removed it.
    pub(crate) fn is_gone(&self) -> bool {
        !directory::is_still(&self.root, &self.name, &self.directory)
    }

    pub(crate) fn is_inherited(&self) -> bool {
        self.home != std::process::id()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.is_inherited() && remove_if_unused(&self.root, &self.name, &self.directory) {
            // Refused unless it is empty.
            let _ = fs::unlinkat(&self.above, &*self.root_name, AtFlags::REMOVEDIR);
        }
    }
}

/// The name says nothing about the address, which may hold a password.
fn name_of(scope: &str) -> String {
    let mut name = blake3::hash(scope.as_bytes()).to_hex().to_string();
    name.truncate(NAME_LENGTH);
    name
}

fn has_vanished(reason: &Reason) -> bool {
    matches!(reason, Reason::System(error) if error.kind() == std::io::ErrorKind::NotFound)
}

/// Open the folder and hold the shared lock; `None`: somebody cleans it right now, or has removed it.
fn hold(root: &OwnedFd, name: &str) -> Result<Option<OwnedFd>, Reason> {
    let folder = directory::open_private(root, name)?;
    if lock(&folder, FlockOperation::NonBlockingLockExclusive)? {
        empty(&folder);
    }
    // What was an exclusive lock is given up before this one is there: somebody may clean in between, and remove it.
    let held = lock(&folder, FlockOperation::NonBlockingLockShared)? && directory::is_still(root, name, &folder);
    Ok(held.then_some(folder))
}

fn lock(folder: &OwnedFd, how: FlockOperation) -> Result<bool, Reason> {
    match fs::flock(folder, how) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

/// Remove the folders in which nobody is any more.
fn sweep(root: &OwnedFd, own: &str) {
    let is_folder = |name: &String| name.len() == NAME_LENGTH && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    let others = directory::names(root).into_iter().filter(|name| is_folder(name) && name != own);
    for name in others.take(SWEPT) {
        if let Some(folder) = directory::open_existing(root, &name) {
            remove_if_unused(root, &name, &folder);
        }
    }
}

/// Remove a folder unless another process holds it; whether it is gone.
fn remove_if_unused(root: &OwnedFd, name: &str, folder: &OwnedFd) -> bool {
    let alone = matches!(lock(folder, FlockOperation::NonBlockingLockExclusive), Ok(true));
    if !alone || !directory::is_still(root, name, folder) {
        return false;
    }
    empty(folder);
    fs::unlinkat(root, name, AtFlags::REMOVEDIR).is_ok()
}

/// What is mapped somewhere stays valid: only the names go.
fn empty(folder: &OwnedFd) {
    for name in directory::names(folder) {
        let _ = fs::unlinkat(folder, &*name, AtFlags::empty());
    }
}
