//! What one thread closes a connection by on which another one waits.

use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::connection::Connection;
use super::fault::Fault;
use super::socket::Closer;

/// Open until it is closed, and then for good.
#[derive(Default)]
pub(super) struct Latch {
    closed: AtomicBool,
    closer: Mutex<Option<Closer>>,
}

impl Latch {
    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// From now on `connection` is the one to end.
    pub(super) fn guard(&self, connection: &Connection) -> Result<(), Fault> {
        *self.closer.lock() = Some(connection.closer()?);
        // Closed meanwhile, with nothing to end yet.
        if self.is_closed() {
            self.close();
        }
        Ok(())
    }

    /// Wake whoever waits, and end the connection.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        if let Some(closer) = self.closer.lock().take() {
            closer.close();
        }
    }
}
