//! Setup of a listener's connections before RTR begins: the PROXY header, and the handshake of TLS or SSH.

use crate::ip_prefix::IpPrefix;
use crate::peer::Endpoint;
#[cfg(feature = "ssh")]
use crate::ssh::SshServer;
use crate::stream::Socket;
#[cfg(feature = "tls")]
use crate::tls::TlsServer;
use crate::transport::Transport;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// Setup of a listener's connections.
#[derive(Clone, Default)]
pub struct ConnectionSetup {
    /// The handshake before RTR.
    pub handshake: Handshake,
    /// Load balancers, whose connections begin with a PROXY header.
    pub proxies: Vec<IpPrefix>,
    /// True if connections over a Unix socket begin with a PROXY header.
    pub is_unix_proxied: bool,
}

/// Handshake before RTR, with the configuration of its server.
#[derive(Clone, Default)]
pub enum Handshake {
    /// Nothing.
    #[default]
    None,
    /// TLS.
    #[cfg(feature = "tls")]
    Tls(Arc<dyn Reloadable<TlsServer>>),
    /// SSH.
    #[cfg(feature = "ssh")]
    Ssh(Arc<dyn Reloadable<SshServer>>),
}

/// A value that may be reloaded for each connection, when the files behind it were replaced.
pub trait Reloadable<T>: Send + Sync {
    /// Returns the value, reloaded if its files have changed.
    fn reloaded(&self) -> Pin<Box<dyn Future<Output = Arc<T>> + Send + '_>>;
}

/// A value that never changes.
impl<T: Send + Sync> Reloadable<T> for Arc<T> {
    fn reloaded(&self) -> Pin<Box<dyn Future<Output = Arc<T>> + Send + '_>> {
        Box::pin(std::future::ready(Arc::clone(self)))
    }
}

impl ConnectionSetup {
    pub(crate) fn transport(&self) -> Transport {
        match self.handshake {
            Handshake::None => Transport::Tcp,
            #[cfg(feature = "tls")]
            Handshake::Tls(_) => Transport::Tls,
            #[cfg(feature = "ssh")]
            Handshake::Ssh(_) => Transport::Ssh,
        }
    }

    /// Returns true if a connection from this endpoint begins with a PROXY header.
    pub(crate) fn is_proxied(&self, remote: &Endpoint) -> bool {
        match remote.ip() {
            Some(address) => self.proxies.iter().any(|prefix| prefix.contains(address)),
            None => self.is_unix_proxied,
        }
    }
}

/// A connection that was just accepted.
pub(crate) struct Accepted {
    pub(crate) socket: Socket,
    pub(crate) remote: Endpoint,
    pub(crate) local: Endpoint,
}
