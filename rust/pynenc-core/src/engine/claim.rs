//! Claiming: the next invocation, its running rule and its lease in one step.

use std::cmp::Reverse;
use std::sync::Arc;

use super::MemoryEngine;
use super::record::{ASIDE, AWAITED, Awaited, Lane, QUEUED};
use super::rules::RunningKey;
use super::state::State;
use crate::clock::Micros;
use crate::error::CoreError;
use crate::id::Ref;
use crate::park::Parker;
use crate::status::Status;

/// What proves a hold: the attempt, and a number that only this claim was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fence {
    /// Counts the claims of the invocation, from 1.
    pub attempt: u32,
    /// Given to this claim and to no other.
    pub nonce: u64,
}

impl<C, V> MemoryEngine<C, V> {
    /// Claim up to `limit` invocations for a worker. Those that a running rule blocks on the
    /// way are set aside.
    ///
    /// # Errors
    /// [`CoreError::UnknownWorker`].
    pub fn claim(&self, worker: u32, lanes: &[Lane], limit: usize) -> Result<Vec<(Ref, Fence)>, CoreError> {
        self.decide(|state, after, now| {
            state.check_worker(worker)?;
            state.promote(now, after);
            let next = || lanes.iter().find_map(|&lane| state.claim_next(lane, worker, now));
            Ok(std::iter::from_fn(next).take(limit).collect())
        })
    }

    /// Claim one invocation and start it, reading its call on the way; `None` when nothing is
    /// there, and then `idle` is woken by the next submission of that lane.
    ///
    /// # Errors
    /// [`CoreError::UnknownWorker`].
    pub fn claim_started<R>(
        &self,
        worker: u32,
        lane: Lane,
        idle: Option<&Arc<Parker>>,
        read: impl FnOnce(Ref, Fence, &C) -> R,
    ) -> Result<Option<R>, CoreError> {
        self.decide(|state, after, now| {
            state.check_worker(worker)?;
            state.promote(now, after);
            let claimed = state.claim_next(lane, worker, now);
            if let Some(parker) = idle {
                state.stop_idling(lane, parker);
                if claimed.is_none() {
                    state.idle[lane as usize].push(Arc::clone(parker));
                }
            }
            let Some((at, fence)) = claimed else { return Ok(None) };
            state.start(at, now)?;
            Ok(state.get(at).and_then(|record| record.call.as_ref()).map(|call| read(at, fence, call)))
        })
    }

    /// Claim and start a queued invocation of the sync lane that the holder of `waiter` awaits;
    /// the waiter is paused until it resumes. `None`, and nothing changed, when it cannot run now.
    ///
    /// # Errors
    /// [`CoreError::Fenced`] when the waiter is no longer held, [`CoreError::Transition`] when
    /// its body has not started.
    pub fn claim_awaited<R>(
        &self,
        waiter: Ref,
        fence: Fence,
        target: Ref,
        read: impl FnOnce(Fence, &C) -> R,
    ) -> Result<Option<R>, CoreError> {
        self.decide(|state, _, now| {
            let worker = state.held(waiter, fence)?.worker;
            let Some(record) = state.get(target) else { return Ok(None) };
            let blocked = record.running_key().is_some_and(|key| state.keys.holder(&key, target).is_some());
            let elsewhere = record.lane != Lane::Sync || !record.has(QUEUED) || waiter == target;
            if elsewhere || blocked || state.check_worker(worker).is_err() {
                return Ok(None);
            }
            if state.expect(waiter)?.status != Status::Paused {
                state.move_to(waiter, Status::Paused, now)?;
            }
            if let Some(record) = state.get_mut(waiter) {
                record.awaits = Awaited::One(target);
            }
            state.dequeue(target);
            if let Some(record) = state.get_mut(target) {
                record.set(AWAITED);
            }
            let fence = state.take(target, worker, now)?;
            state.start(target, now)?;
            Ok(state.get(target).and_then(|record| record.call.as_ref()).map(|call| read(fence, call)))
        })
    }

    /// Stop waiting for submissions. A wake-up that has been spent on this parker goes to
    /// another one, if something is queued.
    pub fn leave_idle(&self, lane: Lane, parker: &Arc<Parker>) {
        self.decide(|state, after, _| {
            if !state.stop_idling(lane, parker) && state.queued[lane as usize] > 0 {
                state.wake_one(lane, after);
            }
        });
    }

    /// The body begins: from here on equal calls are new ones.
    ///
    /// # Errors
    /// [`CoreError::Fenced`], [`CoreError::Transition`].
    pub fn start(&self, at: Ref, fence: Fence) -> Result<(), CoreError> {
        self.decide(|state, _, now| {
            state.held(at, fence)?;
            state.start(at, now)
        })
    }
}

impl<C, V> State<C, V> {
    /// The record, if this fence still holds it.
    pub(crate) fn held(&self, at: Ref, fence: Fence) -> Result<&super::record::Record<C, V>, CoreError> {
        let record = self.expect(at)?;
        if record.attempt == fence.attempt && record.nonce == fence.nonce && record.status.is_held() {
            return Ok(record);
        }
        Err(CoreError::Fenced { id: self.ids.id(at), attempt: fence.attempt, status: record.status })
    }

    fn claim_next(&mut self, lane: Lane, worker: u32, now: Micros) -> Option<(Ref, Fence)> {
        loop {
            let at = self.lanes[lane as usize].pop()?;
            let Some(record) = self.get(at).filter(|record| record.has(QUEUED)) else { continue };
            let key = record.running_key();
            self.dequeue(at);
            if key.is_some_and(|key| self.keys.holder(&key, at).is_some()) {
                self.set_aside(at, now);
            } else if let Ok(fence) = self.take(at, worker, now) {
                return Some((at, fence));
            }
        }
    }

    /// Forget an idle parker, so that no wake-up is spent on it; whether it was there.
    fn stop_idling(&mut self, lane: Lane, parker: &Arc<Parker>) -> bool {
        let idle = &mut self.idle[lane as usize];
        let before = idle.len();
        idle.retain(|other| !Arc::ptr_eq(other, parker));
        idle.len() < before
    }

    fn set_aside(&mut self, at: Ref, now: Micros) {
        if self.move_to(at, Status::Rerouted, now).is_err() {
            return;
        }
        let Some(record) = self.get_mut(at) else { return };
        record.set(ASIDE);
        let (seq, key) = (record.seq, record.running_key());
        if let Some(slot) = key.and_then(|key| self.keys.running.get_mut(&key)) {
            slot.line.push(Reverse((seq, at)));
        }
    }

    /// Give a claimable record to a worker.
    fn take(&mut self, at: Ref, worker: u32, now: Micros) -> Result<Fence, CoreError> {
        let nonce = self.next_nonce();
        let record = self.get_mut(at).map(|record| {
            record.worker = worker;
            record.attempt += 1;
            record.nonce = nonce;
            (record.attempt, record.running_key())
        });
        let Some((attempt, key)) = record else { return Err(self.missing(at)) };
        self.move_to(at, Status::Pending, now)?;
        self.hold(at, worker);
        if let Some(key) = key {
            self.keys.running.entry(key).or_insert_with(|| RunningKey::held_by(at)).holder = at;
        }
        Ok(Fence { attempt, nonce })
    }

    fn start(&mut self, at: Ref, now: Micros) -> Result<(), CoreError> {
        self.move_from(at, Status::Pending, Status::Running, now)?;
        let registration = self.get(at).and_then(super::record::Record::registration_key);
        if let Some(key) = registration {
            self.keys.unregister(&key, at);
        }
        Ok(())
    }
}
