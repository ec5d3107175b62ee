//! Random operations on the engine and on a plain model of it: after each one they agree.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

mod model;
mod rig;

use std::collections::HashMap;
use std::sync::Arc;

use model::{Answer, Keys, Model, Place, Refusal};
use proptest::prelude::*;
use proptest::sample::Index;
use pynenc_core::clock::ManualClock;
use pynenc_core::engine::{Cancelling, Ending, Fence, Lane, Limits, Outcome, Receipt, Rules, Submission};
use pynenc_core::error::CoreError;
use pynenc_core::id::Ref;
use pynenc_core::park::Subscription;
use pynenc_core::status::{ALL, Status};
use rig::{DAWN, Engine, SECOND, key, tokens};

const LANES: [Lane; 2] = [Lane::Sync, Lane::Async];

/// Which invocation and which fence an operation is about.
#[derive(Clone, Debug)]
struct Pick {
    which: Index,
    /// Any that was ever claimed, by its first fence; else one that is held, by its holder.
    late: bool,
}

#[derive(Clone, Debug)]
enum Op {
    Submit { lane: usize, delay: u64, keys: Keys, forgotten: bool },
    Claim { worker: Index, lanes: Vec<usize>, limit: usize },
    ClaimStarted { worker: Index, lane: usize },
    Start(Pick),
    Finish(Pick, Status, u64),
    FinishInline(Pick, Index),
    Retry(Pick, u64),
    Release(Pick),
    Cancel(Index),
    Pause(Pick, Vec<Index>),
    Resume(Pick),
    ClaimAwaited(Pick, Index),
    Register,
    Lose(Index),
    Renew(Index),
    Advance(u64),
    Tick,
    Remember(Index),
    Forget(Index),
    Purge,
}

fn limits() -> Limits {
    Limits { lease: 15 * SECOND, keep_for: 60 * SECOND, keep_count: 6, keep_bytes: 100, ..Limits::default() }
}

fn seconds(range: std::ops::Range<u64>) -> impl Strategy<Value = u64> {
    range.prop_map(|n| n * SECOND)
}

fn pick() -> impl Strategy<Value = Pick> {
    (any::<Index>(), prop::bool::weighted(0.1)).prop_map(|(which, late)| Pick { which, late })
}

fn keys() -> impl Strategy<Value = Keys> {
    let one_of = |share: f64, names: u8| prop::option::weighted(share, 0..names);
    (one_of(0.4, 3), one_of(0.6, 2), one_of(0.2, 3), 0..2_u8, prop::bool::weighted(0.3)).prop_map(
        |(registration, running, result, arguments, raise)| Keys { registration, running, result, arguments, raise },
    )
}

fn op() -> impl Strategy<Value = Op> {
    let index = any::<Index>;
    let delay = || prop_oneof![3 => Just(0), 1 => seconds(1..20)];
    let lanes = prop_oneof![4 => Just(vec![0]), 1 => Just(vec![1]), 1 => Just(vec![1, 0])];
    let ended = prop_oneof![6 => Just(Status::Success), 1 => Just(Status::Failed), 1 => Just(Status::Cancelled)];
    let lane = || prop_oneof![4 => Just(0_usize), 1 => Just(1)];
    prop_oneof![
        24 => (lane(), delay(), keys(), prop::bool::weighted(0.4))
            .prop_map(|(lane, delay, keys, forgotten)| Op::Submit { lane, delay, keys, forgotten }),
        12 => (index(), lanes, 1..4_usize).prop_map(|(worker, lanes, limit)| Op::Claim { worker, lanes, limit }),
        12 => (index(), lane()).prop_map(|(worker, lane)| Op::ClaimStarted { worker, lane }),
        8 => pick().prop_map(Op::Start),
        10 => (pick(), ended, 0..60_u64).prop_map(|(pick, ended, bytes)| Op::Finish(pick, ended, bytes)),
        4 => (pick(), index()).prop_map(|(pick, waiter)| Op::FinishInline(pick, waiter)),
        5 => (pick(), delay()).prop_map(|(pick, delay)| Op::Retry(pick, delay)),
        4 => pick().prop_map(Op::Release),
        5 => index().prop_map(Op::Cancel),
        10 => (pick(), prop::collection::vec(index(), 0..3)).prop_map(|(pick, awaited)| Op::Pause(pick, awaited)),
        4 => pick().prop_map(Op::Resume),
        6 => (pick(), index()).prop_map(|(pick, target)| Op::ClaimAwaited(pick, target)),
        2 => Just(Op::Register),
        3 => index().prop_map(Op::Lose),
        3 => index().prop_map(Op::Renew),
        5 => seconds(1..10).prop_map(Op::Advance),
        3 => Just(Op::Tick),
        2 => index().prop_map(Op::Remember),
        6 => index().prop_map(Op::Forget),
        1 => prop::bool::weighted(0.2).prop_map(|all| if all { Op::Purge } else { Op::Tick }),
    ]
}

/// The engine and its model, side by side.
struct Both {
    engine: Engine,
    clock: Arc<ManualClock>,
    model: Model,
    refs: Vec<Ref>,
    index: HashMap<Ref, usize>,
    /// Every worker that ever was, and one that never was.
    workers: Vec<u32>,
    ends: Arc<Subscription>,
    task: u32,
}

fn refusal(error: CoreError) -> Refusal {
    match error {
        CoreError::Expired(_) => Refusal::Expired,
        CoreError::Fenced { .. } => Refusal::Fenced,
        CoreError::Transition { .. } => Refusal::Transition,
        CoreError::Cycle(_) => Refusal::Cycle,
        CoreError::UnknownWorker(_) => Refusal::UnknownWorker,
        other => panic!("the model knows no such refusal: {other}"),
    }
}

fn rules(keys: Keys) -> Option<Box<Rules>> {
    (keys != Keys::default()).then(|| {
        Box::new(Rules {
            registration: keys.registration.map(key),
            running: keys.running.map(|name| key(100 + name)),
            result: keys.result.map(|name| key(200 + name)),
            arguments: Some(key(keys.arguments)),
            raise_on_difference: keys.raise,
        })
    })
}

impl Both {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::new(DAWN));
        let engine = Engine::new(Arc::clone(&clock) as _, limits(), 1);
        let task = engine.task("model");
        let (model, ends) = (Model::new(DAWN, limits()), Subscription::new());
        let mut both = Self { engine, clock, model, refs: vec![], index: HashMap::new(), workers: vec![0], ends, task };
        both.register();
        both.register();
        both
    }

    fn register(&mut self) -> u32 {
        let worker = self.engine.register_worker("worker");
        self.model.register(worker);
        self.workers.push(worker);
        worker
    }

    fn worker(&self, which: &Index) -> u32 {
        *which.get(&self.workers)
    }

    fn any(&self, which: &Index) -> Option<usize> {
        (!self.refs.is_empty()).then(|| which.index(self.refs.len()))
    }

    fn picked(&self, pick: &Pick) -> Option<(usize, Fence)> {
        let held = |&i: &usize| self.model.items[i].place == Place::Hands && !self.model.items[i].gone;
        let claimed = |&i: &usize| !self.model.items[i].fences.is_empty();
        let all = 0..self.refs.len();
        let among: Vec<usize> = if pick.late { all.filter(claimed).collect() } else { all.filter(held).collect() };
        let i = *(!among.is_empty()).then(|| pick.which.get(&among))?;
        let fences = &self.model.items[i].fences;
        Some((i, if pick.late { fences[0] } else { fences[fences.len() - 1] }))
    }

    fn submit(&mut self, lane: usize, delay: u64, keys: Keys, forgotten: bool) {
        let expected = self.model.submit(lane, delay, keys);
        let call = u32::try_from(self.refs.len()).unwrap();
        let submission =
            Submission { task: self.task, call, parent: None, lane: LANES[lane], delay, rules: rules(keys) };
        let receipt = self.engine.submit_one(submission);
        if let Receipt::New(at) = receipt {
            self.engine.watch(&[at], &self.ends, call);
            assert!(!self.index.contains_key(&at), "a place was given twice");
            self.index.insert(at, self.refs.len());
            self.refs.push(at);
        }
        let i = self.index[&receipt.at()];
        let answer = match receipt {
            Receipt::New(_) => Answer::New(i),
            Receipt::Reused { same, .. } => Answer::Reused(i, same),
            Receipt::Cached(_) => Answer::Cached(i),
            Receipt::Refused(_) => Answer::Refused(i),
        };
        assert_eq!(answer, expected);
        if forgotten && !matches!(answer, Answer::Refused(_)) {
            self.forget(i);
        }
    }

    fn forget(&mut self, i: usize) {
        self.engine.forget(self.refs[i]);
        self.model.forget(i);
    }

    fn claim(&mut self, worker: u32, lanes: &[usize], limit: usize) -> Vec<usize> {
        let lanes_asked: Vec<Lane> = lanes.iter().map(|&lane| LANES[lane]).collect();
        let answer = self.engine.claim(worker, &lanes_asked, limit).map_err(refusal);
        let expected = self.model.claim(worker, lanes, limit);
        let claimed = |answer: &Vec<(Ref, Fence)>| answer.iter().map(|(at, _)| self.index[at]).collect::<Vec<_>>();
        assert_eq!(answer.as_ref().map(claimed).map_err(|&refusal| refusal), expected.clone());
        for (at, fence) in answer.unwrap_or_default() {
            self.note(self.index[&at], fence);
        }
        expected.unwrap_or_default()
    }

    fn note(&mut self, i: usize, fence: Fence) {
        self.model.items[i].fences.push(fence);
        assert_eq!(fence.attempt as usize, self.model.items[i].fences.len());
    }

    fn claim_started(&mut self, worker: u32, lane: usize) {
        let read = |at, fence, &call: &u32| (at, fence, call);
        let answer = self.engine.claim_started(worker, LANES[lane], None, read).map_err(refusal);
        let expected = self.model.claim(worker, &[lane], 1).map(|claimed| claimed.first().copied());
        assert_eq!(answer.map(|claimed| claimed.map(|(at, ..)| self.index[&at])), expected);
        if let Ok(Some((at, fence, call))) = answer {
            let i = self.index[&at];
            assert_eq!(call as usize, i);
            self.note(i, fence);
            self.model.start(i, fence).unwrap();
        }
    }

    fn finish(&mut self, i: usize, fence: Fence, to: Status, bytes: u64) -> Result<(), Refusal> {
        let outcome = match to {
            Status::Success => Outcome::Success(7),
            Status::Failed => Outcome::Failed(7),
            _ => Outcome::Cancelled,
        };
        let ending = Ending { outcome, bytes, keep_call: bytes.is_multiple_of(2) };
        let answer = self.engine.finish(self.refs[i], fence, ending, None).map_err(refusal);
        assert_eq!(answer, self.model.finish(i, fence, to, bytes));
        answer
    }

    fn finish_inline(&mut self, i: usize, fence: Fence, waiter: usize) {
        let Some(&of_waiter) = self.model.items[waiter].fences.last() else { return };
        let ending = Ending { outcome: Outcome::Success(7), bytes: 1, keep_call: true };
        let resume = Some((self.refs[waiter], of_waiter));
        let answer = self.engine.finish(self.refs[i], fence, ending, resume).map_err(refusal);
        let finished = self.model.finish(i, fence, Status::Success, 1);
        assert_eq!(answer, finished.and_then(|()| self.model.resume(waiter, of_waiter)));
    }

    fn pause(&mut self, i: usize, fence: Fence, awaited: &[usize]) {
        let refs: Vec<Ref> = awaited.iter().map(|&j| self.refs[j]).collect();
        let answer = self.engine.pause(self.refs[i], fence, &refs);
        if let Err(CoreError::Cycle(path)) = &answer {
            let path: Vec<usize> = path.iter().map(|&id| self.index[&self.engine.place(id).unwrap()]).collect();
            assert_eq!(path[0], i);
            assert!(path.get(1).is_none_or(|next| awaited.contains(next)));
            let next = |at: usize| path[(at + 1) % path.len()];
            assert!((1..path.len()).all(|at| self.model.waits_for(path[at], next(at))), "{path:?} is no cycle");
        }
        assert_eq!(answer.map_err(refusal), self.model.pause(i, fence, awaited));
    }

    fn claim_awaited(&mut self, i: usize, fence: Fence, target: usize) {
        let answer = self.engine.claim_awaited(self.refs[i], fence, self.refs[target], |fence, _| fence);
        let answer = answer.map_err(refusal);
        assert_eq!(answer.map(|claimed| claimed.is_some()), self.model.claim_awaited(i, fence, target));
        if let Ok(Some(fence)) = answer {
            self.note(target, fence);
        }
    }

    fn cancel(&mut self, i: usize) {
        let answer = self.engine.cancel(self.refs[i]).map_err(refusal).map(|answer| match answer {
            Cancelling::Cancelled => Some(true),
            Cancelling::Requested => Some(false),
            Cancelling::Final => None,
        });
        assert_eq!(answer, self.model.cancel(i));
    }

    fn lose(&mut self, worker: u32) {
        let lost: Vec<usize> = self.engine.lose(worker).iter().map(|at| self.index[at]).collect();
        assert_eq!(lost, self.model.lose(worker));
    }

    fn tick(&mut self) {
        let next = self.engine.tick();
        self.model.tick();
        let due = self.model.next_deadline();
        assert!(due.is_none_or(|due| next.is_some_and(|next| next <= due)), "{next:?} is too late for {due:?}");
    }

    fn advance(&mut self, by: u64) {
        self.clock.advance(by);
        self.model.now += by;
    }

    fn apply(&mut self, op: &Op) {
        match op {
            Op::Submit { lane, delay, keys, forgotten } => self.submit(*lane, *delay, *keys, *forgotten),
            Op::Claim { worker, lanes, limit } => drop(self.claim(self.worker(worker), lanes, *limit)),
            Op::ClaimStarted { worker, lane } => self.claim_started(self.worker(worker), *lane),
            Op::Register => {
                self.register();
            }
            Op::Lose(worker) => self.lose(self.worker(worker)),
            Op::Renew(worker) => {
                let worker = self.worker(worker);
                assert_eq!(self.engine.renew(worker), self.model.renew(worker));
            }
            Op::Advance(by) => self.advance(*by),
            Op::Tick => self.tick(),
            Op::Purge => assert_eq!(self.engine.purge(), self.model.purge()),
            Op::Cancel(which) | Op::Remember(which) | Op::Forget(which) => {
                let Some(i) = self.any(which) else { return };
                match op {
                    Op::Cancel(_) => self.cancel(i),
                    Op::Remember(_) => assert_eq!(self.engine.remember(self.refs[i]), self.model.remember(i)),
                    _ => self.forget(i),
                }
            }
            Op::Start(pick)
            | Op::Finish(pick, ..)
            | Op::FinishInline(pick, _)
            | Op::Retry(pick, _)
            | Op::Release(pick)
            | Op::Pause(pick, _)
            | Op::Resume(pick)
            | Op::ClaimAwaited(pick, _) => {
                let Some((i, fence)) = self.picked(pick) else { return };
                self.apply_as_holder(op, i, fence);
            }
        }
    }

    fn apply_as_holder(&mut self, op: &Op, i: usize, fence: Fence) {
        let at = self.refs[i];
        let answers = match op {
            Op::Start(_) => (self.engine.start(at, fence), self.model.start(i, fence)),
            Op::Retry(_, delay) => (self.engine.retry(at, fence, *delay), self.model.retry(i, fence, *delay)),
            Op::Release(_) => (self.engine.release(at, fence), self.model.release(i, fence)),
            Op::Resume(_) => (self.engine.resume(at, fence), self.model.resume(i, fence)),
            Op::Finish(_, to, bytes) => {
                let _ = self.finish(i, fence, *to, *bytes);
                return;
            }
            Op::FinishInline(_, waiter) => return self.finish_inline(i, fence, self.any(waiter).unwrap()),
            Op::ClaimAwaited(_, target) => return self.claim_awaited(i, fence, self.any(target).unwrap()),
            Op::Pause(_, awaited) => {
                let awaited: Vec<usize> = awaited.iter().filter_map(|which| self.any(which)).collect();
                return self.pause(i, fence, &awaited);
            }
            _ => return,
        };
        assert_eq!(answers.0.map_err(refusal), answers.1, "{op:?} of {i}");
    }

    fn agree(&mut self) {
        assert_eq!(self.engine.doctor(), Vec::<String>::new());
        for (i, item) in self.model.items.iter().enumerate() {
            let seen = self.engine.read(self.refs[i], |view| {
                assert_eq!((view.status, view.worker, view.cancel_requested), (item.status, item.worker, item.cancel));
                assert_eq!((view.retries, view.losses), (item.retries, item.losses));
                assert_eq!(view.attempt as usize, item.fences.len());
                assert!(view.awaits.iter().map(|at| self.index[at]).eq(item.awaits.iter().copied()));
                assert!(view.history.iter().map(|event| event.status).eq(item.history.iter().copied()));
            });
            assert_eq!(seen.map_err(refusal), if item.gone { Err(Refusal::Expired) } else { Ok(()) });
        }
        for status in ALL {
            let there = self.model.living().filter(|&i| self.model.items[i].status == status).count();
            assert_eq!(self.engine.counts()[status as usize], there);
        }
        for (lane, &asked) in LANES.iter().enumerate() {
            assert_eq!(self.engine.queued(asked), self.model.queued(lane));
        }
        let mut told: Vec<usize> = tokens(&self.ends).into_iter().map(|token| token as usize).collect();
        let mut ended = std::mem::take(&mut self.model.told);
        told.sort_unstable();
        ended.sort_unstable();
        assert_eq!(told, ended, "each end is told once");
    }

    /// Whatever state it is in, one good worker brings everything to its end.
    fn drain(&mut self) {
        for worker in std::mem::take(&mut self.workers) {
            self.lose(worker);
        }
        self.advance(60 * SECOND);
        let worker = self.register();
        loop {
            let claimed = self.claim(worker, &[0, 1], 2);
            for &i in &claimed {
                let fence = *self.model.items[i].fences.last().unwrap();
                self.engine.start(self.refs[i], fence).unwrap();
                self.model.start(i, fence).unwrap();
                self.finish(i, fence, Status::Success, 1).unwrap();
            }
            self.agree();
            if claimed.is_empty() {
                break;
            }
        }
        assert!(self.model.living().all(|i| self.model.items[i].status.is_final()), "work was left behind");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_does_what_the_model_does(ops in prop::collection::vec(op(), 1..120)) {
        let mut both = Both::new();
        for op in &ops {
            both.apply(op);
            both.agree();
        }
        both.drain();
    }
}
