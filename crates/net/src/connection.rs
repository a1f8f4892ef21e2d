//! A router's connection: its peer, its statistics, and a handle to close it.
//!
//! Each connection has a lock of its own, which its task holds for some instructions at a time: reading the statistics
//! of one router delays no other.

use crate::peer::Peer;
use atomic_waker::AtomicWaker;
use rtrcast_proto::{Answer, CloseReason, Moment, PduType, Profile, Serial, ServerEvent, ServerSession, SessionId};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Context;

/// A connection after its handshake.
#[derive(Debug)]
pub struct Connection {
    peer: Peer,
    since: Moment,
    stats: Mutex<ConnectionStats>,
    close_requested: AtomicBool,
    task: AtomicWaker,
}

/// Statistics of a connection so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectionStats {
    /// The profile that the session negotiated: none before a query of a version that is served.
    pub profile: Option<Profile>,
    /// The session id and serial that the router was sent by its last End of Data.
    pub synchronised: Option<(SessionId, Serial)>,
    /// The router's last query, and when it came.
    pub last_query: Option<(QueryKind, Moment)>,
    /// True while a query waits for its answer, or the answer is being sent.
    pub is_answering: bool,
    /// The serial of the last Serial Notify, and when it was sent.
    pub last_notify: Option<(Serial, Moment)>,
    /// Complete answers by kind.
    pub answers: Answers,
    /// Octets of RTR, without what TLS or SSH add.
    pub octets: Traffic,
    /// While octets wait to be written: the moment at which the connection last took some of them, or at which they began
    /// to wait.
    pub write_progress: Option<Moment>,
    /// PDUs. Those sent are counted when all of the chunk has been written that they are a part of.
    pub pdus: Traffic,
    /// Error Reports that were sent, by code.
    pub reports_sent: ReportCounts,
    /// Error Reports that were received, by code; those with an unreadable code are not in it.
    pub reports_received: ReportCounts,
    /// The reason for which the session ends, once it does.
    pub closing: Option<CloseReason>,
}

/// A kind of query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryKind {
    /// Reset Query: everything.
    Reset,
    /// Serial Query: the changes since a serial.
    Serial,
}

/// Answers to queries by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// Responses with the whole set.
    pub full: u64,
    /// Responses with the changes since a serial, perhaps none.
    pub delta: u64,
    /// Cache Resets.
    pub cache_reset: u64,
}

/// Something counted in both directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// From the router.
    pub received: u64,
    /// To the router.
    pub sent: u64,
}

/// Error Reports by code. Most connections have none, and no memory for them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::box_collection, reason = "a third of the octets of an empty map, in each of 10,000 connections")]
pub struct ReportCounts(Option<Box<BTreeMap<u16, u64>>>);

/// Codes of one connection that are counted by themselves: a router may write any.
const CODES_MAX: usize = 32;

impl ReportCounts {
    /// Returns codes with their counts, in order.
    pub fn iter(&self) -> impl Iterator<Item = (u16, u64)> {
        self.0.iter().flat_map(|counts| counts.iter()).map(|(code, count)| (*code, *count))
    }

    pub(crate) fn of(counts: Vec<(u16, u64)>) -> ReportCounts {
        ReportCounts((!counts.is_empty()).then(|| Box::new(counts.into_iter().collect())))
    }

    fn add(&mut self, code: u16) {
        let counts = self.0.get_or_insert_default();
        if counts.len() < CODES_MAX || counts.contains_key(&code) {
            *counts.entry(code).or_default() += 1;
        }
    }
}

impl Connection {
    pub(crate) fn new(peer: Peer, since: Moment) -> Connection {
        Connection {
            peer,
            since,
            stats: Mutex::default(),
            close_requested: AtomicBool::new(false),
            task: AtomicWaker::new(),
        }
    }

    /// A connection with what happened on it in another program.
    pub(crate) fn handed_over(peer: Peer, since: Moment, stats: ConnectionStats) -> Connection {
        Connection { stats: Mutex::new(stats), ..Connection::new(peer, since) }
    }

    #[cfg(test)]
    pub(crate) fn of_nobody() -> std::sync::Arc<Connection> {
        use crate::peer::Endpoint;
        use crate::transport::Transport;
        let (remote, local) = (Endpoint::unnamed(), Endpoint::unnamed());
        Connection::new(Peer { id: 1, remote, local, transport: Transport::Tcp, name: None }, Moment(0)).into()
    }

    /// The other end.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Returns the start of the session, by the service's clock.
    pub fn since(&self) -> Moment {
        self.since
    }

    /// Returns the statistics so far.
    pub fn stats(&self) -> ConnectionStats {
        self.lock().clone()
    }

    /// Has the connection closed in order: behind the response that is running, and without an Error Report. The router may
    /// connect again.
    pub fn close(&self) {
        self.close_requested.store(true, Ordering::Release);
        self.task.wake();
    }

    /// True once after [`close`](Connection::close); else the task is woken by it.
    pub(crate) fn poll_close(&self, context: &Context<'_>) -> bool {
        self.task.register(context.waker());
        self.close_requested.load(Ordering::Relaxed) && self.close_requested.swap(false, Ordering::Acquire)
    }

    fn lock(&self) -> MutexGuard<'_, ConnectionStats> {
        self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn octets_received(&self, octets: usize) {
        self.lock().octets.received += octets as u64;
    }

    /// Octets were written, and so many PDUs are complete with them: none, if the chunk is not written completely yet.
    pub(crate) fn octets_sent(&self, octets: usize, pdus: Option<u32>) {
        let mut stats = self.lock();
        stats.octets.sent += octets as u64;
        stats.pdus.sent += u64::from(pdus.unwrap_or(0));
        if pdus.is_some() {
            stats.write_progress = None;
        }
    }

    /// Records that octets wait to be written, and the moment of the last progress.
    pub(crate) fn write_waits(&self, progress: Moment) {
        self.lock().write_progress = Some(progress);
    }

    /// Records the reason, if the session will end after the current response.
    pub(crate) fn update_end(&self, session: &ServerSession) {
        if let Some(reason) = session.ends_after_response() {
            self.lock().closing = Some(reason);
        }
    }

    /// Updates the statistics by an event of the session.
    pub(crate) fn count(&self, event: &ServerEvent, now: Moment, session: &ServerSession) {
        let mut stats = self.lock();
        stats.is_answering = session.is_answering();
        match event {
            ServerEvent::Received(pdu_type) => {
                stats.pdus.received += 1;
                let query = match pdu_type {
                    PduType::ResetQuery => QueryKind::Reset,
                    PduType::SerialQuery => QueryKind::Serial,
                    _ => return,
                };
                stats.last_query = Some((query, now));
            }
            ServerEvent::Negotiated(profile) => stats.profile = Some(*profile),
            ServerEvent::Answered { answer, .. } => {
                stats.synchronised = session.synchronised();
                match answer {
                    Answer::Full => stats.answers.full += 1,
                    Answer::Delta => stats.answers.delta += 1,
                    Answer::CacheReset => stats.answers.cache_reset += 1,
                }
            }
            ServerEvent::Notified(serial) => stats.last_notify = Some((*serial, now)),
            ServerEvent::Reported { code, .. } => {
                stats.reports_sent.add(code.number());
            }
            ServerEvent::PeerReported(report) => {
                if let Some(code) = report.code {
                    stats.reports_received.add(code);
                }
            }
            ServerEvent::Closing(reason) => {
                stats.closing = Some(*reason);
            }
        }
    }
}
