//! TLS in front of a server that has none.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

/// A file among the certificates.
pub fn file(name: &str) -> PathBuf {
    // As it is when the test runs: what was built in another copy of the tree is taken again when nothing has changed.
    let folder = std::env::var_os("CARGO_MANIFEST_DIR").unwrap();
    Path::new(&folder).join("tests/rig/tls").join(name)
}

/// Accept TLS on a loopback port and pass everything on to a Unix socket. With `demanding`, clients must
/// show a certificate of the authority. It goes on until the test's process ends.
pub fn start(socket: PathBuf, demanding: bool) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let config = Arc::new(config(demanding));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (config, socket) = (Arc::clone(&config), socket.clone());
            // An end of either side ends both.
            thread::spawn(move || pass_on(stream.unwrap(), config, &socket));
        }
    });
    port
}

fn config(demanding: bool) -> ServerConfig {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let builder = if demanding {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(file("authority.pem")).unwrap()).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
        builder.with_client_cert_verifier(verifier)
    } else {
        builder.with_no_client_auth()
    };
    let certificate = CertificateDer::from_pem_file(file("server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(file("server.key")).unwrap();
    builder.with_single_cert(vec![certificate], key).unwrap()
}

fn pass_on(client: TcpStream, config: Arc<ServerConfig>, socket: &Path) -> Option<()> {
    let mut server = UnixStream::connect(socket).ok()?;
    client.set_nodelay(true).ok()?;
    client.set_read_timeout(Some(Duration::from_millis(1))).ok()?;
    server.set_read_timeout(Some(Duration::from_millis(1))).ok()?;
    let mut client = StreamOwned::new(ServerConnection::new(config).ok()?, client);
    loop {
        move_some(&mut client, &mut server)?;
        move_some(&mut server, &mut client)?;
    }
}

fn move_some(from: &mut impl Read, to: &mut impl Write) -> Option<()> {
    let mut buffer = [0; 16 << 10];
    match from.read(&mut buffer) {
        Ok(0) => None,
        Ok(read) => to.write_all(&buffer[..read]).and_then(|()| to.flush()).ok(),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Some(()),
        Err(_) => None,
    }
}
