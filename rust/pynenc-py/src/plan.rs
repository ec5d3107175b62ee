//! What a task needs to know at each call, computed once from its options and configuration.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use pynenc_core::engine::{Lane, Rules};
use pynenc_core::id::InvocationId;
use pyo3::exceptions::{PyKeyError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::clock::micros;
use crate::fingerprint::{self, ArgumentNames, Hashed, Shared};
use crate::live::Fingerprint;
use crate::runtime::{PyRuntime, RuntimeState};
use crate::signature::Signature;
use crate::wire::{PyTaskWire, Source, TaskWire};

/// How a call travels.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Live objects, by reference.
    Live,
    /// As live, but every argument and result goes through the serializer and back.
    Strict,
    /// As bytes, through the serializer and to a server.
    Remote,
    /// Not through the engine: the synchronous development mode.
    Local,
}

/// By what a rule tells calls apart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    Off,
    Task,
    Arguments,
    Keys,
}

pub(crate) struct Plan {
    pub(crate) runtime: Arc<RuntimeState>,
    pub(crate) version: u64,
    pub(crate) index: u32,
    pub(crate) lane: Lane,
    pub(crate) function: Py<PyAny>,
    pub(crate) signature: Arc<Signature>,
    pub(crate) mode: Mode,
    pub(crate) retry_for: Py<PyTuple>,
    pub(crate) max_retries: u32,
    pub(crate) max_run: Option<Duration>,
    /// How its calls and results travel, where they do.
    pub(crate) wire: Option<Arc<TaskWire>>,
    task_id: String,
    registration: Scope,
    running: Scope,
    raise_on_difference: bool,
    reuse_result: bool,
    fallback: Option<Py<PyAny>>,
    /// Which values of a bound call are fingerprinted: all, and those of the key.
    all: ArgumentNames,
    keys: ArgumentNames,
}

/// What the compiled task gives to its plan.
pub(crate) struct Compiled {
    pub(crate) task_id: String,
    pub(crate) function: Py<PyAny>,
    pub(crate) signature: Arc<Signature>,
    pub(crate) lane: Lane,
}

fn required<'py>(plan: &Bound<'py, PyDict>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    plan.get_item(name)?.ok_or_else(|| PyKeyError::new_err(format!("the plan lacks {name:?}")))
}

fn scope(name: &Bound<'_, PyAny>) -> PyResult<Scope> {
    match name.extract::<String>()?.to_ascii_lowercase().as_str() {
        "" | "disabled" => Ok(Scope::Off),
        "task" => Ok(Scope::Task),
        "arguments" => Ok(Scope::Arguments),
        "keys" => Ok(Scope::Keys),
        other => Err(PyValueError::new_err(format!(
            "no concurrency control {other:?}; accepted: disabled, task, arguments, keys"
        ))),
    }
}

fn argument_names(names: &[String], wanted: impl Fn(&String) -> bool) -> PyResult<ArgumentNames> {
    let chosen = names.iter().enumerate().filter(|(_, name)| wanted(name));
    ArgumentNames::new(chosen.map(|(place, name)| (place, name.as_str())))
        .map_err(|duplicate| PyValueError::new_err(duplicate.to_string()))
}

impl Plan {
    pub(crate) fn new(py: Python<'_>, of: Compiled, plan: &Bound<'_, PyDict>) -> PyResult<Self> {
        let runtime = Arc::clone(&required(plan, "runtime")?.cast::<PyRuntime>()?.get().0);
        let mode = match required(plan, "mode")?.extract::<String>()?.as_str() {
            "live" => Mode::Live,
            "strict" => Mode::Strict,
            "remote" => Mode::Remote,
            "local" => Mode::Local,
            other => {
                let text = format!("no mode {other:?}; accepted: live, strict, remote, local");
                return Err(PyValueError::new_err(text));
            }
        };
        let names = of.signature.names().map(|name| name.extract(py)).collect::<PyResult<Vec<String>>>()?;
        let key_names: Vec<String> = required(plan, "key_arguments")?.extract()?;
        let max_run = micros(required(plan, "max_run_seconds")?.extract()?, "max_run_seconds")?;
        let fallback = required(plan, "fallback")?;
        Ok(Self {
            version: runtime.version(),
            index: runtime.engine.task(&of.task_id),
            lane: of.lane,
            function: of.function,
            signature: of.signature,
            mode,
            retry_for: required(plan, "retry_for")?.cast_into::<PyTuple>()?.unbind(),
            max_retries: required(plan, "max_retries")?.extract()?,
            max_run: (max_run > 0).then(|| Duration::from_micros(max_run)),
            wire: required(plan, "wire")?.cast::<PyTaskWire>().ok().map(|wire| Arc::clone(&wire.get().0)),
            task_id: of.task_id,
            registration: scope(&required(plan, "registration")?)?,
            running: scope(&required(plan, "running")?)?,
            raise_on_difference: required(plan, "raise_on_difference")?.is_truthy()?,
            reuse_result: required(plan, "reuse_result")?.is_truthy()?,
            fallback: (!fallback.is_none()).then(|| fallback.unbind()),
            all: argument_names(&names, |_| true)?,
            keys: argument_names(&names, |name| key_names.contains(name))?,
            runtime,
        })
    }

    pub(crate) fn task_id(&self) -> &str {
        &self.task_id
    }

    pub(crate) fn wire(&self) -> PyResult<&Arc<TaskWire>> {
        self.wire.as_ref().ok_or_else(|| PyRuntimeError::new_err("the plan of a task on a server has no wire"))
    }

    /// The arguments of a call that was sent.
    pub(crate) fn decode_call(
        &self,
        py: Python<'_>,
        payload: &[u8],
        id: InvocationId,
        source: Option<&Source>,
    ) -> PyResult<Py<PyTuple>> {
        Ok(self.wire()?.decode_call(py, payload, id, source)?.unbind())
    }

    /// Whether a rule or a kept result may answer for a call.
    pub(crate) const fn has_rules(&self) -> bool {
        self.reuse_result || !matches!((self.registration, self.running), (Scope::Off, Scope::Off))
    }

    /// The fingerprint over all arguments for the cycle check alone: what only the serializer
    /// could read is not worth reading for that.
    pub(crate) fn plain_fingerprint(
        &self,
        py: Python<'_>,
        values: &Bound<'_, PyTuple>,
        shared: &Shared,
    ) -> Option<Fingerprint> {
        fingerprint::of_values(py, &self.all, values, None, shared).ok()
    }

    /// Fingerprints of what all calls of one `parallelize` share.
    pub(crate) fn shared<'py>(
        &self,
        py: Python<'py>,
        values: impl Iterator<Item = Bound<'py, PyAny>>,
        hashed: &Hashed,
    ) -> Shared {
        let cycles = self.runtime.cycle_control.load(Ordering::Relaxed);
        match (self.has_rules(), cycles) {
            (true, _) => Shared::new(py, values, self.fallback.as_ref().map(|f| f.bind(py)), hashed),
            (false, true) => Shared::new(py, values, None, hashed),
            (false, false) => Shared::default(),
        }
    }

    /// The rules of a call, and the fingerprint over all its arguments if one had to be taken.
    pub(crate) fn rules(
        &self,
        py: Python<'_>,
        values: &Bound<'_, PyTuple>,
        shared: &Shared,
    ) -> PyResult<(Option<Box<Rules>>, Option<Fingerprint>)> {
        if !self.has_rules() {
            return Ok((None, None));
        }
        let fallback = self.fallback.as_ref().map(|f| f.bind(py));
        let over = |names| fingerprint::of_values(py, names, values, fallback, shared);
        let needs_all =
            self.reuse_result || self.registration != Scope::Off || matches!(self.running, Scope::Arguments);
        let all = needs_all.then(|| over(&self.all)).transpose()?;
        let needs_keys = matches!(self.registration, Scope::Keys) || matches!(self.running, Scope::Keys);
        let keyed = needs_keys.then(|| over(&self.keys)).transpose()?;
        let key = |rule: &str, scope: Scope| match scope {
            Scope::Off => None,
            Scope::Task => Some(fingerprint::key(&self.task_id, rule, &[0; 32])),
            Scope::Arguments => all.map(|all| fingerprint::key(&self.task_id, rule, &all)),
            Scope::Keys => keyed.map(|keyed| fingerprint::key(&self.task_id, rule, &keyed)),
        };
        let rules = Rules {
            registration: key("registration", self.registration),
            running: key("running", self.running),
            result: if self.reuse_result { key("result", Scope::Arguments) } else { None },
            arguments: all,
            raise_on_difference: self.raise_on_difference,
        };
        Ok((Some(Box::new(rules)), all))
    }
}
