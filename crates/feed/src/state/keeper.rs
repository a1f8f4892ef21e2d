//! The keeper: what of the state is written, and when. It touches no disk: it says what to write next, and is told how
//! that went.
//!
//! * A change is appended to a log. Each start of the program, each snapshot and each failure begin a new log: a file
//!   whose writing failed is never written to again, since nobody knows what of it is on the disk.
//! * A snapshot is due when the line begins, when the log has grown, some time after expiries moved, and after a failure.
//!   With it go the tables of the sources that have changed.
//! * A disk that fails delays nothing: what could not be written is left out, and written anew with the next snapshot.

use super::change::Change;
use super::snapshot::SetName;
use crate::curator::SourceId;
use rtrcast_proto::Moment;
use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

/// Bounds of what is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeeperLimits {
    /// Octets of a log after which a snapshot is due.
    pub log_octets_max: usize,
    /// Time after which moved expiries are written.
    pub expiries_interval: Duration,
    /// Changes that wait to be written; beyond it they are left out until the next snapshot.
    pub waiting_octets_max: usize,
    /// Pause after a failure; it doubles with each further one.
    pub retry_pause_min: Duration,
    /// The longest pause.
    pub retry_pause_max: Duration,
}

impl Default for KeeperLimits {
    /// 8 MiB of log, 30 minutes, 16 MiB that wait, and pauses from 10 s to 10 minutes.
    fn default() -> KeeperLimits {
        KeeperLimits {
            log_octets_max: 8 * 1024 * 1024,
            expiries_interval: Duration::from_secs(30 * 60),
            waiting_octets_max: 16 * 1024 * 1024,
            retry_pause_min: Duration::from_secs(10),
            retry_pause_max: Duration::from_secs(600),
        }
    }
}

/// Something to write. The next one is only given after the outcome of this one is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateWrite {
    /// Begin this log: make the file, with its header, and have it on the disk.
    BeginLog(u64),
    /// Append a change to this log.
    Append {
        /// The log.
        log: u64,
        /// The change, encoded.
        octets: Vec<u8>,
        /// True if it has to be on the disk before it is told to routers.
        is_awaited: bool,
    },
    /// Replace the tables of a source.
    Source(SourceId),
    /// Replace the snapshot by one of the set that is served now. Changes in logs from this one on may come after it.
    Snapshot {
        /// The log.
        log: u64,
    },
}

/// State of keeping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeping {
    /// All is written, or about to be.
    Kept,
    /// Writing fails since that moment, and is tried again at the other.
    Failing {
        /// Since when.
        since: Moment,
        /// The next attempt.
        again: Moment,
    },
    /// What is being written has not been for longer than [`HANGING_MIN`].
    Hanging {
        /// Since when.
        since: Moment,
    },
}

/// Time after which something that is being written is taken for hanging.
pub const HANGING_MIN: Duration = Duration::from_secs(10);

/// Pause before a snapshot that can't be made yet is due again.
const NOT_READY_PAUSE: Duration = Duration::from_secs(10);

/// Decides what is written.
#[derive(Clone, Debug)]
pub struct Keeper {
    limits: KeeperLimits,
    /// The log that is appended to, if there is one.
    log: Option<u64>,
    log_octets: usize,
    /// The number of the next log.
    next_log: u64,
    changes: VecDeque<Encoded>,
    waiting_octets: usize,
    sources: BTreeSet<SourceId>,
    /// When a snapshot is due.
    snapshot: Option<Moment>,
    /// Sources whose tables are written before anything else: their tables are held.
    urgent: BTreeSet<SourceId>,
    /// What is being written, and since when.
    writing: Option<(StateWrite, Moment)>,
    failure: Option<WriteFailure>,
    /// True while changes are missing in the files: those that follow are not written before a snapshot.
    is_incomplete: bool,
    /// The set of the last change or snapshot that was given.
    set: Option<SetName>,
}

#[derive(Clone, Debug)]
struct Encoded {
    octets: Vec<u8>,
    is_awaited: bool,
}

#[derive(Clone, Copy, Debug)]
struct WriteFailure {
    since: Moment,
    again: Moment,
    pause: Duration,
}

impl Keeper {
    /// A keeper whose first log has this number, which is larger than those of all logs that there are. `set` is the one
    /// that was taken up from what is kept, if one was.
    pub fn new(limits: KeeperLimits, next_log: u64, set: Option<SetName>) -> Keeper {
        Keeper {
            limits,
            log: None,
            log_octets: 0,
            next_log,
            changes: VecDeque::new(),
            waiting_octets: 0,
            sources: BTreeSet::new(),
            snapshot: None,
            urgent: BTreeSet::new(),
            writing: None,
            failure: None,
            is_incomplete: false,
            set,
        }
    }

    /// A set is served that no change in a log leads to: the first one of a line.
    pub fn begun(&mut self, now: Moment, set: SetName) {
        self.set = Some(set);
        self.snapshot = Some(now);
    }

    /// A change is about to be served. `is_awaited` if it is the first one after a jump.
    pub fn changed(&mut self, now: Moment, change: &Change, is_awaited: bool) {
        self.set = Some(change.after);
        if self.is_incomplete {
            return;
        }
        let octets = change.encode();
        if change.omitted.is_some() {
            // The next snapshot has what it leads to.
            self.snapshot = Some(now);
        }
        self.waiting_octets += octets.len();
        self.log_octets += octets.len();
        if self.waiting_octets > self.limits.waiting_octets_max {
            return self.miss_changes(now);
        }
        self.changes.push_back(Encoded { octets, is_awaited });
        if self.log_octets > self.limits.log_octets_max {
            self.snapshot = Some(now);
        }
    }

    /// The set is made by other SLURM files or sources, which the snapshot says.
    pub fn configuration_changed(&mut self, now: Moment) {
        self.snapshot = Some(now);
    }

    /// The tables of a source are others, and have to be written within this time; if it is urgent, at once: a table is
    /// held, or not any more.
    pub fn source_changed(&mut self, now: Moment, source: SourceId, is_urgent: bool, within: Option<Duration>) {
        self.sources.insert(source);
        if is_urgent {
            self.urgent.insert(source);
        }
        let interval = self.limits.expiries_interval;
        let due = now.after(within.map_or(interval, |within| within.min(interval)));
        self.snapshot = Some(self.snapshot.map_or(due, |known| known.min(due)));
    }

    /// The program stops in order: all is written that has not been, and what failed is tried once more.
    pub fn stop(&mut self, now: Moment) {
        if let Some(failure) = &mut self.failure {
            failure.again = now;
        }
        if self.snapshot.is_some() || self.log_octets > 0 || self.is_incomplete {
            self.snapshot = self.set.map(|_| now);
        }
    }

    /// Returns what to write now; none if nothing is due, or something is being written. `is_ready` if a snapshot can be
    /// made.
    pub fn next(&mut self, now: Moment, is_ready: bool) -> Option<&StateWrite> {
        if self.writing.is_some() {
            return None;
        }
        self.writing = self.due(now, is_ready).map(|write| (write, now));
        self.writing.as_ref().map(|(write, _)| write)
    }

    fn due(&mut self, now: Moment, is_ready: bool) -> Option<StateWrite> {
        if self.set.is_some() && !self.is_incomplete {
            // It is begun before there is a change, which then need not wait for it.
            let Some(log) = self.log else { return Some(StateWrite::BeginLog(self.next_log)) };
            if let Some(Encoded { octets, is_awaited }) = self.changes.pop_front() {
                self.waiting_octets -= octets.len();
                return Some(StateWrite::Append { log, octets, is_awaited });
            }
        }
        if self.failure.is_some_and(|failure| failure.again > now) {
            return None;
        }
        let mut is_due = self.set.is_some() && self.snapshot.is_some_and(|due| due <= now);
        if is_due && !is_ready {
            self.snapshot = Some(now.after(NOT_READY_PAUSE));
            is_due = false;
        }
        // A source whose tables can't be written does not keep the set from being written.
        if is_due && self.is_incomplete {
            return Some(self.begin_snapshot());
        }
        if let Some(source) = self.urgent.pop_first() {
            self.sources.remove(&source);
            return Some(StateWrite::Source(source));
        }
        if (is_due || self.failure.is_some())
            && let Some(source) = self.sources.pop_first()
        {
            return Some(StateWrite::Source(source));
        }
        is_due.then(|| self.begin_snapshot())
    }

    fn begin_snapshot(&mut self) -> StateWrite {
        if self.log_octets > 0 {
            // Changes from now on are in another log.
            self.log = None;
        }
        (self.log_octets, self.snapshot, self.is_incomplete) = (0, None, false);
        StateWrite::Snapshot { log: self.log.unwrap_or(self.next_log) }
    }

    /// Tells how the writing went.
    pub fn written(&mut self, now: Moment, outcome: Result<(), ()>) {
        let Some((write, _)) = self.writing.take() else { return };
        if outcome.is_err() {
            return self.failed(now, write);
        }
        match write {
            StateWrite::BeginLog(log) => (self.log, self.next_log) = (Some(log), log + 1),
            StateWrite::Append { .. } => {}
            StateWrite::Snapshot { .. } | StateWrite::Source(_) => {
                if !self.is_incomplete && self.sources.is_empty() {
                    self.failure = None;
                }
            }
        }
    }

    /// What was appended before could not be brought to the disk after all.
    pub fn lost(&mut self, now: Moment) {
        self.miss_changes(now);
        self.fail(now);
    }

    fn failed(&mut self, now: Moment, write: StateWrite) {
        match write {
            StateWrite::Source(source) => drop(self.sources.insert(source)),
            StateWrite::BeginLog(log) => {
                // The number is not used again, whatever is there of the file.
                self.next_log = log + 1;
                self.miss_changes(now);
            }
            StateWrite::Append { .. } | StateWrite::Snapshot { .. } => self.miss_changes(now),
        }
        self.fail(now);
    }

    fn fail(&mut self, now: Moment) {
        let pause = self
            .failure
            .map_or(self.limits.retry_pause_min, |failure| (failure.pause * 2).min(self.limits.retry_pause_max));
        let since = self.failure.map_or(now, |failure| failure.since);
        self.failure = Some(WriteFailure { since, again: now.after(pause), pause });
    }

    /// Changes are left out: the next snapshot has them. A log with a gap would end at the gap.
    fn miss_changes(&mut self, now: Moment) {
        self.changes.clear();
        (self.waiting_octets, self.log_octets, self.log, self.is_incomplete) = (0, 0, None, true);
        self.snapshot = Some(now);
    }

    /// Returns when there is something to do, if nothing else happens.
    pub fn wait(&self) -> Option<Moment> {
        if let Some((_, since)) = &self.writing {
            return Some(since.after(HANGING_MIN));
        }
        let snapshot = self.snapshot.filter(|_| self.set.is_some());
        match self.failure {
            Some(failure) if snapshot.is_some() || !self.sources.is_empty() => Some(failure.again),
            Some(_) => None,
            None => snapshot,
        }
    }

    /// Returns whether the state is kept.
    pub fn keeping(&self, now: Moment) -> Keeping {
        match (self.failure, &self.writing) {
            (Some(WriteFailure { since, again, .. }), _) => Keeping::Failing { since, again },
            (None, Some((_, since))) if since.after(HANGING_MIN) <= now => Keeping::Hanging { since: *since },
            (None, _) => Keeping::Kept,
        }
    }

    /// The number of the next log.
    pub fn next_log(&self) -> u64 {
        self.next_log
    }

    /// Returns whether the files have all that was given.
    pub fn is_whole(&self) -> bool {
        let nothing_due = self.snapshot.is_none() && self.sources.is_empty() && self.changes.is_empty();
        nothing_due && self.writing.is_none() && self.failure.is_none() && !self.is_incomplete
    }

    /// Returns whether something is being written.
    pub fn is_writing(&self) -> bool {
        self.writing.is_some()
    }

    /// Returns whether a change waits to be written, or is being written.
    pub fn is_behind(&self) -> bool {
        !self.changes.is_empty() || matches!(self.writing, Some((StateWrite::Append { .. }, _)))
    }
}
