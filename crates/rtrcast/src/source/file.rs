//! A file: read at the start, and again when it is moved into place or closed after writing. A directory of SLURM files
//! likewise, whenever one of them changes, is created or removed.
//!
//! The system reports changes, so the file is not polled; its metadata are only compared at long intervals, since
//! network file systems report nothing. Only such a check, or SIGHUP, may find a file that is still being written: then
//! it is refused as truncated, and read again when it is closed.

use super::content::{Read, SourceContent, SourceError};
use super::local::{FilesState, LocalPath};
use super::read_file::read_file;
use super::watched::{ChangeDetection, DirectoryWatcher};
use super::{SourceContext, directory};
use crate::blocking::file_call;
use crate::hub::message::News;
use crate::observe::log::Log;
use crate::observe::log::event::sources::SourceEvent;
use rtrcast_feed::state::SourceRevision;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, Semaphore};
use tokio::time::{sleep, timeout};

/// Interval of checks where the system does not report changes.
const POLL: Duration = Duration::from_secs(5);

/// Number of checks for a file that was removed before that is logged, and their interval.
const REPLACEMENT_CHECKS_MAX: u32 = 20;
const REPLACEMENT_CHECK: Duration = Duration::from_millis(100);

/// Delay between a change in a directory and its reading: several files often change together.
const SETTLE: Duration = Duration::from_millis(100);

/// Number of files that are read at a time: each takes the memory of its entries.
static READERS: Semaphore = Semaphore::const_new(2);

/// Limit of the time that a file waits for the others.
const READERS_WAIT_MAX: Duration = Duration::from_secs(5);

pub(super) async fn follow(local: LocalPath, context: SourceContext) {
    let changed = Arc::new(Notify::new());
    let mut watched = DirectoryWatcher::new(&local, Arc::clone(&changed));
    loop {
        // Watched and checked before reading, so that a change meanwhile is read.
        let detection = watched.renew(&local);
        let seen = current_state(&local).await;
        // A file that could not be read may become readable without a change.
        let seen = load(&local, &context).await.then_some(seen).flatten();
        wait_for_change(&local, seen, &context, &changed, &mut watched, detection).await;
        context.send(News::Loading).await;
    }
}

/// Waits for a change: reported by the system, found by a check, or requested by the operator.
async fn wait_for_change(
    local: &LocalPath,
    seen: Option<FilesState>,
    context: &SourceContext,
    changed: &Notify,
    watched: &mut DirectoryWatcher,
    mut detection: ChangeDetection,
) {
    loop {
        let pause = match (detection, &seen) {
            (ChangeDetection::BySystem, Some(_)) => context.options.refresh,
            (ChangeDetection::BySystem | ChangeDetection::ByPolling, _) => POLL.min(context.options.refresh),
        };
        tokio::select! {
            () = changed.notified() => match local {
                LocalPath::File(_) => {
                    wait_for_replacement(local, seen.as_ref()).await;
                    return;
                }
                LocalPath::Directory(_) => {
                    sleep(SETTLE).await;
                    wait_for_replacement(local, seen.as_ref()).await;
                }
            },
            () = context.refresh.notified() => return,
            () = sleep(pause) => {}
        }
        if current_state(local).await != seen {
            SourceEvent::ChangedUnreported { source: &context.name }.log();
            return;
        }
        // A directory that was missing may exist now.
        detection = watched.renew(local);
    }
}

/// Waits for a moment where a file was removed, since another may be put in its place.
async fn wait_for_replacement(local: &LocalPath, seen: Option<&FilesState>) {
    for _ in 0..REPLACEMENT_CHECKS_MAX {
        let is_there = |state: FilesState| seen.is_none_or(|seen| state.has_files_of(seen));
        if current_state(local).await.is_some_and(is_there) {
            return;
        }
        sleep(REPLACEMENT_CHECK).await;
    }
}

/// Returns the state of the files; a network file system may be slow.
async fn current_state(local: &LocalPath) -> Option<FilesState> {
    let local = local.clone();
    file_call(move || local.state()).await
}

/// Reads the file, and sends the outcome to the hub. Returns true if it could be read, even if its content is invalid.
async fn load(local: &LocalPath, context: &SourceContext) -> bool {
    let (local, reading, dialect) = (local.clone(), context.reading(), context.options.dialect);
    // A file that hangs, on a network file system for instance, must not keep others from being read.
    let permit = timeout(READERS_WAIT_MAX, READERS.acquire()).await;
    let started = Instant::now();
    let outcome = file_call(move || match local {
        LocalPath::File(path) => read_file(&path, reading),
        LocalPath::Directory(path) => directory::read(&path, dialect).map(|files| Read {
            content: SourceContent::SlurmDirectory(files),
            written: None,
            revision: SourceRevision::Unknown,
        }),
    })
    .await;
    drop(permit);
    let failures = failures(&outcome);
    let code = if failures.is_empty() { "ok" } else { "error" };
    let was_read = !failures.iter().any(|failure| matches!(failure, SourceError::File(_) | SourceError::Memory(_)));
    context.send_outcome(started, code, outcome.map(Some)).await;
    was_read
}

/// Returns all errors of an outcome.
fn failures(outcome: &Result<Read, SourceError>) -> Vec<&SourceError> {
    match outcome {
        Ok(Read { content: SourceContent::SlurmDirectory(files), .. }) => {
            files.iter().filter_map(|file| file.outcome.as_ref().err()).collect()
        }
        Ok(_) => Vec::new(),
        Err(failure) => vec![failure],
    }
}
