//! Observation of connections, from acceptance to end.

use crate::connection::Connection;
use crate::peer::{Endpoint, Peer};
use crate::proxy::ProxyError;
#[cfg(feature = "ssh")]
use crate::ssh;
#[cfg(feature = "tls")]
use crate::tls;
use rtrcast_proto::{LimitExceeded, ServerEvent};
use std::fmt;
use std::io;
use std::sync::Arc;

/// Event of accepting connections.
#[derive(Debug)]
pub enum AcceptEvent {
    /// As many connections are open as may be; the next ones wait in the backlog.
    Paused,
    /// Further connections are accepted again.
    Resumed,
    /// Accepting there failed, for lack of file descriptors for instance; it is tried again.
    Failed(Endpoint, io::Error),
}

/// Reason that a connection was ended before RTR began.
#[derive(Debug)]
pub enum RefusalReason {
    /// Its address is not permitted. It was reset.
    NotAdmitted,
    /// Its address has as many connections as one may have. It was reset.
    PerAddress {
        /// The limit.
        limit: u32,
    },
    /// Its PROXY header is invalid.
    Proxy(ProxyError),
    /// Its handshake failed.
    Handshake(io::Error),
    /// Its handshake took too long.
    TooSlow,
    /// It was the oldest of too many handshakes, or had sent no query when its capacity was needed.
    Displaced,
    /// It was not refused: the peer ended it without sending anything, as load balancers and monitors do to check that
    /// the port is open.
    Probed,
}

impl From<LimitExceeded> for RefusalReason {
    fn from(refused: LimitExceeded) -> RefusalReason {
        match refused {
            LimitExceeded::PerAddress { limit } => RefusalReason::PerAddress { limit },
        }
    }
}

impl From<ProxyError> for RefusalReason {
    fn from(error: ProxyError) -> RefusalReason {
        match error {
            ProxyError::Probed => RefusalReason::Probed,
            error => RefusalReason::Proxy(error),
        }
    }
}

#[cfg(feature = "tls")]
impl From<tls::TlsFailure> for RefusalReason {
    fn from(failure: tls::TlsFailure) -> RefusalReason {
        match failure {
            tls::TlsFailure::Probed => RefusalReason::Probed,
            failure => RefusalReason::Handshake(failure.into()),
        }
    }
}

#[cfg(feature = "ssh")]
impl From<ssh::SshHandshakeFailure> for RefusalReason {
    fn from(failure: ssh::SshHandshakeFailure) -> RefusalReason {
        if failure.is_probe { RefusalReason::Probed } else { RefusalReason::Handshake(failure.into()) }
    }
}

impl fmt::Display for RefusalReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RefusalReason::NotAdmitted => f.write_str("its address is not permitted"),
            RefusalReason::PerAddress { limit } => {
                write!(f, "its address has {limit} connections already, the limit of an address")
            }
            RefusalReason::Proxy(error) => fmt::Display::fmt(error, f),
            RefusalReason::Handshake(failure) => fmt::Display::fmt(failure, f),
            RefusalReason::TooSlow => f.write_str("its handshake took too long"),
            RefusalReason::Displaced => {
                f.write_str("it had sent no query for the longest time when its place was needed")
            }
            RefusalReason::Probed => f.write_str("it ended before anything was received"),
        }
    }
}

/// End of a connection.
#[derive(Debug)]
pub enum End {
    /// By the ordered close; false if the peer did not end its side in time.
    Ordered {
        /// True if the peer ended its side.
        peer_ended: bool,
    },
    /// The peer did not take what was sent, so the connection was reset.
    Aborted,
    /// The connection broke.
    Lost(io::Error),
    /// It was reset before the peer sent anything, as load balancers and monitors do to check that the port is open.
    Probed(io::Error),
}

/// Observer of connections. All logs and metrics come from here. `()` ignores all events.
pub trait Observer: Send + Sync + 'static {
    /// A connection was ended before RTR began: there are no other events of it.
    fn refused(&self, peer: &Peer, why: &RefusalReason);
    /// A connection is there, its handshake done.
    fn connected(&self, connection: &Arc<Connection>);
    /// A connection is there that began in the program before this one.
    fn handed_over(&self, connection: &Arc<Connection>);
    /// Something happened on it, which its [`stats`](Connection::stats) have already.
    fn event(&self, connection: &Connection, event: &ServerEvent);
    /// It has ended.
    fn ended(&self, connection: &Connection, end: &End);
    /// Connections can't be accepted, or can again.
    fn accept_event(&self, accept_event: &AcceptEvent);
}

impl Observer for () {
    fn refused(&self, _: &Peer, _: &RefusalReason) {}
    fn connected(&self, _: &Arc<Connection>) {}
    fn handed_over(&self, _: &Arc<Connection>) {}
    fn event(&self, _: &Connection, _: &ServerEvent) {}
    fn ended(&self, _: &Connection, _: &End) {}
    fn accept_event(&self, _: &AcceptEvent) {}
}
