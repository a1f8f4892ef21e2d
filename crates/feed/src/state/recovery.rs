//! Takes up a line of data sets where its files end.
//!
//! The set is that of the snapshot with the changes of the logs behind it, as far as they fit together. Every serial in
//! the files was told, also those of changes that do not fit: the next serial has to jump from the newest of them.

use super::change::Change;
use super::log::ChangeLog;
use super::snapshot::{SetName, Snapshot};
use crate::table::{AnnouncedRecords, NEVER, SideData, Table};
use rtrcast_proto::{ApplyError, Delta, HistoryLimits, ImageSink, Lineage, Serial};

/// A line that goes on.
#[derive(Debug)]
pub struct Recovered {
    /// The line.
    pub lineage: Lineage,
    /// The set that was served last, as far as the files have it, with expiries and trust anchors.
    pub table: Table,
    /// Its name.
    pub set: SetName,
    /// The newest set that is named in the files.
    pub newest: SetName,
    /// Changes before the set, each with the serial that it leads away from, the oldest first.
    pub deltas: Vec<(Serial, Delta)>,
    /// When the set was made, or a snapshot of it written, in seconds since 1970.
    pub changed: u32,
    /// The position of the last set that other tables of sources led to: tables that were stored before it are older than
    /// what was served. SLURM, expiry and a choice among sources change no table.
    pub tables: u64,
    /// When the snapshot was written, in seconds since 1970.
    pub written: u32,
    /// The time that was written last, in seconds since 1970.
    pub time: u32,
    /// Digest of the SLURM files and the sources that the set was made by.
    pub made_by: [u8; 32],
    /// The number of the first log that the snapshot needs.
    pub first_log: u64,
    /// Number of changes behind the snapshot that do not fit to it.
    pub unfit: usize,
}

/// Takes up the line of a snapshot. `logs` are in the order of their numbers.
pub fn recover<S: ImageSink>(
    snapshot: Snapshot,
    logs: &[ChangeLog],
    limits: HistoryLimits,
    sink: S,
) -> Result<Recovered, S::Error> {
    let Snapshot { header, table } = snapshot;
    let is_of_line = |log: &&ChangeLog| log.header.lineage.epoch == header.lineage.epoch;
    let own = || logs.iter().filter(is_of_line);
    let changes: Vec<&Change> = own().flat_map(|log| &log.changes).collect();
    let path = path_from(header.set, &changes);
    // The last one, and not the largest: the clock may have been ahead, and been set.
    let later = own().filter(|log| log.header.number >= header.log).flat_map(|log| {
        let begun = (log.header.number > header.log).then_some(log.header.begun);
        let is_later = |change: &&Change| change.after.position > header.set.position;
        begun.into_iter().chain(log.changes.iter().filter(is_later).map(|change| change.time))
    });
    let time = later.last().unwrap_or(header.written);
    let newest = changes.iter().flat_map(|change| [change.before, change.after]);
    let newest = newest.fold(header.set, |newest, set| if set.position > newest.position { set } else { newest });
    let behind = changes.iter().filter(|change| change.after.position > header.set.position).count();
    let changed = (!path.is_empty()).then(|| apply(&table, &path, sink)).transpose()?.flatten();
    let (table, set, applied) = match changed {
        Some(changed) => (changed, path.last().map_or(header.set, |change| change.after), path.len()),
        None => (table, header.set, 0),
    };
    let within = changes.iter().filter(|change| change.after.position <= set.position && change.is_of_tables());
    let tables = within.map(|change| change.after.position).fold(header.tables, u64::max);
    let changed = changes.iter().rev().find(|change| change.after == set).map_or(header.written, |change| change.time);
    Ok(Recovered {
        lineage: header.lineage,
        table,
        set,
        newest,
        deltas: deltas_to(set, &changes, limits),
        changed,
        tables,
        written: header.written,
        time,
        made_by: header.made_by,
        first_log: header.log,
        unfit: behind.saturating_sub(applied),
    })
}

/// Returns the changes that lead from a set to the newest one that they reach. A change that is valid by itself may
/// still not be one between its two sets: then it is not used.
fn path_from<'a>(set: SetName, changes: &[&'a Change]) -> Vec<&'a Change> {
    let ends = changes.iter().enumerate().rev();
    for (place, last) in ends.filter(|(_, change)| change.after.position > set.position) {
        let mut path = vec![*last];
        let mut first = last;
        for change in changes.iter().take(place).rev() {
            if first.before == set {
                break;
            }
            if change.after == first.before {
                path.push(change);
                first = change;
            }
        }
        if first.before == set && path.iter().all(|change| is_sound(change)) {
            path.reverse();
            return path;
        }
    }
    Vec::new()
}

/// Returns whether a change leads from the hash of its first set to that of its second.
fn is_sound(change: &Change) -> bool {
    change.delta().is_ok_and(|delta| change.before.hash.changed_by(&delta) == change.after.hash)
}

/// Returns the changes that lead to a set, from as far back as they fit together and the limits allow.
fn deltas_to(set: SetName, changes: &[&Change], limits: HistoryLimits) -> Vec<(Serial, Delta)> {
    let (mut deltas, mut to, mut octets) = (Vec::new(), set, 0);
    for change in changes.iter().rev() {
        if change.after != to || !is_sound(change) {
            continue;
        }
        let Ok(delta) = change.delta() else { break };
        octets += delta.octets();
        if deltas.len() == limits.deltas_max || octets > limits.octets_max {
            break;
        }
        to = change.before;
        deltas.push((change.before.serial, delta));
    }
    deltas.reverse();
    deltas
}

/// Returns the table behind these changes; none if they do not fit to it after all.
fn apply<S: ImageSink>(table: &Table, path: &[&Change], sink: S) -> Result<Option<Table>, S::Error> {
    let deltas: Vec<Delta> = path.iter().filter_map(|change| change.delta().ok()).collect();
    let folded = Delta::fold(&deltas);
    let mut trust_anchors = table.trust_anchors().to_vec();
    let mut announced = AnnouncedRecords::new();
    for change in path {
        for record in change.records.iter().filter(|record| record.is_announced) {
            let name = change.name(record.trust_anchor).unwrap_or_default();
            let anchor = anchor_of(&mut trust_anchors, name);
            let side = SideData { expires: record.expires.unwrap_or(NEVER), anchor };
            let key = (record.section, record.octets.get(1..).unwrap_or_default());
            announced.insert(key, (record.octets.as_slice(), side));
        }
    }
    match table.changed_by(&folded, trust_anchors, announced, sink) {
        Ok(changed) => Ok(Some(match path.last() {
            Some(last) => changed.with_timestamps(last.timestamps),
            None => changed,
        })),
        Err(ApplyError::Sink(error)) => Err(error),
        Err(_) => Ok(None),
    }
}

/// Returns the index of a name, which is added if there is room; else of one that is there.
fn anchor_of(names: &mut Vec<String>, name: &str) -> u8 {
    let place = names.iter().position(|known| known == name).unwrap_or_else(|| {
        if names.len() < usize::from(u8::MAX) {
            names.push(name.to_owned());
            return names.len() - 1;
        }
        0
    });
    u8::try_from(place).unwrap_or(0)
}
