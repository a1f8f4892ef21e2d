//! A file: read at the start, and again when it is moved into place or closed after writing.
//!
//! The system tells of that, so nothing is polled; only now and then the file's identity is compared, since network
//! file systems tell nothing. Only such a look, or SIGHUP, may meet a file that is still being written: then it is
//! refused as truncated, and read again when it is closed.

use super::{Context, Failure, Read, Reading, ahead, blocking, unix_of};
use crate::hub::News;
use notify::event::{AccessKind, AccessMode, ModifyKind, RenameMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, Semaphore};
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

/// Between two looks where the system does not tell of changes.
const POLL: Duration = Duration::from_secs(5);

/// How often a file that was removed is looked for before that is said, and how long between two looks.
const REPLACEMENT_LOOKS: u32 = 20;
const REPLACEMENT_LOOK: Duration = Duration::from_millis(100);

/// Files that are read at a time: each takes the memory of its entries.
static READERS: Semaphore = Semaphore::const_new(2);

/// How long a file waits for the others before it is read beside them.
const READERS_WAIT_MAX: Duration = Duration::from_secs(5);

pub(super) async fn follow(path: PathBuf, context: Context) {
    let changed = Arc::new(Notify::new());
    let mut watched = Watched::new(&path, Arc::clone(&changed));
    loop {
        // Watched and looked at before reading: what changes while it is read is read again.
        let told = watched.renew(&path);
        let seen = Identity::of(&path);
        // One that could not be read may be readable later without being another.
        let seen = load(&path, &context).await.then_some(seen).flatten();
        wait_for_change(&path, seen, &context, &changed, &mut watched, told).await;
        context.tell(News::Loading).await;
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
        let pause = match (told, &seen) {
            (Told::BySystem, Some(_)) => context.habits.refresh,
            (Told::BySystem | Told::Not, _) => POLL.min(context.habits.refresh),
        };
        tokio::select! {
            () = changed.notified() => return wait_for_replacement(path).await,
            () = context.bell.notified() => return,
            () = sleep(pause) => {
                let now = Identity::of(path);
                if now != seen {
                    debug!("{}: changed, as a look shows", context.name);
                    return;
                }
                // A directory that was missing may be there now.
                told = watched.renew(path);
            }
        }
    }
}

/// Gives whoever removed a file, to put another in its place, a moment to do so.
async fn wait_for_replacement(path: &Path) {
    for _ in 0..REPLACEMENT_LOOKS {
        if Identity::of(path).is_some() {
            return;
        }
        sleep(REPLACEMENT_LOOK).await;
    }
}

/// Reads the file and tells the hub; whether it could be read, whatever it says.
async fn load(path: &Path, context: &Context) -> bool {
    let (path, reading) = (path.to_owned(), context.reading());
    // Files that hang, on a network file system say, must not keep others from being read.
    let permit = timeout(READERS_WAIT_MAX, READERS.acquire()).await;
    let started = Instant::now();
    let outcome = blocking(move || read(&path, reading)).await;
    drop(permit);
    let code = if outcome.is_ok() { "ok" } else { "error" };
    let was_read = !matches!(outcome, Err(Failure::File(_) | Failure::Memory(_)));
    context.tell_outcome(started, code, outcome.map(Some)).await;
    was_read
}

pub(super) fn read(path: &Path, mut reading: Reading) -> Result<Read, Failure> {
    let kind = fs::metadata(path).map_err(Failure::File)?.file_type();
    if !kind.is_file() && !kind.is_dir() {
        // Opening a FIFO would wait for a writer, for ever perhaps.
        return Err(Failure::File(io::Error::other("not a regular file, but a FIFO, socket or device")));
    }
    let file = File::open(path).map_err(Failure::File)?;
    let written = file.metadata().and_then(|metadata| metadata.modified()).ok().and_then(unix_of);
    ahead::read(file, &mut reading)?;
    Ok(Read { content: reading.finish()?, written })
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

/// The directories in which a change of the file would show: where its name is, and where it really lies. Each has the
/// number that tells it from another of the same name, for a directory that is replaced is no longer watched.
struct Watched {
    watcher: Option<RecommendedWatcher>,
    directories: BTreeMap<PathBuf, u64>,
}

impl Watched {
    fn new(path: &Path, changed: Arc<Notify>) -> Watched {
        let path = path.to_owned();
        let real = std::sync::Mutex::new(fs::canonicalize(&path).ok());
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Events that were lost may have been about this file: look.
            if event.is_err() || event.is_ok_and(|event| event.need_rescan() || concerns(&event, &path, &real)) {
                changed.notify_one();
            }
        });
        let watcher = watcher
            .inspect_err(|error| warn!("the system does not tell of changes to files ({error}); looking often"))
            .ok();
        Watched { watcher, directories: BTreeMap::new() }
    }

    /// Watches where the file is now.
    fn renew(&mut self, path: &Path) -> Told {
        let Some(watcher) = &mut self.watcher else { return Told::Not };
        let real = fs::canonicalize(path).ok();
        let mut told = Told::BySystem;
        let mut wanted = BTreeMap::new();
        for path in [Some(path), real.as_deref()].into_iter().flatten() {
            // By its real name: two watches of one directory would be one, and end together.
            let directory = fs::canonicalize(directory_of(path));
            match directory.and_then(|directory| Ok((number(&fs::metadata(&directory)?), directory))) {
                Ok((number, directory)) => {
                    wanted.insert(directory, number);
                }
                Err(error) => {
                    debug!("can't watch the directory of {}: {error}", path.display());
                    told = Told::Not;
                }
            }
        }
        for gone in self.directories.iter().filter(|(directory, number)| wanted.get(*directory) != Some(number)) {
            // The system may have forgotten it already.
            let _ = watcher.unwatch(gone.0);
        }
        self.directories.retain(|directory, number| wanted.get(directory) == Some(number));
        for (directory, number) in wanted {
            if self.directories.contains_key(&directory) {
                continue;
            }
            match watcher.watch(&directory, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.directories.insert(directory, number);
                }
                Err(error) => {
                    debug!("can't watch {}: {error}", directory.display());
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
        // Gone: whether another takes its place, a look will tell.
        EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(RenameMode::From)) => true,
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
