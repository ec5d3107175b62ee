//! One lane of a worker in this process: who sleeps, and what lies here for them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use pynenc_core::id::Ref;
use pynenc_core::park::Parker;

use crate::remote::Idle;
use crate::remote::after::After;
use crate::store::Taken;

/// A thread that came for work and found none.
struct Sleeper {
    parker: Arc<Parker>,
    wants: usize,
    /// Something lies here for it, and it has not come for it yet.
    woken: bool,
}

/// A claimed invocation that waits for a thread.
pub(in crate::remote) struct Ready {
    pub(in crate::remote) at: Ref,
    pub(in crate::remote) since: Instant,
    pub(in crate::remote) taken: Taken,
}

pub(in crate::remote) struct LaneState {
    ready: VecDeque<Ready>,
    sleepers: Vec<Sleeper>,
    /// Threads that ended a body since the last claim, and will come for the next.
    expected: usize,
    /// Whether bodies have ended of which the next trip tells.
    ended: bool,
    /// Whether a thread ever came for it.
    used: bool,
    /// Whether the store may have something: it is asked when somebody wants it.
    maybe: bool,
    /// It was said to have something since it was last asked.
    rung: bool,
}

impl LaneState {
    /// Nobody here, and nothing known of the store.
    pub(in crate::remote) const fn new() -> Self {
        Self {
            ready: VecDeque::new(),
            sleepers: Vec::new(),
            expected: 0,
            ended: false,
            used: false,
            maybe: true,
            rung: false,
        }
    }

    /// A thread comes, to take what is here or to sleep: it does not sleep now.
    pub(in crate::remote) fn arrive(&mut self, parker: &Arc<Parker>) {
        self.expected = self.expected.saturating_sub(1);
        self.sleepers.retain(|sleeper| !Arc::ptr_eq(&sleeper.parker, parker));
    }

    /// A thread has ended a body, and will be back in a moment.
    pub(in crate::remote) fn expect_one(&mut self) {
        self.expected += 1;
        self.ended = true;
    }

    /// Whether bodies have ended since this was asked last.
    pub(in crate::remote) fn take_ended(&mut self) -> bool {
        std::mem::take(&mut self.ended)
    }

    pub(in crate::remote) const fn is_used(&self) -> bool {
        self.used
    }

    pub(in crate::remote) fn sleep(&mut self, idle: Idle<'_>) {
        self.used = true;
        self.sleepers.push(Sleeper { parker: Arc::clone(idle.parker), wants: idle.wants.max(1), woken: false });
    }

    /// A thread goes elsewhere; a wake-up that was spent on it is for another.
    pub(in crate::remote) fn leave<C>(&mut self, parker: &Arc<Parker>, after: &mut After<C>) {
        self.arrive(parker);
        self.wake(after);
    }

    pub(in crate::remote) fn push(&mut self, ready: Ready) {
        self.ready.push_back(ready);
    }

    pub(in crate::remote) fn pop(&mut self) -> Option<Ready> {
        self.ready.pop_front()
    }

    /// Wake sleepers until everything that lies here is wanted.
    pub(in crate::remote) fn wake<C>(&mut self, after: &mut After<C>) {
        let mut spare = self.spare();
        for sleeper in self.sleepers.iter_mut().rev().filter(|sleeper| !sleeper.woken) {
            if spare == 0 {
                return;
            }
            sleeper.woken = true;
            spare = spare.saturating_sub(sleeper.wants);
            after.unpark(&sleeper.parker);
        }
    }

    /// What lies here beyond what woken threads will take.
    pub(in crate::remote) fn spare(&self) -> usize {
        let spoken_for = self.sleepers.iter().filter(|sleeper| sleeper.woken).map(|sleeper| sleeper.wants).sum();
        self.ready.len().saturating_sub(spoken_for)
    }

    /// Whether a thread sleeps for which nothing lies here.
    pub(in crate::remote) fn sleeps(&self) -> bool {
        self.sleepers.iter().any(|sleeper| !sleeper.woken)
    }

    /// How many could begin at once, beyond those that lie here.
    pub(in crate::remote) fn wants(&self) -> usize {
        let sleeping: usize = self.sleepers.iter().filter(|sleeper| !sleeper.woken).map(|sleeper| sleeper.wants).sum();
        (sleeping + self.expected).saturating_sub(self.spare())
    }

    pub(in crate::remote) const fn may_be_had(&self) -> bool {
        self.maybe
    }

    /// The store is said to have something.
    pub(in crate::remote) const fn ring(&mut self) {
        self.maybe = true;
        self.rung = true;
    }

    /// The store is asked, for those that are expected too.
    pub(in crate::remote) const fn ask(&mut self) {
        self.expected = 0;
        self.rung = false;
    }

    /// It has answered, and may have more; or it was said to meanwhile, which the answer need not know of.
    pub(in crate::remote) const fn answered(&mut self, more: bool) -> bool {
        self.maybe = more || self.rung;
        self.maybe
    }

    /// Since when the oldest lies here that no thread will take soon.
    pub(in crate::remote) fn oldest_spare(&self) -> Option<Instant> {
        let first = self.ready.len() - self.spare();
        self.ready.get(first).map(|ready| ready.since)
    }

    /// What has lain here since `before` or longer, and no thread will take soon.
    pub(in crate::remote) fn take_stale(&mut self, before: Instant) -> Vec<Ready> {
        let first = self.ready.len() - self.spare();
        let fresh = self.ready.iter().skip(first).position(|ready| ready.since > before);
        let end = fresh.map_or(self.ready.len(), |fresh| first + fresh);
        self.ready.drain(first..end).collect()
    }

    pub(in crate::remote) fn take_all(&mut self) -> Vec<Ready> {
        self.ready.drain(..).collect()
    }

    /// Drop what lies here of an invocation that is no longer held.
    pub(in crate::remote) fn discard(&mut self, at: Ref) {
        self.ready.retain(|ready| ready.at != at);
    }
}
