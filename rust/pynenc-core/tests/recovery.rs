//! Workers that are lost: what they held is rescued, and is given up after the third loss.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

mod rig;

use std::sync::Arc;

use pynenc_core::engine::{Ending, Lane, Limits, Outcome, Submission};
use pynenc_core::error::CoreError;
use pynenc_core::park::Parker;
use pynenc_core::status::Status::{Failed, Paused, Pending, Registered, Rerouted, Retry, Running, Scheduled, Success};
use rig::{DAWN, Held, Rig, SECOND};

#[test]
fn what_a_lost_worker_held_is_rescued_in_its_place() {
    let rig = Rig::new();
    let all = rig.submit_all(1..=3);
    let (running, paused, pending) = (rig.run(), rig.run(), rig.claim());
    rig.submit(4);
    rig.pause(paused, &[running.at]).unwrap();
    assert_eq!(rig.engine.lose(rig.worker), all, "in the order of the claims");
    let other = rig.engine.register_worker("other");
    let again = rig.claim_by(other, Lane::Sync, 9);
    assert_eq!(again.iter().map(|held| rig.call_of(held.at)).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(rig.history(paused.at), [Registered, Pending, Running, Paused, Rerouted, Pending]);
    for late in [running, paused, pending] {
        assert!(rig.is_fenced(late, &rig.end(late, Outcome::Success(13))));
        let losses = u8::from(late.at != pending.at);
        assert_eq!(rig.engine.read(late.at, |view| (view.losses, view.retries)), Ok((losses, 0)));
    }
}

#[test]
fn a_lost_worker_is_nobody() {
    let rig = Rig::new();
    let subject = rig.submit(1);
    assert_eq!(&*rig.engine.worker_name(rig.worker), "first");
    assert_eq!(rig.engine.lose(rig.worker), []);
    assert_eq!(rig.engine.lose(rig.worker), []);
    assert!(!rig.engine.renew(rig.worker));
    assert_eq!(&*rig.engine.worker_name(rig.worker), "first");
    assert_eq!(rig.engine.claim(rig.worker, &[Lane::Sync], 1), Err(CoreError::UnknownWorker(rig.worker)));
    assert_ne!(rig.engine.register_worker("first"), rig.worker, "a name may return, an identity never");
    assert_eq!(rig.status(subject), Registered);
}

#[test]
fn only_its_own_work_is_taken_from_a_worker() {
    let rig = Rig::new();
    let other = rig.engine.register_worker("other");
    rig.submit_all(1..=6);
    let held: Vec<Held> = (0..6).map(|n| rig.claim_by([rig.worker, other][n % 2], Lane::Sync, 1)[0]).collect();
    rig.release(held[2]).unwrap();
    assert_eq!(rig.engine.lose(rig.worker), [held[0].at, held[4].at]);
    for kept in [held[1], held[3], held[5]] {
        assert_eq!(rig.engine.start(kept.at, kept.fence), Ok(()));
    }
}

/// Any order of letting go keeps the list of what a worker holds whole.
#[test]
fn work_leaves_a_worker_in_any_order() {
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 2, 0, 3], [2, 0, 3, 1]] {
        let rig = Rig::new();
        rig.submit_all(1..=4);
        let mut held = rig.claim_by(rig.worker, Lane::Sync, 4);
        let all = held.clone();
        for index in order {
            rig.engine.cancel(all[index].at).unwrap();
            held.retain(|other| *other != all[index]);
            assert_eq!(rig.engine.doctor(), Vec::<String>::new());
        }
        rig.submit(5);
        let last = rig.claim();
        assert_eq!(rig.engine.lose(rig.worker), [last.at]);
    }
}

#[test]
fn silence_for_a_lease_loses_a_worker() {
    let rig = Rig::new();
    assert_eq!(rig.engine.lease(), 15 * SECOND);
    rig.submit(1);
    let late = rig.run();
    rig.clock.advance(15 * SECOND - 1);
    assert_eq!(rig.engine.tick(), Some(DAWN + 15 * SECOND));
    assert_eq!(rig.status(late.at), Running);
    rig.clock.advance(1);
    assert_eq!(rig.engine.tick(), None);
    assert_eq!((rig.status(late.at), rig.engine.renew(rig.worker)), (Rerouted, false));
    assert!(rig.is_fenced(late, &rig.end(late, Outcome::Success(1))));
}

#[test]
fn renewing_keeps_the_lease() {
    let rig = Rig::new();
    let silent = rig.engine.register_worker("silent");
    rig.submit_all(1..=2);
    let (kept, lost) = (rig.run(), rig.claim_by(silent, Lane::Sync, 1)[0]);
    for _ in 0..4 {
        rig.clock.advance(10 * SECOND);
        assert!(rig.engine.renew(rig.worker));
        rig.engine.tick();
    }
    assert_eq!((rig.status(kept.at), rig.status(lost.at)), (Running, Rerouted));
}

#[test]
fn a_lease_without_end_is_no_overflow() {
    let rig = Rig::with(Limits { lease: u64::MAX, keep_for: u64::MAX, ..Limits::default() });
    rig.submit_after(1, u64::MAX);
    assert!(rig.engine.renew(rig.worker));
    assert_eq!(rig.engine.tick(), Some(u64::MAX));
}

#[test]
fn the_third_loss_is_the_last() {
    let rig = Rig::new();
    let at = rig.submit_keyed(1, 1);
    let next = rig.submit_keyed(2, 1);
    let subscription = rig.watch(&[at]);
    for loss in 1..=3 {
        let worker = rig.engine.register_worker("doomed");
        let held = rig.claim_by(worker, Lane::Sync, 1)[0];
        assert_eq!(held.at, at, "loss {loss}");
        rig.engine.start(at, held.fence).unwrap();
        assert_eq!(rig.engine.lose(worker), [at]);
        assert_eq!(rig.status(at), if loss < 3 { Rerouted } else { Failed });
    }
    rig.engine.read(at, |view| assert_eq!(view.outcome, Some(&Outcome::Lost(3)))).unwrap();
    assert_eq!(rig::tokens(&subscription), [0]);
    assert_eq!(rig.claim().at, next, "its key is free");
}

#[test]
fn retries_and_hand_backs_are_no_losses() {
    let rig = Rig::new();
    let at = rig.submit(1);
    for _ in 0..5 {
        rig.retry(rig.run(), 0).unwrap();
        rig.release(rig.run()).unwrap();
    }
    rig.engine.lose(rig.worker);
    assert_eq!(rig.engine.read(at, |view| (view.losses, view.retries, view.attempt)), Ok((0, 5, 10)));
}

#[test]
fn what_had_not_started_counts_no_loss() {
    let rig = Rig::with(Limits { max_losses: 1, ..Limits::default() });
    let at = rig.submit(1);
    for _ in 0..3 {
        let worker = rig.engine.register_worker("doomed");
        assert_eq!(rig.claim_by(worker, Lane::Sync, 1)[0].at, at);
        rig.engine.lose(worker);
    }
    assert_eq!(rig.engine.read(at, |view| (view.status, view.losses)), Ok((Rerouted, 0)));
}

#[test]
fn an_inline_run_is_lost_with_its_waiter() {
    let rig = Rig::new();
    rig.submit(1);
    let waiter = rig.run();
    let child = rig.submit(2);
    let fence = rig.engine.claim_awaited(waiter.at, waiter.fence, child, |fence, _| fence).unwrap().unwrap();
    assert_eq!(rig.engine.lose(rig.worker), [waiter.at, child]);
    let ending = Ending { outcome: Outcome::Success(5), bytes: 0, keep_call: true };
    let late = Held { at: child, fence };
    assert!(rig.is_fenced(late, &rig.engine.finish(child, fence, ending, Some((waiter.at, waiter.fence)))));
    assert_eq!((rig.status(waiter.at), rig.status(child)), (Rerouted, Rerouted));
}

#[test]
fn the_timer_is_woken_for_every_deadline_that_comes_earlier() {
    let rig = Rig::new();
    let timer = Arc::new(Parker::new());
    let woken = || timer.park(Some(std::time::Instant::now()));
    rig.engine.set_timer(Some(Arc::clone(&timer)));
    assert_eq!(rig.engine.tick(), Some(DAWN + 15 * SECOND));
    rig.submit_after(1, 20 * SECOND);
    assert!(!woken(), "later than the lease");
    rig.submit_after(2, 10 * SECOND);
    assert!(woken(), "a delay");
    rig.submit_after(3, 10 * SECOND);
    assert!(!woken(), "not earlier");
    assert_eq!(rig.engine.tick(), Some(DAWN + 10 * SECOND));

    rig.submit(4);
    rig.retry(rig.run(), SECOND).unwrap();
    assert!(woken(), "the delay of a retry");
    rig.engine.set_timer(None);
    rig.submit_after(5, 1);
    assert!(!woken(), "taken back");
}

#[test]
fn the_timer_is_woken_for_the_first_worker() {
    let rig = Rig::new();
    let timer = Arc::new(Parker::new());
    rig.engine.set_timer(Some(Arc::clone(&timer)));
    rig.engine.lose(rig.worker);
    assert_eq!(rig.engine.tick(), None, "it may sleep for ever");
    rig.engine.register_worker("late");
    assert!(timer.park(Some(std::time::Instant::now())), "the new lease has a deadline");
    assert_eq!(rig.engine.tick(), Some(DAWN + 15 * SECOND));
}

#[test]
fn the_timer_is_woken_for_the_first_result_to_be_kept() {
    let rig = Rig::with(Limits { keep_for: 5 * SECOND, ..Limits::default() });
    let timer = Arc::new(Parker::new());
    rig.engine.set_timer(Some(Arc::clone(&timer)));
    rig.engine.tick();
    rig.submit(1);
    rig.succeed(rig.run());
    assert!(timer.park(Some(std::time::Instant::now())));
    assert_eq!(rig.engine.tick(), Some(DAWN + 5 * SECOND));
}

#[test]
fn the_dead_leave_nothing_undone() {
    let rig = Rig::with(Limits { max_losses: u8::MAX, ..Limits::default() });
    let lanes = [Lane::Sync, Lane::Async];
    for call in 0..40 {
        let lane = lanes[call as usize % 2];
        let delay = if call % 5 == 0 { SECOND } else { 0 };
        rig.engine.submit_one(Submission { lane, delay, ..rig.call(call) });
    }
    assert_eq!(rig.engine.counts()[Scheduled as usize], 8);
    let mut rounds = 0;
    while rig.engine.counts()[Success as usize] < 40 {
        rounds += 1;
        assert!(rounds < 100);
        let (good, bad) = (rig.engine.register_worker("good"), rig.engine.register_worker("bad"));
        let doomed = rig.engine.claim(bad, &lanes, rounds % 3).unwrap();
        for (at, fence) in rig.engine.claim(good, &lanes, 3).unwrap() {
            rig.engine.start(at, fence).unwrap();
            rig.succeed(Held { at, fence });
        }
        if rounds % 2 == 0 {
            doomed.iter().for_each(|&(at, fence)| rig.engine.release(at, fence).unwrap());
        }
        rig.engine.lose(bad);
        rig.clock.advance(SECOND);
        rig.engine.renew(good);
    }
    assert_eq!(rig.engine.counts()[Retry as usize] + rig.engine.counts()[Running as usize], 0);
}
