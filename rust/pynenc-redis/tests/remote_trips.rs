//! The trips of a courier, over a store that fails when it is told to.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly, also outside the functions that are marked as tests")]

mod rig;

use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use pynenc_core::engine::{Fence, Lane, Outcome};
use pynenc_core::id::Ref;
use pynenc_core::park::Parker;
use pynenc_core::status::Status;
use pynenc_redis::error::RedisError;
use pynenc_redis::remote::{Idle, Remote, Settings, Work};
use pynenc_redis::store::{Claims, End, Start, WorkerId};
use rig::scripted::{Scripted, Trip, next, next_claim, unreachable};
use rig::{PATIENCE, eventually};

struct Stage {
    server: Arc<Scripted>,
    remote: Remote<()>,
    trips: Receiver<Trip>,
    worker: u32,
    parker: Arc<Parker>,
}

impl Stage {
    fn set(settings: Settings) -> Self {
        let (server, trips) = Scripted::new();
        let remote = Remote::new(Arc::<Scripted>::clone(&server), settings);
        let worker = remote.register_worker("w", &["task"]).unwrap();
        Self { server, remote, trips, worker, parker: Arc::new(Parker::new()) }
    }

    /// One where nothing happens by itself.
    fn quiet() -> Self {
        let hour = Duration::from_secs(3_600);
        Self::set(Settings { lease: hour, longest_sleep: hour, ..Settings::default() })
    }

    fn come(&self, wants: usize) -> Option<Work> {
        let idle = Some(Idle { parker: &self.parker, wants });
        self.remote.claim_started(self.worker, Lane::Sync, idle).unwrap()
    }

    /// Have this many given to the slot of more that are queued, and take them.
    fn hold(&self, count: usize) -> Vec<Work> {
        assert!(self.come(count).is_none());
        let trip = next_claim(&self.trips);
        let taken = (0..count).map(|_| self.server.taken(b"x")).collect();
        let told = trip.settle.iter().map(|_| Ok(())).collect();
        trip.answer(told, Claims { taken, queued: 1, ..Claims::default() });
        assert!(self.parker.park(Some(Instant::now() + PATIENCE)));
        (0..count).map(|_| self.remote.claim_started(self.worker, Lane::Sync, None).unwrap().unwrap()).collect()
    }

    /// Take what a claim has brought that no thread waited for yet.
    fn hold_what_came(&self) -> Work {
        let mut work = None;
        eventually("work came", || {
            work = self.remote.claim_started(self.worker, Lane::Sync, None).unwrap();
            work.is_some()
        });
        work.unwrap()
    }

    fn end(&self, (at, fence): (Ref, Fence), value: Vec<u8>) {
        self.remote.finish(at, fence, Outcome::Success(value), 0, None).unwrap();
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.remote.close(Duration::ZERO);
    }
}

#[test]
fn a_claim_without_an_answer_is_sent_again_as_it_was() {
    let stage = Stage::quiet();
    assert!(stage.come(3).is_none());
    let first = next(&stage.trips);
    let request = first.claim.clone().unwrap();
    assert_eq!((request.limit, request.start, request.lanes.as_slice()), (3, Start::All, [Lane::Sync].as_slice()));
    first.fail(unreachable());
    let second = next(&stage.trips);
    assert_eq!(second.claim.as_ref().unwrap().nonce, request.nonce);
    assert_eq!(second.claim.as_ref().unwrap().limit, request.limit);
    second.accept();
}

#[test]
fn a_ring_while_the_store_is_being_asked_is_not_forgotten() {
    let stage = Stage::quiet();
    assert!(stage.come(1).is_none());
    next(&stage.trips).accept();
    // The doorbell waits, and is rung; while its claim is answered, the bell rings again.
    stage.server.push_token(Lane::Sync);
    let older = next_claim(&stage.trips);
    assert!(stage.come(1).is_none());
    stage.remote.know_tasks(stage.worker, &["more"]).unwrap();
    older.accept();
    next_claim(&stage.trips).accept();
}

#[test]
fn ends_ask_along_for_work_while_that_finds_some() {
    let stage = Stage::quiet();
    let ring = |count: usize| {
        assert!(stage.come(1).is_none());
        stage.server.push_token(Lane::Sync);
        let claim = next_claim(&stage.trips);
        let taken = (0..count).map(|_| stage.server.taken(b"x")).collect();
        claim.answer(Vec::new(), Claims { taken, ..Claims::default() });
        assert!(stage.parker.park(Some(Instant::now() + PATIENCE)));
        stage.come(1).unwrap()
    };
    let end = |work: &Work| {
        stage.end((work.at, work.fence), b"y".to_vec());
        let trip = next(&stage.trips);
        assert_eq!(trip.settle.len(), 1);
        trip
    };
    let asked_along = end(&stage.hold(1).remove(0));
    assert!(asked_along.claim.is_some());
    asked_along.accept();
    // It found nothing: the next one goes alone, and is told that something came meanwhile.
    let alone = end(&ring(1));
    assert!(alone.claim.is_none());
    alone.answer(vec![Ok(())], Claims { queued_by_lane: [1, 0], ..Claims::default() });
    let asked = next_claim(&stage.trips);
    assert!(asked.settle.is_empty());
    asked.answer(Vec::new(), Claims { taken: vec![stage.server.taken(b"x")], ..Claims::default() });
    let found = stage.hold_what_came();
    assert!(end(&found).claim.is_some());
}

#[test]
fn a_token_that_nobody_can_use_is_passed_on() {
    let stage = Stage::quiet();
    assert!(stage.come(1).is_none());
    next(&stage.trips).accept();
    eventually("the doorbell waits", || {
        stage.remote.leave_idle(Lane::Sync, &stage.parker);
        stage.server.push_token(Lane::Sync);
        std::thread::sleep(Duration::from_millis(20));
        stage.server.tokens() > 0
    });
    // Wanted again, it is taken.
    assert!(stage.come(1).is_none());
    next_claim(&stage.trips).accept();
}

#[test]
fn ends_go_out_in_order_and_so_many_at_a_time() {
    let stage = Stage::quiet();
    let held = stage.hold(100);
    let more = stage.hold(100);
    let all: Vec<&Work> = held.iter().chain(&more).collect();
    stage.end((all[0].at, all[0].fence), b"x".to_vec());
    // While the first is on its way, the rest gathers.
    let first = next(&stage.trips);
    all[1..].iter().for_each(|work| stage.end((work.at, work.fence), b"x".to_vec()));
    let mut ids: Vec<_> = first.settle.iter().map(|one| one.id).collect();
    first.accept();
    let mut sizes = Vec::new();
    while ids.len() < all.len() {
        let trip = next(&stage.trips);
        sizes.push(trip.settle.len());
        ids.extend(trip.settle.iter().map(|one| one.id));
        trip.accept();
    }
    assert_eq!(ids, all.iter().map(|work| work.id).collect::<Vec<_>>());
    assert_eq!(sizes, [128, 71]);
}

#[test]
fn what_was_not_acknowledged_is_sent_again_under_the_same_token() {
    let stage = Stage::quiet();
    let held = stage.hold(2);
    for work in &held {
        stage.end((work.at, work.fence), b"x".to_vec());
    }
    let mut first = next(&stage.trips);
    while first.settle.is_empty() {
        first = next(&stage.trips);
    }
    let tokens: Vec<u64> = first.settle.iter().map(|one| one.token).collect();
    first.fail(unreachable());
    let second = next(&stage.trips);
    assert_eq!(second.settle.iter().map(|one| one.token).take(tokens.len()).collect::<Vec<_>>(), tokens);
    // One is taken; of the other the store cannot say anything now.
    let full = RedisError::Full { server: "here".into(), reason: "OOM".into() };
    let told = second.settle.iter().map(|one| if one.id == held[0].id { Ok(()) } else { Err(full.clone()) }).collect();
    let both = second.settle.len() == 2;
    second.answer(told, Claims::default());
    let third = next(&stage.trips);
    assert!(!both || third.settle.len() == 1);
    assert!(third.settle.iter().all(|one| one.id == held[1].id));
    assert!(stage.remote.place(held[1].id).is_some(), "it is held until the store has answered");
    third.accept();
    eventually("both are let go", || held.iter().all(|work| stage.remote.place(work.id).is_none()));
    assert!(stage.remote.counters().resent >= 2);
}

#[test]
fn results_beyond_the_bound_hold_claims_back() {
    let hour = Duration::from_secs(3_600);
    let stage = Stage::set(Settings { lease: hour, longest_sleep: hour, outbox_bytes: 3 << 20, ..Settings::default() });
    let held = stage.hold(6);
    stage.end((held[0].at, held[0].fence), vec![0; 1 << 20]);
    let first = next(&stage.trips);
    held[1..].iter().for_each(|work| stage.end((work.at, work.fence), vec![0; 1 << 20]));
    assert!(stage.come(1).is_none());
    first.fail(unreachable());
    let second = next(&stage.trips);
    assert_eq!(second.settle.len(), 1, "a trip carries a megabyte, or one end");
    assert_eq!(second.claim.map(|claim| claim.limit), None, "five more wait to be sent");
}

#[test]
fn a_worker_that_the_store_does_not_know_registers_again() {
    let stage = Stage::quiet();
    let held = stage.hold(2);
    stage.end((held[0].at, held[0].fence), b"x".to_vec());
    let trip = next_claim(&stage.trips);
    assert_eq!(trip.claim.as_ref().unwrap().worker, WorkerId(1));
    assert!(stage.come(1).is_none());
    trip.fail(RedisError::UnknownWorker(WorkerId(1)));
    // What ended is told again and answered, what still runs is lost, and claims go on under another registration.
    let again = next_claim(&stage.trips);
    assert_eq!(again.claim.as_ref().unwrap().worker, stage.server.worker());
    assert_eq!(stage.server.worker(), WorkerId(2));
    again.accept();
    assert_eq!(stage.remote.counters().leases_lost, 1);
    let late = stage.remote.finish(held[1].at, held[1].fence, Outcome::<Vec<u8>>::Cancelled, 0, None);
    assert!(matches!(late, Err(RedisError::Refused(_))), "{late:?}");
}

#[test]
fn fetched_work_that_no_thread_comes_for_goes_back() {
    let stage = Stage::quiet();
    let parker = Arc::new(Parker::new());
    assert!(stage.come(1).is_none());
    let trip = next(&stage.trips);
    let all: Vec<_> = (0..3).map(|_| stage.server.taken(b"x")).collect();
    trip.answer(Vec::new(), Claims { taken: all.clone(), ..Claims::default() });
    let work = loop {
        match stage.come(1) {
            Some(work) => break work,
            None => assert!(stage.parker.park(Some(Instant::now() + PATIENCE))),
        }
    };
    assert_eq!(work.id, all[0].id);
    let mut back = Vec::new();
    while back.len() < 2 {
        let trip = next(&stage.trips);
        assert!(trip.settle.iter().all(|one| one.end == End::Release && one.ran.is_none()));
        back.extend(trip.settle.iter().map(|one| one.id));
        trip.accept();
    }
    assert_eq!(back, [all[1].id, all[2].id]);
    assert_eq!(stage.remote.counters().given_back, 2);
    assert_eq!(stage.remote.read(work.at, |view| view.status), Ok(Status::Running));
    stage.remote.leave_idle(Lane::Sync, &parker);
}
