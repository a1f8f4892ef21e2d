//! The reading of one file.

use super::content::{Read, Reading, SourceError};
use super::parallel;
use crate::clock::unix_of;
use rtrcast_feed::state::SourceRevision;
use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Reads a file from its beginning to its end.
pub(super) fn read_file(path: &Path, mut reading: Reading) -> Result<Read, SourceError> {
    let kind = fs::metadata(path).map_err(SourceError::File)?.file_type();
    if !kind.is_file() && !kind.is_dir() {
        // Opening a FIFO would wait for a writer.
        return Err(SourceError::File(io::Error::other("not a regular file, but a FIFO, socket or device")));
    }
    if kind.is_dir() && matches!(reading, Reading::Table(..)) {
        let reason = "it is a directory; give the file in it that a validator writes";
        return Err(SourceError::File(io::Error::new(io::ErrorKind::IsADirectory, reason)));
    }
    let file = File::open(path).map_err(SourceError::File)?;
    let written = file.metadata().and_then(|metadata| metadata.modified()).ok().and_then(unix_of);
    parallel::read(file, &mut reading)?;
    Ok(Read { content: reading.finish()?, written, revision: SourceRevision::Unknown })
}
