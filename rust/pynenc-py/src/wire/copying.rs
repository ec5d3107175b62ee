//! A copy of what can change, and the digest of that.
//!
//! Both take as long as sending it, nothing else can begin before, and whoever waits for it has let go of the
//! interpreter: so two threads share the work on what is large.

use std::mem::MaybeUninit;
use std::ops::Range;
use std::sync::Arc;
use std::{ptr, slice, thread, vec};

use parking_lot::Mutex;
use pynenc_core::fingerprint::{PartDigest, PartHasher, Parts};
use pynenc_redis::blobs::Blob;

use super::memory;

/// From how many bytes on it is shared, and how large the shares are.
const SHARED_FROM: usize = 8 << 20;
const PART: usize = 2 << 20;
/// How much is copied before it is hashed: what the processor still has.
const PIECE: usize = 128 << 10;

/// A blob of a copy, whoever writes to the original meanwhile.
pub(super) fn copied(content: &[u8]) -> Blob {
    let parts = if content.len() < SHARED_FROM { None } else { Parts::of(content.len(), PART) };
    match parts {
        Some(parts) => in_parts(content, &parts),
        None => Blob::copied(content, memory::room(content.len())),
    }
}

fn in_parts(content: &[u8], parts: &Parts) -> Blob {
    let mut room = Vec::with_capacity(content.len());
    let mut digests = vec![PartDigest::default(); parts.ranges().len()];
    let (mut work, mut behind) = (Vec::with_capacity(digests.len()), room.spare_capacity_mut());
    for (range, digest) in parts.ranges().iter().zip(&mut digests) {
        let (to, rest) = behind.split_at_mut(range.len());
        work.push(Part { range, from: &content[range.clone()], to, digest });
        behind = rest;
    }
    let work = Mutex::new(work.into_iter());
    let copy = || std::iter::from_fn(|| next(&work)).for_each(Part::copy);
    thread::scope(|scope| {
        // Where there is no thread to be had, this one does it all.
        let _ = thread::Builder::new().name("pynenc-copy".into()).spawn_scoped(scope, copy);
        copy();
    });
    // SAFETY: the parts are all of it, and each was written.
    unsafe { room.set_len(content.len()) };
    Blob { digest: parts.joined(&digests), content: Arc::new(room) }
}

struct Part<'a> {
    range: &'a Range<usize>,
    from: &'a [u8],
    to: &'a mut [MaybeUninit<u8>],
    digest: &'a mut PartDigest,
}

/// The lock is given back before the part is copied.
fn next<'a>(work: &Mutex<vec::IntoIter<Part<'a>>>) -> Option<Part<'a>> {
    work.lock().next()
}

impl Part<'_> {
    fn copy(self) {
        let mut hasher = PartHasher::new(self.range);
        memory::at_once(self.to.as_mut_ptr().cast(), self.to.len());
        for (from, to) in self.from.chunks(PIECE).zip(self.to.chunks_mut(PIECE)) {
            // SAFETY: both are of one length, and what is hashed was just written.
            let copy = unsafe {
                ptr::copy_nonoverlapping(from.as_ptr(), to.as_mut_ptr().cast(), from.len());
                slice::from_raw_parts(to.as_ptr().cast::<u8>(), from.len())
            };
            hasher.update(copy);
        }
        *self.digest = hasher.finish();
    }
}
