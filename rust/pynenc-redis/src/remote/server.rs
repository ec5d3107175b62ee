//! Everything beyond this process, as a [`super::Remote`] uses it.

use std::sync::Arc;
use std::time::Duration;

use pynenc_core::clock::Micros;
use pynenc_core::engine::{Cancelling, Fence, Lane};
use pynenc_core::id::InvocationId;

use crate::blobs::{Blobs, Digest, Fetched};
use crate::error::Result;
use crate::link::Sink;
use crate::store::{
    Ancestor, Beat, ClaimRequest, Claims, ClientId, Each, Ended, IdRow, NewCall, Notice, Pausing, Receipt, RecordView,
    Settlement, Taken, WorkerId,
};

/// An invocation, and the fence that proves its hold.
pub type Hold = (InvocationId, Fence);

/// The store's decisions and the two connections that wait. Methods block unless they say that they do not;
/// all are safe to call again.
///
/// One implementation talks to a server ([`super::Online`]); tests have others, that fail when told to.
#[expect(clippy::missing_errors_doc, reason = "each fails as the decision of the same name does")]
pub trait Server: Send + Sync {
    /// An id for a new call. Does not block.
    fn fresh_id(&self) -> InvocationId;
    /// The next id of a row, for calls that are made together. Does not block.
    fn next_id(&self, row: &mut IdRow) -> InvocationId;
    /// A random number that is not 0. Does not block.
    fn fresh_number(&self) -> u64;
    /// Take calls.
    fn submit(&self, batch: &[NewCall]) -> Result<Vec<Receipt>>;
    /// Settle, then claim, in one step.
    fn work(&self, settle: &[Settlement], claim: Option<&ClaimRequest>) -> Result<(Each<()>, Claims)>;
    /// Claim and start what a body awaits.
    fn claim_awaited(&self, waiter: Hold, target: InvocationId, nonce: u64) -> Result<Option<Taken>>;
    /// Bodies begin.
    fn start(&self, all: &[Hold]) -> Result<Each<()>>;
    /// A body waits.
    fn pause(&self, waiter: Hold, awaited: &[InvocationId]) -> Result<Pausing>;
    /// A wait is over.
    fn resume(&self, waiter: Hold) -> Result<()>;
    /// Call off.
    fn cancel(&self, id: InvocationId) -> Result<Cancelling>;
    /// Become a waiter of those that have not ended, and read the ends of the others.
    fn watch(&self, ids: &[InvocationId], client: ClientId) -> Result<Each<Option<Ended>>>;
    /// The waiting line above a body.
    fn ancestors(&self, id: InvocationId) -> Result<Vec<Ancestor>>;
    /// A new worker.
    fn register_worker(&self, name: &str, client: ClientId, tasks: &[&str]) -> Result<WorkerId>;
    /// A worker can run more.
    fn know_tasks(&self, worker: WorkerId, tasks: &[&str]) -> Result<()>;
    /// Renew a lease.
    fn beat(&self, worker: WorkerId, held: &[Hold]) -> Result<Beat>;
    /// End a registration.
    fn leave(&self, worker: WorkerId) -> Result<()>;
    /// Do what is due; in how long there is more.
    fn tick(&self) -> Result<Option<Micros>>;
    /// Read a record.
    fn read(&self, id: InvocationId) -> Result<RecordView>;
    /// Drop everything.
    fn purge(&self) -> Result<usize>;
    /// What this process knows of large values, where there are any. Does not block.
    fn blobs(&self) -> Option<&Arc<Blobs>> {
        None
    }
    /// Read a large value, which may go piece by piece to `into`; `None` when it is not there.
    fn fetch(&self, _digest: &Digest, _into: Option<Arc<dyn Sink>>) -> Result<Option<Fetched>> {
        Ok(None)
    }

    /// Wait for a token of one of these lanes, and take it.
    fn ring(&self, lanes: &[Lane], timeout: Duration) -> Result<Ring>;
    /// A token came to one who cannot use it: another worker may.
    fn pass_on(&self, lane: Lane) -> Result<()>;
    /// End the present [`Self::ring`], or the next.
    fn interrupt_ring(&self) -> Result<()>;
    /// End the present [`Self::ring`], and those to come, for good. Does not block.
    fn silence(&self);
    /// Listen to the channel of this client, on a thread of its own, until [`Self::hang_up`]. Does not block.
    fn listen(&self, client: ClientId, ears: Arc<dyn Ears>) -> Result<()>;
    /// Stop listening, for good.
    fn hang_up(&self);
}

/// What ended a wait for tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ring {
    /// A token of that lane came.
    Token(Lane),
    /// None came in the time; or one may have been lost with its connection.
    Silence,
    /// This process had something else to wait for.
    Interrupted,
}

/// Who is told what comes on a client's channel.
pub trait Ears: Send + Sync {
    /// These came.
    fn hear(&self, notices: Vec<Notice>);
    /// The subscription stands, for the first time or again: what was sent before may not have come.
    fn connected(&self);
}
