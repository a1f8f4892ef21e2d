//! Sources and SLURM locations by name, and their health: for the log, metrics and status. `health.rs` has one of them,
//! `slurm.rs` the SLURM files of a location, `curation.rs` the curator's events, `status.rs` their status.

mod curation;
mod health;
mod slurm;
mod status;

use crate::clock::{DayTime, unix_now};
use crate::hub::message::Reconfiguration;
use crate::observe::describe::first_lines;
use crate::observe::log::Log;
use crate::observe::log::event::data::DataEvent;
use crate::observe::log::event::slurm::SlurmEvent;
use crate::observe::log::event::sources::SourceEvent;
use crate::observe::metrics::{FailureLabels, Metrics, PathLabel, VrpLabels};
use crate::observe::status::{SlurmStatus, SourceStatus};
use crate::source::content::{Purpose, SlurmFiles, SlurmId, SlurmOutcome, SourceError};
use health::SourceHealth;
use rtrcast_feed::curator::{RESTORED, SourceId, Status};
use rtrcast_feed::{Slurm, SlurmFile, Table, Tally};
use rtrcast_proto::{Asn, Section, Serial};
use std::collections::BTreeMap;
use std::sync::Arc;

/// All sources and SLURM locations.
pub(crate) struct Sources {
    metrics: Arc<Metrics>,
    /// In the order of the configuration, sources first.
    sources: Vec<SourceHealth>,
    /// The path of the control socket.
    control: Option<String>,
    /// The names of all sources that there ever were: data may outlive their source.
    names: BTreeMap<SourceId, Arc<str>>,
    /// Problems of several of them together.
    problems: BTreeMap<ProblemKind, String>,
}

/// A kind of problem that is not about one source or SLURM file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum ProblemKind {
    /// Customers with too many providers.
    Providers,
    /// SLURM files that are not known yet, or contradict each other.
    Slurm,
}

impl Sources {
    pub(crate) fn new(metrics: Arc<Metrics>, first: &Reconfiguration) -> Sources {
        let (names, problems) = (BTreeMap::from([(RESTORED, "the state".into())]), BTreeMap::new());
        let mut sources = Sources { metrics, sources: Vec::new(), control: None, names, problems };
        sources.reconfigure(first);
        sources
    }

    /// Takes over another configuration.
    pub(crate) fn reconfigure(&mut self, new: &Reconfiguration) {
        self.control.clone_from(&new.control);
        let mut before = std::mem::take(&mut self.sources);
        let mut keep = |purpose: Purpose, name: &Arc<str>, slurm: Option<SlurmFiles>| match before
            .iter()
            .position(|health| health.purpose == purpose)
        {
            Some(at) => {
                let health = before.swap_remove(at);
                let new = slurm.filter(|new| health.slurm.as_ref() != Some(new));
                new.iter().for_each(|new| slurm::log_changes(name, health.slurm.as_ref(), new));
                SourceHealth { slurm: new.or(health.slurm.clone()), ..health }
            }
            None => {
                slurm.iter().for_each(|files| slurm::log_new(name, files));
                SourceHealth::new(purpose, name, slurm)
            }
        };
        self.names.extend(new.sources.iter().map(|(source, name)| (*source, Arc::clone(name))));
        for (source, name) in &new.sources {
            self.sources.push(keep(Purpose::Data(*source), name, None));
        }
        for (id, name, file) in &new.slurm {
            self.sources.push(keep(Purpose::Slurm(*id), name, file.clone()));
        }
        for gone in before {
            self.metrics.forget_source(&gone.name);
        }
    }

    fn find(&mut self, purpose: Purpose) -> Option<&mut SourceHealth> {
        self.sources.iter_mut().find(|health| health.purpose == purpose)
    }

    fn find_ref(&self, purpose: Purpose) -> Option<&SourceHealth> {
        self.sources.iter().find(|health| health.purpose == purpose)
    }

    pub(crate) fn name(&self, source: SourceId) -> Arc<str> {
        self.names.get(&source).map_or_else(|| "a source".into(), Arc::clone)
    }

    /// The name of the first source that is served.
    pub(crate) fn first_served(&self, statuses: &[Status]) -> Arc<str> {
        let served = statuses.iter().find(|status| status.is_served);
        served.map_or_else(|| "all sources".into(), |status| self.name(status.source))
    }

    pub(crate) fn named(&self, name: &str) -> Option<SourceId> {
        self.sources.iter().find_map(|health| match health.purpose {
            Purpose::Data(source) if &*health.name == name => Some(source),
            Purpose::Data(_) | Purpose::Slurm(_) => None,
        })
    }

    pub(crate) fn source_names(&self) -> Vec<&str> {
        let is_source = |health: &&SourceHealth| matches!(health.purpose, Purpose::Data(_));
        self.sources.iter().filter(is_source).map(|health| &*health.name).collect()
    }

    pub(crate) fn set_loading(&mut self, purpose: Purpose) {
        if let Some(health) = self.find(purpose) {
            health.is_loading = true;
        }
    }

    /// Has the next outcome of each logged, even if it is no news.
    pub(crate) fn log_next_outcome(&mut self) {
        self.sources.iter_mut().for_each(|health| health.log_next = true);
    }

    fn count_success(metrics: &Metrics, health: &mut SourceHealth) {
        health.is_loading = false;
        health.last_success = Some(unix_now());
        health.failing_since = None;
        metrics.healthy.get_or_create(&health.path()).set(1);
        metrics.refresh.get_or_create(&health.path()).set(unix_now().into());
    }

    fn count_failures<'a>(
        metrics: &Metrics,
        health: &mut SourceHealth,
        failures: impl IntoIterator<Item = &'a SourceError>,
    ) {
        health.is_loading = false;
        health.failing_since.get_or_insert(unix_now());
        for failure in failures {
            let labels = FailureLabels { path: health.name.to_string(), reason: failure.label() };
            metrics.failures.get_or_create(&labels).inc();
        }
        metrics.healthy.get_or_create(&health.path()).set(0);
    }

    pub(crate) fn unchanged(&mut self, purpose: Purpose) {
        let metrics = Arc::clone(&self.metrics);
        let Some(health) = self.find(purpose) else { return };
        Sources::count_success(&metrics, health);
        if health.is_not_in_effect {
            SourceEvent::UnchangedNotInEffect { source: &health.name }.log();
            return;
        }
        health.log_unchanged();
    }

    pub(crate) fn failed(&mut self, purpose: Purpose, failure: &SourceError, serial: Option<Serial>) {
        let metrics = Arc::clone(&self.metrics);
        let Some(health) = self.find(purpose) else { return };
        Sources::count_failures(&metrics, health, [failure]);
        let effect = match (purpose, serial, &health.slurm) {
            (Purpose::Slurm(_), _, Some(_)) => "its last good content stays in effect".to_owned(),
            (Purpose::Slurm(_), Some(_), None) => "SLURM stays as it was until it is read".to_owned(),
            (Purpose::Slurm(_), None, None) => {
                format!("nothing is served without it; {UNTIL_THEN}")
            }
            (Purpose::Data(_), Some(serial), _) => format!("serial {serial} stays served"),
            (Purpose::Data(_), None, _) => {
                format!("waiting for it; {UNTIL_THEN}")
            }
        };
        let (name, lines) = (Arc::clone(&health.name), first_lines(failure.lines()));
        let errors = lines.join("\n");
        match purpose {
            Purpose::Data(_) => {
                let (source, reason) = (&*name, errors.clone());
                let event = SourceEvent::Failed { source, reason: &reason, effect: &effect, serial };
                health.log_failure(errors, &[vec![event]]);
            }
            Purpose::Slurm(_) => health.log_failure(errors, &[slurm::failure_events(&name, &lines, &effect)]),
        }
        self.show_slurm_in_effect();
    }

    /// A source takes what it had with it.
    pub(crate) fn withdrawn(&mut self, purpose: Purpose, why: &str) {
        let metrics = Arc::clone(&self.metrics);
        let Some(health) = self.find(purpose) else { return };
        health.is_loading = false;
        health.failing_since.get_or_insert(unix_now());
        metrics.failures.get_or_create(&FailureLabels { path: health.name.to_string(), reason: "withdrawn" }).inc();
        metrics.healthy.get_or_create(&health.path()).set(0);
        let name = Arc::clone(&health.name);
        health.log_failure(why.to_owned(), &[vec![SourceEvent::Withdrawn { source: &name, reason: why }]]);
    }

    /// A source has a table; its name, unless it is not configured any more.
    pub(crate) fn loaded(&mut self, source: SourceId, table: &Table, tally: &Tally) -> Option<Arc<str>> {
        let metrics = Arc::clone(&self.metrics);
        let health = self.find(Purpose::Data(source))?;
        Sources::count_success(&metrics, health);
        let refused = i64::try_from(tally.refused).unwrap_or(i64::MAX);
        metrics.refused_entries.get_or_create(&health.path()).set(refused);
        if tally.refused > 0 {
            SourceEvent::EntriesRefused { source: &health.name, tally }.log();
        }
        if tally.masked > 0 {
            SourceEvent::VrpsMasked { source: &health.name, vrps: tally.masked }.log();
        }
        let layout = table.image().layout();
        for (ip_version, section) in [("ipv4", Section::Ipv4Prefix), ("ipv6", Section::Ipv6Prefix)] {
            let labels = VrpLabels { ip_version, filtered: "filtered", path: health.name.to_string() };
            metrics.vrps.get_or_create(&labels).set(i64::try_from(layout.count(section)).unwrap_or(i64::MAX));
        }
        Some(Arc::clone(&health.name))
    }

    /// A source's table is in effect. Returns true if that is news.
    pub(crate) fn in_effect(&mut self, source: SourceId) -> bool {
        self.find(Purpose::Data(source)).is_some_and(|health| {
            health.is_not_in_effect = false;
            health.recover()
        })
    }

    /// A source changed what is served.
    pub(crate) fn changed(&mut self, source: SourceId) {
        if let Some(health) = self.find(Purpose::Data(source)) {
            health.last_change = Some(unix_now());
        }
        let path = PathLabel { path: self.name(source).to_string() };
        self.metrics.change.get_or_create(&path).set(unix_now().into());
    }

    /// A SLURM file was read without error. Returns true if it is not the same as before.
    pub(crate) fn slurm_loaded(&mut self, id: SlurmId, file: Arc<SlurmFile>) -> bool {
        let metrics = Arc::clone(&self.metrics);
        let Some(health) = self.find(Purpose::Slurm(id)) else { return false };
        Sources::count_success(&metrics, health);
        let files = vec![(Arc::clone(&health.name), file)];
        if health.slurm.as_ref() == Some(&files) {
            health.log_unchanged();
            self.show_slurm_in_effect();
            return false;
        }
        health.recover();
        slurm::log_changes(&health.name, health.slurm.as_ref(), &files);
        health.slurm = Some(files);
        true
    }

    /// A directory of SLURM files was read. Returns true if what is in effect of it is not the same as before.
    pub(crate) fn slurm_directory_loaded(&mut self, id: SlurmId, outcomes: Vec<SlurmOutcome>) -> bool {
        let metrics = Arc::clone(&self.metrics);
        let Some(health) = self.find(Purpose::Slurm(id)) else { return false };
        let slurm::MergedFiles { files, failures } = slurm::merge(health.slurm.as_ref(), outcomes);
        let is_other = health.slurm.as_ref() != Some(&files);
        if is_other {
            slurm::log_changes(&health.name, health.slurm.as_ref(), &files);
            health.slurm = Some(files);
        }
        if failures.is_empty() {
            Sources::count_success(&metrics, health);
            if is_other { _ = health.recover() } else { health.log_unchanged() }
        } else {
            Sources::count_failures(&metrics, health, failures.iter().map(|failure| &failure.error));
            let lines: Vec<Vec<String>> = failures.iter().map(slurm::FileFailure::lines).collect();
            let groups = failures.iter().zip(&lines);
            let errors = groups
                .clone()
                .flat_map(|(failure, lines)| lines.iter().map(|line| format!("{}: {line}", failure.name)));
            let errors: Vec<String> = errors.collect();
            let events: Vec<Vec<SlurmEvent<'_>>> = groups.map(|(failure, lines)| failure.events(lines)).collect();
            health.log_failure(errors.join("\n"), &events);
        }
        self.show_slurm_in_effect();
        is_other
    }

    /// All SLURM files, if each has been read without error.
    pub(crate) fn slurm_files(&self) -> Option<SlurmFiles> {
        let locations = self.sources.iter().filter(|health| matches!(health.purpose, Purpose::Slurm(_)));
        let files: Option<Vec<&SlurmFiles>> = locations.map(|health| health.slurm.as_ref()).collect();
        Some(files?.into_iter().flatten().cloned().collect())
    }

    pub(crate) fn slurm_applied(&mut self, slurm: &Slurm) {
        self.problems.remove(&ProblemKind::Slurm);
        self.show_slurm_in_effect();
        let (mut filters, mut assertions) = (0, 0);
        for (_, file) in slurm.files() {
            filters += file.filters().len();
            assertions += file.assertions().len();
        }
        self.metrics.show_slurm(filters, assertions);
    }

    /// Shows in metrics if the SLURM files are in effect as they are now.
    fn show_slurm_in_effect(&self) {
        self.metrics.slurm_in_effect.set(self.is_slurm_in_effect().into());
    }

    fn is_slurm_in_effect(&self) -> bool {
        let is_well = |health: &SourceHealth| {
            matches!(health.purpose, Purpose::Data(_)) || (health.slurm.is_some() && health.errors.is_empty())
        };
        self.sources.iter().all(is_well) && !self.problems.contains_key(&ProblemKind::Slurm)
    }

    /// Not all of them are known yet.
    pub(crate) fn slurm_waits(&mut self, serial: Option<Serial>) {
        self.metrics.slurm_in_effect.set(0);
        let unread = |health: &&SourceHealth| matches!(health.purpose, Purpose::Slurm(_)) && health.slurm.is_none();
        let names: Vec<&str> = self.sources.iter().filter(unread).map(|health| &*health.name).collect();
        if serial.is_some() {
            let event = SlurmEvent::Incomplete { missing: &names };
            Sources::log_problem(&mut self.problems, ProblemKind::Slurm, &event);
        }
    }

    pub(crate) fn slurm_refused(&mut self, why: &str, serial: Option<Serial>) {
        self.metrics.slurm_in_effect.set(0);
        let effect = match serial {
            Some(_) => "the last good ones stay in effect",
            None => "nothing is served before they do",
        };
        let event = SlurmEvent::Conflict { reason: why, effect };
        Sources::log_problem(&mut self.problems, ProblemKind::Slurm, &event);
    }

    /// Logs customers that are left out because all sources together give them too many providers.
    pub(crate) fn log_left_out(&mut self, customers: &[Asn]) {
        if customers.is_empty() {
            self.problems.remove(&ProblemKind::Providers);
            return;
        }
        let event = DataEvent::AspasLeftOut { customers };
        Sources::log_problem(&mut self.problems, ProblemKind::Providers, &event);
    }

    /// Logs a problem that is not about one source or SLURM file, unless it is there already.
    fn log_problem(problems: &mut BTreeMap<ProblemKind, String>, kind: ProblemKind, event: &impl Log) {
        let text = event.to_string();
        if problems.get(&kind) != Some(&text) {
            event.log();
            problems.insert(kind, text);
        }
    }

    /// The status of all sources.
    pub(crate) fn source_statuses(&self, statuses: &[Status], clock: &DayTime) -> Vec<SourceStatus> {
        statuses
            .iter()
            .filter_map(|status| Some(self.find_ref(Purpose::Data(status.source))?.status(status, clock)))
            .collect()
    }

    /// The status of all SLURM locations.
    pub(crate) fn slurm_status(&self) -> SlurmStatus {
        let locations = self.sources.iter().filter(|health| matches!(health.purpose, Purpose::Slurm(_)));
        SlurmStatus {
            in_effect: self.is_slurm_in_effect(),
            locations: locations.map(SourceHealth::slurm_status).collect(),
        }
    }

    /// Problems of several of them together.
    pub(crate) fn problems(&self) -> Vec<String> {
        self.problems.values().cloned().collect()
    }
}

/// The answer that routers get while there are no data.
const UNTIL_THEN: &str = "a query is held for 25 s (8 s in version 2, or as --peer says), and then answered that there are no data yet (code 2)";
