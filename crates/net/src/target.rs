//! The address of a cache: `tcp://host:port`, `tls://host:port`, `ssh://user@host:port`, `unix:///path`.

use crate::transport::Transport;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The user that logs in by SSH if none is named.
const DEFAULT_USER: &str = "rpki";

/// A cache's name or address and its port, or the path of its socket.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    transport: Transport,
    address: TargetAddress,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum TargetAddress {
    Net { user: Option<String>, host: String, port: u16 },
    Unix(PathBuf),
}

impl Target {
    /// Returns the transport.
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// The name or address, without brackets; `localhost` for a Unix socket.
    pub fn host(&self) -> &str {
        match &self.address {
            TargetAddress::Net { host, .. } => host,
            TargetAddress::Unix(_) => "localhost",
        }
    }

    /// The port; 0 for a Unix socket.
    pub fn port(&self) -> u16 {
        match &self.address {
            TargetAddress::Net { port, .. } => *port,
            TargetAddress::Unix(_) => 0,
        }
    }

    /// Returns the user of SSH.
    pub fn user(&self) -> &str {
        match &self.address {
            TargetAddress::Net { user: Some(user), .. } => user,
            TargetAddress::Net { user: None, .. } | TargetAddress::Unix(_) => DEFAULT_USER,
        }
    }

    /// The path of a Unix socket.
    pub fn path(&self) -> Option<&Path> {
        match &self.address {
            TargetAddress::Net { .. } => None,
            TargetAddress::Unix(path) => Some(path),
        }
    }
}

/// The port that is meant if none is given (RFC 8210 section 9). [T-TCP-01]
fn default_port(transport: Transport) -> u16 {
    match transport {
        Transport::Tcp => 323,
        Transport::Tls => 324,
        Transport::Ssh => 22,
    }
}

/// Reads `tcp://host`, `tcp://host:port`, `tcp://[2001:db8::1]:port`, and the same without `tcp://`; `tls://` likewise,
/// `ssh://` with a user before an `@` as well, and `unix:///path`.
impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Target, TargetError> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("tcp", text));
        let lower = scheme.to_ascii_lowercase();
        if lower == "unix" {
            return match rest.starts_with('/') {
                true => Ok(Target { transport: Transport::Tcp, address: TargetAddress::Unix(rest.into()) }),
                false => Err(TargetError::Path(rest.to_owned())),
            };
        }
        let transport = Transport::of_scheme(&lower).ok_or_else(|| TargetError::Scheme(scheme.to_owned()))?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (user, rest) = match rest.rsplit_once('@') {
            Some((user, rest)) if transport == Transport::Ssh => (Some(user), rest),
            _ => (None, rest),
        };
        if let Some(user) =
            user.filter(|user| user.is_empty() || user.contains(|c: char| c == ':' || c.is_whitespace()))
        {
            return Err(TargetError::User(user.to_owned()));
        }
        let (host, port) = host_and_port(rest)?;
        if host.is_empty() || host.contains(|c: char| c.is_whitespace() || "/@?#".contains(c)) {
            return Err(TargetError::Host(host.to_owned()));
        }
        let port = match port {
            Some(port) => match port.parse() {
                Ok(0) | Err(_) => return Err(TargetError::Port(port.to_owned())),
                Ok(port) => port,
            },
            None => default_port(transport),
        };
        let address = TargetAddress::Net { user: user.map(str::to_owned), host: host.to_owned(), port };
        Ok(Target { transport, address })
    }
}

fn host_and_port(text: &str) -> Result<(&str, Option<&str>), TargetError> {
    let Some(rest) = text.strip_prefix('[') else {
        return match text.split_once(':') {
            Some((_, port)) if port.contains(':') => Err(TargetError::Ipv6(text.to_owned())),
            Some((host, port)) => Ok((host, Some(port))),
            None => Ok((text, None)),
        };
    };
    let (host, rest) = rest.split_once(']').ok_or(TargetError::Bracket)?;
    let is_ipv6 = host.split('%').next().is_some_and(|host| host.parse().is_ok_and(|ip: IpAddr| ip.is_ipv6()));
    if !is_ipv6 {
        return Err(TargetError::Host(host.to_owned()));
    }
    match rest.strip_prefix(':') {
        Some(port) => Ok((host, Some(port))),
        None if rest.is_empty() => Ok((host, None)),
        None => Err(TargetError::Bracket),
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (user, host, port) = match &self.address {
            TargetAddress::Unix(path) => return write!(f, "unix://{}", path.display()),
            TargetAddress::Net { user, host, port } => (user, host, port),
        };
        write!(f, "{}://", self.transport.scheme())?;
        if let Some(user) = user {
            write!(f, "{user}@")?;
        }
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

/// Reason that a text is no target.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TargetError {
    /// A transport that is not there.
    Scheme(String),
    /// No host, or one with signs that no host has.
    Host(String),
    /// Not a port from 1 to 65,535.
    Port(String),
    /// A bracket that does not close, or something between it and the port.
    Bracket,
    /// An IPv6 address without brackets.
    Ipv6(String),
    /// An invalid user, or a password with it.
    User(String),
    /// A path that is not absolute.
    Path(String),
}

impl fmt::Display for TargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TargetError::Scheme(scheme) => write!(
                f,
                "{scheme}:// is no transport to a cache; there are tcp://host:port, tls://host:port, \
                 ssh://user@host:port and unix:///path"
            ),
            TargetError::Host(host) => write!(f, "\"{host}\" is no host; a cache is named like tcp://host:port"),
            TargetError::Port(port) => write!(f, "\"{port}\" is no port; it is a number from 1 to 65535"),
            TargetError::Bracket => f.write_str("an IPv6 address is written like tcp://[2001:db8::1]:323"),
            TargetError::Ipv6(host) => {
                write!(f, "{host}: an IPv6 address needs brackets: tcp://[2001:db8::1]:323")
            }
            // This may be a password.
            TargetError::User(_) => f.write_str("only a user's name may be before the @"),
            TargetError::Path(path) => write!(f, "unix:// needs an absolute path: unix:///run/{path}"),
        }
    }
}

impl std::error::Error for TargetError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_and_printed() {
        let shown = |text: &str| match text.parse::<Target>() {
            Ok(target) => target.to_string(),
            Err(error) => error.to_string(),
        };
        assert_eq!(shown("tcp://cache.example:8282"), "tcp://cache.example:8282");
        assert_eq!(shown("TCP://cache.example"), "tcp://cache.example:323");
        assert_eq!(shown("192.0.2.1:3323"), "tcp://192.0.2.1:3323");
        assert_eq!(shown("tcp://[2001:db8::1]:8282/"), "tcp://[2001:db8::1]:8282");
        assert_eq!(shown("tcp://[2001:db8::1]"), "tcp://[2001:db8::1]:323");
        assert_eq!(shown("2001:db8::1"), "2001:db8::1: an IPv6 address needs brackets: tcp://[2001:db8::1]:323");
        assert_eq!(shown("tcp://:8282"), "\"\" is no host; a cache is named like tcp://host:port");
        assert_eq!(shown("tcp://me@cache:1"), "\"me@cache\" is no host; a cache is named like tcp://host:port");
        assert_eq!(shown("tcp://cache:0"), "\"0\" is no port; it is a number from 1 to 65535");
        assert_eq!(shown("tcp://cache:rtr"), "\"rtr\" is no port; it is a number from 1 to 65535");
        assert_eq!(
            shown("udp://cache:1"),
            "udp:// is no transport to a cache; there are tcp://host:port, tls://host:port, ssh://user@host:port and \
             unix:///path"
        );
        assert_eq!(shown("tls://cache"), "tls://cache:324");
        assert_eq!(shown("ssh://cache"), "ssh://cache:22");
        assert_eq!(shown("ssh://me@[2001:db8::1]:2222"), "ssh://me@[2001:db8::1]:2222");
        assert_eq!(shown("ssh://me:secret@cache"), "only a user's name may be before the @");
        assert_eq!(shown("unix:///run/rtr.sock"), "unix:///run/rtr.sock");
        assert_eq!(shown("unix://rtr.sock"), "unix:// needs an absolute path: unix:///run/rtr.sock");
        assert_eq!(shown("tcp://[cache]:1"), "\"cache\" is no host; a cache is named like tcp://host:port");
    }
}
