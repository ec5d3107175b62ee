//! One caller's commands on their way: what is sent, and what has come back.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use redis::Value;

use super::{Bytes, Sink};
use crate::error::{RedisError, Result};

/// The commands of one call.
pub(super) struct Ticket {
    pub(super) commands: Vec<Command>,
    /// All of them, packed one behind the other, but for what lies apart.
    pub(super) bytes: Vec<u8>,
    /// What lies apart, and before which byte it belongs; in order.
    apart: Vec<(usize, Bytes)>,
    progress: Mutex<Progress>,
    signal: Condvar,
}

/// Commands in the making.
#[derive(Default)]
pub(super) struct Packed {
    pub(super) commands: Vec<Command>,
    pub(super) bytes: Vec<u8>,
    pub(super) apart: Vec<(usize, Bytes)>,
}

/// One command of a ticket.
pub(super) struct Command {
    /// Where in the ticket's bytes.
    pub(super) span: Range<usize>,
    /// Whether it calls a function of the library.
    pub(super) calls: bool,
    /// Whether the server may refuse it for want of memory.
    pub(super) refusable: bool,
    /// Whether its reply may be a large value.
    pub(super) fetches: bool,
    /// Where that goes as it comes.
    pub(super) into: Option<Arc<dyn Sink>>,
}

struct Progress {
    replies: Vec<Option<Result<Value>>>,
    missing: usize,
    stage: Stage,
}

/// Who has the ticket.
enum Stage {
    /// It is in line, or a leader carries it; its caller waits.
    Waiting,
    /// The same, but its caller is asked whether to go on, and cannot lead meanwhile.
    Away,
    /// It was its caller's turn to lead while that was away: it is to stand in line again.
    Passed,
    /// Its caller is to lead.
    Leading,
    /// Every reply is there, or none will come.
    Over(Result<()>),
    /// Its caller is gone.
    Abandoned,
}

/// What its caller is to do next.
pub(super) enum Turn {
    /// Return this.
    Over(Result<Vec<Result<Value>>>),
    /// Lead.
    Lead,
    /// Wait.
    Wait,
}

/// How a caller that gives up leaves its ticket.
pub(super) enum Farewell {
    /// It was decided just before.
    Decided(Result<Vec<Result<Value>>>),
    /// Somebody else must lead in its place.
    WasToLead,
    /// Nothing depends on it.
    Gone,
}

impl Ticket {
    pub(super) fn new(Packed { commands, bytes, apart }: Packed) -> Self {
        let replies = commands.iter().map(|_| None).collect();
        let progress = Progress { replies, missing: commands.len(), stage: Stage::Waiting };
        Self { commands, bytes, apart, progress: Mutex::new(progress), signal: Condvar::new() }
    }

    /// How much goes over the connection for it.
    pub(super) fn size(&self) -> usize {
        self.bytes.len() + self.apart.iter().map(|(_, bytes)| (**bytes).as_ref().len()).sum::<usize>()
    }

    /// What lies apart and belongs within a range of the bytes.
    pub(super) fn apart(&self, range: &Range<usize>) -> &[(usize, Bytes)] {
        let start = self.apart.partition_point(|&(at, _)| at <= range.start);
        let end = self.apart.partition_point(|&(at, _)| at < range.end);
        self.apart.get(start..end).unwrap_or_default()
    }

    // -- its caller -------------------------------------------------------------------------------
    /// Sleep until it is decided or its caller's turn to lead, or for `nap`.
    pub(super) fn wait(&self, nap: Duration) -> Turn {
        let mut progress = self.progress.lock();
        if matches!(progress.stage, Stage::Waiting) {
            self.signal.wait_for(&mut progress, nap);
        }
        progress.turn()
    }

    /// What its caller is to do, as things stand.
    pub(super) fn turn(&self) -> Turn {
        self.progress.lock().turn()
    }

    /// Its caller is busy for a moment and cannot lead. False if that comes too late.
    pub(super) fn step_away(&self) -> bool {
        let mut progress = self.progress.lock();
        let waits = matches!(progress.stage, Stage::Waiting);
        if waits {
            progress.stage = Stage::Away;
        }
        waits
    }

    /// Its caller waits again. True if it must stand in line again.
    pub(super) fn come_back(&self) -> bool {
        let mut progress = self.progress.lock();
        let passed = matches!(progress.stage, Stage::Passed);
        if passed || matches!(progress.stage, Stage::Away) {
            progress.stage = Stage::Waiting;
        }
        passed
    }

    /// Its caller goes.
    pub(super) fn abandon(&self) -> Farewell {
        let mut progress = self.progress.lock();
        let farewell = match progress.turn() {
            Turn::Over(outcome) => return Farewell::Decided(outcome),
            Turn::Lead => Farewell::WasToLead,
            Turn::Wait => Farewell::Gone,
        };
        progress.stage = Stage::Abandoned;
        farewell
    }

    // -- its leader -------------------------------------------------------------------------------
    /// Whether somebody still waits for replies.
    pub(super) fn is_open(&self) -> bool {
        !matches!(self.progress.lock().stage, Stage::Over(_) | Stage::Abandoned)
    }

    /// The commands without a reply.
    pub(super) fn unanswered(&self) -> Vec<usize> {
        let progress = self.progress.lock();
        let open = progress.replies.iter().enumerate().filter(|(_, reply)| reply.is_none());
        open.map(|(index, _)| index).collect()
    }

    /// A reply came.
    pub(super) fn answer(&self, command: usize, reply: Result<Value>) {
        let mut progress = self.progress.lock();
        let Some(place @ None) = progress.replies.get_mut(command) else { return };
        *place = Some(reply);
        progress.missing -= 1;
        if progress.missing == 0 {
            self.decide(&mut progress, Ok(()));
        }
    }

    /// No reply will come.
    pub(super) fn fail(&self, error: RedisError) {
        self.decide(&mut self.progress.lock(), Err(error));
    }

    fn decide(&self, progress: &mut Progress, how: Result<()>) {
        if !matches!(progress.stage, Stage::Over(_) | Stage::Abandoned) {
            progress.stage = Stage::Over(how);
            self.signal.notify_one();
        }
    }

    /// Have its caller lead, if it waits.
    pub(super) fn promote(&self) -> bool {
        let mut progress = self.progress.lock();
        match progress.stage {
            Stage::Waiting => progress.stage = Stage::Leading,
            Stage::Away => progress.stage = Stage::Passed,
            _ => {}
        }
        let leads = matches!(progress.stage, Stage::Leading);
        if leads {
            self.signal.notify_one();
        }
        leads
    }
}

impl Progress {
    fn turn(&mut self) -> Turn {
        match &self.stage {
            Stage::Over(Ok(())) => Turn::Over(Ok(std::mem::take(&mut self.replies).into_iter().flatten().collect())),
            Stage::Over(Err(error)) => Turn::Over(Err(error.clone())),
            Stage::Leading => {
                // Taken up: whoever leads waits, too.
                self.stage = Stage::Waiting;
                Turn::Lead
            }
            Stage::Waiting | Stage::Away | Stage::Passed | Stage::Abandoned => Turn::Wait,
        }
    }
}
