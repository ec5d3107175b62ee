//! Time, injected: the system's, or one that a test moves.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Microseconds since the Unix epoch.
pub type Micros = u64;

/// Where an engine reads the time.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Micros;
}

/// The wall clock as it was at the start, moved on by a monotonic one: neither a change of the
/// wall clock nor a machine that slept makes leases expire.
#[derive(Debug)]
pub struct SystemClock {
    start: Micros,
    since: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { start: whole_micros(wall), since: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Micros {
        self.start.saturating_add(whole_micros(self.since.elapsed()))
    }
}

fn whole_micros(duration: Duration) -> Micros {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct ManualClock(AtomicU64);

impl ManualClock {
    /// A clock that shows `now`.
    #[must_use]
    pub const fn new(now: Micros) -> Self {
        Self(AtomicU64::new(now))
    }

    /// Move the clock forward.
    pub fn advance(&self, by: Micros) {
        self.0.fetch_add(by, Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Micros {
        self.0.load(Ordering::Relaxed)
    }
}
