//! One connection: commands out, replies in, never longer than its caller has patience for.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::{Parser, Value};

use super::Sink;
use super::endpoint::Endpoint;
use super::fault::Fault;
use super::handshake::Peer;
use super::large::{Ahead, LARGE, Large};
use super::patience::{GaveUp, Patience};
use super::socket::{Closer, Socket};
use super::spin::Spin;
use crate::error::RedisError;
use crate::patience::SLICE;

/// More bytes than any reply of ours has: what sends them is no server of ours.
const LONGEST_REPLY: usize = 1 << 30;

const GARBLED: &str = "the answer is not the protocol of Redis (a server that expects TLS is named rediss://)";
const UNENCRYPTED: &str = "a server without TLS is named redis://";

/// A connection to one server. After a fault it is dropped: replies that are still on their way
/// would answer the wrong command.
pub(super) struct Connection {
    socket: Socket,
    parser: Parser,
    /// Nothing that was read is in the parser.
    is_parsed: bool,
    /// The most that was read for one reply through the parser, which has room for it since.
    most: usize,
    ahead: Ahead,
    /// A large value that is on its way.
    large: Option<Large>,
    /// How long to wait for a byte.
    stall: Duration,
    spin: Spin,
    endpoint: Endpoint,
    pub(super) peer: Peer,
}

impl Connection {
    pub(super) fn new(socket: Socket, endpoint: Endpoint, stall: Duration) -> Result<Self, Fault> {
        socket.wake_every(SLICE).map_err(|error| Fault::Lost(format!("{endpoint}: {error}")))?;
        Ok(Self {
            socket,
            parser: Parser::new(),
            is_parsed: true,
            most: 0,
            ahead: Ahead::default(),
            large: None,
            stall,
            spin: Spin::default(),
            endpoint,
            peer: Peer::default(),
        })
    }

    /// Where it leads.
    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// What ends it from another thread.
    pub(super) fn closer(&self) -> Result<Closer, Fault> {
        self.socket.closer().map_err(|error| self.lost(&error))
    }

    /// Let a read sleep for this long before it looks up: for a connection on which nobody waits
    /// who could give up, and which is woken by its [`Closer`].
    pub(super) fn sleep_for(&mut self, stall: Duration) -> Result<(), Fault> {
        if self.stall != stall {
            self.socket.wake_every(stall).map_err(|error| self.lost(&error))?;
            self.stall = stall;
        }
        Ok(())
    }

    /// Send these bytes, one or more whole commands.
    pub(super) fn send(&mut self, bytes: &[u8], patience: &Patience) -> Result<(), Fault> {
        self.send_from(bytes, &mut 0, patience)
    }

    /// Send these bytes from `sent` on, which keeps count: after [`Fault::GaveUp`] it can go on.
    pub(super) fn send_from(&mut self, bytes: &[u8], sent: &mut usize, patience: &Patience) -> Result<(), Fault> {
        let mut stream = Patient::new(&mut self.socket, &mut self.ahead, self.stall, patience);
        let result = stream.send(bytes, sent);
        let gave_up = stream.gave_up;
        result.map_err(|error| gave_up.map_or_else(|| self.lost(&error), Fault::GaveUp))
    }

    /// The next reply; a server's error is a value too.
    pub(super) fn receive(&mut self, patience: &Patience) -> Result<Value, Fault> {
        match self.receive_unless_silent(patience)? {
            Some(value) => Ok(value),
            None => Err(self.lost(&silence(self.stall))),
        }
    }

    /// The next reply, or nothing if not one byte of it came in time. The connection is good all the same.
    pub(super) fn receive_unless_silent(&mut self, patience: &Patience) -> Result<Option<Value>, Fault> {
        self.is_parsed = false;
        let mut stream = Patient::new(&mut self.socket, &mut self.ahead, self.stall, patience);
        stream.spin = Some(&mut self.spin);
        let value = self.parser.parse_value(&mut stream);
        self.most = self.most.max(stream.received);
        let (gave_up, broken, silent) = (stream.gave_up, stream.broken, stream.stalled && stream.received == 0);
        match (value, gave_up, broken) {
            (Ok(value), ..) => Ok(Some(value)),
            (Err(_), Some(gave_up), _) => Err(Fault::GaveUp(gave_up)),
            (Err(_), None, _) if silent => Ok(None),
            (Err(_), None, Some(error)) => Err(self.lost(&error)),
            (Err(_), None, None) => Err(Fault::Garbled(format!("{}: {GARBLED}", self.endpoint))),
        }
    }

    /// The next reply, which may be a large value: it comes without a detour, unless a part of it has been read.
    pub(super) fn receive_large(&mut self, into: Option<&Arc<dyn Sink>>, patience: &Patience) -> Result<Value, Fault> {
        if !self.is_parsed {
            return self.receive(patience);
        }
        let mut nothing = Ahead::default();
        let mut stream = Patient::new(&mut self.socket, &mut nothing, self.stall, patience);
        let read = Self::large(&mut self.large, &mut self.ahead, into, &mut stream);
        let (gave_up, broken) = (stream.gave_up, stream.broken);
        match (read, gave_up, broken) {
            (Ok(true), ..) => match self.large.take().and_then(Large::value) {
                Some(value) => Ok(value),
                None => Err(Fault::Garbled(format!("{}: {GARBLED}", self.endpoint))),
            },
            (Ok(false), ..) => self.receive(patience),
            (Err(_), Some(gave_up), _) => Err(Fault::GaveUp(gave_up)),
            (Err(_), None, Some(error)) | (Err(error), None, None) => Err(self.lost(&error)),
        }
    }

    /// Read a large value to its end; `false`: the next reply is none.
    fn large(
        large: &mut Option<Large>,
        ahead: &mut Ahead,
        into: Option<&Arc<dyn Sink>>,
        stream: &mut Patient<'_>,
    ) -> io::Result<bool> {
        if large.is_none() {
            *large = Large::begin(ahead, LONGEST_REPLY, into, |buffer| stream.read(buffer))?;
        }
        let Some(found) = large else { return Ok(false) };
        found.fill(|buffer| match ahead.take(buffer) {
            0 => stream.read(buffer),
            taken => Ok(taken),
        })?;
        Ok(true)
    }

    /// Nothing more is on its way: nothing is left in the parser, and room that was needed once is given back.
    pub(super) fn all_received(&mut self) {
        self.is_parsed = true;
        if self.most >= LARGE {
            (self.parser, self.most) = (Parser::new(), 0);
        }
    }

    /// Send one command and return its reply.
    pub(super) fn ask(&mut self, command: &[u8], patience: &Patience) -> Result<Value, Fault> {
        self.send(command, patience)?;
        self.receive(patience)
    }

    fn lost(&self, error: &io::Error) -> Fault {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(refused @ rustls::Error::InvalidCertificate(_)) => Fault::Fatal(RedisError::Unfit {
                server: self.endpoint.to_string(),
                reason: format!("{refused}; name the authority's PEM file with ssl_ca_certs in the address"),
            }),
            Some(refused @ rustls::Error::AlertReceived(_)) => Fault::Garbled(format!("{}: {refused}", self.endpoint)),
            Some(refused) => Fault::Garbled(format!("{}: {refused}; {UNENCRYPTED}", self.endpoint)),
            None => Fault::Lost(format!("{}: {error}", self.endpoint)),
        }
    }
}

/// The socket while one caller waits on it.
struct Patient<'a> {
    socket: &'a mut Socket,
    /// What is read first.
    ahead: &'a mut Ahead,
    stall: Duration,
    patience: &'a Patience,
    /// How it waits for the first bytes, if not asleep.
    spin: Option<&'a mut Spin>,
    /// When something last went through.
    moved: Instant,
    received: usize,
    gave_up: Option<GaveUp>,
    stalled: bool,
    /// What the parser is not told in full.
    broken: Option<io::Error>,
}

impl<'a> Patient<'a> {
    fn new(socket: &'a mut Socket, ahead: &'a mut Ahead, stall: Duration, patience: &'a Patience) -> Self {
        Self {
            socket,
            ahead,
            stall,
            patience,
            spin: None,
            moved: Instant::now(),
            received: 0,
            gave_up: None,
            stalled: false,
            broken: None,
        }
    }

    fn send(&mut self, bytes: &[u8], sent: &mut usize) -> io::Result<()> {
        while let Some(rest) = bytes.get(*sent..).filter(|rest| !rest.is_empty()) {
            match self.again(|socket| socket.write(rest))? {
                0 => return Err(ErrorKind::WriteZero.into()),
                written => *sent += written,
            }
        }
        self.again(Socket::flush)
    }

    /// Repeat what the socket's time-out or a signal interrupted, as long as there is patience.
    fn again<T>(&mut self, mut action: impl FnMut(&mut Socket) -> io::Result<T>) -> io::Result<T> {
        loop {
            match action(self.socket) {
                Ok(done) => {
                    self.moved = Instant::now();
                    return Ok(done);
                }
                Err(error) if is_pause(error.kind()) => self.still_patient()?,
                Err(error) => return Err(error),
            }
        }
    }

    fn still_patient(&mut self) -> io::Result<()> {
        self.gave_up = self.patience.spent();
        if self.gave_up.is_some() {
            return Err(ErrorKind::TimedOut.into());
        }
        if self.moved.elapsed() < self.stall {
            return Ok(());
        }
        self.stalled = true;
        Err(silence(self.stall))
    }
}

impl Read for Patient<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let ahead = self.ahead.take(buffer);
        if ahead > 0 {
            self.received += ahead;
            return Ok(ahead);
        }
        let spin = self.spin.take();
        let start = spin.as_ref().map(|spin| spin.begin(|| self.socket.is_readable()));
        let read = self.again(|socket| socket.read(buffer));
        if let (Some(spin), Some(start)) = (spin, start) {
            spin.ended(start);
        }
        let read = match read {
            Ok(0) => Err(io::Error::new(ErrorKind::UnexpectedEof, "the server closed the connection")),
            Ok(read) if self.received + read > LONGEST_REPLY => Err(io::Error::other("the answer has no end")),
            read => read,
        };
        match read {
            Ok(read) => self.received += read,
            Err(error) => {
                let kind = error.kind();
                self.broken = Some(error);
                return Err(kind.into());
            }
        }
        read
    }
}

fn silence(stall: Duration) -> io::Error {
    io::Error::new(ErrorKind::TimedOut, format!("nothing came for {:.1} s", stall.as_secs_f64()))
}

fn is_pause(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}
