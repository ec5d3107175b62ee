//! A blocking pop of wake-up tokens, on a connection of its own.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use redis::Value;

use super::command::pack;
use super::connection::Connection;
use super::fault::Fault;
use super::latch::Latch;
use super::patience::Patience;
use super::route::Route;
use super::verdict::{Verdict, judge};
use crate::error::{RedisError, Result};

/// What ended a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bell {
    /// A token came, from the key at this place.
    Rung(usize),
    /// None came in the time.
    Silent,
    /// The connection was lost and is there again: a token may have died with the old one, so look.
    Renewed,
    /// It was closed.
    Closed,
}

/// Waits for tokens. One thread waits; any other can close it.
pub struct Doorbell {
    route: Arc<Route>,
    ear: Mutex<Ear>,
    latch: Arc<Latch>,
}

#[derive(Default)]
struct Ear {
    connection: Option<Connection>,
    /// A connection was lost since the last wait returned.
    broken: bool,
}

impl Doorbell {
    /// A bell that connects when somebody first waits for it.
    #[must_use]
    pub fn new(route: Arc<Route>) -> Self {
        Self { route, ear: Mutex::default(), latch: Arc::default() }
    }

    /// Wait until one of the lists `keys` has a token, and take it; at most for `timeout`.
    ///
    /// # Errors
    /// `Unreachable` when the server was away for the whole time, and whatever makes waiting
    /// useless: `Access`, `Unfit`, `Forked`.
    pub fn wait(&self, keys: &[&[u8]], timeout: Duration) -> Result<Bell> {
        self.route.check_home()?;
        let mut ear = self.ear.lock();
        let patience = self.patience(timeout);
        loop {
            if self.latch.is_closed() {
                *ear = Ear::default();
                return Ok(Bell::Closed);
            }
            match self.once(&mut ear, keys, &patience) {
                Ok(bell) => return bell,
                // Closed, or no time left; the loop's head knows which.
                Err(_) if self.latch.is_closed() => {}
                Err(Fault::GaveUp(_)) => return Err(self.route.unreachable(&patience)),
                Err(Fault::Fatal(error)) => return Err(error),
                Err(Fault::Lost(_) | Fault::Garbled(_) | Fault::Elsewhere(..)) => ear.broken = true,
            }
        }
    }

    /// End the wait that goes on, and all that come. Any thread may.
    pub fn close(&self) {
        // A child must not end its parent's connection.
        if self.route.is_home() {
            self.latch.close();
        }
    }

    fn patience(&self, limit: Duration) -> Patience {
        Patience::of_latch(limit, &self.latch)
    }

    fn once(&self, ear: &mut Ear, keys: &[&[u8]], patience: &Patience) -> Result<Result<Bell>, Fault> {
        let mut connection = match ear.connection.take() {
            Some(connection) => connection,
            None => {
                let connection = self.route.connect("pynenc:doorbell", patience)?;
                self.latch.guard(&connection)?;
                if std::mem::take(&mut ear.broken) {
                    ear.connection = Some(connection);
                    return Ok(Ok(Bell::Renewed));
                }
                connection
            }
        };
        let reply = self.pop(&mut connection, keys, patience.left()).map_err(|fault| self.route.note(fault))?;
        let bell = match judge(reply, false, connection.endpoint(), self.route.address()) {
            Verdict::Answer(reply) => reply.and_then(|reply| bell(&reply, keys)),
            Verdict::Elsewhere(to, why) => return Err(self.route.note(Fault::Elsewhere(to, why))),
            Verdict::Later(why) => return Err(self.route.note(Fault::Lost(why))),
            Verdict::Unknown => Err(RedisError::Protocol("a pop calls no function".into())),
        };
        self.route.proven();
        ear.connection = Some(connection);
        Ok(bell)
    }

    fn pop(&self, connection: &mut Connection, keys: &[&[u8]], time: Duration) -> Result<Value, Fault> {
        // Zero would mean for ever.
        let seconds = format!("{:.3}", time.as_secs_f64().max(0.001));
        let words: Vec<&[u8]> = [&[b"BLPOP".as_slice()], keys, &[seconds.as_bytes()]].concat();
        let mut command = Vec::new();
        pack(&mut command, words.into_iter());
        let limit = time + self.route.timing().reply;
        connection.sleep_for(limit)?;
        connection.ask(&command, &self.patience(limit))
    }
}

impl fmt::Debug for Doorbell {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Doorbell({})", self.route.address())
    }
}

fn bell(reply: &Value, keys: &[&[u8]]) -> Result<Bell> {
    match reply {
        Value::Nil => Ok(Bell::Silent),
        Value::Array(parts) => match parts.first() {
            Some(Value::BulkString(key)) => keys.iter().position(|known| *known == key.as_slice()).map(Bell::Rung),
            _ => None,
        }
        .ok_or_else(|| RedisError::Protocol("a pop from a key that nobody asked for".into())),
        _ => Err(RedisError::Protocol("a pop that is no pair".into())),
    }
}
