//! Messages to this client, on a connection and a thread of their own. They are published by `SPUBLISH`: a sharded
//! channel stays in the slot of the app's keys in a cluster, and needs none.

use std::fmt;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use redis::Value;

use super::command::packed;
use super::connection::Connection;
use super::fault::Fault;
use super::latch::Latch;
use super::patience::Patience;
use super::route::Route;
use super::verdict::{Verdict, judge};
use crate::error::{RedisError, Result};

/// After this long without a message the server is asked whether it is still there; after this long
/// without an answer it is not.
const SILENCE: Duration = Duration::from_secs(15);
/// Between attempts that cannot work until somebody changes something.
const REFUSED: Duration = Duration::from_secs(5);
/// As good as for ever.
const AGES: Duration = Duration::from_secs(10 * 365 * 86_400);

/// Who is told. Called on the thread of the notices: what takes long delays what comes after it.
pub trait Listener: Send + Sync + 'static {
    /// A message of the channel.
    fn on_message(&self, message: &[u8]);
    /// The channel is subscribed, for the first time or again: what was published before did not
    /// arrive, so whatever is waited for is to be read now.
    fn on_reconnected(&self);
}

/// Listens to one channel until it is dropped.
pub struct Notices {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    route: Arc<Route>,
    channel: Vec<u8>,
    latch: Arc<Latch>,
    start: Mutex<Start>,
    started: Condvar,
}

/// How the first subscription went.
enum Start {
    Open,
    Done,
    Failed(RedisError),
}

impl Notices {
    /// Begin to listen. The subscription is made in the background; [`Notices::ready`] waits for it.
    ///
    /// # Errors
    /// `Forked`, and `Unreachable` if the system gives no thread.
    pub fn open(route: Arc<Route>, channel: impl Into<Vec<u8>>, listener: impl Listener) -> Result<Self> {
        route.check_home()?;
        let start = Mutex::new(Start::Open);
        let (latch, started) = (Arc::default(), Condvar::new());
        let shared = Arc::new(Shared { route, channel: channel.into(), latch, start, started });
        let own = Arc::clone(&shared);
        let spawned = std::thread::Builder::new().name("pynenc-notices".into()).spawn(move || own.run(&listener));
        let thread = spawned.map_err(|error| RedisError::Unreachable {
            server: shared.route.address().to_string(),
            seconds: 0.0,
            last: format!("no thread for notices: {error}"),
        })?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Wait until the channel is subscribed for the first time.
    ///
    /// # Errors
    /// As a call on the wire.
    pub fn ready(&self) -> Result<()> {
        self.shared.route.check_home()?;
        let patience = self.shared.route.patience();
        loop {
            let mut start = self.shared.start.lock();
            match &*start {
                Start::Done => return Ok(()),
                Start::Failed(error) => return Err(error.clone()),
                Start::Open => self.shared.started.wait_for(&mut start, patience.nap()),
            };
            drop(start);
            if let Some(gave_up) = patience.spent() {
                return Err(self.shared.route.given_up(gave_up, &patience));
            }
        }
    }
}

impl Drop for Notices {
    fn drop(&mut self) {
        // A child has no such thread, and must not end its parent's connection.
        if !self.shared.route.is_home() {
            return;
        }
        self.shared.latch.close();
        if let Some(thread) = self.thread.take() {
            // The last owner may be a listener, on that very thread.
            if thread.thread().id() != std::thread::current().id() {
                let _ = thread.join();
            }
        }
    }
}

impl fmt::Debug for Notices {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Notices({})", self.shared.route.address())
    }
}

impl Shared {
    fn run(&self, listener: &impl Listener) {
        let patience = Patience::of_latch(AGES, &self.latch);
        while !self.latch.is_closed() {
            let fault = match self.subscribe(&patience) {
                Ok(connection) => {
                    self.decide(Start::Done);
                    listener.on_reconnected();
                    self.hear(connection, listener, &patience)
                }
                Err(fault) => fault,
            };
            if self.latch.is_closed() {
                return;
            }
            if let Fault::Fatal(error) = fault {
                self.decide(Start::Failed(error));
                let _ = patience.sleep_until(Instant::now() + REFUSED);
            }
        }
    }

    fn decide(&self, how: Start) {
        *self.start.lock() = how;
        self.started.notify_all();
    }

    fn subscribe(&self, patience: &Patience) -> Result<Connection, Fault> {
        let mut connection = self.route.connect("pynenc:notices", patience)?;
        self.latch.guard(&connection)?;
        // A sharded channel lives in the slot of the app's keys, and needs no cluster.
        let command = packed(&[b"SSUBSCRIBE", &self.channel]);
        let reply = connection.ask(&command, &patience.at_most(self.route.timing().connect));
        let reply = reply.map_err(|fault| self.route.note(self.unless_closed(fault)))?;
        match judge(reply, false, connection.endpoint(), self.route.address()) {
            Verdict::Answer(Ok(Value::Array(_))) => Ok(connection),
            Verdict::Answer(Err(error)) => Err(self.route.note(Fault::Fatal(error))),
            Verdict::Elsewhere(to, why) => Err(self.route.note(Fault::Elsewhere(to, why))),
            Verdict::Later(why) => Err(self.route.note(Fault::Lost(why))),
            Verdict::Answer(Ok(_)) | Verdict::Unknown => {
                Err(self.route.note(Fault::Lost("a subscription that is not confirmed".into())))
            }
        }
    }

    /// The time limit of one step is no reason for the thread to end.
    fn unless_closed(&self, fault: Fault) -> Fault {
        match fault {
            Fault::GaveUp(_) if !self.latch.is_closed() => Fault::Lost("a subscription that is not confirmed".into()),
            fault => fault,
        }
    }

    /// Pass messages on until the connection ends.
    fn hear(&self, mut connection: Connection, listener: &impl Listener, patience: &Patience) -> Fault {
        self.route.proven();
        let fault = connection.sleep_for(SILENCE).err();
        fault.unwrap_or_else(|| {
            loop {
                match self.next(&mut connection, patience) {
                    Ok(Some(message)) => listener.on_message(&message),
                    Ok(None) => {}
                    Err(fault) => return self.route.note(fault),
                }
            }
        })
    }

    /// The next message, or nothing if something else came.
    fn next(&self, connection: &mut Connection, patience: &Patience) -> Result<Option<Vec<u8>>, Fault> {
        let value = match connection.receive_unless_silent(patience)? {
            Some(value) => value,
            None => {
                connection.send(&packed(&[b"PING"]), patience)?;
                connection.receive(patience)?
            }
        };
        let Value::Array(parts) = value else { return Err(Fault::Lost("a notice that is no list".into())) };
        let mut parts = parts.into_iter();
        match (parts.next(), parts.next(), parts.next()) {
            (Some(Value::BulkString(kind)), Some(_), Some(Value::BulkString(message))) if kind == b"smessage" => {
                Ok(Some(message))
            }
            // The slot has moved to another node, and the channel with it.
            (Some(Value::BulkString(kind)), ..) if kind == b"sunsubscribe" => {
                Err(Fault::Elsewhere(None, "the channel has moved".into()))
            }
            _ => Ok(None),
        }
    }
}
