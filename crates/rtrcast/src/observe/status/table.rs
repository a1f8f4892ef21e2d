//! Routers as a table that a person reads: `rtrcast ctl routers`.

use super::routers::STALLED_MIN;
use super::{AbsentRouter, RouterList, RouterStatus, SyncState, Timestamp};
use crate::observe::describe::{count, octets, printable, span};
use clap::ValueEnum;
use std::cmp::{Ordering, Reverse};

/// A column to sort by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RouterColumn {
    /// Distance to the data that are served, the largest first
    Lag,
    /// Name
    Router,
    /// Address and port
    Address,
    /// TCP, TLS, SSH or Unix socket
    Transport,
    /// Protocol version, the oldest first
    Version,
    /// State
    State,
    /// Serial, the oldest first
    Serial,
    /// When it connected, the newest first
    Connected,
    /// Its last query, the oldest first
    Query,
    /// Complete responses, the most first
    Responses,
    /// Octets sent, the most first
    Sent,
    /// Octets received, the most first
    Received,
    /// Error Reports in both directions, the most first
    Errors,
}

const HEAD: [&str; 13] = [
    "ROUTER",
    "ADDRESS",
    "VIA",
    "VERSION",
    "STATE",
    "SERIAL",
    "BEHIND",
    "CONNECTED",
    "LAST QUERY",
    "FULL",
    "DELTA",
    "SENT",
    "ERRORS",
];

/// Space between two columns.
const GAP: &str = "  ";

/// Columns of numbers, which are aligned at their ends.
const NUMBERS: [usize; 7] = [3, 5, 6, 9, 10, 11, 12];

/// Columns that a terminal may be too narrow for, the first to be left out first.
const LEFT_OUT_FIRST: [usize; 8] = [10, 9, 7, 2, 11, 12, 5, 6];

/// The table, its most notable rows first. A terminal of `terminal` characters a line gets only as many columns as it is
/// wide enough for.
pub(crate) fn table(mut list: RouterList, by: RouterColumn, terminal: Option<usize>) -> String {
    list.routers.sort_by(|a, b| order(a, b, by).then_with(|| a.router.cmp(&b.router)).then(a.id.cmp(&b.id)));
    let rows: Vec<[String; 13]> = list.routers.iter().map(|router| row(router, list.time)).collect();
    let mut widths = HEAD.map(str::len);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut columns: Vec<usize> = (0..HEAD.len()).collect();
    let width = |columns: &[usize]| columns.iter().map(|column| widths[*column] + GAP.len()).sum::<usize>() - GAP.len();
    let mut left_out = Vec::new();
    for column in LEFT_OUT_FIRST.into_iter().filter(|column| !sort_columns(by).contains(column)) {
        if terminal.is_some_and(|terminal| width(&columns) > terminal) {
            columns.retain(|other| *other != column);
            left_out.push(HEAD[column]);
        }
    }
    let mut text = format!("{}\n", summary(&list));
    if !rows.is_empty() {
        text += &line(&HEAD.map(str::to_owned), &widths, &columns);
        rows.iter().for_each(|row| text += &line(row, &widths, &columns));
        if !left_out.is_empty() {
            text += &format!("(this terminal is too narrow for {}; `| cat` prints all)\n", left_out.join(", "));
        }
    }
    for AbsentRouter { router, address, since } in &list.absent {
        let span = span(since.before(list.time));
        text += &format!("{} ({address}): not connected for {span}\n", printable(router));
    }
    text
}

/// The columns that show what the table is sorted by.
fn sort_columns(by: RouterColumn) -> &'static [usize] {
    match by {
        RouterColumn::Lag => &[6],
        RouterColumn::Router => &[0],
        RouterColumn::Address => &[1],
        RouterColumn::Transport => &[2],
        RouterColumn::Version => &[3],
        RouterColumn::State => &[4],
        RouterColumn::Serial => &[5],
        RouterColumn::Connected => &[7],
        RouterColumn::Query => &[8],
        RouterColumn::Responses => &[9, 10],
        RouterColumn::Sent => &[11],
        // No column has them.
        RouterColumn::Received => &[],
        RouterColumn::Errors => &[12],
    }
}

fn summary(list: &RouterList) -> String {
    let mut text = format!("{} connected", count(list.routers.len(), "router"));
    let of = |state| list.routers.iter().filter(|router| router.state == state).count();
    for (state, name) in STATES {
        match of(state) {
            0 => {}
            number => text += &format!(", {number} {name}"),
        }
    }
    if !list.absent.is_empty() {
        text += &format!(", {} absent", list.absent.len());
    }
    match list.serial {
        Some(serial) => text + &format!("; serial {serial} is served"),
        None => text + "; no data are served",
    }
}

/// States, with how a table names them.
pub(super) const STATES: [(SyncState, &str); 8] = [
    (SyncState::Current, "current"),
    (SyncState::Behind, "behind"),
    (SyncState::Answering, "answering"),
    (SyncState::Stalled, "stalled"),
    (SyncState::NoData, "without data"),
    (SyncState::Silent, "silent"),
    (SyncState::Closing, "closing"),
    (SyncState::Unknown, "unknown"),
];

pub(super) fn name(state: SyncState) -> &'static str {
    STATES.iter().find(|(other, _)| *other == state).map_or("", |(_, name)| name)
}

/// The state; with the time for which nothing was taken, if that is long.
fn state(router: &RouterStatus, now: Timestamp) -> String {
    let stalled = router.write_progress.map(|progress| progress.before(now)).filter(|time| *time >= STALLED_MIN);
    match (router.state, stalled) {
        (SyncState::Stalled, Some(time)) => format!("stalled {}", span(time)),
        (SyncState::Closing, Some(time)) => format!("closing (stalled {})", span(time)),
        (state, _) => name(state).to_owned(),
    }
}

fn row(router: &RouterStatus, now: Timestamp) -> [String; 13] {
    let none = || "-".to_owned();
    let number = |number: Option<u32>| number.map_or_else(none, |number| number.to_string());
    [
        printable(&router.router),
        router.address.clone().unwrap_or_else(none),
        router.transport.clone(),
        router.protocol_version.map_or_else(none, |version| version.to_string()),
        state(router, now),
        number(router.serial),
        number(router.serials_behind),
        span(router.connected.before(now)),
        router.last_query.map_or_else(none, |query| format!("{} ago", span(query.time.before(now)))),
        router.responses.full.to_string(),
        router.responses.delta.to_string(),
        octets(router.octets.sent),
        errors(router).to_string(),
    ]
}

fn line(row: &[String; 13], widths: &[usize; 13], columns: &[usize]) -> String {
    let mut text = String::new();
    for column in columns.iter().copied() {
        let (cell, width) = (&row[column], widths[column]);
        let gap = width.saturating_sub(cell.chars().count());
        if !text.is_empty() {
            text += GAP;
        }
        let spaces = " ".repeat(gap);
        text += &if NUMBERS.contains(&column) { format!("{spaces}{cell}") } else { format!("{cell}{spaces}") };
    }
    format!("{}\n", text.trim_end())
}

fn errors(router: &RouterStatus) -> u64 {
    router.error_reports.sent.values().chain(router.error_reports.received.values()).sum()
}

fn order(a: &RouterStatus, b: &RouterStatus, by: RouterColumn) -> Ordering {
    fn by_key<Key: Ord>(a: &RouterStatus, b: &RouterStatus, key: impl Fn(&RouterStatus) -> Key) -> Ordering {
        key(a).cmp(&key(b))
    }
    match by {
        // Whoever has no data at all is the farthest behind.
        RouterColumn::Lag => by_key(a, b, |router| Reverse(router.serials_behind.map_or(u64::MAX, u64::from))),
        RouterColumn::Router => by_key(a, b, |router| router.router.clone()),
        RouterColumn::Address => by_key(a, b, |router| router.address.clone()),
        RouterColumn::Transport => by_key(a, b, |router| router.transport.clone()),
        RouterColumn::Version => by_key(a, b, |router| router.protocol_version),
        RouterColumn::State => by_key(a, b, |router| router.state),
        RouterColumn::Serial => by_key(a, b, |router| router.serial),
        RouterColumn::Connected => by_key(a, b, |router| Reverse((router.connected, router.id))),
        RouterColumn::Query => by_key(a, b, |router| router.last_query.map(|query| query.time)),
        RouterColumn::Responses => by_key(a, b, |router| {
            Reverse(router.responses.full + router.responses.delta + router.responses.cache_reset)
        }),
        RouterColumn::Sent => by_key(a, b, |router| Reverse(router.octets.sent)),
        RouterColumn::Received => by_key(a, b, |router| Reverse(router.octets.received)),
        RouterColumn::Errors => by_key(a, b, |router| Reverse(errors(router))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(by: RouterColumn, terminal: Option<usize>) -> Vec<String> {
        let router = RouterStatus {
            router: "edge1.fra".to_owned(),
            address: Some("192.0.2.7:52200".to_owned()),
            transport: "tcp".to_owned(),
            ..RouterStatus::default()
        };
        let text = table(RouterList { routers: vec![router], ..RouterList::default() }, by, terminal);
        let lines: Vec<&str> = text.lines().collect();
        let left_out = lines.iter().find(|line| line.starts_with('('));
        let columns = lines[1].split("  ").map(str::trim).filter(|column| !column.is_empty());
        assert!(left_out.is_none_or(|line| line.ends_with("; `| cat` prints all)")), "{text}");
        columns.map(str::to_owned).collect()
    }

    #[test]
    fn a_narrow_terminal_gets_fewer_columns_and_never_loses_the_one_that_is_sorted_by() {
        assert_eq!(head(RouterColumn::Lag, None), HEAD);
        assert_eq!(head(RouterColumn::Lag, Some(200)), HEAD);
        let few = ["ROUTER", "ADDRESS", "VERSION", "STATE", "LAST QUERY"];
        assert_eq!(head(RouterColumn::Router, Some(1)), few);
        let most = |by| head(by, Some(1)).join(",");
        assert_eq!(most(RouterColumn::Lag), "ROUTER,ADDRESS,VERSION,STATE,BEHIND,LAST QUERY");
        assert_eq!(most(RouterColumn::Responses), "ROUTER,ADDRESS,VERSION,STATE,LAST QUERY,FULL,DELTA");
        assert_eq!(most(RouterColumn::Errors), "ROUTER,ADDRESS,VERSION,STATE,LAST QUERY,ERRORS");
        let wide: usize = 80;
        let at_80 = head(RouterColumn::Lag, Some(wide));
        assert!(at_80.len() > few.len() && at_80.len() < HEAD.len(), "{at_80:?}");
    }

    #[test]
    fn a_stall_is_shown_with_its_time() {
        let mut router =
            RouterStatus { state: SyncState::Stalled, write_progress: Some(Timestamp(100)), ..RouterStatus::default() };
        assert_eq!(state(&router, Timestamp(112)), "stalled 12 s");
        router.state = SyncState::Closing;
        assert_eq!(state(&router, Timestamp(112)), "closing (stalled 12 s)");
        assert_eq!(state(&router, Timestamp(109)), "closing");
    }
}
