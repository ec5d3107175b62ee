//! The slots of one runner: which threads run bodies, which wait, and when one more is needed.
//!
//! A thread runs bodies while it holds a slot. A body that waits lends its slot; a spare or an
//! idle thread takes it, or a new one is made. With [`EXTRA_THREADS`] more threads than slots a
//! new one is made only for work that somebody waits for, or when nobody runs at all: fresh work
//! may wait, a cycle of sleepers may not arise.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Instant;

use parking_lot::Mutex;
use pynenc_core::engine::Lane;
use pynenc_core::error::CoreError;
use pynenc_core::id::Ref;
use pynenc_core::park::Parker;
use pyo3::prelude::*;

use crate::asynchronous::AsyncRun;
use crate::body::{self, RunContext};
use crate::error::Refusal;
use crate::gil;
use crate::interrupt::Interrupt;
use crate::runtime::{PyRuntime, RuntimeState};
use crate::thread_cell::{ThreadCell, set_current_cell};

/// Threads beyond the slots that waiting bodies may bring about for work nobody waits for.
const EXTRA_THREADS: usize = 4;

pub(crate) struct Pool {
    pub(crate) runtime: Arc<RuntimeState>,
    /// Its number with the engine; a new one after its lease was lost.
    worker: AtomicU32,
    name: String,
    rejoining: Mutex<()>,
    slots: usize,
    async_slots: usize,
    running: AtomicUsize,
    idle: AtomicUsize,
    threads: AtomicUsize,
    /// Asked for, and not at work yet.
    starting: AtomicUsize,
    stopping: AtomicBool,
    spares: Mutex<Vec<Arc<Parker>>>,
    cells: Mutex<Vec<Arc<ThreadCell>>>,
    pub(crate) on_loop: Mutex<Vec<Py<RunContext>>>,
    supervisor: Arc<Parker>,
    timer: Arc<Parker>,
    deadline: Mutex<Option<Instant>>,
    spawn: Py<PyAny>,
}

impl Pool {
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    fn enter_slot(&self) -> bool {
        let enter = |running| (running < self.slots).then_some(running + 1);
        self.running.fetch_update(Ordering::AcqRel, Ordering::Acquire, enter).is_ok()
    }

    /// A body goes on. For a moment one more than the slots may run: the next one that ends does
    /// not take another.
    pub(crate) fn take_slot_back(&self) {
        self.running.fetch_add(1, Ordering::AcqRel);
    }

    /// A body waits: somebody else may use its slot, and somebody must be there to do so.
    pub(crate) fn leave_slot(&self, py: Python<'_>) -> PyResult<()> {
        let running = self.running.fetch_sub(1, Ordering::AcqRel) - 1;
        if running >= self.slots || self.is_stopping() {
            return Ok(());
        }
        let spare = self.spares.lock().pop();
        if let Some(spare) = spare {
            spare.unpark();
            return Ok(());
        }
        let threads = self.threads.load(Ordering::Acquire) + self.starting.load(Ordering::Acquire);
        let crowded = threads >= self.slots + EXTRA_THREADS;
        let awaited = || self.runtime.engine.has_awaited(Lane::Sync);
        if self.idle.load(Ordering::Acquire) > 0 || (running > 0 && crowded && !awaited()) {
            return Ok(());
        }
        self.starting.fetch_add(1, Ordering::AcqRel);
        self.spawn.call0(py).map(drop).inspect_err(|_| {
            self.starting.fetch_sub(1, Ordering::AcqRel);
        })
    }

    fn worker(&self) -> u32 {
        self.worker.load(Ordering::Acquire)
    }

    /// Come back after the lease was lost: what was held is others' now, the rest goes on.
    fn rejoin(&self, lost: u32) {
        let _one_at_a_time = self.rejoining.lock();
        if self.worker() == lost {
            self.worker.store(self.runtime.engine.register_worker(&self.name), Ordering::Release);
        }
    }

    /// Body of a worker thread.
    fn work(self: &Arc<Self>, py: Python<'_>) -> PyResult<()> {
        let cell = ThreadCell::new(py)?;
        self.threads.fetch_add(1, Ordering::AcqRel);
        let _ = self.starting.fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| n.checked_sub(1));
        self.cells.lock().push(Arc::clone(&cell));
        set_current_cell(Some(Arc::clone(&cell)));
        let worked = self.work_until_stopped(py, &cell);
        set_current_cell(None);
        self.cells.lock().retain(|other| !Arc::ptr_eq(other, &cell));
        self.threads.fetch_sub(1, Ordering::AcqRel);
        worked
    }

    fn work_until_stopped(self: &Arc<Self>, py: Python<'_>, cell: &ThreadCell) -> PyResult<()> {
        while !self.is_stopping() {
            if self.enter_slot() {
                self.drain(py, cell)?;
            } else {
                // It will not claim now: a wake-up that it was given is for another.
                self.runtime.engine.leave_idle(Lane::Sync, &cell.parker);
                self.spares.lock().push(Arc::clone(&cell.parker));
                // A slot may have become free in between, when nobody saw this spare.
                if self.running.load(Ordering::Acquire) >= self.slots {
                    gil::release(py, || cell.parker.park(None));
                }
                self.spares.lock().retain(|other| !Arc::ptr_eq(other, &cell.parker));
            }
        }
        Ok(())
    }

    /// With a slot: run what is there, body after body, then sleep until there is more.
    fn drain(self: &Arc<Self>, py: Python<'_>, cell: &ThreadCell) -> PyResult<()> {
        let engine = &self.runtime.engine;
        while !self.is_stopping() && self.running.load(Ordering::Acquire) <= self.slots {
            match engine.claim_started(py, self.worker(), Lane::Sync, Some(&cell.parker)) {
                Ok(Some(claimed)) => body::run(py, self, cell, claimed, None)?,
                Ok(None) => {
                    self.idle.fetch_add(1, Ordering::AcqRel);
                    self.running.fetch_sub(1, Ordering::AcqRel);
                    if !self.is_stopping() {
                        gil::release(py, || cell.parker.park(None));
                    }
                    self.idle.fetch_sub(1, Ordering::AcqRel);
                    return Ok(());
                }
                Err(Refusal::Core(CoreError::UnknownWorker(lost))) => self.rejoin(lost),
                Err(refused) => {
                    self.running.fetch_sub(1, Ordering::AcqRel);
                    return Err(refused.into());
                }
            }
        }
        self.running.fetch_sub(1, Ordering::AcqRel);
        Ok(())
    }

    /// Claim work for the loop, sleeping until there is some; nothing when the pool stops.
    fn next_async(self: &Arc<Self>, py: Python<'_>) -> PyResult<Option<Vec<AsyncRun>>> {
        let engine = &self.runtime.engine;
        while !self.is_stopping() {
            let free = self.async_slots.saturating_sub(self.busy_on_loop());
            let mut runs = Vec::new();
            while runs.len() < free {
                let idle = runs.is_empty().then_some(&self.supervisor);
                match engine.claim_started(py, self.worker(), Lane::Async, idle) {
                    Ok(Some(claimed)) => runs.extend(AsyncRun::start(py, self, claimed)?),
                    Ok(None) => break,
                    Err(Refusal::Core(CoreError::UnknownWorker(lost))) => self.rejoin(lost),
                    Err(refused) => return Err(refused.into()),
                }
            }
            if !runs.is_empty() {
                return Ok(Some(runs));
            }
            let slept = gil::wait(py, None, |until| self.supervisor.park(until).then_some(()));
            engine.leave_idle(Lane::Async, &self.supervisor);
            slept?;
        }
        Ok(None)
    }

    /// Bodies on the loop that await nothing: those that do take no place.
    fn busy_on_loop(&self) -> usize {
        self.on_loop.lock().iter().filter(|context| !context.get().control.lock().loop_waits.any()).count()
    }

    /// A body on the loop awaits others: its place is theirs.
    pub(crate) fn lend_loop_place(&self) {
        self.supervisor.unpark();
    }

    /// A place on the loop is free again.
    pub(crate) fn leave_loop(&self, at: Ref) {
        let left = {
            let mut on_loop = self.on_loop.lock();
            let place = on_loop.iter().position(|context| context.get().at == at);
            place.map(|place| on_loop.swap_remove(place))
        };
        drop(left);
        self.supervisor.unpark();
    }

    fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        for cell in self.cells.lock().iter() {
            cell.parker.unpark();
        }
        self.supervisor.unpark();
        self.timer.unpark();
        let other = self.runtime.pools().into_iter().next().map(|pool| Arc::clone(&pool.timer));
        self.runtime.engine.set_timer(other);
    }

    /// What runs here, each with whether it is the innermost of its thread.
    fn contexts(&self, py: Python<'_>) -> Vec<(Py<RunContext>, bool)> {
        let mut all = Vec::new();
        let cells: Vec<Arc<ThreadCell>> = self.cells.lock().clone();
        for cell in cells {
            let contexts = cell.contexts(py);
            let last = contexts.len();
            all.extend(contexts.into_iter().enumerate().map(|(depth, context)| (context, depth + 1 == last)));
        }
        all.extend(self.on_loop.lock().iter().map(|context| (context.clone_ref(py), true)));
        all
    }

    /// Interrupt the body of `at`, if it runs here; whether it does.
    pub(crate) fn interrupt(&self, py: Python<'_>, at: Ref, why: Interrupt) -> PyResult<bool> {
        for (context, on_top) in self.contexts(py) {
            if context.get().at == at {
                context.get().interrupt(py, why, on_top)?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// There is a body that must end by `deadline`.
    pub(crate) fn set_deadline(&self, deadline: Instant) {
        let mut earliest = self.deadline.lock();
        if earliest.is_none_or(|other| deadline < other) {
            *earliest = Some(deadline);
            self.timer.unpark();
        }
    }

    fn interrupt_overdue(&self) {
        let now = Instant::now();
        if self.deadline.lock().is_none_or(|earliest| earliest > now) {
            return;
        }
        Python::attach(|py| {
            let mut next = None;
            for (context, on_top) in self.contexts(py) {
                let this = context.get();
                match this.deadline {
                    Some(deadline) if deadline <= now => {
                        let limit = this.plan.max_run.unwrap_or_default().as_secs_f64();
                        if let Err(failed) = this.interrupt(py, Interrupt::TimeOver(limit), on_top) {
                            failed.write_unraisable(py, None);
                        }
                    }
                    Some(deadline) => next = Some(next.map_or(deadline, |other: Instant| other.min(deadline))),
                    None => {}
                }
            }
            *self.deadline.lock() = next;
        });
    }

    /// Renew the lease, let the engine do what is due, and stop overdue bodies: on a thread that
    /// runs no Python, so that no body can keep it from renewing.
    fn keep_alive(pool: &Weak<Self>, timer: &Parker) {
        loop {
            let Some(pool) = pool.upgrade().filter(|pool| !pool.is_stopping()) else { return };
            let engine = &pool.runtime.engine;
            let worker = pool.worker();
            if !engine.renew(worker) {
                pool.rejoin(worker);
            }
            let due = engine.tick();
            pool.interrupt_overdue();
            let renewal = engine.lease() / 3;
            let mut wake = Instant::now() + due.map_or(renewal, |due| due.min(renewal));
            if let Some(deadline) = *pool.deadline.lock() {
                wake = wake.min(deadline);
            }
            drop(pool);
            timer.park(Some(wake));
        }
    }
}

/// The slots of one runner.
#[pyclass(name = "WorkerPool", module = "pynenc._core", frozen)]
pub(crate) struct PyWorkerPool(Arc<Pool>);

#[pymethods]
impl PyWorkerPool {
    #[new]
    #[pyo3(signature = (runtime, *, name, slots, async_slots, spawn))]
    fn new(
        runtime: &Bound<'_, PyRuntime>,
        name: &str,
        slots: usize,
        async_slots: usize,
        spawn: Py<PyAny>,
    ) -> PyResult<Self> {
        let runtime = Arc::clone(&runtime.get().0);
        let timer = Arc::new(Parker::new());
        let pool = Arc::new(Pool {
            worker: AtomicU32::new(runtime.engine.register_worker(name)),
            name: name.to_owned(),
            rejoining: Mutex::new(()),
            slots: slots.max(1),
            async_slots,
            running: AtomicUsize::new(0),
            idle: AtomicUsize::new(0),
            threads: AtomicUsize::new(0),
            starting: AtomicUsize::new(0),
            stopping: AtomicBool::new(false),
            spares: Mutex::new(Vec::new()),
            cells: Mutex::new(Vec::new()),
            on_loop: Mutex::new(Vec::new()),
            supervisor: Arc::new(Parker::new()),
            timer: Arc::clone(&timer),
            deadline: Mutex::new(None),
            spawn,
            runtime,
        });
        pool.runtime.engine.set_timer(Some(Arc::clone(&timer)));
        pool.runtime.join(&pool);
        let weak = Arc::downgrade(&pool);
        std::thread::Builder::new().name("pynenc-lease".into()).spawn(move || Pool::keep_alive(&weak, &timer))?;
        Ok(Self(pool))
    }

    /// Body of a worker thread: run invocations until the pool stops.
    fn work(&self, py: Python<'_>) -> PyResult<()> {
        self.0.work(py)
    }

    /// Block until async work is claimed for the loop; `None` when the pool has stopped.
    fn next_event(&self, py: Python<'_>) -> PyResult<Option<Vec<AsyncRun>>> {
        self.0.next_async(py)
    }

    /// Take no more work. Bodies that run go on; the threads end after them.
    fn stop(&self) {
        self.0.stop();
    }

    /// Give back what still runs, as if it had never been claimed, and the worker's lease with
    /// it; their ids. Late ends of these bodies are refused.
    fn hand_back(&self, py: Python<'_>) -> Vec<String> {
        let release = |(context, on_top): (Py<RunContext>, bool)| {
            let context = context.get();
            let released = self.0.runtime.engine.release(py, (context.at, context.fence));
            // Nobody wants what the body would bring: it is asked to end.
            if let Err(failed) = context.interrupt(py, Interrupt::Cancelled, on_top) {
                failed.write_unraisable(py, None);
            }
            released.ok().map(|()| context.id())
        };
        let released = self.0.contexts(py).into_iter().filter_map(release).collect();
        self.0.runtime.engine.lose(self.0.worker());
        released
    }

    /// Ids of the invocations whose bodies run or are paused here.
    #[getter]
    fn running(&self, py: Python<'_>) -> Vec<String> {
        self.0.contexts(py).into_iter().map(|(context, _)| context.get().id()).collect()
    }

    /// Worker threads that are alive.
    #[getter]
    fn threads(&self) -> usize {
        self.0.threads.load(Ordering::Acquire)
    }
}
