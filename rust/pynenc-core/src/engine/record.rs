//! What the engine keeps of one invocation.

use smallvec::SmallVec;

use crate::clock::Micros;
use crate::id::Ref;
use crate::status::Status;

/// A concurrency key: task, mode and fingerprint in 32 bytes.
pub type Key = [u8; 32];

/// Where the body of an invocation runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// In a worker slot.
    Sync,
    /// On the event loop of a runner, beside its slots.
    Async,
}

/// The rules that a submission carries; absent for a plain one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Allow one invocation of this key that has not started.
    pub registration: Option<Key>,
    /// Allow one invocation of this key that runs or is paused.
    pub running: Option<Key>,
    /// Answer from a kept successful result of this key, and keep this one's.
    pub result: Option<Key>,
    /// All arguments, to tell an equal call from a different one under the same registration key.
    pub arguments: Option<Key>,
    /// Refuse, rather than reuse, when the arguments differ.
    pub raise_on_difference: bool,
}

/// How an invocation ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome<V> {
    /// It returned this.
    Success(V),
    /// It raised this.
    Failed(V),
    /// Its worker was lost for the last time that is allowed.
    Lost(u8),
    /// It was called off.
    Cancelled,
}

/// One line of an invocation's history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: Micros,
    /// The worker that held it, or 0.
    pub worker: u32,
    /// The status that it moved to.
    pub status: Status,
}

/// Whom a paused body waits for.
#[derive(Debug, Default)]
pub(crate) enum Awaited {
    #[default]
    Nothing,
    One(Ref),
    Many(Box<[Ref]>),
}

impl Awaited {
    pub(crate) fn of(targets: &[Ref]) -> Self {
        match targets {
            [] => Self::Nothing,
            [one] => Self::One(*one),
            many => Self::Many(many.into()),
        }
    }

    pub(crate) fn as_slice(&self) -> &[Ref] {
        match self {
            Self::Nothing => &[],
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Record<C, V> {
    pub(crate) history: SmallVec<[Event; 4]>,
    pub(crate) call: Option<C>,
    pub(crate) outcome: Option<Outcome<V>>,
    pub(crate) rules: Option<Box<Rules>>,
    pub(crate) awaits: Awaited,
    pub(crate) nonce: u64,
    pub(crate) seq: u64,
    pub(crate) parent: Ref,
    pub(crate) generation: u32,
    pub(crate) task: u32,
    pub(crate) attempt: u32,
    pub(crate) retries: u32,
    pub(crate) worker: u32,
    /// Neighbours in the list of what its worker holds.
    pub(crate) held: (u32, u32),
    /// Handles and groups that may still read it.
    pub(crate) interest: u32,
    pub(crate) status: Status,
    pub(crate) lane: Lane,
    pub(crate) losses: u8,
    pub(crate) flags: u8,
}

/// In a ready queue.
pub(crate) const QUEUED: u8 = 1;
/// Set aside by a running rule, in the line of its key.
pub(crate) const ASIDE: u8 = 1 << 1;
/// Waits for its time.
pub(crate) const DELAYED: u8 = 1 << 2;
/// Somebody subscribed to its end.
pub(crate) const WATCHED: u8 = 1 << 3;
/// Asked to stop.
pub(crate) const CANCEL: u8 = 1 << 4;
/// Past the retention limits, kept only while somebody is interested.
pub(crate) const OVERDUE: u8 = 1 << 5;
/// A paused body waits for it: it runs before the others.
pub(crate) const AWAITED: u8 = 1 << 6;

impl<C, V> Record<C, V> {
    pub(crate) const fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    pub(crate) const fn set(&mut self, flag: u8) {
        self.flags |= flag;
    }

    pub(crate) const fn clear(&mut self, flag: u8) {
        self.flags &= !flag;
    }

    pub(crate) fn running_key(&self) -> Option<Key> {
        self.rules.as_ref().and_then(|rules| rules.running)
    }

    pub(crate) fn registration_key(&self) -> Option<Key> {
        self.rules.as_ref().and_then(|rules| rules.registration)
    }
}
