//! Rules by key: one that has not started, one that runs, one result for equal calls.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

mod rig;

use std::sync::atomic::{AtomicU32, Ordering};

use pynenc_core::engine::{Cancelling, Lane, Outcome, Receipt, Rules, Submission};
use pynenc_core::id::Ref;
use pynenc_core::park::Subscription;
use pynenc_core::status::Status::{self, Pending, Registered, Rerouted, Retry, Running, Success};
use rig::{Rig, SECOND, key, registered};

// --- registration -------------------------------------------------------------------------

fn reused(at: Ref) -> Receipt {
    Receipt::Reused { at, same: true }
}

#[test]
fn a_call_hits_the_one_that_has_not_started() {
    let rig = Rig::new();
    let first = rig.submit_under(1, registered(1, 1));
    assert_eq!(first, Receipt::New(first.at()));
    assert_eq!(rig.submit_under(2, registered(1, 1)), reused(first.at()));
    assert_eq!(rig.submit_under(3, registered(1, 2)), Receipt::Reused { at: first.at(), same: false });
    assert!(matches!(rig.submit_under(4, registered(2, 1)), Receipt::New(_)), "another key");
    assert!(matches!(rig.submit_under(5, Rules::default()), Receipt::New(_)), "no rule");
    assert_eq!(rig.claim_rest(), [1, 4, 5]);
}

#[test]
fn other_arguments_are_refused_on_request() {
    let rig = Rig::new();
    let strict = |arguments| Rules { raise_on_difference: true, ..registered(1, arguments) };
    let first = rig.submit_under(1, strict(1)).at();
    assert_eq!(rig.submit_under(2, strict(2)), Receipt::Refused(first));
    assert_eq!(rig.submit_under(3, strict(1)), reused(first));
    assert_eq!(rig.claim_rest(), [1]);
}

#[test]
fn the_place_is_free_once_the_body_starts() {
    let rig = Rig::new();
    let first = rig.submit_under(1, registered(1, 1)).at();
    let held = rig.claim();
    assert_eq!(rig.submit_under(2, registered(1, 1)), reused(first), "claimed is not started");
    rig.engine.start(held.at, held.fence).unwrap();
    assert!(matches!(rig.submit_under(3, registered(1, 1)), Receipt::New(_)));
}

#[test]
fn the_place_is_free_once_the_holder_is_cancelled_or_failed_undecoded() {
    let rig = Rig::new();
    let first = rig.submit_under(1, registered(1, 1)).at();
    assert_eq!(rig.engine.cancel(first), Ok(Cancelling::Cancelled));
    let second = rig.submit_under(2, registered(1, 1));
    assert_eq!(second, Receipt::New(second.at()));
    rig.end(rig.claim(), Outcome::Failed(1)).unwrap();
    assert!(matches!(rig.submit_under(3, registered(1, 1)), Receipt::New(_)));
}

#[test]
fn a_delayed_one_has_the_place() {
    let rig = Rig::new();
    let delayed = Submission { delay: SECOND, rules: Some(Box::new(registered(1, 1))), ..rig.call(1) };
    let at = rig.engine.submit_one(delayed).at();
    assert_eq!(rig.submit_under(2, registered(1, 1)), reused(at));
    rig.clock.advance(SECOND);
    assert_eq!(rig.submit_under(3, registered(1, 1)), reused(at));
}

/// Something that is done to a held invocation, and its name.
type Step = (&'static str, fn(&Rig, rig::Held));

/// The ways in which a started invocation comes back to the queue.
const COME_BACKS: [(Step, Status); 5] = [
    (("retry", |rig, held| rig.retry(held, 0).unwrap()), Retry),
    (("delayed retry", |rig, held| rig.retry(held, SECOND).unwrap()), Retry),
    (("delayed retry, due", retry_and_wait), Retry),
    (("hand-back", |rig, held| rig.release(held).unwrap()), Rerouted),
    (("rescue", |rig, _| drop(rig.engine.lose(rig.worker))), Rerouted),
];

fn retry_and_wait(rig: &Rig, held: rig::Held) {
    rig.retry(held, SECOND).unwrap();
    rig.clock.advance(SECOND);
    rig.engine.tick();
}

#[test]
fn one_that_came_back_is_hit_by_new_calls() {
    for ((how, come_back), status) in COME_BACKS {
        let rig = Rig::new();
        let at = rig.submit_under(1, registered(1, 1)).at();
        come_back(&rig, rig.run());
        assert_eq!(rig.status(at), status);
        assert_eq!(rig.submit_under(2, registered(1, 1)), reused(at), "{how}");
    }
}

#[test]
fn one_that_came_back_stands_beside_the_new_one_and_new_calls_hit_the_oldest() {
    for ((how, come_back), _) in COME_BACKS {
        let rig = Rig::new();
        let old = rig.submit_under(1, registered(1, 1)).at();
        let held = rig.run();
        let new = rig.submit_under(2, registered(1, 1));
        assert_eq!(new, Receipt::New(new.at()));
        come_back(&rig, held);
        assert_eq!(rig.submit_under(3, registered(1, 1)), reused(old), "{how}");
        rig.engine.cancel(old).unwrap();
        assert_eq!(rig.submit_under(4, registered(1, 1)), reused(new.at()), "{how}");
    }
}

#[test]
fn a_pending_one_handed_back_has_its_place_once() {
    let rig = Rig::new();
    let at = rig.submit_under(1, registered(1, 1)).at();
    rig.release(rig.claim()).unwrap();
    assert_eq!(rig.submit_under(2, registered(1, 1)), reused(at));
    rig.run();
    assert!(matches!(rig.submit_under(3, registered(1, 1)), Receipt::New(_)), "it left no second trace");
}

#[test]
fn the_rule_is_applied_item_by_item_within_a_batch() {
    let rig = Rig::new();
    let under = |call, name| Submission { rules: Some(Box::new(registered(name, 1))), ..rig.call(call) };
    let subscription = Subscription::new();
    let receipts = rig.engine.submit_many(vec![under(1, 1), under(2, 1), under(3, 2)], Some((&subscription, 0)));
    assert_eq!(receipts[1], reused(receipts[0].at()));
    assert!(matches!(receipts[2], Receipt::New(_)));
    rig.succeed(rig.run());
    assert_eq!(rig::tokens(&subscription), [0, 1], "both receipts of one invocation are told");
}

#[test]
fn a_thousand_equal_calls_at_once_make_one() {
    let rig = Rig::new();
    let receipts: Vec<Receipt> = std::thread::scope(|scope| {
        let submit = |_| scope.spawn(|| (0..125).map(|_| rig.submit_under(1, registered(1, 1))).collect::<Vec<_>>());
        let threads: Vec<_> = (0..8).map(submit).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(receipts.iter().filter(|receipt| matches!(receipt, Receipt::New(_))).count(), 1);
    assert!(receipts.iter().all(|receipt| receipt.at() == receipts[0].at()));
}

// --- kept results -------------------------------------------------------------------------

fn cached(name: u8) -> Rules {
    Rules { result: Some(key(name)), ..Rules::default() }
}

#[test]
fn a_kept_success_answers_an_equal_call() {
    let rig = Rig::new();
    let first = rig.submit_under(1, cached(1)).at();
    assert!(matches!(rig.submit_under(2, cached(1)), Receipt::New(_)), "no result yet");
    rig.succeed(rig.run());
    assert_eq!(rig.submit_under(3, cached(1)), Receipt::Cached(first));
    assert!(matches!(rig.submit_under(4, cached(2)), Receipt::New(_)));
    let subscription = Subscription::new();
    let call = Submission { rules: Some(Box::new(cached(1))), ..rig.call(5) };
    rig.engine.submit_many(vec![call], Some((&subscription, 7)));
    assert_eq!(rig::tokens(&subscription), [7], "told at once");
}

#[test]
fn an_error_answers_for_nobody() {
    let rig = Rig::new();
    rig.submit_under(1, cached(1));
    rig.end(rig.run(), Outcome::Failed(1)).unwrap();
    let second = rig.submit_under(2, cached(1));
    assert!(matches!(second, Receipt::New(_)));
    rig.engine.cancel(second.at()).unwrap();
    assert!(matches!(rig.submit_under(3, cached(1)), Receipt::New(_)));
}

#[test]
fn the_result_goes_before_the_registration() {
    let rig = Rig::new();
    let both = || Rules { result: Some(key(9)), ..registered(1, 1) };
    let first = rig.submit_under(1, both()).at();
    assert_eq!(rig.submit_under(2, both()), reused(first));
    rig.succeed(rig.run());
    assert_eq!(rig.submit_under(3, both()), Receipt::Cached(first));
    assert!(matches!(rig.submit_under(4, registered(1, 1)), Receipt::New(_)));
}

// --- running ------------------------------------------------------------------------------

#[test]
fn one_runs_and_the_others_are_set_aside() {
    let rig = Rig::new();
    let all: Vec<Ref> = (1..=3).map(|call| rig.submit_keyed(call, 1)).collect();
    rig.submit(4);
    let holder = rig.claim();
    assert_eq!(rig.claim_rest(), [4], "what is blocked does not block others");
    assert_eq!([rig.status(all[1]), rig.status(all[2])], [Rerouted, Rerouted]);
    assert_eq!(rig.engine.queued(Lane::Sync), 0, "it costs nothing while it waits");
    rig.engine.start(holder.at, holder.fence).unwrap();
    rig.succeed(holder);
    assert_eq!(rig.claim().at, all[1], "the oldest of them is woken");
    assert_eq!(rig.try_claim(), None, "and no other");
}

#[test]
fn a_woken_one_keeps_its_place() {
    let rig = Rig::new();
    rig.submit_keyed(1, 1);
    rig.submit_keyed(2, 1);
    let holder = rig.run();
    assert_eq!(rig.try_claim(), None);
    rig.submit(3);
    rig.succeed(holder);
    assert_eq!(rig.claim_rest(), [2, 3]);
}

/// The ways in which a running key comes free.
const ENDINGS: [Step; 9] = [
    ("success", |rig, held| rig.succeed(held)),
    ("failure", |rig, held| rig.end(held, Outcome::Failed(1)).unwrap()),
    ("cancelled by its holder", |rig, held| rig.end(held, Outcome::Cancelled).unwrap()),
    ("delayed retry", |rig, held| rig.retry(held, 100 * SECOND).unwrap()),
    ("failure while paused", |rig, held| {
        rig.pause(held, &[rig.submit_after(9, 100 * SECOND)]).unwrap();
        rig.end(held, Outcome::Failed(1)).unwrap();
    }),
    ("retry, then cancelled", |rig, held| {
        rig.retry(held, 0).unwrap();
        rig.engine.cancel(held.at).unwrap();
    }),
    ("hand-back, then cancelled", |rig, held| {
        rig.release(held).unwrap();
        rig.engine.cancel(held.at).unwrap();
    }),
    ("loss of its worker, then cancelled", |rig, held| {
        let worker = rig.engine.read(held.at, |view| view.worker).unwrap();
        assert_eq!(rig.engine.lose(worker), [held.at]);
        rig.engine.cancel(held.at).unwrap();
    }),
    ("silence of its worker, then cancelled", |rig, held| {
        rig.clock.advance(16 * SECOND);
        rig.engine.tick();
        rig.engine.cancel(held.at).unwrap();
    }),
];

#[test]
fn a_freed_key_wakes_the_next_whatever_freed_it() {
    for (how, end) in ENDINGS {
        let rig = Rig::new();
        rig.submit_keyed(1, 1);
        let next = rig.submit_keyed(2, 1);
        let holder = rig.run();
        assert_eq!(rig.try_claim(), None);
        end(&rig, holder);
        let other = rig.engine.register_worker("other");
        let claimed = rig.claim_by(other, Lane::Sync, 9);
        assert!(claimed.iter().any(|held| held.at == next), "{how}");
        assert_eq!(rig.engine.doctor(), Vec::<String>::new(), "{how}");
    }
}

#[test]
fn a_paused_holder_keeps_its_key() {
    let rig = Rig::new();
    rig.submit_keyed(1, 1);
    let holder = rig.run();
    let child = rig.submit(2);
    rig.submit_keyed(3, 1);
    rig.pause(holder, &[child]).unwrap();
    assert_eq!(rig.claim_rest(), [2]);
}

#[test]
fn one_that_is_cancelled_in_line_is_passed_over() {
    let rig = Rig::new();
    let all: Vec<Ref> = (1..=4).map(|call| rig.submit_keyed(call, 1)).collect();
    let holder = rig.run();
    assert_eq!(rig.try_claim(), None);
    rig.engine.cancel(all[1]).unwrap();
    rig.succeed(holder);
    rig.engine.cancel(all[2]).unwrap();
    assert_eq!(rig.claim_rest(), [4], "cancelling the woken one wakes the next");
}

#[test]
fn one_may_be_cancelled_in_line_while_a_woken_one_is_on_its_way() {
    let rig = Rig::new();
    let all: Vec<Ref> = (1..=4).map(|call| rig.submit_keyed(call, 1)).collect();
    let holder = rig.run();
    assert_eq!(rig.try_claim(), None);
    rig.succeed(holder);
    assert_eq!(rig.engine.cancel(all[2]), Ok(Cancelling::Cancelled), "the key is free, and it stands in line");
    assert_eq!(rig.engine.doctor(), Vec::<String>::new());
    assert_eq!(rig.claim().at, all[1]);
}

#[test]
fn a_key_taken_before_the_woken_one_came_sets_it_aside_again() {
    let rig = Rig::new();
    let all: Vec<Ref> = (1..=2).map(|call| rig.submit_keyed(call, 1)).collect();
    let first = rig.run();
    assert_eq!(rig.try_claim(), None);
    rig.retry(first, 0).unwrap();
    let again = rig.run();
    assert_eq!((again.at, rig.try_claim()), (all[0], None));
    rig.succeed(again);
    assert_eq!(rig.history(all[1]), [Registered, Rerouted, Rerouted]);
    assert_eq!(rig.claim().at, all[1]);
}

#[test]
fn keys_are_told_apart_by_all_their_bytes() {
    let rig = Rig::new();
    let mut almost = key(1);
    almost[31] ^= 1;
    rig.submit_keyed(1, 1);
    rig.submit_under(2, Rules { running: Some(almost), ..Rules::default() });
    assert_eq!(rig.claim_rest(), [1, 2]);
}

#[test]
fn the_two_rules_are_independent() {
    let rig = Rig::new();
    let both = |call| rig.submit_under(call, Rules { running: Some(key(7)), ..registered(1, 1) });
    let running = both(1).at();
    rig.run();
    let waiting = both(2);
    assert_eq!(waiting, Receipt::New(waiting.at()), "the running one has started");
    assert_eq!(rig.try_claim(), None);
    assert_eq!(both(3), reused(waiting.at()), "set aside is not started");
    assert_eq!((rig.status(running), rig.status(waiting.at())), (Running, Rerouted));
}

#[test]
fn many_threads_never_run_one_key_twice() {
    let rig = Rig::new();
    for call in 0..400 {
        rig.submit_keyed(call, (call % 5) as u8);
    }
    let inside: [AtomicU32; 5] = std::array::from_fn(|_| 0.into());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let worker = rig.engine.register_worker("thread");
                while rig.engine.counts()[Success as usize] < 400 {
                    let Some(held) = rig.claim_by(worker, Lane::Sync, 1).pop() else {
                        std::thread::yield_now();
                        continue;
                    };
                    let gate = &inside[rig.call_of(held.at) as usize % 5];
                    assert_eq!(gate.fetch_add(1, Ordering::SeqCst), 0);
                    rig.engine.start(held.at, held.fence).unwrap();
                    assert_eq!(gate.fetch_sub(1, Ordering::SeqCst), 1);
                    rig.succeed(held);
                }
            });
        }
    });
    assert_eq!(rig.engine.counts()[Pending as usize], 0);
}
