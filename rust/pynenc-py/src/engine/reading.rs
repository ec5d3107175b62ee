//! Looking at an invocation without changing it.

use pynenc_core::clock::Micros;
use pynenc_core::engine::Outcome;
use pynenc_core::id::{InvocationId, Ref};
use pynenc_core::status::Status;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::Engine;
use crate::error::Refusal;
use crate::gil;
use crate::live::{Answer, Memory};

/// A move of an invocation: where to, when, and by which worker.
pub(crate) type Moved = (Status, Micros, String);

impl Engine {
    /// Where it stands.
    pub(crate) fn status(&self, py: Python<'_>, at: Ref) -> Result<Status, Refusal> {
        match self {
            Self::Memory(memory) => Ok(memory.read(at, |view| view.status)?),
            Self::Remote(remote) => gil::ask(py, || remote.remote.status(at)),
        }
    }

    /// Whether it is known here to be over, or to be gone.
    #[inline]
    pub(crate) fn is_over(&self, at: Ref) -> bool {
        match self {
            Self::Memory(memory) => memory.read(at, |view| view.status.is_final()).unwrap_or(true),
            Self::Remote(remote) => remote.remote.read(at, |view| view.status.is_final()).unwrap_or(true),
        }
    }

    /// The name of the task of an invocation that an error tells of; `?` when it is gone.
    pub(crate) fn task_named(&self, py: Python<'_>, id: InvocationId) -> String {
        match self {
            Self::Memory(memory) => {
                let task = memory.place(id).and_then(|at| memory.read(at, |view| view.task).ok());
                task.map_or_else(|| "?".into(), |task| memory.task_name(task).to_string())
            }
            Self::Remote(remote) => {
                let known = remote.remote.place(id).and_then(|at| remote.remote.read(at, |view| view.task).ok()?);
                if let Some(task) = known {
                    return remote.remote.task_name(task).to_string();
                }
                let Ok(at) = gil::ask(py, || remote.remote.adopt(id)) else { return "?".into() };
                let record = remote.record(py, at);
                remote.remote.forget(at);
                record.map_or_else(|_| "?".into(), |record| record.task.to_string())
            }
        }
    }

    /// What it was called with, one value a parameter; `None` when that was dropped.
    pub(crate) fn values(&self, py: Python<'_>, at: Ref) -> PyResult<Option<Py<PyTuple>>> {
        match self {
            Self::Memory(memory) => {
                let read = |values: &Option<Py<PyTuple>>| values.as_ref().map(|values| values.clone_ref(py));
                let values = memory.read(at, |view| view.call.and_then(|call| read(&call.values)));
                Ok(values.map_err(Refusal::from)?)
            }
            Self::Remote(remote) => {
                let record = remote.record(py, at)?;
                let Some(payload) = record.payload else { return Ok(None) };
                let values = remote.wire_of(py, at)?.decode_call(py, &payload, record.id, Some(&remote.source))?;
                Ok(Some(values.unbind()))
            }
        }
    }

    /// The invocation whose body called it.
    pub(crate) fn parent(&self, py: Python<'_>, at: Ref) -> Result<Option<InvocationId>, Refusal> {
        match self {
            Self::Memory(memory) => Ok(memory.read(at, |view| view.parent)?.map(|at| memory.id(at))),
            Self::Remote(remote) => match remote.remote.read(at, |view| view.parent) {
                Ok(Some(parent)) => Ok(Some(parent)),
                _ => Ok(remote.record(py, at)?.parent),
            },
        }
    }

    /// How often it was tried again after an error.
    pub(crate) fn retries(&self, py: Python<'_>, at: Ref) -> Result<u32, Refusal> {
        match self {
            Self::Memory(memory) => Ok(memory.read(at, |view| view.retries)?),
            Self::Remote(remote) => Ok(remote.record(py, at)?.retries),
        }
    }

    /// Every move, oldest first.
    pub(crate) fn history(&self, py: Python<'_>, at: Ref) -> Result<Vec<Moved>, Refusal> {
        match self {
            Self::Memory(memory) => history(memory, at),
            Self::Remote(remote) => {
                let events = remote.record(py, at)?.history.into_iter();
                Ok(events.map(|event| (event.status, event.at, event.worker)).collect())
            }
        }
    }
}

/// How it ended, if it has. References are counted up under the engine's lock, never down.
#[inline]
pub(crate) fn answer(py: Python<'_>, memory: &Memory, at: Ref) -> Result<Answer, Refusal> {
    let read = memory.read(at, |view| match view.outcome {
        None => Answer::NotYet,
        Some(Outcome::Success(value)) => Answer::Value(value.clone_ref(py)),
        Some(Outcome::Failed(error)) => Answer::Raise(error.clone_ref(py)),
        Some(Outcome::Lost(losses)) => Answer::Lost(*losses, None),
        Some(Outcome::Cancelled) => Answer::Cancelled,
    });
    read.map_err(Refusal::from)
}

/// As [`Engine::history`], of the memory engine.
pub(crate) fn history(memory: &Memory, at: Ref) -> Result<Vec<Moved>, Refusal> {
    let events = memory.read(at, |view| view.history.to_vec())?;
    let worker = |number| if number == 0 { String::new() } else { memory.worker_name(number).to_string() };
    Ok(events.into_iter().map(|event| (event.status, event.at, worker(event.worker))).collect())
}

/// The number of an invocation's task, and the task itself while its call is kept.
pub(super) fn task_of(py: Python<'_>, memory: &Memory, at: Ref) -> Result<(u32, Option<Py<PyAny>>), Refusal> {
    Ok(memory.read(at, |view| (view.task, view.call.map(|call| call.task.clone_ref(py))))?)
}
