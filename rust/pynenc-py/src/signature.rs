//! A function's signature, compiled once at decoration; calls are bound against it.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyMapping, PyString, PyTuple};

/// Kinds of parameters, numbered as `inspect.Parameter` numbers them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    PositionalOnly,
    Plain,
    VarPositional,
    KeywordOnly,
    VarKeyword,
}

impl Kind {
    fn from_number(number: u8) -> PyResult<Self> {
        Ok(match number {
            0 => Self::PositionalOnly,
            1 => Self::Plain,
            2 => Self::VarPositional,
            3 => Self::KeywordOnly,
            4 => Self::VarKeyword,
            _ => return Err(PyTypeError::new_err(format!("no parameter kind {number}"))),
        })
    }
}

struct Parameter {
    name: Py<PyString>,
    kind: Kind,
    default: Option<Py<PyAny>>,
}

/// What a call is bound against. A bound call is a tuple of one value a parameter, in order:
/// `*args` as a tuple, `**kwargs` as a dict.
pub(crate) struct Signature {
    function: String,
    parameters: Vec<Parameter>,
    /// How many can be given by position, were there no `*args`.
    positional: usize,
    /// No `*args`, `**kwargs` or keyword-only parameter: the bound tuple is the argument list.
    flat: bool,
}

type Values<'py> = Vec<Option<Bound<'py, PyAny>>>;

impl Signature {
    /// From `(name, kind, has default, default)` in order.
    pub(crate) fn new(function: String, parameters: Vec<(Py<PyString>, u8, bool, Py<PyAny>)>) -> PyResult<Self> {
        let parameters = parameters
            .into_iter()
            .map(|(name, kind, has_default, default)| {
                Ok(Parameter { name, kind: Kind::from_number(kind)?, default: has_default.then_some(default) })
            })
            .collect::<PyResult<Vec<_>>>()?;
        let by_position = |p: &&Parameter| matches!(p.kind, Kind::PositionalOnly | Kind::Plain);
        let positional = parameters.iter().filter(by_position).count();
        Ok(Self { function, positional, flat: positional == parameters.len(), parameters })
    }

    pub(crate) fn names(&self) -> impl ExactSizeIterator<Item = &Py<PyString>> {
        self.parameters.iter().map(|parameter| &parameter.name)
    }

    /// Bind a call.
    #[inline]
    pub(crate) fn bind<'py>(
        &self,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        if self.flat && args.len() == self.parameters.len() && kwargs.is_none_or(|kwargs| kwargs.is_empty()) {
            return Ok(args.clone());
        }
        let mut values: Values<'py> = vec![None; self.parameters.len()];
        self.bind_positions(args, &mut values)?;
        self.bind_names(kwargs.map(|kwargs| kwargs.iter()), &mut values, args.py())?;
        self.complete(values, args.py())
    }

    /// Bind one element of a `parallelize` given as a mapping: its own values win over `common`.
    pub(crate) fn bind_mapping<'py>(
        &self,
        element: &Bound<'py, PyMapping>,
        common: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let py = element.py();
        let merged = match common {
            Some(common) => common.copy()?,
            None => PyDict::new(py),
        };
        merged.update(element)?;
        let mut values: Values<'py> = vec![None; self.parameters.len()];
        self.bind_names(Some(merged.iter()), &mut values, py)?;
        self.complete(values, py)
    }

    /// Bind what `Arguments.kwargs` holds: one entry a parameter, `*args` and `**kwargs` included.
    pub(crate) fn bind_stored<'py>(
        &self,
        stored: &Bound<'py, PyAny>,
        common: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let py = stored.py();
        let stored = stored.cast::<PyDict>()?;
        let mut values: Values<'py> = Vec::with_capacity(self.parameters.len());
        for parameter in &self.parameters {
            let name = parameter.name.bind(py);
            let shared = || common.map_or(Ok(None), |common| common.get_item(name));
            values.push(stored.get_item(name)?.map_or_else(shared, |value| Ok(Some(value)))?);
        }
        for name in stored.keys() {
            if !self.names().any(|known| known.bind(py).as_any().eq(&name).unwrap_or(false)) {
                return Err(self.refuse(&format!("got an unexpected keyword argument '{name}'")));
            }
        }
        self.complete(values, py)
    }

    fn bind_positions<'py>(&self, args: &Bound<'py, PyTuple>, values: &mut Values<'py>) -> PyResult<()> {
        let given = args.len();
        for (place, value) in values.iter_mut().zip(args.iter().take(self.positional)) {
            *place = Some(value);
        }
        if given > self.positional {
            let rest = self.parameters.iter().position(|parameter| parameter.kind == Kind::VarPositional);
            let Some(place) = rest.and_then(|at| values.get_mut(at)) else {
                return Err(
                    self.refuse(&format!("takes {} positional arguments but {given} were given", self.positional))
                );
            };
            *place = Some(args.get_slice(self.positional, given).into_any());
        }
        Ok(())
    }

    fn bind_names<'py>(
        &self,
        named: Option<impl Iterator<Item = (Bound<'py, PyAny>, Bound<'py, PyAny>)>>,
        values: &mut Values<'py>,
        py: Python<'py>,
    ) -> PyResult<()> {
        let mut extra: Option<Bound<'py, PyDict>> = None;
        for (name, value) in named.into_iter().flatten() {
            let known = self.parameters.iter().position(|p| match p.kind {
                Kind::Plain | Kind::KeywordOnly => {
                    p.name.bind(py).is(&name) || p.name.bind(py).as_any().eq(&name).unwrap_or(false)
                }
                _ => false,
            });
            match known.and_then(|at| values.get_mut(at)) {
                Some(place) if place.is_some() => {
                    return Err(self.refuse(&format!("got multiple values for argument '{name}'")));
                }
                Some(place) => *place = Some(value),
                None => extra.get_or_insert_with(|| PyDict::new(py)).set_item(name, value)?,
            }
        }
        let Some(extra) = extra else { return Ok(()) };
        let rest = self.parameters.iter().position(|parameter| parameter.kind == Kind::VarKeyword);
        let Some(place) = rest.and_then(|at| values.get_mut(at)) else {
            let first = extra.keys().get_item(0)?;
            return Err(self.refuse(&format!("got an unexpected keyword argument '{first}'")));
        };
        *place = Some(extra.into_any());
        Ok(())
    }

    /// Fill in what was not given.
    pub(crate) fn complete<'py>(&self, values: Values<'py>, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let mut complete = Vec::with_capacity(values.len());
        for (value, parameter) in values.into_iter().zip(&self.parameters) {
            complete.push(match (value, parameter.kind, &parameter.default) {
                (Some(value), ..) => value,
                (None, Kind::VarPositional, _) => PyTuple::empty(py).into_any(),
                (None, Kind::VarKeyword, _) => PyDict::new(py).into_any(),
                (None, _, Some(default)) => default.bind(py).clone(),
                (None, _, None) => {
                    let name = parameter.name.bind(py);
                    return Err(self.refuse(&format!("missing a required argument: '{name}'")));
                }
            });
        }
        PyTuple::new(py, complete)
    }

    fn refuse(&self, why: &str) -> PyErr {
        PyTypeError::new_err(format!("{}() {why}", self.function))
    }

    /// Call `function` with a bound tuple.
    #[inline]
    pub(crate) fn call<'py>(
        &self,
        function: &Bound<'py, PyAny>,
        values: &Bound<'py, PyTuple>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if self.flat {
            return function.call1(values);
        }
        let py = values.py();
        let (mut positional, named) = (Vec::new(), PyDict::new(py));
        for (value, parameter) in values.iter().zip(&self.parameters) {
            match parameter.kind {
                Kind::PositionalOnly | Kind::Plain => positional.push(value),
                Kind::VarPositional => positional.extend(value.cast::<PyTuple>()?.iter()),
                Kind::KeywordOnly => named.set_item(&parameter.name, value)?,
                Kind::VarKeyword => named.update(value.cast::<PyMapping>()?)?,
            }
        }
        function.call(PyTuple::new(py, positional)?, Some(&named))
    }
}
