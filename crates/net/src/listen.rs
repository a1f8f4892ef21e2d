//! Listeners: they accept while there is room, survive whatever accepting may fail with, and never die.

use crate::service::{Service, Trouble};
use crate::transport::tcp;
use socket2::{Domain, Protocol, Socket, Type};
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::sleep;

/// Connections that the kernel holds for a listener that does not accept them yet.
pub const BACKLOG: i32 = 1_024;

/// Between two attempts to accept while that fails.
const RETRY_MIN: Duration = Duration::from_millis(50);
const RETRY_MAX: Duration = Duration::from_secs(1);

/// A bound socket.
pub struct Listener {
    socket: TcpListener,
    local: SocketAddr,
}

impl Listener {
    /// Binds an address. An IPv6 wildcard takes IPv4 as well, unless `ipv4_beside` says that it has its own listener.
    pub fn bind(address: SocketAddr, ipv4_beside: Ipv4Beside) -> io::Result<Listener> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        if address.is_ipv6() {
            socket.set_only_v6(ipv4_beside == Ipv4Beside::Yes)?;
        }
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        let socket = TcpListener::from_std(socket.into())?;
        let local = socket.local_addr()?;
        Ok(Listener { socket, local })
    }

    /// The address, with the port that the system chose if 0 was asked for.
    pub fn local(&self) -> SocketAddr {
        self.local
    }
}

/// Whether another listener takes IPv4 on the same port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ipv4Beside {
    /// Another does.
    Yes,
    /// This one has to.
    No,
}

/// Accepts at all addresses until the service stops, each connection against a permit of `room`. When there is none
/// nothing is accepted: routers that are accepted and closed wait ten minutes, those in the backlog get in as soon as
/// there is room. [T-TCP-06]
pub async fn listen(listeners: Vec<Listener>, service: Arc<Service>, room: Arc<Semaphore>) {
    let mut published = service.published.clone();
    tokio::select! {
        () = accept_for_ever(&listeners, &service, &room) => {}
        _ = published.wait_for(|published| published.stop.is_some()) => {}
    }
}

/// One loop for all listeners, so that no permit waits at an address where nobody comes.
async fn accept_for_ever(listeners: &[Listener], service: &Service, room: &Arc<Semaphore>) {
    let trouble = |trouble: Trouble| service.observer.trouble(&trouble);
    let mut retry = RETRY_MIN;
    let mut turn = 0;
    loop {
        let permit = match Arc::clone(room).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => {
                trouble(Trouble::Full);
                let Ok(permit) = Arc::clone(room).acquire_owned().await else { return };
                trouble(Trouble::Room);
                permit
            }
        };
        turn += 1;
        let (listener, accepted) = accept_any(listeners, turn).await;
        match accepted {
            Ok((stream, remote)) => {
                retry = RETRY_MIN;
                // A socket that takes no options still carries PDUs.
                let _ = tcp::prepare(&stream);
                let local = stream.local_addr().unwrap_or(listener.local);
                service.serve(stream, remote, local, permit);
            }
            // The peer went away before it was accepted: nothing is wrong here.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                // Out of descriptors or memory: an attempt at once would fail again, and spin.
                trouble(Trouble::Accept(listener.local, error));
                drop(permit);
                sleep(retry).await;
                retry = (retry * 2).min(RETRY_MAX);
            }
        }
    }
}

/// The next connection at any of the addresses; another one is looked at first each time.
async fn accept_any(listeners: &[Listener], turn: usize) -> (&Listener, io::Result<(TcpStream, SocketAddr)>) {
    poll_fn(|context| {
        let (before, first) = listeners.split_at(turn % listeners.len().max(1));
        for listener in first.iter().chain(before) {
            if let Poll::Ready(accepted) = listener.socket.poll_accept(context) {
                return Poll::Ready((listener, accepted));
            }
        }
        Poll::Pending
    })
    .await
}
