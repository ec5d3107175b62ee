//! Where the cache cannot do its part, the value is there all the same.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may fail loudly, also outside the functions that are marked as tests"
)]

mod rig;

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};

use pynenc_host_cache::{HostCache, Options, Roots};
use rig::{Fetching, Place, SCOPE, content, digest, owned};

const LENGTH: usize = 20_000;
const FULL: &str = "PYNENC_TEST_FULL";

#[test]
fn a_folder_that_goes_during_the_fetch() {
    let place = Place::new();
    let cache = place.open();
    let fetch = || {
        fs::remove_dir_all(place.root()).unwrap();
        Ok::<_, ()>(owned(content(1, LENGTH)))
    };
    let value = cache.get_or_fetch(&digest(1), Some(LENGTH as u64), || true, fetch).unwrap();
    assert!(!value.is_mapped());
    assert_eq!(&value[..], &content(1, LENGTH));
    assert_eq!(cache.stats().private, 1);
}

#[test]
fn a_part_that_goes_during_the_fetch() {
    let place = Place::new();
    let cache = place.open();
    let fetch = || {
        fs::remove_file(&place.values()[0]).unwrap();
        Ok::<_, ()>(owned(content(1, LENGTH)))
    };
    let value = cache.get_or_fetch(&digest(1), Some(LENGTH as u64), || true, fetch).unwrap();
    assert_eq!(&value[..], &content(1, LENGTH));
    assert!(place.values().is_empty());
}

#[test]
fn a_forked_child_fetches_for_itself_and_leaves_its_parents_cache_alone() {
    let place = Place::new();
    let cache = place.open();
    let value = cache.get_or_fetch(&digest(1), None, || true, || Ok::<_, ()>(owned(content(1, LENGTH)))).unwrap();
    // SAFETY: the child takes no lock that was taken before the fork (the allocator's are the system's to keep
    // usable), and leaves by `_exit`, so that nothing of the test runs twice.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let sees = value[..] == content(1, LENGTH)[..];
        let fetched = cache.get_or_fetch(&digest(1), None, || true, || Ok::<_, ()>(owned(content(1, LENGTH))));
        let is_private = fetched.is_ok_and(|fetched| !fetched.is_mapped());
        cache.leave();
        drop(cache);
        // SAFETY: it ends the process.
        unsafe { libc::_exit(i32::from(!(sees && is_private))) };
    }
    assert!(child > 0);
    let mut status = 0;
    // SAFETY: it is a child of ours, and `status` is there for the answer.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert!(ExitStatus::from_raw(status).success(), "{status}");
    let found = cache.get_or_fetch(&digest(1), None, || true, || Err("it is gone"));
    assert!(found.unwrap().is_mapped());
}

/// Runs the next test again, in a space of its own where a file system of 1 MiB is mounted. Not every system lets its
/// users do that.
#[test]
fn a_full_file_system() {
    let place = Place::new();
    let script =
        r#"mount -t tmpfs -o size=1m,mode=700 tmpfs "$0" && exec "$1" --exact on_a_small_file_system --ignored"#;
    let this = std::env::current_exe().unwrap();
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", script]).arg(place.path()).arg(this);
    let Ok(output) = command.env(FULL, place.path()).output() else { return };
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if said.contains("running 1 test") {
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
#[ignore = "the test before starts it, on a file system of its own"]
fn on_a_small_file_system() {
    let Some(above) = std::env::var_os(FULL) else { return };
    let above = std::path::PathBuf::from(above);
    let options = Options { roots: Roots::Below(above.clone()), smallest: 0, ..Options::default() };
    let cache = HostCache::open(SCOPE, &options).unwrap();
    let get = |n, length| cache.get_or_fetch(&digest(n), None, || true, || Ok::<_, ()>(owned(content(n, length))));
    // Half of it is ours.
    assert_eq!(cache.stats().limit, 512 << 10);
    assert!(get(1, 300 << 10).unwrap().is_mapped());
    assert!(!get(2, 600 << 10).unwrap().is_mapped());
    assert!(get(3, 300 << 10).unwrap().is_mapped());
    assert_eq!(cache.stats().evicted, 1);
    // Others have taken the rest; a tenth stays free for them.
    fs::write(above.join("others"), vec![0; 560 << 10]).unwrap();
    let value = get(4, 120 << 10).unwrap();
    assert!(!value.is_mapped());
    assert_eq!(&value[..], &content(4, 120 << 10));
    assert!(get(3, 300 << 10).unwrap().is_mapped());
}
