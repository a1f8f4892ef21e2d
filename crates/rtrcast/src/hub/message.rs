//! Messages to the hub: what sources and the operator tell it, and the health that it tells everybody.

use crate::observe::status::HubStatus;
use crate::source::content::{Purpose, Read, SlurmFiles, SlurmId, SourceError};
use rtrcast_feed::curator::{Curation, SourceId};
use rtrcast_feed::{Overlaps, Table};
use rtrcast_proto::{Profile, Serial, Timing};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// What the hub is told.
pub(crate) enum Input {
    /// By a source.
    From(Purpose, News),
    /// By the operator: the next outcome of each source is said even if it is no news.
    AnswerAloud,
    /// By the operator: another configuration.
    Reconfigure(Box<Reconfiguration>),
    /// By the operator: what is held back is believed, of the source of this name or of all. The answer says what was.
    Release(Option<String>, oneshot::Sender<Result<String, String>>),
    /// By the operator: how do things stand?
    Status(oneshot::Sender<HubStatus>),
}

/// What a source has to say.
pub(crate) enum News {
    /// It begins to load.
    Loading,
    /// It was read well.
    Loaded { read: Read, took: Duration },
    /// It has the same as before, and did not need to be read.
    Unchanged,
    /// Another cache has a set, to be used for so long from now on.
    Synchronised { table: Arc<Table>, valid_for: Duration, took: Duration },
    /// It has the same as before, to be used for so long from now on.
    Renewed { valid_for: Duration },
    /// It takes what it had with it, for this reason.
    Withdrawn(String),
    /// It has nothing new, for this reason.
    Failed(SourceError),
}

/// All sources and exceptions, and what is done with them.
pub(crate) struct Reconfiguration {
    pub(crate) curation: Curation,
    /// What routers can be sent at most.
    pub(crate) served: Profile,
    pub(crate) timing: Timing,
    pub(crate) overlaps: Overlaps,
    /// Sources with their names, in the order of the curation.
    pub(crate) sources: Vec<(SourceId, Arc<str>)>,
    /// Places of SLURM with their names, and what they say if that is known already.
    pub(crate) slurm: Vec<(SlurmId, Arc<str>, Option<SlurmFiles>)>,
    /// How the operator reaches the cache, for messages that ask to.
    pub(crate) control: Option<String>,
}

/// Whether the cache is of use to routers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    /// There have been no data yet.
    NoData,
    /// There are data, perhaps an empty set since the source says so.
    Ready(Serial),
    /// All that there was has expired, is too old or was taken back, for this reason.
    NothingInEffect(String),
}
