//! Content that was hashed a moment ago, for another purpose.

use std::cell::RefCell;

use pynenc_core::fingerprint::Digest;

use super::remembered::Place;

/// Digests by where the content lies. Only for as long as what lies there is kept by whoever keeps this.
#[derive(Default)]
pub(crate) struct Hashed(RefCell<Vec<(Place, Digest)>>);

impl Hashed {
    pub(crate) fn note(&self, content: &[u8], digest: Digest) {
        self.0.borrow_mut().push((Place::of_data(content), digest));
    }

    pub(super) fn of(&self, content: &[u8]) -> Option<Digest> {
        let place = Place::of_data(content);
        self.0.borrow().iter().find(|(noted, _)| *noted == place).map(|&(_, digest)| digest)
    }
}
