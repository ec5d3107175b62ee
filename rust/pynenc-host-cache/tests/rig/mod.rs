//! Directories for one test, and processes of their own that use the cache there.
#![allow(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod actor;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use pynenc_host_cache::{HostCache, Options, Owned, Roots, Shared};

/// A bound for what must happen, never a measure of how fast it does.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
pub(crate) const SCOPE: &str = "redis://127.0.0.1:1/0 app";

/// A directory of its own, removed at the end.
pub(crate) struct Place(PathBuf);

impl Place {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("pynenc-test-{}-{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        // Another user may come this far, as in a directory for temporary files.
        fs::set_permissions(&path, Permissions::from_mode(0o1777)).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn options(&self) -> Options {
        Options { roots: Roots::Below(self.0.clone()), limit: 1 << 30, smallest: 0, patience: PATIENCE }
    }

    pub(crate) fn open(&self) -> HostCache {
        HostCache::open(SCOPE, &self.options()).unwrap()
    }

    /// This user's directory in it.
    pub(crate) fn root(&self) -> PathBuf {
        self.0.join(format!("pynenc-values-{}", user()))
    }

    /// The folders of engines and apps.
    pub(crate) fn folders(&self) -> Vec<PathBuf> {
        listed(&self.root())
    }

    /// What lies in the one folder there is.
    pub(crate) fn values(&self) -> Vec<PathBuf> {
        match &*self.folders() {
            [] => Vec::new(),
            [one] => listed(one),
            more => panic!("one folder, not {more:?}"),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn listed(directory: &Path) -> Vec<PathBuf> {
    let Ok(all) = fs::read_dir(directory) else { return Vec::new() };
    let mut all: Vec<PathBuf> = all.map(|entry| entry.unwrap().path()).collect();
    all.sort();
    all
}

pub(crate) fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// The digest of a test's value number `n`.
pub(crate) fn digest(n: u8) -> [u8; 32] {
    [n; 32]
}

/// The value number `n`: other bytes for each number, and for each place in it.
pub(crate) fn content(n: u8, length: usize) -> Vec<u8> {
    bytes_of(n, length).collect()
}

/// The same, without memory of its own.
pub(crate) fn bytes_of(n: u8, length: usize) -> impl Iterator<Item = u8> {
    (0..length).map(move |at| (at as u8).wrapping_mul(31).wrapping_add((at >> 8) as u8) ^ n)
}

/// For those who fetch into memory of their own.
pub(crate) trait Fetching {
    fn get_or_fetch<E: std::fmt::Debug>(
        &self,
        digest: &[u8; 32],
        length: Option<u64>,
        keep_waiting: impl FnMut() -> bool,
        fetch: impl FnOnce() -> Result<Owned, E>,
    ) -> Result<Shared, E>;
}

impl Fetching for HostCache {
    fn get_or_fetch<E: std::fmt::Debug>(
        &self,
        digest: &[u8; 32],
        length: Option<u64>,
        keep_waiting: impl FnMut() -> bool,
        fetch: impl FnOnce() -> Result<Owned, E>,
    ) -> Result<Shared, E> {
        let got = self.get_or_fill(digest, length, keep_waiting, |_| fetch().map(Some));
        got.map(|shared| shared.unwrap())
    }
}

/// As whoever fetches gives it.
pub(crate) fn owned(bytes: Vec<u8>) -> Owned {
    Arc::new(bytes)
}

/// Wait for what must come.
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "never: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
