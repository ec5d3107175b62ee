//! The bounded cache against a plain list in the order of use.

use proptest::prelude::*;
use pynenc_core::content_cache::{ContentCache, Counters};

#[derive(Clone, Debug)]
enum Step {
    Get(u8),
    Put(u8, u64),
    Remove(u8),
    Clear,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0u8..12).prop_map(Step::Get),
        6 => (0u8..12, 0u64..12).prop_map(|(key, size)| Step::Put(key, size)),
        2 => (0u8..12).prop_map(Step::Remove),
        1 => Just(Step::Clear),
    ];
    proptest::collection::vec(step, 0..120)
}

/// `(key, value, size)`, the least recently used one first.
struct Model {
    max_count: usize,
    max_bytes: u64,
    entries: Vec<(u8, u32, u64)>,
    counters: Counters,
}

impl Model {
    fn get(&mut self, key: u8) -> Option<u32> {
        let Some(at) = self.entries.iter().position(|entry| entry.0 == key) else {
            self.counters.misses += 1;
            return None;
        };
        let entry = self.entries.remove(at);
        self.entries.push(entry);
        self.counters.hits += 1;
        self.counters.bytes_saved += entry.2;
        Some(entry.1)
    }

    fn put(&mut self, key: u8, value: u32, size: u64) -> (bool, Vec<u32>) {
        if let Some(at) = self.entries.iter().position(|entry| entry.0 == key) {
            let entry = self.entries.remove(at);
            self.entries.push(entry);
            return (false, vec![value]);
        }
        if size > self.max_bytes || self.max_count == 0 {
            return (false, vec![value]);
        }
        let mut dropped = Vec::new();
        while self.entries.len() >= self.max_count || self.bytes() + size > self.max_bytes {
            dropped.push(self.entries.remove(0).1);
            self.counters.evictions += 1;
        }
        self.entries.push((key, value, size));
        (true, dropped)
    }

    fn remove(&mut self, key: u8) -> Option<u32> {
        let at = self.entries.iter().position(|entry| entry.0 == key)?;
        Some(self.entries.remove(at).1)
    }

    fn bytes(&self) -> u64 {
        self.entries.iter().map(|entry| entry.2).sum()
    }
}

proptest! {
    #[test]
    fn it_does_what_the_model_does(max_count in 0usize..6, max_bytes in 0u64..30, steps in steps()) {
        let mut cache: ContentCache<u32, u8> = ContentCache::new(max_count, max_bytes);
        let mut model = Model { max_count, max_bytes, entries: Vec::new(), counters: Counters::default() };
        for (value, step) in (0u32..).zip(steps) {
            match step {
                Step::Get(key) => prop_assert_eq!(cache.get(&key).copied(), model.get(key)),
                Step::Put(key, size) => {
                    let outcome = cache.put(key, value, size);
                    prop_assert_eq!((outcome.stored, outcome.dropped.into_vec()), model.put(key, value, size));
                }
                Step::Remove(key) => prop_assert_eq!(cache.remove(&key), model.remove(key)),
                Step::Clear => {
                    let mut cleared = cache.clear();
                    cleared.sort_unstable();
                    let mut expected: Vec<u32> = model.entries.drain(..).map(|entry| entry.1).collect();
                    expected.sort_unstable();
                    prop_assert_eq!(cleared, expected);
                }
            }
            prop_assert_eq!(cache.keys_by_age(), model.entries.iter().map(|entry| entry.0).collect::<Vec<_>>());
            prop_assert_eq!(cache.iter().count(), model.entries.len());
            prop_assert_eq!((cache.len(), cache.bytes()), (model.entries.len(), model.bytes()));
            prop_assert_eq!(cache.counters(), model.counters);
            prop_assert!(cache.len() <= max_count && cache.bytes() <= max_bytes);
            prop_assert_eq!(cache.is_empty(), model.entries.is_empty());
        }
    }
}

#[test]
fn the_least_recently_used_entry_goes_first() {
    let mut cache = ContentCache::new(2, 100);
    for key in [[1; 32], [2; 32]] {
        assert!(cache.put(key, key[0], 10).stored);
    }
    assert_eq!(cache.get(&[1; 32]), Some(&1));
    let outcome = cache.put([3; 32], 3, 10);
    assert!(outcome.stored);
    assert_eq!(outcome.dropped.as_slice(), [2]);
    assert_eq!(cache.keys_by_age(), [[1; 32], [3; 32]]);
}

#[test]
fn a_value_over_the_bound_is_handed_back_and_nothing_goes_for_it() {
    let mut cache = ContentCache::new(8, 100);
    assert!(cache.put([1; 32], "kept", 100).stored);
    let outcome = cache.put([2; 32], "too large", 101);
    assert!(!outcome.stored);
    assert_eq!(outcome.dropped.as_slice(), ["too large"]);
    assert_eq!(cache.get(&[1; 32]), Some(&"kept"));
    assert_eq!(cache.counters().evictions, 0);
}

#[test]
fn sizes_near_the_end_of_the_range_do_not_overflow() {
    let mut cache = ContentCache::new(8, u64::MAX);
    assert!(cache.put([1; 32], 1, u64::MAX).stored);
    assert!(cache.put([2; 32], 2, u64::MAX).stored);
    assert_eq!((cache.len(), cache.bytes()), (1, u64::MAX));
    for _ in 0..3 {
        assert!(cache.get(&[2; 32]).is_some());
    }
    assert_eq!(cache.counters().bytes_saved, u64::MAX);
}
