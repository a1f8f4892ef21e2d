//! The router's side of TLS.

use super::anchors::{AnchoredServers, Anchors};
use super::failure::{TlsFailure, TlsRole};
use super::{TlsError, TlsIdentity, describe, provider};
use crate::drain;
use crate::stream::{Socket, TlsStream};
use rustls::client::{ClientConnection, Resumption};
use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore};
use rustls_native_certs::ErrorKind;
use std::any::Any;
use std::sync::Arc;

/// TLS of a router. Clones share everything.
///
/// [T-TLS-04] The cache's certificate has to have its name as a dNSName in the SAN (DNS-ID): the configured name, or
/// else the host that is connected to. A host that is an address, with no name configured, has to be an iPAddress
/// there. The common name is never used.
#[derive(Clone, Debug)]
pub struct TlsClient {
    config: Arc<ClientConfig>,
    name: Option<ServerName<'static>>,
}

impl TlsClient {
    /// Trusts these authorities, and peers with a certificate that is itself one of them (certificates as PEM), or
    /// without them the system's, which are read here from files; presents this identity to a cache that requests one.
    pub fn new(
        trusted: Option<&[u8]>,
        identity: Option<TlsIdentity>,
        name: Option<&str>,
    ) -> Result<TlsClient, TlsError> {
        let name = name.map(|name| server_name(name).ok_or_else(|| TlsError::Name(name.to_owned())));
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13, &TLS12])
            .expect("the provider has suites for both versions");
        let builder = match trusted {
            Some(pem) => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(AnchoredServers::new(Anchors::from_pem(pem)?))),
            None => builder.with_root_certificates(authorities_of_the_system()?),
        };
        let mut config = match identity {
            Some(identity) => builder.with_client_cert_resolver(identity.resolver()),
            None => builder.with_no_client_auth(),
        };
        // A connection stays for weeks; nothing is kept for the next one.
        config.resumption = Resumption::disabled();
        Ok(TlsClient { config: Arc::new(config), name: name.transpose()? })
    }

    /// Returns its configuration for another library that uses the same version of rustls: a `ClientConfig`, which that
    /// library has to downcast, so that a new rustls does not break this interface. The name is not part of it.
    pub fn config(&self) -> impl Any + use<> {
        ClientConfig::clone(&self.config)
    }
}

/// Performs the handshake with the cache at this host. In TLS 1.3 the cache may still refuse our certificate after
/// that: the first read fails then. The caller limits the time, by dropping this.
pub(crate) async fn connect(socket: Socket, client: &TlsClient, host: &str) -> Result<Box<TlsStream>, TlsFailure> {
    let name = client.name.clone().or_else(|| server_name(host));
    let name = name.ok_or_else(|| TlsFailure::Untrusted(TlsError::Name(host.to_owned()).to_string()))?;
    let connection = ClientConnection::new(Arc::clone(&client.config), name);
    let connection = connection.map_err(|error| TlsFailure::new(&error, TlsRole::Router))?;
    let mut tls = Box::new(TlsStream::new(socket, connection.into()));
    if let Err(failure) = tls.handshake().await {
        tls.leave(drain::DRAIN_OCTETS_MAX).await;
        return Err(failure);
    }
    Ok(tls)
}

/// A host as certificates have it: without an address's zone, and without the dot that may end a name.
fn server_name(host: &str) -> Option<ServerName<'static>> {
    let host = host.split('%').next().unwrap_or(host);
    let host = host.strip_suffix('.').unwrap_or(host);
    ServerName::try_from(host.to_owned()).ok()
}

fn authorities_of_the_system() -> Result<Arc<RootCertStore>, TlsError> {
    let found = rustls_native_certs::load_native_certs();
    let mut store = RootCertStore::empty();
    // Systems carry certificates that cannot be parsed any more; the others are used.
    store.add_parsable_certificates(found.certs);
    if store.is_empty() {
        let why: Vec<String> = found.errors.iter().map(unreadable).collect();
        return Err(TlsError::NoSystemAuthorities(why.join("; ")));
    }
    Ok(Arc::new(store))
}

/// Describes an error of reading the system's authorities. The library's own text of malformed PEM has its octets in
/// it.
fn unreadable(error: &rustls_native_certs::Error) -> String {
    match &error.kind {
        ErrorKind::Pem(pem) => format!("{}: {}", error.context, describe::pem(pem)),
        ErrorKind::Io { .. } | ErrorKind::Os(_) => error.to_string(),
        _ => error.context.to_owned(),
    }
}
