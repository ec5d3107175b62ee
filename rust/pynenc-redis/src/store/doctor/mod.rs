//! The invariants of the store, checked against every key of the app.

mod evidence;
mod examine;

use std::collections::HashSet;
use std::thread;
use std::time::Duration;

use super::Store;
use crate::error::Result;
use evidence::Evidence;

/// How often it is looked again while others work. What moves meanwhile is wrong in another way each time, but
/// not in so many ways that a few looks would do.
const MOST_LOOKS: u32 = 16;
const PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(80);

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
    /// therefore looks for again until nothing moves, and tells what was wrong in the same way every time.
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
        let mut found = Evidence::gather(self)?;
        let mut wrong = examine::all(&found);
        for look in 1..MOST_LOOKS {
            if wrong.is_empty() {
                break;
            }
            thread::sleep(LONGEST_PAUSE.min(PAUSE * look));
            let before: HashSet<String> = wrong.into_iter().map(|finding| finding.mark).collect();
            let again = Evidence::gather(self)?;
            wrong = examine::all(&again);
            wrong.retain(|finding| before.contains(&finding.mark));
            if again.numbers() == found.numbers() {
                break;
            }
            found = again;
        }
        Ok(wrong.into_iter().map(|finding| finding.line).collect())
    }
}
