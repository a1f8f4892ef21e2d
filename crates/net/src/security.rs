//! Security of a listener's connections, and what each has to show before RTR begins.

use crate::ip_prefix::IpPrefix;
use crate::peer::{Endpoint, Layer};
#[cfg(feature = "ssh")]
use crate::ssh::SshServer;
#[cfg(feature = "tls")]
use crate::tls::TlsServer;
use crate::transport::Socket;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// How connections of a listener begin.
#[derive(Clone, Default)]
pub struct Manner {
    /// What lies below RTR.
    pub security: Security,
    /// Load balancers, whose connections begin with a PROXY header.
    pub proxies: Vec<IpPrefix>,
    /// Whether those over a Unix socket do.
    pub is_unix_proxied: bool,
}

/// What lies between RTR and the socket, with what that needs.
#[derive(Clone, Default)]
pub enum Security {
    /// Nothing.
    #[default]
    None,
    /// TLS.
    #[cfg(feature = "tls")]
    Tls(Arc<dyn Fresh<TlsServer>>),
    /// SSH.
    #[cfg(feature = "ssh")]
    Ssh(Arc<dyn Fresh<SshServer>>),
}

/// Something that is looked at anew for each connection: what lies in files may have been replaced.
pub trait Fresh<T>: Send + Sync {
    /// It as it is now.
    fn fresh(&self) -> Pin<Box<dyn Future<Output = Arc<T>> + Send + '_>>;
}

/// What never changes.
impl<T: Send + Sync> Fresh<T> for Arc<T> {
    fn fresh(&self) -> Pin<Box<dyn Future<Output = Arc<T>> + Send + '_>> {
        Box::pin(std::future::ready(Arc::clone(self)))
    }
}

impl Manner {
    pub(crate) fn layer(&self) -> Layer {
        match self.security {
            Security::None => Layer::Plain,
            #[cfg(feature = "tls")]
            Security::Tls(_) => Layer::Tls,
            #[cfg(feature = "ssh")]
            Security::Ssh(_) => Layer::Ssh,
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
