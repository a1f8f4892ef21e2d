//! Admission of connections within limits, as a plain value.
//!
//! Without capacity nothing is accepted, since a router that is accepted and closed waits ten minutes. [T-TCP-06] But a
//! connection without a query must not keep routers out, so such newcomers are displaced when capacity is needed: first
//! those of the address with the most. Connections that have sent a query stay.
//!
//! `ledger.rs` counts and decides, and `ranking.rs` has the order in which newcomers are displaced, and
//! `id_map.rs` their entries.

mod id_map;
mod ledger;
#[cfg(test)]
mod model;
mod ranking;

pub use ledger::{AdmissionLedger, CapacityCheck, NEWCOMER_TIME_MIN, PermitId};

use core::fmt;

/// Limits of what is in use at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Connections. At this many nothing is accepted.
    pub connections_max: u32,
    /// Connections from one address; a further one is refused. None: as many as there is room for.
    pub per_address_max: Option<u32>,
    /// Handshakes under way; a further one displaces another.
    pub handshakes_max: u32,
    /// Octets of memory by the cost of each connection. Where a further one would take more nothing is accepted; a cost
    /// above the limit itself never fits.
    pub memory_octets_max: u64,
}

/// A thousand connections, a quarter of them in their handshakes, and a GiB.
impl Default for ConnectionLimits {
    fn default() -> ConnectionLimits {
        ConnectionLimits {
            connections_max: 1_000,
            per_address_max: None,
            handshakes_max: 256,
            memory_octets_max: 1024 * 1024 * 1024,
        }
    }
}

/// Limit that keeps an accepted connection from being admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitExceeded {
    /// As many connections as may be are there from its address.
    PerAddress {
        /// The limit.
        limit: u32,
    },
}

impl fmt::Display for LimitExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LimitExceeded::PerAddress { limit } => write!(f, "{limit} connections from this address are open"),
        }
    }
}

impl core::error::Error for LimitExceeded {}

/// Counts of what is in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectionCounts {
    /// Connections, whatever their state.
    pub connections: u32,
    /// Those of them that have sent no query yet.
    pub newcomers: u32,
    /// Those of the newcomers whose displacement was requested and that have not ended yet.
    pub leaving: u32,
    /// Handshakes under way, without those of displaced connections.
    pub handshakes: u32,
    /// Octets of memory by the connections' costs.
    pub memory_octets: u64,
}
