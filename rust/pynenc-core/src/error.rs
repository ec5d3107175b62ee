//! What an engine refuses, and why.

use crate::id::InvocationId;
use crate::status::Status;

/// A refusal. Nothing has changed when an operation returns one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CoreError {
    /// No such invocation was ever made by this engine.
    #[error("no invocation {0} in this engine")]
    NotFound(InvocationId),
    /// It existed; its record has been dropped.
    #[error("invocation {0} was dropped: it is older than what the engine keeps")]
    Expired(InvocationId),
    /// It has no record where it was made, and nobody can tell why.
    #[error(
        "invocation {0} is not on the server any more: it is older than what is kept, or the server has lost its \
         data (flushed, or restarted without them), or its record is damaged"
    )]
    Vanished(InvocationId),
    /// The writer no longer holds the invocation.
    #[error("invocation {id}: a late write of attempt {attempt} was refused; it is {status} now", status = .status.name())]
    Fenced {
        /// The invocation.
        id: InvocationId,
        /// The attempt that the writer claimed.
        attempt: u32,
        /// Where the invocation stands.
        status: Status,
    },
    /// The status table has no such move.
    #[error("invocation {id} cannot go from {from} to {to}", from = .from.name(), to = .to.name())]
    Transition {
        /// The invocation.
        id: InvocationId,
        /// Where it stands.
        from: Status,
        /// Where the caller wanted it.
        to: Status,
    },
    /// The wait would never end.
    #[error("waiting would close a cycle")]
    Cycle(
        /// The waiter, then each invocation that the one before waits for; the last waits for the first.
        Vec<InvocationId>,
    ),
    /// The wait graph goes further than it is followed.
    #[error("the chain of waits is longer than {0} links")]
    WaitLimit(usize),
    /// The worker was never registered, or has been lost.
    #[error("worker {0} is not registered, or has lost its lease")]
    UnknownWorker(u32),
}
