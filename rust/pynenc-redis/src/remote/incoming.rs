//! A large value on its way into the host's cache: each piece is hashed and written while the processor still has it.

use std::sync::Arc;

use parking_lot::Mutex;
use pynenc_core::fingerprint::ContentHasher;
use pynenc_host_cache::Space;

use crate::blobs::Digest;
use crate::link::Sink;

pub(super) struct Incoming {
    space: Arc<Space>,
    hasher: Mutex<ContentHasher>,
}

impl Incoming {
    pub(super) fn new(space: Arc<Space>) -> Self {
        Self { space, hasher: Mutex::default() }
    }

    /// Of what has come.
    pub(super) fn digest(&self) -> Digest {
        self.hasher.lock().finish()
    }
}

impl Sink for Incoming {
    fn begin(&self, size: usize) -> bool {
        *self.hasher.lock() = ContentHasher::default();
        self.space.begin(size as u64)
    }

    fn take(&self, piece: &[u8]) {
        self.hasher.lock().update(piece);
        self.space.write(piece);
    }
}
