//! Version negotiation: downwards from the highest, by the cache's answers or their absence.
//!
//! A connection begins with the highest version. A cache refuses it by code 4, naming the one to ask in (8210bis
//! section 7); by answering in a lower one (RFC 8210 section 7); or, which no specification allows, by closing without
//! an answer. Each step goes down, so that an attempt ends; the next one begins with the highest.

use super::{ClientEvent, ClientSession, ConnectionEnd, Exchange, Link};
use crate::version::Version;

/// State of version negotiation on a connection.
#[derive(Clone, Copy, Debug)]
pub(super) enum Negotiation {
    /// Queries have been sent, and the cache has not answered yet.
    Asking {
        /// The version of the last query.
        now: Version,
        /// The version of the connection's first query.
        first: Version,
    },
    /// It has answered in this version.
    Settled(Version),
}

impl Negotiation {
    pub(super) fn new(first: Version) -> Negotiation {
        Negotiation::Asking { now: first, first }
    }

    /// Returns the version of what is sent.
    pub(super) fn version(self) -> Version {
        match self {
            Negotiation::Asking { now, .. } => now,
            Negotiation::Settled(version) => version,
        }
    }

    pub(super) fn settled(self) -> Option<Version> {
        match self {
            Negotiation::Asking { .. } => None,
            Negotiation::Settled(version) => Some(version),
        }
    }
}

impl ClientSession {
    /// Returns the version below, if the policy has it.
    fn below(&self, version: Version) -> Option<Version> {
        let lower = version.octet().checked_sub(1).and_then(Version::from_octet)?;
        (lower >= self.policy.versions.min()).then_some(lower)
    }

    /// Code 4 came, naming the cache's highest version. [R-NEG-03] [R-NEG-04]
    pub(super) fn version_refused(&mut self, named: u8) {
        let Link::Up(connection) = &self.link else { return };
        let is_over = connection.ended;
        let Negotiation::Asking { now: asked, first } = connection.negotiation else {
            // It has answered in this version before: trying another one is no use.
            return self.end(ConnectionEnd::VersionRefused);
        };
        let Some(named) = Version::from_octet(named).filter(|named| *named < asked) else {
            // It names the version that it has just refused. That can only mean a lower one, and the connection is of
            // no more use.
            return self.step_down_elsewhere(asked, ConnectionEnd::VersionRefused);
        };
        let next = match named {
            // Some caches report version 0 at first, and speak version 1.
            Version::V0 => self.below(asked),
            Version::V1 | Version::V2 => (named >= self.policy.versions.min()).then_some(named),
        };
        match next {
            // The cache reads nothing more on this connection.
            Some(next) if is_over => self.begin_elsewhere(Some(next), ConnectionEnd::Unanswered),
            Some(next) => {
                let Link::Up(connection) = &mut self.link else { return };
                connection.negotiation = Negotiation::Asking { now: next, first };
                self.events.push_back(ClientEvent::SteppedDown(next));
                self.ask();
            }
            None => self.end(ConnectionEnd::VersionRefused),
        }
    }

    /// Ends this connection and begins another one at once, in the version below. [R-NEG-08]
    pub(super) fn step_down_elsewhere(&mut self, from: Version, why: ConnectionEnd) {
        self.begin_elsewhere(self.below(from), why);
    }

    /// Ends this connection and begins another one at once in this version.
    pub(super) fn begin_elsewhere(&mut self, version: Option<Version>, why: ConnectionEnd) {
        let Link::Up(connection) = &self.link else { return };
        let asked = connection.negotiation.version();
        self.next_version = version;
        if let Some(lower) = version.filter(|version| *version < asked) {
            self.events.push_back(ClientEvent::SteppedDown(lower));
        }
        self.end(why);
    }

    /// The cache ended the connection without having answered anything. The version of the last query may be the
    /// reason, unless the cache is known to speak it: then the next connection asks in a lower one.
    pub(super) fn ended_unanswered(&mut self) {
        let Link::Up(connection) = &self.link else { return };
        let Negotiation::Asking { now: asked, first } = connection.negotiation else {
            return self.end(ConnectionEnd::Lost);
        };
        if asked < first {
            // [R-NEG-03] It has named the version to ask in, and closed: another connection asks in that.
            return self.begin_elsewhere(Some(asked), ConnectionEnd::Unanswered);
        }
        let known = self.resume_point.filter(|_| !self.is_probe).map(|point| point.version);
        let known = known.or(self.data.as_ref().map(|data| data.image.version()));
        // [R-ERR-04] A cache that does not know the session may lose its Error Report, and close. So one connection
        // begins with a Reset Query. If that brings no answer either, the session was not the reason.
        self.resets_next = matches!(connection.exchange, Exchange::Asked(Some(_))) && !self.is_probe;
        match known {
            Some(known) if known >= asked && self.resets_next => {
                self.next_version = Some(asked);
                self.end(ConnectionEnd::Unanswered);
            }
            // It spoke this version before: it probably restarts.
            Some(known) if known >= asked => self.end(ConnectionEnd::Unanswered),
            Some(known) => self.begin_elsewhere(Some(known), ConnectionEnd::Unanswered),
            None => self.step_down_elsewhere(asked, ConnectionEnd::Unanswered),
        }
    }
}
