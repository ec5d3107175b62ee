//! Who leads, and who does next.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Shared;
use crate::link::patience::{GaveUp, Patience};
use crate::link::ticket::Ticket;

/// What one pipeline takes, so that replies do not keep the first of many callers waiting.
const MOST_COMMANDS: usize = 1_024;
const MOST_BYTES: usize = 8 << 20;

/// The callers that wait for the connection.
#[derive(Default)]
pub(super) struct Line {
    waiting: VecDeque<Arc<Ticket>>,
    led: bool,
}

impl Line {
    /// Stand in line; true if nobody leads, so that this caller does.
    pub(super) fn enter(&mut self, ticket: &Arc<Ticket>) -> bool {
        self.waiting.push_back(Arc::clone(ticket));
        self.claim()
    }

    /// True if nobody leads, so that this caller does.
    pub(super) fn claim(&mut self) -> bool {
        !std::mem::replace(&mut self.led, true)
    }

    /// Move those in line to `batch`, as many as one pipeline takes.
    pub(super) fn fill(&mut self, batch: &mut Vec<Arc<Ticket>>) {
        let mut commands: usize = batch.iter().map(|ticket| ticket.commands.len()).sum();
        let mut bytes: usize = batch.iter().map(|ticket| ticket.size()).sum();
        while commands < MOST_COMMANDS && bytes < MOST_BYTES {
            let Some(ticket) = self.waiting.pop_front() else { break };
            if ticket.is_open() {
                commands += ticket.commands.len();
                bytes += ticket.size();
                batch.push(ticket);
            }
        }
    }
}

/// The right to use the connection. Dropping it, also in a panic, hands it to another caller.
pub(super) struct Lead {
    shared: Arc<Shared>,
}

impl Lead {
    /// For the caller that leads.
    pub(super) fn of(shared: &Arc<Shared>) -> Self {
        Self { shared: Arc::clone(shared) }
    }

    /// Carry what waits, once; see [`super::Pipeline::carry`].
    pub(super) fn carry(&self, patience: &Patience, connects: bool) -> Result<(), GaveUp> {
        self.shared.pipeline.lock().carry(&self.shared, patience, connects)
    }

    /// Leave it to a thread of its own, which leads until what is on its way has arrived. Where there
    /// is no thread to be had, it goes to another caller.
    pub(super) fn relieve(self) {
        let relief = move || {
            // Each of those who wait has limits of its own, and leaves by itself.
            let timing = self.shared.route.timing();
            while self.shared.pipeline.lock().is_busy() {
                let _ = self.carry(&Patience::of_nobody(timing.connect + timing.reply), true);
            }
        };
        let _ = std::thread::Builder::new().name("pynenc-relief".into()).spawn(relief);
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        let pipeline = self.shared.pipeline.lock();
        let mut line = self.shared.line.lock();
        let next = pipeline.batch().iter().chain(&line.waiting).any(|ticket| ticket.promote());
        line.led = next;
    }
}
