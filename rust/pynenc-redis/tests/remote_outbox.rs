//! Ends through outages, leases that are lost, and workers that stop.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly, also outside the functions that are marked as tests")]

mod rig;

use std::sync::Arc;
use std::time::{Duration, Instant};

use pynenc_core::engine::Outcome;
use pynenc_core::error::CoreError;
use pynenc_core::park::Parker;
use pynenc_core::status::Status;
use pynenc_redis::error::RedisError;
use pynenc_redis::link::timing::Timing;
use pynenc_redis::remote::{News, Settings, Work};
use rig::process::{Hands, Process, Slot, brisk, echo, timing};
use rig::{PATIENCE, eventually};

fn success(process: &Process, work: &Work) -> Result<(), RedisError> {
    process.remote.finish(work.at, work.fence, Outcome::Success(work.payload.clone()), 0, None)
}

#[test]
fn ends_outlive_an_outage() {
    let mut server = server!("--appendonly", "yes", "--appendfsync", "always");
    let settings = Settings { lease: Duration::from_secs(30), ..Settings::default() };
    let there = Process::with(&server, settings, timing(Duration::from_millis(300)));
    let here = Process::start(&server);
    let worker = there.remote.register_worker("w", &["echo"]).unwrap();
    let slots: Vec<_> = (0..20).map(|_| Slot::of(&there, worker)).collect();
    let all: Vec<_> = (0..20_u8).map(|n| here.submit(&[n])).collect();
    let running: Vec<_> = slots.iter().map(Slot::next).collect();
    server.kill();
    let began = Instant::now();
    for work in &running {
        success(&there, work).unwrap();
        assert!(success(&there, work).is_err(), "ended twice");
    }
    assert!(began.elapsed() < Duration::from_secs(5), "an end waited for the network");
    eventually("an end is sent again", || there.remote.counters().resent > 0);
    server.run();
    here.await_all(&all);
    for (n, &at) in (0_u8..).zip(&all) {
        assert_eq!(here.result(at), [n]);
        let record = here.remote.record(at).unwrap();
        assert_eq!((record.attempt, record.losses), (1, 0));
    }
    assert_eq!(there.remote.counters().fenced, 20, "the second ends alone");
}

#[test]
fn work_goes_on_by_itself_after_an_outage() {
    let mut server = server!("--appendonly", "yes", "--appendfsync", "always");
    let short = timing(Duration::from_millis(300));
    let (here, there) = (Process::with(&server, brisk(), Timing::default()), Process::with(&server, brisk(), short));
    let worker = there.remote.register_worker("w", &["echo"]).unwrap();
    let hands = Hands::hire(&there, worker, 2, echo);
    here.await_all(&[here.submit(b"before")]);
    for round in 0..2_u8 {
        server.kill();
        std::thread::sleep(Duration::from_millis(700));
        server.run();
        assert_eq!(here.result(here.submit(&[round])), [round]);
    }
    hands.dismiss();
}

/// A process whose worker renews too seldom for the store, so that it loses its lease while it lives.
fn forgetful(server: &rig::Server) -> Process {
    let settings = Settings { lease: Duration::from_secs(6), ..Settings::default() };
    Process::leased(server, settings, Timing::default(), Duration::from_secs(1))
}

#[test]
fn a_worker_that_lost_its_lease_is_told_and_begins_again() {
    let server = server!();
    let there = forgetful(&server);
    let other = Process::leased(&server, brisk(), Timing::default(), Duration::from_secs(1));
    let worker = there.remote.register_worker("w", &["echo"]).unwrap();
    let timer = Arc::new(Parker::new());
    there.remote.set_timer(worker, Some(Arc::clone(&timer)));
    let slot = Slot::of(&there, worker);
    let at = other.submit(b"x");
    let work = slot.next();
    // The living one rescues it, and runs it again.
    let helper = other.remote.register_worker("helper", &["echo"]).unwrap();
    let hands = Hands::hire(&other, helper, 1, echo);
    assert_eq!(other.result(at), b"x");
    assert!(timer.park(Some(Instant::now() + PATIENCE)));
    assert_eq!(there.remote.take_news(worker), [News::Lost(work.at, work.fence)]);
    match success(&there, &work) {
        Err(RedisError::Refused(CoreError::Fenced { .. } | CoreError::NotFound(_))) => {}
        told => panic!("not fenced: {told:?}"),
    }
    let record = other.remote.record(at).unwrap();
    assert_eq!((record.attempt, record.losses), (2, 1));
    hands.dismiss();
    // The same number claims again, under a new registration.
    eventually("it has registered again", || there.remote.counters().leases_lost > 0);
    let at = other.submit(b"y");
    let work = slot.next();
    success(&there, &work).unwrap();
    assert_eq!(other.result(at), b"y");
}

#[test]
fn a_late_end_is_refused_and_counted() {
    let server = server!();
    let there = forgetful(&server);
    let other = Process::leased(&server, brisk(), Timing::default(), Duration::from_secs(1));
    let worker = there.remote.register_worker("w", &["echo"]).unwrap();
    let slot = Slot::of(&there, worker);
    let at = other.submit(b"x");
    let work = slot.next();
    let helper = other.remote.register_worker("helper", &["echo"]).unwrap();
    eventually("it was rescued", || other.remote.record(at).unwrap().losses == 1);
    // This process has not heard of it yet: its end goes out and is refused.
    there.remote.finish(work.at, work.fence, Outcome::Success(b"late".to_vec()), 0, None).unwrap();
    eventually("the end was refused", || there.remote.counters().fenced == 1);
    let hands = Hands::hire(&other, helper, 1, echo);
    assert_eq!(other.result(at), b"x");
    hands.dismiss();
}

#[test]
fn a_worker_that_stops_hands_everything_back() {
    let server = server!();
    let (here, there) = (Process::start(&server), Process::start(&server));
    let worker = there.remote.register_worker("w", &["echo"]).unwrap();
    let slots: Vec<_> = (0..5).map(|_| Slot::of(&there, worker)).collect();
    let all: Vec<_> = (0..5_u8).map(|n| here.submit(&[n])).collect();
    let running: Vec<_> = slots.iter().map(Slot::next).collect();
    success(&there, &running[0]).unwrap();
    there.remote.stop_claiming(worker);
    success(&there, &running[1]).unwrap();
    let told = there.remote.hand_back(worker, PATIENCE);
    assert_eq!((told.released.len(), told.unsent), (3, 0));
    assert!(success(&there, &running[2]).is_err());
    let parker = Arc::new(Parker::new());
    let idle = pynenc_redis::remote::Idle { parker: &parker, wants: 1 };
    let refused = there.remote.claim_started(worker, pynenc_core::engine::Lane::Sync, Some(idle));
    assert!(matches!(refused, Err(RedisError::Refused(CoreError::UnknownWorker(_)))));
    for &at in &all[2..] {
        let record = here.remote.record(at).unwrap();
        assert_eq!((record.status, record.losses, record.retries), (Status::Rerouted, 0, 0));
    }
    let other = Process::start(&server);
    let helper = other.remote.register_worker("helper", &["echo"]).unwrap();
    let hands = Hands::hire(&other, helper, 1, echo);
    here.await_all(&all);
    hands.dismiss();
    assert_eq!(here.store().doctor().unwrap(), Vec::<String>::new());
}

#[test]
fn stopping_without_a_server_takes_no_longer_than_allowed() {
    let mut server = server!();
    let there = Process::start(&server);
    let here = Process::start(&server);
    let worker = there.remote.register_worker("w", &["echo"]).unwrap();
    let slot = Slot::of(&there, worker);
    here.submit(b"x");
    let work = slot.next();
    server.kill();
    success(&there, &work).unwrap();
    let began = Instant::now();
    assert_eq!(there.remote.close(Duration::from_millis(500)), 1);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[test]
fn an_inline_end_waits_for_the_answer_through_an_outage() {
    let mut server = server!("--appendonly", "yes", "--appendfsync", "always");
    let settings = Settings { lease: Duration::from_secs(30), ..Settings::default() };
    let process = Process::with(&server, settings, timing(Duration::from_millis(300)));
    let remote = &process.remote;
    let worker = remote.register_worker("w", &["echo"]).unwrap();
    let slot = Slot::of(&process, worker);
    process.submit(b"top");
    let parent = slot.next();
    let child = process.submit(b"child");
    let inline = remote.claim_awaited(parent.at, parent.fence, child).unwrap().unwrap();
    server.kill();
    std::thread::scope(|scope| {
        let resume = Some((parent.at, parent.fence));
        let end = move || remote.finish(child, inline.fence, Outcome::Success(b"done".to_vec()), 0, resume);
        let ended = scope.spawn(end);
        std::thread::sleep(Duration::from_millis(700));
        assert!(!ended.is_finished());
        server.run();
        ended.join().unwrap().unwrap();
    });
    assert_eq!(remote.read(child, |view| view.status), Ok(Status::Success));
    assert_eq!(process.store().read(parent.id).unwrap().status, Status::Running);
}
