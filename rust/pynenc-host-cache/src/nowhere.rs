//! A system without what the cache goes by: nobody can open it, and so nobody has one.

use std::io::ErrorKind;

use crate::off::{Off, Reason};
use crate::options::{Options, Owned, Stats};

/// The cache where there is none.
pub enum HostCache {}

impl HostCache {
    /// Say that there is none.
    ///
    /// # Errors
    /// Always.
    pub fn open(_scope: &str, _options: &Options) -> Result<Self, Off> {
        Err(Off { tried: vec![(std::env::temp_dir(), Reason::System(ErrorKind::Unsupported.into()))] })
    }

    /// As where there is one.
    ///
    /// # Errors
    /// None: nobody can ask.
    pub fn get_or_fill<E>(
        &self,
        _digest: &[u8; 32],
        _length: Option<u64>,
        _keep_waiting: impl FnMut() -> bool,
        _fetch: impl FnOnce() -> Result<Owned, E>,
    ) -> Result<Owned, E> {
        match *self {}
    }

    /// As where there is one.
    pub fn leave(&self) {
        match *self {}
    }

    /// As where there is one.
    pub fn stats(&self) -> Stats {
        match *self {}
    }
}
