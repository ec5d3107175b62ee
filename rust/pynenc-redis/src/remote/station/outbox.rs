//! Ends that the store has not acknowledged yet: kept and sent again until it has, or has refused them.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};
use pynenc_core::id::Ref;

use crate::error::Result;
use crate::remote::server::Hold;
use crate::store::{End, Settlement};

/// How much goes into one decision: the server does nothing else meanwhile.
const MOST: usize = 128;
const MOST_BYTES: usize = 1 << 20;

/// Where the thread that must know waits for the store's answer.
#[derive(Debug, Default)]
pub(in crate::remote) struct Slip {
    answer: Mutex<Option<Result<()>>>,
    there: Condvar,
}

impl Slip {
    pub(in crate::remote) fn fill(&self, answer: Result<()>) {
        *self.answer.lock() = Some(answer);
        self.there.notify_all();
    }

    pub(in crate::remote) fn wait(&self) -> Result<()> {
        let mut answer = self.answer.lock();
        loop {
            match answer.take() {
                Some(answer) => return answer,
                None => self.there.wait(&mut answer),
            }
        }
    }
}

/// One end, and who asks for the answer.
#[derive(Debug)]
pub(in crate::remote) struct Entry {
    pub(in crate::remote) at: Ref,
    pub(in crate::remote) settlement: Settlement,
    pub(in crate::remote) slip: Option<Arc<Slip>>,
}

/// What is kept of an end while its settlement is on its way.
pub(in crate::remote) type Mark = (Ref, Option<Arc<Slip>>);

impl Entry {
    pub(in crate::remote) fn apart(self) -> (Mark, Settlement) {
        ((self.at, self.slip), self.settlement)
    }

    pub(in crate::remote) fn of(((at, slip), settlement): (Mark, Settlement)) -> Self {
        Self { at, settlement, slip }
    }

    fn bytes(&self) -> usize {
        let apart = self.settlement.blobs.iter().map(|blob| blob.content.size()).sum::<usize>();
        match &self.settlement.end {
            End::Success(value) | End::Failed(value) => value.len() + apart,
            End::Cancelled | End::Retry { .. } | End::Release => 0,
        }
    }
}

#[derive(Debug, Default)]
pub(in crate::remote) struct Outbox {
    ends: VecDeque<Entry>,
    bytes: usize,
    /// On their way.
    sent: usize,
    /// Waits that are over: told before the ends that follow from them.
    resumed: Vec<Hold>,
}

impl Outbox {
    pub(in crate::remote) fn push(&mut self, entry: Entry) {
        self.bytes += entry.bytes();
        self.ends.push_back(entry);
    }

    pub(in crate::remote) fn resume(&mut self, waiter: Hold) {
        self.resumed.push(waiter);
    }

    /// How many the store has not acknowledged.
    pub(in crate::remote) fn unacknowledged(&self) -> usize {
        self.ends.len() + self.resumed.len() + self.sent
    }

    /// Bytes of results that wait to be sent.
    pub(in crate::remote) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(in crate::remote) fn has_resumed(&self) -> bool {
        !self.resumed.is_empty()
    }

    pub(in crate::remote) fn take_resumed(&mut self) -> Vec<Hold> {
        std::mem::take(&mut self.resumed)
    }

    /// These were not told: they go first again.
    pub(in crate::remote) fn put_resumed_back(&mut self, resumed: Vec<Hold>) {
        if !resumed.is_empty() {
            self.resumed.splice(0..0, resumed);
        }
    }

    /// The oldest, as many as go into one decision; one at least.
    pub(in crate::remote) fn take(&mut self) -> Vec<Entry> {
        let mut bytes = 0;
        let fits = |entry: &&Entry| {
            bytes += entry.bytes();
            bytes <= MOST_BYTES
        };
        let fit = self.ends.iter().take(MOST).take_while(fits).count();
        let taken: Vec<Entry> = self.ends.drain(..fit.max(1).min(self.ends.len())).collect();
        self.bytes -= taken.iter().map(Entry::bytes).sum::<usize>();
        self.sent += taken.len();
        taken
    }

    /// These were answered.
    pub(in crate::remote) const fn acknowledge(&mut self, count: usize) {
        self.sent = self.sent.saturating_sub(count);
    }

    /// These were not: they go first again.
    pub(in crate::remote) fn put_back(&mut self, entries: Vec<Entry>) {
        self.sent = self.sent.saturating_sub(entries.len());
        for entry in entries.into_iter().rev() {
            self.bytes += entry.bytes();
            self.ends.push_front(entry);
        }
    }

    /// What is left when nobody will send it any more.
    pub(in crate::remote) fn take_rest(&mut self) -> Vec<Entry> {
        self.bytes = 0;
        self.ends.drain(..).collect()
    }
}
