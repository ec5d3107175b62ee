//! How much is kept: the least recently used values make room for a new one.

use std::os::fd::OwnedFd;

use rustix::fs::{self, AtFlags};

use crate::directory::{self, Entry};
use crate::part::{self, Part, SUFFIX};

/// The part of the file system that the cache may fill, and the part that it leaves free for others, with its most.
const LARGEST_SHARE: u64 = 2;
const LEFT_FREE: u64 = 10;
const LEFT_FREE_MOST: u64 = 1 << 30;

/// The limit of a cache in `folder`: as configured, and no more than its share of the file system.
pub(crate) fn limit(folder: &OwnedFd, configured: u64) -> u64 {
    match fs::fstatvfs(folder) {
        // Shared memory may have no size: then it has no bound of its own.
        Ok(found) if found.f_blocks > 0 => configured.min(found.f_blocks * found.f_frsize / LARGEST_SHARE),
        _ => configured,
    }
}

/// The sizes of all values and announced parts, summed up.
pub(crate) fn used(folder: &OwnedFd) -> u64 {
    directory::entries(folder).iter().map(|entry| entry.size).sum()
}

/// Make room for `length` bytes in `part`; how many values had to go, or `None`: there is no room.
///
/// Sizes are announced before anybody looks, so of two that come at the same time at least the later one sees both:
/// together they do not pass the limit, though both may give up.
///
/// Mostly there is plenty, and nobody looks at each value: a stream of values that come once would look at all that
/// are there for each that comes. Then only names are read.
pub(crate) fn make(part: &Part<'_>, length: u64, limit: u64) -> Option<u64> {
    part.announce(length).ok()?;
    if has_plenty(part.folder(), length, limit) {
        remove_all_torn(part);
        return Some(0);
    }
    let (parts, values): (Vec<Entry>, Vec<Entry>) =
        directory::entries(part.folder()).into_iter().partition(|entry| entry.name.ends_with(SUFFIX));
    let is_alive = |entry: &&Entry| part.is_named(&entry.name) || !part::remove_torn(part.folder(), &entry.name);
    let announced: u64 = parts.iter().filter(is_alive).map(|entry| entry.size).sum();
    if announced > limit || !has_free(part.folder(), announced) {
        return None;
    }
    let total = announced + values.iter().map(|entry| entry.size).sum::<u64>();
    Some(shrink(part.folder(), values, total, limit))
}

/// What killed processes have left goes, however much room there is.
fn remove_all_torn(part: &Part<'_>) {
    let parts = directory::names(part.folder()).into_iter().filter(|name| name.ends_with(SUFFIX));
    for other in parts.filter(|name| !part.is_named(name)) {
        part::remove_torn(part.folder(), &other);
    }
}

/// Bring the cache below its limit, after a value became complete; how many had to go.
///
/// A listing may miss a file that gets another name meanwhile, so the last one who comes looks at all of them again.
pub(crate) fn trim(folder: &OwnedFd, limit: u64) -> u64 {
    if has_plenty(folder, 0, limit) {
        return 0;
    }
    let all = directory::entries(folder);
    let total = all.iter().map(|entry| entry.size).sum();
    let values = all.into_iter().filter(|entry| !entry.name.ends_with(SUFFIX)).collect();
    shrink(folder, values, total, limit)
}

fn shrink(folder: &OwnedFd, mut values: Vec<Entry>, mut total: u64, limit: u64) -> u64 {
    values.sort_by_key(|entry| entry.used);
    let mut gone = 0;
    for oldest in values {
        if total <= limit {
            break;
        }
        let _ = fs::unlinkat(folder, &*oldest.name, AtFlags::empty());
        total -= oldest.size;
        gone += 1;
    }
    gone
}

/// Whether all of the file system, which may hold more than the cache, holds with `length` bytes more no more than half
/// of the limit. The other half is for values that are on their way: they take no room before they are written.
fn has_plenty(folder: &OwnedFd, length: u64, limit: u64) -> bool {
    let Ok(found) = fs::fstatvfs(folder) else { return false };
    // Shared memory may have no size, and then does not say what it holds.
    let used = found.f_blocks.saturating_sub(found.f_bfree) * found.f_frsize;
    found.f_blocks > 0 && used + length <= limit / 2 && has_free(folder, length)
}

/// Whether the file system has `length` bytes to spare. Values that go are not counted on: their memory stays as long
/// as somebody maps them.
fn has_free(folder: &OwnedFd, length: u64) -> bool {
    let Ok(found) = fs::fstatvfs(folder) else { return false };
    let left = (found.f_blocks * found.f_frsize / LEFT_FREE).min(LEFT_FREE_MOST);
    found.f_blocks == 0 || (found.f_bavail * found.f_frsize).saturating_sub(left) >= length
}
