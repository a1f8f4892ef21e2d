//! Paths on this machine: a file, or a directory of SLURM files.

use super::content::SourceError;
use super::directory;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A file or a directory.
#[derive(Clone, Debug)]
pub(super) enum LocalPath {
    File(PathBuf),
    Directory(PathBuf),
}

impl LocalPath {
    pub(super) fn path(&self) -> &Path {
        let (LocalPath::File(path) | LocalPath::Directory(path)) = self;
        path
    }

    /// Returns the file, or the files of the directory that are read, in order.
    pub(super) fn files(&self) -> Result<Vec<PathBuf>, SourceError> {
        match self {
            LocalPath::File(path) => Ok(vec![path.clone()]),
            LocalPath::Directory(path) => directory::list(path),
        }
    }

    /// Returns the state of the files; none if the file is missing, or the directory can't be listed.
    pub(super) fn state(&self) -> Option<FilesState> {
        match self {
            LocalPath::File(path) => Some(FilesState(vec![(path.clone(), Some(FileIdentity::of(path)?))])),
            LocalPath::Directory(_) => {
                let files = self.files().ok()?;
                let with_identity = |path: PathBuf| (FileIdentity::of(&path), path);
                Some(FilesState(
                    files.into_iter().map(with_identity).map(|(identity, path)| (path, identity)).collect(),
                ))
            }
        }
    }
}

/// Files with the metadata that change with their content.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FilesState(Vec<(PathBuf, Option<FileIdentity>)>);

impl FilesState {
    /// Returns true if the files of another state are all there.
    pub(super) fn has_files_of(&self, other: &FilesState) -> bool {
        let is_here = |path: &PathBuf| self.0.iter().any(|(own, identity)| own == path && identity.is_some());
        other.0.iter().all(|(path, _)| is_here(path))
    }
}

/// Metadata of a file that change with its content.
#[derive(Debug, PartialEq, Eq)]
struct FileIdentity {
    file: u64,
    octets: u64,
    modified: Option<SystemTime>,
}

impl FileIdentity {
    fn of(path: &Path) -> Option<FileIdentity> {
        let metadata = fs::metadata(path).ok()?;
        Some(FileIdentity { file: inode(&metadata), octets: metadata.len(), modified: metadata.modified().ok() })
    }
}

/// Returns the number that distinguishes a file or directory from another of the same name.
#[cfg(unix)]
pub(super) fn inode(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
pub(super) fn inode(_: &Metadata) -> u64 {
    0
}
