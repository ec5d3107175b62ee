//! The decisions: each one function, typed, blocking, without state of its own.

mod blobs;
mod bundle;
mod claim;
mod doctor;
mod ids;
mod library;
mod names;
mod notice;
mod query;
mod record;
mod reply;
mod staging;
mod submit;
mod types;
mod wait;
mod worker;

use std::fmt;
use std::sync::Arc;

use pynenc_core::clock::{Clock, Micros};
use pynenc_core::engine::{Fence, Limits};
use pynenc_core::error::CoreError;
use pynenc_core::id::InvocationId;

use crate::blobs::Blobs;
use crate::error::Result;
use crate::link::{Call, Link};
use ids::{Ids, Random};
use library::Which;
use staging::Staging;

pub use ids::IdRow;
pub use library::{Function, LIBRARY, Library};
pub use names::{AppId, ClientId, WorkerId};
pub use notice::{Left, Notice};
pub use record::MOST_BLOBS;
pub use types::{
    Ancestor, Beat, ClaimRequest, Claims, Each, End, Ended, Event, NewCall, Pausing, Receipt, RecordView, Settlement,
    Start, Taken,
};

/// Every decision about the invocations of one app. It keeps nothing of them, so that any number of
/// processes may decide side by side.
pub struct Store {
    link: Arc<dyn Link>,
    ids: Ids,
    random: Random,
    limits: Limits,
    /// Moved by a test; the server's own clock counts when there is none.
    clock: Option<Arc<dyn Clock>>,
    holds: bool,
    blobs: Arc<Blobs>,
    /// What the names of blobs begin with.
    blob_prefix: Vec<u8>,
    staging: Staging,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// Functions count in doubles: whole numbers up to 2^53, and sums of two of these must fit.
const MOST_MICROS: Micros = 1 << 51;

impl Store {
    /// The decisions of `app` over `link`. With a `clock` every time is read there and sent along;
    /// else the server's clock decides.
    #[must_use]
    pub fn new(link: Arc<dyn Link>, app: &AppId, limits: Limits, clock: Option<Arc<dyn Clock>>) -> Self {
        let holds = clock.is_none();
        let blob_prefix = format!("{}b:", app.prefix()).into_bytes();
        let blobs = Arc::<Blobs>::default();
        let (ids, random, staging) = (Ids::of(app), Random::new(), Staging::of(app));
        Self { link, ids, random, limits, clock, holds, blobs, blob_prefix, staging }
    }

    /// Whether the reaper holds back for one lease after an outage of the store. It does by default
    /// where the server's clock decides: a clock that a test moves jumps as it pleases.
    #[must_use]
    pub fn holding(mut self, holds: bool) -> Self {
        self.holds = holds;
        self
    }

    /// What bounds the store.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// An id for a new call, of this app: for one that is made by itself.
    #[must_use]
    pub fn fresh_id(&self) -> InvocationId {
        self.staging.next_id(&self.ids)
    }

    /// The next id of a row, of this app: calls that are made together under ids of one row cost the server much
    /// less than each by itself.
    #[must_use]
    pub fn next_id(&self, row: &mut IdRow) -> InvocationId {
        self.ids.next(row)
    }

    /// A random number that is not 0: for nonces, tokens, and the ids of processes.
    #[must_use]
    pub fn fresh_number(&self) -> u64 {
        self.random.number()
    }

    /// Whether a process of this app may have made the id.
    ///
    /// # Errors
    /// [`CoreError::NotFound`] when none can have.
    pub fn check_id(&self, id: InvocationId) -> Result<()> {
        if self.ids.own(id) { Ok(()) } else { Err(CoreError::NotFound(id).into()) }
    }

    fn check_ids<'a>(&self, ids: impl IntoIterator<Item = &'a InvocationId>) -> Result<()> {
        ids.into_iter().try_for_each(|&id| self.check_id(id))
    }

    /// The time if a test sets it, else 0.
    fn time(&self) -> Micros {
        self.clock.as_ref().map_or(0, |clock| clock.now().max(1)).min(MOST_MICROS)
    }

    /// What every function is told first: the time if a test sets it, and the limits.
    fn settings(&self) -> Vec<u8> {
        let now = self.time();
        let mut text = Vec::with_capacity(46);
        for micros in [now, self.limits.lease, self.limits.keep_for] {
            text.extend(micros.min(MOST_MICROS).to_be_bytes());
        }
        let count = u64::try_from(self.limits.keep_count).unwrap_or(u64::MAX);
        for number in [count, self.limits.keep_bytes] {
            text.extend(number.min(MOST_MICROS).to_be_bytes());
        }
        text.extend(u32::try_from(self.limits.wait_links).unwrap_or(u32::MAX).to_be_bytes());
        text.extend([self.limits.max_losses, u8::from(self.holds)]);
        text
    }

    fn call(&self, which: Which, arguments: Vec<Vec<u8>>) -> Call {
        let mut all = Vec::with_capacity(arguments.len() + 1);
        all.push(self.settings());
        all.extend(arguments);
        Call { function: which as usize, arguments: all, refusable: which.is_refusable() }
    }
}

/// An id with its fence, as the functions read them.
fn claimed(id: InvocationId, fence: Fence) -> Vec<u8> {
    let mut text = Vec::with_capacity(45);
    text.extend(id.to_bytes());
    text.extend(fence.attempt.to_be_bytes());
    text.extend(fence.nonce.to_be_bytes());
    text
}

/// Ids, one after the other in one text.
fn joined(ids: &[InvocationId]) -> Vec<u8> {
    ids.iter().flat_map(|id| id.to_bytes()).collect()
}
