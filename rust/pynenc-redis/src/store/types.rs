//! What goes into the store's decisions and what comes out of them.

use std::sync::Arc;

use pynenc_core::clock::Micros;
use pynenc_core::engine::{Fence, Key, Lane, Rules};
use pynenc_core::id::InvocationId;
use pynenc_core::status::Status;

use super::MOST_MICROS;
use super::names::{ClientId, WorkerId};
use crate::blobs::Blob;
use crate::error::Result;

/// One call to be taken, under an id that the caller made: sent twice, it is taken once.
#[derive(Clone, Debug)]
pub struct NewCall {
    /// From [`super::Store::fresh_id`], or of one made with others from [`super::Store::next_id`].
    pub id: InvocationId,
    /// The name of the task.
    pub task: Arc<str>,
    /// What the worker needs in order to run it.
    pub payload: Vec<u8>,
    /// What the payload names: there for as long as this has not ended.
    pub blobs: Vec<Blob>,
    /// The invocation whose body made the call.
    pub parent: Option<InvocationId>,
    /// Where its body runs.
    pub lane: Lane,
    /// How long it waits before it is registered.
    pub delay: Micros,
    /// The rules that it comes under.
    pub rules: Option<Box<Rules>>,
    /// All arguments, for the check of equal calls among waiting ancestors.
    pub print: Option<Key>,
    /// Who is told of its end.
    pub notify: Option<ClientId>,
}

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// A new invocation, under the id of the call.
    New,
    /// One that has not started answers for it; `same` when all its arguments are equal.
    Reused {
        /// The one that answers.
        id: InvocationId,
        /// Whether the arguments are the same.
        same: bool,
    },
    /// One that has its result already answers for it.
    Cached(InvocationId),
    /// Refused: one with the same key and other arguments has not started.
    Refused(InvocationId),
}

/// Which claimed bodies count as started from the claim on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// None: each is started when it begins.
    None = 0,
    /// Those under a registration rule, because equal calls must be new ones before their bodies run.
    Keyed = 1,
    /// All.
    All = 2,
}

/// What a worker asks for.
#[derive(Clone, Debug)]
pub struct ClaimRequest {
    /// Who asks.
    pub worker: WorkerId,
    /// From where, in this order.
    pub lanes: Vec<Lane>,
    /// How many.
    pub limit: usize,
    /// How many at the most, where that keeps calls together which were made together.
    pub most: usize,
    /// Random, of this request alone: the same request sent again is answered with the same work.
    pub nonce: u64,
    /// Which bodies start at once.
    pub start: Start,
}

/// One claimed invocation.
#[derive(Clone, Debug)]
pub struct Taken {
    /// Which.
    pub id: InvocationId,
    /// What proves the hold.
    pub fence: Fence,
    /// The name of its task.
    pub task: Arc<str>,
    /// What to run it with.
    pub payload: Vec<u8>,
    /// The invocation whose body made the call.
    pub parent: Option<InvocationId>,
    /// Where its body runs.
    pub lane: Lane,
    /// How often it was tried again after an error.
    pub retries: u32,
    /// How many workers were lost with it.
    pub losses: u8,
    /// All arguments, as the call gave them.
    pub print: Option<Key>,
    /// Whether its body counts as started already.
    pub started: bool,
    /// Whether the server gave it with others as one text, and may be told of their ends by one.
    pub bundled: bool,
}

/// What a claim found.
#[derive(Clone, Debug, Default)]
pub struct Claims {
    /// What the worker holds from now on.
    pub taken: Vec<Taken>,
    /// In how long something delayed will be due.
    pub next_due: Option<Micros>,
    /// How long before that calls had come by themselves, for whichever worker, if some were there now.
    pub interval: Option<Micros>,
    /// How many are still queued in the lanes that were asked for; one more where parked work may be left for the
    /// worker.
    pub queued: usize,
    /// By lane, how many are queued; told when nothing was asked for.
    pub queued_by_lane: [usize; 2],
}

/// What the holder says of the run that it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It returned this.
    Success(Vec<u8>),
    /// It raised this.
    Failed(Vec<u8>),
    /// It was called off.
    Cancelled,
    /// It is to be tried again, in so long.
    Retry {
        /// How long to wait.
        delay: Micros,
    },
    /// It is handed back, counted as nothing.
    Release,
}

/// One run that ends.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// Which.
    pub id: InvocationId,
    /// What proves the hold.
    pub fence: Fence,
    /// Random, of this ending alone and not 0: sent again it is answered like the first time, whatever has happened
    /// since.
    pub token: u64,
    /// How it ended.
    pub end: End,
    /// What the result names: there for as long as this is kept.
    pub blobs: Vec<Blob>,
    /// How long the body ran; then one that only was claimed is started in the same step.
    pub ran: Option<Micros>,
    /// What the result weighs.
    pub bytes: u64,
    /// The paused waiter that ran it inline, which goes on in the same step.
    pub resume: Option<(InvocationId, Fence)>,
    /// As [`Taken::bundled`]; should that not hold any more it costs the server a look.
    pub bundled: bool,
}

impl Settlement {
    /// One more than it ran: 0 stands for one that is not to be started by its end.
    pub(super) fn started_before(&self) -> Micros {
        self.ran.map_or(0, |ran| ran.min(MOST_MICROS) + 1)
    }
}

/// What a process is told of an invocation that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Which.
    pub id: InvocationId,
    /// A final status.
    pub status: Status,
    /// The result or the error; none when it was called off or its worker was lost for good.
    pub value: Option<Vec<u8>>,
    /// How many workers were lost with it.
    pub losses: u8,
    /// What was said of the last of them, when that was the end of it.
    pub lost: Option<String>,
}

/// What became of a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pausing {
    /// Whether the waiter is paused; not when one of the awaited has ended already.
    pub paused: bool,
    /// How many of the awaited are queued.
    pub queued: usize,
}

/// One of the waiting line above a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ancestor {
    /// Which.
    pub id: InvocationId,
    /// The name of its task.
    pub task: Arc<str>,
    /// All its arguments.
    pub print: Option<Key>,
}

/// How a worker stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Beat {
    /// Whether it has a lease, for as long again.
    pub alive: bool,
    /// What it named and does not hold any more.
    pub lost: Vec<InvocationId>,
    /// What it holds and was asked to stop.
    pub cancel: Vec<InvocationId>,
}

/// One line of an invocation's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: Micros,
    /// The status that it moved to.
    pub status: Status,
    /// The name of the worker that held it, or an empty text.
    pub worker: String,
}

/// A record, as far as the outside may see it.
#[derive(Clone, Debug)]
pub struct RecordView {
    /// Which.
    pub id: InvocationId,
    /// Where it stands.
    pub status: Status,
    /// The name of its task.
    pub task: Arc<str>,
    /// What it was called with; gone when it has ended and that is large.
    pub payload: Option<Vec<u8>>,
    /// The invocation whose body made the call; it may be gone.
    pub parent: Option<InvocationId>,
    /// Where its body runs.
    pub lane: Lane,
    /// How often it was claimed.
    pub attempt: u32,
    /// How often it was tried again after an error.
    pub retries: u32,
    /// How many workers were lost with it.
    pub losses: u8,
    /// Whether its holder was asked to stop.
    pub cancel_requested: bool,
    /// The name of the worker that holds it, or an empty text.
    pub worker: String,
    /// What its body waits for.
    pub awaits: Vec<InvocationId>,
    /// All arguments, as the call gave them.
    pub print: Option<Key>,
    /// Every move, oldest first.
    pub history: Vec<Event>,
}

/// One answer each for a batch.
pub type Each<T> = Vec<Result<T>>;
