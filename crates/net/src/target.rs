//! Where a cache is: `tcp://host:port`, `tls://host:port`, `ssh://user@host:port`, `unix:///path`.

use crate::peer::Layer;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The user that logs in by SSH if none is named.
const USER: &str = "rpki";

/// A cache's name or address and its port, or the path of its socket.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    layer: Layer,
    place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Place {
    Net { user: Option<String>, host: String, port: u16 },
    Unix(PathBuf),
}

impl Target {
    /// What the connection goes through.
    pub fn layer(&self) -> Layer {
        self.layer
    }

    /// The name or address, without brackets; `localhost` for a Unix socket.
    pub fn host(&self) -> &str {
        match &self.place {
            Place::Net { host, .. } => host,
            Place::Unix(_) => "localhost",
        }
    }

    /// The port; 0 for a Unix socket.
    pub fn port(&self) -> u16 {
        match &self.place {
            Place::Net { port, .. } => *port,
            Place::Unix(_) => 0,
        }
    }

    /// Who logs in by SSH.
    pub fn user(&self) -> &str {
        match &self.place {
            Place::Net { user: Some(user), .. } => user,
            Place::Net { user: None, .. } | Place::Unix(_) => USER,
        }
    }

    /// The path of a Unix socket.
    pub fn path(&self) -> Option<&Path> {
        match &self.place {
            Place::Net { .. } => None,
            Place::Unix(path) => Some(path),
        }
    }
}

/// The port that is meant if none is given (RFC 8210 section 9). [T-TCP-01]
fn default_port(layer: Layer) -> u16 {
    match layer {
        Layer::Plain => 323,
        Layer::Tls => 324,
        Layer::Ssh => 22,
    }
}

/// Reads `tcp://host`, `tcp://host:port`, `tcp://[2001:db8::1]:port`, and the same without `tcp://`; `tls://` likewise,
/// `ssh://` with a user before an `@` as well, and `unix:///path`.
impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Target, TargetError> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("tcp", text));
        let layer = match scheme.to_ascii_lowercase().as_str() {
            "tcp" => Layer::Plain,
            "tls" => Layer::Tls,
            "ssh" => Layer::Ssh,
            "unix" if rest.starts_with('/') => {
                return Ok(Target { layer: Layer::Plain, place: Place::Unix(rest.into()) });
            }
            "unix" => return Err(TargetError::Path(rest.to_owned())),
            _ => return Err(TargetError::Scheme(scheme.to_owned())),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (user, rest) = match rest.rsplit_once('@') {
            Some((user, rest)) if layer == Layer::Ssh => (Some(user), rest),
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
            None => default_port(layer),
        };
        let place = Place::Net { user: user.map(str::to_owned), host: host.to_owned(), port };
        Ok(Target { layer, place })
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
        let (user, host, port) = match &self.place {
            Place::Unix(path) => return write!(f, "unix://{}", path.display()),
            Place::Net { user, host, port } => (user, host, port),
        };
        write!(f, "{}://", self.layer.name())?;
        if let Some(user) = user {
            write!(f, "{user}@")?;
        }
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

/// Why a text names no cache.
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
    /// A user that nobody is, or a password with it.
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
            // What stands there may be a password.
            TargetError::User(_) => f.write_str("before the @ stands a user's name, and nothing else"),
            TargetError::Path(path) => write!(f, "unix:// wants an absolute path: unix:///run/{path}"),
        }
    }
}

impl std::error::Error for TargetError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_and_shown() {
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
        assert_eq!(shown("ssh://me:secret@cache"), "before the @ stands a user's name, and nothing else");
        assert_eq!(shown("unix:///run/rtr.sock"), "unix:///run/rtr.sock");
        assert_eq!(shown("unix://rtr.sock"), "unix:// wants an absolute path: unix:///run/rtr.sock");
        assert_eq!(shown("tcp://[cache]:1"), "\"cache\" is no host; a cache is named like tcp://host:port");
    }
}
