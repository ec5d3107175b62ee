//! Large values: whole, whatever comes before and behind them and however slowly.
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use pynenc_redis::error::RedisError;
use pynenc_redis::link::wire::Wire;
use pynenc_redis::link::{Link, Request, Sink};
use pynenc_redis::patience;
use redis::Value;

use crate::rig::echo::{echo, echoed, wire};
use crate::rig::peer::{Act, Peer};
use crate::server;

fn value(size: usize) -> Vec<u8> {
    (0..size).map(|at| (at * 7 + (at >> 8)) as u8).collect()
}

fn key(size: usize) -> Vec<u8> {
    format!("pynenc:4:{{test}}:{size}").into_bytes()
}

fn keep(wire: &Wire, size: usize) {
    let bytes = Arc::new(value(size));
    wire.send(&[Request::Keep { key: key(size), bytes, millis: 100_000 }]).unwrap().remove(0).unwrap();
}

fn fetch(size: usize) -> Request {
    Request::Fetch { key: key(size), into: None }
}

fn fetch_into(size: usize, taker: &Arc<Taker>) -> Request {
    Request::Fetch { key: key(size), into: Some(Arc::clone(taker) as Arc<dyn Sink>) }
}

/// Takes what is not larger than it wants.
struct Taker {
    largest: usize,
    begun: AtomicUsize,
    taken: Mutex<Vec<u8>>,
}

impl Taker {
    fn new(largest: usize) -> Arc<Self> {
        Arc::new(Self { largest, begun: AtomicUsize::new(0), taken: Mutex::default() })
    }

    fn times_begun(&self) -> usize {
        self.begun.load(Ordering::Relaxed)
    }
}

impl Sink for Taker {
    fn begin(&self, size: usize) -> bool {
        self.begun.fetch_add(1, Ordering::Relaxed);
        self.taken.lock().unwrap().clear();
        size <= self.largest
    }

    fn take(&self, piece: &[u8]) {
        self.taken.lock().unwrap().extend_from_slice(piece);
    }
}

fn assert_took(reply: &Value, taker: &Taker, size: usize) {
    assert_eq!(*reply, Value::Int(size as i64));
    assert!(*taker.taken.lock().unwrap() == value(size), "{size} bytes");
}

fn assert_is(reply: &Value, size: usize) {
    let Value::BulkString(bytes) = reply else { panic!("{reply:?}") };
    assert!(*bytes == value(size), "{} of {size} bytes", bytes.len());
}

/// Around what is read at once, what is large, and what is very large.
const SIZES: [usize; 12] =
    [0, 1, 16_370, 16_384, 16_400, 65_535, 65_536, 65_537, 70_000, 1 << 20, (1 << 20) + 1, 20 << 20];

#[test]
fn values_of_all_sizes_come_whole_one_by_one_and_together() {
    let server = server!();
    let wire = wire(&server.url());
    for size in SIZES {
        keep(&wire, size);
        assert_is(&wire.send(&[fetch(size)]).unwrap().remove(0).unwrap(), size);
    }
    let together: Vec<Request> = SIZES.into_iter().map(fetch).collect();
    for (reply, size) in wire.send(&together).unwrap().into_iter().zip(SIZES) {
        assert_is(&reply.unwrap(), size);
    }
    assert_eq!(wire.send(&[fetch(7)]).unwrap().remove(0).unwrap(), Value::Nil);
}

#[test]
fn large_values_go_to_who_takes_them_and_no_others() {
    let server = server!();
    let wire = wire(&server.url());
    SIZES.into_iter().for_each(|size| keep(&wire, size));
    for size in SIZES {
        let taker = Taker::new(1 << 20);
        let reply = wire.send(&[fetch_into(size, &taker)]).unwrap().remove(0).unwrap();
        assert_eq!(taker.times_begun(), usize::from(size >= 64 << 10), "{size} bytes");
        if (64 << 10..=1 << 20).contains(&size) { assert_took(&reply, &taker, size) } else { assert_is(&reply, size) }
    }
    // What comes behind others may come by another way, and is whole all the same.
    let takers = SIZES.map(|_| Taker::new(usize::MAX));
    let together: Vec<Request> = SIZES.into_iter().zip(&takers).map(|(size, taker)| fetch_into(size, taker)).collect();
    for ((reply, size), taker) in wire.send(&together).unwrap().into_iter().zip(SIZES).zip(&takers) {
        match taker.times_begun() {
            0 => assert_is(&reply.unwrap(), size),
            _ => assert_took(&reply.unwrap(), taker, size),
        }
    }
    let taker = Taker::new(usize::MAX);
    assert_eq!(wire.send(&[fetch_into(7, &taker)]).unwrap().remove(0).unwrap(), Value::Nil);
    assert_eq!(taker.times_begun(), 0);
}

#[test]
fn what_is_no_value_is_an_error_and_the_next_is_answered() {
    let server = server!();
    let wire = wire(&server.url());
    server.ask::<i64>(&["RPUSH", std::str::from_utf8(&key(5)).unwrap(), "a list"]);
    let mut replies = wire.send(&[fetch(5), Request::Run(echo(&["behind"]))]).unwrap();
    assert_eq!(replies.pop().unwrap().unwrap(), echoed(&["behind"]));
    assert!(replies.pop().unwrap().unwrap_err().to_string().contains("WRONGTYPE"));
}

#[test]
fn threads_with_large_and_small_replies_share_the_wire() {
    let server = server!();
    let wire = wire(&server.url());
    SIZES.into_iter().for_each(|size| keep(&wire, size));
    thread::scope(|scope| {
        for start in 0..4 {
            let wire = &wire;
            scope.spawn(move || {
                for round in 0..24 {
                    let size = SIZES[(start + round) % SIZES.len()];
                    let word = format!("{start} {round}");
                    let mut replies = wire.send(&[Request::Run(echo(&[&word])), fetch(size)]).unwrap();
                    assert_is(&replies.pop().unwrap().unwrap(), size);
                    assert_eq!(replies.pop().unwrap().unwrap(), echoed(&[&word]));
                    assert_is(&wire.send(&[fetch(size)]).unwrap().remove(0).unwrap(), size);
                }
            });
        }
    });
}

fn is_fetch(words: &[String]) -> bool {
    words.first().is_some_and(|word| word == "GET")
}

fn reply(size: usize) -> Vec<u8> {
    [format!("${size}\r\n").as_bytes(), &value(size), b"\r\n"].concat()
}

#[test]
fn a_caller_that_gives_up_in_the_middle_leaves_the_connection_in_order() {
    let server = server!();
    let wire = wire(&server.url());
    keep(&wire, 20 << 20);
    for limit in [0, 1, 2, 4, 8, 16, 32] {
        let (began, limit) = (Instant::now(), Duration::from_millis(limit));
        let told = patience::with(move || began.elapsed() > limit, || wire.send(&[fetch(20 << 20)]));
        match told {
            Ok(mut replies) => assert_is(&replies.remove(0).unwrap(), 20 << 20),
            Err(error) => assert!(matches!(error, RedisError::Interrupted), "{error}"),
        }
        assert_eq!(wire.call(&[echo(&["next"])]).unwrap().remove(0).unwrap(), echoed(&["next"]));
        let (began, taker) = (Instant::now(), Taker::new(usize::MAX));
        let told = patience::with(move || began.elapsed() > limit, || wire.send(&[fetch_into(20 << 20, &taker)]));
        match told {
            Ok(mut replies) => assert_took(&replies.remove(0).unwrap(), &taker, 20 << 20),
            Err(error) => assert!(matches!(error, RedisError::Interrupted), "{error}"),
        }
        assert_eq!(wire.call(&[echo(&["next"])]).unwrap().remove(0).unwrap(), echoed(&["next"]));
    }
    let connections = server.ask::<String>(&["CLIENT", "LIST"]).matches("name=pynenc:wire").count();
    assert_eq!(connections, 1);
}

#[test]
fn a_value_without_its_end_and_one_that_is_cut_short_are_asked_for_again() {
    let size = 70_000;
    let (mut wrong, mut short) = (reply(size), reply(size));
    wrong.splice(size + 8.., *b"xx");
    short.truncate(size / 2);
    for first in [wrong, short] {
        let peer = || {
            let first = first.clone();
            Peer::start(move |before, words| {
                let act = || if before == 0 { Act::SayAndClose(first.clone()) } else { Act::Say(reply(size)) };
                is_fetch(words).then(act)
            })
        };
        let (whole, pieces, taker) = (peer(), peer(), Taker::new(size));
        assert_is(&wire(&whole.url()).send(&[fetch(size)]).unwrap().remove(0).unwrap(), size);
        assert_took(&wire(&pieces.url()).send(&[fetch_into(size, &taker)]).unwrap().remove(0).unwrap(), &taker, size);
        assert_eq!((whole.connections(), pieces.connections(), taker.times_begun()), (2, 2, 2));
    }
}

#[test]
fn a_head_that_comes_in_pieces_is_waited_for() {
    let peer = Peer::start(|_, words| is_fetch(words).then(|| Act::Drip(b"$5\r\nhello\r\n".to_vec())));
    let told = wire(&peer.url()).send(&[fetch(5)]).unwrap().remove(0).unwrap();
    assert_eq!(told, Value::BulkString(b"hello".to_vec()));
}
