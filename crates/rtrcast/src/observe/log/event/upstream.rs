//! Events of other caches that are sources, followed over RTR.

use super::events;
use crate::observe::describe::name_customers;
use rtrcast_proto::{Asn, ErrorCode, Serial, SessionId, Timing, Version};
use std::fmt;

events! {
    /// An event of the connection to another cache.
    pub(crate) enum UpstreamEvent<'a> {
        /// The cache is asked: for everything or, with `serial`, for what has changed since then
        Debug "upstream_asked" Asked {
            source: &'a str, protocol_version: Version, session: Option<SessionId>, serial: Option<Serial>,
        }
        /// The cache does not serve the version, and is asked in a lower one
        Info "upstream_version_lowered" VersionLowered { source: &'a str, protocol_version: Version }
        /// The cache answered, and the protocol version is settled
        Info "upstream_negotiated" Negotiated { source: &'a str, protocol_version: Version }
        /// Serial Notify came from the cache
        Debug "upstream_notified" Notified { source: &'a str, serial: Serial }
        /// A response of the cache is complete; `full` is true if it has everything
        Debug "upstream_updated" Updated {
            source: &'a str, session: SessionId, serial: Serial, changed: bool, full: bool,
        }
        /// The cache sent Cache Reset, and is asked for everything
        Debug "upstream_cache_reset" CacheReset { source: &'a str }
        /// Timers of the cache are out of range, and others are used
        Warn "upstream_timers_adjusted" TimersAdjusted {
            source: &'a str, refresh: u32, retry: u32, expire: u32, used: Timing,
        }
        /// The cache sent an Error Report
        Debug "upstream_error_report_received" ReportReceived {
            source: &'a str, code: Option<u16>, text: &'a str, report: &'a dyn fmt::Display,
        }
        /// The cache broke the protocol, and was sent an Error Report
        Warn "upstream_error_report_sent" ReportSent {
            source: &'a str, code: ErrorCode, reason: Option<&'a dyn fmt::Display>,
        }
        /// ASPAs of the cache have more providers than a router could use, and were left out
        Warn "upstream_aspas_refused" AspasRefused { source: &'a str, customers: &'a [Asn] }
        /// The data of the session are void; they stay served until they expire
        Debug "upstream_data_void" DataVoid { source: &'a str, reason: &'a dyn fmt::Display }
        /// The connection ended, and another one follows at once
        Debug "upstream_reconnecting" Reconnecting { source: &'a str, reason: &'a dyn fmt::Display }
    }
}

impl fmt::Display for UpstreamEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UpstreamEvent::Asked { source, protocol_version, session, serial } => {
                write!(f, "{source}: asking in version {protocol_version}")?;
                match session.zip(*serial) {
                    Some((session, serial)) => write!(f, " from session {session} serial {serial} on"),
                    None => f.write_str(" for everything"),
                }
            }
            UpstreamEvent::VersionLowered { source, protocol_version } => {
                write!(f, "{source}: the cache is asked in version {protocol_version} now")
            }
            UpstreamEvent::Negotiated { source, protocol_version } => {
                write!(f, "{source}: the cache speaks version {protocol_version}")
            }
            UpstreamEvent::Notified { source, serial } => write!(f, "{source}: the cache has serial {serial}"),
            UpstreamEvent::Updated { source, session, serial, changed, full } => {
                let changed = if *changed { "changed" } else { "unchanged" };
                let since = if *full { "as a whole" } else { "since the last one" };
                write!(f, "{source}: session {session} serial {serial}, {changed} {since}")
            }
            UpstreamEvent::CacheReset { source } => {
                write!(f, "{source}: the cache can't go on from there, and sends everything")
            }
            UpstreamEvent::TimersAdjusted { source, refresh, retry, expire, used } => {
                write!(
                    f,
                    "{source}: refresh {refresh} s, retry {retry} s and expire {expire} s break the rules; used are \
                     {}, {} and {}",
                    used.refresh(),
                    used.retry(),
                    used.expire()
                )
            }
            UpstreamEvent::ReportReceived { source, code: _, text: _, report } => {
                write!(f, "{source}: the cache {report}")
            }
            UpstreamEvent::ReportSent { source, code, reason } => {
                write!(f, "{source}: error {code} reported to the cache")?;
                reason.map_or(Ok(()), |reason| write!(f, ": {reason}"))
            }
            UpstreamEvent::AspasRefused { source, customers } => {
                write!(f, "{source}: left out, no ASPAs that a router could use: {}", name_customers(customers.iter()))
            }
            UpstreamEvent::DataVoid { source, reason } => write!(f, "{source}: the session's data are void: {reason}"),
            UpstreamEvent::Reconnecting { source, reason } => write!(f, "{source}: {reason}; connecting again"),
        }
    }
}
