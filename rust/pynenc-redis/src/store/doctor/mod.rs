//! The invariants of the store, checked against every key of the app.

mod evidence;
mod examine;

use super::Store;
use crate::error::Result;
use evidence::Evidence;

impl Store {
    /// What is wrong, a line each; nothing when all invariants hold. Looks at everything, some at a
    /// time: of a store that is in use meanwhile it sees different moments.
    ///
    /// A record that has not ended is in exactly one place (queue, delay, a key's line, a task's
    /// line, a worker's hands); every line names only those that stand in it; a running key has one
    /// holder, which is held, and a line of it has somebody to wake it; a registration key names only
    /// what has not started, at most one of which is new; nothing is left of what is gone; counters
    /// match.
    ///
    /// # Errors
    /// What keeps the store from answering.
    pub fn doctor(&self) -> Result<Vec<String>> {
        Ok(examine::all(&Evidence::gather(self)?))
    }
}
