//! The handler of a connection to a cache: it checks the host key, and takes what comes.

use super::failure::SshFailure;
use super::key::{fingerprint, public_line};
use super::known_hosts::{self, HostKey, KnownHosts};
use super::names::printable;
use russh::ChannelId;
use russh::client::{DisconnectReason, Handle, Handler, Session};
use russh::keys::{Algorithm, PublicKeyOrCertificate};
use std::sync::{Arc, Mutex, PoisonError};

/// Both sides of a connection as russh holds it.
pub(crate) type ClientHandle = Handle<ClientHandler>;

/// Record of a connection before its session.
#[derive(Default)]
pub(super) struct ConnectRecord {
    pub(super) failure: Option<SshFailure>,
    pub(super) disconnect_message: Option<String>,
}

/// The handler of one connection.
pub(crate) struct ClientHandler {
    pub(super) known: Arc<KnownHosts>,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) shared: Arc<super::channel_stream::SharedChannel>,
    pub(super) record: Arc<Mutex<ConnectRecord>>,
}

impl Handler for ClientHandler {
    type Error = russh::Error;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        // Certificates are not requested.
        let PublicKeyOrCertificate::PublicKey { key, .. } = shown else { return Ok(false) };
        // Nor are keys of another type, whose name could be any text.
        if matches!(key.algorithm(), Algorithm::Other(_)) {
            return Ok(false);
        }
        let (name, fingerprint) = (known_hosts::name(&self.host, self.port), fingerprint(key));
        let failure = match self.known.judge(&self.host, self.port, key) {
            HostKey::Known => return Ok(true),
            HostKey::Unknown => {
                let line = format!("{name} {}", public_line(key));
                SshFailure::HostKeyUnknown { name, fingerprint, line }
            }
            HostKey::Changed { line } => SshFailure::HostKeyChanged { name, fingerprint, line },
            HostKey::Revoked { line } => SshFailure::HostKeyRevoked { name, fingerprint, line },
        };
        self.record.lock().unwrap_or_else(PoisonError::into_inner).failure = Some(failure);
        Ok(false)
    }

    async fn data(&mut self, _: ChannelId, data: &[u8], _: &mut Session) -> Result<(), russh::Error> {
        self.shared.received(data);
        Ok(())
    }

    async fn channel_eof(&mut self, _: ChannelId, _: &mut Session) -> Result<(), russh::Error> {
        self.shared.peer_ended();
        Ok(())
    }

    async fn channel_close(&mut self, _: ChannelId, _: &mut Session) -> Result<(), russh::Error> {
        self.shared.peer_closed();
        Ok(())
    }

    async fn disconnected(&mut self, reason: DisconnectReason<russh::Error>) -> Result<(), russh::Error> {
        match reason {
            DisconnectReason::ReceivedDisconnect(info) => {
                let words = printable(&info.message);
                self.record.lock().unwrap_or_else(PoisonError::into_inner).disconnect_message = Some(words);
                Ok(())
            }
            DisconnectReason::Error(error) => Err(error),
        }
    }
}
