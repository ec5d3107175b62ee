//! Submission: registration rule, kept results, record and queue in one step.

use std::sync::Arc;

use smallvec::smallvec;

use super::MemoryEngine;
use super::after::{After, Garbage};
use super::record::{Awaited, Event, Lane, QUEUED, Record, Rules};
use super::state::State;
use crate::clock::Micros;
use crate::id::Ref;
use crate::park::Subscription;
use crate::status::Status;

/// One call to be taken.
#[derive(Debug)]
pub struct Submission<C> {
    /// From [`MemoryEngine::task`].
    pub task: u32,
    /// What to run it with.
    pub call: C,
    /// The invocation whose body made the call.
    pub parent: Option<Ref>,
    /// Where its body runs.
    pub lane: Lane,
    /// How long it waits before it is registered.
    pub delay: Micros,
    /// The rules that it comes under.
    pub rules: Option<Box<Rules>>,
}

/// What became of a submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// A new invocation.
    New(Ref),
    /// One that has not started answers for it; `same` when all its arguments are equal.
    Reused {
        /// The one that answers.
        at: Ref,
        /// Whether the arguments are the same.
        same: bool,
    },
    /// One that has its result already answers for it.
    Cached(Ref),
    /// Refused: one with the same key and other arguments has not started.
    Refused(Ref),
}

impl Receipt {
    /// The invocation that the receipt names.
    #[must_use]
    pub const fn at(self) -> Ref {
        match self {
            Self::New(at) | Self::Reused { at, .. } | Self::Cached(at) | Self::Refused(at) => at,
        }
    }
}

impl<C, V> MemoryEngine<C, V> {
    /// The number of a task's name; the same each time it is asked for.
    pub fn task(&self, name: &str) -> u32 {
        let mut state = self.state.lock();
        if let Some(&known) = state.task_index.get(name) {
            return known;
        }
        let name: Arc<str> = Arc::from(name);
        let index = u32::try_from(state.tasks.len()).unwrap_or(u32::MAX);
        state.tasks.push(Arc::clone(&name));
        state.task_index.insert(name, index);
        index
    }

    /// Take one call. The caller becomes interested in the invocation of the receipt, unless
    /// it was refused, and owes a [`MemoryEngine::forget`].
    pub fn submit_one(&self, submission: Submission<C>) -> Receipt {
        self.decide(|state, after, now| state.submit(submission, None, after, now))
    }

    /// Take many calls in one decision, under each one's own rules. With `notify`, tokens from
    /// `first` on arrive there as the invocations end.
    pub fn submit_many(&self, batch: Vec<Submission<C>>, notify: Option<(&Arc<Subscription>, u32)>) -> Vec<Receipt> {
        self.decide(|state, after, now| {
            let mut token = notify.map_or(0, |(_, first)| first);
            let submit = |submission| {
                let watcher = notify.map(|(subscription, _)| (subscription, token));
                token = token.wrapping_add(1);
                state.submit(submission, watcher, after, now)
            };
            batch.into_iter().map(submit).collect()
        })
    }
}

impl<C, V> State<C, V> {
    fn submit(
        &mut self,
        submission: Submission<C>,
        watcher: Option<(&Arc<Subscription>, u32)>,
        after: &mut After<C, V>,
        now: Micros,
    ) -> Receipt {
        let standing = submission.rules.as_deref().and_then(|rules| self.standing(rules));
        let receipt = match standing {
            Some(receipt) => {
                if let Some(record) = self.get_mut(receipt.at())
                    && !matches!(receipt, Receipt::Refused(_))
                {
                    record.interest += 1;
                }
                after.drop_later(Garbage::Call(submission.call));
                receipt
            }
            None => Receipt::New(self.create(submission, after, now)),
        };
        if let Some((subscription, token)) = watcher {
            self.watch(receipt.at(), subscription, token, after);
        }
        receipt
    }

    /// The invocation that answers for a call under these rules, if one does.
    fn standing(&self, rules: &Rules) -> Option<Receipt> {
        if let Some(&at) = rules.result.and_then(|key| self.keys.results.get(&key))
            && self.get(at).is_some_and(|record| record.status == Status::Success)
        {
            return Some(Receipt::Cached(at));
        }
        let &(_, at) = self.keys.registration.get(&rules.registration?)?.first()?;
        let same = self.get(at)?.rules.as_ref().is_some_and(|other| other.arguments == rules.arguments);
        Some(if same || !rules.raise_on_difference { Receipt::Reused { at, same } } else { Receipt::Refused(at) })
    }

    fn create(&mut self, submission: Submission<C>, after: &mut After<C, V>, now: Micros) -> Ref {
        let Submission { task, call, parent, lane, delay, rules } = submission;
        let seq = self.next_seq();
        let registration = rules.as_ref().and_then(|rules| rules.registration);
        let status = if delay == 0 { Status::Registered } else { Status::Scheduled };
        let at = self.records.insert(|at| Record {
            history: smallvec![Event { at: now, worker: 0, status }],
            call: Some(call),
            outcome: None,
            rules,
            awaits: Awaited::Nothing,
            nonce: 0,
            seq,
            parent: parent.unwrap_or(Ref::NONE),
            generation: at.generation,
            task,
            attempt: 0,
            retries: 0,
            worker: 0,
            held: (u32::MAX, u32::MAX),
            interest: 1,
            status,
            lane,
            losses: 0,
            flags: if delay == 0 { QUEUED } else { 0 },
        });
        self.counts[status as usize] += 1;
        if let Some(key) = registration {
            self.keys.register(key, seq, at);
        }
        if delay == 0 {
            self.lanes[lane as usize].push_fresh(seq, at);
            self.queued[lane as usize] += 1;
            self.wake_one(lane, after);
        } else {
            self.delay(at, now.saturating_add(delay), after);
        }
        at
    }

    /// Have a token delivered when the invocation has ended, at once if it has.
    pub(crate) fn watch(&mut self, at: Ref, by: &Arc<Subscription>, token: u32, after: &mut After<C, V>) {
        match self.get_mut(at) {
            Some(record) if !record.status.is_final() => {
                record.set(super::record::WATCHED);
                self.watchers.entry(at).or_default().push((Arc::clone(by), token));
            }
            _ => after.deliver(Arc::clone(by), token),
        }
    }
}
