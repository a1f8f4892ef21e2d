//! One connection by the specification: what a router sent, what is owed for that, and what the cache sends.
//!
//! The model is given the octets of both directions in the order in which the cache received and sent them. It returns
//! an error for whatever a strict router could complain about.

mod queries;
mod times;

use super::pdu::{self, ModelPdu};
use super::record::{ModelSet, seen_in, sum_of_both_sides};
use super::response::{Response, apply, check_order};
use super::served_sets::ServedSets;
use rtrcast_proto::{Moment, Pdu, Version, wire};
use std::collections::VecDeque;
use std::time::Duration;

/// The shortest interval between two Serial Notify PDUs (RFC 8210 section 8.2).
const NOTIFY_INTERVAL: Duration = Duration::from_secs(60);

/// Something that the cache owes the router.
#[derive(Clone, Debug)]
enum Owed {
    /// The answer to a query: with the session and serial of a Serial Query.
    Answer { since: Option<(u16, u32)>, asked: Moment },
    /// An Error Report with one of these codes; if it is fatal the connection ends behind it.
    Report { codes: &'static [u16], is_fatal: bool, pdu: Vec<u8>, asked: Moment },
}

/// A set that the cache sent to its End of Data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ReceivedSet {
    pub(crate) version: u8,
    pub(crate) session: u16,
    pub(crate) serial: u32,
}

/// A connection.
#[derive(Debug)]
pub(crate) struct ConnectionModel {
    /// The highest version that the cache serves.
    max: u8,
    version: Option<u8>,
    refused: u32,
    /// Octets from the router that are no whole PDU yet, and octets of a refused one that are still to come.
    from_router: Vec<u8>,
    skipped: usize,
    /// True once nothing further of the router counts.
    ignores_input: bool,
    from_cache: Vec<u8>,
    owed: VecDeque<Owed>,
    response: Option<Response>,
    /// The set that the router has of this connection.
    holds: Option<(ReceivedSet, ModelSet)>,
    /// Refresh, Retry and Expire of the last End of Data, in seconds.
    intervals: Option<[u32; 3]>,
    /// True once the cache has answered a query.
    is_answered: bool,
    last_notify: Option<Moment>,
    /// True if octets have waited since the last Serial Notify, and whether that one had waited.
    was_blocked: bool,
    is_last_late: bool,
    /// Since when no octets were stalled.
    progress_since: Moment,
    /// Why the cache may end the connection, or send a final Error Report.
    excuse: Option<&'static str>,
    /// True if a response that was running has to be completed all the same.
    is_response_owed: bool,
    /// True once a final Error Report was sent.
    is_final: bool,
    /// Since when the connection has to end, once the response that is running is complete.
    ends_since: Option<Moment>,
    /// Codes of final Error Reports that are right for a reason to end.
    may_report: Vec<u16>,
    /// The code of the final Error Report that the end needs, if it does.
    final_code: Option<u16>,
    /// True if the router was told that there are no data, and nothing since.
    has_no_data: bool,
    has_ended: bool,
    /// The serial of the last Serial Notify.
    notified: Option<u32>,
    /// When the last answer was complete.
    answered: Moment,
    /// True if lines are kept.
    pub(crate) is_noted: bool,
    /// What passed, in the text form of PDUs.
    pub(crate) lines: Vec<String>,
}

impl ConnectionModel {
    pub(crate) fn new(now: Moment, max: u8) -> ConnectionModel {
        ConnectionModel {
            max,
            version: None,
            refused: 0,
            from_router: Vec::new(),
            skipped: 0,
            ignores_input: false,
            from_cache: Vec::new(),
            owed: VecDeque::new(),
            response: None,
            holds: None,
            intervals: None,
            is_answered: false,
            last_notify: None,
            was_blocked: false,
            is_last_late: false,
            progress_since: now,
            excuse: None,
            is_response_owed: false,
            is_final: false,
            ends_since: None,
            may_report: Vec::new(),
            final_code: None,
            has_no_data: false,
            has_ended: false,
            notified: None,
            answered: now,
            is_noted: false,
            lines: Vec::new(),
        }
    }

    /// The version that the router and the cache speak.
    pub(crate) fn version(&self) -> Option<u8> {
        self.version
    }

    /// The set that the router was sent last on this connection.
    pub(crate) fn holds(&self) -> Option<&(ReceivedSet, ModelSet)> {
        self.holds.as_ref()
    }

    /// The intervals of the last End of Data, in seconds: Refresh, Retry and Expire.
    pub(crate) fn intervals(&self) -> Option<[u32; 3]> {
        self.intervals
    }

    /// Returns whether nothing is owed, and no PDU is incomplete.
    pub(crate) fn is_idle(&self) -> bool {
        self.owed.is_empty() && self.response.is_none() && self.from_router.is_empty() && !self.ignores_input
    }

    /// Returns whether the router has sent a query of a version that is served.
    pub(crate) fn has_asked(&self) -> bool {
        self.version.is_some()
    }

    /// The cache may end the connection from now on, for this reason.
    pub(crate) fn excuse(&mut self, why: &'static str) {
        self.excuse.get_or_insert(why);
        self.is_response_owed = false;
    }

    /// The cache may end the connection once the response that is running is complete, for this reason.
    pub(crate) fn excuse_after_response(&mut self, why: &'static str) {
        let is_owed = self.response.is_some() && self.excuse.is_none();
        self.excuse(why);
        self.is_response_owed = is_owed;
    }

    /// The cache has to end the connection from now on, for this reason: at once, or once the response that is running
    /// is complete.
    pub(crate) fn has_to_end(&mut self, now: Moment, why: &'static str, completes_response: bool) {
        if completes_response {
            self.excuse_after_response(why)
        } else {
            self.excuse(why)
        }
        self.ends_since.get_or_insert(now);
    }

    /// A final Error Report with this code may come.
    pub(crate) fn may_report(&mut self, code: u16) {
        self.may_report.push(code);
    }

    /// The end has to follow an Error Report with this code, if the session is one of version 2.
    pub(crate) fn has_to_report(&mut self, code: u16) {
        self.may_report(code);
        // One that ends already may end without it.
        if self.version == Some(2) && !self.ignores_input && !self.is_final && self.ends_since.is_none() {
            self.final_code = Some(code);
        }
    }

    /// Returns whether the router has data of this connection, or is being sent some.
    pub(crate) fn has_data(&self) -> bool {
        self.holds.is_some() || self.response.is_some()
    }

    /// The connection moves again, or still does: answers are due by the time from now on.
    pub(crate) fn note_progress(&mut self, now: Moment) {
        self.progress_since = self.progress_since.max(now);
    }

    /// Octets that the cache has sent wait, since the router reads nothing: they come later than they were sent.
    pub(crate) fn note_blocked(&mut self, now: Moment) {
        self.was_blocked = true;
        self.note_progress(now);
    }

    fn note(&mut self, direction: char, octets: &[u8]) {
        if self.is_noted {
            self.lines.push(match Pdu::decode(octets) {
                Ok(pdu) => format!("{direction} {}", pdu.line(Version::from_octet(octets[0]).unwrap_or(Version::V2))),
                Err(_) => format!("{direction} octets {}", wire::hex(octets)),
            });
        }
    }

    /// Reads octets that the cache has sent. `current` is the session and serial that it served the router when they
    /// were made.
    pub(crate) fn sent(
        &mut self,
        now: Moment,
        octets: &[u8],
        line: &ServedSets,
        current: Option<(u16, u32)>,
    ) -> Result<(), String> {
        if self.has_ended {
            return Err(format!("{} octets after the end", octets.len()));
        }
        self.note_progress(now);
        self.from_cache.extend_from_slice(octets);
        while let Some(length) = pdu::length(&self.from_cache).filter(|length| *length <= self.from_cache.len()) {
            let octets: Vec<u8> = self.from_cache.drain(..length.max(8)).collect();
            self.note('<', &octets);
            let (version, pdu) = pdu::read(&octets)?;
            self.read_cache(now, version, pdu, line, current)?;
        }
        Ok(())
    }

    fn read_cache(
        &mut self,
        now: Moment,
        version: u8,
        pdu: ModelPdu,
        line: &ServedSets,
        current: Option<(u16, u32)>,
    ) -> Result<(), String> {
        if self.is_final {
            return Err(format!("{pdu:?} behind a final Error Report"));
        }
        let is_refusal = matches!(self.owed.front(), Some(Owed::Report { is_fatal: false, .. }));
        match self.version {
            // It was owed before the router found the version.
            Some(_) if is_refusal && version == self.max => {}
            Some(session) if session != version => {
                return Err(format!("version {version} in a session of version {session}: {pdu:?}"));
            }
            None if version > self.max => return Err(format!("version {version} is not served: {pdu:?}")),
            Some(_) | None => {}
        }
        match pdu {
            ModelPdu::SerialNotify { session, serial } => self.notified(now, session, serial, line),
            ModelPdu::CacheResponse { session } => match (self.owed.front(), &self.response) {
                (Some(Owed::Answer { since, .. }), None) => {
                    if since.is_some_and(|(session, _)| self.names_other(session)) {
                        return Err("an answer to a query of another session".to_owned());
                    }
                    self.response = Some(Response { session, records: Vec::new() });
                    Ok(())
                }
                other => Err(format!("a Cache Response, where {:?} is owed", other.0)),
            },
            ModelPdu::Record { is_announced, record } => match &mut self.response {
                Some(response) if record.since() <= version => {
                    response.records.push((is_announced, record));
                    Ok(())
                }
                _ => Err(format!("{record:?} in version {version}, outside of a response")),
            },
            ModelPdu::EndOfData { session, serial, intervals } => {
                self.intervals = intervals;
                self.response_ended(now, version, session, serial, line)
            }
            ModelPdu::CacheReset => match (self.owed.pop_front(), &self.response) {
                (Some(Owed::Answer { since: Some((session, _)), .. }), None) if self.names_other(session) => {
                    Err("a Cache Reset for another session than the cache has named".to_owned())
                }
                (Some(Owed::Answer { since: Some((session, serial)), .. }), None) => {
                    // It has to ask for everything, and needs no notify for that.
                    (self.is_answered, self.answered, self.has_no_data) = (true, now, false);
                    // Whoever has what is served gets no Cache Reset.
                    let is_current = current == Some((session, serial));
                    if is_current { Err(format!("a Cache Reset for the current serial {serial}")) } else { Ok(()) }
                }
                other => Err(format!("a Cache Reset, where {:?} is owed", other.0)),
            },
            ModelPdu::ErrorReport { code, copy } => self.reported(now, code, &copy, current.is_some()),
            ModelPdu::SerialQuery { .. } | ModelPdu::ResetQuery => Err(format!("{pdu:?} from a cache")),
        }
    }

    /// Returns whether the cache has told the router another session on this connection.
    fn names_other(&self, session: u16) -> bool {
        self.holds.as_ref().is_some_and(|(held, _)| held.session != session)
    }

    fn notified(&mut self, now: Moment, session: u16, serial: u32, line: &ServedSets) -> Result<(), String> {
        if !self.is_answered {
            return Err("a Serial Notify before the first answer".to_owned());
        }
        if self.response.is_some() {
            return Err("a Serial Notify within a response".to_owned());
        }
        if let Some(last) = self.last_notify
            && !self.is_last_late
            && now < last.after(NOTIFY_INTERVAL)
        {
            return Err(format!("two Serial Notify PDUs within {} ms", now.0 - last.0));
        }
        if line.get(session, serial).is_none() {
            return Err(format!("a Serial Notify of session {session}, serial {serial}, which name no set"));
        }
        if let Some((held, _)) = &self.holds
            && held.session != session
        {
            return Err(format!("a Serial Notify of session {session} to a router with session {}", held.session));
        }
        (self.last_notify, self.notified) = (Some(now), Some(serial));
        self.is_last_late = std::mem::replace(&mut self.was_blocked, false);
        Ok(())
    }

    fn response_ended(
        &mut self,
        now: Moment,
        version: u8,
        session: u16,
        serial: u32,
        line: &ServedSets,
    ) -> Result<(), String> {
        let (Some(Response { session: named, records }), Some(Owed::Answer { since, .. })) =
            (self.response.take(), self.owed.pop_front())
        else {
            return Err("End of Data without a Cache Response".to_owned());
        };
        if named != session {
            return Err(format!("session {named} in Cache Response and {session} in End of Data"));
        }
        let expected = line.get(session, serial).ok_or(format!("session {session}, serial {serial} name no set"))?;
        check_order(&records)?;
        let before = match since {
            None => ModelSet::new(),
            Some((asked, serial)) if asked == session => {
                line.get(session, serial).ok_or(format!("an answer since serial {serial}, which names no set"))?.clone()
            }
            Some((asked, _)) => return Err(format!("changes since session {asked}, in session {session}")),
        };
        let number = records.len();
        let minimal = sum_of_both_sides(&before, expected);
        let set = apply(before, records)?;
        if set != *expected || set != seen_in(&set, version) {
            let (more, less) = (set.difference(expected).next(), expected.difference(&set).next());
            return Err(format!("serial {serial} of session {session} is another set: more {more:?}, less {less:?}"));
        }
        if number != minimal {
            return Err(format!("{number} records, where {minimal} are enough, to serial {serial}"));
        }
        self.holds = Some((ReceivedSet { version, session, serial }, set));
        self.has_no_data = false;
        (self.is_answered, self.answered) = (true, now);
        Ok(())
    }

    fn reported(&mut self, now: Moment, code: u16, copy: &[u8], has_data: bool) -> Result<(), String> {
        match self.owed.front() {
            Some(Owed::Answer { .. }) if code == 2 && !has_data && self.response.is_none() => {
                self.owed.pop_front();
                (self.is_answered, self.answered, self.has_no_data) = (true, now, self.holds.is_none());
                Ok(())
            }
            // [C-SID-05] On this connection the cache has named its session.
            Some(Owed::Answer { since: Some((session, _)), .. }) if code == 0 && self.names_other(*session) => {
                self.end_from(now);
                self.owed.clear();
                Ok(())
            }
            Some(Owed::Report { codes, is_fatal, pdu, .. }) if codes.contains(&code) && self.response.is_none() => {
                if !pdu.starts_with(copy) {
                    return Err(format!("Error Report {code} copies {copy:02x?}, and the PDU was {pdu:02x?}"));
                }
                let is_fatal = *is_fatal;
                self.owed.pop_front();
                self.answered = now;
                if is_fatal {
                    self.end_from(now);
                }
                Ok(())
            }
            // A stop, a stall: the reason of the end.
            _ if self.excuse.is_some() && self.may_report.contains(&code) => {
                if self.is_response_owed && self.response.is_some() {
                    return Err(format!("Error Report {code} in the middle of a response that is to be completed"));
                }
                if self.final_code.is_some_and(|needed| needed != code) {
                    return Err(format!("Error Report {code}, where the end needs {:?}", self.final_code));
                }
                self.final_code = None;
                self.end_from(now);
                self.response = None;
                Ok(())
            }
            owed => Err(format!("Error Report {code}, where {owed:?} is owed")),
        }
    }

    fn end_from(&mut self, now: Moment) {
        self.is_final = true;
        self.ends_since.get_or_insert(now);
    }

    /// The cache has ended the connection in order.
    pub(crate) fn ended(&mut self, now: Moment, opened: Moment) -> Result<(), String> {
        self.has_ended = true;
        let first_query = if self.refused > 0 { 30 } else { 60 };
        let is_silent = self.version.is_none() && now >= opened.after(Duration::from_secs(first_query));
        if self.is_response_owed && !self.is_final && self.response.is_some() {
            return Err("the end in the middle of a response".to_owned());
        }
        if let Some(code) = self.final_code {
            return Err(format!("the end without Error Report {code}"));
        }
        let owes_report = self.owed.iter().any(|owed| matches!(owed, Owed::Report { .. }));
        if owes_report && !self.is_final && self.excuse.is_none() {
            return Err("the end, before an Error Report that is owed".to_owned());
        }
        if self.is_final || self.excuse.is_some() || is_silent || (self.ignores_input && self.owed.is_empty()) {
            return Ok(());
        }
        Err(format!("the end without a reason, where {:?} is owed", self.owed.front()))
    }
}
