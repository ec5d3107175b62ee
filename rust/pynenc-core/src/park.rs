//! How threads sleep until something happens, without polling.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use crate::sync::{Condvar, Mutex};

/// One sleeping thread. A wake-up before the sleep is kept, not lost.
#[derive(Debug, Default)]
pub struct Parker {
    woken: Mutex<bool>,
    condvar: Condvar,
}

impl Parker {
    /// A parker for one thread.
    #[must_use]
    pub fn new() -> Self {
        Self { woken: Mutex::new(false), condvar: Condvar::new() }
    }

    /// Sleep until woken, or until the time is over; whether it was woken. Takes the wake-up.
    pub fn park(&self, until: Option<Instant>) -> bool {
        let mut woken = self.woken.lock();
        while !*woken {
            match until {
                None => woken = self.condvar.wait(woken),
                Some(until) => {
                    let (guard, over) = self.condvar.wait_until(woken, until);
                    woken = guard;
                    if over && !*woken {
                        return false;
                    }
                }
            }
        }
        *woken = false;
        true
    }

    /// Whether its next sleep will end at once.
    #[must_use]
    pub fn is_woken(&self) -> bool {
        *self.woken.lock()
    }

    /// Wake the thread, or let its next sleep end at once.
    pub fn unpark(&self) {
        *self.woken.lock() = true;
        self.condvar.notify_all();
    }
}

/// What ended a sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// A token is there.
    ByToken,
    /// Somebody had something else to say.
    ByNudge,
    /// Nothing: the time is over.
    ByTime,
}

type Callback = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Inbox {
    ready: VecDeque<u32>,
    delivered: u64,
    /// The feeder sleeps until this many were delivered.
    goal: Option<u64>,
    callback: Option<Callback>,
    nudged: bool,
    /// The same for the feeder: each of the two sleepers takes a nudge for itself.
    feeder_nudged: bool,
}

/// What one waiter has subscribed to: tokens arrive here as the invocations behind them end.
///
/// The engine delivers a token only after the outcome is readable, and never under its own lock.
#[derive(Default)]
pub struct Subscription {
    inbox: Mutex<Inbox>,
    condvar: Condvar,
    reached: Condvar,
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").finish_non_exhaustive()
    }
}

impl Subscription {
    /// An empty inbox.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self { inbox: Mutex::new(Inbox::default()), condvar: Condvar::new(), reached: Condvar::new() })
    }

    /// Put a token in and wake whoever waits for it.
    pub fn deliver(&self, token: u32) {
        let callback = {
            let mut inbox = self.inbox.lock();
            inbox.ready.push_back(token);
            inbox.delivered += 1;
            if inbox.goal.is_some_and(|goal| inbox.delivered >= goal) {
                self.reached.notify_all();
            }
            inbox.callback.take()
        };
        self.condvar.notify_all();
        if let Some(callback) = callback {
            callback();
        }
    }

    /// End the present wait without a token: something other than an end happened.
    pub fn nudge(&self) {
        let callback = {
            let mut inbox = self.inbox.lock();
            inbox.nudged = true;
            inbox.feeder_nudged = true;
            inbox.callback.take()
        };
        self.reached.notify_all();
        self.condvar.notify_all();
        if let Some(callback) = callback {
            callback();
        }
    }

    /// The next token, if one is there.
    #[must_use]
    pub fn take(&self) -> Option<u32> {
        self.inbox.lock().ready.pop_front()
    }

    /// How many tokens are there.
    #[must_use]
    pub fn ready(&self) -> usize {
        self.inbox.lock().ready.len()
    }

    /// Sleep until a token is there, a nudge comes, or the time is over; whether a token is there.
    pub fn wait(&self, until: Option<Instant>) -> bool {
        self.sleep(until) == Woken::ByToken
    }

    /// As [`Self::wait`], telling a nudge from the end of the time.
    pub fn sleep(&self, until: Option<Instant>) -> Woken {
        let mut inbox = self.inbox.lock();
        loop {
            if !inbox.ready.is_empty() {
                return Woken::ByToken;
            }
            if std::mem::take(&mut inbox.nudged) {
                return Woken::ByNudge;
            }
            match until {
                None => inbox = self.condvar.wait(inbox),
                Some(until) => {
                    let (guard, over) = self.condvar.wait_until(inbox, until);
                    inbox = guard;
                    if over && inbox.ready.is_empty() && !inbox.nudged {
                        return Woken::ByTime;
                    }
                }
            }
        }
    }

    /// How many tokens were ever delivered.
    #[must_use]
    pub fn delivered(&self) -> u64 {
        self.inbox.lock().delivered
    }

    /// Sleep until `goal` tokens were ever delivered, a nudge comes or the time is over; whether
    /// they were. A nudge before the sleep is kept. For one thread beside the reader: it is woken
    /// once, not at each token.
    pub fn wait_delivered(&self, goal: u64, until: Option<Instant>) -> bool {
        let mut inbox = self.inbox.lock();
        if inbox.delivered < goal && !inbox.feeder_nudged {
            inbox.goal = Some(goal);
            inbox = match until {
                None => self.reached.wait(inbox),
                Some(until) => self.reached.wait_until(inbox, until).0,
            };
            inbox.goal = None;
        }
        inbox.feeder_nudged = false;
        inbox.delivered >= goal
    }

    /// Call `callback` once, at the next token or nudge; `false`, and no call, if one is there
    /// (a nudge is taken by that).
    pub fn on_ready(&self, callback: impl FnOnce() + Send + 'static) -> bool {
        let mut inbox = self.inbox.lock();
        if !inbox.ready.is_empty() || std::mem::take(&mut inbox.nudged) {
            return false;
        }
        let replaced = inbox.callback.replace(Box::new(callback));
        drop(inbox);
        drop(replaced);
        true
    }
}
