//! What this process is told of ends, and what it reads because it may not have been told.
//!
//! A channel may lose what was published while nobody was subscribed. Each shadow therefore remembers
//! during which subscription the store took it on to tell of its end; what is waited for and was not taken
//! on during this one is read. Everything waited for is read again when the subscription comes back, and
//! now and then besides.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use pynenc_core::engine::Outcome;
use pynenc_core::error::CoreError;
use pynenc_core::id::{InvocationId, Ref};
use pynenc_core::status::Status;

use super::after::After;
use super::mirror::Gone;
use super::server::Ears;
use super::shared::{Shared, State};
use crate::error::{RedisError, Result};
use crate::store::{Ended, Left, Notice};

#[derive(Default)]
pub(super) struct Listening {
    started: bool,
    pub(super) keeper_started: bool,
    /// Counts the subscriptions; 0 before the first stands.
    epoch: u64,
    /// Everything waited for is to be read.
    pub(super) read_all: bool,
    /// To be read now.
    pub(super) to_read: VecDeque<Ref>,
    /// To be read at that time, if they are still waited for then; in the order of the times, more or less.
    pub(super) guarded: VecDeque<(Instant, Ref)>,
    /// The keeper sleeps until the first of these is due.
    knows_guarded: bool,
}

impl Listening {
    /// Whether there is something to read of which the keeper does not know.
    pub(super) fn calls_keeper(&self) -> bool {
        self.read_all || !self.to_read.is_empty() || (!self.guarded.is_empty() && !self.knows_guarded)
    }
}

/// Who listens; the engine may be gone before the connection notices.
struct Ear<C>(Weak<Shared<C>>);

impl<C: Send + 'static> Ears for Ear<C> {
    fn hear(&self, notices: Vec<Notice>) {
        let Some(shared) = self.0.upgrade() else { return };
        let to_read = shared.decide(|state, after| {
            for notice in notices {
                state.hear(notice, after);
            }
            !state.listening.to_read.is_empty()
        });
        if to_read {
            shared.keeper.unpark();
        }
    }

    fn connected(&self) {
        let Some(shared) = self.0.upgrade() else { return };
        shared.decide(|state, _| {
            state.listening.epoch += 1;
            state.listening.read_all = true;
            state.counters.read_again += u64::from(state.listening.epoch > 1);
        });
        shared.keeper.unpark();
    }
}

impl<C: Send + 'static> Shared<C> {
    /// Begin to listen, once.
    pub(super) fn listen(self: &Arc<Self>) -> Result<()> {
        if self.decide(|state, _| std::mem::replace(&mut state.listening.started, true)) {
            return Ok(());
        }
        self.server.listen(self.client, Arc::new(Ear(Arc::downgrade(self))))
    }
}

impl<C> State<C> {
    /// The subscription that stands; what the store is asked to tell from now on will be told.
    pub(super) const fn epoch(&self) -> u64 {
        self.listening.epoch
    }

    /// Somebody waits for this one: it is told of, or read. `guard` is when it is read to be safe.
    pub(super) fn attend(&mut self, at: Ref, guard: Instant) {
        let epoch = self.epoch();
        let Some(shadow) = self.mirror.get_mut(at) else { return };
        if !std::mem::replace(&mut shadow.guarded, true) {
            self.listening.guarded.push_back((guard, at));
        }
        let covered = shadow.covered == epoch && epoch > 0;
        if !covered && !shadow.unacknowledged {
            self.read_soon(at);
        }
    }

    fn read_soon(&mut self, at: Ref) {
        if let Some(shadow) = self.mirror.get_mut(at)
            && !std::mem::replace(&mut shadow.to_read, true)
        {
            self.listening.to_read.push_back(at);
        }
    }

    fn hear(&mut self, notice: Notice, after: &mut After<C>) {
        match notice {
            Notice::Ended { id, status, losses, left } => {
                let Some(at) = self.mirror.place(id) else { return };
                self.lose_any_hold(at, after);
                let (value, lost) = match left {
                    Left::Large => return self.ended_out_of_sight(at, status),
                    Left::Value(value) => (Some(value), None),
                    Left::Lost(reason) => (None, Some(reason)),
                    Left::Nothing => (None, None),
                };
                self.ended(Ended { id, status, losses, value, lost }, after);
            }
            Notice::Cancel(id) => {
                let fence = self.mirror.place(id).and_then(|at| Some((at, self.mirror.get(at)?.hold.as_ref()?.fence)));
                if let Some((at, fence)) = fence {
                    self.ask_to_stop(at, fence, after);
                }
            }
            Notice::Dropped(id) => {
                if let Some(at) = self.mirror.place(id) {
                    self.drop_as_told(at, after);
                }
            }
        }
    }

    /// What it left is too large to be told: whoever waits for it has it read.
    fn ended_out_of_sight(&mut self, at: Ref, status: Status) {
        let Some(shadow) = self.mirror.get_mut(at).filter(|shadow| !shadow.is_settled()) else { return };
        shadow.status = status;
        shadow.covered = 0;
        if shadow.is_watched() {
            self.read_soon(at);
        }
    }

    /// The store tells how one ended.
    pub(super) fn ended(&mut self, ended: Ended, after: &mut After<C>) {
        let Some(at) = self.mirror.place(ended.id) else { return };
        let Ended { status, losses, value, lost, .. } = ended;
        let outcome = match (status, value) {
            (Status::Success, value) => Outcome::Success(Arc::new(value.unwrap_or_default())),
            (Status::Failed, Some(value)) => Outcome::Failed(Arc::new(value)),
            (Status::Failed, None) => Outcome::Lost(losses),
            _ => Outcome::Cancelled,
        };
        if let Some(shadow) = self.mirror.get_mut(at).filter(|shadow| !shadow.is_settled()) {
            shadow.lost = lost.map(String::into_boxed_str);
        }
        self.mirror.end(at, status, outcome, after);
    }

    /// The store answers for one that was asked about during the subscription `epoch`.
    pub(super) fn read_answer(
        &mut self,
        id: InvocationId,
        answer: Result<Option<Ended>>,
        epoch: u64,
        after: &mut After<C>,
    ) {
        let Some(at) = self.mirror.place(id) else { return };
        match answer {
            Ok(Some(ended)) => {
                self.lose_any_hold(at, after);
                self.ended(ended, after);
            }
            Ok(None) => {
                if let Some(shadow) = self.mirror.get_mut(at) {
                    shadow.covered = epoch;
                }
            }
            Err(RedisError::Refused(refused)) => {
                let gone = if matches!(refused, CoreError::NotFound(_)) { Gone::Lost } else { Gone::Dropped };
                self.mirror.lose(at, gone, after);
                // One that is gone is seldom alone.
                self.listening.read_all = true;
            }
            Err(_) => self.read_soon(at),
        }
    }
}

/// How many are read before leases are looked after again.
const MOST_READ: usize = 1_000;
/// Between two lots of safety reads.
const BREATH: Duration = Duration::from_millis(50);

/// What is to be read, and when there will be more.
pub(super) struct Reading {
    pub(super) ids: Vec<InvocationId>,
    pub(super) epoch: u64,
    pub(super) next: Option<Instant>,
}

impl<C> State<C> {
    /// The next lot to read.
    pub(super) fn next_reading(&mut self, now: Instant, guard: impl Fn() -> Instant) -> Reading {
        if std::mem::take(&mut self.listening.read_all) {
            for at in self.mirror.waited_for() {
                self.read_soon(at);
            }
        }
        let mut ids = Vec::new();
        while ids.len() < MOST_READ
            && let Some(at) = self.listening.to_read.pop_front()
        {
            if let Some(shadow) = self.mirror.get_mut(at) {
                shadow.to_read = false;
                if shadow.is_watched() && !shadow.unacknowledged {
                    ids.push(shadow.id);
                }
            }
        }
        self.guarded_too(&mut ids, now, guard);
        let next = if self.listening.to_read.is_empty() {
            self.listening.guarded.front().map(|&(due, _)| due.max(now + BREATH))
        } else {
            Some(now)
        };
        self.listening.knows_guarded = !self.listening.guarded.is_empty();
        Reading { ids, epoch: self.epoch(), next }
    }

    fn guarded_too(&mut self, ids: &mut Vec<InvocationId>, now: Instant, guard: impl Fn() -> Instant) {
        while ids.len() < MOST_READ
            && let Some(&(due, at)) = self.listening.guarded.front()
            && due <= now
        {
            self.listening.guarded.pop_front();
            let Some(shadow) = self.mirror.get_mut(at) else { continue };
            shadow.guarded = shadow.is_watched() && !shadow.is_settled();
            if shadow.guarded {
                if !shadow.unacknowledged {
                    ids.push(shadow.id);
                }
                self.listening.guarded.push_back((guard(), at));
            }
        }
    }
}
