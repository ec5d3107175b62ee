//! Waits of a body on an event loop: it counts as paused while it has any, and never blocks its loop.
//!
//! What such a body says to a server it says on a thread of the engine ([`Remote::errand`]), one thing after the
//! other; as long as anything is on its way there, all else follows the same way.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use pynenc_core::error::CoreError;
use pynenc_core::id::Ref;
use pynenc_redis::remote::Remote;
use pyo3::prelude::*;

use crate::asynchronous::{Callbacks, key};
use crate::body::RunContext;
use crate::engine::{Engine, Sent};
use crate::error::Refusal;
use crate::refused;

/// What a body on a loop awaits at the moment.
#[derive(Default)]
pub(crate) struct LoopWaits {
    awaited: Vec<Ref>,
    /// What it has said to a server, and the server has not answered.
    unanswered: Arc<AtomicUsize>,
}

impl LoopWaits {
    pub(crate) fn any(&self) -> bool {
        !self.awaited.is_empty()
    }
}

/// One wait of a body on a loop: it counts as paused while it has any.
pub(crate) struct LoopWait {
    waiter: Py<RunContext>,
    at: Ref,
}

impl LoopWait {
    /// The body begins to await `at`; `None` when it has nothing to wait for, or is no longer its
    /// holder's. On a server the pause follows: see [`Self::announce`].
    pub(crate) fn begin(waiter: &Bound<'_, RunContext>, at: Ref) -> PyResult<Option<Self>> {
        let context = waiter.get();
        if !context.control.lock().loop_waits.any() {
            context.pool.duty.may_wait(waiter.py())?;
        }
        // A server cannot be asked here, it would stop the loop: see `announce`.
        if let Engine::Memory(_) = &context.runtime.engine {
            refused::refuse_equal_call(waiter.py(), context, &[at])?;
        }
        let mut control = context.control.lock();
        control.loop_waits.awaited.push(at);
        if let Engine::Memory(memory) = &context.runtime.engine
            && let Err(refused) = memory.pause(context.at, context.fence, &control.loop_waits.awaited)
        {
            control.loop_waits.awaited.pop();
            drop(control);
            if refused::is_endless(&refused) {
                refused::call_off(waiter.py(), context, &[at]);
            }
            return match refused {
                CoreError::Fenced { .. } => Ok(None),
                other => Err(Refusal::from(other).into()),
            };
        }
        drop(control);
        context.pool.lend_loop_place();
        Ok(Some(Self { waiter: waiter.clone().unbind(), at }))
    }

    /// Tell the server, if there is one, that the body waits. What it refuses, the callback is told.
    pub(crate) fn announce(waiter: &Bound<'_, RunContext>, callbacks: &Callbacks, callback: &Bound<'_, PyAny>) {
        let context = waiter.get();
        let Engine::Remote(engine) = &context.runtime.engine else { return };
        let (at, fence) = (context.at, context.fence);
        let (key, callbacks) = (key(callback), callbacks.clone());
        let control = context.control.lock();
        let awaited = control.loop_waits.awaited.clone();
        let Some(&latest) = awaited.last() else { return };
        let refuse = move |refused: Refusal| {
            if !matches!(refused, Refusal::Core(CoreError::Fenced { .. })) {
                callbacks.refuse(key, refused);
            }
        };
        let waiter = waiter.clone().unbind();
        errand(&engine.remote, &control.loop_waits.unanswered, move |remote| {
            let refused = match remote.pause(at, fence, &awaited) {
                Ok(_) => equal_call(waiter.get(), remote, latest),
                Err(refused) => Some(Refusal::from(refused)),
            };
            let Some(refused) = refused else { return };
            let endless = match &refused {
                Refusal::Core(refused) => refused::is_endless(refused),
                Refusal::Server(_) => false,
                Refusal::Raised(_) => true,
            };
            // Before anything ends, or that end would be what the callback is told.
            refuse(refused);
            if endless {
                Python::attach(|py| refused::call_off(py, waiter.get(), &[latest]));
            }
        });
    }

    pub(crate) fn end(&self) {
        let context = self.waiter.get();
        let mut control = context.control.lock();
        let waits = &mut control.loop_waits;
        if let Some(place) = waits.awaited.iter().position(|other| *other == self.at) {
            waits.awaited.swap_remove(place);
        }
        if !waits.awaited.is_empty() {
            return;
        }
        let (at, fence) = (context.at, context.fence);
        // A refusal says that it is not paused, or no longer its holder's: nothing to resume.
        match &context.runtime.engine {
            Engine::Memory(memory) => _ = memory.resume(at, fence),
            Engine::Remote(engine) => say(&engine.remote, &waits.unanswered, move |remote| {
                remote.resume_soon(at, fence);
            }),
        }
        drop(control);
        context.pool.duty.goes_on_elsewhere();
    }
}

/// Say something that does not block: at once, or behind what is on its way.
pub(crate) fn say_for(
    context: &RunContext,
    remote: &Arc<Remote<Sent>>,
    what: impl FnOnce(&Remote<Sent>) + Send + 'static,
) {
    say(remote, &context.control.lock().loop_waits.unanswered, what);
}

fn say(remote: &Arc<Remote<Sent>>, unanswered: &Arc<AtomicUsize>, what: impl FnOnce(&Remote<Sent>) + Send + 'static) {
    if unanswered.load(Ordering::Acquire) == 0 {
        what(remote);
    } else {
        errand(remote, unanswered, what);
    }
}

/// Why the body may not wait for `target`, if that equals a call that waits for it. What keeps the server from telling
/// is no reason.
fn equal_call(context: &RunContext, remote: &Remote<Sent>, target: Ref) -> Option<Refusal> {
    let known = |at| remote.read(at, |view| (view.task, view.parent.is_some())).ok();
    let ((own, is_child), (other, _)) = (known(context.at)?, known(target)?);
    if !is_child && own != other {
        return None; // nobody waits for it, and the call is to another task
    }
    Python::attach(|py| refused::equal_call(py, context, &[target]).ok().flatten().map(Refusal::Raised))
}

/// Say something that blocks, or comes behind such, on a thread of the engine.
fn errand(
    remote: &Arc<Remote<Sent>>,
    unanswered: &Arc<AtomicUsize>,
    what: impl FnOnce(&Remote<Sent>) + Send + 'static,
) {
    unanswered.fetch_add(1, Ordering::AcqRel);
    let answered = Arc::clone(unanswered);
    let taken = remote.errand(move |remote| {
        what(remote);
        answered.fetch_sub(1, Ordering::AcqRel);
    });
    if taken.is_err() {
        // The engine is closed: nothing is said any more.
        unanswered.fetch_sub(1, Ordering::AcqRel);
    }
}
