//! Fingerprints of Python objects, taken straight from the objects.
//!
//! `pynenc_core::fingerprint` says which bytes are hashed; here the objects are walked. Known
//! types are read by their exact type; what is not known goes to the caller's `fallback`.

mod buffer;
mod builtin;
mod fault;
mod hashed;
mod kind;
mod moment;
mod named;
mod remembered;
mod walk;

pub(crate) use pynenc_core::fingerprint::{ArgumentNames, concurrency_key as key};
use pynenc_core::fingerprint::{Canonical, Digest, INLINE_LIMIT};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyFloat, PyInt, PyString, PyTuple};

use fault::{Fault, Step};
pub(crate) use hashed::Hashed;
use walk::{Level, Walk};

/// 32 bytes of BLAKE3 over the canonical, type-tagged form of `value`.
#[pyfunction]
#[pyo3(signature = (value, fallback=None, /))]
fn fingerprint<'py>(value: &Bound<'py, PyAny>, fallback: Option<&Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyBytes>> {
    let py = value.py();
    let walk = Walk { py, fallback: checked(fallback)?, hashed: None };
    let digest = walk.apart(value).map_err(|fault| fault.into_error(py, "value"))?;
    Ok(PyBytes::new(py, &digest))
}

/// 32 bytes over the named values, in name order (the order of parameters does not matter).
#[pyfunction]
#[pyo3(signature = (names, values, fallback=None, /))]
fn fingerprint_arguments<'py>(
    py: Python<'py>,
    names: Vec<String>,
    values: Bound<'py, PyAny>,
    fallback: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyBytes>> {
    let values = match values.cast_into_exact::<PyTuple>() {
        Ok(values) => values,
        Err(other) => PyTuple::new(py, other.into_inner().try_iter()?.collect::<PyResult<Vec<_>>>()?)?,
    };
    if names.len() != values.len() {
        let message = format!("there are {} names for {} values", names.len(), values.len());
        return Err(PyValueError::new_err(message));
    }
    let names = ArgumentNames::new(names.iter().map(String::as_str).enumerate())
        .map_err(|duplicate| PyValueError::new_err(duplicate.to_string()))?;
    let digest = of_values(py, &names, &values, checked(fallback)?, &Shared::default())?;
    Ok(PyBytes::new(py, &digest))
}

/// Drop the identity fast path's memory (tests).
#[pyfunction]
fn forget_remembered_fingerprints() {
    remembered::forget();
    kind::forget();
}

/// Fingerprint of the values that `names` points at, in the order of the names.
///
/// Raises `IndexError` when a name points behind the values, `FingerprintError` naming the path
/// (`args.user.created`) of a value that has no fingerprint.
pub(crate) fn of_values<'py>(
    py: Python<'py>,
    names: &ArgumentNames,
    values: &Bound<'py, PyTuple>,
    fallback: Option<&Bound<'py, PyAny>>,
    shared: &Shared,
) -> PyResult<Digest> {
    let mut stream = Canonical::arguments(names.len());
    let walk = Walk { py, fallback, hashed: None };
    for argument in names.iter() {
        stream.fragment(&argument.fragment);
        let value = values.get_borrowed_item(argument.index)?;
        let named = |fault: Fault| fault.below(|| Step::Field(argument.name.to_string())).into_error(py, "args");
        if is_atom(&value) {
            walk.value(&mut stream, &value, &Level::ROOT).map_err(named)?;
        } else if let Some(known) = shared.of(&value) {
            stream.part(known);
        } else {
            stream.part(&walk.apart(&value).map_err(named)?);
        }
    }
    Ok(stream.finish())
}

/// BLAKE3 of content that stays where it is while this runs; with an `owner` that nothing can change, remembered.
pub(crate) fn of_content(py: Python<'_>, content: &[u8], owner: Option<&Bound<'_, PyAny>>) -> Digest {
    match owner {
        Some(owner) if content.len() >= INLINE_LIMIT => {
            Walk { py, fallback: None, hashed: None }.content(content, Some(owner))
        }
        _ => builtin::hash_content(py, content),
    }
}

/// The exact `bytes` that the content of a view is a part of, if it is of one.
pub(crate) fn owner_of<'py>(view: &Bound<'py, PyAny>, content: &[u8]) -> Option<Bound<'py, PyBytes>> {
    Walk { py: view.py(), fallback: None, hashed: None }.final_owner(view, content)
}

/// Fingerprints of the arguments that all calls of one `parallelize` share: taken once.
#[derive(Default)]
pub(crate) struct Shared(Vec<(Py<PyAny>, Digest)>);

impl Shared {
    /// Of the values that have one, without hashing again what is `hashed`; what the others lack is told where it is needed.
    pub(crate) fn new<'py>(
        py: Python<'py>,
        values: impl Iterator<Item = Bound<'py, PyAny>>,
        fallback: Option<&Bound<'py, PyAny>>,
        hashed: &Hashed,
    ) -> Self {
        let walk = Walk { py, fallback, hashed: Some(hashed) };
        let taken = |value: Bound<'py, PyAny>| walk.apart(&value).ok().map(|digest| (value.unbind(), digest));
        Self(values.filter(|value| !is_atom(value)).filter_map(taken).collect())
    }

    fn of(&self, value: &Bound<'_, PyAny>) -> Option<&Digest> {
        self.0.iter().find(|(shared, _)| shared.is(value)).map(|(_, digest)| digest)
    }
}

/// Whether nothing can change `object` or its fingerprint: exactly int, str, float, bool, None or bytes.
pub(crate) fn is_atom(object: &Bound<'_, PyAny>) -> bool {
    object.is_exact_instance_of::<PyInt>()
        || object.is_exact_instance_of::<PyString>()
        || object.is_exact_instance_of::<PyFloat>()
        || object.is_exact_instance_of::<PyBool>()
        || object.is_none()
        || object.is_exact_instance_of::<PyBytes>()
}

/// A number that calls with equal fingerprints share, never 0: it is made of the whole numbers and
/// the text among the values alone, whose hashes run nobody's code and need no digest.
pub(crate) fn sketch(values: &Bound<'_, PyTuple>) -> u64 {
    let known = |value: &Bound<'_, PyAny>| {
        let hashed = value.is_exact_instance_of::<PyInt>() || value.is_exact_instance_of::<PyString>();
        if hashed { value.hash().unwrap_or(0) } else { 0 }
    };
    let mix = |mixed: u64, hash: isize| mixed.rotate_left(17) ^ u64::from_ne_bytes((hash as i64).to_ne_bytes());
    values.iter_borrowed().map(|value| known(&value)).fold(0, mix) | 1 << 63
}

/// Add the functions to the extension module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(fingerprint, module)?)?;
    module.add_function(wrap_pyfunction!(fingerprint_arguments, module)?)?;
    module.add_function(wrap_pyfunction!(forget_remembered_fingerprints, module)?)
}

fn checked<'a, 'py>(fallback: Option<&'a Bound<'py, PyAny>>) -> PyResult<Option<&'a Bound<'py, PyAny>>> {
    match fallback {
        Some(fallback) if !fallback.is_callable() => {
            let found = fallback.get_type().fully_qualified_name()?;
            Err(PyTypeError::new_err(format!("fallback must be a callable or None, got {found}")))
        }
        other => Ok(other),
    }
}
