//! RTR over SSH [T-SSH-01]: subsystem `rpki-rtr` in the one channel of a session, on both sides.
//!
//! russh speaks the protocol. What may log in stands in [`Logins`], what a cache must show in [`KnownHosts`]; both read
//! the files that OpenSSH reads. [`line`](mod@line) says how russh and our sessions share a connection.

mod algorithms;
mod authorized_keys;
mod client;
mod client_handler;
mod describe;
mod failure;
mod key;
mod known_hosts;
mod line;
mod line_error;
mod login;
mod logins;
mod names;
mod newkeys;
mod password;
mod pattern;
mod server;
mod turn;
mod user;

pub use authorized_keys::AuthorizedKeys;
pub use client::SshClient;
pub(crate) use client::connect;
pub(crate) use client_handler::ClientHandle;
pub use failure::ConnectFailure;
pub use key::{KeyError, SshKey, SshKeyKind};
pub use known_hosts::KnownHosts;
pub(crate) use line::Line;
pub use line_error::LineError;
pub use logins::{ATTEMPTS_MAX, Logins, OFFERS_MAX};
pub use names::SUBSYSTEM;
pub use password::{HASH_MEMORY_KIB_MAX, HASH_PASSES_MAX, Passwords, hash_password};
pub(crate) use server::{HandshakeFailure, accept};
pub use server::{SshServer, SshServerError};
pub use turn::VERIFICATIONS_MAX;

#[cfg(test)]
mod tests;
