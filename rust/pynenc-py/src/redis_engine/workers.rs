//! The workers that came through the port, and what each of them was given there.
//!
//! A lease on the server is of one claim and is extended by name. The port renews a whole worker, so somebody has to
//! know the names.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use pynenc_core::engine::Fence;
use pynenc_core::error::CoreError;
use pynenc_core::id::InvocationId;
use pynenc_redis::store::WorkerId;

use crate::error::Refusal;

struct PortWorker {
    id: WorkerId,
    given: BTreeMap<InvocationId, Fence>,
}

/// By their numbers from 1.
#[derive(Default)]
pub(super) struct PortWorkers(Mutex<Vec<PortWorker>>);

impl PortWorkers {
    fn of<T>(&self, number: u32, what: impl FnOnce(&mut PortWorker) -> T) -> Option<T> {
        let place = (number as usize).checked_sub(1)?;
        self.0.lock().get_mut(place).map(what)
    }

    pub(super) fn add(&self, id: WorkerId) -> u32 {
        let mut all = self.0.lock();
        all.push(PortWorker { id, given: BTreeMap::new() });
        u32::try_from(all.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn id(&self, number: u32) -> Result<WorkerId, Refusal> {
        self.of(number, |worker| worker.id).ok_or_else(|| CoreError::UnknownWorker(number).into())
    }

    /// The worker, and all that it was given and may still hold.
    pub(super) fn given(&self, number: u32) -> Option<(WorkerId, Vec<(InvocationId, Fence)>)> {
        self.of(number, |worker| (worker.id, worker.given.iter().map(|(&id, &fence)| (id, fence)).collect()))
    }

    /// A claim has given it this.
    pub(super) fn gave(&self, number: u32, id: InvocationId, fence: Fence) {
        self.of(number, |worker| worker.given.insert(id, fence));
    }

    /// Whoever was given the waiter, with that fence, was given this too.
    pub(super) fn gave_beside(&self, (waiter, held): (InvocationId, Fence), id: InvocationId, fence: Fence) {
        if let Some(worker) = self.0.lock().iter_mut().find(|worker| worker.given.get(&waiter) == Some(&held)) {
            worker.given.insert(id, fence);
        }
    }

    /// It holds these no more.
    pub(super) fn forget(&self, number: u32, gone: &[InvocationId]) {
        self.of(number, |worker| worker.given.retain(|id, _| !gone.contains(id)));
    }
}
