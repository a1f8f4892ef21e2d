//! A file that is served, and replaced as validators do it: by a rename.

use crate::Outcome;
use crate::data::{Data, Set};
use crate::subject::Folder;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// A file in a folder of its own, with one generation of a set.
pub(crate) struct Served {
    generations: [PathBuf; 2],
    now: usize,
    folder: Folder,
    path: PathBuf,
}

impl Served {
    /// With the first generation.
    pub(crate) fn new(data: &Data, set: Set, parent: &Path) -> Outcome<Served> {
        let generations = [data.file(set, 0, "json")?, data.file(set, 1, "json")?];
        let folder = Folder::new(parent)?;
        let path = folder.path().join("rpki.json");
        link(&generations[0], &path)?;
        Ok(Served { generations, now: 0, folder, path })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Puts the other generation in its place. Returns when.
    pub(crate) fn replace(&mut self) -> Outcome<Instant> {
        self.now = 1 - self.now;
        let next = self.folder.path().join("next.json");
        link(&self.generations[self.now], &next)?;
        let instant = Instant::now();
        std::fs::rename(&next, &self.path).map_err(|error| format!("{}: {error}", self.path.display()))?;
        Ok(instant)
    }
}

/// A second name for a file: its octets are not copied, so nothing of that is measured.
fn link(file: &Path, name: &Path) -> Outcome {
    std::fs::hard_link(file, name).map_err(|error| format!("{}: {error}", name.display()))
}
