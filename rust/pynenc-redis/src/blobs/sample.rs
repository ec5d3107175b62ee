//! A few of the bytes of a value, which say at once that it is another one, and never that it is the same.

use pynenc_core::fingerprint::ContentHasher;

use super::Digest;

/// From how many bytes on it tells anything sooner than the digest of all.
pub(super) const FROM: usize = 256 << 10;
/// How many places are looked at, and how many bytes at each.
const PLACES: usize = 64;
const EACH: usize = 64;

/// What tells most values apart: their length, and bytes from all over.
pub(super) fn digest(content: &[u8]) -> Digest {
    let mut hasher = ContentHasher::default();
    hasher.update(&content.len().to_le_bytes());
    for part in content.chunks((content.len() / PLACES).max(EACH)) {
        hasher.update(part.get(..EACH).unwrap_or(part));
    }
    hasher.update(content.last_chunk::<EACH>().map_or(content, |end| end));
    hasher.finish()
}
