//! The address of a listener, with what is spoken there.

use super::value::socket_address;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// Where routers connect, and what they speak there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct At {
    pub(crate) speaks: Speaks,
    pub(crate) place: Place,
}

/// What lies below RTR.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Speaks {
    /// Nothing but the socket.
    Plain,
    Tls,
    Ssh,
}

/// A socket's place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Ip(SocketAddr),
    Unix(PathBuf),
    /// A socket that systemd passes, by its FileDescriptorName=.
    Passed(String),
}

impl FromStr for At {
    type Err = String;

    fn from_str(text: &str) -> Result<At, String> {
        let (speaks, address) = match text.split_once("://") {
            None => (Speaks::Plain, text),
            Some(("tcp", address)) => (Speaks::Plain, address),
            Some(("tls", address)) => (Speaks::Tls, address),
            Some(("ssh", address)) => (Speaks::Ssh, address),
            Some(("unix", path)) if path.starts_with('/') => {
                return Ok(At { speaks: Speaks::Plain, place: Place::Unix(path.into()) });
            }
            Some(("unix", path)) => return Err(format!("unix:// wants an absolute path: unix:///run/rtrcast/{path}")),
            Some((scheme, _)) => {
                return Err(format!("{scheme}:// is not a transport; there are tcp://, tls://, ssh:// and unix://"));
            }
        };
        let place = match address.strip_prefix("fd:") {
            Some("") => return Err("fd: wants the name of a socket that systemd passes: fd:NAME".to_owned()),
            Some(name) => Place::Passed(name.to_owned()),
            None => Place::Ip(socket_address(address)?),
        };
        Ok(At { speaks, place })
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.speaks {
            Speaks::Plain => "tcp",
            Speaks::Tls => "tls",
            Speaks::Ssh => "ssh",
        };
        match &self.place {
            Place::Ip(address) => write!(f, "{scheme}://{address}"),
            Place::Passed(name) => write!(f, "{scheme}://fd:{name}"),
            Place::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}
