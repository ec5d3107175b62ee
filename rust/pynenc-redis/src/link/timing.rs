//! How long the link tries.

use std::time::Duration;

/// The time limits of a link.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// For opening a connection, name look-up and handshake included.
    pub connect: Duration,
    /// Without a byte from the server while a reply is due; the connection is then given up.
    pub reply: Duration,
    /// For one call, over all its attempts, once the server has been reached before.
    pub overall: Duration,
    /// For one call as long as the server has never been reached: it is more likely that the
    /// address is wrong than that an outage began before the start.
    pub first: Duration,
    /// Between two attempts, at most. A fraction of the lease, or a worker that lived through an outage would not be
    /// back before its lease is over.
    pub pause: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            reply: Duration::from_secs(5),
            overall: Duration::from_secs(60),
            first: Duration::from_secs(10),
            pause: Duration::from_secs(2),
        }
    }
}
