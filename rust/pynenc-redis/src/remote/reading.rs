//! What is known here, and what the store says when it is asked.

use std::sync::Arc;

use pynenc_core::error::CoreError;
use pynenc_core::id::{InvocationId, Ref};
use pynenc_core::status::Status;

use super::mirror::UNKNOWN_TASK;
use super::shared::State;
use super::{Remote, View};
use crate::error::Result;
use crate::store::{ClientId, IdRow, RecordView};

/// Names and identities.
impl<C: Send + 'static> Remote<C> {
    /// Who this process is to the store.
    #[must_use]
    pub fn client(&self) -> ClientId {
        self.shared().client
    }

    /// An id for a new call, which is taken once however often it is sent.
    #[must_use]
    pub fn fresh_id(&self) -> InvocationId {
        self.shared().server.fresh_id()
    }

    /// The next id of a row: calls that are submitted together under ids of one row cost the server much less.
    pub fn next_id(&self, row: &mut IdRow) -> InvocationId {
        self.shared().server.next_id(row)
    }

    /// The number of a task's name in this process; the same each time it is asked for.
    pub fn task(&self, name: &str) -> u32 {
        if !self.shared().is_home() {
            return UNKNOWN_TASK;
        }
        self.shared().decide(|state, _| state.mirror.names.number(name))
    }

    /// A task's name; empty for a number that was never given out.
    #[must_use]
    pub fn task_name(&self, task: u32) -> Arc<str> {
        let name = |state: &mut State<C>| state.mirror.names.name(task).map(Arc::clone);
        let known = if self.shared().is_home() { self.shared().decide(|state, _| name(state)) } else { None };
        known.unwrap_or_else(|| Arc::from(""))
    }

    /// The identity of a place; nil when nobody is interested in it any more.
    #[must_use]
    pub fn id(&self, at: Ref) -> InvocationId {
        if !self.shared().is_home() {
            return InvocationId::NIL;
        }
        self.shared().decide(|state, _| state.mirror.id(at))
    }

    /// The place of an id that this process has to do with already.
    #[must_use]
    pub fn place(&self, id: InvocationId) -> Option<Ref> {
        self.shared().is_home().then(|| self.shared().decide(|state, _| state.mirror.place(id))).flatten()
    }

    /// The place of an invocation that is known by its id alone; one reader more, who owes a
    /// [`Self::forget`]. Blocks unless it is known here.
    ///
    /// # Errors
    /// [`CoreError::NotFound`] or [`CoreError::Vanished`] of the store.
    pub fn adopt(&self, id: InvocationId) -> Result<Ref> {
        let shared = self.shared();
        shared.guard()?;
        let known = shared.decide(|state, _| {
            let at = state.mirror.place(id).filter(|&at| {
                state.mirror.get(at).is_some_and(|shadow| shadow.task != UNKNOWN_TASK && shadow.gone.is_none())
            })?;
            state.mirror.remember(at);
            Some(at)
        });
        if let Some(at) = known {
            return Ok(at);
        }
        let record = shared.server.read(id)?;
        let ended = if record.status.is_final() { shared.server.watch(&[id], shared.client)?.pop() } else { None };
        let ended = ended.transpose()?.flatten();
        Ok(shared.decide(|state, after| {
            let at = state.know(&record);
            state.mirror.remember(at);
            if let Some(ended) = ended {
                state.ended(ended, after);
            }
            at
        }))
    }
}

/// Reading.
impl<C: Send + 'static> Remote<C> {
    /// What is known here, under the lock; `read` must not block nor call the engine.
    ///
    /// # Errors
    /// [`CoreError::NotFound`] when nobody is interested in it any more (with a nil id then), or the store
    /// has lost it; [`CoreError::Vanished`] when the store has dropped it.
    pub fn read<R>(&self, at: Ref, read: impl FnOnce(View<'_, C>) -> R) -> std::result::Result<R, CoreError> {
        if !self.shared().is_home() {
            return Err(CoreError::NotFound(InvocationId::NIL));
        }
        self.shared().decide(|state, _| {
            let shadow = state.mirror.expect(at)?;
            if let Some(gone) = shadow.gone {
                return Err(gone.error(shadow.id));
            }
            Ok(read(View {
                id: shadow.id,
                status: shadow.status,
                task: Some(shadow.task).filter(|&task| task != UNKNOWN_TASK),
                call: shadow.call.as_ref(),
                outcome: shadow.outcome.as_ref(),
                lost: shadow.lost.as_deref(),
                parent: shadow.parent,
                retries: shadow.retries,
            }))
        })
    }

    /// Where it stands. Blocks unless it is known to have ended.
    ///
    /// # Errors
    /// [`CoreError::NotFound`], [`CoreError::Vanished`].
    pub fn status(&self, at: Ref) -> Result<Status> {
        self.shared().guard()?;
        let known = self.read(at, |view| view.status)?;
        if known.is_final() { Ok(known) } else { Ok(self.record(at)?.status) }
    }

    /// Its whole record. Blocks.
    ///
    /// # Errors
    /// [`CoreError::NotFound`], [`CoreError::Vanished`].
    pub fn record(&self, at: Ref) -> Result<RecordView> {
        let shared = self.shared();
        shared.guard()?;
        let (id, unacknowledged) = shared.decide(|state, _| {
            let shadow = state.mirror.expect(at)?;
            Ok::<_, CoreError>((shadow.id, shadow.unacknowledged))
        })?;
        if unacknowledged {
            self.flush()?;
        }
        let record = shared.server.read(id)?;
        shared.decide(|state, _| state.know(&record));
        Ok(record)
    }
}

impl<C> State<C> {
    /// What the store says of one goes into its shadow.
    fn know(&mut self, record: &RecordView) -> Ref {
        let task = self.mirror.names.number(&record.task);
        let at = self.mirror.ensure(record.id);
        if let Some(shadow) = self.mirror.get_mut(at) {
            shadow.task = task;
            shadow.parent = record.parent;
            shadow.retries = shadow.retries.max(record.retries);
            if !shadow.is_settled() && shadow.hold.is_none() && !record.status.is_final() {
                shadow.status = record.status;
            }
        }
        at
    }
}
