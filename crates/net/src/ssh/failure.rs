//! Failures of a router's side: why there is no SSH session with a cache.

use super::names::SUBSYSTEM;
use std::error::Error;
use std::fmt;
use std::io;

/// Failure to open an SSH session with a cache.
#[derive(Debug)]
#[non_exhaustive]
pub enum SshFailure {
    /// The host key is not in `known_hosts`.
    HostKeyUnknown {
        /// Name of the cache in `known_hosts`.
        name: String,
        /// Fingerprint of the key that it presented.
        fingerprint: String,
        /// The line that would add it to `known_hosts`.
        line: String,
    },
    /// The cache presented another key than that in `known_hosts`.
    HostKeyChanged {
        /// Name of the cache in `known_hosts`.
        name: String,
        /// Fingerprint of the key that it presented.
        fingerprint: String,
        /// Line of the key in `known_hosts`.
        line: usize,
    },
    /// The cache presented a revoked key.
    HostKeyRevoked {
        /// Name of the cache in `known_hosts`.
        name: String,
        /// Fingerprint of the key that it presented.
        fingerprint: String,
        /// The line that revokes it.
        line: usize,
    },
    /// The cache refuses the login.
    LoginRefused {
        /// The user.
        user: String,
        /// Methods that were tried.
        tried: Vec<String>,
        /// Methods that the cache offers.
        offered: Vec<String>,
    },
    /// The user is logged in, but the cache refuses the subsystem.
    SubsystemRefused,
    /// The connection broke, or both sides have no algorithm in common.
    Broken(io::Error),
}

impl SshFailure {
    /// Returns true if a change of configuration is needed: another attempt will not help.
    pub fn is_authentication(&self) -> bool {
        !matches!(self, SshFailure::Broken(_) | SshFailure::SubsystemRefused)
    }

    /// The failure that lies in an error of a connection.
    pub fn of(error: &io::Error) -> Option<&SshFailure> {
        error.get_ref()?.downcast_ref()
    }
}

impl fmt::Display for SshFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SshFailure::HostKeyUnknown { name, fingerprint, line } => write!(
                f,
                "the host key of {name} is not known; it presents {fingerprint}. If that is the cache's fingerprint, add \
                 this line to the known hosts: {line}"
            ),
            SshFailure::HostKeyChanged { name, fingerprint, line } => write!(
                f,
                "the host key of {name} is not the one in line {line} of the known hosts: it presents {fingerprint}. \
                 Either the cache has a new key, and the line must be replaced, or somebody is in between"
            ),
            SshFailure::HostKeyRevoked { name, fingerprint, line } => {
                write!(f, "the host key {fingerprint} of {name} is revoked in line {line} of the known hosts")
            }
            SshFailure::LoginRefused { user, tried, offered } => {
                let list = |words: &[String]| if words.is_empty() { "nothing".to_owned() } else { words.join(", ") };
                write!(f, "the cache refuses the login of {user}; tried {}, it accepts {}", list(tried), list(offered))
            }
            SshFailure::SubsystemRefused => write!(f, "the cache does not offer the subsystem {SUBSYSTEM}"),
            SshFailure::Broken(error) => error.fmt(f),
        }
    }
}

impl Error for SshFailure {}

/// `PermissionDenied` if a person has to change something; the failure is found in it by `get_ref` and `downcast_ref`.
impl From<SshFailure> for io::Error {
    fn from(failure: SshFailure) -> io::Error {
        match failure {
            SshFailure::Broken(error) => error,
            failure if failure.is_authentication() => io::Error::new(io::ErrorKind::PermissionDenied, failure),
            failure => io::Error::other(failure),
        }
    }
}
