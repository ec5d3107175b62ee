//! Waiting: what awaited work gets, inline runs, and waits that could never end.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

mod rig;

use std::ops::ControlFlow;

use pynenc_core::engine::{Ending, Lane, Limits, Outcome, Submission};
use pynenc_core::error::CoreError;
use pynenc_core::id::Ref;
use pynenc_core::status::Status::{Paused, Pending, Registered, Running, Success};
use rig::{Held, Rig};

fn ending(value: u32) -> Ending<u32> {
    Ending { outcome: Outcome::Success(value), bytes: 8, keep_call: true }
}

/// A running body for each call.
fn run_all<const N: usize>(rig: &Rig) -> [Held; N] {
    rig.submit_all(1..=u32::try_from(N).unwrap());
    std::array::from_fn(|_| rig.run())
}

// --- pausing ------------------------------------------------------------------------------

#[test]
fn what_is_awaited_runs_first() {
    let rig = Rig::new();
    let [waiter] = run_all(&rig);
    let all = rig.submit_all(2..=6);
    assert!(!rig.engine.has_awaited(Lane::Sync));
    assert_eq!(rig.pause(waiter, &[all[3], all[1]]), Ok(true));
    assert!(rig.engine.has_awaited(Lane::Sync));
    assert_eq!(rig.claim_rest(), [3, 5, 2, 4, 6], "among the awaited, the oldest");
}

#[test]
fn awaited_work_runs_first_when_it_comes_back_too() {
    let rig = Rig::new();
    let [waiter] = run_all(&rig);
    rig.submit(2);
    let awaited = rig.submit(3);
    rig.pause(waiter, &[awaited]).unwrap();
    let held = rig.run();
    assert_eq!(held.at, awaited);
    rig.retry(held, 0).unwrap();
    assert_eq!(rig.claim_rest(), [3, 2]);
}

#[test]
fn an_awaited_one_in_line_runs_first_when_it_is_woken() {
    let rig = Rig::new();
    let [waiter] = run_all(&rig);
    rig.submit_keyed(2, 1);
    let holder = rig.run();
    let awaited = rig.submit_keyed(3, 1);
    assert_eq!(rig.try_claim(), None);
    rig.pause(waiter, &[awaited]).unwrap();
    rig.submit(4);
    rig.release(holder).unwrap();
    assert_eq!(rig.claim_rest(), [3, 4], "before the older holder, which is set aside instead");
}

#[test]
fn nothing_pauses_for_what_has_ended_already() {
    let rig = Rig::new();
    let [waiter, other] = run_all(&rig);
    let open = rig.submit(3);
    rig.succeed(other);
    assert_eq!(rig.pause(waiter, &[open, other.at]), Ok(false));
    assert_eq!(rig.pause(waiter, &[]), Ok(false));
    assert_eq!((rig.status(waiter.at), rig.engine.has_awaited(Lane::Sync)), (Running, false));
}

#[test]
fn a_paused_body_may_wait_for_others_instead() {
    let rig = Rig::new();
    let [waiter, ended, open] = run_all(&rig);
    assert_eq!(rig.pause(waiter, &[ended.at]), Ok(true));
    assert_eq!(rig.pause(waiter, &[open.at]), Ok(true));
    rig.pause(ended, &[waiter.at]).unwrap();
    assert_eq!(rig.cycle(open, &[ended.at]), rig.ids(&[open.at, ended.at, waiter.at]));
    assert_eq!(rig.history(waiter.at).iter().filter(|&&status| status == Paused).count(), 1);
}

#[test]
fn a_resumed_body_waits_for_nobody() {
    let rig = Rig::new();
    let [waiter, other] = run_all(&rig);
    rig.pause(waiter, &[other.at]).unwrap();
    rig.engine.resume(waiter.at, waiter.fence).unwrap();
    assert_eq!(rig.status(waiter.at), Running);
    assert_eq!(rig.pause(other, &[waiter.at]), Ok(true), "no cycle");
}

// --- cycles -------------------------------------------------------------------------------

#[test]
fn nobody_waits_for_itself() {
    let rig = Rig::new();
    let [waiter, other] = run_all(&rig);
    assert_eq!(rig.cycle(waiter, &[other.at, waiter.at]), rig.ids(&[waiter.at]));
    assert_eq!(rig.status(waiter.at), Running, "refused and unchanged");
}

#[test]
fn the_wait_that_closes_a_cycle_is_refused_with_its_path() {
    let rig = Rig::new();
    let [a, b, c, d] = run_all(&rig);
    let idle = rig.submit(9);
    rig.pause(a, &[b.at]).unwrap();
    rig.pause(b, &[idle, c.at]).unwrap();
    rig.pause(c, &[d.at]).unwrap();
    assert_eq!(rig.cycle(d, &[a.at]), rig.ids(&[d.at, a.at, b.at, c.at]));
    assert_eq!(rig.cycle(d, &[idle, c.at]), rig.ids(&[d.at, c.at]));
    assert_eq!(rig.pause(d, &[idle]), Ok(true), "another wait is welcome");
}

#[test]
fn a_cycle_goes_through_a_running_key() {
    let rig = Rig::new();
    rig.submit_keyed(1, 1);
    let holder = rig.run();
    let (queued, aside) = (rig.submit_keyed(2, 1), rig.submit_keyed(3, 1));
    assert_eq!(rig.cycle(holder, &[queued]), rig.ids(&[holder.at, queued]), "queued, and would be blocked");
    assert_eq!(rig.try_claim(), None);
    assert_eq!(rig.cycle(holder, &[aside]), rig.ids(&[holder.at, aside]), "set aside");
}

#[test]
fn a_cycle_goes_across_two_keys() {
    let rig = Rig::new();
    rig.submit_keyed(1, 1);
    rig.submit_keyed(2, 2);
    let (first, second) = (rig.run(), rig.run());
    let (for_first, for_second) = (rig.submit_keyed(3, 1), rig.submit_keyed(4, 2));
    assert_eq!(rig.pause(first, &[for_second]), Ok(true));
    let path = rig.ids(&[second.at, for_first, first.at, for_second]);
    assert_eq!(rig.cycle(second, &[for_first]), path);
    rig.succeed(second);
    assert_eq!(rig.claim().at, for_second, "refused, the other goes on and wakes the first one's child");
}

#[test]
fn a_key_taken_after_the_wait_counts() {
    let rig = Rig::new();
    let [waiter] = run_all(&rig);
    let child = rig.submit_keyed(2, 1);
    rig.submit_keyed(3, 1);
    rig.pause(waiter, &[child]).unwrap();
    let held = rig.run();
    rig.retry(held, rig::SECOND).unwrap();
    let rival = rig.run();
    assert_eq!(rig.call_of(rival.at), 3);
    assert_eq!(rig.cycle(rival, &[waiter.at]), rig.ids(&[rival.at, waiter.at, child]));
}

#[test]
fn an_end_breaks_the_chain() {
    let rig = Rig::new();
    let [a, b, c] = run_all(&rig);
    rig.pause(a, &[b.at]).unwrap();
    rig.pause(b, &[c.at]).unwrap();
    rig.engine.lose(rig.worker);
    let other = rig.engine.register_worker("other");
    let again = rig.claim_by(other, Lane::Sync, 9);
    assert_eq!(again.iter().map(|held| held.at).collect::<Vec<_>>(), [b.at, c.at, a.at], "awaited ones first");
    for held in &again {
        rig.engine.start(held.at, held.fence).unwrap();
    }
    assert_eq!(rig.pause(again[1], &[a.at]), Ok(true), "rescued bodies wait for nobody");
}

/// `links` waits in a chain, of which the last is yet to be made; its answer.
fn chain(rig: &Rig, links: u32) -> Result<bool, CoreError> {
    rig.submit_all(0..=links);
    let all: Vec<Held> = (0..=links).map(|_| rig.run()).collect();
    for pair in all.windows(2).skip(1) {
        rig.pause(pair[0], &[pair[1].at])?;
    }
    rig.pause(all[0], &[all[1].at])
}

#[test]
fn a_thousand_links_are_followed_and_no_more() {
    assert_eq!(Limits::default().wait_links, 1_000);
    assert_eq!(chain(&Rig::new(), 1_000), Ok(true));
    let rig = Rig::new();
    assert_eq!(chain(&rig, 1_001), Err(CoreError::WaitLimit(1_000)));
    assert_eq!(rig.engine.counts()[Running as usize], 2, "refused and unchanged");
}

#[test]
fn a_cycle_of_a_thousand_is_seen() {
    let rig = Rig::new();
    rig.submit_all(1..=1_000);
    let all: Vec<Held> = (1..=1_000).map(|_| rig.run()).collect();
    for pair in all.windows(2) {
        rig.pause(pair[0], &[pair[1].at]).unwrap();
    }
    let path = rig.cycle(all[999], &[all[0].at]);
    assert_eq!((path.len(), path[0], path[1]), (1_000, rig.engine.id(all[999].at), rig.engine.id(all[0].at)));
}

#[test]
fn width_is_no_length() {
    let rig = Rig::new();
    let [waiter] = run_all(&rig);
    rig.submit_all(0..3_000);
    let all: Vec<Held> = (0..3_000).map(|_| rig.run()).collect();
    let last = rig.submit(7);
    for &held in &all {
        rig.pause(held, &[last]).unwrap();
    }
    let refs: Vec<Ref> = all.iter().map(|held| held.at).collect();
    assert_eq!(rig.pause(waiter, &refs), Ok(true));
}

// --- the line of waiting ancestors --------------------------------------------------------

/// A body and its children's, each called by the one before and awaited by it.
fn family(rig: &Rig, generations: u32) -> Vec<Held> {
    let mut all = vec![];
    for call in 0..generations {
        let parent: Option<&Held> = all.last();
        let child = rig.engine.submit_one(Submission { parent: parent.map(|held| held.at), ..rig.call(call) }).at();
        if let Some(&parent) = parent {
            assert_eq!(rig.pause(parent, &[child]), Ok(true));
        }
        all.push(rig.run());
    }
    all
}

fn line(rig: &Rig, at: Ref) -> Result<Vec<u32>, CoreError> {
    let mut seen = vec![];
    let stopped = rig.engine.waiting_line(at, |_, task, call| {
        assert_eq!(task, rig.task);
        seen.push(*call.unwrap());
        ControlFlow::<()>::Continue(())
    })?;
    assert_eq!(stopped, None);
    Ok(seen)
}

#[test]
fn the_line_goes_from_a_body_to_its_waiting_ancestors() {
    let rig = Rig::new();
    let all = family(&rig, 4);
    assert_eq!(line(&rig, all[3].at), Ok(vec![3, 2, 1, 0]));
    rig.engine.resume(all[1].at, all[1].fence).unwrap();
    assert_eq!(line(&rig, all[3].at), Ok(vec![3, 2]), "an ancestor that goes on waits for nobody");
    let found = rig.engine.waiting_line(all[3].at, |at, _, _| match at == all[2].at {
        true => ControlFlow::Break(at),
        false => ControlFlow::Continue(()),
    });
    assert_eq!(found, Ok(Some(all[2].at)));
}

#[test]
fn the_line_has_a_limit_too() {
    let rig = Rig::with(Limits { wait_links: 10, ..Limits::default() });
    let all = family(&rig, 12);
    assert_eq!(line(&rig, all[9].at).unwrap().len(), 10);
    assert_eq!(line(&rig, all[11].at), Err(CoreError::WaitLimit(10)));
}

// --- running what is awaited inline -------------------------------------------------------

#[test]
fn a_body_runs_what_it_awaits_inline_and_goes_on_with_its_end() {
    let rig = Rig::new();
    let [waiter] = run_all(&rig);
    let child = rig.submit(2);
    let claimed = rig.engine.claim_awaited(waiter.at, waiter.fence, child, |fence, &call| (fence, call));
    let (fence, call) = claimed.unwrap().unwrap();
    assert_eq!((call, fence.attempt), (2, 1));
    assert_eq!((rig.status(waiter.at), rig.status(child)), (Paused, Running));
    assert_eq!(rig.engine.read(child, |view| view.worker), Ok(rig.worker));
    rig.engine.finish(child, fence, ending(5), Some((waiter.at, waiter.fence))).unwrap();
    assert_eq!((rig.status(waiter.at), rig.status(child)), (Running, Success));
    assert_eq!(rig.history(child), [Registered, Pending, Running, Success]);
    rig.succeed(waiter);
}

#[test]
fn what_cannot_run_now_is_not_claimed_inline() {
    let rig = Rig::new();
    rig.submit_keyed(1, 1);
    let waiter = rig.run();
    let (blocked, delayed) = (rig.submit_keyed(2, 1), rig.submit_after(3, rig::SECOND));
    let taken = rig.submit(4);
    assert_eq!(rig.claim().at, taken);
    let none = |target| rig.engine.claim_awaited(waiter.at, waiter.fence, target, |_, _| ());
    for target in [blocked, delayed, taken, waiter.at] {
        assert_eq!(none(target), Ok(None));
    }
    rig.engine.purge();
    let gone = rig.submit(5);
    assert_eq!(rig.status(gone), Registered);
    assert!(none(gone).is_err(), "the waiter itself is gone");
}

#[test]
fn a_refused_inline_claim_leaves_the_waiter_running() {
    let rig = Rig::new();
    rig.submit_keyed(1, 1);
    let waiter = rig.run();
    let blocked = rig.submit_keyed(2, 1);
    assert_eq!(rig.engine.claim_awaited(waiter.at, waiter.fence, blocked, |_, _| ()), Ok(None));
    assert_eq!((rig.status(waiter.at), rig.status(blocked)), (Running, Registered));
}

#[test]
fn inline_runs_nest_and_their_waits_are_seen() {
    let rig = Rig::new();
    let mut all = vec![run_all::<1>(&rig)[0]];
    for call in 1..50 {
        let (waiter, target) = (all[all.len() - 1], rig.submit(call));
        let claimed = rig.engine.claim_awaited(waiter.at, waiter.fence, target, |fence, _| fence).unwrap();
        all.push(Held { at: target, fence: claimed.unwrap() });
    }
    let outsider = rig.submit(99);
    let (last, other) = (all[49], rig.run());
    assert_eq!(other.at, outsider);
    rig.pause(other, &[all[20].at]).unwrap();
    assert_eq!(rig.cycle(last, &[outsider]).len(), 31, "the outsider waits for the 20th of the chain");
    for pair in all.windows(2).rev() {
        let resume = Some((pair[0].at, pair[0].fence));
        rig.engine.finish(pair[1].at, pair[1].fence, ending(1), resume).unwrap();
    }
    assert_eq!((rig.status(all[0].at), rig.engine.counts()[Success as usize]), (Running, 49));
}

#[test]
fn an_end_stands_though_the_waiter_is_gone() {
    let rig = Rig::new();
    let [waiter] = run_all(&rig);
    let child = rig.submit(2);
    let fence = rig.engine.claim_awaited(waiter.at, waiter.fence, child, |fence, _| fence).unwrap().unwrap();
    rig.release(waiter).unwrap();
    let answer = rig.engine.finish(child, fence, ending(5), Some((waiter.at, waiter.fence)));
    assert!(rig.is_fenced(waiter, &answer), "the refusal names the waiter: {answer:?}");
    assert_eq!(rig.status(child), Success);
    assert_eq!(rig.claim().at, waiter.at);
    assert_eq!(rig.status(waiter.at), Pending);
}
