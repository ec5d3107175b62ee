//! Who waits in this process, and for what.

use std::sync::Arc;

use pynenc_core::id::{InvocationId, Ref};
use pynenc_core::park::Subscription;

use super::Remote;
use super::mirror::Gone;
use super::shared::Shared;

/// Waiting.
impl<C: Send + 'static> Remote<C> {
    /// Have `first`, `first + 1`, … delivered as the invocations end, their outcomes readable; at once for
    /// those known to have ended, or to be gone. An invocation that the store has lost counts as ended.
    pub fn watch(&self, all: &[Ref], by: &Arc<Subscription>, first: u32) {
        let shared = self.shared();
        if !shared.is_home() {
            return;
        }
        if shared.is_closing() {
            (first..).zip(all).for_each(|(token, _)| by.deliver(token));
            return;
        }
        // Without threads nothing would ever be told: what waits is then told at the end, that it is lost.
        if shared.listen().and_then(|()| shared.start_keeper()).is_err() {
            shared.close();
        }
        let guard = shared.guard_time();
        let (unacknowledged, calls_keeper) = shared.decide(|state, after| {
            let mut unacknowledged = false;
            for (token, &at) in (first..).zip(all) {
                if state.mirror.watch(at, by, token, after) {
                    unacknowledged |= state.mirror.get(at).is_some_and(|shadow| shadow.unacknowledged);
                    state.attend(at, guard);
                }
            }
            (unacknowledged, state.listening.calls_keeper())
        });
        if unacknowledged {
            shared.send_pipelines();
        }
        if calls_keeper {
            shared.keeper.unpark();
        }
    }

    /// Take a subscription back from the invocations that have not ended.
    pub fn unwatch(&self, all: &[Ref], by: &Arc<Subscription>) {
        if self.shared().is_home() {
            self.shared().decide(|state, after| all.iter().for_each(|&at| state.mirror.unwatch(at, by, after)));
        }
    }

    /// One more reader for an invocation; `false` when it is gone.
    pub fn remember(&self, at: Ref) -> bool {
        self.shared().is_home() && self.shared().decide(|state, _| state.mirror.remember(at))
    }

    /// One more reader for an invocation of a task that is known by its number, whether or not this process has let
    /// go of it; its place. Nothing is asked: what is not known here is asked for when somebody wants to know.
    pub fn recall(&self, id: InvocationId, task: u32) -> Ref {
        if !self.shared().is_home() {
            return Ref::NONE;
        }
        self.shared().decide(|state, _| {
            let at = state.mirror.ensure(id);
            if let Some(shadow) = state.mirror.get_mut(at) {
                shadow.interest += 1;
                shadow.task = task;
            }
            at
        })
    }

    /// One reader less. What only its readers kept is dropped with the last of them.
    pub fn forget(&self, at: Ref) {
        self.forget_all(&[at]);
    }

    /// One reader less for each, in one step.
    pub fn forget_all(&self, all: &[Ref]) {
        if self.shared().is_home() {
            self.shared().decide(|state, after| all.iter().for_each(|&at| state.mirror.forget(at, after)));
        }
    }
}

impl<C> Shared<C> {
    /// Nobody will learn of any end any more: whoever waits is told that it is lost.
    pub(super) fn give_up_waiting(&self) {
        self.decide(|state, after| {
            for at in state.mirror.waited_for() {
                state.mirror.lose(at, Gone::Lost, after);
            }
        });
    }
}
