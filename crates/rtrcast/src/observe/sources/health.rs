//! The health of one source or SLURM location, by what came of reading it: the same failure twice in a row is logged once.

use crate::observe::log::Log;
use crate::observe::log::event::slurm::SlurmEvent;
use crate::observe::log::event::sources::SourceEvent;
use crate::observe::metrics::PathLabel;
use crate::source::content::{Purpose, SlurmFiles};
use std::sync::Arc;

/// A source, or a SLURM file, directory or URL.
pub(super) struct SourceHealth {
    pub(super) purpose: Purpose,
    pub(super) name: Arc<str>,
    pub(super) is_loading: bool,
    /// The last failure as it was logged, in lines for each file; the same one again is not news.
    pub(super) failure_logged: Vec<Vec<String>>,
    /// The present errors in short, a line each.
    pub(super) errors: String,
    /// Time of the last read without error, in seconds since 1970.
    pub(super) last_success: Option<u32>,
    /// Time of the first of the failures since then.
    pub(super) failing_since: Option<u32>,
    /// Time when it last changed what is served.
    pub(super) last_change: Option<u32>,
    /// True if nothing of its newest data is in effect: that they are confirmed makes it no better.
    pub(super) is_not_in_effect: bool,
    /// True if the next outcome is logged even if it is no news.
    pub(super) log_next: bool,
    /// The files that were read without error, if it is a SLURM location.
    pub(super) slurm: Option<SlurmFiles>,
}

impl SourceHealth {
    pub(super) fn new(purpose: Purpose, name: &Arc<str>, slurm: Option<SlurmFiles>) -> SourceHealth {
        SourceHealth {
            purpose,
            name: Arc::clone(name),
            is_loading: true,
            failure_logged: Vec::new(),
            errors: String::new(),
            last_success: None,
            failing_since: None,
            last_change: None,
            is_not_in_effect: false,
            log_next: false,
            slurm,
        }
    }

    pub(super) fn path(&self) -> PathLabel {
        PathLabel { path: self.name.to_string() }
    }

    /// Logs a failure unless that is what was logged last: a group of events for each file. `errors` is the same in short.
    pub(super) fn log_failure<Event: Log>(&mut self, errors: String, groups: &[Vec<Event>]) {
        self.errors = errors;
        let log_anyway = std::mem::take(&mut self.log_next);
        let lines = |group: &Vec<Event>| group.iter().map(ToString::to_string).collect();
        let logged: Vec<Vec<String>> = groups.iter().map(lines).collect();
        for (group, lines) in groups.iter().zip(&logged) {
            if self.failure_logged.contains(lines) && !log_anyway {
                group.iter().for_each(Log::log_repeated);
            } else {
                group.iter().for_each(Log::log);
            }
        }
        self.failure_logged = logged;
    }

    /// Takes note that it was read without error. Returns true if that is news: after a failure, or if the operator asked.
    pub(super) fn recover(&mut self) -> bool {
        let log_anyway = std::mem::take(&mut self.log_next);
        self.errors.clear();
        !std::mem::take(&mut self.failure_logged).is_empty() || log_anyway
    }

    /// Logs that it is unchanged; after a failure, that this is over.
    pub(super) fn log_unchanged(&mut self) {
        let recovered = !self.failure_logged.is_empty();
        let is_news = self.recover();
        match self.purpose {
            Purpose::Data(_) => log_if_news(is_news, &SourceEvent::Unchanged { source: &self.name, recovered }),
            Purpose::Slurm(_) => log_if_news(is_news, &SlurmEvent::Unchanged { file: &self.name, recovered }),
        }
    }
}

fn log_if_news(is_news: bool, event: &impl Log) {
    if is_news { event.log() } else { event.log_quietly() }
}
