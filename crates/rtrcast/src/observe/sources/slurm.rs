//! The SLURM files of a location: one, or those of a directory. What changes, and what stays in effect when a file can't be
//! read.

use crate::observe::describe::{describe_read_as_empty, first_lines};
use crate::observe::log::Log;
use crate::observe::log::event::slurm::SlurmEvent;
use crate::source::content::{SlurmFiles, SlurmOutcome, SourceError};
use rtrcast_feed::SlurmFile;
use std::sync::Arc;

/// The files of a directory after it was read.
pub(super) struct MergedFiles {
    /// Those in effect now: each as it was read last.
    pub(super) files: SlurmFiles,
    /// Those that could not be read.
    pub(super) failures: Vec<FileFailure>,
}

/// A SLURM file that could not be read.
pub(super) struct FileFailure {
    pub(super) name: Arc<str>,
    pub(super) error: SourceError,
    /// The effect: what of it stays in effect.
    effect: &'static str,
}

/// Takes over the files of a directory. One that can't be read stays as it was. [SL-11]
pub(super) fn merge(before: Option<&SlurmFiles>, outcomes: Vec<SlurmOutcome>) -> MergedFiles {
    let mut merged = MergedFiles { files: Vec::new(), failures: Vec::new() };
    for SlurmOutcome { name, outcome } in outcomes {
        let last = find(before, &name);
        match (outcome, last) {
            (Ok(file), _) => merged.files.push((name, file)),
            (Err(error), last) => {
                let effect = match last {
                    Some(_) => "its last good content stays in effect",
                    None => "nothing of it is in effect",
                };
                merged.failures.push(FileFailure { name: Arc::clone(&name), error, effect });
                merged.files.extend(last.map(|file| (name, file)));
            }
        }
    }
    merged
}

impl FileFailure {
    /// Its mistakes in short, a line each.
    pub(super) fn lines(&self) -> Vec<String> {
        first_lines(self.error.lines())
    }

    /// The events of these lines.
    pub(super) fn events<'a>(&'a self, lines: &'a [String]) -> Vec<SlurmEvent<'a>> {
        failure_events(&self.name, lines, self.effect)
    }
}

/// The events of a file that could not be read, for these lines.
pub(super) fn failure_events<'a>(file: &'a str, lines: &'a [String], effect: &'a str) -> Vec<SlurmEvent<'a>> {
    match lines {
        [reason] => vec![SlurmEvent::Failed { file, reason, effect }],
        lines => {
            let mistakes = lines.iter().map(|reason| SlurmEvent::Mistake { file, reason });
            mistakes.chain([SlurmEvent::Refused { file, effect }]).collect()
        }
    }
}

fn find(files: Option<&SlurmFiles>, name: &str) -> Option<Arc<SlurmFile>> {
    let (_, file) = files?.iter().find(|(other, _)| **other == *name)?;
    Some(Arc::clone(file))
}

/// Logs warnings of files that are new with a configuration.
pub(super) fn log_new(location: &str, files: &SlurmFiles) {
    for (name, file) in files {
        log_lists_missing(name, file);
    }
    if files.is_empty() {
        SlurmEvent::DirectoryEmpty { directory: location }.log();
    }
}

/// Logs what changed.
pub(super) fn log_changes(location: &str, before: Option<&SlurmFiles>, now: &SlurmFiles) {
    for (name, file) in now {
        let last = find(before, name);
        if last.as_ref() == Some(file) {
            continue;
        }
        let (filters, assertions) = (file.filters().len(), file.assertions().len());
        SlurmEvent::Read { file: name, filters, assertions, added: last.is_none() && before.is_some() }.log();
        log_lists_missing(name, file);
    }
    for (name, file) in before.into_iter().flatten().filter(|(name, _)| find(Some(now), name).is_none()) {
        let (filters, assertions) = (file.filters().len(), file.assertions().len());
        SlurmEvent::Removed { file: name, filters, assertions }.log();
    }
    if now.is_empty() && before.is_none_or(|before| !before.is_empty()) {
        SlurmEvent::DirectoryEmpty { directory: location }.log();
    }
}

/// Returns true if these are the files of a directory of that name.
pub(super) fn is_directory(location: &str, files: &SlurmFiles) -> bool {
    !matches!(files.as_slice(), [(name, _)] if **name == *location)
}

fn log_lists_missing(name: &str, file: &SlurmFile) {
    if let Some(reason) = describe_read_as_empty(file) {
        SlurmEvent::ListsMissing { file: name, reason: &reason }.log();
    }
}
