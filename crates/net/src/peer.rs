//! Who is at the other end of a connection.

use crate::transport::Transport;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

/// Where one end of a connection is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Endpoint {
    /// An address; never an IPv4 address in IPv6's clothes.
    Ip(SocketAddr),
    /// A Unix socket. Whoever connects to one has no path of their own: then it is empty.
    Unix(Arc<Path>),
}

impl Endpoint {
    /// An address, IPv4 as such.
    pub(crate) fn of(address: SocketAddr) -> Endpoint {
        Endpoint::Ip(SocketAddr::new(address.ip().to_canonical(), address.port()))
    }

    /// Whoever connects to a Unix socket.
    pub(crate) fn unnamed() -> Endpoint {
        Endpoint::Unix(Arc::from(Path::new("")))
    }

    /// The address, if it has one.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Endpoint::Ip(address) => Some(address.ip()),
            Endpoint::Unix(_) => None,
        }
    }

    /// The address and port, if it has them.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Endpoint::Ip(address) => Some(*address),
            Endpoint::Unix(_) => None,
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Ip(address) => fmt::Display::fmt(address, f),
            Endpoint::Unix(path) => fmt::Display::fmt(&path.display(), f),
        }
    }
}

/// The other end of a connection.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Counts the connections since the start.
    pub id: u64,
    /// The router's address; behind a load balancer what that says.
    pub remote: Endpoint,
    /// Where it connected to.
    pub local: Endpoint,
    /// What its connection goes through.
    pub transport: Transport,
    /// Who it proved to be: the user of SSH, a name of the certificate of TLS.
    pub name: Option<Arc<str>>,
}

/// `192.0.2.1:4711`, with who it proved to be; at a Unix socket, its path and the connection's number.
impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.remote {
            Endpoint::Ip(address) => fmt::Display::fmt(address, f)?,
            Endpoint::Unix(_) => write!(f, "{}#{}", self.local, self.id)?,
        }
        match &self.name {
            Some(name) => write!(f, " ({name})"),
            None => Ok(()),
        }
    }
}
