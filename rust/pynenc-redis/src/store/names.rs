//! Who is meant: the app on the server, a process, a worker.

use std::fmt;

use crate::error::RedisError;

/// The name that every process of an app gives, and that its keys begin with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AppId(String);

impl AppId {
    /// Take a name of 1 to 64 letters, digits, `_`, `.` and `-`.
    ///
    /// # Errors
    /// [`RedisError::Address`], saying what is accepted.
    pub fn new(name: &str) -> Result<Self, RedisError> {
        let accepted = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        if (1..=64).contains(&name.len()) && name.chars().all(accepted) {
            return Ok(Self(name.to_owned()));
        }
        let text = format!("app_id is {name:?}; accepted: 1 to 64 letters, digits, \"_\", \".\" and \"-\"");
        Err(RedisError::Address(text))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What every key of the app begins with: one hash tag, so that all are in one slot. The number is raised with
    /// whatever else is stored otherwise than before, so that no release reads what another has written.
    #[must_use]
    pub fn prefix(&self) -> String {
        format!("pynenc:4:{{{}}}:", self.0)
    }
}

/// A process that talks to the store; random, and new after a fork.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientId(pub u64);

impl ClientId {
    /// The channel on which the process is told of ends and cancellations.
    #[must_use]
    pub fn channel(self, app: &AppId) -> String {
        format!("{}c:{self}", app.prefix())
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// One registration of a worker; random, never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WorkerId(pub u64);

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}
