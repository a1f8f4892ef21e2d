//! The cache's side of one connection, as a plain value.
//!
//! Octets, ends, new data, stalls and stops go in; no input fails, since a peer's error is an output. Actions come out
//! of [`ServerSession::next`], one after another. `Close` stands in the same queue behind the last `Write`, so that an
//! Error Report cannot be overtaken by the disconnect: the defect that this project exists to end.
//!
//! `policy.rs` holds what may differ between routers, `input.rs` reads and classifies PDUs, `answer.rs` answers
//! queries, `notify.rs` decides when to notify, `close.rs` ends sessions, and `handover.rs` hands them to another program.

mod answer;
mod close;
mod events;
mod handover;
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
use close::FatalError;
use core::fmt;
use events::Events;

/// Action that the caller has to take next.
#[derive(Debug)]
pub enum ServerOutput {
    /// Write all of these octets, then call `next` again. Inputs may come meanwhile.
    Write(Chunk),
    /// End the connection in order: flush, half-close, read and discard until the peer's end or a limit, close.
    /// Nothing is written after it.
    Close,
    /// Something to log or count. Logs and metrics come from these events only.
    Event(ServerEvent),
    /// Have this built, and pass the view that has it to `data_changed`.
    Want(Want),
    /// Nothing to do until an input comes, or until this moment: then call `tick`.
    Wait(Option<Moment>),
}

/// Why a cache stops (8210bis sections 8.5 and 8.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stop {
    /// It will be back: routers keep the data until they expire. They see the end of the connection, behind the
    /// response that is running; code 12 takes [`ServerPolicy::sending_cache_restart`].
    Restart,
    /// It will not: routers shall forget the data.
    Shutdown,
}

/// Why a cache closes the session of one router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dismissal {
    /// The operator's list has the router's address no longer.
    NotAdmitted,
    /// It has sent no query so far, and another connection needs its slot.
    Displaced,
    /// The operator has its connection closed; it may connect again. A response that is running is completed.
    Requested,
}

/// Kind of answer to a query.
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
    /// The router read so slowly that the data it was reading are outdated.
    Overtaken,
    /// The operator admits the router no longer.
    NotAdmitted,
    /// The router had sent no query, and another connection needed its slot.
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
            CloseReason::Displaced => "the router had sent no query, and another connection needed the slot",
            CloseReason::Requested => "the operator closes the connection",
        })
    }
}

/// Event of a session, to be logged or counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerEvent {
    /// A PDU arrived whose type is known.
    Received(PduType),
    /// The first query of a supported version: from now on the session speaks it.
    Negotiated(Profile),
    /// A response, or a Cache Reset, has been given out to its end.
    Answered {
        /// Its kind.
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
        /// Violation by the router, if that is the reason.
        violation: Option<Violation>,
    },
    /// The router sent an Error Report.
    PeerReported(Box<PeerReport>),
    /// The session is over, after what has been given out so far.
    Closing(CloseReason),
}

/// Session and serial that the router was last sent on this connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct SessionSerial {
    session: SessionId,
    serial: Serial,
}

/// State of a router that has been answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RouterState {
    /// Nothing from this connection.
    Nothing,
    /// It was sent code 2 (No Data Available), and waits for a Serial Notify.
    NoData,
    /// It holds this.
    Data(SessionSerial),
}

/// The query that negotiated the session's version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FirstQuery {
    /// It has not come.
    None,
    /// It was of the session's version.
    Served,
    /// It was of a higher one, and so may all others be.
    AnsweredLower,
}

#[derive(Debug)]
enum Phase {
    /// No query of a supported version yet.
    New { unsupported: u8, deadline: Moment },
    /// The version has been negotiated.
    Open { profile: Profile, router: RouterState },
    /// A fatal error ends the session, which waits for the rest of the erroneous PDU.
    Failing(FatalError),
    /// `Close` comes as soon as the last octets are out.
    Closing,
    /// `Close` has been given out.
    Closed,
}

/// A query that waits for the response before it, for data, or for its own response to be built.
#[derive(Debug)]
struct Pending {
    query: Query,
    arrived: Moment,
    /// Since when something has to be built for it.
    wanted_since: Option<Moment>,
    /// True if that has been asked for in the view that is held.
    asked: bool,
}

/// The cache's side of one connection.
pub struct ServerSession {
    policy: ServerPolicy,
    now: Moment,
    view: Arc<View>,
    phase: Phase,
    first_query: FirstQuery,
    /// Octets received and not yet read.
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
    notified: Option<SessionSerial>,
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
            Phase::New { .. } | Phase::Open { .. } | Phase::Failing(_) => {
                if !self.take_whole_query(octets) {
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
        if let Phase::Failing(_) = self.phase {
            self.finish_failing();
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
        self.close_if_overtaken();
        self.finish_if_too_old();
    }

    /// The router has read nothing of what was written for too long. If it reads the rest of the chunk after all, an
    /// Error Report with the reason follows.
    pub fn stalled(&mut self, now: Moment) {
        self.advance(now);
        self.close_stalled();
    }

    /// The moment that `Wait` named has come; calling it earlier does no harm.
    pub fn tick(&mut self, now: Moment) {
        self.advance(now);
        match &self.phase {
            Phase::New { deadline, .. } if *deadline <= now => self.close(CloseReason::NoQuery),
            Phase::Failing(error) if error.deadline() <= now => self.finish_failing(),
            Phase::New { .. } | Phase::Open { .. } | Phase::Failing(_) | Phase::Closing | Phase::Closed => {}
        }
    }

    /// The cache stops. Routers of version 2 are sent code 13 for a shutdown, and code 12 for a restart if the policy
    /// has it; for others the connection just ends. [C-RST-01] [C-RST-02]
    pub fn stop(&mut self, now: Moment, stop: Stop) {
        self.advance(now);
        self.stop_with(stop);
    }

    /// Closes the session without an Error Report. A router that has sent a query is not displaced, even if it did so a
    /// moment ago: nothing happens then.
    pub fn dismiss(&mut self, now: Moment, dismissal: Dismissal) {
        self.advance(now);
        self.dismiss_for(dismissal);
    }

    /// The session and serial that the router was sent last on this connection, by End of Data.
    pub fn synchronised(&self) -> Option<(SessionId, Serial)> {
        match self.phase {
            Phase::Open { router: RouterState::Data(held), .. } => Some((held.session, held.serial)),
            Phase::Open { router: RouterState::Nothing | RouterState::NoData, .. }
            | Phase::New { .. }
            | Phase::Failing(_)
            | Phase::Closing
            | Phase::Closed => None,
        }
    }

    /// Returns the reason for which the session ends after the response that is running, if it does.
    pub fn ends_after_response(&self) -> Option<CloseReason> {
        self.finishing
    }

    /// Returns whether a query waits for its answer, or the answer has not been given out to its end.
    pub fn is_answering(&self) -> bool {
        self.pending.is_some() || self.response.is_some()
    }

    /// Returns whether a query of a version that is served has come.
    pub fn has_asked(&self) -> bool {
        match self.first_query {
            FirstQuery::None => false,
            FirstQuery::Served | FirstQuery::AnsweredLower => true,
        }
    }

    /// Returns whether octets from the router should be read now. While a query or an error waits behind a running
    /// response they should not: then the TCP receive window may fill up. While a query is held for want of data some
    /// should, since that may take long, and the router's end of the connection would not be noticed.
    pub fn wants_input(&self) -> bool {
        let open = match self.phase {
            Phase::New { .. } | Phase::Open { .. } | Phase::Failing(_) => true,
            Phase::Closing | Phase::Closed => false,
        };
        let is_free = match self.pending {
            None => true,
            Some(_) => self.view.edition().is_err() && self.input.len() < limits::HELD_INPUT_OCTETS_MAX,
        };
        open && !self.ended && !self.deferred && self.finishing.is_none() && is_free
    }

    /// Returns whether the session is about to close: what is being written is followed by an Error Report at most, so
    /// a router that does not read it need not be waited for long. A session that ends after the running response is
    /// not closing yet.
    pub fn is_closing(&self) -> bool {
        match self.phase {
            Phase::New { .. } | Phase::Open { .. } | Phase::Failing(_) => false,
            Phase::Closing | Phase::Closed => true,
        }
    }

    /// Returns when `tick` should be called next, whether or not a chunk is being written.
    pub fn deadline(&self) -> Option<Moment> {
        match &self.phase {
            Phase::New { deadline, .. } => Some(*deadline),
            Phase::Failing(error) => Some(error.deadline()),
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

    /// Returns the next event. `next` returns these as well, before anything else; a caller that is writing a chunk,
    /// and so may not call `next`, gets them here.
    pub fn event(&mut self) -> Option<ServerEvent> {
        self.events.pop()
    }

    /// Returns the next action. Call it after each input, and until it returns `Wait`; after a `Write`, call it again
    /// when all of the chunk has been written.
    pub fn next(&mut self, now: Moment) -> ServerOutput {
        self.advance(now);
        loop {
            if let Some(event) = self.event() {
                return ServerOutput::Event(event);
            }
            if !self.outbox.is_empty() {
                debug_assert!(self.response.is_none(), "nothing is sent in the middle of a response");
                let outbox = core::mem::take(&mut self.outbox);
                // PDUs of any kind have their length in the header, as router keys do.
                let pdus = Section::RouterKey.whole_records(&outbox, usize::MAX).count;
                return ServerOutput::Write(Chunk::own(outbox, pdus));
            }
            match self.phase {
                Phase::Closing => {
                    self.phase = Phase::Closed;
                    return ServerOutput::Close;
                }
                Phase::Closed => return ServerOutput::Wait(None),
                Phase::Failing(_) => return ServerOutput::Wait(self.deadline()),
                Phase::New { .. } | Phase::Open { .. } => {}
            }
            if let Some(response) = &mut self.response {
                match response.next_chunk() {
                    Some(chunk) => return ServerOutput::Write(chunk),
                    None => self.response_ended(),
                }
            } else if let Some(reason) = self.finishing {
                self.close(reason);
            } else if let Some(pending) = self.pending.take() {
                if let Some(output) = self.answer(pending) {
                    return output;
                }
            } else if self.read_input() {
                // It changed the state: begin again.
            } else if self.ended {
                self.close(CloseReason::PeerEnded);
            } else {
                match self.notify_at() {
                    Some(at) if at <= self.now => self.notify(),
                    Some(_) | None => return ServerOutput::Wait(self.deadline()),
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
        self.events.push(ServerEvent::Reported { code, violation });
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
