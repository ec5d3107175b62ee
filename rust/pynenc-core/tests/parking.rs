//! Sleeping and being woken: workers on an empty queue, waiters on what has not ended.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

mod rig;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use pynenc_core::engine::{Lane, Submission};
use pynenc_core::park::{Parker, Subscription};
use rig::{Rig, SECOND, tokens};

/// A deadline that is over already: whoever waits until then only looks.
fn at_once() -> Option<Instant> {
    Some(Instant::now())
}

// --- parkers ------------------------------------------------------------------------------

#[test]
fn a_wake_up_before_the_sleep_is_kept_and_taken_once() {
    let parker = Parker::new();
    assert!(!parker.park(at_once()));
    parker.unpark();
    parker.unpark();
    assert!(parker.park(None));
    assert!(!parker.park(at_once()), "two wake-ups are one");
}

#[test]
fn a_sleeper_is_woken_from_another_thread() {
    let parker = Arc::new(Parker::new());
    let (ready, is_ready) = channel();
    let sleeper = std::thread::spawn({
        let parker = Arc::clone(&parker);
        move || {
            ready.send(()).unwrap();
            parker.park(None)
        }
    });
    is_ready.recv().unwrap();
    parker.unpark();
    assert!(sleeper.join().unwrap());
}

// --- idle workers -------------------------------------------------------------------------

/// A parker that is idle on that lane of the empty queue.
fn idle(rig: &Rig, lane: Lane) -> Arc<Parker> {
    let parker = Arc::new(Parker::new());
    idle_again(rig, lane, &parker);
    parker
}

fn idle_again(rig: &Rig, lane: Lane, parker: &Arc<Parker>) {
    let nothing = rig.engine.claim_started(rig.worker, lane, Some(parker), |_, _, _| ());
    assert_eq!(nothing, Ok(None));
}

fn woken(parkers: &[&Arc<Parker>]) -> usize {
    parkers.iter().filter(|parker| parker.park(at_once())).count()
}

#[test]
fn each_submission_wakes_one_idle_worker_of_its_lane() {
    let rig = Rig::new();
    let (first, second, other) = (idle(&rig, Lane::Sync), idle(&rig, Lane::Sync), idle(&rig, Lane::Async));
    rig.submit(1);
    assert_eq!(woken(&[&first, &second]), 1);
    rig.submit(2);
    assert_eq!(woken(&[&first, &second]), 1);
    assert_eq!(woken(&[&first, &second, &other]), 0);
    rig.engine.submit_one(Submission { lane: Lane::Async, ..rig.call(3) });
    assert_eq!(woken(&[&other]), 1);
}

#[test]
fn a_batch_wakes_as_many_as_it_has_work_for() {
    let rig = Rig::new();
    let all: Vec<_> = (0..5).map(|_| idle(&rig, Lane::Sync)).collect();
    rig.engine.submit_many((0..3).map(|call| rig.call(call)).collect(), None);
    assert_eq!(woken(&all.iter().collect::<Vec<_>>()), 3);
}

#[test]
fn whatever_fills_the_queue_wakes_a_worker() {
    let rig = Rig::new();
    rig.submit_all(1..=2);
    let (returned, retried) = (rig.run(), rig.run());
    let parker = idle(&rig, Lane::Sync);
    rig.release(returned).unwrap();
    assert_eq!(woken(&[&parker]), 1, "a hand-back");
    rig.claim();
    idle_again(&rig, Lane::Sync, &parker);
    rig.retry(retried, 0).unwrap();
    assert_eq!(woken(&[&parker]), 1, "a retry");
    rig.claim();
    idle_again(&rig, Lane::Sync, &parker);
    rig.submit_after(3, SECOND);
    assert_eq!(woken(&[&parker]), 0, "not due");
    rig.clock.advance(SECOND);
    rig.engine.tick();
    assert_eq!(woken(&[&parker]), 1, "a delay that is over");
}

#[test]
fn a_freed_key_and_a_rescue_wake_a_worker() {
    let rig = Rig::new();
    rig.submit_keyed(1, 1);
    let holder = rig.run();
    rig.submit_keyed(2, 1);
    let parker = idle(&rig, Lane::Sync);
    rig.succeed(holder);
    assert_eq!(woken(&[&parker]), 1);
    let lost = rig.engine.register_worker("lost");
    assert_eq!(rig.claim_by(lost, Lane::Sync, 1).len(), 1);
    idle_again(&rig, Lane::Sync, &parker);
    rig.engine.lose(lost);
    assert_eq!(woken(&[&parker]), 1);
}

#[test]
fn nobody_is_woken_twice_for_having_looked_twice() {
    let rig = Rig::new();
    let (one, other) = (idle(&rig, Lane::Sync), idle(&rig, Lane::Sync));
    for _ in 0..3 {
        idle_again(&rig, Lane::Sync, &one);
    }
    rig.submit_all(1..=2);
    assert_eq!(woken(&[&one, &other]), 2);
}

#[test]
fn a_worker_that_found_work_is_idle_no_more() {
    let rig = Rig::new();
    let (busy, idler) = (Arc::new(Parker::new()), idle(&rig, Lane::Sync));
    idle_again(&rig, Lane::Sync, &busy);
    let foreign = idle(&rig, Lane::Sync);
    rig.submit(1);
    assert_eq!(woken(&[&foreign]), 1, "the work was meant for this one");
    let claimed = rig.engine.claim_started(rig.worker, Lane::Sync, Some(&busy), |_, _, &call| call);
    assert_eq!(claimed, Ok(Some(1)), "another one, woken by something else, was faster");
    rig.submit(2);
    assert_eq!((woken(&[&busy]), woken(&[&idler])), (0, 1));
}

#[test]
fn a_worker_that_leaves_is_not_woken() {
    let rig = Rig::new();
    let (stays, leaves) = (idle(&rig, Lane::Sync), idle(&rig, Lane::Sync));
    rig.engine.leave_idle(Lane::Sync, &leaves);
    rig.submit(1);
    assert_eq!((woken(&[&leaves]), woken(&[&stays])), (0, 1));
}

#[test]
fn a_worker_that_leaves_after_it_was_woken_passes_the_wake_up_on() {
    let rig = Rig::new();
    let (stays, leaves) = (idle(&rig, Lane::Sync), idle(&rig, Lane::Sync));
    rig.submit(1);
    assert_eq!((woken(&[&stays]), woken(&[&leaves])), (0, 1));
    rig.engine.leave_idle(Lane::Sync, &leaves);
    assert_eq!(woken(&[&stays]), 1);
}

// --- subscriptions ------------------------------------------------------------------------

#[test]
fn tokens_arrive_in_the_order_of_the_ends() {
    let rig = Rig::new();
    rig.submit_all(1..=3);
    let held = rig.claim_by(rig.worker, Lane::Sync, 3);
    let all: Vec<_> = held.iter().map(|held| held.at).collect();
    rig.engine.cancel(all[1]).unwrap();
    let subscription = rig.watch(&all);
    assert_eq!((subscription.ready(), subscription.wait(None)), (1, true), "an ended one is told at once");
    rig.engine.cancel(all[2]).unwrap();
    rig.engine.cancel(all[0]).unwrap();
    assert_eq!(tokens(&subscription), [1, 2, 0]);
    assert!(!subscription.wait(at_once()));
}

#[test]
fn every_subscriber_is_told() {
    let rig = Rig::new();
    let at = rig.submit(1);
    let (first, second) = (rig.watch(&[at, at]), rig.watch(&[at]));
    rig.engine.cancel(at).unwrap();
    assert_eq!((tokens(&first), tokens(&second)), (vec![0, 1], vec![0]));
}

#[test]
fn a_subscription_taken_back_tells_nothing() {
    let rig = Rig::new();
    let all = rig.submit_all(1..=2);
    let (leaves, stays) = (rig.watch(&all), rig.watch(&all));
    rig.engine.unwatch(&all[..1], &leaves);
    rig.engine.unwatch(&all[..1], &leaves);
    for &at in &all {
        rig.engine.cancel(at).unwrap();
    }
    assert_eq!((tokens(&leaves), tokens(&stays)), (vec![1], vec![0, 1]));
}

#[test]
fn the_outcome_can_be_read_when_the_token_is_there() {
    let rig = Rig::new();
    let at = rig.submit(1);
    let subscription = rig.watch(&[at]);
    let (tell, told) = channel();
    let engine = Arc::clone(&rig.engine);
    assert!(subscription.on_ready(move || tell.send(engine.read(at, |view| view.outcome.is_some())).unwrap()));
    rig.succeed(rig.run());
    assert_eq!(told.recv(), Ok(Ok(true)), "the callback may call the engine");
}

#[test]
fn a_callback_is_called_once() {
    let calls = Arc::new(AtomicU32::new(0));
    let count = || {
        let calls = Arc::clone(&calls);
        move || {
            calls.fetch_add(1, Ordering::SeqCst);
        }
    };
    let subscription = Subscription::new();
    assert!(subscription.on_ready(count()));
    subscription.deliver(1);
    subscription.deliver(2);
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    assert!(!subscription.on_ready(count()), "a token is there");
    assert_eq!((subscription.take(), subscription.take(), subscription.take()), (Some(1), Some(2), None));
    assert!(subscription.on_ready(count()));
    subscription.nudge();
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

#[test]
fn a_later_callback_takes_the_place_of_an_earlier() {
    let (tell, told) = channel();
    let subscription = Subscription::new();
    for name in ["earlier", "later"] {
        let tell = tell.clone();
        assert!(subscription.on_ready(move || tell.send(name).unwrap()));
    }
    subscription.deliver(0);
    drop(tell);
    assert_eq!(told.iter().collect::<Vec<_>>(), ["later"]);
}

#[test]
fn a_nudge_ends_a_wait_without_a_token() {
    let subscription = Subscription::new();
    subscription.nudge();
    assert!(!subscription.wait(None), "a nudge before the wait is kept");
    assert!(!subscription.wait(at_once()));
    subscription.nudge();
    subscription.deliver(5);
    assert!(subscription.wait(None), "a token goes first");
    assert_eq!(tokens(&subscription), [5]);
}

#[test]
fn the_feeder_sleeps_until_enough_was_delivered() {
    let subscription = Subscription::new();
    assert!(subscription.wait_delivered(0, None));
    (0..3).for_each(|token| subscription.deliver(token));
    assert_eq!((tokens(&subscription), subscription.delivered()), (vec![0, 1, 2], 3), "what was taken counts");
    assert!(subscription.wait_delivered(3, None));
    assert!(!subscription.wait_delivered(4, at_once()));
    subscription.nudge();
    assert!(!subscription.wait_delivered(4, None), "a nudge before the sleep is kept");
    assert!(!subscription.wait(None), "for each of the two sleepers");
    assert!(!subscription.wait_delivered(4, at_once()));
}

#[test]
fn a_sleeping_feeder_is_woken_by_enough_tokens_and_by_a_nudge() {
    let enough = |subscription: &Subscription| (0..2).for_each(|token| subscription.deliver(token));
    for (wake, is_enough) in [(enough as fn(&Subscription), true), (Subscription::nudge, false)] {
        let subscription = Subscription::new();
        let (ready, is_ready) = channel();
        let feeder = std::thread::spawn({
            let subscription = Arc::clone(&subscription);
            move || {
                ready.send(()).unwrap();
                subscription.wait_delivered(2, None)
            }
        });
        is_ready.recv().unwrap();
        wake(&subscription);
        assert_eq!(feeder.join().unwrap(), is_enough);
    }
}

#[test]
fn a_waiting_thread_is_woken_by_a_token_and_by_a_nudge() {
    let subscription = Subscription::new();
    for (token, wake) in [(true, Subscription::deliver as fn(&Subscription, u32)), (false, |it, _| it.nudge())] {
        let (ready, is_ready) = channel();
        let waiter = std::thread::spawn({
            let subscription = Arc::clone(&subscription);
            move || {
                ready.send(()).unwrap();
                (subscription.wait(Some(Instant::now() + Duration::from_secs(60))), subscription.take())
            }
        });
        is_ready.recv().unwrap();
        wake(&subscription, 3);
        assert_eq!(waiter.join().unwrap(), (token, token.then_some(3)));
    }
}
