//! Answers: to a Reset Query everything, to a Serial Query what changed since, or Cache Reset, or code 2.

use super::{
    Answer, CloseReason, Pending, Phase, RouterState, ServerEvent, ServerOutput, ServerSession, SessionSerial,
};
use crate::limits;
use crate::profile::Profile;
use crate::response::{Response, ResponseLabels};
use crate::serial::{Serial, SessionId};
use crate::time::Moment;
use crate::version::HEADER_OCTETS;
use crate::view::{Absent, DeltaAnswer, Lookup, Want};
use crate::violation::{ErrorCode, Violation};
use crate::wire;
use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::sync::Arc;

/// A query as received, so that a report can repeat it octet by octet.
#[derive(Clone, Copy, Debug)]
pub(super) enum Query {
    Reset([u8; 8]),
    Serial([u8; 12]),
}

impl Query {
    /// Makes a query of octets whose type and length have been checked.
    pub(super) fn from_octets(octets: &[u8]) -> Query {
        match octets.first_chunk::<12>() {
            Some(octets) => Query::Serial(*octets),
            None => Query::Reset(*octets.first_chunk().expect("a query has a header")),
        }
    }

    /// Reads a query of which the octets are [`octets`](Query::octets).
    pub(super) fn decode(octets: &[u8]) -> Option<Query> {
        match octets.len() {
            8 => octets.first_chunk().copied().map(Query::Reset),
            12 => octets.first_chunk().copied().map(Query::Serial),
            _ => None,
        }
    }

    pub(super) fn octets(&self) -> &[u8] {
        match self {
            Query::Reset(octets) => octets,
            Query::Serial(octets) => octets,
        }
    }
}

impl ServerSession {
    /// Returns when a query is answered at the latest, be it with an error.
    pub(super) fn answer_due(&self, pending: &Pending) -> Moment {
        match (self.view.edition(), &self.phase) {
            (Err(Absent::NotYet), Phase::Open { profile, .. }) if !self.ended => {
                pending.arrived.after(self.policy.hold(profile.version()))
            }
            // A router that has closed its side is gone, or is a script that waits for the answer.
            (Err(_), _) => pending.arrived,
            (Ok(_), _) => pending.wanted_since.unwrap_or(pending.arrived).after(limits::RESPONSE_WAIT_MAX),
        }
    }

    /// Answers a query, or keeps it waiting. An output has to be given out before anything else.
    pub(super) fn answer(&mut self, pending: Pending) -> Option<ServerOutput> {
        let Phase::Open { profile, router } = self.phase else { return None };
        let query = pending.query;
        if let Err(absent) = self.view.edition() {
            if self.now < self.answer_due(&pending) {
                return Some(self.keep(pending));
            }
            self.no_data(profile, router, &query, absent);
            return None;
        }
        let want = match query {
            Query::Reset(_) => self.answer_reset(profile),
            Query::Serial(octets) => self.answer_serial(profile, router, &octets),
        }?;
        let asked_before = pending.asked;
        let pending = Pending { wanted_since: pending.wanted_since.or(Some(self.now)), asked: true, ..pending };
        if self.now >= self.answer_due(&pending) {
            self.response_timed_out(profile);
            return None;
        }
        let wait = self.keep(pending);
        Some(if asked_before { wait } else { ServerOutput::Want(want) })
    }

    fn keep(&mut self, pending: Pending) -> ServerOutput {
        self.pending = Some(pending);
        ServerOutput::Wait(self.deadline())
    }

    /// Code 2 with the query's own version: a lower one would make some routers keep the lower version. [C-NDA-01]
    /// [C-NEG-15]
    fn no_data(&mut self, profile: Profile, router: RouterState, query: &Query, absent: Absent) {
        let text = match absent {
            Absent::NotYet => "no data yet",
            Absent::TooOld => "all data are too old",
        };
        self.report(profile.version(), ErrorCode::NoDataAvailable, None, query.octets(), text);
        let router = match router {
            RouterState::Nothing | RouterState::NoData => RouterState::NoData,
            RouterState::Data(known) => RouterState::Data(known),
        };
        self.phase = Phase::Open { profile, router };
    }

    /// Starts the response to a Reset Query, unless its image has to be made first.
    fn answer_reset(&mut self, profile: Profile) -> Option<Want> {
        let edition = self.view.edition().ok()?;
        let Some(image) = edition.image(profile.version()) else { return Some(Want::Image(profile.version())) };
        let labels = self.labels(profile, edition.serial);
        self.response = Some(Box::new(Response::full(labels, edition.generation, image)));
        None
    }

    /// Starts the response to a Serial Query, unless its delta has to be folded first.
    fn answer_serial(&mut self, profile: Profile, router: RouterState, octets: &[u8; 12]) -> Option<Want> {
        let [_, _, s0, s1, _, _, _, _, n0, n1, n2, n3] = *octets;
        let session = SessionId(u16::from_be_bytes([s0, s1]));
        let since = Serial(u32::from_be_bytes([n0, n1, n2, n3]));
        match router {
            RouterState::Data(known) if known.session != session => {
                // [C-SID-05] The router cannot know another id from this connection.
                let violation = Violation::SessionMismatch;
                let code = violation.code(profile.version());
                self.report(profile.version(), code, Some(violation), octets, &violation.to_string());
                self.close(CloseReason::Violation);
                return None;
            }
            RouterState::Data(_) | RouterState::Nothing | RouterState::NoData => {}
        }
        let edition = self.view.edition().ok()?;
        // [C-SID-06] [C-SID-07] The id of another cache, or an older one: the router has to ask for everything.
        let lookup =
            if session == self.view.session(profile) { edition.lookup(profile, since) } else { Lookup::Unknown };
        let labels = self.labels(profile, edition.serial);
        match lookup {
            Lookup::Current => self.response = Some(Box::new(Response::empty(labels))),
            Lookup::Found(DeltaAnswer::Payload(octets)) => {
                self.response = Some(Box::new(Response::delta(labels, Arc::clone(&octets))));
            }
            Lookup::Unfolded => return Some(Want::Delta { profile, since }),
            Lookup::Unknown | Lookup::Found(DeltaAnswer::TooLarge) => {
                let serial = edition.serial;
                if router == RouterState::NoData {
                    // The Cache Reset makes it ask, so no Serial Notify is owed.
                    self.phase = Phase::Open { profile, router: RouterState::Nothing };
                }
                self.outbox.extend_from_slice(&wire::cache_reset(profile.version()));
                self.events.push(ServerEvent::Answered { answer: Answer::CacheReset, serial });
            }
        }
        None
    }

    fn labels(&self, profile: Profile, serial: Serial) -> ResponseLabels {
        ResponseLabels { profile, session: self.view.session(profile), serial, timing: self.view.timing() }
    }

    /// The response was not built in time: code 1, which is about the cache and so carries no copy. [C-ERR-06]
    fn response_timed_out(&mut self, profile: Profile) {
        self.report(profile.version(), ErrorCode::InternalError, None, &[], "the response could not be made in time");
        self.close(CloseReason::Internal);
    }

    /// End of Data is out: the router holds that serial, and other PDUs may follow.
    pub(super) fn response_ended(&mut self) {
        self.deferred = false;
        let (Some(response), Phase::Open { profile, .. }) = (self.response.take(), &self.phase) else { return };
        let ResponseLabels { session, serial, .. } = response.labels();
        let answer = if response.generation().is_some() { Answer::Full } else { Answer::Delta };
        self.phase = Phase::Open { profile: *profile, router: RouterState::Data(SessionSerial { session, serial }) };
        self.events.push(ServerEvent::Answered { answer, serial });
    }
}

// A query is never shorter than the header that it was recognised by.
const _: () = assert!(HEADER_OCTETS == 8);
