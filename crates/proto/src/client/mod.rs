//! The router's side of one cache, over all connections to it, as a plain value.
//!
//! It keeps what outlives a connection: the data and until when they may be used, the session and serial to go on from,
//! and when to connect again. What comes out of [`ClientSession::next`] says when to connect, what to write, when to
//! close; nothing that a cache does is an error of an input.
//!
//! `output.rs` has what comes of it, `negotiate.rs` finds the version, `input.rs` reads PDUs and judges them, `sync.rs`
//! decides what to ask and when, `update.rs` collects a response and applies it, `ending.rs` says what the end of a
//! connection means.

mod ending;
mod input;
mod negotiate;
mod output;
mod sync;
mod update;

use alloc::boxed::Box;
use alloc::vec::Vec;
pub use output::{Again, ClientEvent, ClientOutput, ClientPolicy, ConnectionEnd, FlushReason};
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
use negotiate::Speech;

/// What a router holds of a cache, as of the last End of Data.
#[derive(Clone, Debug)]
pub struct Data {
    /// The set. Its records carry the version that they came in.
    pub image: Image,
    /// The cache's session in that version.
    pub session: SessionId,
    /// The serial of the set.
    pub serial: Serial,
    /// The timers that count.
    pub timing: Timing,
    /// When End of Data came.
    pub received: Moment,
}

impl Data {
    /// When the data may not be used any more (RFC 8210 section 6). [R-SYN-08]
    pub fn expires(&self) -> Moment {
        self.received.after(Duration::from_secs(self.timing.expire().into()))
    }
}

/// Where a Serial Query can go on from. Sessions of different versions are different ones. [R-SID-02]
#[derive(Clone, Copy, Debug)]
struct Memory {
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
    Up(Connection),
    /// All is said: `Close` comes behind what is in the outbox, and this is when to connect again.
    Closing(Moment),
    /// The session was stopped.
    Stopped,
}

/// What is known of an open connection.
#[derive(Debug)]
struct Connection {
    speech: Speech,
    exchange: Exchange,
    /// Octets received and not yet understood.
    input: Vec<u8>,
    /// The cache sends no more.
    ended: bool,
    /// When anything last came from the cache, or was asked of it.
    progress: Moment,
    /// The session that the cache named on this connection.
    told: Option<SessionId>,
    /// A notify that came while something else was going on.
    notified: Option<Serial>,
    /// When the running exchange began.
    begun: Moment,
    /// From when on this is a connection that lasted: some time after its first update.
    lasting: Option<Moment>,
    /// Whether the last answer was that there are no data.
    no_data: bool,
    /// When a notify last had it asked.
    heeded: Option<Moment>,
}

/// What is going on between router and cache.
#[derive(Debug)]
enum Exchange {
    /// Nothing until this moment.
    Idle(Moment),
    /// A query was sent; with the memory that it was made from, it was a Serial Query.
    Asked(Option<Memory>),
    /// A response is coming in.
    Receiving { session: SessionId, changes: Box<Changes> },
    /// It is complete, and waits to be taken by `next`.
    Received { complete: Complete, changes: Box<Changes> },
    /// It is being applied.
    Applying(Complete),
}

/// What the End of Data of a response said.
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
    data: Option<Data>,
    memory: Option<Memory>,
    /// Whether the memory was given, and there are no data to it.
    is_probe: bool,
    /// The version to begin the next connection with, if the last one ended only for that.
    next_version: Option<Version>,
    /// Whether the next connection asks for everything, since the cache closed the last one at a Serial Query without a
    /// word.
    doubts_session: bool,
    /// Customers that the cache announced with what is no ASPA.
    refused: Arc<BTreeSet<Asn>>,
    /// Counts connections, so that what was made of one's response is not taken for another's.
    connections: u64,
    /// Timers that were told to break the rules; the same ones are not told of again.
    adjusted: Option<[u32; 3]>,
    /// Connections in a row that were not to be had or did not last.
    failures: u32,
    outbox: Vec<u8>,
    events: VecDeque<ClientEvent>,
}

impl ClientSession {
    /// A router that holds nothing, and wants to connect at once. `seed` makes its waiting times differ from those of
    /// others: it should be random.
    pub fn new(now: Moment, policy: ClientPolicy, seed: u64) -> ClientSession {
        ClientSession {
            policy,
            now,
            random: seed,
            link: Link::Down(now),
            data: None,
            memory: None,
            is_probe: false,
            next_version: None,
            doubts_session: false,
            refused: Arc::default(),
            connections: 0,
            adjusted: None,
            failures: 0,
            outbox: Vec::new(),
            events: VecDeque::new(),
        }
    }

    /// A router that does not hold the data of a serial, and only wants to know what changed since then, in whichever
    /// version the cache speaks.
    pub fn probe(now: Moment, policy: ClientPolicy, seed: u64, session: SessionId, serial: Serial) -> ClientSession {
        let memory = Some(Memory { version: policy.versions.max(), session, serial });
        ClientSession { memory, is_probe: true, ..ClientSession::new(now, policy, seed) }
    }

    /// What the router holds, as long as it may be used.
    pub fn data(&self) -> Option<&Data> {
        self.data.as_ref()
    }

    /// The version that the cache speaks, once it has answered on this connection.
    pub fn version(&self) -> Option<Version> {
        match &self.link {
            Link::Up(connection) => connection.speech.settled(),
            Link::Down(_) | Link::Connecting | Link::Closing(_) | Link::Stopped => None,
        }
    }

    /// How many payload PDUs of a running response have come so far.
    pub fn receiving(&self) -> Option<usize> {
        match &self.link {
            Link::Up(Connection { exchange: Exchange::Receiving { changes, .. }, .. }) => Some(changes.records()),
            Link::Up(_) | Link::Down(_) | Link::Connecting | Link::Closing(_) | Link::Stopped => None,
        }
    }

    /// The connection that was asked for is there.
    pub fn connected(&mut self, now: Moment) {
        self.advance(now);
        if let Link::Connecting = self.link {
            self.connections += 1;
            let first = self.next_version.take().unwrap_or(self.policy.versions.max());
            self.link = Link::Up(Connection {
                speech: Speech::new(first),
                exchange: Exchange::Idle(self.now),
                input: Vec::new(),
                ended: false,
                progress: self.now,
                told: None,
                notified: None,
                begun: self.now,
                lasting: None,
                no_data: false,
                heeded: None,
            });
            // [R-NEG-01]
            self.ask();
        }
    }

    /// There is no connection to be had.
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

    /// The cache takes nothing of what was written.
    pub fn stalled(&mut self, now: Moment) {
        self.advance(now);
        if let Link::Up(_) = self.link {
            self.end(ConnectionEnd::Silent);
        }
    }

    /// The response that was to be applied has been. What was made of an earlier connection's response is ignored.
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
        if let Link::Up(Connection { exchange: Exchange::Applying(_), speech, .. }) = &self.link {
            match speech.version() {
                version @ (Version::V0 | Version::V1) => {
                    self.report(version, ErrorCode::InternalError, None, &[], "out of memory");
                }
                // A router that reports a fatal error has to flush its data, and these are good. [R-ERR-01]
                Version::V2 => {}
            }
            self.end(ConnectionEnd::NoMemory);
        }
    }

    /// Asks, or connects, now instead of when it is due.
    pub fn refresh(&mut self, now: Moment) {
        self.advance(now);
        match &mut self.link {
            Link::Down(at) => *at = now,
            Link::Up(Connection { exchange: Exchange::Idle(_), .. }) => self.ask(),
            Link::Closing(at) if *at != NEVER => *at = now,
            Link::Up(_) | Link::Connecting | Link::Closing(_) | Link::Stopped => {}
        }
    }

    /// Ends the connection, and makes no other.
    pub fn stop(&mut self, now: Moment) {
        self.advance(now);
        match self.link {
            Link::Up(_) => {
                // A query that was not sent is of no use any more.
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

    /// Whether octets from the cache are of use now. While a response is applied they are not.
    pub fn wants_input(&self) -> bool {
        match &self.link {
            Link::Up(Connection { ended, exchange, .. }) => {
                !ended && !matches!(exchange, Exchange::Received { .. } | Exchange::Applying(_))
            }
            Link::Down(_) | Link::Connecting | Link::Closing(_) | Link::Stopped => false,
        }
    }

    /// Whether the session is over for good.
    pub fn is_stopped(&self) -> bool {
        matches!(self.link, Link::Stopped)
    }

    /// When `tick` should be called next, whether or not a chunk is being written.
    pub fn deadline(&self) -> Option<Moment> {
        let link = match &self.link {
            Link::Down(at) => Some(*at),
            Link::Up(connection) => connection.deadline(self),
            Link::Connecting | Link::Closing(_) | Link::Stopped => None,
        };
        let expiry = self.data.as_ref().map(Data::expires);
        [link.filter(|at| *at != NEVER), expiry].into_iter().flatten().min()
    }

    /// What to do next. Call it after each input, and until it says to wait; after a `Write`, call it again when all
    /// of the chunk has been written.
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
            Link::Up(Connection { exchange, .. }) => {
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
        // splitmix64: any seed will do.
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.random;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        let upper = u32::try_from(mixed >> 32).unwrap_or(u32::MAX);
        f64::from(upper) / (f64::from(u32::MAX) + 1.0)
    }
}

/// A moment that does not come.
const NEVER: Moment = Moment(u64::MAX);

impl fmt::Debug for ClientSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSession").field("link", &self.link).field("data", &self.data).finish_non_exhaustive()
    }
}

impl Complete {
    fn into_data(self, image: Image) -> Data {
        let Complete { session, serial, timing, at } = self;
        Data { image, session, serial, timing, received: at }
    }
}
