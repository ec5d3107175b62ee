//! Looking at an invocation without changing it.

use pynenc_core::clock::Micros;
use pynenc_core::engine::Outcome;
use pynenc_core::id::{InvocationId, Ref};
use pynenc_core::status::Status;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::Engine;
use crate::error::Refusal;
use crate::live::{Answer, Memory};

/// A move of an invocation: where to, when, and by which worker.
pub(crate) type Moved = (Status, Micros, String);

impl Engine {
    /// Where it stands.
    pub(crate) fn status(&self, _py: Python<'_>, at: Ref) -> Result<Status, Refusal> {
        match self {
            Self::Memory(memory) => memory.read(at, |view| view.status).map_err(Refusal::from),
        }
    }

    /// Whether it is known here to be over, or to be gone.
    #[inline]
    pub(crate) fn is_over(&self, at: Ref) -> bool {
        match self {
            Self::Memory(memory) => memory.read(at, |view| view.status.is_final()).unwrap_or(true),
        }
    }

    /// How it ended, if it has. References are counted up under the engine's lock, never down.
    #[inline]
    pub(crate) fn answer(&self, py: Python<'_>, at: Ref) -> Result<Answer, Refusal> {
        match self {
            Self::Memory(memory) => answer(py, memory, at),
        }
    }

    /// The number of its task, and the task itself while its call is kept.
    pub(crate) fn task_of(&self, py: Python<'_>, at: Ref) -> Result<(u32, Option<Py<PyAny>>), Refusal> {
        match self {
            Self::Memory(memory) => {
                let read = memory.read(at, |view| (view.task, view.call.map(|call| call.task.clone_ref(py))));
                read.map_err(Refusal::from)
            }
        }
    }

    /// The name of the task of an invocation that an error tells of; `?` when it is gone.
    pub(crate) fn task_named(&self, id: InvocationId) -> String {
        match self {
            Self::Memory(memory) => {
                let task = memory.place(id).and_then(|at| memory.read(at, |view| view.task).ok());
                task.map_or_else(|| "?".into(), |task| memory.task_name(task).to_string())
            }
        }
    }

    /// What it was called with, one value a parameter; `None` when that was dropped.
    pub(crate) fn values(&self, py: Python<'_>, at: Ref) -> Result<Option<Py<PyTuple>>, Refusal> {
        match self {
            Self::Memory(memory) => {
                let read = |values: &Option<Py<PyTuple>>| values.as_ref().map(|values| values.clone_ref(py));
                memory.read(at, |view| view.call.and_then(|call| read(&call.values))).map_err(Refusal::from)
            }
        }
    }

    /// The invocation whose body called it.
    pub(crate) fn parent(&self, _py: Python<'_>, at: Ref) -> Result<Option<InvocationId>, Refusal> {
        match self {
            Self::Memory(memory) => {
                let parent = memory.read(at, |view| view.parent).map_err(Refusal::from)?;
                Ok(parent.map(|at| memory.id(at)))
            }
        }
    }

    /// How often it was tried again after an error.
    pub(crate) fn retries(&self, _py: Python<'_>, at: Ref) -> Result<u32, Refusal> {
        match self {
            Self::Memory(memory) => memory.read(at, |view| view.retries).map_err(Refusal::from),
        }
    }

    /// Every move, oldest first.
    pub(crate) fn history(&self, _py: Python<'_>, at: Ref) -> Result<Vec<Moved>, Refusal> {
        match self {
            Self::Memory(memory) => history(memory, at),
        }
    }
}

/// As [`Engine::answer`], of the memory engine.
#[inline]
pub(crate) fn answer(py: Python<'_>, memory: &Memory, at: Ref) -> Result<Answer, Refusal> {
    let read = memory.read(at, |view| match view.outcome {
        None => Answer::NotYet,
        Some(Outcome::Success(value)) => Answer::Value(value.clone_ref(py)),
        Some(Outcome::Failed(error)) => Answer::Raise(error.clone_ref(py)),
        Some(Outcome::Lost(losses)) => Answer::Lost(*losses),
        Some(Outcome::Cancelled) => Answer::Cancelled,
    });
    read.map_err(Refusal::from)
}

/// As [`Engine::history`], of the memory engine.
pub(crate) fn history(memory: &Memory, at: Ref) -> Result<Vec<Moved>, Refusal> {
    let events = memory.read(at, |view| view.history.to_vec()).map_err(Refusal::from)?;
    let worker = |number| if number == 0 { String::new() } else { memory.worker_name(number).to_string() };
    Ok(events.into_iter().map(|event| (event.status, event.at, worker(event.worker))).collect())
}
