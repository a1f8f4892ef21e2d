//! The policy by which routers are served: all of it may change while the cache runs.

use crate::admission::AccessLists;
use crate::ip_prefix::PrefixMap;
use rtrcast_proto::{ConnectionLimits, ServerPolicy};
use std::net::IpAddr;
use std::time::Duration;

/// Policy of a service. A connection keeps the policy under which it was accepted, but for the access lists: it is
/// closed when its address is not permitted any more.
#[derive(Clone, Debug)]
pub struct ServicePolicy {
    /// Policy of sessions.
    pub session: ServerPolicy,
    /// Policies of sessions by the address of the router: the longest prefix that matches.
    pub peers: PrefixMap<ServerPolicy>,
    /// Addresses that may connect.
    pub access: AccessLists,
    /// Limits of connections.
    pub limits: ConnectionLimits,
    /// Time for a handshake, that for a PROXY header included.
    pub handshake_max: Duration,
    /// Time for which a router may accept no octet that it is sent.
    pub stall_max: Duration,
}

impl ServicePolicy {
    /// Returns the policy of sessions of this address.
    pub(crate) fn policy_for(&self, address: Option<IpAddr>) -> ServerPolicy {
        let own = address.and_then(|address| self.peers.longest_match(address));
        own.map_or(self.session, |(_, policy)| *policy)
    }
}

/// The defaults of RFC 8210 and its successor, for all addresses.
impl Default for ServicePolicy {
    fn default() -> ServicePolicy {
        ServicePolicy {
            session: ServerPolicy::default(),
            peers: PrefixMap::default(),
            access: AccessLists::default(),
            limits: ConnectionLimits::default(),
            handshake_max: Duration::from_secs(10),
            // Three retry intervals of the usual 600 s.
            stall_max: Duration::from_secs(1_800),
        }
    }
}
