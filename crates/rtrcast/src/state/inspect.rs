//! Looking at a state directory, also while a cache uses it: nothing is locked, renamed or written.

use super::directory::{self, FileName};
use super::files::{self, StateFileError};
use rtrcast_feed::state::{Change, ChangeLog, Recovered, SetHash, Snapshot, StoredSource, recover};
use rtrcast_net::DataSink;
use rtrcast_proto::HistoryLimits;
use std::fs;
use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

/// A file, and what it is.
#[derive(Debug)]
pub(crate) struct FoundFile {
    pub(crate) name: String,
    pub(crate) octets: u64,
    pub(crate) content: FoundContent,
}

/// The content of a file.
#[derive(Debug)]
pub(crate) enum FoundContent {
    Snapshot(Box<Snapshot>),
    Log(ChangeLog),
    Source(Box<StoredSource>),
    Unusable(StateFileError),
}

/// Reads all files. One that is removed meanwhile is passed over.
pub(crate) fn inspect(path: &Path) -> io::Result<Vec<FoundFile>> {
    let mut found = Vec::new();
    for name in directory::files(path)? {
        let file = path.join(name.to_string());
        let Ok(octets) = fs::metadata(&file).map(|metadata| metadata.len()) else { continue };
        let content = match &name {
            FileName::Snapshot => files::snapshot(&file).map(|found| found.map(Box::new).map(FoundContent::Snapshot)),
            FileName::Source(_) => files::source(&file).map(|found| found.map(Box::new).map(FoundContent::Source)),
            FileName::Log(number) => files::log(&file, *number).map(FoundContent::Log).map(Some),
        };
        let content = match content {
            Ok(None) => continue,
            Ok(Some(content)) => content,
            Err(error) => FoundContent::Unusable(error),
        };
        found.push(FoundFile { name: name.to_string(), octets, content });
    }
    Ok(found)
}

/// Takes up the line, as a start does; none without a snapshot. The files are used up.
pub(crate) fn take_up(found: Vec<FoundFile>) -> Option<io::Result<Recovered>> {
    let (mut snapshot, mut logs) = (None, Vec::new());
    for file in found {
        match file.content {
            FoundContent::Snapshot(found) => snapshot = Some(*found),
            FoundContent::Log(log) => logs.push(log),
            FoundContent::Source(_) | FoundContent::Unusable(_) => {}
        }
    }
    Some(recover(snapshot?, &logs, HistoryLimits::default(), DataSink::new()))
}

/// Returns whether a snapshot is of another machine.
pub(crate) fn is_of_other_machine(snapshot: &Snapshot) -> bool {
    files::machine_id().zip(snapshot.header.machine).is_some_and(|(own, other)| own != other)
}

/// Returns whether a set has the hash of its name.
pub(crate) fn is_named_rightly(recovered: &Recovered) -> bool {
    SetHash::of(recovered.table.image()) == recovered.set.hash
}

/// Calls `each` with the changes of all logs, the oldest first, but for those that lie in a log that was written last
/// before `since`. Returns the time from which on there are changes, in seconds since 1970.
pub(crate) fn read_changes(path: &Path, since: Option<u32>, mut each: impl FnMut(&Change)) -> io::Result<Option<u32>> {
    let mut begins = None;
    for number in directory::files(path)?.iter().filter_map(FileName::log_number) {
        let file = path.join(FileName::Log(number).to_string());
        let is_wanted = |modified: u64| begins.is_none() || since.is_none_or(|since| u64::from(since) <= modified);
        let modified = fs::metadata(&file).and_then(|metadata| metadata.modified());
        let modified = modified.ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        if !modified.is_some_and(|time| is_wanted(time.as_secs())) {
            continue;
        }
        match files::log(&file, number) {
            Ok(log) => {
                begins.get_or_insert(log.header.begun);
                log.changes.iter().for_each(&mut each);
            }
            // It was removed meanwhile, or is damaged at its start; the others are as good.
            Err(StateFileError::Io(error)) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Err(_) => {}
        }
    }
    Ok(begins)
}
