//! Failures of a router's side: why there is no SSH session with a cache.

use super::names::SUBSYSTEM;
use std::error::Error;
use std::fmt;
use std::io;

/// Why there is no session.
#[derive(Debug)]
#[non_exhaustive]
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
