//! The connections to the server: what carries functions there and replies, tokens and notices back.
//!
//! One process has at most three: [`wire::Wire`] pipelines the commands of every thread,
//! [`doorbell::Doorbell`] waits in a blocking pop, [`notices::Notices`] listens to one channel. All
//! three go by one [`route::Route`], which knows where the server is and spaces the attempts to
//! reach it. Nothing here knows what a function means, only that each may be sent again.

pub mod address;
mod backoff;
mod cluster;
mod command;
mod connection;
pub mod doorbell;
mod endpoint;
mod fault;
pub mod fitness;
mod fork;
mod handshake;
mod large;
mod latch;
pub mod notices;
pub mod outage;
mod patience;
pub mod route;
mod sentinel;
mod socket;
mod spin;
mod ticket;
pub mod timing;
mod tls;
mod verdict;
pub mod wire;

use std::sync::Arc;

use redis::Value;

use crate::error::Result;

/// One command: the function by its place in [`Link::call`]'s batch, with its keys and arguments.
#[derive(Clone, Debug)]
pub struct Call {
    /// Which function, from [`crate::store::LIBRARY`].
    pub function: usize,
    /// What follows the key prefix: arguments in the function's order.
    pub arguments: Vec<Vec<u8>>,
    /// Whether the server may refuse it when it is out of memory (new work), or must take it.
    pub refusable: bool,
}

/// Bytes that somebody keeps in their place for as long as they are needed.
pub type Bytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// What goes to the server beside calls, or with them: large values under keys of their own.
#[derive(Clone)]
pub enum Request {
    /// Run a function.
    Run(Call),
    /// Store a value, for so long unless a function says otherwise, if there is none under the key.
    Keep {
        /// The whole key.
        key: Vec<u8>,
        /// The value; never copied on its way.
        bytes: Bytes,
        /// How long it stays, in milliseconds.
        millis: u64,
    },
    /// Read the value under a key.
    Fetch {
        /// The whole key.
        key: Vec<u8>,
        /// Where the value goes as it comes, if it is large and this takes it. The reply is its size then.
        into: Option<Arc<dyn Sink>>,
    },
    /// Write by a command of the server's own, which it may refuse for want of memory. It may be sent again, too.
    Write {
        /// The command, and what it is about.
        words: Vec<Vec<u8>>,
    },
}

/// Takes a large value piece by piece.
pub trait Sink: Send + Sync {
    /// A value of so many bytes comes, from its beginning: it may come again, when a connection was lost. Whether it
    /// is taken.
    fn begin(&self, size: usize) -> bool;
    /// Its next bytes.
    fn take(&self, piece: &[u8]);
}

/// Carries calls to the server and their replies back.
pub trait Link: Send + Sync {
    /// Send the calls in one pipeline and return their replies in order. Blocks; reconnects and
    /// sends again within the link's own time limit: every function is safe to send again. A caller
    /// that must be able to give up sooner says so by [`crate::patience::with`].
    ///
    /// # Errors
    /// Any of [`crate::error::RedisError`] but `Refused`. A reply that is an error of one function is
    /// that call's own.
    fn call(&self, calls: &[Call]) -> Result<Vec<Result<Value>>>;

    /// The same for requests of every kind, in one pipeline, in their order.
    ///
    /// # Errors
    /// As [`Self::call`].
    fn send(&self, requests: &[Request]) -> Result<Vec<Result<Value>>>;
}
