//! The cache without its sockets: the curator, the publisher, and the model of what they have to serve.

use super::clock::NaiveClock;
use super::disk::SimDisk;
use super::state::{self, CacheState, HISTORY};
use crate::action::SOURCES;
use crate::choices::Random;
use crate::model::{ModelRecord, ModelSet, ServedSets, SlurmModel, SourceTable, decoded, seen_in, universe};
use crate::storage::ImageCounter;
use rtrcast_feed::curator::{
    Choice, Curation, Curator, CuratorEvent, CuratorOutput, CurrentTime, Expired, Freshness, Guard, Release, Report,
    SourceId, TooOld,
};
use rtrcast_feed::{Overlaps, Reader, Slurm, SlurmDialect, SlurmFile};
use rtrcast_proto::{
    History, ImageKeeper, InUse, Moment, Octets, Profile, Publication, Serial, Timing, Version, View, ViewPublisher,
    Want,
};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// When a run begins, in seconds since 1970.
pub(crate) const START: u32 = 1_800_000_000;

/// The same by the clock of timers: earlier moments are those of files that were written before.
pub(crate) const BEGIN: Moment = Moment(1_000_000_000_000);

/// Seconds by which a record is withdrawn before it expires.
pub(super) const LEAD: u32 = 2;

/// Time for which a sudden loss is held.
pub(super) const HOLD: Duration = Duration::from_secs(600);

/// Time for which a source that was never read is waited for when the configuration changes.
const CHANGE_WAIT: Duration = Duration::from_secs(300);

/// VRPs from which the loss of nine tenths is held.
const NEARLY_ALL_MIN: usize = 50;

/// Seconds that an expiry may be late: its minute, and the grain of the clocks.
pub(super) const EXPIRY_LATE_MAX: u32 = 63;

/// A table that was read.
#[derive(Clone, Debug)]
pub(super) struct LoadedTable {
    pub(super) table: SourceTable,
    /// When it was made by its file, in seconds since 1970.
    pub(super) stated: u32,
    pub(super) received: Moment,
}

/// A source, and what is known of it.
#[derive(Debug, Default)]
pub(super) struct SimSource {
    /// What its validator has now, and when that was made.
    newest: Option<(SourceTable, u32)>,
    /// True once this run of the program has read it.
    pub(super) is_read: bool,
    /// What is to be served of it.
    pub(super) effective: Option<LoadedTable>,
    /// The table that is held instead, and since when anything has been.
    pub(super) held: Option<LoadedTable>,
    pub(super) held_since: Option<Moment>,
    pub(super) is_failing: bool,
}

/// The cache.
pub(crate) struct CacheEngine {
    pub(crate) publisher: ViewPublisher,
    pub(super) curator: Curator,
    pub(super) curation: Curation,
    /// What it wants, and has not been done yet.
    outputs: VecDeque<CuratorOutput>,
    pub(crate) wait: Option<Moment>,
    pub(crate) state: CacheState,
    /// The set that was restored at the start, if one was.
    pub(super) restored: Option<ModelSet>,
    /// The intervals that routers are to be sent.
    pub(super) timing: Timing,
    pub(super) sources: Vec<SimSource>,
    pub(super) slurm: SlurmModel,
    universe: Vec<ModelRecord>,
    pub(crate) images: ImageCounter,
    /// The set that is served.
    pub(crate) served: Option<ModelSet>,
    pub(super) clock: NaiveClock,
    /// Until when a source that was never read may be waited for, since the configuration was read.
    pub(super) waits_until: Option<Moment>,
    /// When what is served was found right; none if anything has changed since.
    pub(super) checked: Option<Moment>,
    /// Since when a source has something in effect, and nothing is served.
    pub(super) waits_since: Option<Moment>,
}

/// What a step did, for the connections.
#[derive(Default)]
pub(crate) struct Changes {
    /// The view that all sessions have from now on.
    pub(crate) view: Option<Arc<View>>,
    /// True if nothing is served any more.
    pub(crate) is_withheld: bool,
    /// Lines for the trace.
    pub(crate) lines: Vec<String>,
}

impl CacheEngine {
    /// A cache that has just started, and has found nothing on its disk. `run` makes its session ids and its first serial
    /// differ from those of others.
    pub(crate) fn new(run: u32, options: u8, images: ImageCounter, disk: SimDisk) -> CacheEngine {
        let curation = Curation {
            sources: (0..SOURCES).map(|n| SourceId(n as u32)).collect(),
            choice: if options & 1 == 0 { Choice::Union } else { Choice::First },
            freshness: Freshness {
                age_seconds_max: if options & 2 == 0 { 86_400 } else { 3_600 },
                expired: Expired::Withdraw,
                too_old: if options & 4 == 0 { TooOld::Withdraw } else { TooOld::Close },
            },
            guard: guard(true),
        };
        let state = CacheState::new(run, disk);
        // Near the end, so that serials wrap.
        let first = Serial((u32::MAX - 3).wrapping_add(run));
        let history = History::new(HISTORY, state.lineage.sessions, Timing::default(), first);
        let mut curator = Curator::new(curation.clone());
        let wait = loop {
            if let CuratorOutput::Wait(wait) = curator.next() {
                break wait;
            }
        };
        CacheEngine {
            publisher: ViewPublisher::new(history),
            curator,
            curation,
            outputs: VecDeque::new(),
            wait,
            state,
            restored: None,
            timing: Timing::default(),
            sources: (0..SOURCES).map(|_| SimSource::default()).collect(),
            slurm: SlurmModel::default(),
            universe: universe(),
            images,
            served: None,
            clock: NaiveClock::default(),
            waits_until: None,
            checked: None,
            waits_since: None,
        }
    }

    /// A cache that has just started, and goes on with what is on its disk, if that is sound.
    pub(crate) fn started(
        run: u32,
        options: u8,
        before: &mut CacheEngine,
        now: Moment,
        sets: &mut ServedSets,
    ) -> Result<CacheEngine, String> {
        let disk = std::mem::replace(&mut before.state.disk, SimDisk::new(0));
        let found = state::find(&disk, &before.images, sets)?;
        let mut cache = CacheEngine::new(run, options, before.images.clone(), SimDisk::new(0));
        cache.inherit(before);
        let Some((found, set)) = found else {
            cache.state = CacheState::new(run, disk);
            return Ok(cache);
        };
        let recovered = &found.recovered;
        cache.state = CacheState::resumed(run, disk, recovered);
        cache.clock.begin(now, recovered.time);
        let sessions = cache.state.lineage.sessions;
        let deltas = recovered.deltas.iter().map(|(serial, delta)| (*serial, delta.clone()));
        let current = (recovered.set.serial, recovered.table.image().clone());
        let mut history = History::resume(HISTORY, sessions, Timing::default(), current, deltas);
        let random = u32::from_be_bytes([0; 4]).wrapping_add(run.wrapping_mul(2_654_435_761));
        history.jump(recovered.newest.serial, random);
        cache.publisher = ViewPublisher::new(history);
        let unix = cache.system_unix(now);
        for (index, source) in cache.sources.iter_mut().enumerate() {
            let is_there = found.sources.iter().any(|(source, _)| source.0 as usize == index);
            if let Some(stored) = cache.state.disk.stored.get(&index).filter(|_| is_there) {
                let away = unix.saturating_sub(stored.written);
                let ago = |seconds: u32| Moment(now.0 - u64::from(seconds + away) * 1_000);
                let received = |(loaded, age): (LoadedTable, u32)| LoadedTable { received: ago(age), ..loaded };
                source.effective = stored.effective.clone().map(received);
                let held = stored.held.clone().map(|(held, held_for)| (received(held), ago(held_for)));
                (source.held, source.held_since) = held.unzip();
            }
        }
        for version in Version::ALL {
            let session = sessions.of(Profile::full(version)).0;
            sets.serve(session, recovered.set.serial.0, &seen_in(&set, version.octet()))?;
        }
        // The new session of version 0 goes on from the same sets.
        let of = |version: Version| sessions.of(Profile::full(version)).0;
        for (serial, _) in &recovered.deltas {
            let known = sets.get(of(Version::V2), serial.0).ok_or("a change from a set that was never served")?;
            let known = seen_in(known, 0);
            sets.serve(of(Version::V0), serial.0, &known)?;
        }
        let is_current = recovered.made_by == cache.made_by();
        let time = cache.time(now);
        cache.curator = Curator::resume(cache.curation.clone(), time, state::resumption(found, is_current));
        cache.served = Some(set.clone());
        cache.restored = Some(set);
        cache.collect();
        Ok(cache)
    }

    /// Takes over what the sources and the operator's files are, as a restart finds them.
    pub(crate) fn inherit(&mut self, before: &CacheEngine) {
        for (source, other) in self.sources.iter_mut().zip(&before.sources) {
            source.newest.clone_from(&other.newest);
        }
        self.slurm = before.slurm.clone();
        self.clock.system = before.clock.system;
    }

    /// The time by which records expire, in seconds since 1970.
    pub(crate) fn unix(&self, now: Moment) -> u32 {
        NaiveClock::unix(now, self.clock.believed.unwrap_or(self.clock.system))
    }

    /// The time of the system's clock, in seconds since 1970.
    fn system_unix(&self, now: Moment) -> u32 {
        NaiveClock::unix(now, self.clock.system)
    }

    /// The time that the cache is told.
    pub(super) fn time(&mut self, now: Moment) -> CurrentTime {
        self.clock.read(now);
        self.checked = None;
        self.system_time(now)
    }

    /// The time by the system's clock.
    pub(super) fn system_time(&self, now: Moment) -> CurrentTime {
        CurrentTime { moment: now, unix: self.system_unix(now) }
    }

    pub(crate) fn session_id(&self, version: Version) -> u16 {
        self.state.lineage.sessions.of(Profile::full(version)).0
    }

    pub(crate) fn set_clock(&mut self, seconds: i64) {
        self.clock.system += seconds;
    }

    /// The SLURM file is read, at the start or since it changed.
    pub(crate) fn read_slurm(&mut self, now: Moment, seed: Option<u16>) -> Result<(), String> {
        if let Some(seed) = seed {
            let mut random = Random::new(u64::from(seed));
            self.slurm = SlurmModel {
                filtered_asn: (random.below(2) == 0).then(|| 64_496 + random.below(4) as u32),
                filtered_customer: (random.below(2) == 0).then(|| 1 + random.below(15) as u32),
                added: (0..random.below(4)).map(|_| self.universe[random.below(240)].clone()).collect(),
            };
        }
        let file = SlurmFile::parse(self.slurm.document().as_bytes(), SlurmDialect::Strict);
        let file = file.map_err(|error| format!("SLURM: {error}"))?;
        let slurm = Slurm::merge(&[("slurm.json".into(), Arc::new(file))], Overlaps::Refuse);
        let slurm = Arc::new(slurm.map_err(|error| format!("SLURM: {error:?}"))?);
        let time = self.time(now);
        self.curator.slurm(time, slurm);
        self.state.configuration_changed(now);
        Ok(())
    }

    pub(crate) fn reload(&mut self, now: Moment, has_guard: bool, expire: u32) -> Result<(), String> {
        self.curation.guard = guard(has_guard);
        self.timing = Timing::new(expire / 2, expire / 12, expire).map_err(|error| format!("{error:?}"))?;
        self.publisher.set_timing(self.timing);
        if self.sources.iter().any(|source| !source.is_read) && self.waits_until.is_none_or(|until| until <= now) {
            self.waits_until = Some(now.after(CHANGE_WAIT));
        }
        let time = self.time(now);
        self.curator.reconfigure(time, self.curation.clone(), None);
        self.state.configuration_changed(now);
        Ok(())
    }

    pub(crate) fn confirm(&mut self, now: Moment, source: Option<usize>) -> Result<(), String> {
        if source.is_none() && (self.clock.since.is_some() || self.clock.behind.is_some()) {
            self.clock.accept(now);
        }
        let time = self.time(now);
        self.curator.confirm(time, source.map(|source| SourceId(source as u32)));
        let is_meant = |id: SourceId| source.is_none_or(|source| id.0 as usize == source);
        match self.curator.status().iter().find(|status| is_meant(status.source) && status.held.is_some()) {
            Some(status) => Err(format!("source {} is held, though it was confirmed", status.source.0)),
            None => Ok(()),
        }
    }

    pub(crate) fn tick(&mut self, now: Moment) {
        let time = self.time(now);
        self.curator.tick(time);
    }

    /// A source has another table, of so many seconds ago.
    pub(crate) fn change_table(
        &mut self,
        now: Moment,
        source: usize,
        changes: usize,
        seed: u16,
        age: u32,
    ) -> Result<(), String> {
        let unix = self.system_unix(now);
        let mut random = Random::new(u64::from(seed) << 8 | source as u64);
        let mut table = self.sources[source].newest.take().map_or_else(
            || SourceTable {
                records: (0..500).map(|_| (self.universe[random.below(self.universe.len())].clone(), None)).collect(),
            },
            |(table, _)| table,
        );
        for _ in 0..changes {
            let record = self.universe[random.below(self.universe.len())].clone();
            let expires = (random.below(3) == 0).then(|| unix + 10 + random.below(4_000) as u32);
            if table.records.remove(&record).is_none() {
                table.records.insert(record, expires);
            }
        }
        self.load(now, source, table, unix.saturating_sub(age))
    }

    /// A source lost most of its records, or all.
    pub(crate) fn lose(&mut self, now: Moment, source: usize, seed: u16) -> Result<(), String> {
        let Some((mut table, _)) = self.sources[source].newest.take() else { return Ok(()) };
        let mut random = Random::new(u64::from(seed));
        let is_all = random.below(4) == 0;
        table.records.retain(|_, _| !is_all && random.below(20) == 0);
        self.load(now, source, table, self.system_unix(now))
    }

    /// A source is read, and has this.
    pub(crate) fn load(
        &mut self,
        now: Moment,
        source: usize,
        mut table: SourceTable,
        stated: u32,
    ) -> Result<(), String> {
        let system = self.system_unix(now);
        // A validator writes no record that has expired, and one ASPA a customer.
        let mut customers = std::collections::BTreeSet::new();
        table.records.retain(|record, expires| {
            let is_first = match record {
                ModelRecord::Aspa { customer, .. } => customers.insert(*customer),
                _ => true,
            };
            is_first && expires.is_none_or(|expires| expires > system + 5)
        });
        let mut reader = Reader::new();
        reader.push(table.document().as_bytes()).map_err(|error| error.to_string())?;
        let rows = reader.finish().map_err(|error| error.to_string())?;
        let Ok(read) = rows.into_table(Version::V2, self.images.sink());
        let id = SourceId(source as u32);
        let report = Report::Loaded { table: Arc::new(read), written: Some(stated) };
        let time = self.time(now);
        let loaded = LoadedTable { table, stated, received: now };
        let known = &mut self.sources[source];
        (known.newest, known.is_failing, known.is_read) = (Some((loaded.table.clone(), stated)), false, true);
        let is_ignored = self.is_ignored(source, &loaded, now);
        let lost = !is_ignored && self.has_lost(source, &loaded, now);
        self.curator.source(time, id, report);
        self.collect();
        // It may be held, and released at once since the hold has elapsed.
        let is_released = self.outputs.iter().any(|output| {
            matches!(output, CuratorOutput::Event(CuratorEvent::Released { source, why })
                if *source == id && *why != Release::LossRecovered)
        });
        let is_held =
            is_released || self.curator.status().iter().any(|status| status.source == id && status.held.is_some());
        if !is_ignored {
            match (lost, is_held) {
                (true, false) => return Err(format!("a loss of nine tenths of source {source} is not held")),
                (false, true) => return Err(format!("a table of source {source} that lost less is held")),
                (true, true) | (false, false) => {}
            }
        }
        self.state.source_changed(now, source, is_held);
        let known = &mut self.sources[source];
        if is_ignored {
            // What is served or held stays.
        } else if is_held {
            if let Some(effective) = &mut known.effective {
                for (record, expires) in &mut effective.table.records {
                    let later = loaded.table.records.get(record);
                    *expires = later.map_or(*expires, |later| expires.zip(*later).map(|(a, b)| a.max(b)));
                }
            }
            known.held = Some(loaded);
            known.held_since.get_or_insert(now);
        } else {
            (known.effective, known.held, known.held_since) = (Some(loaded), None, None);
        }
        Ok(())
    }

    /// Returns whether a new table is passed over, since nothing of it is in effect, and something of another one is.
    fn is_ignored(&self, source: usize, new: &LoadedTable, now: Moment) -> bool {
        let known = &self.sources[source];
        let is_over = |loaded: &LoadedTable| self.is_table_over(loaded, now, self.unix(now) + LEAD);
        is_over(new) && known.effective.iter().chain(&known.held).any(|other| !is_over(other))
    }

    /// Returns whether the new table has to be held: it has lost nine tenths of the VRPs, or of those of one family.
    fn has_lost(&self, source: usize, new: &LoadedTable, now: Moment) -> bool {
        let Some(before) = &self.sources[source].effective else { return false };
        if self.curation.guard.hold.is_none() {
            return false;
        }
        let unix = self.unix(now) + LEAD;
        let (had, has) = (self.in_effect(before, now, unix), self.in_effect(new, now, unix));
        let of = |pdu_types: &[u8]| {
            let count = |set: &ModelSet| set.iter().filter(|record| pdu_types.contains(&record.pdu_type())).count();
            (count(&had), count(&has))
        };
        [of(&[4, 6]), of(&[4]), of(&[6])].into_iter().any(|(had, has)| {
            let lost = had.saturating_sub(has);
            had >= NEARLY_ALL_MIN && lost >= had - had / 10
        })
    }

    pub(crate) fn unchanged(&mut self, now: Moment, source: usize) {
        if self.sources[source].newest.is_some() {
            self.sources[source].is_failing = false;
            let time = self.time(now);
            self.curator.source(time, SourceId(source as u32), Report::Unchanged);
        }
    }

    pub(crate) fn fail(&mut self, now: Moment, source: usize) {
        self.sources[source].is_failing = true;
        let time = self.time(now);
        self.curator.source(time, SourceId(source as u32), Report::Failed);
    }

    /// A source writes its table once more, and that is read.
    pub(crate) fn write_again(&mut self, now: Moment, source: usize) -> Result<(), String> {
        let system = self.system_unix(now);
        match self.sources[source].newest.take() {
            Some((table, _)) => self.load(now, source, table, system),
            None => Ok(()),
        }
    }

    /// The table of a source is read, at a start.
    pub(crate) fn read_again(&mut self, now: Moment, source: usize) -> Result<(), String> {
        match self.sources[source].newest.take() {
            Some((table, stated)) => self.load(now, source, table, stated),
            None => Ok(()),
        }
    }

    /// Collects what the curator wants.
    fn collect(&mut self) {
        loop {
            match self.curator.next() {
                CuratorOutput::Wait(wait) => {
                    self.wait = wait;
                    return;
                }
                output => self.outputs.push_back(output),
            }
        }
    }

    /// Does what the curator wants, and checks what it serves against the model.
    pub(crate) fn run(&mut self, now: Moment, in_use: &InUse, line: &mut ServedSets) -> Result<Changes, String> {
        let mut changes = Changes::default();
        self.collect();
        while let Some(output) = self.outputs.pop_front() {
            match output {
                CuratorOutput::Wait(_) => {}
                CuratorOutput::Event(event) => {
                    changes.lines.push(format!("= {event:?}"));
                    self.handle(now, &event)?;
                }
                CuratorOutput::Withhold => {
                    let prepared = self.publisher.withhold();
                    if let Some(view) = self.publisher.commit(prepared) {
                        changes.view = Some(view);
                        changes.is_withheld = true;
                        (self.served, self.checked) = (None, None);
                        changes.lines.push("= nothing is served".to_owned());
                    }
                }
                CuratorOutput::Publish(recipe, cause) => {
                    let version = in_use.versions.first().copied().unwrap_or(Version::V2);
                    let Ok(composed) = recipe.compose(version, self.images.sink());
                    if !composed.left_out.is_empty() {
                        return Err(format!("customers are left out: {:?}", composed.left_out));
                    }
                    let images = self.images.clone();
                    let prepared = self.publisher.publish(composed.image, in_use, &mut self.curator, || images.sink());
                    let current = self.publisher.history().current().cloned();
                    match (&prepared.publication, current) {
                        (Publication::Same, _) | (_, None) => {}
                        (publication, Some(image)) => {
                            let delta = match publication {
                                Publication::Changed(delta) => Some(&**delta),
                                Publication::First | Publication::Same => None,
                            };
                            let serial = self.publisher.history().serial();
                            let unix = self.unix(now);
                            self.state.changed(now, unix, (serial, &image), (delta, &recipe, cause))?;
                        }
                    }
                    let Some(view) = prepared.view.and_then(|view| self.publisher.commit(view)) else { continue };
                    let serial = view.serial().ok_or("a publication without a serial")?;
                    let set = decoded(view.images().next().ok_or("a publication without an image")?)?;
                    changes.lines.push(format!("= serial {serial} by {cause:?}: {} records", set.len()));
                    self.check_served(now, &set)?;
                    for version in Version::ALL {
                        line.serve(self.session_id(version), serial.0, &seen_in(&set, version.octet()))?;
                    }
                    for image in view.images() {
                        if decoded(image)? != set {
                            return Err("images of one view differ".to_owned());
                        }
                    }
                    (self.served, self.checked) = (Some(set), None);
                    (changes.view, changes.is_withheld) = (Some(view), false);
                }
            }
        }
        Ok(changes)
    }

    /// Makes what a session wants.
    pub(crate) fn fulfil(&mut self, want: Want, in_use: &InUse) -> Arc<View> {
        let images = self.images.clone();
        let Ok(view) = self.publisher.fulfil(want, in_use, &mut self.curator, || images.sink());
        view
    }

    fn handle(&mut self, now: Moment, event: &CuratorEvent) -> Result<(), String> {
        match event {
            CuratorEvent::Released { source, why } if *why != Release::LossRecovered => {
                let source_id = source.0 as usize;
                let source = &mut self.sources[source_id];
                let held = source.held.take().ok_or("a loss is released that is not held")?;
                let since = source.held_since.unwrap_or(now);
                // It is kept in seconds, and each start may round.
                if *why == Release::HoldElapsed && now < since.after(HOLD - Duration::from_secs(3)) {
                    return Err(format!("a loss is released after {} ms", now.0 - since.0));
                }
                (source.effective, source.held_since) = (Some(held), None);
                self.state.source_released(now, source_id);
            }
            _ => {}
        }
        Ok(())
    }

    /// Returns whether a source keeps these octets.
    pub(crate) fn keeps(&self, octets: &Arc<dyn Octets>) -> bool {
        self.curator.keeps(octets)
    }
}

fn guard(is_on: bool) -> Guard {
    Guard {
        hold: is_on.then_some(HOLD),
        vrps_min: 100_000,
        aspas_min: 100_000,
        nearly_all_min: NEARLY_ALL_MIN,
        reported_min: 10,
    }
}
