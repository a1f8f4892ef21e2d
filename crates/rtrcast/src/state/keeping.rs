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
use rtrcast_proto::{History, Lineage, Moment};
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
    fn made_by(&self) -> [u8; 32] {
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
    revisions: BTreeMap<SourceId, SourceRevision>,
    usage: DirectoryUsage,
    /// When the snapshot was written, in seconds since 1970.
    snapshot: Option<u32>,
    is_writing_snapshot: bool,
    failure: Option<KeepingFailure>,
    metrics: DirectoryMetrics,
}

struct KeepingFailure {
    /// In seconds since 1970.
    since: u32,
    reason: String,
}

impl StateKeeping {
    /// Begins to keep a line in a directory.
    pub(crate) fn start(
        options: StateOptions,
        directory: StateDirectory,
        machine: Option<MachineId>,
        lineage: Lineage,
        (set, first_log, next_log): (Option<SetName>, u64, u64),
        revisions: BTreeMap<SourceId, SourceRevision>,
        metrics: DirectoryMetrics,
    ) -> io::Result<StateKeeping> {
        let usage = directory.usage()?;
        let writer = Writer::start(directory, &options, first_log)?;
        Ok(StateKeeping {
            options,
            lineage,
            machine,
            keeper: Keeper::new(KeeperLimits::default(), next_log, set),
            writer,
            set,
            revisions,
            usage,
            snapshot: None,
            is_writing_snapshot: false,
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
        self.keeper.changed(now, change, is_jump);
    }

    /// A source has another table, or says something else of the one it has.
    pub(crate) fn source_changed(&mut self, now: Moment, source: SourceId, revision: SourceRevision, is_held: bool) {
        self.revisions.insert(source, revision);
        self.keeper.source_changed(now, source, is_held);
    }

    /// The table of a source was confirmed.
    pub(crate) fn source_confirmed(&mut self, now: Moment, source: SourceId) {
        self.keeper.source_changed(now, source, false);
    }

    /// Everything is to be written that has not been, since the program stops.
    pub(crate) fn stop(&mut self, now: Moment) {
        self.keeper.stop(now);
    }

    /// Gives the writer what is due.
    pub(crate) fn write_due(&mut self, context: &WriteContext<'_>) {
        while let Some(write) = self.keeper.next(context.now.moment).cloned() {
            if let Some(job) = self.job(write, context) {
                return self.writer.write(job);
            }
            // There is nothing of it any more.
            self.keeper.written(context.now.moment, Ok(()));
        }
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
                Some(WriteJob::Source { hash, source: Box::new(StoredSource { name, position, revision, feed }) })
            }
            StateWrite::Snapshot { log } => {
                let (lineage, machine, made_by) = (self.lineage, self.machine, context.made_by());
                let header = SnapshotHeader { lineage, machine, set: self.set?, written: time, made_by, log };
                let (recipe, image) = (context.curator.recipe()?, context.history.current()?.clone());
                let sources = context.addresses.values().map(|address| address.hash).collect();
                self.is_writing_snapshot = true;
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
                if std::mem::take(&mut self.is_writing_snapshot) {
                    let now = unix_now();
                    self.snapshot = Some(now);
                    self.metrics.snapshots.inc();
                    self.metrics.snapshot.set(now.into());
                }
                self.keeper.written(now, Ok(()));
                None
            }
            WriterReport::Done(Err(error)) => {
                self.is_writing_snapshot = false;
                self.keeper.written(now, Err(()));
                Some(error)
            }
            WriterReport::Lost(error) => {
                self.keeper.lost(now);
                Some(error)
            }
        };
        let directory = self.options.path.display().to_string();
        match (self.keeper.keeping(), error) {
            (Keeping::Failing { .. }, Some(error)) => {
                self.metrics.failures.inc();
                self.metrics.kept.set(0);
                let reason = plain(&error);
                let since = self.failure.take().map_or(unix_now(), |failure| failure.since);
                let event = StateEvent::NotKept { directory: &directory, reason: &reason };
                if was_failing {
                    event.log_quietly()
                } else {
                    event.log()
                }
                self.failure = Some(KeepingFailure { since, reason });
            }
            (Keeping::Kept, _) if was_failing => {
                self.metrics.kept.set(1);
                let since = self.failure.take().map_or(0, |failure| failure.since);
                let failing_seconds = Duration::from_secs(unix_now().saturating_sub(since).into());
                StateEvent::KeptAgain { directory: &directory, failing_seconds }.log();
            }
            (Keeping::Kept | Keeping::Failing { .. }, _) => {}
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
