//! Nobody else reads the values, or chooses them.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may fail loudly, also outside the functions that are marked as tests"
)]

mod rig;

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use pynenc_host_cache::{HostCache, Reason};
use rig::actor::{self, Actor};
use rig::{Fetching, Place, SCOPE, content, digest, owned, user};

/// Anybody who is not us; used where the tests run as root and may become somebody else.
const ANOTHER: u32 = 65_534;

#[test]
#[ignore = "the other tests start it, as a process of its own"]
fn actor() {
    actor::act();
}

fn fill(cache: &HostCache) {
    let filled = cache.get_or_fetch(&digest(1), Some(1000), || true, || Ok::<_, ()>(owned(content(1, 1000)))).unwrap();
    assert!(filled.is_mapped());
}

fn refusal(place: &Place) -> Reason {
    let mut off = HostCache::open(SCOPE, &place.options()).err().unwrap();
    assert!(off.to_string().contains(place.root().to_str().unwrap()));
    off.tried.pop().unwrap().1
}

#[test]
fn everything_is_for_this_user_alone() {
    let place = Place::new();
    let cache = place.open();
    fill(&cache);
    let mode = |path: &std::path::Path| fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&place.root()), 0o700);
    assert_eq!(mode(&place.folders()[0]), 0o700);
    assert_eq!(mode(&place.values()[0]), 0o400);
    assert_eq!(fs::metadata(&place.values()[0]).unwrap().uid(), user());
}

#[test]
fn the_address_is_not_in_a_name() {
    let place = Place::new();
    let _cache = HostCache::open("redis://me:secret@host app", &place.options()).unwrap();
    assert!(!place.folders()[0].to_str().unwrap().contains("secret"));
}

#[test]
fn another_user_cannot_read_and_has_a_cache_of_its_own() {
    if user() != 0 {
        return;
    }
    let place = Place::new();
    let cache = place.open();
    fill(&cache);
    let mut another = Actor::start_as(place.path(), Some(ANOTHER));
    let refused = std::io::ErrorKind::PermissionDenied.to_string();
    assert_eq!(another.ask(&format!("read {}", place.values()[0].display())), refused);
    assert_eq!(another.ask("open"), "open");
    assert_eq!(another.ask("get 1 1000"), "fetched mapped right");
    another.end();
}

#[test]
fn what_another_user_prepared_is_not_used() {
    if user() != 0 {
        return;
    }
    let place = Place::new();
    fs::create_dir(place.root()).unwrap();
    std::os::unix::fs::chown(place.root(), Some(ANOTHER), Some(ANOTHER)).unwrap();
    fs::set_permissions(place.root(), Permissions::from_mode(0o700)).unwrap();
    assert!(matches!(refusal(&place), Reason::Owner(ANOTHER)));

    let theirs = Place::new();
    std::os::unix::fs::chown(theirs.path(), Some(ANOTHER), Some(ANOTHER)).unwrap();
    assert!(matches!(refusal(&theirs), Reason::Owner(ANOTHER)));
}

#[test]
fn a_value_of_another_user_is_not_taken() {
    if user() != 0 {
        return;
    }
    let place = Place::new();
    let cache = place.open();
    fill(&cache);
    std::os::unix::fs::chown(&place.values()[0], Some(ANOTHER), Some(ANOTHER)).unwrap();
    fill(&cache);
    assert_eq!(cache.stats().hits, 0);
    assert_eq!(fs::metadata(&place.values()[0]).unwrap().uid(), user());
}

#[test]
fn a_directory_that_others_can_enter_is_refused() {
    let place = Place::new();
    fs::create_dir(place.root()).unwrap();
    fs::set_permissions(place.root(), Permissions::from_mode(0o750)).unwrap();
    assert!(matches!(refusal(&place), Reason::Mode(0o750)));
}

#[test]
fn a_link_is_refused() {
    let (place, elsewhere) = (Place::new(), Place::new());
    symlink(elsewhere.path(), place.root()).unwrap();
    assert!(matches!(refusal(&place), Reason::NotADirectory));
    assert!(elsewhere.folders().is_empty());
}

#[test]
fn a_file_in_its_place_is_refused() {
    let place = Place::new();
    fs::write(place.root(), "").unwrap();
    assert!(matches!(refusal(&place), Reason::NotADirectory));
}

#[test]
fn a_directory_that_everybody_could_replace_is_refused() {
    let place = Place::new();
    fs::set_permissions(place.path(), Permissions::from_mode(0o777)).unwrap();
    assert!(matches!(refusal(&place), Reason::Exposed));
}

#[test]
fn a_missing_place_is_said() {
    let place = Place::new();
    fs::remove_dir(place.path()).unwrap();
    assert!(matches!(refusal(&place), Reason::System(error) if error.kind() == std::io::ErrorKind::NotFound));
}

#[test]
fn a_value_that_is_a_link_or_writable_is_not_taken() {
    let place = Place::new();
    let cache = place.open();
    fill(&cache);
    let value = &place.values()[0];
    let planted = place.path().join("planted");
    fs::rename(value, &planted).unwrap();
    symlink(&planted, value).unwrap();
    fill(&cache);
    assert!(fs::symlink_metadata(value).unwrap().is_file());
    fs::set_permissions(value, Permissions::from_mode(0o600)).unwrap();
    fill(&cache);
    assert_eq!(fs::metadata(value).unwrap().permissions().mode() & 0o777, 0o400);
    assert_eq!(cache.stats().hits, 0);
}
