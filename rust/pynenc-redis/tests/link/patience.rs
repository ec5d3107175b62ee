//! Callers that want to be asked, and what that costs the others: nothing.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use pynenc_redis::error::RedisError;
use pynenc_redis::link::Link;
use pynenc_redis::patience;
use redis::Value;

use crate::rig::echo::{echo, echoed, wire};
use crate::rig::peer::{Act, Peer};
use crate::rig::{PATIENCE, eventually};
use crate::server;

fn after(limit: Duration) -> impl FnMut() -> bool {
    let began = Instant::now();
    move || began.elapsed() > limit
}

const SOON: Duration = Duration::from_millis(120);

#[test]
fn a_caller_gives_up_while_the_server_is_frozen_and_the_connection_stays_good() {
    let server = server!();
    let wire = wire(&server.url());
    wire.call(&[echo(&["before"])]).unwrap();
    server.freeze();
    let began = Instant::now();
    let error = patience::with(after(SOON), || wire.call(&[echo(&["given up"])])).unwrap_err();
    assert!(matches!(error, RedisError::Interrupted), "{error}");
    assert!(began.elapsed() < wire.route().timing().reply, "{:?}", began.elapsed());
    server.thaw();
    for number in 0..20 {
        let word = number.to_string();
        assert_eq!(wire.call(&[echo(&[&word])]).unwrap().remove(0).unwrap(), echoed(&[&word]));
    }
    let connections = server.ask::<String>(&["CLIENT", "LIST"]).matches("name=pynenc:wire").count();
    assert_eq!(connections, 1);
}

#[test]
fn a_caller_gives_up_while_the_server_is_away() {
    let mut server = server!();
    server.kill();
    let wire = wire(&server.url());
    let began = Instant::now();
    let error = patience::with(after(SOON), || wire.call(&[echo(&["given up"])])).unwrap_err();
    assert!(matches!(error, RedisError::Interrupted), "{error}");
    assert!(began.elapsed() < wire.route().timing().first, "{:?}", began.elapsed());
}

#[test]
fn a_caller_that_is_asked_and_goes_on_gets_its_reply() {
    // The reply takes several looks to arrive, and is taken over by another thread in the middle.
    let peer = Peer::start(|_, words| {
        let word = words.last().unwrap();
        (words[0] == "FCALL").then(|| Act::Drip(format!("${}\r\n{word}\r\n", word.len()).into_bytes()))
    });
    let wire = wire(&peer.url());
    let asked = Rc::new(Cell::new(0));
    let count = Rc::clone(&asked);
    let question = move || {
        count.set(count.get() + 1);
        false
    };
    patience::with(question, || {
        for word in ["first", "second", "third"] {
            let reply = wire.call(&[echo(&[word])]).unwrap().remove(0).unwrap();
            assert_eq!(reply, Value::BulkString(word.as_bytes().to_vec()));
        }
    });
    assert!(asked.get() > 0);
    assert_eq!(peer.connections(), 1);
}

#[test]
fn a_question_that_takes_long_keeps_nobody_from_the_server() {
    let server = server!();
    let wire = Arc::new(wire(&server.url()));
    wire.call(&[echo(&["before"])]).unwrap();
    let (asking, enough) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    server.freeze();
    thread::scope(|scope| {
        let (own, begun, done) = (Arc::clone(&wire), Arc::clone(&asking), Arc::clone(&enough));
        let asked = scope.spawn(move || {
            let question = move || {
                begun.store(true, Ordering::SeqCst);
                eventually("it was long enough", || done.load(Ordering::SeqCst));
                false
            };
            patience::with(question, || own.call(&[echo(&["asked"])])).unwrap().remove(0).unwrap()
        });
        eventually("it is asked", || asking.load(Ordering::SeqCst));
        server.thaw();
        // While the other one is still busy with its question.
        for number in 0..100 {
            let word = number.to_string();
            assert_eq!(wire.call(&[echo(&[&word])]).unwrap().remove(0).unwrap(), echoed(&[&word]));
        }
        enough.store(true, Ordering::SeqCst);
        assert_eq!(asked.join().unwrap(), echoed(&["asked"]));
    });
}

#[test]
fn a_question_may_call_the_server_itself() {
    let server = server!();
    let wire = Arc::new(wire(&server.url()));
    wire.call(&[echo(&["before"])]).unwrap();
    server.freeze();
    let own = Arc::clone(&wire);
    let pid = server.pid().to_string();
    let question = move || {
        std::process::Command::new("kill").args(["-CONT", &pid]).status().unwrap();
        assert_eq!(own.call(&[echo(&["inner"])]).unwrap().remove(0).unwrap(), echoed(&["inner"]));
        false
    };
    let reply = patience::with(question, || wire.call(&[echo(&["outer"])])).unwrap().remove(0).unwrap();
    assert_eq!(reply, echoed(&["outer"]));
}

#[test]
fn those_who_give_up_and_those_who_do_not_share_the_wire() {
    let server = server!();
    let wire = wire(&server.url());
    let stopped = AtomicBool::new(false);
    thread::scope(|scope| {
        for thread in 0..4 {
            let (wire, stopped) = (&wire, &stopped);
            scope.spawn(move || {
                for number in 0.. {
                    let word = format!("{thread}/{number}");
                    // Two of the four lose patience now and then.
                    let limit = if thread < 2 { Duration::from_millis(60) } else { PATIENCE };
                    match patience::with(after(limit), || wire.call(&[echo(&[&word])])) {
                        Ok(mut replies) => assert_eq!(replies.remove(0).unwrap(), echoed(&[&word])),
                        Err(error) => assert!(thread < 2 && matches!(error, RedisError::Interrupted), "{error}"),
                    }
                    if stopped.load(Ordering::SeqCst) {
                        return;
                    }
                }
            });
        }
        for _ in 0..5 {
            server.freeze();
            thread::sleep(Duration::from_millis(150));
            server.thaw();
            thread::sleep(Duration::from_millis(50));
        }
        stopped.store(true, Ordering::SeqCst);
    });
}
