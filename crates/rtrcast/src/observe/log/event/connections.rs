//! Events of connections and of routers' sessions.

use super::events;
use super::field::EventRouter;
use rtrcast_proto::{ErrorCode, Profile, Serial};
use std::fmt;

events! {
    /// An event of a connection.
    pub(crate) enum ConnectionEvent<'a> {
        /// A connection was ended before RTR began; `reason` is that of `rtrcast_refused_connections_total`
        Warn "connection_refused" Refused { router: EventRouter<'a>, reason: &'a str, error: &'a dyn fmt::Display }
        /// Whoever connected ended the connection before anything was sent, as monitors do
        Debug "connection_probed" Probed { router: EventRouter<'a>, reason: &'a dyn fmt::Display }
        /// A connection ended before anything was asked on it that is served
        Debug "connection_ended" Ended { router: EventRouter<'a>, reason: &'a str }
        /// As many routers are connected as may be; further ones wait
        Warn "connections_full" Full { limit: &'a str }
        /// Further routers may connect again
        Debug "connections_available" Available {}
        /// A connection could not be accepted; it is tried again
        Warn "accept_failed" AcceptFailed { listener: &'a dyn fmt::Display, error: &'a dyn fmt::Display }
        /// A router connected; its handshake is complete
        Debug "router_connected" Connected { router: EventRouter<'a> }
        /// A router's first query settled the protocol version
        Info "router_negotiated" Negotiated { router: EventRouter<'a>, profile: Profile }
        /// A PDU came from a router
        Trace "router_pdu_received" PduReceived { router: EventRouter<'a>, pdu: &'a dyn fmt::Display }
        /// A router is sent a response: `full`, `delta` or `cache_reset`
        Debug "router_answered" Answered { router: EventRouter<'a>, response: &'a str, serial: Serial }
        /// A router is sent Serial Notify
        Debug "router_notified" Notified { router: EventRouter<'a>, serial: Serial }
        /// A router asked in a version that is not served, and is sent an Error Report in the highest one that is
        Info "router_version_unsupported" VersionUnsupported {
            router: EventRouter<'a>, asked: u8, served: &'a dyn fmt::Display, code: ErrorCode,
        }
        /// A router broke the protocol, and is sent an Error Report
        Warn "error_report_sent" ReportSent { router: EventRouter<'a>, code: ErrorCode, reason: &'a dyn fmt::Display }
        /// A router that broke no rule is sent an Error Report: there are no data, or the cache stops
        Debug "error_report_sent_without_violation" ReportSentWithoutViolation {
            router: EventRouter<'a>, code: ErrorCode,
        }
        /// An Error Report came from a router; `code` is missing if it is malformed
        Warn "error_report_received" ReportReceived {
            router: EventRouter<'a>, code: Option<u16>, text: &'a str, report: &'a dyn fmt::Display,
        }
        /// The cache ends the connection of a router that reads too slowly, or cannot be served
        Warn "router_cut_off" CutOff { router: EventRouter<'a>, reason: &'a dyn fmt::Display }
        /// The cache ends the connection of a router in order
        Debug "router_closing" Closing { router: EventRouter<'a>, reason: &'a dyn fmt::Display }
        /// The connection of a router ended
        Info "router_ended" RouterEnded { router: EventRouter<'a>, reason: &'a str }
    }
}

impl fmt::Display for ConnectionEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConnectionEvent::Refused { router, reason: _, error } => {
                write!(f, "connection {router} to {} is refused: {error}", router.listener())
            }
            ConnectionEvent::Probed { router, reason } => {
                write!(f, "connection {router} to {}: {reason}", router.listener())
            }
            ConnectionEvent::Ended { router, reason } => {
                write!(f, "connection {router} ended {reason} before it asked anything that is served")
            }
            ConnectionEvent::Full { limit } => write!(
                f,
                "as many routers are connected as may be: {limit}, or --connections-memory; further ones wait until one ends"
            ),
            ConnectionEvent::Available {} => f.write_str("further routers may connect again"),
            ConnectionEvent::AcceptFailed { listener, error } => {
                write!(f, "{listener}: can't accept a connection, trying again: {error}")
            }
            ConnectionEvent::Connected { router } => write!(f, "router {router} connected to {}", router.peer.local),
            ConnectionEvent::Negotiated { router, profile } => write!(f, "router {router} speaks {profile}"),
            ConnectionEvent::PduReceived { router, pdu } => write!(f, "router {router} sent {pdu}"),
            ConnectionEvent::Answered { router, response, serial } => match *response {
                "cache_reset" => write!(f, "router {router} is sent a Cache Reset at serial {serial}"),
                response => write!(f, "router {router} is sent a {response} response, serial {serial}"),
            },
            ConnectionEvent::Notified { router, serial } => write!(f, "router {router} is notified of serial {serial}"),
            ConnectionEvent::VersionUnsupported { router, asked, served, code } => write!(
                f,
                "router {router} asks in version {asked}, and is told to ask in version {served}: error {code}"
            ),
            ConnectionEvent::ReportSent { router, code, reason } => {
                write!(f, "router {router} gets error {code}: {reason}")
            }
            ConnectionEvent::ReportSentWithoutViolation { router, code } => {
                write!(f, "router {router} gets error {code}")
            }
            ConnectionEvent::ReportReceived { router, code: _, text: _, report } => {
                write!(f, "router {router} {report}")
            }
            ConnectionEvent::CutOff { router, reason } => write!(f, "router {router} is cut off: {reason}"),
            ConnectionEvent::Closing { router, reason } => write!(f, "router {router} is closed: {reason}"),
            ConnectionEvent::RouterEnded { router, reason } => write!(f, "router {router} ended {reason}"),
        }
    }
}
