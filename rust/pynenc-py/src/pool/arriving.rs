//! Calls for the loop whose large values are on their way: who claims goes on claiming meanwhile.

use std::sync::Arc;

use parking_lot::Mutex;
use pyo3::prelude::*;

use super::{Listed, Pool};
use crate::asynchronous::AsyncRun;
use crate::live::{Claimed, Ready};

/// A call with all its values.
type Arrived = (Ready, Listed);

#[derive(Default)]
pub(super) struct Arriving(Mutex<Line>);

#[derive(Default)]
struct Line {
    coming: usize,
    here: Vec<Arrived>,
}

impl Arriving {
    /// How many places on the loop are spoken for.
    pub(super) fn count(&self) -> usize {
        let line = self.0.lock();
        line.coming + line.here.len()
    }
}

impl Pool {
    /// What was claimed, ready for the loop; or nothing yet: it comes by [`Self::arrived`].
    pub(super) fn prepare(self: &Arc<Self>, py: Python<'_>, claimed: Claimed) -> PyResult<Option<AsyncRun>> {
        let engine = &self.runtime.engine;
        if claimed.is_at_hand(py, engine) {
            let arrived = self.bring(py, claimed);
            return arrived.map(|arrived| AsyncRun::new(py, self, arrived)).transpose();
        }
        self.arriving.0.lock().coming += 1;
        let (at, fence, pool) = (claimed.at, claimed.fence, Arc::clone(self));
        if !engine.fetch_aside(move |py| pool.arrive(py, claimed)) {
            // The engine was closed.
            self.arriving.0.lock().coming -= 1;
            let _ = engine.release((at, fence));
        }
        Ok(None)
    }

    /// Its values, from wherever they are; `None` when it cannot be run, and then it has ended by that.
    fn bring(&self, py: Python<'_>, claimed: Claimed) -> Option<Arrived> {
        let listed = self.list(claimed.id);
        let ready = claimed.ready(py, &self.runtime.engine, None);
        if ready.is_none() {
            self.take_off(&listed);
        }
        ready.map(|ready| (ready, listed))
    }

    fn arrive(&self, py: Python<'_>, claimed: Claimed) {
        let arrived = self.bring(py, claimed);
        let late = {
            let mut line = self.arriving.0.lock();
            line.coming -= 1;
            if self.is_stopping() {
                arrived
            } else {
                line.here.extend(arrived);
                None
            }
        };
        late.into_iter().for_each(|arrived| self.give_back(&arrived));
        self.supervisor.unpark();
    }

    /// What has arrived since, to be run.
    pub(super) fn arrived(self: &Arc<Self>, py: Python<'_>) -> PyResult<Vec<AsyncRun>> {
        let here = std::mem::take(&mut self.arriving.0.lock().here);
        here.into_iter().map(|arrived| AsyncRun::new(py, self, arrived)).collect()
    }

    /// The pool stops: what has arrived and nobody came for goes back.
    pub(super) fn give_arrived_back(&self) {
        let here = std::mem::take(&mut self.arriving.0.lock().here);
        here.iter().for_each(|arrived| self.give_back(arrived));
    }

    fn give_back(&self, (ready, listed): &Arrived) {
        let _ = self.runtime.engine.release((ready.at, ready.fence));
        self.take_off(listed);
    }
}
