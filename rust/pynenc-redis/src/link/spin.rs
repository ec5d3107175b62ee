//! Waiting awake for what is about to come.
//!
//! To fall asleep and be woken costs more than a short reply takes, and costs both sides: whoever wakes a thread on an
//! idle core pays for that, too (on a virtual machine 20 us each). So whoever waits for a reply looks for it a little
//! while before it sleeps, as long as the last one came soon, and lets every other thread have the core meanwhile.

use std::time::{Duration, Instant};

/// As long as this pays: a call of a stream may have to wait behind a worker's trip, which keeps a store for 100 to
/// 300 us, and whoever falls asleep there is late for the next ones, too.
const MOST: Duration = Duration::from_micros(400);

/// How long the last reply took, by which the next is awaited.
#[derive(Default)]
pub(super) struct Spin {
    last: Duration,
}

impl Spin {
    /// Before a read: wait awake while that may pay. When the read began, for [`Spin::ended`].
    pub(super) fn begin(&self, is_there: impl Fn() -> bool) -> Instant {
        let start = Instant::now();
        if self.last <= MOST {
            while !is_there() && start.elapsed() <= MOST {
                std::thread::yield_now();
            }
        }
        start
    }

    /// Something came.
    pub(super) fn ended(&mut self, start: Instant) {
        self.last = start.elapsed();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn looks(spin: &Spin, enough: u32) -> u32 {
        let looks = Cell::new(0);
        spin.begin(|| {
            looks.set(looks.get() + 1);
            looks.get() >= enough
        });
        looks.get()
    }

    #[test]
    fn it_looks_until_the_reply_is_there() {
        assert_eq!(looks(&Spin::default(), 3), 3);
    }

    #[test]
    fn it_sleeps_in_the_end() {
        assert!(looks(&Spin::default(), u32::MAX) > 0);
    }

    #[test]
    fn behind_a_slow_reply_it_sleeps_at_once_and_behind_a_quick_one_it_looks_again() {
        assert_eq!(looks(&Spin { last: 2 * MOST }, 3), 0);
        assert_eq!(looks(&Spin { last: MOST / 2 }, 3), 3);
    }
}
