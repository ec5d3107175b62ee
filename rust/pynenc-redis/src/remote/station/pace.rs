//! How long bodies take, and how many may therefore be fetched before a thread is free.

use std::time::Duration;

/// What two claims bring: one that is worked off, and one that is on its way.
const MOST: usize = 256;

/// A moving average of body times, eight bodies long.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::remote) struct Pace {
    micros: Option<f64>,
}

impl Pace {
    /// A body took this long.
    pub(in crate::remote) fn observe(&mut self, took: Duration) {
        let took = took.as_secs_f64() * 1e6;
        self.micros = Some(self.micros.map_or(took, |before| before + (took - before) / 8.0));
    }

    /// Something lay here for so long that a body must be at least as slow: until faster ones say otherwise.
    pub(in crate::remote) fn stall(&mut self, waited: Duration) {
        let waited = waited.as_secs_f64() * 1e6;
        self.micros = Some(self.micros.map_or(waited, |before| before.max(waited)));
    }

    /// How many bodies fit into `span`; none when fewer than two do, or nothing is known yet.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded by both ends first")]
    pub(in crate::remote) fn fit(&self, span: Duration) -> usize {
        let Some(micros) = self.micros else { return 0 };
        let fit = (span.as_secs_f64() * 1e6 / micros.max(1.0)).min(MOST as f64);
        if fit < 2.0 { 0 } else { fit as usize }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Duration = Duration::from_millis(5);

    #[test]
    fn nothing_is_fetched_before_anything_is_known() {
        assert_eq!(Pace::default().fit(SPAN), 0);
    }

    #[test]
    fn short_bodies_are_fetched_ahead_and_long_ones_are_not() {
        let mut pace = Pace::default();
        pace.observe(Duration::from_micros(50));
        assert_eq!(pace.fit(SPAN), 100);
        for _ in 0..40 {
            pace.observe(Duration::from_millis(20));
        }
        assert_eq!(pace.fit(SPAN), 0);
    }

    #[test]
    fn no_more_than_a_claim_gives() {
        let mut pace = Pace::default();
        pace.observe(Duration::ZERO);
        assert_eq!(pace.fit(SPAN), MOST);
    }

    #[test]
    fn what_stalled_is_forgotten_after_dozens_of_short_bodies() {
        let mut pace = Pace::default();
        pace.observe(Duration::from_micros(50));
        pace.stall(Duration::from_millis(50));
        assert_eq!(pace.fit(SPAN), 0);
        for _ in 0..60 {
            pace.observe(Duration::from_micros(50));
        }
        assert!(pace.fit(SPAN) > 20);
    }
}
