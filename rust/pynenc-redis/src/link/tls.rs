//! TLS by rustls: the server's certificate is checked against the system's authorities, or those named.

use std::path::Path;
use std::sync::Arc;

use rustls::client::WantsClientCert;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore};

use super::address::TlsChoice;
use crate::error::{RedisError, Result};

mod unverified;

/// Read the certificates and build what every TLS connection of a route shares.
pub(super) fn config(choice: &TlsChoice) -> Result<Arc<ClientConfig>> {
    let provider = Arc::new(ring::default_provider());
    let builder = trusting(choice, &provider)?;
    let config = match &choice.identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = certificates(certificate)?;
            let key = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(key, error))?;
            let taken = builder.with_client_auth_cert(chain, key);
            taken.map_err(|error| RedisError::Address(format!("the certificate and key of this client: {error}")))?
        }
    };
    Ok(Arc::new(config))
}

fn trusting(
    choice: &TlsChoice,
    provider: &Arc<CryptoProvider>,
) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>> {
    let builder = ClientConfig::builder_with_provider(Arc::clone(provider));
    let builder =
        builder.with_safe_default_protocol_versions().map_err(|error| RedisError::Address(error.to_string()))?;
    if !choice.verified {
        return Ok(unverified::accepting_all(builder, provider));
    }
    Ok(builder.with_root_certificates(match &choice.authorities {
        Some(file) => named(file)?,
        None => of_the_system()?,
    }))
}

fn named(file: &Path) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file)? {
        roots.add(certificate).map_err(|error| unreadable(file, error))?;
    }
    Ok(roots)
}

fn of_the_system() -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        return Err(RedisError::Address(
            "this machine has no list of trusted certificates: name a PEM file with ssl_ca_certs in the address".into(),
        ));
    }
    Ok(roots)
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let found: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(file).map_err(|error| unreadable(file, error))?.collect();
    let found = found.map_err(|error| unreadable(file, error))?;
    if found.is_empty() { Err(unreadable(file, "it holds no certificate")) } else { Ok(found) }
}

fn unreadable(file: &Path, why: impl std::fmt::Display) -> RedisError {
    RedisError::Address(format!("{} is no usable PEM file: {why}", file.display()))
}
