//! Where the server is and how to introduce oneself, as a user writes it down.

mod parse;
mod percent;
mod secret;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::endpoint::Endpoint;
use crate::error::RedisError;

pub(super) use secret::Secret;

/// The address of a server, a group of servers under Sentinels, or a cluster. What it shows of
/// itself, in errors and logs alike, has no password in it.
///
/// | form | meaning |
/// |---|---|
/// | `redis://user:password@host:6379/0` | one server; user, password, port and database can be left out |
/// | `rediss://…` | the same over TLS, and so for the forms below: `rediss+sentinel://`, `rediss+cluster://` |
/// | `unix:///path/to/socket?db=0` | a Unix socket on this machine |
/// | `redis+sentinel://host1,host2:26379/service/0` | the master of `service`, as the Sentinels name it |
/// | `redis+cluster://host1,host2:6379` | a cluster, found through any of these nodes |
///
/// `valkey` can stand for `redis`. In the query: `db`, `username`, `password`,
/// `sentinel_username`, `sentinel_password`, and for TLS `ssl_ca_certs`, `ssl_certfile`,
/// `ssl_keyfile` (PEM files) and `ssl_cert_reqs` (`required`, or `none` for no check at all).
#[derive(Clone)]
pub struct Address {
    pub(super) place: Place,
    pub(super) login: Login,
    pub(super) sentinel_login: Login,
    pub(super) db: u32,
    pub(super) tls: Option<TlsChoice>,
}

/// Which server is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// This one.
    One(Endpoint),
    /// The one that these Sentinels call the master of a service.
    Sentinel { watchers: Vec<Endpoint>, service: String },
    /// The one of a cluster that holds the app's keys.
    Cluster(Vec<Endpoint>),
}

/// User and password.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Login {
    pub(super) user: Option<String>,
    pub(super) password: Option<Secret>,
}

/// How the server's certificate is checked, and which one is shown to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TlsChoice {
    /// Authorities to trust instead of the system's.
    pub(super) authorities: Option<PathBuf>,
    /// Certificate and key of this client.
    pub(super) identity: Option<(PathBuf, PathBuf)>,
    /// Whether the server's certificate is checked at all.
    pub(super) verified: bool,
}

impl Address {
    /// Whether what is sent can be read on the way: no TLS, and not only on this machine.
    #[must_use]
    pub fn is_exposed(&self) -> bool {
        self.tls.is_none() && !self.endpoints().iter().all(Endpoint::is_local)
    }

    /// Whether the certificate of the other side is not checked.
    #[must_use]
    pub fn is_unverified(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| !tls.verified)
    }

    fn endpoints(&self) -> &[Endpoint] {
        match &self.place {
            Place::One(endpoint) => std::slice::from_ref(endpoint),
            Place::Sentinel { watchers: endpoints, .. } | Place::Cluster(endpoints) => endpoints,
        }
    }
}

impl FromStr for Address {
    type Err = RedisError;

    fn from_str(text: &str) -> Result<Self, RedisError> {
        parse::address(text).map_err(RedisError::Address)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let family = if self.tls.is_some() { "rediss" } else { "redis" };
        match &self.place {
            Place::One(endpoint @ Endpoint::Unix(_)) => write!(out, "unix://{}{endpoint}", self.login),
            Place::One(endpoint) => write!(out, "{family}://{}{endpoint}/{}", self.login, self.db),
            Place::Sentinel { watchers, service } => {
                write!(out, "{family}+sentinel://{}{}/{service}/{}", self.login, listed(watchers), self.db)
            }
            Place::Cluster(seeds) => write!(out, "{family}+cluster://{}{}", self.login, listed(seeds)),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Address({self})")
    }
}

impl fmt::Display for Login {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.user.as_deref().unwrap_or_default();
        match &self.password {
            Some(secret) => write!(out, "{user}:{secret}@"),
            None if user.is_empty() => Ok(()),
            None => write!(out, "{user}@"),
        }
    }
}

fn listed(endpoints: &[Endpoint]) -> String {
    endpoints.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}
