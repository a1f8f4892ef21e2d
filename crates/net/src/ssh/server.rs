//! The cache's side: what all its SSH connections share, and how one comes to a session.

use super::algorithms;
use super::channel_stream::ChannelStream;
use super::key::SshKey;
use super::logins::{KEY_OFFERS_MAX, LOGIN_ATTEMPTS_MAX, Logins};
use super::names::printable;
use super::server_handler::{LoginRecord, OpenedSubsystem, ServerHandler};
use super::user::check_user;
use crate::drain;
use crate::stream::{Socket, SshStream};
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

/// russh ends a connection after so many refusals of any kind: the request `none`, offers, attempts, and unknown
/// methods and kinds of keys. Offers and attempts have limits of their own, which are reached first.
const REFUSALS_MAX: usize = 1 + KEY_OFFERS_MAX + LOGIN_ATTEMPTS_MAX;

/// Octets that a router may send ahead. Queries are small.
const WINDOW_OCTETS: u32 = 64 * 1024;

/// The largest packets, both ways, as RFC 4253 section 6.1 requires.
const PACKET_OCTETS_MAX: u32 = 32 * 1024;

/// Octets of a router that may be unread.
const INBOX_OCTETS_MAX: usize = 128 * 1024;

/// Messages to russh that may wait: more than there are parts of a chunk under way, so that giving one never waits.
const QUEUE_MESSAGES_MAX: usize = 16;

/// Reason that there can be no server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SshServerError {
    /// There is no host key.
    NoHostKey,
    /// There are two host keys of one kind; clients could get the one or the other.
    SameKind(String),
    /// No user could log in.
    NoLogin,
    /// A user of this name is in the list, but could not log in.
    User {
        /// The name.
        name: String,
        /// The reason.
        what: &'static str,
    },
}

impl fmt::Display for SshServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SshServerError::NoHostKey => f.write_str("SSH needs a host key"),
            SshServerError::SameKind(kind) => write!(f, "there are two host keys of type {kind}; one must go"),
            SshServerError::NoLogin => f.write_str("no user can log in over SSH; name authorized keys or passwords"),
            SshServerError::User { name, what } => {
                write!(f, "no user {} can log in over SSH: the name {what}", printable(name))
            }
        }
    }
}

impl Error for SshServerError {}

/// Configuration that all SSH connections of a listener share.
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
            // A delay holds a connection, and not a client that opens more of them; passwords have costs of their own.
            auth_rejection_time: Duration::ZERO,
            auth_rejection_time_initial: None,
            keys,
            certificates: Vec::new(),
            limits: algorithms::limits(),
            window_size: WINDOW_OCTETS,
            maximum_packet_size: PACKET_OCTETS_MAX,
            // Nothing is read through it: data go to the channel stream.
            channel_buffer_size: 1,
            event_buffer_size: QUEUE_MESSAGES_MAX,
            preferred: algorithms::of_server(),
            max_auth_attempts: REFUSALS_MAX,
            // [T-TCP-07] A session may be idle for ever; TCP's keep-alives detect a peer that is gone.
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

/// Reason that a connection did not reach a session, for the log.
#[derive(Debug)]
pub(crate) struct SshHandshakeFailure {
    /// The text.
    pub(crate) reason: String,
    /// True if the connection was ended before anything was received.
    pub(crate) is_probe: bool,
}

impl fmt::Display for SshHandshakeFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl Error for SshHandshakeFailure {}

impl From<SshHandshakeFailure> for io::Error {
    fn from(failure: SshHandshakeFailure) -> io::Error {
        io::Error::other(failure)
    }
}

/// Waits until the subsystem is open and confirmed to the client; returns the session, and the user that logged in.
/// Dropping this ends the connection, and leaves nothing behind. After a failure the socket has been closed in order.
pub(crate) async fn accept(
    socket: Socket,
    server: &SshServer,
    peer: Option<IpAddr>,
) -> Result<(SshStream, String), SshHandshakeFailure> {
    let channel_stream = ChannelStream::new(socket, INBOX_OCTETS_MAX);
    let record = Arc::new(Mutex::new(LoginRecord::default()));
    let (opened, is_open) = oneshot::channel();
    let handler =
        ServerHandler::new(server.logins.clone(), peer, channel_stream.shared().clone(), record.clone(), opened);
    let error = match run_stream(server.config.clone(), channel_stream.russh_server_stream(), handler).await {
        Err(error) => Some(error),
        Ok(running) => match open(running, is_open).await {
            Ok((ssh, opened)) => return Ok((ssh(channel_stream), opened)),
            Err(error) => error,
        },
    };
    let reason = record.lock().unwrap_or_else(PoisonError::into_inner).reason(error.as_ref());
    poll_fn(|context| channel_stream.shared().poll_over(context)).await;
    // The connection is over, however it ends.
    let _ = channel_stream.socket().half_close();
    let _ = drain::drain_in_time(channel_stream.socket(), drain::DRAIN_OCTETS_MAX).await;
    Err(SshHandshakeFailure { reason, is_probe: !channel_stream.shared().has_received() })
}

/// Waits for the subsystem or for the end of russh's task.
async fn open(
    running: RunningSession<ServerHandler>,
    is_open: oneshot::Receiver<OpenedSubsystem>,
) -> Result<(impl FnOnce(ChannelStream) -> SshStream, String), Option<russh::Error>> {
    let handle = running.handle();
    tokio::select! {
        biased;
        Ok(OpenedSubsystem { channel, user, wake_ups }) = is_open => {
            Ok((move |channel_stream| SshStream::of_router(channel_stream, handle, channel, wake_ups), user))
        }
        result = running => Err(result.err()),
    }
}
