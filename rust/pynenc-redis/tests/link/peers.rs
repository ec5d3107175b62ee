//! Peers that say what a server says in trouble, or what no server says: never a hang, never a panic.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use pynenc_redis::error::RedisError;
use pynenc_redis::link::Link;
use pynenc_redis::link::timing::Timing;
use redis::Value;

use crate::rig::PATIENCE;
use crate::rig::echo::{HASTY, echo, wire, wire_with};
use crate::rig::peer::{Act, Peer, say};

fn is_call(words: &[String]) -> bool {
    words[0] == "FCALL"
}

/// A peer that answers the first call like this and all others well, and what becomes of the call.
fn first_call_gets(first: &'static str) -> (Peer, Result<Value, RedisError>) {
    let peer = Peer::start(move |before, words| match before {
        0 if is_call(words) => say(first),
        _ if is_call(words) => say("$4\r\ngood\r\n"),
        _ => None,
    });
    let result = wire(&peer.url()).call(&[echo(&["one"])]).and_then(|mut replies| replies.remove(0));
    (peer, result)
}

#[test]
fn what_passes_is_waited_for() {
    for first in [
        "-LOADING Redis is loading the dataset in memory\r\n",
        "-BUSY Redis is busy running a script\r\n",
        "-TRYAGAIN Multiple keys request during rehashing of slot\r\n",
        "-MASTERDOWN Link with MASTER is down\r\n",
        "-CLUSTERDOWN Hash slot not served\r\n",
        "-NOREPLICAS Not enough good replicas to write.\r\n",
        "-MISCONF Errors writing to the AOF file\r\n",
        "-OOM command not allowed when used memory > 'maxmemory'.\r\n",
        "-ASK 1234 127.0.0.1:1\r\n",
        "-ERR Function not found\r\n",
    ] {
        let (peer, result) = first_call_gets(first);
        assert_eq!(result.unwrap(), Value::BulkString(b"good".into()), "{first}");
        assert_eq!(peer.connections(), 1, "{first}");
        assert_eq!(peer.heard().len(), 2, "{first}");
    }
}

#[test]
fn a_broken_connection_is_replaced() {
    for (first, close) in [
        ("-READONLY You can't write against a read only replica.\r\n", false),
        ("$4\r\ngo", true),
        ("", true),
        ("*3\r\n:1\r\n", true),
        ("?what\r\n", false),
        ("$x\r\n", false),
        ("*2\r\n$-1\r\n!", true),
    ] {
        let peer = Peer::start(move |before, words| match before {
            0 if is_call(words) && close => Some(Act::SayAndClose(first.as_bytes().to_vec())),
            0 if is_call(words) => say(first),
            _ if is_call(words) => say("$4\r\ngood\r\n"),
            _ => None,
        });
        let reply = wire(&peer.url()).call(&[echo(&["one"])]).unwrap().remove(0).unwrap();
        assert_eq!(reply, Value::BulkString(b"good".into()), "{first:?}");
        assert_eq!(peer.connections(), 2, "{first:?}");
    }
}

#[test]
fn a_slow_reply_is_read_to_its_end() {
    let peer = Peer::start(|_, words| is_call(words).then(|| Act::Drip(b"*2\r\n$4\r\nslow\r\n:7\r\n".to_vec())));
    let reply = wire(&peer.url()).call(&[echo(&["one"])]).unwrap().remove(0).unwrap();
    assert_eq!(reply, Value::Array(vec![Value::BulkString(b"slow".into()), Value::Int(7)]));
    assert_eq!(peer.connections(), 1);
}

#[test]
fn a_peer_that_never_answers_right_is_given_up_in_time() {
    let huge = "$999999999999999999\r\n";
    let deep = "*1\r\n".repeat(100_000);
    for garbage in
        ["", "\u{0}\u{0}\u{0}\u{0}", "+", "*9223372036854775807\r\n", huge, &deep, "%-1\r\n", "HTTP/1.1 200 OK\r\n"]
    {
        let bytes = garbage.as_bytes().to_vec();
        let peer = Peer::start(move |_, words| is_call(words).then(|| Act::Say(bytes.clone())));
        let (soon, sooner) = (Duration::from_millis(400), Duration::from_millis(150));
        let began = Instant::now();
        let error = wire_with(&peer.url(), Timing { overall: soon, first: soon, reply: sooner, ..HASTY })
            .call(&[echo(&["one"])])
            .unwrap_err();
        assert!(matches!(error, RedisError::Unreachable { .. }), "{error}");
        assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
    }
}

#[test]
fn attempts_to_connect_are_spaced() {
    let peer = Peer::start(|_, _| Some(Act::SayAndClose(Vec::new())));
    let timing = Timing { first: Duration::from_secs(2), ..HASTY };
    let wire = wire_with(&peer.url(), timing);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| wire.call(&[echo(&["one"])]).unwrap_err());
        }
    });
    // 20 ms, doubled each time, half of it on average: a dozen in two seconds, however many wait.
    assert!((3..=40).contains(&peer.connections()), "{}", peer.connections());
}

#[test]
fn replies_of_a_dropped_connection_answer_nobody() {
    // Each connection breaks in the middle of a pipeline, at another place.
    let calls = AtomicUsize::new(0);
    let peer = Peer::start(move |_, words| {
        is_call(words).then(|| {
            let word = words.last().unwrap();
            let reply = format!("${}\r\n{word}\r\n", word.len()).into_bytes();
            match calls.fetch_add(1, Ordering::SeqCst) % 7 {
                6 => Act::SayAndClose(reply[..reply.len() / 2].to_vec()),
                _ => Act::Say(reply),
            }
        })
    });
    let wire = wire(&peer.url());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let wire = &wire;
            scope.spawn(move || {
                for number in 0..50 {
                    let words = [format!("{thread}/{number}/a"), format!("{thread}/{number}/b")];
                    let replies = wire.call(&[echo(&[&words[0]]), echo(&[&words[1]])]).unwrap();
                    for (word, reply) in words.iter().zip(replies) {
                        assert_eq!(reply.unwrap(), Value::BulkString(word.as_bytes().to_vec()));
                    }
                }
            });
        }
    });
}

#[test]
fn an_error_of_the_script_is_told_in_its_words() {
    let (_peer, result) = first_call_gets("-PYNENC something of ours\r\n");
    let error = result.unwrap_err();
    assert!(matches!(&error, RedisError::Protocol(said) if said == "PYNENC something of ours"), "{error}");
}
