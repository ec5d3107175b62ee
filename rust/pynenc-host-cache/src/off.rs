//! Why there is no cache.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// No place for the cache could be used. Everything works without it; whoever opens it says so once.
#[derive(Debug)]
pub struct Off {
    /// Each place that was tried, and why it was not taken.
    pub tried: Vec<(PathBuf, Reason)>,
}

/// Why a directory is not used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// Somebody else may have made it to read, or to choose, what is in it.
    #[error("it belongs to user {0}")]
    Owner(u32),
    /// Others could enter it.
    #[error("its mode is {0:04o}, and only 0700 is accepted")]
    Mode(u32),
    /// Anybody could put another directory in its place.
    #[error("others may write to the directory above it, which has no sticky bit")]
    Exposed,
    /// A link, or a file.
    #[error("it is no directory")]
    NotADirectory,
    /// Other processes were starting or ending there all the time.
    #[error("it is being cleaned by another process")]
    Busy,
    /// The system says no.
    #[error("{0}")]
    System(#[from] io::Error),
}

#[cfg(unix)]
impl From<rustix::io::Errno> for Reason {
    fn from(errno: rustix::io::Errno) -> Self {
        match errno {
            rustix::io::Errno::LOOP | rustix::io::Errno::NOTDIR => Self::NotADirectory,
            other => Self::System(other.into()),
        }
    }
}

impl fmt::Display for Off {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.tried.is_empty() {
            return f.write_str("there is no directory for it");
        }
        for (index, (path, reason)) in self.tried.iter().enumerate() {
            let between = if index == 0 { "" } else { "; " };
            write!(f, "{between}{}: {reason}", path.display())?;
        }
        Ok(())
    }
}

impl std::error::Error for Off {}
