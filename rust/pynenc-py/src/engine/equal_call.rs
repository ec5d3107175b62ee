//! Whether a body is about to wait for a call equal to one that waits for it: that would never end.

use std::ops::ControlFlow;
use std::sync::Arc;

use pynenc_core::id::{InvocationId, Ref};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::{Engine, RemoteEngine};
use crate::error::Refusal;
use crate::fingerprint::Shared;
use crate::gil;
use crate::live::{Call, Fingerprint, Memory};
use crate::plan::Plan;

/// A call's fingerprint, or what it is to be taken from.
enum Print {
    Taken(Fingerprint),
    Of(Arc<Plan>, Py<PyTuple>),
}

const GO_ON: ControlFlow<()> = ControlFlow::Continue(());

impl Engine {
    /// The one among `waiter` and those that wait for it, whose call equals one of `awaited`, and that one.
    #[inline]
    pub(crate) fn equal_call(&self, py: Python<'_>, waiter: Ref, awaited: &[Ref]) -> Result<Option<Equal>, Refusal> {
        match self {
            Self::Memory(memory) => {
                for &target in awaited {
                    if let Some(id) = in_memory(py, memory, waiter, target)? {
                        return Ok(Some((id, target)));
                    }
                }
                Ok(None)
            }
            Self::Remote(remote) => on_server(py, remote, waiter, awaited),
        }
    }
}

/// Who waits already, and for whom it would wait.
type Equal = (InvocationId, Ref);

fn on_server(py: Python<'_>, remote: &RemoteEngine, waiter: Ref, awaited: &[Ref]) -> Result<Option<Equal>, Refusal> {
    let mut line = None;
    for &target in awaited {
        let sent = remote.remote.read(target, |view| (view.task, view.call.and_then(|call| call.as_deref().copied())));
        let Ok((task, print)) = sent else { continue };
        let (task, print) = match (task, print) {
            (Some(task), Some(print)) => (remote.remote.task_name(task), Some(print)),
            // Another body or process made the call.
            _ => match remote.record(py, target) {
                Ok(record) => (record.task, record.print),
                Err(Refusal::Core(_)) => continue,
                Err(failed) => return Err(failed),
            },
        };
        let Some(print) = print else { continue };
        if line.is_none() {
            line = Some(gil::ask(py, || remote.remote.ancestors(waiter))?);
        }
        let equal = line.iter().flatten().find(|ancestor| ancestor.task == task && ancestor.print == Some(print));
        if let Some(ancestor) = equal {
            return Ok(Some((ancestor.id, target)));
        }
    }
    Ok(None)
}

fn in_memory(py: Python<'_>, memory: &Memory, waiter: Ref, target: Ref) -> Result<Option<InvocationId>, Refusal> {
    let read = memory.read(target, |view| (view.task, view.call.map_or(0, |call| call.sketch(py))));
    let Ok((task, sketch)) = read else { return Ok(None) };
    // Calls in line mostly differ in a number or a text: no digest is needed to see that.
    let may_be_equal = |_, other, call: Option<&Call>| {
        let alike = other == task && call.is_some_and(|call| call.sketch(py) == sketch);
        if alike { ControlFlow::Break(()) } else { GO_ON }
    };
    if memory.waiting_line(waiter, may_be_equal).map_err(Refusal::from)?.is_none() {
        return Ok(None);
    }
    let Some(print) = fingerprint(py, memory, target) else { return Ok(None) };
    let mut unknown = Vec::new();
    let equal = memory.waiting_line(waiter, |at, other, call| {
        match call.filter(|_| other == task).map(|call| call.fingerprint.get()) {
            Some(Some(Some(taken))) if **taken == print => return ControlFlow::Break(at),
            Some(None) => unknown.push(at),
            _ => {}
        }
        ControlFlow::Continue(())
    });
    let equal = equal.map_err(Refusal::from)?;
    let equal = equal.or_else(|| unknown.into_iter().find(|&at| fingerprint(py, memory, at) == Some(print)));
    Ok(equal.map(|at| memory.id(at)))
}

/// The fingerprint of a call, taken now if its arguments cannot have changed since.
fn fingerprint(py: Python<'_>, memory: &Memory, at: Ref) -> Option<Fingerprint> {
    let of = memory.read(at, |view| {
        let call = view.call?;
        match call.fingerprint.get() {
            Some(taken) => taken.as_ref().map(|taken| Print::Taken(**taken)),
            None => Some(Print::Of(Arc::clone(call.plan.as_ref()?), call.values.as_ref()?.clone_ref(py))),
        }
    });
    match of.ok().flatten()? {
        Print::Taken(print) => Some(print),
        Print::Of(plan, values) => {
            // Outside the engine's lock: taking it may run Python.
            let print = plan.plain_fingerprint(py, values.bind(py), &Shared::default());
            let _ = memory.read(at, |view| view.call.map(|call| call.fingerprint.set(print.map(Box::new))));
            print
        }
    }
}
