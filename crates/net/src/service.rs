//! What all connections of a cache share, and one task for each of them.

use crate::clock::Clock;
use crate::drive::{End, Lines, drive};
use crate::transport::Tcp;
use rtrcast_proto::{Event, ServerPolicy, ServerSession, Stop, View, Want};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot, watch};

/// What sessions are told: the data as they are, and whether the cache stops.
#[derive(Clone, Debug)]
pub struct Published {
    /// The data.
    pub view: Arc<View>,
    /// Set once, when the cache stops.
    pub stop: Option<Stop>,
}

/// Something that a session needs to have made, and where to send the view that has it.
#[derive(Debug)]
pub struct Wanted {
    /// What.
    pub want: Want,
    /// Where to.
    pub reply: oneshot::Sender<Arc<View>>,
}

/// The other end of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// Counts the connections since the start.
    pub id: u64,
    /// The router's address.
    pub remote: SocketAddr,
    /// Our address that it connected to.
    pub local: SocketAddr,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.remote, f)
    }
}

/// What keeps connections from being accepted.
#[derive(Debug)]
pub enum Trouble {
    /// As many connections are open as may be; the next ones wait in the backlog.
    Full,
    /// There is room again.
    Room,
    /// Accepting at this address failed, for lack of file descriptors for instance; it is tried again.
    Accept(SocketAddr, io::Error),
}

/// Whoever watches what happens on connections. All logs and metrics come from here. `()` watches nothing.
pub trait Observer: Send + Sync + 'static {
    /// A connection was accepted.
    fn connected(&self, peer: &Peer);
    /// Something happened on it.
    fn event(&self, peer: &Peer, event: &Event);
    /// It is over.
    fn ended(&self, peer: &Peer, end: &End);
    /// Connections can't be accepted, or can again.
    fn trouble(&self, trouble: &Trouble);
}

impl Observer for () {
    fn connected(&self, _: &Peer) {}
    fn event(&self, _: &Peer, _: &Event) {}
    fn ended(&self, _: &Peer, _: &End) {}
    fn trouble(&self, _: &Trouble) {}
}

/// A cache as its connections see it.
pub struct Service {
    /// What routers may ask for.
    pub policy: ServerPolicy,
    /// The time.
    pub clock: Clock,
    /// The data, and the stop.
    pub published: watch::Receiver<Published>,
    /// Where to ask for what is not made yet.
    pub wants: mpsc::Sender<Wanted>,
    /// How long a router may take nothing of what it is sent.
    pub stall_max: Duration,
    /// Who watches.
    pub observer: Arc<dyn Observer>,
}

/// Numbers all connections of the process.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

impl Service {
    /// Serves a connection in a task of its own. The permit is given back when it is over.
    pub(crate) fn serve(&self, stream: TcpStream, remote: SocketAddr, local: SocketAddr, permit: OwnedSemaphorePermit) {
        let peer = Peer { id: NEXT_ID.fetch_add(1, Ordering::Relaxed), remote, local };
        let observer = Arc::clone(&self.observer);
        let mut published = self.published.clone();
        let Published { view, stop } = published.borrow_and_update().clone();
        let mut session = ServerSession::new(self.clock.now(), self.policy, view);
        if let Some(stop) = stop {
            session.stop(self.clock.now(), stop);
        }
        let lines = Lines { clock: self.clock, published, wants: self.wants.clone(), stall_max: self.stall_max };
        tokio::spawn(async move {
            observer.connected(&peer);
            let mut watched = Watched { observer: &*observer, peer, end: None };
            let end = drive(Tcp::new(stream), session, lines, |event| observer.event(&peer, &event)).await;
            watched.end = Some(end);
            drop(watched);
            drop(permit);
        });
    }
}

/// Tells the end of a connection, even if its task panics.
struct Watched<'a> {
    observer: &'a dyn Observer,
    peer: Peer,
    end: Option<End>,
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        let end = self.end.take().unwrap_or_else(|| End::Lost(io::Error::other("the session's task failed")));
        self.observer.ended(&self.peer, &end);
    }
}
