//! Workers, and what keeps them alive.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pynenc_core::engine::Fence;
use pynenc_core::id::{InvocationId, Ref};
use pynenc_core::park::Parker;
use pynenc_redis::remote::News;
use pyo3::prelude::*;

use super::Engine;
use crate::error::Refusal;
use crate::gil;

/// How long a worker that ends waits for the server to take its last words.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// How a worker stands.
pub(crate) struct Standing {
    /// Its lease was lost, and it is to register anew.
    pub(crate) lost: bool,
    /// What its bodies are to be told.
    pub(crate) news: Vec<News>,
    /// When to look again, if nobody calls before.
    pub(crate) next: Option<Instant>,
}

impl Engine {
    /// A new worker that can run these tasks, with a lease from now on.
    pub(crate) fn register_worker(
        &self,
        py: Python<'_>,
        name: &str,
        tasks: impl FnOnce() -> PyResult<Vec<String>>,
    ) -> Result<u32, Refusal> {
        match self {
            Self::Memory(memory) => Ok(memory.register_worker(name)),
            Self::Remote(remote) => {
                let tasks = tasks()?;
                // A worker that names no task would be given every one: this name is no task's.
                let none = tasks.is_empty().then_some("");
                let tasks: Vec<&str> = tasks.iter().map(String::as_str).chain(none).collect();
                gil::ask(py, || remote.remote.register_worker(name, &tasks))
            }
        }
    }

    /// The worker can run this task, too.
    pub(crate) fn know_task(&self, py: Python<'_>, worker: u32, task: &str) -> Result<(), Refusal> {
        match self {
            Self::Memory(_) => Ok(()),
            Self::Remote(remote) => gil::ask(py, || remote.remote.know_tasks(worker, &[task])),
        }
    }

    /// Keep a worker's lease, do what is due, and see what there is to be told. Runs no Python.
    pub(crate) fn keep(&self, worker: u32) -> Standing {
        match self {
            Self::Memory(memory) => {
                let lost = !memory.renew(worker);
                let due = memory.tick().map(|next| Duration::from_micros(next.saturating_sub(memory.now())));
                let renewal = Duration::from_micros(memory.lease() / 3);
                let next = Instant::now() + due.map_or(renewal, |due| due.min(renewal));
                Standing { lost, news: Vec::new(), next: Some(next) }
            }
            Self::Remote(remote) => Standing { lost: false, news: remote.remote.take_news(worker), next: None },
        }
    }

    /// A lease that was lost, and what was held with it: a new number for the worker, where it is not renewed by
    /// itself.
    pub(crate) fn rejoin(&self, lost: u32, name: &str) -> u32 {
        match self {
            Self::Memory(memory) => memory.register_worker(name),
            Self::Remote(_) => lost,
        }
    }

    /// By what every process knows the worker; 0 when no other process could.
    pub(crate) fn worker_id(&self, worker: u32) -> u64 {
        match self {
            Self::Memory(_) => 0,
            Self::Remote(remote) => remote.remote.worker_id(worker).map_or(0, |id| id.0),
        }
    }

    /// Claim no more for a worker.
    pub(crate) fn stop_claiming(&self, worker: u32) {
        match self {
            Self::Memory(_) => {}
            Self::Remote(remote) => remote.remote.stop_claiming(worker),
        }
    }

    /// Give back what a worker holds, and its lease with it; what was given back.
    pub(crate) fn hand_back(&self, py: Python<'_>, worker: u32, held: &[(Ref, Fence)]) -> Vec<InvocationId> {
        match self {
            Self::Memory(memory) => {
                let released = |&(at, fence): &(Ref, Fence)| memory.release(at, fence).ok().map(|()| memory.id(at));
                let ids = held.iter().filter_map(released).collect();
                drop(memory.lose(worker));
                ids
            }
            Self::Remote(remote) => gil::release(py, || remote.remote.hand_back(worker, LAST_WORDS)).released,
        }
    }

    /// Who is woken when a worker is to look earlier than it was told: see [`Self::keep`].
    pub(crate) fn set_timer(&self, worker: u32, timer: Option<Arc<Parker>>) {
        match self {
            Self::Memory(memory) => memory.set_timer(timer),
            Self::Remote(remote) => remote.remote.set_timer(worker, timer),
        }
    }
}
