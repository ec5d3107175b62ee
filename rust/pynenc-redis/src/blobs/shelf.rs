//! The bytes of blobs that this process has fetched, within a number of bytes; each is fetched by one thread at a time.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};
use pynenc_core::content_cache::{ContentCache, Put};

use super::Digest;
use crate::error::{RedisError, Result};
use crate::link::Bytes;
use crate::patience;

/// Keeps what was used last; nothing before it is told how much.
pub struct Shelf {
    kept: Mutex<ContentCache<Bytes>>,
    on_their_way: Mutex<HashMap<Digest, Arc<Flight>>>,
}

/// A blob that somebody is fetching.
#[derive(Default)]
struct Flight {
    landed: Mutex<Option<Landing>>,
    changed: Condvar,
}

/// How a flight ended.
#[derive(Clone)]
enum Landing {
    /// With the bytes, or without if there are none.
    Brought(Option<Bytes>),
    /// Not at all: whoever waited looks for itself.
    Failed,
}

impl Default for Shelf {
    fn default() -> Self {
        Self { kept: Mutex::new(ContentCache::new(0, 0)), on_their_way: Mutex::default() }
    }
}

impl Shelf {
    /// Keep so many, and so many bytes of them, from now on; what is kept goes.
    pub fn limit(&self, count: usize, bytes: u64) {
        let before = std::mem::replace(&mut *self.kept.lock(), ContentCache::new(count, bytes));
        drop(before);
    }

    /// The bytes, if they are here.
    #[must_use]
    pub fn get(&self, digest: &Digest) -> Option<Bytes> {
        self.kept.lock().get(digest).cloned()
    }

    /// Let go of the bytes: what was made of them is kept instead.
    pub fn release(&self, digest: &Digest) {
        let dropped = self.kept.lock().remove(digest);
        drop(dropped);
    }

    fn keep(&self, digest: &Digest, bytes: &Bytes) -> Put<Bytes> {
        let size = (**bytes).as_ref().len() as u64;
        self.kept.lock().put(*digest, Arc::clone(bytes), size)
    }

    pub(super) fn clear(&self) {
        let dropped = self.kept.lock().clear();
        drop(dropped);
    }

    /// The bytes as `fetch` brings them; whoever asks meanwhile waits for the same. `None`: there are none. `put` is
    /// told what came of keeping them.
    ///
    /// # Errors
    /// What `fetch` says, to the one who asked it; [`RedisError::Interrupted`] when a waiter has had enough.
    pub fn get_or_fetch(
        &self,
        digest: &Digest,
        fetch: impl FnOnce() -> Result<Option<Bytes>>,
        put: impl FnOnce(Put<Bytes>),
    ) -> Result<(Option<Bytes>, Came)> {
        loop {
            if let Some(bytes) = self.get(digest) {
                return Ok((Some(bytes), Came::FromHere));
            }
            let (flight, is_mine) = self.board(digest);
            if is_mine {
                return self.fly(digest, &flight, fetch, put).map(|bytes| (bytes, Came::FromThere));
            }
            match flight.wait()? {
                Landing::Brought(bytes) => return Ok((bytes, Came::FromHere)),
                Landing::Failed => {}
            }
        }
    }

    fn board(&self, digest: &Digest) -> (Arc<Flight>, bool) {
        let mut flights = self.on_their_way.lock();
        if let Some(flight) = flights.get(digest) {
            return (Arc::clone(flight), false);
        }
        let flight = Arc::<Flight>::default();
        flights.insert(*digest, Arc::clone(&flight));
        (flight, true)
    }

    fn fly(
        &self,
        digest: &Digest,
        flight: &Flight,
        fetch: impl FnOnce() -> Result<Option<Bytes>>,
        put: impl FnOnce(Put<Bytes>),
    ) -> Result<Option<Bytes>> {
        /// Lands whatever happens, also in a panic.
        struct Aboard<'a>(&'a Shelf, &'a Digest, &'a Flight, Landing);
        impl Drop for Aboard<'_> {
            fn drop(&mut self) {
                self.0.on_their_way.lock().remove(self.1);
                *self.2.landed.lock() = Some(self.3.clone());
                self.2.changed.notify_all();
            }
        }
        let mut aboard = Aboard(self, digest, flight, Landing::Failed);
        let brought = fetch()?;
        if let Some(bytes) = &brought {
            put(self.keep(digest, bytes));
        }
        aboard.3 = Landing::Brought(brought.clone());
        Ok(brought)
    }
}

/// Where bytes came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    /// They were at hand, or another thread was fetching them.
    FromHere,
    /// They were fetched.
    FromThere,
}

impl Flight {
    fn wait(&self) -> Result<Landing> {
        let mut landed = self.landed.lock();
        loop {
            if let Some(landing) = &*landed {
                return Ok(landing.clone());
            }
            if !patience::is_limited() {
                self.changed.wait(&mut landed);
                continue;
            }
            self.changed.wait_for(&mut landed, patience::SLICE);
            let over = parking_lot::MutexGuard::unlocked(&mut landed, patience::is_over);
            if over {
                return Err(RedisError::Interrupted);
            }
        }
    }
}
