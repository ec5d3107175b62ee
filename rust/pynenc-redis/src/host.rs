//! Large values that this process shares with the others of its host, where that works.

use std::sync::{Arc, OnceLock};

use pynenc_host_cache::{HostCache, Off, Options, Owned, Space, Stats};

use crate::blobs::Fetched;
use crate::error::{RedisError, Result};
use crate::patience;

/// The cache of the host, once this process takes part in it. Only who runs bodies does: nobody else of a host
/// needs what others of it need.
#[derive(Default)]
pub struct Host(OnceLock<Option<HostCache>>);

/// Why there are no bytes.
enum Nothing {
    /// The server does not have them.
    Lacking,
    /// It was not possible to ask.
    Failed(RedisError),
}

fn here(fetched: Result<Option<Fetched>>) -> Result<Option<Owned>> {
    match fetched? {
        Some(Fetched::Here(bytes)) => Ok(Some(bytes)),
        Some(Fetched::Taken) => Err(RedisError::Protocol("a large value went nowhere".into())),
        None => Ok(None),
    }
}

impl Host {
    /// Take part in the cache of `scope`, from now on. Asked again, it does nothing.
    ///
    /// # Errors
    /// Why that is not possible. Everything works without.
    pub fn join(&self, scope: &str, options: &Options) -> std::result::Result<(), Off> {
        let mut reason = None;
        self.0.get_or_init(|| HostCache::open(scope, options).map_err(|off| reason = Some(off)).ok());
        reason.map_or(Ok(()), Err)
    }

    /// The bytes of a digest, from the host or as `fetch` brings them, into the space that it may be given, and checks
    /// that they are the right ones; `None`: it brings none. Their number helps where it is known.
    ///
    /// # Errors
    /// Those of `fetch`.
    pub fn get_or_fetch(
        &self,
        digest: &[u8; 32],
        size: Option<u64>,
        mut fetch: impl FnMut(Option<&Arc<Space>>) -> Result<Option<Fetched>>,
    ) -> Result<Option<Owned>> {
        let Some(cache) = self.cache() else { return here(fetch(None)) };
        let bring = |space: Option<&Arc<Space>>| match fetch(space) {
            Ok(Some(Fetched::Here(bytes))) => Ok(Some(bytes)),
            Ok(Some(Fetched::Taken)) => Ok(None),
            Ok(None) => Err(Nothing::Lacking),
            Err(failure) => Err(Nothing::Failed(failure)),
        };
        match cache.get_or_fill(digest, size, || !patience::is_over(), bring) {
            Ok(Some(shared)) => Ok(Some(shared.into())),
            // The cache failed after it had taken the only copy.
            Ok(None) => here(fetch(None)),
            Err(Nothing::Lacking) => Ok(None),
            Err(Nothing::Failed(failure)) => Err(failure),
        }
    }

    /// Take no part any more; what came from it stays valid.
    pub fn leave(&self) {
        if let Some(cache) = self.cache() {
            cache.leave();
        }
    }

    /// What happened in it; `None`: this process takes no part.
    #[must_use]
    pub fn stats(&self) -> Option<Stats> {
        self.cache().map(HostCache::stats)
    }

    fn cache(&self) -> Option<&HostCache> {
        self.0.get().and_then(Option::as_ref)
    }
}
