//! The thread that writes the state: one file operation after the other, and never on a thread that serves routers.

use super::directory::{DirectoryUsage, FileName, SourceHash, StateDirectory};
use super::options::StateOptions;
use rtrcast_feed::curator::Recipe;
use rtrcast_feed::state::{SnapshotHeader, StoredSource};
use rtrcast_proto::Image;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::mpsc as tokio_mpsc;

/// The longest time for which changes in the log are not brought to the disk while others follow.
const SYNC_INTERVAL: Duration = Duration::from_secs(1);

/// Something to write.
#[derive(Debug)]
pub(super) enum WriteJob {
    /// Begin a log with this header.
    BeginLog { number: u64, header: Vec<u8> },
    /// Append a change to the log that was begun last.
    Append { octets: Vec<u8>, is_awaited: bool },
    /// Replace the tables of a source.
    Source { hash: SourceHash, source: Box<StoredSource> },
    /// Replace the snapshot. Files of sources other than these are removed, and logs that are too old.
    Snapshot { header: Box<SnapshotHeader>, recipe: Box<Recipe>, image: Image, sources: Vec<SourceHash> },
}

/// What the thread reports.
#[derive(Debug)]
pub(super) enum WriterReport {
    /// The outcome of a job.
    Done(io::Result<DirectoryUsage>),
    /// A change that was reported as written could not be brought to the disk.
    Lost(io::Error),
}

/// A handle of the thread, which ends with it.
#[derive(Debug)]
pub(super) struct Writer {
    jobs: mpsc::Sender<WriteJob>,
    reports: tokio_mpsc::UnboundedReceiver<WriterReport>,
    is_busy: bool,
}

impl Writer {
    /// Starts the thread. Logs before `first_log` may be removed; without one all are needed.
    pub(super) fn start(directory: StateDirectory, options: &StateOptions, first_log: u64) -> io::Result<Writer> {
        let (jobs, taken) = mpsc::channel();
        let (report, reports) = tokio_mpsc::unbounded_channel();
        let limits = options.clone();
        let work = move || {
            WriterThread { directory, limits, first_log, has_snapshot: false, log: None, unsynced: None }
                .run(&taken, &report)
        };
        thread::Builder::new().name("rtrcast-state".to_owned()).spawn(work)?;
        Ok(Writer { jobs, reports, is_busy: false })
    }

    /// Gives it a job. The next one is only given after the report of this one.
    pub(super) fn write(&mut self, job: WriteJob) {
        self.is_busy = true;
        // That the thread has ended is reported below.
        let _ = self.jobs.send(job);
    }

    /// Returns the next report. May be cancelled.
    pub(super) async fn next(&mut self) -> WriterReport {
        match self.reports.recv().await {
            Some(report) => {
                self.is_busy &= matches!(report, WriterReport::Lost(_));
                report
            }
            None if std::mem::take(&mut self.is_busy) => {
                WriterReport::Done(Err(io::Error::other("the thread has ended")))
            }
            None => std::future::pending().await,
        }
    }
}

struct WriterThread {
    directory: StateDirectory,
    limits: StateOptions,
    /// The first log that the snapshot needs.
    first_log: u64,
    /// True once it has written a snapshot.
    has_snapshot: bool,
    log: Option<File>,
    /// When the oldest change was written that may not be on the disk.
    unsynced: Option<Instant>,
}

impl WriterThread {
    fn run(mut self, jobs: &mpsc::Receiver<WriteJob>, report: &tokio_mpsc::UnboundedSender<WriterReport>) {
        while let Ok(job) = jobs.recv() {
            let mut job = Some(job);
            while let Some(next) = job.take() {
                let written = self.directory.check_lock().and_then(|()| self.write(next));
                let outcome = written.and_then(|()| self.check_files()).and_then(|()| self.directory.usage());
                if report.send(WriterReport::Done(outcome)).is_err() {
                    return;
                }
                if self.unsynced.is_some_and(|since| since.elapsed() < SYNC_INTERVAL) {
                    job = jobs.try_recv().ok();
                }
            }
            if let Err(error) = self.sync() {
                let _ = report.send(WriterReport::Lost(error));
            }
        }
    }

    fn write(&mut self, job: WriteJob) -> io::Result<()> {
        match job {
            WriteJob::BeginLog { number, header } => {
                self.sync()?;
                self.make_room(self.directory.usage()?.octets + header.len() as u64)?;
                let begun = self.directory.begin_log(number, &header);
                self.log = Some(begun.inspect_err(|_| drop(self.directory.remove(&FileName::Log(number))))?);
            }
            WriteJob::Append { octets, is_awaited } => {
                self.make_room(self.directory.usage()?.octets + octets.len() as u64)?;
                let Some(log) = &mut self.log else { return Err(io::Error::other("no log is open")) };
                let length = log.metadata()?.len();
                if let Err(error) = log.write_all(&octets) {
                    // A part of a change would take room on a disk that may be full. The next one goes to another log.
                    let _ = log.set_len(length);
                    self.log = None;
                    return Err(error);
                }
                self.unsynced.get_or_insert_with(Instant::now);
                if is_awaited {
                    self.sync()?;
                }
            }
            WriteJob::Source { hash, source } => {
                self.replace(&FileName::Source(hash), |mut emit| source.write(&mut emit))?;
            }
            WriteJob::Snapshot { header, recipe, image, sources } => {
                self.sync()?;
                let table = recipe.table(&image);
                drop((recipe, image));
                self.replace(&FileName::Snapshot, |mut emit| header.write(&table, &mut emit))?;
                (self.first_log, self.has_snapshot) = (header.log, true);
                self.remove_old(&sources)?;
            }
        }
        Ok(())
    }

    /// Finds files that somebody removed: they are written anew.
    fn check_files(&mut self) -> io::Result<()> {
        if self.has_snapshot && !self.directory.path(&FileName::Snapshot).exists() {
            return Err(io::Error::other("somebody removed the snapshot"));
        }
        if let Some(log) = &self.log
            && log.metadata()?.nlink() == 0
        {
            self.log = None;
            return Err(io::Error::other("somebody removed the log"));
        }
        Ok(())
    }

    /// Brings the changes of the log to the disk. It is not tried again: after a failure the system may take for written
    /// what is not.
    fn sync(&mut self) -> io::Result<()> {
        let (Some(_), Some(log)) = (self.unsynced.take(), &self.log) else { return Ok(()) };
        log.sync_data().inspect_err(|_| self.log = None)
    }

    fn replace(
        &self,
        name: &FileName,
        write: impl FnOnce(&mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()>,
    ) -> io::Result<()> {
        // The old file is there until the new one is complete.
        let mut used = self.directory.usage()?.octets;
        self.directory.replace(name, |out| {
            write(&mut |octets: &[u8]| {
                used += octets.len() as u64;
                used -= self.make_room(used)?;
                out.write_all(octets)
            })
        })
    }

    /// Has room, where so many octets are used or about to be, by removing logs that only the record of changes needs.
    /// Returns how many octets are free by that.
    fn make_room(&self, used: u64) -> io::Result<u64> {
        let excess = used.saturating_sub(self.limits.octets_max);
        let freed = if excess > 0 { self.remove_logs(excess)? } else { 0 };
        if freed < excess { Err(self.too_large()) } else { Ok(freed) }
    }

    fn too_large(&self) -> io::Error {
        io::Error::other(format!("it would take more than {} MiB (--state-max)", self.limits.octets_max / 1024 / 1024))
    }

    /// Removes logs that the snapshot does not need, the oldest first, until so many octets are free. Returns how many
    /// are.
    fn remove_logs(&self, octets: u64) -> io::Result<u64> {
        let mut freed = 0;
        for number in self.directory.files()?.iter().filter_map(FileName::log_number) {
            if freed >= octets || number >= self.first_log {
                break;
            }
            freed += self.remove(&FileName::Log(number))?;
        }
        Ok(freed)
    }

    /// Removes logs whose last change is too old, and files of sources that are not configured.
    fn remove_old(&self, sources: &[SourceHash]) -> io::Result<()> {
        let oldest = SystemTime::now().checked_sub(self.limits.changes_keep);
        for name in self.directory.files()? {
            let is_old = match name {
                FileName::Snapshot => false,
                FileName::Source(hash) => !sources.contains(&hash),
                FileName::Log(number) => {
                    let modified = self.directory.path(&name).metadata()?.modified()?;
                    number < self.first_log && oldest.is_some_and(|oldest| modified < oldest)
                }
            };
            if is_old {
                self.remove(&name)?;
            }
        }
        Ok(())
    }

    fn remove(&self, name: &FileName) -> io::Result<u64> {
        let octets = self.directory.path(name).metadata()?.len();
        self.directory.remove(name)?;
        Ok(octets)
    }
}
