//! An engine whose clock a test moves, and short words for what is done to it.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "each test file uses a part of it and may panic")]

use std::sync::Arc;

use pynenc_core::clock::{ManualClock, Micros};
use pynenc_core::engine::{Ending, Fence, Key, Lane, Limits, MemoryEngine, Outcome, Receipt, Rules, Submission};
use pynenc_core::error::CoreError;
use pynenc_core::id::{InvocationId, Ref};
use pynenc_core::park::Subscription;
use pynenc_core::status::Status;

pub type Engine = MemoryEngine<u32, u32>;

pub const SECOND: Micros = 1_000_000;
/// Where the clocks of the tests begin.
pub const DAWN: Micros = 1_700_000_000 * SECOND;

/// A claimed invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    pub at: Ref,
    pub fence: Fence,
}

/// An engine with one worker. It is examined by its own doctor when the test is over.
pub struct Rig {
    pub engine: Arc<Engine>,
    pub clock: Arc<ManualClock>,
    pub worker: u32,
    pub task: u32,
}

impl Rig {
    pub fn new() -> Self {
        Self::with(Limits::default())
    }

    pub fn with(limits: Limits) -> Self {
        let clock = Arc::new(ManualClock::new(DAWN));
        let engine = Arc::new(MemoryEngine::new(Arc::clone(&clock) as _, limits, 0x5eed));
        let (worker, task) = (engine.register_worker("first"), engine.task("tests.add"));
        Self { engine, clock, worker, task }
    }

    pub fn call(&self, call: u32) -> Submission<u32> {
        Submission { task: self.task, call, parent: None, lane: Lane::Sync, delay: 0, rules: None }
    }

    pub fn submit(&self, call: u32) -> Ref {
        self.engine.submit_one(self.call(call)).at()
    }

    /// Submit a plain call for each number.
    pub fn submit_all(&self, calls: impl IntoIterator<Item = u32>) -> Vec<Ref> {
        calls.into_iter().map(|call| self.submit(call)).collect()
    }

    pub fn submit_after(&self, call: u32, delay: Micros) -> Ref {
        self.engine.submit_one(Submission { delay, ..self.call(call) }).at()
    }

    pub fn submit_under(&self, call: u32, rules: Rules) -> Receipt {
        self.engine.submit_one(Submission { rules: Some(Box::new(rules)), ..self.call(call) })
    }

    /// Submit under a running rule of that key.
    pub fn submit_keyed(&self, call: u32, running: u8) -> Ref {
        self.submit_under(call, Rules { running: Some(key(running)), ..Rules::default() }).at()
    }

    pub fn claim_by(&self, worker: u32, lane: Lane, limit: usize) -> Vec<Held> {
        let claimed = self.engine.claim(worker, &[lane], limit).unwrap();
        claimed.into_iter().map(|(at, fence)| Held { at, fence }).collect()
    }

    pub fn try_claim(&self) -> Option<Held> {
        self.claim_by(self.worker, Lane::Sync, 1).pop()
    }

    pub fn claim(&self) -> Held {
        self.try_claim().unwrap()
    }

    /// Claim the next one and start it.
    pub fn run(&self) -> Held {
        let held = self.claim();
        self.engine.start(held.at, held.fence).unwrap();
        held
    }

    /// The calls of all that can be claimed, in the order of the claims.
    pub fn claim_rest(&self) -> Vec<u32> {
        std::iter::from_fn(|| self.try_claim()).map(|held| self.call_of(held.at)).collect()
    }

    pub fn end(&self, held: Held, outcome: Outcome<u32>) -> Result<(), CoreError> {
        self.engine.finish(held.at, held.fence, Ending { outcome, bytes: 8, keep_call: true }, None)
    }

    pub fn succeed(&self, held: Held) {
        self.end(held, Outcome::Success(1)).unwrap();
    }

    pub fn retry(&self, held: Held, delay: Micros) -> Result<(), CoreError> {
        self.engine.retry(held.at, held.fence, delay)
    }

    pub fn release(&self, held: Held) -> Result<(), CoreError> {
        self.engine.release(held.at, held.fence)
    }

    pub fn pause(&self, held: Held, awaited: &[Ref]) -> Result<bool, CoreError> {
        self.engine.pause(held.at, held.fence, awaited)
    }

    /// Whom the refused wait goes through, or a failed test.
    pub fn cycle(&self, held: Held, awaited: &[Ref]) -> Vec<InvocationId> {
        match self.pause(held, awaited) {
            Err(CoreError::Cycle(path)) => path,
            other => unreachable!("a cycle was expected, not {other:?}"),
        }
    }

    pub fn ids(&self, all: &[Ref]) -> Vec<InvocationId> {
        all.iter().map(|&at| self.engine.id(at)).collect()
    }

    pub fn status(&self, at: Ref) -> Status {
        self.engine.read(at, |view| view.status).unwrap()
    }

    pub fn call_of(&self, at: Ref) -> u32 {
        self.engine.read(at, |view| *view.call.unwrap()).unwrap()
    }

    pub fn history(&self, at: Ref) -> Vec<Status> {
        self.engine.read(at, |view| view.history.iter().map(|event| event.status).collect()).unwrap()
    }

    pub fn is_fenced(&self, held: Held, answer: &Result<impl Sized, CoreError>) -> bool {
        let (wanted, status) = (self.engine.id(held.at), self.status(held.at));
        matches!(answer, Err(CoreError::Fenced { id, attempt, status: told })
            if *id == wanted && *attempt == held.fence.attempt && *told == status)
    }

    /// A subscription to these ends, tokens from 0.
    pub fn watch(&self, all: &[Ref]) -> Arc<Subscription> {
        let subscription = Subscription::new();
        self.engine.watch(all, &subscription, 0);
        subscription
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.engine.doctor(), Vec::<String>::new());
        }
    }
}

/// A key that differs by `name` in its first byte alone.
pub fn key(name: u8) -> Key {
    let mut key = [0x5a; 32];
    key[0] = name;
    key
}

/// A registration rule of that key, over a call with those arguments.
pub fn registered(name: u8, arguments: u8) -> Rules {
    Rules { registration: Some(key(name)), arguments: Some(key(arguments)), ..Rules::default() }
}

/// All the tokens that are there.
pub fn tokens(subscription: &Subscription) -> Vec<u32> {
    std::iter::from_fn(|| subscription.take()).collect()
}
