//! What is followed on this machine: a file, or a directory of SLURM files.

use super::content::SourceError;
use super::directory;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A file or a directory.
#[derive(Clone, Debug)]
pub(super) enum Local {
    File(PathBuf),
    Directory(PathBuf),
}

impl Local {
    pub(super) fn path(&self) -> &Path {
        let (Local::File(path) | Local::Directory(path)) = self;
        path
    }

    /// The file, or the files of the directory that are read, in order.
    pub(super) fn files(&self) -> Result<Vec<PathBuf>, SourceError> {
        match self {
            Local::File(path) => Ok(vec![path.clone()]),
            Local::Directory(path) => directory::list(path),
        }
    }

    /// What there is now; none if the file is not there, or the directory can't be listed.
    pub(super) fn state(&self) -> Option<State> {
        match self {
            Local::File(path) => Some(State(vec![(path.clone(), Some(Identity::of(path)?))])),
            Local::Directory(_) => {
                let files = self.files().ok()?;
                let with_identity = |path: PathBuf| (Identity::of(&path), path);
                Some(State(files.into_iter().map(with_identity).map(|(identity, path)| (path, identity)).collect()))
            }
        }
    }
}

/// Files, and what tells a state of each from another one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct State(Vec<(PathBuf, Option<Identity>)>);

impl State {
    /// Whether the files of another state are all there.
    pub(super) fn has_files_of(&self, other: &State) -> bool {
        let is_here = |path: &PathBuf| self.0.iter().any(|(own, identity)| own == path && identity.is_some());
        other.0.iter().all(|(path, _)| is_here(path))
    }
}

/// What tells one state of a file from another.
#[derive(Debug, PartialEq, Eq)]
struct Identity {
    file: u64,
    octets: u64,
    modified: Option<SystemTime>,
}

impl Identity {
    fn of(path: &Path) -> Option<Identity> {
        let metadata = fs::metadata(path).ok()?;
        Some(Identity { file: number(&metadata), octets: metadata.len(), modified: metadata.modified().ok() })
    }
}

/// What tells a file or directory from another of the same name.
#[cfg(unix)]
pub(super) fn number(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
pub(super) fn number(_: &Metadata) -> u64 {
    0
}
