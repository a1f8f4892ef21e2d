//! Security of a listener's connections, and what each has to show before RTR begins.

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

/// How connections of a listener begin.
#[derive(Clone, Default)]
pub struct ConnectionSetup {
    /// What lies below RTR.
    pub handshake: Handshake,
    /// Load balancers, whose connections begin with a PROXY header.
    pub proxies: Vec<IpPrefix>,
    /// Whether those over a Unix socket do.
    pub is_unix_proxied: bool,
}

/// What lies between RTR and the socket, with what that needs.
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

/// Something that is looked at anew for each connection: what lies in files may have been replaced.
pub trait Reloadable<T>: Send + Sync {
    /// It as it is now.
    fn reloaded(&self) -> Pin<Box<dyn Future<Output = Arc<T>> + Send + '_>>;
}

/// What never changes.
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

    /// Whether a connection from there begins with a PROXY header.
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
