//! The end of a connection: what follows for the data, and for when to connect again.

use super::output::{ConnectionEnd, FlushReason, Reconnect};
use super::{CacheConnection, ClientEvent, ClientSession, Exchange, Link, NEVER};
use crate::limits;
use crate::time::{Moment, Timing};
use crate::version::Version;
use crate::violation::{ErrorCode, Violation};
use alloc::string::ToString;
use core::time::Duration;

/// Failure after which the next connection is made after a pause.
enum Failed {
    /// To establish a connection.
    ToConnect,
    /// An established connection.
    Connected,
}

impl ClientSession {
    /// The connection was ended since one side does not accept the other's identity, after it seemed to be established:
    /// with TLS 1.3 a cache refuses a certificate when the router sends already. If nothing came before, the version is
    /// not the reason, and the connection counts as not established.
    pub fn not_accepted(&mut self, now: Moment) {
        self.advance(now);
        let Link::Up(connection) = &mut self.link else { return };
        connection.ended = true;
        match connection.exchange {
            Exchange::Idle(_) | Exchange::Asked(_)
                if connection.negotiation.settled().is_none() && connection.input.is_empty() =>
            {
                self.end(ConnectionEnd::NotConnected);
            }
            Exchange::Idle(_)
            | Exchange::Asked(_)
            | Exchange::Receiving { .. }
            | Exchange::Received { .. }
            | Exchange::Applying(_) => self.conclude(),
        }
    }

    /// The cache broke the protocol: an Error Report is sent, and the connection ends.
    pub(super) fn violated(&mut self, violation: Violation, copy: &[u8]) {
        let Link::Up(connection) = &self.link else { return };
        let (version, settled) = (connection.negotiation.version(), connection.negotiation.settled());
        self.report(version, violation.code(version), Some(violation), copy, &violation.to_string());
        // The answer to the same query would be as wrong: the next one is a Reset Query.
        self.resume_point = None;
        if violation == Violation::SessionMismatch || settled == Some(Version::V2) {
            self.flush(FlushReason::Violation(violation));
        }
        self.end(ConnectionEnd::Violation(violation));
    }

    /// The cache sent an Error Report that is not about versions or missing data. It is never answered.
    pub(super) fn peer_reported(&mut self, code: Option<u16>) {
        let Link::Up(connection) = &self.link else { return };
        let settled = connection.negotiation.settled();
        // [R-ERR-04] Nothing but the first query of this connection can have been wrong.
        let asked_since = matches!(connection.exchange, Exchange::Asked(Some(_)));
        if code == Some(0) && asked_since && connection.session.is_none() && !self.is_probe {
            self.resume_point = None;
            return self.end(ConnectionEnd::SessionForgotten);
        }
        let why = match (code.and_then(ErrorCode::from_number), settled) {
            (Some(ErrorCode::CacheRestart), Some(Version::V2)) => ConnectionEnd::Restarting,
            (Some(ErrorCode::CacheShutdown), Some(Version::V2)) => {
                self.flush(FlushReason::ShutDown);
                ConnectionEnd::ShutDown
            }
            (_, Some(Version::V2)) => {
                self.flush(FlushReason::PeerReported(code));
                ConnectionEnd::PeerReported(code)
            }
            (_, Some(Version::V0 | Version::V1) | None) => {
                // The data stay, but the query that it refused is not sent again.
                self.resume_point = None;
                ConnectionEnd::PeerReported(code)
            }
        };
        self.end(why);
    }

    /// Behind all input: if the cache has ended its side, so does the router.
    pub(super) fn conclude(&mut self) {
        let Link::Up(CacheConnection { ended: true, exchange, input, negotiation, .. }) = &self.link else { return };
        match exchange {
            Exchange::Received { .. } | Exchange::Applying(_) => {}
            // An Error Report that was cut short has at least its code.
            Exchange::Idle(_) | Exchange::Asked(_) | Exchange::Receiving { .. }
                if input.get(1) == Some(&crate::PduType::ErrorReport.octet())
                    && input.len() >= crate::HEADER_OCTETS =>
            {
                self.read_cut_report();
            }
            Exchange::Receiving { .. } => self.end(ConnectionEnd::CutShort),
            Exchange::Idle(_) | Exchange::Asked(_) if negotiation.settled().is_none() => self.ended_unanswered(),
            Exchange::Idle(_) | Exchange::Asked(_) => self.end(ConnectionEnd::Lost),
        }
    }

    /// Ends the connection, or the attempt at one, and decides when the next one comes.
    pub(super) fn end(&mut self, why: ConnectionEnd) {
        let reconnect = match why {
            ConnectionEnd::NotConnected => {
                self.next_version = None;
                self.resets_next = false;
                Reconnect::At(self.back_off(Failed::ToConnect))
            }
            ConnectionEnd::Stopped => Reconnect::Never,
            ConnectionEnd::SessionForgotten => Reconnect::AtOnce,
            _ if self.next_version.is_some() => Reconnect::AtOnce,
            ConnectionEnd::Unanswered
            | ConnectionEnd::Lost
            | ConnectionEnd::CutShort
            | ConnectionEnd::Silent
            | ConnectionEnd::NoMemory
            // [R-ERR-03] 8210bis section 8.5 has the Retry interval here, with which a planned restart would take
            // minutes and a crash seconds.
            | ConnectionEnd::Restarting => Reconnect::At(self.back_off(Failed::Connected)),
            ConnectionEnd::VersionRefused | ConnectionEnd::PeerReported(_) | ConnectionEnd::Violation(_) => {
                Reconnect::At(self.in_about(self.timing().retry()))
            }
            // 8210bis section 8.6: the default interval, whatever the cache's timers were.
            ConnectionEnd::ShutDown => Reconnect::At(self.in_about(Timing::default().retry())),
        };
        let until = match reconnect {
            Reconnect::AtOnce => self.now,
            Reconnect::At(at) => at,
            Reconnect::Never => NEVER,
        };
        self.link = match &self.link {
            Link::Up(_) => Link::Closing(until),
            Link::Down(_) | Link::Connecting | Link::Closing(_) | Link::Stopped => Link::Down(until),
        };
        self.events.push_back(ClientEvent::Ended { why, reconnect });
    }

    /// Returns when to connect again after a failure that may be over soon: after a second at first and twice as long
    /// each time, up to the Retry interval or a minute. While no connection is established, which costs a cache
    /// nothing, the pauses are of a few seconds for the first half a minute. [R-TMO-02]
    fn back_off(&mut self, failed: Failed) -> Moment {
        if let Link::Up(CacheConnection { stable_from: Some(from), .. }) = &self.link
            && *from <= self.now
        {
            self.failures = 0;
        }
        let retry = Duration::from_secs(self.timing().retry().into());
        let doubled = limits::RECONNECT_PAUSE_MIN * 2_u32.saturating_pow(self.failures.min(16));
        let pause = match failed {
            Failed::Connected => doubled,
            Failed::ToConnect => {
                let late = self.failures.saturating_sub(limits::RECONNECT_EARLY_ATTEMPTS_MAX - 1).min(16);
                doubled.min(limits::RECONNECT_EARLY_PAUSE_MAX) * 2_u32.saturating_pow(late)
            }
        };
        self.failures = self.failures.saturating_add(1);
        let pause = pause.min(retry.min(limits::RECONNECT_PAUSE_MAX).max(limits::RECONNECT_PAUSE_MIN));
        let at = self.now.after(pause.mul_f64(0.75 + 0.5 * self.random()));
        match &self.link {
            // The cache reported that there are no data: asking earlier is no use.
            Link::Up(CacheConnection { no_data: true, exchange: Exchange::Idle(next), .. }) => at.max(*next),
            _ => at,
        }
    }

    /// Returns the moment in so many seconds, or up to a tenth more, so that not all routers connect at once.
    /// [R-SYN-09]
    fn in_about(&mut self, seconds: u32) -> Moment {
        let share = self.random();
        self.now.after(Duration::from_secs(seconds.into()).mul_f64(1.0 + 0.1 * share))
    }
}
