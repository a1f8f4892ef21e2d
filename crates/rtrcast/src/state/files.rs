//! Files of state, read whole or as a stream.

use crate::observe::describe::plain;
use rtrcast_feed::state::{
    ChangeLog, MachineId, ReadStateError, Snapshot, SnapshotReader, SourceReader, StateError, StoredSource,
};
use rtrcast_net::DataSink;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Octets that are read at a time.
const READ_OCTETS: usize = 256 * 1024;

/// Reason that a file of state can't be used.
#[derive(Debug)]
pub(crate) enum StateFileError {
    /// It can't be read.
    Io(io::Error),
    /// It is damaged, or of another format.
    State(StateError),
    /// There is no memory for it.
    Memory(io::Error),
    /// It is of another machine, which may be serving the same sets further on.
    OtherMachine,
    /// It has the name of another file.
    Renamed,
}

impl StateFileError {
    /// Returns whether the file itself is the reason, so that it will never be of use.
    pub(crate) fn is_of_file(&self) -> bool {
        match self {
            StateFileError::State(_) | StateFileError::OtherMachine | StateFileError::Renamed => true,
            StateFileError::Io(_) | StateFileError::Memory(_) => false,
        }
    }
}

impl fmt::Display for StateFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StateFileError::Io(error) => write!(f, "it can't be read: {}", plain(error)),
            StateFileError::State(error) => write!(f, "{error}"),
            StateFileError::Memory(error) => write!(f, "there is no memory for it: {}", plain(error)),
            StateFileError::OtherMachine => f.write_str("it is of another machine (by /etc/machine-id)"),
            StateFileError::Renamed => f.write_str("it has the name of another file"),
        }
    }
}

impl From<ReadStateError<io::Error>> for StateFileError {
    fn from(error: ReadStateError<io::Error>) -> StateFileError {
        match error {
            ReadStateError::State(error) => StateFileError::State(error),
            ReadStateError::Sink(error) => StateFileError::Memory(error),
        }
    }
}

/// Reads a snapshot; none if there is no such file.
pub(super) fn snapshot(path: &Path) -> Result<Option<Snapshot>, StateFileError> {
    let mut reader = SnapshotReader::new(DataSink::new);
    let is_found = stream(path, |octets| reader.push(octets))?;
    is_found.then(|| reader.finish().map_err(StateFileError::from)).transpose()
}

/// Reads the tables of a source; none if there is no such file.
pub(super) fn source(path: &Path) -> Result<Option<StoredSource>, StateFileError> {
    let mut reader = SourceReader::new(DataSink::new);
    let is_found = stream(path, |octets| reader.push(octets))?;
    is_found.then(|| reader.finish().map_err(StateFileError::from)).transpose()
}

/// Reads a log. One without a whole change is not an error, nor is one that ends within a change.
pub(super) fn log(path: &Path, number: u64) -> Result<ChangeLog, StateFileError> {
    let octets = std::fs::read(path).map_err(StateFileError::Io)?;
    let log = ChangeLog::read(&octets).map_err(StateFileError::State)?;
    if log.header.number == number { Ok(log) } else { Err(StateFileError::Renamed) }
}

/// Calls `push` with the octets of a file. Returns false if there is none.
fn stream(
    path: &Path,
    mut push: impl FnMut(&[u8]) -> Result<(), ReadStateError<io::Error>>,
) -> Result<bool, StateFileError> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(StateFileError::Io(error)),
    };
    let mut octets = vec![0; READ_OCTETS];
    loop {
        match file.read(&mut octets) {
            Ok(0) => return Ok(true),
            Ok(count) => push(octets.get(..count).unwrap_or_default())?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(StateFileError::Io(error)),
        }
    }
}

/// Returns the identifier of this machine; none where there is none.
pub(super) fn machine_id() -> Option<MachineId> {
    let text = std::fs::read_to_string("/etc/machine-id").ok()?;
    let digits = text.trim();
    let id = u128::from_str_radix(digits, 16).ok().filter(|id| *id != 0 && digits.len() == 32)?;
    Some(MachineId(id.to_be_bytes()))
}
