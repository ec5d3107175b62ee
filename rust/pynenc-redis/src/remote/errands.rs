//! Work that blocks, done one piece after the other on a thread of its own.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use pynenc_core::park::Parker;

use super::shared::Shared;
use crate::error::Result;

type Errand = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Line {
    waiting: VecDeque<Errand>,
    started: bool,
}

/// A line of errands and the thread that does them, started with the first.
pub(super) struct Errands {
    name: &'static str,
    /// Somebody waits for each, who is told even that the engine was closed: then they fail one after the other.
    owed: bool,
    line: Mutex<Line>,
    parker: Parker,
}

impl Errands {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, owed: false, line: Mutex::default(), parker: Parker::new() }
    }

    pub(super) fn owed(name: &'static str) -> Self {
        Self { owed: true, ..Self::new(name) }
    }

    pub(super) fn wake(&self) {
        self.parker.unpark();
    }

    fn push(&self, errand: Errand) -> bool {
        let mut line = self.line.lock();
        line.waiting.push_back(errand);
        !std::mem::replace(&mut line.started, true)
    }

    fn next(&self) -> Option<Errand> {
        self.line.lock().waiting.pop_front()
    }
}

impl<C: Send + 'static> Shared<C> {
    /// Put one at the end of the line that `which` names.
    pub(super) fn post(
        self: &Arc<Self>,
        which: impl Fn(&Self) -> &Errands + Copy + Send + 'static,
        errand: impl FnOnce() + Send + 'static,
    ) -> Result<()> {
        let line = which(self);
        if line.push(Box::new(errand)) {
            self.spawn(line.name, move |shared| shared.do_errands(which(shared)))?;
        }
        line.wake();
        Ok(())
    }

    fn do_errands(&self, line: &Errands) {
        while !self.is_aborting() {
            match line.next() {
                Some(errand) => errand(),
                None if self.is_closing() => return,
                None => drop(line.parker.park(None)),
            }
        }
        while line.owed
            && let Some(errand) = line.next()
        {
            errand();
        }
    }
}
