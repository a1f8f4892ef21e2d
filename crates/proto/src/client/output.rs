//! Actions, events and policy of the router's side.

use super::{Changes, Update};
use crate::limits;
use crate::response::Chunk;
use crate::serial::{Serial, SessionId};
use crate::time::{Moment, Timing};
use crate::version::{Version, VersionRange};
use crate::violation::{ErrorCode, Violation};
use crate::wire::PeerReport;
use alloc::boxed::Box;
use core::fmt;
use core::time::Duration;

/// Policy of a router towards a cache.
#[derive(Clone, Copy, Debug)]
pub struct ClientPolicy {
    /// The versions that it speaks. Each connection begins with the highest. [R-NEG-02]
    pub versions: VersionRange,
    /// Timers in effect where a cache gives none: in version 0, and before the first success. [R-SYN-09]
    pub timing: Timing,
    /// Time after which a connection to a cache that owes an answer and sends nothing is ended.
    pub silence_max: Duration,
}

impl Default for ClientPolicy {
    fn default() -> ClientPolicy {
        ClientPolicy { versions: VersionRange::ALL, timing: Timing::default(), silence_max: limits::SILENCE_MAX }
    }
}

/// Action that the caller has to take next.
#[derive(Debug)]
pub enum ClientOutput {
    /// Open a connection, and call `connected` or `not_connected`.
    Connect,
    /// Write all of these octets, then call `next` again. Inputs may come meanwhile.
    Write(Chunk),
    /// End the connection in order, as a cache does. For the session it is over.
    Close,
    /// Call [`Changes::apply`] on a thread that may block, and pass the result to `applied`.
    Apply(Box<Changes>),
    /// Something to log or count.
    Event(ClientEvent),
    /// Nothing to do until an input comes, or until this moment: then call `tick`.
    Wait(Option<Moment>),
}

/// Event of a session, to be logged or counted.
#[derive(Clone, Debug)]
pub enum ClientEvent {
    /// A query is about to be sent.
    Asked {
        /// The version.
        version: Version,
        /// The session and serial of a Serial Query; none for a Reset Query.
        since: Option<(SessionId, Serial)>,
    },
    /// The cache refused a version, or closed without an answer: the next query is of this one.
    SteppedDown(Version),
    /// The cache answered for the first time on this connection, in this version.
    Negotiated(Version),
    /// The cache has new data, and a query follows.
    Notified(Serial),
    /// A response is complete and applied: [`ClientSession::data`](super::ClientSession::data) is this now, unless what
    /// came behind it, or the time, has flushed it already.
    Updated(Update),
    /// The cache has no changes since the serial in the query, and is asked for everything.
    CacheReset,
    /// The cache has no data yet; it will be asked again.
    NoData,
    /// The timers of End of Data (refresh, retry, expire in seconds) are invalid, and are corrected.
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
        /// Violation by the cache, if that is the reason.
        violation: Option<Violation>,
    },
    /// The data may not be used any more.
    Flushed(FlushReason),
    /// The connection is over, or there was none.
    Ended {
        /// Why.
        why: ConnectionEnd,
        /// Time of the next attempt.
        reconnect: Reconnect,
    },
}

/// Why a connection ended, or was not established.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionEnd {
    /// It was not established.
    NotConnected,
    /// The cache ended it without having answered anything.
    Unanswered,
    /// The cache ended it, or it broke, between responses.
    Lost,
    /// The cache ended it, or it broke, in the middle of a response.
    CutShort,
    /// The cache owed an answer and sent nothing for too long.
    Silent,
    /// The cache and this router have no version in common.
    VersionRefused,
    /// The cache sent an Error Report with this code; none if it was malformed.
    PeerReported(Option<u16>),
    /// The cache does not know the session of the Serial Query, and reported code 0 as old caches do: everything is
    /// asked for on a new connection. [R-ERR-04]
    SessionForgotten,
    /// The cache restarts (code 12).
    Restarting,
    /// The cache shuts down (code 13).
    ShutDown,
    /// The cache broke the protocol.
    Violation(Violation),
    /// Out of memory for the data.
    NoMemory,
    /// The caller stopped the session.
    Stopped,
}

impl fmt::Display for ConnectionEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConnectionEnd::NotConnected => f.write_str("there is no connection"),
            ConnectionEnd::Unanswered => f.write_str("the cache closed the connection without an answer"),
            ConnectionEnd::Lost => f.write_str("the cache closed the connection"),
            ConnectionEnd::CutShort => f.write_str("the connection ended in the middle of a response"),
            ConnectionEnd::Silent => f.write_str("the cache is silent"),
            ConnectionEnd::VersionRefused => f.write_str("the cache speaks none of our versions"),
            ConnectionEnd::PeerReported(Some(code)) => match ErrorCode::from_number(*code) {
                Some(code) => write!(f, "the cache reported error {code}"),
                None => write!(f, "the cache reported error {code}, which no text defines"),
            },
            ConnectionEnd::PeerReported(None) => f.write_str("the cache sent a malformed Error Report"),
            ConnectionEnd::SessionForgotten => f.write_str("the cache does not know our session any more"),
            ConnectionEnd::Restarting => f.write_str("the cache restarts"),
            ConnectionEnd::ShutDown => f.write_str("the cache shuts down"),
            ConnectionEnd::Violation(violation) => write!(f, "the cache broke the protocol: {violation}"),
            ConnectionEnd::NoMemory => f.write_str("there is no memory for the data"),
            ConnectionEnd::Stopped => f.write_str("stopped"),
        }
    }
}

/// Time of the next attempt to connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reconnect {
    /// At once, with another version or query than before.
    AtOnce,
    /// At this moment.
    At(Moment),
    /// The caller stopped the session.
    Never,
}

/// Why data may not be used any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FlushReason {
    /// Their Expire interval has passed. [R-SYN-08]
    Expired,
    /// The cache broke the protocol in a way that makes its data unreliable. [R-SID-01] [R-ERR-01]
    Violation(Violation),
    /// The cache sent a fatal Error Report with this code; none if it was malformed. [R-ERR-01] [R-ERR-02]
    PeerReported(Option<u16>),
    /// This fatal error was reported to the cache.
    Reported(ErrorCode),
    /// The cache shuts down (code 13). [R-ERR-03]
    ShutDown,
}

impl fmt::Display for FlushReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FlushReason::Expired => f.write_str("they have expired"),
            FlushReason::Violation(violation) => write!(f, "the cache broke the protocol: {violation}"),
            FlushReason::PeerReported(code) => fmt::Display::fmt(&ConnectionEnd::PeerReported(*code), f),
            FlushReason::Reported(code) => write!(f, "error {code} was reported"),
            FlushReason::ShutDown => fmt::Display::fmt(&ConnectionEnd::ShutDown, f),
        }
    }
}
