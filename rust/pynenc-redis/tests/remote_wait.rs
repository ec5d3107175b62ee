//! Waiters: told by notices, and not left hanging when those do not come.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly, also outside the functions that are marked as tests")]

mod rig;

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use pynenc_core::engine::Cancelling;
use pynenc_core::error::CoreError;
use pynenc_core::id::Ref;
use pynenc_core::park::Subscription;
use pynenc_core::status::Status;
use pynenc_redis::error::RedisError;
use pynenc_redis::link::timing::Timing;
use pynenc_redis::remote::Settings;
use rig::process::{Hands, Process, brisk, echo, timing};
use rig::{Server, eventually};

/// A process that reads nothing to be safe within the time of a test.
fn trusting(server: &Server) -> Process {
    let settings = Settings { safety_read: Duration::from_secs(3_600), ..Settings::default() };
    Process::with(server, settings, Timing::default())
}

fn submit_many(process: &Process, count: u32) -> Vec<Ref> {
    let batch = (0..count).map(|n| process.call("echo", &n.to_be_bytes())).collect();
    process.remote.submit_many(batch, None).unwrap().iter().map(|receipt| receipt.at()).collect()
}

fn listeners(server: &Server) -> usize {
    server.ask::<String>(&["CLIENT", "LIST", "TYPE", "pubsub"]).lines().filter(|line| !line.is_empty()).count()
}

#[test]
fn nobody_listens_before_somebody_waits() {
    let server = server!();
    let process = trusting(&server);
    let at = process.submit(b"x");
    assert_eq!(listeners(&server), 0);
    let inbox = Subscription::new();
    process.remote.watch(&[at], &inbox, 0);
    eventually("it listens", || listeners(&server) == 1);
    process.remote.unwatch(&[at], &inbox);
    assert_eq!(process.remote.cancel(at).unwrap(), Cancelling::Cancelled);
    assert_eq!(inbox.ready(), 0);
}

#[test]
fn who_waits_for_room_is_not_told_that_it_is_gone() {
    let server = server!();
    let (here, there) = (trusting(&server), Process::start(&server));
    let worker = there.remote.register_worker("w", &["echo"]).unwrap();
    server.ask::<String>(&["CONFIG", "SET", "maxmemory", "1"]);
    let (inbox, asked) = (Subscription::new(), AtomicU32::new(0));
    let batch = (0..10u32).map(|n| here.call("echo", &n.to_be_bytes())).collect();
    let wait_for_room = || {
        // Meanwhile the subscription comes up, and everything that is waited for is read.
        std::thread::sleep(Duration::from_millis(20));
        if asked.fetch_add(1, Ordering::Relaxed) == 20 {
            server.ask::<String>(&["CONFIG", "SET", "maxmemory", "0"]);
        }
        true
    };
    let receipts = here.remote.submit_patiently(batch, Some((&inbox, 0)), &wait_for_room).unwrap();
    assert!(asked.load(Ordering::Relaxed) > 20);
    assert_eq!(inbox.ready(), 0);
    let hands = Hands::hire(&there, worker, 1, echo);
    here.await_tokens(&inbox, receipts.len());
    for (n, receipt) in (0..10u32).zip(&receipts) {
        assert_eq!(here.result(receipt.at()), n.to_be_bytes());
    }
    hands.dismiss();
}

#[test]
fn who_may_not_wait_for_room_is_refused_at_once() {
    let server = server!();
    let here = trusting(&server);
    server.ask::<String>(&["CONFIG", "SET", "maxmemory", "1"]);
    let inbox = Subscription::new();
    let refused = here.remote.submit_many(vec![here.call("echo", b"x")], Some((&inbox, 0)));
    assert!(matches!(refused, Err(RedisError::Full { .. })), "{refused:?}");
    assert_eq!(inbox.ready(), 0);
    server.ask::<String>(&["CONFIG", "SET", "maxmemory", "0"]);
    assert_eq!(here.store().counts().unwrap().iter().sum::<usize>(), 0);
}

#[test]
fn an_end_before_the_wait_is_found() {
    let server = server!();
    let (here, there) = (trusting(&server), Process::start(&server));
    let all = submit_many(&here, 10);
    let worker = there.remote.register_worker("w", &["echo"]).unwrap();
    let hands = Hands::hire(&there, worker, 1, echo);
    eventually("all have ended", || here.store().counts().unwrap()[Status::Success as usize] == 10);
    assert_eq!(listeners(&server), 1, "the worker's alone");
    here.await_all(&all);
    hands.dismiss();
}

#[test]
fn one_that_another_process_submitted_is_waited_for() {
    let server = server!();
    let (here, there) = (trusting(&server), Process::start(&server));
    let id = there.remote.id(there.submit(b"x"));
    let at = here.remote.adopt(id).unwrap();
    assert_eq!(here.remote.id(at), id);
    assert_eq!(here.remote.adopt(id).unwrap(), at);
    let inbox = Subscription::new();
    here.remote.watch(&[at, at], &inbox, 7);
    let worker = there.remote.register_worker("w", &["echo"]).unwrap();
    let hands = Hands::hire(&there, worker, 1, echo);
    here.await_tokens(&inbox, 2);
    assert_eq!(here.result(at), b"x");
    // Known by its id alone once it has ended, its outcome is there at once.
    let third = trusting(&server);
    let at = third.remote.adopt(id).unwrap();
    assert_eq!(third.remote.read(at, |view| view.outcome.is_some()), Ok(true));
    let unknown = third.remote.fresh_id();
    assert!(third.remote.adopt(unknown).is_err());
    hands.dismiss();
}

#[test]
fn a_large_result_is_read() {
    let server = server!();
    let (here, there) = (trusting(&server), Process::start(&server));
    let worker = there.remote.register_worker("w", &["echo"]).unwrap();
    let hands = Hands::hire(&there, worker, 1, echo);
    let large = vec![7; 300_000];
    let at = here.submit(&large);
    assert!(here.result(at) == large);
    hands.dismiss();
}

#[test]
fn what_nobody_wants_any_more_is_not_kept() {
    let server = server!();
    let (here, there) = (trusting(&server), Process::start(&server));
    let worker = there.remote.register_worker("w", &["echo"]).unwrap();
    let hands = Hands::hire(&there, worker, 1, echo);
    let all = submit_many(&here, 100);
    let ids: Vec<_> = all.iter().map(|&at| here.remote.id(at)).collect();
    here.await_all(&all);
    assert!(here.remote.remember(all[0]));
    here.remote.forget_all(&all);
    assert_eq!(ids.iter().filter_map(|&id| here.remote.place(id)).collect::<Vec<_>>(), [all[0]]);
    here.remote.forget(all[0]);
    assert!(here.remote.place(ids[0]).is_none() && !here.remote.remember(all[0]));
    let again = here.remote.recall(ids[0], here.remote.task("echo"));
    assert!(again != all[0] && here.remote.place(ids[0]) == Some(again));
    assert_eq!(here.remote.record(again).unwrap().id, ids[0]);
    here.remote.forget(again);
    assert!(here.remote.place(ids[0]).is_none());
    eventually("the worker has let go of all", || ids.iter().all(|&id| there.remote.place(id).is_none()));
    hands.dismiss();
}

#[test]
fn a_subscription_that_is_cut_again_and_again_loses_nobody() {
    let server = server!();
    let (here, there) = (trusting(&server), Process::start(&server));
    let worker = there.remote.register_worker("w", &["echo"]).unwrap();
    let hands = Hands::hire(&there, worker, 2, echo);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Acquire) {
                server.ask::<usize>(&["CLIENT", "KILL", "TYPE", "pubsub"]);
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        for _ in 0..20 {
            here.await_all(&submit_many(&here, 50));
        }
        stop.store(true, Ordering::Release);
    });
    assert!(here.remote.counters().read_again > 0);
    hands.dismiss();
}

#[test]
fn without_any_notice_all_is_read_to_be_safe() {
    let server = server!();
    let refused: String = server.ask(&["ACL", "SETUSER", "default", "resetchannels"]);
    assert_eq!(refused, "OK");
    let (here, there) = (Process::with(&server, brisk(), Timing::default()), Process::start(&server));
    let worker = there.remote.register_worker("w", &["echo"]).unwrap();
    let all = submit_many(&here, 50);
    let inbox = Subscription::new();
    here.remote.watch(&all, &inbox, 0);
    std::thread::sleep(Duration::from_millis(100));
    let hands = Hands::hire(&there, worker, 1, echo);
    here.await_tokens(&inbox, all.len());
    assert_eq!(listeners(&server), 0);
    hands.dismiss();
}

#[test]
fn waiters_outlive_a_server_that_keeps_its_data() {
    let mut server = server!("--appendonly", "yes", "--appendfsync", "always");
    let (here, there) = (trusting(&server), Process::start(&server));
    let all = submit_many(&here, 50);
    let inbox = Subscription::new();
    here.remote.watch(&all, &inbox, 0);
    eventually("it listens", || listeners(&server) == 1);
    server.restart();
    let worker = there.remote.register_worker("w", &["echo"]).unwrap();
    let hands = Hands::hire(&there, worker, 2, echo);
    here.await_tokens(&inbox, all.len());
    assert_eq!(here.result(all[49]), 49_u32.to_be_bytes());
    hands.dismiss();
}

#[test]
fn waiters_learn_that_the_server_lost_its_data() {
    let mut server = server!();
    let here = trusting(&server);
    let all = submit_many(&here, 1_500);
    let inbox = Subscription::new();
    here.remote.watch(&all, &inbox, 0);
    eventually("it listens", || listeners(&server) == 1);
    server.restart();
    here.await_tokens(&inbox, all.len());
    for &at in &all {
        let gone = here.remote.read(at, |_| ()).unwrap_err();
        assert!(matches!(gone, CoreError::NotFound(_) | CoreError::Vanished(_)), "{gone}");
    }
}

#[test]
fn waiters_learn_of_a_loss_that_nothing_tells_of() {
    let server = server!();
    let here = Process::with(&server, brisk(), Timing::default());
    let all = submit_many(&here, 1_500);
    let inbox = Subscription::new();
    here.remote.watch(&all, &inbox, 0);
    eventually("it listens", || listeners(&server) == 1);
    let _: String = server.ask(&["FLUSHALL"]);
    here.await_tokens(&inbox, all.len());
}

#[test]
fn a_purge_reaches_waiters_everywhere() {
    let server = server!();
    let (here, there) = (trusting(&server), trusting(&server));
    let all = submit_many(&here, 20);
    let inbox = Subscription::new();
    here.remote.watch(&all, &inbox, 0);
    eventually("it listens", || listeners(&server) == 1);
    assert_eq!(there.remote.purge().unwrap(), 20);
    here.await_tokens(&inbox, all.len());
    assert!(matches!(here.remote.read(all[0], |_| ()), Err(CoreError::Vanished(_))));
}

#[test]
fn calling_off_reaches_waiters_everywhere() {
    let server = server!();
    let (here, there) = (trusting(&server), trusting(&server));
    let at = here.submit(b"x");
    let inbox = Subscription::new();
    here.remote.watch(&[at], &inbox, 0);
    let there_at = there.remote.adopt(here.remote.id(at)).unwrap();
    assert_eq!(there.remote.cancel(there_at).unwrap(), Cancelling::Cancelled);
    assert_eq!(there.remote.cancel(there_at).unwrap(), Cancelling::Final);
    here.await_tokens(&inbox, 1);
    assert_eq!(here.remote.status(at).unwrap(), Status::Cancelled);
}

#[test]
fn who_still_waits_when_the_engine_is_closed_is_told() {
    let server = server!();
    let here = trusting(&server);
    let at = here.submit(b"x");
    let inbox = Subscription::new();
    here.remote.watch(&[at], &inbox, 0);
    here.remote.close(Duration::from_secs(5));
    here.await_tokens(&inbox, 1);
    let late = Subscription::new();
    here.remote.watch(&[at], &late, 0);
    assert_eq!(late.ready(), 1);
}

#[test]
fn a_wait_through_an_outage_goes_on() {
    let mut server = server!("--appendonly", "yes", "--appendfsync", "always");
    let short = timing(Duration::from_millis(300));
    let here = Process::with(&server, brisk(), short);
    let there = Process::with(&server, brisk(), short);
    let all = submit_many(&here, 10);
    let inbox = Subscription::new();
    here.remote.watch(&all, &inbox, 0);
    server.kill();
    // Longer than any call is tried: both sides have given up, and begin again by themselves.
    std::thread::sleep(Duration::from_millis(1_200));
    server.run();
    let worker = there.remote.register_worker("w", &["echo"]).unwrap();
    let hands = Hands::hire(&there, worker, 1, echo);
    here.await_tokens(&inbox, all.len());
    hands.dismiss();
}
