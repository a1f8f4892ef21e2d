//! Listeners: they accept while there is room, survive whatever accepting may fail with, and never die.

use crate::connection_setup::{Accepted, ConnectionSetup};
use crate::observe::AcceptEvent;
use crate::peer::Endpoint;
use crate::publish::Published;
use crate::service::{PendingConnection, Service};
use crate::stream::{Socket, tcp};
use crate::suspended::{SuspendedPart, WaitingConnection};
use crate::tcp_keys::TcpKeys;
use crate::transport::Transport;
use crate::unix_socket::{SocketName, UnixSocket};
use socket2::{Domain, Protocol, SockRef, Type};
use std::future::{pending, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tokio::time::sleep;

/// Connections that the kernel holds for a listener that does not accept them yet.
pub const BACKLOG_CONNECTIONS_MAX: i32 = 1_024;

/// Between two attempts to accept while that fails.
const ACCEPT_RETRY_MIN: Duration = Duration::from_millis(50);
const ACCEPT_RETRY_MAX: Duration = Duration::from_secs(1);

/// A bound socket, and the setup of its connections.
pub struct Listener {
    socket: Arc<Bound>,
    local: Endpoint,
    setup: Arc<ConnectionSetup>,
}

enum Bound {
    Tcp(TcpListener),
    Unix {
        listener: UnixListener,
        /// None for a socket that was passed on: its creator removes the name.
        _name: Option<SocketName>,
    },
}

impl Listener {
    /// Binds an address. An IPv6 wildcard accepts IPv4 as well, unless `v6_only` reserves that for another listener.
    pub fn bind(address: SocketAddr, v6_only: V6Only) -> io::Result<Listener> {
        Listener::bind_with_keys(address, v6_only, &TcpKeys::default())
    }

    /// Binds an address with keys for TCP itself, which are set before the first connection.
    pub fn bind_with_keys(address: SocketAddr, v6_only: V6Only, keys: &TcpKeys) -> io::Result<Listener> {
        let socket = socket2::Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        if address.is_ipv6() {
            socket.set_only_v6(v6_only == V6Only::Yes)?;
        }
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        keys.apply_to_listener(&socket, None).map_err(io::Error::other)?;
        socket.listen(BACKLOG_CONNECTIONS_MAX)?;
        Listener::passed(socket.into())
    }

    /// Creates a Unix socket with these permissions. A stale one is replaced, and the name of this one is removed with
    /// the listener.
    pub fn bind_unix(path: &Path, mode: u32) -> io::Result<Listener> {
        let (listener, name) = UnixSocket::bind(path, mode, BACKLOG_CONNECTIONS_MAX)?.into_parts();
        let socket = Bound::Unix { listener, _name: Some(name) };
        Ok(Listener::of(socket, Endpoint::Unix(path.into())))
    }

    /// Takes over a socket that listens already, of TCP or Unix.
    pub fn passed(socket: OwnedFd) -> io::Result<Listener> {
        let (local, is_unix) = {
            let socket = SockRef::from(&socket);
            socket.set_nonblocking(true)?;
            let address = socket.local_addr()?;
            let path = address.as_pathname().unwrap_or(Path::new(""));
            let local = address.as_socket().map_or_else(|| Endpoint::Unix(path.into()), Endpoint::Ip);
            (local, address.is_unix())
        };
        let bound = if is_unix {
            Bound::Unix { listener: UnixListener::from_std(socket.into())?, _name: None }
        } else {
            Bound::Tcp(TcpListener::from_std(socket.into())?)
        };
        Ok(Listener::of(bound, local))
    }

    fn of(socket: Bound, local: Endpoint) -> Listener {
        Listener { socket: Arc::new(socket), local, setup: Arc::default() }
    }

    /// Returns a listener of the same socket with another setup; open connections are not affected.
    pub fn with(&self, setup: ConnectionSetup) -> Listener {
        Listener { socket: Arc::clone(&self.socket), local: self.local.clone(), setup: Arc::new(setup) }
    }

    /// Returns its address, with the port that the system chose if 0 was given.
    pub fn local(&self) -> &Endpoint {
        &self.local
    }

    /// Returns the transport of its connections.
    pub fn transport(&self) -> Transport {
        self.setup.transport()
    }

    /// Returns true if it is the same socket as another's.
    fn is_at(&self, other: &Listener) -> bool {
        Arc::ptr_eq(&self.socket, &other.socket)
    }

    fn poll_accept(&self, context: &mut Context<'_>) -> Poll<io::Result<Accepted>> {
        match &*self.socket {
            Bound::Tcp(listener) => listener.poll_accept(context).map_ok(|(stream, remote)| {
                // A socket that takes no options still carries PDUs.
                let _ = tcp::prepare(&stream);
                Accepted { socket: Socket::Tcp(stream), remote: Endpoint::of(remote), local: self.local.clone() }
            }),
            Bound::Unix { listener, .. } => listener.poll_accept(context).map_ok(|(stream, _)| Accepted {
                socket: Socket::Unix(stream),
                remote: Endpoint::unnamed(),
                local: self.local.clone(),
            }),
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &*self.socket {
            Bound::Tcp(listener) => listener.as_fd(),
            Bound::Unix { listener, .. } => listener.as_fd(),
        }
    }
}

/// Restriction of an IPv6 wildcard socket to IPv6 (IPV6_V6ONLY).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum V6Only {
    /// Another does.
    Yes,
    /// This one has to.
    No,
}

/// Accepts at all listeners, which may be exchanged meanwhile, until the service stops. A connection without capacity
/// waits unserved, and nothing more is accepted of its transport: routers that are accepted and closed wait ten
/// minutes, those in the backlog are admitted as soon as there is capacity. [T-TCP-06]
///
/// `waiting` are connections that another program has accepted at these listeners.
pub async fn listen(
    listeners: watch::Receiver<Vec<Arc<Listener>>>,
    service: Arc<Service>,
    waiting: Vec<WaitingConnection>,
) {
    let mut published = service.published.clone();
    tokio::select! {
        () = accept_for_ever(listeners, &service, waiting) => {}
        _ = published.wait_for(|published| published.stop.is_some()) => {}
    }
}

/// One loop for all listeners, so that no capacity is reserved for an address without connections.
async fn accept_for_ever(
    mut listeners: watch::Receiver<Vec<Arc<Listener>>>,
    service: &Arc<Service>,
    passed: Vec<WaitingConnection>,
) {
    let mut retry = ACCEPT_RETRY_MIN;
    let mut turn = 0;
    let mut waiting = WaitingConnections::default();
    for connection in passed {
        waiting.take_over(connection, &listeners.borrow(), service);
    }
    let mut published = service.published.clone();
    loop {
        let suspending = published.borrow_and_update().suspending.clone();
        if let Some(suspending) = suspending {
            let _ = suspending.send(SuspendedPart::Accepting(waiting.duplicates()));
            if published.wait_for(|published| published.suspending.is_none()).await.is_err() {
                return pending().await;
            }
        }
        let current = listeners.borrow_and_update().clone();
        waiting.exchange(&current);
        let is_protected_ending = published.borrow().is_protected_ending;
        let accepts = |listener: &&Arc<Listener>| match listener.transport() {
            Transport::Tcp => !waiting.has(Transport::Tcp),
            transport => !is_protected_ending && !waiting.has(transport),
        };
        let open: Vec<&Arc<Listener>> = current.iter().filter(accepts).collect();
        turn += 1;
        tokio::select! {
            () = waiting.wait_for_capacity(service) => waiting.serve_waiting(service),
            true = changed(&mut listeners) => {}
            () = suspension(&mut published, is_protected_ending) => {}
            (listener, accepted) = accept_any(&open, turn) => match accepted {
                Ok(accepted) => {
                    retry = ACCEPT_RETRY_MIN;
                    // A connection after a reload gets the new setup, whenever the listeners were polled.
                    let listener = newest(&listeners.borrow(), listener);
                    if let Some(connection) = service.accept(accepted, &listener.setup) {
                        waiting.serve_or_hold(listener, connection, service);
                    }
                }
                // The peer went away before it was accepted: nothing is wrong here.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    // Out of descriptors or memory: an attempt at once would fail again, and spin.
                    service.observer.accept_event(&AcceptEvent::Failed(listener.local.clone(), error));
                    sleep(retry).await;
                    retry = (retry * 2).min(ACCEPT_RETRY_MAX);
                }
            },
        }
    }
}

fn newest(listeners: &[Arc<Listener>], polled: &Arc<Listener>) -> Arc<Listener> {
    let newer = listeners.iter().find(|listener| listener.is_at(polled));
    Arc::clone(newer.unwrap_or(polled))
}

/// Connections for which there is no room: at most one of a layer, since one may need more memory than another.
#[derive(Default)]
struct WaitingConnections(Vec<(Arc<Listener>, PendingConnection)>);

impl WaitingConnections {
    fn has(&self, transport: Transport) -> bool {
        self.0.iter().any(|(listener, _)| listener.transport() == transport)
    }

    /// Serves a connection if there is room, else holds it.
    fn serve_or_hold(&mut self, listener: Arc<Listener>, connection: PendingConnection, service: &Arc<Service>) {
        if service.limiter.has_capacity(listener.transport().memory_octets()) {
            service.serve(connection, Arc::clone(&listener.setup));
            return;
        }
        if self.0.is_empty() {
            service.observer.accept_event(&AcceptEvent::Paused);
        }
        self.0.push((listener, connection));
    }

    /// Takes over a connection that another program has accepted. One of a listener that is not open any more is dropped.
    fn take_over(&mut self, connection: WaitingConnection, listeners: &[Arc<Listener>], service: &Arc<Service>) {
        let WaitingConnection { socket, remote, local } = connection;
        let Some(listener) = listeners.iter().find(|listener| *listener.local() == local) else { return };
        let socket = Socket::passed(socket, matches!(local, Endpoint::Unix(_)));
        let accepted = socket.ok().map(|socket| Accepted { socket, remote, local });
        if let Some(connection) = accepted.and_then(|accepted| service.accept(accepted, &listener.setup)) {
            self.serve_or_hold(Arc::clone(listener), connection, service);
        }
    }

    /// Returns the connections with descriptors of their own, for another program.
    fn duplicates(&self) -> Vec<WaitingConnection> {
        self.0.iter().filter_map(|(listener, connection)| connection.duplicate(listener.local())).collect()
    }

    /// Takes over the current listeners: connections of removed ones are dropped.
    fn exchange(&mut self, current: &[Arc<Listener>]) {
        self.0.retain_mut(|(listener, _)| match current.iter().find(|now| now.is_at(listener)) {
            Some(now) => {
                *listener = Arc::clone(now);
                true
            }
            None => false,
        });
    }

    /// Waits until there is room for one of them; for ever if there are none.
    async fn wait_for_capacity(&self, service: &Service) {
        match self.0.iter().map(|(listener, _)| listener.transport().memory_octets()).min() {
            Some(cost) => _ = service.limiter.wait_for_capacity(cost, || {}).await,
            None => pending().await,
        }
    }

    /// Serves those for which there is room.
    fn serve_waiting(&mut self, service: &Arc<Service>) {
        for (listener, connection) in std::mem::take(&mut self.0) {
            if service.limiter.has_capacity(listener.transport().memory_octets()) {
                service.serve(connection, Arc::clone(&listener.setup));
            } else {
                self.0.push((listener, connection));
            }
        }
        if self.0.is_empty() {
            service.observer.accept_event(&AcceptEvent::Resumed);
        }
    }
}

/// Waits until connections are taken out of their tasks, or another kind is accepted.
async fn suspension(published: &mut watch::Receiver<Published>, was_ending: bool) {
    let is_other =
        |published: &Published| published.suspending.is_some() || published.is_protected_ending != was_ending;
    if published.wait_for(is_other).await.is_err() {
        pending().await
    }
}

/// Waits until the listeners are exchanged; for ever if they cannot be.
async fn changed(listeners: &mut watch::Receiver<Vec<Arc<Listener>>>) -> bool {
    match listeners.changed().await {
        Ok(()) => true,
        Err(_) => pending().await,
    }
}

/// Accepts the next connection at any of the addresses; another one is polled first each time.
async fn accept_any<'a>(listeners: &[&'a Arc<Listener>], turn: usize) -> (&'a Arc<Listener>, io::Result<Accepted>) {
    poll_fn(|context| {
        let (before, first) = listeners.split_at(turn % listeners.len().max(1));
        for listener in first.iter().chain(before) {
            if let Poll::Ready(accepted) = listener.poll_accept(context) {
                return Poll::Ready((*listener, accepted));
            }
        }
        Poll::Pending
    })
    .await
}
