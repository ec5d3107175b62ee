//! The connection that carries commands, shared by every thread of the process.
//!
//! Flat combining: the caller that finds the connection free leads. It sends everything that waits
//! as one pipeline, reads the replies and hands them out; callers that come meanwhile wait, and one
//! of them leads next. A caller that is alone pays for no second thread.
//!
//! A caller that wants to be asked now and then whether to go on ([`crate::patience`]) leads only as
//! long as nobody has to ask it: then a thread takes over where it stands, and the caller waits like
//! any other. So no code of a caller ever runs while it keeps others from the connection.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use redis::Value;

use super::command::{pack, pack_keep};
use super::patience::{GaveUp, Patience};
use super::route::Route;
use super::ticket::{Command, Farewell, Packed, Ticket, Turn};
use super::{Call, Link, Request};
use crate::error::{RedisError, Result};
use crate::patience::SLICE;
use crate::store::Library;

mod lead;
mod outgoing;
mod pipeline;

use lead::{Lead, Line};
use pipeline::Pipeline;

/// Carries commands to the server, from any thread.
pub struct Wire(Arc<Shared>);

struct Shared {
    route: Arc<Route>,
    library: &'static Library,
    line: Mutex<Line>,
    /// Only the leader takes it.
    pipeline: Mutex<Pipeline>,
}

impl Wire {
    /// A wire for calls of this library's functions. It connects when it is first used.
    #[must_use]
    pub fn new(route: Arc<Route>, library: &'static Library) -> Self {
        Self(Arc::new(Shared { route, library, line: Mutex::default(), pipeline: Mutex::default() }))
    }

    /// The way it goes.
    #[must_use]
    pub fn route(&self) -> &Arc<Route> {
        &self.0.route
    }

    /// Send one command that is no function, for what looks at the server itself.
    ///
    /// # Errors
    /// As [`Link::call`]; what the server refuses is a `Protocol` or an `Access` error.
    pub fn command(&self, words: &[&[u8]]) -> Result<Value> {
        let mut packed = Packed::default();
        packed.add(false, true, |packed| pack(&mut packed.bytes, words.iter().copied()));
        let mut replies = self.0.carry(Ticket::new(packed))?;
        replies.pop().unwrap_or_else(|| Err(RedisError::Protocol("no reply".into())))
    }
}

impl Link for Wire {
    fn call(&self, calls: &[Call]) -> Result<Vec<Result<Value>>> {
        self.0.carry(self.0.ticket(calls)?)
    }

    fn send(&self, requests: &[Request]) -> Result<Vec<Result<Value>>> {
        let mut packed = Packed::default();
        for request in requests {
            match request {
                Request::Run(call) => self.0.pack_call(&mut packed, call)?,
                Request::Keep { key, bytes, millis } => {
                    packed.add(false, true, |packed| {
                        pack_keep(&mut packed.bytes, &mut packed.apart, key, bytes, *millis)
                    });
                }
                Request::Write { words } => {
                    packed.add(false, true, |packed| pack(&mut packed.bytes, words.iter().map(Vec::as_slice)));
                }
                Request::Fetch { key, into } => {
                    packed.add(false, false, |packed| pack(&mut packed.bytes, [b"GET".as_slice(), key].into_iter()));
                    if let Some(command) = packed.commands.last_mut() {
                        command.fetches = true;
                        command.into.clone_from(into);
                    }
                }
            }
        }
        self.0.carry(Ticket::new(packed))
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Wire({})", self.0.route.address())
    }
}

impl Shared {
    fn ticket(&self, calls: &[Call]) -> Result<Ticket> {
        let bytes = Vec::with_capacity(calls.iter().map(size).sum());
        let mut packed = Packed { bytes, commands: Vec::with_capacity(calls.len()), apart: Vec::new() };
        calls.iter().try_for_each(|call| self.pack_call(&mut packed, call))?;
        Ok(Ticket::new(packed))
    }

    fn pack_call(&self, packed: &mut Packed, call: &Call) -> Result<()> {
        let Some(function) = self.library.functions.get(call.function) else {
            return Err(RedisError::Protocol(format!("there is no function {}", call.function)));
        };
        let head = [b"FCALL", function.as_bytes(), b"1", self.route.prefix()];
        let words = Words { head, arguments: &call.arguments, next: 0 };
        packed.add(true, call.refusable, |packed| pack(&mut packed.bytes, words));
        Ok(())
    }

    fn carry(self: &Arc<Self>, ticket: Ticket) -> Result<Vec<Result<Value>>> {
        self.route.check_home()?;
        if ticket.commands.is_empty() {
            return Ok(Vec::new());
        }
        let (own, patience) = (Arc::new(ticket), self.route.patience());
        let leads = self.line.lock().enter(&own);
        let mut turn = if leads { Turn::Lead } else { Turn::Wait };
        loop {
            turn = match turn {
                Turn::Over(outcome) => return outcome,
                Turn::Lead => self.lead(&own, &patience),
                Turn::Wait => self.wait(&own, &patience),
            };
        }
    }

    /// Wait for a leader to bring the replies, or for the turn to lead.
    fn wait(self: &Arc<Self>, own: &Ticket, patience: &Patience) -> Turn {
        match own.wait(patience.nap()) {
            Turn::Wait => {}
            decided => return decided,
        }
        if !patience.asks() {
            return patience.spent().map_or(Turn::Wait, |gave_up| self.leave(own, gave_up, patience));
        }
        if !own.step_away() {
            return own.turn();
        }
        let gave_up = patience.spent();
        if own.come_back() && self.line.lock().claim() {
            match gave_up {
                None => return Turn::Lead,
                Some(_) => drop(Lead::of(self)),
            }
        }
        gave_up.map_or_else(|| own.turn(), |gave_up| self.leave(own, gave_up, patience))
    }

    /// Carry the commands of everyone who waits until the own ones are answered.
    fn lead(self: &Arc<Self>, own: &Ticket, patience: &Patience) -> Turn {
        let lead = Lead::of(self);
        let shift = if patience.asks() { patience.at_most(SLICE) } else { patience.clone() }.unasked();
        loop {
            let went = lead.carry(&shift, !patience.asks());
            match own.turn() {
                Turn::Wait => {}
                decided => return decided,
            }
            match went {
                Ok(()) => {}
                Err(_) if patience.asks() => {
                    lead.relieve();
                    return Turn::Wait;
                }
                Err(gave_up) => return self.leave(own, gave_up, patience),
            }
        }
    }

    /// Stop waiting. What was sent may be carried out all the same.
    fn leave(self: &Arc<Self>, own: &Ticket, gave_up: GaveUp, patience: &Patience) -> Turn {
        match own.abandon() {
            Farewell::Decided(outcome) => return Turn::Over(outcome),
            Farewell::WasToLead => drop(Lead::of(self)),
            Farewell::Gone => {}
        }
        Turn::Over(Err(self.route.given_up(gave_up, patience)))
    }
}

impl Packed {
    /// Add the command that `write` appends.
    fn add(&mut self, calls: bool, refusable: bool, write: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        write(self);
        let span = start..self.bytes.len();
        self.commands.push(Command { span, calls, refusable, fetches: false, into: None });
    }
}

fn size(call: &Call) -> usize {
    128 + call.arguments.iter().map(|argument| argument.len() + 16).sum::<usize>()
}

/// The words of a function's call.
struct Words<'a> {
    head: [&'a [u8]; 4],
    arguments: &'a [Vec<u8>],
    next: usize,
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let at = self.next;
        self.next += 1;
        match self.head.get(at) {
            Some(word) => Some(word),
            None => self.arguments.get(at - self.head.len()).map(Vec::as_slice),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.head.len() + self.arguments.len()).saturating_sub(self.next);
        (left, Some(left))
    }
}

impl ExactSizeIterator for Words<'_> {}
