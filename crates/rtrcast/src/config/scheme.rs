//! The scheme of a source's or listener's URL, which determines the options that apply.

use rtrcast_net::{Endpoint, Layer, Target};
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
    pub(crate) fn of(layer: Layer) -> Scheme {
        match layer {
            Layer::Plain => Scheme::Tcp,
            Layer::Tls => Scheme::Tls,
            Layer::Ssh => Scheme::Ssh,
        }
    }

    /// Returns the scheme of a listener at this address or path.
    pub(crate) fn at(layer: Layer, local: &Endpoint) -> Scheme {
        match (layer, local) {
            (Layer::Plain, Endpoint::Unix(_)) => Scheme::Unix,
            (layer, _) => Scheme::of(layer),
        }
    }

    /// Returns the scheme of another cache.
    pub(crate) fn of_cache(target: &Target) -> Scheme {
        if target.path().is_some() { Scheme::Unix } else { Scheme::of(target.layer()) }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Scheme::Http => "http",
            Scheme::Tcp => "tcp",
            Scheme::Tls => "tls",
            Scheme::Ssh => "ssh",
            Scheme::Unix => "unix",
        })
    }
}
