//! Who is next: what somebody waits for, then oldest first.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use crate::id::Ref;

type Oldest = BinaryHeap<Reverse<(u64, Ref)>>;

/// One lane's queue. Entries are hints: the record's own flag says whether it is queued, so a
/// stale entry costs a look and nothing else.
#[derive(Debug, Default)]
pub(crate) struct ReadyQueue {
    /// New ones; their order is that of their sequence numbers by construction.
    fresh: VecDeque<(u64, Ref)>,
    /// Those that came back, in their old place.
    returned: Oldest,
    /// Those that a paused body waits for.
    awaited: Oldest,
}

impl ReadyQueue {
    pub(crate) fn push_fresh(&mut self, seq: u64, at: Ref) {
        self.fresh.push_back((seq, at));
    }

    pub(crate) fn push_returned(&mut self, seq: u64, at: Ref) {
        self.returned.push(Reverse((seq, at)));
    }

    pub(crate) fn push_awaited(&mut self, seq: u64, at: Ref) {
        self.awaited.push(Reverse((seq, at)));
    }

    pub(crate) fn has_awaited(&self) -> bool {
        !self.awaited.is_empty()
    }

    /// Every hint, in no order.
    pub(crate) fn hints(&self) -> impl Iterator<Item = Ref> {
        let fresh = self.fresh.iter().map(|&(_, at)| at);
        let others = self.returned.iter().chain(&self.awaited);
        fresh.chain(others.map(|&Reverse((_, at))| at))
    }

    /// The next hint.
    pub(crate) fn pop(&mut self) -> Option<Ref> {
        if let Some(Reverse((_, at))) = self.awaited.pop() {
            return Some(at);
        }
        match (self.fresh.front(), self.returned.peek()) {
            (Some(&(fresh, _)), Some(&Reverse((returned, _)))) if returned < fresh => {
                self.returned.pop().map(|Reverse((_, at))| at)
            }
            (Some(_), _) => self.fresh.pop_front().map(|(_, at)| at),
            (None, _) => self.returned.pop().map(|Reverse((_, at))| at),
        }
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}
