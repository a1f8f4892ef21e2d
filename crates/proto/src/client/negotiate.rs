//! Which version to speak: downwards from the highest, by what the cache says and by what it does not say.
//!
//! A connection begins with the highest version. A cache refuses it by code 4, naming the one to ask in (8210bis section
//! 7); by answering in a lower one (RFC 8210 section 7); or, which no text allows, by closing without a word. Each step
//! goes down, so that an attempt comes to an end; the next one begins at the top.

use super::{ClientEvent, ClientSession, ConnectionEnd, Exchange, Link};
use crate::version::Version;

/// What is known of the version that a connection speaks.
#[derive(Clone, Copy, Debug)]
pub(super) enum Negotiation {
    /// It was asked in this version, having begun in that one, and has not answered yet.
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

    /// The version of what is sent.
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
    /// The version below one, if it is spoken here.
    fn below(&self, version: Version) -> Option<Version> {
        let lower = version.octet().checked_sub(1).and_then(Version::from_octet)?;
        (lower >= self.policy.versions.min()).then_some(lower)
    }

    /// Code 4 came, naming the cache's highest version. [R-NEG-03] [R-NEG-04]
    pub(super) fn version_refused(&mut self, named: u8) {
        let Link::Up(connection) = &self.link else { return };
        let is_over = connection.ended;
        let Negotiation::Asking { now: asked, first } = connection.negotiation else {
            // It has answered in this version before: it is not to be trusted with another.
            return self.end(ConnectionEnd::VersionRefused);
        };
        let Some(named) = Version::from_octet(named).filter(|named| *named < asked) else {
            // It names what it has just refused. It can mean nothing but "lower", and has lost track of this connection.
            return self.step_down_elsewhere(asked, ConnectionEnd::VersionRefused);
        };
        let next = match named {
            // Some caches say 0 before they know better, and speak 1.
            Version::V0 => self.below(asked),
            Version::V1 | Version::V2 => (named >= self.policy.versions.min()).then_some(named),
        };
        match next {
            // What is asked here now nobody reads.
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

    /// The cache ended the connection without having answered anything. What it was last asked in may be the reason, if
    /// nothing says that it speaks that: then the next connection asks lower.
    pub(super) fn ended_unanswered(&mut self) {
        let Link::Up(connection) = &self.link else { return };
        let Negotiation::Asking { now: asked, first } = connection.negotiation else {
            return self.end(ConnectionEnd::Lost);
        };
        if asked < first {
            // [R-NEG-03] It has said which version to ask in, and closed: that is what another connection is for.
            return self.begin_elsewhere(Some(asked), ConnectionEnd::Unanswered);
        }
        let known = self.resume_point.filter(|_| !self.is_probe).map(|resume_point| resume_point.version);
        let known = known.or(self.data.as_ref().map(|data| data.image.version()));
        // [R-ERR-04] A cache that does not know the session may lose the report that says so, and close. So the session is
        // doubted for one connection. If that brings no answer either, it was not the reason.
        self.resets_next = matches!(connection.exchange, Exchange::Asked(Some(_))) && !self.is_probe;
        match known {
            Some(known) if known >= asked && self.resets_next => {
                self.next_version = Some(asked);
                self.end(ConnectionEnd::Unanswered);
            }
            // It spoke this version before: it is rather restarting.
            Some(known) if known >= asked => self.end(ConnectionEnd::Unanswered),
            Some(known) => self.begin_elsewhere(Some(known), ConnectionEnd::Unanswered),
            None => self.step_down_elsewhere(asked, ConnectionEnd::Unanswered),
        }
    }
}
