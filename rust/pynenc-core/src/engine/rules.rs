//! Concurrency by key: who may be registered, who may run, whose result answers.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};

use smallvec::SmallVec;

use super::record::Key;
use crate::id::Ref;

/// Keys are BLAKE3 output: any eight bytes of one are as good as a hash of it.
#[derive(Default)]
pub(crate) struct Prehashed(u64);

impl Hasher for Prehashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(head) = bytes.first_chunk::<8>() {
            self.0 ^= u64::from_le_bytes(*head);
        }
    }

    /// The length prefix of an array says nothing.
    fn write_usize(&mut self, _: usize) {}
}

pub(crate) type ByKey<T> = HashMap<Key, T, BuildHasherDefault<Prehashed>>;

/// Those of one registration key that have not started, oldest first: one that is new at the
/// most, and any that came back.
pub(crate) type NotStarted = SmallVec<[(u64, Ref); 1]>;

/// One running key: who holds it, and who was set aside for it.
#[derive(Debug)]
pub(crate) struct RunningKey {
    pub(crate) holder: Ref,
    pub(crate) line: BinaryHeap<Reverse<(u64, Ref)>>,
}

impl RunningKey {
    pub(crate) const fn held_by(holder: Ref) -> Self {
        Self { holder, line: BinaryHeap::new() }
    }
}

#[derive(Default)]
pub(crate) struct KeyIndexes {
    pub(crate) registration: ByKey<NotStarted>,
    pub(crate) running: ByKey<RunningKey>,
    pub(crate) results: ByKey<Ref>,
}

impl KeyIndexes {
    /// Who keeps an invocation with this key from running, if anyone but itself.
    pub(crate) fn holder(&self, key: &Key, itself: Ref) -> Option<Ref> {
        let holder = self.running.get(key)?.holder;
        (holder != Ref::NONE && holder != itself).then_some(holder)
    }

    pub(crate) fn register(&mut self, key: Key, seq: u64, at: Ref) {
        let not_started = self.registration.entry(key).or_default();
        let place = not_started.partition_point(|&(other, _)| other < seq);
        if not_started.get(place).is_none_or(|&(_, other)| other != at) {
            not_started.insert(place, (seq, at));
        }
    }

    pub(crate) fn unregister(&mut self, key: &Key, at: Ref) {
        if let Some(not_started) = self.registration.get_mut(key) {
            not_started.retain(|&mut (_, other)| other != at);
            if not_started.is_empty() {
                self.registration.remove(key);
            }
        }
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}
