//! Where the invocations of one app are: one set of steps for the hot path, whatever stands behind them.
//!
//! The memory engine answers at once, so its arm of each step is one call under one lock. What has to ask
//! elsewhere takes the interpreter's token along, to let go of it meanwhile.

mod ending;
mod equal_call;
mod lease;
mod queue;
mod reading;
mod waiting;

use std::sync::Arc;

use pynenc_core::id::{InvocationId, Ref};
use pyo3::prelude::*;

use crate::live::Memory;
use crate::memory_engine;

pub(crate) use reading::{Moved, answer, history};

/// The engine of one app in this process.
pub(crate) enum Engine {
    /// Everything is in this process.
    Memory(Arc<Memory>),
}

impl Engine {
    /// The identity of a place.
    pub(crate) fn id(&self, at: Ref) -> InvocationId {
        match self {
            Self::Memory(memory) => memory.id(at),
        }
    }

    /// The place of a text that names an invocation of this engine.
    pub(crate) fn find(&self, py: Python<'_>, id: &str) -> PyResult<Ref> {
        match self {
            Self::Memory(memory) => memory_engine::place(py, memory, id),
        }
    }

    /// The number of a task's name in this process.
    pub(crate) fn task(&self, name: &str) -> u32 {
        match self {
            Self::Memory(memory) => memory.task(name),
        }
    }
}
