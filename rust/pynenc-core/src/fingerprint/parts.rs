//! The digest of large content whose parts are hashed apart, by several threads at once.

use std::ops::Range;

use blake3::hazmat::{ChainingValue, HasherExt, Mode, left_subtree_len, merge_subtrees_non_root, merge_subtrees_root};

use super::canonical::Digest;

/// What BLAKE3 does not cut.
const LEAST: usize = 1_024;

/// How content is cut: where BLAKE3 cuts it too, so that what is known of the parts makes the digest of the whole.
#[derive(Clone, Debug)]
pub struct Parts {
    length: usize,
    largest: usize,
    ranges: Vec<Range<usize>>,
}

/// What is known of a part that was hashed.
#[derive(Clone, Copy, Debug, Default)]
pub struct PartDigest(ChainingValue);

impl Parts {
    /// Parts of at most `largest` bytes, or of 1,024 if that is less. `None`: there is only one.
    #[must_use]
    pub fn of(length: usize, largest: usize) -> Option<Self> {
        let largest = largest.max(LEAST);
        let mut parts = Self { length, largest, ranges: Vec::new() };
        parts.cut(0..length);
        (length > largest).then_some(parts)
    }

    fn cut(&mut self, range: Range<usize>) {
        if range.len() <= self.largest {
            self.ranges.push(range);
        } else {
            halves(range).into_iter().for_each(|half| self.cut(half));
        }
    }

    /// The parts, in order.
    #[must_use]
    pub fn ranges(&self) -> &[Range<usize>] {
        &self.ranges
    }

    /// The digest of the whole, of one for each part in the order of the parts.
    #[must_use]
    pub fn joined(&self, digests: &[PartDigest]) -> Digest {
        let mut digests = digests.iter();
        let [left, right] = halves(0..self.length).map(|half| self.join(half, &mut digests));
        *merge_subtrees_root(&left, &right, Mode::Hash).as_bytes()
    }

    fn join<'a>(&self, range: Range<usize>, digests: &mut impl Iterator<Item = &'a PartDigest>) -> ChainingValue {
        if range.len() <= self.largest {
            return digests.next().copied().unwrap_or_default().0;
        }
        let [left, right] = halves(range).map(|half| self.join(half, digests));
        merge_subtrees_non_root(&left, &right, Mode::Hash)
    }
}

fn halves(range: Range<usize>) -> [Range<usize>; 2] {
    let left = usize::try_from(left_subtree_len(range.len() as u64)).unwrap_or(range.len());
    let middle = range.start + left;
    [range.start..middle, middle..range.end]
}

/// Hashes one part, whose pieces come one after the other; it has at least one byte.
pub struct PartHasher(blake3::Hasher);

impl PartHasher {
    /// For the part of that range.
    #[must_use]
    pub fn new(range: &Range<usize>) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.set_input_offset(range.start as u64);
        Self(hasher)
    }

    /// Take the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    /// The digest of the part.
    #[must_use]
    pub fn finish(&self) -> PartDigest {
        PartDigest(self.0.finalize_non_root())
    }
}
