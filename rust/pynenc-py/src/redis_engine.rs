//! The Redis engine as the port sees it, and as the runtime takes it: ids are texts, every method is one decision
//! of the store.
//!
//! What comes through the port is written as JSON, since no task says how it travels. The hot path does not come
//! this way: it has [`Remote`], which this keeps for it.

mod hosting;
mod opening;
mod outages;
mod values;
mod workers;

use std::sync::Arc;
use std::time::Duration;

use pynenc_core::clock::Clock;
use pynenc_core::engine::{Cancelling, Lane};
use pynenc_core::error::CoreError;
use pynenc_core::id::InvocationId;
use pynenc_core::status::ALL;
use pynenc_redis::error::RedisError;
use pynenc_redis::link::timing::Timing;
use pynenc_redis::link::{fitness, wire::Wire};
use pynenc_redis::remote::{Remote, Settings};
use pynenc_redis::store::{ClaimRequest, End, IdRow, Receipt, Start, Store, WorkerId};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::clock::{PyManualClock, micros, seconds};
use crate::convert::Seconds;
use crate::engine::Sent;
use crate::error::{self, Refusal};
use crate::fork;
use crate::gil;
use crate::live::resolve;
use crate::memory_engine::{self, PyClaim};
use crate::wire::{PyTaskWire, Source, TaskWire};
use workers::PortWorkers;

/// The engine of one app on one server. Nothing is connected before it is first used.
#[pyclass(name = "RedisEngine", module = "pynenc._core", frozen, weakref)]
pub(crate) struct PyRedisEngine {
    pub(crate) remote: Arc<Remote<Sent>>,
    store: Arc<Store>,
    link: Arc<Wire>,
    /// Where large values are had from.
    pub(crate) source: Arc<Source>,
    /// How values that come through the port travel.
    wire: Arc<TaskWire>,
    workers: PortWorkers,
}

impl PyRedisEngine {
    fn id(&self, py: Python<'_>, text: &str) -> PyResult<InvocationId> {
        fork::check(py)?;
        InvocationId::parse(text)
            .ok_or_else(|| error::make(py, "InvocationNotFoundError", (text, "not an id of an invocation")))
    }

    /// An id that a process of this app may have made.
    fn own_id(&self, py: Python<'_>, text: &str) -> PyResult<InvocationId> {
        let id = self.id(py, text)?;
        self.store.check_id(id).map_err(Refusal::from)?;
        Ok(id)
    }

    fn ids(&self, py: Python<'_>, texts: &[String]) -> PyResult<Vec<InvocationId>> {
        texts.iter().map(|text| self.id(py, text)).collect()
    }

    fn ask<T: Send>(
        &self,
        py: Python<'_>,
        what: impl FnOnce(&Store) -> pynenc_redis::error::Result<T> + Send,
    ) -> PyResult<T> {
        fork::check(py)?;
        Ok(gil::ask(py, || what(&self.store))?)
    }
}

#[pymethods]
impl PyRedisEngine {
    #[new]
    #[pyo3(signature = (url, app_id, *, wire, clock = None, seconds = None, **limits))]
    fn new(
        url: &str,
        app_id: &str,
        wire: &Bound<'_, PyTaskWire>,
        clock: Option<&Bound<'_, PyManualClock>>,
        seconds: Option<Seconds>,
        limits: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        fork::engine_made();
        let limits = values::limits(limits)?;
        let clock = clock.map(|manual| Arc::clone(&manual.get().0) as Arc<dyn Clock>);
        let timing = seconds.map_or_else(|| Ok(Timing::default()), |seconds| seconds.timing())?;
        let online = opening::open(url, app_id, timing, limits, clock).map_err(Refusal::from)?;
        let (store, link) = (Arc::clone(online.store()), Arc::clone(online.wire()));
        let settings = Settings {
            lease: Duration::from_micros(limits.lease),
            patience_for_room: timing.overall,
            ..Settings::default()
        };
        let remote = Arc::new(Remote::new(Arc::new(online), settings));
        Ok(Self {
            source: Arc::new(Source::new(Arc::clone(&remote))),
            remote,
            store,
            link,
            wire: Arc::clone(&wire.get().0),
            workers: PortWorkers::default(),
        })
    }

    /// Where it is, without secrets.
    #[getter]
    fn address(&self) -> String {
        self.link.route().address().to_string()
    }

    /// Reach the server, and say what in its settings weakens the promises, a line each.
    #[pyo3(signature = (*, strict = false))]
    fn examine(&self, py: Python<'_>, strict: bool) -> PyResult<Vec<String>> {
        fork::check(py)?;
        Ok(gil::ask(py, || fitness::examine(&self.link, strict))?)
    }

    /// Have it told when the server is lost, by `lost(server, why)`, and when it is back, by `back(server, seconds)`.
    #[pyo3(signature = (lost, back, /))]
    fn watch_outages(&self, lost: Py<PyAny>, back: Py<PyAny>) {
        self.link.route().watch(Arc::new(outages::Callables { lost, back }));
    }

    /// Have acknowledged what can be within the time, end threads and connections; how much was not.
    #[pyo3(signature = (within = 5.0, /))]
    fn close(&self, py: Python<'_>, within: f64) -> PyResult<usize> {
        let within = Duration::from_micros(micros(within, "within")?);
        Ok(gil::release(py, || self.remote.close(within)))
    }

    /// Share large values with the other processes of this host from now on; why not, if that is impossible.
    #[pyo3(signature = (scope, directory, max_bytes, /))]
    fn join_host_cache(
        &self,
        py: Python<'_>,
        scope: &str,
        directory: &str,
        max_bytes: u64,
    ) -> PyResult<Option<String>> {
        fork::check(py)?;
        Ok(gil::release(py, || hosting::join(&self.remote, scope, directory, max_bytes)))
    }

    /// What this process had of the host's cache, and what that holds; `None`: it takes no part.
    fn host_cache_stats<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        hosting::stats(py, &self.remote)
    }

    #[pyo3(signature = (batch, /))]
    fn submit(&self, py: Python<'_>, batch: &Bound<'_, PyAny>) -> PyResult<Vec<(&'static str, String, bool)>> {
        let mut row = IdRow::default();
        let batch = batch.try_iter()?.map(|item| self.new_call(&item?, &mut row)).collect::<PyResult<Vec<_>>>()?;
        let receipts = self.ask(py, |store| store.submit(&batch))?;
        let told = receipts.into_iter().zip(&batch).map(|(receipt, call)| match receipt {
            Receipt::New => ("new", call.id.to_string(), true),
            Receipt::Reused { id, same } => ("reused", id.to_string(), same),
            Receipt::Cached(id) => ("cached", id.to_string(), true),
            Receipt::Refused(id) => ("refused", id.to_string(), false),
        });
        Ok(told.collect())
    }

    #[pyo3(signature = (worker, limit = 1, lane = "any", /))]
    fn claim(&self, py: Python<'_>, worker: u32, limit: usize, lane: &str) -> PyResult<Vec<PyClaim>> {
        let lanes = memory_engine::lanes(lane)?.to_vec();
        let request = ClaimRequest {
            worker: self.workers.id(worker)?,
            lanes,
            limit,
            most: limit,
            nonce: self.store.fresh_number(),
            start: Start::None,
        };
        let claims = self.ask(py, |store| match store.claim(&request) {
            // Here workers go by their numbers.
            Err(RedisError::UnknownWorker(_)) => Err(CoreError::UnknownWorker(worker).into()),
            answer => answer,
        })?;
        for taken in &claims.taken {
            self.workers.gave(worker, taken.id, taken.fence);
        }
        claims.taken.into_iter().map(|taken| self.claimed(py, taken)).collect()
    }

    #[pyo3(signature = (waiter, invocation_id, /))]
    fn claim_awaited(
        &self,
        py: Python<'_>,
        waiter: &Bound<'_, PyClaim>,
        invocation_id: &str,
    ) -> PyResult<Option<PyClaim>> {
        let (waiter, target) = (self.hold(py, waiter)?, self.id(py, invocation_id)?);
        let taken = self.ask(py, |store| store.claim_awaited(waiter, target, store.fresh_number()))?;
        if let Some(taken) = &taken {
            self.workers.gave_beside(waiter, taken.id, taken.fence);
        }
        taken.map(|taken| self.claimed(py, taken)).transpose()
    }

    fn queued(&self, py: Python<'_>) -> PyResult<usize> {
        self.ask(py, |store| Ok(store.queued(Lane::Sync)? + store.queued(Lane::Async)?))
    }

    #[pyo3(signature = (claim, /))]
    fn start(&self, py: Python<'_>, claim: &Bound<'_, PyClaim>) -> PyResult<()> {
        let hold = self.hold(py, claim)?;
        self.ask(py, |store| store.start(&[hold])?.pop().unwrap_or(Ok(())))
    }

    #[pyo3(signature = (claim, status, value, size = 0, /))]
    fn finish(
        &self,
        py: Python<'_>,
        claim: &Bound<'_, PyClaim>,
        status: &str,
        value: &Bound<'_, PyAny>,
        size: u64,
    ) -> PyResult<()> {
        let (id, fence) = self.hold(py, claim)?;
        let end = self.end(status, value, id, fence.attempt)?;
        self.settle(py, (id, fence), end, size)
    }

    #[pyo3(signature = (claim, delay = 0.0, /))]
    fn retry(&self, py: Python<'_>, claim: &Bound<'_, PyClaim>, delay: f64) -> PyResult<()> {
        let hold = self.hold(py, claim)?;
        self.settle(py, hold, End::Retry { delay: micros(delay, "delay")? }, 0)
    }

    #[pyo3(signature = (claim, /))]
    fn release(&self, py: Python<'_>, claim: &Bound<'_, PyClaim>) -> PyResult<()> {
        let hold = self.hold(py, claim)?;
        self.settle(py, hold, End::Release, 0)
    }

    #[pyo3(signature = (invocation_id, /))]
    fn cancel(&self, py: Python<'_>, invocation_id: &str) -> PyResult<&'static str> {
        let id = self.id(py, invocation_id)?;
        Ok(match self.ask(py, |store| store.cancel(id))? {
            Cancelling::Cancelled => "cancelled",
            Cancelling::Requested => "requested",
            Cancelling::Final => "final",
        })
    }

    #[pyo3(signature = (claim, awaited, /))]
    fn pause(&self, py: Python<'_>, claim: &Bound<'_, PyClaim>, awaited: Vec<String>) -> PyResult<bool> {
        let (hold, awaited) = (self.hold(py, claim)?, self.ids(py, &awaited)?);
        Ok(self.ask(py, |store| store.pause(hold, &awaited))?.paused)
    }

    #[pyo3(signature = (claim, /))]
    fn resume(&self, py: Python<'_>, claim: &Bound<'_, PyClaim>) -> PyResult<()> {
        let hold = self.hold(py, claim)?;
        self.ask(py, |store| store.resume(hold))
    }

    #[pyo3(signature = (invocation_ids, timeout = None, /))]
    fn wait_final(&self, py: Python<'_>, invocation_ids: Vec<String>, timeout: Option<f64>) -> PyResult<Vec<String>> {
        let ids = self.ids(py, &invocation_ids)?;
        let ended = self.ended(py, &ids, memory_engine::moment(timeout)?)?;
        Ok(ended.into_iter().filter_map(|place| invocation_ids.get(place).cloned()).collect())
    }

    #[pyo3(signature = (name = "", /))]
    fn register_worker(&self, py: Python<'_>, name: &str) -> PyResult<u32> {
        Ok(self.workers.add(self.ask(py, |store| store.register_worker(name, None, &[]))?))
    }

    #[pyo3(signature = (worker, /))]
    fn renew(&self, py: Python<'_>, worker: u32) -> PyResult<bool> {
        let Some((id, given)) = self.workers.given(worker) else { return Ok(false) };
        let beat = self.ask(py, |store| store.beat(id, &given))?;
        self.workers.forget(worker, &beat.lost);
        Ok(beat.alive)
    }

    #[pyo3(signature = (worker, /))]
    fn lose(&self, py: Python<'_>, worker: u32) -> PyResult<Vec<String>> {
        let Ok(worker) = self.workers.id(worker) else { return Ok(Vec::new()) };
        let lost = self.ask(py, |store| store.lose(worker, "given up through the port"))?;
        Ok(lost.iter().map(ToString::to_string).collect())
    }

    /// A worker's process has died, as its runner has seen: the bodies that were under way there count a loss, with
    /// this reason; all that it held, when nobody knows which were. By the worker's number for every process.
    #[pyo3(signature = (worker_id, reason, bodies = None, /))]
    fn worker_died(
        &self,
        py: Python<'_>,
        worker_id: u64,
        reason: &str,
        bodies: Option<Vec<[u8; 16]>>,
    ) -> PyResult<Vec<String>> {
        let bodies = bodies.map(|all| all.into_iter().map(InvocationId::from_bytes).collect::<Vec<_>>());
        let worker = WorkerId(worker_id);
        let lost = self.ask(py, |store| match &bodies {
            Some(bodies) => store.lose_under(worker, reason, bodies),
            None => store.lose(worker, reason),
        })?;
        Ok(lost.iter().map(ToString::to_string).collect())
    }

    /// A worker's process had to be ended, and is: what it held goes back, counted as nothing.
    #[pyo3(signature = (worker_id, /))]
    fn worker_left(&self, py: Python<'_>, worker_id: u64) -> PyResult<Vec<String>> {
        let back = self.ask(py, |store| store.leave(WorkerId(worker_id)))?;
        Ok(back.iter().map(ToString::to_string).collect())
    }

    fn tick(&self, py: Python<'_>) -> PyResult<Option<f64>> {
        Ok(self.ask(py, Store::tick)?.map(seconds))
    }

    #[pyo3(signature = (invocation_id, /))]
    fn status(&self, py: Python<'_>, invocation_id: &str) -> PyResult<&'static str> {
        let id = self.id(py, invocation_id)?;
        Ok(self.ask(py, |store| store.read(id))?.status.name())
    }

    #[pyo3(signature = (invocation_id, /))]
    fn outcome(&self, py: Python<'_>, invocation_id: &str) -> PyResult<Py<PyAny>> {
        let id = self.id(py, invocation_id)?;
        let ended = self.ask(py, |store| store.outcome(id))?;
        let value = ended.map(|ended| self.answer(py, ended)).transpose()?;
        let value = value.map_or(Ok(None), |answer| resolve(py, answer, || id))?;
        value.ok_or_else(|| error::make(py, "InvocationError", (invocation_id, "it has not ended yet")))
    }

    #[pyo3(signature = (invocation_id, /))]
    fn record<'py>(&self, py: Python<'py>, invocation_id: &str) -> PyResult<Bound<'py, PyDict>> {
        let id = self.id(py, invocation_id)?;
        values::record(py, &self.ask(py, |store| store.read(id))?)
    }

    #[pyo3(signature = (invocation_id, /))]
    fn history(&self, py: Python<'_>, invocation_id: &str) -> PyResult<Vec<(&'static str, f64, String)>> {
        let id = self.id(py, invocation_id)?;
        let events = self.ask(py, |store| store.read(id))?.history.into_iter();
        Ok(memory_engine::told(events.map(|event| (event.status, event.at, event.worker)).collect()))
    }

    #[pyo3(signature = (task_id = None, statuses = None, limit = 1_000, /))]
    fn find(
        &self,
        py: Python<'_>,
        task_id: Option<&str>,
        statuses: Option<Vec<String>>,
        limit: usize,
    ) -> PyResult<Vec<String>> {
        let statuses = statuses.unwrap_or_default();
        let statuses = statuses.iter().map(|name| memory_engine::status(name)).collect::<PyResult<Vec<_>>>()?;
        let found = self.ask(py, |store| store.find(task_id, &statuses, limit))?;
        Ok(found.iter().map(ToString::to_string).collect())
    }

    fn counts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let counts = PyDict::new(py);
        for (status, count) in ALL.into_iter().zip(self.ask(py, Store::counts)?) {
            counts.set_item(status.name(), count)?;
        }
        Ok(counts)
    }

    fn purge(&self, py: Python<'_>) -> PyResult<usize> {
        self.source.clear();
        self.ask(py, Store::purge)
    }

    /// What naming large values has saved in this process.
    fn blob_counters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        values::blob_counters(py, self.store.blobs())
    }

    /// How many large values this process keeps, and how many bytes of them.
    fn keep_at_hand(&self, count: usize, size: u64) {
        self.source.limit(count, size);
    }

    /// Forget what is known and kept here of large values, as a process that has just begun.
    fn forget_blobs(&self) {
        self.source.clear();
        self.store.blobs().forget_all();
    }

    /// Violated invariants, a line each.
    fn doctor(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        self.ask(py, Store::doctor)
    }
}
