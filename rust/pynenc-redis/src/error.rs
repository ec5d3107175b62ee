//! What the server refuses, what the wire does, and what the store decides against.

use pynenc_core::error::CoreError;

use crate::store::WorkerId;

/// Why an operation over Redis did not happen, or is not known to have happened.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RedisError {
    /// The store refused it: nothing changed.
    #[error(transparent)]
    Refused(#[from] CoreError),
    /// The worker was never registered, or has lost its lease: nothing changed.
    #[error("worker {0} is not registered, or has lost its lease")]
    UnknownWorker(WorkerId),
    /// No answer within the time: it may or may not have happened, and may be sent again.
    #[error("no answer from {server} for {seconds:.1} s: {last}")]
    Unreachable {
        /// Where, without secrets.
        server: String,
        /// How long it was tried.
        seconds: f64,
        /// The last thing that went wrong.
        last: String,
    },
    /// User or password are refused, or the user may not do it.
    #[error("{server} refuses the credentials: {reason}")]
    Access {
        /// Where, without secrets.
        server: String,
        /// In the server's words.
        reason: String,
    },
    /// The server is too old, or not what the address says.
    #[error("{server} cannot be used: {reason}")]
    Unfit {
        /// Where, without secrets.
        server: String,
        /// What is missing, and what is accepted.
        reason: String,
    },
    /// The server is out of memory and takes no new work.
    #[error(
        "{server} is out of memory and takes no new work: let workers catch up, keep fewer results \
         (keep_results_count, keep_results_bytes), or raise its maxmemory ({reason})"
    )]
    Full {
        /// Where, without secrets.
        server: String,
        /// In the server's words.
        reason: String,
    },
    /// What a result names is no longer there: nothing changed, and it is sent again.
    #[error("the server has lost what a result names")]
    Lacking,
    /// A value is not what it was when it was named: nothing changed.
    #[error("a value of {0} bytes was changed while it was on its way")]
    Changed(usize),
    /// The address cannot be read.
    #[error("{0}")]
    Address(String),
    /// The server answered what the protocol does not have.
    #[error("unexpected answer from the server: {0}")]
    Protocol(String),
    /// Whoever waited on this thread has lost patience: see [`crate::patience`]. It may or may not have happened.
    #[error("interrupted while waiting for the server")]
    Interrupted,
    /// This is a forked child; connections belong to the process that opened them.
    #[error("the engine was opened in another process, before a fork")]
    Forked,
}

/// The outcome of an operation over Redis.
pub type Result<T, E = RedisError> = std::result::Result<T, E>;

impl RedisError {
    /// Whether the same may work later: it is about the way to the server or its state, not about what was asked.
    #[must_use]
    pub const fn passes(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. } | Self::Access { .. } | Self::Unfit { .. } | Self::Full { .. } | Self::Interrupted
        )
    }
}
