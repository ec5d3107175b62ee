//! The wait graph: who waits for whom, and whether that can ever end.
//!
//! Edges go from a paused body to what it awaits, and from an invocation that a running rule
//! keeps from starting to the holder of its key. Only a wait can close a cycle: a fresh holder
//! waits for nobody, so the edges that a claim creates lead nowhere yet. It is therefore enough
//! to walk the graph when a body pauses.

use std::ops::ControlFlow;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::MemoryEngine;
use super::claim::Fence;
use super::record::{AWAITED, Awaited, QUEUED, WATCHED};
use super::state::State;
use crate::clock::Micros;
use crate::error::CoreError;
use crate::id::Ref;
use crate::park::Subscription;
use crate::status::Status;

impl<C, V> MemoryEngine<C, V> {
    /// Have `first`, `first + 1`, … delivered as the invocations end; at once for the ended.
    pub fn watch(&self, all: &[Ref], by: &Arc<Subscription>, first: u32) {
        self.decide(|state, after, _| {
            for (token, &at) in (first..).zip(all) {
                state.watch(at, by, token, after);
            }
        });
    }

    /// Take a subscription back from the invocations that have not ended.
    pub fn unwatch(&self, all: &[Ref], by: &Arc<Subscription>) {
        let mut state = self.state.lock();
        for &at in all {
            let Some(watchers) = state.watchers.get_mut(&at) else { continue };
            watchers.retain(|(other, _)| !Arc::ptr_eq(other, by));
            if watchers.is_empty() {
                state.watchers.remove(&at);
                if let Some(record) = state.get_mut(at) {
                    record.clear(WATCHED);
                }
            }
        }
    }

    /// The body that holds `waiter` waits for all of `awaited` from now on, and they run first.
    /// `false`, and nothing changed, when one of them has ended already.
    ///
    /// # Errors
    /// [`CoreError::Cycle`], [`CoreError::WaitLimit`], [`CoreError::Fenced`];
    /// [`CoreError::Transition`] when the body has not started.
    pub fn pause(&self, waiter: Ref, fence: Fence, awaited: &[Ref]) -> Result<bool, CoreError> {
        self.decide(|state, after, now| {
            state.held(waiter, fence)?;
            let ended = |&at: &Ref| state.get(at).is_none_or(|record| record.status.is_final());
            if awaited.is_empty() || awaited.iter().any(ended) {
                return Ok(false);
            }
            state.check_cycle(waiter, awaited)?;
            if state.expect(waiter)?.status != Status::Paused {
                state.move_to(waiter, Status::Paused, now)?;
            }
            if let Some(record) = state.get_mut(waiter) {
                record.awaits = Awaited::of(awaited);
            }
            for &at in awaited {
                state.prefer(at);
            }
            for lane in [super::Lane::Sync, super::Lane::Async] {
                if state.lanes[lane as usize].has_awaited() {
                    state.wake_one(lane, after);
                }
            }
            Ok(true)
        })
    }

    /// The wait is over.
    ///
    /// # Errors
    /// [`CoreError::Fenced`], [`CoreError::Transition`].
    pub fn resume(&self, waiter: Ref, fence: Fence) -> Result<(), CoreError> {
        self.decide(|state, _, now| state.resume(waiter, fence, now))
    }

    /// Look at `at`, then at each ancestor in turn that waits for the one before. `look` runs
    /// under the lock: it must not block nor call the engine.
    ///
    /// # Errors
    /// [`CoreError::WaitLimit`].
    pub fn waiting_line<B>(
        &self,
        at: Ref,
        mut look: impl FnMut(Ref, u32, Option<&C>) -> ControlFlow<B>,
    ) -> Result<Option<B>, CoreError> {
        let state = self.state.lock();
        let mut next = at;
        for _ in 0..=state.limits.wait_links {
            let Some(record) = state.get(next) else { return Ok(None) };
            if next != at && record.status != Status::Paused {
                return Ok(None);
            }
            if let ControlFlow::Break(found) = look(next, record.task, record.call.as_ref()) {
                return Ok(Some(found));
            }
            next = record.parent;
        }
        Err(CoreError::WaitLimit(state.limits.wait_links))
    }
}

impl<C, V> State<C, V> {
    pub(crate) fn resume(&mut self, waiter: Ref, fence: Fence, now: Micros) -> Result<(), CoreError> {
        self.held(waiter, fence)?;
        self.move_from(waiter, Status::Paused, Status::Running, now)?;
        if let Some(record) = self.get_mut(waiter) {
            record.awaits = Awaited::Nothing;
        }
        Ok(())
    }

    /// Have it run before what nobody waits for.
    fn prefer(&mut self, at: Ref) {
        let Some(record) = self.get_mut(at) else { return };
        if record.has(AWAITED) {
            return;
        }
        record.set(AWAITED);
        if record.has(QUEUED) {
            let (seq, lane) = (record.seq, record.lane);
            self.lanes[lane as usize].push_awaited(seq, at);
        }
    }

    /// What must end before this one can: whom it awaits, or who holds its key.
    fn blockers(&self, at: Ref) -> SmallVec<[Ref; 4]> {
        let Some(record) = self.get(at) else { return SmallVec::new() };
        if record.status == Status::Paused {
            return record.awaits.as_slice().into();
        }
        if record.status.is_held() || record.status.is_final() {
            return SmallVec::new();
        }
        let holder = record.running_key().and_then(|key| self.keys.holder(&key, at));
        holder.into_iter().collect()
    }

    /// Refuse a wait from which the waiter itself can be reached.
    fn check_cycle(&self, waiter: Ref, awaited: &[Ref]) -> Result<(), CoreError> {
        let mut from: FxHashMap<Ref, Ref> = FxHashMap::default();
        let mut layer: Vec<Ref> = Vec::new();
        for &at in awaited {
            if at == waiter {
                return Err(CoreError::Cycle(vec![self.ids.id(waiter)]));
            }
            if !self.blockers(at).is_empty() {
                from.insert(at, waiter);
                layer.push(at);
            }
        }
        let mut links = 0;
        while !layer.is_empty() {
            links += 1;
            if links > self.limits.wait_links {
                return Err(CoreError::WaitLimit(self.limits.wait_links));
            }
            for at in std::mem::take(&mut layer) {
                for next in self.blockers(at) {
                    if next == waiter {
                        return Err(CoreError::Cycle(self.path(waiter, at, &from)));
                    }
                    if let std::collections::hash_map::Entry::Vacant(entry) = from.entry(next) {
                        entry.insert(at);
                        layer.push(next);
                    }
                }
            }
        }
        Ok(())
    }

    fn path(&self, waiter: Ref, last: Ref, from: &FxHashMap<Ref, Ref>) -> Vec<crate::id::InvocationId> {
        let mut path = vec![last];
        let mut at = last;
        while let Some(&before) = from.get(&at) {
            path.push(before);
            if before == waiter {
                break;
            }
            at = before;
        }
        path.reverse();
        path.into_iter().map(|at| self.ids.id(at)).collect()
    }
}
