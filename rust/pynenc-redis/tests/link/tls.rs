//! Over TLS: who is believed, and who is not.

use std::time::Duration;

use pynenc_redis::error::RedisError;
use pynenc_redis::link::Link;
use pynenc_redis::link::fitness::examine;
use pynenc_redis::link::route::Route;
use pynenc_redis::link::timing::Timing;

use crate::rig::echo::{HASTY, echo, echoed, wire, wire_with};
use crate::rig::terminator::{file, start};
use crate::rig::{Server, free_port};
use crate::server;

fn url(host: &str, port: u16, options: &str) -> String {
    format!("rediss://{host}:{port}?{options}")
}

fn trusting(authority: &str) -> String {
    format!("ssl_ca_certs={}", file(authority).display())
}

fn refusal(url: &str) -> String {
    let error = wire(url).call(&[echo(&["one"])]).unwrap_err();
    assert!(matches!(error, RedisError::Unfit { .. }), "{error}");
    error.to_string()
}

fn call(url: &str) {
    let large = "x".repeat(1 << 20);
    let replies = wire(url).call(&[echo(&["one"]), echo(&[&large])]).unwrap();
    let replies: Vec<_> = replies.into_iter().map(Result::unwrap).collect();
    assert_eq!(replies, [echoed(&["one"]), echoed(&[&large])]);
}

#[test]
fn a_server_whose_authority_is_named() {
    let server = server!();
    let port = start(server.socket(), false);
    call(&url("127.0.0.1", port, &trusting("authority.pem")));
}

#[test]
fn a_server_of_another_authority_or_another_name() {
    let server = server!();
    let port = start(server.socket(), false);
    let error = refusal(&url("127.0.0.1", port, &trusting("stranger.pem")));
    assert!(error.contains("certificate") && error.contains("ssl_ca_certs"), "{error}");
    let error = refusal(&url("localhost", port, &trusting("authority.pem")));
    assert!(error.contains("certificate") && error.contains("localhost"), "{error}");
}

#[test]
fn a_server_that_nobody_checks_is_warned_of() {
    let server = server!();
    let port = start(server.socket(), false);
    let url = url("localhost", port, "ssl_cert_reqs=none");
    call(&url);
    let warnings = examine(&wire(&url), false).unwrap();
    assert!(warnings.iter().any(|warning| warning.contains("certificate is not checked")), "{warnings:?}");
}

#[test]
fn a_server_that_wants_to_know_who_asks() {
    let server = server!();
    let port = start(server.socket(), true);
    let authority = trusting("authority.pem");
    let error = refusal(&url("127.0.0.1", port, &authority));
    assert!(error.contains("alert") && error.to_lowercase().contains("certificate"), "{error}");
    let (certificate, key) = (file("client.pem"), file("client.key"));
    let identity = format!("{authority}&ssl_certfile={}&ssl_keyfile={}", certificate.display(), key.display());
    call(&url("127.0.0.1", port, &identity));
}

#[test]
fn one_side_with_tls_and_one_without() {
    let Some(plain) = Server::start_on_port(&[]) else { return };
    // Such a server waits for the end of a line, and says nothing.
    let timing = Timing { first: Duration::from_millis(700), connect: Duration::from_millis(200), ..HASTY };
    let wire = wire_with(&url("127.0.0.1", plain.port(), &trusting("authority.pem")), timing);
    let error = wire.call(&[echo(&["one"])]).unwrap_err();
    assert!(matches!(&error, RedisError::Unreachable { last, .. } if last.contains("named redis://")), "{error}");
    let port = start(plain.socket(), false);
    let error = refusal(&format!("redis://127.0.0.1:{port}"));
    assert!(error.contains("rediss://"), "{error}");
}

#[test]
fn files_that_cannot_be_used() {
    let refused = |options: &str| {
        let address = url("127.0.0.1", free_port(), options).parse().unwrap();
        Route::new(address, "prefix", Timing::default()).unwrap_err().to_string()
    };
    assert!(refused("ssl_ca_certs=/nowhere.pem").contains("/nowhere.pem"));
    assert!(refused(&trusting("README.md")).contains("holds no certificate"));
    let (certificate, key) = (file("client.pem"), file("server.key"));
    let swapped = format!("ssl_certfile={}&ssl_keyfile={}", certificate.display(), key.display());
    assert!(refused(&format!("{}&{swapped}", trusting("authority.pem"))).contains("certificate and key"));
}
