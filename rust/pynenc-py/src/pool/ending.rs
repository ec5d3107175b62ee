//! The end of a worker process that its own Python cannot bring about: a body holds the interpreter and does not
//! let go. None of this needs the interpreter.

use std::sync::{Arc, Weak};
use std::time::Duration;

use pynenc_core::engine::Outcome;

use super::keeping::Due;
use super::{Count, Pool};
use crate::engine::Engine;

/// How long the engine is given to take the last words of the process.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// How long the process has to end in good order once the one that it works for has ended.
const ORPHANED: Duration = Duration::from_secs(10);

/// The exit code of a process that ended itself; the board says it too, since a body may exit with it.
const FORCED: i32 = 71;

impl Pool {
    /// End the invocation of a body that would not end, hand everything else back, and end the process.
    pub(super) fn end_process_under(&self, mut stuck: Due) {
        if let (Engine::Remote(remote), Some(bytes)) = (&self.runtime.engine, stuck.last_words.take()) {
            let (at, fence) = stuck.held;
            let _ = remote.remote.finish(at, fence, Outcome::Failed(bytes), 0, None);
            self.board.add(Count::Failed);
            self.end_process();
        }
    }

    fn end_process(&self) {
        if let Engine::Remote(remote) = &self.runtime.engine {
            let _ = remote.remote.hand_back(self.worker(), LAST_WORDS);
        }
        self.board.set(Count::Forced, 1);
        // SAFETY: ends the process without running anything that it registered for its end: that might need the
        // interpreter, which somebody holds.
        unsafe { libc::_exit(FORCED) }
    }

    /// End the process some time after the one that it works for, should it not have ended by then.
    pub(super) fn outlive_nobody(self: &Arc<Self>) -> std::io::Result<()> {
        let Some(employer) = self.duty.employer else { return Ok(()) };
        let pool = Arc::downgrade(self);
        let watch = move || {
            if has_ended(employer) {
                std::thread::sleep(ORPHANED);
                let _ = Weak::upgrade(&pool).map(|pool| pool.end_process());
            }
        };
        std::thread::Builder::new().name("pynenc-employer".into()).spawn(watch).map(drop)
    }
}

/// Sleep until the process of this descriptor has ended; `false` when that cannot be told.
fn has_ended(process: i32) -> bool {
    let mut watched = libc::pollfd { fd: process, events: libc::POLLIN, revents: 0 };
    loop {
        // SAFETY: `watched` is one valid entry, and lives for the call.
        let ready = unsafe { libc::poll(&raw mut watched, 1, -1) };
        if ready == 1 {
            return watched.revents & libc::POLLIN != 0;
        }
        if std::io::Error::last_os_error().kind() != std::io::ErrorKind::Interrupted {
            return false;
        }
    }
}
