//! Watches on the directories in which changes of a file, or of a directory of files, are reported by the system.

use super::local::{LocalPath, inode};
use crate::observe::log::Log;
use crate::observe::log::event::sources::SourceEvent;
use notify::event::{AccessKind, AccessMode, ModifyKind, RenameMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// The way in which changes are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChangeDetection {
    BySystem,
    ByPolling,
}

/// The directories that are watched, each with its inode: a directory that was replaced by another of the same name is
/// watched no longer.
pub(super) struct DirectoryWatcher {
    watcher: Option<RecommendedWatcher>,
    directories: BTreeMap<PathBuf, u64>,
}

impl DirectoryWatcher {
    pub(super) fn new(local: &LocalPath, changed: Arc<Notify>) -> DirectoryWatcher {
        let local = local.clone();
        let real = Mutex::new(fs::canonicalize(local.path()).ok());
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Lost events may have been about this file.
            if event.is_err() || event.is_ok_and(|event| event.need_rescan() || concerns(&event, &local, &real)) {
                changed.notify_one();
            }
        });
        let watcher = watcher.inspect_err(|error| SourceEvent::WatchUnavailable { error }.log()).ok();
        DirectoryWatcher { watcher, directories: BTreeMap::new() }
    }

    /// Watches the directories in which the files are now.
    pub(super) fn renew(&mut self, local: &LocalPath) -> ChangeDetection {
        let Some(watcher) = &mut self.watcher else { return ChangeDetection::ByPolling };
        let mut detection = ChangeDetection::BySystem;
        let mut wanted = BTreeMap::new();
        for directory in directories(local) {
            // By its canonical path: two watches of one directory would be one, and end together.
            let real = fs::canonicalize(&directory);
            match real.and_then(|real| Ok((inode(&fs::metadata(&real)?), real))) {
                Ok((inode, real)) => {
                    wanted.insert(real, inode);
                }
                Err(error) => {
                    SourceEvent::WatchFailed { directory: &directory.display(), error: &error }.log();
                    detection = ChangeDetection::ByPolling;
                }
            }
        }
        for gone in self.directories.iter().filter(|(directory, inode)| wanted.get(*directory) != Some(inode)) {
            // The system may have removed the watch already.
            let _ = watcher.unwatch(gone.0);
        }
        self.directories.retain(|directory, inode| wanted.get(directory) == Some(inode));
        for (directory, inode) in wanted {
            if self.directories.contains_key(&directory) {
                continue;
            }
            match watcher.watch(&directory, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.directories.insert(directory, inode);
                }
                Err(error) => {
                    SourceEvent::WatchFailed { directory: &directory.display(), error: &error }.log();
                    detection = ChangeDetection::ByPolling;
                }
            }
        }
        detection
    }
}

/// Returns the directories in which changes are reported: those of the names, and those of the files that links lead
/// to.
fn directories(local: &LocalPath) -> Vec<PathBuf> {
    let mut directories = Vec::new();
    let mut add = |path: &Path| {
        directories.push(directory_of(path));
        directories.extend(fs::canonicalize(path).ok().map(|real| directory_of(&real)));
    };
    add(local.path());
    if let LocalPath::Directory(path) = local {
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

/// Returns true if an event means that a file was replaced and is complete. In a directory each event may be about a
/// file, since a file there may be a link to a link; the state of the files decides.
fn concerns(event: &notify::Event, local: &LocalPath, real: &Mutex<Option<PathBuf>>) -> bool {
    let settled = match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        // Where an event has both names, an event of the new one alone came before.
        EventKind::Modify(ModifyKind::Name(RenameMode::To | RenameMode::Any)) => true,
        // Removed: the state of the files tells whether another took its place.
        EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(RenameMode::From)) => true,
        // A new name of a complete file: a link. A plain file is complete when it is closed.
        EventKind::Create(_) => event.paths.iter().any(|path| path.is_dir() || is_link(path)),
        // Only Linux reports the end of writing.
        EventKind::Modify(ModifyKind::Data(_)) => cfg!(not(target_os = "linux")),
        _ => false,
    };
    if !settled || matches!(local, LocalPath::Directory(_)) {
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
