//! The thread that carries what a worker has to tell, and brings what its threads want.
//!
//! While one trip is under way more gathers: the busier the worker, the more a trip carries, and a lone end
//! waits for nothing.

use std::sync::Arc;

use pynenc_core::park::Parker;

use super::round::Next;
use crate::remote::shared::Shared;

impl<C> Shared<C> {
    pub(super) fn run_courier(&self, place: usize) {
        let Some(parker) = self.courier_of(place) else { return };
        while !self.is_aborting() {
            match self.load(place) {
                Next::Go(load) => self.carry(place, load),
                Next::Sleep(until) => drop(parker.park(until)),
                Next::Over => return,
            }
        }
    }

    /// Make what trips there are to make on the calling thread, unless one is under way: then whoever makes
    /// that sees to the rest. Blocks.
    pub(super) fn make_trips(&self, place: usize) {
        loop {
            match self.load(place) {
                Next::Go(load) => self.carry(place, load),
                Next::Sleep(None) => return,
                // The courier keeps the time.
                Next::Sleep(Some(_)) | Next::Over => break,
            }
        }
        if let Some(courier) = self.courier_of(place) {
            courier.unpark();
        }
    }

    fn courier_of(&self, place: usize) -> Option<Arc<Parker>> {
        self.decide(|state, _| state.stations.get(place).map(|station| Arc::clone(&station.courier)))
    }
}
