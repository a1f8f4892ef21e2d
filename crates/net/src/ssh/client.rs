//! The router's side: the cache's host key is checked, then a key or a password logs in.

use super::channel_stream::ChannelStream;
use super::client_handler::{ClientHandle, ClientHandler, ConnectRecord};
use super::failure::SshFailure;
use super::key::SshKey;
use super::known_hosts::KnownHosts;
use super::names::SUBSYSTEM;
use super::{algorithms, describe};
use crate::stream::{Socket, SshStream};
use russh::client::{AuthResult, Config, connect_stream};
use russh::keys::{Algorithm, HashAlg, PrivateKeyWithHashAlg};
use russh::{ChannelMsg, MethodKind, SshId};
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

/// Octets that a cache may send ahead: a large response should not wait for round trips.
const WINDOW_OCTETS: u32 = 4 * 1024 * 1024;

/// The largest packets.
const PACKET_OCTETS_MAX: u32 = 32 * 1024;

/// Octets of a cache that may be unread.
const INBOX_OCTETS_MAX: usize = 1024 * 1024;

/// Messages of the channel while it is being opened; afterwards data go to the channel stream.
const CHANNEL_MESSAGES_MAX: usize = 16;

/// Credentials of a router's side, and the host keys that it accepts.
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

/// Opens the subsystem on a cache. The name and port are those of `known_hosts`. Dropping this ends the connection, and
/// leaves nothing behind.
pub(crate) async fn connect(
    socket: Socket,
    client: &SshClient,
    user: &str,
    host: &str,
    port: u16,
) -> Result<SshStream, SshFailure> {
    let channel_stream = ChannelStream::new(socket, INBOX_OCTETS_MAX);
    let config = Config {
        client_id: SshId::Standard(concat!("SSH-2.0-rtrcast_", env!("CARGO_PKG_VERSION")).into()),
        limits: algorithms::limits(),
        window_size: WINDOW_OCTETS,
        maximum_packet_size: PACKET_OCTETS_MAX,
        channel_buffer_size: CHANNEL_MESSAGES_MAX,
        preferred: algorithms::of_client(client.known.algorithms(host, port, algorithms::KEYS)),
        inactivity_timeout: None,
        keepalive_interval: None,
        ..Config::default()
    };
    let record = Arc::new(Mutex::new(ConnectRecord::default()));
    let handler = ClientHandler {
        known: client.known.clone(),
        host: host.to_owned(),
        port,
        shared: channel_stream.shared().clone(),
        record: record.clone(),
    };
    let failed = |error: russh::Error| {
        let mut record = record.lock().unwrap_or_else(PoisonError::into_inner);
        record.failure.take().unwrap_or_else(|| SshFailure::Broken(broken(&error, record.disconnect_message.take())))
    };
    let mut handle = connect_stream(Arc::new(config), channel_stream.russh_stream(), handler).await.map_err(failed)?;
    log_in(&mut handle, client, user).await.map_err(|failure| match failure {
        LoginFailure::Login(failure) => failure,
        LoginFailure::Broken(error) => failed(error),
    })?;
    let mut channel = handle.channel_open_session().await.map_err(failed)?;
    channel.request_subsystem(true, SUBSYSTEM).await.map_err(failed)?;
    loop {
        match channel.wait().await {
            Some(ChannelMsg::Success) => break,
            Some(ChannelMsg::Failure) => return Err(SshFailure::SubsystemRefused),
            Some(ChannelMsg::Close) | None => return Err(failed(russh::Error::Disconnect)),
            Some(_) => {}
        }
    }
    // Without its reading half russh does not wait for a reader.
    let (_, channel) = channel.split();
    Ok(SshStream::of_cache(channel_stream, handle, channel))
}

enum LoginFailure {
    Login(SshFailure),
    Broken(russh::Error),
}

impl From<russh::Error> for LoginFailure {
    fn from(error: russh::Error) -> LoginFailure {
        LoginFailure::Broken(error)
    }
}

/// Tries what the client has, in order.
async fn log_in(handle: &mut ClientHandle, client: &SshClient, user: &str) -> Result<(), LoginFailure> {
    let mut tried = Vec::new();
    let mut offered: Option<Vec<MethodKind>> = None;
    let is_offered =
        |offered: &Option<Vec<MethodKind>>, method| offered.as_ref().is_none_or(|all| all.contains(&method));
    if let Some(identity) = &client.identity {
        // Without the extension for that, an RSA key signs with SHA-256, which older servers support as well.
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
    // A cache that has disconnected has not refused the login.
    let offered = offered.unwrap_or_default();
    if handle.is_closed() && offered.is_empty() {
        return Err(LoginFailure::Broken(russh::Error::Disconnect));
    }
    let offered = offered.iter().map(String::from).collect();
    Err(LoginFailure::Login(SshFailure::LoginRefused { user: user.to_owned(), tried, offered }))
}

fn broken(error: &russh::Error, disconnect_message: Option<String>) -> io::Error {
    match (error, disconnect_message) {
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
