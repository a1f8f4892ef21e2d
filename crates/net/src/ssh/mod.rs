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
mod login;
mod logins;
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
pub use logins::{ATTEMPTS_MAX, Logins, OFFERS_MAX};
pub use password::{HASH_MEMORY_KIB_MAX, HASH_PASSES_MAX, Passwords, hash_password};
pub(crate) use server::{HandshakeFailure, accept};
pub use server::{SshServer, SshServerError};
pub use turn::VERIFICATIONS_MAX;

use std::error::Error;
use std::fmt;

/// The subsystem's name (RFC 8210 section 9.1).
pub const SUBSYSTEM: &str = "rpki-rtr";

/// Why a file is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineError {
    /// The line, from 1 on.
    pub line: usize,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

impl Error for LineError {}

/// What a peer calls itself, fit for a log line.
fn printable(text: &str) -> String {
    /// Longer names are cut.
    const CHARS_MAX: usize = 64;
    text.chars().take(CHARS_MAX).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests;
