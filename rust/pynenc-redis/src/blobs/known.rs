//! Which blobs the server is known to have: a hint, which the server's own answer corrects.

use parking_lot::Mutex;
use pynenc_core::content_cache::ContentCache;

use super::Digest;

/// How many are remembered; whoever was named least recently is asked about again.
const MOST: usize = 16_384;

pub(super) struct Known(Mutex<ContentCache<()>>);

impl Default for Known {
    fn default() -> Self {
        Self(Mutex::new(ContentCache::new(MOST, u64::MAX)))
    }
}

impl Known {
    pub(super) fn has(&self, digest: &Digest) -> bool {
        self.0.lock().get(digest).is_some()
    }

    pub(super) fn note(&self, digest: &Digest) {
        self.0.lock().put(*digest, (), 1);
    }

    pub(super) fn forget(&self, digest: &Digest) {
        self.0.lock().remove(digest);
    }

    pub(super) fn clear(&self) {
        self.0.lock().clear();
    }
}
