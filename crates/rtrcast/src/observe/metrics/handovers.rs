//! Metrics of handovers to another program.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// What became of a connection at a handover.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ConnectionOutcomeLabel {
    outcome: &'static str,
}

/// Metrics of handovers to another program, which counts on.
#[derive(Debug, Default)]
pub(crate) struct HandoverMetrics {
    done: Counter,
    failures: Counter,
    connections: Family<ConnectionOutcomeLabel, Counter>,
}

/// Handovers of this process so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct HandoverCounts {
    pub(crate) done: u64,
    /// Upgrades that failed, so that the program before went on.
    pub(crate) failures: u64,
    /// Connections that went on, counted once for each handover.
    pub(crate) connections: u64,
    /// Connections that ended for a handover: those over TLS and SSH.
    pub(crate) ended: u64,
}

impl HandoverMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "Handovers to another program, which kept the connections of routers";
        registry.register("rtrcast_handovers", help, self.done.clone());
        let help = "Handovers that failed, so that the program went on that was there";
        registry.register("rtrcast_handover_failures", help, self.failures.clone());
        let help = "Connections that were handed over, and those that ended for a handover, over TLS and SSH";
        registry.register("rtrcast_handover_connections", help, self.connections.clone());
        self.add(HandoverCounts::default());
    }

    /// Adds to the counts.
    pub(crate) fn add(&self, counts: HandoverCounts) {
        let HandoverCounts { done, failures, connections, ended } = counts;
        self.done.inc_by(done);
        self.failures.inc_by(failures);
        for (outcome, count) in [("handed_over", connections), ("ended", ended)] {
            self.connections.get_or_create(&ConnectionOutcomeLabel { outcome }).inc_by(count);
        }
    }
}
