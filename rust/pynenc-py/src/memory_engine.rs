//! The memory engine as the port sees it: ids are texts, every method is one whole decision.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use pynenc_core::clock::{Clock, SystemClock};
use pynenc_core::engine::{Cancelling, Ending, Fence, Lane, Limits, Outcome, Receipt, Rules, Submission};
use pynenc_core::id::{InvocationId, Ref};
use pynenc_core::park::Subscription;
use pynenc_core::status::{ALL, Status};
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::clock::{PyManualClock, micros, seconds};
use crate::engine::{Moved, answer, history};
use crate::error::{self, Refusal};
use crate::live::{Call, Fingerprint, Memory, resolve};
use crate::{fork, gil};

/// What a worker holds: an invocation, and the fence that proves it.
#[pyclass(name = "Claim", module = "pynenc._core", frozen)]
pub(crate) struct PyClaim {
    /// Its place in the memory engine.
    pub(crate) at: Ref,
    pub(crate) fence: Fence,
    #[pyo3(get)]
    pub(crate) invocation_id: String,
    #[pyo3(get)]
    pub(crate) task_id: String,
    #[pyo3(get)]
    pub(crate) call: Py<PyAny>,
}

#[pymethods]
impl PyClaim {
    #[getter]
    fn attempt(&self) -> u32 {
        self.fence.attempt
    }

    #[getter]
    fn nonce(&self) -> u64 {
        self.fence.nonce
    }

    fn __repr__(&self) -> String {
        format!("Claim({} of {}, attempt {})", self.invocation_id, self.task_id, self.fence.attempt)
    }
}

/// The memory engine. Every method is one whole decision under one lock.
#[pyclass(name = "MemoryEngine", module = "pynenc._core", frozen)]
pub(crate) struct PyMemoryEngine(pub(crate) Arc<Memory>);

type Refused<T> = PyResult<T>;

impl PyMemoryEngine {
    fn place(&self, py: Python<'_>, id: &str) -> Refused<Ref> {
        place(py, &self.0, id)
    }

    fn places(&self, py: Python<'_>, ids: &[String]) -> Refused<Vec<Ref>> {
        ids.iter().map(|id| self.place(py, id)).collect()
    }

    fn name(&self, at: Ref) -> String {
        self.0.id(at).to_string()
    }

    fn claimed(&self, py: Python<'_>, at: Ref, fence: Fence) -> Refused<PyClaim> {
        let read = self.0.read(at, |view| (view.task, view.call.map(|call| call.task.clone_ref(py))));
        let (task, call) = read.map_err(Refusal::from)?;
        Ok(PyClaim {
            at,
            fence,
            invocation_id: self.name(at),
            task_id: self.0.task_name(task).to_string(),
            call: call.unwrap_or_else(|| py.None()),
        })
    }

    fn submission(&self, py: Python<'_>, item: &Bound<'_, PyAny>) -> Refused<Submission<Call>> {
        let parent: Option<String> = item.getattr(intern!(py, "parent_id"))?.extract()?;
        let key = |name| -> Refused<Option<Fingerprint>> { item.getattr(name)?.extract() };
        let rules = Rules {
            registration: key("registration_key")?,
            running: key("running_key")?,
            arguments: key("arguments_fingerprint")?,
            result: if item.getattr("reuse_result")?.is_truthy()? { key("arguments_fingerprint")? } else { None },
            raise_on_difference: item.getattr("raise_on_difference")?.is_truthy()?,
        };
        let is_async = item.getattr(intern!(py, "is_async"))?.is_truthy()?;
        Ok(Submission {
            task: self.0.task(item.getattr(intern!(py, "task_id"))?.extract()?),
            call: Call {
                plan: None,
                task: item.getattr(intern!(py, "call"))?.unbind(),
                values: None,
                fingerprint: OnceLock::new(),
                sketch: AtomicU64::new(0),
            },
            parent: parent.map(|id| self.place(py, &id)).transpose()?,
            lane: if is_async { Lane::Async } else { Lane::Sync },
            delay: micros(item.getattr(intern!(py, "delay"))?.extract()?, "delay")?,
            rules: (rules != Rules::default()).then(|| Box::new(rules)),
        })
    }
}

/// The place of a text that names an invocation of this engine.
pub(crate) fn place(py: Python<'_>, memory: &Memory, id: &str) -> Refused<Ref> {
    fork::check(py)?;
    let place = InvocationId::parse(id).and_then(|id| memory.place(id));
    place.ok_or_else(|| error::make(py, "InvocationNotFoundError", (id, "not an id of this engine")))
}

pub(crate) fn status(name: &str) -> Refused<Status> {
    Status::from_name(name).ok_or_else(|| {
        let known: Vec<&str> = ALL.into_iter().map(Status::name).collect();
        PyValueError::new_err(format!("no status {name:?}; accepted: {}", known.join(", ")))
    })
}

/// The lanes that a name stands for.
pub(crate) fn lanes(name: &str) -> Refused<&'static [Lane]> {
    match name {
        "any" => Ok(&[Lane::Sync, Lane::Async]),
        "sync" => Ok(&[Lane::Sync]),
        "async" => Ok(&[Lane::Async]),
        other => Err(PyValueError::new_err(format!("no lane {other:?}; accepted: any, sync, async"))),
    }
}

/// The moment `timeout` seconds from now.
pub(crate) fn moment(timeout: Option<f64>) -> Refused<Option<Instant>> {
    timeout.map(|timeout| Ok(Instant::now() + Duration::from_micros(micros(timeout, "timeout")?))).transpose()
}

#[pymethods]
impl PyMemoryEngine {
    #[new]
    #[pyo3(signature = (*, clock = None, lease_seconds = 15.0, max_losses = 3, keep_seconds = 86_400.0,
                        keep_count = 100_000, keep_bytes = 268_435_456, wait_links = 1_000))]
    fn new(
        clock: Option<&Bound<'_, PyManualClock>>,
        lease_seconds: f64,
        max_losses: u8,
        keep_seconds: f64,
        keep_count: usize,
        keep_bytes: u64,
        wait_links: usize,
    ) -> Refused<Self> {
        fork::engine_made();
        let clock: Arc<dyn Clock> = match clock {
            Some(manual) => Arc::clone(&manual.get().0) as Arc<dyn Clock>,
            None => Arc::new(SystemClock::default()),
        };
        let limits = Limits {
            lease: micros(lease_seconds, "lease_seconds")?,
            max_losses,
            keep_for: micros(keep_seconds, "keep_seconds")?,
            keep_count,
            keep_bytes,
            wait_links,
        };
        // The standard library seeds its hashers from the system's randomness.
        let random = RandomState::new().hash_one(std::process::id());
        Ok(Self(Arc::new(Memory::new(clock, limits, random))))
    }

    #[pyo3(signature = (batch, /))]
    fn submit(&self, py: Python<'_>, batch: &Bound<'_, PyAny>) -> Refused<Vec<(&'static str, String, bool)>> {
        fork::check(py)?;
        let batch = batch.try_iter()?.map(|item| self.submission(py, &item?)).collect::<Refused<Vec<_>>>()?;
        let receipts = self.0.submit_many(batch, None);
        // Through the port nobody holds a handle: retention alone decides.
        let taken = receipts.iter().filter(|receipt| !matches!(receipt, Receipt::Refused(_)));
        self.0.forget_all(&taken.map(|receipt| receipt.at()).collect::<Vec<_>>());
        let tell = |receipt| match receipt {
            Receipt::New(at) => ("new", self.name(at), true),
            Receipt::Reused { at, same } => ("reused", self.name(at), same),
            Receipt::Cached(at) => ("cached", self.name(at), true),
            Receipt::Refused(at) => ("refused", self.name(at), false),
        };
        Ok(receipts.into_iter().map(tell).collect())
    }

    #[pyo3(signature = (worker, limit = 1, lane = "any", /))]
    fn claim(&self, py: Python<'_>, worker: u32, limit: usize, lane: &str) -> Refused<Vec<PyClaim>> {
        fork::check(py)?;
        let claims = self.0.claim(worker, lanes(lane)?, limit).map_err(Refusal::from)?;
        claims.into_iter().map(|(at, fence)| self.claimed(py, at, fence)).collect()
    }

    #[pyo3(signature = (waiter, invocation_id, /))]
    fn claim_awaited(
        &self,
        py: Python<'_>,
        waiter: &Bound<'_, PyClaim>,
        invocation_id: &str,
    ) -> Refused<Option<PyClaim>> {
        let target = self.place(py, invocation_id)?;
        let waiter = waiter.get();
        let fence = self.0.claim_awaited(waiter.at, waiter.fence, target, |fence, _| fence).map_err(Refusal::from)?;
        fence.map(|fence| self.claimed(py, target, fence)).transpose()
    }

    fn queued(&self) -> usize {
        self.0.queued(Lane::Sync) + self.0.queued(Lane::Async)
    }

    #[pyo3(signature = (claim, /))]
    fn start(&self, claim: &Bound<'_, PyClaim>) -> Refused<()> {
        let claim = claim.get();
        Ok(self.0.start(claim.at, claim.fence).map_err(Refusal::from)?)
    }

    #[pyo3(signature = (claim, status, value, size = 0, /))]
    fn finish(&self, claim: &Bound<'_, PyClaim>, status: &str, value: Py<PyAny>, size: u64) -> Refused<()> {
        let outcome = match status {
            "success" => Outcome::Success(value),
            "failed" => Outcome::Failed(value),
            "cancelled" => Outcome::Cancelled,
            other => {
                let text = format!("no ending {other:?}; accepted: success, failed, cancelled");
                return Err(PyValueError::new_err(text));
            }
        };
        let claim = claim.get();
        let ending = Ending { outcome, bytes: size, keep_call: true };
        Ok(self.0.finish(claim.at, claim.fence, ending, None).map_err(Refusal::from)?)
    }

    #[pyo3(signature = (claim, delay = 0.0, /))]
    fn retry(&self, claim: &Bound<'_, PyClaim>, delay: f64) -> Refused<()> {
        let claim = claim.get();
        Ok(self.0.retry(claim.at, claim.fence, micros(delay, "delay")?).map_err(Refusal::from)?)
    }

    #[pyo3(signature = (claim, /))]
    fn release(&self, claim: &Bound<'_, PyClaim>) -> Refused<()> {
        let claim = claim.get();
        Ok(self.0.release(claim.at, claim.fence).map_err(Refusal::from)?)
    }

    #[pyo3(signature = (invocation_id, /))]
    fn cancel(&self, py: Python<'_>, invocation_id: &str) -> Refused<&'static str> {
        Ok(match self.0.cancel(self.place(py, invocation_id)?).map_err(Refusal::from)? {
            Cancelling::Cancelled => "cancelled",
            Cancelling::Requested => "requested",
            Cancelling::Final => "final",
        })
    }

    #[pyo3(signature = (claim, awaited, /))]
    fn pause(&self, py: Python<'_>, claim: &Bound<'_, PyClaim>, awaited: Vec<String>) -> Refused<bool> {
        let claim = claim.get();
        let awaited = self.places(py, &awaited)?;
        Ok(self.0.pause(claim.at, claim.fence, &awaited).map_err(Refusal::from)?)
    }

    #[pyo3(signature = (claim, /))]
    fn resume(&self, claim: &Bound<'_, PyClaim>) -> Refused<()> {
        let claim = claim.get();
        Ok(self.0.resume(claim.at, claim.fence).map_err(Refusal::from)?)
    }

    #[pyo3(signature = (invocation_ids, timeout = None, /))]
    fn wait_final(&self, py: Python<'_>, invocation_ids: Vec<String>, timeout: Option<f64>) -> Refused<Vec<String>> {
        let places = self.places(py, &invocation_ids)?;
        let (inbox, until) = (Subscription::new(), moment(timeout)?);
        self.0.watch(&places, &inbox, 0);
        let waited =
            if places.is_empty() { Ok(None) } else { gil::wait(py, until, |until| inbox.wait(until).then_some(())) };
        self.0.unwatch(&places, &inbox);
        waited?;
        let mut ended: Vec<u32> = std::iter::from_fn(|| inbox.take()).collect();
        ended.sort_unstable();
        Ok(ended.into_iter().filter_map(|token| invocation_ids.get(token as usize).cloned()).collect())
    }

    #[pyo3(signature = (name = "", /))]
    fn register_worker(&self, name: &str) -> u32 {
        self.0.register_worker(name)
    }

    #[pyo3(signature = (worker, /))]
    fn renew(&self, worker: u32) -> bool {
        self.0.renew(worker)
    }

    #[pyo3(signature = (worker, /))]
    fn lose(&self, worker: u32) -> Vec<String> {
        self.0.lose(worker).into_iter().map(|at| self.name(at)).collect()
    }

    fn tick(&self) -> Option<f64> {
        let next = self.0.tick()?;
        Some(seconds(next.saturating_sub(self.0.now())))
    }

    #[pyo3(signature = (invocation_id, /))]
    fn status(&self, py: Python<'_>, invocation_id: &str) -> Refused<&'static str> {
        let at = self.place(py, invocation_id)?;
        Ok(self.0.read(at, |view| view.status.name()).map_err(Refusal::from)?)
    }

    #[pyo3(signature = (invocation_id, /))]
    fn outcome(&self, py: Python<'_>, invocation_id: &str) -> Refused<Py<PyAny>> {
        let at = self.place(py, invocation_id)?;
        let value = resolve(py, answer(py, &self.0, at)?, || self.0.id(at))?;
        value.ok_or_else(|| error::make(py, "InvocationError", (invocation_id, "it has not ended yet")))
    }

    #[pyo3(signature = (invocation_id, /))]
    fn record<'py>(&self, py: Python<'py>, invocation_id: &str) -> Refused<Bound<'py, PyDict>> {
        let at = self.place(py, invocation_id)?;
        let seen = self.0.read(at, |view| {
            let numbers = (view.attempt, view.retries, view.losses);
            (view.status, view.task, view.parent, numbers, view.cancel_requested, view.worker, view.awaits.to_vec())
        });
        let (status, task, parent, numbers, cancel, worker, awaits) = seen.map_err(Refusal::from)?;
        let (attempt, retries, losses) = numbers;
        let record = PyDict::new(py);
        record.set_item("invocation_id", invocation_id)?;
        record.set_item("task_id", self.0.task_name(task).as_ref())?;
        record.set_item("status", status.name())?;
        record.set_item("parent_id", parent.map(|at| self.name(at)))?;
        record.set_item("attempt", attempt)?;
        record.set_item("retries", retries)?;
        record.set_item("losses", losses)?;
        record.set_item("cancel_requested", cancel)?;
        record.set_item("worker", self.0.worker_name(worker).as_ref())?;
        record.set_item("awaits", awaits.into_iter().map(|at| self.name(at)).collect::<Vec<_>>())?;
        Ok(record)
    }

    #[pyo3(signature = (invocation_id, /))]
    fn history(&self, py: Python<'_>, invocation_id: &str) -> Refused<Vec<(&'static str, f64, String)>> {
        Ok(told(history(&self.0, self.place(py, invocation_id)?)?))
    }

    #[pyo3(signature = (task_id = None, statuses = None, limit = 1_000, /))]
    fn find(&self, task_id: Option<&str>, statuses: Option<Vec<String>>, limit: usize) -> Refused<Vec<String>> {
        let statuses = statuses.unwrap_or_default().iter().map(|name| status(name)).collect::<Refused<Vec<_>>>()?;
        let task = task_id.map(|name| self.0.task(name));
        Ok(self.0.find(task, &statuses, limit).into_iter().map(|at| self.name(at)).collect())
    }

    fn counts<'py>(&self, py: Python<'py>) -> Refused<Bound<'py, PyDict>> {
        let counts = PyDict::new(py);
        for (status, count) in ALL.into_iter().zip(self.0.counts()) {
            counts.set_item(status.name(), count)?;
        }
        Ok(counts)
    }

    fn purge(&self) -> usize {
        self.0.purge()
    }

    /// Violated invariants, a line each.
    fn doctor<'py>(&self, py: Python<'py>) -> Refused<Bound<'py, PyList>> {
        PyList::new(py, self.0.doctor())
    }
}

/// A history as Python reads it.
pub(crate) fn told(moves: Vec<Moved>) -> Vec<(&'static str, f64, String)> {
    moves.into_iter().map(|(status, at, worker)| (status.name(), seconds(at), worker)).collect()
}

/// Add the classes to the extension module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyManualClock>()?;
    module.add_class::<PyClaim>()?;
    module.add_class::<PyMemoryEngine>()
}
