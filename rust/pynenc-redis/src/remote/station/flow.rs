//! Calls that come one by one, in a stream. A trip for each would cost the store several times what one for a dozen
//! does, so in a stream the trips of a worker keep a distance.
//!
//! A caller who waits for each result makes no stream: when a body ends, nothing else is there, and the next call is
//! a whole round trip away. So what counts is whether trips bring more than that, or sooner, though nothing is left
//! behind; and whether the distance pays, for else it only keeps results back.

use std::time::{Duration, Instant};

/// Between two trips in a stream. Next to what a trip takes it is not much.
const DISTANCE: Duration = Duration::from_micros(300);
/// Closer together than a caller who waits for each result can make calls.
const QUICK: Duration = Duration::from_micros(200);
/// So much speaks for a stream before it counts as one, and at the most.
const STREAM: u32 = 8;
const MOST: u32 = 2 * STREAM;
/// A trip that has kept its distance pays if it brings so many.
const WORTH: usize = 3;

/// What the last trips of a worker brought.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Flow {
    score: u32,
    /// When one brought something.
    brought: Option<Instant>,
    /// When one was over.
    ended: Option<Instant>,
}

impl Flow {
    /// A trip asked for work: what it brought, whether it carried ends, and how many it left queued.
    pub(super) fn note(&mut self, taken: usize, has_ended: bool, left: usize, now: Instant) {
        let flows = self.score >= STREAM;
        let is_quick = taken > 0 && self.brought.is_some_and(|last| now - last < QUICK);
        let pays = if flows { taken >= WORTH } else { is_quick || taken > usize::from(!has_ended) };
        if taken > 0 {
            self.brought = Some(now);
        }
        self.score = match (left, pays) {
            // Where more is queued than is taken, nothing has to be waited for.
            (1.., _) => 0,
            (0, true) => (self.score + 2).min(MOST),
            (0, false) => self.score.saturating_sub(if flows { 4 } else { 1 }),
        };
    }

    /// A trip is over.
    pub(super) fn ended(&mut self, now: Instant) {
        self.ended = Some(now);
    }

    /// Until when the next trip is to wait, if not to be made at once.
    pub(super) fn waits_until(&self, now: Instant) -> Option<Instant> {
        let until = self.ended.filter(|_| self.score >= STREAM)? + DISTANCE;
        (now < until).then_some(until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the next trip waits after those that brought so many, and so on, at such intervals.
    fn waits(trips: &[(usize, bool, usize)], interval: Duration) -> bool {
        let (mut flow, mut now) = (Flow::default(), Instant::now());
        for &(taken, has_ended, left) in trips {
            now += interval;
            flow.note(taken, has_ended, left, now);
        }
        flow.ended(now);
        assert_eq!(flow.waits_until(now + DISTANCE), None, "a distance, and no more");
        flow.waits_until(now).is_some()
    }

    #[test]
    fn whoever_waits_for_each_result_waits_for_nothing_else() {
        // One is claimed, ends, and nothing else is there.
        assert!(!waits(&[(1, false, 0), (0, true, 0)].repeat(100), QUICK / 2));
        assert!(!waits(&[(1, false, 0); 100], QUICK));
    }

    #[test]
    fn trips_of_a_stream_keep_a_distance() {
        assert!(waits(&[(1, true, 0); 4], QUICK));
        assert!(waits(&[(3, false, 0); 10], QUICK));
        assert!(waits(&[(14, true, 0); 20], QUICK));
        assert!(waits(&[(1, false, 0); 5], QUICK / 2));
    }

    #[test]
    fn a_distance_that_brings_little_is_given_up() {
        assert!(!waits(&[&[(9, true, 0); 20][..], &[(1, true, 0); 3]].concat(), QUICK));
    }

    #[test]
    fn a_backlog_is_no_stream() {
        assert!(!waits(&[(128, true, 1_000); 20], QUICK));
        assert!(!waits(&[&[(9, true, 0); 20][..], &[(128, true, 1)]].concat(), QUICK));
    }
}
