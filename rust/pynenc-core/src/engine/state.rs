//! Everything behind the lock, and the moves that every decision is made of.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::Limits;
use super::after::After;
use super::lease::Worker;
use super::queue::ReadyQueue;
use super::record::{ASIDE, AWAITED, DELAYED, Event, Key, Lane, QUEUED, Record};
use super::retention::Kept;
use super::rules::KeyIndexes;

use crate::clock::Micros;
use crate::error::CoreError;
use crate::id::{IdSpace, Ref};
use crate::park::{Parker, Subscription};
use crate::slab::Slab;
use crate::status::{ALL, Status};

pub(crate) type Watchers = SmallVec<[(Arc<Subscription>, u32); 1]>;

pub(crate) struct State<C, V> {
    pub(crate) limits: Limits,
    pub(crate) ids: IdSpace,
    pub(crate) records: Slab<Record<C, V>>,
    pub(crate) lanes: [ReadyQueue; 2],
    pub(crate) queued: [usize; 2],
    pub(crate) delayed: BinaryHeap<Reverse<(Micros, u64, Ref)>>,
    pub(crate) keys: KeyIndexes,
    pub(crate) watchers: FxHashMap<Ref, Watchers>,
    pub(crate) workers: FxHashMap<u32, Worker>,
    pub(crate) idle: [Vec<Arc<Parker>>; 2],
    pub(crate) timer: Option<Arc<Parker>>,
    /// When the timer will look again, as far as it was told.
    pub(crate) next_tick: Option<Micros>,
    pub(crate) kept: VecDeque<Kept>,
    pub(crate) kept_bytes: u64,
    pub(crate) counts: [usize; ALL.len()],
    pub(crate) tasks: Vec<Arc<str>>,
    pub(crate) task_index: HashMap<Arc<str>, u32>,
    /// Of every worker that ever was, in the order of their numbers: histories name them.
    pub(crate) worker_names: Vec<Arc<str>>,
    seq: u64,
    nonce: u64,
}

impl<C, V> State<C, V> {
    pub(crate) fn new(limits: Limits, ids: IdSpace, random: u64) -> Self {
        Self {
            limits,
            ids,
            records: Slab::new(),
            lanes: [ReadyQueue::default(), ReadyQueue::default()],
            queued: [0; 2],
            delayed: BinaryHeap::new(),
            keys: KeyIndexes::default(),
            watchers: FxHashMap::default(),
            workers: FxHashMap::default(),
            idle: [Vec::new(), Vec::new()],
            timer: None,
            next_tick: None,
            kept: VecDeque::new(),
            kept_bytes: 0,
            counts: [0; ALL.len()],
            tasks: Vec::new(),
            task_index: HashMap::new(),
            worker_names: Vec::new(),
            seq: 0,
            nonce: random,
        }
    }

    pub(crate) const fn next_seq(&mut self) -> u64 {
        self.seq += 1;
        self.seq
    }

    /// A number that no earlier claim had: `SplitMix64` (Steele, Lea, Flood 2014) never repeats
    /// within its period of 2^64.
    pub(crate) const fn next_nonce(&mut self) -> u64 {
        self.nonce = self.nonce.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.nonce;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn get(&self, at: Ref) -> Option<&Record<C, V>> {
        self.records.get(at.slot).filter(|record| record.generation == at.generation)
    }

    pub(crate) fn get_mut(&mut self, at: Ref) -> Option<&mut Record<C, V>> {
        self.records.get_mut(at.slot).filter(|record| record.generation == at.generation)
    }

    /// Why there is no record: it was dropped, or never was.
    pub(crate) fn missing(&self, at: Ref) -> CoreError {
        let id = self.ids.id(at);
        let next = match self.records.get(at.slot) {
            Some(record) => Some(record.generation),
            None => self.records.free_generation(at.slot),
        };
        if next.is_some_and(|generation| generation > at.generation) {
            CoreError::Expired(id)
        } else {
            CoreError::NotFound(id)
        }
    }

    pub(crate) fn expect(&self, at: Ref) -> Result<&Record<C, V>, CoreError> {
        self.get(at).ok_or_else(|| self.missing(at))
    }

    /// Move a record along the status table and write the line of history.
    pub(crate) fn move_to(&mut self, at: Ref, to: Status, now: Micros) -> Result<(), CoreError> {
        let id = self.ids.id(at);
        let Some(record) = self.records.get_mut(at.slot).filter(|record| record.generation == at.generation) else {
            return Err(CoreError::NotFound(id));
        };
        let from = record.status;
        if !from.can_move_to(to) {
            return Err(CoreError::Transition { id, from, to });
        }
        record.status = to;
        record.history.push(Event { at: now, worker: record.worker, status: to });
        self.counts[from as usize] -= 1;
        self.counts[to as usize] += 1;
        Ok(())
    }

    /// Move a record that stands at `from`, and at nothing else that may go there.
    pub(crate) fn move_from(&mut self, at: Ref, from: Status, to: Status, now: Micros) -> Result<(), CoreError> {
        let stands = self.expect(at)?.status;
        if stands == from {
            return self.move_to(at, to, now);
        }
        Err(CoreError::Transition { id: self.ids.id(at), from: stands, to })
    }

    /// Put a claimable record into the queue of its lane, in its place.
    pub(crate) fn enqueue(&mut self, at: Ref, after: &mut After<C, V>) {
        let Some(record) = self.get_mut(at) else { return };
        record.set(QUEUED);
        let (seq, lane, awaited) = (record.seq, record.lane, record.has(AWAITED));
        if awaited {
            self.lanes[lane as usize].push_awaited(seq, at);
        } else {
            self.lanes[lane as usize].push_returned(seq, at);
        }
        self.queued[lane as usize] += 1;
        self.wake_one(lane, after);
    }

    pub(crate) fn dequeue(&mut self, at: Ref) {
        if let Some(record) = self.get_mut(at)
            && record.has(QUEUED)
        {
            record.clear(QUEUED);
            let lane = record.lane as usize;
            self.queued[lane] -= 1;
        }
    }

    pub(crate) fn wake_one(&mut self, lane: Lane, after: &mut After<C, V>) {
        if let Some(parker) = self.idle[lane as usize].pop() {
            after.unpark(parker);
        }
    }

    pub(crate) fn delay(&mut self, at: Ref, due: Micros, after: &mut After<C, V>) {
        let Some(record) = self.get_mut(at) else { return };
        record.set(DELAYED);
        let seq = record.seq;
        self.delayed.push(Reverse((due, seq, at)));
        self.expect_tick(due, after);
    }

    /// Have the timer look at `due`, if it was to sleep for longer.
    pub(crate) fn expect_tick(&mut self, due: Micros, after: &mut After<C, V>) {
        if self.next_tick.is_some_and(|next| next <= due) {
            return;
        }
        self.next_tick = Some(due);
        if let Some(timer) = &self.timer {
            after.unpark(Arc::clone(timer));
        }
    }

    /// Move what is due into the queue.
    pub(crate) fn promote(&mut self, now: Micros, after: &mut After<C, V>) {
        while let Some(&Reverse((due, _, at))) = self.delayed.peek() {
            if due > now {
                return;
            }
            self.delayed.pop();
            let Some(record) = self.get_mut(at) else { continue };
            if !record.has(DELAYED) {
                continue;
            }
            record.clear(DELAYED);
            let scheduled = record.status == Status::Scheduled;
            if !scheduled || self.move_to(at, Status::Registered, now).is_ok() {
                self.enqueue(at, after);
            }
        }
    }

    /// Give a running key back, and let the oldest that was set aside for it try.
    pub(crate) fn free_key(&mut self, key: &Key, at: Ref, after: &mut After<C, V>) {
        let Some(slot) = self.keys.running.get_mut(key) else { return };
        if slot.holder == at {
            slot.holder = Ref::NONE;
        } else if slot.holder != Ref::NONE {
            return;
        }
        while let Some(Reverse((_, next))) = slot.line.pop() {
            let record = self.records.get_mut(next.slot).filter(|record| record.generation == next.generation);
            if let Some(record) = record.filter(|record| record.has(ASIDE)) {
                record.clear(ASIDE);
                self.enqueue(next, after);
                return;
            }
        }
        self.keys.running.remove(key);
    }

    pub(crate) fn task_name(&self, task: u32) -> Arc<str> {
        self.tasks.get(task as usize).map_or_else(|| Arc::from(""), Arc::clone)
    }
}
