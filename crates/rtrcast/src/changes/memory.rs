//! Where changes are recorded: in memory, bounded, and in the logs of a state directory.

use super::list::{ChangeList, ChangeQuery, ListBuilder};
use crate::state;
use rtrcast_feed::state::{Change, SetName};
use std::collections::{HashSet, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The most octets of changes in memory.
const MEMORY_OCTETS_MAX: usize = 8 * 1024 * 1024;

/// The record of a running cache.
#[derive(Debug)]
pub(crate) struct ChangeRecord {
    directory: Option<PathBuf>,
    memory: Mutex<ChangeMemory>,
}

/// Changes in memory, encoded as in a log.
#[derive(Debug, Default)]
struct ChangeMemory {
    changes: VecDeque<Vec<u8>>,
    octets: usize,
    /// Time from which on all changes are here, in seconds since 1970.
    begins: Option<u32>,
}

impl ChangeRecord {
    /// A record, with the logs of a state directory if there is one.
    pub(crate) fn new(directory: Option<PathBuf>) -> ChangeRecord {
        ChangeRecord { directory, memory: Mutex::default() }
    }

    /// The first set is served, at this time.
    pub(crate) fn begin(&self, time: u32) {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).begins.get_or_insert(time);
    }

    /// Adds a change.
    pub(crate) fn add(&self, change: &Change) {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.begins.get_or_insert(change.time);
        let octets = change.encode();
        memory.octets += octets.len();
        memory.changes.push_back(octets);
        while memory.octets > MEMORY_OCTETS_MAX {
            let Some(dropped) = memory.changes.pop_front() else { break };
            memory.octets -= dropped.len();
            let first = memory.changes.front().and_then(|octets| Change::decode(octets));
            memory.begins = first.map(|(change, _)| change.time).or(memory.begins);
        }
    }

    /// Returns the changes in memory, encoded, and since when all are there, in seconds since 1970.
    pub(crate) fn encoded(&self) -> (Option<u32>, Vec<Vec<u8>>) {
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        (memory.begins, memory.changes.iter().cloned().collect())
    }

    /// Goes on with what another program had in memory.
    pub(crate) fn take_over(&self, (begins, changes): (Option<u32>, Vec<Vec<u8>>)) {
        let octets = changes.iter().map(Vec::len).sum();
        let changes = changes.into();
        *self.memory.lock().unwrap_or_else(PoisonError::into_inner) = ChangeMemory { changes, octets, begins };
    }

    /// Returns what is asked for. Reading logs may block.
    pub(crate) fn list(&self, query: &ChangeQuery) -> io::Result<ChangeList> {
        let mut builder = ListBuilder::new(query);
        let mut written: HashSet<(u64, u32)> = HashSet::new();
        let key = |set: &SetName| (set.position, set.serial.0);
        let mut begins = None;
        if let Some(directory) = &self.directory {
            begins = state::read_changes(directory, query.filter.since, |change| {
                written.insert(key(&change.after));
                builder.add(change);
            })?;
        }
        // What could not be written, or is about to be.
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let encoded: Vec<Vec<u8>> = memory.changes.iter().cloned().collect();
        let begins = begins.or(memory.begins);
        drop(memory);
        for (change, _) in encoded.iter().filter_map(|octets| Change::decode(octets)) {
            if !written.contains(&key(&change.after)) {
                builder.add(&change);
            }
        }
        builder.sort();
        Ok(builder.finish(begins))
    }
}

/// Returns what is asked for of a directory, whether a cache uses it or not.
pub(crate) fn of_directory(directory: &Path, query: &ChangeQuery) -> io::Result<ChangeList> {
    let mut builder = ListBuilder::new(query);
    let begins = state::read_changes(directory, query.filter.since, |change| builder.add(change))?;
    Ok(builder.finish(begins))
}
