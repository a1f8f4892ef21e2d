//! Observation of connections: what is told of each, from its acceptance to its end.

use crate::admission::Refused;
use crate::connection::Connection;
use crate::peer::{Endpoint, Peer};
use crate::proxy::ProxyError;
#[cfg(feature = "ssh")]
use crate::ssh;
#[cfg(feature = "tls")]
use crate::tls;
use rtrcast_proto::ServerEvent;
use std::fmt;
use std::io;
use std::sync::Arc;

/// What keeps connections from being accepted.
#[derive(Debug)]
pub enum Trouble {
    /// As many connections are open as may be; the next ones wait in the backlog.
    Full,
    /// There is room again.
    Room,
    /// Accepting there failed, for lack of file descriptors for instance; it is tried again.
    Accept(Endpoint, io::Error),
}

/// Why a connection was ended before RTR began.
#[derive(Debug)]
pub enum Refusal {
    /// It comes from an address that is not let in. It was reset.
    NotAdmitted,
    /// Its address has as many connections as one may have. It was reset.
    PerAddress {
        /// How many these are.
        limit: u32,
    },
    /// Its load balancer said nothing that makes sense.
    Proxy(ProxyError),
    /// Its handshake failed.
    Handshake(io::Error),
    /// Its handshake took too long.
    TooSlow,
    /// It was in its handshake for longest when there were too many.
    Displaced,
    /// Nobody refused it: whoever connected ended it before sending anything, as load balancers and monitors do that only
    /// see whether somebody listens.
    Probed,
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Refusal {
        match refused {
            Refused::PerAddress { limit } => Refusal::PerAddress { limit },
        }
    }
}

impl From<ProxyError> for Refusal {
    fn from(error: ProxyError) -> Refusal {
        match error {
            ProxyError::Probed => Refusal::Probed,
            error => Refusal::Proxy(error),
        }
    }
}

#[cfg(feature = "tls")]
impl From<tls::HandshakeFailure> for Refusal {
    fn from(failure: tls::HandshakeFailure) -> Refusal {
        match failure {
            tls::HandshakeFailure::Probed => Refusal::Probed,
            failure => Refusal::Handshake(failure.into()),
        }
    }
}

#[cfg(feature = "ssh")]
impl From<ssh::HandshakeFailure> for Refusal {
    fn from(failure: ssh::HandshakeFailure) -> Refusal {
        if failure.is_probe { Refusal::Probed } else { Refusal::Handshake(failure.into()) }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::NotAdmitted => f.write_str("its address is not let in"),
            Refusal::PerAddress { limit } => {
                write!(f, "its address has {limit} connections already, as many as one may have")
            }
            Refusal::Proxy(error) => fmt::Display::fmt(error, f),
            Refusal::Handshake(failure) => fmt::Display::fmt(failure, f),
            Refusal::TooSlow => f.write_str("its handshake took too long"),
            Refusal::Displaced => f.write_str("it was in its handshake for longest when there were too many"),
            Refusal::Probed => f.write_str("it ended before anything came"),
        }
    }
}

/// How a connection ended.
#[derive(Debug)]
pub enum End {
    /// By the ordered close; false if the peer did not end its side in time.
    Ordered {
        /// Whether the peer ended its side.
        peer_ended: bool,
    },
    /// The peer did not take what was sent, so the connection was reset.
    Aborted,
    /// The connection broke.
    Lost(io::Error),
    /// It was reset before the peer sent anything, as load balancers and monitors do that only see whether somebody listens.
    Probed(io::Error),
}

/// Whoever watches what happens on connections. All logs and metrics come from here. `()` watches nothing.
pub trait Observer: Send + Sync + 'static {
    /// A connection was ended before RTR began: nothing else is told of it.
    fn refused(&self, peer: &Peer, why: &Refusal);
    /// A connection is there, its handshake done.
    fn connected(&self, connection: &Arc<Connection>);
    /// Something happened on it, which its [`stats`](Connection::stats) have already.
    fn event(&self, connection: &Connection, event: &ServerEvent);
    /// It is over.
    fn ended(&self, connection: &Connection, end: &End);
    /// Connections can't be accepted, or can again.
    fn trouble(&self, trouble: &Trouble);
}

impl Observer for () {
    fn refused(&self, _: &Peer, _: &Refusal) {}
    fn connected(&self, _: &Arc<Connection>) {}
    fn event(&self, _: &Connection, _: &ServerEvent) {}
    fn ended(&self, _: &Connection, _: &End) {}
    fn trouble(&self, _: &Trouble) {}
}
