//! The memory engine: one lock, and behind it every decision whole.
//!
//! Lock order: the engine's lock is the innermost. While it is held nothing is dropped that a
//! caller gave us, nobody is woken, and no callback runs: all of that is gathered in [`after`]
//! and happens once the lock is free. A caller may therefore hold a lock of its own (an
//! interpreter's, say) while it calls, and its values may call back into the engine when they
//! are dropped.

mod after;
mod claim;
mod doctor;
mod end;
mod lease;
mod query;
mod queue;
mod record;
mod retention;
mod rules;
mod state;
mod submit;
mod wait;

use std::fmt;
use std::sync::Arc;

use crate::clock::{Clock, Micros};
use crate::id::{IdSpace, InvocationId, Ref};
use crate::sync::Mutex;

use after::After;
use state::State;

pub use claim::Fence;
pub use end::{Cancelling, Ending};
pub use query::View;
pub use record::{Event, Key, Lane, Outcome, Rules};
pub use submit::{Receipt, Submission};

/// What bounds an engine.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long a worker may be silent before its work is rescued.
    pub lease: Micros,
    /// The lost worker that ends an invocation as failed.
    pub max_losses: u8,
    /// How long an ended invocation is kept.
    pub keep_for: Micros,
    /// How many ended invocations are kept.
    pub keep_count: usize,
    /// How many bytes of results of ended invocations are kept.
    pub keep_bytes: u64,
    /// How many links of the wait graph are followed.
    pub wait_links: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            lease: 15_000_000,
            max_losses: 3,
            keep_for: 24 * 3_600 * 1_000_000,
            keep_count: 100_000,
            keep_bytes: 256 << 20,
            wait_links: 1_000,
        }
    }
}

/// Everything that one app of this process has submitted, and who holds what.
///
/// `C` is a call as the caller keeps it (task arguments), `V` a result or an error.
pub struct MemoryEngine<C, V> {
    state: Mutex<State<C, V>>,
    clock: Arc<dyn Clock>,
    ids: IdSpace,
}

impl<C, V> fmt::Debug for MemoryEngine<C, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryEngine").field("ids", &self.ids).finish_non_exhaustive()
    }
}

impl<C, V> MemoryEngine<C, V> {
    /// An empty engine. `random` makes its ids its own: 64 bits from the system.
    pub fn new(clock: Arc<dyn Clock>, limits: Limits, random: u64) -> Self {
        let ids = IdSpace::new(random);
        Self { state: Mutex::new(State::new(limits, ids, random)), clock, ids }
    }

    /// One decision: under the lock with the time it happens at, then what follows from it.
    fn decide<R>(&self, decision: impl FnOnce(&mut State<C, V>, &mut After<C, V>, Micros) -> R) -> R {
        let now = self.clock.now();
        let mut after = After::default();
        let answer = decision(&mut self.state.lock(), &mut after, now);
        after.settle();
        answer
    }

    /// The identity of a place.
    #[must_use]
    pub const fn id(&self, at: Ref) -> InvocationId {
        self.ids.id(at)
    }

    /// The place of an identity, if this engine made it; its record may be gone.
    #[must_use]
    pub const fn place(&self, id: InvocationId) -> Option<Ref> {
        self.ids.place(id)
    }

    /// The time that this engine goes by.
    #[must_use]
    pub fn now(&self) -> Micros {
        self.clock.now()
    }
}
