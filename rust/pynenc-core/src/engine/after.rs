//! What a decision leaves to be done once the lock is free.

use std::sync::Arc;

use smallvec::SmallVec;

use super::record::{Outcome, Record};
use crate::park::{Parker, Subscription};

/// A caller's value that must not be dropped under the lock.
pub(crate) enum Garbage<C, V> {
    Call(C),
    Outcome(Outcome<V>),
    Record(#[expect(dead_code, reason = "held for its drop")] Box<Record<C, V>>),
}

pub(crate) struct After<C, V> {
    tokens: SmallVec<[(Arc<Subscription>, u32); 2]>,
    wake: SmallVec<[Arc<Parker>; 2]>,
    garbage: Vec<Garbage<C, V>>,
}

impl<C, V> Default for After<C, V> {
    fn default() -> Self {
        Self { tokens: SmallVec::new(), wake: SmallVec::new(), garbage: Vec::new() }
    }
}

impl<C, V> After<C, V> {
    pub(crate) fn deliver(&mut self, to: Arc<Subscription>, token: u32) {
        self.tokens.push((to, token));
    }

    pub(crate) fn unpark(&mut self, parker: Arc<Parker>) {
        self.wake.push(parker);
    }

    pub(crate) fn drop_later(&mut self, garbage: Garbage<C, V>) {
        self.garbage.push(garbage);
    }

    /// Wake the workers first: what follows may take its time.
    pub(crate) fn settle(self) {
        for parker in self.wake {
            parker.unpark();
        }
        for (subscription, token) in self.tokens {
            subscription.deliver(token);
        }
    }
}
