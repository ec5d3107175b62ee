//! A value that is written while it comes.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may fail loudly, also outside the functions that are marked as tests"
)]

mod rig;

use std::fs;
use std::sync::Arc;
use std::thread;

use pynenc_host_cache::{HostCache, Owned, Shared, Space};
use rig::{Fetching, Place, content, digest, owned};

const LENGTH: usize = 3 * 4096 + 17;
const PIECE: usize = 1000;

type Brought = Result<Option<Owned>, &'static str>;

fn write(cache: &HostCache, fetch: impl FnOnce(&Arc<Space>) -> Brought) -> Result<Option<Shared>, &'static str> {
    cache.get_or_fill(&digest(1), Some(LENGTH as u64), || true, |space| fetch(space.unwrap()))
}

fn bring(space: &Space, bytes: &[u8]) {
    bytes.chunks(PIECE).for_each(|piece| space.write(piece));
}

fn bring_all(space: &Arc<Space>) -> Brought {
    assert!(space.begin(LENGTH as u64));
    bring(space, &content(1, LENGTH));
    Ok(None)
}

#[test]
fn what_was_written_is_the_value() {
    let place = Place::new();
    let (cache, other) = (place.open(), place.open());
    let value = write(&cache, bring_all).unwrap().unwrap();
    assert!(value.is_mapped());
    assert_eq!(&value[..], &content(1, LENGTH));
    let found = other.get_or_fetch(&digest(1), Some(LENGTH as u64), || true, || Err("fetched")).unwrap();
    assert_eq!(&found[..], &value[..]);
    assert_eq!((cache.stats().fills, other.stats().hits), (1, 1));
}

#[test]
fn what_comes_again_begins_again() {
    let place = Place::new();
    let fetch = |space: &Arc<Space>| {
        assert!(space.begin(LENGTH as u64));
        bring(space, &content(2, LENGTH / 2));
        bring_all(space)
    };
    let value = write(&place.open(), fetch).unwrap().unwrap();
    assert_eq!(&value[..], &content(1, LENGTH));
}

#[test]
fn what_comes_otherwise_after_all_is_the_value() {
    let place = Place::new();
    let fetch = |space: &Arc<Space>| {
        assert!(space.begin(LENGTH as u64));
        bring(space, &content(2, LENGTH / 2));
        Ok(Some(owned(content(1, LENGTH))))
    };
    let value = write(&place.open(), fetch).unwrap().unwrap();
    assert!(value.is_mapped());
    assert_eq!(&value[..], &content(1, LENGTH));
}

#[test]
fn what_is_not_all_there_is_no_value() {
    let place = Place::new();
    let cache = place.open();
    for written in [0, 1, LENGTH - 1, LENGTH + 1] {
        let fetch = |space: &Arc<Space>| {
            assert!(space.begin(LENGTH as u64));
            bring(space, &content(1, written));
            Ok(None)
        };
        assert!(write(&cache, fetch).unwrap().is_none());
        assert!(place.values().is_empty());
    }
    assert_eq!(cache.stats().fills, 0);
    assert!(write(&cache, bring_all).unwrap().unwrap().is_mapped());
}

#[test]
fn another_length_than_announced_is_not_written() {
    let place = Place::new();
    let fetch = |space: &Arc<Space>| {
        assert!(!space.begin(LENGTH as u64 + 1));
        Ok(Some(owned(content(1, LENGTH + 1))))
    };
    let value = write(&place.open(), fetch).unwrap().unwrap();
    assert!(!value.is_mapped());
    assert!(place.values().is_empty());
}

#[test]
fn a_fetch_that_fails_half_way_leaves_nothing() {
    let place = Place::new();
    let cache = place.open();
    let fetch = |space: &Arc<Space>| {
        bring(space, &content(1, LENGTH / 2));
        Err("another value")
    };
    assert_eq!(write(&cache, fetch).unwrap_err(), "another value");
    assert!(place.values().is_empty());
    thread::scope(|scope| {
        let panicking = || write(&cache, |space| panic!("{}", space.begin(1)));
        assert!(scope.spawn(panicking).join().is_err());
    });
    assert!(place.values().is_empty());
    assert!(write(&cache, bring_all).unwrap().unwrap().is_mapped());
}

#[test]
fn who_writes_on_after_the_fetch_does_so_in_vain() {
    let place = Place::new();
    let mut kept = None;
    let fetch = |space: &Arc<Space>| {
        kept = Some(Arc::clone(space));
        bring_all(space)
    };
    let value = write(&place.open(), fetch).unwrap().unwrap();
    let space = kept.unwrap();
    assert!(!space.begin(LENGTH as u64));
    bring(&space, &content(2, LENGTH));
    assert_eq!(&value[..], &content(1, LENGTH));
}

#[test]
fn a_folder_that_goes_while_it_is_written() {
    let place = Place::new();
    let fetch = |space: &Arc<Space>| {
        fs::remove_dir_all(place.root()).unwrap();
        bring_all(space)
    };
    assert!(write(&place.open(), fetch).unwrap().is_none());
}

#[test]
fn there_is_no_space_for_what_has_no_room() {
    let place = Place::new();
    let options = pynenc_host_cache::Options { limit: LENGTH as u64 - 1, ..place.options() };
    let cache = HostCache::open(rig::SCOPE, &options).unwrap();
    let fetch = |space: Option<&Arc<Space>>| {
        assert!(space.is_none());
        Ok::<_, ()>(Some(owned(content(1, LENGTH))))
    };
    let value = cache.get_or_fill(&digest(1), Some(LENGTH as u64), || true, fetch).unwrap().unwrap();
    assert!(!value.is_mapped());
}
