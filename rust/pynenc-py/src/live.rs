//! What the memory engine keeps in this process: live objects, by reference.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use pynenc_core::engine::{self, Fence};
use pynenc_core::id::{InvocationId, Ref};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::engine::Engine;
use crate::error;
use crate::fingerprint;
use crate::interrupt::BodyInterrupt;
use crate::plan::Plan;

/// 32 bytes of BLAKE3.
pub(crate) type Fingerprint = [u8; 32];

/// A call, ready to run.
pub(crate) struct Call {
    /// How to run it; absent for what was submitted through the bare port.
    pub(crate) plan: Option<Arc<Plan>>,
    /// The task object; for the bare port, the call as it was given.
    pub(crate) task: Py<PyAny>,
    /// One value a parameter; absent for the bare port.
    pub(crate) values: Option<Py<PyTuple>>,
    /// Over all arguments, taken at the call; or later, when they cannot change.
    pub(crate) fingerprint: OnceLock<Option<Box<Fingerprint>>>,
    /// See [`Self::sketch`]; 0 until somebody asks.
    pub(crate) sketch: AtomicU64,
}

impl Call {
    /// A number that differs from another call's only if their fingerprints differ.
    pub(crate) fn sketch(&self, py: Python<'_>) -> u64 {
        let known = self.sketch.load(Ordering::Relaxed);
        if known != 0 {
            return known;
        }
        let taken = self.values.as_ref().map_or(1, |values| fingerprint::sketch(values.bind(py)));
        self.sketch.store(taken, Ordering::Relaxed);
        taken
    }
}

/// A result or an error.
pub(crate) type Value = Py<PyAny>;

/// The memory engine of this process.
pub(crate) type Memory = engine::MemoryEngine<Call, Value>;

/// An invocation whose body runs: its place, and its identity, which it keeps when the place is given up because its
/// run was taken from it.
#[derive(Clone, Copy)]
pub(crate) struct Caller {
    pub(crate) at: Ref,
    pub(crate) id: InvocationId,
}

/// A claimed call, as the engine gave it.
pub(crate) struct Claimed {
    pub(crate) at: Ref,
    pub(crate) id: InvocationId,
    pub(crate) fence: Fence,
    pub(crate) body: Body,
}

/// What there is to run.
pub(crate) enum Body {
    Live(Arc<Plan>, Py<PyAny>, Py<PyTuple>),
    /// Its arguments are still as they travelled.
    Sent(Arc<Plan>, Py<PyAny>, Vec<u8>),
    /// Nothing, and this is why.
    Unfit(PyErr),
    /// Nothing: it came through the bare port.
    Nothing,
}

impl Claimed {
    pub(crate) fn read(py: Python<'_>, Caller { at, id }: Caller, fence: Fence, call: &Call) -> Self {
        let body = match (&call.plan, &call.values) {
            (Some(plan), Some(values)) => Body::Live(Arc::clone(plan), call.task.clone_ref(py), values.clone_ref(py)),
            _ => Body::Nothing,
        };
        Self { at, id, fence, body }
    }

    /// Whether all that a body needs is here.
    pub(crate) fn is_at_hand(&self, py: Python<'_>, engine: &Engine) -> bool {
        let Body::Sent(plan, _, payload) = &self.body else { return true };
        let (Ok(wire), Some(source)) = (plan.wire(), engine.source()) else { return true };
        wire.is_call_at_hand(py, payload, self.id, source)
    }

    /// All that a body needs; `None` when it cannot be run, and then it has ended by that.
    #[inline]
    pub(crate) fn ready(self, py: Python<'_>, engine: &Engine, resume: Option<(Ref, Fence)>) -> Option<Ready> {
        let Self { at, id, fence, body } = self;
        let error = match body {
            Body::Live(plan, task, values) => return Some(Ready { at, id, fence, plan, task, values }),
            Body::Sent(plan, task, payload) => match plan.decode_call(py, &payload, id, engine.source()) {
                Ok(values) => return Some(Ready { at, id, fence, plan, task, values }),
                Err(error) if error.is_instance_of::<BodyInterrupt>(py) => {
                    // That of the body below, on whose thread this would have run.
                    let _ = engine
                        .release((at, fence))
                        .and_then(|()| resume.map_or(Ok(()), |waiter| engine.resume(waiter)));
                    return None;
                }
                Err(error) => error,
            },
            Body::Unfit(error) => error,
            Body::Nothing => {
                let text = "submitted through the bare engine: there is no function to call";
                error::make(py, "InvocationError", (id.to_string(), text))
            }
        };
        engine.fail(py, (at, fence), error, resume);
        None
    }
}

/// A claimed call, ready to run.
pub(crate) struct Ready {
    pub(crate) at: Ref,
    pub(crate) id: InvocationId,
    pub(crate) fence: Fence,
    pub(crate) plan: Arc<Plan>,
    pub(crate) task: Py<PyAny>,
    pub(crate) values: Py<PyTuple>,
}

/// How an invocation stands, for one who wants its result.
pub(crate) enum Answer {
    NotYet,
    Value(Value),
    Raise(Value),
    /// How many workers were lost with it, and what was said of the last.
    Lost(u8, Option<String>),
    Cancelled,
}

/// The value, or the error raised; `None` when there is no answer yet.
#[inline]
pub(crate) fn resolve(py: Python<'_>, answer: Answer, id: impl Fn() -> InvocationId) -> PyResult<Option<Value>> {
    match answer {
        Answer::NotYet => Ok(None),
        Answer::Value(value) => Ok(Some(value)),
        Answer::Raise(error) => Err(PyErr::from_value(error.into_bound(py))),
        Answer::Lost(losses, reason) => {
            let why = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
            let text = format!("its worker was lost {losses} times{why}");
            Err(error::make(py, "WorkerLostError", (id().to_string(), text)))
        }
        Answer::Cancelled => Err(error::make(py, "InvocationCancelledError", (id().to_string(),))),
    }
}
