//! Status as text: `rtrcast ctl status`.

use super::table::{STATES, name};
use super::{
    CacheStatus, ConfigurationStatus, HealthState, HeldData, ListenerStatus, ReadState, RecordsByType, SlurmLocation,
    SlurmStatus, SourceStatus, StateStatus, Timestamp,
};
use crate::observe::describe::{age, count, octets, printable, quoted, span};
use std::time::Duration;

/// The status in lines. `control` is the socket that it came from, for commands to be copied.
pub(crate) fn text(status: &CacheStatus, control: &str) -> String {
    let now = status.time;
    let mut text =
        format!("rtrcast {}, started {} ago: {}\n", status.version, ago(status.started, now), health(status));
    match &status.data {
        Some(data) => {
            let changed = ago(data.changed, now);
            text += &format!("serial {}: {}, unchanged for {changed}\n", data.serial, describe_records(data.records));
        }
        None => text += "nothing is served\n",
    }
    for source in &status.sources {
        text += &source_lines(source, now, control);
    }
    text += &slurm_lines(&status.slurm);
    status.problems.iter().for_each(|problem| text += &format!("{}\n", printable(problem)));
    text += &configuration_lines(&status.configuration, now);
    text += &status.state.as_ref().map_or(String::new(), |state| state_lines(state, now));
    status.listeners.iter().for_each(|listener| text += &listener_line(listener, now));
    text += &router_line(status);
    let history = &status.history;
    text += &format!("history: {}, {}\n", count(history.deltas, "delta"), octets(history.octets as u64));
    let limits = &status.limits;
    text + &format!(
        "limits: {} of {} connections, {} of {} handshakes, {} of {} of memory\n",
        limits.connections,
        limits.connections_max,
        limits.handshakes,
        limits.handshakes_max,
        octets(limits.memory_octets),
        octets(limits.memory_octets_max),
    )
}

fn ago(time: Timestamp, now: Timestamp) -> String {
    span(time.before(now))
}

fn health(status: &CacheStatus) -> String {
    let state = match status.health.state {
        HealthState::Ready => "ready",
        HealthState::NoData => "no data yet",
        HealthState::NothingInEffect => "nothing of any source is in effect",
        HealthState::Stopping => "stopping",
        HealthState::Unknown => "in a state that this version of rtrcast ctl does not know",
    };
    match &status.health.reason {
        Some(reason) => format!("{state}: {}", printable(reason)),
        None => state.to_owned(),
    }
}

/// Numbers of records in English.
pub(crate) fn describe_records(records: RecordsByType) -> String {
    let RecordsByType { vrps_ipv4, vrps_ipv6, router_keys, aspas } = records;
    let (keys, aspas) = (count(router_keys, "router key"), count(aspas, "ASPA"));
    format!("{} ({vrps_ipv4} IPv4, {vrps_ipv6} IPv6), {keys}, {aspas}", count(vrps_ipv4 + vrps_ipv6, "VRP"))
}

fn source_lines(source: &SourceStatus, now: Timestamp, control: &str) -> String {
    let served = if source.served { "served" } else { "not served" };
    let made = match (source.made, source.state) {
        (Some(made), _) => format!("made {}", age(made.0, now.0)),
        (None, ReadState::Reading) => "being read for the first time".to_owned(),
        (None, _) => "nothing read yet".to_owned(),
    };
    let too_old = if source.too_old { ", too old" } else { "" };
    let expired = match source.expired_records {
        0 => String::new(),
        expired => format!(", {expired} of its records expired or too old"),
    };
    let failing = source.failing_since.map_or(String::new(), |since| format!(", failing for {}", ago(since, now)));
    let mut text = format!("source {}: {served}, {made}{too_old}{expired}{failing}\n", printable(&source.name));
    if let Some(held) = &source.held {
        text += &format!("  {}\n", held_line(held, now));
        text += &format!(
            "  to accept it now: rtrcast ctl release --control {} {}\n",
            quoted(control),
            quoted(&printable(&source.name))
        );
    }
    source.errors.iter().for_each(|error| text += &format!("  {}\n", printable(error)));
    text
}

fn held_line(held: &HeldData, now: Timestamp) -> String {
    let losses: Vec<String> =
        held.losses.iter().map(|loss| format!("{} of {} {}", loss.lost, loss.had, printable(&loss.of))).collect();
    let until = match now.before(held.until) {
        Duration::ZERO => "until the source is read well again".to_owned(),
        left => format!("for {} more", span(left)),
    };
    format!("held back for {} now, {until}: {} are gone", ago(held.since, now), losses.join(", "))
}

fn slurm_lines(slurm: &SlurmStatus) -> String {
    let mut text = String::new();
    for SlurmLocation { name, state, is_directory, files, errors } in &slurm.locations {
        let state = match (state, files.is_empty()) {
            (ReadState::Read, _) => "read",
            (ReadState::Failed, false) if *is_directory => "some files failed",
            (ReadState::Failed, false) => "failed; its last good content is in effect",
            _ => "not read yet",
        };
        let files = if *is_directory { format!(", {}", count(files.len(), "file")) } else { String::new() };
        text += &format!("slurm {}: {state}{files}\n", printable(name));
        errors.iter().for_each(|error| text += &format!("  {}\n", printable(error)));
    }
    text
}

/// Nothing, if there is nothing to do about it.
fn configuration_lines(configuration: &ConfigurationStatus, now: Timestamp) -> String {
    let mut text = String::new();
    if let Some(refused) = configuration.refused {
        text += &format!("configuration: reload refused {} ago, the one before is in effect\n", ago(refused, now));
        configuration.errors.iter().for_each(|error| text += &format!("  {}\n", printable(error)));
    }
    if !configuration.restart_needed.is_empty() {
        text += &format!("configuration: a restart is needed for {}\n", configuration.restart_needed.join(", "));
    }
    text
}

fn state_lines(state: &StateStatus, now: Timestamp) -> String {
    let StateStatus { directory, kept, failing_since, error, octets: used, octets_max, snapshot, .. } = state;
    let kept = match (kept, failing_since) {
        (true, _) => "kept".to_owned(),
        (false, Some(since)) => format!("not kept, failing for {}", ago(*since, now)),
        (false, None) => "not kept".to_owned(),
    };
    let snapshot = match snapshot {
        Some(written) => format!("snapshot {} old", ago(*written, now)),
        None => "no snapshot yet".to_owned(),
    };
    let used = format!("{} of {}", octets(*used), octets(*octets_max));
    let error = error.as_ref().map_or(String::new(), |error| format!("  {}\n", printable(error)));
    format!("state {}: {kept}, {snapshot}, {used}\n{error}", printable(directory))
}

fn listener_line(listener: &ListenerStatus, now: Timestamp) -> String {
    let closed = if listener.open { "" } else { ", closed" };
    let credentials = match listener.credentials_in_effect {
        Some(false) => {
            let since =
                listener.credentials_refused_since.map_or(String::new(), |since| format!(" {} ago", ago(since, now)));
            format!(", certificate, key or user files refused{since}, the earlier ones are in effect")
        }
        Some(true) | None => String::new(),
    };
    let certificate = listener.certificate_expires.map_or(String::new(), |expires| {
        let left = now.before(expires);
        if left.is_zero() {
            format!(", certificate expired {expires}")
        } else {
            format!(", certificate ends in {}", span(left))
        }
    });
    let error = listener.credentials_error.as_ref().map_or(String::new(), |error| format!("  {}\n", printable(error)));
    format!(
        "listener {}: {}{closed}{credentials}{certificate}\n{error}",
        printable(&listener.name),
        count(listener.connections, "connection")
    )
}

fn router_line(status: &CacheStatus) -> String {
    let routers = &status.routers;
    let states = STATES.iter().filter_map(|(state, _)| {
        let number = routers.by_state.get(state)?;
        Some(format!("{number} {}", name(*state)))
    });
    let states: Vec<String> = states.collect();
    let states = if states.is_empty() { String::new() } else { format!(" ({})", states.join(", ")) };
    let absent = if routers.absent == 0 { String::new() } else { format!(", {} absent", routers.absent) };
    format!("routers: {} connected{states}{absent}\n", routers.connections)
}
