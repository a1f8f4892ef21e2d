//! State that all connections of a cache share, and one task for each of them.

use crate::admission::{ConnectionLimiter, Permit};
use crate::clock::Clock;
use crate::connection::Connection;
use crate::connection_setup::{Accepted, ConnectionSetup, Handshake};
use crate::drive::suspend::{ResumeContext, drive_on};
use crate::drive::{DriveContext, drive};
use crate::observe::{Observer, RefusalReason};
use crate::peer::{Endpoint, Peer};
use crate::proxy::{self, Proxied};
use crate::publish::{Published, Wanted};
use crate::service_policy::ServicePolicy;
#[cfg(feature = "ssh")]
use crate::ssh;
use crate::stream::{Socket, TransportStream};
use crate::suspended::{ObservedConnection, SuspendedConnection, WaitingConnection};
#[cfg(feature = "tls")]
use crate::tls;
use crate::transport::Transport;
use rtrcast_proto::{Dismissal, ServerSession};
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout_at};

/// A cache as its connections see it.
pub struct Service {
    /// The time.
    pub clock: Clock,
    /// The data, the policy, and the stop.
    pub published: watch::Receiver<Published>,
    /// Requests for views that are not made yet.
    pub wants: mpsc::Sender<Wanted>,
    /// The observer of all connections.
    pub observer: Arc<dyn Observer>,
    /// The limiter of connections.
    pub limiter: Arc<ConnectionLimiter>,
}

/// Time for which a PROXY header is waited for when connections are taken out of their tasks: a load balancer sends it
/// at once.
const PROXY_SUSPENSION_MAX: Duration = Duration::from_secs(1);

/// Numbers all connections of the process.
pub(crate) static NEXT_ID: AtomicU64 = AtomicU64::new(1);

impl Service {
    /// Accepts a connection, unless it is refused already by its address.
    pub(crate) fn accept(&self, accepted: Accepted, setup: &ConnectionSetup) -> Option<PendingConnection> {
        let Accepted { socket, remote, local } = accepted;
        let transport = setup.transport();
        let peer = Peer { id: NEXT_ID.fetch_add(1, Ordering::Relaxed), remote, local, transport, name: None };
        let pending = PendingConnection { socket, peer };
        let address = pending.address(setup);
        let policy = Arc::clone(&self.published.borrow().policy);
        let refused = if policy.access.admits(address) {
            self.limiter.check(address).map_err(RefusalReason::from)
        } else {
            Err(RefusalReason::NotAdmitted)
        };
        match refused {
            Ok(()) => Some(pending),
            Err(refusal) => {
                self.refuse(pending, &refusal);
                None
            }
        }
    }

    /// Serves a connection in a task of its own.
    pub(crate) fn serve(self: &Arc<Self>, pending: PendingConnection, setup: Arc<ConnectionSetup>) {
        let address = pending.address(&setup);
        let permit = match self.limiter.admit(Instant::now(), address, setup.transport().memory_octets()) {
            Ok(permit) => permit,
            Err(refused) => return self.refuse(pending, &RefusalReason::from(refused)),
        };
        let is_proxied = setup.is_proxied(&pending.peer.remote);
        let PendingConnection { socket, peer } = pending;
        let policy = Arc::clone(&self.published.borrow().policy);
        let mut connection = AdmittedConnection { service: Arc::clone(self), peer, permit, policy };
        if let (Handshake::None, false) = (&setup.handshake, is_proxied) {
            tokio::spawn(connection.session(TransportStream::Plain(socket)));
            return;
        }
        tokio::spawn(async move {
            // It is large, and soon over: an idle connection has no room for it.
            let result = Box::pin(connection.handshake(socket, &setup)).await;
            drop(setup);
            match result {
                Some(Ok(stream)) => Box::pin(connection.session(stream)).await,
                Some(Err(refusal)) => connection.service.observer.refused(&connection.peer, &refusal),
                None => {}
            }
        });
    }

    /// Lets a connection go on that was taken out of its task.
    pub fn resume(&self, suspended: SuspendedConnection) {
        let (clock, published, wants) = (self.clock, self.published.clone(), self.wants.clone());
        tokio::spawn(drive_on(suspended, ResumeContext { clock, published, wants }));
    }

    fn refuse(&self, pending: PendingConnection, refusal: &RefusalReason) {
        pending.socket.reset_at_close();
        self.observer.refused(&pending.peer, refusal);
    }
}

/// A connection that was accepted and is not in yet.
pub(crate) struct PendingConnection {
    socket: Socket,
    peer: Peer,
}

impl PendingConnection {
    /// Returns it with a descriptor of its own; none if there are too many. `local` is the address of its listener.
    pub(crate) fn duplicate(&self, local: &Endpoint) -> Option<WaitingConnection> {
        let socket = self.socket.as_fd().try_clone_to_owned().ok()?;
        Some(WaitingConnection { socket, remote: self.peer.remote.clone(), local: local.clone() })
    }

    /// Returns its address, unless its load balancer is to give it.
    fn address(&self, setup: &ConnectionSetup) -> Option<IpAddr> {
        self.peer.remote.ip().filter(|_| !setup.is_proxied(&self.peer.remote))
    }
}

/// A connection that is admitted, before its session.
struct AdmittedConnection {
    service: Arc<Service>,
    peer: Peer,
    permit: Permit,
    policy: Arc<ServicePolicy>,
}

impl AdmittedConnection {
    /// RTR over it, to its end. See [`drive`] for why it is no `async` function.
    fn session(self, stream: TransportStream) -> impl Future<Output = ()> + Send + use<> {
        let AdmittedConnection { service, peer, permit, policy } = self;
        let mut published = service.published.clone();
        let Published { view, stop, policy: newest, suspending, is_protected_ending } =
            published.borrow_and_update().clone();
        if suspending.is_some() || is_protected_ending {
            // The session's task is to see it.
            published.mark_changed();
        }
        let (now, address) = (service.clock.now(), peer.remote.ip());
        let mut session = ServerSession::new(now, policy.policy_for(address), view);
        if let Some(stop) = stop {
            session.stop(now, stop);
        }
        if !newest.access.admits(address) {
            session.dismiss(now, Dismissal::NotAdmitted);
        }
        let (clock, wants, stall_max) = (service.clock, service.wants.clone(), policy.stall_max);
        let (observer, connection) = (Arc::clone(&service.observer), Arc::new(Connection::new(peer, now)));
        observer.connected(&connection);
        let (observed, policy) = (ObservedConnection::new(connection, observer), newest);
        drive(stream, session, DriveContext { clock, published, wants, stall_max, policy, address, permit, observed })
    }

    /// All that comes before RTR, within its time; nothing if the cache stops meanwhile.
    async fn handshake(
        &mut self,
        socket: Socket,
        setup: &ConnectionSetup,
    ) -> Option<Result<TransportStream, RefusalReason>> {
        self.permit.begin_handshake();
        let deadline = Instant::now() + self.policy.handshake_max;
        if setup.is_proxied(&self.peer.remote) {
            let read = self.in_time(deadline, proxy::read_header(&socket)).await?;
            let learned = read
                .and_then(|read| read.map_err(RefusalReason::from))
                .and_then(|proxied| self.take_proxied_address(proxied));
            if let Err(refusal) = learned {
                socket.reset_at_close();
                return Some(Err(refusal));
            }
        }
        let secured = self.in_time(deadline, secure(socket, setup, self.peer.remote.ip())).await?;
        self.permit.end_handshake();
        Some(secured.flatten().map(|(stream, name)| {
            self.peer.name = name.map(Arc::from);
            stream
        }))
    }

    /// Awaits a step of the handshake, unless the connection is displaced, or all of its kind end.
    async fn in_time<Made>(
        &self,
        deadline: Instant,
        step: impl Future<Output = Made>,
    ) -> Option<Result<Made, RefusalReason>> {
        let mut published = self.service.published.clone();
        let (mut stopped, is_plain) = (published.clone(), self.peer.transport == Transport::Tcp);
        let suspended = async {
            let ends = |published: &Published| match is_plain {
                true => published.suspending.is_some(),
                false => published.is_protected_ending || published.suspending.is_some(),
            };
            _ = published.wait_for(ends).await;
            if is_plain {
                sleep(PROXY_SUSPENSION_MAX).await;
            }
        };
        tokio::select! {
            made = timeout_at(deadline, step) => Some(made.map_err(|_| RefusalReason::TooSlow)),
            () = self.permit.displaced() => Some(Err(RefusalReason::Displaced)),
            _ = stopped.wait_for(|published| published.stop.is_some()) => None,
            () = suspended => None,
        }
    }

    /// Sets the router's address of a PROXY header, if it is permitted. A connection of the load balancer itself, such
    /// as a health check, keeps its own.
    fn take_proxied_address(&mut self, proxied: Proxied) -> Result<(), RefusalReason> {
        let Proxied::From { remote, .. } = proxied else {
            return Ok(self.peer.remote.ip().map_or(Ok(()), |own| self.permit.set_address(own))?);
        };
        self.peer.remote = Endpoint::of(remote);
        let address = remote.ip().to_canonical();
        if !self.service.published.borrow().policy.access.admits(Some(address)) {
            return Err(RefusalReason::NotAdmitted);
        }
        Ok(self.permit.set_address(address)?)
    }
}

/// Performs the handshake, and returns the authenticated name of the router.
#[cfg_attr(
    not(any(feature = "tls", feature = "ssh")),
    expect(unused_variables, reason = "only what protects is held to the address")
)]
async fn secure(
    socket: Socket,
    setup: &ConnectionSetup,
    address: Option<IpAddr>,
) -> Result<(TransportStream, Option<String>), RefusalReason> {
    match &setup.handshake {
        Handshake::None => Ok((TransportStream::Plain(socket), None)),
        #[cfg(feature = "tls")]
        Handshake::Tls(server) => {
            let server = server.reloaded().await;
            let (tls, name) = tls::accept(socket, &server, address).await?;
            Ok((TransportStream::Tls(tls), name))
        }
        #[cfg(feature = "ssh")]
        Handshake::Ssh(server) => {
            let server = server.reloaded().await;
            let (ssh, user) = ssh::accept(socket, &server, address).await?;
            Ok((TransportStream::Ssh(Box::new(ssh)), Some(user)))
        }
    }
}
