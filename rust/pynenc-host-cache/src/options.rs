//! What a cache is opened with, and what it tells: the same on every system.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Bytes in the memory of this process.
pub type Owned = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// Where the cache may be.
#[derive(Clone, Debug, Default)]
pub enum Roots {
    /// Shared memory, else the session's directory, else that for temporary files.
    #[default]
    Standard,
    /// Below this directory.
    Below(PathBuf),
}

/// How to open a cache.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it may be.
    pub roots: Roots,
    /// How many bytes are kept; never more than half of the file system.
    pub limit: u64,
    /// What is smaller is not kept: fetching it again costs less than a file and a mapping.
    pub smallest: u64,
    /// How long to wait for another process that fetches the same value, before fetching it too.
    pub patience: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { roots: Roots::Standard, limit: 1 << 30, smallest: 1 << 20, patience: Duration::from_secs(10) }
    }
}

/// What happened in this process so far, and what the cache holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Values that were there, or came while this process waited for them.
    pub hits: u64,
    /// Values that this process has put there.
    pub fills: u64,
    /// Values that were fetched into this process's own memory: too small, no room, a fault, or a wait that took too long.
    pub private: u64,
    /// Values that had to go so that this process's could come.
    pub evicted: u64,
    /// Bytes of all values in the cache now.
    pub bytes: u64,
    /// How many bytes it may hold.
    pub limit: u64,
}
