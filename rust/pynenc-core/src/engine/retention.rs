//! What is kept of the ended: the newest, within an age, a count and a number of bytes.

use super::MemoryEngine;
use super::after::{After, Garbage};
use super::record::OVERDUE;
use super::state::State;
use crate::clock::Micros;
use crate::id::Ref;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept {
    at: Ref,
    pub(crate) ended: Micros,
    bytes: u64,
}

impl<C, V> MemoryEngine<C, V> {
    /// One more reader for an invocation; `false` when it is gone.
    pub fn remember(&self, at: Ref) -> bool {
        let mut state = self.state.lock();
        state.get_mut(at).map(|record| record.interest += 1).is_some()
    }

    /// One reader less. What only its readers kept is dropped with the last of them.
    pub fn forget(&self, at: Ref) {
        let mut after = After::default();
        let mut state = self.state.lock();
        state.forget(at, &mut after);
        drop(state);
        after.settle();
    }

    /// One reader less for each, in one step.
    pub fn forget_all(&self, all: &[Ref]) {
        let mut after = After::default();
        let mut state = self.state.lock();
        for &at in all {
            state.forget(at, &mut after);
        }
        drop(state);
        after.settle();
    }

    /// Drop everything, of every status. Waiters are told; late writes are refused.
    pub fn purge(&self) -> usize {
        self.decide(|state, after, _| {
            let all: Vec<Ref> =
                state.records.iter().map(|(slot, record)| Ref { slot, generation: record.generation }).collect();
            for &at in &all {
                if state.get(at).is_some_and(|record| record.status.is_held()) {
                    state.unhold(at);
                }
                for (subscription, token) in state.watchers.remove(&at).unwrap_or_default() {
                    after.deliver(subscription, token);
                }
                state.drop_record(at, after);
            }
            state.lanes.iter_mut().for_each(super::queue::ReadyQueue::clear);
            state.queued = [0; 2];
            state.delayed.clear();
            state.keys.clear();
            state.kept.clear();
            state.kept_bytes = 0;
            all.len()
        })
    }
}

impl<C, V> State<C, V> {
    fn forget(&mut self, at: Ref, after: &mut After<C, V>) {
        let Some(record) = self.get_mut(at) else { return };
        record.interest = record.interest.saturating_sub(1);
        if record.interest == 0 && record.has(OVERDUE) {
            self.drop_record(at, after);
        }
    }

    pub(crate) fn keep(&mut self, at: Ref, bytes: u64, after: &mut After<C, V>, now: Micros) {
        self.kept.push_back(Kept { at, ended: now, bytes });
        self.kept_bytes += bytes;
        self.drop_old(after, now);
        if let Some(oldest) = self.kept.front() {
            self.expect_tick(oldest.ended.saturating_add(self.limits.keep_for), after);
        }
    }

    pub(crate) fn drop_old(&mut self, after: &mut After<C, V>, now: Micros) {
        while let Some(&oldest) = self.kept.front() {
            let within = self.kept.len() <= self.limits.keep_count
                && self.kept_bytes <= self.limits.keep_bytes
                && now < oldest.ended.saturating_add(self.limits.keep_for);
            if within {
                return;
            }
            self.kept.pop_front();
            self.kept_bytes -= oldest.bytes;
            match self.get_mut(oldest.at) {
                Some(record) if record.interest > 0 => record.set(OVERDUE),
                Some(_) => self.drop_record(oldest.at, after),
                None => {}
            }
        }
    }

    fn drop_record(&mut self, at: Ref, after: &mut After<C, V>) {
        let Some(record) = self.records.remove(at) else { return };
        self.counts[record.status as usize] -= 1;
        if let Some(key) = record.rules.as_ref().and_then(|rules| rules.result)
            && self.keys.results.get(&key) == Some(&at)
        {
            self.keys.results.remove(&key);
        }
        after.drop_later(Garbage::Record(Box::new(record)));
    }
}
