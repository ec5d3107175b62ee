//! Two processes side by side: one submits and waits, one works.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may fail loudly, also outside the functions that are marked as tests"
)]

mod rig;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use pynenc_core::engine::{Lane, Outcome};
use pynenc_core::park::Parker;
use pynenc_core::status::Status;
use pynenc_redis::link::timing::Timing;
use pynenc_redis::remote::{Idle, Settings};
use rig::process::{Hands, Process, Slot, echo};
use rig::{PATIENCE, eventually};

/// A worker that nothing but a token wakes within the time of a test.
fn sleepy() -> Settings {
    let hour = Duration::from_secs(3_600);
    Settings { longest_sleep: hour, lease: hour, ..Settings::default() }
}

#[test]
fn what_one_submits_the_other_runs() {
    let server = server!();
    let (here, there) = (Process::start(&server), Process::start(&server));
    let worker = there.remote.register_worker("w", &["echo"]).unwrap();
    let hands = Hands::hire(&there, worker, 2, echo);
    let at = here.submit(b"hello");
    assert_eq!(here.result(at), b"hello");
    let batch = (0..1_000).map(|n: u32| here.call("echo", &n.to_be_bytes())).collect();
    let receipts = here.remote.submit_many(batch, None).unwrap();
    let all: Vec<_> = receipts.iter().map(|receipt| receipt.at()).collect();
    here.await_all(&all);
    for (n, &at) in (0_u32..).zip(&all) {
        assert_eq!(here.result(at), n.to_be_bytes());
    }
    hands.dismiss();
    assert_eq!(there.remote.close(Duration::from_secs(5)), 0);
    here.remote.close(Duration::from_secs(5));
    assert_eq!(here.store().doctor().unwrap(), Vec::<String>::new());
}

#[test]
fn every_end_is_told_as_it_was() {
    let server = server!();
    let process = Process::start(&server);
    let worker = process.remote.register_worker("w", &["echo"]).unwrap();
    let hands = Hands::hire(&process, worker, 1, |work| match work.payload.as_slice() {
        b"fail" => Outcome::Failed(b"why".to_vec()),
        b"stop" => Outcome::Cancelled,
        _ => Outcome::Success(Vec::new()),
    });
    let all: Vec<_> = ["fail", "stop", ""].iter().map(|&text| process.submit(text.as_bytes())).collect();
    process.await_all(&all);
    let ended = |at| {
        let read = process.remote.read(at, |view| match view.outcome {
            Some(Outcome::Failed(why)) => (view.status, why.to_vec()),
            Some(Outcome::Success(value)) => (view.status, value.to_vec()),
            other => (view.status, format!("{other:?}").into_bytes()),
        });
        read.unwrap()
    };
    assert_eq!(ended(all[0]), (Status::Failed, b"why".to_vec()));
    assert_eq!(ended(all[1]), (Status::Cancelled, b"Some(Cancelled)".to_vec()));
    assert_eq!(ended(all[2]), (Status::Success, Vec::new()));
    hands.dismiss();
}

#[test]
fn a_run_is_tried_again_and_handed_back() {
    let server = server!();
    let process = Process::start(&server);
    let worker = process.remote.register_worker("w", &["echo"]).unwrap();
    let at = process.submit(b"x");
    let slot = Slot::of(&process, worker);
    let first = slot.next();
    assert_eq!((first.retries, first.fence.attempt), (0, 1));
    process.remote.retry(first.at, first.fence, 0).unwrap();
    let second = slot.next();
    assert_eq!((second.retries, second.fence.attempt), (1, 2));
    process.remote.release(second.at, second.fence).unwrap();
    let third = slot.next();
    assert_eq!((third.retries, third.fence.attempt), (1, 3));
    assert!(process.remote.finish(second.at, second.fence, Outcome::<Vec<u8>>::Cancelled, 0, None).is_err());
    process.remote.finish(third.at, third.fence, Outcome::Success(b"y".to_vec()), 1, None).unwrap();
    assert!(process.remote.finish(third.at, third.fence, Outcome::<Vec<u8>>::Cancelled, 0, None).is_err());
    assert_eq!(process.result(at), b"y");
    let record = process.remote.record(at).unwrap();
    assert_eq!((record.attempt, record.retries, record.losses), (3, 1, 0));
    process.remote.leave_idle(Lane::Sync, &slot.parker);
}

#[test]
fn a_token_wakes_a_sleeping_worker() {
    let server = server!();
    let (here, there) = (Process::start(&server), Process::with(&server, sleepy(), Timing::default()));
    let worker = there.remote.register_worker("w", &["echo"]).unwrap();
    let hands = Hands::hire(&there, worker, 2, echo);
    for n in 0..20_u8 {
        eventually("the worker waits to be rung for", || {
            server.ask::<String>(&["INFO", "clients"]).contains("blocked_clients:1")
        });
        let at = here.submit(&[n]);
        assert_eq!(here.result(at), [n]);
    }
    hands.dismiss();
}

#[test]
fn a_lost_token_costs_a_moment_and_no_more() {
    let server = server!();
    let settings = Settings { longest_sleep: Duration::from_millis(300), ..Settings::default() };
    let (here, there) = (Process::start(&server), Process::with(&server, settings, Timing::default()));
    let worker = there.remote.register_worker("w", &["echo"]).unwrap();
    // Stands before the worker in the line for tokens, and takes the first, as one does that dies of it.
    let thief = std::thread::scope(|scope| {
        let thief = scope.spawn(|| server.ask::<Vec<String>>(&["BLPOP", "pynenc:4:{test}:tok:0", "0"]));
        let blocked =
            |count: usize| server.ask::<String>(&["INFO", "clients"]).contains(&format!("blocked_clients:{count}"));
        eventually("the thief waits", || blocked(1));
        let hands = Hands::hire(&there, worker, 1, echo);
        eventually("the worker waits to be rung for", || blocked(2));
        let at = here.submit(b"x");
        assert_eq!(here.result(at), b"x");
        hands.dismiss();
        thief.join().unwrap()
    });
    assert_eq!(thief.len(), 2, "no token was stolen");
}

#[test]
fn what_is_delayed_runs_when_it_is_due() {
    let server = server!();
    let (here, there) = (Process::start(&server), Process::with(&server, sleepy(), Timing::default()));
    let worker = there.remote.register_worker("w", &["echo"]).unwrap();
    let hands = Hands::hire(&there, worker, 1, echo);
    let later = pynenc_redis::remote::Submission { delay: 300_000, ..here.call("echo", b"later") };
    let began = Instant::now();
    let at = here.remote.submit_one(later).unwrap().at();
    assert_eq!(here.remote.status(at).unwrap(), Status::Scheduled);
    assert_eq!(here.result(at), b"later");
    assert!(began.elapsed() >= Duration::from_millis(300));
    hands.dismiss();
}

#[test]
fn a_slow_body_does_not_sit_on_its_neighbours() {
    let server = server!();
    let (here, there, other) = (Process::start(&server), Process::start(&server), Process::start(&server));
    let worker = there.remote.register_worker("w", &["echo"]).unwrap();
    let gate = Arc::new((Mutex::new(()), AtomicBool::new(false)));
    let closed = gate.0.lock().unwrap();
    let doors = Arc::clone(&gate);
    let hands = Hands::hire(&there, worker, 1, move |work| {
        if work.payload == b"slow" {
            doors.1.store(true, Ordering::Release);
            drop(doors.0.lock().unwrap());
        }
        echo(work)
    });
    // Many short ones, so that work is fetched ahead; then one that blocks the only thread.
    let many = |count: usize| -> Vec<_> {
        let batch = (0..count).map(|_| here.call("echo", b"short")).collect();
        here.remote.submit_many(batch, None).unwrap().iter().map(|receipt| receipt.at()).collect()
    };
    here.await_all(&many(500));
    let mut batch: Vec<_> = (0..100).map(|_| here.call("echo", b"short")).collect();
    batch.insert(0, here.call("echo", b"slow"));
    let all: Vec<_> = here.remote.submit_many(batch, None).unwrap().iter().map(|receipt| receipt.at()).collect();
    eventually("the slow one runs", || gate.1.load(Ordering::Acquire));
    let helper = other.remote.register_worker("other", &["echo"]).unwrap();
    let helping = Hands::hire(&other, helper, 1, echo);
    here.await_all(&all[1..]);
    assert_eq!(here.remote.read(all[0], |view| view.outcome.is_some()), Ok(false));
    drop(closed);
    assert_eq!(here.result(all[0]), b"slow");
    hands.dismiss();
    helping.dismiss();
    let losses: u8 = all.iter().map(|&at| here.remote.record(at).unwrap().losses).sum();
    assert_eq!(losses, 0, "what is given back counts as nothing");
}

#[test]
fn a_loop_is_given_as_much_as_it_wants() {
    let server = server!();
    let process = Process::with(&server, sleepy(), Timing::default());
    let worker = process.remote.register_worker("w", &["echo"]).unwrap();
    let (sync, lone) = (Arc::new(Parker::new()), Arc::new(Parker::new()));
    let sync_idle =
        || process.remote.claim_started(worker, Lane::Sync, Some(Idle { parker: &sync, wants: 1 })).unwrap();
    let loop_idle =
        || process.remote.claim_started(worker, Lane::Async, Some(Idle { parker: &lone, wants: 300 })).unwrap();
    // Only the loop is waited for at first: the doorbell must then be told that a slot waits too.
    assert!(loop_idle().is_none());
    eventually("it waits to be rung for", || server.ask::<String>(&["INFO", "clients"]).contains("blocked_clients:1"));
    assert!(sync_idle().is_none());
    let mut batch: Vec<_> = (0..200)
        .map(|_| pynenc_redis::remote::Submission { lane: Lane::Async, ..process.call("echo", b"nap") })
        .collect();
    batch.push(process.call("echo", b"slot"));
    process.remote.submit_many(batch, None).unwrap();
    let until = Some(Instant::now() + PATIENCE);
    assert!(sync.park(until) && lone.park(until), "both are woken");
    assert_eq!(sync_idle().unwrap().payload, b"slot");
    let taken = AtomicUsize::new(0);
    eventually("all two hundred begin", || {
        while let Some(work) = process.remote.claim_started(worker, Lane::Async, None).unwrap() {
            assert_eq!(work.payload, b"nap");
            taken.fetch_add(1, Ordering::Relaxed);
        }
        let all = taken.load(Ordering::Relaxed) == 200;
        all || loop_idle().is_some_and(|_| taken.fetch_add(1, Ordering::Relaxed) == 199)
    });
}

#[test]
fn what_came_back_is_told_to_have_started_before_its_body_begins() {
    let server = server!();
    let process = Process::start(&server);
    let worker = process.remote.register_worker("w", &["echo"]).unwrap();
    let parker = Arc::new(Parker::new());
    let at = process.submit(b"again");
    let next = || {
        let idle = Idle { parker: &parker, wants: 1 };
        let mut found = None;
        eventually("it is claimed", || {
            found = process.remote.claim_started(worker, Lane::Sync, Some(idle)).unwrap();
            found.is_some() || !parker.park(Some(Instant::now() + PATIENCE))
        });
        found.unwrap()
    };
    let first = next();
    assert!(!first.came_back());
    process.remote.release(at, first.fence).unwrap();
    let second = next();
    assert!(second.came_back());
    assert!(process.remote.tell_started(&second));
    assert_eq!(process.store().read(second.id).unwrap().status, Status::Running);
}
