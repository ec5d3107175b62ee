//! Renewing a worker's lease, and beginning again when it was lost.

use std::time::{Duration, Instant};

use pynenc_core::engine::Fence;
use pynenc_core::id::{InvocationId, Ref};

use crate::remote::News;
use crate::remote::after::After;
use crate::remote::mirror::Phase;
use crate::remote::server::Hold;
use crate::remote::shared::{Shared, State};
use crate::store::{Beat, WorkerId};

/// One worker's beat: who it is, and all that it knows it holds.
struct Pulse {
    worker: WorkerId,
    lost: bool,
    places: Vec<Ref>,
    held: Vec<Hold>,
}

impl<C> Shared<C> {
    /// Renew the leases that are due and do what is due in the store; when to look again. Blocks.
    pub(in crate::remote) fn keep_alive(&self) -> Option<Instant> {
        let stations = self.decide(|state, _| state.stations.len());
        let mut next = None;
        for place in 0..stations {
            let Some((beat, tick)) = self.decide(|state, _| state.due_of(place)) else { continue };
            if beat <= Instant::now() {
                self.beat(place);
            }
            if tick <= Instant::now() {
                self.tick(place);
            }
            let due = self.decide(|state, _| state.due_of(place)).map(|(beat, tick)| beat.min(tick));
            next = next.into_iter().chain(due).min();
        }
        next
    }

    fn beat(&self, place: usize) {
        let Some(pulse) = self.decide(|state, _| state.pulse(place)) else { return };
        let began = Instant::now();
        let told = if pulse.lost { None } else { Some(self.server.beat(pulse.worker, &pulse.held)) };
        let next = match told {
            Some(Ok(Beat { alive: true, lost, cancel })) => {
                self.decide(|state, after| state.take_beat(&pulse, &lost, &cancel, after));
                began + self.settings.lease / 3
            }
            // A store that cannot be asked keeps the lease as it is: others decide on that.
            Some(Err(failure)) => Instant::now() + self.pause_after(&failure),
            Some(Ok(_)) | None => {
                self.decide(|state, after| state.lose_lease(place, pulse.worker, after));
                self.register_again(place)
            }
        };
        self.decide(|state, _| {
            if let Some(station) = state.stations.get_mut(place) {
                station.next_beat = next;
            }
        });
    }

    /// Under a new registration, which holds nothing yet; when to look again.
    fn register_again(&self, place: usize) -> Instant {
        let Some((name, tasks)) = self.decide(|state, _| {
            let station = state.stations.get(place).filter(|station| !station.closed)?;
            Some((station.name.clone(), station.tasks.clone()))
        }) else {
            return Instant::now() + self.settings.lease;
        };
        let names: Vec<&str> = tasks.iter().map(AsRef::as_ref).collect();
        match self.server.register_worker(&name, self.client, &names) {
            Err(failure) => Instant::now() + self.pause_after(&failure),
            Ok(worker) => {
                self.decide(|state, after| {
                    if let Some(station) = state.stations.get_mut(place) {
                        station.worker = worker;
                        station.lost = false;
                        station.look_again(after);
                    }
                });
                Instant::now() + self.settings.lease / 3
            }
        }
    }

    fn tick(&self, place: usize) {
        // Often enough for what a silent worker held to be found within half a lease of its end.
        let longest = self.settings.lease.mul_f64(0.45);
        let next = match self.server.tick() {
            Ok(next) => next.map_or(longest, Duration::from_micros).clamp(Duration::from_millis(5), longest),
            Err(failure) => self.pause_after(&failure),
        };
        self.decide(|state, _| {
            if let Some(station) = state.stations.get_mut(place) {
                station.next_tick = Instant::now() + next;
            }
        });
    }
}

impl<C> State<C> {
    fn due_of(&self, place: usize) -> Option<(Instant, Instant)> {
        let station = self.stations.get(place).filter(|station| !station.retired)?;
        Some((station.next_beat, station.next_tick))
    }

    fn pulse(&self, place: usize) -> Option<Pulse> {
        let station = self.stations.get(place)?;
        let mut pulse = Pulse { worker: station.worker, lost: station.lost, places: Vec::new(), held: Vec::new() };
        for &at in &station.held {
            if let Some(shadow) = self.mirror.get(at)
                && let Some(hold) = &shadow.hold
            {
                pulse.places.push(at);
                pulse.held.push((shadow.id, hold.fence));
            }
        }
        Some(pulse)
    }

    fn take_beat(&mut self, pulse: &Pulse, lost: &[InvocationId], cancel: &[InvocationId], after: &mut After<C>) {
        let all: rustc_hash::FxHashMap<InvocationId, (Ref, Fence)> =
            pulse.held.iter().zip(&pulse.places).map(|(&(id, fence), &at)| (id, (at, fence))).collect();
        for (at, fence) in lost.iter().filter_map(|id| all.get(id)) {
            self.lose_hold(*at, *fence, after);
        }
        for (at, fence) in cancel.iter().filter_map(|id| all.get(id)) {
            self.ask_to_stop(*at, *fence, after);
        }
    }

    /// Somebody wants a run that this process holds to end. One that no thread has begun goes back, and is over
    /// as soon as it has.
    pub(in crate::remote) fn ask_to_stop(&mut self, at: Ref, fence: Fence, after: &mut After<C>) {
        let Some(hold) = self.mirror.get_mut(at).and_then(|shadow| shadow.held_by(fence)) else { return };
        let (phase, place, lane) = (hold.phase, hold.station, hold.lane);
        if phase == Phase::Ready {
            self.give_back(at, fence);
        }
        let Some(station) = self.stations.get_mut(place) else { return };
        match phase {
            Phase::Running => station.tell(News::Cancel(at, fence), after),
            Phase::Ready => {
                station.lane(lane).discard(at);
                station.call_courier(after);
            }
            Phase::Ending => {}
        }
    }

    /// A worker's registration is no longer valid: what it held is others' now.
    pub(in crate::remote) fn lose_lease(&mut self, place: usize, worker: WorkerId, after: &mut After<C>) {
        let Some(station) = self.stations.get_mut(place).filter(|s| s.worker == worker && !s.lost) else { return };
        station.lost = true;
        station.unanswered = None;
        station.next_beat = Instant::now();
        self.counters.leases_lost += 1;
        let held: Vec<Ref> = station.held.iter().copied().collect();
        for at in held {
            let fence = self.mirror.get(at).and_then(|shadow| shadow.hold.as_ref()).map(|hold| hold.fence);
            if let Some(fence) = fence {
                self.lose_hold(at, fence, after);
            }
        }
    }
}
