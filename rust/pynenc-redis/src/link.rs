//! The connection that carries scripts, as the store sees it.

use redis::Value;

use crate::error::Result;

/// One command: the script by its place in [`Link::call`]'s batch, with its keys and arguments.
#[derive(Clone, Debug)]
pub struct Call {
    /// Which script, from [`crate::store::SCRIPTS`].
    pub script: usize,
    /// What follows the key prefix: arguments in the script's order.
    pub arguments: Vec<Vec<u8>>,
    /// Whether the server may refuse it when it is out of memory (new work), or must take it.
    pub refusable: bool,
}

/// Carries calls to the server and their replies back.
pub trait Link: Send + Sync {
    /// Send the calls in one pipeline and return their replies in order. Blocks; reconnects and
    /// sends again within the link's own time limit: every script is safe to send again.
    ///
    /// # Errors
    /// Any of [`crate::error::RedisError`] but `Refused`. A reply that is an error of one script is
    /// that call's own.
    fn call(&self, calls: &[Call]) -> Result<Vec<Result<Value>>>;
}
