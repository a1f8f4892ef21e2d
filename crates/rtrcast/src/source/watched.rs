//! The directories in which changes of a file, or of a directory of files, would show, and what the system tells of them.

use super::local::{Local, number};
use crate::observe::log::Log;
use crate::observe::log::event::sources::SourceEvent;
use notify::event::{AccessKind, AccessMode, ModifyKind, RenameMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// Whether the system tells of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    BySystem,
    Not,
}

/// Each directory has the number that tells it from another of the same name, for a directory that is replaced is no
/// longer watched.
pub(super) struct Watched {
    watcher: Option<RecommendedWatcher>,
    directories: BTreeMap<PathBuf, u64>,
}

impl Watched {
    pub(super) fn new(local: &Local, changed: Arc<Notify>) -> Watched {
        let local = local.clone();
        let real = Mutex::new(fs::canonicalize(local.path()).ok());
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Events that were lost may have been about this file: look.
            if event.is_err() || event.is_ok_and(|event| event.need_rescan() || concerns(&event, &local, &real)) {
                changed.notify_one();
            }
        });
        let watcher = watcher.inspect_err(|error| SourceEvent::WatchUnavailable { error }.log()).ok();
        Watched { watcher, directories: BTreeMap::new() }
    }

    /// Watches where the files are now.
    pub(super) fn renew(&mut self, local: &Local) -> Told {
        let Some(watcher) = &mut self.watcher else { return Told::Not };
        let mut told = Told::BySystem;
        let mut wanted = BTreeMap::new();
        for directory in directories(local) {
            // By its real name: two watches of one directory would be one, and end together.
            let real = fs::canonicalize(&directory);
            match real.and_then(|real| Ok((number(&fs::metadata(&real)?), real))) {
                Ok((number, real)) => {
                    wanted.insert(real, number);
                }
                Err(error) => {
                    SourceEvent::WatchFailed { directory: &directory.display(), error: &error }.log();
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
                    SourceEvent::WatchFailed { directory: &directory.display(), error: &error }.log();
                    told = Told::Not;
                }
            }
        }
        told
    }
}

/// Where changes show: the directories that the names are in, and those where the files really lie.
fn directories(local: &Local) -> Vec<PathBuf> {
    let mut directories = Vec::new();
    let mut add = |path: &Path| {
        directories.push(directory_of(path));
        directories.extend(fs::canonicalize(path).ok().map(|real| directory_of(&real)));
    };
    add(local.path());
    if let Local::Directory(path) = local {
        local.files().unwrap_or_default().iter().filter(|file| file.is_symlink()).for_each(|file| add(file));
        directories.push(path.clone());
    }
    directories
}

fn directory_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Whether an event says that a file is another now, and complete. With a directory each event may be about a file, since
/// a file there may be a link to a link: what it is about, a look will tell.
fn concerns(event: &notify::Event, local: &Local, real: &Mutex<Option<PathBuf>>) -> bool {
    let settled = match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        // Where both names are told at once, the new one has been told before.
        EventKind::Modify(ModifyKind::Name(RenameMode::To | RenameMode::Any)) => true,
        // Gone: whether another takes its place, a look will tell.
        EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(RenameMode::From)) => true,
        // A new name of a complete file: a link. A plain file is complete when it is closed.
        EventKind::Create(_) => event.paths.iter().any(|path| path.is_dir() || is_link(path)),
        // Elsewhere than on Linux the end of writing is not told.
        EventKind::Modify(ModifyKind::Data(_)) => cfg!(not(target_os = "linux")),
        _ => false,
    };
    if !settled || matches!(local, Local::Directory(_)) {
        return settled;
    }
    let mut real = real.lock().unwrap_or_else(PoisonError::into_inner);
    let named = |path: &Path| event.paths.iter().any(|changed| changed.file_name() == path.file_name());
    let now = fs::canonicalize(local.path()).ok();
    let moved = now != *real;
    let concerned = named(local.path()) || real.as_deref().is_some_and(named) || moved;
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
