//! What a pool is there for besides running bodies: how long it serves, and whom it tells what.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::Mutex;
use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// How long a look at the process's own memory counts, in milliseconds.
const LOOK_EVERY: u64 = 50;

/// What the pool of a worker process is asked for; that of another process, nothing of it.
pub(crate) struct Duty {
    /// Run one body and no more, and ask before it waits.
    single_use: bool,
    taken: AtomicBool,
    /// End after so many bodies; 0 is never.
    max_tasks: u64,
    /// End when the process has more bytes than that after a body; 0 is never.
    max_memory: u64,
    looked_at: AtomicU64,
    since: Instant,
    /// Why the pool stopped by itself.
    reason: Mutex<String>,
    load_watched: AtomicBool,
    /// Called with a word; may raise to `waits`.
    tell: Option<Py<PyAny>>,
    /// Readable when the process that this one works for has ended.
    pub(super) employer: Option<i32>,
}

impl Default for Duty {
    fn default() -> Self {
        Self {
            single_use: false,
            taken: AtomicBool::new(false),
            max_tasks: 0,
            max_memory: 0,
            looked_at: AtomicU64::new(0),
            since: Instant::now(),
            reason: Mutex::new(String::new()),
            load_watched: AtomicBool::new(false),
            tell: None,
            employer: None,
        }
    }
}

impl Duty {
    /// What a worker process gives to its pool.
    pub(crate) fn read(duty: &Bound<'_, PyDict>) -> PyResult<Self> {
        let required = |name: &str| {
            let found = duty.get_item(name)?;
            found.ok_or_else(|| PyKeyError::new_err(format!("the duty lacks {name:?}")))
        };
        Ok(Self {
            single_use: required("single_use")?.is_truthy()?,
            max_tasks: required("max_tasks")?.extract()?,
            max_memory: required("max_memory")?.extract()?,
            tell: Some(required("tell")?.unbind()),
            employer: required("employer")?.extract()?,
            ..Self::default()
        })
    }

    /// Whether the process is there for this pool alone, and may end with it.
    pub(crate) const fn owns_process(&self) -> bool {
        self.tell.is_some()
    }

    /// Why the pool stopped by itself; empty when it did not.
    pub(crate) fn reason(&self) -> String {
        self.reason.lock().clone()
    }

    fn say(&self, py: Python<'_>, word: &str) -> PyResult<()> {
        self.tell.as_ref().map_or(Ok(()), |tell| tell.call1(py, (word,)).map(drop))
    }

    fn end_because(&self, reason: String) {
        let mut known = self.reason.lock();
        if known.is_empty() {
            *known = reason;
        }
    }

    /// Whether one more claimed body may start.
    pub(crate) fn admits_one_more(&self) -> bool {
        !self.single_use || !self.taken.swap(true, Ordering::AcqRel)
    }

    /// Whether the body that starts as the `started`th is the last that is claimed here.
    pub(crate) fn is_the_last(&self, started: u64) -> bool {
        let last = self.single_use || (self.max_tasks > 0 && started >= self.max_tasks);
        if last {
            self.end_because(format!("it has run {started} bodies, as many as it may"));
        }
        last
    }

    /// Whether the process has grown beyond its limit.
    pub(crate) fn is_too_large(&self) -> bool {
        if self.max_memory == 0 {
            return false;
        }
        let now = self.since.elapsed().as_millis() as u64;
        let looked_at = self.looked_at.load(Ordering::Relaxed);
        if looked_at > 0 && now < looked_at + LOOK_EVERY {
            return false;
        }
        self.looked_at.store(now.max(1), Ordering::Relaxed);
        let bytes = resident().unwrap_or(0);
        let too_large = bytes > self.max_memory;
        if too_large {
            self.end_because(format!("it has {} MiB of memory, more than it may", bytes >> 20));
        }
        too_large
    }

    /// A body is about to wait for others.
    pub(crate) fn may_wait(&self, py: Python<'_>) -> PyResult<()> {
        if self.single_use { self.say(py, "waits") } else { Ok(()) }
    }

    /// It waits no longer.
    pub(crate) fn goes_on(&self, py: Python<'_>) -> PyResult<()> {
        if self.single_use { self.say(py, "goes on") } else { Ok(()) }
    }

    /// As [`Self::goes_on`], on a thread that need not hold the interpreter.
    pub(crate) fn goes_on_elsewhere(&self) {
        if self.single_use {
            Python::attach(|py| {
                if let Err(failed) = self.say(py, "goes on") {
                    failed.write_unraisable(py, None);
                }
            });
        }
    }

    /// Tell the next time that all slots are taken.
    pub(crate) fn watch_load(&self) {
        self.load_watched.store(true, Ordering::Release);
    }

    /// All slots are taken.
    pub(crate) fn tell_load(&self, py: Python<'_>) -> PyResult<()> {
        if self.load_watched.load(Ordering::Relaxed) && self.load_watched.swap(false, Ordering::AcqRel) {
            return self.say(py, "loaded");
        }
        Ok(())
    }
}

/// Bytes of memory that the process has, where the system tells.
fn resident() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}
