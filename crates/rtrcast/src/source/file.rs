//! A file: read at the start, and again when it is moved into place or closed after writing.
//!
//! The system tells of that, so nothing is polled; only now and then the file's identity is compared, since network
//! file systems tell nothing. A file that is still being written is left alone until it is closed.

use super::{Context, Failure, SOURCE_OCTETS_MAX, into_table};
use crate::hub::Input;
use notify::event::{AccessKind, AccessMode, ModifyKind, RenameMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use rtrcast_feed::json::Reader;
use rtrcast_feed::{Table, Tally};
use rtrcast_proto::Version;
use std::collections::BTreeSet;
use std::fs::{self, File, Metadata};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tracing::{debug, warn};

/// How much is read at once.
const PIECE_OCTETS: usize = 256 * 1024;

/// Between two looks where the system does not tell of changes.
const POLL: Duration = Duration::from_secs(5);

pub(super) async fn follow(path: PathBuf, context: Context) {
    let changed = Arc::new(Notify::new());
    let mut watched = Watched::new(&path, Arc::clone(&changed));
    loop {
        // Watched and looked at before reading: what changes while it is read is read again.
        let told = watched.renew(&path);
        let seen = Identity::of(&path);
        load(&path, &context).await;
        wait_for_change(&path, seen, &context, &changed, &mut watched, told).await;
        context.tell(Input::Loading).await;
    }
}

/// Waits until the file is another, as told by the system, by a look, or by the operator.
async fn wait_for_change(
    path: &Path,
    seen: Option<Identity>,
    context: &Context,
    changed: &Notify,
    watched: &mut Watched,
    mut told: Told,
) {
    loop {
        let pause = match told {
            Told::BySystem => context.refresh,
            Told::Not => POLL.min(context.refresh),
        };
        tokio::select! {
            () = changed.notified() => return,
            () = context.bell.notified() => return,
            () = sleep(pause) => {
                let now = Identity::of(path);
                if now.is_some() && now != seen {
                    debug!("{}: changed, as a look shows", context.name);
                    return;
                }
                // A directory that was missing may be there now.
                told = watched.renew(path);
            }
        }
    }
}

async fn load(path: &Path, context: &Context) {
    let started = Instant::now();
    let (path, version) = (path.to_owned(), context.version());
    let outcome = match spawn_blocking(move || read(&path, version)).await {
        Ok(outcome) => outcome,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    };
    let code = if outcome.is_ok() { "ok" } else { "error" };
    context.tell_outcome(started, code, outcome.map(Some)).await;
}

fn read(path: &Path, version: Version) -> Result<(Table, Tally), Failure> {
    let mut file = File::open(path).map_err(Failure::File)?;
    let mut reader = Reader::new();
    let mut piece = vec![0; PIECE_OCTETS];
    let mut total = 0_u64;
    loop {
        let octets = file.read(&mut piece).map_err(Failure::File)?;
        let Some(fresh) = piece.get(..octets).filter(|fresh| !fresh.is_empty()) else { break };
        total += fresh.len() as u64;
        if total > SOURCE_OCTETS_MAX {
            return Err(Failure::TooLarge);
        }
        reader.push(fresh).map_err(Failure::Content)?;
    }
    drop(piece);
    into_table(reader, version)
}

/// What tells one state of a file from another.
#[derive(Debug, PartialEq, Eq)]
struct Identity {
    file: u64,
    octets: u64,
    modified: Option<std::time::SystemTime>,
}

impl Identity {
    fn of(path: &Path) -> Option<Identity> {
        let metadata = fs::metadata(path).ok()?;
        Some(Identity { file: number(&metadata), octets: metadata.len(), modified: metadata.modified().ok() })
    }
}

#[cfg(unix)]
fn number(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
fn number(_: &Metadata) -> u64 {
    0
}

/// Whether the system tells of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    BySystem,
    Not,
}

/// The directories in which a change of the file would show: where its name is, and where it really lies.
struct Watched {
    watcher: Option<RecommendedWatcher>,
    directories: BTreeSet<PathBuf>,
}

impl Watched {
    fn new(path: &Path, changed: Arc<Notify>) -> Watched {
        let path = path.to_owned();
        let real = std::sync::Mutex::new(fs::canonicalize(&path).ok());
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // An error means that events were lost: look.
            if event.is_err() || event.is_ok_and(|event| concerns(&event, &path, &real)) {
                changed.notify_one();
            }
        });
        let watcher = watcher
            .inspect_err(|error| warn!("the system does not tell of changes to files ({error}); looking often"))
            .ok();
        Watched { watcher, directories: BTreeSet::new() }
    }

    /// Watches where the file is now.
    fn renew(&mut self, path: &Path) -> Told {
        let Some(watcher) = &mut self.watcher else { return Told::Not };
        let real = fs::canonicalize(path).ok();
        let wanted: BTreeSet<PathBuf> = [Some(path), real.as_deref()].into_iter().flatten().map(directory_of).collect();
        for gone in self.directories.difference(&wanted) {
            let _ = watcher.unwatch(gone);
        }
        self.directories.retain(|directory| wanted.contains(directory));
        let mut told = Told::BySystem;
        for fresh in wanted {
            if self.directories.contains(&fresh) {
                continue;
            }
            match watcher.watch(&fresh, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.directories.insert(fresh);
                }
                Err(error) => {
                    debug!("can't watch {}: {error}", fresh.display());
                    told = Told::Not;
                }
            }
        }
        told
    }
}

fn directory_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Whether an event says that the file is another now, and complete.
fn concerns(event: &notify::Event, path: &Path, real: &std::sync::Mutex<Option<PathBuf>>) -> bool {
    let settled = match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        // Where both names are told at once, the new one has been told before.
        EventKind::Modify(ModifyKind::Name(RenameMode::To | RenameMode::Any)) => true,
        // A new name of a complete file: a link. A plain file is complete when it is closed.
        EventKind::Create(_) => event.paths.iter().any(|path| is_link(path)),
        // Elsewhere than on Linux the end of writing is not told.
        EventKind::Modify(ModifyKind::Data(_)) => cfg!(not(target_os = "linux")),
        _ => false,
    };
    if !settled {
        return false;
    }
    let mut real = real.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let named = |path: &Path| event.paths.iter().any(|changed| changed.file_name() == path.file_name());
    let now = fs::canonicalize(path).ok();
    let moved = now != *real;
    let concerned = named(path) || real.as_deref().is_some_and(named) || moved;
    *real = now;
    concerned
}

fn is_link(path: &Path) -> bool {
    let Ok(metadata) = fs::symlink_metadata(path) else { return false };
    #[cfg(unix)]
    let linked = std::os::unix::fs::MetadataExt::nlink(&metadata) > 1;
    #[cfg(not(unix))]
    let linked = false;
    metadata.is_symlink() || linked
}
