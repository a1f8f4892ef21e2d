//! Connections and sessions as log events and counters, and their rows in the table of routers.

use crate::observe::describe::{plain, span};
use crate::observe::log::event::connections::ConnectionEvent;
use crate::observe::log::event::field::EventRouter;
use crate::observe::log::{Log, Throttle};
use crate::observe::metrics::{CodeLabel, Metrics, PlainCounter, ReasonLabel, TypeLabel};
use crate::observe::routers::Routers;
use prometheus_client::metrics::counter::Counter;
use rtrcast_net::{AcceptEvent, Connection, End, Observer, Peer, RefusalReason, Transport};
use rtrcast_proto::{Answer, CloseReason, ErrorCode, PduType, Profile, ServerEvent, Violation};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// Lines a second about connections that are refused for one reason of one transport.
const REFUSALS_MAX: u32 = 10;

/// Other protocols begin with octets that are no versions of RTR, and will not be soon: TLS with 22, HTTP and SSH with
/// letters.
const FIRST_OCTET_OF_OTHERS: u8 = 16;

/// Names the protocol that begins with this octet, where RTR has its version.
fn other_protocol(octet: u8) -> Option<&'static str> {
    match octet {
        0x16 => Some("this is not RTR; it looks like TLS (--listen tls://...)"),
        b'S' => Some("this is not RTR; it looks like SSH (--listen ssh://...)"),
        b'G' | b'H' | b'P' | b'O' => Some("this is not RTR; it looks like HTTP (--http)"),
        _ => None,
    }
}

/// Logs and counts what happens on connections.
pub(crate) struct SessionObserver {
    metrics: Arc<Metrics>,
    routers: Arc<Routers>,
    throttle: Throttle,
    /// Limit on events of routers that have to ask in a lower version, which some do at each connection.
    versions_lowered: Throttle,
    /// Limit on events that last.
    rare: Throttle,
    /// The most routers, and what sets that limit.
    limit: Mutex<String>,
    /// Limits on events of refused connections by reason and transport: a scan of one port hides nothing of another.
    refusals: Mutex<BTreeMap<(&'static str, Transport), Arc<Throttle>>>,
    /// Counters of a router that is up to date.
    serial_queries: OnceLock<PlainCounter>,
    deltas: OnceLock<Counter>,
}

impl SessionObserver {
    /// `limit` is the most routers in English, with what raises it.
    pub(crate) fn new(metrics: Arc<Metrics>, routers: Arc<Routers>, limit: String) -> SessionObserver {
        let now = Instant::now();
        SessionObserver {
            metrics,
            routers,
            throttle: Throttle::new(10, Duration::from_secs(1), now),
            versions_lowered: Throttle::new(10, Duration::from_secs(1), now),
            rare: Throttle::new(1, Duration::from_secs(60), now),
            limit: Mutex::new(limit),
            refusals: Mutex::default(),
            serial_queries: OnceLock::new(),
            deltas: OnceLock::new(),
        }
    }

    /// Takes over another limit, as that of [`SessionObserver::new`].
    pub(crate) fn set_limit(&self, limit: String) {
        *self.limit.lock().unwrap_or_else(PoisonError::into_inner) = limit;
    }

    fn router<'a>(&'a self, peer: &'a Peer) -> EventRouter<'a> {
        EventRouter { peer, routers: &self.routers }
    }

    /// An Error Report was sent.
    fn reported(&self, peer: &Peer, code: ErrorCode, violation: Option<Violation>) {
        self.metrics.reports_sent.get_or_create(&CodeLabel { code: code.number().to_string() }).inc();
        let router = self.router(peer);
        match violation {
            // That is how a router finds the version (8210bis section 7): nothing is wrong with it.
            Some(Violation::VersionAbove { asked, served }) if asked < FIRST_OCTET_OF_OTHERS => {
                ConnectionEvent::VersionUnsupported { router, asked, served: &served, code }
                    .log_limited(&self.versions_lowered);
            }
            Some(violation) => {
                let reason = match violation {
                    Violation::VersionAbove { asked, .. } => other_protocol(asked),
                    _ => None,
                };
                let reason: &dyn fmt::Display = reason.as_ref().map_or(&violation, |reason| reason);
                ConnectionEvent::ReportSent { router, code, reason }.log_limited(&self.throttle);
            }
            None => ConnectionEvent::ReportSentWithoutViolation { router, code }.log(),
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
        ConnectionEvent::Negotiated { router: self.router(peer), profile }.log();
    }
}

impl Observer for SessionObserver {
    fn refused(&self, peer: &Peer, why: &RefusalReason) {
        let router = self.router(peer);
        let reason = match why {
            // Nothing was refused. On plain TCP it is not counted either.
            RefusalReason::Probed => return ConnectionEvent::Probed { router, reason: why }.log(),
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
        ConnectionEvent::Refused { router, reason, error: why }.log_limited(&throttle);
    }

    fn connected(&self, connection: &Arc<Connection>) {
        self.routers.connected(connection);
        ConnectionEvent::Connected { router: self.router(connection.peer()) }.log();
    }

    fn handed_over(&self, connection: &Arc<Connection>) {
        self.routers.connected(connection);
        if let Some(profile) = connection.stats().profile {
            self.routers.negotiated(profile);
        }
    }

    fn event(&self, connection: &Connection, event: &ServerEvent) {
        let peer = connection.peer();
        let router = self.router(peer);
        match event {
            ServerEvent::Received(pdu_type) => {
                ConnectionEvent::PduReceived { router, pdu: pdu_type }.log();
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
                ConnectionEvent::Answered { router, response: kind, serial: *serial }.log();
            }
            ServerEvent::Notified(serial) => {
                self.metrics.notifies.inc();
                ConnectionEvent::Notified { router, serial: *serial }.log();
            }
            ServerEvent::Reported { code, violation } => self.reported(peer, *code, *violation),
            ServerEvent::PeerReported(report) => {
                if let Some(code) = report.code {
                    // A router may write any code: those that nobody knows share a counter.
                    let known = ErrorCode::from_number(code).map(|code| code.number().to_string());
                    let label = CodeLabel { code: known.unwrap_or("other".to_owned()) };
                    self.metrics.reports_received.get_or_create(&label).inc();
                }
                let (code, text) = (report.code, report.text.as_str());
                ConnectionEvent::ReportReceived { router, code, text, report }.log_limited(&self.throttle);
            }
            ServerEvent::Closing(CloseReason::Stalled) => {
                let now = self.routers.day_time().now();
                let time = connection.stats().write_progress.map(|progress| now.0.saturating_sub(progress.0));
                let time = time.map_or(String::new(), |ms| format!(" for {}", span(Duration::from_millis(ms))));
                let reason = format!("the connection has taken nothing{time} (--write-stall)");
                ConnectionEvent::CutOff { router, reason: &reason }.log_limited(&self.throttle);
            }
            ServerEvent::Closing(
                reason @ (CloseReason::Overtaken | CloseReason::Internal | CloseReason::TooManyVersions),
            ) => {
                ConnectionEvent::CutOff { router, reason }.log_limited(&self.throttle);
            }
            ServerEvent::Closing(reason) => ConnectionEvent::Closing { router, reason }.log(),
        }
    }

    fn ended(&self, connection: &Connection, end: &End) {
        let (router, profile) = (self.router(connection.peer()), self.routers.ended(connection));
        let reason = &*match end {
            End::Ordered { peer_ended: true } => "in order".to_owned(),
            End::Ordered { peer_ended: false } => "in order, though the router did not end its side".to_owned(),
            End::Aborted => "by a reset, since the router took nothing any more".to_owned(),
            End::Lost(error) | End::Probed(error) => format!("by a broken connection: {}", plain(error)),
        };
        if let End::Aborted | End::Lost(_) = end {
            self.metrics.unclean_ends.inc();
        }
        match profile {
            Some(_) => ConnectionEvent::RouterEnded { router, reason }.log(),
            // Load balancers and monitors connect and send nothing.
            None => ConnectionEvent::Ended { router, reason }.log(),
        }
    }

    fn accept_event(&self, event: &AcceptEvent) {
        match event {
            AcceptEvent::Paused => {
                let limit = &*self.limit.lock().unwrap_or_else(PoisonError::into_inner);
                ConnectionEvent::Full { limit }.log_limited(&self.rare);
            }
            AcceptEvent::Resumed => ConnectionEvent::Available {}.log(),
            AcceptEvent::Failed(listener, error) => {
                self.metrics.accept_failures.inc();
                ConnectionEvent::AcceptFailed { listener, error: &plain(error) }.log_limited(&self.rare);
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
