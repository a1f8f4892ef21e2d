//! Keeping the state while the cache runs: which jobs the writer is given, and how that goes.

use super::directory::{DirectoryUsage, StateDirectory};
use super::options::{SourceAddress, SourceAddresses, StateOptions};
use super::writer::{WriteJob, Writer, WriterReport};
use crate::clock::unix_now;
use crate::observe::describe::plain;
use crate::observe::log::Log;
use crate::observe::log::event::state::StateEvent;
use crate::observe::metrics::DirectoryMetrics;
use crate::observe::status::{StateStatus, Timestamp};
use rtrcast_feed::Slurm;
use rtrcast_feed::curator::{Curation, Curator, CurrentTime, SourceId};
use rtrcast_feed::state::{
    Change, Keeper, KeeperLimits, Keeping, LogHeader, MachineId, SetName, SnapshotHeader, SourceRevision, StateWrite,
    StoredSource, digest_of,
};
use rtrcast_proto::{Epoch, History, Lineage, Moment};
use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

/// Time for which a change is not told to routers while it is not written, and the same for the first one after a jump,
/// which has to be on the disk.
pub(crate) const WRITE_WAIT_MAX: Duration = Duration::from_millis(100);
pub(crate) const SYNC_WAIT_MAX: Duration = Duration::from_secs(1);

/// What is written from.
pub(crate) struct WriteContext<'a> {
    pub(crate) now: CurrentTime,
    pub(crate) curator: &'a Curator,
    pub(crate) history: &'a History,
    pub(crate) curation: &'a Curation,
    /// SLURM, once it is known.
    pub(crate) slurm: Option<&'a Slurm>,
    pub(crate) addresses: &'a SourceAddresses,
}

impl WriteContext<'_> {
    /// Returns the digest of the sources and the SLURM files.
    pub(crate) fn made_by(&self) -> [u8; 32] {
        let address = |source: SourceId| self.addresses.get(&source).map_or(0, |address| address.hash.0);
        digest_of(self.curation, address, self.slurm)
    }
}

/// What is kept of the state.
pub(crate) struct StateKeeping {
    options: StateOptions,
    lineage: Lineage,
    machine: Option<MachineId>,
    keeper: Keeper,
    writer: Writer,
    /// The set of the last change.
    set: Option<SetName>,
    /// The position of the last set that other tables of sources led to.
    tables: u64,
    /// The first log that the snapshot needs.
    first_log: u64,
    revisions: BTreeMap<SourceId, SourceRevision>,
    usage: DirectoryUsage,
    /// When the snapshot was written, in seconds since 1970.
    snapshot: Option<u32>,
    /// The first log that the snapshot needs which is being written.
    writing_snapshot: Option<u64>,
    failure: Option<KeepingFailure>,
    metrics: DirectoryMetrics,
}

struct KeepingFailure {
    /// In seconds since 1970.
    since: u32,
    reason: String,
}

/// A line that is kept.
pub(crate) struct KeptLine {
    pub(crate) machine: Option<MachineId>,
    pub(crate) lineage: Lineage,
    /// The set that was taken up from what is kept, and when its snapshot was written, in seconds since 1970.
    pub(crate) set: Option<SetName>,
    pub(crate) snapshot: Option<u32>,
    /// The position of the last set that other tables of sources led to.
    pub(crate) tables: u64,
    /// The first log that the snapshot needs, and the number of the next one.
    pub(crate) first_log: u64,
    pub(crate) next_log: u64,
    pub(crate) revisions: BTreeMap<SourceId, SourceRevision>,
}

/// What is kept of the line in a state directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeptFiles {
    /// True if the files have all that was decided.
    pub(crate) is_complete: bool,
    /// When the snapshot was written, in seconds since 1970.
    pub(crate) snapshot: Option<u32>,
    /// The position of the last set that other tables of sources led to.
    pub(crate) tables: u64,
    /// The first log that the snapshot needs, and the number of the next one.
    pub(crate) first_log: u64,
    pub(crate) next_log: u64,
}

impl StateKeeping {
    /// Begins to keep a line in a directory.
    pub(crate) fn start(
        options: StateOptions,
        directory: StateDirectory,
        line: KeptLine,
        metrics: DirectoryMetrics,
    ) -> io::Result<StateKeeping> {
        let KeptLine { machine, lineage, set, snapshot, tables, first_log, next_log, revisions } = line;
        let usage = directory.usage()?;
        snapshot.iter().for_each(|written| metrics.show_snapshot(*written));
        metrics.size.set(i64::try_from(usage.octets).unwrap_or(i64::MAX));
        let limits = limits(&options);
        let writer = Writer::start(directory, &options, first_log)?;
        Ok(StateKeeping {
            options,
            lineage,
            machine,
            keeper: Keeper::new(limits, next_log, set),
            writer,
            set,
            tables,
            first_log,
            revisions,
            usage,
            snapshot,
            writing_snapshot: None,
            failure: None,
            metrics,
        })
    }

    /// The first set of a line is about to be served.
    pub(crate) fn begun(&mut self, now: Moment, set: SetName) {
        self.set = Some(set);
        self.keeper.begun(now, set);
    }

    /// A change is about to be served; `is_jump` if its serial jumped.
    pub(crate) fn changed(&mut self, now: Moment, change: &Change, is_jump: bool) {
        self.set = Some(change.after);
        if change.is_of_tables() {
            self.tables = change.after.position;
        }
        self.keeper.changed(now, change, is_jump);
    }

    /// A source is about to have another table, of which nothing is known yet: it must not be kept with what is known of
    /// the one before.
    pub(crate) fn source_changes(&mut self, source: SourceId) {
        self.revisions.insert(source, SourceRevision::Unknown);
    }

    /// A source has another table, or says something else of the one it has, to be written within this time.
    pub(crate) fn source_changed(
        &mut self,
        now: Moment,
        source: SourceId,
        revision: SourceRevision,
        is_held: bool,
        within: Option<Duration>,
    ) {
        self.revisions.insert(source, revision);
        self.keeper.source_changed(now, source, is_held, within);
    }

    /// The table of a source was confirmed.
    pub(crate) fn source_confirmed(&mut self, now: Moment, source: SourceId) {
        self.keeper.source_changed(now, source, false, None);
    }

    /// The table of a source that was held is not any more.
    pub(crate) fn source_released(&mut self, now: Moment, source: SourceId) {
        self.keeper.source_changed(now, source, true, None);
    }

    /// The set is made by other SLURM files or sources.
    pub(crate) fn configuration_changed(&mut self, now: Moment) {
        self.keeper.configuration_changed(now);
    }

    /// Everything is to be written that has not been, since the program stops.
    pub(crate) fn stop(&mut self, now: Moment) {
        self.keeper.stop(now);
    }

    /// Gives the writer what is due, and looks whether it hangs.
    pub(crate) fn write_due(&mut self, context: &WriteContext<'_>) {
        let now = context.now.moment;
        while let Some(write) = self.keeper.next(now, context.curator.recipe().is_some()).cloned() {
            if let Some(job) = self.job(write, context) {
                self.writer.write(job);
                break;
            }
            // There is nothing of it any more.
            self.keeper.written(now, Ok(()));
        }
        if let (Keeping::Hanging { since }, None) = (self.keeper.keeping(now), &self.failure) {
            let seconds = now.0.saturating_sub(since.0) / 1_000;
            self.failing(format!("the disk has not answered for {seconds} s"));
        }
    }

    /// Logs a failure, the first one of several loudly, and shows it.
    fn failing(&mut self, reason: String) {
        self.metrics.failures.inc();
        self.metrics.kept.set(0);
        let directory = self.options.path.display().to_string();
        let event = StateEvent::NotKept { directory: &directory, reason: &reason };
        if self.failure.is_some() {
            event.log_quietly()
        } else {
            event.log()
        }
        let since = self.failure.take().map_or_else(unix_now, |failure| failure.since);
        self.failure = Some(KeepingFailure { since, reason });
    }

    fn job(&mut self, write: StateWrite, context: &WriteContext<'_>) -> Option<WriteJob> {
        let time = context.curator.accepted_time(context.now);
        match write {
            StateWrite::BeginLog(number) => {
                let header = LogHeader { lineage: self.lineage, machine: self.machine, number, begun: time };
                Some(WriteJob::BeginLog { number, header: header.encode() })
            }
            StateWrite::Append { log: _, octets, is_awaited } => Some(WriteJob::Append { octets, is_awaited }),
            StateWrite::Source(source) => {
                let SourceAddress { hash, name } = context.addresses.get(&source)?.clone();
                let (_, feed) = context.curator.stored(context.now).into_iter().find(|(id, _)| *id == source)?;
                let position = self.set.map_or(0, |set| set.position);
                let revision = self.revisions.get(&source).cloned().unwrap_or_default();
                Some(WriteJob::Source {
                    hash,
                    source: Box::new(StoredSource {
                        name,
                        program: env!("CARGO_PKG_VERSION").to_owned(),
                        position,
                        revision,
                        feed,
                    }),
                })
            }
            StateWrite::Snapshot { log } => {
                let (lineage, machine, made_by, tables) = (self.lineage, self.machine, context.made_by(), self.tables);
                let header = SnapshotHeader { lineage, machine, set: self.set?, written: time, made_by, log, tables };
                let (recipe, image) = (context.curator.recipe()?, context.history.current()?.clone());
                let sources = context.addresses.values().map(|address| address.hash).collect();
                self.writing_snapshot = Some(log);
                Some(WriteJob::Snapshot { header: Box::new(header), recipe: Box::new(recipe), image, sources })
            }
        }
    }

    /// Waits for the outcome of what is being written. May be cancelled.
    pub(crate) async fn written(&mut self) -> WriteReport {
        WriteReport(self.writer.next().await)
    }

    /// Takes the outcome.
    pub(crate) fn take_report(&mut self, now: Moment, WriteReport(report): WriteReport) {
        let was_failing = self.failure.is_some();
        let error = match report {
            WriterReport::Done(Ok(usage)) => {
                self.usage = usage;
                self.metrics.size.set(i64::try_from(usage.octets).unwrap_or(i64::MAX));
                if let Some(first_log) = self.writing_snapshot.take() {
                    self.first_log = first_log;
                    let now = unix_now();
                    self.snapshot = Some(now);
                    self.metrics.snapshots.inc();
                    self.metrics.show_snapshot(now);
                }
                self.keeper.written(now, Ok(()));
                None
            }
            WriterReport::Done(Err(error)) => {
                self.writing_snapshot = None;
                self.keeper.written(now, Err(()));
                Some(error)
            }
            WriterReport::Lost(error) => {
                self.keeper.lost(now);
                Some(error)
            }
        };
        match error {
            Some(error) => self.failing(plain(&error)),
            None if was_failing && self.keeper.keeping(now) == Keeping::Kept => {
                self.metrics.kept.set(1);
                let since = self.failure.take().map_or(0, |failure| failure.since);
                let failing_seconds = Duration::from_secs(unix_now().saturating_sub(since).into());
                let directory = self.options.path.display().to_string();
                StateEvent::KeptAgain { directory: &directory, failing_seconds }.log();
            }
            None => {}
        }
    }

    /// Returns when something is due.
    pub(crate) fn wait(&self) -> Option<Moment> {
        self.keeper.wait()
    }

    /// Returns whether a change waits to be written.
    pub(crate) fn is_behind(&self) -> bool {
        self.keeper.is_behind()
    }

    /// Returns whether something is being written.
    pub(crate) fn is_writing(&self) -> bool {
        self.keeper.is_writing()
    }

    /// Identifies the line.
    pub(crate) fn epoch(&self) -> Epoch {
        self.lineage.epoch
    }

    /// Returns what is kept of the line, for another program.
    pub(crate) fn files(&self) -> KeptFiles {
        KeptFiles {
            is_complete: self.keeper.is_whole(),
            snapshot: self.snapshot,
            tables: self.tables,
            first_log: self.first_log,
            next_log: self.keeper.next_log(),
        }
    }

    pub(crate) fn status(&self) -> StateStatus {
        StateStatus {
            directory: self.options.path.display().to_string(),
            kept: self.failure.is_none(),
            failing_since: self.failure.as_ref().map(|failure| Timestamp(failure.since)),
            error: self.failure.as_ref().map(|failure| failure.reason.clone()),
            octets: self.usage.octets,
            octets_max: self.options.octets_max,
            logs: self.usage.logs,
            snapshot: self.snapshot.map(Timestamp),
        }
    }
}

/// Returns limits of what is written: a log is a small part of what the directory may take, since a snapshot has to fit
/// beside it.
fn limits(options: &StateOptions) -> KeeperLimits {
    let limits = KeeperLimits::default();
    let part = usize::try_from(options.octets_max / 8).unwrap_or(usize::MAX);
    KeeperLimits { log_octets_max: limits.log_octets_max.min(part), ..limits }
}

/// How writing went.
#[derive(Debug)]
pub(crate) struct WriteReport(WriterReport);

/// Waits for the outcome of what is being written; for ever without a state directory. May be cancelled.
pub(crate) async fn written(state: &mut Option<StateKeeping>) -> WriteReport {
    match state {
        Some(state) => state.written().await,
        None => std::future::pending().await,
    }
}
