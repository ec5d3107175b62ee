//! Random numbers, and the ids of an app.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use pynenc_core::id::InvocationId;

use super::names::AppId;

/// Random numbers from two generators that were seeded apart by the system: ids take one number of
/// each, so that two processes would have to meet in both.
///
/// Each is `SplitMix64` (Steele, Lea, Flood 2014), which never repeats within its period of 2^64.
#[derive(Debug)]
pub(crate) struct Random {
    high: AtomicU64,
    low: AtomicU64,
}

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl Random {
    pub(crate) fn new() -> Self {
        // The standard library seeds its hashers from the system's randomness.
        let seed = |word: u8| AtomicU64::new(RandomState::new().hash_one((word, std::process::id())));
        Self { high: seed(0), low: seed(1) }
    }

    /// Never 0, which stands for "none" in many places.
    pub(crate) fn number(&self) -> u64 {
        next(&self.low).max(1)
    }

    fn bits(&self) -> u128 {
        u128::from(next(&self.high)) << 64 | u128::from(next(&self.low))
    }
}

fn next(state: &AtomicU64) -> u64 {
    let mut z = state.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The ids of one app: random, but for a mark of the app in their last 32 bits. By it every process
/// tells one that was dropped from one that never was.
#[derive(Debug)]
pub(crate) struct Ids {
    mark: u32,
}

const MARK_BITS: u32 = 32;

impl Ids {
    pub(crate) fn of(app: &AppId) -> Self {
        // FNV-1a (Fowler, Noll, Vo): the same in every process and release.
        let hash = |hash: u32, &byte: &u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        Self { mark: app.as_str().as_bytes().iter().fold(0x811c_9dc5, hash) }
    }

    pub(crate) fn fresh(&self, random: &Random) -> InvocationId {
        InvocationId::from_random(random.bits() >> MARK_BITS << MARK_BITS | u128::from(self.mark))
    }

    /// Whether a process of this app may have made it.
    pub(crate) fn own(&self, id: InvocationId) -> bool {
        let bits = u128::from_be_bytes(id.to_bytes());
        InvocationId::from_random(bits) == id && bits & u128::from(u32::MAX) == u128::from(self.mark)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(app: &str) -> Ids {
        Ids::of(&AppId::new(app).expect("a name"))
    }

    #[test]
    fn an_app_knows_its_own() {
        let random = Random::new();
        let (one, other) = (ids("one"), ids("other"));
        let id = one.fresh(&random);
        assert!(one.own(id));
        assert!(!other.own(id));
        assert_ne!(one.fresh(&random), id);
        assert!(!one.own(InvocationId::NIL));
    }

    #[test]
    fn numbers_differ() {
        let random = Random::new();
        let drawn: std::collections::BTreeSet<u64> = (0..1_000).map(|_| random.number()).collect();
        assert_eq!(drawn.len(), 1_000);
    }
}
