//! The three kinds of payload. Invalid values cannot be built, so none is checked twice.

mod aspa;
mod origin;
mod router_key;

pub use aspa::{ASPA_PROVIDERS_MAX, Aspa, AspaError, ProviderAsn, Providers};
pub use origin::{OriginError, Prefix, PrefixError, RouteOrigin};
pub use router_key::{NotDer, RouterKey};

use core::fmt;

/// An autonomous system number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Asn(pub u32);

impl fmt::Display for Asn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AS{}", self.0)
    }
}

/// Meaning of the Flags octet of a payload PDU: bit 0 set announces, clear withdraws (RFC 8210 section 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The record is valid from now on.
    Announce,
    /// The record is gone.
    Withdraw,
}

impl Action {
    /// The Flags octet.
    pub const fn flags(self) -> u8 {
        match self {
            Action::Announce => 1,
            Action::Withdraw => 0,
        }
    }

    /// Reads a Flags octet: all bits but the lowest are ignored.
    pub const fn from_flags(flags: u8) -> Action {
        if flags & 1 == 1 { Action::Announce } else { Action::Withdraw }
    }
}
