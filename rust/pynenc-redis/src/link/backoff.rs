//! Growing pauses between attempts, each drawn at random so that many clients do not come back at once.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

const FIRST: Duration = Duration::from_millis(20);

/// The pauses of one series of failures: full jitter below a bound that doubles from 20 ms to the longest.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// One more failure; how long to wait before the next attempt.
    pub(super) fn next(&mut self, longest: Duration) -> Duration {
        let bound = bound(self.failures, longest);
        self.failures = self.failures.saturating_add(1);
        bound.mul_f64(random_share())
    }

    /// Something worked.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}

fn bound(failures: u32, longest: Duration) -> Duration {
    FIRST.saturating_mul(1 << failures.min(16)).min(longest)
}

/// A random number between 0 and 1, from the keys that the standard library draws for its maps.
fn random_share() -> f64 {
    let bits = RandomState::new().hash_one(0_u8) >> 32;
    f64::from(u32::try_from(bits).unwrap_or(u32::MAX)) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST: Duration = Duration::from_secs(2);

    #[test]
    fn bounds_double_from_20_ms_to_the_longest() {
        let bounds: Vec<u128> = (0..9).map(|failures| bound(failures, LONGEST).as_millis()).collect();
        assert_eq!(bounds, [20, 40, 80, 160, 320, 640, 1280, 2000, 2000]);
        assert_eq!(bound(u32::MAX, LONGEST), LONGEST);
    }

    #[test]
    fn pauses_are_spread_over_the_whole_range() {
        let shares: Vec<f64> = (0..1000).map(|_| random_share()).collect();
        for tenth in 0..10 {
            let low = f64::from(tenth) / 10.0;
            assert!(shares.iter().any(|share| (low..low + 0.1).contains(share)), "none from {low}");
        }
    }

    #[test]
    fn success_begins_again() {
        let mut backoff = Backoff::default();
        for _ in 0..100 {
            assert!(backoff.next(LONGEST) <= LONGEST);
        }
        backoff.reset();
        assert!(backoff.next(LONGEST) <= FIRST);
    }
}
