//! The walk: atoms and containers by their exact type, the rest by its kind.

use pynenc_core::fingerprint::{Canonical, Digest, Tag};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PySet, PyString, PyTuple};
use std::ptr;

use super::fault::{Fault, Outcome, Step, type_name};
use super::hashed::Hashed;

/// How deep values may be nested.
pub(super) const MAX_DEPTH: usize = 64;

/// Where the walk stands: the containers around it, innermost first.
pub(super) struct Level<'l> {
    address: usize,
    depth: usize,
    outer: Option<&'l Level<'l>>,
}

impl Level<'static> {
    pub(super) const ROOT: Self = Level { address: 0, depth: 0, outer: None };
}

impl<'l> Level<'l> {
    /// Step into a container; refuses one that contains itself, and too many of them.
    pub(super) fn enter(&'l self, object: &Bound<'_, PyAny>) -> Outcome<Level<'l>> {
        let address = object.as_ptr() as usize;
        let mut around = Some(self);
        while let Some(level) = around {
            if level.address == address {
                return Err(Fault::new(format!("the {} contains itself", type_name(object))));
            }
            around = level.outer;
        }
        if self.depth == MAX_DEPTH {
            return Err(Fault::new(format!("values are nested more than {MAX_DEPTH} levels deep")));
        }
        Ok(Level { address, depth: self.depth + 1, outer: Some(self) })
    }
}

/// One fingerprint being taken.
pub(super) struct Walk<'a, 'py> {
    pub(super) py: Python<'py>,
    pub(super) fallback: Option<&'a Bound<'py, PyAny>>,
    /// What need not be hashed again.
    pub(super) hashed: Option<&'a Hashed>,
}

impl<'py> Walk<'_, 'py> {
    /// The fingerprint of a value by itself.
    pub(super) fn apart(&self, object: &Bound<'py, PyAny>) -> Outcome<Digest> {
        let mut stream = Canonical::value();
        self.value(&mut stream, object, &Level::ROOT)?;
        Ok(stream.finish())
    }

    /// Write any value.
    pub(super) fn value(&self, out: &mut Canonical, object: &Bound<'py, PyAny>, outer: &Level<'_>) -> Outcome {
        if object.is_exact_instance_of::<PyString>() {
            self.text(out, object, true)
        } else if object.is_exact_instance_of::<PyInt>() {
            self.int(out, object)
        } else if object.is_exact_instance_of::<PyFloat>() {
            self.float(out, object)
        } else if object.is_none() {
            out.tag(Tag::None);
            Ok(())
        } else if object.is_exact_instance_of::<PyBool>() {
            out.bool(object.is(PyBool::new(self.py, true)));
            Ok(())
        } else if object.is_exact_instance_of::<PyBytes>() {
            self.bytes(out, object)
        } else {
            self.container(out, object, outer)
        }
    }

    fn container(&self, out: &mut Canonical, object: &Bound<'py, PyAny>, outer: &Level<'_>) -> Outcome {
        if let Ok(dict) = object.cast_exact::<PyDict>() {
            self.dict(out, dict, &outer.enter(object)?)
        } else if let Ok(list) = object.cast_exact::<PyList>() {
            self.list(out, list, &outer.enter(object)?)
        } else if let Ok(tuple) = object.cast_exact::<PyTuple>() {
            self.tuple(out, tuple, &outer.enter(object)?)
        } else if object.is_exact_instance_of::<PySet>() {
            self.members(out, Tag::Set, object, &outer.enter(object)?)
        } else if object.is_exact_instance_of::<PyFrozenSet>() {
            self.members(out, Tag::FrozenSet, object, &outer.enter(object)?)
        } else {
            self.named(out, object, outer)
        }
    }

    pub(super) fn list(&self, out: &mut Canonical, list: &Bound<'py, PyList>, inner: &Level<'_>) -> Outcome {
        let count = list.len();
        out.open(Tag::List, count);
        for index in 0..count {
            let item = list.get_item(index).map_err(|_| Fault::changed("list"))?;
            self.value(out, &item, inner).map_err(|fault| fault.below(|| Step::Index(index)))?;
        }
        if list.len() == count { Ok(()) } else { Err(Fault::changed("list")) }
    }

    pub(super) fn tuple(&self, out: &mut Canonical, tuple: &Bound<'py, PyTuple>, inner: &Level<'_>) -> Outcome {
        out.open(Tag::Tuple, tuple.len());
        for (index, item) in tuple.iter_borrowed().enumerate() {
            self.value(out, &item, inner).map_err(|fault| fault.below(|| Step::Index(index)))?;
        }
        Ok(())
    }

    pub(super) fn dict(&self, out: &mut Canonical, dict: &Bound<'py, PyDict>, inner: &Level<'_>) -> Outcome {
        let count = dict.len();
        let mut digests = Vec::with_capacity(count);
        let mut position = 0;
        while let Some((key, value)) = next_entry(dict, &mut position) {
            digests.push(self.entry(&key, &value, digests.len(), inner)?);
            if dict.len() != count || digests.len() > count {
                return Err(Fault::changed("dict"));
            }
        }
        if digests.len() != count {
            return Err(Fault::changed("dict"));
        }
        out.unordered(Tag::Dict, &mut digests);
        Ok(())
    }

    fn entry(
        &self,
        key: &Bound<'py, PyAny>,
        value: &Bound<'py, PyAny>,
        index: usize,
        inner: &Level<'_>,
    ) -> Outcome<Digest> {
        let mut stream = Canonical::entry();
        self.value(&mut stream, key, inner).map_err(|fault| fault.below(|| Step::KeyItself(index)))?;
        self.value(&mut stream, value, inner).map_err(|fault| fault.below(|| key_step(key)))?;
        Ok(stream.finish())
    }

    /// The members of a set or frozenset, whatever a subclass says about iteration.
    pub(super) fn members(&self, out: &mut Canonical, tag: Tag, set: &Bound<'py, PyAny>, inner: &Level<'_>) -> Outcome {
        let raised = |error| Fault::raised(self.py, "the set cannot be read", error);
        let members = if set.is_exact_instance_of::<PySet>() || set.is_exact_instance_of::<PyFrozenSet>() {
            set.try_iter()
        } else {
            let class = match tag {
                Tag::Set => self.py.get_type::<PySet>(),
                _ => self.py.get_type::<PyFrozenSet>(),
            };
            class.call_method1("__iter__", (set,)).and_then(|members| members.try_iter())
        };
        let mut digests = Vec::new();
        for member in members.map_err(raised)? {
            let mut stream = Canonical::member();
            self.value(&mut stream, &member.map_err(raised)?, inner).map_err(|fault| fault.below(|| Step::Member))?;
            digests.push(stream.finish());
        }
        out.unordered(tag, &mut digests);
        Ok(())
    }

    pub(super) fn ordered_dict(&self, out: &mut Canonical, dict: &Bound<'py, PyAny>, inner: &Level<'_>) -> Outcome {
        let raised = |error| Fault::raised(self.py, "the OrderedDict cannot be read", error);
        let count = dict.len().map_err(raised)?;
        out.open(Tag::OrderedDict, count);
        let items = dict.call_method0("items").and_then(|items| items.try_iter()).map_err(raised)?;
        for (index, item) in items.enumerate() {
            let (key, value): (Bound<'py, PyAny>, Bound<'py, PyAny>) =
                item.and_then(|item| item.extract()).map_err(raised)?;
            self.value(out, &key, inner).map_err(|fault| fault.below(|| Step::KeyItself(index)))?;
            self.value(out, &value, inner).map_err(|fault| fault.below(|| key_step(&key)))?;
        }
        if dict.len().map_err(raised)? == count { Ok(()) } else { Err(Fault::changed("OrderedDict")) }
    }
}

/// The next entry of a dict. Unlike PyO3's iterator it does not panic when the dict has changed.
fn next_entry<'py>(
    dict: &Bound<'py, PyDict>,
    position: &mut ffi::Py_ssize_t,
) -> Option<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
    let (mut key, mut value) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: `dict` is a dict, and the GIL is held. The position is only ever changed by
    // PyDict_Next, which checks it against the table as it is now.
    let found = unsafe { ffi::PyDict_Next(dict.as_ptr(), position, &raw mut key, &raw mut value) };
    if found == 0 {
        return None;
    }
    // SAFETY: both are borrowed from the dict, which nothing has touched since the call above.
    unsafe { Some((Bound::from_borrowed_ptr(dict.py(), key), Bound::from_borrowed_ptr(dict.py(), value))) }
}

fn key_step(key: &Bound<'_, PyAny>) -> Step {
    const SHOWN: usize = 40;
    if let Ok(text) = key.cast_exact::<PyString>() {
        let text = text.to_string_lossy();
        let plain = text.len() <= SHOWN && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if plain && text.starts_with(|c: char| !c.is_ascii_digit()) {
            return Step::Field(text.into_owned());
        }
        let shown: String = text.chars().take(SHOWN).collect();
        return Step::Key(format!("{shown:?}"));
    }
    if super::is_atom(key)
        && let Ok(shown) = key.repr()
    {
        return Step::Key(shown.to_string_lossy().chars().take(SHOWN).collect());
    }
    Step::Key(type_name(key))
}
