//! How the program ends when it can't go on: a line that says why, and an exit code that a script can tell apart.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;

/// Why the program ends. Exit code 2 is for the command line, and clap gives it too.
#[derive(Debug)]
pub(crate) enum Failure {
    /// 1: something that should not happen.
    Internal(String),
    /// 2: the command line makes no sense.
    Usage(String),
    /// 3: the configuration or SLURM is wrong.
    Config(String),
    /// 4: the control socket can't be had.
    Socket { path: std::path::PathBuf, error: io::Error },
    /// 10: there is no cache to talk to.
    Unreachable(String),
    /// 4: an address can't be had.
    Address {
        /// What it was for.
        flag: &'static str,
        address: SocketAddr,
        error: io::Error,
    },
}

impl Failure {
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Failure::Internal(_) => 1,
            Failure::Usage(_) => 2,
            Failure::Config(_) => 3,
            Failure::Address { .. } | Failure::Socket { .. } => 4,
            Failure::Unreachable(_) => 10,
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Internal(what) => write!(f, "internal error: {what}"),
            Failure::Usage(what) | Failure::Config(what) | Failure::Unreachable(what) => f.write_str(what),
            Failure::Socket { path, error } if error.kind() == io::ErrorKind::AddrInUse => {
                write!(f, "--control {}: another rtrcast listens there", path.display())
            }
            Failure::Socket { path, error } => write!(f, "--control {}: {error}", path.display()),
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
                    _ => write!(f, "{error}"),
                }
            }
        }
    }
}
