//! Which small values this process has met: most come once, and storing those apart costs more than sending them twice.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Digest;

/// How many are remembered: a power of two. Each new one takes the place of an old one.
const MOST: usize = 8_192;

/// A table of parts of digests, with one place for each value; nothing waits for anything. What it says may be wrong
/// at no cost but that of another way to send the value: one is forgotten, or two of 2⁶⁴ are taken for each other.
#[derive(Default)]
pub(super) struct Seen(OnceLock<Box<[AtomicU64]>>);

impl Seen {
    /// Whether it was met before; from now on it was.
    pub(super) fn meet(&self, digest: &Digest) -> bool {
        let places = self.0.get_or_init(|| (0..MOST).map(|_| AtomicU64::new(0)).collect());
        let [place, mark] = [0, 8].map(|from| digest.iter().skip(from).take(8).fold(0, append));
        #[expect(clippy::cast_possible_truncation, reason = "the lowest bits are wanted")]
        let place = places.get(place as usize % MOST);
        place.is_some_and(|place| place.swap(mark, Ordering::Relaxed) == mark)
    }

    pub(super) fn clear(&self) {
        let places = self.0.get().map(|places| &**places).unwrap_or_default();
        places.iter().for_each(|place| place.store(0, Ordering::Relaxed));
    }
}

fn append(number: u64, byte: &u8) -> u64 {
    number << 8 | u64::from(*byte)
}
