//! A directory that belongs to this user and that nobody else can enter.
//!
//! Everything below it is reached through its descriptor, never by its path again, so what it was when it was
//! checked is what is used. What is not private is refused, not repaired: whoever made it may hold it open.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{self, AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::off::Reason;
use crate::options::Roots;

const OPEN: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
const PRIVATE: Mode = Mode::RWXU;

/// The directories above the user's own, best first.
///
/// Shared memory comes first although the session's directory is private already: it is the same for all
/// processes of a user (a daemon, a cron job and a terminal have different sessions), and several times larger.
pub(crate) fn above(roots: &Roots) -> Vec<PathBuf> {
    match roots {
        Roots::Below(path) => vec![path.clone()],
        Roots::Standard => {
            let session = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
            let mut all = vec![PathBuf::from("/dev/shm")];
            all.extend(session);
            all.push(std::env::temp_dir());
            all.retain(|path| path.is_dir());
            all
        }
    }
}

/// The user's own directory below `above`, by name; made if it is missing.
pub(crate) fn name_of_root() -> String {
    format!("pynenc-values-{}", rustix::process::geteuid().as_raw())
}

/// Open `above`, in which everybody may make directories but nobody may replace those of others.
pub(crate) fn open_above(above: &Path) -> Result<OwnedFd, Reason> {
    let descriptor = fs::open(above, OPEN, Mode::empty())?;
    let found = fs::fstat(&descriptor)?;
    let mode = Mode::from_raw_mode(found.st_mode);
    let ours = found.st_uid == 0 || found.st_uid == rustix::process::geteuid().as_raw();
    let open_to_others = mode.intersects(Mode::WGRP | Mode::WOTH) && !mode.contains(Mode::SVTX);
    match (ours, open_to_others) {
        (false, _) => Err(Reason::Owner(found.st_uid)),
        (true, true) => Err(Reason::Exposed),
        (true, false) => Ok(descriptor),
    }
}

/// Open the private directory `name` of `above`, making it if it is missing.
pub(crate) fn open_private(above: &OwnedFd, name: &str) -> Result<OwnedFd, Reason> {
    match fs::mkdirat(above, name, PRIVATE) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(errno.into()),
    }
    let descriptor = fs::openat(above, name, OPEN | OFlags::NOFOLLOW, Mode::empty())?;
    check(&fs::fstat(&descriptor)?)?;
    Ok(descriptor)
}

/// Open the private directory `name` of `above` if it is there and as it must be.
pub(crate) fn open_existing(above: &OwnedFd, name: &str) -> Option<OwnedFd> {
    let descriptor = fs::openat(above, name, OPEN | OFlags::NOFOLLOW, Mode::empty()).ok()?;
    check(&fs::fstat(&descriptor).ok()?).ok()?;
    Some(descriptor)
}

#[allow(clippy::useless_conversion, reason = "the width of a mode differs between systems")]
fn check(found: &Stat) -> Result<(), Reason> {
    let mode = Mode::from_raw_mode(found.st_mode) & (Mode::RWXU | Mode::RWXG | Mode::RWXO);
    if found.st_uid != rustix::process::geteuid().as_raw() {
        Err(Reason::Owner(found.st_uid))
    } else if mode != PRIVATE {
        Err(Reason::Mode(mode.as_raw_mode().into()))
    } else {
        Ok(())
    }
}

/// Whether `name` of `above` is still what was opened as `descriptor`.
pub(crate) fn is_still(above: &OwnedFd, name: &str, descriptor: &OwnedFd) -> bool {
    let (Ok(now), Ok(then)) = (fs::statat(above, name, AtFlags::SYMLINK_NOFOLLOW), fs::fstat(descriptor)) else {
        return false;
    };
    (now.st_dev, now.st_ino) == (then.st_dev, then.st_ino)
}

/// A regular file of a directory.
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) size: u64,
    /// When it was last used: seconds and nanoseconds.
    pub(crate) used: (i64, i64),
}

/// The regular files of a directory. What vanishes meanwhile is left out, and what has a name that is no text is
/// not ours.
pub(crate) fn entries(directory: &OwnedFd) -> Vec<Entry> {
    names(directory)
        .into_iter()
        .filter_map(|name| {
            let found = fs::statat(directory, &*name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
            let is_file = FileType::from_raw_mode(found.st_mode) == FileType::RegularFile;
            let (size, used) = (u64::try_from(found.st_size).ok()?, (found.st_mtime, found.st_mtime_nsec as i64));
            is_file.then_some(Entry { name, size, used })
        })
        .collect()
}

/// The names in a directory, but for `.` and `..`.
pub(crate) fn names(directory: &OwnedFd) -> Vec<String> {
    let Ok(all) = fs::Dir::read_from(directory) else { return Vec::new() };
    all.filter_map(|entry| Some(entry.ok()?.file_name().to_str().ok()?.to_owned()))
        .filter(|name| name != "." && name != "..")
        .collect()
}
