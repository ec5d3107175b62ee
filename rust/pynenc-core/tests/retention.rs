//! What is kept of the ended, for how long, and what purging does.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

mod rig;

use pynenc_core::engine::{Ending, Lane, Limits, Outcome, Receipt, Rules};
use pynenc_core::error::CoreError;
use pynenc_core::id::Ref;
use pynenc_core::status::Status::{Registered, Running, Success};
use rig::{DAWN, Held, Rig, SECOND, key, registered};

/// Run one to its end, with a result of that many bytes; the caller stays interested.
fn ended(rig: &Rig, call: u32, bytes: u64) -> Ref {
    let at = rig.submit(call);
    let held = rig.run();
    assert_eq!(held.at, at);
    let ending = Ending { outcome: Outcome::Success(call), bytes, keep_call: false };
    rig.engine.finish(at, held.fence, ending, None).unwrap();
    at
}

/// Run one to its end that nobody is interested in.
fn forgotten(rig: &Rig, call: u32, bytes: u64) -> Ref {
    let at = ended(rig, call, bytes);
    rig.engine.forget(at);
    at
}

fn is_kept(rig: &Rig, at: Ref) -> bool {
    match rig.engine.read(at, |_| ()) {
        Ok(()) => true,
        Err(CoreError::Expired(id)) if id == rig.engine.id(at) => false,
        Err(other) => unreachable!("kept or expired, not {other}"),
    }
}

fn kept<const N: usize>(rig: &Rig, all: [Ref; N]) -> [bool; N] {
    all.map(|at| is_kept(rig, at))
}

#[test]
fn the_defaults_are_the_promised_ones() {
    let limits = Limits::default();
    assert_eq!((limits.keep_for, limits.keep_count, limits.keep_bytes), (86_400 * SECOND, 100_000, 256 << 20));
}

#[test]
fn the_ended_are_dropped_by_age() {
    let rig = Rig::with(Limits { keep_for: 60 * SECOND, ..Limits::default() });
    let first = forgotten(&rig, 1, 8);
    rig.clock.advance(10 * SECOND);
    let second = forgotten(&rig, 2, 8);
    rig.engine.lose(rig.worker);
    assert_eq!(rig.engine.tick(), Some(DAWN + 60 * SECOND), "the tick knows when the oldest is due");
    rig.clock.advance(50 * SECOND);
    rig.engine.tick();
    assert_eq!(kept(&rig, [first, second]), [false, true]);
    rig.clock.advance(10 * SECOND);
    assert_eq!(rig.engine.tick(), None);
    assert_eq!(kept(&rig, [first, second]), [false, false]);
}

#[test]
fn the_newest_are_kept_by_count() {
    let rig = Rig::with(Limits { keep_count: 2, ..Limits::default() });
    let all = [1, 2, 3, 4].map(|call| forgotten(&rig, call, 8));
    assert_eq!(kept(&rig, all), [false, false, true, true]);
    assert_eq!(rig.engine.counts()[Success as usize], 2);
}

#[test]
fn the_newest_are_kept_by_bytes() {
    let rig = Rig::with(Limits { keep_bytes: 100, ..Limits::default() });
    let all = [40, 60, 1].map(|bytes| forgotten(&rig, 1, bytes));
    assert_eq!(kept(&rig, all), [false, true, true]);
    let large = forgotten(&rig, 2, 101);
    assert_eq!((kept(&rig, all), is_kept(&rig, large)), ([false; 3], false), "one that is too large goes at once");
}

#[test]
fn what_has_not_ended_is_never_dropped() {
    let rig = Rig::with(Limits { keep_for: 1, keep_count: 0, keep_bytes: 0, ..Limits::default() });
    let queued = rig.submit(1);
    rig.engine.forget(queued);
    rig.clock.advance(9 * SECOND);
    rig.engine.tick();
    assert_eq!(rig.status(queued), Registered);
    rig.succeed(rig.run());
    assert!(!is_kept(&rig, queued));
}

#[test]
fn interest_keeps_what_is_past_the_limits() {
    let rig = Rig::with(Limits { keep_count: 1, ..Limits::default() });
    let (first, second) = (ended(&rig, 1, 8), ended(&rig, 2, 8));
    let third = ended(&rig, 3, 8);
    assert!(rig.engine.remember(first), "a second reader");
    rig.engine.forget(first);
    assert_eq!(kept(&rig, [first, second, third]), [true; 3]);
    rig.engine.forget(first);
    assert_eq!(kept(&rig, [first, second, third]), [false, true, true], "the last reader has gone");
    rig.engine.forget_all(&[second, third, first]);
    assert_eq!(kept(&rig, [second, third]), [false, true], "the newest is within the limits");
    assert!(!rig.engine.remember(first));
}

#[test]
fn each_receipt_is_an_interest() {
    let rig = Rig::with(Limits { keep_count: 0, ..Limits::default() });
    let cached = || Rules { result: Some(key(9)), ..registered(1, 1) };
    let at = rig.submit_under(1, cached()).at();
    assert_eq!(rig.submit_under(2, cached()), Receipt::Reused { at, same: true });
    let refused = Rules { raise_on_difference: true, ..registered(1, 2) };
    assert_eq!(rig.submit_under(3, refused), Receipt::Refused(at));
    rig.succeed(rig.run());
    assert_eq!(rig.submit_under(4, cached()), Receipt::Cached(at));
    for reader in 0..3 {
        assert!(is_kept(&rig, at), "reader {reader} of 3, the refused one is none");
        rig.engine.forget(at);
    }
    assert!(!is_kept(&rig, at));
    assert!(matches!(rig.submit_under(5, cached()), Receipt::New(_)), "a dropped result answers nobody");
}

#[test]
fn a_newer_result_of_the_same_key_outlives_the_older() {
    let rig = Rig::with(Limits { keep_count: 1, ..Limits::default() });
    let rules = || Rules { result: Some(key(9)), ..Rules::default() };
    let (first, second) = (rig.submit_under(1, rules()).at(), rig.submit_under(1, rules()).at());
    rig.engine.forget_all(&[first, second]);
    rig.succeed(rig.run());
    rig.succeed(rig.run());
    assert_eq!(kept(&rig, [first, second]), [false, true]);
    assert_eq!(rig.submit_under(2, rules()), Receipt::Cached(second));
}

#[test]
fn the_waiters_of_an_unkept_one_are_told() {
    let rig = Rig::with(Limits { keep_count: 0, ..Limits::default() });
    let at = rig.submit(1);
    rig.engine.forget(at);
    let subscription = rig.watch(&[at]);
    rig.succeed(rig.run());
    assert_eq!(rig::tokens(&subscription), [0]);
    assert!(!is_kept(&rig, at));
    assert_eq!(rig::tokens(&rig.watch(&[at])), [0], "watching what is gone tells so at once");
}

#[test]
fn a_dropped_one_is_expired_and_one_that_never_was_is_not_found() {
    let rig = Rig::with(Limits { keep_count: 0, ..Limits::default() });
    let gone = forgotten(&rig, 1, 8);
    let id = rig.engine.id(gone);
    let late = Held { at: gone, fence: pynenc_core::engine::Fence { attempt: 1, nonce: 0 } };
    for reused in [false, true] {
        if reused {
            assert_ne!(rig.submit(2), gone, "the place has another generation");
        }
        assert_eq!(rig.engine.read(gone, |_| ()), Err(CoreError::Expired(id)));
        assert_eq!(rig.engine.cancel(gone), Err(CoreError::Expired(id)));
        assert_eq!(rig.end(late, Outcome::Success(1)), Err(CoreError::Expired(id)));
        assert_eq!(rig.release(late), Err(CoreError::Expired(id)));
        rig.engine.forget(gone);
    }
    let other = Rig::new();
    assert!(matches!(other.engine.read(gone, |_| ()), Err(CoreError::NotFound(_))));
}

#[test]
fn places_are_used_again() {
    let rig = Rig::with(Limits { keep_count: 10, ..Limits::default() });
    let mut ids = std::collections::HashSet::new();
    for call in 0..5_000 {
        assert!(ids.insert(rig.engine.id(forgotten(&rig, call, 8))));
    }
    assert_eq!(rig.engine.find(None, &[], usize::MAX).len(), 10);
}

#[test]
fn purging_drops_everything_and_tells_the_waiters() {
    let rig = Rig::new();
    let done = ended(&rig, 1, 8);
    rig.submit_keyed(2, 1);
    let (holder, delayed) = (rig.run(), rig.submit_after(3, SECOND));
    let in_line = rig.submit_under(4, Rules { running: Some(key(1)), ..registered(1, 1) }).at();
    assert_eq!(rig.try_claim(), None);
    let subscription = rig.watch(&[holder.at, delayed, in_line, done]);
    rig::tokens(&subscription);
    assert_eq!(rig.engine.purge(), 4);
    let mut told = rig::tokens(&subscription);
    told.sort_unstable();
    assert_eq!(told, [0, 1, 2], "the ended one was told before");
    assert_eq!(kept(&rig, [done, holder.at, delayed, in_line]), [false; 4]);
    assert_eq!(rig.engine.counts().iter().sum::<usize>(), 0);
    assert_eq!(rig.engine.purge(), 0);
}

#[test]
fn late_writes_after_a_purge_are_refused() {
    let rig = Rig::new();
    rig.submit(1);
    let late = rig.run();
    rig.engine.purge();
    let expired = CoreError::Expired(rig.engine.id(late.at));
    assert_eq!(rig.submit(2).cmp(&late.at), std::cmp::Ordering::Greater, "the same place, later");
    let child = rig.submit(3);
    let answers = [
        rig.end(late, Outcome::Success(13)),
        rig.retry(late, 0),
        rig.release(late),
        rig.pause(late, &[child]).map(drop),
        rig.engine.resume(late.at, late.fence),
        rig.engine.start(late.at, late.fence),
        rig.engine.claim_awaited(late.at, late.fence, child, |_, _| ()).map(drop),
    ];
    assert!(answers.iter().all(|answer| answer == &Err(expired.clone())), "{answers:?}");
    assert_eq!((rig.claim_rest(), rig.engine.counts()[Running as usize]), (vec![2, 3], 0));
}

#[test]
fn a_purged_engine_is_as_good_as_new() {
    let rig = Rig::with(Limits { keep_count: 2, keep_bytes: 20, ..Limits::default() });
    let rules = || Rules { running: Some(key(1)), result: Some(key(2)), ..registered(3, 1) };
    rig.submit_under(1, rules());
    rig.run();
    rig.submit_under(2, rules());
    rig.submit_after(3, SECOND);
    rig.engine.purge();
    let again = rig.submit_under(4, rules());
    assert!(matches!(again, Receipt::New(_)));
    rig.succeed(rig.run());
    assert_eq!(rig.submit_under(5, rules()), Receipt::Cached(again.at()));
    rig.clock.advance(SECOND);
    assert_eq!((rig.claim_rest(), rig.engine.queued(Lane::Sync)), (vec![], 0));
    let all = [6, 7].map(|call| forgotten(&rig, call, 8));
    assert_eq!(kept(&rig, all), [true, true], "nothing of before counts");
}
