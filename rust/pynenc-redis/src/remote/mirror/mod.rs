//! The invocations that this process has to do with, by place and by id.
//!
//! A shadow is kept while somebody is interested in it, watches it or holds it, and dropped with the last
//! of these; what it ended with is kept for the interested alone.

mod names;
mod shadow;

use std::sync::Arc;

use pynenc_core::engine::{Fence, Outcome};
use pynenc_core::error::CoreError;
use pynenc_core::id::{InvocationId, Ref};
use pynenc_core::park::Subscription;
use pynenc_core::slab::Slab;
use pynenc_core::status::Status;
use rustc_hash::FxHashMap;

use super::Bytes;
use super::after::After;

pub(super) use names::Names;
pub(super) use shadow::{Gone, Hold, Phase, Shadow, UNKNOWN_TASK};

pub(super) struct Mirror<C> {
    shadows: Slab<Shadow<C>>,
    places: FxHashMap<InvocationId, Ref>,
    pub(super) names: Names,
}

impl<C> Default for Mirror<C> {
    fn default() -> Self {
        Self { shadows: Slab::new(), places: FxHashMap::default(), names: Names::default() }
    }
}

impl<C> Mirror<C> {
    pub(super) fn get(&self, at: Ref) -> Option<&Shadow<C>> {
        self.shadows.get(at.slot()).filter(|shadow| shadow.generation == at.generation())
    }

    pub(super) fn get_mut(&mut self, at: Ref) -> Option<&mut Shadow<C>> {
        self.shadows.get_mut(at.slot()).filter(|shadow| shadow.generation == at.generation())
    }

    pub(super) fn expect(&mut self, at: Ref) -> Result<&mut Shadow<C>, CoreError> {
        self.get_mut(at).ok_or(CoreError::NotFound(InvocationId::NIL))
    }

    pub(super) fn place(&self, id: InvocationId) -> Option<Ref> {
        self.places.get(&id).copied()
    }

    pub(super) fn id(&self, at: Ref) -> InvocationId {
        self.get(at).map_or(InvocationId::NIL, |shadow| shadow.id)
    }

    /// A new shadow; the id must have none.
    pub(super) fn add(&mut self, id: InvocationId) -> Ref {
        let at = self.shadows.insert(|at| Shadow::new(id, at.generation()));
        self.places.insert(id, at);
        at
    }

    /// The shadow of an id, new if there is none.
    pub(super) fn ensure(&mut self, id: InvocationId) -> Ref {
        self.place(id).unwrap_or_else(|| self.add(id))
    }

    /// Every place, those that somebody waits for and that have not settled.
    pub(super) fn waited_for(&self) -> Vec<Ref> {
        self.unsettled(Shadow::is_watched)
    }

    /// Every place that has not settled and is one of `which`.
    pub(super) fn unsettled(&self, which: impl Fn(&Shadow<C>) -> bool) -> Vec<Ref> {
        let place = |(slot, shadow): (u32, &Shadow<C>)| Ref::new(slot, shadow.generation);
        self.shadows.iter().filter(|(_, shadow)| !shadow.is_settled() && which(shadow)).map(place).collect()
    }

    pub(super) fn remember(&mut self, at: Ref) -> bool {
        self.get_mut(at).map(|shadow| shadow.interest += 1).is_some()
    }

    pub(super) fn forget(&mut self, at: Ref, after: &mut After<C>) {
        let Some(shadow) = self.get_mut(at) else { return };
        shadow.interest = shadow.interest.saturating_sub(1);
        self.drop_unwanted(at, after);
    }

    /// Drop the shadow if nobody has to do with it any more.
    pub(super) fn drop_unwanted(&mut self, at: Ref, after: &mut After<C>) {
        if self.get(at).is_none_or(Shadow::is_wanted) {
            return;
        }
        if let Some(shadow) = self.shadows.remove(at) {
            self.places.remove(&shadow.id);
            if let Some(call) = shadow.call {
                after.drop_later(call);
            }
        }
    }

    /// Have a token delivered when it settles, at once if it has; whether it has not.
    pub(super) fn watch(&mut self, at: Ref, by: &Arc<Subscription>, token: u32, after: &mut After<C>) -> bool {
        match self.get_mut(at) {
            Some(shadow) if !shadow.is_settled() => {
                shadow.watchers.push((Arc::clone(by), token));
                true
            }
            _ => {
                after.deliver(Arc::clone(by), token);
                false
            }
        }
    }

    pub(super) fn unwatch(&mut self, at: Ref, by: &Arc<Subscription>, after: &mut After<C>) {
        let Some(shadow) = self.get_mut(at) else { return };
        shadow.watchers.retain(|(other, _)| !Arc::ptr_eq(other, by));
        self.drop_unwanted(at, after);
    }

    /// It ended; whoever waits is told once this is readable.
    pub(super) fn end(&mut self, at: Ref, status: Status, outcome: Outcome<Bytes>, after: &mut After<C>) {
        let Some(shadow) = self.get_mut(at).filter(|shadow| !shadow.is_settled()) else { return };
        shadow.status = status;
        shadow.outcome = Some(outcome);
        self.tell(at, after);
    }

    /// The store has it no longer.
    pub(super) fn lose(&mut self, at: Ref, gone: Gone, after: &mut After<C>) {
        let Some(shadow) = self.get_mut(at).filter(|shadow| !shadow.is_settled()) else { return };
        shadow.gone = Some(gone);
        self.tell(at, after);
    }

    fn tell(&mut self, at: Ref, after: &mut After<C>) {
        let Some(shadow) = self.get_mut(at) else { return };
        for (subscription, token) in std::mem::take(&mut shadow.watchers) {
            after.deliver(subscription, token);
        }
        self.drop_unwanted(at, after);
    }

    /// The hold of a run by this fence, of which nothing has been said to end it.
    pub(super) fn held(&mut self, at: Ref, fence: Fence) -> Result<&mut Hold, CoreError> {
        let shadow = self.expect(at)?;
        let refused = shadow.fenced(fence);
        shadow.held_by(fence).filter(|hold| hold.phase == Phase::Running).ok_or(refused)
    }

    /// The run is no longer held.
    pub(super) fn let_go(&mut self, at: Ref, after: &mut After<C>) {
        if let Some(shadow) = self.get_mut(at) {
            shadow.hold = None;
        }
        self.drop_unwanted(at, after);
    }
}
