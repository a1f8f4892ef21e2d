//! The SLURM files of a place: one, or those of a directory. What changes, and what stays in effect when a file can't be
//! read.

use crate::observe::describe::{count, describe_read_as_empty, first_lines};
use crate::source::content::{SlurmFiles, SlurmOutcome, SourceError};
use rtrcast_feed::SlurmFile;
use std::sync::Arc;
use tracing::{info, warn};

/// What came of reading a directory.
pub(super) struct Merged {
    /// What is in effect now: each file as it was read last.
    pub(super) files: SlurmFiles,
    /// What could not be read.
    pub(super) failures: Vec<SourceError>,
    /// The same in lines for each file, with what is in effect instead.
    pub(super) complaint: Vec<Vec<String>>,
    /// The same in short.
    pub(super) trouble: Vec<String>,
}

/// Takes over the files of a directory. One that can't be read stays as it was. [SL-11]
pub(super) fn merge(before: Option<&SlurmFiles>, outcomes: Vec<SlurmOutcome>) -> Merged {
    let mut merged = Merged { files: Vec::new(), failures: Vec::new(), complaint: Vec::new(), trouble: Vec::new() };
    for SlurmOutcome { name, outcome } in outcomes {
        let last = find(before, &name);
        match (outcome, last) {
            (Ok(file), _) => merged.files.push((name, file)),
            (Err(failure), last) => {
                let then = match last {
                    Some(_) => "its last good content stays in effect",
                    None => "nothing of it is in effect",
                };
                merged.complaint.push(complaint(&name, &failure, then));
                merged.trouble.extend(first_lines(failure.lines()).into_iter().map(|line| format!("{name}: {line}")));
                merged.failures.push(failure);
                merged.files.extend(last.map(|file| (name, file)));
            }
        }
    }
    merged
}

/// What is wrong with a file in lines, and what is done now.
pub(super) fn complaint(name: &str, failure: &SourceError, then: &str) -> Vec<String> {
    match first_lines(failure.lines()).as_slice() {
        [line] => vec![format!("{name}: {line}; {then}")],
        lines => {
            let told = lines.iter().map(|line| format!("{name}: {line}"));
            told.chain([format!("{name}: refused for these mistakes; {then}")]).collect()
        }
    }
}

fn find(files: Option<&SlurmFiles>, name: &str) -> Option<Arc<SlurmFile>> {
    let (_, file) = files?.iter().find(|(other, _)| **other == *name)?;
    Some(Arc::clone(file))
}

/// Says what should be known of files that are new with a configuration.
pub(super) fn tell_new(place: &str, files: &SlurmFiles) {
    for (name, file) in files {
        tell_read_as_empty(name, file);
    }
    if files.is_empty() {
        tell_empty(place);
    }
}

/// Says what changed.
pub(super) fn tell_changes(place: &str, before: Option<&SlurmFiles>, now: &SlurmFiles) {
    for (name, file) in now {
        let words = words(file);
        match find(before, name) {
            Some(last) if last == *file => continue,
            None if before.is_some() => info!("{name}: new, SLURM with {words}"),
            _ => info!("{name}: SLURM with {words}"),
        }
        tell_read_as_empty(name, file);
    }
    for (name, file) in before.into_iter().flatten().filter(|(name, _)| find(Some(now), name).is_none()) {
        info!("{name}: removed, with its {}", words(file));
    }
    if now.is_empty() && before.is_none_or(|before| !before.is_empty()) {
        tell_empty(place);
    }
}

/// True if these are the files of a directory of that name.
pub(super) fn is_directory(place: &str, files: &SlurmFiles) -> bool {
    !matches!(files.as_slice(), [(name, _)] if **name == *place)
}

fn words(file: &SlurmFile) -> String {
    let (filters, assertions) = (count(file.filters().len(), "filter"), count(file.assertions().len(), "assertion"));
    format!("{filters} and {assertions}")
}

fn tell_read_as_empty(name: &str, file: &SlurmFile) {
    if let Some(words) = describe_read_as_empty(file) {
        warn!("{name}: {words}");
    }
}

fn tell_empty(place: &str) {
    warn!("{place}: there is no file in it whose name ends in .slurm or .json, and nothing of it is in effect");
}
