//! The scheme of a source's or listener's URL, which determines the options that apply.

use rtrcast_net::{Endpoint, Target, Transport};
use std::fmt;

/// The scheme of a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// `http://` and `https://`.
    Http,
    Tcp,
    Tls,
    Ssh,
    Unix,
}

impl Scheme {
    /// Returns the scheme of a transport at an address and port.
    pub(crate) fn of(transport: Transport) -> Scheme {
        match transport {
            Transport::Tcp => Scheme::Tcp,
            Transport::Tls => Scheme::Tls,
            Transport::Ssh => Scheme::Ssh,
        }
    }

    /// Returns the scheme of a listener at this address or path.
    pub(crate) fn at(transport: Transport, local: &Endpoint) -> Scheme {
        match (transport, local) {
            (Transport::Tcp, Endpoint::Unix(_)) => Scheme::Unix,
            (transport, _) => Scheme::of(transport),
        }
    }

    /// Returns the scheme of another cache.
    pub(crate) fn of_cache(target: &Target) -> Scheme {
        if target.path().is_some() { Scheme::Unix } else { Scheme::of(target.transport()) }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Scheme::Http => "http",
            Scheme::Unix => "unix",
            Scheme::Tcp => Transport::Tcp.scheme(),
            Scheme::Tls => Transport::Tls.scheme(),
            Scheme::Ssh => Transport::Ssh.scheme(),
        })
    }
}
