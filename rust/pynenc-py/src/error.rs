//! Refusals of the core as the exceptions of `pynenc.exceptions`.

use pynenc_core::error::CoreError;
use pynenc_core::id::InvocationId;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyModule;

static EXCEPTIONS: PyOnceLock<Py<PyModule>> = PyOnceLock::new();

/// An exception of `pynenc.exceptions`, made by its class.
pub(crate) fn make<'py, A>(py: Python<'py>, name: &str, args: A) -> PyErr
where
    A: pyo3::call::PyCallArgs<'py>,
{
    let module = EXCEPTIONS.get_or_try_init(py, || PyModule::import(py, "pynenc.exceptions").map(Bound::unbind));
    match module.and_then(|module| module.bind(py).getattr(name)?.call1(args)) {
        Ok(value) => PyErr::from_value(value),
        Err(failed) => failed,
    }
}

/// Why an engine did not do what it was asked.
pub(crate) enum Refusal {
    /// It must not be done, and nothing has changed.
    Core(CoreError),
}

impl From<CoreError> for Refusal {
    fn from(error: CoreError) -> Self {
        Self::Core(error)
    }
}

impl From<Refusal> for PyErr {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Core(error) => Python::attach(|py| of_core(py, &error)),
        }
    }
}

fn of_core(py: Python<'_>, error: &CoreError) -> PyErr {
    let text = error.to_string();
    let of = |name, id: &InvocationId| make(py, name, (id.to_string(), text.clone()));
    match error {
        CoreError::NotFound(id) => of("InvocationNotFoundError", id),
        CoreError::Expired(id) => of("ResultExpired", id),
        CoreError::Fenced { id, .. } => of("FencedError", id),
        CoreError::Transition { id, .. } => of("StatusTransitionError", id),
        CoreError::Cycle(path) => {
            let ids: Vec<String> = path.iter().map(ToString::to_string).collect();
            make(py, "CycleDetectedError", (ids, text))
        }
        CoreError::WaitLimit(limit) => make(py, "WaitLimitError", (*limit, text)),
        CoreError::UnknownWorker(_) => make(py, "RunnerError", (text,)),
        _ => PyRuntimeError::new_err(text),
    }
}
