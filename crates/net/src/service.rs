//! What all connections of a cache share, and one task for each of them.

use crate::admission::{Door, Guest};
use crate::clock::Clock;
use crate::connection::Connection;
use crate::drive::{Lines, drive};
use crate::observe::{End, Observer, Refusal};
use crate::peer::{Endpoint, Peer};
use crate::proxy::{self, Proxied};
use crate::publish::{Published, Wanted};
use crate::security::{Accepted, Manner, Security};
#[cfg(feature = "ssh")]
use crate::ssh;
use crate::terms::Terms;
#[cfg(feature = "tls")]
use crate::tls;
use crate::transport::{Socket, Transport};
use rtrcast_proto::{Dismissal, ServerSession};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout_at};

/// A cache as its connections see it.
pub struct Service {
    /// The time.
    pub clock: Clock,
    /// The data, the terms, and the stop.
    pub published: watch::Receiver<Published>,
    /// Where to ask for what is not made yet.
    pub wants: mpsc::Sender<Wanted>,
    /// Who watches.
    pub observer: Arc<dyn Observer>,
    /// Who is in.
    pub door: Arc<Door>,
}

/// Numbers all connections of the process.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

impl Service {
    /// Takes a connection that was accepted, unless it is clear already that it is not let in.
    pub(crate) fn knock(&self, accepted: Accepted, manner: &Manner) -> Option<Knock> {
        let Accepted { socket, remote, local } = accepted;
        let layer = manner.layer();
        let peer = Peer { id: NEXT_ID.fetch_add(1, Ordering::Relaxed), remote, local, layer, name: None };
        let knock = Knock { socket, peer };
        let address = knock.address(manner);
        let terms = Arc::clone(&self.published.borrow().terms);
        let refused = if terms.lists.admits(address) {
            self.door.check(address).map_err(Refusal::from)
        } else {
            Err(Refusal::NotAdmitted)
        };
        match refused {
            Ok(()) => Some(knock),
            Err(refusal) => {
                self.refuse(knock, &refusal);
                None
            }
        }
    }

    /// Serves a connection in a task of its own.
    pub(crate) fn serve(self: &Arc<Self>, knock: Knock, manner: Arc<Manner>) {
        let address = knock.address(&manner);
        let guest = match self.door.enter(Instant::now(), address, manner.layer().cost()) {
            Ok(guest) => guest,
            Err(refused) => return self.refuse(knock, &Refusal::from(refused)),
        };
        let is_proxied = manner.is_proxied(&knock.peer.remote);
        let Knock { socket, peer } = knock;
        let terms = Arc::clone(&self.published.borrow().terms);
        let mut connection = Admitted { service: Arc::clone(self), peer, guest, terms };
        if let (Security::None, false) = (&manner.security, is_proxied) {
            tokio::spawn(connection.session(Transport::Plain(socket)));
            return;
        }
        tokio::spawn(async move {
            // It is large, and soon over: an idle connection has no room for it.
            let shaken = Box::pin(connection.shake_hands(socket, &manner, is_proxied)).await;
            drop(manner);
            match shaken {
                Some(Ok(transport)) => Box::pin(connection.session(transport)).await,
                Some(Err(refusal)) => connection.service.observer.refused(&connection.peer, &refusal),
                None => {}
            }
        });
    }

    fn refuse(&self, knock: Knock, refusal: &Refusal) {
        knock.socket.reset_at_close();
        self.observer.refused(&knock.peer, refusal);
    }
}

/// A connection that was accepted and is not in yet.
pub(crate) struct Knock {
    socket: Socket,
    peer: Peer,
}

impl Knock {
    /// Whose it is, if that is known before its load balancer says so.
    fn address(&self, manner: &Manner) -> Option<IpAddr> {
        self.peer.remote.ip().filter(|_| !manner.is_proxied(&self.peer.remote))
    }
}

/// A connection that is in, before its session.
struct Admitted {
    service: Arc<Service>,
    peer: Peer,
    guest: Guest,
    terms: Arc<Terms>,
}

impl Admitted {
    /// RTR over it, to its end. See [`drive`] for why it is no `async` function.
    fn session(self, transport: Transport) -> impl Future<Output = ()> + Send + use<> {
        let Admitted { service, peer, guest, terms } = self;
        let mut published = service.published.clone();
        let Published { view, stop, terms: newest } = published.borrow_and_update().clone();
        let (now, address) = (service.clock.now(), peer.remote.ip());
        let mut session = ServerSession::new(now, terms.policy_for(address), view);
        if let Some(stop) = stop {
            session.stop(now, stop);
        }
        if !newest.lists.admits(address) {
            session.dismiss(now, Dismissal::NotAdmitted);
        }
        let (clock, wants, stall_max) = (service.clock, service.wants.clone(), terms.stall_max);
        let (observer, connection) = (Arc::clone(&service.observer), Arc::new(Connection::new(peer, now)));
        observer.connected(&connection);
        let watched = Watched { observer: Arc::clone(&observer), connection: Arc::clone(&connection), end: None };
        let terms = newest;
        let lines = Lines { clock, published, wants, stall_max, terms, address, guest, connection, observer };
        let over = move |end, guest| {
            watched.over(end);
            drop(guest);
        };
        drive(transport, session, lines, over)
    }

    /// All that comes before RTR, within its time; nothing if the cache stops meanwhile.
    async fn shake_hands(
        &mut self,
        socket: Socket,
        manner: &Manner,
        is_proxied: bool,
    ) -> Option<Result<Transport, Refusal>> {
        self.guest.handshake_begins();
        let deadline = Instant::now() + self.terms.handshake_max;
        if is_proxied {
            let read = self.in_time(deadline, proxy::read_header(&socket)).await?;
            let learned = read.and_then(|read| read.map_err(Refusal::from)).and_then(|said| self.learn(said));
            if let Err(refusal) = learned {
                socket.reset_at_close();
                return Some(Err(refusal));
            }
        }
        let secured = self.in_time(deadline, secure(socket, manner, self.peer.remote.ip())).await?;
        self.guest.handshake_ends();
        Some(secured.flatten().map(|(transport, name)| {
            self.peer.name = name.map(Arc::from);
            transport
        }))
    }

    /// Waits for a step of the handshake, as long as nobody else needs the place.
    async fn in_time<Made>(
        &self,
        deadline: Instant,
        step: impl Future<Output = Made>,
    ) -> Option<Result<Made, Refusal>> {
        let mut published = self.service.published.clone();
        tokio::select! {
            made = timeout_at(deadline, step) => Some(made.map_err(|_| Refusal::TooSlow)),
            () = self.guest.displaced() => Some(Err(Refusal::Displaced)),
            _ = published.wait_for(|published| published.stop.is_some()) => None,
        }
    }

    /// Takes over whose connection it is by its load balancer's header, if it is let in. A connection of the load
    /// balancer's own, to see whether the cache is well, stays as it is, and counts as its own.
    fn learn(&mut self, said: Proxied) -> Result<(), Refusal> {
        let Proxied::From { remote, .. } = said else {
            return Ok(self.peer.remote.ip().map_or(Ok(()), |own| self.guest.set_address(own))?);
        };
        self.peer.remote = Endpoint::of(remote);
        let address = remote.ip().to_canonical();
        if !self.service.published.borrow().terms.lists.admits(Some(address)) {
            return Err(Refusal::NotAdmitted);
        }
        Ok(self.guest.set_address(address)?)
    }
}

/// The handshake of what lies between RTR and the socket, and who the router proved to be.
#[cfg_attr(
    not(any(feature = "tls", feature = "ssh")),
    expect(unused_variables, reason = "only what protects is held to the address")
)]
async fn secure(
    socket: Socket,
    manner: &Manner,
    address: Option<IpAddr>,
) -> Result<(Transport, Option<String>), Refusal> {
    match &manner.security {
        Security::None => Ok((Transport::Plain(socket), None)),
        #[cfg(feature = "tls")]
        Security::Tls(server) => {
            let server = server.fresh().await;
            let (tls, name) = tls::accept(socket, &server, address).await?;
            Ok((Transport::Tls(tls), name))
        }
        #[cfg(feature = "ssh")]
        Security::Ssh(server) => {
            let server = server.fresh().await;
            let (ssh, user) = ssh::accept(socket, &server, address).await?;
            Ok((Transport::Ssh(Box::new(ssh)), Some(user)))
        }
    }
}

/// Tells the end of a connection, even if its task panics.
struct Watched {
    observer: Arc<dyn Observer>,
    connection: Arc<Connection>,
    end: Option<End>,
}

impl Watched {
    fn over(mut self, end: End) {
        self.end = Some(end);
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let end = self.end.take().unwrap_or_else(|| End::Lost(io::Error::other("the session's task failed")));
        self.observer.ended(&self.connection, &end);
    }
}
