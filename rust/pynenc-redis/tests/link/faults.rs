//! Servers that end, stop, forget, or are full, with calls on their way.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use pynenc_redis::error::RedisError;
use pynenc_redis::link::doorbell::{Bell, Doorbell};
use pynenc_redis::link::notices::{Listener, Notices};
use pynenc_redis::link::timing::Timing;
use pynenc_redis::link::{Call, Link};
use redis::Value;

use crate::rig::echo::{HASTY, PREFIX, broken_wire, echo, echoed, keep, wire, wire_with};
use crate::rig::{PATIENCE, Server, eventually};
use crate::server;

/// Threads that call until they are stopped; each reply must be the one to its call.
fn call_from_threads(url: &str, while_calling: impl FnOnce(&dyn Fn() -> usize)) -> usize {
    let wire = wire(url);
    let stopped = AtomicBool::new(false);
    let done = std::sync::atomic::AtomicUsize::new(0);
    thread::scope(|scope| {
        for thread in 0..8 {
            let (wire, stopped, done) = (&wire, &stopped, &done);
            scope.spawn(move || {
                for number in 0.. {
                    let (one, two) = (format!("{thread}/{number}"), "x".repeat(number % 2_000));
                    let replies = wire.call(&[echo(&[&one]), echo(&[&one, &two])]).unwrap();
                    let replies: Vec<Value> = replies.into_iter().map(Result::unwrap).collect();
                    assert_eq!(replies, [echoed(&[&one]), echoed(&[&one, &two])]);
                    done.fetch_add(1, Ordering::SeqCst);
                    if stopped.load(Ordering::SeqCst) {
                        return;
                    }
                }
            });
        }
        while_calling(&|| done.load(Ordering::SeqCst));
        stopped.store(true, Ordering::SeqCst);
    });
    done.into_inner()
}

fn make_progress(done: &dyn Fn() -> usize) {
    let before = done();
    eventually("calls are answered", || done() > before + 50);
}

#[test]
fn calls_outlive_a_server_that_is_killed_and_started_again() {
    // With everysec, a server whose disk is busy answers before it has written, for up to two seconds, and what it
    // has answered ends with it.
    let mut server = server!("--appendonly", "yes", "--appendfsync", "always");
    let url = server.url();
    let calls = call_from_threads(&url, |done| {
        for _ in 0..5 {
            make_progress(done);
            server.restart();
        }
        make_progress(done);
    });
    let counts: Vec<(String, u64)> = server.ask(&["HGETALL", "pynenc:4:{test}:calls"]);
    assert_eq!(counts.len(), calls, "every call was carried out");
    assert!(counts.iter().all(|(_, count)| *count >= 2));
}

#[test]
fn calls_outlive_connections_that_are_cut() {
    let server = server!();
    call_from_threads(&server.url(), |done| {
        for _ in 0..20 {
            make_progress(done);
            let _: u32 = server.ask(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
        }
    });
}

#[test]
fn calls_outlive_a_server_that_forgets_its_functions() {
    let server = server!();
    call_from_threads(&server.url(), |done| {
        for _ in 0..20 {
            make_progress(done);
            let _: String = server.ask(&["FUNCTION", "FLUSH"]);
        }
    });
}

#[test]
fn calls_outlive_a_server_that_stops_for_a_while() {
    let server = server!();
    call_from_threads(&server.url(), |done| {
        for _ in 0..3 {
            make_progress(done);
            server.freeze();
            thread::sleep(Duration::from_millis(120));
            server.thaw();
        }
        make_progress(done);
    });
}

#[test]
fn a_frozen_server_is_unreachable_when_the_time_is_over_and_good_again_afterwards() {
    let server = server!();
    let wire = wire_with(&server.url(), HASTY);
    wire.call(&[echo(&["before"])]).unwrap();
    server.freeze();
    let began = Instant::now();
    let error = wire.call(&[echo(&["meanwhile"])]).unwrap_err();
    assert!(matches!(error, RedisError::Unreachable { .. }), "{error}");
    assert!(began.elapsed() >= HASTY.overall && began.elapsed() < PATIENCE);
    server.thaw();
    let reply = wire.call(&[echo(&["after"])]).unwrap().remove(0).unwrap();
    assert_eq!(reply, echoed(&["after"]));
}

#[test]
fn a_server_that_was_never_there_is_given_up_sooner() {
    let mut server = server!();
    server.kill();
    let wire = wire_with(&server.url(), HASTY);
    let error = wire.call(&[echo(&["one"])]).unwrap_err();
    let RedisError::Unreachable { server: name, seconds, last } = &error else { panic!("{error}") };
    assert_eq!(*name, server.url());
    assert!((HASTY.first.as_secs_f64()..HASTY.overall.as_secs_f64()).contains(seconds), "{seconds}");
    assert!(last.contains("socket"), "{last}");
}

#[test]
fn a_server_that_starts_late_is_found() {
    let mut server = server!();
    server.kill();
    let wire = wire(&server.url());
    thread::scope(|scope| {
        let caller = scope.spawn(|| wire.call(&[echo(&["one"])]).unwrap().remove(0).unwrap());
        thread::sleep(Duration::from_millis(200));
        server.run();
        assert_eq!(caller.join().unwrap(), echoed(&["one"]));
    });
}

#[test]
fn a_full_server_refuses_new_work_and_takes_what_is_finished() {
    let server = server!();
    let wire = wire_with(&server.url(), Timing { overall: Duration::from_millis(500), ..HASTY });
    let new_work = Call { refusable: true, ..echo(&["new"]) };
    wire.call(std::slice::from_ref(&new_work)).unwrap().remove(0).unwrap();
    let _: String = server.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    let mut replies = wire.call(&[new_work.clone(), keep("value")]).unwrap();
    assert_eq!(replies.remove(1).unwrap(), Value::BulkString(b"kept".into()));
    let error = replies.remove(0).unwrap_err();
    assert!(matches!(&error, RedisError::Full { reason, .. } if reason.contains("OOM")), "{error}");
    // What must be taken and is not is tried until the time is over.
    let error = wire.call(&[echo(&["must"])]).unwrap_err();
    assert!(matches!(&error, RedisError::Unreachable { last, .. } if last.contains("OOM")), "{error}");
    let _: String = server.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    // The pause before the next attempt may be longer than this wire has patience.
    eventually("new work is taken again", || wire.call(std::slice::from_ref(&new_work)).is_ok());
}

#[test]
fn a_server_that_loads_its_data_is_waited_for() {
    let mut server = server!("--appendonly", "yes", "--enable-debug-command", "yes");
    let mut fill = redis::pipe();
    for number in 0..10_000 {
        fill.cmd("SET").arg(format!("key:{number}")).arg("value").ignore();
    }
    fill.query::<()>(&mut server.connection()).unwrap();
    server.kill();
    server.add_options(&["--key-load-delay", "50"]);
    server.run();
    let wire = wire(&server.url());
    let loading = server.ask::<String>(&["INFO", "persistence"]).contains("loading:1");
    assert!(loading, "it had loaded everything before anybody asked");
    assert_eq!(wire.call(&[echo(&["one"])]).unwrap().remove(0).unwrap(), echoed(&["one"]));
}

#[test]
fn a_server_without_a_free_place_is_waited_for() {
    let server = server!("--maxclients", "4");
    let occupants: Vec<redis::Connection> = (0..4).map(|_| server.connection()).collect();
    let wire = wire(&server.url());
    thread::scope(|scope| {
        let caller = scope.spawn(|| wire.call(&[echo(&["one"])]).unwrap().remove(0).unwrap());
        thread::sleep(Duration::from_millis(200));
        drop(occupants);
        assert_eq!(caller.join().unwrap(), echoed(&["one"]));
    });
}

#[test]
fn functions_that_do_not_compile_fail_those_who_call_them() {
    let server = server!();
    let wire = broken_wire(&server.url());
    let error = wire.call(&[echo(&["one"])]).unwrap_err().to_string();
    assert!(error.contains("library") && error.contains("ompil"), "{error}");
    let word: Value = wire.command(&[b"PING"]).unwrap();
    assert_eq!(word, Value::SimpleString("PONG".into()));
}

struct Deaf;

impl Listener for Deaf {
    fn on_message(&self, _: &[u8]) {}

    fn on_reconnected(&self) {}
}

fn connections(server: &Server) -> usize {
    let clients: String = server.ask(&["CLIENT", "LIST"]);
    clients.lines().filter(|line| line.contains(" name=pynenc:")).count()
}

#[test]
fn a_process_has_three_connections_whatever_happens() {
    let server = server!();
    let wire = wire(&server.url());
    let route = wire.route();
    let bell = Doorbell::new(route.clone());
    let notices = Notices::open(route.clone(), format!("{PREFIX}c:1"), Deaf).unwrap();
    notices.ready().unwrap();
    let stopped = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !stopped.load(Ordering::SeqCst) {
                    wire.call(&[echo(&["one"])]).unwrap();
                }
            });
        }
        scope.spawn(|| while bell.wait(&[b"pynenc:4:{test}:tok"], PATIENCE).unwrap() != Bell::Closed {});
        for _ in 0..20 {
            eventually("all are connected", || connections(&server) == 3);
            let _: u32 = server.ask(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
            let _: u32 = server.ask(&["CLIENT", "KILL", "TYPE", "pubsub", "SKIPME", "yes"]);
            for _ in 0..10 {
                assert!(connections(&server) <= 3);
            }
        }
        stopped.store(true, Ordering::SeqCst);
        bell.close();
    });
}
