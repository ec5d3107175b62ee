//! The thread that carries what a worker has to tell, and brings what its threads want.
//!
//! While one trip is under way more gathers: the busier the worker, the more a trip carries, and a lone end
//! waits for nothing.

use std::sync::Arc;
use std::time::Instant;

use pynenc_core::park::Parker;

use super::round::Next;
use crate::patience;
use crate::remote::Remote;
use crate::remote::shared::Shared;

impl<C: Send + 'static> Remote<C> {
    /// Before a thread of a worker sleeps until `parker` is woken: what there is to be carried it carries itself, since
    /// the courier would have to be woken first. Blocks, until `is_over` or there is something to do here.
    pub fn carry_before_sleep(&self, worker: u32, parker: &Parker, is_over: impl FnMut() -> bool + 'static) {
        let place = (worker as usize).checked_sub(1);
        if let Some(place) = place.filter(|_| self.shared().is_home()) {
            let goes_on = || !parker.is_woken() && !patience::is_over();
            patience::with(is_over, || self.shared().make_trips_while(place, goes_on));
        }
    }
}

impl<C> Shared<C> {
    pub(super) fn run_courier(&self, place: usize) {
        let Some(parker) = self.courier_of(place) else { return };
        while !self.is_aborting() {
            match self.load(place) {
                Next::Go(load) => self.carry(place, load),
                Next::Pause(until) => drop(parker.park(Some(until))),
                Next::Sleep(until) => drop(parker.park(until)),
                Next::Over => return,
            }
        }
    }

    /// Make what trips there are to make on the calling thread, unless one is under way: then whoever makes
    /// that sees to the rest. Blocks.
    pub(super) fn make_trips(&self, place: usize) {
        self.make_trips_while(place, || true);
    }

    /// The same for as long as this thread has nothing else to do: then the rest is the courier's.
    fn make_trips_while(&self, place: usize, goes_on: impl Fn() -> bool) {
        while goes_on() {
            match self.load(place) {
                Next::Go(load) => self.carry(place, load),
                Next::Sleep(None) => return,
                // To have the courier wait in its stead would take longer.
                Next::Pause(until) => std::thread::sleep(until.saturating_duration_since(Instant::now())),
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
