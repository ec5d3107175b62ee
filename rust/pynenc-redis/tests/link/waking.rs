//! Tokens and notices: what wakes whoever waits.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use pynenc_redis::link::doorbell::{Bell, Doorbell};
use pynenc_redis::link::notices::{Listener, Notices};
use pynenc_redis::link::route::Route;
use pynenc_redis::link::timing::Timing;

use crate::rig::echo::{HASTY, PREFIX};
use crate::rig::{PATIENCE, Server, eventually};
use crate::server;

const BELLS: [&[u8]; 2] = [b"pynenc:4:{test}:tok:0", b"pynenc:4:{test}:tok:1"];
const CHANNEL: &str = "pynenc:4:{test}:c:1";

fn route(server: &Server, timing: Timing) -> Arc<Route> {
    Route::new(server.url().parse().unwrap(), PREFIX, timing).unwrap()
}

fn push(server: &Server, key: usize) {
    let _: u32 = server.ask(&["RPUSH", std::str::from_utf8(BELLS[key]).unwrap(), "token"]);
}

fn names(server: &Server) -> Vec<String> {
    let clients: String = server.ask(&["CLIENT", "LIST"]);
    let name =
        |line: &str| line.split(' ').find_map(|field| field.strip_prefix("name=")).unwrap_or_default().to_owned();
    clients.lines().map(name).filter(|name| !name.is_empty()).collect()
}

// -- the doorbell ---------------------------------------------------------------------------------
#[test]
fn a_token_that_waits_is_taken_at_once() {
    let server = server!();
    let bell = Doorbell::new(route(&server, Timing::default()));
    push(&server, 1);
    assert_eq!(bell.wait(&BELLS, PATIENCE).unwrap(), Bell::Rung(1));
    assert_eq!(bell.wait(&BELLS, Duration::from_millis(1)).unwrap(), Bell::Silent);
}

#[test]
fn a_token_wakes_whoever_waits_for_it() {
    let server = server!();
    let bell = Doorbell::new(route(&server, Timing::default()));
    thread::scope(|scope| {
        let waiter = scope.spawn(|| bell.wait(&BELLS, PATIENCE).unwrap());
        eventually("somebody waits", || server.ask::<String>(&["INFO", "clients"]).contains("blocked_clients:1"));
        push(&server, 0);
        assert_eq!(waiter.join().unwrap(), Bell::Rung(0));
    });
}

#[test]
fn silence_ends_with_the_time() {
    let server = server!();
    let bell = Doorbell::new(route(&server, Timing::default()));
    let began = Instant::now();
    assert_eq!(bell.wait(&BELLS, Duration::from_millis(300)).unwrap(), Bell::Silent);
    assert!(began.elapsed() >= Duration::from_millis(300));
}

#[test]
fn a_lost_connection_is_made_anew_and_told() {
    let mut server = server!();
    let bell = Doorbell::new(route(&server, Timing::default()));
    thread::scope(|scope| {
        let waiter = scope.spawn(|| bell.wait(&BELLS, PATIENCE).unwrap());
        eventually("somebody waits", || names(&server) == ["pynenc:doorbell"]);
        server.restart();
        assert_eq!(waiter.join().unwrap(), Bell::Renewed);
    });
    push(&server, 0);
    assert_eq!(bell.wait(&BELLS, PATIENCE).unwrap(), Bell::Rung(0));
}

#[test]
fn a_server_that_stays_away_is_an_error_when_the_time_is_over() {
    let mut server = server!();
    let bell = Doorbell::new(route(&server, HASTY));
    assert_eq!(bell.wait(&BELLS, Duration::from_millis(1)).unwrap(), Bell::Silent);
    server.kill();
    let error = bell.wait(&BELLS, Duration::from_millis(200)).unwrap_err().to_string();
    assert!(error.contains("no answer") && error.contains("socket"), "{error}");
}

#[test]
fn closing_ends_a_wait_and_all_that_come() {
    let server = server!();
    let bell = Doorbell::new(route(&server, Timing::default()));
    thread::scope(|scope| {
        let waiter = scope.spawn(|| bell.wait(&BELLS, PATIENCE).unwrap());
        eventually("somebody waits", || names(&server) == ["pynenc:doorbell"]);
        bell.close();
        assert_eq!(waiter.join().unwrap(), Bell::Closed);
    });
    assert_eq!(bell.wait(&BELLS, PATIENCE).unwrap(), Bell::Closed);
    eventually("the connection is closed", || names(&server).is_empty());
}

// -- notices --------------------------------------------------------------------------------------
#[derive(Debug, PartialEq)]
pub(crate) enum Heard {
    Message(Vec<u8>),
    Reconnected,
}

pub(crate) struct Ear(Mutex<Sender<Heard>>);

impl Listener for Ear {
    fn on_message(&self, message: &[u8]) {
        let _ = self.0.lock().unwrap().send(Heard::Message(message.to_vec()));
    }

    fn on_reconnected(&self) {
        let _ = self.0.lock().unwrap().send(Heard::Reconnected);
    }
}

/// A listener, and what it heard.
pub(crate) fn ear() -> (Ear, Receiver<Heard>) {
    let (send, receive) = channel();
    (Ear(Mutex::new(send)), receive)
}

fn listen(server: &Server) -> (Notices, Receiver<Heard>) {
    let (ear, heard) = ear();
    let notices = Notices::open(route(server, Timing::default()), CHANNEL, ear).unwrap();
    notices.ready().unwrap();
    assert_eq!(heard.recv_timeout(PATIENCE), Ok(Heard::Reconnected));
    (notices, heard)
}

fn publish(server: &Server, message: &str) {
    assert_eq!(server.ask::<u32>(&["SPUBLISH", CHANNEL, message]), 1);
}

#[test]
fn messages_arrive_in_order() {
    let server = server!();
    let (_notices, heard) = listen(&server);
    for number in 0..100 {
        publish(&server, &number.to_string());
    }
    for number in 0..100 {
        assert_eq!(heard.recv_timeout(PATIENCE), Ok(Heard::Message(number.to_string().into_bytes())));
    }
}

#[test]
fn a_killed_subscription_is_renewed_and_told() {
    let server = server!();
    let (_notices, heard) = listen(&server);
    for round in 0..3 {
        let killed: u32 = server.ask(&["CLIENT", "KILL", "TYPE", "pubsub"]);
        assert_eq!(killed, 1);
        assert_eq!(heard.recv_timeout(PATIENCE), Ok(Heard::Reconnected), "round {round}");
        publish(&server, "after");
        assert_eq!(heard.recv_timeout(PATIENCE), Ok(Heard::Message(b"after".to_vec())));
    }
}

#[test]
fn a_restarted_server_is_found_again() {
    let mut server = server!();
    let (_notices, heard) = listen(&server);
    server.restart();
    assert_eq!(heard.recv_timeout(PATIENCE), Ok(Heard::Reconnected));
    publish(&server, "after");
    assert_eq!(heard.recv_timeout(PATIENCE), Ok(Heard::Message(b"after".to_vec())));
}

#[test]
fn dropping_ends_the_thread_and_the_connection() {
    let server = server!();
    let (notices, heard) = listen(&server);
    drop(notices);
    // The listener went with its thread.
    assert!(heard.recv_timeout(PATIENCE).is_err());
    eventually("the connection is closed", || names(&server).is_empty());
}
