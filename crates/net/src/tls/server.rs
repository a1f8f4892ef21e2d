//! The cache's side of TLS.
//!
//! Sessions are never resumed: a resumed one would pass by the check of the address, and by a CRL that was loaded
//! since. Routers connect seldom and stay, so that a full handshake costs nothing worth saving.

use super::clients::{AddressCheck, AddressVerifier, ClientCertificates, Verifier};
use super::failure::{TlsFailure, TlsRole};
use super::{CrlOrigin, TlsError, TlsIdentity, Validity, name, provider};
use crate::drain;
use crate::stream::{Socket, TlsStream};
use rustls::server::NoServerSessionStorage;
use rustls::server::danger::ClientCertVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, ServerConnection, SupportedProtocolVersion};
use std::net::IpAddr;
use std::sync::Arc;

/// The lowest version of TLS that is accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsMinimum {
    /// TLS 1.2, and 1.3 with clients that support it.
    #[default]
    V1_2,
    /// TLS 1.3 alone.
    V1_3,
}

/// TLS of a cache. Clones share everything.
#[derive(Clone, Debug)]
pub struct TlsServer(Arc<TlsServerInner>);

#[derive(Debug)]
struct TlsServerInner {
    identity: TlsIdentity,
    minimum: TlsMinimum,
    configs: ServerConfigs,
    crls: Vec<CrlOrigin>,
}

#[derive(Debug)]
enum ServerConfigs {
    /// All connections are alike.
    Shared(Arc<ServerConfig>),
    /// Each is verified for the address that it comes from, and so has a configuration of its own.
    PerAddress(Arc<dyn ClientCertVerifier>),
}

impl TlsServer {
    /// Presents this identity, and verifies clients by that. The input is read once: to load certificates, keys or CRLs
    /// again, make another one for the next connections.
    pub fn new(identity: TlsIdentity, clients: ClientCertificates, minimum: TlsMinimum) -> Result<TlsServer, TlsError> {
        let Verifier { inner, address, crls } = clients.verifier()?;
        let configs = match address {
            AddressCheck::Ignored => ServerConfigs::Shared(config(&identity, minimum, inner)),
            AddressCheck::Matches => ServerConfigs::PerAddress(inner),
        };
        Ok(TlsServer(Arc::new(TlsServerInner { identity, minimum, configs, crls })))
    }

    /// Returns the time in which the certificate that is presented is valid, if that can be read.
    pub fn validity(&self) -> Option<Validity> {
        self.0.identity.validity()
    }

    /// Its CRLs, as far as they can be read here.
    pub fn crls(&self) -> &[CrlOrigin] {
        &self.0.crls
    }

    fn config(&self, peer: Option<IpAddr>) -> Arc<ServerConfig> {
        let TlsServerInner { identity, minimum, configs, crls: _ } = &*self.0;
        match configs {
            ServerConfigs::Shared(config) => Arc::clone(config),
            ServerConfigs::PerAddress(inner) => {
                config(identity, *minimum, Arc::new(AddressVerifier::new(Arc::clone(inner), peer)))
            }
        }
    }
}

fn config(identity: &TlsIdentity, minimum: TlsMinimum, verifier: Arc<dyn ClientCertVerifier>) -> Arc<ServerConfig> {
    // [T-TLS-01] Nothing below 1.2 exists in rustls at all.
    let versions: &[&SupportedProtocolVersion] = match minimum {
        TlsMinimum::V1_2 => &[&TLS13, &TLS12],
        TlsMinimum::V1_3 => &[&TLS13],
    };
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(versions)
        .expect("the provider has suites for both versions")
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(identity.resolver());
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Arc::new(config)
}

/// Performs the handshake with a router, and returns the name in its certificate. A router that is refused reads the
/// alert: it is flushed, then the socket is closed in order. The caller limits the time, by dropping this.
pub(crate) async fn accept(
    socket: Socket,
    server: &TlsServer,
    peer: Option<IpAddr>,
) -> Result<(Box<TlsStream>, Option<String>), TlsFailure> {
    let connection = ServerConnection::new(server.config(peer));
    let connection = connection.map_err(|error| TlsFailure::new(&error, TlsRole::Cache))?;
    let mut tls = Box::new(TlsStream::new(socket, connection.into()));
    if let Err(failure) = tls.handshake().await {
        tls.leave(drain::DRAIN_OCTETS_MAX).await;
        return Err(match failure {
            TlsFailure::Lost(_) if !tls.has_received() => TlsFailure::Probed,
            failure => failure,
        });
    }
    let who = tls.peer_certificate().map(name::who);
    Ok((tls, who))
}
