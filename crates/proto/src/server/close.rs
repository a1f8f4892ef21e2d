//! How sessions end: the last words go into the outbox, and `Close` stands behind it.

use super::policy::PlannedStop;
use super::{CloseReason, Dismissal, Event, Knowledge, Phase, ServerSession, Stop};
use crate::time::Moment;
use crate::version::{PduType, Version};
use crate::view::Absent;
use crate::violation::{ErrorCode, Violation};
use crate::wire::PeerReport;
use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::vec::Vec;

/// A session that is lost, and how much of the PDU that cost it is still waited for.
#[derive(Debug)]
pub(super) enum Sentence {
    /// The router broke the protocol.
    Report { violation: Violation, version: Version, octets: usize, deadline: Moment },
    /// The router sent an Error Report, which is logged and not answered. [C-ERR-03]
    PeerReport { octets: usize, deadline: Moment },
}

/// The most octets of a router's Error Report that are waited for: as many as a PDU can have.
const PEER_REPORT_OCTETS_MAX: usize = crate::version::PDU_OCTETS_MAX as usize;

impl Sentence {
    /// How many octets have to be there.
    pub(super) fn octets(&self) -> usize {
        match self {
            Sentence::Report { octets, .. } => *octets,
            Sentence::PeerReport { octets, .. } => (*octets).min(PEER_REPORT_OCTETS_MAX),
        }
    }

    /// When they are no longer waited for.
    pub(super) fn deadline(&self) -> Moment {
        match self {
            Sentence::Report { deadline, .. } | Sentence::PeerReport { deadline, .. } => *deadline,
        }
    }
}

impl ServerSession {
    /// The session is lost: whatever was running stops at the end of the chunk that is being written.
    pub(super) fn pass_sentence(&mut self, sentence: Sentence) {
        self.response = None;
        self.pending = None;
        self.phase = Phase::Sentenced(sentence);
        if self.ended {
            // Nothing more will come of it.
            self.carry_out_sentence();
        }
    }

    /// Says the last words with as much of the PDU as has come. [C-ERR-09] [C-ERR-10]
    pub(super) fn carry_out_sentence(&mut self) {
        let Phase::Sentenced(sentence) = &self.phase else { return };
        let input = core::mem::take(&mut self.input);
        let octets = input.get(..sentence.octets()).unwrap_or(&input);
        match *sentence {
            Sentence::Report { violation, version, .. } => {
                self.report(version, violation.code(version), Some(violation), octets, &violation.to_string());
                self.close(CloseReason::Violation);
            }
            Sentence::PeerReport { .. } => {
                self.events.push(Event::Received(PduType::ErrorReport));
                self.events.push(Event::PeerReported(Box::new(PeerReport::read(octets)))); // [C-ERR-02]
                self.close(CloseReason::PeerReported);
            }
        }
    }

    /// Closes in order, behind what is in the outbox.
    pub(super) fn close(&mut self, reason: CloseReason) {
        self.response = None;
        self.pending = None;
        self.finishing = None;
        self.input = Vec::new();
        self.phase = Phase::Closing;
        self.events.push(Event::Closing(reason));
    }

    /// Closes in order, behind the response that is running: a router that is cut off in the middle of one may have to wait
    /// for its retry interval with half of the data.
    pub(super) fn finish(&mut self, reason: CloseReason) {
        if self.response.is_none() {
            return self.close(reason);
        }
        self.pending = None;
        self.input = Vec::new();
        self.finishing = Some(reason);
    }

    /// The version in which a session can be told something that only version 2 knows.
    fn open_in_v2(&self) -> Option<Version> {
        match &self.phase {
            Phase::Open { profile, .. } => Some(profile.version()).filter(|version| *version == Version::V2),
            Phase::New { .. } | Phase::Sentenced(_) | Phase::Closing | Phase::Closed => None,
        }
    }

    pub(super) fn stop_with(&mut self, stop: Stop) {
        if self.is_closing() {
            return;
        }
        if let Phase::Sentenced(_) = self.phase {
            self.carry_out_sentence();
            return;
        }
        let (code, text) = match (stop, self.policy.planned_stop()) {
            (Stop::Restart, PlannedStop::PlainEnd) => return self.finish(CloseReason::Stopped),
            (Stop::Restart, PlannedStop::CacheRestart) => (ErrorCode::CacheRestart, "this cache restarts"),
            (Stop::Shutdown, _) => (ErrorCode::CacheShutdown, "this cache shuts down"),
        };
        match (self.open_in_v2(), stop) {
            (Some(version), _) => {
                self.response = None;
                self.report(version, code, None, &[], text);
                self.close(CloseReason::Stopped);
            }
            (None, Stop::Restart) => self.finish(CloseReason::Stopped),
            // What it would be sent is to be forgotten.
            (None, Stop::Shutdown) => self.close(CloseReason::Stopped),
        }
    }

    /// Closes without an Error Report, in version 2 as well. No code says "not you": 12 promises that the cache is back
    /// soon, 13 makes the router forget data that are still good, 3 blames a query and 10 the transport. The plain end
    /// lets it keep the data until they expire, and ask elsewhere.
    pub(super) fn dismiss_for(&mut self, dismissal: Dismissal) {
        if self.is_closing() {
            return;
        }
        let reason = match dismissal {
            Dismissal::NotAdmitted => CloseReason::NotAdmitted,
            Dismissal::Displaced if self.has_asked() => return,
            Dismissal::Displaced => CloseReason::Displaced,
            Dismissal::Requested => CloseReason::Requested,
        };
        if let Phase::Sentenced(_) = self.phase {
            // What it did is the better reason, and the report is owed.
            self.carry_out_sentence();
        } else if dismissal == Dismissal::Requested {
            self.finish(reason);
        } else {
            self.close(reason);
        }
    }

    /// The router takes nothing. [T-TCP-04]
    pub(super) fn give_up_stalled(&mut self) {
        if !self.is_closing() {
            self.close_with_transport_failure(CloseReason::Stalled, "the connection stalled");
        }
    }

    /// Ends a session that is still reading an image which has become too old.
    pub(super) fn cut_off_if_overtaken(&mut self) {
        let generation = self.response.as_ref().and_then(|response| response.generation());
        if !generation.is_some_and(|generation| self.view.cuts_off(generation)) {
            return;
        }
        self.close_with_transport_failure(CloseReason::Overtaken, "read too slowly to keep up with the data");
    }

    /// Ends a session whose router holds data, or is being sent some, once all of them are too old: it shall turn to its
    /// next cache. Who holds nothing of this connection gets code 2 when it asks.
    pub(super) fn finish_if_too_old(&mut self) {
        let holds_data = match self.phase {
            Phase::Open { knows: Knowledge::Data(_), .. } => true,
            Phase::Open { knows: Knowledge::Nothing | Knowledge::NoData, .. } => self.response.is_some(),
            Phase::New { .. } | Phase::Sentenced(_) | Phase::Closing | Phase::Closed => false,
        };
        if holds_data && self.view.absent() == Some(Absent::TooOld) {
            self.finish(CloseReason::TooOld);
        }
    }

    /// Closes, and in version 2 says why with code 10, which the others do not know.
    fn close_with_transport_failure(&mut self, reason: CloseReason, text: &str) {
        self.response = None;
        if let Some(version) = self.open_in_v2() {
            self.report(version, ErrorCode::TransportFailure, None, &[], text);
        }
        self.close(reason);
    }
}
