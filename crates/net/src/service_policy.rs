//! On what terms routers are served: all of it may change while the cache runs.

use crate::admission::{AccessLists, Limits};
use crate::ip_prefix::PrefixMap;
use rtrcast_proto::ServerPolicy;
use std::net::IpAddr;
use std::time::Duration;

/// What a connection may have and do. It keeps the terms that it was accepted on, but for the lists: who is on them no
/// longer is closed.
#[derive(Clone, Debug)]
pub struct ServicePolicy {
    /// What routers may ask for.
    pub session: ServerPolicy,
    /// The same for the routers of some prefixes, the longest that matches.
    pub peers: PrefixMap<ServerPolicy>,
    /// Who gets in.
    pub access: AccessLists,
    /// How many.
    pub limits: Limits,
    /// How long a handshake may take, that of a load balancer's header included.
    pub handshake_max: Duration,
    /// How long a router may take nothing of what it is sent.
    pub stall_max: Duration,
}

impl ServicePolicy {
    /// What a router from there may ask for.
    pub(crate) fn policy_for(&self, address: Option<IpAddr>) -> ServerPolicy {
        let own = address.and_then(|address| self.peers.longest_match(address));
        own.map_or(self.session, |(_, policy)| *policy)
    }
}

/// What RFC 8210 and its successor expect of a cache that lets everybody in.
impl Default for ServicePolicy {
    fn default() -> ServicePolicy {
        ServicePolicy {
            session: ServerPolicy::default(),
            peers: PrefixMap::default(),
            access: AccessLists::default(),
            limits: Limits::default(),
            handshake_max: Duration::from_secs(10),
            // Three retry intervals of the usual 600 s.
            stall_max: Duration::from_secs(1_800),
        }
    }
}
