//! What a group knows of its members.

use std::collections::BTreeMap;

use pynenc_core::engine::Receipt;
use pynenc_core::park::Subscription;
use pynenc_core::places::Places;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// Receipt, and the values that another invocation answers for.
pub(super) type Reused = (Receipt, Option<Py<PyTuple>>);

#[derive(Default)]
pub(crate) struct Members {
    /// Of a stream without those that were returned.
    pub(crate) places: Places,
    /// Tokens that came before the answer to their submission.
    early: Vec<u32>,
    /// Those that other invocations answer for, by place.
    pub(super) reused: BTreeMap<usize, Reused>,
    /// No more will come.
    pub(crate) complete: bool,
    pub(super) closed: bool,
    /// What has not started is to be called off.
    pub(super) given_up: bool,
    /// What the input raised, until it has been told.
    pub(crate) failure: Option<PyErr>,
}

impl Members {
    /// The next token whose member is known.
    pub(crate) fn next_known(&mut self, inbox: &Subscription) -> Option<u32> {
        let known = self.places.len();
        if let Some(found) = self.early.iter().position(|&token| (token as usize) < known) {
            return Some(self.early.swap_remove(found));
        }
        while let Some(token) = inbox.take() {
            if (token as usize) < known {
                return Some(token);
            }
            self.early.push(token);
        }
        None
    }

    /// Whether a reader has to be told that more members are known.
    pub(super) fn is_asked_for(&self) -> bool {
        !self.early.is_empty()
    }
}
