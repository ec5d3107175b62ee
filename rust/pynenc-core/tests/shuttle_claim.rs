//! Threads on one engine under a scheduler that explores their interleavings. A wake-up that is
//! lost leaves everybody asleep, which the scheduler reports as a deadlock.
#![cfg(feature = "shuttle")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use pynenc_core::clock::ManualClock;
use pynenc_core::engine::{Ending, Fence, Lane, Limits, MemoryEngine, Outcome, Rules, Submission};
use pynenc_core::error::CoreError;
use pynenc_core::id::Ref;
use pynenc_core::park::{Parker, Subscription};
use pynenc_core::status::Status;
use shuttle::thread::{self, yield_now};

type Engine = MemoryEngine<usize, usize>;

/// Run under random schedules, and under those that need few preemptions at the right places.
fn explore(scenario: impl Fn() + Send + Sync + 'static) {
    let scenario = Arc::new(scenario);
    let again = Arc::clone(&scenario);
    shuttle::check_random(move || scenario(), 400);
    shuttle::check_pct(move || again(), 400, 3);
}

fn engine() -> Arc<Engine> {
    Arc::new(Engine::new(Arc::new(ManualClock::new(1)), Limits::default(), 7))
}

/// A call; under a running key if it has one.
fn call(call: usize, running: Option<u8>) -> Submission<usize> {
    let rules = running.map(|name| Box::new(Rules { running: Some([name; 32]), ..Rules::default() }));
    Submission { task: 0, call, parent: None, lane: Lane::Sync, delay: 0, rules }
}

fn succeed(engine: &Engine, at: Ref, fence: Fence) -> Result<(), CoreError> {
    engine.finish(at, fence, Ending { outcome: Outcome::Success(1), bytes: 1, keep_call: true }, None)
}

/// Workers that sleep when there is nothing, until `total` invocations have ended.
struct Crew {
    engine: Arc<Engine>,
    total: usize,
    /// Whether call `n` is under key `n % 2`.
    keyed: bool,
    ended: AtomicUsize,
    parkers: Vec<Arc<Parker>>,
    /// How often each call was claimed, and how many of each key are inside.
    claimed: Vec<AtomicUsize>,
    inside: [AtomicUsize; 2],
}

impl Crew {
    fn new(engine: &Arc<Engine>, workers: usize, total: usize, keyed: bool) -> Arc<Self> {
        Arc::new(Self {
            engine: Arc::clone(engine),
            total,
            keyed,
            ended: AtomicUsize::new(0),
            parkers: (0..workers).map(|_| Arc::new(Parker::new())).collect(),
            claimed: (0..total).map(|_| AtomicUsize::new(0)).collect(),
            inside: [AtomicUsize::new(0), AtomicUsize::new(0)],
        })
    }

    fn start(self: &Arc<Self>) -> Vec<thread::JoinHandle<()>> {
        let start = |parker: &Arc<Parker>| {
            let (crew, parker) = (Arc::clone(self), Arc::clone(parker));
            thread::spawn(move || crew.work(&parker))
        };
        self.parkers.iter().map(start).collect()
    }

    fn work(&self, parker: &Arc<Parker>) {
        let worker = self.engine.register_worker("worker");
        loop {
            let read = |at, fence, &call: &usize| (at, fence, call);
            match self.engine.claim_started(worker, Lane::Sync, Some(parker), read).unwrap() {
                Some((at, fence, call)) => self.run(at, fence, call),
                None if self.ended.load(SeqCst) == self.total => return,
                None => assert!(parker.park(None)),
            }
        }
    }

    fn run(&self, at: Ref, fence: Fence, call: usize) {
        assert_eq!(self.claimed[call].fetch_add(1, SeqCst), 0, "claimed twice");
        let gate = &self.inside[call % 2];
        assert!(gate.fetch_add(1, SeqCst) == 0 || !self.keyed, "a key is held twice");
        yield_now();
        gate.fetch_sub(1, SeqCst);
        succeed(&self.engine, at, fence).unwrap();
        self.end();
    }

    fn end(&self) {
        if self.ended.fetch_add(1, SeqCst) + 1 == self.total {
            self.parkers.iter().for_each(|parker| parker.unpark());
        }
    }
}

fn join(all: Vec<thread::JoinHandle<()>>) {
    all.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn every_submitted_one_is_claimed_once_and_no_worker_sleeps_on_work() {
    explore(|| {
        let engine = engine();
        let crew = Crew::new(&engine, 3, 4, false);
        let mut all = crew.start();
        for half in 0..2 {
            let engine = Arc::clone(&engine);
            all.push(thread::spawn(move || {
                engine.submit_one(call(half * 2, None));
                engine.submit_many(vec![call(half * 2 + 1, None)], None);
            }));
        }
        join(all);
        assert_eq!(engine.doctor(), Vec::<String>::new());
    });
}

#[test]
fn a_running_key_is_never_held_twice_and_always_handed_on() {
    explore(|| {
        let engine = engine();
        let crew = Crew::new(&engine, 3, 6, true);
        let mut all = crew.start();
        for half in 0..2 {
            let engine = Arc::clone(&engine);
            all.push(thread::spawn(move || {
                for n in (half * 3)..(half * 3 + 3) {
                    engine.submit_one(call(n, Some(u8::from(n % 2 == 1))));
                }
            }));
        }
        join(all);
        assert_eq!(engine.doctor(), Vec::<String>::new());
    });
}

#[test]
fn a_worker_that_leaves_takes_no_wake_up_with_it() {
    explore(|| {
        let engine = engine();
        let crew = Crew::new(&engine, 1, 1, false);
        let mut all = crew.start();
        all.push(thread::spawn({
            let (engine, parker) = (Arc::clone(&engine), Arc::new(Parker::new()));
            move || {
                let worker = engine.register_worker("leaves");
                let read = |at, fence, _: &usize| (at, fence);
                match engine.claim_started(worker, Lane::Sync, Some(&parker), read).unwrap() {
                    Some((at, fence)) => engine.release(at, fence).unwrap(),
                    None => yield_now(),
                }
                engine.leave_idle(Lane::Sync, &parker);
            }
        }));
        yield_now();
        engine.submit_one(call(0, None));
        join(all);
    });
}

#[test]
fn a_watcher_never_misses_an_end() {
    explore(|| {
        let engine = engine();
        let crew = Crew::new(&engine, 2, 2, false);
        let all: Vec<Ref> = (0..2).map(|n| engine.submit_one(call(n, None)).at()).collect();
        let mut threads = crew.start();
        for at in all {
            let engine = Arc::clone(&engine);
            threads.push(thread::spawn(move || {
                let subscription = Subscription::new();
                engine.watch(&[at], &subscription, 5);
                assert!(subscription.wait(None));
                assert_eq!(subscription.take(), Some(5));
                assert_eq!(engine.read(at, |view| view.outcome.is_some()), Ok(true), "readable once told");
            }));
        }
        join(threads);
    });
}

#[test]
fn a_callback_never_misses_an_end() {
    explore(|| {
        let engine = engine();
        let crew = Crew::new(&engine, 1, 1, false);
        let subscription = Subscription::new();
        engine.submit_many(vec![call(0, None)], Some((&subscription, 0)));
        let threads = crew.start();
        let (called, sleeper) = (Arc::new(AtomicUsize::new(0)), Arc::new(Parker::new()));
        let waits = subscription.on_ready({
            let (called, sleeper) = (Arc::clone(&called), Arc::clone(&sleeper));
            move || {
                called.fetch_add(1, SeqCst);
                sleeper.unpark();
            }
        });
        if waits {
            assert!(sleeper.park(None));
        }
        assert_eq!((called.load(SeqCst), subscription.take()), (usize::from(waits), Some(0)));
        join(threads);
    });
}

#[test]
fn a_nudge_between_looking_and_sleeping_is_kept() {
    explore(|| {
        let (subscription, closed) = (Subscription::new(), Arc::new(AtomicUsize::new(0)));
        let close = thread::spawn({
            let (subscription, closed) = (Arc::clone(&subscription), Arc::clone(&closed));
            move || {
                closed.store(1, SeqCst);
                subscription.nudge();
            }
        });
        let feeder = thread::spawn({
            let (subscription, closed) = (Arc::clone(&subscription), Arc::clone(&closed));
            move || {
                while closed.load(SeqCst) == 0 {
                    yield_now();
                    subscription.wait_delivered(1, None);
                }
            }
        });
        while closed.load(SeqCst) == 0 {
            yield_now();
            assert!(!subscription.wait(None));
        }
        join(vec![close, feeder]);
    });
}

#[test]
fn one_invocation_ends_once_though_its_worker_is_lost_meanwhile() {
    explore(|| {
        let engine = engine();
        let at = engine.submit_one(call(0, Some(0))).at();
        let doomed = engine.register_worker("doomed");
        let recorded = Arc::new(AtomicUsize::new(0));
        let first = thread::spawn({
            let (engine, recorded) = (Arc::clone(&engine), Arc::clone(&recorded));
            move || {
                let read = |at, fence, _: &usize| (at, fence);
                if let Ok(Some((at, fence))) = engine.claim_started(doomed, Lane::Sync, None, read) {
                    yield_now();
                    recorded.fetch_add(usize::from(succeed(&engine, at, fence).is_ok()), SeqCst);
                }
            }
        });
        let loses = thread::spawn({
            let engine = Arc::clone(&engine);
            move || drop(engine.lose(doomed))
        });
        join(vec![first, loses]);
        let next = engine.register_worker("next");
        for (at, fence) in engine.claim(next, &[Lane::Sync], 9).unwrap() {
            engine.start(at, fence).unwrap();
            succeed(&engine, at, fence).unwrap();
            recorded.fetch_add(1, SeqCst);
        }
        assert_eq!(recorded.load(SeqCst), 1);
        assert_eq!(engine.read(at, |view| view.status), Ok(Status::Success));
        assert_eq!(engine.doctor(), Vec::<String>::new());
    });
}

#[test]
fn an_awaited_child_runs_once_inline_or_elsewhere_and_its_waiter_goes_on() {
    explore(|| {
        let engine = engine();
        let worker = engine.register_worker("parent");
        engine.submit_one(call(1, None));
        let (parent, fence) = engine.claim(worker, &[Lane::Sync], 1).unwrap()[0];
        engine.start(parent, fence).unwrap();
        let crew = Crew::new(&engine, 1, 1, false);
        let threads = crew.start();
        let subscription = Subscription::new();
        let child = engine.submit_many(vec![call(0, None)], Some((&subscription, 0)))[0].at();
        let inline = engine.claim_awaited(parent, fence, child, |fence, _| fence).unwrap();
        if let Some(of_child) = inline {
            let ending = Ending { outcome: Outcome::Success(1), bytes: 1, keep_call: true };
            engine.finish(child, of_child, ending, Some((parent, fence))).unwrap();
            crew.end();
        } else {
            let paused = engine.pause(parent, fence, &[child]).unwrap();
            assert!(subscription.wait(None));
            if paused {
                engine.resume(parent, fence).unwrap();
            }
        }
        assert_eq!(engine.read(parent, |view| view.status), Ok(Status::Running));
        assert_eq!(engine.read(child, |view| (view.status, view.attempt)), Ok((Status::Success, 1)));
        join(threads);
    });
}

#[test]
fn the_timer_never_sleeps_past_a_new_deadline() {
    explore(|| {
        let engine = engine();
        let timer = Arc::new(Parker::new());
        let sleeper = thread::spawn({
            let (engine, timer) = (Arc::clone(&engine), Arc::clone(&timer));
            move || {
                engine.set_timer(Some(Arc::clone(&timer)));
                while engine.tick().is_none() {
                    assert!(timer.park(None));
                }
            }
        });
        yield_now();
        engine.register_worker("late");
        sleeper.join().unwrap();
    });
}

#[test]
fn equal_calls_at_once_make_one() {
    explore(|| {
        let engine = engine();
        let rules = || Some(Box::new(Rules { registration: Some([1; 32]), ..Rules::default() }));
        let submit = |_| {
            let engine = Arc::clone(&engine);
            thread::spawn(move || {
                engine.submit_one(Submission { rules: rules(), ..call(0, None) });
            })
        };
        join((0..3).map(submit).collect());
        assert_eq!(engine.find(None, &[], 9).len(), 1);
    });
}
