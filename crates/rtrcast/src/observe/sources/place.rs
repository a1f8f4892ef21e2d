//! What is said of one source or place of SLURM files: the same complaint twice in a row is said once.

use crate::observe::metrics::PathLabel;
use crate::source::content::{Purpose, SlurmFiles};
use std::sync::Arc;
use tracing::{debug, info, warn};

/// A source, or a place of SLURM files.
pub(super) struct Place {
    pub(super) purpose: Purpose,
    pub(super) name: Arc<str>,
    pub(super) is_loading: bool,
    /// The last complaint, in lines for each file; the same one again is not news.
    pub(super) complaint: Vec<Vec<String>>,
    /// What is wrong now, in short; a line for each mistake.
    pub(super) trouble: String,
    /// When it was last read without error, in seconds since 1970.
    pub(super) last_success: Option<u32>,
    /// Since when no attempt succeeded.
    pub(super) failing_since: Option<u32>,
    /// When it last changed what is served.
    pub(super) last_change: Option<u32>,
    /// Whether nothing of what it has counts: being confirmed makes that no better.
    pub(super) is_stale: bool,
    /// The next outcome is said even if it is no news.
    pub(super) aloud: bool,
    /// The files that were read well, if it is a place of SLURM.
    pub(super) slurm: Option<SlurmFiles>,
}

impl Place {
    pub(super) fn new(purpose: Purpose, name: &Arc<str>, slurm: Option<SlurmFiles>) -> Place {
        Place {
            purpose,
            name: Arc::clone(name),
            is_loading: true,
            complaint: Vec::new(),
            trouble: String::new(),
            last_success: None,
            failing_since: None,
            last_change: None,
            is_stale: false,
            aloud: false,
            slurm,
        }
    }

    pub(super) fn path(&self) -> PathLabel {
        PathLabel { path: self.name.to_string() }
    }

    /// Says something that operators should look at, unless that is what was said last.
    pub(super) fn complain(&mut self, trouble: String, line: String) {
        self.complain_in_lines(trouble, vec![vec![line]]);
    }

    /// The same of several files, each in several lines.
    pub(super) fn complain_in_lines(&mut self, trouble: String, complaint: Vec<Vec<String>>) {
        self.trouble = trouble;
        let aloud = std::mem::take(&mut self.aloud);
        for lines in &complaint {
            if self.complaint.contains(lines) && !aloud {
                lines.iter().for_each(|line| debug!("still: {line}"));
            } else {
                lines.iter().for_each(|line| warn!("{line}"));
            }
        }
        self.complaint = complaint;
    }

    /// Whether it is news that all is well: after a complaint it is, and if the operator asked.
    pub(super) fn is_well(&mut self) -> bool {
        let aloud = std::mem::take(&mut self.aloud);
        self.trouble.clear();
        !std::mem::take(&mut self.complaint).is_empty() || aloud
    }

    /// Says that it is as before; after a complaint, that this is over.
    pub(super) fn say_same(&mut self) {
        let name = Arc::clone(&self.name);
        match (self.complaint.is_empty(), self.is_well()) {
            (false, _) => info!("{name}: no error any more, unchanged"),
            (true, true) => info!("{name}: unchanged"),
            (true, false) => debug!("{name}: unchanged"),
        }
    }
}
