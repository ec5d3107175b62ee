//! From a bound call to what an engine takes: live, or as bytes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use pynenc_core::engine::Submission;
use pynenc_core::id::InvocationId;
use pynenc_redis::remote;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::engine::{Engine, RemoteEngine, Sent};
use crate::fingerprint::{self, Hashed, Shared};
use crate::live::{Call, Caller};
use crate::plan::{Mode, Plan};
use crate::task::TaskCore;
use crate::wire::{Common, Known};

/// What all calls of one `parallelize` share, looked at and written once.
#[derive(Default)]
pub(crate) struct InCommon {
    prints: Shared,
    pieces: Common,
}

impl InCommon {
    /// With `waits` the caller waits until everything is sent, and changes nothing meanwhile.
    pub(crate) fn new(py: Python<'_>, plan: &Plan, named: Option<&Bound<'_, PyDict>>, waits: bool) -> PyResult<Self> {
        let Some(named) = named else { return Ok(Self::default()) };
        let known = match &plan.runtime.engine {
            Engine::Remote(remote) => remote.known(waits),
            Engine::Memory(_) => None,
        };
        // The values are kept by `named` for as long as this is looked at.
        let hashed = Hashed::default();
        let known = known.map(|known| Known { hashed: Some(&hashed), ..known });
        let pieces = plan.wire.as_ref().map(|wire| wire.common(named, known)).transpose()?;
        Ok(Self { prints: plan.shared(py, named.values().iter(), &hashed), pieces: pieces.unwrap_or_default() })
    }
}

/// One call, as the memory engine takes it.
pub(crate) fn live<'py>(
    task: &Bound<'py, TaskCore>,
    plan: &Arc<Plan>,
    values: Bound<'py, PyTuple>,
    parent: Option<Caller>,
    common: &InCommon,
) -> PyResult<Submission<Call>> {
    let py = task.py();
    let values = if plan.mode == Mode::Strict { TaskCore::round_trip(task, plan, &values)? } else { values };
    let (rules, taken) = plan.rules(py, &values, &common.prints)?;
    let print = OnceLock::new();
    if let Some(taken) = taken {
        let _ = print.set(Some(Box::new(taken)));
    } else if plan.runtime.cycle_control.load(Ordering::Relaxed)
        && !values.iter().all(|value| fingerprint::is_atom(&value))
    {
        // The cycle check may need it, and what can change must be looked at now.
        let _ = print.set(plan.plain_fingerprint(py, &values, &common.prints).map(Box::new));
    }
    Ok(Submission {
        task: plan.index,
        call: Call {
            plan: Some(Arc::clone(plan)),
            task: task.clone().into_any().unbind(),
            values: Some(values.unbind()),
            fingerprint: print,
            sketch: AtomicU64::new(0),
        },
        parent: parent.map(|caller| caller.at),
        lane: plan.lane,
        delay: 0,
        rules,
    })
}

/// One call, as bytes, under that id.
pub(crate) fn sent(
    engine: &RemoteEngine,
    id: InvocationId,
    plan: &Plan,
    values: &Bound<'_, PyTuple>,
    parent: Option<Caller>,
    common: &InCommon,
) -> PyResult<remote::Submission<Sent>> {
    let py = values.py();
    // First: a rule that cannot be applied is said to be that, on every engine.
    let (rules, taken) = plan.rules(py, values, &common.prints)?;
    let packed = plan.wire()?.encode_call(values, id, &common.pieces, engine.known(true))?;
    let cycles = plan.runtime.cycle_control.load(Ordering::Relaxed);
    let print = taken.or_else(|| cycles.then(|| plan.plain_fingerprint(py, values, &common.prints)).flatten());
    Ok(remote::Submission {
        id,
        task: plan.index,
        // Only a body that waits for it asks again, and that is mostly the one that made the call.
        call: print.filter(|_| parent.is_some()).map(Box::new),
        packed,
        parent: parent.map(|caller| caller.id),
        lane: plan.lane,
        delay: 0,
        rules,
        print,
    })
}
