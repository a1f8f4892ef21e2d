//! The cache's side of one connection: the session, and what the loop of a real connection does with it.

use crate::model::{ConnectionModel, ServedSets};
use crate::pipe::{Pipe, PipeMode};
use rtrcast_proto::{
    Chunk, CloseReason, Dismissal, Moment, PermitId, Profile, ServerEvent, ServerOutput, ServerPolicy, ServerSession,
    Stop, Version, VersionRange, View, Want,
};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

/// Time for which a chunk may make no progress.
const STALL_MAX: Duration = Duration::from_secs(300);

/// Time for which the last octets of a session that closes may make no progress.
const FINAL_PROGRESS_MAX: Duration = Duration::from_secs(10);

/// Time for all of them.
const FINAL_TIME_MAX: Duration = Duration::from_secs(30);

/// The shortest interval between two Serial Notify PDUs (RFC 8210 section 8.2).
const NOTIFY_INTERVAL: Duration = Duration::from_secs(60);

/// Time to the first query of a version that is served: 60 s, and 30 s for each query that was refused.
const SILENT_TIME_MAX: Duration = Duration::from_secs(60 + 4 * 30 + 5);

/// Time within which what has arrived is read.
const UNREAD_TIME_MAX: Duration = Duration::from_secs(70);

/// The code of an Error Report for a router that reads nothing (8210bis section 12).
const TRANSPORT_FAILURE: u16 = 10;

/// The most outputs of a session without time passing: more is a loop without end.
const OUTPUTS_MAX: usize = 10_000;

/// Who is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// A router that follows the actions.
    Router(usize),
    /// A real client.
    Client(usize),
}

/// A connection.
pub(crate) struct SimConnection {
    pub(crate) peer: Peer,
    pub(crate) address: IpAddr,
    pub(crate) permit: PermitId,
    pub(crate) session: ServerSession,
    /// To the cache, and from it.
    pub(crate) up: Pipe,
    pub(crate) down: Pipe,
    pub(crate) model: ConnectionModel,
    pub(crate) profile: Option<Profile>,
    opened: Moment,
    pub(super) writing: Option<Writing>,
    /// When the last Serial Notify was made.
    notified: Option<Moment>,
    /// Since when octets have arrived that the session does not want.
    unread_since: Option<Moment>,
    has_input_ended: bool,
    closing_since: Option<Moment>,
    /// When it finds out that it has to give way to another connection, if it has.
    pub(crate) displaced: Option<Moment>,
    /// True once the cache has ended its side.
    pub(crate) is_closed: bool,
    /// True if the cache gave up on it.
    pub(crate) is_aborted: bool,
    /// Something that the session wants to have made.
    pub(crate) want: Option<Want>,
    pub(crate) lines: Vec<String>,
}

/// A chunk that is being written.
pub(super) struct Writing {
    pub(super) chunk: Chunk,
    at: usize,
    progress: Moment,
    /// The session and serial that were served when it was made.
    current: Option<(u16, u32)>,
}

impl SimConnection {
    pub(crate) fn new(
        now: Moment,
        peer: Peer,
        permit: PermitId,
        address: u8,
        max: u8,
        mode: PipeMode,
        view: Arc<View>,
    ) -> SimConnection {
        let versions = Version::from_octet(max).and_then(|max| VersionRange::new(Version::V0, max));
        let policy = ServerPolicy::new(versions.unwrap_or(VersionRange::ALL));
        SimConnection {
            peer,
            address: address_of(address),
            permit,
            session: ServerSession::new(now, policy, view),
            up: Pipe::new(mode, now.0 ^ 0x5555),
            down: Pipe::new(mode, now.0 ^ 0xAAAA),
            model: ConnectionModel::new(now, max),
            profile: None,
            opened: now,
            writing: None,
            notified: None,
            unread_since: None,
            has_input_ended: false,
            closing_since: None,
            displaced: None,
            is_closed: false,
            is_aborted: false,
            want: None,
            lines: Vec::new(),
        }
    }

    /// Stops the session, as the cache does that stops.
    pub(crate) fn stop(&mut self, now: Moment, stop: Stop) {
        match stop {
            Stop::Restart => self.model.has_to_end(now, "the cache stops", true),
            _ => {
                self.model.has_to_report(13);
                self.model.has_to_end(now, "the cache shuts down", false);
            }
        }
        self.session.stop(now, stop);
    }

    /// Gives the session another view.
    pub(crate) fn data_changed(&mut self, now: Moment, view: &Arc<View>, is_withheld: bool) {
        if is_withheld && self.model.has_data() {
            self.model.has_to_end(now, "all data are too old", true);
        }
        self.session.data_changed(now, Arc::clone(view));
    }

    /// Does all that can be done now; true if anything was done.
    pub(crate) fn run(&mut self, now: Moment, line: &ServedSets, view: &View) -> Result<bool, String> {
        if self.is_closed || self.is_aborted {
            // What still comes is discarded.
            while self.up.read(now).is_some() {}
            return Ok(false);
        }
        let mut has_done = false;
        for _ in 0..OUTPUTS_MAX {
            let mut progress = self.outputs(now, view)?;
            progress |= self.write(now, line)?;
            progress |= self.read(now);
            progress |= self.time(now);
            if self.is_closed || self.is_aborted {
                return Ok(true);
            }
            if !progress {
                let is_silent = self.model.version().is_none() && now > self.opened.after(SILENT_TIME_MAX);
                if is_silent && !self.session.is_closing() {
                    return Err("a connection without a query stays open".to_owned());
                }
                self.model.check_time(now)?;
                self.check_reading(now)?;
                return Ok(has_done);
            }
            has_done = true;
        }
        Err("a session does things without end".to_owned())
    }

    /// Checks that what has arrived is read, unless something is owed that comes first.
    fn check_reading(&mut self, now: Moment) -> Result<(), String> {
        let is_unread = self.up.next_arrival().is_some_and(|at| at <= now) && !self.has_input_ended;
        if !is_unread || self.session.wants_input() || self.writing.is_some() || self.session.is_closing() {
            self.unread_since = None;
            return Ok(());
        }
        let since = *self.unread_since.get_or_insert(now);
        if now > since.after(UNREAD_TIME_MAX) {
            return Err(format!("octets of a router are not read for {} ms", now.0 - since.0));
        }
        Ok(())
    }

    fn outputs(&mut self, now: Moment, view: &View) -> Result<bool, String> {
        let mut progress = false;
        while self.writing.is_none() && !self.is_closed {
            match self.session.next(now) {
                ServerOutput::Write(chunk) => {
                    if chunk.octets().is_empty() {
                        return Err("a chunk without octets".to_owned());
                    }
                    let profile = self.model.version().and_then(Version::from_octet).map(Profile::full);
                    let session = profile.map_or(0, |profile| view.session(profile).0);
                    let current = view.serial().map(|serial| (session, serial.0));
                    self.writing = Some(Writing { chunk, at: 0, progress: now, current });
                }
                ServerOutput::Close => {
                    self.is_closed = true;
                    self.down.end(now);
                    self.model.ended(now, self.opened)?;
                    self.lines.push("< end".to_owned());
                }
                ServerOutput::Event(event) => self.event(now, &event)?,
                ServerOutput::Want(want) => self.want = Some(want),
                ServerOutput::Wait(_) => break,
            }
            progress = true;
        }
        if self.writing.is_some() {
            while let Some(event) = self.session.event() {
                self.event(now, &event)?;
                progress = true;
            }
        }
        if self.session.is_closing() {
            self.closing_since.get_or_insert(now);
        }
        Ok(progress)
    }

    pub(super) fn event(&mut self, now: Moment, event: &ServerEvent) -> Result<(), String> {
        match event {
            ServerEvent::Notified(_)
                if self.notified.replace(now).is_some_and(|last| now < last.after(NOTIFY_INTERVAL)) =>
            {
                return Err("two Serial Notify PDUs within a minute".to_owned());
            }
            ServerEvent::Negotiated(profile) => self.profile = Some(*profile),
            ServerEvent::Closing(CloseReason::Overtaken) => {
                if self.writing.is_none() {
                    return Err("a router that reads is cut off".to_owned());
                }
                self.model.may_report(TRANSPORT_FAILURE);
                self.model.has_to_end(now, "it read too slowly", false);
            }
            ServerEvent::Closing(CloseReason::Internal) => return Err("a response could not be made".to_owned()),
            ServerEvent::Closing(CloseReason::Displaced) if self.model.has_asked() => {
                return Err("a router that has asked is displaced".to_owned());
            }
            _ => {}
        }
        if !matches!(event, ServerEvent::Received(_)) {
            self.lines.push(format!("= {event:?}"));
        }
        Ok(())
    }

    fn write(&mut self, now: Moment, line: &ServedSets) -> Result<bool, String> {
        let Some(writing) = &mut self.writing else { return Ok(false) };
        let octets = writing.chunk.octets().get(writing.at..).unwrap_or_default();
        let written = self.down.write(now, octets);
        let (octets, current) = (octets[..written].to_vec(), writing.current);
        if written == 0 {
            self.model.note_blocked(now);
            return Ok(false);
        }
        (writing.at, writing.progress) = (writing.at + written, now);
        if writing.at == writing.chunk.octets().len() {
            self.writing = None;
        }
        self.model.sent(now, &octets, line, current)?;
        self.lines.append(&mut self.model.lines);
        Ok(true)
    }

    fn read(&mut self, now: Moment) -> bool {
        if !self.session.wants_input() {
            return false;
        }
        if let Some(octets) = self.up.read(now) {
            self.model.received(now, &octets);
            self.lines.append(&mut self.model.lines);
            self.session.receive(now, &octets);
            return true;
        }
        if self.up.has_ended(now) && !self.has_input_ended {
            self.has_input_ended = true;
            self.model.router_ended(now);
            self.session.input_ended(now);
            return true;
        }
        false
    }

    fn write_deadline(&self) -> Option<Moment> {
        let writing = self.writing.as_ref()?;
        Some(match self.closing_since {
            Some(since) => writing.progress.max(since).after(FINAL_PROGRESS_MAX).min(since.after(FINAL_TIME_MAX)),
            None => writing.progress.after(STALL_MAX),
        })
    }

    fn time(&mut self, now: Moment) -> bool {
        let mut progress = false;
        if self.displaced.take_if(|at| *at <= now).is_some() {
            if !self.model.has_asked() {
                self.model.has_to_end(now, "another connection needs the place", false);
            }
            self.session.dismiss(now, Dismissal::Displaced);
            progress = true;
        }
        if self.write_deadline().is_some_and(|deadline| deadline <= now) {
            self.model.may_report(TRANSPORT_FAILURE);
            if self.closing_since.is_none() {
                self.model.has_to_end(now, "the router read nothing", false);
            }
            if self.closing_since.is_some() {
                self.is_aborted = true;
                return true;
            }
            self.session.stalled(now);
            if let Some(writing) = &mut self.writing {
                writing.progress = now;
            }
            progress = true;
        }
        if self.session.deadline().is_some_and(|deadline| deadline <= now) {
            self.session.tick(now);
            progress |= self.session.is_closing();
        }
        progress
    }

    /// Returns the address of the octets that are being written, unless they are the last ones: these have their time.
    pub(crate) fn reads(&self) -> Option<*const ()> {
        self.writing
            .as_ref()
            .filter(|_| !self.session.is_closing())
            .map(|writing| std::ptr::from_ref(writing.chunk.source().0).cast())
    }

    /// Returns when something is to be done next.
    pub(crate) fn next_event(&self, now: Moment) -> Option<Moment> {
        if self.is_closed || self.is_aborted {
            return None;
        }
        let arrival = self.up.next_arrival().filter(|_| self.session.wants_input());
        let times = [arrival, self.session.deadline(), self.write_deadline(), self.displaced];
        times.into_iter().flatten().filter(|at| *at > now).min()
    }

    /// Returns whether it has been closed or given up.
    pub(crate) fn is_over(&self) -> bool {
        self.is_closed || self.is_aborted
    }

    /// Returns whether nothing is being written, and no answer is owed.
    pub(crate) fn is_quiet(&self) -> bool {
        self.writing.is_none() && self.model.is_idle()
    }
}

/// The address of a router.
pub(crate) fn address_of(number: u8) -> IpAddr {
    Ipv4Addr::new(192, 0, 2, number).into()
}
