//! Commands over the wire, on a server that behaves.

use std::sync::Arc;
use std::thread;

use pynenc_redis::error::RedisError;
use pynenc_redis::link::{Call, Link};
use redis::Value;

use crate::rig::echo::{echo, echoed, wire};
use crate::server;

#[test]
fn replies_come_in_the_order_of_the_calls() {
    let server = server!();
    let wire = wire(&server.url());
    let words: Vec<String> = (0..500).map(|number| number.to_string()).collect();
    let calls: Vec<Call> = words.iter().map(|word| echo(&[word])).collect();
    let replies = wire.call(&calls).unwrap();
    for (word, reply) in words.iter().zip(replies) {
        assert_eq!(reply.unwrap(), echoed(&[word]));
    }
    assert!(wire.call(&[]).unwrap().is_empty());
}

#[test]
fn threads_get_their_own_replies_over_one_connection() {
    let server = server!();
    let wire = Arc::new(wire(&server.url()));
    thread::scope(|scope| {
        for thread in 0..16 {
            let wire = Arc::clone(&wire);
            scope.spawn(move || {
                for number in 0..200 {
                    let word = format!("{thread}/{number}");
                    let replies = wire.call(&[echo(&[&word]), echo(&[&word, "again"])]).unwrap();
                    let replies: Vec<Value> = replies.into_iter().map(Result::unwrap).collect();
                    assert_eq!(replies, [echoed(&[&word]), echoed(&[&word, "again"])]);
                }
            });
        }
    });
    let clients: String = server.ask(&["CLIENT", "LIST"]);
    assert_eq!(clients.matches("name=pynenc:wire").count(), 1, "{clients}");
    let calls: Vec<(String, u64)> = server.ask(&["HGETALL", "pynenc:4:{test}:calls"]);
    assert_eq!(calls.len(), 16 * 200);
    assert!(calls.iter().all(|(_, count)| *count == 2));
}

#[test]
fn an_error_is_that_of_its_own_call() {
    let server = server!();
    let wire = wire(&server.url());
    let _: () = server.ask(&["SET", "pynenc:4:{test}:calls", "not a hash"]);
    let error = wire.call(&[echo(&["one"])]).unwrap().remove(0).unwrap_err();
    assert!(matches!(&error, RedisError::Protocol(said) if said.contains("WRONGTYPE")), "{error}");
    assert_eq!(wire.command(&[b"PING"]).unwrap(), Value::SimpleString("PONG".into()));
}
