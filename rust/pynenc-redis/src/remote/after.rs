//! What a decision brings about once the lock is free.

use std::sync::Arc;

use pynenc_core::park::{Parker, Subscription};
use smallvec::SmallVec;

/// Gathered under the lock, done after it: dropping what callers gave, waking, delivering.
pub(super) struct After<C> {
    wake: SmallVec<[Arc<Parker>; 4]>,
    tokens: Vec<(Arc<Subscription>, u32)>,
    calls: Vec<C>,
}

impl<C> Default for After<C> {
    fn default() -> Self {
        Self { wake: SmallVec::new(), tokens: Vec::new(), calls: Vec::new() }
    }
}

impl<C> After<C> {
    pub(super) fn unpark(&mut self, parker: &Arc<Parker>) {
        self.wake.push(Arc::clone(parker));
    }

    pub(super) fn deliver(&mut self, to: Arc<Subscription>, token: u32) {
        self.tokens.push((to, token));
    }

    pub(super) fn drop_later(&mut self, call: C) {
        self.calls.push(call);
    }

    /// Wake the workers first: what follows may take its time.
    pub(super) fn settle(self) {
        for parker in self.wake {
            parker.unpark();
        }
        for (subscription, token) in self.tokens {
            subscription.deliver(token);
        }
    }
}
