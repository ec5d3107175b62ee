//! The server, over the connections of this process.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use pynenc_core::clock::{Clock, Micros};
use pynenc_core::engine::{Cancelling, Lane, Limits};
use pynenc_core::id::InvocationId;

use super::server::{Ears, Hold, Ring, Server};
use crate::blobs::{Blobs, Digest, Fetched};
use crate::error::Result;
use crate::link::Sink;
use crate::link::doorbell::{Bell, Doorbell};
use crate::link::notices::{Listener, Notices};
use crate::link::route::Route;
use crate::link::wire::Wire;
use crate::store::{
    Ancestor, AppId, Beat, ClaimRequest, Claims, ClientId, Each, Ended, IdRow, LIBRARY, NewCall, Notice, Pausing,
    Receipt, RecordView, Settlement, Store, Taken, WorkerId,
};

/// How long the list stays by which this process interrupts its own wait for tokens.
const NUDGE_STAYS: &[u8] = b"10000";

/// One app on one server: the store's decisions over the wire, the doorbell, the channel.
pub struct Online {
    app: AppId,
    wire: Arc<Wire>,
    store: Arc<Store>,
    bell: Doorbell,
    /// Its tokens are this process's own.
    nudge: Vec<u8>,
    notices: Mutex<Option<Notices>>,
}

impl fmt::Debug for Online {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Online").field("app", &self.app).field("wire", &self.wire).finish_non_exhaustive()
    }
}

impl Online {
    /// The app by this way. Nothing is connected yet. With a `clock` that is the time the store goes by.
    #[must_use]
    pub fn new(route: Arc<Route>, app: &AppId, limits: Limits, clock: Option<Arc<dyn Clock>>) -> Self {
        let wire = Arc::new(Wire::new(Arc::clone(&route), &LIBRARY));
        let link: Arc<dyn crate::link::Link> = Arc::<Wire>::clone(&wire);
        let store = Arc::new(Store::new(link, app, limits, clock));
        let nudge = format!("{}bell:{:016x}", app.prefix(), store.fresh_number()).into_bytes();
        Self { app: app.clone(), wire, store, bell: Doorbell::new(route), nudge, notices: Mutex::new(None) }
    }

    /// The decisions, for whoever needs no more.
    #[must_use]
    pub const fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// What carries them.
    #[must_use]
    pub const fn wire(&self) -> &Arc<Wire> {
        &self.wire
    }

    fn token_key(&self, lane: Lane) -> Vec<u8> {
        format!("{}tok:{}", self.app.prefix(), lane as u8).into_bytes()
    }
}

/// Passes on what comes on the channel.
struct Channel(Arc<dyn Ears>);

impl Listener for Channel {
    fn on_message(&self, message: &[u8]) {
        // What cannot be read is nothing that was waited for, or is found by the next safety read.
        if let Ok(notices) = Notice::read_all(message) {
            self.0.hear(notices);
        }
    }

    fn on_reconnected(&self) {
        self.0.connected();
    }
}

impl Server for Online {
    fn fresh_id(&self) -> InvocationId {
        self.store.fresh_id()
    }

    fn next_id(&self, row: &mut IdRow) -> InvocationId {
        self.store.next_id(row)
    }

    fn fresh_number(&self) -> u64 {
        self.store.fresh_number()
    }

    fn submit(&self, batch: &[NewCall]) -> Result<Vec<Receipt>> {
        self.store.submit(batch)
    }

    fn work(&self, settle: &[Settlement], claim: Option<&ClaimRequest>) -> Result<(Each<()>, Claims)> {
        self.store.work(settle, claim)
    }

    fn claim_awaited(&self, waiter: Hold, target: InvocationId, nonce: u64) -> Result<Option<Taken>> {
        self.store.claim_awaited(waiter, target, nonce)
    }

    fn start(&self, all: &[Hold]) -> Result<Each<()>> {
        self.store.start(all)
    }

    fn pause(&self, waiter: Hold, awaited: &[InvocationId]) -> Result<Pausing> {
        self.store.pause(waiter, awaited)
    }

    fn resume(&self, waiter: Hold) -> Result<()> {
        self.store.resume(waiter)
    }

    fn cancel(&self, id: InvocationId) -> Result<Cancelling> {
        self.store.cancel(id)
    }

    fn watch(&self, ids: &[InvocationId], client: ClientId) -> Result<Each<Option<Ended>>> {
        self.store.watch(ids, client)
    }

    fn ancestors(&self, id: InvocationId) -> Result<Vec<Ancestor>> {
        self.store.ancestors(id)
    }

    fn register_worker(&self, name: &str, client: ClientId, tasks: &[&str]) -> Result<WorkerId> {
        self.store.register_worker(name, Some(client), tasks)
    }

    fn know_tasks(&self, worker: WorkerId, tasks: &[&str]) -> Result<()> {
        self.store.know_tasks(worker, tasks)
    }

    fn beat(&self, worker: WorkerId, held: &[Hold]) -> Result<Beat> {
        self.store.beat(worker, held)
    }

    fn leave(&self, worker: WorkerId) -> Result<()> {
        self.store.leave(worker).map(drop)
    }

    fn tick(&self) -> Result<Option<Micros>> {
        self.store.tick()
    }

    fn read(&self, id: InvocationId) -> Result<RecordView> {
        self.store.read(id)
    }

    fn purge(&self) -> Result<usize> {
        self.store.purge()
    }

    fn blobs(&self) -> Option<&Arc<Blobs>> {
        Some(self.store.blobs())
    }

    fn fetch(&self, digest: &Digest, into: Option<Arc<dyn Sink>>) -> Result<Option<Fetched>> {
        self.store.fetch(digest, into)
    }

    fn ring(&self, lanes: &[Lane], timeout: Duration) -> Result<Ring> {
        let tokens: Vec<Vec<u8>> = lanes.iter().map(|&lane| self.token_key(lane)).collect();
        let keys: Vec<&[u8]> = tokens.iter().map(Vec::as_slice).chain([self.nudge.as_slice()]).collect();
        Ok(match self.bell.wait(&keys, timeout)? {
            Bell::Rung(place) => lanes.get(place).map_or(Ring::Interrupted, |&lane| Ring::Token(lane)),
            Bell::Silent | Bell::Renewed | Bell::Closed => Ring::Silence,
        })
    }

    fn pass_on(&self, lane: Lane) -> Result<()> {
        self.wire.command(&[b"RPUSH", &self.token_key(lane), b"1"]).map(drop)
    }

    fn interrupt_ring(&self) -> Result<()> {
        self.wire.command(&[b"RPUSH", &self.nudge, b"1"])?;
        // Should this process end before it takes the token, the list must not stay.
        self.wire.command(&[b"PEXPIRE", &self.nudge, NUDGE_STAYS]).map(drop)
    }

    fn silence(&self) {
        self.bell.close();
    }

    fn listen(&self, client: ClientId, ears: Arc<dyn Ears>) -> Result<()> {
        let mut notices = self.notices.lock();
        if notices.is_none() {
            let route = Arc::clone(self.wire.route());
            *notices = Some(Notices::open(route, client.channel(&self.app), Channel(ears))?);
        }
        Ok(())
    }

    fn hang_up(&self) {
        let notices = self.notices.lock().take();
        drop(notices);
    }
}
