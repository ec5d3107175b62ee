//! How long one wait on a connection goes on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::latch::Latch;
use crate::patience::{self, SLICE};

/// Why a wait ended before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GaveUp {
    /// Somebody called it off.
    CalledOff,
    /// Its time was over.
    TooLate,
}

/// The limits of one wait.
#[derive(Clone)]
pub(super) struct Patience {
    since: Instant,
    deadline: Instant,
    by: By,
}

/// Who can call it off.
#[derive(Clone)]
enum By {
    Nobody,
    /// Whoever asked to be asked on this thread, see [`crate::patience`].
    Thread,
    /// Whoever closes what waits.
    Latch(Arc<Latch>),
}

impl Patience {
    fn new(limit: Duration, by: By) -> Self {
        let since = Instant::now();
        Self { since, deadline: since + limit, by }
    }

    /// At most `limit`; asked whether to go on is whoever wants to be on this thread.
    pub(super) fn of_thread(limit: Duration) -> Self {
        Self::new(limit, if patience::is_limited() { By::Thread } else { By::Nobody })
    }

    /// At most `limit`, and nobody is asked.
    pub(super) fn of_nobody(limit: Duration) -> Self {
        Self::new(limit, By::Nobody)
    }

    /// At most `limit`, or until the latch is closed.
    pub(super) fn of_latch(limit: Duration, latch: &Arc<Latch>) -> Self {
        Self::new(limit, By::Latch(Arc::clone(latch)))
    }

    /// The same wait, with no more than `limit` from now.
    pub(super) fn at_most(&self, limit: Duration) -> Self {
        Self { deadline: self.deadline.min(Instant::now() + limit), ..self.clone() }
    }

    /// The same wait, for as long, with nobody asked.
    pub(super) fn unasked(&self) -> Self {
        Self { by: By::Nobody, ..self.clone() }
    }

    /// Whether this thread's caller wants to be asked.
    pub(super) fn asks(&self) -> bool {
        matches!(self.by, By::Thread)
    }

    /// Whether to give up now. May run a caller's code: hold no lock.
    pub(super) fn spent(&self) -> Option<GaveUp> {
        let called_off = match &self.by {
            By::Nobody => false,
            By::Thread => patience::is_over(),
            By::Latch(latch) => latch.is_closed(),
        };
        if called_off {
            return Some(GaveUp::CalledOff);
        }
        (Instant::now() >= self.deadline).then_some(GaveUp::TooLate)
    }

    /// How long to sleep before looking again.
    pub(super) fn nap(&self) -> Duration {
        if matches!(self.by, By::Nobody) { self.left() } else { self.left().min(SLICE) }
    }

    /// What is left of the time.
    pub(super) fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Seconds since it began.
    pub(super) fn waited(&self) -> f64 {
        self.since.elapsed().as_secs_f64()
    }

    /// Sleep until `then`, unless it is given up before.
    pub(super) fn sleep_until(&self, then: Instant) -> Result<(), GaveUp> {
        loop {
            let rest = then.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                return Ok(());
            }
            if let Some(gave_up) = self.spent() {
                return Err(gave_up);
            }
            std::thread::sleep(rest.min(self.nap().max(Duration::from_millis(1))));
        }
    }
}
