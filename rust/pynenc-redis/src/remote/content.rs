//! Large values that this process needs: from here, or from the server.

use std::sync::Arc;

use pynenc_core::fingerprint::content_digest;
use pynenc_host_cache::Space;

use super::Remote;
use super::incoming::Incoming;
use super::server::Server;
use crate::blobs::{Blobs, Came, Digest, Fetched};
use crate::error::{RedisError, Result};
use crate::link::{self, Sink};

/// Fetch a value, into the space if there is some, and hold it against its digest.
fn bring(server: &dyn Server, digest: &Digest, space: Option<&Arc<Space>>) -> Result<Option<Fetched>> {
    let incoming = space.map(|space| Arc::new(Incoming::new(Arc::clone(space))));
    let into = incoming.clone().map(|incoming| incoming as Arc<dyn Sink>);
    let fetched = server.fetch(digest, into)?;
    let found = match (&fetched, incoming) {
        (None, _) => return Ok(None),
        (Some(Fetched::Here(bytes)), _) => Some(content_digest((**bytes).as_ref())),
        (Some(Fetched::Taken), incoming) => incoming.map(|incoming| incoming.digest()),
    };
    if found.is_some_and(|found| found == *digest) {
        return Ok(fetched);
    }
    Err(RedisError::Protocol("a large value is not the one that was stored under its digest".into()))
}

/// Large values.
impl<C: Send + 'static> Remote<C> {
    /// What this process knows of large values; `None` where the server has none.
    #[must_use]
    pub fn blobs(&self) -> Option<&Arc<Blobs>> {
        self.shared().server.blobs()
    }

    /// The `size` bytes of a digest, and where they came from; `None` when the server does not have them. Fetched by one thread of one process
    /// of the host, however many ask at once, and held against their digest. Blocks unless they are here.
    ///
    /// # Errors
    /// What keeps the server from answering; [`RedisError::Protocol`] when what came is not what was asked for.
    pub fn content(&self, digest: &Digest, size: u64) -> Result<Option<(link::Bytes, Came)>> {
        let shared = self.shared();
        shared.guard()?;
        let Some(blobs) = self.blobs() else {
            return Ok(None);
        };
        let bring = |space: Option<&Arc<Space>>| bring(&*shared.server, digest, space);
        let fetch = || shared.host.get_or_fetch(digest, Some(size), bring);
        blobs.get_or_fetch(digest, fetch)
    }

    /// Do a piece of work that asks for [`Self::content`] on a thread of the engine, one after the other: for event
    /// loops, and for whoever has other things to do. It is done whatever happens; on an engine that is closed it fails.
    ///
    /// # Errors
    /// The system gives no thread; [`RedisError::Interrupted`] after the end of the engine; [`RedisError::Forked`].
    pub fn fetch_aside(&self, work: impl FnOnce() + Send + 'static) -> Result<()> {
        let shared = self.shared();
        shared.guard()?;
        if shared.is_closing() {
            return Err(RedisError::Interrupted);
        }
        shared.post(|shared| &shared.fetches, work)
    }
}
