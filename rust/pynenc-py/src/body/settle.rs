//! How a body's end is recorded: the only retry decision there is.

use pynenc_core::engine::{Ending, Fence, Outcome};
use pynenc_core::id::Ref;
use pyo3::exceptions::PyException;
use pyo3::intern;
use pyo3::prelude::*;

use super::RunContext;
use crate::engine::{Engine, RemoteEngine};
use crate::error;
use crate::interrupt::{BodyInterrupt, Interrupt};
use crate::live::Memory;
use crate::plan::Mode;
use crate::pool::Count;
use crate::weigh;

/// A call that costs more than this is not kept once it has ended.
const KEEP_CALL: usize = 1 << 10;

impl RunContext {
    /// Record how the body ended. A late write is refused by the engine, and that is the end of it.
    pub(crate) fn settle(&self, py: Python<'_>, ended: PyResult<Bound<'_, PyAny>>, resume: Option<(Ref, Fence)>) {
        let interrupt = self.close(py);
        if self.plan.max_run.is_some() {
            self.pool.dues.remove(self.at);
        }
        let ended = ended.map_err(|error| self.explained(py, error, interrupt));
        match &self.runtime.engine {
            Engine::Memory(memory) => self.settle_live(py, memory, ended, interrupt, resume),
            Engine::Remote(remote) => self.settle_sent(py, remote, ended, interrupt, resume),
        }
    }

    #[inline]
    fn settle_live(
        &self,
        py: Python<'_>,
        memory: &Memory,
        ended: PyResult<Bound<'_, PyAny>>,
        interrupt: Option<Interrupt>,
        resume: Option<(Ref, Fence)>,
    ) {
        let (outcome, bytes) = match ended.and_then(|value| self.given(py, value)) {
            Ok(value) => {
                let bytes = weigh::shallow(value.bind(py));
                (Outcome::Success(value), bytes)
            }
            Err(error) => {
                let retries = memory.read(self.at, |view| view.retries).unwrap_or(u32::MAX);
                if self.retries(py, &error, retries) && memory.retry(self.at, self.fence, 0).is_ok() {
                    if let Some((waiter, fence)) = resume {
                        let _ = memory.resume(waiter, fence);
                    }
                    self.count(Count::Retried);
                    return;
                }
                let cancelled = was_called_off(py, &error, interrupt);
                let value = error.into_value(py).into_any();
                (if cancelled { Outcome::Cancelled } else { Outcome::Failed(value) }, KEEP_CALL)
            }
        };
        let call = weigh::call(self.values.bind(py));
        let keep_call = call <= KEEP_CALL;
        let bytes = (bytes + if keep_call { call } else { 0 }) as u64;
        let well = matches!(outcome, Outcome::Success(_));
        let finished = memory.finish(self.at, self.fence, Ending { outcome, bytes, keep_call }, resume);
        self.count(end_of(well, finished.is_ok()));
        if finished.is_err()
            && let Some((waiter, fence)) = resume
        {
            // The child was called off or purged meanwhile; its waiter goes on and sees it.
            let _ = memory.resume(waiter, fence);
        }
    }

    fn settle_sent(
        &self,
        py: Python<'_>,
        remote: &RemoteEngine,
        ended: PyResult<Bound<'_, PyAny>>,
        interrupt: Option<Interrupt>,
        resume: Option<(Ref, Fence)>,
    ) {
        let (id, attempt) = (self.id, self.fence.attempt);
        let written = ended.and_then(|value| self.plan.wire()?.encode_result(&value, id, attempt, remote.known(false)));
        let outcome = match written {
            Ok(packed) => Outcome::Success(packed),
            Err(error) => {
                let retries = remote.remote.read(self.at, |view| view.retries).unwrap_or(u32::MAX);
                if self.retries(py, &error, retries) {
                    self.count(Count::Retried);
                    return remote.retry(self, resume);
                }
                if was_called_off(py, &error, interrupt) {
                    Outcome::Cancelled
                } else {
                    let bytes = remote.error_bytes(py, self.plan.wire.as_deref(), error, (self.at, self.fence));
                    Outcome::Failed(bytes.into())
                }
            }
        };
        self.count(end_of(matches!(outcome, Outcome::Success(_)), remote.holds(self)));
        remote.finish(py, self, outcome, resume);
    }

    /// What the caller will be given for a result.
    fn given(&self, py: Python<'_>, value: Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        if self.plan.mode == Mode::Strict {
            return self.task.call_method1(py, intern!(py, "_round_trip"), (value, "return"));
        }
        Ok(value.unbind())
    }

    fn explained(&self, py: Python<'_>, error: PyErr, interrupt: Option<Interrupt>) -> PyErr {
        match interrupt {
            Some(why) if error.is_instance_of::<BodyInterrupt>(py) || self.is_async() => {
                let explained = why.error(py, &self.id.to_string());
                explained.set_cause(py, Some(error));
                explained
            }
            _ if error.is_instance_of::<PyException>(py) => error,
            _ => remote_error(py, error),
        }
    }

    fn retries(&self, py: Python<'_>, error: &PyErr, so_far: u32) -> bool {
        so_far < self.plan.max_retries && error.is_instance(py, self.plan.retry_for.bind(py).as_any())
    }
}

/// What the board says of an end that was taken, or refused.
const fn end_of(well: bool, taken: bool) -> Count {
    match (well, taken) {
        (_, false) => Count::Fenced,
        (true, true) => Count::Done,
        (false, true) => Count::Failed,
    }
}

fn was_called_off(py: Python<'_>, error: &PyErr, interrupt: Option<Interrupt>) -> bool {
    interrupt == Some(Interrupt::Cancelled) && error.is_instance(py, &cancelled(py))
}

/// What is not an `Exception` (`SystemExit`, say) would end the reader rather than inform it.
fn remote_error(py: Python<'_>, error: PyErr) -> PyErr {
    let class = error.get_type(py);
    let name = class.fully_qualified_name().map_or_else(|_| String::from("?"), |name| name.to_string());
    let message = error.value(py).str().map_or_else(|_| String::new(), |text| text.to_string());
    let args = error.value(py).getattr("args").ok();
    let wrapped = error::make(py, "RemoteTaskError", (name, message, args));
    wrapped.set_cause(py, Some(error));
    wrapped
}

fn cancelled(py: Python<'_>) -> Bound<'_, PyAny> {
    let class = py.import("pynenc.exceptions").and_then(|module| module.getattr("InvocationCancelledError"));
    class.unwrap_or_else(|_| py.get_type::<BodyInterrupt>().into_any())
}
