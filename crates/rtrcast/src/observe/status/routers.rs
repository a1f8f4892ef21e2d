//! Routers as JSON: who is connected, what each has, and what has passed.

use super::{RouterCounts, Timestamp};
use crate::clock::DayTime;
use crate::config::scheme::Scheme;
use crate::observe::routers::{ConnectedRouter, Routers};
use rtrcast_net::{ConnectionStats, QueryKind, ReportCounts};
use rtrcast_proto::{Moment, Section, View};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// All routers.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct RouterList {
    pub(crate) schema: u32,
    pub(crate) time: Timestamp,
    /// The serial that is served.
    pub(crate) serial: Option<u32>,
    /// Connections, in the order in which they came.
    pub(crate) routers: Vec<RouterStatus>,
    /// Routers with a name that are not connected.
    pub(crate) absent: Vec<AbsentRouter>,
}

/// A router's connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct RouterStatus {
    /// The number of the connection.
    pub(crate) id: u64,
    /// The router's name over all its connections: that by `--peer`, else its certificate's name or its SSH user,
    /// else its address.
    pub(crate) router: String,
    /// Address and port; none at a Unix socket.
    pub(crate) address: Option<String>,
    pub(crate) listener: String,
    pub(crate) transport: String,
    /// Whom its certificate or its SSH login names.
    pub(crate) authenticated_as: Option<String>,
    pub(crate) protocol_version: Option<u8>,
    /// True if it is sent router keys and ASPAs.
    pub(crate) router_keys: bool,
    pub(crate) aspas: bool,
    pub(crate) state: SyncState,
    /// Session id and serial of the data that it was sent last.
    pub(crate) session_id: Option<u16>,
    pub(crate) serial: Option<u32>,
    /// Serials from that to what is served; 0 if nothing of these changes is for this router.
    pub(crate) serials_behind: Option<u32>,
    pub(crate) connected: Timestamp,
    pub(crate) last_query: Option<LastQuery>,
    pub(crate) last_notify: Option<LastNotify>,
    /// While octets wait to be written: the time at which the connection last took some, or at which they began to wait.
    pub(crate) write_progress: Option<Timestamp>,
    pub(crate) responses: Responses,
    pub(crate) pdus: Directions,
    pub(crate) octets: Directions,
    pub(crate) error_reports: ErrorReports,
    /// Why the session ends, if it does.
    pub(crate) closing: Option<String>,
}

/// The state of a router's data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SyncState {
    /// It has all that is served.
    Current,
    /// There are newer data that it has not asked for.
    Behind,
    /// It is being sent a response, or waits for one.
    Answering,
    /// It is being sent a response, and the connection has taken nothing for [`STALLED_MIN`].
    Stalled,
    /// It has asked, and has no data of this connection.
    NoData,
    /// It has asked nothing yet.
    Silent,
    /// Its session ends.
    Closing,
    /// A state of a newer version of the program.
    #[default]
    #[serde(other)]
    Unknown,
}

/// Time without progress of a response after which a router is shown as stalled.
pub(super) const STALLED_MIN: Duration = Duration::from_secs(10);

/// A query.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct LastQuery {
    #[serde(rename = "type")]
    pub(crate) query: QueryType,
    pub(crate) time: Timestamp,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum QueryType {
    ResetQuery,
    SerialQuery,
    /// A type of a newer version of the program.
    #[default]
    #[serde(other)]
    Unknown,
}

/// A Serial Notify.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct LastNotify {
    pub(crate) serial: u32,
    pub(crate) time: Timestamp,
}

/// Complete answers by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Responses {
    pub(crate) full: u64,
    pub(crate) delta: u64,
    pub(crate) cache_reset: u64,
}

/// From the router and to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Directions {
    pub(crate) received: u64,
    pub(crate) sent: u64,
}

/// Error Reports by code.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ErrorReports {
    pub(crate) received: BTreeMap<u16, u64>,
    pub(crate) sent: BTreeMap<u16, u64>,
}

/// A router with a name that is not connected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct AbsentRouter {
    pub(crate) router: String,
    pub(crate) address: String,
    /// Time when its last connection ended, or when its name was configured.
    pub(crate) since: Timestamp,
}

impl RouterStatus {
    /// A connected router, where this is served.
    pub(crate) fn new(connected: &ConnectedRouter, view: &View, clock: &DayTime) -> RouterStatus {
        let connection = &connected.connection;
        let (peer, stats) = (connection.peer(), connection.stats());
        let serials_behind = serials_behind(&stats, view);
        let scheme = Scheme::at(peer.transport, &peer.local);
        let has = |section| stats.profile.is_some_and(|profile| profile.has(section));
        RouterStatus {
            id: peer.id,
            router: connected.name.to_string(),
            address: peer.remote.address().map(|address| address.to_string()),
            listener: format!("{scheme}://{}", peer.local),
            transport: scheme.to_string(),
            authenticated_as: peer.name.as_ref().map(ToString::to_string),
            protocol_version: stats.profile.map(|profile| profile.version().octet()),
            router_keys: has(Section::RouterKey),
            aspas: has(Section::Aspa),
            state: state(&stats, serials_behind, clock.now()),
            session_id: stats.synchronised.map(|(session, _)| session.0),
            serial: stats.synchronised.map(|(_, serial)| serial.0),
            serials_behind,
            connected: Timestamp(clock.time(connection.since())),
            last_query: stats.last_query.map(|(query, at)| LastQuery {
                query: match query {
                    QueryKind::Reset => QueryType::ResetQuery,
                    QueryKind::Serial => QueryType::SerialQuery,
                },
                time: Timestamp(clock.time(at)),
            }),
            last_notify: stats
                .last_notify
                .map(|(serial, at)| LastNotify { serial: serial.0, time: Timestamp(clock.time(at)) }),
            write_progress: stats.write_progress.map(|since| Timestamp(clock.time(since))),
            responses: Responses {
                full: stats.answers.full,
                delta: stats.answers.delta,
                cache_reset: stats.answers.cache_reset,
            },
            pdus: Directions { received: stats.pdus.received, sent: stats.pdus.sent },
            octets: Directions { received: stats.octets.received, sent: stats.octets.sent },
            error_reports: ErrorReports {
                received: counts(&stats.reports_received),
                sent: counts(&stats.reports_sent),
            },
            closing: stats.closing.map(|reason| reason.to_string()),
        }
    }
}

fn counts(reports: &ReportCounts) -> BTreeMap<u16, u64> {
    reports.iter().collect()
}

fn serials_behind(stats: &ConnectionStats, view: &View) -> Option<u32> {
    let ((_, has), profile, current) = (stats.synchronised?, stats.profile?, view.serial()?);
    Some(if view.has_news(profile, has) { current.0.wrapping_sub(has.0) } else { 0 })
}

fn state(stats: &ConnectionStats, serials_behind: Option<u32>, now: Moment) -> SyncState {
    let is_stalled = stats.write_progress.is_some_and(|progress| progress.after(STALLED_MIN) <= now);
    match (stats.closing, stats.profile, stats.is_answering, serials_behind) {
        (Some(_), ..) => SyncState::Closing,
        (None, None, ..) => SyncState::Silent,
        (None, Some(_), true, _) if is_stalled => SyncState::Stalled,
        (None, Some(_), true, _) => SyncState::Answering,
        (None, Some(_), false, None) => SyncState::NoData,
        (None, Some(_), false, Some(0)) => SyncState::Current,
        (None, Some(_), false, Some(_)) => SyncState::Behind,
    }
}

/// Routers in sum, where this is served.
pub(crate) fn sum(routers: &Routers, view: &View) -> RouterCounts {
    let connections = routers.connections();
    let (absent, now) = (routers.absent().len(), routers.day_time().now());
    let mut counts = RouterCounts { connections: connections.len(), absent, ..RouterCounts::default() };
    for connection in connections {
        let stats = connection.stats();
        *counts.by_state.entry(state(&stats, serials_behind(&stats, view), now)).or_default() += 1;
        if let Some(profile) = stats.profile {
            *counts.by_version.entry(profile.version().octet()).or_default() += 1;
        }
    }
    counts
}

/// All routers, where this is served.
pub(crate) fn list(routers: &Routers, view: &View) -> RouterList {
    let clock = routers.day_time();
    let absent = routers.absent();
    RouterList {
        schema: super::SCHEMA,
        time: Timestamp::now(),
        serial: view.serial().map(|serial| serial.0),
        routers: routers.list().iter().map(|connected| RouterStatus::new(connected, view, clock)).collect(),
        absent: absent
            .iter()
            .map(|absent| AbsentRouter {
                router: absent.name.to_string(),
                address: absent.address.to_string(),
                since: Timestamp(clock.time(absent.since)),
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rtrcast_proto::{Profile, Version};

    #[test]
    fn a_response_that_makes_no_progress_is_stalled() {
        let mut stats = ConnectionStats {
            profile: Some(Profile::full(Version::V2)),
            is_answering: true,
            write_progress: Some(Moment(5_000)),
            ..ConnectionStats::default()
        };
        assert_eq!(state(&stats, None, Moment(14_999)), SyncState::Answering);
        assert_eq!(state(&stats, None, Moment(15_000)), SyncState::Stalled);
        stats.write_progress = None;
        assert_eq!(state(&stats, None, Moment(15_000)), SyncState::Answering);
    }
}
