//! Which bodies a worker process has begun and not ended, where its runner can read it after the process has died:
//! one of them has killed it, and what was only fetched ahead, or has ended, has not.
//!
//! Those that wait are listed, too. Their child may have done it; but they would start another such child each time
//! that they run again, and that would never end.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use parking_lot::Mutex;
use pynenc_core::id::InvocationId;

use super::Board;

/// Words of an entry: whether there is one, and the two halves of an id. As in `pynenc.runner.supervisor.scoreboard`.
const ENTRY: usize = 3;
const NOWHERE: u32 = u32::MAX;

/// The places on a board that are free, the one to be taken next last.
pub(crate) struct Roster(Mutex<Vec<u32>>);

/// The place of one body, until it is taken off.
pub(crate) struct Listed(AtomicU32);

impl Roster {
    pub(super) fn new(board: &Board) -> Self {
        let places = u32::try_from(board.roster().len().saturating_sub(1) / ENTRY).unwrap_or(0);
        Self(Mutex::new((0..places).rev().collect()))
    }

    /// A body is about to begin. One that finds no place is counted: then nobody can tell any more who it was.
    pub(super) fn list(&self, board: &Board, id: InvocationId) -> Listed {
        let words = board.roster();
        let Some(unlisted) = words.first() else { return Listed(AtomicU32::new(NOWHERE)) };
        let Some(place) = self.0.lock().pop() else {
            unlisted.fetch_add(1, Ordering::Relaxed);
            return Listed(AtomicU32::new(NOWHERE));
        };
        let [there, high, low] = entry(words, place);
        let id = u128::from_be_bytes(id.to_bytes());
        high.store((id >> 64) as u64, Ordering::Relaxed);
        low.store(id as u64, Ordering::Relaxed);
        there.store(1, Ordering::Release);
        Listed(AtomicU32::new(place))
    }

    /// The body has ended.
    pub(super) fn take_off(&self, board: &Board, listed: &Listed) {
        let place = listed.0.swap(NOWHERE, Ordering::AcqRel);
        if place != NOWHERE {
            entry(board.roster(), place)[0].store(0, Ordering::Release);
            self.0.lock().push(place);
        }
    }
}

fn entry(words: &[AtomicU64], place: u32) -> [&AtomicU64; ENTRY] {
    let first = 1 + place as usize * ENTRY;
    std::array::from_fn(|word| &words[first + word])
}
