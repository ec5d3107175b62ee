//! Values that carry the name of their type: dataclasses, enums, subclasses, everything else.

use pynenc_core::fingerprint::{Canonical, Tag};
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};

use super::fault::{Fault, Outcome, Step, type_name};
use super::kind::{self, Base, Field, Kind, Shape};
use super::walk::{Level, Walk};

impl<'py> Walk<'_, 'py> {
    /// Write a value that is neither an atom nor a plain container.
    pub(super) fn named(&self, out: &mut Canonical, object: &Bound<'py, PyAny>, outer: &Level<'_>) -> Outcome {
        let class = object.get_type();
        let kind = kind::of(&class).map_err(|error| Fault::raised(self.py, "the type cannot be read", error))?;
        match &kind.shape {
            Shape::DateTime => self.datetime(out, object, outer),
            Shape::Date => self.date(out, object),
            Shape::Time => self.time(out, object, outer),
            Shape::TimeDelta => self.timedelta(out, object),
            Shape::Decimal => self.decimal(out, object),
            Shape::Uuid => self.uuid(out, object),
            Shape::OrderedDict => self.ordered_dict(out, object, &outer.enter(object)?),
            Shape::Buffer | Shape::NumpyArray | Shape::NumpyScalar => self.buffer(out, object, &kind),
            Shape::Enum => self.member_of_enum(out, object, &kind, &outer.enter(object)?),
            Shape::Dataclass(fields) => self.dataclass(out, object, &kind, fields, &outer.enter(object)?),
            Shape::Subclass { base, .. } => self.subclass(out, object, &kind, *base, &outer.enter(object)?),
            Shape::FixedZone | Shape::Zone | Shape::Other => self.extension(out, object, &kind, None),
        }
    }

    fn dataclass(
        &self,
        out: &mut Canonical,
        object: &Bound<'py, PyAny>,
        kind: &Kind,
        fields: &[Field],
        inner: &Level<'_>,
    ) -> Outcome {
        out.open_named(Tag::Dataclass, &kind.type_name);
        out.number(fields.len());
        for field in fields {
            out.fragment(&field.fragment);
            object
                .getattr(field.name.bind(self.py))
                .map_err(|error| Fault::raised(self.py, "the field cannot be read", error))
                .and_then(|value| self.value(out, &value, inner))
                .map_err(|fault| fault.below(|| Step::Field(field.shown.clone())))?;
        }
        Ok(())
    }

    /// A member is its name; its value counts too unless it is something that only a fallback reads.
    fn member_of_enum(
        &self,
        out: &mut Canonical,
        object: &Bound<'py, PyAny>,
        kind: &Kind,
        inner: &Level<'_>,
    ) -> Outcome {
        let read = |name| object.getattr(name).map_err(|error| Fault::raised(self.py, "the enum member", error));
        let name = read(intern!(self.py, "_name_"))?;
        let value = read(intern!(self.py, "_value_"))?;
        out.open_named(Tag::Enum, &kind.type_name);
        self.value(out, &name, inner)?;
        let mut stream = Canonical::member();
        match (Walk { py: self.py, fallback: None, hashed: self.hashed }).value(&mut stream, &value, inner) {
            Ok(()) => out.bytes(&stream.finish()),
            Err(fault) if fault.is_foreign() => return Err(fault),
            Err(_) => out.tag(Tag::Opaque),
        }
        Ok(())
    }

    fn subclass(
        &self,
        out: &mut Canonical,
        object: &Bound<'py, PyAny>,
        kind: &Kind,
        base: Base,
        inner: &Level<'_>,
    ) -> Outcome {
        out.open_named(Tag::Subclass, &kind.type_name);
        let Shape::Subclass { names, bare, .. } = &kind.shape else { return Ok(()) };
        out.fragment(names);
        self.base(out, object, base, inner)?;
        if *bare {
            out.tag(Tag::None);
            return Ok(());
        }
        let state = self.state(object).map_err(|error| Fault::raised(self.py, "the state cannot be read", error))?;
        self.value(out, &state, inner).map_err(|fault| fault.below(|| Step::Field("__getstate__()".to_owned())))
    }

    /// What the builtin below a subclass holds, whatever the subclass overrides.
    fn base(&self, out: &mut Canonical, object: &Bound<'py, PyAny>, base: Base, inner: &Level<'_>) -> Outcome {
        let unexpected = |error: pyo3::CastError<'_, '_>| Fault::new(error.to_string());
        match base {
            Base::Int => self.int(out, object),
            Base::Float => self.float(out, object),
            Base::Bytes => self.bytes(out, object),
            Base::List => self.list(out, object.cast::<PyList>().map_err(unexpected)?, inner),
            Base::Tuple => self.tuple(out, object.cast::<PyTuple>().map_err(unexpected)?, inner),
            Base::Dict => self.dict(out, object.cast::<PyDict>().map_err(unexpected)?, inner),
            Base::Set | Base::FrozenSet => self.members(out, base.set_tag(), object, inner),
            Base::Text => {
                let class = self.py.get_type::<PyString>();
                let exact = class
                    .call_method1(intern!(self.py, "__str__"), (object,))
                    .map_err(|error| Fault::raised(self.py, "the str cannot be read", error))?;
                self.text(out, &exact, false)
            }
        }
    }

    /// Instance dict and slots, as pickle sees them; an empty dict is the same as none.
    fn state(&self, object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let state = self.py.get_type::<PyAny>().call_method1(intern!(self.py, "__getstate__"), (object,))?;
        match state.cast::<PyDict>() {
            Ok(dict) if dict.is_empty() => Ok(self.py.None().into_bound(self.py)),
            _ => Ok(state),
        }
    }

    /// What only the caller's fallback can turn into bytes; `why` it is not read here.
    pub(super) fn extension(
        &self,
        out: &mut Canonical,
        object: &Bound<'py, PyAny>,
        kind: &Kind,
        why: Option<&str>,
    ) -> Outcome {
        let Some(fallback) = self.fallback else { return Err(unsupported(object, why)) };
        let made = fallback
            .call1((object,))
            .and_then(|made| {
                made.cast_into::<PyBytes>().map_err(|error| {
                    let found = type_name(&error.into_inner());
                    PyTypeError::new_err(format!("the fallback must return bytes, got {found}"))
                })
            })
            .map_err(|error| {
                let what = format!("a value of type {} cannot be turned into bytes", type_name(object));
                Fault::raised(self.py, &what, error)
            })?;
        out.open_named(Tag::Extension, &kind.type_name);
        out.bytes(made.as_bytes());
        Ok(())
    }
}

fn unsupported(object: &Bound<'_, PyAny>, why: Option<&str>) -> Fault {
    const ACCEPTED: &str = "None, bool, int, float, str, bytes, list, tuple, dict, set, frozenset and their \
                            subclasses, OrderedDict, dataclasses, enums, date and time, Decimal, UUID, buffers";
    let because = why.map(|why| format!(" ({why})")).unwrap_or_default();
    let found = type_name(object);
    Fault::new(format!("a value of type {found} has no fingerprint{because}; accepted: {ACCEPTED}"))
}
