//! Messages to the hub from sources and the operator, and the health that it publishes.

use crate::observe::status::HubStatus;
use crate::source::content::{Purpose, Read, SlurmFiles, SlurmId, SourceError};
use crate::state::SourceAddresses;
use rtrcast_feed::curator::{Curation, SourceId};
use rtrcast_feed::state::SourceRevision;
use rtrcast_feed::{Overlaps, Table};
use rtrcast_net::SharedOctets;
use rtrcast_proto::{Profile, Serial, Timing};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// A message to the hub.
pub(crate) enum Input {
    /// From a source.
    From(Purpose, News),
    /// From the operator: the next outcome of each source is logged even if nothing changed.
    LogNextOutcomes,
    /// From the operator: another configuration. The answer comes when it is in effect.
    Reconfigure(Box<Reconfiguration>, oneshot::Sender<()>),
    /// From the operator: data that are held back are accepted, of the source of this name or of all. The answer lists
    /// them.
    Release(Option<String>, oneshot::Sender<Result<String, String>>),
    /// The program is handed over to another one.
    HandOver(LineRequest),
    /// The program stops: what has not been written of the state is. The answer comes when it is.
    Finish(oneshot::Sender<()>),
    /// From the operator: a request for the status.
    Status(oneshot::Sender<HubStatus>),
}

/// A request for the line.
#[derive(Debug)]
pub(crate) struct LineRequest {
    /// True if nothing may change until `go_on` is sent or dropped, and all is to be written that is kept.
    pub(crate) is_final: bool,
    pub(crate) reply: oneshot::Sender<Result<EncodedLine, String>>,
    pub(crate) go_on: oneshot::Receiver<()>,
}

/// A line for another program.
#[derive(Debug)]
pub(crate) struct EncodedLine {
    pub(crate) line: Vec<u8>,
    /// The data sets that it names.
    pub(crate) octets: SharedOctets,
}

/// A report of a source.
pub(crate) enum News {
    /// It begins to load.
    Loading,
    /// It was read without error.
    Loaded { read: Read, took: Duration },
    /// It is unchanged, and was not read.
    Unchanged,
    /// Another cache has a set, valid for this long from now on.
    Synchronised { table: Arc<Table>, valid_for: Duration, took: Duration, revision: SourceRevision },
    /// Another cache has the same set, valid for this long from now on.
    Renewed { valid_for: Duration, revision: SourceRevision },
    /// It withdraws its data, for this reason.
    Withdrawn(String),
    /// It could not be read, for this reason.
    Failed(SourceError),
}

/// All sources and exceptions, and the options of their processing.
pub(crate) struct Reconfiguration {
    pub(crate) curation: Curation,
    /// The most that any router is sent.
    pub(crate) served: Profile,
    pub(crate) timing: Timing,
    pub(crate) overlaps: Overlaps,
    /// Sources with their names, in the order of the curation.
    pub(crate) sources: Vec<(SourceId, Arc<str>)>,
    /// The same for files of the state.
    pub(crate) addresses: SourceAddresses,
    /// SLURM files, directories and URLs with their names, and their content if it is known already.
    pub(crate) slurm: Vec<(SlurmId, Arc<str>, Option<SlurmFiles>)>,
    /// The path of the control socket, for messages that name a command.
    pub(crate) control: Option<String>,
}

/// The health of the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    /// No data yet.
    NoData,
    /// Data to serve, perhaps an empty set if the source has one.
    Ready(Serial),
    /// All data have expired, are too old or were withdrawn, for this reason.
    NothingInEffect(String),
}
