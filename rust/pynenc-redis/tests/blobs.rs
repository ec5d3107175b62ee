//! What one process knows of large values.

use pynenc_core::fingerprint::content_digest;
use pynenc_redis::blobs::{Blobs, SMALL};

#[test]
fn a_small_value_is_worth_being_stored_when_it_comes_again() {
    let blobs = Blobs::default();
    let values: Vec<_> = (0..100u32).map(|number| content_digest(&number.to_le_bytes())).collect();
    for digest in &values {
        assert!(!blobs.is_worth_it(digest, SMALL));
        assert!(blobs.is_worth_it(digest, SMALL));
    }
    blobs.forget_all();
    assert!(values.iter().all(|digest| !blobs.is_worth_it(digest, 1)));
}

#[test]
fn a_value_that_is_not_small_is_worth_it_at_once() {
    assert!(Blobs::default().is_worth_it(&content_digest(b"any"), SMALL + 1));
}
