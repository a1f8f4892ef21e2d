//! Connections and sessions as log lines and counters, and their rows in the table of routers: the only place where one
//! becomes the other.

use crate::config::scheme::Scheme;
use crate::observe::describe::plain;
use crate::observe::log::{Throttle, Verdict};
use crate::observe::metrics::{CodeLabel, Metrics, PlainCounter, ReasonLabel, TypeLabel};
use crate::observe::routers::Routers;
use prometheus_client::metrics::counter::Counter;
use rtrcast_net::{AcceptEvent, Connection, End, Observer, Peer, RefusalReason, Transport};
use rtrcast_proto::{Answer, CloseReason, ErrorCode, PduType, Profile, ServerEvent, Violation};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tracing::{debug, info, trace, warn};

/// Lines a second about connections that are refused for one reason at one layer.
const REFUSALS_MAX: u32 = 10;

/// Other protocols begin with octets that are no versions of RTR, and will not be soon: TLS with 22, HTTP and SSH with
/// letters.
const FIRST_OCTET_OF_OTHERS: u8 = 16;

/// Logs and counts what happens on connections.
pub(crate) struct SessionObserver {
    metrics: Arc<Metrics>,
    routers: Arc<Routers>,
    throttle: Throttle,
    /// For routers that are told to ask in a lower version, which some do at each connection.
    steps_down: Throttle,
    /// For what does not get better by being said often.
    rarely: Throttle,
    /// How many routers there may be, and what sets the limit.
    limit: Mutex<String>,
    /// For what keeps connections out, by reason and layer: a scan of one port hides nothing of another.
    refusals: Mutex<BTreeMap<(&'static str, Transport), Arc<Throttle>>>,
    /// What a router that is up to date has counted, again and again.
    serial_queries: OnceLock<PlainCounter>,
    deltas: OnceLock<Counter>,
}

impl SessionObserver {
    /// `limit` says how many routers there may be, and what raises that.
    pub(crate) fn new(metrics: Arc<Metrics>, routers: Arc<Routers>, limit: String) -> SessionObserver {
        let now = Instant::now();
        SessionObserver {
            metrics,
            routers,
            throttle: Throttle::new(10, Duration::from_secs(1), now),
            steps_down: Throttle::new(10, Duration::from_secs(1), now),
            rarely: Throttle::new(1, Duration::from_secs(60), now),
            limit: Mutex::new(limit),
            refusals: Mutex::default(),
            serial_queries: OnceLock::new(),
            deltas: OnceLock::new(),
        }
    }

    /// Takes over another limit, in the words of [`SessionObserver::new`].
    pub(crate) fn set_limit(&self, limit: String) {
        *self.limit.lock().unwrap_or_else(PoisonError::into_inner) = limit;
    }

    /// Logs what a peer did unless there is too much of it.
    fn warn(&self, line: impl FnOnce() -> String) {
        SessionObserver::warn_by(&self.throttle, line);
    }

    fn warn_by(throttle: &Throttle, line: impl FnOnce() -> String) {
        if let Some(line) = SessionObserver::admitted(throttle, line) {
            warn!("{line}");
        }
    }

    /// The line if it may be logged, with how many before it were not.
    fn admitted(throttle: &Throttle, line: impl FnOnce() -> String) -> Option<String> {
        match throttle.admit(Instant::now()) {
            Verdict::Log { left_out: 0 } => Some(line()),
            Verdict::Log { left_out } => Some(format!("{} ({left_out} lines like this were left out)", line())),
            Verdict::LeaveOut => None,
        }
    }

    /// An Error Report was sent.
    fn reported(&self, peer: &Peer, code: ErrorCode, violation: Option<Violation>) {
        self.metrics.reports_sent.get_or_create(&CodeLabel { code: code.number().to_string() }).inc();
        match violation {
            // That is how a router finds the version (8210bis section 7): nothing is wrong with it.
            Some(Violation::VersionAbove { asked, served }) if asked < FIRST_OCTET_OF_OTHERS => {
                let line = || {
                    format!(
                        "router {peer} asks in version {asked}, and is told to ask in version {served}: error {code}"
                    )
                };
                if let Some(line) = SessionObserver::admitted(&self.steps_down, line) {
                    info!("{line}");
                }
            }
            Some(violation) => self.warn(|| format!("router {peer} gets error {code}: {violation}")),
            None => debug!("router {peer} gets error {code}"),
        }
    }

    /// A counter is shown from its first count on. To look one up takes longer than to count, so those of a router that is
    /// up to date are kept, here and in [`count_answer`](SessionObserver::count_answer).
    fn count_received(&self, pdu_type: PduType) {
        let counter = || self.metrics.pdus.get_or_create(&TypeLabel { r#type: label(pdu_type) }).clone();
        match pdu_type {
            PduType::SerialQuery => self.serial_queries.get_or_init(counter).inc(),
            _ => counter().inc(),
        }
    }

    fn count_answer(&self, answer: Answer, kind: &'static str) {
        let counter = || self.metrics.responses.get_or_create(&TypeLabel { r#type: kind }).clone();
        match answer {
            Answer::Delta => self.deltas.get_or_init(counter).inc(),
            Answer::Full | Answer::CacheReset => counter().inc(),
        };
    }

    fn negotiated(&self, peer: &Peer, profile: Profile) {
        self.routers.negotiated(profile);
        info!("router {peer} speaks {profile}");
    }
}

impl Observer for SessionObserver {
    fn refused(&self, peer: &Peer, why: &RefusalReason) {
        let scheme = Scheme::at(peer.transport, &peer.local);
        let reason = match why {
            // Nothing was refused. On plain TCP it is not counted either.
            RefusalReason::Probed => return debug!("connection {peer} to {scheme}://{}: {why}", peer.local),
            RefusalReason::NotAdmitted => "not_admitted",
            RefusalReason::PerAddress { .. } => "per_address",
            RefusalReason::Proxy(_) => "proxy",
            RefusalReason::Handshake(_) => "handshake",
            RefusalReason::TooSlow => "too_slow",
            RefusalReason::Displaced => "displaced",
        };
        self.metrics.refused.get_or_create(&ReasonLabel { reason }).inc();
        let throttle = {
            let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
            let new = || Arc::new(Throttle::new(REFUSALS_MAX, Duration::from_secs(1), Instant::now()));
            Arc::clone(refusals.entry((reason, peer.transport)).or_insert_with(new))
        };
        SessionObserver::warn_by(&throttle, || {
            format!("connection {peer} to {scheme}://{} is refused: {why}", peer.local)
        });
    }

    fn connected(&self, connection: &Arc<Connection>) {
        self.routers.connected(connection);
        let peer = connection.peer();
        debug!("router {peer} connected to {}", peer.local);
    }

    fn event(&self, connection: &Connection, event: &ServerEvent) {
        let peer = connection.peer();
        match event {
            ServerEvent::Received(pdu_type) => {
                trace!("router {peer} sent {pdu_type}");
                self.count_received(*pdu_type);
            }
            ServerEvent::Negotiated(profile) => self.negotiated(peer, *profile),
            ServerEvent::Answered { answer, serial } => {
                let kind = match answer {
                    Answer::Full => "full",
                    Answer::Delta => "delta",
                    Answer::CacheReset => "cache_reset",
                };
                self.count_answer(*answer, kind);
                debug!("router {peer} is sent {kind} of serial {serial}");
            }
            ServerEvent::Notified(serial) => {
                self.metrics.notifies.inc();
                debug!("router {peer} is notified of serial {serial}");
            }
            ServerEvent::Reported { code, violation } => self.reported(peer, *code, *violation),
            ServerEvent::PeerReported(report) => {
                if let Some(code) = report.code {
                    // A router may write any code: those that nobody knows share a counter.
                    let known = ErrorCode::from_number(code).map(|code| code.number().to_string());
                    let label = CodeLabel { code: known.unwrap_or("other".to_owned()) };
                    self.metrics.reports_received.get_or_create(&label).inc();
                }
                self.warn(|| format!("router {peer} {report}"));
            }
            ServerEvent::Closing(
                reason @ (CloseReason::Stalled
                | CloseReason::Overtaken
                | CloseReason::Internal
                | CloseReason::TooManyVersions),
            ) => {
                self.warn(|| format!("router {peer} is cut off: {reason}"));
            }
            ServerEvent::Closing(reason) => debug!("router {peer} is closed: {reason}"),
        }
    }

    fn ended(&self, connection: &Connection, end: &End) {
        let (peer, profile) = (connection.peer(), self.routers.ended(connection));
        let how = match end {
            End::Ordered { peer_ended: true } => "in order".to_owned(),
            End::Ordered { peer_ended: false } => "in order, though the router did not end its side".to_owned(),
            End::Aborted => "by a reset, since the router took nothing any more".to_owned(),
            End::Lost(error) | End::Probed(error) => format!("by a broken connection: {}", plain(error)),
        };
        if let End::Aborted | End::Lost(_) = end {
            self.metrics.unclean_ends.inc();
        }
        match profile {
            Some(_) => info!("router {peer} ended {how}"),
            // Load balancers and monitors connect and go without a word.
            None => debug!("connection {peer} ended {how} before it asked anything that is served"),
        }
    }

    fn accept_event(&self, event: &AcceptEvent) {
        match event {
            AcceptEvent::Paused => SessionObserver::warn_by(&self.rarely, || {
                format!(
                    "as many routers are connected as may be: {}, or --connections-memory; further ones wait until one ends",
                    self.limit.lock().unwrap_or_else(PoisonError::into_inner)
                )
            }),
            AcceptEvent::Resumed => debug!("there is room for routers again"),
            AcceptEvent::Failed(local, error) => {
                self.metrics.accept_failures.inc();
                SessionObserver::warn_by(&self.rarely, || {
                    format!("{local}: can't accept a connection, trying again: {error}")
                });
            }
        }
    }
}

/// The name that StayRTR's metric gives a PDU type.
fn label(pdu_type: PduType) -> &'static str {
    match pdu_type {
        PduType::SerialNotify => "serial_notify",
        PduType::SerialQuery => "serial_query",
        PduType::ResetQuery => "reset_query",
        PduType::CacheResponse => "cache_response",
        PduType::Ipv4Prefix => "ipv4_prefix",
        PduType::Ipv6Prefix => "ipv6_prefix",
        PduType::EndOfData => "end_of_data",
        PduType::CacheReset => "cache_reset",
        PduType::RouterKey => "router_key",
        PduType::ErrorReport => "error_report",
        PduType::Aspa => "aspa",
    }
}
