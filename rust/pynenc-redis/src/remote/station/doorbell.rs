//! The thread that waits to be rung for while threads sleep and the store is known to have nothing.
//!
//! A token says that there may be work; it is never the work. One that comes when nobody sleeps any more is
//! passed on, and one that was lost costs `longest_sleep` at the most.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pynenc_core::engine::Lane;
use pynenc_core::park::Parker;

use super::Station;
use crate::error::Result;
use crate::remote::after::After;
use crate::remote::server::Ring;
use crate::remote::shared::{Shared, State, earliest};

const LANES: [Lane; 2] = [Lane::Sync, Lane::Async];

/// What the doorbell of this process waits for.
#[derive(Debug, Default)]
pub(in crate::remote) struct Bell {
    started: bool,
    /// By lane, while it waits.
    waits_for: Option<[bool; 2]>,
    /// By lane: a token came for it and nobody wanted it; it is not waited for until somebody does.
    unwanted: [bool; 2],
}

/// What to wait for.
struct Watch {
    lanes: Vec<Lane>,
    until: Instant,
}

impl<C: Send + 'static> Shared<C> {
    /// Start the thread, once.
    pub(super) fn start_doorbell(self: &Arc<Self>) -> Result<()> {
        if self.decide(|state, _| std::mem::replace(&mut state.bell.started, true)) {
            return Ok(());
        }
        self.spawn("doorbell", |shared| shared.run_doorbell())
    }

    fn run_doorbell(&self) {
        while !self.is_closing() {
            match self.watch_for() {
                None => drop(self.bell.park(None)),
                Some(watch) => self.wait_for_a_ring(&watch),
            }
        }
    }

    fn watch_for(&self) -> Option<Watch> {
        let longest = Instant::now() + self.jittered(self.settings.longest_sleep.mul_f64(0.8));
        self.decide(|state, _| {
            let due = state.stations.iter().filter_map(|station| station.due).min();
            let until = earliest(Some(longest), due)?;
            let waits_for = state.is_hungry().then(|| LANES.map(|lane| state.listens_for(lane)))?;
            state.bell.waits_for = Some(waits_for);
            let lanes = LANES.into_iter().filter(|&lane| waits_for[lane as usize]).collect();
            Some(Watch { lanes, until })
        })
    }

    fn wait_for_a_ring(&self, watch: &Watch) {
        let timeout = watch.until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        let ring = self.server.ring(&watch.lanes, timeout);
        self.decide(|state, _| state.bell.waits_for = None);
        if self.is_closing() {
            return;
        }
        match ring {
            Ok(Ring::Interrupted) => {}
            Ok(Ring::Token(lane)) => {
                if !self.look_at_once(&[lane]) {
                    self.decide(|state, _| state.bell.unwanted[lane as usize] = true);
                    // Should it fail, another worker looks by itself, only later.
                    let _ = self.server.pass_on(lane);
                }
            }
            Ok(Ring::Silence) => drop(self.look_at_once(&watch.lanes)),
            Err(failure) => {
                std::thread::sleep(self.pause_after(&failure).min(Duration::from_secs(1)));
                self.look_at_once(&watch.lanes);
            }
        }
    }

    /// There may be work: make the trip, if anybody wants it. This thread does that itself, since the courier
    /// sleeps and would have to be woken.
    fn look_at_once(&self, lanes: &[Lane]) -> bool {
        let first = self.decide(|state, after| state.rung(lanes, after));
        first.map(|place| self.make_trips(place)).is_some()
    }
}

impl<C> State<C> {
    /// Have the doorbell wait for everything that is wanted and that the store is known not to have.
    pub(super) fn want_a_ring(&mut self, bell: &Arc<Parker>, after: &mut After<C>) {
        if !self.is_hungry() {
            return;
        }
        let hungry = LANES.map(|lane| self.is_hungry_for(lane));
        for (unwanted, hungry) in self.bell.unwanted.iter_mut().zip(hungry) {
            *unwanted &= !hungry;
        }
        let Some(waits_for) = &mut self.bell.waits_for else { return after.unpark(bell) };
        if (0..LANES.len()).any(|lane| hungry[lane] && !waits_for[lane]) {
            *waits_for = [true; 2];
            if let Some(station) = self.stations.iter_mut().find(|station| !station.retired) {
                station.interrupt_bell = true;
                station.call_courier(after);
            }
        }
    }

    fn is_hungry(&self) -> bool {
        LANES.into_iter().any(|lane| self.is_hungry_for(lane))
    }

    /// Whether a thread sleeps for a lane of which the store is known to have nothing.
    fn is_hungry_for(&self, lane: Lane) -> bool {
        self.stations.iter().any(|station| station.sleeps(lane) && !station.lanes[lane as usize].may_be_had())
    }

    /// Whether a token of that lane is waited for: also while its threads work, for they may soon sleep.
    fn listens_for(&self, lane: Lane) -> bool {
        let used = || self.stations.iter().any(|station| !station.closed && station.lanes[lane as usize].is_used());
        self.is_hungry_for(lane) || (!self.bell.unwanted[lane as usize] && used())
    }

    /// There may be work in these lanes: those who want it look, and the first of them is looked for here.
    fn rung(&mut self, lanes: &[Lane], after: &mut After<C>) -> Option<usize> {
        let now = Instant::now();
        let wants = |station: &Station| lanes.iter().any(|&lane| station.sleeps(lane));
        let first = self.stations.iter().position(wants);
        for (place, station) in self.stations.iter_mut().enumerate().filter(|(_, station)| wants(station)) {
            for &lane in lanes {
                station.lane(lane).ring();
            }
            station.due = station.due.filter(|&due| due > now);
            if Some(place) != first {
                station.call_courier(after);
            }
        }
        first
    }
}
