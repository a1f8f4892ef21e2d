//! From octets to the cache's PDUs, and the handling of everything that it should not have sent.
//!
//! The order of the checks is the one of the cache's side: Error Report, length, version, type, and only then whether
//! the PDU is expected in this state.

use super::negotiate::Negotiation;
use super::update::Changes;
use super::{CacheConnection, ClientEvent, ClientSession, Complete, ConnectionEnd, Exchange, Link};
use crate::version::{HEADER_OCTETS, PduType, Version};
use crate::violation::{ErrorCode, Violation};
use crate::wire::{COPY_OCTETS_MAX, Header, Pdu, PeerReport, check_length};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Class of a PDU by its header, in the connection's state.
enum PduClass {
    /// A PDU of this version that may be read.
    Read(Version),
    /// A PDU that is ignored.
    Ignore,
    /// An Error Report of whatever version.
    PeerReport,
    /// Fatal.
    Fatal(Violation),
}

impl ClientSession {
    /// Takes what can be taken from the input.
    pub(super) fn read_input(&mut self) {
        let Link::Up(connection) = &mut self.link else { return };
        let mut input = core::mem::take(&mut connection.input);
        let mut at = 0;
        while let Some(rest) = input.get(at..)
            && let Some(octets) = self.read_one(rest)
        {
            at += octets;
        }
        if let Link::Up(connection) = &mut self.link {
            input.drain(..at);
            // A connection between responses keeps no buffer.
            connection.input = if input.is_empty() { Vec::new() } else { input };
        }
    }

    /// Reads one PDU, and returns its length; none if it is not complete, or must wait.
    fn read_one(&mut self, input: &[u8]) -> Option<usize> {
        let Link::Up(connection) = &self.link else { return None };
        match connection.exchange {
            Exchange::Idle(_) | Exchange::Asked(_) | Exchange::Receiving { .. } => {}
            Exchange::Received { .. } | Exchange::Applying(_) => return None,
        }
        let header = Header::parse(input)?;
        let length = usize::try_from(header.length).unwrap_or(usize::MAX);
        match self.classify(connection, header) {
            PduClass::Fatal(violation) => {
                // The octets that have come are copied; the rest is not waited for.
                let copied = match check_length(header.length) {
                    Ok(()) => length.min(COPY_OCTETS_MAX).min(input.len()),
                    Err(_) => HEADER_OCTETS,
                };
                self.violated(violation, input.get(..copied).unwrap_or_default());
                Some(input.len())
            }
            PduClass::PeerReport => {
                // The lengths of a report may contradict each other; its code is in the header. [R-ERR-02]
                let is_sane = PduType::ErrorReport.allows_length(Version::V2, header.length);
                let octets = if is_sane { input.get(..length)? } else { input };
                self.take_report(header, octets);
                Some(octets.len())
            }
            PduClass::Ignore => input.get(..length).map(<[u8]>::len),
            PduClass::Read(version) => {
                let octets = input.get(..length)?;
                match Pdu::decode(octets) {
                    Ok(pdu) => self.take(version, &pdu, octets),
                    Err(violation) => self.violated(violation, octets),
                }
                Some(length)
            }
        }
    }

    fn classify(&self, connection: &CacheConnection, header: Header) -> PduClass {
        if header.pdu_type == PduType::ErrorReport.octet() {
            return PduClass::PeerReport;
        }
        if let Err(violation) = check_length(header.length) {
            return PduClass::Fatal(violation);
        }
        let spoken = connection.negotiation.version();
        let version = match connection.negotiation {
            // [R-NEG-06] [R-TMO-03] Of any version, it is ignored before the first answer.
            Negotiation::Asking { .. } if header.pdu_type == PduType::SerialNotify.octet() => {
                return PduClass::Ignore;
            }
            // [R-NEG-05] The first answer may be in a lower version.
            Negotiation::Asking { .. } => Version::from_octet(header.version)
                .filter(|version| *version <= spoken && *version >= self.policy.versions.min()),
            // [R-NEG-07]
            Negotiation::Settled(_) => Version::from_octet(header.version).filter(|version| *version == spoken),
        };
        let Some(version) = version else {
            return PduClass::Fatal(Violation::VersionChanged { session: spoken, got: header.version });
        };
        // [R-DAT-09]
        match PduType::from_octet(version, header.pdu_type) {
            None => PduClass::Fatal(Violation::UnknownType(version, header.pdu_type)),
            Some(pdu) if !pdu.allows_length(version, header.length) => {
                PduClass::Fatal(Violation::WrongLength(pdu, header.length))
            }
            Some(_) => PduClass::Read(version),
        }
    }

    fn take(&mut self, version: Version, pdu: &Pdu<'_>, octets: &[u8]) {
        let Link::Up(connection) = &mut self.link else { return };
        let exchange = &mut connection.exchange;
        match (pdu, exchange) {
            (Pdu::Prefix { .. } | Pdu::RouterKey { .. } | Pdu::Aspa { .. }, Exchange::Receiving { changes, .. }) => {
                match changes.push(pdu) {
                    Ok(()) => {}
                    Err(Violation::ResponseTooLarge) => self.violated(Violation::ResponseTooLarge, &[]),
                    Err(violation) => self.violated(violation, octets),
                }
            }
            (Pdu::CacheResponse { session }, Exchange::Asked(since)) => {
                let (session, since) = (*session, *since);
                self.settle(version);
                match since {
                    // [R-SID-02] The Serial Query was for a session of another version.
                    Some(point) if point.version != version && !self.is_probe => {
                        self.resume_point = None;
                        self.begin_elsewhere(Some(version), ConnectionEnd::SessionForgotten);
                    }
                    // The data that it would change have expired since the query.
                    Some(_) if self.data.is_none() && !self.is_probe => {
                        self.resume_point = None;
                        self.begin_elsewhere(Some(version), ConnectionEnd::SessionForgotten);
                    }
                    // [R-SID-01]
                    Some(point) if point.session != session => self.violated(Violation::SessionMismatch, octets),
                    Some(_) | None => {
                        let changes =
                            Changes::new(self.base(since), version, self.connections, Arc::clone(&self.refused));
                        let changes = Box::new(changes);
                        if let Link::Up(connection) = &mut self.link {
                            connection.session = Some(session);
                            connection.exchange = Exchange::Receiving { session, changes };
                        }
                    }
                }
            }
            (Pdu::CacheReset, Exchange::Asked(Some(_))) => {
                self.settle(version);
                self.cache_reset();
            }
            (Pdu::EndOfData { session, .. }, Exchange::Receiving { session: expected, .. }) if session != expected => {
                self.violated(Violation::SessionMismatch, octets); // [R-SID-01]
            }
            (Pdu::EndOfData { session, serial, timers }, exchange @ Exchange::Receiving { .. }) => {
                let received = core::mem::replace(exchange, Exchange::Idle(super::NEVER));
                let timing = self.take_timers(*timers);
                let complete = Complete { session: *session, serial: *serial, timing, at: self.now };
                if let (Link::Up(connection), Exchange::Receiving { changes, .. }) = (&mut self.link, received) {
                    connection.exchange = Exchange::Received { complete, changes };
                }
            }
            (Pdu::SerialNotify { session, serial }, _) => {
                let known = connection.session.or(self.resume_point.map(|point| point.session));
                if known.is_some_and(|known| known != *session) {
                    self.violated(Violation::SessionMismatch, octets); // [R-SID-01]
                } else {
                    self.notified(*serial);
                }
            }
            (Pdu::SerialQuery { .. } | Pdu::ResetQuery, _) => {
                self.violated(Violation::NotFromCache(type_of(octets)), octets);
            }
            (
                Pdu::Prefix { .. }
                | Pdu::RouterKey { .. }
                | Pdu::Aspa { .. }
                | Pdu::CacheResponse { .. }
                | Pdu::CacheReset
                | Pdu::EndOfData { .. },
                _,
            ) => self.violated(Violation::OutOfPlace(type_of(octets)), octets),
            (Pdu::ErrorReport(_), _) => unreachable!("Error Reports are judged by their header"),
        }
    }

    /// The cache has answered in this version, and has to keep to it.
    fn settle(&mut self, version: Version) {
        let Link::Up(connection) = &mut self.link else { return };
        if connection.negotiation.settled().is_none() {
            connection.negotiation = Negotiation::Settled(version);
            self.resets_next = false;
            self.events.push_back(ClientEvent::Negotiated(version));
        }
    }

    /// Takes an Error Report, complete or cut short.
    fn take_report(&mut self, header: Header, octets: &[u8]) {
        let report = PeerReport::read(octets);
        let code = report.code;
        self.events.push_back(ClientEvent::PeerReported(Box::new(report)));
        self.act_on_report(header.version, code);
    }

    /// The connection ended within an Error Report.
    pub(super) fn read_cut_report(&mut self) {
        let Link::Up(connection) = &mut self.link else { return };
        let input = core::mem::take(&mut connection.input);
        let Some(header) = Header::parse(&input) else { return };
        self.events.push_back(ClientEvent::PeerReported(Box::new(PeerReport::cut_short(header.field))));
        self.act_on_report(header.version, Some(header.field));
        // Even if the code leaves the connection open, the cache has ended it.
        self.conclude();
    }

    fn act_on_report(&mut self, octet: u8, code: Option<u16>) {
        let Link::Up(connection) = &mut self.link else { return };
        let asked = connection.negotiation.version();
        let is_settled = connection.negotiation.settled().is_some();
        let version = Version::from_octet(octet).filter(|version| *version <= asked);
        let version = version.filter(|version| *version >= self.policy.versions.min());
        match (code.and_then(ErrorCode::from_number), version) {
            (Some(ErrorCode::UnsupportedProtocolVersion), _) => self.version_refused(octet),
            // [R-NEG-07]
            _ if is_settled && version != Some(asked) => self.peer_reported(code),
            // No query was sent since the last one: it could go on for ever.
            (Some(ErrorCode::NoDataAvailable), _) if connection.no_data => {
                self.end(ConnectionEnd::PeerReported(code));
            }
            (Some(ErrorCode::NoDataAvailable), _) => {
                if let Some(version) = version {
                    self.settle(version);
                }
                self.no_data();
            }
            // It does not know the version of the query, and reports that in the one that it knows.
            (_, Some(lower)) if lower < asked && self.resume_point.is_none_or(|point| point.version < asked) => {
                self.begin_elsewhere(Some(lower), ConnectionEnd::PeerReported(code));
            }
            (_, Some(version)) if version == asked => {
                self.settle(version);
                self.peer_reported(code);
            }
            _ => self.peer_reported(code),
        }
    }
}

fn type_of(octets: &[u8]) -> PduType {
    let known = octets.get(1).and_then(|octet| PduType::from_octet(Version::V2, *octet));
    known.expect("it was decoded from these octets")
}
