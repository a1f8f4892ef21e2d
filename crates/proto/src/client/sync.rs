//! Queries and timers: which query is sent when, and what follows a response.

use super::update::{Applied, AppliedSet, Base, ResponseError};
use super::{
    CacheConnection, ClientEvent, ClientSession, Complete, ConnectionEnd, Exchange, FlushReason, Link, NEVER,
    ResumePoint,
};
use crate::limits;
use crate::time::{Moment, Timing};
use crate::version::Version;
use crate::violation::ErrorCode;
use crate::wire::Pdu;
use alloc::sync::Arc;
use core::time::Duration;

impl CacheConnection {
    /// Returns when the session has to act without an input.
    pub(super) fn deadline(&self, session: &ClientSession) -> Option<Moment> {
        match &self.exchange {
            Exchange::Idle(at) => Some(*at),
            Exchange::Asked(_) | Exchange::Receiving { .. } => {
                Some(self.silence_ends(session).0.min(self.begun.after(limits::RESPONSE_TIME_MAX)))
            }
            Exchange::Received { .. } | Exchange::Applying(_) => None,
        }
    }

    /// Returns when a connection on which the cache sends nothing is ended, and whether that is a stall, for which
    /// version 2 has a code. [R-TMO-01]
    fn silence_ends(&self, session: &ClientSession) -> (Moment, bool) {
        let patience = session.policy.silence_max;
        let retry = Duration::from_secs(session.timing().retry().into());
        let stall = (retry * limits::STALL_RETRY_INTERVALS).max(limits::STALL_MIN[self.negotiation.version().index()]);
        (self.progress.after(patience.min(stall)), stall <= patience)
    }
}

impl ClientSession {
    /// The cache's timers, or the policy's while there are none.
    pub(super) fn timing(&self) -> Timing {
        self.data.as_ref().map_or(self.policy.timing, |data| data.timing)
    }

    /// Sends a query: a Serial Query if there is a resume point, else a Reset Query. [R-SYN-01] [R-SID-02]
    pub(super) fn ask(&mut self) {
        let Link::Up(connection) = &mut self.link else { return };
        let version = connection.negotiation.version();
        if let Some(resume_point) = &mut self.resume_point
            && self.is_probe
        {
            // Callers rarely know the version to which a session and serial belong.
            resume_point.version = version;
        }
        let since = self.resume_point.filter(|from| from.version == version && !self.resets_next);
        let query = match since {
            Some(ResumePoint { session, serial, .. }) => Pdu::SerialQuery { session, serial },
            None => Pdu::ResetQuery,
        };
        query.encode(version, &mut self.outbox);
        connection.exchange = Exchange::Asked(since);
        connection.progress = self.now;
        connection.begun = self.now;
        connection.no_data = false;
        connection.notified = None;
        let since = since.map(|from| (from.session, from.serial));
        self.events.push_back(ClientEvent::Asked { version, since });
    }

    /// Returns the set that a response to the query will change.
    pub(super) fn base(&self, since: Option<ResumePoint>) -> Base {
        match (since, &self.data) {
            (None, data) => Base::Replace(data.as_ref().map(|data| data.image.clone())),
            (Some(_), Some(data)) => Base::Change(data.image.clone()),
            (Some(_), None) => Base::ChangeUnknown,
        }
    }

    /// Handles timers that are due.
    pub(super) fn check_time(&mut self) {
        if self.data.as_ref().is_some_and(|data| data.expires() <= self.now) {
            self.flush(FlushReason::Expired); // [R-SYN-08]
        }
        let Link::Up(connection) = &self.link else { return };
        if connection.deadline(self).is_none_or(|at| at > self.now || at == NEVER) {
            return;
        }
        match &connection.exchange {
            // [R-SYN-07]
            Exchange::Idle(_) => {
                let now = self.now;
                if let Link::Up(connection) = &mut self.link {
                    // It may be due to a Serial Notify.
                    connection.notify_queried_at = Some(now);
                }
                self.ask();
            }
            Exchange::Asked(_) | Exchange::Receiving { .. } => {
                let (at, is_stall) = connection.silence_ends(self);
                let version = connection.negotiation.version();
                if is_stall && at <= self.now && connection.negotiation.settled() == Some(Version::V2) {
                    self.report(version, ErrorCode::TransportFailure, None, &[], "nothing came for too long");
                    self.flush(FlushReason::Reported(ErrorCode::TransportFailure));
                }
                self.end(ConnectionEnd::Silent);
            }
            Exchange::Received { .. } | Exchange::Applying(_) => {}
        }
    }

    /// Handles the serial of a Serial Notify. The caller has checked [R-NEG-06].
    pub(super) fn notified(&mut self, serial: crate::Serial) {
        let held = self.resume_point.map(|point| point.serial);
        let Link::Up(connection) = &mut self.link else { return };
        match &connection.exchange {
            Exchange::Idle(due) if held != Some(serial) => {
                let due = *due;
                self.events.push_back(ClientEvent::Notified(serial));
                // A cache that announces a serial that it does not have is asked with pauses.
                let from =
                    connection.notify_queried_at.map_or(self.now, |at| at.after(limits::NOTIFIED_QUERY_INTERVAL_MIN));
                if from > self.now {
                    connection.exchange = Exchange::Idle(from.min(due));
                } else {
                    connection.notify_queried_at = Some(self.now);
                    self.ask();
                }
            }
            Exchange::Idle(_) => {}
            Exchange::Asked(_) | Exchange::Receiving { .. } | Exchange::Received { .. } | Exchange::Applying(_) => {
                connection.notified = Some(serial);
            }
        }
    }

    /// The cache has no data: what is held stays, and the cache is asked again. [R-SYN-06]
    pub(super) fn no_data(&mut self) {
        let retry = Duration::from_secs(self.timing().retry().into());
        let Link::Up(connection) = &mut self.link else { return };
        let pause = match connection.negotiation.version() {
            // 8210bis section 8.4: about once a minute.
            Version::V2 => limits::NO_DATA_QUERY_INTERVAL_MAX.min(retry),
            Version::V0 | Version::V1 => retry,
        };
        connection.no_data = true;
        // With data it may begin another session.
        connection.session = None;
        connection.exchange = Exchange::Idle(self.now.after(pause));
        // The specifications demand periodic Reset Queries, whatever the router held.
        self.resume_point = None;
        self.events.push_back(ClientEvent::NoData);
    }

    /// The cache has no changes since the serial: everything is asked for, and what is held stays until then.
    /// [R-SYN-05]
    pub(super) fn cache_reset(&mut self) {
        self.resume_point = None;
        self.events.push_back(ClientEvent::CacheReset);
        self.ask();
    }

    /// The timers of an End of Data: those of the policy where it has none, and within the rules. [R-SYN-10]
    pub(super) fn take_timers(&mut self, timers: Option<[u32; 3]>) -> Timing {
        let Some([refresh, retry, expire]) = timers else {
            // [R-SYN-07] Version 0 is asked at least once an hour.
            let timing = self.policy.timing;
            return Timing::nearest(timing.refresh().min(limits::POLL_V0_SECONDS_MAX), timing.retry(), timing.expire());
        };
        Timing::new(refresh, retry, expire).unwrap_or_else(|_| {
            let (got, used) = ([refresh, retry, expire], Timing::nearest(refresh, retry, expire));
            if self.adjusted.replace(got) != Some(got) {
                self.events.push_back(ClientEvent::TimersAdjusted { got, used });
            }
            used
        })
    }

    /// A response was applied, or can't be.
    pub(super) fn take_applied(&mut self, applied: Applied) {
        let Link::Up(CacheConnection { exchange: Exchange::Applying(complete), negotiation, .. }) = &self.link else {
            return;
        };
        let (complete, version): (Complete, Version) = (*complete, negotiation.version());
        match applied.outcome {
            Ok(applied) => self.updated(complete, version, applied),
            Err(ResponseError { violation, copy }) => self.violated(violation, &copy),
        }
    }

    fn updated(&mut self, complete: Complete, version: Version, applied: AppliedSet) {
        let Complete { session, serial, timing, at } = complete;
        // [R-SYN-02] Only here is the serial accepted.
        self.resume_point = Some(ResumePoint { version, session, serial });
        self.refused = Arc::clone(&applied.refused);
        self.data = applied.image.clone().map(|image| complete.into_data(image));
        self.is_probe &= self.data.is_none();
        self.events.push_back(ClientEvent::Updated(applied.into_update(version, complete)));
        let Link::Up(connection) = &mut self.link else { return };
        let notified = connection.notified.take();
        connection.exchange = Exchange::Idle(at.after(Duration::from_secs(timing.refresh().into())));
        connection.progress = self.now;
        connection.stable_from.get_or_insert(at.after(limits::STABLE_CONNECTION_MIN));
        if let Some(serial) = notified {
            self.notified(serial);
        }
        self.read_input();
        self.conclude();
    }

    /// Drops the data and the resume point.
    pub(super) fn flush(&mut self, reason: FlushReason) {
        self.resume_point = None;
        if self.data.take().is_some() {
            self.events.push_back(ClientEvent::Flushed(reason));
        }
    }
}
