//! A forked child shares its parent's sockets: it must not use them, not even to say good-bye.

use crate::error::{RedisError, Result};

/// The process that opened something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Home(u32);

impl Home {
    /// This process.
    pub(super) fn here() -> Self {
        Self(std::process::id())
    }

    /// Whether this still is the process that opened it.
    pub(super) fn is_here(self) -> bool {
        self == Self::here()
    }

    /// Refuse to go on in a child. One system call, made before any lock is taken: a thread that
    /// the child does not have may hold it.
    pub(super) fn check(self) -> Result<()> {
        if self.is_here() { Ok(()) } else { Err(RedisError::Forked) }
    }
}
