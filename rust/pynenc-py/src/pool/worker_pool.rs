//! The slots of one runner, as Python sees them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

use parking_lot::Mutex;
use pynenc_core::park::Parker;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::{Arriving, Board, Count, Dues, Duty, Pool, Roster};
use crate::asynchronous::AsyncRun;
use crate::body::RunContext;
use crate::interrupt::Interrupt;
use crate::runtime::PyRuntime;

/// Id, task, seconds since the start, thread (0 on the loop), and whether it waits for others.
type BodySeen = (String, String, f64, u64, bool);

/// The slots of one runner.
#[pyclass(name = "WorkerPool", module = "pynenc._core", frozen)]
pub(crate) struct PyWorkerPool(Arc<Pool>);

/// Renew its lease, on a thread of its own, for as long as it is there.
fn keep_alive(pool: &Arc<Pool>, timer: Arc<Parker>) -> std::io::Result<()> {
    let weak = Arc::downgrade(pool);
    let keep = move || Pool::keep_alive(&weak, &timer);
    std::thread::Builder::new().name("pynenc-lease".into()).spawn(keep).map(drop)
}

#[pymethods]
impl PyWorkerPool {
    #[new]
    #[pyo3(signature = (runtime, *, name, slots, async_slots, spawn, board = None, duty = None))]
    fn new(
        runtime: &Bound<'_, PyRuntime>,
        name: &str,
        slots: usize,
        async_slots: usize,
        spawn: Py<PyAny>,
        board: Option<&Bound<'_, PyAny>>,
        duty: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let (py, runtime) = (runtime.py(), Arc::clone(&runtime.get().0));
        let timer = Arc::new(Parker::new());
        let board = Board::new(board)?;
        let pool = Arc::new(Pool {
            roster: Roster::new(&board),
            board,
            duty: duty.map_or_else(|| Ok(Duty::default()), Duty::read)?,
            worker: AtomicU32::new(runtime.engine.register_worker(py, name, || runtime.task_ids(py))?),
            name: name.to_owned(),
            rejoining: Mutex::new(()),
            slots: slots.max(1),
            async_slots,
            running: AtomicUsize::new(0),
            idle: AtomicUsize::new(0),
            threads: AtomicUsize::new(0),
            starting: AtomicUsize::new(0),
            stopping: AtomicBool::new(false),
            handing_back: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            spares: Mutex::new(Vec::new()),
            cells: Mutex::new(Vec::new()),
            on_loop: Mutex::new(Vec::new()),
            arriving: Arriving::default(),
            supervisor: Arc::new(Parker::new()),
            timer: Arc::clone(&timer),
            dues: Dues::default(),
            spawn,
            runtime,
        });
        pool.board.set(Count::Worker, pool.runtime.engine.worker_id(pool.worker()));
        pool.runtime.engine.set_timer(pool.worker(), Some(Arc::clone(&timer)));
        pool.runtime.join(&pool);
        pool.outlive_nobody()?;
        keep_alive(&pool, timer)?;
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

    /// Why the pool stopped by itself; empty when it did not.
    #[getter]
    fn reason(&self) -> String {
        self.0.duty.reason()
    }

    /// Call `tell` with `loaded` the next time that all slots are taken, or now.
    fn watch_load(&self, py: Python<'_>) -> PyResult<()> {
        self.0.duty.watch_load();
        if self.0.running.load(Ordering::Acquire) >= self.0.slots { self.0.duty.tell_load(py) } else { Ok(()) }
    }

    /// Give back what still runs, as if it had never been claimed, and the worker's lease with
    /// it; their ids. Late ends of these bodies are refused.
    fn hand_back(&self, py: Python<'_>) -> Vec<String> {
        self.0.handing_back.store(true, Ordering::Release);
        let contexts = self.0.contexts(py);
        let held: Vec<_> = contexts.iter().map(|(context, _)| (context.get().at, context.get().fence)).collect();
        let released = self.0.runtime.engine.hand_back(py, self.0.worker(), &held);
        for (context, on_top) in contexts {
            let context = context.get();
            context.count(Count::HandedBack);
            // Nobody wants what the body would bring: it is asked to end.
            if let Err(failed) = context.interrupt(py, Interrupt::Cancelled, on_top) {
                failed.write_unraisable(py, None);
            }
        }
        self.0.close();
        released.into_iter().map(|id| id.to_string()).collect()
    }

    /// Whether a body runs or waits here, or a thread is about to claim one or to begin it.
    #[getter]
    fn busy(&self, py: Python<'_>) -> bool {
        self.0.is_busy(py)
    }

    /// Ids of the invocations whose bodies run or are paused here.
    #[getter]
    fn running(&self, py: Python<'_>) -> Vec<String> {
        self.0.contexts(py).into_iter().map(|(context, _)| context.get().id.to_string()).collect()
    }

    /// What runs here: id, task, seconds since the start, thread (0 on the loop), whether it waits.
    fn bodies(&self, py: Python<'_>) -> Vec<BodySeen> {
        let seen = |(context, on_top): (Py<RunContext>, bool)| {
            let context = context.get();
            let (id, task) = (context.id.to_string(), context.plan.task_id().to_owned());
            (id, task, context.began.elapsed().as_secs_f64(), context.thread, !on_top || context.waits())
        };
        self.0.contexts(py).into_iter().map(seen).collect()
    }

    /// What the pool has counted, in the order of the board.
    fn counts(&self) -> Vec<u64> {
        self.0.board.read()
    }

    /// Worker threads that are alive.
    #[getter]
    fn threads(&self) -> usize {
        self.0.threads.load(Ordering::Acquire)
    }
}
