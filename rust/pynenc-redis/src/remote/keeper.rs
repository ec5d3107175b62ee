//! The thread that renews leases, does what is due in the store, and reads what was not told.

use std::sync::Arc;
use std::time::Instant;

use super::shared::{Shared, earliest};
use crate::error::Result;

impl<C: Send + 'static> Shared<C> {
    /// Start the thread, once.
    pub(super) fn start_keeper(self: &Arc<Self>) -> Result<()> {
        if self.decide(|state, _| std::mem::replace(&mut state.listening.keeper_started, true)) {
            return Ok(());
        }
        self.spawn("keeper", |shared| shared.keep())
    }

    fn keep(&self) {
        while !self.is_aborting() {
            // Leases first: a reading may take its time.
            let beat = self.keep_alive();
            let read = self.read_some();
            if self.is_closing() && self.decide(|state, _| state.stations.iter().all(|s| s.is_retired())) {
                return;
            }
            self.keeper.park(earliest(beat, read));
        }
    }

    /// Read a lot of what was not told; when to read again. Blocks.
    fn read_some(&self) -> Option<Instant> {
        let now = Instant::now();
        let reading = self.decide(|state, _| state.next_reading(now, || self.guard_time()));
        if reading.ids.is_empty() {
            return reading.next;
        }
        match self.server.watch(&reading.ids, self.client) {
            Ok(answers) => {
                let answers = reading.ids.into_iter().zip(answers);
                self.decide(|state, after| {
                    for (id, answer) in answers {
                        state.read_answer(id, answer, reading.epoch, after);
                    }
                });
                let more = self.decide(|state, _| state.listening.read_all || !state.listening.to_read.is_empty());
                if more { Some(Instant::now()) } else { reading.next }
            }
            Err(failure) => {
                // Which of them were answered is not known: all that is waited for is read again.
                self.decide(|state, _| state.listening.read_all = true);
                Some(Instant::now() + self.pause_after(&failure))
            }
        }
    }

    /// When one that is waited for from now on is read to be safe.
    pub(super) fn guard_time(&self) -> Instant {
        Instant::now() + self.jittered(self.settings.safety_read)
    }
}
