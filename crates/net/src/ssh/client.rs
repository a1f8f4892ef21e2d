//! The router's side: the cache's host key is checked, then a key or a password logs in.

use super::key::{SshKey, fingerprint, public_line};
use super::known_hosts::{self, HostKey, KnownHosts};
use super::{Line, SUBSYSTEM, algorithms, describe, printable};
use crate::transport::{Socket, Ssh};
use russh::client::{AuthResult, Config, DisconnectReason, Handle, Handler, Session, connect_stream};
use russh::keys::{Algorithm, HashAlg, PrivateKeyWithHashAlg, PublicKeyOrCertificate};
use russh::{ChannelId, ChannelMsg, MethodKind, SshId};
use std::error::Error;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

pub(crate) type ClientHandle = Handle<Login>;

/// What a cache may send ahead: a large response should not wait for round trips.
const WINDOW_OCTETS: u32 = 4 * 1024 * 1024;

/// The largest packets.
const PACKET_OCTETS_MAX: u32 = 32 * 1024;

/// How much of what a cache has sent may lie unread.
const INBOX_OCTETS_MAX: usize = 1024 * 1024;

/// Messages of the channel while it is being opened; afterwards what comes goes to the line.
const CHANNEL_MESSAGES: usize = 16;

/// How a router's side logs in, and which host keys it takes.
#[derive(Clone)]
pub struct SshClient {
    identity: Option<SshKey>,
    password: Option<String>,
    known: Arc<KnownHosts>,
}

impl SshClient {
    /// With a key it is tried first, then the password; with neither, `none` is all that is tried.
    pub fn new(identity: Option<SshKey>, password: Option<String>, known: KnownHosts) -> SshClient {
        SshClient { identity, password, known: Arc::new(known) }
    }
}

impl fmt::Debug for SshClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has_password = self.password.is_some();
        f.debug_struct("SshClient").field("identity", &self.identity).field("has_password", &has_password).finish()
    }
}

/// Why there is no session.
#[derive(Debug)]
pub enum ConnectFailure {
    /// No host key of the cache is known.
    HostKeyUnknown {
        /// What the cache is called in `known_hosts`.
        name: String,
        /// The fingerprint of what it showed.
        fingerprint: String,
        /// The line that would make it known.
        line: String,
    },
    /// The cache showed another key than the known one.
    HostKeyChanged {
        /// What the cache is called in `known_hosts`.
        name: String,
        /// The fingerprint of what it showed.
        fingerprint: String,
        /// The line with the known key.
        line: usize,
    },
    /// The cache showed a key that is revoked.
    HostKeyRevoked {
        /// What the cache is called in `known_hosts`.
        name: String,
        /// The fingerprint of what it showed.
        fingerprint: String,
        /// The line that revokes it.
        line: usize,
    },
    /// The cache does not let this user in.
    LoginRefused {
        /// The user.
        user: String,
        /// What was tried.
        tried: Vec<String>,
        /// What the cache would take.
        offered: Vec<String>,
    },
    /// The user is in, but the subsystem is not there for it.
    SubsystemRefused,
    /// The connection broke, or both sides have no algorithm in common.
    Broken(io::Error),
}

impl ConnectFailure {
    /// Whether a person has to change something: trying again will not help.
    pub fn is_authentication(&self) -> bool {
        !matches!(self, ConnectFailure::Broken(_) | ConnectFailure::SubsystemRefused)
    }

    /// The failure that lies in an error of a connection.
    pub fn of(error: &io::Error) -> Option<&ConnectFailure> {
        error.get_ref()?.downcast_ref()
    }
}

impl fmt::Display for ConnectFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConnectFailure::HostKeyUnknown { name, fingerprint, line } => write!(
                f,
                "the host key of {name} is not known; it shows {fingerprint}. If that is the cache's fingerprint, add \
                 this line to the known hosts: {line}"
            ),
            ConnectFailure::HostKeyChanged { name, fingerprint, line } => write!(
                f,
                "the host key of {name} is not the one in line {line} of the known hosts: it shows {fingerprint}. \
                 Either the cache has a new key, and the line must be replaced, or somebody is in between"
            ),
            ConnectFailure::HostKeyRevoked { name, fingerprint, line } => {
                write!(f, "the host key {fingerprint} of {name} is revoked in line {line} of the known hosts")
            }
            ConnectFailure::LoginRefused { user, tried, offered } => {
                let list = |words: &[String]| if words.is_empty() { "nothing".to_owned() } else { words.join(", ") };
                write!(f, "the cache does not let {user} in; tried {}, it takes {}", list(tried), list(offered))
            }
            ConnectFailure::SubsystemRefused => write!(f, "the cache does not offer the subsystem {SUBSYSTEM}"),
            ConnectFailure::Broken(error) => error.fmt(f),
        }
    }
}

impl Error for ConnectFailure {}

/// `PermissionDenied` if a person has to change something; the failure is found in it by `get_ref` and `downcast_ref`.
impl From<ConnectFailure> for io::Error {
    fn from(failure: ConnectFailure) -> io::Error {
        match failure {
            ConnectFailure::Broken(error) => error,
            failure if failure.is_authentication() => io::Error::new(io::ErrorKind::PermissionDenied, failure),
            failure => io::Error::other(failure),
        }
    }
}

/// Opens the subsystem on a cache. The name and port are those that `known_hosts` has. Whoever drops this ends the
/// connection, and leaves nothing behind.
pub(crate) async fn connect(
    socket: Socket,
    client: &SshClient,
    user: &str,
    host: &str,
    port: u16,
) -> Result<Ssh, ConnectFailure> {
    let line = Line::new(socket, INBOX_OCTETS_MAX);
    let config = Config {
        client_id: SshId::Standard(concat!("SSH-2.0-rtrcast_", env!("CARGO_PKG_VERSION")).into()),
        limits: algorithms::limits(),
        window_size: WINDOW_OCTETS,
        maximum_packet_size: PACKET_OCTETS_MAX,
        channel_buffer_size: CHANNEL_MESSAGES,
        preferred: algorithms::of_client(client.known.algorithms(host, port, algorithms::KEYS)),
        inactivity_timeout: None,
        keepalive_interval: None,
        ..Config::default()
    };
    let story = Arc::new(Mutex::new(Story::default()));
    let login = Login {
        known: client.known.clone(),
        host: host.to_owned(),
        port,
        line: line.shared().clone(),
        story: story.clone(),
    };
    let failed = |error: russh::Error| {
        let mut story = story.lock().unwrap_or_else(PoisonError::into_inner);
        story.failure.take().unwrap_or_else(|| ConnectFailure::Broken(broken(&error, story.last_words.take())))
    };
    let mut handle = connect_stream(Arc::new(config), line.gate(), login).await.map_err(failed)?;
    log_in(&mut handle, client, user).await.map_err(|failure| match failure {
        Refused::Login(failure) => failure,
        Refused::Broken(error) => failed(error),
    })?;
    let mut channel = handle.channel_open_session().await.map_err(failed)?;
    channel.request_subsystem(true, SUBSYSTEM).await.map_err(failed)?;
    loop {
        match channel.wait().await {
            Some(ChannelMsg::Success) => break,
            Some(ChannelMsg::Failure) => return Err(ConnectFailure::SubsystemRefused),
            Some(ChannelMsg::Close) | None => return Err(failed(russh::Error::Disconnect)),
            Some(_) => {}
        }
    }
    // Without its reading half russh does not wait for anybody to take what comes.
    let (_, channel) = channel.split();
    Ok(Ssh::of_cache(line, handle, channel))
}

enum Refused {
    Login(ConnectFailure),
    Broken(russh::Error),
}

impl From<russh::Error> for Refused {
    fn from(error: russh::Error) -> Refused {
        Refused::Broken(error)
    }
}

/// Tries what the client has, in order.
async fn log_in(handle: &mut ClientHandle, client: &SshClient, user: &str) -> Result<(), Refused> {
    let mut tried = Vec::new();
    let mut offered: Option<Vec<MethodKind>> = None;
    let is_offered =
        |offered: &Option<Vec<MethodKind>>, method| offered.as_ref().is_none_or(|all| all.contains(&method));
    if let Some(identity) = &client.identity {
        // Without the extension that tells, an RSA key signs with SHA-256, which the older servers know as well.
        let hash = match identity.private().algorithm() {
            Algorithm::Rsa { .. } => handle.best_supported_rsa_hash().await?.flatten().or(Some(HashAlg::Sha256)),
            _ => None,
        };
        let key = PrivateKeyWithHashAlg::new(Arc::new(identity.private().clone()), hash);
        tried.push(format!("publickey {}", identity.fingerprint()));
        match handle.authenticate_publickey(user, key).await? {
            AuthResult::Success => return Ok(()),
            AuthResult::Failure { remaining_methods, .. } => offered = Some(remaining_methods.to_vec()),
        }
    }
    if let Some(password) = &client.password
        && is_offered(&offered, MethodKind::Password)
    {
        tried.push("password".to_owned());
        match handle.authenticate_password(user, password.as_str()).await? {
            AuthResult::Success => return Ok(()),
            AuthResult::Failure { remaining_methods, .. } => offered = Some(remaining_methods.to_vec()),
        }
    }
    if client.identity.is_none() && client.password.is_none() {
        tried.push("none".to_owned());
        match handle.authenticate_none(user).await? {
            AuthResult::Success => return Ok(()),
            AuthResult::Failure { remaining_methods, .. } => offered = Some(remaining_methods.to_vec()),
        }
    }
    // A cache that has hung up has not said no.
    let offered = offered.unwrap_or_default();
    if handle.is_closed() && offered.is_empty() {
        return Err(Refused::Broken(russh::Error::Disconnect));
    }
    let offered = offered.iter().map(String::from).collect();
    Err(Refused::Login(ConnectFailure::LoginRefused { user: user.to_owned(), tried, offered }))
}

fn broken(error: &russh::Error, last_words: Option<String>) -> io::Error {
    match (error, last_words) {
        (_, Some(words)) => io::Error::new(io::ErrorKind::ConnectionAborted, format!("the cache ended it: {words}")),
        (russh::Error::IO(error), None) if error.kind() == io::ErrorKind::UnexpectedEof => {
            io::Error::new(io::ErrorKind::UnexpectedEof, "the cache has ended the connection in the SSH handshake")
        }
        (russh::Error::IO(error), None) => io::Error::new(error.kind(), error.to_string()),
        (russh::Error::Disconnect, None) => {
            io::Error::new(io::ErrorKind::UnexpectedEof, "the cache has ended the SSH session")
        }
        (error, None) => {
            io::Error::new(io::ErrorKind::InvalidData, format!("no SSH session: {}", describe::error(error)))
        }
    }
}

/// What happened before there was a session.
#[derive(Default)]
struct Story {
    failure: Option<ConnectFailure>,
    last_words: Option<String>,
}

/// The handler of one connection.
pub(crate) struct Login {
    known: Arc<KnownHosts>,
    host: String,
    port: u16,
    line: Arc<super::line::Shared>,
    story: Arc<Mutex<Story>>,
}

impl Handler for Login {
    type Error = russh::Error;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        // No certificate is asked for.
        let PublicKeyOrCertificate::PublicKey { key, .. } = shown else { return Ok(false) };
        // Nor a key of another type, whose name could be any text.
        if matches!(key.algorithm(), Algorithm::Other(_)) {
            return Ok(false);
        }
        let (name, fingerprint) = (known_hosts::name(&self.host, self.port), fingerprint(key));
        let failure = match self.known.judge(&self.host, self.port, key) {
            HostKey::Known => return Ok(true),
            HostKey::Unknown => {
                let line = format!("{name} {}", public_line(key));
                ConnectFailure::HostKeyUnknown { name, fingerprint, line }
            }
            HostKey::Changed { line } => ConnectFailure::HostKeyChanged { name, fingerprint, line },
            HostKey::Revoked { line } => ConnectFailure::HostKeyRevoked { name, fingerprint, line },
        };
        self.story.lock().unwrap_or_else(PoisonError::into_inner).failure = Some(failure);
        Ok(false)
    }

    async fn data(&mut self, _: ChannelId, data: &[u8], _: &mut Session) -> Result<(), russh::Error> {
        self.line.received(data);
        Ok(())
    }

    async fn channel_eof(&mut self, _: ChannelId, _: &mut Session) -> Result<(), russh::Error> {
        self.line.peer_ended();
        Ok(())
    }

    async fn channel_close(&mut self, _: ChannelId, _: &mut Session) -> Result<(), russh::Error> {
        self.line.peer_closed();
        Ok(())
    }

    async fn disconnected(&mut self, reason: DisconnectReason<russh::Error>) -> Result<(), russh::Error> {
        match reason {
            DisconnectReason::ReceivedDisconnect(info) => {
                let words = printable(&info.message);
                self.story.lock().unwrap_or_else(PoisonError::into_inner).last_words = Some(words);
                Ok(())
            }
            DisconnectReason::Error(error) => Err(error),
        }
    }
}
