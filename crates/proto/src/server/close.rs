//! The end of sessions: a final Error Report goes into the outbox, and `Close` stands behind it.

use super::policy::PlannedStop;
use super::{CloseReason, Dismissal, Phase, RouterState, ServerEvent, ServerSession, Stop};
use crate::time::Moment;
use crate::version::{PduType, Version};
use crate::view::Absent;
use crate::violation::{ErrorCode, Violation};
use crate::wire::PeerReport;
use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::vec::Vec;

/// A fatal error that ends the session, and how much of the erroneous PDU is still waited for.
#[derive(Debug)]
pub(super) enum FatalError {
    /// The router broke the protocol.
    Report { violation: Violation, version: Version, octets: usize, deadline: Moment },
    /// The router sent an Error Report, which is logged and not answered. [C-ERR-03]
    PeerReport { octets: usize, deadline: Moment },
}

/// The most octets of a router's Error Report that are waited for: as many as a PDU can have.
const PEER_REPORT_OCTETS_MAX: usize = crate::version::PDU_OCTETS_MAX as usize;

impl FatalError {
    /// Returns how many octets of the PDU are waited for.
    pub(super) fn octets(&self) -> usize {
        match self {
            FatalError::Report { octets, .. } => *octets,
            FatalError::PeerReport { octets, .. } => (*octets).min(PEER_REPORT_OCTETS_MAX),
        }
    }

    /// Returns when they are no longer waited for.
    pub(super) fn deadline(&self) -> Moment {
        match self {
            FatalError::Report { deadline, .. } | FatalError::PeerReport { deadline, .. } => *deadline,
        }
    }
}

impl ServerSession {
    /// Ends the session by a fatal error: a running response stops at the end of the chunk that is being written.
    pub(super) fn fail(&mut self, error: FatalError) {
        self.response = None;
        self.pending = None;
        self.phase = Phase::Failing(error);
        if self.ended {
            // Nothing more will come.
            self.finish_failing();
        }
    }

    /// Sends the final Error Report, with as much of the PDU as has come, and closes. [C-ERR-09] [C-ERR-10]
    pub(super) fn finish_failing(&mut self) {
        let Phase::Failing(error) = &self.phase else { return };
        let input = core::mem::take(&mut self.input);
        let octets = input.get(..error.octets()).unwrap_or(&input);
        match *error {
            FatalError::Report { violation, version, .. } => {
                self.report(version, violation.code(version), Some(violation), octets, &violation.to_string());
                self.close(CloseReason::Violation);
            }
            FatalError::PeerReport { .. } => {
                self.events.push(ServerEvent::Received(PduType::ErrorReport));
                self.events.push(ServerEvent::PeerReported(Box::new(PeerReport::read(octets)))); // [C-ERR-02]
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
        self.events.push(ServerEvent::Closing(reason));
    }

    /// Closes in order, behind the response that is running: a router whose connection ends in the middle of one may
    /// have to wait for its Retry interval with half of the data.
    pub(super) fn finish(&mut self, reason: CloseReason) {
        if self.response.is_none() {
            return self.close(reason);
        }
        self.pending = None;
        self.input = Vec::new();
        self.finishing = Some(reason);
    }

    /// Returns version 2 if that is the session's version: only it has certain codes.
    fn open_in_v2(&self) -> Option<Version> {
        match &self.phase {
            Phase::Open { profile, .. } => Some(profile.version()).filter(|version| *version == Version::V2),
            Phase::New { .. } | Phase::Failing(_) | Phase::Closing | Phase::Closed => None,
        }
    }

    pub(super) fn stop_with(&mut self, stop: Stop) {
        if self.is_closing() {
            return;
        }
        if let Phase::Failing(_) = self.phase {
            self.finish_failing();
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
            // The router shall drop the data that it would be sent.
            (None, Stop::Shutdown) => self.close(CloseReason::Stopped),
        }
    }

    /// Closes without an Error Report, in version 2 as well. No code fits: 12 means that the cache is back soon, 13
    /// makes the router drop data that are still valid, 3 is about a query and 10 about the transport. After a plain
    /// end it keeps the data until they expire, and asks another cache.
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
        if let Phase::Failing(_) = self.phase {
            // The fatal error is the better reason, and its report is owed.
            self.finish_failing();
        } else if dismissal == Dismissal::Requested {
            self.finish(reason);
        } else {
            self.close(reason);
        }
    }

    /// The router reads nothing. [T-TCP-04]
    pub(super) fn close_stalled(&mut self) {
        if !self.is_closing() {
            self.close_with_transport_failure(CloseReason::Stalled, "the connection stalled");
        }
    }

    /// Ends a session that is still reading an image which has become too old.
    pub(super) fn close_if_overtaken(&mut self) {
        let generation = self.response.as_ref().and_then(|response| response.generation());
        if !generation.is_some_and(|generation| self.view.is_outdated(generation)) {
            return;
        }
        self.close_with_transport_failure(CloseReason::Overtaken, "read too slowly to keep up with the data");
    }

    /// Ends a session whose router holds data, or is being sent some, once all of them are too old: it shall use its
    /// next cache. A router that holds nothing of this connection gets code 2 when it asks.
    pub(super) fn finish_if_too_old(&mut self) {
        let holds_data = match self.phase {
            Phase::Open { router: RouterState::Data(_), .. } => true,
            Phase::Open { router: RouterState::Nothing | RouterState::NoData, .. } => self.response.is_some(),
            Phase::New { .. } | Phase::Failing(_) | Phase::Closing | Phase::Closed => false,
        };
        if holds_data && self.view.absent() == Some(Absent::TooOld) {
            self.finish(CloseReason::TooOld);
        }
    }

    /// Closes, and in version 2 reports code 10, which other versions do not have.
    fn close_with_transport_failure(&mut self, reason: CloseReason, text: &str) {
        self.response = None;
        if let Some(version) = self.open_in_v2() {
            self.report(version, ErrorCode::TransportFailure, None, &[], text);
        }
        self.close(reason);
    }
}
