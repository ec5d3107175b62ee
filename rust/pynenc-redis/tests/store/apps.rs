//! An app on a server, with what a test asks of it.

use std::sync::Arc;

use pynenc_core::clock::ManualClock;
use pynenc_core::engine::{Fence, Lane, Limits, Rules};
use pynenc_core::id::InvocationId;
use pynenc_redis::store::{
    AppId, ClaimRequest, ClientId, End, NewCall, Receipt, Settlement, Start, Store, Taken, WorkerId,
};

use crate::rig::Server;
use crate::rig::direct::Direct;

pub(crate) const SECOND: u64 = 1_000_000;

pub(crate) struct App {
    pub(crate) store: Store,
    pub(crate) link: Arc<Direct>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) worker: WorkerId,
}

pub(crate) fn app(server: &Server, limits: Limits) -> App {
    named(server, limits, "app")
}

pub(crate) fn named(server: &Server, limits: Limits, name: &str) -> App {
    let id = AppId::new(name).unwrap();
    let link = Arc::new(Direct::new(server.connection(), &id));
    let clock = Arc::new(ManualClock::new(1_000 * SECOND));
    let store = Store::new(link.clone(), &id, limits, Some(clock.clone()));
    let worker = store.register_worker("worker one", Some(ClientId(7)), &[]).unwrap();
    App { store, link, clock, worker }
}

pub(crate) fn plain(store: &Store) -> NewCall {
    NewCall {
        id: store.fresh_id(),
        task: "app.add".into(),
        payload: b"payload".to_vec(),
        blobs: Vec::new(),
        parent: None,
        lane: Lane::Sync,
        delay: 0,
        rules: None,
        print: None,
        notify: None,
    }
}

pub(crate) fn ruled(store: &Store, rules: Rules) -> NewCall {
    NewCall { rules: Some(Box::new(rules)), ..plain(store) }
}

impl App {
    pub(crate) fn submit(&self, call: NewCall) -> InvocationId {
        let id = call.id;
        assert_eq!(self.store.submit(&[call]).unwrap(), [Receipt::New]);
        id
    }

    pub(crate) fn request(&self, limit: usize) -> ClaimRequest {
        ClaimRequest {
            worker: self.worker,
            lanes: vec![Lane::Sync, Lane::Async],
            limit,
            most: limit,
            nonce: self.store.fresh_number(),
            start: Start::All,
        }
    }

    pub(crate) fn claim(&self, limit: usize) -> Vec<Taken> {
        self.store.claim(&self.request(limit)).unwrap().taken
    }

    pub(crate) fn run(&self, call: NewCall) -> Taken {
        let id = self.submit(call);
        let taken = self.claim(1).pop().unwrap();
        assert_eq!(taken.id, id);
        taken
    }

    pub(crate) fn end(&self, taken: &Taken, end: End) {
        self.settle(taken.id, taken.fence, end).unwrap();
    }

    pub(crate) fn settle(&self, id: InvocationId, fence: Fence, end: End) -> pynenc_redis::error::Result<()> {
        self.store.settle(&[self.settlement(id, fence, end)]).unwrap().pop().unwrap()
    }

    pub(crate) fn settlement(&self, id: InvocationId, fence: Fence, end: End) -> Settlement {
        Settlement {
            id,
            fence,
            token: self.store.fresh_number(),
            end,
            blobs: Vec::new(),
            ran: None,
            bytes: 0,
            resume: None,
            bundled: true,
        }
    }

    pub(crate) fn check(&self) {
        assert_eq!(self.store.doctor().unwrap(), Vec::<String>::new());
    }
}
