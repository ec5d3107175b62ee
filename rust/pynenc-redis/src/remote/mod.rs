//! What one process keeps of the engine: the invocations that it has handles for, waits for or runs.
//!
//! The hot path asks a [`Remote`] what it would ask the memory engine; what is known here is answered at
//! once, the rest by one decision of the [`crate::store`].
//! **Methods say when they block**; one that does not say so takes a lock for a moment and no more.
//! Nothing that a caller gave is dropped or called under that lock.

mod types;

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use pynenc_core::clock::Micros;
use pynenc_core::engine::{Cancelling, Fence, Lane, Outcome, Receipt};
use pynenc_core::error::CoreError;
use pynenc_core::id::{InvocationId, Ref};
use pynenc_core::park::{Parker, Subscription};
use pynenc_core::status::Status;

use crate::error::{RedisError, Result};
use crate::store::{Ancestor, ClientId, RecordView};

pub use types::{Bytes, Counters, HandedBack, Idle, News, Settings, Submission, View, Work};

/// What one process keeps of the engine. `C` is a call as its caller keeps it.
///
/// Costs nothing until it is used: threads and connections are started when they are first needed.
#[derive(Debug)]
pub struct Remote<C>(PhantomData<C>);

fn later<T>() -> Result<T> {
    Err(RedisError::Protocol(String::from("this part of the engine has not landed yet")))
}

/// Names and identities.
impl<C: Send + 'static> Remote<C> {
    /// Who this process is to the store.
    #[must_use]
    pub fn client(&self) -> ClientId {
        ClientId(0)
    }

    /// An id for a new call, which is taken once however often it is sent.
    pub fn fresh_id(&self) -> InvocationId {
        InvocationId::NIL
    }

    /// The number of a task's name in this process; the same each time it is asked for.
    pub fn task(&self, _name: &str) -> u32 {
        0
    }

    /// A task's name; empty for a number that was never given out.
    #[must_use]
    pub fn task_name(&self, _task: u32) -> Arc<str> {
        Arc::from("")
    }

    /// The identity of a place; nil when nobody is interested in it any more.
    #[must_use]
    pub fn id(&self, _at: Ref) -> InvocationId {
        InvocationId::parse("00000000-0000-0000-0000-000000000000").unwrap_or_else(|| unreachable!())
    }

    /// The place of an invocation that is known by its id alone; one reader more, who owes a
    /// [`Self::forget`]. Blocks unless it is known here.
    ///
    /// # Errors
    /// [`CoreError::NotFound`] or [`CoreError::Expired`] of the store.
    pub fn adopt(&self, _id: InvocationId) -> Result<Ref> {
        later()
    }
}

/// Submitting.
impl<C: Send + 'static> Remote<C> {
    /// Take one call: acknowledged when this returns. The caller becomes interested in the invocation
    /// of the receipt, unless it was refused, and owes a [`Self::forget`]. Blocks.
    ///
    /// # Errors
    /// [`RedisError::Full`]; [`RedisError::Unreachable`]: it may or may not have been taken.
    pub fn submit_one(&self, _submission: Submission<C>) -> Result<Receipt> {
        later()
    }

    /// Take many calls, under each one's own rules, in chunks of one decision each. With `notify`, tokens
    /// from that number on arrive there as the invocations end; none after an error. Blocks.
    ///
    /// # Errors
    /// As [`Self::submit_one`]; some may have been taken.
    pub fn submit_many(
        &self,
        _batch: Vec<Submission<C>>,
        _notify: Option<(&Arc<Subscription>, u32)>,
    ) -> Result<Vec<Receipt>> {
        later()
    }

    /// A scope in which calls are taken without waiting for the store: see [`Pipeline`].
    #[must_use]
    pub fn pipeline(&self) -> Pipeline<C> {
        Pipeline(PhantomData)
    }

    /// Have the store acknowledge what open pipelines hold. A waiter need not: [`Self::watch`] does it. Blocks.
    ///
    /// # Errors
    /// The first failure; each pipeline tells its own when it is flushed.
    pub fn flush(&self) -> Result<()> {
        later()
    }
}

/// Calls that were taken and are not acknowledged yet. Dropped, it sends what it holds and waits for nothing.
#[derive(Debug)]
pub struct Pipeline<C>(PhantomData<C>);

/// Calls of a pipeline that the store did not acknowledge: they may or may not have been taken.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{} submissions were not acknowledged: {reason}", .ids.len())]
pub struct Unacknowledged {
    /// Which.
    pub ids: Vec<InvocationId>,
    /// What went wrong first.
    pub reason: RedisError,
}

impl<C: Send + 'static> Pipeline<C> {
    /// Take one call. What a rule may answer for is sent and acknowledged at once, after what was taken
    /// before it; everything else is new, and sent 500 at a time. Blocks for the former, and when four
    /// chunks are on their way.
    ///
    /// # Errors
    /// As [`Remote::submit_one`], of the former.
    pub fn submit(&self, _submission: Submission<C>) -> Result<Receipt> {
        later()
    }

    /// Have everything acknowledged. Blocks.
    ///
    /// # Errors
    /// Those that were not, since the last flush. They are gone for who waits for them, too.
    pub fn flush(&self) -> std::result::Result<(), Unacknowledged> {
        Ok(())
    }
}

/// Reading.
impl<C: Send + 'static> Remote<C> {
    /// What is known here, under the lock; `read` must not block nor call the engine.
    ///
    /// # Errors
    /// [`CoreError::NotFound`] when nobody is interested in it any more (with a nil id then), or the store
    /// has lost it; [`CoreError::Expired`] when the store has dropped it.
    pub fn read<R>(&self, at: Ref, _read: impl FnOnce(View<'_, C>) -> R) -> std::result::Result<R, CoreError> {
        Err(CoreError::NotFound(self.id(at)))
    }

    /// Where it stands. Blocks unless it is known to have ended.
    ///
    /// # Errors
    /// [`CoreError::NotFound`], [`CoreError::Expired`].
    pub fn status(&self, _at: Ref) -> Result<Status> {
        later()
    }

    /// Its whole record. Blocks.
    ///
    /// # Errors
    /// [`CoreError::NotFound`], [`CoreError::Expired`].
    pub fn record(&self, _at: Ref) -> Result<RecordView> {
        later()
    }

    /// One more reader for an invocation; `false` when it is gone.
    pub fn remember(&self, _at: Ref) -> bool {
        false
    }

    /// One reader less. What only its readers kept is dropped with the last of them.
    pub fn forget(&self, _at: Ref) {}

    /// One reader less for each, in one step.
    pub fn forget_all(&self, _all: &[Ref]) {}
}

/// Waiting.
impl<C: Send + 'static> Remote<C> {
    /// Have `first`, `first + 1`, … delivered as the invocations end, their outcomes readable; at once for
    /// those known to have ended, or to be gone. An invocation that the store has lost counts as ended.
    pub fn watch(&self, _all: &[Ref], _by: &Arc<Subscription>, _first: u32) {}

    /// Take a subscription back from the invocations that have not ended.
    pub fn unwatch(&self, _all: &[Ref], _by: &Arc<Subscription>) {}

    /// The body that holds `waiter` waits for all of `awaited` from now on, and they run first. `false`, and
    /// nothing changed, when one of them has ended already. Blocks.
    ///
    /// # Errors
    /// [`CoreError::Cycle`], [`CoreError::WaitLimit`], [`CoreError::Fenced`].
    pub fn pause(&self, _waiter: Ref, _fence: Fence, _awaited: &[Ref]) -> Result<bool> {
        later()
    }

    /// The wait is over. Blocks.
    ///
    /// # Errors
    /// [`CoreError::Fenced`], [`CoreError::Transition`].
    pub fn resume(&self, _waiter: Ref, _fence: Fence) -> Result<()> {
        later()
    }

    /// As [`Self::resume`], told to the store soon, before anything else that this holder says: for callbacks
    /// and event loops, which must not block. A refusal is seen by what the holder says next.
    pub fn resume_soon(&self, _waiter: Ref, _fence: Fence) {}

    /// Do a piece of work that blocks on a thread of the engine, one after the other: for event loops.
    pub fn errand(&self, _work: impl FnOnce(&Self) + Send + 'static) {}

    /// The waiting line above a body, itself first, each that waits for the one before. Blocks.
    ///
    /// # Errors
    /// [`CoreError::WaitLimit`].
    pub fn ancestors(&self, _at: Ref) -> Result<Vec<Ancestor>> {
        later()
    }

    /// Call an invocation off: at once unless its body runs, and then its holder is told. Blocks.
    ///
    /// # Errors
    /// [`CoreError::NotFound`], [`CoreError::Expired`].
    pub fn cancel(&self, _at: Ref) -> Result<Cancelling> {
        later()
    }
}

/// Working.
impl<C: Send + 'static> Remote<C> {
    /// A new worker that can run these tasks; a number for this process. It renews its lease by itself from
    /// now on, and when it has lost that it registers again by itself, under the same number. Blocks.
    ///
    /// # Errors
    /// What keeps the store from answering.
    pub fn register_worker(&self, _name: &str, _tasks: &[&str]) -> Result<u32> {
        later()
    }

    /// The worker can run these tasks too. Blocks.
    ///
    /// # Errors
    /// What keeps the store from answering.
    pub fn know_tasks(&self, _worker: u32, _tasks: &[&str]) -> Result<()> {
        later()
    }

    /// Who is woken when there is something in [`Self::take_news`].
    pub fn set_timer(&self, _worker: u32, _timer: Option<Arc<Parker>>) {}

    /// What the bodies of this worker have to be told.
    pub fn take_news(&self, _worker: u32) -> Vec<News> {
        Vec::new()
    }

    /// The next invocation to run; `None` when there is none here now. With `idle`, it is then asked for, and
    /// the parker woken when it has come.
    ///
    /// # Errors
    /// [`CoreError::UnknownWorker`] of a worker that has handed everything back.
    pub fn claim_started(&self, _worker: u32, _lane: Lane, _idle: Option<Idle<'_>>) -> Result<Option<Work>> {
        later()
    }

    /// Claim and start a queued invocation of the sync lane that the holder of `waiter` awaits; the waiter is
    /// paused until it resumes. `None`, and nothing changed, when it cannot run now. Blocks.
    ///
    /// # Errors
    /// [`CoreError::Fenced`] when the waiter is no longer held.
    pub fn claim_awaited(&self, _waiter: Ref, _fence: Fence, _target: Ref) -> Result<Option<Work>> {
        later()
    }

    /// Stop waiting for work. A wake-up that has been spent on this parker goes to another one.
    pub fn leave_idle(&self, _lane: Lane, _parker: &Arc<Parker>) {}

    /// Whether something that a paused body of this process waits for may be queued in this lane.
    #[must_use]
    pub fn has_awaited(&self, _lane: Lane) -> bool {
        false
    }

    /// End a run. It is told to the store soon, and again until that has answered, so that this blocks for
    /// nothing, not even in an outage; who waits learns of it when the store has. With `resume`, the paused
    /// waiter that ran it inline goes on in the same step, and this **blocks** until the store has answered.
    ///
    /// `bytes` is what the result weighs.
    ///
    /// # Errors
    /// [`CoreError::Fenced`]: it is known here to be others', or to have ended. With `resume`: what the
    /// store says; an error that names the waiter refuses the waiter alone.
    pub fn finish(
        &self,
        _at: Ref,
        _fence: Fence,
        _outcome: Outcome<Vec<u8>>,
        _bytes: u64,
        _resume: Option<(Ref, Fence)>,
    ) -> Result<()> {
        later()
    }

    /// End a run by an error that is to be tried again, after `delay`; told to the store as by
    /// [`Self::finish`].
    ///
    /// # Errors
    /// [`CoreError::Fenced`], as far as is known here.
    pub fn retry(&self, _at: Ref, _fence: Fence, _delay: Micros) -> Result<()> {
        later()
    }

    /// Hand a run back as if it had never been claimed; told to the store as by [`Self::finish`].
    ///
    /// # Errors
    /// [`CoreError::Fenced`], as far as is known here.
    pub fn release(&self, _at: Ref, _fence: Fence) -> Result<()> {
        later()
    }

    /// Claim no more for this worker, and give back what was fetched ahead. Bodies that run go on.
    pub fn stop_claiming(&self, _worker: u32) {}

    /// Give back everything that the worker holds, have the store acknowledge what was ended, and end its
    /// registration. Late ends are refused. Blocks, for `within` at the most.
    pub fn hand_back(&self, _worker: u32, _within: Duration) -> HandedBack {
        HandedBack::default()
    }
}

/// The whole.
impl<C: Send + 'static> Remote<C> {
    /// Drop everything of the app, of every status. Waiters of every process are told. Blocks.
    ///
    /// # Errors
    /// What keeps the store from answering.
    pub fn purge(&self) -> Result<usize> {
        later()
    }

    /// What happened that should not happen often.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters::default()
    }

    /// Hand back what workers hold, have the store acknowledge what was ended, stop every thread and close
    /// every connection; how many ends were not acknowledged. Blocks, for `within` at the most. Whoever
    /// calls must not hold what a callback of this process may need.
    pub fn close(&self, _within: Duration) -> usize {
        0
    }
}
