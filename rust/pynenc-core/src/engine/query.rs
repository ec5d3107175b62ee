//! Reading without changing.

use std::sync::Arc;

use super::MemoryEngine;
use super::record::{CANCEL, Event, Lane, Outcome};
use crate::error::CoreError;
use crate::id::Ref;
use crate::status::{ALL, Status};

/// A record, as far as the outside may see it, for as long as the lock is held.
#[derive(Debug)]
pub struct View<'a, C, V> {
    /// Where it stands.
    pub status: Status,
    /// The number of its task.
    pub task: u32,
    /// What it was called with; gone when it ended and was not worth keeping.
    pub call: Option<&'a C>,
    /// How it ended.
    pub outcome: Option<&'a Outcome<V>>,
    /// The invocation whose body called it; it may be gone.
    pub parent: Option<Ref>,
    /// How often it was claimed.
    pub attempt: u32,
    /// How often it was tried again after an error.
    pub retries: u32,
    /// How many workers were lost with it.
    pub losses: u8,
    /// Whether its holder was asked to stop.
    pub cancel_requested: bool,
    /// Who holds it, or 0.
    pub worker: u32,
    /// Where its body runs.
    pub lane: Lane,
    /// What its body waits for.
    pub awaits: &'a [Ref],
    /// Every move, oldest first.
    pub history: &'a [Event],
}

impl<C, V> MemoryEngine<C, V> {
    /// Read a record under the lock; `read` must not block nor call the engine.
    ///
    /// # Errors
    /// [`CoreError::NotFound`], [`CoreError::Expired`].
    #[inline]
    pub fn read<R>(&self, at: Ref, read: impl FnOnce(View<'_, C, V>) -> R) -> Result<R, CoreError> {
        let state = self.state.lock();
        let record = state.expect(at)?;
        Ok(read(View {
            status: record.status,
            task: record.task,
            call: record.call.as_ref(),
            outcome: record.outcome.as_ref(),
            parent: (record.parent != Ref::NONE).then_some(record.parent),
            attempt: record.attempt,
            retries: record.retries,
            losses: record.losses,
            cancel_requested: record.has(CANCEL),
            worker: record.worker,
            lane: record.lane,
            awaits: record.awaits.as_slice(),
            history: &record.history,
        }))
    }

    /// Places of the invocations of these statuses (none: of all) and of that task, at most
    /// `limit`, oldest submission first. Looks at every record.
    pub fn find(&self, task: Option<u32>, statuses: &[Status], limit: usize) -> Vec<Ref> {
        let state = self.state.lock();
        let mut found: Vec<(u64, Ref)> = state
            .records
            .iter()
            .filter(|(_, record)| task.is_none_or(|task| record.task == task))
            .filter(|(_, record)| statuses.is_empty() || statuses.contains(&record.status))
            .map(|(slot, record)| (record.seq, Ref { slot, generation: record.generation }))
            .collect();
        found.sort_unstable();
        found.truncate(limit);
        found.into_iter().map(|(_, at)| at).collect()
    }

    /// How many invocations there are of each status, in the order of [`ALL`].
    pub fn counts(&self) -> [usize; ALL.len()] {
        self.state.lock().counts
    }

    /// How many invocations a worker of this lane could claim, those that a running rule would
    /// set aside included.
    #[must_use]
    pub fn queued(&self, lane: Lane) -> usize {
        self.state.lock().queued[lane as usize]
    }

    /// Whether something that a paused body waits for may be queued in this lane.
    #[must_use]
    pub fn has_awaited(&self, lane: Lane) -> bool {
        self.state.lock().lanes[lane as usize].has_awaited()
    }

    /// A task's name.
    #[must_use]
    pub fn task_name(&self, task: u32) -> Arc<str> {
        self.state.lock().task_name(task)
    }

    /// The name of a worker, alive or not; empty for 0.
    #[must_use]
    pub fn worker_name(&self, worker: u32) -> Arc<str> {
        let state = self.state.lock();
        let place = (worker as usize).checked_sub(1);
        place.and_then(|place| state.worker_names.get(place)).map_or_else(|| Arc::from(""), Arc::clone)
    }
}
