//! The files that are served, as `cargo xtask bench` made them, and how many records are in each.

use crate::Outcome;
use std::path::{Path, PathBuf};

/// VRPs that come and go from one generation to the next.
pub(crate) const CHANGES: u64 = 2_000;

/// A data set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Set {
    /// What its files' names begin with.
    pub(crate) name: &'static str,
    pub(crate) vrps: u64,
    pub(crate) aspas: u64,
}

pub(crate) const FULL: Set = Set { name: "full", vrps: 1_005_140, aspas: 3_085 };
pub(crate) const TEN_THOUSAND: Set = Set { name: "10k", vrps: 10_000, aspas: 0 };
pub(crate) const HUNDRED_THOUSAND: Set = Set { name: "100k", vrps: 100_000, aspas: 0 };
pub(crate) const FOUR_MILLION: Set = Set { name: "4m", vrps: 4_000_000, aspas: 0 };
pub(crate) const FEW_ASPAS: Set = Set { name: "aspas10k", vrps: 10_000, aspas: 10_000 };
pub(crate) const ASPAS: Set = Set { name: "aspas", vrps: 10_000, aspas: 100_000 };

/// Sets of a hundred thousand VRPs that have next to none in common.
pub(crate) const SOURCES: [Set; 8] = [
    HUNDRED_THOUSAND,
    source("source2"),
    source("source3"),
    source("source4"),
    source("source5"),
    source("source6"),
    source("source7"),
    source("source8"),
];

const fn source(name: &'static str) -> Set {
    Set { name, ..HUNDRED_THOUSAND }
}

impl Set {
    /// What it is called in the report: by what it has most of.
    pub(crate) fn title(&self) -> String {
        let Set { vrps, aspas, .. } = *self;
        if aspas >= vrps { format!("{} ASPAs", thousands(aspas)) } else { format!("{} VRPs", thousands(vrps)) }
    }
}

/// A number with commas.
fn thousands(number: u64) -> String {
    match number {
        0..1_000 => number.to_string(),
        _ => format!("{},{:03}", thousands(number / 1_000), number % 1_000),
    }
}

/// The folder with the files.
pub(crate) struct Data(PathBuf);

impl Data {
    pub(crate) fn new(folder: PathBuf) -> Data {
        Data(folder)
    }

    /// One generation of a set, in a format that is named as files of it are.
    pub(crate) fn file(&self, set: Set, generation: u32, format: &str) -> Outcome<PathBuf> {
        let path = self.0.join(format!("{}-{generation}.{format}", set.name));
        // Links are for who made the files elsewhere; a validator would not write one.
        path.canonicalize().map_err(|error| format!("{}: {error}; `cargo xtask bench` makes it", path.display()))
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_commas() {
        let titles = [FULL, TEN_THOUSAND, ASPAS].map(|set| set.title());
        assert_eq!(titles, ["1,005,140 VRPs", "10,000 VRPs", "100,000 ASPAs"]);
        assert_eq!(thousands(999), "999");
    }
}
