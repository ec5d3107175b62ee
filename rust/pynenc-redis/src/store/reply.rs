//! Replies of functions, taken apart.

use pynenc_core::error::CoreError;
use pynenc_core::id::InvocationId;
use redis::Value;

use super::record;
use crate::error::{RedisError, Result};

/// The codes of `lua/record.lua`, by their ten thousands.
const MISSING: u64 = 1;
const FENCED: u64 = 2;
const TRANSITION: u64 = 3;
const LACKING: u64 = 4;

fn unexpected(what: &str, value: &Value) -> RedisError {
    // The kind alone: values of users stay out of errors.
    let kind = match value {
        Value::Nil => "nothing",
        Value::Int(_) => "a number",
        Value::BulkString(_) => "a text",
        Value::Array(_) => "a list",
        _ => "something else",
    };
    RedisError::Protocol(format!("a function answers {kind} in place of {what}"))
}

pub(crate) fn broken_bundle() -> RedisError {
    RedisError::Protocol("a bundle of calls cannot be read".to_owned())
}

pub(crate) fn number(value: &Value) -> Result<i64> {
    match value {
        Value::Int(number) => Ok(*number),
        other => Err(unexpected("a number", other)),
    }
}

pub(crate) fn count(value: &Value) -> Result<usize> {
    usize::try_from(number(value)?).map_err(|_| unexpected("a count", value))
}

pub(crate) fn list(value: Value) -> Result<Vec<Value>> {
    match value {
        Value::Array(items) => Ok(items),
        other => Err(unexpected("a list", &other)),
    }
}

pub(crate) fn bytes(value: Value) -> Result<Vec<u8>> {
    match value {
        Value::BulkString(bytes) => Ok(bytes),
        other => Err(unexpected("a text", &other)),
    }
}

pub(crate) fn text(value: Value) -> Result<String> {
    String::from_utf8(bytes(value)?)
        .map_err(|_| RedisError::Protocol("a function answers bytes that are no text".into()))
}

pub(crate) fn id(value: Value) -> Result<InvocationId> {
    record::id(&bytes(value)?)
}

/// Ids, one after the other in one text.
pub(crate) fn ids(value: Value) -> Result<Vec<InvocationId>> {
    bytes(value)?.chunks(16).map(record::id).collect()
}

/// The next of a list that has a fixed beginning.
pub(crate) fn next(items: &mut std::vec::IntoIter<Value>) -> Result<Value> {
    items.next().ok_or_else(|| RedisError::Protocol("a function's answer is too short".into()))
}

/// What a code says of an invocation: nothing, or why not.
pub(crate) fn judge(code: i64, id: InvocationId, attempt: u32) -> Result<()> {
    let code = u64::try_from(code).map_err(|_| RedisError::Protocol("a function answers an unknown code".into()))?;
    match code / 10_000 {
        0 => Ok(()),
        MISSING => Err(CoreError::Vanished(id).into()),
        FENCED => Err(CoreError::Fenced { id, attempt, status: record::status(code % 100)? }.into()),
        TRANSITION => {
            let (from, to) = (record::status(code / 100 % 100)?, record::status(code % 100)?);
            Err(CoreError::Transition { id, from, to }.into())
        }
        LACKING => Err(RedisError::Lacking),
        _ => Err(RedisError::Protocol("a function answers an unknown code".into())),
    }
}
