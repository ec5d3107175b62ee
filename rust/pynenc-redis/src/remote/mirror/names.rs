//! Tasks by number: what travels is the name.

use std::collections::HashMap;
use std::sync::Arc;

use super::shadow::UNKNOWN_TASK;

#[derive(Debug, Default)]
pub(in crate::remote) struct Names {
    all: Vec<Arc<str>>,
    index: HashMap<Arc<str>, u32>,
}

impl Names {
    /// The number of a name; the same each time.
    pub(in crate::remote) fn number(&mut self, name: &str) -> u32 {
        if let Some(&known) = self.index.get(name) {
            return known;
        }
        let name: Arc<str> = Arc::from(name);
        let number = u32::try_from(self.all.len()).unwrap_or(UNKNOWN_TASK);
        self.all.push(Arc::clone(&name));
        self.index.insert(name, number);
        number
    }

    /// The name of a number that was given out.
    pub(in crate::remote) fn name(&self, number: u32) -> Option<&Arc<str>> {
        self.all.get(number as usize)
    }
}
