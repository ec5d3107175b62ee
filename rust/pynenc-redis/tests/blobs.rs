//! What one process knows of large values.

use pynenc_core::fingerprint::content_digest;
use pynenc_redis::blobs::{Blob, Blobs, SMALL};

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

#[test]
fn a_copy_is_the_blob_of_its_bytes() {
    for size in [0, 1, 1_000, 128 << 10, (1 << 20) + 7] {
        let bytes: Vec<u8> = (0..size).map(|at| (at * 7 + (at >> 8)) as u8).collect();
        let copied = Blob::copied(&bytes, Vec::new());
        assert_eq!(copied, Blob::of(bytes.clone()));
        assert!((*copied.content.bytes().unwrap()).as_ref() == bytes);
    }
}

#[test]
fn what_was_met_seems_so_and_another_value_mostly_does_not() {
    let blobs = Blobs::default();
    let mut bytes = vec![7; (1 << 20) + 7];
    assert!(!blobs.seems_met(&bytes));
    assert!(blobs.seems_met(&bytes));
    for at in [0, 1 << 14, bytes.len() - 1] {
        bytes[at] += 1;
        assert!(!blobs.seems_met(&bytes));
        assert!(blobs.seems_met(&bytes));
    }
    assert!(!blobs.seems_met(&bytes[1..]));
    blobs.forget_all();
    assert!(!blobs.seems_met(&bytes));
    assert!(blobs.seems_met(b"small"));
}
