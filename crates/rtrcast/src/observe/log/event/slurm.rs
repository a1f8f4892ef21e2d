//! Events of SLURM files. `file` is a SLURM file or URL; of a directory, each file has events of its own.

use super::events;
use crate::observe::describe::count;
use std::fmt;

events! {
    /// An event of reading SLURM.
    pub(crate) enum SlurmEvent<'a> {
        /// A SLURM file, directory or URL could not be read or has one mistake; `effect` says what is in effect instead
        Warn "slurm_failed" Failed { file: &'a str, reason: &'a str, effect: &'a str }
        /// One of several mistakes of a SLURM file, which is refused; the event `slurm_refused` follows
        Warn "slurm_mistake" Mistake { file: &'a str, reason: &'a str }
        /// A SLURM file is refused for the mistakes before; `effect` says what is in effect instead
        Warn "slurm_refused" Refused { file: &'a str, effect: &'a str }
        /// A SLURM file, directory or URL is unchanged; at level `debug` unless it had failed or the operator asked
        Info "slurm_unchanged" Unchanged { file: &'a str, recovered: bool }
        /// A SLURM file is new or has changed, and was read; `added` is true if it is new in a directory
        Info "slurm_read" Read { file: &'a str, filters: usize, assertions: usize, added: bool }
        /// A SLURM file is no longer in its directory, and its entries are no longer in effect
        Info "slurm_removed" Removed { file: &'a str, filters: usize, assertions: usize }
        /// A SLURM file lacks lists that are read as empty (`--slurm-lenient`)
        Warn "slurm_lists_missing" ListsMissing { file: &'a str, reason: &'a str }
        /// A SLURM directory has no SLURM file
        Warn "slurm_directory_empty" DirectoryEmpty { directory: &'a str }
        /// SLURM stays as it was until all of it has been read
        Warn "slurm_incomplete" Incomplete { missing: &'a [&'a str] }
        /// The SLURM files contradict each other; `effect` says what is in effect instead
        Warn "slurm_conflict" Conflict { reason: &'a str, effect: &'a str }
    }
}

impl fmt::Display for SlurmEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SlurmEvent::Failed { file, reason, effect } => write!(f, "{file}: {reason}; {effect}"),
            SlurmEvent::Mistake { file, reason } | SlurmEvent::ListsMissing { file, reason } => {
                write!(f, "{file}: {reason}")
            }
            SlurmEvent::Refused { file, effect } => write!(f, "{file}: refused for these mistakes; {effect}"),
            SlurmEvent::Unchanged { file, recovered: true } => write!(f, "{file}: no error any more, unchanged"),
            SlurmEvent::Unchanged { file, recovered: false } => write!(f, "{file}: unchanged"),
            SlurmEvent::Read { file, filters, assertions, added } => {
                let new = if *added { "new, " } else { "" };
                write!(f, "{file}: {new}SLURM with {}", entries(*filters, *assertions))
            }
            SlurmEvent::Removed { file, filters, assertions } => {
                write!(f, "{file}: removed, with its {}", entries(*filters, *assertions))
            }
            SlurmEvent::DirectoryEmpty { directory } => write!(
                f,
                "{directory}: there is no file in it whose name ends in .slurm or .json, and nothing of it is in effect"
            ),
            SlurmEvent::Incomplete { missing } => {
                write!(f, "SLURM stays as it was until all of it is read; missing: {}", missing.join(", "))
            }
            SlurmEvent::Conflict { reason, effect } => {
                write!(f, "the SLURM files do not go together, {effect}: {reason}")
            }
        }
    }
}

fn entries(filters: usize, assertions: usize) -> String {
    format!("{} and {}", count(filters, "filter"), count(assertions, "assertion"))
}
