//! `rtrcast state`: what a state directory has.

use super::print;
use crate::cli::StateArguments;
use crate::clock::unix_now;
use crate::exit::Failure;
use crate::observe::describe::{count, octets, printable, span};
use crate::observe::status::{RecordsByType, Timestamp, describe_records};
use crate::state::{DirectoryError, FoundContent, FoundFile, inspect, is_named_rightly, is_of_other_machine, take_up};
use rtrcast_feed::Table;
use rtrcast_feed::state::{ChangeLog, Snapshot, SourceRevision, StoredSource};
use rtrcast_proto::{Profile, Version};
use std::time::Duration;

pub(crate) fn state(arguments: &StateArguments) -> Result<(), Failure> {
    let path = &arguments.directory;
    let unreadable =
        |error| Failure::State { path: path.clone(), error: DirectoryError::Io { doing: "read it", error } };
    let found = inspect(path).map_err(unreadable)?;
    let total: u64 = found.iter().map(|file| file.octets).sum();
    let mut text = format!("{}: {}, {}\n", path.display(), count(found.len(), "file"), octets(total));
    if found.is_empty() {
        text += "nothing is kept there\n";
    }
    let mut problems = Vec::new();
    for file in &found {
        text += &describe(file, &mut problems);
    }
    if arguments.verify {
        let mut has_line = true;
        match take_up(found) {
            None => {
                text += "a start would begin a new session: there is no snapshot that can be used\n";
                has_line = false;
            }
            Some(Err(error)) => return Err(unreadable(error)),
            Some(Ok(recovered)) => {
                let records = RecordsByType::of(recovered.table.image().layout());
                text += &format!(
                    "a start would serve serial {}: {}, {}\n",
                    recovered.set.serial,
                    describe_records(records),
                    count(recovered.deltas.len(), "delta")
                );
                if !is_named_rightly(&recovered) {
                    problems.push("the set does not have the hash of its name".to_owned());
                }
                if recovered.unfit > 0 {
                    let changes = count(recovered.unfit, "change");
                    problems.push(format!("{changes} can't be used: those before are missing"));
                }
            }
        }
        text += if problems.is_empty() && has_line { "all of it is whole\n" } else { "" };
    }
    print(&text)?;
    match problems.as_slice() {
        [] => Ok(()),
        _ if !arguments.verify => Ok(()),
        problems => Err(Failure::Config(format!("{}: {}", path.display(), problems.join("; ")))),
    }
}

/// Returns the lines of a file, and adds what is wrong with it.
fn describe(file: &FoundFile, problems: &mut Vec<String>) -> String {
    let FoundFile { name, octets: size, content } = file;
    let lines = match content {
        FoundContent::Snapshot(snapshot) => {
            if is_of_other_machine(snapshot) {
                problems.push(format!("{name} is of another machine, by /etc/machine-id: a start would not use it"));
            }
            describe_snapshot(snapshot)
        }
        FoundContent::Log(log) => {
            if !log.damaged.is_empty() {
                problems.push(format!("{name} has octets that are no change"));
            }
            describe_log(log)
        }
        FoundContent::Source(source) => describe_source(source),
        FoundContent::Unusable(error) => {
            problems.push(format!("{name}: {error}"));
            format!("can't be used: {error}")
        }
    };
    format!("{name} ({}): {lines}\n", octets(*size))
}

fn describe_snapshot(snapshot: &Snapshot) -> String {
    let Snapshot { header, table } = snapshot;
    let ids: Vec<String> = Version::ALL
        .into_iter()
        .map(|version| format!("{} in version {}", header.lineage.sessions.of(Profile::full(version)), version.octet()))
        .collect();
    format!(
        "serial {}, written {}: {}\n  line {}, session ids {}",
        header.set.serial,
        ago(header.written),
        records(table),
        header.lineage.epoch,
        ids.join(", ")
    )
}

fn describe_log(log: &ChangeLog) -> String {
    let last = log.changes.last().map_or_else(String::new, |change| {
        format!(", the last one {}, to serial {}", ago(change.time), change.after.serial)
    });
    let damaged: u64 = log.damaged.iter().map(|(_, octets)| *octets).sum();
    let damaged = if damaged > 0 { format!(", {damaged} octets that are no change") } else { String::new() };
    format!("begun {}, {}{last}{damaged}", ago(log.header.begun), count(log.changes.len(), "change"))
}

fn describe_source(source: &StoredSource) -> String {
    let StoredSource { name, revision, feed, .. } = source;
    let revision = match revision {
        SourceRevision::Unknown => String::new(),
        SourceRevision::Http { etag, last_modified } => {
            let value =
                |value: &Option<Vec<u8>>| value.as_ref().map(|value| String::from_utf8_lossy(value).into_owned());
            let values: Vec<String> = [value(etag), value(last_modified)].into_iter().flatten().collect();
            format!(", {}", printable(&values.join(", ")))
        }
        SourceRevision::Cache { version, session, serial, .. } => {
            format!(", version {}, session {session}, serial {serial}", version.octet())
        }
    };
    let held = feed.held.as_ref().map_or_else(String::new, |(_, accepted)| {
        format!("\n  held back; served instead: {}", records(&accepted.table))
    });
    format!("{}, written {}: {}{revision}{held}", printable(name), ago(feed.written), records(&feed.newest.table))
}

fn records(table: &Table) -> String {
    describe_records(RecordsByType::of(table.image().layout()))
}

/// A time, and how long ago that is.
fn ago(time: u32) -> String {
    let ago = Duration::from_secs(unix_now().saturating_sub(time).into());
    format!("{} ({} ago)", Timestamp(time), span(ago))
}
