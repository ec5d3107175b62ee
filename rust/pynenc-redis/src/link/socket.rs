//! The stream to a server: TCP, Unix socket, or TLS over TCP.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use socket2::{SockRef, TcpKeepalive};

use super::endpoint::Endpoint;
use super::fault::Fault;
use super::patience::Patience;
use crate::error::RedisError;

/// A connected stream. Dropping it closes the descriptor and sends nothing, so that a forked child
/// can let go of it without a trace on the parent's connection.
pub(super) enum Socket {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Socket {
    /// Connect; with `tls`, under the host's name. The TLS handshake happens at the first write.
    pub(super) fn open(
        endpoint: &Endpoint,
        tls: Option<&Arc<ClientConfig>>,
        patience: &Patience,
    ) -> Result<Self, Fault> {
        match endpoint {
            Endpoint::Unix(path) => open_unix(path, patience),
            Endpoint::Tcp(host, port) => {
                let stream = dial(host, *port, patience)?;
                let Some(config) = tls else { return Ok(Self::Tcp(stream)) };
                let name = ServerName::try_from(host.clone());
                let name = name.map_err(|error| Fault::Fatal(RedisError::Address(format!("{host}: {error}"))))?;
                let session = ClientConnection::new(Arc::clone(config), name);
                let session = session.map_err(|error| Fault::Fatal(RedisError::Address(error.to_string())))?;
                Ok(Self::Tls(Box::new(StreamOwned::new(session, stream))))
            }
        }
    }

    /// Have reads and writes come back after this long with nothing done.
    pub(super) fn wake_every(&self, interval: Duration) -> io::Result<()> {
        let interval = Some(interval);
        match self {
            Self::Tcp(stream) => stream.set_read_timeout(interval).and_then(|()| stream.set_write_timeout(interval)),
            #[cfg(unix)]
            Self::Unix(stream) => stream.set_read_timeout(interval).and_then(|()| stream.set_write_timeout(interval)),
            Self::Tls(stream) => {
                let stream = stream.get_ref();
                stream.set_read_timeout(interval).and_then(|()| stream.set_write_timeout(interval))
            }
        }
    }

    /// Whether a read would not have to wait, or nobody can tell.
    pub(super) fn is_readable(&self) -> bool {
        match self {
            Self::Tcp(stream) => is_readable(stream),
            #[cfg(unix)]
            Self::Unix(stream) => is_readable(stream),
            // What came may be in the session already.
            Self::Tls(_) => true,
        }
    }

    /// What ends the stream from another thread.
    pub(super) fn closer(&self) -> io::Result<Closer> {
        match self {
            Self::Tcp(stream) => stream.try_clone().map(Closer::Tcp),
            #[cfg(unix)]
            Self::Unix(stream) => stream.try_clone().map(Closer::Unix),
            Self::Tls(stream) => stream.get_ref().try_clone().map(Closer::Tcp),
        }
    }
}

#[cfg(unix)]
fn is_readable(stream: &impl std::os::fd::AsFd) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    !matches!(poll(&mut [PollFd::new(stream, PollFlags::IN)], Some(&Timespec::default())), Ok(0))
}

#[cfg(not(unix))]
fn is_readable(_: &TcpStream) -> bool {
    true
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            #[cfg(unix)]
            Self::Unix(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            #[cfg(unix)]
            Self::Unix(stream) => stream.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Tls(stream) => stream.flush(),
            _ => Ok(()),
        }
    }
}

/// Ends a stream that another thread waits on.
pub(super) enum Closer {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

impl Closer {
    /// Wake the thread that waits: it finds the stream at its end.
    pub(super) fn close(&self) {
        // It may be closed already, by the other side.
        let _ = match self {
            Self::Tcp(stream) => stream.shutdown(Shutdown::Both),
            #[cfg(unix)]
            Self::Unix(stream) => stream.shutdown(Shutdown::Both),
        };
    }
}

#[cfg(unix)]
fn open_unix(path: &std::path::Path, patience: &Patience) -> Result<Socket, Fault> {
    let open = || {
        let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None)?;
        // A server that accepts nothing any more fills its queue, and a plain connect would then block for ever.
        socket.connect_timeout(&socket2::SockAddr::unix(path)?, patience.left().max(Duration::from_millis(1)))?;
        io::Result::Ok(Socket::Unix(std::os::fd::OwnedFd::from(socket).into()))
    };
    open().map_err(|error| Fault::Lost(format!("{}: {error}", path.display())))
}

#[cfg(not(unix))]
fn open_unix(_: &std::path::Path, _: &Patience) -> Result<Socket, Fault> {
    Err(Fault::Fatal(RedisError::Address("Unix sockets are not available on this system".into())))
}

/// Connect in a thread of its own: neither the look-up of a name nor connecting can be called off,
/// so the caller that gives up leaves them behind to end by themselves.
fn dial(host: &str, port: u16, patience: &Patience) -> Result<TcpStream, Fault> {
    let (send, receive) = sync_channel(1);
    let (name, limit) = (host.to_owned(), patience.left());
    let lost = |error: io::Error| Fault::Lost(format!("{}: {error}", Endpoint::Tcp(host.to_owned(), port)));
    std::thread::Builder::new()
        .name("pynenc-connect".into())
        .spawn(move || {
            // Nobody receives it any more if the caller gave up.
            let _ = send.send(connect(&name, port, Instant::now() + limit));
        })
        .map_err(lost)?;
    loop {
        match receive.recv_timeout(patience.nap()) {
            Ok(connected) => return connected.map_err(lost),
            Err(RecvTimeoutError::Disconnected) => return Err(lost(io::ErrorKind::ConnectionAborted.into())),
            Err(RecvTimeoutError::Timeout) => match patience.spent() {
                None => {}
                Some(gave_up) => return Err(Fault::GaveUp(gave_up)),
            },
        }
    }
}

/// Try each address of the name; those that come first leave time for those that come later.
fn connect(host: &str, port: u16, deadline: Instant) -> io::Result<TcpStream> {
    let addresses: Vec<_> = (host, port).to_socket_addrs()?.collect();
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for (tried, address) in addresses.iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
        match TcpStream::connect_timeout(address, share.max(Duration::from_millis(1))) {
            Ok(stream) => return prepared(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// No waiting for more to send, and a sign of life every few seconds, so that a peer that vanished
/// without a word is noticed while nothing is due.
fn prepared(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(15));
    #[cfg(not(windows))]
    let keepalive = keepalive.with_interval(Duration::from_secs(5)).with_retries(3);
    SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
    Ok(stream)
}
