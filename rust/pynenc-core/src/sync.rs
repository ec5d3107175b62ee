//! The locks of the crate: parking_lot's, or shuttle's when its scheduler explores them.
//!
//! One narrow shape over both: waiting takes the guard and gives it back.

use std::time::Instant;

#[cfg(feature = "shuttle")]
use std::sync::PoisonError;

#[cfg(not(feature = "shuttle"))]
use parking_lot as imp;
#[cfg(feature = "shuttle")]
use shuttle::sync as imp;

pub(crate) type Guard<'a, T> = imp::MutexGuard<'a, T>;

#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(imp::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(imp::Mutex::new(value))
    }

    #[cfg(not(feature = "shuttle"))]
    #[inline]
    pub(crate) fn lock(&self) -> Guard<'_, T> {
        self.0.lock()
    }

    #[cfg(feature = "shuttle")]
    pub(crate) fn lock(&self) -> Guard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Default)]
pub(crate) struct Condvar(imp::Condvar);

impl Condvar {
    pub(crate) fn new() -> Self {
        Self(imp::Condvar::new())
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }

    #[cfg(not(feature = "shuttle"))]
    pub(crate) fn wait<'a, T>(&self, mut guard: Guard<'a, T>) -> Guard<'a, T> {
        self.0.wait(&mut guard);
        guard
    }

    /// The guard again, and whether the time was over.
    #[cfg(not(feature = "shuttle"))]
    pub(crate) fn wait_until<'a, T>(&self, mut guard: Guard<'a, T>, until: Instant) -> (Guard<'a, T>, bool) {
        let over = self.0.wait_until(&mut guard, until).timed_out();
        (guard, over)
    }

    #[cfg(feature = "shuttle")]
    pub(crate) fn wait<'a, T>(&self, guard: Guard<'a, T>) -> Guard<'a, T> {
        self.0.wait(guard).unwrap_or_else(PoisonError::into_inner)
    }

    /// Time does not pass under the scheduler: a bounded wait is a wait.
    #[cfg(feature = "shuttle")]
    pub(crate) fn wait_until<'a, T>(&self, guard: Guard<'a, T>, _until: Instant) -> (Guard<'a, T>, bool) {
        (self.wait(guard), false)
    }
}
