//! Waiting for an end: from outside, by sleeping; from a body, by giving its slot away, or by
//! running what it waits for on its own thread.

use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use pynenc_core::error::CoreError;
use pynenc_core::id::Ref;
use pynenc_core::park::{Subscription, Woken};
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;

use crate::body::{self, RunContext};
use crate::error::{self, Refusal};
use crate::gil;
use crate::refused;
use crate::runtime::RuntimeState;
use crate::thread_cell::{ThreadCell, current_cell};

/// Levels that must be left on the interpreter's stack for a body to be run inline.
const LEVELS_LEFT: usize = 80;

/// How long a wait may last before somebody may be told what to start.
const UNTIL_ADVICE: Duration = Duration::from_secs(1);

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
                self.sleep_outside(py, awaited)
            }
            Some(current) => self.inside(py, &current, awaited, tried),
        }
    }

    fn sleep(&self, py: Python<'_>) -> PyResult<bool> {
        let woken = gil::wait(py, self.until, |until| match self.inbox.sleep(until) {
            Woken::ByTime => None,
            woken => Some(woken),
        });
        Ok(woken? == Some(Woken::ByToken))
    }

    /// Sleep outside any body. Where others run what is waited for, or nobody does, that is looked at once.
    fn sleep_outside(&self, py: Python<'_>, awaited: &[Ref]) -> PyResult<bool> {
        let look_at = Instant::now() + UNTIL_ADVICE;
        let is_ours = |until: Instant| until <= look_at;
        if !self.runtime.needs_advice() || self.until.is_some_and(is_ours) {
            return self.sleep(py);
        }
        let first = Wait { until: Some(look_at), ..*self };
        if first.sleep(py)? {
            return Ok(true);
        }
        if Instant::now() < look_at {
            return Ok(false); // something other than an end has happened: whoever waits looks again
        }
        if let Some(&at) = awaited.first() {
            self.runtime.advise(py, at)?;
        }
        self.sleep(py)
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
            let text = format!(
                "a blocking wait inside the async task of invocation {} would stop its event loop: use \
                 `await invocation` or `async for` over `group.async_results()`",
                context.id
            );
            return Err(error::make(py, "BlockingWaitError", (text,)));
        }
        let Some(cell) = current_cell().filter(|cell| cell.is_top(context.at)) else {
            // A thread that the body started: it sleeps, and its body's slot is lent meanwhile.
            return context.lend_slot(py, || self.sleep(py));
        };
        let body = Body { runtime: self.runtime, context, cell: &cell };
        body.check(py, awaited, tried)?;
        if self.until.is_none() {
            while body.run_one_inline(py, tried)? {
                if self.inbox.ready() > 0 {
                    return Ok(true);
                }
            }
        }
        self.paused(py, context, awaited)
    }

    /// Give the slot away and sleep as a paused invocation.
    fn paused(&self, py: Python<'_>, context: &RunContext, awaited: &[Ref]) -> PyResult<bool> {
        let engine = &self.runtime.engine;
        match engine.pause(py, (context.at, context.fence), awaited) {
            Ok(true) => {}
            // One of them has ended by now; or a stream has none yet, and its input takes its time.
            Ok(false) if self.inbox.ready() > 0 => return Ok(true),
            Ok(false) => return context.lend_slot(py, || self.sleep(py)),
            Err(Refusal::Core(endless)) if refused::is_endless(&endless) => {
                refused::call_off(py, context, awaited);
                return Err(match endless {
                    CoreError::Cycle(path) => refused::cycle(self.runtime, py, &path),
                    other => Refusal::from(other).into(),
                });
            }
            Err(refused) => return Err(refused.into()),
        }
        context.control.lock().waiting = Some(Arc::clone(self.inbox));
        let slept = match context.check_interrupt(py) {
            Ok(()) => context.lend_slot(py, || self.sleep(py)),
            Err(interrupted) => Err(interrupted),
        };
        context.control.lock().waiting = None;
        engine.resume((context.at, context.fence))?;
        context.check_interrupt(py)?;
        slept
    }
}

/// A body about to wait, on its own thread.
struct Body<'a> {
    runtime: &'a Arc<RuntimeState>,
    context: &'a RunContext,
    cell: &'a ThreadCell,
}

impl Body<'_> {
    /// Refuse what would never end, and what nobody wants any more.
    fn check(&self, py: Python<'_>, awaited: &[Ref], tried: &mut Tried<'_>) -> PyResult<()> {
        self.context.check_interrupt(py)?;
        if std::mem::replace(&mut tried.checked, true) {
            return Ok(());
        }
        refused::refuse_equal_call(py, self.context, awaited)
    }

    /// Run the next candidate that is queued on this thread; whether there was one.
    fn run_one_inline(&self, py: Python<'_>, tried: &mut Tried<'_>) -> PyResult<bool> {
        let engine = &self.runtime.engine;
        if !self.runtime.inline_waits.load(Ordering::Relaxed) || !self.context.may_run_inline(|| stack_is_left(py)) {
            return Ok(false);
        }
        let waiter = (self.context.at, self.context.fence);
        while let Some(&target) = tried.candidates.get(tried.next) {
            tried.next += 1;
            if let Some(claimed) = engine.claim_awaited(py, waiter, target)? {
                if let Err(interrupted) = self.context.check_interrupt(py) {
                    // It came while a server was asked, and is not meant for the child.
                    let _ = engine.release((claimed.at, claimed.fence)).and_then(|()| engine.resume(waiter));
                    return Err(interrupted);
                }
                body::run(py, &self.context.pool, self.cell, claimed, Some(waiter))?;
                self.context.check_interrupt(py)?;
                return Ok(true);
            }
        }
        Ok(false)
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
    let awaited = [at];
    let mut tried = Tried::none_of(&awaited);
    if until.is_none() && run_inline(py, runtime, &awaited, &mut tried)? {
        return Ok(true);
    }
    let inbox = Subscription::new();
    runtime.engine.watch(&[at], &inbox, 0);
    let wait = Wait { runtime, inbox: &inbox, until };
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

/// The short way: a body runs the one that it waits for, and nobody need be told of its end.
fn run_inline(
    py: Python<'_>,
    runtime: &Arc<RuntimeState>,
    awaited: &[Ref; 1],
    tried: &mut Tried<'_>,
) -> PyResult<bool> {
    let Some(current) = runtime.current(py)? else { return Ok(false) };
    let context = current.get();
    let Some(cell) = current_cell().filter(|cell| cell.is_top(context.at)) else { return Ok(false) };
    let body = Body { runtime, context, cell: &cell };
    body.check(py, awaited, tried)?;
    body.run_one_inline(py, tried)?;
    let [at] = *awaited;
    Ok(runtime.engine.is_over(at))
}
