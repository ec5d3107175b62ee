//! What one process keeps of the engine: the invocations that it has handles for, waits for or runs.
//!
//! The hot path asks a [`Remote`] what it would ask the memory engine; what is known here is answered at
//! once, the rest by one decision of the [`crate::store`].
//! **Methods say when they block**; one that does not say so takes a lock for a moment and no more.
//! Nothing that a caller gave is dropped or called under that lock.
//!
//! `mirror` is what is known of invocations, `station` one worker of this process, `listening` how ends
//! become known. Threads, each started when it is first needed: a courier for each worker, a doorbell, a
//! keeper, the listener of the channel, and one each for pipelines, errands and fetches.

mod after;
mod content;
mod errands;
mod incoming;
mod keeper;
mod listening;
mod mirror;
mod online;
mod pipeline;
mod reading;
mod server;
mod shared;
mod station;
mod submit;
mod threads;
mod types;
mod waiting;
mod watching;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use shared::Shared;

use crate::host::Host;

pub use online::Online;
pub use pipeline::{Pipeline, Unacknowledged};
pub use server::{Ears, Hold, Ring, Server};
pub use types::{Bytes, Counters, HandedBack, Idle, News, Settings, Submission, View, Work};

/// What one process keeps of the engine. `C` is a call as its caller keeps it.
///
/// Costs nothing until it is used: threads and connections are started when they are first needed. It is
/// closed by [`Self::close`]; dropped without that, its threads end soon, and what they carried may be lost
/// to this process, though not to the store.
pub struct Remote<C: Send + 'static> {
    shared: Arc<Shared<C>>,
    owner: Owner,
}

/// Whether the engine ends with this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    This,
    /// It was lent for an errand.
    Nobody,
}

/// How long threads are given to end once whatever they wait for was called off.
const LAST_MOMENT: Duration = Duration::from_secs(2);

impl<C: Send + 'static> fmt::Debug for Remote<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").field("client", &self.shared.client).finish_non_exhaustive()
    }
}

/// The whole.
impl<C: Send + 'static> Remote<C> {
    /// An engine that knows nothing yet.
    #[must_use]
    pub fn new(server: Arc<dyn Server>, settings: Settings) -> Self {
        Self { shared: Arc::new(Shared::new(server, settings)), owner: Owner::This }
    }

    const fn shared(&self) -> &Arc<Shared<C>> {
        &self.shared
    }

    /// How long a worker may be silent.
    #[must_use]
    pub fn lease(&self) -> Duration {
        self.shared.settings.lease
    }

    /// Large values that this process shares with the others of its host.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.shared.host
    }

    /// What happened that should not happen often.
    #[must_use]
    pub fn counters(&self) -> Counters {
        if self.shared.is_home() { self.shared.decide(|state, _| state.counters) } else { Counters::default() }
    }

    /// Hand back what workers hold, have the store acknowledge what was ended and what pipelines hold, stop
    /// every thread and close every connection; how many ends were not acknowledged. Whoever still waits is
    /// told that it is lost. Blocks, for `within` and a moment at the most. Whoever calls must not hold what a
    /// callback of this process may need.
    pub fn close(&self, within: Duration) -> usize {
        if !self.shared.is_home() {
            return 0;
        }
        let until = Instant::now() + within;
        let workers = self.shared.decide(|state, _| state.stations.len());
        for worker in 1..=workers {
            self.shared.hand_back(u32::try_from(worker).unwrap_or(u32::MAX), until);
        }
        // What was not acknowledged is counted below, and told to each pipeline.
        let _ = self.shared.within(until, || self.flush());
        let lost = self.shared.end_threads(until);
        self.shared.host.leave();
        lost
    }
}

impl<C: Send + 'static> Drop for Remote<C> {
    fn drop(&mut self) {
        // A child has none of these threads, and must not end its parent's connections. Joining is for
        // `close`: whoever drops this may hold what a thread waits for.
        if self.owner == Owner::This && self.shared.is_home() && !self.shared.is_aborting() {
            self.shared.close();
            self.shared.abort();
            self.shared.wake_all();
            let server = Arc::clone(&self.shared.server);
            server.silence();
            drop(std::thread::Builder::new().name("pynenc-close".into()).spawn(move || server.hang_up()));
        }
    }
}

impl<C: Send + 'static> Shared<C> {
    /// Have every thread see that the engine closes.
    fn wake_all(&self) {
        self.keeper.unpark();
        self.bell.unpark();
        self.errands.wake();
        self.fetches.wake();
        self.pipelines.wake();
        self.decide(|state, after| state.stations.iter().for_each(|station| station.wake(after)));
    }

    fn end_threads(&self, until: Instant) -> usize {
        self.close();
        self.threads.close();
        self.server.silence();
        self.wake_all();
        let ended = self.threads.join(until);
        self.abort();
        self.wake_all();
        self.server.hang_up();
        if !ended {
            self.threads.join(Instant::now() + LAST_MOMENT);
        }
        let left = self.decide(|state, after| state.abandon(after));
        self.give_up_waiting();
        left
    }
}
