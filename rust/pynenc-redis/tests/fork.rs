//! A forked child has its parent's sockets, and must leave no trace on them.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may fail loudly, also outside the functions that are marked as tests"
)]

mod rig;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use pynenc_redis::error::RedisError;
use pynenc_redis::link::Link;
use pynenc_redis::link::doorbell::{Bell, Doorbell};
use pynenc_redis::link::notices::{Listener, Notices};
use rig::echo::{echo, echoed, wire};
use rig::{PATIENCE, Server};

const CHANNEL: &str = "pynenc:4:{test}:c:1";
const TOKENS: &[u8] = b"pynenc:4:{test}:tok";

struct Ear(Mutex<Sender<Vec<u8>>>);

impl Listener for Ear {
    fn on_message(&self, message: &[u8]) {
        let _ = self.0.lock().unwrap().send(message.to_vec());
    }

    fn on_reconnected(&self) {}
}

/// Run `child` in a fork; it says whether all was well.
fn fork(child: impl FnOnce() -> bool) {
    // SAFETY: the child takes no lock that was taken before the fork (the allocator's are the system's to
    // keep usable), and leaves by `_exit`, so that nothing of the test runs twice.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let well = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child)).unwrap_or(false);
        unsafe { libc::_exit(i32::from(!well)) };
    }
    let mut status = -1;
    // SAFETY: a plain wait for the child just made.
    unsafe { libc::waitpid(pid, &raw mut status, 0) };
    assert_eq!(status, 0, "the child found something wrong");
}

/// The server's numbers for our connections: another one would mean that a connection was made anew.
fn connections(server: &Server) -> Vec<String> {
    let clients: String = server.ask(&["CLIENT", "LIST"]);
    let ours = clients.lines().filter(|line| line.contains(" name=pynenc:"));
    let mut ids: Vec<String> = ours.filter_map(|line| line.split(' ').next()).map(str::to_owned).collect();
    ids.sort();
    ids
}

#[test]
fn children_are_refused_and_parents_go_on() {
    let server = server!();
    let wire = Arc::new(wire(&server.url()));
    let bell = Doorbell::new(wire.route().clone());
    let (send, heard) = channel();
    let notices = Notices::open(wire.route().clone(), CHANNEL, Ear(Mutex::new(send))).unwrap();
    notices.ready().unwrap();
    assert_eq!(bell.wait(&[TOKENS], Duration::from_millis(1)).unwrap(), Bell::Silent);
    wire.call(&[echo(&["before"])]).unwrap();
    let before = connections(&server);
    assert_eq!(before.len(), 3);

    let mut ours = Some((Arc::clone(&wire), bell, notices));
    let stopped = AtomicBool::new(false);
    thread::scope(|scope| {
        for thread in 0..3 {
            let (wire, stopped) = (&wire, &stopped);
            scope.spawn(move || {
                for number in 0.. {
                    let word = format!("{thread}/{number}");
                    assert_eq!(wire.call(&[echo(&[&word])]).unwrap().remove(0).unwrap(), echoed(&[&word]));
                    if stopped.load(Ordering::SeqCst) {
                        return;
                    }
                }
            });
        }
        for _ in 0..50 {
            fork(|| {
                let Some((wire, bell, notices)) = ours.take() else { return false };
                let refused = [
                    wire.call(&[echo(&["child"])]).err(),
                    wire.command(&[b"PING"]).err(),
                    bell.wait(&[TOKENS], PATIENCE).err(),
                    notices.ready().err(),
                    Notices::open(wire.route().clone(), CHANNEL, Ear(Mutex::new(channel().0))).err(),
                ];
                bell.close();
                drop((wire, bell, notices));
                refused.iter().all(|error| matches!(error, Some(RedisError::Forked)))
            });
        }
        stopped.store(true, Ordering::SeqCst);
    });

    let (wire, bell, _notices) = ours.unwrap();
    wire.call(&[echo(&["after"])]).unwrap();
    let _: u32 = server.ask(&["RPUSH", "pynenc:4:{test}:tok", "token"]);
    assert_eq!(bell.wait(&[TOKENS], PATIENCE).unwrap(), Bell::Rung(0));
    assert_eq!(server.ask::<u32>(&["SPUBLISH", CHANNEL, "hello"]), 1);
    assert_eq!(heard.recv_timeout(PATIENCE), Ok(b"hello".to_vec()));
    assert_eq!(connections(&server), before, "a connection was made anew");
}
