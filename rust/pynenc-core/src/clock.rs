//! Time, injected: the system's, or one that a test moves.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Microseconds since the Unix epoch.
pub type Micros = u64;

/// Where an engine reads the time.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Micros;
}

/// The system's clock, kept from running backwards within this process.
#[derive(Debug, Default)]
pub struct SystemClock {
    latest: AtomicU64,
}

impl Clock for SystemClock {
    fn now(&self) -> Micros {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let read = u64::try_from(since.as_micros()).unwrap_or(u64::MAX);
        self.latest.fetch_max(read, Ordering::Relaxed).max(read)
    }
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
