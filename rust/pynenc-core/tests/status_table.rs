//! The status table: what it says, that the engine goes by it, and that every move is made.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

mod rig;

use std::collections::BTreeSet;

use pynenc_core::engine::{Cancelling, Ending, Fence, Lane, Outcome};
use pynenc_core::error::CoreError;
use pynenc_core::id::Ref;
use pynenc_core::status::Status::{
    self, Cancelled, Failed, Paused, Pending, Registered, Rerouted, Retry, Running, Scheduled, Success,
};
use pynenc_core::status::{ALL, TRANSITIONS};
use rig::{Held, Rig, SECOND};

type Edge = (Option<Status>, Status);

/// The table of the decisions, a row each.
const ROWS: [(&[Option<Status>], &[Status]); 6] = [
    (&[None], &[Registered, Scheduled]),
    (&[Some(Scheduled)], &[Registered, Cancelled]),
    (&[Some(Registered), Some(Rerouted), Some(Retry)], &[Pending, Rerouted, Cancelled]),
    (&[Some(Pending)], &[Running, Rerouted, Failed, Cancelled]),
    (&[Some(Running)], &[Paused, Success, Failed, Retry, Rerouted, Cancelled]),
    (&[Some(Paused)], &[Running, Failed, Rerouted, Cancelled]),
];

fn table() -> BTreeSet<Edge> {
    let edges = ROWS.iter().flat_map(|(from, to)| from.iter().flat_map(|&from| to.iter().map(move |&to| (from, to))));
    edges.collect()
}

#[test]
fn the_table_is_the_one_decided() {
    assert_eq!(BTreeSet::from(TRANSITIONS), table());
    assert_eq!(TRANSITIONS.len(), table().len(), "no edge is written twice");
    for from in ALL {
        for to in ALL {
            assert_eq!(from.can_move_to(to), table().contains(&(Some(from), to)), "{from:?} to {to:?}");
        }
    }
}

#[test]
fn what_a_status_is_follows_from_the_table() {
    for status in ALL {
        assert_eq!(status.is_final(), [Success, Failed, Cancelled].contains(&status));
        assert_eq!(status.is_claimable(), [Registered, Rerouted, Retry].contains(&status));
        assert_eq!(status.is_held(), [Pending, Running, Paused].contains(&status));
        assert_eq!(Status::from_name(status.name()), Some(status));
        assert_eq!(status.name(), format!("{status:?}").to_lowercase());
    }
    assert_eq!(Status::from_name("REGISTERED"), None);
}

/// An invocation brought to `status`, with the fence of its last claim if it had one.
fn brought_to(rig: &Rig, status: Status) -> Held {
    let unclaimed = |at| Held { at, fence: Fence { attempt: 0, nonce: 0 } };
    match status {
        Scheduled => unclaimed(rig.submit_after(1, SECOND)),
        Registered => unclaimed(rig.submit(1)),
        Pending => {
            rig.submit(1);
            rig.claim()
        }
        Running => {
            rig.submit(1);
            rig.run()
        }
        Paused => {
            rig.submit(1);
            let held = rig.run();
            assert!(rig.pause(held, &[rig.submit_after(2, 9 * SECOND)]).unwrap());
            held
        }
        Cancelled => {
            let held = brought_to(rig, Pending);
            assert_eq!(rig.engine.cancel(held.at), Ok(Cancelling::Cancelled));
            held
        }
        Retry | Rerouted | Success | Failed => {
            let held = brought_to(rig, Running);
            match status {
                Retry => rig.retry(held, 0).unwrap(),
                Rerouted => rig.release(held).unwrap(),
                Success => rig.succeed(held),
                _ => rig.end(held, Outcome::Failed(1)).unwrap(),
            }
            held
        }
    }
}

type Operation = (&'static str, fn(&Rig, Held) -> Result<(), CoreError>);

fn finish(rig: &Rig, held: Held, outcome: Outcome<u32>) -> Result<(), CoreError> {
    rig.engine.finish(held.at, held.fence, Ending { outcome, bytes: 0, keep_call: true }, None)
}

fn lose_by_silence(rig: &Rig, _: Held) {
    rig.clock.advance(60 * SECOND);
    rig.engine.tick();
}

/// Everything that may be done to an invocation, by its holder or by others.
const OPERATIONS: [Operation; 13] = [
    ("claim", |rig, _| rig.engine.claim(rig.worker, &[Lane::Sync], 1).map(drop)),
    ("start", |rig, held| rig.engine.start(held.at, held.fence)),
    ("succeed", |rig, held| finish(rig, held, Outcome::Success(7))),
    ("fail", |rig, held| finish(rig, held, Outcome::Failed(7))),
    ("give up", |rig, held| finish(rig, held, Outcome::Lost(1))),
    ("stop", |rig, held| finish(rig, held, Outcome::Cancelled)),
    ("retry", |rig, held| rig.retry(held, 0)),
    ("retry later", |rig, held| rig.retry(held, SECOND)),
    ("release", |rig, held| rig.release(held)),
    ("pause", |rig, held| rig.pause(held, &[rig.submit_after(3, 99 * SECOND)]).map(drop)),
    ("resume", |rig, held| rig.engine.resume(held.at, held.fence)),
    ("cancel", |rig, held| rig.engine.cancel(held.at).map(drop)),
    ("claim awaited", |rig, held| {
        let child = rig.submit(4);
        rig.engine.claim_awaited(held.at, held.fence, child, |_, _| ()).map(drop)
    }),
];

#[test]
fn an_operation_makes_an_allowed_move_or_changes_nothing() {
    for from in ALL {
        for (name, operation) in OPERATIONS {
            let rig = Rig::new();
            let held = brought_to(&rig, from);
            let before = rig.history(held.at);
            let answer = operation(&rig, held);
            let after = rig.history(held.at);
            assert!(after.starts_with(&before), "{name} from {from:?} rewrote history");
            if answer.is_err() {
                assert_eq!(after, before, "{name} from {from:?} was refused and wrote");
                assert_eq!(rig.status(held.at), from);
            }
            for step in after[before.len() - 1..].windows(2) {
                assert!(table().contains(&(Some(step[0]), step[1])), "{name} from {from:?}: {step:?}");
            }
        }
    }
}

#[test]
fn a_holder_s_move_that_the_table_lacks_is_refused_by_name() {
    let refused = [
        (Pending, "succeed", Success),
        (Pending, "retry", Retry),
        (Pending, "pause", Paused),
        (Pending, "claim awaited", Paused),
        (Pending, "resume", Running),
        (Running, "start", Running),
        (Running, "resume", Running),
        (Paused, "start", Running),
        (Paused, "succeed", Success),
        (Paused, "retry later", Retry),
    ];
    for (from, name, to) in refused {
        let rig = Rig::new();
        let held = brought_to(&rig, from);
        let (_, operation) = OPERATIONS.into_iter().find(|&(known, _)| known == name).unwrap();
        let told = CoreError::Transition { id: rig.engine.id(held.at), from, to };
        assert_eq!(operation(&rig, held), Err(told), "{name} from {from:?}");
    }
}

#[test]
fn a_final_status_is_final_for_ever() {
    for from in [Success, Failed, Cancelled] {
        let rig = Rig::new();
        let held = brought_to(&rig, from);
        let before = rig.history(held.at);
        for (_, operation) in OPERATIONS {
            let _ = operation(&rig, held);
        }
        lose_by_silence(&rig, held);
        assert_eq!(rig.history(held.at), before);
    }
}

/// What every invocation of the engine went through.
fn edges(rig: &Rig) -> BTreeSet<Edge> {
    let walked = |at: Ref| {
        let history = rig.history(at);
        let first = (None, history[0]);
        history.windows(2).map(|step| (Some(step[0]), step[1])).chain([first]).collect::<Vec<_>>()
    };
    rig.engine.find(None, &[], usize::MAX).into_iter().flat_map(walked).collect()
}

fn by_operations() -> BTreeSet<Edge> {
    let mut seen = BTreeSet::new();
    for from in ALL {
        for (_, operation) in OPERATIONS {
            let rig = Rig::new();
            let _ = operation(&rig, brought_to(&rig, from));
            seen.extend(edges(&rig));
        }
        let rig = Rig::new();
        lose_by_silence(&rig, brought_to(&rig, from));
        seen.extend(edges(&rig));
    }
    seen
}

/// Set aside when new, when woken in vain, and when its delay after an error is over.
fn by_a_running_rule() -> BTreeSet<Edge> {
    let rig = Rig::new();
    let retried = rig.submit_keyed(1, 1);
    let other = rig.submit_keyed(2, 1);
    let first = rig.run();
    assert_eq!(rig.try_claim(), None, "the other is set aside");
    rig.retry(first, SECOND).unwrap();
    rig.clock.advance(SECOND);
    assert_eq!(rig.claim().at, retried, "it keeps its place before the woken one");
    assert_eq!(rig.try_claim(), None, "which is set aside again");
    assert_eq!(rig.history(other), [Registered, Rerouted, Rerouted]);

    let slow = rig.submit_keyed(3, 2);
    rig.retry(rig.run(), SECOND).unwrap();
    rig.submit_keyed(4, 2);
    rig.run();
    rig.clock.advance(SECOND);
    assert_eq!(rig.try_claim(), None, "the holder of its key came later and runs");
    assert_eq!(rig.history(slow), [Registered, Pending, Running, Retry, Rerouted]);
    edges(&rig)
}

#[test]
fn every_allowed_move_is_made_by_the_engine() {
    let mut seen = by_operations();
    seen.extend(by_a_running_rule());
    assert_eq!(seen, table());
}
