//! Where the members of a stream are: by number, with room for those alone that were not let go of.

use std::collections::VecDeque;

use crate::id::Ref;

/// Members that are given room, and let go of, together.
const BLOCK: usize = 256;

#[derive(Debug, Default)]
struct Block {
    all: Vec<Ref>,
    kept: usize,
}

/// Members by their place in the input. Of those that were let go of nothing is kept, however many they are; and
/// what is kept does not keep room for others.
#[derive(Debug, Default)]
pub struct Places {
    blocks: VecDeque<Block>,
    /// How many blocks there were before the first of these.
    gone: usize,
    len: usize,
    kept: usize,
}

impl Places {
    /// How many there ever were.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there never was one.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many were not let go of.
    #[must_use]
    pub const fn kept(&self) -> usize {
        self.kept
    }

    /// One more.
    pub fn push(&mut self, at: Ref) {
        if self.len.is_multiple_of(BLOCK) {
            self.blocks.push_back(Block { all: Vec::with_capacity(BLOCK), kept: 0 });
        }
        if let Some(block) = self.blocks.back_mut() {
            block.all.push(at);
            block.kept += 1;
        }
        self.len += 1;
        self.kept += 1;
    }

    /// The member of a place, if there is one and it was not let go of.
    #[must_use]
    pub fn get(&self, place: usize) -> Option<Ref> {
        let block = self.blocks.get((place / BLOCK).checked_sub(self.gone)?)?;
        block.all.get(place % BLOCK).copied().filter(|&at| at != Ref::NONE)
    }

    /// Let go of the member of a place.
    pub fn take(&mut self, place: usize) -> Option<Ref> {
        let at = self.get(place)?;
        let block = self.blocks.get_mut((place / BLOCK).checked_sub(self.gone)?)?;
        *block.all.get_mut(place % BLOCK)? = Ref::NONE;
        block.kept -= 1;
        self.kept -= 1;
        if block.kept == 0 && block.all.len() == BLOCK {
            block.all = Vec::new();
            while self.blocks.front().is_some_and(|first| first.kept == 0 && first.all.capacity() == 0) {
                self.blocks.pop_front();
                self.gone += 1;
            }
        }
        Some(at)
    }

    /// Those that were not let go of, from a place on, each with its own.
    pub fn from(&self, place: usize) -> impl Iterator<Item = (usize, Ref)> + '_ {
        let block = (place / BLOCK).saturating_sub(self.gone);
        let numbered = self.blocks.iter().enumerate().skip(block);
        let all = numbered.flat_map(|(number, block)| {
            let first = (self.gone + number) * BLOCK;
            block.all.iter().enumerate().map(move |(offset, &at)| (first + offset, at))
        });
        all.filter(move |&(of, at)| of >= place && at != Ref::NONE)
    }

    /// All that were not let go of.
    #[must_use]
    pub fn all(&self) -> Vec<Ref> {
        let mut all = Vec::with_capacity(self.kept);
        all.extend(self.from(0).map(|(_, at)| at));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(place: usize) -> Ref {
        Ref::new(u32::try_from(place).unwrap_or(u32::MAX), 1)
    }

    fn filled(count: usize) -> Places {
        let mut places = Places::default();
        (0..count).for_each(|place| places.push(at(place)));
        places
    }

    #[test]
    fn what_is_let_go_of_takes_no_room() {
        let mut places = Places::default();
        for place in 0..100 * BLOCK {
            places.push(at(place));
            assert_eq!(places.take(place), Some(at(place)));
            assert_eq!(places.take(place), None);
        }
        assert_eq!((places.len(), places.kept(), places.blocks.len()), (100 * BLOCK, 0, 0));
    }

    #[test]
    fn one_that_stays_keeps_no_room_for_others() {
        let mut places = filled(10 * BLOCK);
        (1..10 * BLOCK).for_each(|place| _ = places.take(place));
        assert_eq!(places.all(), [at(0)]);
        assert_eq!(places.blocks.iter().map(|block| block.all.capacity()).sum::<usize>(), BLOCK);
        assert_eq!(places.take(0), Some(at(0)));
        assert!(places.blocks.is_empty());
    }

    #[test]
    fn places_stay_when_others_go() {
        let mut places = filled(3 * BLOCK + 5);
        (0..BLOCK + 3).for_each(|place| _ = places.take(place));
        assert_eq!((places.get(BLOCK + 2), places.get(BLOCK + 3)), (None, Some(at(BLOCK + 3))));
        assert_eq!(places.get(3 * BLOCK + 5), None);
        let expected: Vec<_> = (2 * BLOCK + 1..3 * BLOCK + 5).map(|place| (place, at(place))).collect();
        assert_eq!(places.from(2 * BLOCK + 1).collect::<Vec<_>>(), expected);
        assert_eq!(places.from(0).next(), Some((BLOCK + 3, at(BLOCK + 3))));
        assert_eq!(places.all().len(), places.kept());
    }
}
