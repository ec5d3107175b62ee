//! Why a connection is no good any more, or could not be had.

use super::endpoint::Endpoint;
use super::patience::GaveUp;
use crate::error::RedisError;

/// What went wrong with a connection. It is dropped in every case: replies may still be on their
/// way, and the next command must not be answered by them.
#[derive(Debug)]
pub(super) enum Fault {
    /// The caller stopped waiting.
    GaveUp(GaveUp),
    /// It broke, or could not be made; another attempt may work.
    Lost(String),
    /// What came was not the protocol; another attempt may work if it did before.
    Garbled(String),
    /// The server is the wrong one.
    Elsewhere(Option<Endpoint>, String),
    /// No attempt can work.
    Fatal(RedisError),
}
