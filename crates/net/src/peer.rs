//! Who is at the other end of a connection.

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

/// What lies between RTR and the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
    /// Nothing.
    Plain,
    /// TLS.
    Tls,
    /// SSH.
    Ssh,
}

impl Layer {
    /// About what a connection takes of memory, the kernel's buffers not counted: measured with 1,000 idle ones of TCP and TLS.
    pub(crate) fn cost(self) -> u64 {
        match self {
            Layer::Plain => 4 * 1024,
            // 9 KiB while it is idle, and 32 KiB of records while data are sent.
            Layer::Tls => 48 * 1024,
            // 48 KiB until something was sent. A transfer takes 200 KiB more, under way, stuck or over, as russh keeps
            // its buffers: 247 KiB each with 120 clients that had a response of 2 MB, 248 with 40 that took none of it.
            Layer::Ssh => 256 * 1024,
        }
    }

    /// `tcp` (also over a Unix socket), `tls`, `ssh`.
    pub fn name(self) -> &'static str {
        match self {
            Layer::Plain => "tcp",
            Layer::Tls => "tls",
            Layer::Ssh => "ssh",
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
    pub layer: Layer,
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
