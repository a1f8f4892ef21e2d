//! What a router's side is told to do and what happened to it, and the policy that it follows.

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
    /// A response is complete and applied: [`ClientSession::data`](super::ClientSession::data) is this now, unless what
    /// came behind it, or the time, has flushed it already.
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

/// Why a connection ended, or was not to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionEnd {
    /// There was none.
    NotConnected,
    /// The cache ended it without having answered anything.
    Unanswered,
    /// The cache ended it, or it broke, between responses.
    Lost,
    /// The cache ended it, or it broke, in the middle of a response.
    CutShort,
    /// The cache owed an answer and was silent for too long.
    Silent,
    /// The cache and this router have no version in common.
    VersionRefused,
    /// The cache sent an Error Report with this code; none if it was malformed.
    PeerReported(Option<u16>),
    /// The cache knows nothing of the session that the router wanted to go on from, and said so by code 0 as old
    /// caches do: everything is asked for on a new connection. [R-ERR-04]
    SessionForgotten,
    /// The cache restarts (code 12).
    Restarting,
    /// The cache shuts down (code 13).
    ShutDown,
    /// The cache broke the protocol.
    Violation(Violation),
    /// There was no memory for the data.
    NoMemory,
    /// The router was told to stop.
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

/// When the next connection is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// Now, in another way than before.
    AtOnce,
    /// Then.
    At(Moment),
    /// The router was told to stop.
    Never,
}

/// Why data may not be used any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FlushReason {
    /// Their Expire interval has passed. [R-SYN-08]
    Expired,
    /// The cache broke the protocol in a way that makes its data doubtful. [R-SID-01] [R-ERR-01]
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
