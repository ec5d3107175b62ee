//! Running one claimed invocation: the only place where user code is called.

mod settle;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use parking_lot::Mutex;
use pynenc_core::engine::{Fence, Lane};
use pynenc_core::id::{InvocationId, Ref};
use pynenc_core::park::Subscription;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::asynchronous::loop_wait::LoopWaits;
use crate::gil;
use crate::interrupt::{self, BodyInterrupt, Interrupt};
use crate::live::{Caller, Claimed, Ready};
use crate::plan::Plan;
use crate::pool::{Count, Listed, Pool};
use crate::runtime::{PyRuntime, RuntimeState};
use crate::thread_cell::ThreadCell;

/// What `pynenc.context` holds while a body runs.
#[pyclass(name = "RunContext", module = "pynenc._core", frozen)]
pub(crate) struct RunContext {
    pub(crate) runtime: Arc<RuntimeState>,
    pub(crate) pool: Arc<Pool>,
    pub(crate) at: Ref,
    pub(crate) id: InvocationId,
    pub(crate) fence: Fence,
    pub(crate) plan: Arc<Plan>,
    task: Py<PyAny>,
    values: Py<PyTuple>,
    /// The thread whose slot this is; 0 on the loop.
    pub(crate) thread: u64,
    pub(crate) began: Instant,
    /// Its end is on the board.
    counted: AtomicBool,
    pub(crate) control: Mutex<Control>,
    /// Its thread's stack had room for a body on top of this one.
    has_room: AtomicBool,
    /// Where the runner of this process would find it.
    listed: Listed,
    /// How many waits it has, those of threads that it started included.
    waits: AtomicUsize,
}

/// What others have to say to a body.
#[derive(Default)]
pub(crate) struct Control {
    pub(crate) interrupt: Option<Interrupt>,
    /// An asynchronous exception was set in its thread and may not have arrived.
    pub(crate) raised: bool,
    /// Where it sleeps.
    pub(crate) waiting: Option<Arc<Subscription>>,
    /// How the loop stops it.
    pub(crate) on_interrupt: Option<Py<PyAny>>,
    /// What it awaits, if it runs on the loop.
    pub(crate) loop_waits: LoopWaits,
    ended: bool,
}

impl RunContext {
    /// A body that begins now.
    pub(crate) fn new(py: Python<'_>, pool: &Arc<Pool>, ready: Ready, listed: Listed, thread: u64) -> Self {
        let this = Self {
            runtime: Arc::clone(&pool.runtime),
            pool: Arc::clone(pool),
            at: ready.at,
            id: ready.id,
            fence: ready.fence,
            began: Instant::now(),
            counted: AtomicBool::new(false),
            plan: ready.plan,
            task: ready.task,
            values: ready.values,
            thread,
            control: Mutex::new(Control::default()),
            has_room: AtomicBool::new(false),
            listed,
            waits: AtomicUsize::new(0),
        };
        pool.begin_body();
        if let Some(limit) = this.plan.max_run {
            pool.limit(py, &this, limit);
        }
        this
    }

    /// Put its end on the board, the first time.
    pub(crate) fn count(&self, end: Count) {
        if !self.counted.swap(true, Ordering::AcqRel) {
            self.pool.board.add(end);
        }
    }

    /// Its end is on the way to the engine: nothing that happens now is its doing.
    pub(crate) fn take_off(&self) {
        self.pool.take_off(&self.listed);
    }

    /// Whether it waits for others, or a thread of its does.
    pub(crate) fn waits(&self) -> bool {
        self.waits.load(Ordering::Acquire) > 0 || self.control.lock().loop_waits.any()
    }

    /// Whether a body may run on top of this one: looked at once, since one body's waits are
    /// about as deep as each other.
    pub(crate) fn may_run_inline(&self, look: impl FnOnce() -> bool) -> bool {
        if self.has_room.load(Ordering::Relaxed) {
            return true;
        }
        let room = look();
        self.has_room.store(room, Ordering::Relaxed);
        room
    }

    /// Do `work`, a wait of the body or of a thread that it started, with the body's slot lent
    /// while any of them waits. A body on the loop has none to lend.
    pub(crate) fn lend_slot<T>(&self, py: Python<'_>, work: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
        if self.is_async() {
            return work();
        }
        // The first to wait leaves the slot, the last to go on takes it back.
        let left = match self.waits.fetch_add(1, Ordering::AcqRel) {
            0 => self.pool.leave_slot(py),
            _ => Ok(()),
        };
        let done = left.and_then(|()| work());
        if self.waits.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.pool.take_slot_back();
            self.pool.duty.goes_on(py)?;
        }
        done
    }

    /// As those know it whom it calls.
    pub(crate) const fn caller(&self) -> Caller {
        Caller { at: self.at, id: self.id }
    }

    /// Stop the body, now if it runs Python, at its next return into the library otherwise.
    pub(crate) fn interrupt(&self, py: Python<'_>, why: Interrupt, on_top: bool) -> PyResult<()> {
        let (waiting, on_loop) = {
            let mut control = self.control.lock();
            if control.ended || control.interrupt.is_some() {
                return Ok(());
            }
            control.interrupt = Some(why);
            if on_top && control.waiting.is_none() && self.thread != 0 {
                control.raised = true;
                interrupt::raise_in(py, self.thread);
            }
            (control.waiting.clone(), control.on_interrupt.as_ref().map(|call| call.clone_ref(py)))
        };
        if let Some(inbox) = waiting {
            inbox.nudge();
        }
        on_loop.map_or(Ok(()), |call| call.call0(py).map(drop))
    }

    /// The error of an interrupt that has come, for a body about to wait or to go on, on its own thread.
    pub(crate) fn check_interrupt(&self, py: Python<'_>) -> PyResult<()> {
        let mut control = self.control.lock();
        if control.interrupt.is_none() {
            return Ok(());
        }
        if std::mem::take(&mut control.raised) {
            // It came while nothing of Python ran here, and is raised by this instead.
            interrupt::take_back(py, self.thread);
        }
        Err(PyErr::new::<BodyInterrupt, _>(py.None()))
    }

    /// No interrupt reaches the thread from here on.
    fn close(&self, py: Python<'_>) -> Option<Interrupt> {
        let mut control = self.control.lock();
        control.ended = true;
        if std::mem::take(&mut control.raised) {
            interrupt::take_back(py, self.thread);
        }
        control.interrupt
    }
}

#[pymethods]
impl RunContext {
    /// The handle of what runs.
    #[getter]
    fn invocation(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let at = self.runtime.engine.recall(self.caller(), &self.plan);
        self.runtime.handle(py, at, &self.task)
    }

    #[getter]
    fn runtime(&self) -> PyRuntime {
        PyRuntime(Arc::clone(&self.runtime))
    }

    /// The task whose body runs.
    #[getter]
    fn task(&self, py: Python<'_>) -> Py<PyAny> {
        self.task.clone_ref(py)
    }

    #[getter]
    pub(crate) fn invocation_id(&self) -> String {
        self.id.to_string()
    }

    #[getter]
    pub(crate) fn is_async(&self) -> bool {
        self.plan.lane == Lane::Async
    }

    #[getter]
    fn attempt(&self) -> u32 {
        self.fence.attempt
    }

    /// Make this the current context and call the function; for a coroutine function, make the
    /// coroutine. Called inside a `contextvars.Context` of its own.
    pub(crate) fn __call__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let (py, this) = (slf.py(), slf.get());
        this.runtime.current_set.bind(py).call1((slf,))?;
        this.plan.signature.call(this.plan.function.bind(py), this.values.bind(py))
    }
}

/// Run a claimed invocation on this thread, in a context of its own, and record its end.
pub(crate) fn run(
    py: Python<'_>,
    pool: &Arc<Pool>,
    cell: &ThreadCell,
    claimed: Claimed,
    resume: Option<(Ref, Fence)>,
) -> PyResult<()> {
    let listed = pool.list(claimed.id);
    let Some(ready) = claimed.ready(py, &pool.runtime.engine, resume) else {
        pool.take_off(&listed);
        return Ok(());
    };
    let context = Bound::new(py, RunContext::new(py, pool, ready, listed, cell.thread))?;
    gil::untrack(context.as_any());
    cell.enter(py, &context);
    if pool.hands_back() {
        // It was not there yet when others were told to end.
        context.get().count(Count::HandedBack);
        context.get().take_off();
        cell.leave();
        return Ok(());
    }
    let own = cell.new_context.bind(py).call0()?;
    let ended = own.call_method1(intern!(py, "run"), (&context,));
    // It stays on top while its end is written: an interrupt of the body below must not strike that.
    context.get().settle(py, ended, resume);
    context.get().take_off();
    cell.leave();
    Ok(())
}
