//! Scopes in which calls are taken without waiting for the store.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard};
use pynenc_core::engine::{Receipt, Rules};
use pynenc_core::id::{InvocationId, Ref};

use super::errands::Errands;
use super::mirror::Gone;
use super::shared::Shared;
use super::{Owner, Remote, Submission};
use crate::error::{RedisError, Result};
use crate::patience;
use crate::store::{IdRow, NewCall};

/// How much is sent at once.
const MOST: usize = 512;
const MOST_BYTES: usize = 4 << 20;
/// How many of these may be on their way.
const MOST_SENT: usize = 4;

/// Calls of a pipeline that the store did not acknowledge: they may or may not have been taken.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{} submissions were not acknowledged: {reason}", .ids.len())]
pub struct Unacknowledged {
    /// Which.
    pub ids: Vec<InvocationId>,
    /// What went wrong first.
    pub reason: RedisError,
}

/// Calls that were taken and are not acknowledged yet. Dropped, it sends what it holds and waits for nothing.
pub struct Pipeline<C: Send + 'static>(Arc<Pipe<C>>);

impl<C: Send + 'static> fmt::Debug for Pipeline<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipeline").finish_non_exhaustive()
    }
}

/// Every pipeline that is open, so that a waiter need not know of it; and who sends for them.
pub(super) struct Pipelines<C> {
    open: Mutex<Vec<Weak<Pipe<C>>>>,
    sender: Errands,
}

impl<C> Default for Pipelines<C> {
    fn default() -> Self {
        Self { open: Mutex::default(), sender: Errands::new("sender") }
    }
}

impl<C> Pipelines<C> {
    pub(super) fn wake(&self) {
        self.sender.wake();
    }
}

struct Pipe<C> {
    shared: Arc<Shared<C>>,
    flow: Mutex<Flow>,
    changed: Condvar,
}

#[derive(Default)]
struct Flow {
    buffer: Vec<(Ref, NewCall)>,
    bytes: usize,
    /// Of the ids for what comes into the buffer.
    row: IdRow,
    /// Chunks on their way.
    sent: Vec<(u64, Vec<InvocationId>)>,
    failed: Option<Unacknowledged>,
}

impl<C: Send + 'static> Remote<C> {
    /// A scope in which calls are taken without waiting for the store: see [`Pipeline`].
    #[must_use]
    pub fn pipeline(&self) -> Pipeline<C> {
        let shared = Arc::clone(self.shared());
        let pipe = Arc::new(Pipe { shared, flow: Mutex::default(), changed: Condvar::new() });
        let mut open = self.shared().pipelines.open.lock();
        open.retain(|pipe| pipe.strong_count() > 0);
        open.push(Arc::downgrade(&pipe));
        drop(open);
        Pipeline(pipe)
    }

    /// Have the store acknowledge what open pipelines hold. A waiter need not: [`Self::watch`] does it. Blocks.
    ///
    /// # Errors
    /// The first failure; each pipeline tells its own when it is flushed.
    pub fn flush(&self) -> Result<()> {
        self.shared().guard()?;
        let open = self.shared().open_pipelines();
        open.iter().for_each(Pipe::send);
        open.iter().try_for_each(|pipe| pipe.settle().map_or(Ok(()), |failed| Err(failed.reason)))
    }
}

impl<C: Send + 'static> Shared<C> {
    fn open_pipelines(&self) -> Vec<Arc<Pipe<C>>> {
        self.pipelines.open.lock().iter().filter_map(Weak::upgrade).collect()
    }

    /// Send what open pipelines hold, and wait for nothing.
    pub(super) fn send_pipelines(&self) {
        self.open_pipelines().iter().for_each(Pipe::send);
    }
}

/// Whether the store may answer with another invocation.
fn may_be_answered(rules: Option<&Rules>) -> bool {
    rules.is_some_and(|rules| rules.registration.is_some() || rules.result.is_some())
}

impl<C: Send + 'static> Pipeline<C> {
    /// An id for the next call: those of one chunk are of one row.
    #[must_use]
    pub fn next_id(&self) -> InvocationId {
        let mut flow = self.0.flow.lock();
        self.0.shared.server.next_id(&mut flow.row)
    }

    /// Take one call. What a rule may answer for is sent and acknowledged at once, after what was taken
    /// before it; everything else is new, and sent 512 at a time. Blocks for the former, and when four
    /// chunks are on their way.
    ///
    /// # Errors
    /// As [`Remote::submit_one`], of the former.
    pub fn submit(&self, submission: Submission<C>) -> Result<Receipt> {
        let pipe = &self.0;
        pipe.shared.guard()?;
        if may_be_answered(submission.rules.as_deref()) {
            Pipe::send(pipe);
            pipe.settle();
            return Remote { shared: Arc::clone(&pipe.shared), owner: Owner::Nobody }.submit_one(submission);
        }
        let (at, call) = pipe.shared.decide(|state, _| {
            let prepared = state.prepare(submission, pipe.shared.client);
            if let Some(shadow) = state.mirror.get_mut(prepared.0) {
                shadow.unacknowledged = true;
            }
            prepared
        });
        let full = {
            let mut flow = pipe.flow.lock();
            flow.bytes += call.payload.len() + pipe.to_be_sent(&call);
            flow.buffer.push((at, call));
            flow.buffer.len() >= MOST || flow.bytes >= MOST_BYTES
        };
        if full {
            drop(pipe.await_sent(MOST_SENT));
            Pipe::send(pipe);
        }
        Ok(Receipt::New(at))
    }

    /// Have everything acknowledged. Blocks.
    ///
    /// # Errors
    /// Those that were not, since the last flush. They are gone for who waits for them, too.
    pub fn flush(&self) -> std::result::Result<(), Unacknowledged> {
        let pipe = &self.0;
        if let Err(reason) = pipe.shared.guard() {
            return Err(Unacknowledged { ids: Vec::new(), reason });
        }
        Pipe::send(pipe);
        pipe.settle();
        pipe.flow.lock().failed.take().map_or(Ok(()), Err)
    }
}

impl<C: Send + 'static> Drop for Pipeline<C> {
    fn drop(&mut self) {
        if self.0.shared.is_home() {
            Pipe::send(&self.0);
        }
    }
}

impl<C: Send + 'static> Pipe<C> {
    /// Bytes of large values that a call brings to the server.
    fn to_be_sent(&self, call: &NewCall) -> usize {
        let known = self.shared.server.blobs();
        let new = call.blobs.iter().filter(|blob| !known.is_some_and(|known| known.is_known(&blob.digest)));
        new.map(|blob| blob.content.size()).sum()
    }

    /// Send what is there, and wait for nothing.
    fn send(self: &Arc<Self>) {
        let number = self.shared.server.fresh_number();
        let chunk = {
            let mut flow = self.flow.lock();
            let chunk = std::mem::take(&mut flow.buffer);
            flow.bytes = 0;
            flow.row = IdRow::default();
            if chunk.is_empty() {
                return;
            }
            flow.sent.push((number, chunk.iter().map(|(_, call)| call.id).collect()));
            chunk
        };
        let pipe = Arc::clone(self);
        let places: Vec<Ref> = chunk.iter().map(|&(at, _)| at).collect();
        let posted = self.shared.post(|shared| &shared.pipelines.sender, move || pipe.carry(number, chunk));
        if let Err(failure) = posted {
            self.answered(number, &places, Err(failure));
        }
    }

    fn carry(&self, number: u64, chunk: Vec<(Ref, NewCall)>) {
        let (places, calls): (Vec<Ref>, Vec<NewCall>) = chunk.into_iter().unzip();
        let epoch = self.shared.decide(|state, _| state.epoch());
        let answer = self.shared.server.submit(&calls).map(|_| epoch);
        self.answered(number, &places, answer);
    }

    fn answered(&self, number: u64, places: &[Ref], answer: Result<u64>) {
        let guard = self.shared.guard_time();
        self.shared.decide(|state, after| {
            for &at in places {
                match answer {
                    Ok(epoch) => state.acknowledged(at, epoch, guard),
                    Err(_) => state.mirror.lose(at, Gone::Lost, after),
                }
            }
        });
        self.shared.keeper.unpark();
        let mut flow = self.flow.lock();
        let place = flow.sent.iter().position(|&(other, _)| other == number);
        let ids = place.map(|place| flow.sent.swap_remove(place).1).unwrap_or_default();
        if let Err(reason) = answer {
            flow.failed.get_or_insert(Unacknowledged { ids: Vec::new(), reason }).ids.extend(ids);
        }
        drop(flow);
        self.changed.notify_all();
    }

    /// Wait until everything that was sent is answered; what was not acknowledged.
    fn settle(&self) -> Option<Unacknowledged> {
        let flow = self.await_sent(1);
        flow.failed.clone()
    }

    /// Wait until fewer chunks than this are on their way, or the caller has had enough.
    fn await_sent(&self, fewer_than: usize) -> MutexGuard<'_, Flow> {
        let mut flow = self.flow.lock();
        while flow.sent.len() >= fewer_than {
            let slice = if patience::is_limited() { patience::SLICE } else { Duration::from_secs(1) };
            self.changed.wait_for(&mut flow, slice);
            if patience::is_limited() {
                drop(flow);
                let over = patience::is_over();
                flow = self.flow.lock();
                if over {
                    let ids = flow.sent.iter().flat_map(|(_, ids)| ids).copied().collect();
                    flow.failed.get_or_insert(Unacknowledged { ids, reason: RedisError::Interrupted });
                    return flow;
                }
            }
        }
        flow
    }
}
