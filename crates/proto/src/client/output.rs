//! What a router's side is told to do and what happened to it, and the policy that it follows.

use super::{Again, Changes, ConnectionEnd, FlushReason, Update};
use crate::limits;
use crate::response::Chunk;
use crate::serial::{Serial, SessionId};
use crate::time::{Moment, Timing};
use crate::version::{Version, VersionRange};
use crate::violation::{ErrorCode, Violation};
use crate::wire::PeerReport;
use alloc::boxed::Box;
use core::time::Duration;

/// How a router wants to speak with a cache.
#[derive(Clone, Copy, Debug)]
pub struct ClientPolicy {
    /// The versions that it speaks. Each connection begins with the highest. [R-NEG-02]
    pub versions: VersionRange,
    /// What counts where a cache says nothing: in version 0, and before the first success. [R-SYN-09]
    pub timing: Timing,
    /// A cache that owes an answer and is silent for so long is given up.
    pub silence_max: Duration,
}

impl Default for ClientPolicy {
    fn default() -> ClientPolicy {
        ClientPolicy { versions: VersionRange::ALL, timing: Timing::default(), silence_max: limits::SILENCE }
    }
}

/// What whoever drives a session has to do next.
#[derive(Debug)]
pub enum ClientOutput {
    /// Open a connection, and say `connected` or `not_connected`.
    Connect,
    /// Write all of these octets, then call `next` again. Inputs may come meanwhile.
    Write(Chunk),
    /// End the connection in order, as a cache does. The session takes it for gone from here on.
    Close,
    /// Call [`Changes::apply`] where it may take its time, and hand the outcome to `applied`.
    Apply(Box<Changes>),
    /// Something that a person or a counter may want to know.
    Event(ClientEvent),
    /// Nothing to do until an input comes, or until this moment: then call `tick`.
    Wait(Option<Moment>),
}

/// What happened.
#[derive(Clone, Debug)]
pub enum ClientEvent {
    /// A query is about to be sent.
    Asked {
        /// In which version.
        version: Version,
        /// From where on; none for a Reset Query.
        since: Option<(SessionId, Serial)>,
    },
    /// The cache refused a version, or closed without a word: the next query asks in this one.
    SteppedDown(Version),
    /// The cache answered for the first time on this connection: it speaks this version.
    Negotiated(Version),
    /// The cache has new data, and they are asked for.
    Notified(Serial),
    /// A response is complete and applied: [`ClientSession::data`](super::ClientSession::data) is this now, unless what came behind it, or the time,
    /// has flushed it already.
    Updated(Update),
    /// The cache can't go on from the serial that it was asked for, and is asked for everything.
    CacheReset,
    /// The cache has no data yet; it will be asked again.
    NoData,
    /// The timers of End of Data (refresh, retry, expire in seconds) break the rules, and are used like this.
    TimersAdjusted {
        /// As received.
        got: [u32; 3],
        /// As used. [R-SYN-10]
        used: Timing,
    },
    /// The cache sent an Error Report.
    PeerReported(Box<PeerReport>),
    /// An Error Report was sent.
    Reported {
        /// Its code.
        code: ErrorCode,
        /// What the cache did, if it was the cache.
        violation: Option<Violation>,
    },
    /// The data may not be used any more.
    Flushed(FlushReason),
    /// The connection is over, or there was none.
    Ended {
        /// Why.
        why: ConnectionEnd,
        /// When the next one is tried.
        again: Again,
    },
}
