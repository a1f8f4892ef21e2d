//! The number of connections that the descriptor limit allows.

use crate::config::plan::Plan;
use rtrcast_net::{Limits, Terms};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::warn;

/// Descriptors that are not for routers: sources, HTTP, data sets, logs.
const DESCRIPTORS_KEPT: u64 = 64;

/// How many routers there may be.
pub(super) struct Room {
    /// The limit of descriptors.
    pub(super) descriptors: u64,
    pub(super) connections_max: u32,
    /// The same in words, with what raises it.
    pub(super) words: String,
}

impl Room {
    /// The terms of a plan, with so many connections.
    pub(super) fn terms(&self, plan: &Plan) -> Terms {
        let limits = Limits { connections_max: self.connections_max, ..plan.terms.limits };
        Terms { limits, ..plan.terms.clone() }
    }
}

/// Raises the soft limit of descriptors as far as it goes, and sees how many connections that allows.
pub(super) fn room(asked: Option<u32>) -> Room {
    let maximum = getrlimit(Resource::Nofile).maximum;
    // Where it may not be raised, the lower one holds.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    // None is "no limit".
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let allowed = limit.saturating_sub(DESCRIPTORS_KEPT).max(limit / 4).max(1);
    let allowed = u32::try_from(allowed).unwrap_or(u32::MAX).min(1_000_000);
    match asked {
        Some(asked) if asked <= allowed => {
            Room { descriptors: limit, connections_max: asked, words: format!("{asked}, by --connections-max") }
        }
        Some(_) | None => {
            let words = format!("{allowed}, by the descriptor limit {limit}, which `ulimit -n` or LimitNOFILE= raise");
            if let Some(asked) = asked {
                warn!("--connections-max {asked} is too many: {words}");
            }
            Room { descriptors: limit, connections_max: allowed, words }
        }
    }
}
