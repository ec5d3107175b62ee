//! Values whose drop calls back into the engine, which must never do so under its lock.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Weak};
use std::time::Duration;

use pynenc_core::clock::{Clock, ManualClock, SystemClock};
use pynenc_core::engine::{Ending, Fence, Key, Lane, Limits, MemoryEngine, Outcome, Rules, Submission};
use pynenc_core::id::Ref;
use pynenc_core::park::Subscription;

type Engine = MemoryEngine<Nosy, Nosy>;

/// A value that asks the engine something when it is dropped, and counts that it was.
struct Nosy {
    engine: Weak<Engine>,
    dropped: Arc<AtomicUsize>,
}

impl Drop for Nosy {
    fn drop(&mut self) {
        self.dropped.fetch_add(1, Ordering::SeqCst);
        if let Some(engine) = self.engine.upgrade() {
            assert_eq!(engine.doctor(), Vec::<String>::new());
            engine.task("asked while dropping");
            engine.tick();
        }
    }
}

struct House {
    engine: Arc<Engine>,
    dropped: Arc<AtomicUsize>,
    worker: u32,
}

impl House {
    fn new(limits: Limits) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let engine = Arc::new(Engine::new(clock, limits, 7));
        let worker = engine.register_worker("worker");
        Self { engine, dropped: Arc::default(), worker }
    }

    fn value(&self) -> Nosy {
        Nosy { engine: Arc::downgrade(&self.engine), dropped: Arc::clone(&self.dropped) }
    }

    fn call(&self, rules: Option<Rules>) -> Submission<Nosy> {
        let rules = rules.map(Box::new);
        Submission {
            task: self.engine.task("nosy"),
            call: self.value(),
            parent: None,
            lane: Lane::Sync,
            delay: 0,
            rules,
        }
    }

    fn run(&self) -> (Ref, Fence) {
        let started = self.engine.claim_started(self.worker, Lane::Sync, None, |at, fence, _| (at, fence));
        started.unwrap().unwrap()
    }

    fn ending(&self, keep_call: bool) -> Ending<Nosy> {
        Ending { outcome: Outcome::Success(self.value()), bytes: 1, keep_call }
    }

    /// Submit and run one to its end; nobody stays interested.
    fn end_one(&self, keep_call: bool) -> Ref {
        let submitted = self.engine.submit_one(self.call(None)).at();
        self.engine.forget(submitted);
        let (at, fence) = self.run();
        self.engine.finish(at, fence, self.ending(keep_call), None).unwrap();
        at
    }

    fn dropped(&self) -> usize {
        self.dropped.load(Ordering::SeqCst)
    }
}

/// Run it on a thread of its own: a deadlock fails the test, and does not hang it.
fn must_end(scenario: impl FnOnce() + Send + 'static) {
    let (done, is_done) = channel();
    let thread = std::thread::spawn(move || {
        scenario();
        done.send(()).unwrap();
    });
    if is_done.recv_timeout(Duration::from_secs(60)) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
        panic!("a drop under the lock: deadlock");
    }
    thread.join().unwrap();
}

#[test]
fn a_call_that_another_answers_for() {
    must_end(|| {
        let house = House::new(Limits::default());
        let rules = |arguments| Rules {
            registration: Some([1; 32]),
            arguments: Some([arguments; 32]),
            raise_on_difference: true,
            ..Rules::default()
        };
        house.engine.submit_one(house.call(Some(rules(1))));
        house.engine.submit_one(house.call(Some(rules(1))));
        house.engine.submit_many(vec![house.call(Some(rules(2))), house.call(Some(rules(1)))], None);
        assert_eq!(house.dropped(), 3, "one reused, one refused, one reused");
    });
}

#[test]
fn a_call_that_a_result_answers_for() {
    must_end(|| {
        let house = House::new(Limits::default());
        let key: Key = [1; 32];
        let rules = || Some(Rules { result: Some(key), ..Rules::default() });
        house.engine.submit_one(house.call(rules()));
        let (at, fence) = house.run();
        house.engine.finish(at, fence, house.ending(true), None).unwrap();
        house.engine.submit_one(house.call(rules()));
        assert_eq!(house.dropped(), 1);
    });
}

#[test]
fn a_call_that_is_not_kept_with_its_result() {
    must_end(|| {
        let house = House::new(Limits::default());
        house.end_one(true);
        assert_eq!(house.dropped(), 0);
        house.end_one(false);
        assert_eq!(house.dropped(), 1);
    });
}

#[test]
fn the_outcome_of_a_late_write() {
    must_end(|| {
        let house = House::new(Limits::default());
        house.engine.submit_one(house.call(None));
        let (at, fence) = house.run();
        house.engine.release(at, fence).unwrap();
        assert!(house.engine.finish(at, fence, house.ending(true), None).is_err());
        assert_eq!(house.dropped(), 1);
        house.engine.purge();
        assert!(house.engine.finish(at, fence, house.ending(true), None).is_err());
        assert_eq!(house.dropped(), 3);
    });
}

#[test]
fn a_record_past_the_limits() {
    must_end(|| {
        let house = House::new(Limits { keep_count: 1, ..Limits::default() });
        for _ in 0..3 {
            house.end_one(true);
        }
        assert_eq!(house.dropped(), 4, "call and result of each of two");
    });
}

#[test]
fn a_record_that_its_last_reader_forgets() {
    must_end(|| {
        let house = House::new(Limits { keep_count: 0, ..Limits::default() });
        let all: Vec<Ref> = (0..3).map(|_| house.engine.submit_one(house.call(None)).at()).collect();
        for _ in 0..3 {
            let (at, fence) = house.run();
            house.engine.finish(at, fence, house.ending(true), None).unwrap();
        }
        assert_eq!(house.dropped(), 0);
        house.engine.forget(all[0]);
        assert_eq!(house.dropped(), 2);
        house.engine.forget_all(&all[1..]);
        assert_eq!(house.dropped(), 6);
    });
}

#[test]
fn records_dropped_by_the_tick_and_by_losing_a_worker() {
    must_end(|| {
        let clock = Arc::new(ManualClock::new(1));
        let limits = Limits { keep_for: 10, max_losses: 1, ..Limits::default() };
        let engine = Arc::new(Engine::new(Arc::clone(&clock) as _, limits, 7));
        let worker = engine.register_worker("worker");
        let house = House { engine, dropped: Arc::default(), worker };
        house.end_one(true);
        clock.advance(10);
        house.engine.tick();
        assert_eq!(house.dropped(), 2);

        let lost = house.engine.submit_one(house.call(None)).at();
        house.engine.forget(lost);
        house.run();
        house.engine.lose(house.worker);
        clock.advance(10);
        house.engine.tick();
        assert_eq!(house.dropped(), 3);
    });
}

#[test]
fn everything_that_is_purged() {
    must_end(|| {
        let house = House::new(Limits::default());
        house.end_one(true);
        let at = house.engine.submit_one(house.call(None)).at();
        house.engine.submit_one(Submission { delay: 99, ..house.call(None) });
        let subscription = Subscription::new();
        house.engine.watch(&[at], &subscription, 0);
        let engine = Arc::clone(&house.engine);
        assert!(
            subscription.on_ready(move || {
                engine.purge();
            }),
            "a callback may do anything"
        );
        assert_eq!(house.engine.purge(), 3);
        assert_eq!(house.dropped(), 4);
    });
}

#[test]
fn a_callback_that_another_takes_the_place_of() {
    struct Look(Arc<Subscription>, std::sync::mpsc::Sender<usize>);
    impl Drop for Look {
        fn drop(&mut self) {
            self.1.send(self.0.ready()).unwrap();
        }
    }
    must_end(|| {
        let (subscription, (tell, told)) = (Subscription::new(), channel());
        let look = Look(Arc::clone(&subscription), tell);
        assert!(subscription.on_ready(move || drop(look)));
        assert!(subscription.on_ready(|| ()));
        assert_eq!(told.recv(), Ok(0));
    });
}

#[test]
fn an_engine_that_ends_before_its_values() {
    must_end(|| {
        let house = House::new(Limits::default());
        house.end_one(true);
        house.engine.submit_one(house.call(None));
        let House { engine, dropped, .. } = house;
        drop(engine);
        assert_eq!(dropped.load(Ordering::SeqCst), 3);
    });
}
