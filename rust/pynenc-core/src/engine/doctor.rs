//! The invariants of the engine, checked against every record.

use std::cmp::Reverse;

use rustc_hash::FxHashSet;

use super::MemoryEngine;
use super::record::{ASIDE, DELAYED, Key, QUEUED, Record};
use super::rules::RunningKey;
use super::state::State;
use crate::id::Ref;
use crate::status::{ALL, Status};

/// Who is where, as the queues, lines and workers tell it; each may name some that have gone.
struct Whereabouts {
    queue: FxHashSet<Ref>,
    delay: FxHashSet<Ref>,
    line: FxHashSet<Ref>,
    hands: FxHashSet<(u32, Ref)>,
}

impl<C, V> MemoryEngine<C, V> {
    /// What is wrong, a line each; nothing when all invariants hold. Looks at every record.
    ///
    /// A record that has not ended is in exactly one place (queue, delay, a key's line, a
    /// worker's hands); a running key has one holder, which is held, and a line of it has somebody
    /// to wake it; a registration key names only what has not started, at most one of which is
    /// new; counters match.
    pub fn doctor(&self) -> Vec<String> {
        let state = self.state.lock();
        let mut wrong = Vec::new();
        let there = state.whereabouts();
        for (slot, record) in state.records.iter() {
            let at = Ref { slot, generation: record.generation };
            state.examine(at, record, &there, &mut wrong);
        }
        state.examine_keys(&mut wrong);
        state.examine_counts(&mut wrong);
        wrong
    }
}

impl<C, V> State<C, V> {
    fn whereabouts(&self) -> Whereabouts {
        let in_line = |slot: &RunningKey| slot.line.iter().map(|&Reverse((_, at))| at).collect::<Vec<_>>();
        let in_hands = |&worker: &u32| self.held_by(worker).into_iter().map(move |at| (worker, at)).collect::<Vec<_>>();
        Whereabouts {
            queue: self.lanes.iter().flat_map(super::queue::ReadyQueue::hints).collect(),
            delay: self.delayed.iter().map(|&Reverse((_, _, at))| at).collect(),
            line: self.keys.running.values().flat_map(in_line).collect(),
            hands: self.workers.keys().flat_map(in_hands).collect(),
        }
    }

    fn examine(&self, at: Ref, record: &Record<C, V>, there: &Whereabouts, wrong: &mut Vec<String>) {
        let id = self.ids.id(at);
        let name = record.status.name();
        let places = [
            record.has(QUEUED) && there.queue.contains(&at),
            record.has(DELAYED) && there.delay.contains(&at),
            record.has(ASIDE) && there.line.contains(&at),
            there.hands.contains(&(record.worker, at)),
        ];
        let taken = places.iter().filter(|&&taken| taken).count();
        if taken != usize::from(!record.status.is_final()) {
            wrong.push(format!("{id} ({name}) is in {taken} places: queue, delay, line, hands = {places:?}"));
        }
        if record.status.is_final() != record.outcome.is_some() {
            wrong.push(format!("{id} ({name}) and its outcome disagree"));
        }
        if record.status.is_held() != (record.worker != 0) {
            wrong.push(format!("{id} ({name}) and its worker {} disagree", record.worker));
        }
        if record.history.last().map(|event| event.status) != Some(record.status) {
            wrong.push(format!("{id} ({name}) and its history disagree"));
        }
        if let Some(key) = record.running_key()
            && record.status.is_held()
            && self.keys.running.get(&key).map(|slot| slot.holder) != Some(at)
        {
            wrong.push(format!("{id} ({name}) runs without its key"));
        }
    }

    fn examine_keys(&self, wrong: &mut Vec<String>) {
        let queued = self.records.iter().filter(|(_, record)| record.has(QUEUED));
        let to_be_taken: FxHashSet<Key> = queued.filter_map(|(_, record)| record.running_key()).collect();
        for (key, slot) in &self.keys.running {
            if slot.holder == Ref::NONE && !to_be_taken.contains(key) {
                wrong.push(format!(
                    "a running key is free, nobody is queued for it, and {} stand in its line",
                    slot.line.len()
                ));
            }
            if slot.holder != Ref::NONE && !self.get(slot.holder).is_some_and(|record| record.status.is_held()) {
                wrong.push(format!("{} holds a running key and is not held", self.ids.id(slot.holder)));
            }
        }
        for not_started in self.keys.registration.values() {
            let records = || not_started.iter().filter_map(|&(_, at)| self.get(at));
            let fresh = |record: &&Record<C, V>| record.attempt == 0;
            if records().count() != not_started.len() || records().filter(fresh).count() > 1 {
                wrong.push(format!("a registration key names {not_started:?}"));
            }
            if records()
                .any(|record| record.status.is_final() || matches!(record.status, Status::Running | Status::Paused))
            {
                wrong.push(format!("a registration key names a started one of {not_started:?}"));
            }
        }
    }

    fn examine_counts(&self, wrong: &mut Vec<String>) {
        for status in ALL {
            let there = self.records.iter().filter(|(_, record)| record.status == status).count();
            if there != self.counts[status as usize] {
                wrong.push(format!("{} {} counted, {there} there", self.counts[status as usize], status.name()));
            }
        }
        let queued = self.records.iter().filter(|(_, record)| record.has(QUEUED)).count();
        if queued != self.queued.iter().sum::<usize>() {
            wrong.push(format!("{:?} counted as queued, {queued} there", self.queued));
        }
    }
}
