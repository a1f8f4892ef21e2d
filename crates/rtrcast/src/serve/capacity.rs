//! The number of connections that the descriptor limit allows.

use crate::config::plan::Plan;
use crate::observe::log::Log;
use crate::observe::log::event::service::ServiceEvent;
use rtrcast_net::ServicePolicy;
use rtrcast_proto::ConnectionLimits;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that are not for routers: sources, HTTP, data sets, logs.
const DESCRIPTORS_KEPT: u64 = 64;

/// The number of connections, and its reason.
pub(super) struct ConnectionCapacity {
    /// The limit of descriptors.
    pub(super) descriptors: u64,
    pub(super) connections_max: u32,
    /// The number with its reason, and how to raise it.
    pub(super) description: String,
}

impl ConnectionCapacity {
    /// Returns the policy of a plan, with this number of connections.
    pub(super) fn service_policy(&self, plan: &Plan) -> ServicePolicy {
        let limits = ConnectionLimits { connections_max: self.connections_max, ..plan.policy.limits };
        ServicePolicy { limits, ..plan.policy.clone() }
    }
}

/// Raises the soft limit of descriptors as far as possible, and returns the number of connections that it allows.
pub(super) fn connection_capacity(asked: Option<u32>) -> ConnectionCapacity {
    let maximum = getrlimit(Resource::Nofile).maximum;
    // Where it may not be raised, the soft limit stays.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    // None is "no limit".
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let allowed = limit.saturating_sub(DESCRIPTORS_KEPT).max(limit / 4).max(1);
    let allowed = u32::try_from(allowed).unwrap_or(u32::MAX).min(1_000_000);
    match asked {
        Some(asked) if asked <= allowed => ConnectionCapacity {
            descriptors: limit,
            connections_max: asked,
            description: format!("{asked}, by --connections-max"),
        },
        Some(_) | None => {
            let description =
                format!("{allowed}, by the descriptor limit {limit}, which `ulimit -n` or LimitNOFILE= raise");
            if let Some(asked) = asked {
                ServiceEvent::ConnectionsMaxReduced { asked, connections_max: allowed, limit: &description }.log();
            }
            ConnectionCapacity { descriptors: limit, connections_max: allowed, description }
        }
    }
}
