use super::super::{Address, Place};
use crate::error::RedisError;
use crate::link::endpoint::Endpoint;

fn parse(text: &str) -> Address {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refused(text: &str) -> String {
    match text.parse::<Address>() {
        Err(RedisError::Address(why)) => why,
        other => panic!("{text} gives {other:?}"),
    }
}

fn tcp(host: &str, port: u16) -> Endpoint {
    Endpoint::Tcp(host.into(), port)
}

#[test]
fn one_server() {
    let address = parse("redis://ann:p%40ss@example.org:7000/3");
    assert_eq!(address.place, Place::One(tcp("example.org", 7000)));
    assert_eq!(address.login.user.as_deref(), Some("ann"));
    assert_eq!(address.login.password.as_ref().map(|secret| secret.reveal()), Some("p@ss"));
    assert_eq!(address.db, 3);
    assert!(address.tls.is_none());
}

#[test]
fn what_is_left_out_has_a_default() {
    let address = parse("valkey://localhost");
    assert_eq!(address.place, Place::One(tcp("localhost", 6379)));
    assert_eq!((address.login.user, address.login.password, address.db), (None, None, 0));
    let password_only = parse("redis://:secret@h");
    assert_eq!(password_only.login.user, None);
    assert!(password_only.login.password.is_some());
}

#[test]
fn brackets_hold_an_ip_address() {
    let address = parse("redis://[::1]:7000");
    assert_eq!(address.place, Place::One(tcp("::1", 7000)));
    assert_eq!(address.to_string(), "redis://[::1]:7000/0");
    assert_eq!(parse("redis://[::1]").place, Place::One(tcp("::1", 6379)));
}

#[test]
fn a_unix_socket() {
    let address = parse("unix:///run/my%20app/valkey.sock?db=2&password=pw");
    assert_eq!(address.place, Place::One(Endpoint::Unix("/run/my app/valkey.sock".into())));
    assert_eq!(address.db, 2);
    assert_eq!(address.to_string(), "unix://:***@/run/my app/valkey.sock");
}

#[test]
fn sentinels() {
    let address = parse("redis+sentinel://u:p@a,b:1234/main/4?sentinel_password=other");
    let watchers = vec![tcp("a", 26379), tcp("b", 1234)];
    assert_eq!(address.place, Place::Sentinel { watchers, service: "main".into() });
    assert_eq!(address.db, 4);
    assert!(address.sentinel_login.password.is_some());
    assert_eq!(address.to_string(), "redis+sentinel://u:***@a:26379,b:1234/main/4");
}

#[test]
fn a_cluster() {
    let address = parse("rediss+cluster://a:1,b:2");
    assert_eq!(address.place, Place::Cluster(vec![tcp("a", 1), tcp("b", 2)]));
    assert!(address.tls.as_ref().is_some_and(|tls| tls.verified));
}

#[test]
fn tls_is_verified_unless_told_otherwise() {
    let usual = parse("rediss://h?ssl_ca_certs=/ca.pem&ssl_certfile=/c.pem&ssl_keyfile=/k.pem");
    assert!(!usual.is_unverified());
    let tls = usual.tls.unwrap_or_else(|| panic!("no TLS"));
    assert_eq!(tls.authorities, Some("/ca.pem".into()));
    assert_eq!(tls.identity, Some(("/c.pem".into(), "/k.pem".into())));
    assert!(parse("rediss://h?ssl_cert_reqs=none").is_unverified());
}

#[test]
fn plain_text_to_another_machine_is_exposed() {
    for local in ["redis://localhost", "redis://127.0.0.1", "redis://[::1]", "unix:///s", "rediss://far.example"] {
        assert!(!parse(local).is_exposed(), "{local}");
    }
    for far in ["redis://far.example", "redis://10.0.0.1", "redis+cluster://localhost,far.example"] {
        assert!(parse(far).is_exposed(), "{far}");
    }
}

#[test]
fn wrong_addresses_say_what_is_accepted() {
    for (text, why) in [
        ("localhost:6379", "no scheme"),
        ("http://h", "unknown scheme http://"),
        ("redis+ring://h", "unknown scheme redis+ring://"),
        ("redis://", "no host"),
        ("redis://h:0", "port"),
        ("redis://h:70000", "port"),
        ("redis://[::1", "[ without a ]"),
        ("redis://[::1]x", "port"),
        ("redis://a,b", "several hosts"),
        ("redis://h/zero", "database"),
        ("redis://h/0/1", "database"),
        ("redis://h?colour=blue", "unknown option"),
        ("redis://h?colour", "name=value"),
        ("redis://ann@h", "no password"),
        ("redis://u:%zz@h", "broken %-escape"),
        ("redis+sentinel://h", "no service"),
        ("unix://host/path", "host before the path"),
        ("unix://", "no path"),
        ("rediss://h?ssl_cert_reqs=maybe", "ssl_cert_reqs"),
        ("rediss://h?ssl_certfile=/c", "go together"),
        ("redis://h?ssl_ca_certs=/c", "unknown option"),
    ] {
        let said = refused(text);
        assert!(said.contains(why), "{text}: {said}");
    }
}

#[test]
fn no_form_of_it_shows_the_password() {
    let canary = "c4n4ry";
    for text in [
        format!("redis://u:{canary}@h"),
        format!("unix:///s?password={canary}"),
        format!("redis+sentinel://u:{canary}@h/service?sentinel_password={canary}"),
        format!("redis+cluster://:{canary}@h,g"),
    ] {
        let address = parse(&text);
        assert!(!format!("{address} {address:?} {:?}", address.login).contains(canary), "{text}");
    }
    for text in [
        format!("h:{canary}@x"),
        format!("redis://u:{canary}@h:no-port"),
        format!("redis://u:{canary}%zz@h"),
        format!("redis://u:{canary}@"),
        format!("redis://h/{canary}"),
        format!("redis://h?password={canary}%zz"),
        format!("redis://u:{canary}@a,b"),
        format!("redis://u:/{canary}@h"),
    ] {
        assert!(!refused(&text).contains(canary), "{text}");
    }
}
