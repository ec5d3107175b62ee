//! The cache as a process sees it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::Owned;
use crate::directory::{self, name_of_root};
use crate::folder::Folder;
use crate::off::Off;
use crate::options::{Options, Stats};
use crate::part::{self, Part, Turn};
use crate::room;
use crate::space::{Opened, Space};
use crate::value::{self, Shared};

#[derive(Default)]
struct Counters {
    hits: AtomicU64,
    fills: AtomicU64,
    private: AtomicU64,
    evicted: AtomicU64,
}

/// The values that the processes of this user on this host share, for one engine and app.
pub struct HostCache {
    above: PathBuf,
    scope: String,
    /// `None` once it was left. Those who are in the middle of a fill keep the folder until they are done.
    folder: Mutex<Option<Arc<Folder>>>,
    home: u32,
    limit: u64,
    smallest: u64,
    patience: Duration,
    counters: Counters,
}

impl HostCache {
    /// Open the cache of `scope`: whatever tells one engine and app from all others.
    ///
    /// # Errors
    /// None of the places can be used; everything works without the cache.
    pub fn open(scope: &str, options: &Options) -> Result<Self, Off> {
        let mut tried = Vec::new();
        for above in directory::above(&options.roots) {
            match Folder::open(&above, scope) {
                Ok(folder) => return Ok(Self::within(folder, above, scope, options)),
                Err(reason) => tried.push((above.join(name_of_root()), reason)),
            }
        }
        Err(Off { tried })
    }

    fn within(folder: Folder, above: PathBuf, scope: &str, options: &Options) -> Self {
        Self {
            above,
            scope: scope.to_owned(),
            limit: room::limit(folder.directory(), options.limit),
            folder: Mutex::new(Some(Arc::new(folder))),
            home: std::process::id(),
            smallest: options.smallest.max(1),
            patience: options.patience,
            counters: Counters::default(),
        }
    }

    /// The value under `digest`; its length too, where that is known: then nobody waits for what has no room.
    ///
    /// If it is not there, one process of the host fetches it (`fetch` also checks that it is the right one), and the
    /// others wait: as long as `keep_waiting` says so, which is asked every 50 ms, and no longer than the patience.
    /// Where it is given space, it may write the value there, and then returns `None`.
    ///
    /// `None`: the value was written, and is lost all the same; it has to be fetched without the cache.
    ///
    /// # Errors
    /// Those of `fetch`. A fault of the cache is none: the value is then in this process's own memory.
    pub fn get_or_fill<E>(
        &self,
        digest: &[u8; 32],
        length: Option<u64>,
        mut keep_waiting: impl FnMut() -> bool,
        fetch: impl FnOnce(Option<&Arc<Space>>) -> Result<Option<Owned>, E>,
    ) -> Result<Option<Shared>, E> {
        if length.is_some_and(|length| length < self.smallest) {
            return Ok(fetch(None)?.map(Shared::private));
        }
        let Some(folder) = self.folder() else { return self.privately(fetch) };
        let name = blake3::Hash::from_bytes(*digest).to_hex();
        let wait = |waited: Duration| waited < self.patience && keep_waiting();
        match part::turn(&folder, &name, length, wait) {
            Ok(Turn::Filled(found)) => {
                self.count(&self.counters.hits, 1);
                Ok(Some(found))
            }
            Ok(Turn::Mine(part)) => self.fill(&folder, part, &name, length, fetch),
            Ok(Turn::Late) | Err(_) => self.privately(fetch),
        }
    }

    /// Leave the cache; the last process to leave removes what is in it. What was got from it stays valid.
    pub fn leave(&self) {
        if self.home == std::process::id() {
            drop(self.folder.lock().take());
        }
    }

    /// What happened so far.
    pub fn stats(&self) -> Stats {
        let counters = &self.counters;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            hits: read(&counters.hits),
            fills: read(&counters.fills),
            private: read(&counters.private),
            evicted: read(&counters.evicted),
            bytes: self.folder().map_or(0, |folder| room::used(folder.directory())),
            limit: self.limit,
        }
    }

    /// A forked child has no part in it: it would share its parent's locks, and may have inherited this one locked.
    ///
    /// A folder that somebody removed (some systems do it when a user's last session ends) is made anew.
    fn folder(&self) -> Option<Arc<Folder>> {
        if self.home != std::process::id() {
            return None;
        }
        let mut folder = self.folder.lock();
        let is_gone = folder.as_ref().is_some_and(|folder| folder.is_gone());
        if is_gone && let Ok(another) = Folder::open(&self.above, &self.scope) {
            *folder = Some(Arc::new(another));
        }
        folder.clone()
    }

    fn fill<E>(
        &self,
        folder: &Folder,
        part: Part<'_>,
        name: &str,
        length: Option<u64>,
        fetch: impl FnOnce(Option<&Arc<Space>>) -> Result<Option<Owned>, E>,
    ) -> Result<Option<Shared>, E> {
        let part = match length {
            Some(length) => self.room(part, length),
            None => Some(part),
        };
        let space = part.as_ref().zip(length).and_then(|(part, length)| part.space(length).ok()).map(Arc::new);
        let opened = space.as_deref().map(Opened);
        let bytes = fetch(space.as_ref())?;
        // From here on nobody writes but this thread.
        let is_written = space.as_ref().is_some_and(|space| space.close());
        drop(opened);
        let complete = match &bytes {
            Some(bytes) => self.complete(part, length, (**bytes).as_ref()),
            None => is_written && part.is_some_and(|part| part.name().is_ok()),
        };
        // It may have had to go already, if very many come at once.
        let found = complete.then(|| value::find(folder.directory(), name, length)).flatten();
        if found.is_some() {
            self.count(&self.counters.fills, 1);
            self.trim(folder);
        } else {
            self.count(&self.counters.private, 1);
        }
        Ok(found.or_else(|| bytes.map(Shared::private)))
    }

    /// Write what was fetched elsewhere.
    fn complete(&self, part: Option<Part<'_>>, length: Option<u64>, content: &[u8]) -> bool {
        let found_length = content.len() as u64;
        let part = match length {
            Some(length) => part.filter(|_| length == found_length),
            None => part.and_then(|part| self.room(part, found_length)),
        };
        part.is_some_and(|part| part.complete(content).is_ok())
    }

    /// The part with room for it; without, it is given up before anything is fetched, so that nobody waits for it.
    fn room<'a>(&self, part: Part<'a>, length: u64) -> Option<Part<'a>> {
        if length < self.smallest {
            return None;
        }
        let gone = room::make(&part, length, self.limit)?;
        self.count(&self.counters.evicted, gone);
        Some(part)
    }

    fn privately<E>(
        &self,
        fetch: impl FnOnce(Option<&Arc<Space>>) -> Result<Option<Owned>, E>,
    ) -> Result<Option<Shared>, E> {
        let bytes = fetch(None)?;
        self.count(&self.counters.private, 1);
        Ok(bytes.map(Shared::private))
    }

    fn trim(&self, folder: &Folder) {
        self.count(&self.counters.evicted, room::trim(folder.directory(), self.limit));
    }

    fn count(&self, counter: &AtomicU64, by: u64) {
        counter.fetch_add(by, Ordering::Relaxed);
    }
}
