//! The end of a worker: what it holds goes back, what it has to tell is told.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pynenc_core::id::{InvocationId, Ref};
use pynenc_core::park::Parker;

use super::lane::{LaneState, Ready};
use crate::error::RedisError;
use crate::remote::after::After;
use crate::remote::shared::{Shared, State};
use crate::remote::{HandedBack, Remote};

/// Stopping.
impl<C: Send + 'static> Remote<C> {
    /// Claim no more for this worker, and give back what was fetched ahead. Bodies that run go on.
    pub fn stop_claiming(&self, worker: u32) {
        if self.shared().is_home() {
            self.shared().stop_claiming(worker);
        }
    }

    /// Give back everything that the worker holds, have the store acknowledge what was ended, and end its
    /// registration. Late ends are refused. Blocks, for `within` at the most.
    pub fn hand_back(&self, worker: u32, within: Duration) -> HandedBack {
        if !self.shared().is_home() {
            return HandedBack::default();
        }
        self.shared().hand_back(worker, Instant::now() + within)
    }
}

impl<C> Shared<C> {
    fn stop_claiming(&self, worker: u32) {
        self.decide(|state, after| {
            let Ok(station) = state.station(worker) else { return };
            station.closed = true;
            let all: Vec<Ready> = station.lanes.iter_mut().flat_map(LaneState::take_all).collect();
            station.call_courier(after);
            for ready in all {
                state.give_back(ready.at, ready.taken.fence);
            }
        });
    }

    pub(in crate::remote) fn hand_back(&self, worker: u32, until: Instant) -> HandedBack {
        self.stop_claiming(worker);
        let parker = Arc::new(Parker::new());
        let released = self.decide(|state, after| {
            let released = state.release_all(worker);
            if let Ok(station) = state.station(worker) {
                station.drained = Some(Arc::clone(&parker));
                station.call_courier(after);
            }
            released
        });
        let mut unsent = self.unsent(worker);
        while unsent > 0 && parker.park(Some(until)) {
            unsent = self.unsent(worker);
        }
        self.retire(worker, unsent, until);
        HandedBack { released, unsent }
    }

    /// How many of its ends the store has not acknowledged; what is under way counts for one at least.
    fn unsent(&self, worker: u32) -> usize {
        self.decide(|state, _| {
            state.station(worker).map_or(0, |s| s.outbox.unacknowledged().max(usize::from(s.in_flight)))
        })
    }

    fn retire(&self, worker: u32, unsent: usize, until: Instant) {
        let registration = self.decide(|state, after| {
            let station = state.station(worker).ok()?;
            station.retired = true;
            after.unpark(&station.courier);
            (!station.lost).then_some(station.worker)
        });
        // With ends on their way the registration is left to its lease: leaving would hand back what has ended.
        if let Some(registration) = registration.filter(|_| unsent == 0) {
            drop(self.within(until, || self.server.leave(registration)));
        }
    }
}

impl<C> State<C> {
    /// Give back every run that the worker holds and has not ended.
    fn release_all(&mut self, worker: u32) -> Vec<InvocationId> {
        let Ok(station) = self.station(worker) else { return Vec::new() };
        let held: Vec<Ref> = station.held.iter().copied().collect();
        let fence = |state: &Self, at| state.mirror.get(at).and_then(|s| s.hold.as_ref()).map(|hold| hold.fence);
        held.into_iter().filter_map(|at| self.give_back(at, fence(self, at)?)).collect()
    }

    /// Nobody will carry what is left: those who wait for an answer are told so.
    pub(in crate::remote) fn abandon(&mut self, after: &mut After<C>) -> usize {
        let mut left = 0;
        for place in 0..self.stations.len() {
            let Some(station) = self.stations.get_mut(place) else { continue };
            left += station.outbox.unacknowledged();
            for entry in station.outbox.take_rest() {
                if let Some(slip) = entry.slip {
                    slip.fill(Err(RedisError::Interrupted));
                }
                self.mirror.let_go(entry.at, after);
            }
        }
        left
    }
}
