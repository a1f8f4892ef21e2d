//! The state that the cache keeps on its disk, and how it goes on with that.

use super::cache::{CacheEngine, LoadedTable};
use super::disk::{FileName, SimDisk};
use crate::action::SOURCES;
use crate::choices::Random;
use crate::model::ServedSets;
use crate::model::{ModelSet, decoded, seen_in};
use crate::storage::{CountedSink, ImageCounter};
use rtrcast_feed::curator::{Cause, Recipe, Resumption, SourceId, StoredFeed};
use rtrcast_feed::state::{
    Change, ChangeLog, Keeper, KeeperLimits, Keeping, LogHeader, Recovered, SetHash, SetName, Snapshot, SnapshotHeader,
    SnapshotReader, SourceReader, SourceRevision, StateWrite, StoredSource, recover,
};
use rtrcast_proto::{Delta, Epoch, HistoryLimits, Lineage, Moment, Profile, Serial, SessionIds, Version};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

/// Limits that runs of some hours meet.
const LIMITS: KeeperLimits = KeeperLimits {
    log_octets_max: 3_000,
    expiries_interval: Duration::from_secs(600),
    waiting_octets_max: 6_000,
    retry_pause_min: Duration::from_secs(10),
    retry_pause_max: Duration::from_secs(600),
};

/// The history of the cache.
pub(super) const HISTORY: HistoryLimits = HistoryLimits { deltas_max: 4, octets_max: 100_000 };

/// What the model knows of a source's file: the tables that are in it.
#[derive(Clone, Debug, Default)]
pub(super) struct StoredModel {
    /// When it was written, by the system's clock, in seconds since 1970.
    pub(super) written: u32,
    /// With the seconds since it came.
    pub(super) effective: Option<(LoadedTable, u32)>,
    /// The table that is held, and for how many seconds anything has been.
    pub(super) held: Option<((LoadedTable, u32), u32)>,
}

/// The state of a running cache.
pub(crate) struct CacheState {
    pub(crate) disk: SimDisk,
    pub(super) lineage: Lineage,
    keeper: Keeper,
    /// The set that is served.
    pub(super) set: Option<SetName>,
    /// The position of the newest set of the line that is known.
    position: u64,
    /// That of the last set that other tables of sources led to.
    tables: u64,
    /// True until the first change after a start.
    is_first: bool,
    /// What is being written, and when that is over.
    writing: Option<(Moment, WriteJob)>,
    random: Random,
}

/// Something to be written, with its octets as they were when it was due.
enum WriteJob {
    Append { name: FileName, octets: Vec<u8>, has_to_sync: bool },
    Replace { name: FileName, octets: Vec<u8> },
    Source { index: usize, octets: Vec<u8>, stored: StoredModel },
    Nothing,
}

/// What is on the disk when the program starts.
pub(super) struct Found {
    pub(super) recovered: Recovered,
    pub(super) sources: Vec<(SourceId, StoredFeed)>,
}

impl CacheState {
    /// The state of a new line.
    pub(super) fn new(run: u32, disk: SimDisk) -> CacheState {
        let mut epoch = [0; 16];
        epoch[..4].copy_from_slice(&run.to_be_bytes());
        let lineage = Lineage { epoch: Epoch(epoch), sessions: SessionIds::new(1_000 + (run as u16) * 100) };
        CacheState::of(lineage, (None, 0, 0), run, disk)
    }

    /// The state of a line that goes on.
    pub(super) fn resumed(run: u32, disk: SimDisk, recovered: &Recovered) -> CacheState {
        // GoBGP, whose version is 0, would keep for ever what was withdrawn meanwhile.
        let v0 = Profile::full(Version::V0);
        let sessions = recovered.lineage.sessions.renewed(v0, 30_000 + (run as u16) * 10);
        let set = (Some(recovered.set), recovered.newest.position, recovered.tables);
        CacheState::of(Lineage { sessions, ..recovered.lineage }, set, run, disk)
    }

    fn of(
        lineage: Lineage,
        (set, position, tables): (Option<SetName>, u64, u64),
        run: u32,
        disk: SimDisk,
    ) -> CacheState {
        let next_log = disk.logs().last().map_or(0, |last| last + 1);
        CacheState {
            disk,
            lineage,
            keeper: Keeper::new(LIMITS, next_log, set),
            set,
            position,
            tables,
            is_first: true,
            writing: None,
            random: Random::new(u64::from(run) + 77),
        }
    }

    /// Returns when something is to be done next.
    pub(super) fn next_event(&self) -> Option<Moment> {
        self.writing.as_ref().map(|(at, _)| *at).or(self.keeper.wait())
    }

    /// A set is about to be served.
    pub(super) fn changed(
        &mut self,
        now: Moment,
        unix: u32,
        (serial, image): (Serial, &rtrcast_proto::Image),
        (delta, recipe, cause): (Option<&Delta>, &Recipe, Cause),
    ) -> Result<(), String> {
        let (Some(before), Some(delta)) = (self.set, delta) else {
            let set = SetName { serial, position: 0, hash: SetHash::of(image) };
            self.set = Some(set);
            self.keeper.begun(now, set);
            return Ok(());
        };
        self.position += 1;
        let after = SetName { serial, position: self.position, hash: before.hash.changed_by(delta) };
        if after.hash != SetHash::of(image) {
            return Err("the hash of a changed set is not that of the set".to_owned());
        }
        let name = |source: SourceId| format!("source {}", source.0);
        let change = Change::explain((before, after), unix, cause, delta, image.version(), recipe, name);
        if change.is_of_tables() {
            self.tables = after.position;
        }
        self.keeper.changed(now, &change, std::mem::take(&mut self.is_first));
        self.set = Some(after);
        Ok(())
    }

    pub(super) fn source_changed(&mut self, now: Moment, source: usize, is_held: bool) {
        self.keeper.source_changed(now, SourceId(source as u32), is_held, None);
    }

    /// Returns whether nothing that was to be written is missing.
    pub(super) fn is_kept(&self) -> bool {
        self.keeper.keeping(Moment(0)) == Keeping::Kept && !self.keeper.is_behind() && self.writing.is_none()
    }

    /// The table of a source that was held is not any more.
    pub(super) fn source_released(&mut self, now: Moment, source: usize) {
        self.keeper.source_changed(now, SourceId(source as u32), true, None);
    }

    /// The set is made by another SLURM file.
    pub(super) fn configuration_changed(&mut self, now: Moment) {
        self.keeper.configuration_changed(now);
    }

    fn write(&mut self, job: WriteJob) -> Result<(), ()> {
        match job {
            WriteJob::Append { name, octets, has_to_sync } => self.disk.append(name, &octets, has_to_sync),
            WriteJob::Replace { name, octets } => self.disk.replace(name, octets),
            WriteJob::Source { index, octets, stored } => {
                self.disk.replace(FileName::Source(index as u32), octets)?;
                self.disk.stored.insert(index, stored);
                Ok(())
            }
            WriteJob::Nothing => Ok(()),
        }
    }

    fn log_header(&self, number: u64, unix: u32) -> LogHeader {
        LogHeader { lineage: self.lineage, machine: None, number, begun: unix }
    }
}

impl CacheEngine {
    /// Writes what is due; each takes some time.
    pub(super) fn write_state(&mut self, now: Moment) -> Result<bool, String> {
        let mut has_done = false;
        loop {
            if self.state.writing.as_ref().is_some_and(|(at, _)| *at > now) {
                return Ok(has_done);
            }
            if let Some((_, job)) = self.state.writing.take() {
                let outcome = self.state.write(job);
                self.state.keeper.written(now, outcome);
                has_done = true;
                continue;
            }
            let Some(write) = self.state.keeper.next(now, true).cloned() else { return Ok(has_done) };
            let job = self.job(now, &write)?;
            let delay = Duration::from_millis(self.state.random.below(4) as u64 * 60);
            self.state.writing = Some((now.after(delay), job));
        }
    }

    /// Writes all that is left, as the program does that stops in order.
    pub(super) fn finish_state(&mut self, now: Moment) -> Result<(), String> {
        self.state.keeper.stop(now);
        for _ in 0..100 {
            self.write_state(now)?;
            let Some((at, _)) = &mut self.state.writing else { return Ok(()) };
            *at = now;
        }
        Err("the state is written without end".to_owned())
    }

    fn job(&mut self, now: Moment, write: &StateWrite) -> Result<WriteJob, String> {
        let unix = self.unix(now);
        Ok(match write {
            StateWrite::BeginLog(number) => {
                let octets = self.state.log_header(*number, unix).encode();
                WriteJob::Append { name: FileName::Log(*number), octets, has_to_sync: true }
            }
            StateWrite::Append { log, octets, is_awaited } => {
                WriteJob::Append { name: FileName::Log(*log), octets: octets.clone(), has_to_sync: *is_awaited }
            }
            StateWrite::Source(source) => {
                let index = source.0 as usize;
                let time = self.system_time(now);
                let Some((_, feed)) = self.curator.stored(time).into_iter().find(|(id, _)| id == source) else {
                    return Ok(WriteJob::Nothing);
                };
                let position = self.state.set.map_or(0, |set| set.position);
                let name = format!("source {index}");
                let stored =
                    StoredSource { name, program: String::new(), position, revision: SourceRevision::Unknown, feed };
                let octets = octets_of(|emit| stored.write(&mut |part: &[u8]| emit(part)));
                let known = &self.sources[index];
                let since = |moment: Moment| u32::try_from((now.0 - moment.0) / 1_000).unwrap_or(u32::MAX);
                let dated = |loaded: &LoadedTable| (loaded.clone(), since(loaded.received));
                let held = known.held.as_ref().map(|held| (dated(held), known.held_since.map_or(0, since)));
                let stored = StoredModel { written: time.unix, effective: known.effective.as_ref().map(dated), held };
                WriteJob::Source { index, octets, stored }
            }
            StateWrite::Snapshot { log } => {
                let (Some(set), Some(image)) = (self.state.set, self.publisher.history().current().cloned()) else {
                    return Err("a snapshot of no set".to_owned());
                };
                let recipe = self.curator.recipe().ok_or("a snapshot before the first publication")?;
                let table = recipe.table(&image);
                let header = SnapshotHeader {
                    lineage: self.state.lineage,
                    machine: None,
                    set,
                    written: unix,
                    made_by: self.made_by(),
                    log: *log,
                    tables: self.state.tables,
                };
                let octets = octets_of(|emit| header.write(&table, &mut |part: &[u8]| emit(part)));
                WriteJob::Replace { name: FileName::Snapshot, octets }
            }
        })
    }

    /// Returns whether nothing that was to be written is missing.
    pub(crate) fn is_kept(&self) -> bool {
        self.state.is_kept()
    }

    /// Checks that what is on the disk, once that is well, is what is served.
    pub(crate) fn check_kept(&self, sets: &ServedSets) -> Result<(), String> {
        let Some(set) = self.state.set else { return Ok(()) };
        if !self.state.is_kept() {
            return Err("the disk is well, and the state is not written".to_owned());
        }
        match find(&self.state.disk, &self.images, sets)? {
            Some((found, _)) if found.recovered.set == set => Ok(()),
            Some((found, _)) => Err(format!("{:?} is kept, and {set:?} is served", found.recovered.set)),
            None => Err("nothing is kept".to_owned()),
        }
    }

    /// Digest of the SLURM file: with another one the set is made anew.
    pub(super) fn made_by(&self) -> [u8; 32] {
        let mut digest = [0_u8; 32];
        for (n, octet) in self.slurm.document().bytes().enumerate() {
            digest[n % 32] = digest[n % 32].wrapping_mul(31) ^ octet;
        }
        digest
    }
}

/// Reads what is on a disk; none if there is no line to go on with. What is recovered has to be a set of the line.
pub(super) fn find(
    disk: &SimDisk,
    images: &ImageCounter,
    sets: &ServedSets,
) -> Result<Option<(Found, ModelSet)>, String> {
    let Some(snapshot) = disk.read(FileName::Snapshot).and_then(|octets| snapshot(octets, images)) else {
        return Ok(None);
    };
    let logs: Vec<ChangeLog> = disk
        .logs()
        .into_iter()
        .filter_map(|number| ChangeLog::read(disk.read(FileName::Log(number))?).ok())
        .filter(|log| log.header.lineage.epoch == snapshot.header.lineage.epoch)
        .collect();
    let Ok(recovered) = recover(snapshot, &logs, HISTORY, images.sink());
    let set = decoded(recovered.table.image())?;
    let v2 = Profile::full(Version::V2);
    let session = recovered.lineage.sessions.of(v2).0;
    if sets.get(session, recovered.set.serial.0) != Some(&seen_in(&set, 2)) {
        return Err(format!("what is recovered is not the set of serial {}", recovered.set.serial));
    }
    let mut sources = Vec::new();
    for index in 0..SOURCES as u32 {
        let Some(stored) = disk.read(FileName::Source(index)).and_then(|octets| source(octets, images)) else {
            continue;
        };
        let is_stale = stored.position < recovered.tables;
        sources.push((SourceId(index), StoredFeed { is_stale, ..stored.feed }));
    }
    Ok(Some((Found { recovered, sources }, set)))
}

/// Returns what a curator goes on with.
pub(super) fn resumption(found: Found, is_current: bool) -> Resumption {
    let Found { recovered, sources } = found;
    Resumption { served: Arc::new(recovered.table), is_current, slurm: None, feeds: sources, time: recovered.time }
}

fn snapshot(octets: &[u8], images: &ImageCounter) -> Option<Snapshot> {
    let mut reader = SnapshotReader::<CountedSink, _>::new(|| images.sink());
    reader.push(octets).ok()?;
    reader.finish().ok()
}

fn source(octets: &[u8], images: &ImageCounter) -> Option<StoredSource> {
    let mut reader = SourceReader::<CountedSink, _>::new(|| images.sink());
    reader.push(octets).ok()?;
    reader.finish().ok()
}

fn octets_of(write: impl FnOnce(&mut dyn FnMut(&[u8]) -> Result<(), Infallible>) -> Result<(), Infallible>) -> Vec<u8> {
    let mut octets = Vec::new();
    let Ok(()) = write(&mut |part: &[u8]| {
        octets.extend_from_slice(part);
        Ok(())
    });
    octets
}
