//! What the wire costs: a lone caller's round trip beside that of a bare `redis::Connection`, in turns, and what eight
//! threads get through together. Needs a server as the tests do.

#[path = "../../rust/pynenc-redis/tests/rig/mod.rs"]
mod rig;

use std::io::{Write, stdout};
use std::thread;
use std::time::{Duration, Instant};

use pynenc_redis::link::Link;
use redis::Value;
use rig::Server;
use rig::echo::{LIBRARY, PREFIX, echo, wire};

const ROUNDS: usize = 20;
const CALLS: usize = 1_000;
const THREADS: usize = 8;

fn main() -> std::io::Result<()> {
    let Some(server) = Server::start(&[]) else { return Ok(()) };
    let wire = wire(&server.url());
    let mut connection = server.connection();
    let function = LIBRARY.functions[0].clone();
    let (mut bare, mut wired) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let one = time(|| {
            let mut command = redis::cmd("FCALL");
            let _: Result<Value, _> = command.arg(&function).arg(1).arg(PREFIX).arg("word").query(&mut connection);
        });
        let other = time(|| {
            let _ = wire.call(&[echo(&["word"])]);
        });
        // The first round connects and loads the library.
        if round > 0 {
            bare.extend(one);
            wired.extend(other);
        }
    }
    let (bare, wired) = (percentiles(bare), percentiles(wired));
    let mut out = stdout();
    writeln!(out, "round trip, p50 / p99: bare {bare}, wire {wired}")?;
    writeln!(out, "{THREADS} threads together: {:.0} calls/s", together(&wire))
}

fn time(mut call: impl FnMut()) -> Vec<Duration> {
    let timed = |_| {
        let began = Instant::now();
        call();
        began.elapsed()
    };
    (0..CALLS).map(timed).collect()
}

fn percentiles(mut times: Vec<Duration>) -> String {
    times.sort();
    let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default().as_secs_f64() * 1e6;
    format!("{:.1} / {:.1} µs", at(50), at(99))
}

fn together(wire: &impl Link) -> f64 {
    let began = Instant::now();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| (0..5 * CALLS).for_each(|_| drop(wire.call(&[echo(&["word"])]))));
        }
    });
    (THREADS * 5 * CALLS) as f64 / began.elapsed().as_secs_f64()
}
