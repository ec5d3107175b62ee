//! A bounded map that forgets what was not used for the longest time.
//!
//! Entries live in a slab and know their neighbours in the order of use, so every operation takes
//! constant time. What leaves the cache is handed to the caller, who drops it where no lock is held.

use std::collections::HashMap;
use std::hash::Hash;

use smallvec::SmallVec;

use crate::fingerprint::Digest;

const NOWHERE: usize = usize::MAX;

/// What happened so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Lookups that found their entry.
    pub hits: u64,
    /// Lookups that did not.
    pub misses: u64,
    /// Entries that made room for others.
    pub evictions: u64,
    /// Sizes of the entries that were found, summed up.
    pub bytes_saved: u64,
}

/// The outcome of [`ContentCache::put`].
#[derive(Debug)]
pub struct Put<V> {
    /// Whether the value is in the cache now because of this call.
    pub stored: bool,
    /// What the cache does not keep: evicted values, or the refused one.
    pub dropped: SmallVec<[V; 2]>,
}

struct Entry<K, V> {
    key: K,
    value: V,
    size: u64,
    older: usize,
    newer: usize,
}

enum Slot<K, V> {
    Used(Entry<K, V>),
    Free { next: usize },
}

/// Least-recently-used cache, bounded by the number of entries and by the sum of their sizes.
pub struct ContentCache<V, K = Digest> {
    max_count: usize,
    max_bytes: u64,
    slots: Vec<Slot<K, V>>,
    places: HashMap<K, usize>,
    free: usize,
    oldest: usize,
    newest: usize,
    bytes: u64,
    counters: Counters,
}

impl<V, K: Eq + Hash + Clone> ContentCache<V, K> {
    /// An empty cache; a bound of 0 keeps nothing (or nothing that has a size).
    pub fn new(max_count: usize, max_bytes: u64) -> Self {
        Self {
            max_count,
            max_bytes,
            slots: Vec::new(),
            places: HashMap::new(),
            free: NOWHERE,
            oldest: NOWHERE,
            newest: NOWHERE,
            bytes: 0,
            counters: Counters::default(),
        }
    }

    /// The value under `key`, which is now the most recently used one.
    pub fn get(&mut self, key: &K) -> Option<&V> {
        let Some(&place) = self.places.get(key) else {
            self.counters.misses += 1;
            return None;
        };
        self.touch(place);
        self.counters.hits += 1;
        let Slot::Used(entry) = &self.slots[place] else { return None };
        self.counters.bytes_saved = self.counters.bytes_saved.saturating_add(entry.size);
        Some(&entry.value)
    }

    /// Keep `value`; refused when the key is there already (its entry counts as used) or when
    /// `size` alone is over the bound.
    pub fn put(&mut self, key: K, value: V, size: u64) -> Put<V> {
        let mut dropped = SmallVec::new();
        if let Some(&place) = self.places.get(&key) {
            self.touch(place);
            dropped.push(value);
            return Put { stored: false, dropped };
        }
        if size > self.max_bytes || self.max_count == 0 {
            dropped.push(value);
            return Put { stored: false, dropped };
        }
        while self.places.len() >= self.max_count || self.bytes > self.max_bytes - size {
            let Some(evicted) = self.take(self.oldest) else { break };
            self.counters.evictions += 1;
            dropped.push(evicted);
        }
        self.insert(key, value, size);
        Put { stored: true, dropped }
    }

    /// Take the entry out.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let place = *self.places.get(key)?;
        self.take(place)
    }

    /// Empty the cache; the counters stay.
    pub fn clear(&mut self) -> Vec<V> {
        let emptied = std::mem::replace(self, Self::new(self.max_count, self.max_bytes));
        self.counters = emptied.counters;
        emptied.slots.into_iter().filter_map(Slot::into_value).collect()
    }

    /// Keys and values, in no order; nothing counts as used.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.slots.iter().filter_map(|slot| match slot {
            Slot::Used(entry) => Some((&entry.key, &entry.value)),
            Slot::Free { .. } => None,
        })
    }

    /// Keys from the least to the most recently used one.
    pub fn keys_by_age(&self) -> Vec<K> {
        let mut keys = Vec::with_capacity(self.len());
        let mut place = self.oldest;
        while let Some(Slot::Used(entry)) = self.slots.get(place) {
            keys.push(entry.key.clone());
            place = entry.newer;
        }
        keys
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Sum of the sizes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What happened since creation.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    fn insert(&mut self, key: K, value: V, size: u64) {
        let entry = Entry { key: key.clone(), value, size, older: self.newest, newer: NOWHERE };
        let place = match self.slots.get_mut(self.free) {
            Some(slot) => {
                let place = self.free;
                if let Slot::Free { next } = *slot {
                    self.free = next;
                }
                *slot = Slot::Used(entry);
                place
            }
            None => {
                self.slots.push(Slot::Used(entry));
                self.slots.len() - 1
            }
        };
        self.places.insert(key, place);
        self.bytes += size;
        self.append(place);
    }

    fn take(&mut self, place: usize) -> Option<V> {
        self.unlink(place);
        let slot = self.slots.get_mut(place)?;
        let Slot::Used(entry) = std::mem::replace(slot, Slot::Free { next: self.free }) else { return None };
        self.free = place;
        self.places.remove(&entry.key);
        self.bytes -= entry.size;
        Some(entry.value)
    }

    fn touch(&mut self, place: usize) {
        if place != self.newest {
            self.unlink(place);
            self.append(place);
        }
    }

    /// Make `place` the newest one.
    fn append(&mut self, place: usize) {
        let before = self.newest;
        if let Some(entry) = self.entry(place) {
            entry.older = before;
            entry.newer = NOWHERE;
        }
        match self.entry(before) {
            Some(entry) => entry.newer = place,
            None => self.oldest = place,
        }
        self.newest = place;
    }

    /// Let the neighbours of `place` be neighbours.
    fn unlink(&mut self, place: usize) {
        let Some(entry) = self.entry(place) else { return };
        let (older, newer) = (entry.older, entry.newer);
        match self.entry(older) {
            Some(entry) => entry.newer = newer,
            None => self.oldest = newer,
        }
        match self.entry(newer) {
            Some(entry) => entry.older = older,
            None => self.newest = older,
        }
    }

    fn entry(&mut self, place: usize) -> Option<&mut Entry<K, V>> {
        match self.slots.get_mut(place) {
            Some(Slot::Used(entry)) => Some(entry),
            _ => None,
        }
    }
}

impl<K, V> Slot<K, V> {
    fn into_value(self) -> Option<V> {
        match self {
            Self::Used(entry) => Some(entry.value),
            Self::Free { .. } => None,
        }
    }
}
