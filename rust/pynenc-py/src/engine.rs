//! Where the invocations of one app are: one set of steps for the hot path, whatever stands behind them.
//!
//! The memory engine answers at once, so its arm of each step is one call under one lock. What has to ask a server
//! takes the interpreter's token along, to let go of it meanwhile ([`crate::gil::ask`]).

mod ending;
mod equal_call;
mod lease;
mod outcome;
mod pipeline;
mod queue;
mod reading;
mod remote;
mod submission;
mod tasks;
mod waiting;

use std::sync::Arc;

use pynenc_core::id::{InvocationId, Ref};
use pyo3::prelude::*;

use crate::live::Memory;
use crate::memory_engine::{self, PyMemoryEngine};
use crate::redis_engine::PyRedisEngine;
use crate::wire::Source;

pub(crate) use pipeline::PyPipeline;
pub(crate) use queue::Batch;
pub(crate) use reading::{Moved, answer, history};
pub(crate) use remote::{RemoteEngine, Sent};
pub(crate) use submission::InCommon;
pub(crate) use tasks::Tasks;

/// The engine of one app in this process.
pub(crate) enum Engine {
    /// Everything is in this process.
    Memory(Arc<Memory>),
    /// Everything is on a server, but for what this process runs and waits for.
    Remote(RemoteEngine),
}

impl Engine {
    /// The engine that Python has made.
    pub(crate) fn behind(port: &Bound<'_, PyAny>, tasks: &Arc<Tasks>, pipeline: &Bound<'_, PyAny>) -> PyResult<Self> {
        match port.cast::<PyMemoryEngine>() {
            Ok(memory) => Ok(Self::Memory(Arc::clone(&memory.get().0))),
            Err(_) => {
                let engine = port.cast::<PyRedisEngine>()?.get();
                let (remote, source) = (Arc::clone(&engine.remote), Arc::clone(&engine.source));
                Ok(Self::Remote(RemoteEngine::new(remote, source, tasks, pipeline)?))
            }
        }
    }

    /// The identity of a place.
    pub(crate) fn id(&self, at: Ref) -> InvocationId {
        match self {
            Self::Memory(memory) => memory.id(at),
            Self::Remote(remote) => remote.remote.id(at),
        }
    }

    /// The place of a text that names an invocation, with one reader more, and its task, or `None` of Python.
    pub(crate) fn adopt(&self, py: Python<'_>, tasks: &Tasks, id: &str) -> PyResult<(Ref, Py<PyAny>)> {
        match self {
            Self::Memory(memory) => {
                let at = memory_engine::place(py, memory, id)?;
                let (index, task) = reading::task_of(py, memory, at)?;
                let task = task.map_or_else(|| tasks.known(py, index).map(Bound::unbind), Ok)?;
                memory.remember(at);
                Ok((at, task))
            }
            Self::Remote(remote) => remote.adopt(py, id),
        }
    }

    /// Where large values are had from, if they are not at hand.
    pub(crate) fn source(&self) -> Option<&Source> {
        match self {
            Self::Memory(_) => None,
            Self::Remote(remote) => Some(&remote.source),
        }
    }

    /// The number of a task's name in this process.
    pub(crate) fn task(&self, name: &str) -> u32 {
        match self {
            Self::Memory(memory) => memory.task(name),
            Self::Remote(remote) => remote.remote.task(name),
        }
    }
}
