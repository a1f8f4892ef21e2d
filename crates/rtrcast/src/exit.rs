//! Failures that end the program: a message, and an exit code that scripts can distinguish.

use crate::observe::describe::plain;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

/// A failure that ends the program. Exit code 2 is for the command line, and clap uses it too.
#[derive(Debug)]
pub(crate) enum Failure {
    /// 1: an internal error.
    Internal(String),
    /// 2: the command line is invalid.
    Usage(String),
    /// 3: the configuration or SLURM is invalid.
    Config(String),
    /// 3: SLURM files are invalid: a line for each mistake, and the number of mistakes.
    Slurm { lines: Vec<String>, mistakes: usize },
    /// 3: the state directory cannot be used.
    State { path: std::path::PathBuf, error: crate::state::DirectoryError },
    /// 4: a Unix socket cannot be bound.
    Socket {
        /// The option that names it.
        flag: &'static str,
        path: std::path::PathBuf,
        error: io::Error,
    },
    /// 5: the output can't be written.
    Output { name: String, error: io::Error },
    /// 10: there is no connection to a cache.
    Unreachable(String),
    /// 11: the cache has no data, or not the requested ones.
    NoData(String),
    /// 12: the cache reported an error, or violated the protocol.
    Protocol(String),
    /// 13: the timeout has passed.
    TimedOut(String),
    /// 14: authentication of the cache, or by the cache, failed.
    Authentication(String),
    /// 128 and the signal's number: stopped before the end.
    Interrupted(u8),
    /// 4: an address cannot be bound.
    Address {
        /// The option that names it.
        flag: &'static str,
        address: SocketAddr,
        error: io::Error,
    },
}

impl Failure {
    /// Returns the message in lines, at least one.
    pub(crate) fn lines(&self) -> Vec<String> {
        match self {
            Failure::Slurm { lines, .. } => lines.clone(),
            other => vec![other.to_string()],
        }
    }

    /// Returns the same failure with the name of the configuration file. Mistakes in SLURM have the names of their own
    /// files.
    pub(crate) fn within(self, file: &Path) -> Failure {
        let name = file.display();
        match self {
            Failure::Config(reason) => Failure::Config(format!("{name}: {reason}")),
            other => other,
        }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Failure::Internal(_) => 1,
            Failure::Usage(_) => 2,
            Failure::Config(_) | Failure::Slurm { .. } | Failure::State { .. } => 3,
            Failure::Address { .. } | Failure::Socket { .. } => 4,
            Failure::Output { .. } => 5,
            Failure::Unreachable(_) => 10,
            Failure::NoData(_) => 11,
            Failure::Protocol(_) => 12,
            Failure::TimedOut(_) => 13,
            Failure::Authentication(_) => 14,
            Failure::Interrupted(signal) => 128 + signal,
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Internal(what) => write!(f, "internal error: {what}"),
            Failure::Usage(what)
            | Failure::Config(what)
            | Failure::Unreachable(what)
            | Failure::NoData(what)
            | Failure::Protocol(what)
            | Failure::TimedOut(what)
            | Failure::Authentication(what) => f.write_str(what),
            Failure::Slurm { lines, .. } => f.write_str(&lines.join("; ")),
            Failure::Output { name, error } => {
                let hint = if error.kind() == io::ErrorKind::NotFound { "; does its directory exist?" } else { "" };
                write!(f, "{name}: can't be written: {}{hint}", plain(error))
            }
            Failure::State { path, error } => write!(f, "--state {}: {error}", path.display()),
            Failure::Interrupted(_) => f.write_str("stopped before it was done"),
            Failure::Socket { flag, path, error } => {
                write!(f, "{flag} {}: ", path.display())?;
                match error.kind() {
                    io::ErrorKind::AddrInUse => f.write_str("another program (perhaps another rtrcast) listens there"),
                    io::ErrorKind::NotFound => f.write_str("there is no such directory; make it, or name another path"),
                    _ => f.write_str(&plain(error)),
                }
            }
            Failure::Address { flag, address, error } => {
                write!(f, "{flag} {address}: ")?;
                match error.kind() {
                    io::ErrorKind::AddrInUse => {
                        write!(f, "the address is in use; another program (perhaps another rtrcast) listens there")
                    }
                    io::ErrorKind::AddrNotAvailable => {
                        write!(f, "the address is not one of this machine's; `ip address` lists those")
                    }
                    io::ErrorKind::PermissionDenied => {
                        write!(f, "permission denied; ports below 1024 need root or CAP_NET_BIND_SERVICE")
                    }
                    _ => f.write_str(&plain(error)),
                }
            }
        }
    }
}
