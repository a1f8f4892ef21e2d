//! A directory of SLURM files: those whose names end in `.slurm` or `.json`, in the order of their names.
//!
//! Each file is read on its own, so that a mistake in one does not keep the others from being read. Files with other
//! names are not read, nor are those that begin with a dot: editors and deployment tools leave unfinished files beside
//! the others.

use super::content::{Reading, SLURM_OCTETS_MAX, SlurmOutcome, SourceContent, SourceError};
use super::read_file::read_file;
use rtrcast_feed::SlurmDialect;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The most files that are read.
const FILES_MAX: usize = 256;

/// The most names that a directory may have.
const NAMES_MAX: usize = 10_000;

/// Limit of attempts to read a directory while its files are removed.
const READINGS_MAX: u32 = 5;

/// Suffixes of the files that are read.
const ENDINGS: [&str; 2] = [".slurm", ".json"];

/// Returns true if a file of this name is read.
pub(crate) fn is_slurm_name(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    !name.starts_with(b".") && ENDINGS.iter().any(|ending| name.ends_with(ending.as_bytes()))
}

/// Returns the paths in a directory, in order.
pub(crate) fn names(path: &Path) -> Result<Vec<PathBuf>, SourceError> {
    let entries = fs::read_dir(path).map_err(SourceError::File)?;
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(entry.map_err(SourceError::File)?.path());
        if paths.len() > NAMES_MAX {
            return Err(SourceError::Directory(format!("more than {NAMES_MAX} files are in it")));
        }
    }
    paths.sort();
    Ok(paths)
}

/// Returns the files that are read, in order.
pub(super) fn list(path: &Path) -> Result<Vec<PathBuf>, SourceError> {
    let mut files = names(path)?;
    files.retain(|path| path.file_name().is_some_and(is_slurm_name));
    if files.len() > FILES_MAX {
        let reason =
            format!("{} files in it have a name that ends in .slurm or .json, more than {FILES_MAX}", files.len());
        return Err(SourceError::Directory(reason));
    }
    Ok(files)
}

/// Reads all files. While some are removed it is read again: a directory that is removed is an error, and not an empty
/// directory.
pub(crate) fn read(path: &Path, dialect: SlurmDialect) -> Result<Vec<SlurmOutcome>, SourceError> {
    read_listed(path, list(path)?, dialect)
}

fn read_listed(path: &Path, mut files: Vec<PathBuf>, dialect: SlurmDialect) -> Result<Vec<SlurmOutcome>, SourceError> {
    for _ in 0..READINGS_MAX {
        let outcomes = read_files(&files, dialect)?;
        if outcomes.len() == files.len() {
            return Ok(outcomes);
        }
        files = list(path)?;
    }
    Err(SourceError::Directory(format!("files were removed from it {READINGS_MAX} times while they were read")))
}

/// Reads files, except for those that were removed.
fn read_files(files: &[PathBuf], dialect: SlurmDialect) -> Result<Vec<SlurmOutcome>, SourceError> {
    let octets: u64 = files.iter().filter_map(|file| Some(fs::metadata(file).ok()?.len())).sum();
    if octets > SLURM_OCTETS_MAX as u64 {
        let reason = format!("its files have {octets} bytes together, more than {SLURM_OCTETS_MAX}");
        return Err(SourceError::Directory(reason));
    }
    Ok(files.iter().filter_map(|file| read_slurm_file(file, dialect)).collect())
}

/// Reads one file; none if it was removed meanwhile.
fn read_slurm_file(path: &Path, dialect: SlurmDialect) -> Option<SlurmOutcome> {
    let outcome = match read_file(path, Reading::Slurm(Vec::new(), dialect)) {
        Ok(read) => match read.content {
            SourceContent::Slurm(file) => Ok(file),
            SourceContent::Table(..) | SourceContent::SlurmDirectory(_) => unreachable!("it was read as a SLURM file"),
        },
        Err(SourceError::File(error))
            if error.kind() == io::ErrorKind::NotFound && fs::symlink_metadata(path).is_err() =>
        {
            return None;
        }
        Err(failure) => Err(failure),
    };
    Some(SlurmOutcome { name: path.display().to_string().into(), outcome })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_goes_while_it_is_read_is_not_an_empty_one() {
        let path = std::env::temp_dir().join(format!("rtrcast-directory-{}", std::process::id()));
        let file = path.join("a.slurm");
        fs::create_dir(&path).unwrap();
        fs::write(&file, b"{}").unwrap();
        let files = list(&path).unwrap();
        assert_eq!(files, [file]);
        fs::remove_dir_all(&path).unwrap();
        assert!(matches!(read_listed(&path, files, SlurmDialect::Strict), Err(SourceError::File(_))));
    }

    #[test]
    fn names_of_slurm_files() {
        for name in ["a.slurm", "b.json", "10-lab.slurm", "a.b.json"] {
            assert!(is_slurm_name(OsStr::new(name)), "{name}");
        }
        for name in ["a.slurm~", ".a.json", ".json", "a.json.swp", "README", "a.SLURM", "ajson", "a.toml", "4913"] {
            assert!(!is_slurm_name(OsStr::new(name)), "{name}");
        }
    }
}
