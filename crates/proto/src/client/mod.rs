//! The router's side of one cache, over all connections to it, as a plain value.
//!
//! It keeps the state that outlives a connection: the data and until when they may be used, the session and serial to
//! resume from, and when to connect again. Actions come out of [`ClientSession::next`]: connect, write, close; no input
//! fails, whatever a cache does.
//!
//! `output.rs` has its actions and events, `negotiate.rs` finds the version, `input.rs` reads and classifies PDUs,
//! `sync.rs` decides what to ask and when, `update.rs` collects a response and applies it, `ending.rs` handles the end
//! of a connection.

mod ending;
mod input;
mod negotiate;
mod output;
mod sync;
mod update;

use alloc::boxed::Box;
use alloc::vec::Vec;
pub use output::{ClientEvent, ClientOutput, ClientPolicy, ConnectionEnd, FlushReason, Reconnect};
pub use update::{Applied, Changes, Update};

use crate::image::{Image, Section};
use crate::payload::Asn;
use crate::response::Chunk;
use crate::serial::{Serial, SessionId};
use crate::time::{Moment, Timing};
use crate::version::Version;
use crate::violation::{ErrorCode, Violation};
use crate::wire;
use alloc::collections::{BTreeSet, VecDeque};
use alloc::sync::Arc;
use core::fmt;
use core::time::Duration;
use negotiate::Negotiation;

/// Data set of a cache as of the last End of Data.
#[derive(Clone, Debug)]
pub struct ClientData {
    /// The set. Its records carry the version that they came in.
    pub image: Image,
    /// The cache's session in that version.
    pub session: SessionId,
    /// The serial of the set.
    pub serial: Serial,
    /// The timers in effect.
    pub timing: Timing,
    /// When End of Data came.
    pub received: Moment,
}

impl ClientData {
    /// Returns when the data may not be used any more (RFC 8210 section 6). [R-SYN-08]
    pub fn expires(&self) -> Moment {
        self.received.after(Duration::from_secs(self.timing.expire().into()))
    }
}

/// State from which a Serial Query resumes. Sessions of different versions are different ones. [R-SID-02]
#[derive(Clone, Copy, Debug)]
struct ResumePoint {
    version: Version,
    session: SessionId,
    serial: Serial,
}

/// A connection, or when there will be one.
#[derive(Debug)]
enum Link {
    /// None, and one is wanted from this moment on.
    Down(Moment),
    /// `Connect` was given out.
    Connecting,
    /// There is one.
    Up(CacheConnection),
    /// `Close` comes behind what is in the outbox, and this is when to connect again.
    Closing(Moment),
    /// The session was stopped.
    Stopped,
}

/// State of an open connection.
#[derive(Debug)]
struct CacheConnection {
    negotiation: Negotiation,
    exchange: Exchange,
    /// Octets received and not yet read.
    input: Vec<u8>,
    /// The cache sends no more.
    ended: bool,
    /// Time of the last octets from the cache, or of the last query.
    progress: Moment,
    /// The session that the cache named on this connection.
    session: Option<SessionId>,
    /// A notify that came while something else was going on.
    notified: Option<Serial>,
    /// Start of the running exchange.
    begun: Moment,
    /// Time from which the connection counts as stable: some time after its first update.
    stable_from: Option<Moment>,
    /// True if the last answer was code 2 (No Data Available).
    no_data: bool,
    /// Time of the last query that a Serial Notify caused.
    notify_queried_at: Option<Moment>,
}

/// Exchange between router and cache that is under way.
#[derive(Debug)]
enum Exchange {
    /// Nothing until this moment.
    Idle(Moment),
    /// A query was sent; with a resume point it was a Serial Query.
    Asked(Option<ResumePoint>),
    /// A response is coming in.
    Receiving { session: SessionId, changes: Box<Changes> },
    /// It is complete, and waits to be taken by `next`.
    Received { complete: Complete, changes: Box<Changes> },
    /// It is being applied.
    Applying(Complete),
}

/// Fields of the End of Data of a response.
#[derive(Clone, Copy, Debug)]
struct Complete {
    session: SessionId,
    serial: Serial,
    timing: Timing,
    at: Moment,
}

/// The router's side of one cache.
pub struct ClientSession {
    policy: ClientPolicy,
    now: Moment,
    random: u64,
    link: Link,
    data: Option<ClientData>,
    resume_point: Option<ResumePoint>,
    /// True if the resume point was given by the caller, and its data are not held.
    is_probe: bool,
    /// The version to begin the next connection with, if the last one ended only for that.
    next_version: Option<Version>,
    /// True if the next connection begins with a Reset Query, since the cache closed the last one at a Serial Query
    /// without an answer.
    resets_next: bool,
    /// Customers that the cache announced with an invalid ASPA.
    refused: Arc<BTreeSet<Asn>>,
    /// Count of connections, so that the result of an earlier one's response is recognised.
    connections: u64,
    /// Invalid timers that were reported; the same ones are not reported again.
    adjusted: Option<[u32; 3]>,
    /// Connections in a row that failed or were not stable.
    failures: u32,
    outbox: Vec<u8>,
    events: VecDeque<ClientEvent>,
}

impl ClientSession {
    /// Makes a session that holds nothing, and connects at once. `seed` makes its pauses differ from those of others:
    /// it should be random.
    pub fn new(now: Moment, policy: ClientPolicy, seed: u64) -> ClientSession {
        ClientSession {
            policy,
            now,
            random: seed,
            link: Link::Down(now),
            data: None,
            resume_point: None,
            is_probe: false,
            next_version: None,
            resets_next: false,
            refused: Arc::default(),
            connections: 0,
            adjusted: None,
            failures: 0,
            outbox: Vec::new(),
            events: VecDeque::new(),
        }
    }

    /// Makes a session that does not hold the data of a serial, and only asks what changed since then, in whichever
    /// version the cache speaks.
    pub fn probe(now: Moment, policy: ClientPolicy, seed: u64, session: SessionId, serial: Serial) -> ClientSession {
        let resume_point = Some(ResumePoint { version: policy.versions.max(), session, serial });
        ClientSession { resume_point, is_probe: true, ..ClientSession::new(now, policy, seed) }
    }

    /// Makes a session that goes on with data of an earlier one, and asks what changed since. `refused` are the customers
    /// whose ASPAs the cache has and that were left out of the data. Data that have expired are not used.
    pub fn resume(
        now: Moment,
        policy: ClientPolicy,
        seed: u64,
        data: ClientData,
        refused: Arc<BTreeSet<Asn>>,
    ) -> ClientSession {
        let session = ClientSession::new(now, policy, seed);
        if data.expires() <= now {
            return session;
        }
        let ClientData { session: id, serial, .. } = data;
        let resume_point = Some(ResumePoint { version: data.image.version(), session: id, serial });
        ClientSession { data: Some(data), resume_point, refused, ..session }
    }

    /// Returns the data, as long as they may be used.
    pub fn data(&self) -> Option<&ClientData> {
        self.data.as_ref()
    }

    /// The version that the cache speaks, once it has answered on this connection.
    pub fn version(&self) -> Option<Version> {
        match &self.link {
            Link::Up(connection) => connection.negotiation.settled(),
            Link::Down(_) | Link::Connecting | Link::Closing(_) | Link::Stopped => None,
        }
    }

    /// Returns how many payload PDUs of a running response have come so far.
    pub fn receiving(&self) -> Option<usize> {
        match &self.link {
            Link::Up(CacheConnection { exchange: Exchange::Receiving { changes, .. }, .. }) => Some(changes.records()),
            Link::Up(_) | Link::Down(_) | Link::Connecting | Link::Closing(_) | Link::Stopped => None,
        }
    }

    /// The connection is established.
    pub fn connected(&mut self, now: Moment) {
        self.advance(now);
        if let Link::Connecting = self.link {
            self.connections += 1;
            let first = self.next_version.take().unwrap_or(self.policy.versions.max());
            self.link = Link::Up(CacheConnection {
                negotiation: Negotiation::new(first),
                exchange: Exchange::Idle(self.now),
                input: Vec::new(),
                ended: false,
                progress: self.now,
                session: None,
                notified: None,
                begun: self.now,
                stable_from: None,
                no_data: false,
                notify_queried_at: None,
            });
            // [R-NEG-01]
            self.ask();
        }
    }

    /// The connection could not be established.
    pub fn not_connected(&mut self, now: Moment) {
        self.advance(now);
        if let Link::Connecting = self.link {
            self.end(ConnectionEnd::NotConnected);
        }
    }

    /// Octets came from the cache, cut anywhere.
    pub fn receive(&mut self, now: Moment, octets: &[u8]) {
        self.advance(now);
        if let Link::Up(connection) = &mut self.link {
            connection.input.extend_from_slice(octets);
            connection.progress = now;
            self.read_input();
        }
    }

    /// The cache sends no more, or the connection broke; all that came before has been received.
    pub fn input_ended(&mut self, now: Moment) {
        self.advance(now);
        if let Link::Up(connection) = &mut self.link {
            connection.ended = true;
            self.conclude();
        }
    }

    /// The cache reads nothing of what was written.
    pub fn stalled(&mut self, now: Moment) {
        self.advance(now);
        if let Link::Up(_) = self.link {
            self.end(ConnectionEnd::Silent);
        }
    }

    /// The response has been applied. The result of an earlier connection's response is ignored.
    pub fn applied(&mut self, now: Moment, applied: Applied) {
        self.advance(now);
        if applied.connection == self.connections {
            self.take_applied(applied);
        }
    }

    /// The response of this connection could not be applied, for want of memory: the connection ends, and the data stay
    /// as they were.
    pub fn not_applied(&mut self, now: Moment) {
        self.advance(now);
        if let Link::Up(CacheConnection { exchange: Exchange::Applying(_), negotiation, .. }) = &self.link {
            match negotiation.version() {
                version @ (Version::V0 | Version::V1) => {
                    self.report(version, ErrorCode::InternalError, None, &[], "out of memory");
                }
                // A router that reports a fatal error has to flush its data, and these are good. [R-ERR-01]
                Version::V2 => {}
            }
            self.end(ConnectionEnd::NoMemory);
        }
    }

    /// Sends a query, or connects, now instead of when it is due.
    pub fn refresh(&mut self, now: Moment) {
        self.advance(now);
        match &mut self.link {
            Link::Down(at) => *at = now,
            Link::Up(CacheConnection { exchange: Exchange::Idle(_), .. }) => self.ask(),
            Link::Closing(at) if *at != NEVER => *at = now,
            Link::Up(_) | Link::Connecting | Link::Closing(_) | Link::Stopped => {}
        }
    }

    /// Ends the connection, and makes no other.
    pub fn stop(&mut self, now: Moment) {
        self.advance(now);
        match self.link {
            Link::Up(_) => {
                // A query that was not sent is not needed any more.
                self.outbox.clear();
                self.end(ConnectionEnd::Stopped);
            }
            Link::Closing(_) => self.link = Link::Closing(NEVER),
            Link::Down(_) | Link::Connecting | Link::Stopped => self.link = Link::Stopped,
        }
    }

    /// The moment that `Wait` named has come; calling it earlier does no harm.
    pub fn tick(&mut self, now: Moment) {
        self.advance(now);
        self.check_time();
    }

    /// Returns whether octets from the cache should be read now. While a response is applied they should not.
    pub fn wants_input(&self) -> bool {
        match &self.link {
            Link::Up(CacheConnection { ended, exchange, .. }) => {
                !ended && !matches!(exchange, Exchange::Received { .. } | Exchange::Applying(_))
            }
            Link::Down(_) | Link::Connecting | Link::Closing(_) | Link::Stopped => false,
        }
    }

    /// Returns whether the session is over for good.
    pub fn is_stopped(&self) -> bool {
        matches!(self.link, Link::Stopped)
    }

    /// Returns when `tick` should be called next, whether or not a chunk is being written.
    pub fn deadline(&self) -> Option<Moment> {
        let link = match &self.link {
            Link::Down(at) => Some(*at),
            Link::Up(connection) => connection.deadline(self),
            Link::Connecting | Link::Closing(_) | Link::Stopped => None,
        };
        let expiry = self.data.as_ref().map(ClientData::expires);
        [link.filter(|at| *at != NEVER), expiry].into_iter().flatten().min()
    }

    /// Returns the next action. Call it after each input, and until it returns `Wait`; after a `Write`, call it again
    /// when all of the chunk has been written.
    pub fn next(&mut self, now: Moment) -> ClientOutput {
        self.advance(now);
        self.check_time();
        if let Some(event) = self.events.pop_front() {
            return ClientOutput::Event(event);
        }
        if !self.outbox.is_empty() {
            let outbox = core::mem::take(&mut self.outbox);
            // A query and an Error Report tell their own lengths.
            let pdus = Section::RouterKey.whole_records(&outbox, usize::MAX).count;
            return ClientOutput::Write(Chunk::own(outbox, pdus));
        }
        match &mut self.link {
            Link::Closing(NEVER) => {
                self.link = Link::Stopped;
                ClientOutput::Close
            }
            Link::Closing(at) => {
                self.link = Link::Down(*at);
                ClientOutput::Close
            }
            Link::Down(at) if *at <= self.now => {
                self.link = Link::Connecting;
                ClientOutput::Connect
            }
            Link::Up(CacheConnection { exchange, .. }) => {
                match core::mem::replace(exchange, Exchange::Idle(NEVER)) {
                    Exchange::Received { complete, changes } => {
                        *exchange = Exchange::Applying(complete);
                        return ClientOutput::Apply(changes);
                    }
                    other => *exchange = other,
                }
                ClientOutput::Wait(self.deadline())
            }
            Link::Down(_) | Link::Connecting | Link::Stopped => ClientOutput::Wait(self.deadline()),
        }
    }

    fn advance(&mut self, now: Moment) {
        debug_assert!(now >= self.now, "time goes forward");
        self.now = self.now.max(now);
    }

    fn report(&mut self, version: Version, code: ErrorCode, violation: Option<Violation>, copy: &[u8], text: &str) {
        debug_assert!(code.since() <= version, "code {code} is not one of version {version}");
        self.outbox.extend_from_slice(&wire::error_report(version, code, copy, text));
        self.events.push_back(ClientEvent::Reported { code, violation });
    }

    /// A number from 0 to 1, excluding 1, that the seed decides.
    fn random(&mut self) -> f64 {
        // splitmix64: any seed is good.
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.random;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        let upper = u32::try_from(mixed >> 32).unwrap_or(u32::MAX);
        f64::from(upper) / (f64::from(u32::MAX) + 1.0)
    }
}

/// Moment that never comes.
const NEVER: Moment = Moment(u64::MAX);

impl fmt::Debug for ClientSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSession").field("link", &self.link).field("data", &self.data).finish_non_exhaustive()
    }
}

impl Complete {
    fn into_data(self, image: Image) -> ClientData {
        let Complete { session, serial, timing, at } = self;
        ClientData { image, session, serial, timing, received: at }
    }
}
