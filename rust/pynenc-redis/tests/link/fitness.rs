//! What is said of a server's settings before work is entrusted to it.

use pynenc_redis::error::RedisError;
use pynenc_redis::link::fitness::examine;

use crate::rig::Server;
use crate::rig::echo::wire;
use crate::server;

#[test]
fn a_server_that_keeps_its_promises() {
    let server = server!("--appendonly", "yes", "--maxmemory-policy", "noeviction");
    assert_eq!(examine(&wire(&server.url()), true).unwrap(), Vec::<String>::new());
}

#[test]
fn settings_that_may_lose_work() {
    let server = server!("--appendonly", "no", "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru");
    let wire = wire(&server.url());
    let warnings = examine(&wire, false).unwrap();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].contains("maxmemory-policy is allkeys-lru"), "{warnings:?}");
    assert!(warnings[1].contains("appendonly is no"), "{warnings:?}");
    let error = examine(&wire, true).unwrap_err();
    assert!(matches!(&error, RedisError::Unfit { reason, .. } if reason.contains("allkeys-lru")), "{error}");
    let _: String = server.ask(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    let _: String = server.ask(&["CONFIG", "SET", "appendonly", "yes"]);
    assert_eq!(examine(&wire, true).unwrap(), Vec::<String>::new());
}

#[test]
fn a_user_who_may_not_look() {
    let server = server!();
    let _: String = server.ask(&["ACL", "SETUSER", "ann", "on", ">pw", "~*", "&*", "+@all", "-info"]);
    let wire = wire(&format!("unix://ann:pw@{}", server.socket().display()));
    let warnings = examine(&wire, true).unwrap();
    assert!(
        matches!(&*warnings, [one] if one.contains("cannot be examined") && one.contains("NOPERM")),
        "{warnings:?}"
    );
}

#[test]
fn a_server_that_cannot_be_used_at_all() {
    let Some(master) = Server::start_on_port(&[]) else { return };
    let replica = server!("--replicaof", &format!("127.0.0.1 {}", master.port()));
    let error = examine(&wire(&replica.url()), false).unwrap_err();
    assert!(matches!(error, RedisError::Unfit { .. }), "{error}");
}
