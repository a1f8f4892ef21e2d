//! The scheme of a listener's URL.

use rtrcast_net::Layer;
use std::fmt;

/// The scheme of a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Tcp,
    Tls,
    Ssh,
    Unix,
}

impl Scheme {
    /// That of an address and port.
    pub(crate) fn of(layer: Layer) -> Scheme {
        match layer {
            Layer::Plain => Scheme::Tcp,
            Layer::Tls => Scheme::Tls,
            Layer::Ssh => Scheme::Ssh,
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Scheme::Tcp => "tcp",
            Scheme::Tls => "tls",
            Scheme::Ssh => "ssh",
            Scheme::Unix => "unix",
        })
    }
}
