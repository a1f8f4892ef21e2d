//! Status of the whole cache as one value: `GET /api/v1/status` gives it as JSON, `rtrcast ctl status` as text (`text.rs`).
//!
//! The schema only gains members: a reader passes over those that it does not know, and a member that an older cache does
//! not send has its default. Anything else is a new [`SCHEMA`]. docs/CONTROL.md describes it for operators.

mod routers;
mod table;
mod text;
mod time;

pub(crate) use routers::{AbsentRouter, RouterList, RouterStatus, SyncState, list, sum};
pub(crate) use table::{RouterColumn, table};
pub(crate) use text::{describe_records, text};
pub(crate) use time::Timestamp;

use rtrcast_proto::{Layout, Profile, Section};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The number of the schema.
pub(crate) const SCHEMA: u32 = 1;

/// The whole cache.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct CacheStatus {
    pub(crate) schema: u32,
    /// The version of the program.
    pub(crate) version: String,
    /// Time of this status.
    pub(crate) time: Timestamp,
    /// Time when the program was started.
    pub(crate) started: Timestamp,
    pub(crate) health: HealthStatus,
    /// The data that are served; none before the first data, and while all are too old.
    pub(crate) data: Option<DataStatus>,
    pub(crate) timers: Timers,
    pub(crate) history: HistoryStatus,
    pub(crate) sources: Vec<SourceStatus>,
    pub(crate) slurm: SlurmStatus,
    /// Problems of several sources or SLURM files together.
    pub(crate) problems: Vec<String>,
    pub(crate) configuration: ConfigurationStatus,
    /// What is kept on the disk; none without `--state`.
    pub(crate) state: Option<StateStatus>,
    pub(crate) listeners: Vec<ListenerStatus>,
    pub(crate) routers: RouterCounts,
    pub(crate) limits: LimitStatus,
}

/// The configuration, by the last reload.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ConfigurationStatus {
    /// Time when the configuration in effect was applied: that of the start, or of a reload.
    pub(crate) applied: Timestamp,
    /// Time of the last reload, if it was refused: the configuration before it is in effect.
    pub(crate) refused: Option<Timestamp>,
    /// Mistakes for which it was refused.
    pub(crate) errors: Vec<String>,
    /// Options that changed and need a restart.
    pub(crate) restart_needed: Vec<String>,
}

/// The part that the hub knows.
#[derive(Debug)]
pub(crate) struct HubStatus {
    pub(crate) health: HealthStatus,
    pub(crate) data: Option<DataStatus>,
    pub(crate) timers: Timers,
    pub(crate) history: HistoryStatus,
    pub(crate) sources: Vec<SourceStatus>,
    pub(crate) slurm: SlurmStatus,
    pub(crate) problems: Vec<String>,
    pub(crate) state: Option<StateStatus>,
}

/// The state directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct StateStatus {
    pub(crate) directory: String,
    /// True if all is written, or about to be.
    pub(crate) kept: bool,
    /// Time of the first failure since then.
    pub(crate) failing_since: Option<Timestamp>,
    /// The present error.
    pub(crate) error: Option<String>,
    /// Octets of all files.
    pub(crate) octets: u64,
    pub(crate) octets_max: u64,
    /// Number of logs.
    pub(crate) logs: usize,
    /// Time of the last snapshot.
    pub(crate) snapshot: Option<Timestamp>,
}

/// The cache's use to routers, as `/readyz` says it.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct HealthStatus {
    pub(crate) state: HealthState,
    /// The reason, if it is not ready.
    pub(crate) reason: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum HealthState {
    Ready,
    /// There have been no data yet.
    NoData,
    /// All data have expired, are too old, or were withdrawn.
    NothingInEffect,
    /// The cache stops.
    Stopping,
    /// A state of a newer version of the program.
    #[default]
    #[serde(other)]
    Unknown,
}

/// The data set that is served.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct DataStatus {
    pub(crate) serial: u32,
    /// Time when the serial last advanced.
    pub(crate) changed: Timestamp,
    pub(crate) records: RecordsByType,
    /// Sessions that routers may be told, by what they are sent.
    pub(crate) sessions: Vec<SessionStatus>,
}

/// A session: its id is that of all routers that are sent the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct SessionStatus {
    pub(crate) protocol_version: u8,
    pub(crate) router_keys: bool,
    pub(crate) aspas: bool,
    pub(crate) session_id: u16,
}

/// Records by type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct RecordsByType {
    pub(crate) vrps_ipv4: usize,
    pub(crate) vrps_ipv6: usize,
    pub(crate) router_keys: usize,
    pub(crate) aspas: usize,
}

impl RecordsByType {
    /// Those of a data set.
    pub(crate) fn of(layout: &Layout) -> RecordsByType {
        RecordsByType {
            vrps_ipv4: layout.count(Section::Ipv4Prefix),
            vrps_ipv6: layout.count(Section::Ipv6Prefix),
            router_keys: layout.count(Section::RouterKey),
            aspas: layout.count(Section::Aspa),
        }
    }

    /// Those of them that are sent to routers with a profile.
    pub(crate) fn sent_in(self, profile: Profile) -> RecordsByType {
        let sent = |section, records| if profile.has(section) { records } else { 0 };
        RecordsByType {
            router_keys: sent(Section::RouterKey, self.router_keys),
            aspas: sent(Section::Aspa, self.aspas),
            ..self
        }
    }
}

/// The timers of End of Data, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Timers {
    pub(crate) refresh: u32,
    pub(crate) retry: u32,
    pub(crate) expire: u32,
}

/// The deltas that answer Serial Queries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct HistoryStatus {
    pub(crate) deltas: usize,
    pub(crate) octets: usize,
}

/// A source of data.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct SourceStatus {
    pub(crate) name: String,
    /// True if some of what is served is from it.
    pub(crate) served: bool,
    pub(crate) state: ReadState,
    /// Records of its newest accepted data, served or not.
    pub(crate) records: Option<RecordsByType>,
    /// Time when these were made, by what the source says or by the time of its file.
    pub(crate) made: Option<Timestamp>,
    pub(crate) too_old: bool,
    /// Records that are not served, since they have expired or are too old.
    pub(crate) expired_records: usize,
    /// Time of the last read without error.
    pub(crate) last_success: Option<Timestamp>,
    /// Time when it last changed what is served.
    pub(crate) last_change: Option<Timestamp>,
    /// Time of the first of the failed attempts since then.
    pub(crate) failing_since: Option<Timestamp>,
    /// Present errors.
    pub(crate) errors: Vec<String>,
    pub(crate) held: Option<HeldData>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ReadState {
    /// Not read before, and no attempt is running.
    NotRead,
    /// Being read for the first time.
    Reading,
    /// Read.
    Read,
    /// The last attempt failed: what was read before stays.
    Failed,
    /// A state of a newer version of the program.
    #[default]
    #[serde(other)]
    Unknown,
}

/// Newer data of a source that are held back, since so much is gone in them.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct HeldData {
    pub(crate) since: Timestamp,
    /// Time when they are accepted at the latest; one that has passed means: once the source is read without error.
    pub(crate) until: Timestamp,
    pub(crate) losses: Vec<HeldLoss>,
}

/// Records that are gone.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct HeldLoss {
    /// Kind of the records: `VRPs`, `VRPs of trust anchor ripe`, `ASPAs`.
    pub(crate) of: String,
    pub(crate) had: usize,
    pub(crate) lost: usize,
}

/// The SLURM files.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct SlurmStatus {
    /// True if all files are in effect as they were read last.
    pub(crate) in_effect: bool,
    /// Files, directories and URLs as configured.
    pub(crate) locations: Vec<SlurmLocation>,
}

/// A file, directory or URL of SLURM.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct SlurmLocation {
    pub(crate) name: String,
    pub(crate) state: ReadState,
    pub(crate) is_directory: bool,
    pub(crate) files: Vec<SlurmFileStatus>,
    /// Present errors.
    pub(crate) errors: Vec<String>,
}

/// A SLURM file that is in effect.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct SlurmFileStatus {
    pub(crate) name: String,
    pub(crate) filters: usize,
    pub(crate) assertions: usize,
}

/// A listener that is open, or that still has connections.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ListenerStatus {
    /// As configured, `tls://[::]:8283`; the address alone for one that is closed.
    pub(crate) name: String,
    pub(crate) address: String,
    pub(crate) open: bool,
    pub(crate) connections: usize,
    /// True if its certificates, keys and users are in effect as they are in their files; none without files.
    pub(crate) credentials_in_effect: Option<bool>,
    /// The reason for which they are not, and since when.
    pub(crate) credentials_error: Option<String>,
    pub(crate) credentials_refused_since: Option<Timestamp>,
    pub(crate) certificate_expires: Option<Timestamp>,
}

/// Routers in sum; `GET /api/v1/routers` lists them.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct RouterCounts {
    pub(crate) connections: usize,
    pub(crate) by_state: BTreeMap<SyncState, usize>,
    pub(crate) by_version: BTreeMap<u8, usize>,
    /// Routers with a name that are not connected.
    pub(crate) absent: usize,
}

/// Limits of connections, and what is used of them.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct LimitStatus {
    pub(crate) connections: u32,
    pub(crate) connections_max: u32,
    pub(crate) handshakes: u32,
    pub(crate) handshakes_max: u32,
    pub(crate) memory_octets: u64,
    pub(crate) memory_octets_max: u64,
}
