//! What is on its way over the connection. It can be left at any point, and taken up by another leader.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::Shared;
use super::outgoing::Outgoing;
use crate::error::RedisError;
use crate::link::backoff::Backoff;
use crate::link::command::packed;
use crate::link::connection::Connection;
use crate::link::fault::Fault;
use crate::link::patience::{GaveUp, Patience};
use crate::link::ticket::{Command, Ticket};
use crate::link::verdict::{Verdict, judge};

/// So often the library is loaded at once; a server that still has none of it is given time.
const QUICK_LOADS: u32 = 3;

/// The connection and the callers whose commands are on it.
#[derive(Default)]
pub(super) struct Pipeline {
    connection: Option<Connection>,
    batch: Vec<Arc<Ticket>>,
    outgoing: Outgoing,
    /// What the next replies are to, in their order.
    due: VecDeque<Due>,
    tally: Tally,
    /// Whether the library is to be loaded before anything else.
    unknown: bool,
    loads: u32,
    backoff: Backoff,
    not_before: Option<Instant>,
}

/// What a reply is to.
enum Due {
    Command(Arc<Ticket>, usize),
    Load,
}

impl Due {
    /// The command, if it is one whose reply may be a large value.
    fn fetches(&self) -> Option<&Command> {
        match self {
            Self::Command(ticket, index) => ticket.commands.get(*index).filter(|command| command.fetches),
            Self::Load => None,
        }
    }
}

/// What the replies of one round ask for.
#[derive(Default)]
struct Tally {
    answered: bool,
    later: Option<String>,
    elsewhere: Option<Fault>,
}

impl Pipeline {
    /// Whether somebody still waits for what is on its way.
    pub(super) fn is_busy(&self) -> bool {
        self.batch.iter().any(|ticket| ticket.is_open())
    }

    /// Those who wait for it.
    pub(super) fn batch(&self) -> &[Arc<Ticket>] {
        &self.batch
    }

    /// One round: send what waits and read the replies, or go on where the last leader stopped. A
    /// leader that may not connect stops where a connection is needed.
    pub(super) fn carry(&mut self, shared: &Shared, patience: &Patience, connects: bool) -> Result<(), GaveUp> {
        let Err(fault) = self.round(shared, patience, connects) else { return Ok(()) };
        match fault {
            // What is sent stays sent, and what is due stays due.
            Fault::GaveUp(gave_up) => return Err(gave_up),
            Fault::Fatal(error) => {
                self.reset();
                self.batch.drain(..).for_each(|ticket| ticket.fail(error.clone()));
            }
            Fault::Lost(_) | Fault::Garbled(_) | Fault::Elsewhere(..) => self.reset(),
        }
        patience.spent().map_or(Ok(()), Err)
    }

    fn round(&mut self, shared: &Shared, patience: &Patience, connects: bool) -> Result<(), Fault> {
        if self.due.is_empty() {
            if let Some(then) = self.not_before {
                patience.sleep_until(then).map_err(Fault::GaveUp)?;
                self.not_before = None;
            }
            self.batch.retain(|ticket| ticket.is_open());
            shared.line.lock().fill(&mut self.batch);
            if self.batch.is_empty() {
                return Ok(());
            }
            if self.connection.is_none() {
                if !connects {
                    return Err(Fault::GaveUp(GaveUp::TooLate));
                }
                self.connection = Some(shared.route.connect("pynenc:wire", patience)?);
            }
            self.plan(shared);
        }
        self.exchange(shared, patience).map_err(|fault| shared.route.note(fault))?;
        self.conclude(shared)
    }

    /// Put in order what is to be sent: the library if it is missing, then every command without a reply.
    fn plan(&mut self, shared: &Shared) {
        self.tally = Tally::default();
        if std::mem::take(&mut self.unknown) {
            self.outgoing.push(&packed(&[b"FUNCTION", b"LOAD", shared.library.source.as_bytes()]));
            self.due.push_back(Due::Load);
        }
        for ticket in &self.batch {
            let commands = ticket.unanswered();
            if commands.len() == ticket.commands.len() {
                self.outgoing.push_ticket(ticket, 0..ticket.bytes.len());
            } else {
                let spans = commands.iter().filter_map(|index| ticket.commands.get(*index));
                spans.for_each(|command| self.outgoing.push_ticket(ticket, command.span.clone()));
            }
            self.due.extend(commands.into_iter().map(|index| Due::Command(Arc::clone(ticket), index)));
        }
    }

    fn exchange(&mut self, shared: &Shared, patience: &Patience) -> Result<(), Fault> {
        // A leader that panicked took it along, and what was due on it is void.
        let Some(mut connection) = self.connection.take() else { return Err(Fault::Lost("no connection".into())) };
        let result = self.exchange_on(&mut connection, shared, patience);
        self.connection = Some(connection);
        if self.tally.answered {
            shared.route.proven();
            self.backoff.reset();
            self.loads = 0;
        }
        result
    }

    fn exchange_on(&mut self, connection: &mut Connection, shared: &Shared, patience: &Patience) -> Result<(), Fault> {
        self.outgoing.send(connection, patience)?;
        while !self.due.is_empty() {
            let reply = match self.due.front().and_then(Due::fetches) {
                Some(command) => connection.receive_large(command.into.as_ref(), patience)?,
                None => connection.receive(patience)?,
            };
            match self.due.pop_front() {
                Some(Due::Command(ticket, index)) => {
                    let Some(command) = ticket.commands.get(index) else { continue };
                    match judge(reply, command.refusable, connection.endpoint(), shared.route.address()) {
                        Verdict::Answer(reply) => {
                            self.tally.answered = true;
                            ticket.answer(index, reply);
                        }
                        Verdict::Unknown => self.unknown = true,
                        verdict => self.tally.put_off(verdict),
                    }
                }
                Some(Due::Load) => match judge(reply, true, connection.endpoint(), shared.route.address()) {
                    Verdict::Answer(Err(full @ RedisError::Full { .. })) => {
                        // No functions, and no room for them: new work cannot be taken, the rest waits for room.
                        self.fail_those_who(&full, |command| command.refusable);
                        self.tally.later = Some(full.to_string());
                    }
                    Verdict::Answer(Err(error)) if !is_there(&error) => self.refuse(&error),
                    Verdict::Answer(_) => {}
                    verdict => self.tally.put_off(verdict),
                },
                None => {}
            }
        }
        connection.all_received();
        Ok(())
    }

    /// The server does not take the library: nobody who calls a function will be answered.
    fn refuse(&self, error: &RedisError) {
        let error = match error {
            RedisError::Access { .. } => error.clone(),
            _ => RedisError::Protocol(format!("the server does not take the library of functions: {error}")),
        };
        self.fail_those_who(&error, |_| true);
    }

    /// Tell those who call a function of that kind that none will be called.
    fn fail_those_who(&self, error: &RedisError, kind: impl Fn(&Command) -> bool) {
        let calls = |ticket: &&Arc<Ticket>| ticket.commands.iter().any(|command| command.calls && kind(command));
        self.batch.iter().filter(calls).for_each(|ticket| ticket.fail(error.clone()));
    }

    /// Every reply is read: see what is to be done again, and when.
    fn conclude(&mut self, shared: &Shared) -> Result<(), Fault> {
        let tally = std::mem::take(&mut self.tally);
        if let Some(elsewhere) = tally.elsewhere {
            return Err(shared.route.note(elsewhere));
        }
        self.loads += u32::from(self.unknown);
        let why = match tally.later {
            None if self.loads <= QUICK_LOADS => return Ok(()),
            None => "the server forgets its functions".into(),
            Some(why) => why,
        };
        shared.route.remark(why);
        self.not_before = Some(Instant::now() + self.backoff.next(shared.route.timing().pause));
        Ok(())
    }

    /// Let go of the connection and of everything on it: what is still unread would answer the wrong command.
    fn reset(&mut self) {
        self.connection = None;
        self.outgoing = Outgoing::default();
        self.due.clear();
    }
}

/// Whether a library was not loaded because it had been, by somebody else a moment before.
fn is_there(error: &RedisError) -> bool {
    matches!(error, RedisError::Protocol(said) if said.contains("already exists"))
}

impl Tally {
    fn put_off(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Later(why) => self.later = Some(why),
            Verdict::Elsewhere(to, why) => self.elsewhere = Some(Fault::Elsewhere(to, why)),
            Verdict::Answer(_) | Verdict::Unknown => {}
        }
    }
}
