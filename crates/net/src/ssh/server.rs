//! The cache's side: what all its SSH connections share, and how one comes to a session.

use super::algorithms;
use super::key::SshKey;
use super::line::Line;
use super::login::{Login, Notes, Opened};
use super::logins::{ATTEMPTS_MAX, Logins, OFFERS_MAX};
use super::names::printable;
use super::user::check_user;
use crate::drain;
use crate::transport::{Socket, Ssh};
use russh::SshId;
use russh::server::{Config, RunningSession, run_stream};
use std::error::Error;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// russh ends a connection after so many refusals of any kind: the question `none`, offers, attempts, methods and keys
/// of kinds that it does not know. What is known has limits of its own, which come first.
const REFUSALS_MAX: usize = 1 + OFFERS_MAX + ATTEMPTS_MAX;

/// What a router may send ahead. Queries are small.
const WINDOW_OCTETS: u32 = 64 * 1024;

/// The largest packets, both ways, as RFC 4253 section 6.1 asks for.
const PACKET_OCTETS_MAX: u32 = 32 * 1024;

/// How much of what a router has sent may lie unread.
const INBOX_OCTETS_MAX: usize = 128 * 1024;

/// Messages to russh that may wait: more than there are parts of a chunk under way, so that giving one never waits.
const QUEUE_MESSAGES: usize = 16;

/// Why there can be no server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SshServerError {
    /// It has no host key.
    NoHostKey,
    /// It has two host keys of one kind; clients could get the one or the other.
    SameKind(String),
    /// Nobody could log in.
    NoLogin,
    /// A user of this name is in the list, but could not log in.
    User {
        /// The name.
        name: String,
        /// What is wrong with it.
        what: &'static str,
    },
}

impl fmt::Display for SshServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SshServerError::NoHostKey => f.write_str("SSH needs a host key"),
            SshServerError::SameKind(kind) => write!(f, "there are two host keys of type {kind}; one must go"),
            SshServerError::NoLogin => f.write_str("nobody can log in over SSH; name authorized keys or passwords"),
            SshServerError::User { name, what } => {
                write!(f, "no user {} can log in over SSH: the name {what}", printable(name))
            }
        }
    }
}

impl Error for SshServerError {}

/// What all SSH connections of a listener share.
#[derive(Clone)]
pub struct SshServer {
    config: Arc<Config>,
    logins: Arc<Logins>,
}

impl SshServer {
    /// A server with these host keys, at most one of a kind.
    pub fn new(host_keys: &[SshKey], logins: Logins) -> Result<SshServer, SshServerError> {
        if host_keys.is_empty() {
            return Err(SshServerError::NoHostKey);
        }
        if logins.keys.is_none() && logins.passwords.is_none() && !logins.anyone {
            return Err(SshServerError::NoLogin);
        }
        for name in &logins.users {
            check_user(name).map_err(|what| SshServerError::User { name: name.clone(), what })?;
        }
        let keys: Vec<_> = host_keys.iter().map(|key| key.private().clone()).collect();
        for (index, key) in keys.iter().enumerate() {
            if keys.iter().skip(index + 1).any(|other| other.algorithm() == key.algorithm()) {
                return Err(SshServerError::SameKind(key.algorithm().to_string()));
            }
        }
        let config = Config {
            server_id: SshId::Standard(concat!("SSH-2.0-rtrcast_", env!("CARGO_PKG_VERSION")).into()),
            methods: logins.methods(),
            // A delay holds a connection, and not whoever opens more of them; passwords have costs of their own.
            auth_rejection_time: Duration::ZERO,
            auth_rejection_time_initial: None,
            keys,
            certificates: Vec::new(),
            limits: algorithms::limits(),
            window_size: WINDOW_OCTETS,
            maximum_packet_size: PACKET_OCTETS_MAX,
            // Nothing is read through it: what comes goes to the line.
            channel_buffer_size: 1,
            event_buffer_size: QUEUE_MESSAGES,
            preferred: algorithms::of_server(),
            max_auth_attempts: REFUSALS_MAX,
            // [T-TCP-07] A session may be idle for ever; TCP's keep-alives find out when the peer is gone.
            inactivity_timeout: None,
            keepalive_interval: None,
            keepalive_max: 0,
            nodelay: false,
        };
        Ok(SshServer { config: Arc::new(config), logins: Arc::new(logins) })
    }

    /// Exchanges keys after so many octets.
    #[cfg(test)]
    pub(super) fn rekeying_after(self, octets: usize) -> SshServer {
        let mut config = Arc::into_inner(self.config).expect("the server is new");
        config.limits.rekey_write_limit = octets;
        SshServer { config: Arc::new(config), logins: self.logins }
    }
}

impl fmt::Debug for SshServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SshServer").field("logins", &self.logins).finish_non_exhaustive()
    }
}

/// Why a connection did not get as far as a session, for the log.
#[derive(Debug)]
pub(crate) struct HandshakeFailure {
    /// The text.
    pub(crate) reason: String,
    /// Whether the connection was ended before anything came.
    pub(crate) is_probe: bool,
}

impl fmt::Display for HandshakeFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl Error for HandshakeFailure {}

impl From<HandshakeFailure> for io::Error {
    fn from(failure: HandshakeFailure) -> io::Error {
        io::Error::other(failure)
    }
}

/// Waits until the subsystem is open and the client has been told: the session, and who logged in. Whoever drops this
/// ends the connection, and leaves nothing behind. After a failure the socket has been closed in order.
pub(crate) async fn accept(
    socket: Socket,
    server: &SshServer,
    peer: Option<IpAddr>,
) -> Result<(Ssh, String), HandshakeFailure> {
    let line = Line::new(socket, INBOX_OCTETS_MAX);
    let notes = Arc::new(Mutex::new(Notes::default()));
    let (opened, is_open) = oneshot::channel();
    let login = Login::new(server.logins.clone(), peer, line.shared().clone(), notes.clone(), opened);
    let error = match run_stream(server.config.clone(), line.gate_of_cache(), login).await {
        Err(error) => Some(error),
        Ok(running) => match open(running, is_open).await {
            Ok((ssh, opened)) => return Ok((ssh(line), opened)),
            Err(error) => error,
        },
    };
    let reason = notes.lock().unwrap_or_else(PoisonError::into_inner).reason(error.as_ref());
    poll_fn(|context| line.shared().poll_over(context)).await;
    // The connection is over, however it ends.
    let _ = line.socket().half_close();
    let _ = drain::drain_in_time(line.socket(), drain::DRAIN_OCTETS_MAX).await;
    Err(HandshakeFailure { reason, is_probe: !line.shared().has_received() })
}

/// Waits for the subsystem or for the end of russh's task.
async fn open(
    running: RunningSession<Login>,
    is_open: oneshot::Receiver<Opened>,
) -> Result<(impl FnOnce(Line) -> Ssh, String), Option<russh::Error>> {
    let handle = running.handle();
    tokio::select! {
        biased;
        Ok(Opened { channel, user, nudges }) = is_open => {
            Ok((move |line| Ssh::of_router(line, handle, channel, nudges), user))
        }
        result = running => Err(result.err()),
    }
}
