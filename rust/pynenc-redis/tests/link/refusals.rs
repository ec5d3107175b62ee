//! Servers that cannot be used: each a clear error, soon, with no secret in it.

use std::time::Instant;

use pynenc_redis::error::RedisError;
use pynenc_redis::link::Link;
use pynenc_redis::link::doorbell::Doorbell;
use pynenc_redis::link::notices::{Listener, Notices};

use crate::rig::echo::{PREFIX, echo, wire};
use crate::rig::peer::{Act, Peer, hello, say};
use crate::rig::{PATIENCE, Server, binary, eventually};
use crate::server;

const CANARY: &str = "c4n4ry-of-a-password";

/// The error of a first call, which comes long before the time is over.
fn refusal(url: &str) -> RedisError {
    let began = Instant::now();
    let wire = wire(url);
    let error = wire.call(&[echo(&["one"])]).and_then(|mut replies| replies.remove(0)).unwrap_err();
    assert!(began.elapsed() < wire.route().timing().first, "it took {:?}", began.elapsed());
    for shown in [format!("{error} {error:?}"), format!("{wire:?} {:?}", wire.route())] {
        assert!(!shown.contains(CANARY), "{shown}");
    }
    error
}

fn assert_access(error: &RedisError, reason: &str) {
    assert!(matches!(error, RedisError::Access { .. }), "{error}");
    assert!(error.to_string().contains(reason), "{error}");
}

fn assert_unfit(error: &RedisError, reason: &str) {
    assert!(matches!(error, RedisError::Unfit { .. }), "{error}");
    assert!(error.to_string().contains(reason), "{error}");
}

fn assert_unfit_peer(reason: &str, answer: impl Fn(usize, &[String]) -> Option<Act> + Send + Sync + 'static) {
    let peer = Peer::start(answer);
    assert_unfit(&refusal(&peer.url()), reason);
    assert!(peer.heard().is_empty(), "it is told nothing: {:?}", peer.heard());
}

#[test]
fn a_wrong_password() {
    let server = server!("--requirepass", "the right one");
    let socket = server.socket();
    let with_password = |query: &str| format!("unix://{}{query}", socket.display());
    assert_access(&refusal(&with_password(&format!("?password={CANARY}"))), "WRONGPASS");
    assert_access(&refusal(&with_password(&format!("?username=ann&password={CANARY}"))), "WRONGPASS");
    assert_access(&refusal(&with_password("")), "NOAUTH");
    wire(&with_password("?password=the%20right%20one")).call(&[echo(&["one"])]).unwrap().remove(0).unwrap();
}

#[test]
fn a_wrong_password_for_bell_and_notices() {
    struct Deaf;
    impl Listener for Deaf {
        fn on_message(&self, _: &[u8]) {}
        fn on_reconnected(&self) {}
    }
    let server = server!("--requirepass", "the right one");
    let wire = wire(&format!("{}?password={CANARY}", server.url()));
    let error = Doorbell::new(wire.route().clone()).wait(&[b"key"], PATIENCE).unwrap_err();
    assert_access(&error, "WRONGPASS");
    let notices = Notices::open(wire.route().clone(), "channel", Deaf).unwrap();
    assert_access(&notices.ready().unwrap_err(), "WRONGPASS");
}

#[test]
fn a_user_without_rights() {
    let server = server!();
    let _: String = server.ask(&["ACL", "SETUSER", "ann", "on", &format!(">{CANARY}"), "~*", "&*", "+@all", "-fcall"]);
    let url = format!("unix://ann:{CANARY}@{}", server.socket().display());
    assert_access(&refusal(&url), "NOPERM");
    let _: String = server.ask(&["ACL", "SETUSER", "ann", "+fcall"]);
    wire(&url).call(&[echo(&["one"])]).unwrap().remove(0).unwrap();
}

#[test]
fn a_user_whose_rights_go_as_far_as_they_must() {
    let server = server!();
    let rights = ["~pynenc:4:{test}:*", "&pynenc:4:{test}:*", "-@all", "+@scripting", "+hincrby", "+hello", "+select"];
    let mut words = vec!["ACL", "SETUSER", "ann", "on", ">pw"];
    words.extend(rights);
    let _: String = server.ask(&words);
    let url = format!("unix://ann:pw@{}", server.socket().display());
    wire(&url).call(&[echo(&["one"])]).unwrap().remove(0).unwrap();
}

#[test]
fn a_database_that_there_is_not() {
    let server = server!();
    assert_unfit(&refusal(&format!("{}?db=99", server.url())), "database 99");
    wire(&format!("{}?db=3", server.url())).call(&[echo(&["one"])]).unwrap().remove(0).unwrap();
    let calls: u32 =
        redis::cmd("HGET").arg("pynenc:4:{test}:calls").arg("one").query(&mut in_database(&server)).unwrap();
    assert_eq!(calls, 1);
}

fn in_database(server: &Server) -> redis::Connection {
    let url = format!("unix://{}?db=3", server.socket().display());
    redis::Client::open(url).unwrap().get_connection().unwrap()
}

#[test]
fn a_read_only_replica() {
    let Some(master) = Server::start_on_port(&[]) else { return };
    let port = master.port().to_string();
    let replica = server!("--replicaof", &format!("127.0.0.1 {port}"));
    assert_unfit(&refusal(&replica.url()), "read-only replica");
}

#[test]
fn a_master_that_became_a_replica_is_waited_for() {
    let Some(other) = Server::start_on_port(&[]) else { return };
    let server = server!();
    let wire = wire(&server.url());
    wire.call(&[echo(&["before"])]).unwrap().remove(0).unwrap();
    let port = other.port().to_string();
    let _: String = server.ask(&["REPLICAOF", "127.0.0.1", &port]);
    std::thread::scope(|scope| {
        let caller = scope.spawn(|| wire.call(&[echo(&["after"])]).unwrap().remove(0).unwrap());
        eventually("it sees the replica", || server.ask::<String>(&["INFO", "errorstats"]).contains("READONLY"));
        let _: String = server.ask(&["REPLICAOF", "NO", "ONE"]);
        caller.join().unwrap();
    });
}

#[test]
fn servers_that_are_too_old() {
    for version in ["6.2.14", "5.0.1", "6.0"] {
        assert_unfit_peer(version, move |_, words| {
            (words[0] == "HELLO").then(|| Act::Say(hello("redis", version, "standalone", "master")))
        });
    }
    assert_unfit_peer("Redis 7.0, Valkey 7.2", |_, words| match words[0].as_str() {
        "HELLO" => say("-ERR unknown command `HELLO`, with args beginning with: `2`, \r\n"),
        _ => None,
    });
}

#[test]
fn a_sentinel_is_no_server() {
    assert_unfit_peer("redis+sentinel://", |_, words| {
        (words[0] == "HELLO").then(|| Act::Say(hello("redis", "7.2.0", "sentinel", "sentinel")))
    });
}

#[test]
fn what_speaks_another_protocol() {
    assert_unfit_peer("not the protocol of Redis", |_, _| say("HTTP/1.1 400 Bad Request\r\n\r\n"));
    assert_unfit_peer("does not answer as", |_, _| say(":42\r\n"));
    // The alert of a server that expects TLS.
    assert_unfit_peer("rediss://", |_, _| Some(Act::SayAndClose(vec![21, 3, 3, 0, 2, 2, 10])));
}

#[test]
fn a_server_in_protected_mode() {
    let peer = Peer::start(|_, _| say("-DENIED Redis is running in protected mode\r\n"));
    assert_access(&refusal(&peer.url()), "protected mode");
}

#[test]
fn nothing_is_sent_under_another_prefix() {
    let server = server!();
    wire(&server.url()).call(&[echo(&["one"])]).unwrap().remove(0).unwrap();
    let keys: Vec<String> = server.ask(&["KEYS", "*"]);
    assert!(keys.iter().all(|key| key.starts_with(PREFIX)), "{keys:?}");
    assert!(binary::find().is_some());
}
