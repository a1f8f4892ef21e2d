//! A disk that forgets: what was not synchronised before a crash may be lost, or be there in part.

use super::state::StoredModel;
use crate::choices::Random;
use std::collections::BTreeMap;

/// A file of the state directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FileName {
    Snapshot,
    Log(u64),
    Source(u32),
}

/// How the disk treats what is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum DiskMode {
    #[default]
    Sound,
    /// There is no room: writing ends in the middle.
    Full,
    /// Nothing reaches the disk, and that is told.
    Failing,
}

/// A file: its octets, and how many of them a crash leaves.
#[derive(Clone, Debug, Default)]
struct SimFile {
    octets: Vec<u8>,
    synced: usize,
}

/// The disk.
#[derive(Debug)]
pub(crate) struct SimDisk {
    files: BTreeMap<FileName, SimFile>,
    /// What the model knows of the file of each source.
    pub(super) stored: BTreeMap<usize, StoredModel>,
    /// What a backup has of both.
    copied: Option<(BTreeMap<FileName, SimFile>, BTreeMap<usize, StoredModel>)>,
    pub(crate) mode: DiskMode,
    random: Random,
}

impl SimDisk {
    pub(crate) fn new(seed: u64) -> SimDisk {
        SimDisk {
            files: BTreeMap::new(),
            stored: BTreeMap::new(),
            copied: None,
            mode: DiskMode::Sound,
            random: Random::new(seed),
        }
    }

    /// Replaces a file: another one is written beside it, synchronised and renamed.
    pub(crate) fn replace(&mut self, name: FileName, octets: Vec<u8>) -> Result<(), ()> {
        if self.mode != DiskMode::Sound {
            return Err(());
        }
        let synced = octets.len();
        self.files.insert(name, SimFile { octets, synced });
        Ok(())
    }

    /// Appends to a file. Without synchronising it is on the disk some time later.
    pub(crate) fn append(&mut self, name: FileName, octets: &[u8], has_to_sync: bool) -> Result<(), ()> {
        let file = self.files.entry(name).or_default();
        let written = match self.mode {
            DiskMode::Full => self.random.below(octets.len()),
            DiskMode::Sound | DiskMode::Failing => octets.len(),
        };
        file.octets.extend_from_slice(&octets[..written]);
        if self.mode == DiskMode::Sound && (has_to_sync || self.random.below(2) == 0) {
            file.synced = file.octets.len();
        }
        if self.mode == DiskMode::Sound || (self.mode == DiskMode::Failing && !has_to_sync) { Ok(()) } else { Err(()) }
    }

    /// The machine stops: of what was not synchronised a part is there, perhaps with other octets.
    pub(crate) fn crash(&mut self) {
        for file in self.files.values_mut() {
            let unsynced = file.octets.len() - file.synced;
            let kept = file.synced + self.random.below(unsynced + 1);
            file.octets.truncate(kept);
            if kept > file.synced && self.random.below(3) == 0 {
                let at = file.synced + self.random.below(kept - file.synced);
                file.octets[at] ^= 0x40;
            }
            file.synced = file.octets.len();
        }
    }

    /// A copy of the directory is made, as a backup does.
    pub(crate) fn copy(&mut self) {
        self.copied = Some((self.files.clone(), self.stored.clone()));
    }

    /// The copy is put back.
    pub(crate) fn put_back(&mut self) {
        if let Some((files, stored)) = &self.copied {
            self.files.clone_from(files);
            self.stored.clone_from(stored);
        }
    }

    pub(crate) fn read(&self, name: FileName) -> Option<&[u8]> {
        self.files.get(&name).map(|file| file.octets.as_slice())
    }

    /// Returns the numbers of the logs, in their order.
    pub(crate) fn logs(&self) -> Vec<u64> {
        let number = |name: &FileName| match name {
            FileName::Log(number) => Some(*number),
            FileName::Snapshot | FileName::Source(_) => None,
        };
        self.files.keys().filter_map(number).collect()
    }
}
