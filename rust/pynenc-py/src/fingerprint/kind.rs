//! What kind of thing a type makes, found out once per type.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use pynenc_core::fingerprint::{Fragment, Tag};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PySet, PyString, PyTuple, PyType};

/// How many types are known at once.
const MAX_TYPES: usize = 1024;

/// `Py_TPFLAGS_HEAPTYPE`: a class statement made the type (or an extension, late).
const HEAP_TYPE: u64 = 1 << 9;

/// The builtin that holds the content of a subclass.
#[derive(Clone, Copy)]
pub(super) enum Base {
    Text,
    Int,
    Float,
    Bytes,
    List,
    Tuple,
    Dict,
    Set,
    FrozenSet,
}

/// How an instance is read.
pub(super) enum Shape {
    DateTime,
    Date,
    Time,
    TimeDelta,
    Decimal,
    Uuid,
    OrderedDict,
    /// A time zone without a key, and one with: read as part of a date or time only.
    FixedZone,
    Zone,
    Buffer,
    NumpyArray,
    NumpyScalar,
    Enum,
    Dataclass(Vec<Field>),
    /// Holds the names of a NamedTuple's fields, and whether there is nothing beside the content.
    Subclass {
        base: Base,
        names: Fragment,
        bare: bool,
    },
    Other,
}

pub(super) struct Field {
    pub(super) name: Py<PyString>,
    pub(super) shown: String,
    pub(super) fragment: Fragment,
}

pub(super) struct Kind {
    pub(super) shape: Shape,
    pub(super) type_name: Fragment,
}

struct Known {
    /// Keeps the type alive, so that its address stays its own.
    _class: Py<PyType>,
    kind: Arc<Kind>,
}

static KNOWN: Mutex<Option<HashMap<usize, Known>>> = Mutex::new(None);

/// The kind of a type.
pub(super) fn of(class: &Bound<'_, PyType>) -> PyResult<Arc<Kind>> {
    let address = class.as_ptr() as usize;
    if let Some(known) = KNOWN.lock().as_ref().and_then(|known| known.get(&address)) {
        return Ok(Arc::clone(&known.kind));
    }
    let kind = Arc::new(find(class)?);
    // A class may become a dataclass later, so only what has been recognised is kept.
    if !matches!(kind.shape, Shape::Other) {
        let entry = Known { _class: class.clone().unbind(), kind: Arc::clone(&kind) };
        // What is replaced outlives the lock: dropping a type may run any code.
        let replaced = {
            let mut guard = KNOWN.lock();
            let known = guard.get_or_insert_default();
            let overfull = (known.len() >= MAX_TYPES).then(|| std::mem::take(known));
            (overfull, known.insert(address, entry))
        };
        drop(replaced);
    }
    Ok(kind)
}

/// Forget everything.
pub(super) fn forget() {
    let dropped = KNOWN.lock().take();
    drop(dropped);
}

fn find(class: &Bound<'_, PyType>) -> PyResult<Kind> {
    let module = class.module()?.to_string();
    let qualname = class.qualname()?.to_string();
    let type_name = Fragment::type_name(&module, &qualname);
    let shape = match known_by_name(class, &module, &qualname)? {
        Some(shape) => shape,
        None => found_by_traits(class, &module)?,
    };
    Ok(Kind { shape, type_name })
}

/// Types of the standard library and numpy that are read by their exact type.
fn known_by_name(class: &Bound<'_, PyType>, module: &str, qualname: &str) -> PyResult<Option<Shape>> {
    let shape = match (module, qualname) {
        ("datetime", "datetime") => Shape::DateTime,
        ("datetime", "date") => Shape::Date,
        ("datetime", "time") => Shape::Time,
        ("datetime", "timedelta") => Shape::TimeDelta,
        ("datetime", "timezone") => Shape::FixedZone,
        ("zoneinfo", "ZoneInfo") => Shape::Zone,
        ("decimal", "Decimal") => Shape::Decimal,
        ("uuid", "UUID") => Shape::Uuid,
        ("collections", "OrderedDict") => Shape::OrderedDict,
        ("builtins", "bytearray" | "memoryview") | ("array", "array") => Shape::Buffer,
        ("numpy", "ndarray" | "memmap") => Shape::NumpyArray,
        _ => return Ok(None),
    };
    // Anybody can give a class such a name; only the module's own one counts.
    let own = loaded(class.py(), module)?.and_then(|module| module.getattr(qualname).ok());
    Ok(own.is_some_and(|own| own.is(class)).then_some(shape))
}

fn found_by_traits(class: &Bound<'_, PyType>, module: &str) -> PyResult<Shape> {
    let py = class.py();
    if is_subclass_of(class, "enum", "Enum")? {
        return Ok(Shape::Enum);
    }
    if module == "numpy" && is_subclass_of(class, "numpy", "generic")? {
        return Ok(Shape::NumpyScalar);
    }
    let Some(base) = content_of(class)? else { return Ok(Shape::Other) };
    let dataclass = class.hasattr(intern!(py, "__dataclass_fields__"))?;
    match base {
        // A class below a dataclass may hold more than the declared fields.
        None if dataclass && own_attribute(class, "__dataclass_fields__")? => Ok(Shape::Dataclass(fields(class)?)),
        Some(base) if !dataclass => subclass(class, base),
        _ => Ok(Shape::Other),
    }
}

/// The builtin below a class: `None` when something unknown is there, `Some(None)` when nothing is.
fn content_of(class: &Bound<'_, PyType>) -> PyResult<Option<Option<Base>>> {
    let py = class.py();
    let mut base = None;
    for ancestor in class.mro().iter() {
        let flags: u64 = ancestor.getattr(intern!(py, "__flags__"))?.extract()?;
        if ancestor.is(py.get_type::<PyAny>()) {
            continue;
        }
        if flags & HEAP_TYPE == 0 {
            let Some(found) = builtin(&ancestor) else { return Ok(None) };
            base = Some(found);
        } else if ancestor.hasattr("n_sequence_fields")? {
            // A struct sequence (os.stat_result): a tuple that hides more fields.
            return Ok(None);
        }
    }
    Ok(Some(base))
}

fn builtin(class: &Bound<'_, PyAny>) -> Option<Base> {
    let py = class.py();
    let bases = [
        (py.get_type::<PyString>(), Base::Text),
        (py.get_type::<PyInt>(), Base::Int),
        (py.get_type::<PyFloat>(), Base::Float),
        (py.get_type::<PyBytes>(), Base::Bytes),
        (py.get_type::<PyList>(), Base::List),
        (py.get_type::<PyTuple>(), Base::Tuple),
        (py.get_type::<PyDict>(), Base::Dict),
        (py.get_type::<PySet>(), Base::Set),
        (py.get_type::<PyFrozenSet>(), Base::FrozenSet),
    ];
    bases.into_iter().find(|(builtin, _)| class.is(builtin)).map(|(_, base)| base)
}

fn subclass(class: &Bound<'_, PyType>, base: Base) -> PyResult<Shape> {
    let py = class.py();
    let names = match class.getattr(intern!(py, "_fields")) {
        Ok(names) if matches!(base, Base::Tuple) => names.extract::<Vec<String>>().ok(),
        _ => None,
    };
    let size = |class: &Bound<'_, PyAny>| class.getattr(intern!(py, "__basicsize__"))?.extract::<isize>();
    let no_dict = class.getattr(intern!(py, "__dictoffset__"))?.extract::<isize>()? == 0;
    let bare = match base {
        Base::Tuple => no_dict && size(class)? == size(&py.get_type::<PyTuple>())?,
        _ => false,
    };
    Ok(Shape::Subclass { base, names: Fragment::names(names.as_deref()), bare })
}

fn fields(class: &Bound<'_, PyType>) -> PyResult<Vec<Field>> {
    let declared = class.py().import("dataclasses")?.getattr("fields")?.call1((class,))?;
    let mut fields = Vec::new();
    for field in declared.try_iter()? {
        let name = field?.getattr("name")?.cast_into::<PyString>()?;
        let shown = name.to_string();
        fields.push(Field { fragment: Fragment::text(&shown), name: name.unbind(), shown });
    }
    Ok(fields)
}

fn own_attribute(class: &Bound<'_, PyType>, name: &str) -> PyResult<bool> {
    class.getattr(intern!(class.py(), "__dict__"))?.contains(name)
}

fn is_subclass_of(class: &Bound<'_, PyType>, module: &str, name: &str) -> PyResult<bool> {
    let Some(module) = loaded(class.py(), module)? else { return Ok(false) };
    let Ok(parent) = module.getattr(name) else { return Ok(false) };
    Ok(class.mro().iter().any(|ancestor| ancestor.is(&parent)))
}

/// A module, if it is there already: an instance of its classes cannot exist before.
fn loaded<'py>(py: Python<'py>, module: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
    let modules = py.import("sys")?.getattr(intern!(py, "modules"))?;
    Ok(modules.cast_into::<PyDict>()?.get_item(module)?.filter(|module| !module.is_none()))
}

impl Base {
    /// The tag of a set that this is the content of.
    pub(super) fn set_tag(self) -> Tag {
        if matches!(self, Self::Set) { Tag::Set } else { Tag::FrozenSet }
    }
}
