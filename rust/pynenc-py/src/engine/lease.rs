//! Workers, and what keeps them alive. Nothing here needs the interpreter.

use std::sync::Arc;
use std::time::Duration;

use pynenc_core::park::Parker;

use super::Engine;

impl Engine {
    /// A new worker, with a lease from now on.
    pub(crate) fn register_worker(&self, name: &str) -> u32 {
        match self {
            Self::Memory(memory) => memory.register_worker(name),
        }
    }

    /// By what every process knows the worker; 0 when no other process could.
    pub(crate) fn worker_id(&self, _worker: u32) -> u64 {
        match self {
            Self::Memory(_) => 0,
        }
    }

    /// Extend a worker's lease; `false` when it has been lost.
    pub(crate) fn renew(&self, worker: u32) -> bool {
        match self {
            Self::Memory(memory) => memory.renew(worker),
        }
    }

    /// The worker is gone: what it held is others'.
    pub(crate) fn lose(&self, worker: u32) {
        match self {
            Self::Memory(memory) => drop(memory.lose(worker)),
        }
    }

    /// Do what is due, and say in how long there is something to do again.
    pub(crate) fn tick(&self) -> Option<Duration> {
        match self {
            Self::Memory(memory) => memory.tick().map(|next| Duration::from_micros(next.saturating_sub(memory.now()))),
        }
    }

    /// Who is woken when something is due earlier than the last tick said.
    pub(crate) fn set_timer(&self, timer: Option<Arc<Parker>>) {
        match self {
            Self::Memory(memory) => memory.set_timer(timer),
        }
    }

    /// How long a worker may be silent.
    pub(crate) fn lease(&self) -> Duration {
        match self {
            Self::Memory(memory) => Duration::from_micros(memory.lease()),
        }
    }
}
