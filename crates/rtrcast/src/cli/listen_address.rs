//! The address and transport of a listener.

use super::value::socket_address;
use crate::config::scheme::Scheme;
use rtrcast_net::Transport;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// An address where routers connect, and its transport.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ListenAddr {
    pub(crate) transport: Transport,
    pub(crate) endpoint: ListenEndpoint,
}

/// The socket of a listener.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ListenEndpoint {
    Ip(SocketAddr),
    Unix(PathBuf),
    /// A socket that systemd passes, by its FileDescriptorName=.
    Passed(String),
}

impl ListenAddr {
    /// Returns the scheme of its URL. A socket of systemd is one of TCP until it is there.
    pub(crate) fn scheme(&self) -> Scheme {
        match self.endpoint {
            ListenEndpoint::Unix(_) => Scheme::Unix,
            ListenEndpoint::Ip(_) | ListenEndpoint::Passed(_) => Scheme::of(self.transport),
        }
    }
}

impl FromStr for ListenAddr {
    type Err = String;

    fn from_str(text: &str) -> Result<ListenAddr, String> {
        let (transport, address) = match text.split_once("://") {
            None => (Transport::Tcp, text),
            Some(("unix", path)) if path.starts_with('/') => {
                return Ok(ListenAddr { transport: Transport::Tcp, endpoint: ListenEndpoint::Unix(path.into()) });
            }
            Some(("unix", path)) => return Err(format!("unix:// needs an absolute path: unix:///run/rtrcast/{path}")),
            Some((scheme, address)) => match Transport::of_scheme(scheme) {
                Some(transport) => (transport, address),
                None => {
                    return Err(format!(
                        "{scheme}:// is not a transport; there are tcp://, tls://, ssh:// and unix://"
                    ));
                }
            },
        };
        let endpoint = match address.strip_prefix("fd:") {
            Some("") => return Err("fd: needs the name of a socket that systemd passes: fd:NAME".to_owned()),
            Some(name) => ListenEndpoint::Passed(name.to_owned()),
            None => ListenEndpoint::Ip(socket_address(address)?),
        };
        Ok(ListenAddr { transport, endpoint })
    }
}

impl fmt::Display for ListenAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.scheme();
        match &self.endpoint {
            ListenEndpoint::Ip(address) => write!(f, "{scheme}://{address}"),
            ListenEndpoint::Passed(name) => write!(f, "{scheme}://fd:{name}"),
            ListenEndpoint::Unix(path) => write!(f, "{scheme}://{}", path.display()),
        }
    }
}
