//! The cache's side of one connection, as a plain value.
//!
//! Octets, ends, new data, stalls and stops go in; no input fails, since a peer that misbehaves is an output. What to
//! do comes out of [`ServerSession::next`], one thing after another. `Close` stands in the same queue behind the last
//! `Write`, so that an Error Report cannot be overtaken by the disconnect: the defect that this project exists to end.
//!
//! `policy.rs` holds what may differ between routers, `input.rs` reads PDUs and judges them, `answer.rs` answers queries,
//! `notify.rs` decides when to notify, and `close.rs` ends sessions.

mod answer;
mod close;
mod events;
mod input;
mod notify;
mod policy;

use alloc::boxed::Box;
use alloc::vec::Vec;
pub use policy::ServerPolicy;

use crate::image::Section;
use crate::limits;
use crate::profile::Profile;
use crate::response::{Chunk, Response};
use crate::serial::{Serial, SessionId};
use crate::time::Moment;
use crate::version::{PduType, Version};
use crate::view::{View, Want};
use crate::violation::{ErrorCode, Violation};
use crate::wire::{self, PeerReport};
use alloc::sync::Arc;
use answer::Query;
use close::Sentence;
use core::fmt;
use events::Events;

/// What whoever drives a session has to do next.
#[derive(Debug)]
pub enum Output {
    /// Write all of these octets, then call `next` again. Inputs may come meanwhile.
    Write(Chunk),
    /// End the connection in order: flush, half-close, read and discard until the peer's end or a limit, close.
    /// Nothing is written after it.
    Close,
    /// Something that a person or a counter may want to know. It is the only origin of logs and metrics.
    Event(Event),
    /// Have this made, and hand in the view that has it as `data_changed`.
    Want(Want),
    /// Nothing to do until an input comes, or until this moment: then call `tick`.
    Wait(Option<Moment>),
}

/// Why a cache stops (8210bis sections 8.5 and 8.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stop {
    /// It will be back: routers keep the data until they expire. They see the end of the connection, behind the response
    /// that is running; code 12 takes [`ServerPolicy::sending_cache_restart`].
    Restart,
    /// It will not: routers shall forget the data.
    Shutdown,
}

/// Why a cache wants to be rid of one router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dismissal {
    /// The operator's list has the router's address no longer.
    NotAdmitted,
    /// It has asked nothing so far, and somebody else needs its place.
    Displaced,
    /// The operator has its connection closed; it may connect again. A response that is running is completed.
    Requested,
}

/// How a query was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The whole set.
    Full,
    /// The changes since the router's serial, perhaps none.
    Delta,
    /// Cache Reset: the router has to ask for everything.
    CacheReset,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseReason {
    /// The router ended its side, and has all that it asked for.
    PeerEnded,
    /// The router sent an Error Report.
    PeerReported,
    /// The router broke the protocol and was sent an Error Report.
    Violation,
    /// No query came in time.
    NoQuery,
    /// Too many queries of unsupported versions.
    TooManyVersions,
    /// A response could not be made.
    Internal,
    /// The cache stops.
    Stopped,
    /// All data that the cache has are too old to be used.
    TooOld,
    /// The router took nothing for too long.
    Stalled,
    /// The router read so slowly that the data it was reading are long outdated.
    Overtaken,
    /// The operator admits the router no longer.
    NotAdmitted,
    /// The router had asked nothing, and somebody else needed its place.
    Displaced,
    /// The operator had the connection closed.
    Requested,
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CloseReason::PeerEnded => "the router ended the session",
            CloseReason::PeerReported => "the router reported an error",
            CloseReason::Violation => "the router broke the protocol",
            CloseReason::NoQuery => "no query came in time",
            CloseReason::TooManyVersions => "too many queries of unsupported versions",
            CloseReason::Internal => "a response could not be made",
            CloseReason::Stopped => "the cache stops",
            CloseReason::TooOld => "all data are too old",
            CloseReason::Stalled => "the router took nothing for too long",
            CloseReason::Overtaken => "the router read too slowly to keep up with the data",
            CloseReason::NotAdmitted => "the router is admitted no longer",
            CloseReason::Displaced => "nothing had been asked, and another connection needed the place",
            CloseReason::Requested => "the operator closes the connection",
        })
    }
}

/// What happened on a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A PDU arrived whose type is known.
    Received(PduType),
    /// The first query of a supported version: from now on the session speaks it.
    Negotiated(Profile),
    /// A response, or a Cache Reset, has been given out to its end.
    Answered {
        /// What kind.
        answer: Answer,
        /// The serial of the data.
        serial: Serial,
    },
    /// A Serial Notify was sent.
    Notified(Serial),
    /// An Error Report was sent.
    Reported {
        /// Its code.
        code: ErrorCode,
        /// What the router did, if it was the router.
        violation: Option<Violation>,
    },
    /// The router sent an Error Report.
    PeerReported(Box<PeerReport>),
    /// The session is over, after what has been given out so far.
    Closing(CloseReason),
}

/// What was last told to the router on this connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Told {
    session: SessionId,
    serial: Serial,
}

/// What an answered router knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Knowledge {
    /// Nothing from this connection.
    Nothing,
    /// It was told that there are no data (code 2), and waits for a notify.
    NoData,
    /// It holds this.
    Data(Told),
}

/// The query that made the session speak a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FirstQuery {
    /// It has not come.
    None,
    /// It was of the version that the session speaks.
    Served,
    /// It was of a higher one, and so may all others be.
    AnsweredLower,
}

#[derive(Debug)]
enum Phase {
    /// No query of a supported version yet.
    New { unsupported: u8, deadline: Moment },
    /// The session speaks a version.
    Open { profile: Profile, knows: Knowledge },
    /// The session is lost, and waits for the rest of the PDU that cost it.
    Sentenced(Sentence),
    /// `Close` comes as soon as the last octets are out.
    Closing,
    /// All is said.
    Closed,
}

/// A query that waits for its turn, for data, or for its response to be made.
#[derive(Debug)]
struct Pending {
    query: Query,
    arrived: Moment,
    /// Since when something has to be made for it.
    wanted_since: Option<Moment>,
    /// Whether that has been asked for in the view that is held.
    asked: bool,
}

/// The cache's side of one connection.
pub struct ServerSession {
    policy: ServerPolicy,
    now: Moment,
    view: Arc<View>,
    phase: Phase,
    first_query: FirstQuery,
    /// Octets received and not yet understood.
    input: Vec<u8>,
    /// Octets of a refused PDU that are still to come, and to be thrown away.
    skip: usize,
    ended: bool,
    /// The input goes on with a fatal error, which is reported behind the response that is running.
    deferred: bool,
    pending: Option<Pending>,
    response: Option<Box<Response>>,
    /// The session ends behind the response that is running, for this reason.
    finishing: Option<CloseReason>,
    /// Small PDUs that go out before anything else.
    outbox: Vec<u8>,
    events: Events,
    notified: Option<Told>,
    last_notify: Option<Moment>,
}

impl ServerSession {
    /// A connection that was just accepted.
    pub fn new(now: Moment, policy: ServerPolicy, view: Arc<View>) -> ServerSession {
        ServerSession {
            policy,
            now,
            view,
            phase: Phase::New { unsupported: 0, deadline: now.after(policy.first_query()) },
            first_query: FirstQuery::None,
            input: Vec::new(),
            skip: 0,
            ended: false,
            deferred: false,
            pending: None,
            response: None,
            finishing: None,
            outbox: Vec::new(),
            events: Events::default(),
            notified: None,
            last_notify: None,
        }
    }

    /// Octets came from the router, cut anywhere.
    pub fn receive(&mut self, now: Moment, octets: &[u8]) {
        self.advance(now);
        match self.phase {
            Phase::Open { .. } if self.finishing.is_some() => {}
            Phase::New { .. } | Phase::Open { .. } | Phase::Sentenced(_) => {
                if !self.take_alone(octets) {
                    self.input.extend_from_slice(octets);
                    self.read_input();
                }
            }
            Phase::Closing | Phase::Closed => {}
        }
    }

    /// The router sends no more. What it asked for is still answered.
    pub fn input_ended(&mut self, now: Moment) {
        self.advance(now);
        self.ended = true;
        if let Phase::Sentenced(_) = self.phase {
            self.carry_out_sentence();
        }
    }

    /// There is a new view: other data, or what this session wanted. An older view than the one held is ignored.
    pub fn data_changed(&mut self, now: Moment, view: Arc<View>) {
        self.advance(now);
        if view.revision() <= self.view.revision() {
            return;
        }
        self.view = view;
        if let Some(pending) = &mut self.pending {
            pending.asked = false;
        }
        self.cut_off_if_overtaken();
        self.finish_if_too_old();
    }

    /// The router took nothing of what was written for longer than anybody should wait. If it takes the rest of the
    /// chunk after all, it is told why the session ends.
    pub fn stalled(&mut self, now: Moment) {
        self.advance(now);
        self.give_up_stalled();
    }

    /// The moment that `Wait` named has come; calling it earlier does no harm.
    pub fn tick(&mut self, now: Moment) {
        self.advance(now);
        match &self.phase {
            Phase::New { deadline, .. } if *deadline <= now => self.close(CloseReason::NoQuery),
            Phase::Sentenced(sentence) if sentence.deadline() <= now => self.carry_out_sentence(),
            Phase::New { .. } | Phase::Open { .. } | Phase::Sentenced(_) | Phase::Closing | Phase::Closed => {}
        }
    }

    /// The cache stops. Routers of version 2 are told of a stop for good, and of a restart if the policy says so; the others
    /// just see the end. [C-RST-01] [C-RST-02]
    pub fn stop(&mut self, now: Moment, stop: Stop) {
        self.advance(now);
        self.stop_with(stop);
    }

    /// The cache wants to be rid of this router, which only sees the end. A router that has asked is not displaced,
    /// even if it did so a moment ago: nothing happens then.
    pub fn dismiss(&mut self, now: Moment, dismissal: Dismissal) {
        self.advance(now);
        self.dismiss_for(dismissal);
    }

    /// The session and serial that the router was sent last on this connection, by End of Data.
    pub fn synchronised(&self) -> Option<(SessionId, Serial)> {
        match self.phase {
            Phase::Open { knows: Knowledge::Data(told), .. } => Some((told.session, told.serial)),
            Phase::Open { knows: Knowledge::Nothing | Knowledge::NoData, .. }
            | Phase::New { .. }
            | Phase::Sentenced(_)
            | Phase::Closing
            | Phase::Closed => None,
        }
    }

    /// Whether a query of a version that is served has come: whoever waits for nothing but that need wait no more.
    pub fn has_asked(&self) -> bool {
        match self.first_query {
            FirstQuery::None => false,
            FirstQuery::Served | FirstQuery::AnsweredLower => true,
        }
    }

    /// Whether octets from the router are of use now. While a query waits, or an error behind a running response, they
    /// are not: then the router's window may fill up. While a query is held for want of data some are, since that may take
    /// long, and the router's end would not be noticed.
    pub fn wants_input(&self) -> bool {
        let open = match self.phase {
            Phase::New { .. } | Phase::Open { .. } | Phase::Sentenced(_) => true,
            Phase::Closing | Phase::Closed => false,
        };
        let is_free = match self.pending {
            None => true,
            Some(_) => self.view.edition().is_err() && self.input.len() < limits::HELD_INPUT_OCTETS_MAX,
        };
        open && !self.ended && !self.deferred && self.finishing.is_none() && is_free
    }

    /// Whether the session is about to close: what is being written is followed by an Error Report at most, so a router that
    /// does not take it need not be waited for long. A session that ends behind the response that is running is not yet.
    pub fn is_closing(&self) -> bool {
        match self.phase {
            Phase::New { .. } | Phase::Open { .. } | Phase::Sentenced(_) => false,
            Phase::Closing | Phase::Closed => true,
        }
    }

    /// When `tick` should be called next, whether or not a chunk is being written.
    pub fn deadline(&self) -> Option<Moment> {
        match &self.phase {
            Phase::New { deadline, .. } => Some(*deadline),
            Phase::Sentenced(sentence) => Some(sentence.deadline()),
            // Behind a running response nothing is due before its end.
            Phase::Open { .. } if self.response.is_some() => None,
            Phase::Open { .. } => match &self.pending {
                Some(pending) => Some(self.answer_due(pending)),
                None => self.notify_at(),
            }
            .filter(|at| *at > self.now),
            Phase::Closing | Phase::Closed => None,
        }
    }

    /// The next thing that happened. `next` gives these out as well, before anything else; whoever is writing a chunk, and
    /// so may not call `next`, learns them here.
    pub fn event(&mut self) -> Option<Event> {
        self.events.pop()
    }

    /// What to do next. Call it after each input, and until it says to wait; after a `Write`, call it again when all
    /// of the chunk has been written.
    pub fn next(&mut self, now: Moment) -> Output {
        self.advance(now);
        loop {
            if let Some(event) = self.event() {
                return Output::Event(event);
            }
            if !self.outbox.is_empty() {
                debug_assert!(self.response.is_none(), "nothing is sent in the middle of a response");
                let outbox = core::mem::take(&mut self.outbox);
                // Each kind of small PDU tells its own length.
                let pdus = Section::RouterKey.whole_records(&outbox, usize::MAX).count;
                return Output::Write(Chunk::own(outbox, pdus));
            }
            match self.phase {
                Phase::Closing => {
                    self.phase = Phase::Closed;
                    return Output::Close;
                }
                Phase::Closed => return Output::Wait(None),
                Phase::Sentenced(_) => return Output::Wait(self.deadline()),
                Phase::New { .. } | Phase::Open { .. } => {}
            }
            if let Some(response) = &mut self.response {
                match response.next_chunk() {
                    Some(chunk) => return Output::Write(chunk),
                    None => self.response_ended(),
                }
            } else if let Some(reason) = self.finishing {
                self.close(reason);
            } else if let Some(pending) = self.pending.take() {
                if let Some(output) = self.answer(pending) {
                    return output;
                }
            } else if self.read_input() {
                // Something came of it: look again.
            } else if self.ended {
                self.close(CloseReason::PeerEnded);
            } else {
                match self.notify_at() {
                    Some(at) if at <= self.now => self.notify(),
                    Some(_) | None => return Output::Wait(self.deadline()),
                }
            }
        }
    }

    fn advance(&mut self, now: Moment) {
        debug_assert!(now >= self.now, "time goes forward");
        self.now = self.now.max(now);
    }

    /// Puts an Error Report into the outbox.
    fn report(&mut self, version: Version, code: ErrorCode, violation: Option<Violation>, copy: &[u8], text: &str) {
        debug_assert!(code.since() <= version, "code {code} is not one of version {version}");
        self.outbox.extend_from_slice(&wire::error_report(version, code, copy, text));
        self.events.push(Event::Reported { code, violation });
    }
}

impl fmt::Debug for ServerSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerSession")
            .field("phase", &self.phase)
            .field("pending", &self.pending)
            .finish_non_exhaustive()
    }
}
