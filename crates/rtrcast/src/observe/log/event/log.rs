//! Events of the log itself, and those of libraries.

use super::{LogEvent, events};
use crate::observe::log::level::Level;
use serde_json::{Map, Value};
use std::fmt;

events! {
    /// A loss of log lines.
    pub(crate) enum LogLossEvent {
        /// Log lines before this one were lost, because nothing read standard error fast enough
        Warn "log_lines_lost" LinesLost { lines: u64 }
    }
}

impl fmt::Display for LogLossEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LogLossEvent::LinesLost { lines: 1 } => f.write_str("1 log line was lost"),
            LogLossEvent::LinesLost { lines } => write!(f, "{lines} log lines were lost"),
        }
    }
}

/// Something that a library logs.
pub(crate) struct LibraryEvent<'a> {
    pub(crate) level: Level,
    pub(crate) library: &'a str,
    pub(crate) message: &'a str,
}

impl fmt::Display for LibraryEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message)
    }
}

impl LogEvent for LibraryEvent<'_> {
    fn name(&self) -> &'static str {
        "library"
    }

    fn level(&self) -> Level {
        self.level
    }

    fn add_fields(&self, to: &mut Map<String, Value>) {
        to.insert("library".to_owned(), self.library.into());
    }
}
