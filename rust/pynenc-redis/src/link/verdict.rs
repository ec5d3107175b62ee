//! What to do about a reply.

use std::fmt::Display;

use redis::{ServerError, Value};

use super::cluster::moved_to;
use super::endpoint::Endpoint;
use super::handshake::{access, said};
use crate::error::{RedisError, Result};

/// What a reply to one command means.
pub(super) enum Verdict {
    /// It is the caller's, good or bad.
    Answer(Result<Value>),
    /// The server does not have the library.
    Unknown,
    /// The server cannot say now: ask again later.
    Later(String),
    /// Another server is the right one.
    Elsewhere(Option<Endpoint>, String),
}

/// Judge the reply of the server at `asked`. `server` is its address for messages.
pub(super) fn judge(reply: Value, refusable: bool, asked: &Endpoint, server: &dyn Display) -> Verdict {
    let error = match reply {
        Value::ServerError(error) => error,
        reply => {
            return Verdict::Answer(reply.extract_error().map_err(|error| RedisError::Protocol(error.to_string())));
        }
    };
    match error.code() {
        _ if error.details() == Some("Function not found") => Verdict::Unknown,
        "MOVED" => Verdict::Elsewhere(moved_to(error.details().unwrap_or_default(), asked), said(&error)),
        // Failed over under us: whoever is the master now is found anew.
        "READONLY" => Verdict::Elsewhere(None, said(&error)),
        "OOM" if refusable => Verdict::Answer(Err(full(&error, server))),
        // ASK: the slot is on its way to another node, key by key. A function needs all keys of the app in
        // one place, so it waits until they are.
        "OOM" | "LOADING" | "BUSY" | "TRYAGAIN" | "MASTERDOWN" | "CLUSTERDOWN" | "ASK" | "MISCONF" | "NOREPLICAS"
        | "UNBLOCKED" => Verdict::Later(said(&error)),
        "NOAUTH" | "WRONGPASS" | "NOPERM" | "DENIED" => Verdict::Answer(Err(access(&error, server))),
        _ => Verdict::Answer(Err(RedisError::Protocol(said(&error)))),
    }
}

fn full(error: &ServerError, server: &dyn Display) -> RedisError {
    RedisError::Full { server: server.to_string(), reason: said(error) }
}
