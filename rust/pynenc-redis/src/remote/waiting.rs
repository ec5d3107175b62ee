//! What bodies that wait tell the store, and how invocations are called off.

use std::sync::Arc;

use pynenc_core::engine::{Cancelling, Fence, Outcome};
use pynenc_core::id::{InvocationId, Ref};
use pynenc_core::status::Status;

use super::{Owner, Remote};
use crate::error::{RedisError, Result};
use crate::store::Ancestor;

/// Bodies that wait.
impl<C: Send + 'static> Remote<C> {
    /// The body that holds `waiter` waits for all of `awaited` from now on, and they run first. `false`, and
    /// nothing changed, when one of them has ended already. Blocks.
    ///
    /// # Errors
    /// [`pynenc_core::error::CoreError::Cycle`], [`pynenc_core::error::CoreError::WaitLimit`],
    /// [`pynenc_core::error::CoreError::Fenced`].
    pub fn pause(&self, waiter: Ref, fence: Fence, awaited: &[Ref]) -> Result<bool> {
        let shared = self.shared();
        shared.guard()?;
        let (own, open) = shared.decide(|state, _| {
            let own = state.waiter(waiter, fence)?;
            let open = |at: &Ref| state.mirror.get(*at).filter(|shadow| !shadow.is_settled());
            let ids = |at: &Ref| open(at).map(|shadow| (shadow.id, shadow.unacknowledged));
            Ok::<_, RedisError>((own, awaited.iter().map(ids).collect::<Option<Vec<_>>>()))
        })?;
        let Some(open) = open.filter(|open| !open.is_empty()) else { return Ok(false) };
        if open.iter().any(|&(_, unacknowledged)| unacknowledged) {
            self.flush()?;
        }
        shared.report_started(waiter, fence)?;
        let ids: Vec<InvocationId> = open.into_iter().map(|(id, _)| id).collect();
        let pausing = shared.server.pause((own.id, fence), &ids)?;
        if pausing.paused {
            shared.decide(|state, after| {
                state.stands(waiter, fence, Status::Paused);
                if pausing.queued > 0 {
                    state.awaited = [true; 2];
                    // They run first, and somebody of this process may be there to run them.
                    state.stations.iter_mut().for_each(|station| station.look_again(after));
                }
            });
        }
        Ok(pausing.paused)
    }

    /// The wait is over. Blocks.
    ///
    /// # Errors
    /// [`pynenc_core::error::CoreError::Fenced`], [`pynenc_core::error::CoreError::Transition`].
    pub fn resume(&self, waiter: Ref, fence: Fence) -> Result<()> {
        let shared = self.shared();
        shared.guard()?;
        let own = shared.decide(|state, _| state.waiter(waiter, fence))?;
        shared.server.resume((own.id, fence))?;
        shared.decide(|state, _| state.stands(waiter, fence, Status::Running));
        Ok(())
    }

    /// As [`Self::resume`], told to the store soon, before anything else that this holder says through
    /// [`Self::finish`]: for callbacks and event loops, which must not block. A refusal is seen by what the
    /// holder says next.
    pub fn resume_soon(&self, waiter: Ref, fence: Fence) {
        if self.shared().is_home() {
            self.shared().decide(|state, after| {
                let Ok(own) = state.waiter(waiter, fence) else { return };
                state.stands(waiter, fence, Status::Running);
                if let Some(station) = state.stations.get_mut(own.station) {
                    station.resume_soon((own.id, fence), after);
                }
            });
        }
    }

    /// Do a piece of work that blocks on a thread of the engine, one after the other: for event loops.
    ///
    /// # Errors
    /// The system gives no thread; [`RedisError::Forked`].
    pub fn errand(&self, work: impl FnOnce(&Self) + Send + 'static) -> Result<()> {
        let shared = self.shared();
        shared.guard()?;
        let own = Arc::clone(shared);
        shared.post(|shared| &shared.errands, move || work(&Self { shared: own, owner: Owner::Nobody }))
    }

    /// The waiting line above a body, itself first, each that waits for the one before. Blocks.
    ///
    /// # Errors
    /// [`pynenc_core::error::CoreError::WaitLimit`].
    pub fn ancestors(&self, at: Ref) -> Result<Vec<Ancestor>> {
        let shared = self.shared();
        shared.guard()?;
        let id = shared.decide(|state, _| state.mirror.expect(at).map(|shadow| shadow.id))?;
        shared.server.ancestors(id)
    }

    /// Call an invocation off: at once unless its body runs, and then its holder is told. Blocks.
    ///
    /// # Errors
    /// [`pynenc_core::error::CoreError::NotFound`], [`pynenc_core::error::CoreError::Vanished`].
    pub fn cancel(&self, at: Ref) -> Result<Cancelling> {
        let shared = self.shared();
        shared.guard()?;
        let (id, unacknowledged) =
            shared.decide(|state, _| state.mirror.expect(at).map(|shadow| (shadow.id, shadow.unacknowledged)))?;
        if unacknowledged {
            self.flush()?;
        }
        let told = shared.server.cancel(id)?;
        if told == Cancelling::Cancelled {
            shared.decide(|state, after| {
                state.lose_any_hold(at, after);
                state.mirror.end(at, Status::Cancelled, Outcome::Cancelled, after);
            });
        }
        Ok(told)
    }

    /// Drop everything of the app, of every status. Waiters of every process are told. Blocks.
    ///
    /// # Errors
    /// What keeps the store from answering.
    pub fn purge(&self) -> Result<usize> {
        let shared = self.shared();
        shared.guard()?;
        let dropped = shared.server.purge()?;
        shared.decide(|state, after| {
            for at in state.mirror.unsettled(|shadow| !shadow.unacknowledged) {
                state.drop_as_told(at, after);
            }
        });
        Ok(dropped)
    }
}
