//! The ends of a connection.

use crate::transport::Transport;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

/// One end of a connection.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Endpoint {
    /// An address; never an IPv4 address in IPv6's clothes.
    Ip(SocketAddr),
    /// A Unix socket. A client has no path: then it is empty.
    Unix(Arc<Path>),
}

impl Endpoint {
    /// An address, IPv4 as such.
    pub(crate) fn of(address: SocketAddr) -> Endpoint {
        Endpoint::Ip(SocketAddr::new(address.ip().to_canonical(), address.port()))
    }

    /// The client of a Unix socket.
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
    /// Number of the connection since the start.
    pub id: u64,
    /// The router's address; behind a load balancer the one of the PROXY header.
    pub remote: Endpoint,
    /// The address that it connected to.
    pub local: Endpoint,
    /// The transport of its connection.
    pub transport: Transport,
    /// The name that it authenticated by: the user of SSH, a name of the certificate of TLS.
    pub name: Option<Arc<str>>,
}

/// `192.0.2.1:4711`, with its authenticated name; at a Unix socket, its path and the number of the connection.
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
