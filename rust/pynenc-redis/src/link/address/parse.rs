//! From text to an address. An error repeats no part of the text that may hold a password.

use std::path::PathBuf;

use super::percent::decode;
use super::{Address, Login, Place, Secret, TlsChoice};
use crate::link::endpoint::Endpoint;

const ACCEPTED: &str = "accepted are redis://, rediss://, unix://, redis+sentinel://host,host/service/db and \
                        redis+cluster://host,host (rediss+… for TLS)";
const OPTIONS: &str = "accepted are db, username, password, sentinel_username, sentinel_password and, with rediss://, \
                       ssl_ca_certs, ssl_certfile, ssl_keyfile, ssl_cert_reqs";
const SERVER_PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

type Parsed<T> = Result<T, String>;

pub(super) fn address(text: &str) -> Parsed<Address> {
    let (scheme, rest) =
        text.trim().split_once("://").ok_or_else(|| format!("the server's address has no scheme; {ACCEPTED}"))?;
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut query = Query::parse(query)?;
    let (family, kind) = scheme.split_once('+').unwrap_or((scheme, ""));
    let address = match (family, kind) {
        ("unix", "") => unix(rest, &mut query)?,
        ("redis" | "valkey", kind) => network(rest, kind, None, &mut query)?,
        ("rediss" | "valkeys", kind) => {
            let tls = tls(&mut query)?;
            network(rest, kind, Some(tls), &mut query)?
        }
        _ => return Err(unknown_scheme(scheme)),
    };
    query.finish()?;
    Ok(address)
}

fn unknown_scheme(scheme: &str) -> String {
    let plain = scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'-');
    let shown = if plain { scheme } else { "…" };
    format!("unknown scheme {shown}:// in the server's address; {ACCEPTED}")
}

fn network(rest: &str, kind: &str, tls: Option<TlsChoice>, query: &mut Query<'_>) -> Parsed<Address> {
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (login, hosts) = split_login(authority)?;
    let login = completed(login, query, "username", "password")?;
    let sentinel_login = completed(Login::default(), query, "sentinel_username", "sentinel_password")?;
    let mut path: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let place = match kind {
        "" => Place::One(only(endpoints(hosts, SERVER_PORT)?)?),
        "cluster" => Place::Cluster(endpoints(hosts, SERVER_PORT)?),
        "sentinel" if path.is_empty() => {
            return Err("the server's address names no service: redis+sentinel://host,host/service/db".into());
        }
        "sentinel" => Place::Sentinel {
            watchers: endpoints(hosts, SENTINEL_PORT)?,
            service: decoded(path.remove(0), "service name")?,
        },
        _ => return Err(unknown_scheme(&format!("redis+{kind}"))),
    };
    let db = database(&path, query)?;
    Ok(Address { place, login, sentinel_login, db, tls })
}

fn unix(rest: &str, query: &mut Query<'_>) -> Parsed<Address> {
    let start = rest.find('/').ok_or("the server's address has no path: unix:///path/to/socket")?;
    let (authority, path) = rest.split_at(start);
    let (login, host) = split_login(authority)?;
    if !host.is_empty() {
        return Err("the server's address has a host before the path of its socket: unix:///path/to/socket".into());
    }
    let login = completed(login, query, "username", "password")?;
    let place = Place::One(Endpoint::Unix(PathBuf::from(decoded(path, "path")?)));
    let db = database(&[], query)?;
    Ok(Address { place, login, sentinel_login: Login::default(), db, tls: None })
}

fn split_login(authority: &str) -> Parsed<(Login, &str)> {
    // The last @: a password may hold one, carelessly unescaped.
    let Some((login, hosts)) = authority.rsplit_once('@') else {
        return Ok((Login::default(), authority));
    };
    let (user, password) = login.split_once(':').map_or((login, None), |(user, password)| (user, Some(password)));
    let user = Some(decoded(user, "user")?).filter(|user| !user.is_empty());
    let password = password.map(|text| decoded(text, "password")).transpose()?;
    Ok((Login { user, password: password.map(Secret::new) }, hosts))
}

/// What the query says of user and password, over what stood before the host.
fn completed(login: Login, query: &mut Query<'_>, user: &str, password: &str) -> Parsed<Login> {
    let login = Login {
        user: query.take(user)?.or(login.user),
        password: query.take(password)?.map(Secret::new).or(login.password),
    };
    if login.user.is_some() && login.password.is_none() {
        return Err("the server's address has a user and no password: user:password@host".into());
    }
    Ok(login)
}

fn endpoints(hosts: &str, port: u16) -> Parsed<Vec<Endpoint>> {
    hosts.split(',').map(|host| endpoint(host, port)).collect()
}

fn only(endpoints: Vec<Endpoint>) -> Parsed<Endpoint> {
    let [endpoint] = <[Endpoint; 1]>::try_from(endpoints).map_err(
        |_| "the server's address names several hosts: redis+sentinel://host,host/service or redis+cluster://host,host",
    )?;
    Ok(endpoint)
}

fn endpoint(text: &str, port: u16) -> Parsed<Endpoint> {
    let (host, rest) = match text.strip_prefix('[') {
        Some(inside) => inside.split_once(']').ok_or("the server's address has a [ without a ]")?,
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    if host.is_empty() {
        return Err("the server's address names no host".into());
    }
    let port = match rest.strip_prefix(':') {
        Some(digits) => digits.parse().ok().filter(|port| *port > 0),
        None => Some(port).filter(|_| rest.is_empty()),
    };
    let port = port.ok_or("the port in the server's address is no number from 1 to 65535")?;
    Ok(Endpoint::Tcp(decoded(host, "host")?, port))
}

fn database(path: &[&str], query: &mut Query<'_>) -> Parsed<u32> {
    let wrong = || "the database in the server's address is no number: redis://host:port/0".to_owned();
    match path {
        [] => query.take("db")?.map_or(Ok(0), |text| text.parse().map_err(|_| wrong())),
        [text] => text.parse().map_err(|_| wrong()),
        _ => Err(wrong()),
    }
}

fn tls(query: &mut Query<'_>) -> Parsed<TlsChoice> {
    let verified = match query.take("ssl_cert_reqs")?.as_deref() {
        None | Some("required") => true,
        Some("none") => false,
        Some(_) => return Err("ssl_cert_reqs in the server's address: accepted are required and none".into()),
    };
    let authorities = query.take("ssl_ca_certs")?.map(PathBuf::from);
    let identity = match (query.take("ssl_certfile")?, query.take("ssl_keyfile")?) {
        (Some(certificate), Some(key)) => Some((certificate.into(), key.into())),
        (None, None) => None,
        _ => return Err("ssl_certfile and ssl_keyfile in the server's address go together".into()),
    };
    Ok(TlsChoice { authorities, identity, verified })
}

fn decoded(text: &str, what: &str) -> Parsed<String> {
    decode(text).ok_or_else(|| format!("the {what} in the server's address has a broken %-escape"))
}

/// What stands behind the question mark.
struct Query<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Query<'a> {
    fn parse(text: &'a str) -> Parsed<Self> {
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('='));
        let pairs: Option<Vec<_>> = pairs.collect();
        Ok(Self(pairs.ok_or("the server's address has something other than name=value behind its question mark")?))
    }

    fn take(&mut self, name: &str) -> Parsed<Option<String>> {
        let Some(at) = self.0.iter().position(|(given, _)| *given == name) else {
            return Ok(None);
        };
        decoded(self.0.remove(at).1, name).map(Some)
    }

    /// Whatever nobody asked for is a mistake.
    fn finish(self) -> Parsed<()> {
        // Not repeated: behind an unescaped ? it may be the rest of a password.
        if self.0.is_empty() { Ok(()) } else { Err(format!("an unknown option in the server's address; {OPTIONS}")) }
    }
}

#[cfg(test)]
mod tests;
