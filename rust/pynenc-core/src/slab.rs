//! Where records live: chunks that never move, places reused under a new generation.

use crate::id::Ref;

const CHUNK_BITS: u32 = 10;
const CHUNK: usize = 1 << CHUNK_BITS;

#[derive(Debug)]
enum Place<T> {
    Taken(T),
    Free { generation: u32, next: u32 },
}

/// Grows by a chunk at a time: no copy, and no doubling of memory, at any size.
#[derive(Debug)]
pub struct Slab<T> {
    chunks: Vec<Vec<Place<T>>>,
    free: u32,
}

const NO_PLACE: u32 = u32::MAX;

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Slab<T> {
    /// An empty one.
    #[must_use]
    pub const fn new() -> Self {
        Self { chunks: Vec::new(), free: NO_PLACE }
    }

    /// Take a place for what `make` builds from it.
    pub fn insert(&mut self, make: impl FnOnce(Ref) -> T) -> Ref {
        if self.free != NO_PLACE {
            let slot = self.free;
            if let Some(place) = self.place_mut(slot)
                && let Place::Free { generation, next } = *place
            {
                let at = Ref { slot, generation };
                *place = Place::Taken(make(at));
                self.free = next;
                return at;
            }
        }
        let at = Ref { slot: self.next_fresh(), generation: 0 };
        let chunk = match self.chunks.last_mut() {
            Some(last) if last.len() < CHUNK => last,
            _ => {
                self.chunks.push(Vec::with_capacity(CHUNK));
                let newest = self.chunks.len() - 1;
                &mut self.chunks[newest]
            }
        };
        chunk.push(Place::Taken(make(at)));
        at
    }

    #[expect(clippy::cast_possible_truncation, reason = "four billion records do not fit in memory")]
    fn next_fresh(&self) -> u32 {
        match self.chunks.last() {
            None => 0,
            Some(last) => ((self.chunks.len() - 1) * CHUNK + last.len()) as u32,
        }
    }

    fn place(&self, slot: u32) -> Option<&Place<T>> {
        self.chunks.get((slot >> CHUNK_BITS) as usize)?.get(slot as usize & (CHUNK - 1))
    }

    fn place_mut(&mut self, slot: u32) -> Option<&mut Place<T>> {
        self.chunks.get_mut((slot >> CHUNK_BITS) as usize)?.get_mut(slot as usize & (CHUNK - 1))
    }

    /// The record in that slot, whatever its generation.
    pub fn get(&self, slot: u32) -> Option<&T> {
        match self.place(slot)? {
            Place::Taken(value) => Some(value),
            Place::Free { .. } => None,
        }
    }

    /// As [`Self::get`], to change it.
    pub fn get_mut(&mut self, slot: u32) -> Option<&mut T> {
        match self.place_mut(slot)? {
            Place::Taken(value) => Some(value),
            Place::Free { .. } => None,
        }
    }

    /// The generation that the next record in a free slot will have.
    pub fn free_generation(&self, slot: u32) -> Option<u32> {
        match self.place(slot)? {
            Place::Taken(_) => None,
            Place::Free { generation, .. } => Some(*generation),
        }
    }

    /// Give the place back; its next record has a generation more.
    pub fn remove(&mut self, at: Ref) -> Option<T> {
        let free = self.free;
        let place = self.place_mut(at.slot)?;
        if matches!(place, Place::Free { .. }) {
            return None;
        }
        let next = Place::Free { generation: at.generation.wrapping_add(1), next: free };
        let Place::Taken(value) = std::mem::replace(place, next) else { return None };
        self.free = at.slot;
        Some(value)
    }

    #[expect(clippy::cast_possible_truncation, reason = "four billion records do not fit in memory")]
    /// Every record, with its slot.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.chunks.iter().flatten().enumerate().filter_map(|(slot, place)| match place {
            Place::Taken(value) => Some((slot as u32, value)),
            Place::Free { .. } => None,
        })
    }
}
