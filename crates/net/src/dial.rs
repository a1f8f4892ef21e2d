//! Connecting to a cache: address resolution, TCP keys, and the handshake of TLS or SSH.

use crate::connection_setup::Reloadable;
#[cfg(feature = "ssh")]
use crate::ssh::{self, SshClient};
use crate::stream::{Socket, TransportStream, tcp};
use crate::target::Target;
use crate::tcp_keys::TcpKeys;
#[cfg(feature = "tls")]
use crate::tls::{self, TlsClient};
use crate::transport::Transport;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpSocket, TcpStream, UnixStream, lookup_host};
use tokio::time::timeout;

/// Time for the resolution of a name, the answer of each of its addresses, and a handshake.
pub const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);

/// Dialer of a cache: its target and the configuration of transports.
#[derive(Clone)]
pub struct Dialer {
    target: Target,
    keys: Option<Arc<dyn Reloadable<TcpKeys>>>,
    #[cfg(feature = "tls")]
    tls: Option<Arc<dyn Reloadable<TlsClient>>>,
    #[cfg(feature = "ssh")]
    ssh: Option<Arc<dyn Reloadable<SshClient>>>,
}

/// Nothing but the address: for `tcp://` and `unix://`.
impl From<Target> for Dialer {
    fn from(target: Target) -> Dialer {
        Dialer {
            target,
            keys: None,
            #[cfg(feature = "tls")]
            tls: None,
            #[cfg(feature = "ssh")]
            ssh: None,
        }
    }
}

impl Dialer {
    /// Returns the target.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// With keys for TCP itself: the one for the cache's address is used.
    #[must_use]
    pub fn with_keys(self, keys: Arc<dyn Reloadable<TcpKeys>>) -> Dialer {
        Dialer { keys: Some(keys), ..self }
    }

    /// With what `tls://` needs.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn with_tls(self, tls: Arc<dyn Reloadable<TlsClient>>) -> Dialer {
        Dialer { tls: Some(tls), ..self }
    }

    /// With what `ssh://` needs.
    #[cfg(feature = "ssh")]
    #[must_use]
    pub fn with_ssh(self, ssh: Arc<dyn Reloadable<SshClient>>) -> Dialer {
        Dialer { ssh: Some(ssh), ..self }
    }

    /// Connects, and performs the handshake.
    pub(crate) async fn connect(self) -> io::Result<TransportStream> {
        let socket = self.reach().await?;
        timeout(CONNECT_TIME_MAX, self.secure(socket))
            .await
            .unwrap_or_else(|_| Err(too_late("no handshake", "is it the right port?")))
    }

    async fn secure(&self, socket: Socket) -> io::Result<TransportStream> {
        match self.target.transport() {
            Transport::Tcp => Ok(TransportStream::Plain(socket)),
            #[cfg(feature = "tls")]
            Transport::Tls => match &self.tls {
                Some(tls) => {
                    let tls = tls::connect(socket, &*tls.reloaded().await, self.target.host()).await?;
                    Ok(TransportStream::Tls(tls))
                }
                None => Err(unprepared("TLS")),
            },
            #[cfg(feature = "ssh")]
            Transport::Ssh => match &self.ssh {
                Some(ssh) => {
                    let (user, host, port) = (self.target.user(), self.target.host(), self.target.port());
                    let ssh = ssh::connect(socket, &*ssh.reloaded().await, user, host, port).await?;
                    Ok(TransportStream::Ssh(Box::new(ssh)))
                }
                None => Err(unprepared("SSH")),
            },
            #[cfg(not(feature = "tls"))]
            Transport::Tls => Err(unprepared("TLS")),
            #[cfg(not(feature = "ssh"))]
            Transport::Ssh => Err(unprepared("SSH")),
        }
    }

    /// Tries all addresses of a name, one after another.
    async fn reach(&self) -> io::Result<Socket> {
        if let Some(path) = self.target.path() {
            return Ok(Socket::Unix(UnixStream::connect(path).await?));
        }
        let addresses = timeout(CONNECT_TIME_MAX, lookup_host((self.target.host(), self.target.port())))
            .await
            .unwrap_or_else(|_| Err(too_late("no address for the name", "does the resolver answer?")))?;
        let keys = match &self.keys {
            Some(keys) => keys.reloaded().await,
            None => Arc::default(),
        };
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in addresses {
            match timeout(CONNECT_TIME_MAX, connect_to(address, &keys)).await {
                Ok(Ok(stream)) => {
                    // A socket that takes no options still carries PDUs.
                    let _ = tcp::prepare(&stream);
                    return Ok(Socket::Tcp(stream));
                }
                Ok(Err(error)) => last = error,
                // A peer that expects another key, or none, is silent as well.
                Err(_) => {
                    let hint = keys.key_for(address.ip()).map(|(_, auth)| format!("is the {auth} key the cache's?"));
                    let hint = hint.as_deref().unwrap_or("is a firewall between?");
                    last = too_late("no answer", hint);
                }
            }
        }
        Err(last)
    }
}

async fn connect_to(address: SocketAddr, keys: &TcpKeys) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    keys.apply_to_dialer(&socket, address).map_err(io::Error::other)?;
    socket.connect(address).await
}

/// Error of a step that took longer than [`CONNECT_TIME_MAX`].
fn too_late(what: &str, hint: &str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("{what} within {} s; {hint}", CONNECT_TIME_MAX.as_secs()))
}

fn unprepared(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, format!("{what} is not configured"))
}
