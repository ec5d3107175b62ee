//! Refusals of the engines as the exceptions of `pynenc.exceptions`.

use pynenc_core::error::CoreError;
use pynenc_core::id::InvocationId;
use pynenc_redis::error::RedisError;
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
    /// Where the invocations are cannot be asked, or gives no answer.
    Server(Box<RedisError>),
    /// Python raised this meanwhile: a signal handler, or what was to be encoded.
    Raised(PyErr),
}

impl From<CoreError> for Refusal {
    fn from(error: CoreError) -> Self {
        Self::Core(error)
    }
}

impl From<RedisError> for Refusal {
    fn from(error: RedisError) -> Self {
        match error {
            RedisError::Refused(refused) => Self::Core(refused),
            other => Self::Server(Box::new(other)),
        }
    }
}

impl From<PyErr> for Refusal {
    fn from(error: PyErr) -> Self {
        Self::Raised(error)
    }
}

impl From<Refusal> for PyErr {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Core(error) => Python::attach(|py| of_core(py, &error)),
            Refusal::Server(error) => Python::attach(|py| of_server(py, &error)),
            Refusal::Raised(error) => error,
        }
    }
}

fn of_core(py: Python<'_>, error: &CoreError) -> PyErr {
    let text = error.to_string();
    let of = |name, id: &InvocationId| make(py, name, (id.to_string(), text.clone()));
    match error {
        CoreError::NotFound(id) => of("InvocationNotFoundError", id),
        CoreError::Expired(id) | CoreError::Vanished(id) => of("ResultExpired", id),
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

fn of_server(py: Python<'_>, error: &RedisError) -> PyErr {
    let text = error.to_string();
    match error {
        RedisError::Refused(refused) => of_core(py, refused),
        RedisError::Unreachable { server, .. } => make(py, "EngineUnreachableError", (server, text)),
        RedisError::Access { server, .. } => make(py, "AccessDeniedError", (server, text)),
        RedisError::Unfit { server, .. } => make(py, "EngineError", (server, text)),
        RedisError::Full { server, .. } => make(py, "BackPressureError", (server, text)),
        RedisError::Address(_) => make(py, "ConfigError", (text,)),
        RedisError::Interrupted => make(py, "EngineError", ("", text)),
        RedisError::Forked => make(py, "ForkedProcessError", ()),
        _ => make(py, "EngineError", ("", text)),
    }
}
