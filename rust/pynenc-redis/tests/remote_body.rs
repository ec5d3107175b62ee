//! Bodies that wait for others, run them inline, and are called off.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly, also outside the functions that are marked as tests")]

mod rig;

use std::sync::mpsc::channel;

use pynenc_core::engine::{Cancelling, Lane, Outcome, Rules};
use pynenc_core::error::CoreError;
use pynenc_core::id::Ref;
use pynenc_core::park::Subscription;
use pynenc_core::status::Status;
use pynenc_redis::error::RedisError;
use pynenc_redis::remote::{News, Submission, Work};
use rig::eventually;
use rig::process::{Hands, Process, Slot, echo};

fn child(process: &Process, of: &Work, payload: &[u8]) -> Ref {
    let submission = Submission { parent: Some(of.id), ..process.call("echo", payload) };
    process.remote.submit_one(submission).unwrap().at()
}

fn done(process: &Process, work: &Work, value: &[u8]) {
    process.remote.finish(work.at, work.fence, Outcome::Success(value.to_vec()), 0, None).unwrap();
}

#[test]
fn a_waiting_body_runs_its_child_inline() {
    let server = server!();
    let process = Process::start(&server);
    let remote = &process.remote;
    let worker = remote.register_worker("w", &["echo"]).unwrap();
    let slot = Slot::of(&process, worker);
    let top = process.submit(b"top");
    let parent = slot.next();
    let (first, second) = (child(&process, &parent, b"1"), child(&process, &parent, b"2"));
    for at in [first, second] {
        let inline = remote.claim_awaited(parent.at, parent.fence, at).unwrap().unwrap();
        assert_eq!((inline.at, inline.parent), (at, Some(parent.id)));
        assert_eq!(process.store().read(parent.id).unwrap().status, Status::Paused);
        let outcome = Outcome::Success(b"done".to_vec());
        remote.finish(at, inline.fence, outcome, 0, Some((parent.at, parent.fence))).unwrap();
        // Acknowledged: whoever waited inline reads it at once.
        assert_eq!(remote.read(at, |view| view.status), Ok(Status::Success));
        assert_eq!(process.store().read(parent.id).unwrap().status, Status::Running);
        assert!(remote.claim_awaited(parent.at, parent.fence, at).unwrap().is_none(), "it has ended");
    }
    done(&process, &parent, b"top");
    assert_eq!(process.result(top), b"top");
}

#[test]
fn a_body_that_was_fetched_ahead_may_wait_at_once() {
    let server = server!();
    let process = Process::start(&server);
    let remote = &process.remote;
    let worker = remote.register_worker("w", &["echo"]).unwrap();
    // Short bodies first: from then on claims start nothing.
    let hands = Hands::hire(&process, worker, 1, echo);
    let batch = (0..200).map(|_| process.call("echo", b"short")).collect();
    let all: Vec<_> = remote.submit_many(batch, None).unwrap().iter().map(|receipt| receipt.at()).collect();
    process.await_all(&all);
    hands.dismiss();
    let slot = Slot::of(&process, worker);
    process.submit(b"top");
    let parent = slot.next();
    let at = child(&process, &parent, b"1");
    assert!(remote.pause(parent.at, parent.fence, &[at]).unwrap());
    assert!(remote.has_awaited(Lane::Sync));
    let other = Slot::of(&process, worker);
    let inner = other.next();
    assert_eq!(inner.at, at);
    done(&process, &inner, b"1");
    assert_eq!(process.result(at), b"1");
    remote.resume(parent.at, parent.fence).unwrap();
    done(&process, &parent, b"top");
    assert_eq!(process.result(parent.at), b"top");
}

#[test]
fn a_wait_for_the_ended_is_none() {
    let server = server!();
    let process = Process::start(&server);
    let worker = process.remote.register_worker("w", &["echo"]).unwrap();
    let slot = Slot::of(&process, worker);
    let at = process.submit(b"first");
    let first = slot.next();
    done(&process, &first, b"1");
    process.await_all(&[at]);
    process.submit(b"second");
    let second = slot.next();
    assert!(!process.remote.pause(second.at, second.fence, &[at]).unwrap());
    assert!(!process.remote.pause(second.at, second.fence, &[]).unwrap());
    eventually("its start is reported", || process.store().read(second.id).unwrap().status == Status::Running);
}

#[test]
fn a_cycle_is_refused_and_changes_nothing() {
    let server = server!();
    let process = Process::start(&server);
    let remote = &process.remote;
    let worker = remote.register_worker("w", &["echo"]).unwrap();
    let slot = Slot::of(&process, worker);
    process.submit(b"one");
    process.submit(b"other");
    let (one, other) = (slot.next(), slot.next());
    assert!(remote.pause(one.at, one.fence, &[other.at]).unwrap());
    match remote.pause(other.at, other.fence, &[one.at]) {
        Err(RedisError::Refused(CoreError::Cycle(path))) => assert_eq!(path, [other.id, one.id]),
        told => panic!("no cycle: {told:?}"),
    }
    done(&process, &other, b"");
    process.await_all(&[other.at]);
    remote.resume(one.at, one.fence).unwrap();
    done(&process, &one, b"");
}

#[test]
fn a_resume_that_is_told_soon_is_told_before_the_end() {
    let server = server!();
    let process = Process::start(&server);
    let remote = &process.remote;
    let worker = remote.register_worker("w", &["echo"]).unwrap();
    let slot = Slot::of(&process, worker);
    for _ in 0..50 {
        let at = process.submit(b"x");
        let awaited = process.submit(b"awaited");
        let (work, other) = (slot.next(), slot.next());
        assert!(remote.pause(work.at, work.fence, &[awaited]).unwrap());
        done(&process, &other, b"");
        process.await_all(&[awaited]);
        remote.resume_soon(work.at, work.fence);
        done(&process, &work, b"done");
        assert_eq!(process.result(at), b"done");
    }
    assert_eq!(remote.counters().fenced, 0);
}

#[test]
fn errands_are_done_in_order_on_a_thread_of_their_own() {
    let server = server!();
    let process = Process::start(&server);
    let (send, receive) = channel();
    for n in 0..10 {
        let send = send.clone();
        let errand = move |remote: &pynenc_redis::remote::Remote<u32>| {
            send.send((n, remote.client(), std::thread::current().name().map(str::to_owned))).unwrap();
        };
        process.remote.errand(errand).unwrap();
    }
    for n in 0..10 {
        let done = receive.recv_timeout(rig::PATIENCE).unwrap();
        assert_eq!(done, (n, process.remote.client(), Some("pynenc-errands".to_owned())));
    }
}

#[test]
fn the_waiting_line_is_told() {
    let server = server!();
    let process = Process::start(&server);
    let worker = process.remote.register_worker("w", &["echo"]).unwrap();
    let slot = Slot::of(&process, worker);
    let print = [3; 32];
    process.remote.submit_one(Submission { print: Some(print), ..process.call("echo", b"") }).unwrap();
    let parent = slot.next();
    assert_eq!(parent.print, Some(print));
    let at = child(&process, &parent, b"1");
    let inner = process.remote.claim_awaited(parent.at, parent.fence, at).unwrap().unwrap();
    let line = process.remote.ancestors(inner.at).unwrap();
    assert_eq!(
        line.iter().map(|one| (one.id, one.print)).collect::<Vec<_>>(),
        [(inner.id, None), (parent.id, Some(print))]
    );
}

#[test]
fn a_running_body_is_told_that_it_was_called_off() {
    let server = server!();
    let (here, there) = (Process::start(&server), Process::start(&server));
    let worker = there.remote.register_worker("w", &["echo"]).unwrap();
    let slot = Slot::of(&there, worker);
    let at = here.submit(b"x");
    let work = slot.next();
    let timer = std::sync::Arc::new(pynenc_core::park::Parker::new());
    there.remote.set_timer(worker, Some(std::sync::Arc::clone(&timer)));
    assert_eq!(here.remote.cancel(at).unwrap(), Cancelling::Requested);
    assert!(timer.park(Some(std::time::Instant::now() + rig::PATIENCE)));
    assert_eq!(there.remote.take_news(worker), [News::Cancel(work.at, work.fence)]);
    there.remote.finish(work.at, work.fence, Outcome::<Vec<u8>>::Cancelled, 0, None).unwrap();
    here.await_all(&[at]);
    assert_eq!(here.remote.status(at).unwrap(), Status::Cancelled);
}

#[test]
fn one_that_lies_ready_and_is_called_off_does_not_run() {
    let server = server!();
    let (here, there) = (Process::start(&server), Process::start(&server));
    let worker = there.remote.register_worker("w", &["echo"]).unwrap();
    let slot = Slot::of(&there, worker);
    // Claimed for a slot that then does not come for it at once.
    assert!(slot.try_next().is_none());
    let at = here.submit(b"x");
    let record = || here.store().read(here.remote.id(at)).unwrap();
    eventually("it is claimed", || record().attempt > 0);
    // It counts as started or not: in both cases no thread has begun it, and none will.
    assert_ne!(here.remote.cancel(at).unwrap(), Cancelling::Final);
    here.await_all(&[at]);
    assert_eq!(here.remote.status(at).unwrap(), Status::Cancelled);
    eventually("the worker has let go of it", || there.remote.place(here.remote.id(at)).is_none());
    assert!(slot.try_next().is_none());
    assert!(there.remote.take_news(worker).is_empty());
}

#[test]
fn an_equal_call_is_a_new_one_as_soon_as_the_first_runs() {
    let server = server!();
    let process = Process::start(&server);
    let remote = &process.remote;
    let worker = remote.register_worker("w", &["echo"]).unwrap();
    let hands = Hands::hire(&process, worker, 1, echo);
    let batch = (0..200).map(|_| process.call("echo", b"short")).collect();
    let all: Vec<_> = remote.submit_many(batch, None).unwrap().iter().map(|receipt| receipt.at()).collect();
    process.await_all(&all);
    hands.dismiss();
    // Work is fetched ahead by now: one under a registration rule counts as started before its body runs.
    let rules = Rules { registration: Some([1; 32]), arguments: Some([2; 32]), ..Rules::default() };
    let keyed = || Submission { rules: Some(Box::new(rules.clone())), ..process.call("echo", b"keyed") };
    let slot = Slot::of(&process, worker);
    for _ in 0..20 {
        let at = remote.submit_one(keyed()).unwrap().at();
        let work = slot.next();
        assert_eq!(work.at, at);
        let next = remote.submit_one(keyed()).unwrap();
        assert!(matches!(next, pynenc_core::engine::Receipt::New(_)), "{next:?}");
        done(&process, &work, b"");
        let other = slot.next();
        assert_eq!(other.at, next.at());
        done(&process, &other, b"");
        let inbox = Subscription::new();
        remote.watch(&[at, next.at()], &inbox, 0);
        process.await_tokens(&inbox, 2);
    }
}
