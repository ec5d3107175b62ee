//! What all threads of one engine share: one lock, and behind it everything that is known here.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use pynenc_core::engine::Fence;
use pynenc_core::error::CoreError;
use pynenc_core::id::Ref;
use pynenc_core::park::Parker;
use pynenc_core::status::Status;

use super::after::After;
use super::errands::Errands;
use super::listening::Listening;
use super::mirror::{Gone, Hold, Mirror, Phase};
use super::pipeline::Pipelines;
use super::server::Server;
use super::station::{Bell, Station};
use super::threads::Threads;
use super::{Counters, News, Settings};
use crate::error::{RedisError, Result};
use crate::host::Host;
use crate::patience;
use crate::store::ClientId;

pub(super) struct Shared<C> {
    pub(super) server: Arc<dyn Server>,
    pub(super) settings: Settings,
    pub(super) client: ClientId,
    state: Mutex<State<C>>,
    /// Wakes the thread that renews leases and reads what was not told.
    pub(super) keeper: Arc<Parker>,
    /// Wakes the thread that waits to be rung for.
    pub(super) bell: Arc<Parker>,
    pub(super) threads: Threads,
    pub(super) errands: Errands,
    /// What is fetched for those who must not wait for it themselves.
    pub(super) fetches: Errands,
    pub(super) pipelines: Pipelines<C>,
    pub(super) host: Host,
    /// Threads end once they have nothing left to do.
    closing: AtomicBool,
    /// Threads end whatever they do.
    aborting: Arc<AtomicBool>,
    /// The process that made it: a forked child has none of its threads, and must not touch its locks.
    home: u32,
}

pub(super) struct State<C> {
    pub(super) mirror: Mirror<C>,
    pub(super) stations: Vec<Station>,
    pub(super) listening: Listening,
    pub(super) bell: Bell,
    /// By lane: something that a paused body of this process waits for may be queued.
    pub(super) awaited: [bool; 2],
    pub(super) counters: Counters,
}

impl<C> Shared<C> {
    pub(super) fn new(server: Arc<dyn Server>, settings: Settings) -> Self {
        let client = ClientId(server.fresh_number());
        let state = State {
            mirror: Mirror::default(),
            stations: Vec::new(),
            listening: Listening::default(),
            bell: Bell::default(),
            awaited: [false; 2],
            counters: Counters::default(),
        };
        Self {
            server,
            settings,
            client,
            state: Mutex::new(state),
            keeper: Arc::new(Parker::new()),
            bell: Arc::new(Parker::new()),
            threads: Threads::default(),
            errands: Errands::new("errands"),
            fetches: Errands::owed("fetches"),
            pipelines: Pipelines::default(),
            host: Host::default(),
            closing: AtomicBool::new(false),
            aborting: Arc::new(AtomicBool::new(false)),
            home: std::process::id(),
        }
    }

    /// One decision under the lock, then what follows from it.
    pub(super) fn decide<R>(&self, decision: impl FnOnce(&mut State<C>, &mut After<C>) -> R) -> R {
        let mut after = After::default();
        let answer = decision(&mut self.state.lock(), &mut after);
        after.settle();
        answer
    }

    pub(super) fn is_home(&self) -> bool {
        self.home == std::process::id()
    }

    /// Refuse to go on in a child of the process that opened this, before any lock is taken.
    pub(super) fn guard(&self) -> Result<()> {
        if self.is_home() { Ok(()) } else { Err(RedisError::Forked) }
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    pub(super) fn is_aborting(&self) -> bool {
        self.aborting.load(Ordering::Acquire)
    }

    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Release);
    }

    pub(super) fn abort(&self) {
        self.aborting.store(true, Ordering::Release);
    }

    /// Do what waits for the wire, until then at the most.
    pub(super) fn within<R>(&self, until: Instant, work: impl FnOnce() -> R) -> R {
        patience::with(move || Instant::now() >= until, work)
    }

    /// About so long: many who begin at once do not come back at once.
    pub(super) fn jittered(&self, about: Duration) -> Duration {
        let drawn = u32::try_from(self.server.fresh_number() >> 32).unwrap_or(0);
        about.mul_f64(0.75 + 0.5 * f64::from(drawn) / f64::from(u32::MAX))
    }

    /// After a failure that is not the wire's own: it has waited already.
    pub(super) fn pause_after(&self, failure: &RedisError) -> Duration {
        match failure {
            RedisError::Unreachable { .. } | RedisError::Interrupted => Duration::ZERO,
            _ => Duration::from_secs(1),
        }
    }
}

impl<C: Send + 'static> Shared<C> {
    /// Start a thread of the engine. Whatever it waits for on the wire ends when the engine is closed.
    pub(super) fn spawn(self: &Arc<Self>, name: &str, body: impl FnOnce(&Arc<Self>) + Send + 'static) -> Result<()> {
        let (shared, aborting) = (Arc::clone(self), Arc::clone(&self.aborting));
        let started = self.threads.start(name, move || {
            patience::with(move || aborting.load(Ordering::Acquire), || body(&shared));
        });
        started.map_err(|error| RedisError::Protocol(format!("the system gives no thread for {name}: {error}")))
    }
}

impl<C> State<C> {
    /// The hold of a run that goes on, by its fence.
    pub(super) fn held(&mut self, at: Ref, fence: Fence) -> std::result::Result<&mut Hold, CoreError> {
        let held = self.mirror.held(at, fence);
        if held.is_err() {
            self.counters.fenced += 1;
        }
        held
    }

    /// The worker of a number, unless it has handed everything back.
    pub(super) fn station(&mut self, worker: u32) -> std::result::Result<&mut Station, CoreError> {
        let place = (worker as usize).checked_sub(1);
        let station = place.and_then(|place| self.stations.get_mut(place)).filter(|station| !station.is_retired());
        station.ok_or(CoreError::UnknownWorker(worker))
    }

    /// A run that this process holds is others' now, or over: what it brings would be refused.
    pub(super) fn lose_hold(&mut self, at: Ref, fence: Fence, after: &mut After<C>) {
        let Some(hold) = self.mirror.get_mut(at).and_then(|shadow| shadow.held_by(fence).cloned()) else { return };
        if hold.phase == Phase::Ending {
            // It has been told already, and the answer to that says how it stands.
            return;
        }
        if let Some(station) = self.stations.get_mut(hold.station) {
            station.let_go(at, hold.lane);
            if hold.phase == Phase::Running {
                station.tell(News::Lost(at, fence), after);
            }
        }
        self.mirror.let_go(at, after);
    }

    /// A run that goes on here stands so now.
    pub(super) fn stands(&mut self, at: Ref, fence: Fence, status: Status) {
        if self.mirror.held(at, fence).is_ok()
            && let Some(shadow) = self.mirror.get_mut(at)
        {
            shadow.status = status;
        }
    }

    /// The store has dropped it.
    pub(super) fn drop_as_told(&mut self, at: Ref, after: &mut After<C>) {
        self.lose_any_hold(at, after);
        self.mirror.lose(at, Gone::Dropped, after);
    }

    /// It has ended or is gone, and not by a word of this process: a run that goes on here is no longer held.
    pub(super) fn lose_any_hold(&mut self, at: Ref, after: &mut After<C>) {
        let fence = self.mirror.get(at).and_then(|shadow| shadow.hold.as_ref()).map(|hold| hold.fence);
        if let Some(fence) = fence {
            self.lose_hold(at, fence, after);
        }
    }
}

/// The earlier of two moments that may not come.
pub(super) fn earliest(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    one.into_iter().chain(other).min()
}
