//! From octets to queries, and the handling of everything that is not one.
//!
//! A PDU is classified by its header as soon as that is complete. The order of the checks is that of the state machine
//! in section 7 of 8210bis: Error Report, version, type, direction, length. [C-NEG-13]
//!
//! PDUs are handled in the order in which they came, however they were cut: a query before an error is answered
//! completely, and the Error Report follows. Only a router's own Error Report ends a response early.

use super::answer::Query;
use super::close::FatalError;
use super::policy::AboveMax;
use super::{CloseReason, FirstQuery, Pending, Phase, RouterState, ServerEvent, ServerSession};
use crate::limits;
use crate::version::{HEADER_OCTETS, PduType, Version, VersionRange};
use crate::violation::Violation;
use crate::wire::{COPY_OCTETS_MAX, Header};
use alloc::string::ToString;
use alloc::vec::Vec;

/// Class of a PDU by its header, in the session's state.
enum QueryClass {
    /// A query of a version that is served.
    Query(Version, PduType),
    /// An Error Report: the session is over, and nothing is answered.
    PeerReport,
    /// A first query above our versions: refused, and the router may ask again. The whole PDU is copied.
    RefusedQuery(Violation),
    /// Another PDU above our versions: likewise, with its header as copy and the rest skipped.
    RefusedPdu(Violation),
    /// Fatal, and this many octets of the PDU are copied into the Error Report.
    Fatal(Violation, Version, usize),
}

impl ServerSession {
    /// Takes octets that are one query, no more and no less, with nothing before them, as they mostly are. They need
    /// not be kept for that. False if they are anything else: then nothing has happened.
    pub(super) fn take_whole_query(&mut self, octets: &[u8]) -> bool {
        let (Phase::New { .. } | Phase::Open { .. }) = self.phase else { return false };
        if !self.input.is_empty() || self.skip > 0 || self.pending.is_some() {
            return false;
        }
        let Some(header) = Header::parse(octets) else { return false };
        if usize::try_from(header.length) != Ok(octets.len()) {
            return false;
        }
        let QueryClass::Query(version, pdu_type) = self.classify(header) else { return false };
        self.take_query(version, pdu_type, octets);
        true
    }

    /// Takes what can be taken from the input; true if the state changed.
    pub(super) fn read_input(&mut self) -> bool {
        let mut progress = false;
        while self.pending.is_none() && self.read_one() {
            progress = true;
        }
        if self.input.is_empty() && self.input.capacity() > 0 {
            // An idle connection keeps no buffer: there may be ten thousand of them.
            self.input = Vec::new();
        }
        progress
    }

    fn read_one(&mut self) -> bool {
        let skipped = self.skip.min(self.input.len());
        if skipped > 0 {
            self.input.drain(..skipped);
            self.skip -= skipped;
        }
        if self.skip > 0 {
            return false;
        }
        match &self.phase {
            Phase::New { .. } | Phase::Open { .. } => {}
            Phase::Failing(error) => {
                let complete = self.input.len() >= error.octets();
                if complete {
                    self.finish_failing();
                }
                return complete;
            }
            Phase::Closing | Phase::Closed => {
                self.input.clear();
                return false;
            }
        }
        let Some(header) = Header::parse(&self.input) else { return false };
        let length = usize::try_from(header.length).unwrap_or(usize::MAX);
        match self.classify(header) {
            QueryClass::Query(version, pdu_type) => {
                if self.input.len() < length {
                    return false;
                }
                let mut octets = core::mem::take(&mut self.input);
                self.take_query(version, pdu_type, octets.get(..length).unwrap_or_default());
                octets.drain(..length);
                self.input = octets;
            }
            QueryClass::PeerReport => {
                self.fail(FatalError::PeerReport { octets: length, deadline: self.copy_deadline() })
            }
            QueryClass::RefusedQuery(violation) => {
                if self.input.len() < length {
                    return false;
                }
                self.refuse_version(violation, length, 0);
            }
            QueryClass::RefusedPdu(violation) => self.refuse_version(violation, HEADER_OCTETS, length - HEADER_OCTETS),
            QueryClass::Fatal(..) if self.response.is_some() => {
                self.deferred = true;
                return false;
            }
            QueryClass::Fatal(violation, version, octets) => {
                if let Some(pdu_type) = PduType::from_octet(version, header.pdu_type) {
                    self.events.push(ServerEvent::Received(pdu_type));
                }
                let deadline = self.copy_deadline();
                self.fail(FatalError::Report { violation, version, octets, deadline });
            }
        }
        true
    }

    fn copy_deadline(&self) -> crate::time::Moment {
        self.now.after(limits::COPY_WAIT_MAX)
    }

    fn classify(&self, header: Header) -> QueryClass {
        if header.pdu_type == PduType::ErrorReport.octet() {
            // [C-NEG-08] [C-NEG-10] [C-ERR-01] In any version, well formed or not.
            return QueryClass::PeerReport;
        }
        let copy_all = match crate::wire::check_length(header.length) {
            Ok(()) => usize::try_from(header.length).unwrap_or(usize::MAX).min(COPY_OCTETS_MAX),
            Err(_) => HEADER_OCTETS,
        };
        let version = match &self.phase {
            Phase::Open { profile, .. } => {
                let session = profile.version();
                // A router that was answered in a lower version keeps its own in its queries.
                let taken_as_ours = self.first_query == FirstQuery::AnsweredLower
                    && header.version > session.octet()
                    && is_query(header);
                if header.version != session.octet() && !taken_as_ours {
                    // [C-NEG-09] [C-NEG-11]
                    let violation = Violation::VersionChanged { session, got: header.version };
                    return QueryClass::Fatal(violation, session, copy_all);
                }
                session
            }
            Phase::New { .. } | Phase::Failing(_) | Phase::Closing | Phase::Closed => {
                match self.classify_first_version(header) {
                    Ok(version) => version,
                    Err(class) => return class,
                }
            }
        };
        let Some(pdu_type) = PduType::from_octet(version, header.pdu_type) else {
            return QueryClass::Fatal(Violation::UnknownType(version, header.pdu_type), version, HEADER_OCTETS);
        };
        if let Err(violation) = crate::wire::check_length(header.length) {
            return QueryClass::Fatal(violation, version, HEADER_OCTETS);
        }
        match pdu_type {
            PduType::SerialQuery | PduType::ResetQuery if pdu_type.allows_length(version, header.length) => {
                QueryClass::Query(version, pdu_type)
            }
            PduType::SerialQuery | PduType::ResetQuery => {
                QueryClass::Fatal(Violation::WrongLength(pdu_type, header.length), version, HEADER_OCTETS)
            }
            PduType::SerialNotify
            | PduType::CacheResponse
            | PduType::Ipv4Prefix
            | PduType::Ipv6Prefix
            | PduType::EndOfData
            | PduType::CacheReset
            | PduType::RouterKey
            | PduType::ErrorReport
            | PduType::Aspa => QueryClass::Fatal(Violation::WrongDirection(pdu_type), version, copy_all),
        }
    }

    /// The version of a first PDU, if it is served. [C-NEG-02] [C-NEG-05]
    fn classify_first_version(&self, header: Header) -> Result<Version, QueryClass> {
        let served: VersionRange = self.policy.versions();
        let (asked, max) = (header.version, served.max());
        let is_query = is_query(header);
        let copied = if is_query { usize::try_from(header.length).unwrap_or(HEADER_OCTETS) } else { HEADER_OCTETS };
        match Version::from_octet(asked) {
            Some(version) if version < served.min() => {
                Err(QueryClass::Fatal(Violation::VersionBelow { asked, served }, max, copied))
            }
            Some(version) if version <= max => Ok(version),
            Some(_) | None if is_query && self.policy.above() == AboveMax::AnsweredLower => Ok(max),
            Some(_) | None => {
                let violation = Violation::VersionAbove { asked, served };
                Err(if is_query {
                    QueryClass::RefusedQuery(violation)
                } else if crate::wire::check_length(header.length).is_ok() {
                    QueryClass::RefusedPdu(violation)
                } else {
                    // The start of the next PDU is unknown.
                    QueryClass::Fatal(violation, max, HEADER_OCTETS)
                })
            }
        }
    }

    /// Reports an unsupported version, and waits for another query on the same connection. [C-NEG-03] [C-NEG-04]
    fn refuse_version(&mut self, violation: Violation, copied: usize, skip: usize) {
        let Phase::New { unsupported, deadline } = &mut self.phase else { return };
        if *unsupported >= limits::UNSUPPORTED_QUERIES_MAX {
            self.close(CloseReason::TooManyVersions);
            return;
        }
        *unsupported += 1;
        *deadline = self.now.after(limits::NEXT_QUERY_WAIT_MAX);
        let copy: Vec<u8> = self.input.drain(..copied).collect();
        self.skip = skip;
        let max = self.policy.versions().max();
        if let Some(pdu_type) = copy.get(1).and_then(|octet| PduType::from_octet(Version::V2, *octet)) {
            self.events.push(ServerEvent::Received(pdu_type));
        }
        self.report(max, violation.code(max), Some(violation), &copy, &violation.to_string());
    }

    /// Takes a query that has been classified.
    fn take_query(&mut self, version: Version, pdu_type: PduType, octets: &[u8]) {
        self.events.push(ServerEvent::Received(pdu_type));
        if let Phase::New { .. } = self.phase {
            let profile = self.policy.profile(version);
            self.phase = Phase::Open { profile, router: RouterState::Nothing };
            let is_ours = octets.first() == Some(&version.octet());
            self.first_query = if is_ours { FirstQuery::Served } else { FirstQuery::AnsweredLower };
            self.events.push(ServerEvent::Negotiated(profile));
        }
        self.pending =
            Some(Pending { query: Query::from_octets(octets), arrived: self.now, wanted_since: None, asked: false });
    }
}

/// Returns whether type and length are those that a query has in every version.
fn is_query(header: Header) -> bool {
    [(PduType::SerialQuery, 12), (PduType::ResetQuery, 8)]
        .iter()
        .any(|(pdu_type, length)| header.pdu_type == pdu_type.octet() && header.length == *length)
}
