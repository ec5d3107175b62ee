//! From submission to the end of a run: order, delays, fences, cancelling, what can be read.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

mod rig;

use pynenc_core::engine::{Cancelling, Ending, Fence, Lane, Outcome, Submission};
use pynenc_core::error::CoreError;
use pynenc_core::id::IdSpace;
use pynenc_core::status::Status::{
    Cancelled, Failed, Paused, Pending, Registered, Rerouted, Retry, Running, Scheduled, Success,
};
use rig::{DAWN, Held, Rig, SECOND};

#[test]
fn the_oldest_is_claimed_first() {
    let rig = Rig::new();
    rig.submit_all(1..=5);
    assert_eq!(rig.claim_rest(), [1, 2, 3, 4, 5]);
}

#[test]
fn what_comes_back_keeps_its_place() {
    let rig = Rig::new();
    rig.submit_all(1..=4);
    let (first, second, third) = (rig.run(), rig.run(), rig.run());
    rig.release(third).unwrap();
    rig.retry(first, 0).unwrap();
    rig.submit(5);
    assert_eq!(rig.claim_rest(), [1, 3, 4, 5]);
    rig.succeed(second);
}

#[test]
fn a_claim_takes_no_more_than_it_asked_for() {
    let rig = Rig::new();
    rig.submit_all(1..=5);
    assert_eq!(rig.claim_by(rig.worker, Lane::Sync, 0), []);
    assert_eq!(rig.claim_by(rig.worker, Lane::Sync, 2).len(), 2);
    assert_eq!(rig.engine.queued(Lane::Sync), 3);
    assert_eq!(rig.claim_by(rig.worker, Lane::Sync, 9).len(), 3);
}

#[test]
fn lanes_do_not_mix_and_are_served_in_the_order_asked_for() {
    let rig = Rig::new();
    rig.submit(1);
    rig.engine.submit_one(Submission { lane: Lane::Async, ..rig.call(2) });
    assert_eq!((rig.engine.queued(Lane::Sync), rig.engine.queued(Lane::Async)), (1, 1));
    let both = rig.engine.claim(rig.worker, &[Lane::Async, Lane::Sync], 9).unwrap();
    assert_eq!(both.iter().map(|&(at, _)| rig.call_of(at)).collect::<Vec<_>>(), [2, 1]);
    rig.submit(3);
    assert_eq!(rig.claim_by(rig.worker, Lane::Async, 1), []);
    assert_eq!(rig.engine.claim_started(rig.worker, Lane::Async, None, |_, _, &call| call), Ok(None));
    assert_eq!(rig.engine.claim_started(rig.worker, Lane::Sync, None, |_, _, &call| call), Ok(Some(3)));
}

#[test]
fn a_delayed_call_waits_for_its_time_and_then_stands_in_its_place() {
    let rig = Rig::new();
    let delayed = rig.submit_after(1, 10 * SECOND);
    rig.submit(2);
    let (held, now) = (rig.claim(), rig.engine.now());
    assert_eq!((rig.call_of(held.at), rig.status(delayed)), (2, Scheduled));
    rig.submit(3);
    rig.clock.advance(10 * SECOND - 1);
    rig.engine.renew(rig.worker);
    rig.engine.tick();
    assert_eq!(rig.status(delayed), Scheduled);
    rig.clock.advance(1);
    assert_eq!(rig.claim_rest(), [1, 3], "claiming looks at the time by itself");
    let registered = rig.engine.read(delayed, |view| view.history[1]).unwrap();
    assert_eq!((registered.at, registered.status), (now + 10 * SECOND, Registered));
}

#[test]
fn the_tick_registers_what_is_due_and_tells_when_the_next_is() {
    let rig = Rig::new();
    rig.submit_after(1, 5 * SECOND);
    rig.submit_after(2, 2 * SECOND);
    assert_eq!(rig.engine.tick(), Some(DAWN + 2 * SECOND));
    rig.clock.advance(2 * SECOND);
    assert_eq!(rig.engine.tick(), Some(DAWN + 5 * SECOND));
    assert_eq!((rig.engine.queued(Lane::Sync), rig.engine.counts()[Scheduled as usize]), (1, 1));
}

#[test]
fn a_retry_may_be_delayed() {
    let rig = Rig::new();
    let at = rig.submit(1);
    rig.retry(rig.run(), 3 * SECOND).unwrap();
    assert_eq!((rig.status(at), rig.try_claim()), (Retry, None));
    rig.clock.advance(3 * SECOND);
    let again = rig.run();
    assert_eq!(again.fence.attempt, 2);
    rig.succeed(again);
    assert_eq!(rig.history(at), [Registered, Pending, Running, Retry, Pending, Running, Success]);
    assert_eq!(rig.engine.read(at, |view| (view.attempt, view.retries, view.losses)), Ok((2, 1, 0)));
}

#[test]
fn a_hand_back_counts_as_nothing_but_an_attempt() {
    let rig = Rig::new();
    let at = rig.submit(1);
    rig.release(rig.claim()).unwrap();
    rig.release(rig.run()).unwrap();
    let awaited = rig.submit(2);
    let waiter = rig.run();
    rig.pause(waiter, &[awaited]).unwrap();
    rig.release(waiter).unwrap();
    assert_eq!(rig.status(at), Rerouted);
    assert_eq!(rig.engine.read(at, |view| (view.attempt, view.retries, view.losses)), Ok((3, 0, 0)));
}

#[test]
fn a_record_tells_all_that_was_said_of_it() {
    let rig = Rig::new();
    let parent = rig.submit(1);
    let at = rig.engine.submit_one(Submission { parent: Some(parent), lane: Lane::Async, ..rig.call(2) }).at();
    rig.clock.advance(SECOND);
    let held = rig.claim_by(rig.worker, Lane::Async, 1)[0];
    let seen = rig.engine.read(at, |view| {
        assert_eq!((view.task, view.call, view.outcome, view.parent), (rig.task, Some(&2), None, Some(parent)));
        (view.worker, view.lane, view.cancel_requested, view.history.to_vec())
    });
    let (worker, lane, cancel, history) = seen.unwrap();
    assert_eq!((worker, lane, cancel), (rig.worker, Lane::Async, false));
    let told: Vec<_> = history.iter().map(|event| (event.at, event.worker, event.status)).collect();
    assert_eq!(told, [(DAWN, 0, Registered), (DAWN + SECOND, rig.worker, Pending)]);
    rig.engine.start(at, held.fence).unwrap();
    let ending = Ending { outcome: Outcome::Success(42), bytes: 8, keep_call: false };
    rig.engine.finish(at, held.fence, ending, None).unwrap();
    rig.engine
        .read(at, |view| {
            assert_eq!((view.call, view.outcome, view.worker), (None, Some(&Outcome::Success(42)), 0));
            assert_eq!(view.history.last().map(|event| event.worker), Some(rig.worker), "who ended it is known");
        })
        .unwrap();
}

#[test]
fn records_are_found_by_task_and_status_oldest_first() {
    let rig = Rig::new();
    let other = rig.engine.task("tests.other");
    assert_eq!((rig.engine.task("tests.other"), rig.engine.task("tests.add")), (other, rig.task));
    assert_eq!(&*rig.engine.task_name(other), "tests.other");
    let all = rig.submit_all(1..=3);
    let foreign = rig.engine.submit_one(Submission { task: other, ..rig.call(4) }).at();
    rig.claim();
    assert_eq!(rig.engine.find(Some(rig.task), &[], 9), all);
    assert_eq!(rig.engine.find(None, &[Registered], 2), all[1..]);
    assert_eq!(rig.engine.find(Some(other), &[Pending], 9), []);
    assert_eq!(rig.engine.find(Some(other), &[Registered, Pending], 9), [foreign]);
    let counts = rig.engine.counts();
    assert_eq!((counts[Registered as usize], counts[Pending as usize], counts.iter().sum::<usize>()), (3, 1, 4));
}

#[test]
fn a_batch_is_taken_in_order_and_tells_of_each_end() {
    let rig = Rig::new();
    let subscription = pynenc_core::park::Subscription::new();
    let receipts = rig.engine.submit_many((1..=3).map(|call| rig.call(call)).collect(), Some((&subscription, 10)));
    assert_eq!(receipts.iter().map(|receipt| rig.call_of(receipt.at())).collect::<Vec<_>>(), [1, 2, 3]);
    let held = rig.claim_by(rig.worker, Lane::Sync, 3);
    for index in [2, 0] {
        rig.engine.start(held[index].at, held[index].fence).unwrap();
        rig.succeed(held[index]);
    }
    assert_eq!(rig::tokens(&subscription), [12, 10]);
    rig.engine.cancel(held[1].at).unwrap();
    assert_eq!(rig::tokens(&subscription), [11]);
}

#[test]
fn only_a_registered_worker_claims() {
    let rig = Rig::new();
    rig.submit(1);
    for worker in [0, 77] {
        assert_eq!(rig.engine.claim(worker, &[Lane::Sync], 1), Err(CoreError::UnknownWorker(worker)));
        let started = rig.engine.claim_started(worker, Lane::Sync, None, |_, _, _| ());
        assert_eq!(started, Err(CoreError::UnknownWorker(worker)));
    }
    assert_eq!(rig.claim_rest(), [1]);
}

// --- fences -------------------------------------------------------------------------------

/// Every write that a holder may make, and whether it was refused as late.
fn late_writes(rig: &Rig, late: Held) -> [bool; 11] {
    let Held { at, fence } = late;
    let child = rig.submit(99);
    [
        rig.is_fenced(late, &rig.engine.start(at, fence)),
        rig.is_fenced(late, &rig.end(late, Outcome::Success(13))),
        rig.is_fenced(late, &rig.end(late, Outcome::Failed(13))),
        rig.is_fenced(late, &rig.end(late, Outcome::Cancelled)),
        rig.is_fenced(late, &rig.retry(late, 0)),
        rig.is_fenced(late, &rig.retry(late, SECOND)),
        rig.is_fenced(late, &rig.release(late)),
        rig.is_fenced(late, &rig.pause(late, &[child])),
        rig.is_fenced(late, &rig.pause(late, &[])),
        rig.is_fenced(late, &rig.engine.resume(at, fence)),
        rig.is_fenced(late, &rig.engine.claim_awaited(at, fence, child, |_, _| ())),
    ]
}

/// A late holder of an invocation that went on without it, and where that went.
fn superseded(rig: &Rig, how: &str) -> Held {
    rig.submit(1);
    let late = rig.run();
    match how {
        "handed back" => rig.release(late).unwrap(),
        "retried" => rig.retry(late, 0).unwrap(),
        "delayed" => rig.retry(late, SECOND).unwrap(),
        "ended" => rig.succeed(late),
        "lost" => drop(rig.engine.lose(rig.worker)),
        _ => {
            rig.release(late).unwrap();
            let second = rig.engine.register_worker("second");
            let next = rig.claim_by(second, Lane::Sync, 1)[0];
            if how != "claimed again" {
                rig.engine.start(next.at, next.fence).unwrap();
            }
            if how == "paused by another" {
                rig.pause(next, &[rig.submit(2)]).unwrap();
            }
        }
    }
    late
}

#[test]
fn every_late_write_is_refused_and_changes_nothing() {
    let cases =
        ["handed back", "retried", "delayed", "ended", "lost", "claimed again", "run by another", "paused by another"];
    for how in cases {
        let rig = Rig::new();
        let late = superseded(&rig, how);
        let before = rig.engine.read(late.at, |view| (view.history.to_vec(), view.retries, view.worker)).unwrap();
        assert_eq!(late_writes(&rig, late), [true; 11], "{how}");
        let after = rig.engine.read(late.at, |view| (view.history.to_vec(), view.retries, view.worker)).unwrap();
        assert_eq!(after, before, "{how}");
    }
}

#[test]
fn the_nonce_counts_as_much_as_the_attempt() {
    let rig = Rig::new();
    rig.submit(1);
    let held = rig.run();
    let Fence { attempt, nonce } = held.fence;
    for fence in [Fence { attempt: attempt + 1, nonce }, Fence { attempt, nonce: nonce ^ 1 }] {
        let forged = Held { at: held.at, fence };
        assert!(rig.is_fenced(forged, &rig.end(forged, Outcome::Success(13))));
    }
    rig.succeed(held);
}

#[test]
fn no_two_claims_have_the_same_nonce() {
    let rig = Rig::new();
    rig.submit_all(0..100);
    let mut nonces = std::collections::HashSet::new();
    for _ in 0..10 {
        for held in rig.claim_by(rig.worker, Lane::Sync, 100) {
            assert!(nonces.insert(held.fence.nonce));
            rig.release(held).unwrap();
        }
    }
    assert_eq!(nonces.len(), 1_000);
}

// --- cancelling ---------------------------------------------------------------------------

#[test]
fn what_has_not_started_is_cancelled_at_once() {
    let rig = Rig::new();
    let (queued, delayed) = (rig.submit(1), rig.submit_after(2, SECOND));
    assert_eq!(rig.engine.cancel(queued), Ok(Cancelling::Cancelled));
    assert_eq!(rig.engine.cancel(delayed), Ok(Cancelling::Cancelled));
    rig.clock.advance(SECOND);
    assert_eq!(rig.claim_rest(), []);
    assert_eq!((rig.status(queued), rig.status(delayed)), (Cancelled, Cancelled));
    assert_eq!(rig.engine.cancel(queued), Ok(Cancelling::Final));

    rig.submit(3);
    let pending = rig.claim();
    assert_eq!(rig.engine.cancel(pending.at), Ok(Cancelling::Cancelled));
    assert!(rig.is_fenced(pending, &rig.engine.start(pending.at, pending.fence)));
}

#[test]
fn the_holder_of_a_running_one_is_asked_and_has_the_last_word() {
    let rig = Rig::new();
    rig.submit_all(1..=2);
    let (obeys, ignores) = (rig.run(), rig.run());
    rig.pause(obeys, &[ignores.at]).unwrap();
    for held in [obeys, ignores] {
        assert_eq!(rig.engine.cancel(held.at), Ok(Cancelling::Requested));
        assert_eq!(rig.engine.read(held.at, |view| view.cancel_requested), Ok(true));
    }
    assert_eq!((rig.status(obeys.at), rig.status(ignores.at)), (Paused, Running));
    rig.end(obeys, Outcome::Cancelled).unwrap();
    rig.succeed(ignores);
    assert_eq!((rig.status(obeys.at), rig.status(ignores.at)), (Cancelled, Success));
}

#[test]
fn a_pending_one_may_fail_before_it_starts() {
    let rig = Rig::new();
    rig.submit(1);
    let undecodable = rig.claim();
    rig.end(undecodable, Outcome::Failed(5)).unwrap();
    assert_eq!(rig.history(undecodable.at), [Registered, Pending, Failed]);
}

// --- identities ---------------------------------------------------------------------------

#[test]
fn an_id_leads_back_to_its_record_in_its_engine_only() {
    let rig = Rig::new();
    let at = rig.submit(1);
    assert_eq!(rig.engine.place(rig.engine.id(at)), Some(at));
    assert_eq!(rig.engine.place(IdSpace::new(9).id(at)), None);
    let elsewhere = Rig::new();
    let unknown = elsewhere.engine.id(at);
    assert_eq!(elsewhere.engine.read(at, |_| ()), Err(CoreError::NotFound(unknown)));
    assert_eq!(elsewhere.engine.cancel(at), Err(CoreError::NotFound(unknown)));
    assert!(!elsewhere.engine.remember(at));
}
