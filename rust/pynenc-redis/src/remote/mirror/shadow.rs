//! What this process keeps of one invocation.

use std::sync::Arc;
use std::time::Instant;

use pynenc_core::engine::{Fence, Lane, Outcome};
use pynenc_core::error::CoreError;
use pynenc_core::id::InvocationId;
use pynenc_core::park::Subscription;
use pynenc_core::status::Status;
use smallvec::SmallVec;

use crate::remote::Bytes;

pub(in crate::remote) type Watchers = SmallVec<[(Arc<Subscription>, u32); 1]>;

/// A task that nobody has told this process.
pub(in crate::remote) const UNKNOWN_TASK: u32 = u32::MAX;

pub(in crate::remote) struct Shadow<C> {
    pub(in crate::remote) id: InvocationId,
    pub(in crate::remote) generation: u32,
    pub(in crate::remote) call: Option<C>,
    pub(in crate::remote) outcome: Option<Outcome<Bytes>>,
    /// What was said of the lost worker that was the end of it.
    pub(in crate::remote) lost: Option<Box<str>>,
    /// The store has it no longer.
    pub(in crate::remote) gone: Option<Gone>,
    pub(in crate::remote) watchers: Watchers,
    pub(in crate::remote) hold: Option<Hold>,
    pub(in crate::remote) parent: Option<InvocationId>,
    /// The subscription during which the store took it on to tell of its end; 0 when it did not.
    pub(in crate::remote) covered: u64,
    /// Handles and groups that may still read it.
    pub(in crate::remote) interest: u32,
    pub(in crate::remote) task: u32,
    pub(in crate::remote) retries: u32,
    pub(in crate::remote) status: Status,
    /// In a pipeline, or on its way to the store with somebody who waits already.
    pub(in crate::remote) unacknowledged: bool,
    /// In the line of what is to be read.
    pub(in crate::remote) to_read: bool,
    /// In the line of what is read to be safe.
    pub(in crate::remote) guarded: bool,
}

/// Why the store has it no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::remote) enum Gone {
    /// It does not know it: it was never acknowledged, or the server lost its data.
    Lost,
    /// It was dropped.
    Dropped,
}

impl Gone {
    pub(in crate::remote) const fn error(self, id: InvocationId) -> CoreError {
        match self {
            Self::Lost => CoreError::NotFound(id),
            Self::Dropped => CoreError::Vanished(id),
        }
    }
}

/// How far this process is with a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::remote) enum Phase {
    /// Waits for a thread.
    Ready,
    /// A thread has it.
    Running,
    /// It has ended here, and the store has not answered yet.
    Ending,
}

/// A run that this process holds.
#[derive(Clone, Debug)]
pub(in crate::remote) struct Hold {
    pub(in crate::remote) station: usize,
    pub(in crate::remote) fence: Fence,
    pub(in crate::remote) lane: Lane,
    pub(in crate::remote) phase: Phase,
    /// The store counts it as started.
    pub(in crate::remote) reported: bool,
    /// It was given with others, as one text.
    pub(in crate::remote) bundled: bool,
    /// When a thread took it; none once it has waited for something, for then the time says nothing.
    pub(in crate::remote) measured: Option<Instant>,
    pub(in crate::remote) begun: Option<Instant>,
}

impl<C> Shadow<C> {
    pub(in crate::remote) fn new(id: InvocationId, generation: u32) -> Self {
        Self {
            id,
            generation,
            call: None,
            outcome: None,
            lost: None,
            gone: None,
            watchers: SmallVec::new(),
            hold: None,
            parent: None,
            covered: 0,
            interest: 0,
            task: UNKNOWN_TASK,
            retries: 0,
            status: Status::Registered,
            unacknowledged: false,
            to_read: false,
            guarded: false,
        }
    }

    /// Whether there is nothing more to learn of it.
    pub(in crate::remote) const fn is_settled(&self) -> bool {
        self.outcome.is_some() || self.gone.is_some()
    }

    pub(in crate::remote) fn is_watched(&self) -> bool {
        !self.watchers.is_empty()
    }

    pub(in crate::remote) fn is_wanted(&self) -> bool {
        self.interest > 0 || self.is_watched() || self.hold.is_some()
    }

    /// The hold, if that fence is its own.
    pub(in crate::remote) fn held_by(&mut self, fence: Fence) -> Option<&mut Hold> {
        self.hold.as_mut().filter(|hold| hold.fence == fence)
    }

    /// The refusal of a write that shows this fence.
    pub(in crate::remote) const fn fenced(&self, fence: Fence) -> CoreError {
        CoreError::Fenced { id: self.id, attempt: fence.attempt, status: self.status }
    }
}
