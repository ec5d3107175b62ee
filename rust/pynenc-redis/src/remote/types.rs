//! What goes into a [`super::Remote`] and what comes out of it.

use std::sync::Arc;
use std::time::Duration;

use pynenc_core::clock::Micros;
use pynenc_core::engine::{Fence, Key, Lane, Outcome, Rules};
use pynenc_core::id::{InvocationId, Ref};
use pynenc_core::park::Parker;
use pynenc_core::status::Status;

use crate::blobs::Packed;

/// A result or an error as it travelled; shared, so that it is read without being copied.
pub type Bytes = Arc<Vec<u8>>;

/// One call to be taken: as its caller keeps it, and as it travels.
#[derive(Debug)]
pub struct Submission<C> {
    /// From [`super::Remote::fresh_id`]: a signature of the payload may hold it.
    pub id: InvocationId,
    /// From [`super::Remote::task`].
    pub task: u32,
    /// What the caller keeps of it, for its handle; never sent.
    pub call: C,
    /// What the worker needs in order to run it.
    pub packed: Packed,
    /// The invocation whose body made the call.
    pub parent: Option<InvocationId>,
    /// Where its body runs.
    pub lane: Lane,
    /// How long it waits before it is registered.
    pub delay: Micros,
    /// The rules that it comes under.
    pub rules: Option<Box<Rules>>,
    /// All arguments, for the check of equal calls among waiting ancestors.
    pub print: Option<Key>,
}

/// An invocation that a thread of this process is to run: claimed, and started as far as anybody can tell.
#[derive(Debug)]
pub struct Work {
    /// Its place here.
    pub at: Ref,
    /// Which.
    pub id: InvocationId,
    /// What proves the hold.
    pub fence: Fence,
    /// The number of its task, from [`super::Remote::task`].
    pub task: u32,
    /// What to run it with.
    pub payload: Vec<u8>,
    /// The invocation whose body made the call.
    pub parent: Option<InvocationId>,
    /// How often it was tried again after an error.
    pub retries: u32,
    /// All arguments, as the call gave them.
    pub print: Option<Key>,
}

impl Work {
    /// Whether somebody had claimed it before, and neither ended it nor had it tried again.
    #[must_use]
    pub const fn came_back(&self) -> bool {
        self.fence.attempt > self.retries.saturating_add(1)
    }
}

/// A thread that will sleep when nothing is there.
#[derive(Clone, Copy, Debug)]
pub struct Idle<'a> {
    /// Woken when there is work, once.
    pub parker: &'a Arc<Parker>,
    /// How many invocations it could begin at once: 1 for a slot, the free places for a loop.
    pub wants: usize,
}

/// What is known in this process of one invocation, for as long as the lock is held.
#[derive(Debug)]
pub struct View<'a, C> {
    /// Which.
    pub id: InvocationId,
    /// Where it stood when it was last heard of; a final one is certain.
    pub status: Status,
    /// The number of its task, if that is known here.
    pub task: Option<u32>,
    /// The call, if it was made in this process.
    pub call: Option<&'a C>,
    /// How it ended, if that is known here.
    pub outcome: Option<&'a Outcome<Bytes>>,
    /// What was said of the lost worker that was the end of it.
    pub lost: Option<&'a str>,
    /// The invocation whose body called it, if that is known here.
    pub parent: Option<InvocationId>,
    /// How often it was tried again after an error, as far as is known here.
    pub retries: u32,
}

/// What a worker has to be told, from [`super::Remote::take_news`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// Somebody asks that this run be stopped.
    Cancel(Ref, Fence),
    /// It is others' now: whatever this run brings will be refused.
    Lost(Ref, Fence),
}

/// What became of a worker's things when it stopped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HandedBack {
    /// What was given back, or could not be and is left to its lease.
    pub released: Vec<InvocationId>,
    /// How many ends were not acknowledged within the time.
    pub unsent: usize,
}

/// What happened that should not happen often.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Writes that came too late and were refused.
    pub fenced: u64,
    /// Ends that were sent again because nothing was heard of them.
    pub resent: u64,
    /// Invocations that were fetched ahead and given back because no thread came for them.
    pub given_back: u64,
    /// Times that a worker was found to have lost its lease.
    pub leases_lost: u64,
    /// Times that the subscription came back and everything waited for was read again.
    pub read_again: u64,
}

/// How a [`super::Remote`] goes about its work.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How long a worker may be silent; renewed three times within that.
    pub lease: Duration,
    /// How long an unheard-of end is waited for before it is asked about; spread by a quarter.
    pub safety_read: Duration,
    /// How much work, by the time that its bodies take, may be fetched before a thread is free.
    pub fetch_ahead: Duration,
    /// How long such work may lie here before it is given back.
    pub hand_back_after: Duration,
    /// How long an idle worker relies on being rung for, at most.
    pub longest_sleep: Duration,
    /// Bytes of results that wait to be sent, above which no more work is claimed.
    pub outbox_bytes: usize,
    /// How long a stream waits for room in a full server.
    pub patience_for_room: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(15),
            safety_read: Duration::from_secs(10),
            fetch_ahead: Duration::from_millis(5),
            hand_back_after: Duration::from_millis(50),
            longest_sleep: Duration::from_secs(5),
            outbox_bytes: 64 << 20,
            patience_for_room: Duration::from_secs(60),
        }
    }
}
