//! Who gets in, and how many: the operator's lists, and the door with its limits. No sockets here.
//!
//! When there is no room nothing is accepted, since a router that is accepted and closed waits ten minutes. [T-TCP-06]
//! But whoever connects and asks nothing shall not keep routers out, so such newcomers make room when it is needed:
//! first those of the address that has most of them. Whoever has asked stays.
//!
//! `lists.rs` reads the lists, `ledger.rs` counts and decides as a plain value, `ranking.rs` says whose turn it is to go,
//! and `door.rs` lets tasks wait.

mod door;
mod ledger;
mod lists;
#[cfg(test)]
mod model;
mod ranking;

pub use door::{Door, Guest, Room};
pub use ledger::DISPLACE_AFTER;
pub use lists::Lists;

use std::fmt;

/// How much may be in use at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections. At this many nothing is accepted.
    pub connections_max: u32,
    /// Connections from one address; a further one is refused. None: as many as there is room for.
    pub per_address_max: Option<u32>,
    /// Handshakes under way; a further one takes the place of another.
    pub handshakes_max: u32,
    /// Octets of memory by the cost of each connection. Where a further one would take more nothing is accepted; a cost
    /// above the limit itself never fits.
    pub memory_octets_max: u64,
}

/// A thousand connections, a quarter of them in their handshakes, and a GiB.
impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections_max: 1_000,
            per_address_max: None,
            handshakes_max: 256,
            memory_octets_max: 1024 * 1024 * 1024,
        }
    }
}

/// Why a connection that was accepted does not get in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refused {
    /// As many connections as may be are there from its address.
    PerAddress {
        /// So many.
        limit: u32,
    },
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::PerAddress { limit } => write!(f, "{limit} connections from this address are open"),
        }
    }
}

impl std::error::Error for Refused {}

/// What is in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections, whatever their state.
    pub connections: u32,
    /// Those of them that have asked nothing yet.
    pub newcomers: u32,
    /// Those of the newcomers that were told to go and are not gone yet.
    pub leaving: u32,
    /// Handshakes under way, without those that were told to go.
    pub handshakes: u32,
    /// Octets of memory by the connections' costs.
    pub memory_octets: u64,
}
