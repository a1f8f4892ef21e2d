//! RTR over SSH [T-SSH-01]: subsystem `rpki-rtr` in the one channel of a session, on both sides.
//!
//! russh has the protocol. [`Logins`] are the credentials of routers, [`KnownHosts`] the host keys of caches; both read
//! the files of OpenSSH. [`channel_stream`](mod@channel_stream) joins russh with our sessions.

mod algorithms;
mod authorized_keys;
mod channel_stream;
mod client;
mod client_handler;
mod describe;
mod failure;
mod key;
mod known_hosts;
mod line_error;
mod logins;
mod names;
mod newkeys;
mod password;
mod password_queue;
mod pattern;
mod server;
mod server_handler;
mod user;

pub use authorized_keys::AuthorizedKeys;
pub(crate) use channel_stream::ChannelStream;
pub use client::SshClient;
pub(crate) use client::connect;
pub(crate) use client_handler::ClientHandle;
pub use failure::SshFailure;
pub use key::{KeyError, SshKey, SshKeyKind};
pub use known_hosts::KnownHosts;
pub use line_error::LineError;
pub use logins::{KEY_OFFERS_MAX, LOGIN_ATTEMPTS_MAX, Logins};
pub use names::SUBSYSTEM;
pub use password::{HASH_MEMORY_KIB_MAX, HASH_PASSES_MAX, Passwords, hash_password};
pub use password_queue::PASSWORD_VERIFICATIONS_MAX;
pub(crate) use server::{SshHandshakeFailure, accept};
pub use server::{SshServer, SshServerError};

#[cfg(test)]
mod tests;
