//! The places that data and SLURM come from, by name: how each one stands, and what is said of it in the log, in metrics
//! and to the operator. The same complaint twice in a row is said once.

mod place;
mod slurm;
mod status;

use crate::clock::unix_now;
use crate::hub::message::Reconfiguration;
use crate::observe::describe::{
    Told, age, describe_losses, describe_masked, describe_over, describe_refused, describe_remedy, describe_too_old,
    first_lines, name_customers, quoted, span,
};
use crate::observe::metrics::{FailureLabels, LossLabels, Metrics, PathLabel, VrpLabels};
use crate::observe::status::{SlurmStatus, SourceStatus};
use crate::source::content::{Purpose, SlurmFiles, SlurmId, SlurmOutcome, SourceError};
use place::Place;
use rtrcast_feed::curator::{CuratorEvent as Event, Release, SourceId, Status};
use rtrcast_feed::write::utc;
use rtrcast_feed::{Slurm, SlurmFile, Table, Tally};
use rtrcast_proto::{Asn, Moment, Section, Serial};
pub(crate) use status::records;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tracing::{debug, error, info, warn};

/// All places.
pub(crate) struct Places {
    metrics: Arc<Metrics>,
    /// In the order of the configuration, sources first.
    places: Vec<Place>,
    /// The path of the control socket.
    control: Option<String>,
    /// The names of all sources that there ever were: what they said may outlive them.
    names: BTreeMap<SourceId, Arc<str>>,
    /// Complaints that are not about one place, by their kind.
    complaints: BTreeMap<&'static str, String>,
}

impl Places {
    pub(crate) fn new(metrics: Arc<Metrics>, first: &Reconfiguration) -> Places {
        let (names, complaints) = (BTreeMap::new(), BTreeMap::new());
        let mut places = Places { metrics, places: Vec::new(), control: None, names, complaints };
        places.reconfigure(first);
        places
    }

    /// Takes over another configuration.
    pub(crate) fn reconfigure(&mut self, new: &Reconfiguration) {
        self.control.clone_from(&new.control);
        let mut before = std::mem::take(&mut self.places);
        let mut keep = |purpose: Purpose, name: &Arc<str>, slurm: Option<SlurmFiles>| match before
            .iter()
            .position(|place| place.purpose == purpose)
        {
            Some(at) => {
                let place = before.swap_remove(at);
                let new = slurm.filter(|new| place.slurm.as_ref() != Some(new));
                new.iter().for_each(|new| slurm::tell_changes(name, place.slurm.as_ref(), new));
                Place { slurm: new.or(place.slurm.clone()), ..place }
            }
            None => {
                slurm.iter().for_each(|files| slurm::tell_new(name, files));
                Place::new(purpose, name, slurm)
            }
        };
        self.names.extend(new.sources.iter().map(|(source, name)| (*source, Arc::clone(name))));
        for (source, name) in &new.sources {
            self.places.push(keep(Purpose::Data(*source), name, None));
        }
        for (id, name, file) in &new.slurm {
            self.places.push(keep(Purpose::Slurm(*id), name, file.clone()));
        }
        for gone in before {
            self.metrics.forget_place(&gone.name);
        }
    }

    /// The command that releases what is held of a source, or of all.
    fn release_command(&self, source: Option<&str>) -> String {
        let source = source.map_or(String::new(), |source| format!(" {}", quoted(source)));
        match &self.control {
            Some(path) => format!("`rtrcast ctl release --control {}{source}`", quoted(path)),
            None => "`rtrcast ctl release`, for which it has to be started with --control".to_owned(),
        }
    }

    fn find(&mut self, purpose: Purpose) -> Option<&mut Place> {
        self.places.iter_mut().find(|place| place.purpose == purpose)
    }

    fn find_ref(&self, purpose: Purpose) -> Option<&Place> {
        self.places.iter().find(|place| place.purpose == purpose)
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
        self.places.iter().find_map(|place| match place.purpose {
            Purpose::Data(source) if &*place.name == name => Some(source),
            Purpose::Data(_) | Purpose::Slurm(_) => None,
        })
    }

    pub(crate) fn source_names(&self) -> Vec<&str> {
        let is_source = |place: &&Place| matches!(place.purpose, Purpose::Data(_));
        self.places.iter().filter(is_source).map(|place| &*place.name).collect()
    }

    pub(crate) fn set_loading(&mut self, purpose: Purpose) {
        if let Some(place) = self.find(purpose) {
            place.is_loading = true;
        }
    }

    pub(crate) fn answer_aloud(&mut self) {
        self.places.iter_mut().for_each(|place| place.aloud = true);
    }

    fn count_success(metrics: &Metrics, place: &mut Place) {
        place.is_loading = false;
        place.last_success = Some(unix_now());
        place.failing_since = None;
        metrics.healthy.get_or_create(&place.path()).set(1);
        metrics.refresh.get_or_create(&place.path()).set(unix_now().into());
    }

    fn count_failures<'a>(metrics: &Metrics, place: &mut Place, failures: impl IntoIterator<Item = &'a SourceError>) {
        place.is_loading = false;
        place.failing_since.get_or_insert(unix_now());
        for failure in failures {
            let labels = FailureLabels { path: place.name.to_string(), reason: failure.label() };
            metrics.failures.get_or_create(&labels).inc();
        }
        metrics.healthy.get_or_create(&place.path()).set(0);
    }

    pub(crate) fn unchanged(&mut self, purpose: Purpose) {
        let metrics = Arc::clone(&self.metrics);
        let Some(place) = self.find(purpose) else { return };
        Places::count_success(&metrics, place);
        if place.is_stale {
            debug!("{}: unchanged, and nothing of it counts", place.name);
            return;
        }
        place.say_same();
    }

    pub(crate) fn failed(&mut self, purpose: Purpose, failure: &SourceError, serial: Option<Serial>) {
        let metrics = Arc::clone(&self.metrics);
        let Some(place) = self.find(purpose) else { return };
        Places::count_failures(&metrics, place, [failure]);
        let then = match (purpose, serial, &place.slurm) {
            (Purpose::Slurm(_), _, Some(_)) => "its last good content stays in force".to_owned(),
            (Purpose::Slurm(_), Some(_), None) => "SLURM stays as it was until it is read".to_owned(),
            (Purpose::Slurm(_), None, None) => {
                format!("nothing is served without it; {UNTIL_THEN}")
            }
            (Purpose::Data(_), Some(serial), _) => format!("serial {serial} stays served"),
            (Purpose::Data(_), None, _) => {
                format!("waiting for it; {UNTIL_THEN}")
            }
        };
        let lines = slurm::complaint(&place.name, failure, &then);
        place.complain_in_lines(first_lines(failure.lines()).join("\n"), vec![lines]);
        self.show_slurm_in_force();
    }

    /// A source takes what it had with it.
    pub(crate) fn withdrawn(&mut self, purpose: Purpose, why: &str) {
        let metrics = Arc::clone(&self.metrics);
        let Some(place) = self.find(purpose) else { return };
        place.is_loading = false;
        place.failing_since.get_or_insert(unix_now());
        metrics.failures.get_or_create(&FailureLabels { path: place.name.to_string(), reason: "withdrawn" }).inc();
        metrics.healthy.get_or_create(&place.path()).set(0);
        place.complain(why.to_owned(), format!("{}: {why}", place.name));
    }

    /// A source has a table; its name, unless it is not configured any more.
    pub(crate) fn loaded(&mut self, source: SourceId, table: &Table, tally: &Tally) -> Option<Arc<str>> {
        let metrics = Arc::clone(&self.metrics);
        let place = self.find(Purpose::Data(source))?;
        Places::count_success(&metrics, place);
        let refused = i64::try_from(tally.refused).unwrap_or(i64::MAX);
        metrics.refused_entries.get_or_create(&place.path()).set(refused);
        for line in describe_refused(tally).into_iter().chain(describe_masked(tally)) {
            warn!("{}: {line}", place.name);
        }
        let layout = table.image().layout();
        for (ip_version, section) in [("ipv4", Section::Ipv4Prefix), ("ipv6", Section::Ipv6Prefix)] {
            let labels = VrpLabels { ip_version, filtered: "filtered", path: place.name.to_string() };
            metrics.vrps.get_or_create(&labels).set(i64::try_from(layout.count(section)).unwrap_or(i64::MAX));
        }
        Some(Arc::clone(&place.name))
    }

    /// A source's table counts; whether that is news.
    pub(crate) fn counts(&mut self, source: SourceId) -> bool {
        self.find(Purpose::Data(source)).is_some_and(|place| {
            place.is_stale = false;
            place.is_well()
        })
    }

    /// What is served changed by a source.
    pub(crate) fn changed(&mut self, source: SourceId) {
        if let Some(place) = self.find(Purpose::Data(source)) {
            place.last_change = Some(unix_now());
        }
        let path = PathLabel { path: self.name(source).to_string() };
        self.metrics.change.get_or_create(&path).set(unix_now().into());
    }

    /// A SLURM file was read well; true if it says something else than before.
    pub(crate) fn slurm_loaded(&mut self, id: SlurmId, file: Arc<SlurmFile>) -> bool {
        let metrics = Arc::clone(&self.metrics);
        let Some(place) = self.find(Purpose::Slurm(id)) else { return false };
        Places::count_success(&metrics, place);
        let files = vec![(Arc::clone(&place.name), file)];
        if place.slurm.as_ref() == Some(&files) {
            place.say_same();
            self.show_slurm_in_force();
            return false;
        }
        place.is_well();
        slurm::tell_changes(&place.name, place.slurm.as_ref(), &files);
        place.slurm = Some(files);
        true
    }

    /// A directory of SLURM files was read; true if what is in effect of it is something else than before.
    pub(crate) fn slurm_directory_loaded(&mut self, id: SlurmId, outcomes: Vec<SlurmOutcome>) -> bool {
        let metrics = Arc::clone(&self.metrics);
        let Some(place) = self.find(Purpose::Slurm(id)) else { return false };
        let slurm::Merged { files, failures, complaint, trouble } = slurm::merge(place.slurm.as_ref(), outcomes);
        let is_other = place.slurm.as_ref() != Some(&files);
        if is_other {
            slurm::tell_changes(&place.name, place.slurm.as_ref(), &files);
            place.slurm = Some(files);
        }
        if failures.is_empty() {
            Places::count_success(&metrics, place);
            if is_other { _ = place.is_well() } else { place.say_same() }
        } else {
            Places::count_failures(&metrics, place, &failures);
            place.complain_in_lines(trouble.join("\n"), complaint);
        }
        self.show_slurm_in_force();
        is_other
    }

    /// All SLURM files, if each has been read well.
    pub(crate) fn slurm_files(&self) -> Option<SlurmFiles> {
        let places = self.places.iter().filter(|place| matches!(place.purpose, Purpose::Slurm(_)));
        let files: Option<Vec<&SlurmFiles>> = places.map(|place| place.slurm.as_ref()).collect();
        Some(files?.into_iter().flatten().cloned().collect())
    }

    pub(crate) fn slurm_applied(&mut self, slurm: &Slurm) {
        self.complaints.remove("slurm");
        self.show_slurm_in_force();
        let (mut filters, mut assertions) = (0, 0);
        for (_, file) in slurm.files() {
            filters += file.filters().len();
            assertions += file.assertions().len();
        }
        self.metrics.show_slurm(filters, assertions);
    }

    /// Shows whether what is in force is what the files say now.
    fn show_slurm_in_force(&self) {
        self.metrics.slurm_in_force.set(self.is_slurm_in_force().into());
    }

    fn is_slurm_in_force(&self) -> bool {
        let is_well = |place: &Place| {
            matches!(place.purpose, Purpose::Data(_)) || (place.slurm.is_some() && place.trouble.is_empty())
        };
        self.places.iter().all(is_well) && !self.complaints.contains_key("slurm")
    }

    /// Not all of them are known yet.
    pub(crate) fn slurm_waits(&mut self, serial: Option<Serial>) {
        self.metrics.slurm_in_force.set(0);
        let unread = |place: &&Place| matches!(place.purpose, Purpose::Slurm(_)) && place.slurm.is_none();
        let names: Vec<&str> = self.places.iter().filter(unread).map(|place| &*place.name).collect();
        if serial.is_some() {
            let line = format!("SLURM stays as it was until all of it is read; missing: {}", names.join(", "));
            self.warn_once("slurm", line);
        }
    }

    pub(crate) fn slurm_refused(&mut self, why: &str, serial: Option<Serial>) {
        self.metrics.slurm_in_force.set(0);
        let then = match serial {
            Some(_) => "the last good ones stay in force",
            None => "nothing is served before they do",
        };
        self.warn_once("slurm", format!("the SLURM files do not go together, {then}: {why}"));
    }

    /// Customers that are left out because all sources together give them too many providers.
    pub(crate) fn tell_left_out(&mut self, customers: &[Asn]) {
        if customers.is_empty() {
            self.complaints.remove("providers");
            return;
        }
        let line = format!("{}: left out, all sources together give too many providers", name_customers(customers));
        self.warn_once("providers", line);
    }

    /// A complaint that is not about one place.
    fn warn_once(&mut self, kind: &'static str, line: String) {
        if self.complaints.get(kind) != Some(&line) {
            warn!("{line}");
            self.complaints.insert(kind, line);
        }
    }

    /// Says what the curator has to say; in these words.
    pub(crate) fn tell(&mut self, event: &Event, serial: Option<Serial>) -> String {
        let stays = serial.map_or(String::new(), |serial| format!("; serial {serial} stays served"));
        let words = match event {
            Event::Held { source, losses, wait } => {
                let (name, losses) = (self.name(*source), describe_losses(losses));
                format!(
                    "{name}: held back for {}: {losses} are gone{stays}. If that is right, release it: {}",
                    span(*wait),
                    self.release_command(Some(&name))
                )
            }
            Event::Released { source, why } => {
                let name = self.name(*source);
                match why {
                    Release::Confirmed => format!("{name}: released, as asked"),
                    Release::HoldElapsed => format!("{name}: released; the same was gone for long enough"),
                    Release::GuardIsOff => format!("{name}: released; the guard is off"),
                    Release::LossRecovered => format!("{name}: what was gone is back; nothing is held back any more"),
                    Release::PreviousNotInEffect => {
                        format!("{name}: released; nothing of the set before it counts any more")
                    }
                }
            }
            Event::TooOld { source, made, then, records, valid_until } => {
                let (name, then) = (self.name(*source), describe_too_old(*then, *records));
                let why = match valid_until {
                    Some(until) => format!("its metadata.valid was {}", utc(*until)),
                    None => format!("made {}", age(*made, unix_now())),
                };
                format!("{name}: too old, {why}; {then}")
            }
            Event::NothingInEffect { source, why: over } => {
                let name = self.name(*source);
                let why = describe_over(over, Told::At(unix_now()));
                let stays =
                    serial.map_or(format!("; {UNTIL_THEN}"), |serial| format!("; serial {serial} stays served"));
                let line =
                    format!("{name}: nothing of it is in effect: {why}{stays}. What helps: {}", describe_remedy(over));
                if let Some(place) = self.find(Purpose::Data(*source)) {
                    place.is_stale = true;
                    place.complain(format!("nothing of its newest file is in effect: {why}"), line.clone());
                }
                return line;
            }
            Event::Reduced { source, losses } => {
                format!("{}: accepted, though {} are gone", self.name(*source), describe_losses(losses))
            }
            Event::ClockBehind { source, made, clock } => {
                let behind = span(Duration::from_secs(made.saturating_sub(*clock).into()));
                format!(
                    "{}: made {}, which is {behind} later than this machine's clock says ({}); nothing is withdrawn for its age \
                     until both agree. Set the clock, by NTP for instance, or that of the validator",
                    self.name(*source),
                    utc(*made),
                    utc(*clock)
                )
            }
            Event::ClockAgrees(source) => format!("{}: the clock and its time agree again", self.name(*source)),
            Event::NoLongerTooOld(source) => format!("{}: not too old any more", self.name(*source)),
            Event::Switched { from, to } => format!("serving {} instead of {}", self.name(*to), self.name(*from)),
            Event::ClockStepped { seconds, waits } => format!(
                "the clock went ahead by {seconds} s at once; nothing expires by it for {}, or until {}",
                span(*waits),
                self.release_command(None)
            ),
            Event::ClockAccepted { seconds } => format!("the clock stayed ahead by {seconds} s, and is believed now"),
            Event::ClockStepReverted => "the clock is back where it was expected".to_owned(),
        };
        match event {
            Event::Held { .. } | Event::ClockStepped { .. } => error!("{words}"),
            Event::TooOld { .. }
            | Event::Reduced { .. }
            | Event::ClockBehind { .. }
            | Event::Switched { .. }
            | Event::NothingInEffect { .. }
            | Event::Released { why: Release::HoldElapsed | Release::PreviousNotInEffect, .. } => warn!("{words}"),
            Event::Released { .. }
            | Event::NoLongerTooOld(_)
            | Event::ClockAccepted { .. }
            | Event::ClockAgrees(_)
            | Event::ClockStepReverted => info!("{words}"),
        }
        words
    }

    /// Shows in metrics how sources stand.
    pub(crate) fn show(&self, statuses: &[Status], now: Moment) {
        let metrics = &self.metrics;
        metrics.held_lost.clear();
        for status in statuses {
            let name = self.name(status.source).to_string();
            let path = PathLabel { path: name.clone() };
            metrics.is_served.get_or_create(&path).set(status.is_served.into());
            metrics.is_too_old.get_or_create(&path).set(status.is_too_old.into());
            if let Some(made) = status.made {
                metrics.made.get_or_create(&path).set(made.into());
            }
            metrics.ended_entries.get_or_create(&path).set(i64::try_from(status.ended).unwrap_or(i64::MAX));
            metrics.held.get_or_create(&path).set(status.held.is_some().into());
            let Some(held) = &status.held else { continue };
            let left = Duration::from_millis(held.until.0.saturating_sub(now.0)).as_secs();
            metrics.held_until.get_or_create(&path).set(i64::from(unix_now()) + i64::try_from(left).unwrap_or(0));
            for loss in &held.losses {
                let labels = LossLabels { path: name.clone(), of: loss.of.to_string() };
                metrics.held_lost.get_or_create(&labels).set(i64::try_from(loss.lost).unwrap_or(i64::MAX));
            }
        }
        for status in statuses.iter().filter(|status| status.held.is_none()) {
            metrics.held_until.remove(&PathLabel { path: self.name(status.source).to_string() });
        }
    }

    /// The state of all sources.
    pub(crate) fn source_statuses(&self, statuses: &[Status], now: Moment) -> Vec<SourceStatus> {
        statuses
            .iter()
            .filter_map(|status| Some(self.find_ref(Purpose::Data(status.source))?.status(status, now)))
            .collect()
    }

    /// The state of all SLURM files.
    pub(crate) fn slurm_status(&self) -> SlurmStatus {
        let places = self.places.iter().filter(|place| matches!(place.purpose, Purpose::Slurm(_)));
        SlurmStatus { in_effect: self.is_slurm_in_force(), locations: places.map(Place::slurm_status).collect() }
    }

    /// What is wrong with several of them together.
    pub(crate) fn problems(&self) -> Vec<String> {
        self.complaints.values().cloned().collect()
    }
}

/// What routers get while there are no data.
const UNTIL_THEN: &str =
    "a router that asks is held for 25 s (8 s in version 2), and then told that there are no data yet (code 2)";
