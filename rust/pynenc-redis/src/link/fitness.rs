//! Whether the server's settings keep what is promised.

use std::collections::HashMap;

use super::handshake::text;
use super::wire::Wire;
use crate::error::{RedisError, Result};

/// Look at the server and say, a line each, what weakens the promises. With `strict`, settings that
/// may lose acknowledged work are refused.
///
/// # Errors
/// `Unfit` for a server that cannot be used (and, with `strict`, should not be), and as a call on
/// the wire.
pub fn examine(wire: &Wire, strict: bool) -> Result<Vec<String>> {
    let mut warnings = on_the_way(wire);
    let facts = match wire.command(&[b"INFO", b"everything"]) {
        Ok(reply) => facts(&text(&reply)),
        Err(error @ (RedisError::Access { .. } | RedisError::Protocol(_))) => {
            // The user may not ask; a call that may not work says so itself.
            wire.command(&[b"PING"])?;
            warnings.push(format!("the server's settings cannot be examined: {error}"));
            return Ok(warnings);
        }
        Err(error) => return Err(error),
    };
    let settings = of_the_server(&facts);
    if strict && !settings.is_empty() {
        return Err(RedisError::Unfit {
            server: wire.route().address().to_string(),
            reason: format!("{}; strict settings are asked for", settings.join("; ")),
        });
    }
    warnings.extend(settings);
    Ok(warnings)
}

fn on_the_way(wire: &Wire) -> Vec<String> {
    let address = wire.route().address();
    let mut warnings = Vec::new();
    if address.is_exposed() {
        warnings.push("the connection is not encrypted and leaves this machine: use rediss://".to_owned());
    }
    if address.is_unverified() {
        warnings.push("the server's certificate is not checked: ssl_cert_reqs=none".to_owned());
    }
    warnings
}

fn of_the_server(facts: &HashMap<String, String>) -> Vec<String> {
    let mut warnings = Vec::new();
    match facts.get("maxmemory_policy").map(String::as_str) {
        None | Some("noeviction") => {}
        Some(policy) => {
            warnings.push(format!("maxmemory-policy is {policy}, so a full server drops work; set it to noeviction"))
        }
    }
    if facts.get("aof_enabled").is_some_and(|enabled| enabled == "0") {
        warnings.push("appendonly is no, so work is lost when the server ends; set it to yes".to_owned());
    }
    warnings
}

fn facts(info: &str) -> HashMap<String, String> {
    let pairs = info.lines().filter_map(|line| line.split_once(':'));
    pairs.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_settings_say_nothing() {
        let good = facts("# Memory\r\nmaxmemory_policy:noeviction\r\n# Persistence\r\naof_enabled:1\r\n");
        assert!(of_the_server(&good).is_empty());
    }

    #[test]
    fn each_weak_setting_is_named_with_its_cure() {
        let weak = facts("maxmemory_policy:allkeys-lru\r\naof_enabled:0\r\n");
        let warnings = of_the_server(&weak);
        assert_eq!(warnings.len(), 2);
        assert!(warnings[0].contains("allkeys-lru") && warnings[0].contains("noeviction"));
        assert!(warnings[1].contains("appendonly"));
    }
}
