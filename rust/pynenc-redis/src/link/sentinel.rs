//! Where the Sentinels say the master is.

use redis::Value;

use super::command::packed;
use super::connection::Connection;
use super::endpoint::Endpoint;
use super::fault::Fault;
use super::handshake::{introduce_to_sentinel, said, text};
use super::patience::Patience;
use super::route::Dialer;

/// Ask one Sentinel after another for the master of `service`.
pub(super) fn master(
    dialer: &Dialer<'_>,
    watchers: &[Endpoint],
    service: &str,
    patience: &Patience,
) -> Result<Endpoint, Fault> {
    let mut last = Fault::Lost("no Sentinel is named".into());
    for watcher in watchers {
        last = match ask(dialer, watcher, service, patience) {
            Err(fault @ (Fault::Lost(_) | Fault::Garbled(_) | Fault::Elsewhere(..))) => fault,
            decided => return decided,
        };
    }
    Err(last)
}

fn ask(dialer: &Dialer<'_>, watcher: &Endpoint, service: &str, patience: &Patience) -> Result<Endpoint, Fault> {
    let mut connection: Connection = dialer.dial(watcher, patience)?;
    introduce_to_sentinel(&mut connection, dialer.address, patience)?;
    let question = packed(&[b"SENTINEL", b"GET-MASTER-ADDR-BY-NAME", service.as_bytes()]);
    match connection.ask(&question, patience)? {
        Value::Array(parts) => match parts.as_slice() {
            [host, port] => {
                text(port).parse().map(|port| Endpoint::Tcp(text(host), port)).map_err(|_| unclear(watcher))
            }
            _ => Err(unclear(watcher)),
        },
        Value::Nil => Err(Fault::Lost(format!("the Sentinel at {watcher} knows no service {service:?}"))),
        Value::ServerError(error) => Err(Fault::Lost(format!("the Sentinel at {watcher}: {}", said(&error)))),
        _ => Err(unclear(watcher)),
    }
}

fn unclear(watcher: &Endpoint) -> Fault {
    Fault::Lost(format!("the Sentinel at {watcher} gives no address"))
}
