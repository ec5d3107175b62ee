//! What is wrong with a value, and where in it.

use std::fmt::Write;

use pyo3::exceptions::{PyException, PyMemoryError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyType, PyTypeMethods};

/// One step from a value into its parts.
pub(super) enum Step {
    /// An attribute, or a dict entry whose key reads like one.
    Field(String),
    /// An item of a sequence.
    Index(usize),
    /// A dict entry, as its key prints.
    Key(String),
    /// The key of the n-th dict entry.
    KeyItself(usize),
    /// A member of a set.
    Member,
}

/// A value without a fingerprint. The path grows while the walk returns.
pub(super) struct Fault(Box<Details>);

struct Details {
    path: Vec<Step>,
    message: String,
    cause: Option<PyErr>,
    /// Not about the value at all (Ctrl-C, no memory): passed on as it is.
    foreign: bool,
}

pub(super) type Outcome<T = ()> = Result<T, Fault>;

impl Fault {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self(Box::new(Details { path: Vec::new(), message: message.into(), cause: None, foreign: false }))
    }

    /// An error that Python raised while `what` was done.
    pub(super) fn raised(py: Python<'_>, what: &str, error: PyErr) -> Self {
        let foreign = !error.is_instance_of::<PyException>(py) || error.is_instance_of::<PyMemoryError>(py);
        let message = format!("{what}: {error}");
        Self(Box::new(Details { path: Vec::new(), message, cause: Some(error), foreign }))
    }

    pub(super) fn changed(what: &str) -> Self {
        Self::new(format!("the {what} changed while its fingerprint was taken"))
    }

    /// Whether this says nothing about the value (Ctrl-C, no memory).
    pub(super) fn is_foreign(&self) -> bool {
        self.0.foreign
    }

    /// The same fault, seen from one level further out.
    #[cold]
    pub(super) fn below(mut self, step: impl FnOnce() -> Step) -> Self {
        self.0.path.push(step());
        self
    }

    /// The exception for the caller.
    #[cold]
    pub(super) fn into_error(self, py: Python<'_>, root: &str) -> PyErr {
        let Details { path, message, cause, foreign } = *self.0;
        match cause {
            Some(error) if foreign => error,
            cause => fingerprint_error(py, &render(root, &path), &message, cause),
        }
    }
}

fn render(root: &str, path: &[Step]) -> String {
    let mut text = root.to_owned();
    for step in path.iter().rev() {
        // Writing to a String cannot fail.
        let _ = match step {
            Step::Field(name) => write!(text, ".{name}"),
            Step::Index(index) => write!(text, "[{index}]"),
            Step::Key(key) => write!(text, "[{key}]"),
            Step::KeyItself(index) => write!(text, ".keys()[{index}]"),
            Step::Member => write!(text, "{{member}}"),
        };
    }
    text
}

fn fingerprint_error(py: Python<'_>, path: &str, message: &str, cause: Option<PyErr>) -> PyErr {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let raised =
        CLASS.import(py, "pynenc.exceptions", "FingerprintError").and_then(|class| class.call1((path, message)));
    match raised {
        Ok(error) => {
            let error = PyErr::from_value(error);
            error.set_cause(py, cause);
            error
        }
        Err(error) => error,
    }
}

/// `module.qualname` of an object's type, for messages.
pub(super) fn type_name(object: &Bound<'_, PyAny>) -> String {
    match object.get_type().fully_qualified_name() {
        Ok(name) => name.to_string_lossy().into_owned(),
        Err(_) => "a type without a name".to_owned(),
    }
}
