//! Calls that come one by one, in a stream. A trip for each would cost the store several times what one for a dozen
//! does, so in a stream the trips of a worker keep a distance.
//!
//! What counts is how quickly staged calls come, for whichever worker. A caller who waits for each result makes no
//! stream, for its next call is a whole round trip away; and callers that only seem to make one, since there are a
//! few, come less quickly once trips keep a distance.

use std::time::{Duration, Instant};

use pynenc_core::clock::Micros;

/// Between two trips in a stream, at the least: next to what a trip takes it is not much. And at the most, where several
/// workers share a stream.
const DISTANCE: Duration = Duration::from_micros(300);
const MOST_DISTANCE: Duration = Duration::from_micros(600);
/// How many calls make a trip worth what it costs.
const FEW: u64 = 5;
const ENOUGH: u64 = 10;
/// Closer together than a caller who waits for each result can make calls, in microseconds.
const QUICK: Micros = 200;
/// So much speaks for a stream before it counts as one, and at the most; and so much is taken off by what speaks
/// against it.
const STREAM: u32 = 8;
const MOST: u32 = 16;
const AGAINST: u32 = 4;

/// What the last trips of a worker brought.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flow {
    score: u32,
    distance: Duration,
    /// The last has left something in the queue: for that nobody has to wait.
    left: bool,
    /// When the last was over.
    ended: Option<Instant>,
}

impl Default for Flow {
    fn default() -> Self {
        Self { score: 0, distance: DISTANCE, left: false, ended: None }
    }
}

impl Flow {
    /// A trip has asked for work: how much it brought and left behind, and how long before that staged calls had come,
    /// if some had now ([`crate::store::Claims`]).
    pub(super) fn note(&mut self, taken: usize, queued: usize, interval: Option<Micros>) {
        self.left = queued > 0;
        let taken = taken as u64;
        self.distance = match (self.is_on(), taken) {
            (true, 1..FEW) => (self.distance * 3 / 2).min(MOST_DISTANCE),
            (true, ENOUGH..) => (self.distance * 2 / 3).max(DISTANCE),
            (true, _) => self.distance,
            (false, _) => DISTANCE,
        };
        self.score = match interval {
            Some(interval) if interval < QUICK * taken => (self.score + 1).min(MOST),
            // One gap says little.
            Some(interval) if interval < 2 * QUICK * taken => self.score.saturating_sub(1),
            Some(_) => self.score.saturating_sub(AGAINST),
            // From the queue: what was staged before another trip, or what never was.
            None => self.score.saturating_sub(u32::from(taken > 0)),
        };
    }

    /// A trip is over.
    pub(super) fn ended(&mut self, now: Instant) {
        self.ended = Some(now);
    }

    /// Whether there is one: then trips that carry ends will bring something.
    pub(super) const fn is_on(&self) -> bool {
        self.score >= STREAM
    }

    /// Until when the next trip is to wait, if not to be made at once.
    pub(super) fn waits_until(&self, now: Instant) -> Option<Instant> {
        let until = self.ended.filter(|_| self.is_on() && !self.left)? + self.distance;
        (now < until).then_some(until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a trip brought, left, and heard.
    type Trip = (usize, usize, Option<Micros>);
    const NOTHING: Trip = (0, 0, None);

    const fn staged(taken: usize, interval: Micros) -> Trip {
        (taken, 0, Some(interval))
    }

    /// Whether a trip waits behind so many of these, and some others.
    fn waits(times: usize, trips: &[Trip], others: &[Trip]) -> bool {
        let (mut flow, now) = (Flow::default(), Instant::now());
        let all = (0..times).flat_map(|_| trips).chain(others);
        all.for_each(|&(taken, queued, interval)| flow.note(taken, queued, interval));
        flow.ended(now);
        assert_eq!(flow.waits_until(now + MOST_DISTANCE), None, "a distance, and no more");
        flow.waits_until(now).is_some()
    }

    #[test]
    fn whoever_waits_for_each_result_waits_for_nothing_else() {
        assert!(!waits(100, &[staged(1, QUICK), NOTHING], &[]));
    }

    #[test]
    fn trips_of_a_stream_keep_a_distance() {
        assert!(!waits(7, &[staged(1, QUICK - 1), NOTHING], &[]));
        assert!(waits(8, &[staged(1, QUICK - 1), NOTHING], &[]));
        assert!(waits(8, &[staged(12, 12 * QUICK - 1)], &[]));
    }

    #[test]
    fn a_stream_that_ends_is_one_no_more() {
        assert!(!waits(50, &[staged(9, QUICK)], &[staged(2, 4 * QUICK), staged(1, 2 * QUICK), staged(1, QUICK)]));
    }

    #[test]
    fn for_what_is_queued_nobody_waits() {
        assert!(!waits(50, &[staged(9, QUICK)], &[(9, 1, Some(QUICK))]));
        assert!(!waits(50, &[(128, 0, None)], &[]));
    }
}
