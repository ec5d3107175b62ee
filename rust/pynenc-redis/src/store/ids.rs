//! Random numbers, and the ids of an app.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use pynenc_core::id::InvocationId;

use super::names::AppId;

/// Random numbers: `SplitMix64` (Steele, Lea, Flood 2014), which never repeats within its period of 2^64.
#[derive(Debug)]
pub(crate) struct Random(AtomicU64);

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// The standard library seeds its hashers from the system's randomness.
fn seed() -> u64 {
    RandomState::new().hash_one(std::process::id())
}

impl Random {
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(seed()))
    }

    /// Never 0, which stands for "none" in many places.
    pub(crate) fn number(&self) -> u64 {
        mix(self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP)).max(1)
    }
}

const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// How many ids are of one family.
pub(crate) const FAMILY: u8 = 128;
/// Where an id has its place.
pub(crate) const PLACE_AT: usize = 11;

/// The ids of one app, made by one process: random, but for a mark of the app in their last 32 bits, by which every
/// process tells one that was dropped from one that never was; and but for a byte before that, their place. Those of
/// calls that come one after the other agree in all else: they are of one family, which the server can name by one text
/// (`lua/bundle.lua`).
///
/// A family takes one number each of two sequences that were seeded apart: two processes would have to meet in both.
#[derive(Debug)]
pub(crate) struct Ids {
    mark: u32,
    seeds: [u64; 2],
    families: AtomicU64,
}

/// Ids in a row, for calls that may be kept together: see [`super::Store::next_id`].
#[derive(Debug, Default)]
pub struct IdRow {
    /// The family of the last, and how many it has given.
    family: u64,
    given: u8,
}

impl IdRow {
    /// What comes behind the last will not be kept together with what came before it.
    pub(crate) fn part(&mut self) {
        if self.given > 1 {
            *self = Self::default();
        }
    }
}

const MARK_BITS: u32 = 32;
const PLACE_BITS: u32 = 8;

impl Ids {
    pub(crate) fn of(app: &AppId) -> Self {
        // FNV-1a (Fowler, Noll, Vo): the same in every process and release.
        let hash = |hash: u32, &byte: &u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        let mark = app.as_str().as_bytes().iter().fold(0x811c_9dc5, hash);
        Self { mark, seeds: [seed(), seed()], families: AtomicU64::new(0) }
    }

    /// The next of a row.
    pub(crate) fn next(&self, row: &mut IdRow) -> InvocationId {
        if row.given.is_multiple_of(FAMILY) {
            *row = IdRow { family: self.new_family(), given: 0 };
        }
        row.given += 1;
        self.id(row.family, row.given - 1)
    }

    fn new_family(&self) -> u64 {
        self.families.fetch_add(1, Ordering::Relaxed)
    }

    fn id(&self, family: u64, place: u8) -> InvocationId {
        let [high, low] = self.seeds.map(|seed| u128::from(mix(seed.wrapping_add(family.wrapping_mul(STEP)))));
        let random = (high << 64 | low) >> (MARK_BITS + PLACE_BITS) << (MARK_BITS + PLACE_BITS);
        InvocationId::from_random(random | u128::from(place) << MARK_BITS | u128::from(self.mark))
    }

    /// Whether a process of this app may have made it.
    pub(crate) fn own(&self, id: InvocationId) -> bool {
        let bits = u128::from_be_bytes(id.to_bytes());
        InvocationId::from_random(bits) == id && bits & u128::from(u32::MAX) == u128::from(self.mark)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn ids(app: &str) -> Ids {
        Ids::of(&AppId::new(app).expect("a name"))
    }

    #[test]
    fn an_app_knows_its_own() {
        let (one, other) = (ids("one"), ids("other"));
        let mut row = IdRow::default();
        let id = one.next(&mut row);
        assert!(one.own(id));
        assert!(!other.own(id));
        assert_ne!(one.next(&mut row), id);
        assert!(!one.own(InvocationId::NIL));
    }

    #[test]
    fn ids_in_a_row_differ_in_their_place_alone() {
        let (ids, mut row) = (ids("one"), IdRow::default());
        let made: Vec<[u8; 16]> = (0..2 * FAMILY as usize).map(|_| ids.next(&mut row).to_bytes()).collect();
        let families: BTreeSet<&[u8]> = made.iter().map(|id| &id[..PLACE_AT]).collect();
        assert_eq!(families.len(), 2);
        let expected = |number: usize| number % FAMILY as usize;
        assert!(made.iter().enumerate().all(|(number, id)| usize::from(id[PLACE_AT]) == expected(number)));
        assert!(made.iter().all(|id| id[12..] == made[0][12..]));
    }

    #[test]
    fn two_processes_do_not_meet() {
        let (one, other) = (ids("one"), ids("one"));
        let made: BTreeSet<_> =
            (0..500).flat_map(|_| [&one, &other].map(|ids| ids.next(&mut IdRow::default()))).collect();
        assert_eq!(made.len(), 1_000);
    }

    #[test]
    fn numbers_differ() {
        let random = Random::new();
        let drawn: BTreeSet<u64> = (0..1_000).map(|_| random.number()).collect();
        assert_eq!(drawn.len(), 1_000);
    }
}
