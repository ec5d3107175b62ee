//! A worker's registration, and what its bodies have to be told.

use std::sync::Arc;
use std::time::Instant;

use pynenc_core::engine::Lane;
use pynenc_core::park::Parker;

use super::Station;
use super::lane::LaneState;
use crate::error::Result;
use crate::remote::{News, Remote};
use crate::store::WorkerId;

/// Workers.
impl<C: Send + 'static> Remote<C> {
    /// A new worker that can run these tasks; a number for this process. It renews its lease by itself from
    /// now on, and when it has lost that it registers again by itself, under the same number. Blocks.
    ///
    /// # Errors
    /// What keeps the store from answering.
    pub fn register_worker(&self, name: &str, tasks: &[&str]) -> Result<u32> {
        let shared = self.shared();
        shared.guard()?;
        let worker = shared.server.register_worker(name, shared.client, tasks)?;
        let now = Instant::now();
        let tasks = tasks.iter().map(|&task| Arc::from(task)).collect();
        let mut station = Station::new(name, tasks, worker, now);
        station.next_beat = now + shared.settings.lease / 3;
        let place = shared.decide(|state, _| {
            state.stations.push(station);
            state.stations.len() - 1
        });
        shared.listen()?;
        shared.spawn(&format!("courier-{place}"), move |shared| shared.run_courier(place))?;
        shared.start_doorbell()?;
        shared.start_keeper()?;
        shared.keeper.unpark();
        Ok(u32::try_from(place + 1).unwrap_or(u32::MAX))
    }

    /// The worker can run these tasks too. Blocks.
    ///
    /// # Errors
    /// What keeps the store from answering.
    pub fn know_tasks(&self, worker: u32, tasks: &[&str]) -> Result<()> {
        let shared = self.shared();
        shared.guard()?;
        let registered = shared.decide(|state, _| {
            let station = state.station(worker)?;
            for &task in tasks {
                if !station.tasks.iter().any(|known| **known == *task) {
                    station.tasks.push(Arc::from(task));
                }
            }
            Ok::<_, crate::error::RedisError>((!station.lost).then_some(station.worker))
        })?;
        // One that has lost its lease tells all its tasks when it registers again.
        registered.map_or(Ok(()), |registered| shared.server.know_tasks(registered, tasks))?;
        shared.decide(|state, after| {
            if let Ok(station) = state.station(worker) {
                // What was parked for want of a worker may be there now.
                station.look_again(after);
            }
        });
        Ok(())
    }

    /// The worker's present registration, by which every process knows it.
    #[must_use]
    pub fn worker_id(&self, worker: u32) -> Option<WorkerId> {
        if !self.shared().is_home() {
            return None;
        }
        self.shared().decide(|state, _| state.station(worker).map(|station| station.worker).ok())
    }

    /// Who is woken when there is something in [`Self::take_news`].
    pub fn set_timer(&self, worker: u32, timer: Option<Arc<Parker>>) {
        if !self.shared().is_home() {
            return;
        }
        let before = self.shared().decide(|state, after| {
            let station = state.station(worker).ok()?;
            if let Some(timer) = timer.as_ref().filter(|_| !station.news.is_empty()) {
                after.unpark(timer);
            }
            std::mem::replace(&mut station.timer, timer)
        });
        drop(before);
    }

    /// What the bodies of this worker have to be told.
    pub fn take_news(&self, worker: u32) -> Vec<News> {
        if !self.shared().is_home() {
            return Vec::new();
        }
        self.shared()
            .decide(|state, _| state.station(worker).map_or_else(|_| Vec::new(), |s| std::mem::take(&mut s.news)))
    }
}

impl Station {
    pub(in crate::remote) const fn is_retired(&self) -> bool {
        self.retired
    }

    /// Whether one of its threads could begin something of that lane at once.
    pub(in crate::remote) fn sleeps(&self, lane: Lane) -> bool {
        !self.closed && self.lanes[lane as usize].sleeps()
    }

    /// The store may have something in every lane.
    pub(in crate::remote) fn look_again<C>(&mut self, after: &mut crate::remote::after::After<C>) {
        self.due = None;
        self.lanes.iter_mut().for_each(LaneState::ring);
        self.call_courier(after);
    }
}
