//! Inputs of the curator: the configuration, the time, and reports of sources.

use super::{Freshness, Guard};
use crate::table::Table;
use rtrcast_proto::Moment;
use std::sync::Arc;
use std::time::Duration;

/// Identifier of a source for as long as the program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub u32);

/// The time by two clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CurrentTime {
    /// For timers.
    pub moment: Moment,
    /// The system's time of day, in seconds since 1970.
    pub unix: u32,
}

/// Choice of the sources that are served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// The union of all.
    #[default]
    Union,
    /// The first healthy one, in the order of preference. An empty set is the last to be chosen.
    First,
}

/// Configuration of the curator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Curation {
    /// All sources, the preferred ones first.
    pub sources: Vec<SourceId>,
    /// Choice among several.
    pub choice: Choice,
    /// Rules for old data.
    pub freshness: Freshness,
    /// Bounds of losses.
    pub guard: Guard,
}

/// Report of a source.
#[derive(Clone, Debug)]
pub enum Report {
    /// It has a table.
    Loaded {
        /// The table.
        table: Arc<Table>,
        /// When its file was written, in seconds since 1970; a time in the file has precedence.
        written: Option<u32>,
    },
    /// It has the same as before.
    Unchanged,
    /// It is another cache, and has a table.
    Synchronised {
        /// The table.
        table: Arc<Table>,
        /// Validity from now on, whatever the wall clock does.
        valid_for: Duration,
    },
    /// It has the same as before.
    Renewed {
        /// Validity from now on.
        valid_for: Duration,
    },
    /// It withdraws its set, whatever the rules for data that are too old.
    Withdrawn,
    /// It could not be read.
    Failed,
}
