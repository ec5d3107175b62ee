//! The slots of one runner: which threads run bodies, which wait, and when one more is needed.
//!
//! A thread runs bodies while it holds a slot. A body that waits lends its slot; a spare or an
//! idle thread takes it, or a new one is made. With [`EXTRA_THREADS`] more threads than slots a
//! new one is made only for work that somebody waits for, or when nobody runs at all: fresh work
//! may wait, a cycle of sleepers may not arise.

mod arriving;
mod board;
mod duty;
mod ending;
mod keeping;
mod roster;
mod worker_pool;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

use parking_lot::Mutex;
use pynenc_core::engine::{Fence, Lane};
use pynenc_core::error::CoreError;
use pynenc_core::id::{InvocationId, Ref};
use pynenc_core::park::Parker;
use pyo3::prelude::*;

use crate::asynchronous::AsyncRun;
use crate::body::{self, RunContext};
use crate::error::Refusal;
use crate::gil;
use crate::interrupt::Interrupt;
use crate::live::Claimed;
use crate::runtime::RuntimeState;
use crate::thread_cell::{ThreadCell, set_current_cell};

use arriving::Arriving;
pub(crate) use board::{Board, Count};
pub(crate) use duty::Duty;
use keeping::Dues;
pub(crate) use roster::Listed;
use roster::Roster;
pub(crate) use worker_pool::PyWorkerPool;

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
    /// No more is claimed.
    stopping: AtomicBool,
    /// All that is held goes back: no body begins.
    handing_back: AtomicBool,
    /// Nothing is held any more, and no lease renewed.
    closed: AtomicBool,
    spares: Mutex<Vec<Arc<Parker>>>,
    cells: Mutex<Vec<Arc<ThreadCell>>>,
    pub(crate) on_loop: Mutex<Vec<Py<RunContext>>>,
    arriving: Arriving,
    supervisor: Arc<Parker>,
    timer: Arc<Parker>,
    pub(crate) dues: Dues,
    pub(crate) board: Board,
    roster: Roster,
    pub(crate) duty: Duty,
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
        // First, since a wait that is refused takes the slot back like any other.
        let running = self.running.fetch_sub(1, Ordering::AcqRel) - 1;
        self.duty.may_wait(py)?;
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

    pub(crate) fn worker(&self) -> u32 {
        self.worker.load(Ordering::Acquire)
    }

    /// Come back after the lease was lost: what was held is others' now, the rest goes on.
    fn rejoin(&self, lost: u32) {
        let _one_at_a_time = self.rejoining.lock();
        if self.worker() == lost && !self.is_stopping() {
            self.worker.store(self.runtime.engine.rejoin(lost, &self.name), Ordering::Release);
        }
    }

    /// Whether a claimed body may be run here; if not, it has been handed back.
    fn admits(&self, claimed: &Claimed) -> bool {
        let admitted = self.duty.admits_one_more();
        if !admitted {
            let _ = self.runtime.engine.release((claimed.at, claimed.fence));
        }
        admitted
    }

    /// What was claimed is about to begin: from here on it may be what ends the process.
    pub(crate) fn list(&self, id: InvocationId) -> Listed {
        self.roster.list(&self.board, id)
    }

    /// It has ended, or has not begun after all.
    pub(crate) fn take_off(&self, listed: &Listed) {
        self.roster.take_off(&self.board, listed);
    }

    /// A body starts.
    pub(crate) fn begin_body(&self) {
        let started = self.board.add(Count::Started);
        if self.duty.is_the_last(started) {
            self.stop();
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
        let drained = self.run_what_is_there(py, cell);
        let sleeps = matches!(drained, Ok(true));
        self.idle.fetch_add(usize::from(sleeps), Ordering::AcqRel);
        self.running.fetch_sub(1, Ordering::AcqRel);
        if sleeps {
            if !self.is_stopping() {
                gil::release(py, || self.sleep(cell));
            }
            self.idle.fetch_sub(1, Ordering::AcqRel);
        }
        drained.map(drop)
    }

    /// Until there is work, or the pool stops.
    fn sleep(self: &Arc<Self>, cell: &ThreadCell) {
        let pool = Arc::clone(self);
        self.runtime.engine.carry_before_sleep(self.worker(), &cell.parker, move || pool.is_stopping());
        cell.parker.park(None);
    }

    /// Whether there is no more, so that the thread is to be woken by what comes next.
    fn run_what_is_there(self: &Arc<Self>, py: Python<'_>, cell: &ThreadCell) -> PyResult<bool> {
        let engine = &self.runtime.engine;
        while !self.is_stopping() && self.running.load(Ordering::Acquire) <= self.slots {
            match engine.claim_started(py, self.worker(), Lane::Sync, Some(&cell.parker), 1) {
                Ok(Some(claimed)) if self.admits(&claimed) => {
                    if self.running.load(Ordering::Acquire) >= self.slots {
                        self.duty.tell_load(py)?;
                    }
                    body::run(py, self, cell, claimed, None)?;
                    if self.duty.is_too_large() {
                        self.stop();
                    }
                }
                Ok(Some(_)) => {}
                Ok(None) => return Ok(true),
                Err(Refusal::Core(CoreError::UnknownWorker(lost))) => self.rejoin(lost),
                Err(refused) => return Err(refused.into()),
            }
        }
        Ok(false)
    }

    /// Claim work for the loop, sleeping until there is some; nothing when the pool stops.
    fn next_async(self: &Arc<Self>, py: Python<'_>) -> PyResult<Option<Vec<AsyncRun>>> {
        let engine = &self.runtime.engine;
        while !self.is_stopping() {
            let mut runs = self.arrived(py)?;
            let free = self.async_slots.saturating_sub(self.busy_on_loop()) + runs.len();
            while runs.len() + self.arriving.count() < free && !self.is_stopping() {
                let idle = runs.is_empty().then_some(&self.supervisor);
                match engine.claim_started(py, self.worker(), Lane::Async, idle, free) {
                    Ok(Some(claimed)) if self.admits(&claimed) => {
                        runs.extend(self.prepare(py, claimed)?);
                    }
                    Ok(Some(_)) => {}
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
        self.give_arrived_back();
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
        if self.duty.is_too_large() {
            self.stop();
        }
        self.supervisor.unpark();
    }

    fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        for cell in self.cells.lock().iter() {
            cell.parker.unpark();
        }
        self.supervisor.unpark();
        self.runtime.engine.stop_claiming(self.worker());
    }

    /// Nothing is held here any more.
    fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.timer.unpark();
        let other = self.runtime.pools().into_iter().next().map(|pool| Arc::clone(&pool.timer));
        self.runtime.engine.set_timer(self.worker(), other);
    }

    /// Whether a body runs or waits here, or a thread is about to claim one or to begin it.
    fn is_busy(&self, py: Python<'_>) -> bool {
        self.running.load(Ordering::Acquire) > 0 || !self.contexts(py).is_empty()
    }

    /// Whether a body that begins now comes too late: what it was claimed for is given back.
    pub(crate) fn hands_back(&self) -> bool {
        self.handing_back.load(Ordering::Acquire)
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
    pub(crate) fn interrupt(&self, py: Python<'_>, at: Ref, of: Option<Fence>, why: Interrupt) -> PyResult<bool> {
        for (context, on_top) in self.contexts(py) {
            if context.get().at == at && of.is_none_or(|fence| fence == context.get().fence) {
                context.get().interrupt(py, why, on_top)?;
                return Ok(true);
            }
        }
        Ok(false)
    }
}
