//! Submitting: shadows first, so that an end that comes before the answer finds its invocation.

use std::iter::Peekable;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pynenc_core::engine::Receipt;
use pynenc_core::id::{InvocationId, Ref};
use pynenc_core::park::Subscription;
use pynenc_core::status::Status;
use rustc_hash::FxHashSet;

use super::after::After;
use super::mirror::UNKNOWN_TASK;
use super::shared::{Shared, State};
use super::{Remote, Submission};
use crate::blobs::Packed;
use crate::error::{RedisError, Result};
use crate::store::{self, ClientId, NewCall};

/// How much is put together for one pipeline of chunks.
const MOST: usize = 2_000;
const MOST_BYTES: usize = 8 << 20;

type Notify<'a> = Option<(&'a Arc<Subscription>, u32)>;

/// Submitting.
impl<C: Send + 'static> Remote<C> {
    /// Take one call: acknowledged when this returns. The caller becomes interested in the invocation
    /// of the receipt, unless it was refused, and owes a [`Self::forget`]. Blocks.
    ///
    /// # Errors
    /// [`RedisError::Full`]; [`RedisError::Unreachable`]: it may or may not have been
    /// taken.
    pub fn submit_one(&self, submission: Submission<C>) -> Result<Receipt> {
        let shared = self.shared();
        shared.guard()?;
        let receipts = shared.submit(vec![submission], None, &|| false)?;
        receipts.first().copied().ok_or_else(store_said_nothing)
    }

    /// Take many calls, under each one's own rules, in chunks of one decision each. With `notify`, tokens
    /// from that number on arrive there as the invocations end; after an error those of the calls before
    /// the chunk that failed. Blocks.
    ///
    /// # Errors
    /// As [`Self::submit_one`]; some may have been taken.
    pub fn submit_many(&self, batch: Vec<Submission<C>>, notify: Notify<'_>) -> Result<Vec<Receipt>> {
        self.submit_lots(batch, notify, &|| false)
    }

    /// As [`Self::submit_many`]; but whenever the server is full `wait_for_room` is asked, which sleeps a little and
    /// says whether to go on. What is taken meanwhile is taken once.
    ///
    /// # Errors
    /// As [`Self::submit_one`]; some may have been taken.
    pub fn submit_patiently(
        &self,
        batch: Vec<Submission<C>>,
        notify: Notify<'_>,
        wait_for_room: &dyn Fn() -> bool,
    ) -> Result<Vec<Receipt>> {
        self.submit_lots(batch, notify, wait_for_room)
    }

    /// How long whoever can wait waits for room in a full server.
    #[must_use]
    pub fn patience_for_room(&self) -> Duration {
        self.shared().settings.patience_for_room
    }

    fn submit_lots(
        &self,
        batch: Vec<Submission<C>>,
        notify: Notify<'_>,
        wait_for_room: &dyn Fn() -> bool,
    ) -> Result<Vec<Receipt>> {
        let shared = self.shared();
        shared.guard()?;
        if notify.is_some() {
            shared.listen()?;
            shared.start_keeper()?;
        }
        let mut receipts = Vec::with_capacity(batch.len());
        let mut rest = batch.into_iter().peekable();
        let mut token = notify.map_or(0, |(_, first)| first);
        loop {
            let lot = next_lot(&mut rest);
            if lot.is_empty() {
                return Ok(receipts);
            }
            let count = u32::try_from(lot.len()).unwrap_or(u32::MAX);
            receipts.extend(shared.submit(lot, notify.map(|(inbox, _)| (inbox, token)), wait_for_room)?);
            token = token.wrapping_add(count);
        }
    }
}

/// As many as are sent together; one at least, while there are any. Large values count once, those of the first
/// not at all.
fn next_lot<C>(rest: &mut Peekable<impl Iterator<Item = Submission<C>>>) -> Vec<Submission<C>> {
    let mut lot = Vec::new();
    let (mut bytes, mut seen) = (0, FxHashSet::default());
    while lot.len() < MOST
        && let Some(next) = rest.next_if(|next| {
            let fresh = next.packed.blobs.iter().filter(|blob| seen.insert(blob.digest));
            bytes += next.packed.payload.len() + fresh.map(|blob| blob.content.size()).sum::<usize>();
            lot.is_empty() || bytes <= MOST_BYTES
        })
    {
        if lot.is_empty() {
            bytes = 0;
        }
        lot.push(next);
    }
    lot
}

fn store_said_nothing() -> RedisError {
    RedisError::Protocol(String::from("a submission has no receipt"))
}

impl<C: Send + 'static> Shared<C> {
    fn submit(
        &self,
        batch: Vec<Submission<C>>,
        notify: Notify<'_>,
        wait_for_room: &dyn Fn() -> bool,
    ) -> Result<Vec<Receipt>> {
        let (calls, places, epoch) = self.decide(|state, _| {
            let epoch = state.epoch();
            let prepared = batch.into_iter().map(|one| state.prepare(one, self.client));
            let (places, calls): (Vec<Ref>, Vec<NewCall>) = prepared.unzip();
            for (token, &at) in (notify.map_or(0, |(_, first)| first)..).zip(&places) {
                if let (Some((inbox, _)), Some(shadow)) = (notify, state.mirror.get_mut(at)) {
                    shadow.watchers.push((Arc::clone(inbox), token));
                    // The store does not know it yet: to ask now would be to hear that it is gone.
                    shadow.unacknowledged = true;
                }
            }
            (calls, places, epoch)
        });
        let answers = loop {
            match self.server.submit(&calls) {
                Err(RedisError::Full { .. }) if wait_for_room() => {}
                answers => break answers,
            }
        };
        let guard = self.guard_time();
        let receipts = self.decide(|state, after| match answers {
            Ok(answers) => {
                let answered = places.iter().zip(&calls).zip(answers);
                let take = |((&at, call), answer)| state.take_receipt(at, call, answer, (epoch, guard), after);
                Ok(answered.map(take).collect())
            }
            Err(failure) => {
                places.iter().for_each(|&at| state.withdraw(at, after));
                Err(failure)
            }
        });
        if notify.is_some() && self.decide(|state, _| state.listening.calls_keeper()) {
            self.keeper.unpark();
        }
        receipts
    }
}

impl<C> State<C> {
    /// A shadow for a call that is about to be sent, with one reader; and the call as it travels.
    pub(super) fn prepare(&mut self, submission: Submission<C>, client: ClientId) -> (Ref, NewCall) {
        let Submission { id, task, call, packed, parent, lane, delay, rules, print } = submission;
        let Packed { payload, blobs } = packed;
        let at = self.mirror.ensure(id);
        let name = self.mirror.names.name(task).map_or_else(|| Arc::from(""), Arc::clone);
        if let Some(shadow) = self.mirror.get_mut(at) {
            shadow.interest += 1;
            shadow.task = task;
            shadow.call = Some(call);
            shadow.parent = parent;
            shadow.status = if delay == 0 { Status::Registered } else { Status::Scheduled };
        }
        let notify = Some(client);
        (at, NewCall { id, task: name, payload, blobs, parent, lane, delay, rules, print, notify })
    }

    /// The call was not taken, or nobody knows whether it was: nobody waits for it here.
    pub(super) fn withdraw(&mut self, at: Ref, after: &mut After<C>) {
        if let Some(shadow) = self.mirror.get_mut(at) {
            shadow.watchers.clear();
            shadow.unacknowledged = false;
        }
        self.mirror.forget(at, after);
    }

    fn take_receipt(
        &mut self,
        at: Ref,
        call: &NewCall,
        answer: store::Receipt,
        (epoch, guard): (u64, Instant),
        after: &mut After<C>,
    ) -> Receipt {
        match answer {
            store::Receipt::New => {
                self.acknowledged(at, epoch, guard);
                Receipt::New(at)
            }
            store::Receipt::Reused { id, same } => {
                let at = self.answered_by(at, call, id, guard, after);
                self.mirror.remember(at);
                Receipt::Reused { at, same }
            }
            store::Receipt::Cached(id) => {
                let at = self.answered_by(at, call, id, guard, after);
                self.mirror.remember(at);
                Receipt::Cached(at)
            }
            store::Receipt::Refused(id) => Receipt::Refused(self.answered_by(at, call, id, guard, after)),
        }
    }

    /// The store has taken it, and will tell of its end.
    pub(super) fn acknowledged(&mut self, at: Ref, epoch: u64, guard: Instant) {
        let Some(shadow) = self.mirror.get_mut(at) else { return };
        shadow.unacknowledged = false;
        shadow.covered = epoch;
        if shadow.is_watched() {
            self.attend(at, guard);
        }
    }

    /// Another invocation answers for the call: what was prepared goes, its waiters wait for that one.
    fn answered_by(
        &mut self,
        prepared: Ref,
        call: &NewCall,
        by: InvocationId,
        guard: Instant,
        after: &mut After<C>,
    ) -> Ref {
        let task = self.mirror.get(prepared).map_or(UNKNOWN_TASK, |shadow| shadow.task);
        let watchers = self.mirror.get_mut(prepared).map(|shadow| std::mem::take(&mut shadow.watchers));
        if by != call.id {
            self.mirror.forget(prepared, after);
        }
        let at = self.mirror.ensure(by);
        if let Some(shadow) = self.mirror.get_mut(at) {
            shadow.task = task;
            shadow.unacknowledged = false;
        }
        let mut open = false;
        for (inbox, token) in watchers.into_iter().flatten() {
            open |= self.mirror.watch(at, &inbox, token, after);
        }
        if open {
            self.attend(at, guard);
        }
        at
    }
}
