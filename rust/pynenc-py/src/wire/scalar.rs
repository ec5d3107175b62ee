//! Scalars in the form that the core writes by itself: one byte for the kind, then the value.
//!
//! They come back as exactly what was sent: by their exact types, floats by their bits. The kinds are below 32, where
//! no serializer's format is.

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyFloat, PyInt, PyString};

use super::memory;

const NONE: u8 = 1;
const FALSE: u8 = 2;
const TRUE: u8 = 3;
/// One to eight bytes, the lowest first, in two's complement.
const INT: u8 = 4;
/// Eight bytes of IEEE 754, the lowest first.
const FLOAT: u8 = 5;
/// UTF-8.
pub(super) const TEXT: u8 = 6;
pub(super) const BYTES: u8 = 7;
/// The first that is not a scalar.
const SERIALIZED: u8 = 32;

pub(super) enum Scalar<'a> {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(&'a str),
    Bytes(&'a [u8]),
}

impl<'a> Scalar<'a> {
    /// The value, if it is one that is written here: text that UTF-8 holds, an integer of 64 bits.
    pub(super) fn of(value: &'a Bound<'_, PyAny>) -> Option<Self> {
        if value.is_exact_instance_of::<PyInt>() {
            return value.extract().ok().map(Self::Int);
        }
        if value.is_none() {
            return Some(Self::None);
        }
        if let Ok(text) = value.cast_exact::<PyString>() {
            return text.to_str().ok().map(Self::Text);
        }
        if let Ok(float) = value.cast_exact::<PyFloat>() {
            return Some(Self::Float(float.value()));
        }
        if let Ok(flag) = value.cast_exact::<PyBool>() {
            return Some(Self::Bool(flag.is_true()));
        }
        value.cast_exact::<PyBytes>().ok().map(|bytes| Self::Bytes(bytes.as_bytes()))
    }

    /// The kind and the content of a text or bytes: what may be large.
    pub(super) fn content(&self) -> Option<(u8, &'a [u8])> {
        match *self {
            Self::Text(text) => Some((TEXT, text.as_bytes())),
            Self::Bytes(bytes) => Some((BYTES, bytes)),
            _ => None,
        }
    }

    /// How many bytes [`Self::write`] appends.
    pub(super) fn size(&self) -> usize {
        1 + match self {
            Self::None | Self::Bool(_) => 0,
            Self::Int(number) => shortest(&number.to_le_bytes()).len(),
            Self::Float(_) => 8,
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
        }
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match *self {
            Self::None => out.push(NONE),
            Self::Bool(flag) => out.push(if flag { TRUE } else { FALSE }),
            Self::Int(number) => {
                out.push(INT);
                out.extend_from_slice(shortest(&number.to_le_bytes()));
            }
            Self::Float(number) => {
                out.push(FLOAT);
                out.extend_from_slice(&number.to_bits().to_le_bytes());
            }
            Self::Text(text) => {
                out.push(TEXT);
                out.extend_from_slice(text.as_bytes());
            }
            Self::Bytes(bytes) => {
                out.push(BYTES);
                out.extend_from_slice(bytes);
            }
        }
    }
}

/// Without the bytes at the end that only repeat the sign.
fn shortest(bytes: &[u8; 8]) -> &[u8] {
    let mut length = bytes.len();
    while length > 1 {
        let (last, before) = (bytes[length - 1], bytes[length - 2]);
        let repeats = if before < 0x80 { 0 } else { 0xff };
        if last != repeats {
            break;
        }
        length -= 1;
    }
    bytes.get(..length).unwrap_or(bytes)
}

/// The value of an envelope, if it holds a scalar, or why it holds none that is known.
pub(super) fn read<'py>(py: Python<'py>, data: &[u8]) -> Option<Result<Bound<'py, PyAny>, String>> {
    let Some((&kind, body)) = data.split_first() else { return Some(Err("a value is empty".into())) };
    if kind >= SERIALIZED {
        return None;
    }
    Some(of_kind(py, kind, body))
}

/// The value of that kind.
pub(super) fn of_kind<'py>(py: Python<'py>, kind: u8, body: &[u8]) -> Result<Bound<'py, PyAny>, String> {
    Ok(match (kind, body.len()) {
        (NONE, 0) => py.None().into_bound(py),
        (FALSE, 0) => PyBool::new(py, false).to_owned().into_any(),
        (TRUE, 0) => PyBool::new(py, true).to_owned().into_any(),
        (INT, 1..=8) => PyInt::new(py, integer(body)).into_any(),
        (FLOAT, 8) => PyFloat::new(py, f64::from_le_bytes(integer(body).to_le_bytes())).into_any(),
        (TEXT, _) => match PyString::from_bytes(py, body) {
            Ok(text) => text.into_any(),
            Err(_) => return Err("a text is not UTF-8".into()),
        },
        (BYTES, _) => memory::bytes_of(py, body).map_err(|error| error.to_string())?.into_any(),
        (NONE..=FLOAT, size) => return Err(format!("{size} bytes for a value of kind {kind}")),
        _ => return Err(format!("no value is of kind {kind}")),
    })
}

/// The number of up to eight bytes.
fn integer(bytes: &[u8]) -> i64 {
    let negative = bytes.last().is_some_and(|&last| last >= 0x80);
    let mut whole = [if negative { 0xff } else { 0 }; 8];
    for (place, &byte) in whole.iter_mut().zip(bytes) {
        *place = byte;
    }
    i64::from_le_bytes(whole)
}
