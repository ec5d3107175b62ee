//! The invariants of the store, checked against every key of the app.

mod evidence;
mod examine;

use std::collections::HashSet;
use std::thread;
use std::time::Duration;

use super::Store;
use crate::error::Result;
use evidence::Evidence;

/// How long to wait before each further look. What moves meanwhile is wrong in another way each time.
const LOOKS_AGAIN_MS: [u64; 4] = [10, 20, 40, 80];

/// Something that is wrong.
struct Finding {
    line: String,
    /// What is the same at every look, if it is really wrong.
    mark: String,
}

impl From<String> for Finding {
    fn from(line: String) -> Self {
        Self { mark: line.clone(), line }
    }
}

impl Store {
    /// What is wrong, a line each; nothing when all invariants hold. Looks at everything, some at a
    /// time: of a store that is in use meanwhile one look sees different moments. What it finds it
    /// therefore looks for again, and tells what was wrong in the same way every time.
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
        let mut wrong = examine::all(&Evidence::gather(self)?);
        for pause in LOOKS_AGAIN_MS.map(Duration::from_millis) {
            if wrong.is_empty() {
                break;
            }
            thread::sleep(pause);
            let before: HashSet<String> = wrong.into_iter().map(|finding| finding.mark).collect();
            wrong = examine::all(&Evidence::gather(self)?);
            wrong.retain(|finding| before.contains(&finding.mark));
        }
        Ok(wrong.into_iter().map(|finding| finding.line).collect())
    }
}
