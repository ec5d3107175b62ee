//! The way to the server that holds an app's keys, and how often it is tried.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use rustls::ClientConfig;

use super::address::{Address, Place};
use super::backoff::Backoff;
use super::cluster;
use super::command::packed;
use super::connection::Connection;
use super::endpoint::Endpoint;
use super::fault::Fault;
use super::fork::Home;
use super::handshake::{introduce, said, unfit};
use super::outage::{Outage, Witness};
use super::patience::{GaveUp, Patience};
use super::sentinel;
use super::socket::Socket;
use super::timing::Timing;
use crate::error::{RedisError, Result};
use crate::patience::SLICE;

/// What the connections of one app in one process share.
pub struct Route {
    address: Address,
    prefix: Vec<u8>,
    timing: Timing,
    tls: Option<Arc<ClientConfig>>,
    home: Home,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Where the server was last found.
    found: Option<Endpoint>,
    /// Nodes of the cluster, beyond those of the address, that can be asked where it is.
    known: Vec<Endpoint>,
    backoff: Backoff,
    not_before: Option<Instant>,
    /// Whether it was ever reached.
    met: bool,
    last: String,
    outage: Outage,
}

impl Route {
    /// A way to the server at `address` for the app whose keys begin with `prefix`. Nothing is
    /// connected yet.
    ///
    /// # Errors
    /// `Address`, when the certificates that the address names cannot be used.
    pub fn new(address: Address, prefix: impl Into<Vec<u8>>, timing: Timing) -> Result<Arc<Self>> {
        let tls = address.tls.as_ref().map(super::tls::config).transpose()?;
        let state = Mutex::new(State::default());
        Ok(Arc::new(Self { address, prefix: prefix.into(), timing, tls, home: Home::here(), state }))
    }

    /// Where it leads, without secrets.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// What every key of the app begins with.
    #[must_use]
    pub fn prefix(&self) -> &[u8] {
        &self.prefix
    }

    /// Have somebody told when the server is lost, and when it is back.
    pub fn watch(&self, witness: Arc<dyn Witness>) {
        self.state.lock().outage.watch(witness);
    }

    /// The time limits.
    #[must_use]
    pub fn timing(&self) -> Timing {
        self.timing
    }

    /// Refuse to go on in a forked child.
    pub(super) fn check_home(&self) -> Result<()> {
        self.home.check()
    }

    pub(super) fn is_home(&self) -> bool {
        self.home.is_here()
    }

    /// The limits of one call of this thread, from now.
    pub(super) fn patience(&self) -> Patience {
        let met = self.state.lock().met;
        Patience::of_thread(if met { self.timing.overall } else { self.timing.first })
    }

    /// Connect once, when it is time to. `name` is what the server shows for the connection.
    ///
    /// One attempt at a time counts for the whole process: while the server is away, its three
    /// connections together try no more often than one would.
    pub(super) fn connect(&self, name: &str, patience: &Patience) -> Result<Connection, Fault> {
        self.wait_for_turn(patience)?;
        match self.attempt(name, &patience.at_most(self.timing.connect)) {
            Ok(connection) => {
                let mut state = self.state.lock();
                state.not_before = None;
                state.met = true;
                Ok(connection)
            }
            // The limit of the attempt is not that of the caller.
            Err(Fault::GaveUp(_)) => match patience.spent() {
                Some(gave_up) => Err(Fault::GaveUp(gave_up)),
                None => {
                    let hint = if self.tls.is_some() { " (a server without TLS is named redis://)" } else { "" };
                    let why = format!("no connection within {:.1} s{hint}", self.timing.connect.as_secs_f64());
                    Err(self.note_attempt(Fault::Lost(why)))
                }
            },
            // It is more likely that the address is wrong than that the server has gone mad.
            Err(Fault::Garbled(why)) if !self.state.lock().met => Err(self.note(self.unfit(why))),
            Err(fault) => Err(self.note_attempt(fault)),
        }
    }

    /// Take note of an attempt to connect that failed.
    fn note_attempt(&self, fault: Fault) -> Fault {
        let fault = self.note(fault);
        let state = &mut *self.state.lock();
        state.outage.failed_again(&self.address, &state.last);
        fault
    }

    /// Take note of what went wrong with a connection: the next attempt waits a little, and looks
    /// for the server anew.
    pub(super) fn note(&self, fault: Fault) -> Fault {
        let mut state = self.state.lock();
        match &fault {
            Fault::GaveUp(_) => return fault,
            Fault::Lost(why) | Fault::Garbled(why) => {
                state.last.clone_from(why);
                state.found = None;
            }
            Fault::Elsewhere(to, why) => {
                state.last.clone_from(why);
                let new = to.is_some() && state.found != *to;
                state.found.clone_from(to);
                if new {
                    return fault;
                }
            }
            Fault::Fatal(error) => state.last = error.to_string(),
        }
        if state.met {
            state.outage.broke();
        }
        let pause = state.backoff.next(self.timing.pause);
        state.not_before = Some(Instant::now() + pause);
        fault
    }

    /// What the server says instead of an answer, for the error of a caller that waits in vain.
    pub(super) fn remark(&self, why: String) {
        self.state.lock().last = why;
    }

    /// A command was answered: what went wrong before is over.
    pub(super) fn proven(&self) {
        let mut state = self.state.lock();
        state.backoff.reset();
        state.outage.over(&self.address);
    }

    /// The error for a caller that stopped waiting.
    pub(super) fn given_up(&self, gave_up: GaveUp, patience: &Patience) -> RedisError {
        match gave_up {
            GaveUp::CalledOff => RedisError::Interrupted,
            GaveUp::TooLate => self.unreachable(patience),
        }
    }

    /// The error for a caller that waited in vain.
    pub(super) fn unreachable(&self, patience: &Patience) -> RedisError {
        let (last, met) = {
            let state = self.state.lock();
            (state.last.clone(), state.met)
        };
        let mut last = if last.is_empty() { "no reply yet".into() } else { last };
        if !met {
            let tls = if self.tls.is_some() { " and speaks TLS there" } else { "" };
            last.push_str(&format!("; it has never answered: is this its address, and does it run{tls}?"));
        }
        RedisError::Unreachable { server: self.address.to_string(), seconds: patience.waited(), last }
    }

    fn wait_for_turn(&self, patience: &Patience) -> Result<(), Fault> {
        loop {
            let turn = {
                let mut state = self.state.lock();
                let now = Instant::now();
                match state.not_before.filter(|turn| *turn > now) {
                    Some(turn) => turn,
                    None => {
                        // Until this attempt is decided, the others hold back.
                        state.not_before = state.not_before.map(|_| now + self.timing.connect);
                        return Ok(());
                    }
                }
            };
            // Looked at again and again: it moves when another attempt succeeds.
            let glance = Instant::now() + SLICE;
            patience.sleep_until(turn.min(glance)).map_err(Fault::GaveUp)?;
        }
    }

    fn attempt(&self, name: &str, patience: &Patience) -> Result<Connection, Fault> {
        let dialer = Dialer { address: &self.address, tls: self.tls.as_ref(), stall: self.timing.reply };
        let endpoint = self.find(&dialer, patience)?;
        let mut connection = dialer.dial(&endpoint, patience)?;
        introduce(&mut connection, &self.address, name, patience)?;
        if connection.peer.role != "master" {
            let why = format!("{endpoint} is a read-only replica");
            let first = !self.state.lock().met && matches!(self.address.place, Place::One(_));
            return Err(if first { self.unfit(why + "; name its master") } else { Fault::Elsewhere(None, why) });
        }
        Ok(connection)
    }

    fn unfit(&self, reason: String) -> Fault {
        unfit(&self.address, reason)
    }

    fn find(&self, dialer: &Dialer<'_>, patience: &Patience) -> Result<Endpoint, Fault> {
        if let Some(found) = self.state.lock().found.clone() {
            return Ok(found);
        }
        let found = match &self.address.place {
            Place::One(endpoint) => endpoint.clone(),
            Place::Sentinel { watchers, service } => sentinel::master(dialer, watchers, service, patience)?,
            Place::Cluster(seeds) => self.find_in_cluster(dialer, seeds, patience)?,
        };
        self.state.lock().found = Some(found.clone());
        Ok(found)
    }

    /// Ask one node after another which holds the slot.
    fn find_in_cluster(&self, dialer: &Dialer<'_>, seeds: &[Endpoint], patience: &Patience) -> Result<Endpoint, Fault> {
        let known = self.state.lock().known.clone();
        let mut last = Fault::Lost("no node of the cluster is named".into());
        for node in seeds.iter().chain(&known) {
            match self.ask_node(dialer, node, patience) {
                Ok(nodes) => {
                    self.state.lock().known = nodes.known;
                    match nodes.holder {
                        Some(holder) => return Ok(holder),
                        None => last = Fault::Lost(format!("{node} knows no holder of the app's slot")),
                    }
                }
                Err(fault @ (Fault::Lost(_) | Fault::Garbled(_) | Fault::Elsewhere(..))) => last = fault,
                Err(fault) => return Err(fault),
            }
        }
        Err(last)
    }

    fn ask_node(&self, dialer: &Dialer<'_>, node: &Endpoint, patience: &Patience) -> Result<cluster::Nodes, Fault> {
        let mut connection = dialer.dial(node, patience)?;
        introduce(&mut connection, &self.address, "pynenc:resolve", patience)?;
        match connection.ask(&packed(&[b"CLUSTER", b"SLOTS"]), patience)? {
            redis::Value::ServerError(error) if error.code() == "ERR" => {
                Err(self.unfit(format!("{node} is no node of a cluster: {}", said(&error))))
            }
            redis::Value::ServerError(error) => Err(Fault::Lost(format!("{node}: {}", said(&error)))),
            reply => Ok(cluster::nodes(&reply, cluster::slot(&self.prefix), node)),
        }
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Route({})", self.address)
    }
}

/// Opens connections to whichever server a route leads over.
pub(super) struct Dialer<'a> {
    pub(super) address: &'a Address,
    tls: Option<&'a Arc<ClientConfig>>,
    stall: std::time::Duration,
}

impl Dialer<'_> {
    pub(super) fn dial(&self, endpoint: &Endpoint, patience: &Patience) -> Result<Connection, Fault> {
        let socket = Socket::open(endpoint, self.tls, patience)?;
        Connection::new(socket, endpoint.clone(), self.stall)
    }
}
