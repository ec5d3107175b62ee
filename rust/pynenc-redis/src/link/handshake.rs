//! The first words on a connection: who we are, and whether the other side will do.

use std::fmt::Display;

use redis::{ServerError, Value};

use super::address::{Address, Login};
use super::command::{pack, packed};
use super::connection::Connection;
use super::fault::Fault;
use super::patience::Patience;
use crate::error::RedisError;

/// What a server said of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Peer {
    pub(super) software: String,
    pub(super) version: String,
    pub(super) mode: String,
    pub(super) role: String,
}

/// Log in, choose the database, and look at what answers. One round trip.
pub(super) fn introduce(
    connection: &mut Connection,
    address: &Address,
    name: &str,
    patience: &Patience,
) -> Result<(), Fault> {
    let mut words = hello(&address.login, name);
    if address.db != 0 {
        words.extend(packed(&[b"SELECT", address.db.to_string().as_bytes()]));
    }
    // Shown by CLIENT LIST; refused by some users' rights, which does not matter.
    words.extend(packed(&[b"CLIENT", b"SETINFO", b"LIB-NAME", b"pynenc"]));
    connection.send(&words, patience)?;
    let peer = understood(connection.receive(patience)?, address)?;
    if address.db != 0
        && let Value::ServerError(error) = connection.receive(patience)?
    {
        return Err(unfit(address, format!("database {} cannot be selected: {}", address.db, said(&error))));
    }
    connection.receive(patience)?;
    // A large value may be the first that is asked for, above all where it is asked for again.
    connection.all_received();
    fit(&peer, address)?;
    connection.peer = peer;
    Ok(())
}

/// The same for a Sentinel, which has neither databases nor roles.
pub(super) fn introduce_to_sentinel(
    connection: &mut Connection,
    address: &Address,
    patience: &Patience,
) -> Result<(), Fault> {
    let reply = connection.ask(&hello(&address.sentinel_login, "pynenc:resolve"), patience)?;
    understood(reply, address).map(|_| ())
}

fn hello(login: &Login, name: &str) -> Vec<u8> {
    let mut words: Vec<&[u8]> = vec![b"HELLO", b"2"];
    if let Some(password) = &login.password {
        let user = login.user.as_deref().unwrap_or("default");
        words.extend([b"AUTH".as_slice(), user.as_bytes(), password.reveal().as_bytes()]);
    }
    words.extend([b"SETNAME".as_slice(), name.as_bytes()]);
    let mut out = Vec::new();
    pack(&mut out, words.into_iter());
    out
}

fn understood(reply: Value, address: &Address) -> Result<Peer, Fault> {
    match reply {
        Value::Array(pairs) => Ok(peer(&pairs)),
        Value::ServerError(error) => Err(refusal(&error, address)),
        _ => Err(unfit(address, "it does not answer as a Redis or Valkey server does".into())),
    }
}

fn peer(pairs: &[Value]) -> Peer {
    let field = |name: &str| {
        let mut fields = pairs.chunks_exact(2).filter_map(|pair| <&[Value; 2]>::try_from(pair).ok());
        fields.find(|[key, _]| text(key) == name).map(|[_, value]| text(value)).unwrap_or_default()
    };
    Peer { software: field("server"), version: field("version"), mode: field("mode"), role: field("role") }
}

/// A string of the protocol as text.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::SimpleString(text) => text.clone(),
        Value::Int(number) => number.to_string(),
        _ => String::new(),
    }
}

fn refusal(error: &ServerError, address: &Address) -> Fault {
    match error.code() {
        "NOAUTH" | "WRONGPASS" | "NOPERM" | "DENIED" => Fault::Fatal(access(error, address)),
        "ERR" if said(error).to_lowercase().contains("unknown command") => {
            unfit(address, format!("it is too old; {ACCEPTED}"))
        }
        _ => Fault::Lost(said(error)),
    }
}

/// The error for refused credentials or rights.
pub(super) fn access(error: &ServerError, server: &dyn Display) -> RedisError {
    let cure = match error.code() {
        "NOPERM" => "give this user the rights that the documentation lists",
        _ => {
            "user and password belong into the address, redis://user:password@host, or into redis_username and \
              redis_password"
        }
    };
    RedisError::Access { server: server.to_string(), reason: format!("{}; {cure}", said(error)) }
}

/// A server's error in its own words.
pub(super) fn said(error: &ServerError) -> String {
    match error.details() {
        Some(details) => format!("{} {details}", error.code()),
        None => error.code().to_owned(),
    }
}

const ACCEPTED: &str = "accepted are Redis 7.0, Valkey 7.2, and later ones";

fn fit(peer: &Peer, address: &Address) -> Result<(), Fault> {
    if peer.mode == "sentinel" {
        return Err(unfit(address, "it is a Sentinel: write redis+sentinel://host,host/service/db".into()));
    }
    let oldest = if peer.software == "valkey" { (7, 2) } else { (7, 0) };
    match release(&peer.version) {
        Some(version) if version >= oldest => Ok(()),
        _ => Err(unfit(address, format!("it is {} {}; {ACCEPTED}", peer.software, peer.version))),
    }
}

fn release(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split('.').map(str::parse);
    Some((parts.next()?.ok()?, parts.next()?.ok()?))
}

pub(super) fn unfit(address: &Address, reason: String) -> Fault {
    Fault::Fatal(RedisError::Unfit { server: address.to_string(), reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(software: &str, version: &str, mode: &str) -> bool {
        let peer =
            Peer { software: software.into(), version: version.into(), mode: mode.into(), role: "master".into() };
        let address = "redis://h".parse().unwrap_or_else(|error| panic!("{error}"));
        fit(&peer, &address).is_ok()
    }

    #[test]
    fn the_oldest_that_will_do() {
        for version in ["7.0.0", "7.0.15", "7.4", "8.0.1", "10.0.0"] {
            assert!(check("redis", version, "standalone"), "{version}");
        }
        for version in ["6.2.14", "6.99", "", "new", "7"] {
            assert!(!check("redis", version, "standalone"), "{version}");
        }
        assert!(check("valkey", "7.2.0", "cluster") && check("valkey", "9.1.2", "standalone"));
        assert!(!check("valkey", "7.1.0", "standalone"));
    }

    #[test]
    fn a_sentinel_is_no_server() {
        assert!(!check("redis", "7.2.0", "sentinel"));
    }
}
