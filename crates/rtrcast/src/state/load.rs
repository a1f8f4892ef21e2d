//! Reading a state directory at a start.

use super::directory::{FileName, SourceHash, StateDirectory};
use super::files::{self, StateFileError};
use crate::observe::log::Log;
use crate::observe::log::event::state::StateEvent;
use rtrcast_feed::state::{ChangeLog, MachineId, Recovered, Snapshot, StoredSource, recover};
use rtrcast_net::DataSink;
use rtrcast_proto::HistoryLimits;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::thread;

/// The most octets of logs before the snapshot that are read for the deltas in them: the older ones help few routers.
const OLDER_LOGS_OCTETS_MAX: u64 = 8 * 1024 * 1024;

/// What a directory has.
#[derive(Debug)]
pub(crate) struct LoadedState {
    pub(crate) directory: StateDirectory,
    pub(crate) machine: Option<MachineId>,
    /// The line, if it goes on.
    pub(crate) recovered: Option<Recovered>,
    pub(crate) sources: BTreeMap<SourceHash, StoredSource>,
    /// The number of the next log.
    pub(crate) next_log: u64,
}

/// Reads a directory. What can't be used is logged and set aside; an error is one of the directory itself.
pub(crate) fn load(directory: StateDirectory, limits: HistoryLimits) -> io::Result<LoadedState> {
    let names = directory.files()?;
    let machine = files::machine_id();
    let numbers: Vec<u64> = names.iter().filter_map(FileName::log_number).collect();
    let source = |hash: SourceHash| {
        let name = FileName::Source(hash);
        Some((hash, usable(&directory, &name, files::source(&directory.path(&name)))??))
    };
    // The snapshot and the sources' tables are as large as each other, and reading them takes the processor.
    let (sources, recovered) = thread::scope(|scope| {
        let hashes = names.iter().filter_map(FileName::source_hash);
        let sources: Vec<_> = hashes.map(|hash| scope.spawn(move || source(hash))).collect();
        let recovered = line(&directory, machine, &numbers, limits);
        let sources = sources.into_iter().filter_map(|thread| thread.join().ok().flatten());
        (sources.collect::<BTreeMap<SourceHash, StoredSource>>(), recovered)
    });
    let next_log = numbers.last().map_or(0, |last| last.saturating_add(1));
    Ok(LoadedState { directory, machine, recovered, sources, next_log })
}

/// Returns a directory whose line the program before this one has handed over: nothing of it is read.
pub(crate) fn load_nothing(directory: StateDirectory) -> io::Result<LoadedState> {
    let next_log =
        directory.files()?.iter().filter_map(FileName::log_number).max().map_or(0, |last| last.saturating_add(1));
    let (recovered, sources) = (None, BTreeMap::new());
    Ok(LoadedState { directory, machine: files::machine_id(), recovered, sources, next_log })
}

/// Takes up the line; none if there is none to go on with.
fn line(
    directory: &StateDirectory,
    machine: Option<MachineId>,
    numbers: &[u64],
    limits: HistoryLimits,
) -> Option<Recovered> {
    let name = FileName::Snapshot;
    let read = files::snapshot(&directory.path(&name)).and_then(|snapshot| match snapshot {
        Some(snapshot) if is_of_other(machine, &snapshot) => Err(StateFileError::OtherMachine),
        other => Ok(other),
    });
    let snapshot = usable(directory, &name, read)??;
    let mut logs: Vec<ChangeLog> = Vec::new();
    let mut older_octets = 0;
    for number in numbers.iter().rev() {
        let path = directory.path(&FileName::Log(*number));
        if *number < snapshot.header.log {
            older_octets += fs::metadata(&path).map_or(0, |metadata| metadata.len());
            if older_octets > OLDER_LOGS_OCTETS_MAX {
                break;
            }
        }
        logs.extend(usable(directory, &FileName::Log(*number), files::log(&path, *number)));
    }
    logs.reverse();
    let recovered = recover(snapshot, &logs, limits, DataSink::new()).map_err(StateFileError::Memory);
    let recovered = usable(directory, &name, recovered)?;
    let damaged: u64 = logs.iter().flat_map(|log| &log.damaged).map(|(_, octets)| *octets).sum();
    if recovered.unfit > 0 || damaged > 0 {
        StateEvent::LogDamaged { octets: damaged, changes: recovered.unfit }.log();
    }
    Some(recovered)
}

fn is_of_other(machine: Option<MachineId>, snapshot: &Snapshot) -> bool {
    machine.zip(snapshot.header.machine).is_some_and(|(own, other)| own != other)
}

/// Returns what was read of a file. If the file can't be used, that is logged, and it is set aside.
fn usable<T>(directory: &StateDirectory, name: &FileName, read: Result<T, StateFileError>) -> Option<T> {
    let error = match read {
        Ok(read) => return Some(read),
        Err(error) => error,
    };
    let file = directory.path(name).display().to_string();
    match error.is_of_file().then(|| directory.set_aside(name)) {
        Some(Ok(new_name)) => {
            StateEvent::FileSetAside { file: &file, reason: &error, new_name: &new_name.display().to_string() }.log();
        }
        Some(Err(_)) | None => StateEvent::FileUnusable { file: &file, reason: &error }.log(),
    }
    None
}
