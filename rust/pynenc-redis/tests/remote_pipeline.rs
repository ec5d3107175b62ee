//! Scopes in which calls are not waited for.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may fail loudly, also outside the functions that are marked as tests"
)]

mod rig;

use std::time::Duration;

use pynenc_core::engine::{Cancelling, Receipt, Rules};
use pynenc_core::error::CoreError;
use pynenc_core::id::Ref;
use pynenc_core::park::Subscription;
use pynenc_core::status::Status;
use pynenc_redis::error::RedisError;
use pynenc_redis::link::timing::Timing;
use pynenc_redis::remote::{Pipeline, Settings, Submission};
use rig::eventually;
use rig::process::{Hands, Process, echo, timing};

fn take(process: &Process, pipeline: &Pipeline<u32>, payload: &[u8]) -> Ref {
    match pipeline.submit(process.call("echo", payload)).unwrap() {
        Receipt::New(at) => at,
        other => panic!("not a new one: {other:?}"),
    }
}

fn registered(process: &Process) -> usize {
    process.store().counts().unwrap()[Status::Registered as usize]
}

#[test]
fn calls_are_sent_together_and_acknowledged_at_the_end() {
    let server = server!();
    let process = Process::start(&server);
    process.remote.task("echo");
    let before: String = server.ask(&["INFO", "commandstats"]);
    assert!(!before.contains("cmdstat_fcall"));
    let pipeline = process.remote.pipeline();
    for n in 0..1_234_u32 {
        take(&process, &pipeline, &n.to_be_bytes());
    }
    pipeline.flush().unwrap();
    assert_eq!(registered(&process), 1_234);
    let after: String = server.ask(&["INFO", "commandstats"]);
    let calls = after.lines().find_map(|line| line.strip_prefix("cmdstat_fcall:calls=")).unwrap();
    let calls: u32 = calls.split(',').next().unwrap().parse().unwrap();
    assert!(calls <= 6, "{calls} calls for three chunks, one look, and what was not loaded");
    pipeline.flush().unwrap();
}

#[test]
fn whoever_waits_need_not_flush() {
    let server = server!();
    let process = Process::start(&server);
    let worker = process.remote.register_worker("w", &["echo"]).unwrap();
    let hands = Hands::hire(&process, worker, 1, echo);
    let pipeline = process.remote.pipeline();
    for n in 0..20_u8 {
        let at = take(&process, &pipeline, &[n]);
        assert_eq!(process.result(at), [n]);
    }
    hands.dismiss();
    pipeline.flush().unwrap();
}

#[test]
fn what_is_asked_about_is_acknowledged_first() {
    let server = server!();
    let process = Process::start(&server);
    let pipeline = process.remote.pipeline();
    let (one, other) = (take(&process, &pipeline, b"1"), take(&process, &pipeline, b"2"));
    assert_eq!(process.remote.status(one).unwrap(), Status::Registered);
    assert_eq!(process.remote.cancel(other).unwrap(), Cancelling::Cancelled);
    let third = take(&process, &pipeline, b"3");
    process.remote.flush().unwrap();
    assert_eq!(process.store().read(process.remote.id(third)).unwrap().status, Status::Registered);
}

#[test]
fn what_a_rule_may_answer_for_is_answered_at_once_and_in_order() {
    let server = server!();
    let process = Process::start(&server);
    let rules = Rules { registration: Some([1; 32]), arguments: Some([2; 32]), ..Rules::default() };
    let keyed = || Submission { rules: Some(Box::new(rules.clone())), ..process.call("echo", b"keyed") };
    let pipeline = process.remote.pipeline();
    take(&process, &pipeline, b"before");
    let first = pipeline.submit(keyed()).unwrap();
    assert!(matches!(first, Receipt::New(_)));
    assert_eq!(registered(&process), 2, "what came before it was sent before it");
    assert_eq!(pipeline.submit(keyed()).unwrap(), Receipt::Reused { at: first.at(), same: true });
    let running = Rules { running: Some([3; 32]), ..Rules::default() };
    let unanswerable = Submission { rules: Some(Box::new(running)), ..process.call("echo", b"r") };
    assert!(matches!(pipeline.submit(unanswerable).unwrap(), Receipt::New(_)));
    assert_eq!(registered(&process), 2);
    pipeline.flush().unwrap();
    assert_eq!(registered(&process), 3);
}

#[test]
fn a_dropped_scope_sends_what_it_holds() {
    let server = server!();
    let process = Process::start(&server);
    let pipeline = process.remote.pipeline();
    take(&process, &pipeline, b"x");
    drop(pipeline);
    eventually("it was taken", || registered(&process) == 1);
}

#[test]
fn a_failure_says_which_were_not_acknowledged() {
    let mut server = server!();
    let process = Process::with(&server, Settings::default(), timing(Duration::from_millis(300)));
    let pipeline = process.remote.pipeline();
    let taken = take(&process, &pipeline, b"taken");
    pipeline.flush().unwrap();
    server.kill();
    let lost: Vec<Ref> = (0..3_u8).map(|n| take(&process, &pipeline, &[n])).collect();
    let inbox = Subscription::new();
    process.remote.watch(&lost, &inbox, 0);
    let told = pipeline.flush().unwrap_err();
    assert_eq!(told.ids, lost.iter().map(|&at| process.remote.id(at)).collect::<Vec<_>>());
    assert!(matches!(told.reason, RedisError::Unreachable { .. }), "{told}");
    // Who waits for them is told as well, and what was acknowledged is not touched.
    process.await_tokens(&inbox, 3);
    assert!(matches!(process.remote.read(lost[0], |_| ()), Err(CoreError::NotFound(_))));
    assert_eq!(process.remote.read(taken, |view| view.status), Ok(Status::Registered));
    pipeline.flush().unwrap();
}

#[test]
fn a_full_server_is_told_of_at_the_end() {
    let server = server!("--maxmemory", "4mb", "--maxmemory-policy", "noeviction");
    let process = Process::with(&server, Settings::default(), Timing::default());
    let pipeline = process.remote.pipeline();
    let payload = vec![0; 3_000];
    for _ in 0..3_000 {
        take(&process, &pipeline, &payload);
    }
    let told = pipeline.flush().unwrap_err();
    assert!(matches!(told.reason, RedisError::Full { .. }), "{told}");
    assert_eq!(registered(&process) + told.ids.len(), 3_000);
    eventually("one alone is refused too", || {
        matches!(process.remote.submit_one(process.call("echo", &payload)), Err(RedisError::Full { .. }))
    });
}
