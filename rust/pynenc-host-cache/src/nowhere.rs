//! A system without what the cache goes by: nobody can open it, and so nobody has one.

use std::io::ErrorKind;
use std::sync::Arc;

use crate::off::{Off, Reason};
use crate::options::{Options, Owned, Stats};

/// The cache where there is none.
pub enum HostCache {}

/// Room in it: nobody has any.
pub enum Space {}

impl Space {
    /// As where there is a cache.
    pub fn begin(&self, _length: u64) -> bool {
        match *self {}
    }

    /// As where there is a cache.
    pub fn write(&self, _bytes: &[u8]) {
        match *self {}
    }
}

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
        _fetch: impl FnOnce(Option<&Arc<Space>>) -> Result<Option<Owned>, E>,
    ) -> Result<Option<Owned>, E> {
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
