//! Where a cache is: `tcp://host:port`.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// The port of RTR over plain TCP (RFC 8210 section 9.1). [T-TCP-01]
const PORT: u16 = 323;

/// A cache's name or address, and its port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    host: String,
    port: u16,
}

impl Target {
    /// The name or address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

/// Reads `tcp://host`, `tcp://host:port` and `tcp://[2001:db8::1]:port`; without `tcp://` as well.
impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Target, TargetError> {
        let rest = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("tcp") => rest,
            Some((scheme, _)) => return Err(TargetError::Scheme(scheme.to_owned())),
            None => text,
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match rest.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest.split_once(']').ok_or(TargetError::Bracket)?;
                let is_ipv6 =
                    host.split('%').next().is_some_and(|host| host.parse().is_ok_and(|ip: IpAddr| ip.is_ipv6()));
                if !is_ipv6 {
                    return Err(TargetError::Host(host.to_owned()));
                }
                match rest.strip_prefix(':') {
                    Some(port) => (host, Some(port)),
                    None if rest.is_empty() => (host, None),
                    None => return Err(TargetError::Bracket),
                }
            }
            None => match rest.split_once(':') {
                Some((_, port)) if port.contains(':') => return Err(TargetError::Ipv6(rest.to_owned())),
                Some((host, port)) => (host, Some(port)),
                None => (rest, None),
            },
        };
        if host.is_empty() || host.contains(|c: char| c.is_whitespace() || "/@?#".contains(c)) {
            return Err(TargetError::Host(host.to_owned()));
        }
        let port = match port {
            Some(port) => match port.parse() {
                Ok(0) | Err(_) => return Err(TargetError::Port(port.to_owned())),
                Ok(port) => port,
            },
            None => PORT,
        };
        Ok(Target { host: host.to_owned(), port })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "tcp://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "tcp://{}:{}", self.host, self.port)
        }
    }
}

/// Why a text names no cache.
#[derive(Clone, Debug, PartialEq, Eq)]
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
}

impl fmt::Display for TargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TargetError::Scheme(scheme) => write!(f, "{scheme}:// is no transport to a cache here; tcp://host:port is"),
            TargetError::Host(host) => write!(f, "\"{host}\" is no host; a cache is named like tcp://host:port"),
            TargetError::Port(port) => write!(f, "\"{port}\" is no port; it is a number from 1 to 65535"),
            TargetError::Bracket => f.write_str("an IPv6 address is written like tcp://[2001:db8::1]:323"),
            TargetError::Ipv6(host) => {
                write!(f, "{host}: an IPv6 address needs brackets: tcp://[2001:db8::1]:323")
            }
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
        assert_eq!(shown("udp://cache:1"), "udp:// is no transport to a cache here; tcp://host:port is");
        assert_eq!(shown("tcp://[cache]:1"), "\"cache\" is no host; a cache is named like tcp://host:port");
    }
}
