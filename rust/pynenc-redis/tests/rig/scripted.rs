//! A store that answers as a test tells it to, for what a real one does too seldom.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use pynenc_core::clock::Micros;
use pynenc_core::engine::{Cancelling, Fence, Lane};
use pynenc_core::id::InvocationId;
use pynenc_redis::error::{RedisError, Result};
use pynenc_redis::remote::{Ears, Hold, Ring, Server};
use pynenc_redis::store::{
    Ancestor, Beat, ClaimRequest, Claims, ClientId, Each, Ended, IdRow, NewCall, Pausing, Receipt, RecordView,
    Settlement, Taken, WorkerId,
};

use super::PATIENCE;

/// One trip, as the store sees it; it waits until the test has answered.
pub struct Trip {
    pub settle: Vec<Settlement>,
    pub claim: Option<ClaimRequest>,
    answer: Sender<Result<(Each<()>, Claims)>>,
}

impl Trip {
    pub fn answer(self, told: Each<()>, claims: Claims) {
        self.answer.send(Ok((told, claims))).unwrap();
    }

    /// All ends taken, and nothing there.
    pub fn accept(self) {
        let told = self.settle.iter().map(|_| Ok(())).collect();
        self.answer(told, Claims::default());
    }

    pub fn fail(self, failure: RedisError) {
        self.answer.send(Err(failure)).unwrap();
    }
}

pub struct Scripted {
    numbers: AtomicU64,
    registered: AtomicU64,
    trips: Mutex<Sender<Trip>>,
    silenced: AtomicBool,
    tokens: (Mutex<Vec<Lane>>, Condvar),
}

impl Scripted {
    pub fn new() -> (Arc<Self>, Receiver<Trip>) {
        let (trips, come) = channel();
        let server = Self {
            numbers: AtomicU64::new(1),
            registered: AtomicU64::new(0),
            trips: Mutex::new(trips),
            silenced: AtomicBool::new(false),
            tokens: (Mutex::default(), Condvar::new()),
        };
        (Arc::new(server), come)
    }

    pub fn push_token(&self, lane: Lane) {
        self.tokens.0.lock().unwrap().push(lane);
        self.tokens.1.notify_all();
    }

    pub fn tokens(&self) -> usize {
        self.tokens.0.lock().unwrap().len()
    }

    /// The number of the last registration.
    pub fn worker(&self) -> WorkerId {
        WorkerId(self.registered.load(Ordering::Acquire))
    }

    /// A claim of a fresh invocation with this payload.
    pub fn taken(&self, payload: &[u8]) -> Taken {
        Taken {
            id: self.fresh_id(),
            fence: Fence { attempt: 1, nonce: self.fresh_number() },
            task: Arc::from("task"),
            payload: payload.to_vec(),
            parent: None,
            lane: Lane::Sync,
            retries: 0,
            losses: 0,
            print: None,
            started: true,
            bundled: false,
        }
    }
}

/// The next trip.
pub fn next(trips: &Receiver<Trip>) -> Trip {
    trips.recv_timeout(PATIENCE).unwrap()
}

/// The next trip that asks for work; what the others end is taken.
pub fn next_claim(trips: &Receiver<Trip>) -> Trip {
    loop {
        let trip = next(trips);
        if trip.claim.is_some() {
            return trip;
        }
        trip.accept();
    }
}

pub fn unreachable() -> RedisError {
    RedisError::Unreachable { server: "nowhere".into(), seconds: 60.0, last: "nothing".into() }
}

fn unasked<T>() -> Result<T> {
    Err(RedisError::Protocol("the script has no answer to this".into()))
}

impl Server for Scripted {
    fn fresh_id(&self) -> InvocationId {
        InvocationId::from_random(self.fresh_number().into())
    }

    fn next_id(&self, _row: &mut IdRow) -> InvocationId {
        self.fresh_id()
    }

    fn fresh_number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    fn submit(&self, batch: &[NewCall]) -> Result<Vec<Receipt>> {
        Ok(vec![Receipt::New; batch.len()])
    }

    fn work(&self, settle: &[Settlement], claim: Option<&ClaimRequest>) -> Result<(Each<()>, Claims)> {
        let (answer, told) = channel();
        let trip = Trip { settle: settle.to_vec(), claim: claim.cloned(), answer };
        // Nobody looks at what goes out any more once the test is over.
        let sent = self.trips.lock().unwrap().send(trip);
        sent.map_err(|_| RedisError::Interrupted)?;
        told.recv_timeout(PATIENCE).unwrap_or(Err(RedisError::Interrupted))
    }

    fn claim_awaited(&self, _: Hold, _: InvocationId, _: u64) -> Result<Option<Taken>> {
        unasked()
    }

    fn start(&self, all: &[Hold]) -> Result<Each<()>> {
        Ok(all.iter().map(|_| Ok(())).collect())
    }

    fn pause(&self, _: Hold, _: &[InvocationId]) -> Result<Pausing> {
        unasked()
    }

    fn resume(&self, _: Hold) -> Result<()> {
        unasked()
    }

    fn cancel(&self, _: InvocationId) -> Result<Cancelling> {
        unasked()
    }

    fn watch(&self, ids: &[InvocationId], _: ClientId) -> Result<Each<Option<Ended>>> {
        Ok(ids.iter().map(|_| Ok(None)).collect())
    }

    fn ancestors(&self, _: InvocationId) -> Result<Vec<Ancestor>> {
        unasked()
    }

    fn register_worker(&self, _: &str, _: ClientId, _: &[&str]) -> Result<WorkerId> {
        Ok(WorkerId(self.registered.fetch_add(1, Ordering::AcqRel) + 1))
    }

    fn know_tasks(&self, _: WorkerId, _: &[&str]) -> Result<()> {
        Ok(())
    }

    fn beat(&self, _: WorkerId, _: &[Hold]) -> Result<Beat> {
        Ok(Beat { alive: true, ..Beat::default() })
    }

    fn leave(&self, _: WorkerId) -> Result<()> {
        Ok(())
    }

    fn tick(&self) -> Result<Option<Micros>> {
        Ok(None)
    }

    fn read(&self, _: InvocationId) -> Result<RecordView> {
        unasked()
    }

    fn purge(&self) -> Result<usize> {
        Ok(0)
    }

    fn ring(&self, lanes: &[Lane], timeout: Duration) -> Result<Ring> {
        let until = Instant::now() + timeout;
        let mut tokens = self.tokens.0.lock().unwrap();
        loop {
            if let Some(place) = tokens.iter().position(|lane| lanes.contains(lane)) {
                return Ok(Ring::Token(tokens.remove(place)));
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || self.silenced.load(Ordering::Acquire) {
                return Ok(Ring::Silence);
            }
            tokens = self.tokens.1.wait_timeout(tokens, left).unwrap().0;
        }
    }

    fn pass_on(&self, lane: Lane) -> Result<()> {
        self.push_token(lane);
        Ok(())
    }

    fn interrupt_ring(&self) -> Result<()> {
        Ok(())
    }

    fn silence(&self) {
        self.silenced.store(true, Ordering::Release);
        self.tokens.1.notify_all();
    }

    fn listen(&self, _: ClientId, _: Arc<dyn Ears>) -> Result<()> {
        Ok(())
    }

    fn hang_up(&self) {}
}
