//! Waiting for an end: from outside, by sleeping; from a body, by giving its slot away, or by
//! running what it waits for on its own thread.

use std::ops::ControlFlow;
use std::sync::{Arc, OnceLock};
use std::sync::atomic::Ordering;
use std::time::Instant;

use pynenc_core::engine::Lane;
use pynenc_core::error::CoreError;
use pynenc_core::id::Ref;
use pynenc_core::park::Subscription;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;

use crate::body::{self, RunContext};
use crate::error::{self, Refusal};
use crate::gil;
use crate::live::{Call, Claimed};
use crate::pool::current_cell;
use crate::runtime::RuntimeState;

/// Levels that must be left on the interpreter's stack for a body to be run inline.
const LEVELS_LEFT: usize = 120;

/// One wait for tokens of `inbox`; `awaited` are the invocations that are still to end.
pub(crate) struct Wait<'a> {
    pub(crate) runtime: &'a Arc<RuntimeState>,
    pub(crate) inbox: &'a Arc<Subscription>,
    pub(crate) until: Option<Instant>,
}

/// What one waiter has tried already: each awaited invocation is looked at once.
pub(crate) struct Tried<'a> {
    /// Those that may be run on the waiting thread, in order.
    pub(crate) candidates: &'a [Ref],
    pub(crate) next: usize,
    /// Whether they were held against the calls that wait for this one.
    pub(crate) checked: bool,
}

impl<'a> Tried<'a> {
    pub(crate) const fn none_of(candidates: &'a [Ref]) -> Self {
        Self { candidates, next: 0, checked: false }
    }
}

impl Wait<'_> {
    /// Sleep until one of `awaited` ends; whether one did before the time was over.
    pub(crate) fn any(&self, py: Python<'_>, awaited: &[Ref], tried: &mut Tried<'_>) -> PyResult<bool> {
        if self.inbox.ready() > 0 {
            return Ok(true);
        }
        match self.runtime.current(py)? {
            None => {
                self.runtime.ensure_runner(py)?;
                self.sleep(py)
            }
            Some(current) => self.inside(py, &current, awaited, tried),
        }
    }

    fn sleep(&self, py: Python<'_>) -> PyResult<bool> {
        gil::wait(py, self.until, |until| self.inbox.wait(until))
    }

    fn inside(
        &self,
        py: Python<'_>,
        current: &Bound<'_, RunContext>,
        awaited: &[Ref],
        tried: &mut Tried<'_>,
    ) -> PyResult<bool> {
        let context = current.get();
        if context.is_async() && on_a_loop(py)? {
            return Err(error::make(py, "BlockingWaitError", (context.id(),)));
        }
        let own_thread = current_cell().is_some_and(|cell| cell.is_top(context.at));
        if !own_thread {
            // A thread that the body started: it sleeps, and its body's slot is lent meanwhile.
            return context.pool.lend_slot(py, || self.sleep(py));
        }
        context.check_interrupt(py)?;
        if !std::mem::replace(&mut tried.checked, true) && self.runtime.cycle_control.load(Ordering::Relaxed) {
            for &at in awaited {
                self.refuse_equal_call(py, context.at, at)?;
            }
        }
        if self.until.is_none() && self.run_one_inline(py, context, tried)? {
            return Ok(true);
        }
        self.paused(py, context, awaited)
    }

    /// Run the next candidate that is queued on this thread; whether a token is there now.
    fn run_one_inline(&self, py: Python<'_>, context: &RunContext, tried: &mut Tried<'_>) -> PyResult<bool> {
        let engine = &self.runtime.engine;
        if !self.runtime.inline_waits.load(Ordering::Relaxed) || !stack_is_left(py) {
            return Ok(false);
        }
        let Some(cell) = current_cell() else { return Ok(false) };
        while let Some(&target) = tried.candidates.get(tried.next) {
            tried.next += 1;
            let sync = |lane| lane == Lane::Sync;
            if !engine.read(target, |view| sync(view.lane)).unwrap_or(false) {
                continue;
            }
            let claimed = engine
                .claim_awaited(context.at, context.fence, target, |fence, call| Claimed::read(py, target, fence, call))
                .map_err(Refusal::from)?;
            if let Some(claimed) = claimed {
                body::run(py, &context.pool, &cell, claimed, Some((context.at, context.fence)))?;
                context.check_interrupt(py)?;
                if self.inbox.ready() > 0 {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Give the slot away and sleep as a paused invocation.
    fn paused(&self, py: Python<'_>, context: &RunContext, awaited: &[Ref]) -> PyResult<bool> {
        let engine = &self.runtime.engine;
        match engine.pause(context.at, context.fence, awaited) {
            Ok(true) => {}
            Ok(false) => return self.sleep(py),
            Err(CoreError::Cycle(path)) => return Err(self.cycle(py, &path)),
            Err(refused) => return Err(Refusal::from(refused).into()),
        }
        context.control.lock().waiting = Some(Arc::clone(self.inbox));
        let slept = match context.check_interrupt(py) {
            Ok(()) => context.pool.lend_slot(py, || self.sleep(py)),
            Err(interrupted) => Err(interrupted),
        };
        context.control.lock().waiting = None;
        engine.resume(context.at, context.fence).map_err(Refusal::from)?;
        context.check_interrupt(py)?;
        slept
    }

    /// A wait for a call that equals one that waits for this body would never end.
    fn refuse_equal_call(&self, py: Python<'_>, waiter: Ref, target: Ref) -> PyResult<()> {
        let engine = &self.runtime.engine;
        let sought = engine.read(target, |view| (view.task, view.call.and_then(|call| ready_print(py, call))));
        let Ok((task, print)) = sought else { return Ok(()) };
        let mut line = Vec::new();
        let walked = engine.waiting_line(waiter, |at, other, call| {
            if other == task {
                line.push((at, call.and_then(|call| ready_print(py, call))));
            }
            ControlFlow::<()>::Continue(())
        });
        walked.map_err(Refusal::from)?;
        if line.is_empty() {
            return Ok(());
        }
        let Some(print) = print.and_then(|print| print.take(py)) else { return Ok(()) };
        for (at, other) in line {
            if other.and_then(|other| other.take(py)) == Some(print) {
                return Err(self.cycle(py, &[engine.id(at), engine.id(waiter), engine.id(target)]));
            }
        }
        Ok(())
    }

    fn cycle(&self, py: Python<'_>, path: &[pynenc_core::id::InvocationId]) -> PyErr {
        let engine = &self.runtime.engine;
        let mut ids: Vec<String> = Vec::new();
        let mut lines = String::from("these invocations wait for each other:");
        for id in path {
            let task = engine.place(*id).and_then(|at| engine.read(at, |view| view.task).ok());
            let name = task.map_or_else(|| "?".into(), |task| engine.task_name(task));
            let id = id.to_string();
            if ids.last() != Some(&id) {
                lines.push_str(&format!("\n- {name} ({id})"));
                ids.push(id);
            }
        }
        if let Some(first) = ids.first() {
            lines.push_str(&format!("\n- back to {first}"));
        }
        error::make(py, "CycleDetectedError", (ids, lines))
    }
}

/// A call's fingerprint, or what it is to be taken from: outside the engine's lock.
enum Print {
    Taken(crate::live::Fingerprint),
    Of(Arc<crate::plan::Plan>, Py<pyo3::types::PyTuple>),
}

impl Print {
    fn take(self, py: Python<'_>) -> Option<crate::live::Fingerprint> {
        match self {
            Self::Taken(print) => Some(print),
            Self::Of(plan, values) => plan.fingerprint(py, values.bind(py)).ok(),
        }
    }
}

fn ready_print(py: Python<'_>, call: &Call) -> Option<Print> {
    match call.fingerprint.get() {
        Some(taken) => taken.as_ref().map(|print| Print::Taken(**print)),
        None => Some(Print::Of(Arc::clone(call.plan.as_ref()?), call.values.as_ref()?.clone_ref(py))),
    }
}

fn on_a_loop(py: Python<'_>) -> PyResult<bool> {
    let asyncio = py.import("asyncio.events")?;
    Ok(!asyncio.call_method0("_get_running_loop")?.is_none())
}

/// Whether a body run inline would have room on the interpreter's stack.
fn stack_is_left(py: Python<'_>) -> bool {
    static COUNTS_FRAMES_APART: OnceLock<bool> = OnceLock::new();
    if *COUNTS_FRAMES_APART.get_or_init(|| py.version_info() >= (3, 12)) {
        frames_are_left(py).unwrap_or(false)
    } else {
        levels_are_left(py)
    }
}

/// From 3.12 on frames are counted apart from levels of C: a frame that deep must not exist.
fn frames_are_left(py: Python<'_>) -> PyResult<bool> {
    let sys = py.import(intern!(py, "sys"))?;
    let limit: usize = sys.call_method0(intern!(py, "getrecursionlimit"))?.extract()?;
    let deepest = limit.saturating_sub(LEVELS_LEFT);
    Ok(sys.call_method1(intern!(py, "_getframe"), (deepest,)).is_err())
}

/// Until 3.11 one number counts all levels, and there is no way to read it from here: the levels
/// are taken, and given back.
fn levels_are_left(py: Python<'_>) -> bool {
    let mut taken = 0;
    // SAFETY: the interpreter is held; each level entered is left again below.
    while taken < LEVELS_LEFT && unsafe { ffi::Py_EnterRecursiveCall(c"".as_ptr()) } == 0 {
        taken += 1;
    }
    let left = taken == LEVELS_LEFT;
    for _ in 0..taken {
        // SAFETY: one for each that was entered.
        unsafe { ffi::Py_LeaveRecursiveCall() };
    }
    if !left {
        drop(PyErr::take(py));
    }
    left
}

/// Sleep until `at` has ended; whether it has, before the time was over.
pub(crate) fn until_final(
    py: Python<'_>,
    runtime: &Arc<RuntimeState>,
    at: Ref,
    until: Option<Instant>,
) -> PyResult<bool> {
    let inbox = Subscription::new();
    runtime.engine.watch(&[at], &inbox, 0);
    let wait = Wait { runtime, inbox: &inbox, until };
    let awaited = [at];
    let mut tried = Tried::none_of(&awaited);
    let slept = loop {
        match wait.any(py, &awaited, &mut tried) {
            Ok(true) => break Ok(true),
            Ok(false) if until.is_some_and(|until| Instant::now() >= until) => break Ok(false),
            Ok(false) => {}
            Err(error) => break Err(error),
        }
    };
    if !matches!(slept, Ok(true)) {
        runtime.engine.unwatch(&[at], &inbox);
    }
    slept
}
