//! A file: read at the start, and again when it is moved into place or closed after writing. A directory of SLURM files
//! likewise, whenever one of them changes, comes or goes.
//!
//! The system tells of that, so nothing is polled; only now and then the file's identity is compared, since network
//! file systems tell nothing. Only such a look, or SIGHUP, may meet a file that is still being written: then it is
//! refused as truncated, and read again when it is closed.

use super::content::{Content, Read, SourceError};
use super::local::{Local, State};
use super::read_file::read_file;
use super::watched::{Told, Watched};
use super::{Context, directory};
use crate::blocking::blocking;
use crate::hub::message::News;
use crate::observe::log::Log;
use crate::observe::log::event::sources::SourceEvent;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, Semaphore};
use tokio::time::{sleep, timeout};

/// Between two looks where the system does not tell of changes.
const POLL: Duration = Duration::from_secs(5);

/// How often a file that was removed is looked for before that is said, and how long between two looks.
const REPLACEMENT_LOOKS: u32 = 20;
const REPLACEMENT_LOOK: Duration = Duration::from_millis(100);

/// How long a directory is left alone after a change: several files often change together.
const SETTLE: Duration = Duration::from_millis(100);

/// Files that are read at a time: each takes the memory of its entries.
static READERS: Semaphore = Semaphore::const_new(2);

/// How long a file waits for the others before it is read beside them.
const READERS_WAIT_MAX: Duration = Duration::from_secs(5);

pub(super) async fn follow(local: Local, context: Context) {
    let changed = Arc::new(Notify::new());
    let mut watched = Watched::new(&local, Arc::clone(&changed));
    loop {
        // Watched and looked at before reading: what changes while it is read is read again.
        let told = watched.renew(&local);
        let seen = look(&local).await;
        // One that could not be read may be readable later without being another.
        let seen = load(&local, &context).await.then_some(seen).flatten();
        wait_for_change(&local, seen, &context, &changed, &mut watched, told).await;
        context.tell(News::Loading).await;
    }
}

/// Waits until there is something else to read, as told by the system, by a look, or by the operator.
async fn wait_for_change(
    local: &Local,
    seen: Option<State>,
    context: &Context,
    changed: &Notify,
    watched: &mut Watched,
    mut told: Told,
) {
    loop {
        let pause = match (told, &seen) {
            (Told::BySystem, Some(_)) => context.options.refresh,
            (Told::BySystem | Told::Not, _) => POLL.min(context.options.refresh),
        };
        tokio::select! {
            () = changed.notified() => match local {
                Local::File(_) => {
                    wait_for_replacement(local, seen.as_ref()).await;
                    return;
                }
                Local::Directory(_) => {
                    sleep(SETTLE).await;
                    wait_for_replacement(local, seen.as_ref()).await;
                }
            },
            () = context.refresh.notified() => return,
            () = sleep(pause) => {}
        }
        if look(local).await != seen {
            SourceEvent::ChangedUnreported { source: &context.name }.log();
            return;
        }
        // A directory that was missing may be there now.
        told = watched.renew(local);
    }
}

/// Gives whoever removed a file, to put another in its place, a moment to do so.
async fn wait_for_replacement(local: &Local, seen: Option<&State>) {
    for _ in 0..REPLACEMENT_LOOKS {
        let is_there = |state: State| seen.is_none_or(|seen| state.has_files_of(seen));
        if look(local).await.is_some_and(is_there) {
            return;
        }
        sleep(REPLACEMENT_LOOK).await;
    }
}

/// What there is now: a network file system may take its time to say so.
async fn look(local: &Local) -> Option<State> {
    let local = local.clone();
    blocking(move || local.state()).await
}

/// Reads what there is and tells the hub; whether it could be read, whatever it says.
async fn load(local: &Local, context: &Context) -> bool {
    let (local, reading, dialect) = (local.clone(), context.reading(), context.options.dialect);
    // Files that hang, on a network file system say, must not keep others from being read.
    let permit = timeout(READERS_WAIT_MAX, READERS.acquire()).await;
    let started = Instant::now();
    let outcome = blocking(move || match local {
        Local::File(path) => read_file(&path, reading),
        Local::Directory(path) => {
            directory::read(&path, dialect).map(|files| Read { content: Content::SlurmDirectory(files), written: None })
        }
    })
    .await;
    drop(permit);
    let failures = failures(&outcome);
    let code = if failures.is_empty() { "ok" } else { "error" };
    let was_read = !failures.iter().any(|failure| matches!(failure, SourceError::File(_) | SourceError::Memory(_)));
    context.tell_outcome(started, code, outcome.map(Some)).await;
    was_read
}

/// All that went wrong.
fn failures(outcome: &Result<Read, SourceError>) -> Vec<&SourceError> {
    match outcome {
        Ok(Read { content: Content::SlurmDirectory(files), .. }) => {
            files.iter().filter_map(|file| file.outcome.as_ref().err()).collect()
        }
        Ok(_) => Vec::new(),
        Err(failure) => vec![failure],
    }
}
