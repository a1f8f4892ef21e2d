//! Every metric, by name. StayRTR's name where the meaning is equal, so that its dashboards go on working; else
//! `rtrcast_`.

mod exposition;
mod handovers;
mod log;
mod plain_counter;
mod process;
mod routers;
mod state;

pub(crate) use exposition::MetricsFormat;
pub(crate) use plain_counter::PlainCounter;
pub(crate) use state::DirectoryMetrics;

use crate::observe::listeners::CredentialsState;
use crate::observe::routers::Routers;
pub(crate) use handovers::HandoverCounts;
use handovers::HandoverMetrics;
use process::ProcessCollector;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use routers::RouterCollector;
use rtrcast_net::ConnectionLimiter;
use rtrcast_proto::{Layout, Profile, Section, Serial, SessionId, Version};
use state::StateMetrics;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct VrpLabels {
    pub(crate) ip_version: &'static str,
    pub(crate) filtered: &'static str,
    pub(crate) path: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct TypeLabel {
    pub(crate) r#type: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct PathLabel {
    pub(crate) path: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct RequestLabels {
    pub(crate) path: String,
    pub(crate) code: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct FailureLabels {
    pub(crate) path: String,
    pub(crate) reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct OutcomeLabel {
    pub(crate) outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct LossLabels {
    pub(crate) path: String,
    pub(crate) of: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct ListenerLabel {
    pub(crate) listener: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct StateLabel {
    pub(crate) state: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct ReasonLabel {
    pub(crate) reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct CodeLabel {
    pub(crate) code: String,
}

/// All metrics of the process.
pub(crate) struct Metrics {
    registry: Registry,
    limiter: OnceLock<Arc<ConnectionLimiter>>,
    pub(crate) vrps: Family<VrpLabels, Gauge>,
    pub(crate) objects: Family<TypeLabel, Gauge>,
    pub(crate) change: Family<PathLabel, Gauge>,
    pub(crate) refresh: Family<PathLabel, Gauge>,
    pub(crate) requests: Family<RequestLabels, Counter>,
    pub(crate) failures: Family<FailureLabels, Counter>,
    pub(crate) refused_entries: Family<PathLabel, Gauge>,
    pub(crate) healthy: Family<PathLabel, Gauge>,
    pub(crate) is_served: Family<PathLabel, Gauge>,
    pub(crate) upstream_version: Family<PathLabel, Gauge>,
    pub(crate) upstream_session: Family<PathLabel, Gauge>,
    pub(crate) upstream_serial: Family<PathLabel, Gauge>,
    pub(crate) made: Family<PathLabel, Gauge>,
    pub(crate) is_too_old: Family<PathLabel, Gauge>,
    pub(crate) ended_entries: Family<PathLabel, Gauge>,
    pub(crate) held: Family<PathLabel, Gauge>,
    pub(crate) held_until: Family<PathLabel, Gauge>,
    pub(crate) held_lost: Family<LossLabels, Gauge>,
    pub(crate) slurm_entries: Family<TypeLabel, Gauge>,
    pub(crate) slurm_in_effect: Gauge,
    pub(crate) reloads: Family<OutcomeLabel, Counter>,
    pub(crate) refused: Family<ReasonLabel, Counter>,
    credentials_in_force: Family<ListenerLabel, Gauge>,
    certificate_expiry: Family<ListenerLabel, Gauge>,
    /// The listeners' files that these show.
    credentials: Mutex<Vec<Arc<CredentialsState>>>,
    pub(crate) connections: Family<StateLabel, Gauge>,
    pub(crate) connections_memory: Gauge,
    pub(crate) pdus: Family<TypeLabel, PlainCounter>,
    pub(crate) serial: Gauge<u32, std::sync::atomic::AtomicU32>,
    pub(crate) responses: Family<TypeLabel, Counter>,
    pub(crate) notifies: Counter,
    pub(crate) reports_sent: Family<CodeLabel, Counter>,
    pub(crate) reports_received: Family<CodeLabel, Counter>,
    pub(crate) unclean_ends: Counter,
    pub(crate) accept_failures: Counter,
    pub(crate) history_deltas: Gauge,
    pub(crate) history_octets: Gauge,
    pub(crate) jumps: Counter,
    pub(crate) state: StateMetrics,
    pub(crate) handovers: HandoverMetrics,
}

impl Metrics {
    pub(crate) fn new(routers: Arc<Routers>) -> Metrics {
        let mut metrics = Metrics {
            registry: Registry::default(),
            limiter: OnceLock::new(),
            vrps: Family::default(),
            objects: Family::default(),
            change: Family::default(),
            refresh: Family::default(),
            requests: Family::default(),
            failures: Family::default(),
            refused_entries: Family::default(),
            healthy: Family::default(),
            is_served: Family::default(),
            upstream_version: Family::default(),
            upstream_session: Family::default(),
            upstream_serial: Family::default(),
            made: Family::default(),
            is_too_old: Family::default(),
            ended_entries: Family::default(),
            held: Family::default(),
            held_until: Family::default(),
            held_lost: Family::default(),
            slurm_entries: Family::default(),
            slurm_in_effect: Gauge::default(),
            reloads: Family::default(),
            refused: Family::default(),
            credentials_in_force: Family::default(),
            certificate_expiry: Family::default(),
            credentials: Mutex::default(),
            connections: Family::default(),
            connections_memory: Gauge::default(),
            pdus: Family::default(),
            serial: Gauge::default(),
            responses: Family::default(),
            notifies: Counter::default(),
            reports_sent: Family::default(),
            reports_received: Family::default(),
            unclean_ends: Counter::default(),
            accept_failures: Counter::default(),
            history_deltas: Gauge::default(),
            history_octets: Gauge::default(),
            jumps: Counter::default(),
            state: StateMetrics::default(),
            handovers: HandoverMetrics::default(),
        };
        metrics.register_names_of_stayrtr();
        metrics.register_own_names();
        metrics.register_curation();
        metrics.register_admission();
        let help = "Serials that jumped: the first one after a start with state, and after the time of day was set";
        metrics.registry.register("rtrcast_serial_jumps", help, metrics.jumps.clone());
        metrics.state.register(&mut metrics.registry);
        metrics.handovers.register(&mut metrics.registry);
        metrics.registry.register_collector(Box::new(ProcessCollector::new()));
        metrics.registry.register_collector(Box::new(log::LogCollector));
        metrics.registry.register_collector(Box::new(RouterCollector(routers)));
        for outcome in ["applied", "refused"] {
            metrics.reloads.get_or_create(&OutcomeLabel { outcome }).inc_by(0);
        }
        metrics
    }

    fn register_names_of_stayrtr(&mut self) {
        let registry = &mut self.registry;
        registry.register("rpki_vrps", "VRPs that a source has", self.vrps.clone());
        registry.register("rpki_objects", "Records that are served, by type", self.objects.clone());
        registry.register(
            "rpki_change",
            "Time when a source last changed what is served, in seconds since 1970",
            self.change.clone(),
        );
        registry.register(
            "rpki_refresh",
            "Time when a source was last read without error, in seconds since 1970",
            self.refresh.clone(),
        );
        // The encoder adds `_total`.
        registry.register("refresh_requests", "Attempts to read a source, by outcome", self.requests.clone());
        registry.register("rtr_pdus", "PDUs received, by type", self.pdus.clone());
        registry.register("rtr_serial", "Serial of the data that are served", self.serial.clone());
    }

    fn register_own_names(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "rtrcast_build",
            "The program, by version",
            Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]),
        );
        registry.register(
            "rtrcast_source_failures",
            "Failed attempts to read a source, by reason",
            self.failures.clone(),
        );
        registry.register(
            "rtrcast_source_healthy",
            "1 if the last attempt to read a source succeeded",
            self.healthy.clone(),
        );
        registry.register(
            "rtrcast_source_refused_entries",
            "Entries of a source's current content that are invalid",
            self.refused_entries.clone(),
        );
        let upstream = "of another cache that is a source, at its last End of Data";
        for (name, what, gauge) in [
            ("rtrcast_upstream_version", "Protocol version", &self.upstream_version),
            ("rtrcast_upstream_session", "Session id", &self.upstream_session),
            ("rtrcast_upstream_serial", "Serial", &self.upstream_serial),
        ] {
            registry.register(name, format!("{what} {upstream}"), gauge.clone());
        }
        registry.register("rtrcast_responses", "Queries answered, by kind of answer", self.responses.clone());
        registry.register("rtrcast_notifies", "Serial Notify PDUs sent", self.notifies.clone());
        registry.register("rtrcast_error_reports_sent", "Error Reports sent, by code", self.reports_sent.clone());
        registry.register(
            "rtrcast_error_reports_received",
            "Error Reports received, by code",
            self.reports_received.clone(),
        );
        registry.register(
            "rtrcast_unclean_ends",
            "Connections that broke or were reset after something had come",
            self.unclean_ends.clone(),
        );
        registry.register(
            "rtrcast_accept_failures",
            "Failed attempts to accept a connection",
            self.accept_failures.clone(),
        );
        registry.register("rtrcast_history_deltas", "Deltas kept for Serial Queries", self.history_deltas.clone());
        registry.register("rtrcast_history_octets", "Octets that these deltas take", self.history_octets.clone());
    }

    fn register_curation(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "rtrcast_source_served",
            "1 if some of what is served is from the source",
            self.is_served.clone(),
        );
        registry.register(
            "rtrcast_source_made_timestamp_seconds",
            "Time when a source's data were made, in seconds since 1970",
            self.made.clone(),
        );
        registry.register("rtrcast_source_too_old", "1 if a source's data are too old", self.is_too_old.clone());
        registry.register(
            "rtrcast_source_expired_entries",
            "Records of a source that are not served because they have expired or are too old",
            self.ended_entries.clone(),
        );
        registry.register("rtrcast_held", "1 if a source's newer data are held back", self.held.clone());
        registry.register(
            "rtrcast_held_until_timestamp_seconds",
            "Time when data that are held back are accepted at the latest, in seconds since 1970",
            self.held_until.clone(),
        );
        registry.register(
            "rtrcast_held_lost",
            "Records that are missing in data that are held back",
            self.held_lost.clone(),
        );
        registry.register("rtrcast_slurm_entries", "SLURM entries in effect, by type", self.slurm_entries.clone());
        registry.register(
            "rtrcast_slurm_in_force",
            "1 if the SLURM files are in effect as they are now",
            self.slurm_in_effect.clone(),
        );
        registry.register("rtrcast_reloads", "Configurations read again, by outcome", self.reloads.clone());
    }

    /// Takes the numbers of connections from there whenever metrics are asked for.
    pub(crate) fn watch_limiter(&self, limiter: Arc<ConnectionLimiter>) {
        // There is one cache in a process.
        let _ = self.limiter.set(limiter);
    }

    /// Takes the state of the files of all listeners that are open from there.
    pub(crate) fn watch_credentials(&self, open: Vec<Arc<CredentialsState>>) {
        let mut shown = self.credentials.lock().unwrap_or_else(PoisonError::into_inner);
        for gone in shown.iter().filter(|gone| !open.iter().any(|open| open.listener == gone.listener)) {
            let label = ListenerLabel { listener: gone.listener.clone() };
            self.credentials_in_force.remove(&label);
            self.certificate_expiry.remove(&label);
        }
        *shown = open;
    }

    /// All of it as text. It reads files of the kernel, which is for a blocking thread.
    pub(crate) fn text(&self, format: MetricsFormat) -> Result<String, std::fmt::Error> {
        if let Some(limiter) = self.limiter.get() {
            let counts = limiter.counts();
            let silent = counts.newcomers.saturating_sub(counts.handshakes);
            let states = [
                ("handshake", counts.handshakes),
                ("silent", silent),
                ("asked", counts.connections.saturating_sub(counts.newcomers)),
            ];
            for (state, number) in states {
                self.connections.get_or_create(&StateLabel { state }).set(number.into());
            }
            self.connections_memory.set(i64::try_from(counts.memory_octets).unwrap_or(i64::MAX));
        }
        for credentials in &*self.credentials.lock().unwrap_or_else(PoisonError::into_inner) {
            let label = ListenerLabel { listener: credentials.listener.clone() };
            self.credentials_in_force.get_or_create(&label).set(credentials.is_in_effect().into());
            match credentials.expiry() {
                Some(at) => drop(self.certificate_expiry.get_or_create(&label).set(at)),
                None => drop(self.certificate_expiry.remove(&label)),
            }
        }
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(match format {
            MetricsFormat::Classic => exposition::classic(&text),
            MetricsFormat::OpenMetrics => text,
        })
    }

    fn register_admission(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "rtrcast_refused_connections",
            "Connections that were ended before RTR began, by reason",
            self.refused.clone(),
        );
        registry.register(
            "rtrcast_connections",
            "Connections by state: in their handshake, silent (nothing asked yet), or asked",
            self.connections.clone(),
        );
        registry.register(
            "rtrcast_connections_memory_bytes",
            "Memory of connections as --connections-memory reckons it",
            self.connections_memory.clone(),
        );
        registry.register(
            "rtrcast_credentials_in_force",
            "1 if a listener's certificates, keys and users are in effect as the files are now",
            self.credentials_in_force.clone(),
        );
        registry.register(
            "rtrcast_tls_certificate_expiry_seconds",
            "Time when the certificate that a listener uses expires, in seconds since 1970",
            self.certificate_expiry.clone(),
        );
    }

    /// Shows what is served.
    pub(crate) fn show_served(&self, layout: &Layout, served: Profile, serial: Serial, retained: (usize, usize)) {
        let count = |section| if served.has(section) { layout.count(section) } else { 0 };
        let vrps = layout.count(Section::Ipv4Prefix) + layout.count(Section::Ipv6Prefix);
        let objects = [
            ("vrps", vrps),
            ("effective_vrps", vrps),
            ("bgpsec_pubkeys", count(Section::RouterKey)),
            ("aspas", count(Section::Aspa)),
        ];
        for (name, count) in objects {
            self.objects.get_or_create(&TypeLabel { r#type: name }).set(gauge(count));
        }
        self.serial.set(serial.0);
        let (deltas, octets) = retained;
        self.history_deltas.set(gauge(deltas));
        self.history_octets.set(gauge(octets));
    }

    /// Shows that nothing is served for now.
    pub(crate) fn show_nothing_served(&self) {
        for name in ["vrps", "effective_vrps", "bgpsec_pubkeys", "aspas"] {
            self.objects.get_or_create(&TypeLabel { r#type: name }).set(0);
        }
    }

    /// Shows numbers of SLURM entries in effect.
    pub(crate) fn show_slurm(&self, filters: usize, assertions: usize) {
        for (name, count) in [("filters", filters), ("assertions", assertions)] {
            self.slurm_entries.get_or_create(&TypeLabel { r#type: name }).set(gauge(count));
        }
    }

    /// Shows version, session and serial of another cache that is a source.
    pub(crate) fn show_upstream(&self, name: &str, version: Version, session: SessionId, serial: Serial) {
        let path = PathLabel { path: name.to_owned() };
        self.upstream_version.get_or_create(&path).set(version.octet().into());
        self.upstream_session.get_or_create(&path).set(session.0.into());
        self.upstream_serial.get_or_create(&path).set(serial.0.into());
    }

    /// Removes the gauges of a source that is not configured any more. What was counted stays.
    pub(crate) fn forget_source(&self, name: &str) {
        let path = PathLabel { path: name.to_owned() };
        let gauges = [&self.healthy, &self.refresh, &self.change, &self.refused_entries, &self.is_served, &self.made];
        let upstream = [&self.upstream_version, &self.upstream_session, &self.upstream_serial];
        let ages = [&self.is_too_old, &self.ended_entries, &self.held, &self.held_until];
        for gauge in gauges.into_iter().chain(ages).chain(upstream) {
            gauge.remove(&path);
        }
        for ip_version in ["ipv4", "ipv6"] {
            self.vrps.remove(&VrpLabels { ip_version, filtered: "filtered", path: name.to_owned() });
        }
    }
}

fn gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    /// Names in these texts that only metrics have.
    fn names<'a>(texts: impl Iterator<Item = &'a str>) -> BTreeSet<&'a str> {
        let prefixes = ["rtrcast_", "rtr_", "rpki_", "process_", "refresh_"];
        let is_name = |text: &&str| {
            prefixes.iter().any(|prefix| text.starts_with(prefix))
                && text.chars().all(|character| character.is_ascii_lowercase() || character == '_')
        };
        texts.filter(is_name).map(|name| name.trim_end_matches("_total").trim_end_matches("_info")).collect()
    }

    #[test]
    fn the_document_has_each_metric_and_no_other() {
        let sources = [
            include_str!("mod.rs"),
            include_str!("log.rs"),
            include_str!("routers.rs"),
            include_str!("process.rs"),
            include_str!("state.rs"),
            include_str!("handovers.rs"),
        ];
        // Only a literal of code stands between two quotes and has no space.
        let code = sources.iter().flat_map(|source| source.split("#[cfg(test)]").next());
        let shown = names(code.flat_map(|code| code.split('"')));
        let rows = include_str!("../../../../../docs/METRICS.md").lines().filter(|line| line.starts_with("| `"));
        let described = names(rows.filter_map(|row| row.split('|').nth(1)).flat_map(|cell| cell.split('`')));
        assert!(shown.len() > 40, "{shown:?}");
        assert_eq!(shown.difference(&described).collect::<Vec<_>>(), Vec::<&&str>::new(), "missing in docs/METRICS.md");
        assert_eq!(described.difference(&shown).collect::<Vec<_>>(), Vec::<&&str>::new(), "not shown");
    }
}
