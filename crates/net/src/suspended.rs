//! Connections that are taken out of their tasks, to go on in this program or in another one.
//!
//! Only plain connections are: TLS and SSH have keys in their libraries, and end in order. A session is taken between two
//! of its steps, so that no octet is lost or sent twice: what was read and not used, the rest of a chunk and what the
//! router was told go with it. One that is being closed in order goes on being so.

use crate::admission::Permit;
use crate::close::PeerSide;
use crate::connection::Connection;
use crate::observe::{End, Observer};
use crate::peer::Endpoint;
use crate::stream::Socket;
use crate::transfer::PendingWrite;
use rtrcast_proto::{Moment, ServerSession};
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Takes what is suspended.
pub(crate) type Suspending = mpsc::UnboundedSender<SuspendedPart>;

/// Something that is suspended.
#[derive(Debug)]
pub(crate) enum SuspendedPart {
    Connection(Box<SuspendedConnection>),
    /// The accept loop, with the connections that it has accepted and that wait for capacity.
    Accepting(Vec<WaitingConnection>),
}

/// A connection without a task.
pub struct SuspendedConnection {
    pub(crate) socket: Socket,
    pub(crate) observed: ObservedConnection,
    pub(crate) permit: Permit,
    pub(crate) session: ServerSession,
    /// The chunk that is being written.
    pub(crate) writing: Option<PendingWrite>,
    /// Since when its session ends.
    pub(crate) closing_since: Option<Moment>,
    pub(crate) has_received: bool,
    pub(crate) peer_side: PeerSide,
    pub(crate) stall_max: Duration,
    pub(crate) address: Option<IpAddr>,
}

impl SuspendedConnection {
    /// The connection, with its statistics.
    pub fn connection(&self) -> &Arc<Connection> {
        &self.observed.connection
    }
}

impl fmt::Debug for SuspendedConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SuspendedConnection")
            .field("peer", self.connection().peer())
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}

/// A connection that was accepted and waits for capacity.
#[derive(Debug)]
pub struct WaitingConnection {
    pub(crate) socket: OwnedFd,
    pub(crate) remote: Endpoint,
    /// The address of its listener.
    pub(crate) local: Endpoint,
}

/// A connection with its observer, who is told its end when this is dropped, even if its task panics.
pub(crate) struct ObservedConnection {
    pub(crate) connection: Arc<Connection>,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) end: Option<End>,
}

impl ObservedConnection {
    pub(crate) fn new(connection: Arc<Connection>, observer: Arc<dyn Observer>) -> ObservedConnection {
        ObservedConnection { connection, observer, end: None }
    }
}

impl Drop for ObservedConnection {
    fn drop(&mut self) {
        let end = self.end.take().unwrap_or_else(|| End::Lost(io::Error::other("the session's task failed")));
        self.observer.ended(&self.connection, &end);
    }
}
