//! When the server is away, and who is told: once when it is lost, and once when it is back.

use std::fmt;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

/// Told of outages, in their order, on threads that nobody waits for.
pub trait Witness: Send + Sync + 'static {
    /// The server was there, and cannot be reached now; it is tried until it is back.
    fn lost(&self, server: &str, why: &str);
    /// It answers again, after so long.
    fn back(&self, server: &str, away: Duration);
}

/// What is known of the present outage, if there is one.
#[derive(Default)]
pub(super) struct Outage {
    witness: Option<Arc<dyn Witness>>,
    since: Option<Instant>,
    /// Tells of the loss, or has told.
    told: Option<JoinHandle<()>>,
}

impl Outage {
    /// Who is told from now on.
    pub(super) fn watch(&mut self, witness: Arc<dyn Witness>) {
        self.witness = Some(witness);
    }

    /// A connection broke. That alone is no outage: a server closes those that were idle for long.
    pub(super) fn broke(&mut self) {
        self.since.get_or_insert_with(Instant::now);
    }

    /// Nor can there be another one.
    pub(super) fn failed_again(&mut self, server: &dyn fmt::Display, why: &str) {
        let (Some(witness), Some(_), None) = (&self.witness, self.since, &self.told) else { return };
        let (witness, server, why) = (Arc::clone(witness), server.to_string(), why.to_owned());
        // Without a thread nobody is told; the next failure tries again.
        self.told = aside(move || witness.lost(&server, &why));
    }

    /// The server has answered.
    pub(super) fn over(&mut self, server: &dyn fmt::Display) {
        let Some(since) = self.since.take() else { return };
        if let (Some(told), Some(witness)) = (self.told.take(), &self.witness) {
            let (witness, server, away) = (Arc::clone(witness), server.to_string(), since.elapsed());
            aside(move || {
                let _ = told.join();
                witness.back(&server, away);
            });
        }
    }
}

/// The caller holds locks, and may be anybody's thread: what a witness does is not for it.
fn aside(work: impl FnOnce() + Send + 'static) -> Option<JoinHandle<()>> {
    Builder::new().name("pynenc-outage".into()).spawn(work).ok()
}
