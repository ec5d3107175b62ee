//! What a caller gets, in one process.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may fail loudly, also outside the functions that are marked as tests"
)]

mod rig;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::Duration;

use pynenc_host_cache::{HostCache, Options, Shared, Stats};
use rig::{Fetching, Place, SCOPE, content, digest, owned};

const LENGTH: usize = 3 * 4096 + 17;

fn get(cache: &HostCache, n: u8, length: usize) -> Shared {
    cache.get_or_fetch(&digest(n), Some(length as u64), || true, || Ok::<_, ()>(owned(content(n, length)))).unwrap()
}

fn get_what_is_there(cache: &HostCache, n: u8, length: usize) -> Shared {
    cache.get_or_fetch(&digest(n), Some(length as u64), || true, || Err("fetched")).unwrap()
}

#[test]
fn a_value_is_fetched_once_and_mapped_by_all() {
    let place = Place::new();
    let (one, other) = (place.open(), place.open());
    let (filled, found) = (get(&one, 1, LENGTH), get_what_is_there(&other, 1, LENGTH));
    assert!(filled.is_mapped() && found.is_mapped());
    assert_eq!(&filled[..], &content(1, LENGTH));
    assert_eq!(&found[..], &filled[..]);
    let (one, other) = (one.stats(), other.stats());
    assert_eq!((one.fills, one.hits, one.private), (1, 0, 0));
    assert_eq!((other.fills, other.hits, other.private), (0, 1, 0));
    assert_eq!(one.bytes, LENGTH as u64);
}

#[test]
fn threads_that_want_one_value_at_once_fetch_it_once() {
    let place = Place::new();
    let cache = place.open();
    let (fetched, start) = (AtomicU32::new(0), Barrier::new(8));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                start.wait();
                let fetch = || {
                    fetched.fetch_add(1, Ordering::Relaxed);
                    Ok::<_, ()>(owned(content(1, LENGTH)))
                };
                let value = cache.get_or_fetch(&digest(1), Some(LENGTH as u64), || true, fetch).unwrap();
                assert_eq!(&value[..], &content(1, LENGTH));
            });
        }
    });
    assert_eq!(fetched.into_inner(), 1);
    assert_eq!(place.values().len(), 1);
}

#[test]
fn an_error_of_the_fetch_is_the_callers_and_leaves_nothing() {
    let place = Place::new();
    let cache = place.open();
    let error = cache.get_or_fetch(&digest(1), Some(10), || true, || Err("lost")).unwrap_err();
    assert_eq!(error, "lost");
    assert!(place.values().is_empty());
    assert_eq!(&get(&cache, 1, 10)[..], &content(1, 10));
}

#[test]
fn a_fetch_that_panics_leaves_nothing() {
    let place = Place::new();
    let cache = place.open();
    thread::scope(|scope| {
        let fetching =
            scope.spawn(|| cache.get_or_fetch(&digest(1), Some(10), || true, || -> Result<_, ()> { panic!("no") }));
        assert!(fetching.join().is_err());
    });
    assert!(place.values().is_empty());
    assert!(get(&cache, 1, 10).is_mapped());
}

#[test]
fn a_value_of_another_length_than_announced_is_not_kept() {
    let place = Place::new();
    let cache = place.open();
    let value = cache.get_or_fetch(&digest(1), Some(10), || true, || Ok::<_, ()>(owned(content(1, 11)))).unwrap();
    assert!(!value.is_mapped());
    assert_eq!(value.len(), 11);
    assert!(place.values().is_empty());
}

#[test]
fn a_value_of_unknown_length_is_shared_too() {
    let place = Place::new();
    let cache = HostCache::open(SCOPE, &Options { limit: LENGTH as u64, ..place.options() }).unwrap();
    let get = |n, length| cache.get_or_fetch(&digest(n), None, || true, || Ok::<_, ()>(owned(content(n, length))));
    assert!(get(1, LENGTH).unwrap().is_mapped());
    assert_eq!(&get(1, 0).unwrap()[..], &content(1, LENGTH));
    assert!(get(2, 0).unwrap().is_empty());
    assert!(!get(3, LENGTH + 1).unwrap().is_mapped());
    assert_eq!(place.values().len(), 1);
}

#[test]
fn nothing_is_mapped_of_an_empty_value() {
    let place = Place::new();
    let cache = place.open();
    assert!(get(&cache, 1, 0).is_empty());
    assert!(place.values().is_empty());
}

/// Have `meanwhile` done while another thread fetches value 1.
fn while_it_is_fetched(cache: &HostCache, meanwhile: impl FnOnce()) {
    let (begun, has_begun) = mpsc::channel();
    let (go_on, told) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let slow = scope.spawn(move || {
            let fetch = move || {
                begun.send(()).unwrap();
                // Whatever happens to the test, this ends.
                let _ = told.recv();
                Ok::<_, ()>(owned(content(1, LENGTH)))
            };
            cache.get_or_fetch(&digest(1), Some(LENGTH as u64), || true, fetch).unwrap()
        });
        has_begun.recv().unwrap();
        meanwhile();
        drop(go_on);
        assert!(slow.join().unwrap().is_mapped());
    });
}

#[test]
fn who_does_not_want_to_wait_any_longer_fetches_too() {
    let place = Place::new();
    let cache = place.open();
    let impatient = HostCache::open(SCOPE, &Options { patience: Duration::ZERO, ..place.options() }).unwrap();
    while_it_is_fetched(&cache, || {
        assert!(!get(&impatient, 1, LENGTH).is_mapped());
    });
    assert_eq!(impatient.stats().private, 1);
}

#[test]
fn who_is_called_off_stops_waiting() {
    let place = Place::new();
    let patient = HostCache::open(SCOPE, &Options { patience: Duration::from_secs(86_400), ..place.options() });
    let patient = Arc::new(patient.unwrap());
    while_it_is_fetched(&place.open(), || {
        let (tell, told) = mpsc::channel();
        let patient = Arc::clone(&patient);
        thread::spawn(move || {
            let value = patient.get_or_fetch(&digest(1), None, || false, || Ok::<_, ()>(owned(content(1, LENGTH))));
            tell.send(value.unwrap().is_mapped()).unwrap();
        });
        assert!(!told.recv_timeout(rig::PATIENCE).unwrap());
    });
}

#[test]
fn the_least_recently_used_makes_room_and_what_is_mapped_stays_valid() {
    let place = Place::new();
    let options = Options { limit: 3 * LENGTH as u64, ..place.options() };
    let cache = HostCache::open(SCOPE, &options).unwrap();
    let first: Vec<Shared> = (1..=3).map(|n| get(&cache, n, LENGTH)).collect();
    drop(get_what_is_there(&cache, 1, LENGTH));
    drop(get(&cache, 4, LENGTH));
    assert_eq!(cache.stats(), Stats { hits: 1, fills: 4, evicted: 1, bytes: 3 * LENGTH as u64, ..cache.stats() });
    drop(get_what_is_there(&cache, 1, LENGTH));
    assert_eq!(cache.get_or_fetch(&digest(2), Some(LENGTH as u64), || true, || Err("gone")).unwrap_err(), "gone");
    for (value, n) in first.iter().zip(1..) {
        assert_eq!(&value[..], &content(n, LENGTH));
    }
}

#[test]
fn what_is_small_stays_private() {
    let place = Place::new();
    let cache = HostCache::open(SCOPE, &Options { smallest: 1000, ..place.options() }).unwrap();
    assert!(!get(&cache, 1, 999).is_mapped());
    let of_unknown_length = cache.get_or_fetch(&digest(1), None, || true, || Ok::<_, ()>(owned(content(1, 999))));
    assert!(!of_unknown_length.unwrap().is_mapped());
    assert!(place.values().is_empty());
    assert!(get(&cache, 1, 1000).is_mapped());
}

#[test]
fn what_is_larger_than_the_limit_stays_private_and_moves_nobody() {
    let place = Place::new();
    let cache = HostCache::open(SCOPE, &Options { limit: LENGTH as u64, ..place.options() }).unwrap();
    drop(get(&cache, 1, LENGTH));
    assert!(!get(&cache, 2, LENGTH + 1).is_mapped());
    assert!(get_what_is_there(&cache, 1, LENGTH).is_mapped());
    assert_eq!(place.values().len(), 1);
}

#[test]
fn many_at_once_do_not_pass_the_limit() {
    let place = Place::new();
    let limit = 4 * LENGTH as u64;
    let cache = HostCache::open(SCOPE, &Options { limit, ..place.options() }).unwrap();
    thread::scope(|scope| {
        for start in 0..4_u8 {
            let cache = &cache;
            scope.spawn(move || {
                for n in 0..40 {
                    let n = n * 4 + start;
                    assert_eq!(&get(cache, n, LENGTH)[..], &content(n, LENGTH));
                }
            });
        }
    });
    assert!(cache.stats().bytes <= limit, "{:?}", cache.stats());
    assert_eq!(cache.stats().fills + cache.stats().private, 160);
}

#[test]
fn after_leaving_a_value_is_fetched_and_what_was_got_stays() {
    let place = Place::new();
    let cache = place.open();
    let value = get(&cache, 1, LENGTH);
    cache.leave();
    assert!(!place.root().exists());
    assert_eq!(&value[..], &content(1, LENGTH));
    assert!(!get(&cache, 1, LENGTH).is_mapped());
    assert_eq!(cache.stats().bytes, 0);
    assert!(!place.root().exists());
}

#[test]
fn a_folder_that_somebody_removed_comes_back() {
    let place = Place::new();
    let cache = place.open();
    let value = get(&cache, 1, LENGTH);
    std::fs::remove_dir_all(place.root()).unwrap();
    assert!(get(&cache, 2, LENGTH).is_mapped());
    assert_eq!(place.values().len(), 1);
    assert_eq!(&value[..], &content(1, LENGTH));
}

#[test]
fn applications_do_not_share() {
    let place = Place::new();
    let (one, other) = (place.open(), HostCache::open("another", &place.options()).unwrap());
    drop(get(&one, 1, LENGTH));
    assert_eq!(
        other.get_or_fetch(&digest(1), Some(LENGTH as u64), || true, || Err("not here")).unwrap_err(),
        "not here"
    );
    assert_eq!(place.folders().len(), 2);
    drop(one);
    assert_eq!(place.folders().len(), 1);
}
