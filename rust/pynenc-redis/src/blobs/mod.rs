//! Large values: stored once under the digest of their bytes, and named by whoever needs them.
//!
//! What a process knows of them is here; what the server decides about them is in `lua/blobs.lua`, and how both
//! come together in [`crate::store`]. A blob is its bytes and nothing else: what they mean is said by whoever names
//! it, so that a text and the same bytes are one blob and two values.

mod known;
mod sample;
mod seen;
mod shelf;
mod tally;

use std::fmt;
use std::sync::Arc;

use pynenc_core::content_cache::Put;
use pynenc_core::fingerprint::{ContentHasher, content_digest};

use crate::error::Result;
use crate::link::Bytes;
use known::Known;
use seen::Seen;

pub use pynenc_core::fingerprint::Digest;
pub use shelf::{Came, Shelf};
pub use tally::{BlobCounters, Tally};

/// How many bytes of a blob the server takes at most.
pub const LARGEST: usize = 512 << 20;

/// Up to here a value travels with the call or the result until a process meets it again: storing it apart costs the
/// server some twenty commands, and most values of this size come once.
pub const SMALL: usize = 16 << 10;

/// How much is copied before it is hashed.
const PIECE: usize = 128 << 10;

/// The bytes of a blob as their owner has them.
pub trait Content: Send + Sync {
    /// How many there are.
    fn size(&self) -> usize;
    /// The bytes, which hold still from now on; `None` when they are no longer those of the digest.
    fn bytes(self: Arc<Self>) -> Option<Bytes>;
}

/// Bytes that nobody changes.
impl Content for Vec<u8> {
    fn size(&self) -> usize {
        self.len()
    }

    fn bytes(self: Arc<Self>) -> Option<Bytes> {
        Some(self)
    }
}

/// A value that is named by its digest, with its bytes for a server that does not have it.
#[derive(Clone)]
pub struct Blob {
    /// BLAKE3 of the bytes.
    pub digest: Digest,
    /// The bytes.
    pub content: Arc<dyn Content>,
}

impl Blob {
    /// A blob of these bytes.
    #[must_use]
    pub fn of(bytes: Vec<u8>) -> Self {
        Self { digest: content_digest(&bytes), content: Arc::new(bytes) }
    }

    /// A blob of a copy in `room`, which is empty, and the digest of that, whoever writes to the original meanwhile:
    /// each piece is hashed where it was copied to, while the processor still has it.
    #[must_use]
    pub fn copied(content: &[u8], mut room: Vec<u8>) -> Self {
        let mut hasher = ContentHasher::default();
        for piece in content.chunks(PIECE) {
            let start = room.len();
            room.extend_from_slice(piece);
            hasher.update(room.get(start..).unwrap_or_default());
        }
        Self { digest: hasher.finish(), content: Arc::new(room) }
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blob({:02x?}…, {} bytes)", &self.digest[..4], self.content.size())
    }
}

impl PartialEq for Blob {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for Blob {}

/// What travels of a call or an outcome: its payload, and the blobs that the payload names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packed {
    /// The payload.
    pub payload: Vec<u8>,
    /// What it names.
    pub blobs: Vec<Blob>,
}

impl Packed {
    /// How much it keeps from being sent, or from memory.
    #[must_use]
    pub fn size(&self) -> usize {
        self.payload.len() + self.blobs.iter().map(|blob| blob.content.size()).sum::<usize>()
    }
}

impl From<Vec<u8>> for Packed {
    fn from(payload: Vec<u8>) -> Self {
        Self { payload, blobs: Vec::new() }
    }
}

/// What came of fetching a blob that the server has.
#[derive(Clone)]
pub enum Fetched {
    /// These bytes.
    Here(Bytes),
    /// They went where they were to go.
    Taken,
}

/// What one process knows of the blobs of one app.
#[derive(Default)]
pub struct Blobs {
    known: Known,
    seen: Seen,
    /// Samples of what can change.
    sampled: Seen,
    /// What was fetched.
    pub shelf: Shelf,
    /// What was saved.
    pub tally: Tally,
}

impl Blobs {
    /// Whether the server had it when it was last named; it may have dropped it since.
    #[must_use]
    pub fn is_known(&self, digest: &Digest) -> bool {
        self.known.has(digest)
    }

    /// Whether a value of so many bytes, which nobody says is shared, is worth being stored apart: one that is not
    /// small, or comes again.
    #[must_use]
    pub fn is_worth_it(&self, digest: &Digest, bytes: usize) -> bool {
        bytes > SMALL || self.seen.meet(digest) || self.is_known(digest)
    }

    /// Whether this process may have met these bytes before, by a few of them; from now on it has. Of little it always
    /// may: that is hashed as fast as looked up.
    #[must_use]
    pub fn seems_met(&self, content: &[u8]) -> bool {
        content.len() < sample::FROM || self.sampled.meet(&sample::digest(content))
    }

    /// A value of so many bytes was needed and at hand.
    pub fn at_hand(&self, bytes: usize) {
        self.tally.hits.add(1);
        self.tally.bytes_at_hand.add(bytes);
    }

    /// What could be put at hand; what had to go for it is let go of here.
    pub fn put<V>(&self, put: Put<V>) {
        if put.stored {
            self.tally.evictions.add(put.dropped.len());
        }
    }

    /// The bytes as `fetch` brings them, unless they are at hand.
    pub(crate) fn get_or_fetch(
        &self,
        digest: &Digest,
        fetch: impl FnOnce() -> Result<Option<Bytes>>,
    ) -> Result<Option<(Bytes, Came)>> {
        let (bytes, came) = self.shelf.get_or_fetch(digest, fetch, |put| self.put(put))?;
        match (&bytes, came) {
            (Some(bytes), Came::FromHere) => self.at_hand((**bytes).as_ref().len()),
            (_, Came::FromThere) => self.tally.misses.add(1),
            (None, Came::FromHere) => {}
        }
        Ok(bytes.map(|bytes| (bytes, came)))
    }

    pub(crate) fn note(&self, digest: &Digest) {
        self.known.note(digest);
    }

    pub(crate) fn forget(&self, digest: &Digest) {
        self.known.forget(digest);
    }

    /// Nothing is known any more.
    pub fn forget_all(&self) {
        self.known.clear();
        self.seen.clear();
        self.sampled.clear();
        self.shelf.clear();
    }
}
