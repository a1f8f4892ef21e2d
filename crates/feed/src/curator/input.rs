//! Inputs of the curator: the operator's wishes, the time, and what sources report.

use super::{Freshness, Guard};
use crate::table::Table;
use rtrcast_proto::Moment;
use std::sync::Arc;
use std::time::Duration;

/// Names a source for as long as the program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub u32);

/// The time, twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CurrentTime {
    /// For timers.
    pub moment: Moment,
    /// The time of day as the system tells it, in seconds since 1970.
    pub unix: u32,
}

/// How several sources become one set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// All that any of them has.
    #[default]
    Union,
    /// What the first healthy one has, in the order of preference. An empty set is the last to be chosen.
    First,
}

/// What the operator wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Curation {
    /// All sources, the preferred ones first.
    pub sources: Vec<SourceId>,
    /// What becomes of several.
    pub choice: Choice,
    /// What becomes of old data.
    pub freshness: Freshness,
    /// What is too sudden a loss.
    pub guard: Guard,
}

/// What a source has to say.
#[derive(Clone, Debug)]
pub enum Report {
    /// It has a table.
    Loaded {
        /// The table.
        table: Arc<Table>,
        /// When its file was written, in seconds since 1970; the file's own word goes before it.
        written: Option<u32>,
    },
    /// It has the same as before.
    Unchanged,
    /// It is another cache, and has a table.
    Synchronised {
        /// The table.
        table: Arc<Table>,
        /// For how long from now on it wants that to be used, whatever the clock on the wall does.
        valid_for: Duration,
    },
    /// It has the same as before.
    Renewed {
        /// For how long from now on it wants that to be used.
        valid_for: Duration,
    },
    /// It takes back what it had, whatever becomes of other data that are too old.
    Withdrawn,
    /// It could not be read.
    Failed,
}
