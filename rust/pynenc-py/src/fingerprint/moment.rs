//! Dates, times, decimals and UUIDs.

use pynenc_core::fingerprint::{Canonical, Tag};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use super::fault::{Fault, Outcome, Step};
use super::kind::{self, Shape};
use super::walk::{Level, Walk};

/// Write the named int attributes of an object.
macro_rules! ints {
    ($walk:expr, $out:expr, $object:expr, $($name:literal),+) => {{
        $(
            let part: i64 = $object.getattr(intern!($walk.py, $name)).and_then(|part| part.extract()).map_err($walk.unread())?;
            $out.int(part);
        )+
    }};
}

impl<'py> Walk<'_, 'py> {
    fn unread(&self) -> impl Fn(PyErr) -> Fault {
        let py = self.py;
        move |error| Fault::raised(py, "the value cannot be read", error)
    }

    pub(super) fn datetime(&self, out: &mut Canonical, value: &Bound<'py, PyAny>, outer: &Level<'_>) -> Outcome {
        out.tag(Tag::DateTime);
        ints!(self, out, value, "year", "month", "day", "hour", "minute", "second", "microsecond", "fold");
        self.zone(out, value, outer)
    }

    pub(super) fn date(&self, out: &mut Canonical, value: &Bound<'py, PyAny>) -> Outcome {
        out.tag(Tag::Date);
        ints!(self, out, value, "year", "month", "day");
        Ok(())
    }

    pub(super) fn time(&self, out: &mut Canonical, value: &Bound<'py, PyAny>, outer: &Level<'_>) -> Outcome {
        out.tag(Tag::Time);
        ints!(self, out, value, "hour", "minute", "second", "microsecond", "fold");
        self.zone(out, value, outer)
    }

    pub(super) fn timedelta(&self, out: &mut Canonical, value: &Bound<'py, PyAny>) -> Outcome {
        out.tag(Tag::TimeDelta);
        ints!(self, out, value, "days", "seconds", "microseconds");
        Ok(())
    }

    /// The zone by its key when it has one (rules may differ between machines, keys do not), else by
    /// what it says of this moment.
    fn zone(&self, out: &mut Canonical, moment: &Bound<'py, PyAny>, outer: &Level<'_>) -> Outcome {
        let zone = moment.getattr(intern!(self.py, "tzinfo")).map_err(self.unread())?;
        if zone.is_none() {
            out.tag(Tag::None);
            return Ok(());
        }
        self.zone_parts(out, moment, &zone, outer).map_err(|fault| fault.below(|| Step::Field("tzinfo".to_owned())))
    }

    fn zone_parts(
        &self,
        out: &mut Canonical,
        moment: &Bound<'py, PyAny>,
        zone: &Bound<'py, PyAny>,
        outer: &Level<'_>,
    ) -> Outcome {
        let kind = kind::of(&zone.get_type()).map_err(self.unread())?;
        out.open_named(Tag::Zone, &kind.type_name);
        let key = match kind.shape {
            Shape::FixedZone => None,
            _ => zone.getattr_opt(intern!(self.py, "key")).map_err(self.unread())?,
        };
        if let Some(key) = key.filter(|key| key.is_exact_instance_of::<PyString>()) {
            self.text(out, &key, true)?;
            out.tag(Tag::None);
            out.tag(Tag::None);
            return Ok(());
        }
        out.tag(Tag::None);
        let offset = moment.call_method0(intern!(self.py, "utcoffset")).map_err(self.unread())?;
        let name = moment.call_method0(intern!(self.py, "tzname")).map_err(self.unread())?;
        self.value(out, &offset, outer)?;
        self.value(out, &name, outer)
    }

    pub(super) fn decimal(&self, out: &mut Canonical, value: &Bound<'py, PyAny>) -> Outcome {
        // Capitals: the context decides between `1E+5` and `1e+5`.
        let text = value.str().map_err(self.unread())?.to_string_lossy().to_ascii_uppercase();
        out.tag(Tag::Decimal);
        out.text(text.len(), text.as_bytes());
        Ok(())
    }

    pub(super) fn uuid(&self, out: &mut Canonical, value: &Bound<'py, PyAny>) -> Outcome {
        let bytes = value.getattr(intern!(self.py, "bytes")).map_err(self.unread())?;
        let bytes = bytes.cast_into::<PyBytes>().map_err(|error| Fault::new(error.to_string()))?;
        match bytes.as_bytes() {
            data if data.len() == 16 => out.fixed(Tag::Uuid, data),
            data => return Err(Fault::new(format!("a UUID has 16 bytes, not {}", data.len()))),
        }
        Ok(())
    }
}
