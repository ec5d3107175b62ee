//! Workers and their leases: who holds what, and what happens when one falls silent.

use super::MemoryEngine;
use super::after::After;
use super::end::Ending;
use super::record::Outcome;
use super::state::State;
use crate::clock::Micros;
use crate::error::CoreError;
use crate::id::Ref;
use crate::park::Parker;
use crate::status::Status;
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

#[derive(Debug)]
pub(crate) struct Worker {
    deadline: Micros,
    /// The slot that heads the list of what it holds.
    first: u32,
}

const NOTHING: u32 = u32::MAX;

impl<C, V> MemoryEngine<C, V> {
    /// A new worker, with a lease from now on.
    pub fn register_worker(&self, name: &str) -> u32 {
        self.decide(|state, after, now| {
            state.worker_names.push(Arc::from(name));
            let worker = u32::try_from(state.worker_names.len()).unwrap_or(u32::MAX);
            let deadline = now.saturating_add(state.limits.lease);
            state.workers.insert(worker, Worker { deadline, first: NOTHING });
            state.expect_tick(deadline, after);
            worker
        })
    }

    /// Extend a worker's lease; `false` when it has been lost.
    pub fn renew(&self, worker: u32) -> bool {
        self.decide(|state, _, now| {
            let deadline = now.saturating_add(state.limits.lease);
            state.workers.get_mut(&worker).map(|known| known.deadline = deadline).is_some()
        })
    }

    /// The worker is gone: rescue what it held. The rescued ones, and those that ended so.
    pub fn lose(&self, worker: u32) -> Vec<Ref> {
        self.decide(|state, after, now| state.lose(worker, after, now))
    }

    /// Promote what is due, rescue what lost its lease, drop what is old; the time at which
    /// there will be something to do again.
    pub fn tick(&self) -> Option<Micros> {
        self.decide(|state, after, now| {
            state.promote(now, after);
            let silent = |(&id, worker): (&u32, &Worker)| (worker.deadline <= now).then_some(id);
            for worker in state.workers.iter().filter_map(silent).collect::<BTreeSet<_>>() {
                state.lose(worker, after, now);
            }
            state.drop_old(after, now);
            state.next_tick = state.next_deadline();
            state.next_tick
        })
    }

    /// Who is woken when a deadline comes earlier than the last tick said.
    pub fn set_timer(&self, timer: Option<Arc<Parker>>) {
        let mut state = self.state.lock();
        state.timer = timer;
        state.next_tick = None;
    }

    /// How long a worker may be silent.
    pub fn lease(&self) -> Micros {
        self.state.lock().limits.lease
    }
}

impl<C, V> State<C, V> {
    pub(crate) fn check_worker(&self, worker: u32) -> Result<(), CoreError> {
        if self.workers.contains_key(&worker) { Ok(()) } else { Err(CoreError::UnknownWorker(worker)) }
    }

    fn next_deadline(&self) -> Option<Micros> {
        let due = self.delayed.peek().map(|&Reverse((due, ..))| due);
        let lease = self.workers.values().map(|worker| worker.deadline).min();
        let old = self.kept.front().map(|kept| kept.ended.saturating_add(self.limits.keep_for));
        [due, lease, old].into_iter().flatten().min()
    }

    fn lose(&mut self, worker: u32, after: &mut After<C, V>, now: Micros) -> Vec<Ref> {
        let held = self.held_by(worker);
        self.workers.remove(&worker);
        for &at in &held {
            self.rescue(at, after, now);
        }
        held
    }

    fn rescue(&mut self, at: Ref, after: &mut After<C, V>, now: Micros) {
        let max = self.limits.max_losses;
        let Some(record) = self.get_mut(at) else { return };
        // What had not started is not to blame for anything.
        let started = record.status != Status::Pending;
        record.losses = record.losses.saturating_add(u8::from(started));
        let losses = record.losses;
        if matches!(self.call_off_asked(at, after, now), Ok(true)) {
            return;
        }
        if started && losses >= max {
            let ending = Ending { outcome: Outcome::Lost(losses), bytes: 0, keep_call: true };
            let ended = self.end(at, ending, after, now);
            debug_assert!(ended.is_ok(), "a held invocation may always fail");
        } else if self.let_go(at, Status::Rerouted, after, now).is_ok() {
            self.enqueue(at, after);
        }
    }

    pub(crate) fn held_by(&self, worker: u32) -> Vec<Ref> {
        let mut held = Vec::new();
        let mut slot = self.workers.get(&worker).map_or(NOTHING, |worker| worker.first);
        while let Some(record) = self.records.get(slot) {
            held.push(Ref { slot, generation: record.generation });
            slot = record.held.1;
        }
        held.reverse();
        held
    }

    pub(crate) fn hold(&mut self, at: Ref, worker: u32) {
        let Some(known) = self.workers.get_mut(&worker) else { return };
        let next = std::mem::replace(&mut known.first, at.slot);
        if let Some(record) = self.records.get_mut(at.slot) {
            record.held = (NOTHING, next);
        }
        if let Some(record) = self.records.get_mut(next) {
            record.held.0 = at.slot;
        }
    }

    pub(crate) fn unhold(&mut self, at: Ref) {
        let Some(record) = self.records.get_mut(at.slot) else { return };
        let (worker, (before, next)) = (record.worker, record.held);
        record.worker = 0;
        record.held = (NOTHING, NOTHING);
        if let Some(record) = self.records.get_mut(next) {
            record.held.0 = before;
        }
        if let Some(record) = self.records.get_mut(before) {
            record.held.1 = next;
        } else if let Some(known) = self.workers.get_mut(&worker)
            && known.first == at.slot
        {
            known.first = next;
        }
    }
}
