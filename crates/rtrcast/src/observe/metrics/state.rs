//! Metrics of the state directory. There are none without one.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct DirectoryLabel {
    pub(crate) directory: String,
}

/// Metrics by directory.
#[derive(Debug, Default)]
pub(crate) struct StateMetrics {
    kept: Family<DirectoryLabel, Gauge>,
    size: Family<DirectoryLabel, Gauge>,
    snapshots: Family<DirectoryLabel, Counter>,
    snapshot: Family<DirectoryLabel, Gauge>,
    failures: Family<DirectoryLabel, Counter>,
}

/// The metrics of one directory.
#[derive(Clone, Debug)]
pub(crate) struct DirectoryMetrics {
    pub(crate) kept: Gauge,
    pub(crate) size: Gauge,
    pub(crate) snapshots: Counter,
    pub(crate) failures: Counter,
    /// There is no time before there is a snapshot.
    snapshot: Family<DirectoryLabel, Gauge>,
    label: DirectoryLabel,
}

impl DirectoryMetrics {
    /// Shows when the snapshot was written, in seconds since 1970.
    pub(crate) fn show_snapshot(&self, written: u32) {
        self.snapshot.get_or_create(&self.label).set(written.into());
    }
}

impl StateMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("rtrcast_state_kept", "1 if the state directory is written", self.kept.clone());
        let help = "Octets of the files of the state directory";
        registry.register("rtrcast_state_bytes", help, self.size.clone());
        registry.register("rtrcast_state_snapshots", "Snapshots that were written", self.snapshots.clone());
        let help = "Time of the snapshot, in seconds since 1970";
        registry.register("rtrcast_state_snapshot_timestamp_seconds", help, self.snapshot.clone());
        registry.register("rtrcast_state_failures", "Failures of writing the state", self.failures.clone());
    }

    /// Returns the metrics of a directory.
    pub(crate) fn of(&self, directory: &str) -> DirectoryMetrics {
        let label = DirectoryLabel { directory: directory.to_owned() };
        let metrics = DirectoryMetrics {
            kept: self.kept.get_or_create(&label).clone(),
            size: self.size.get_or_create(&label).clone(),
            snapshots: self.snapshots.get_or_create(&label).clone(),
            failures: self.failures.get_or_create(&label).clone(),
            snapshot: self.snapshot.clone(),
            label,
        };
        metrics.kept.set(1);
        metrics
    }
}
