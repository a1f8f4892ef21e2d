//! Lines that are taken up: where the files end, and never a set under another one's serial.

use crate::{change, lineage, name, table};
use rtrcast_feed::Table;
use rtrcast_feed::state::{Change, ChangeLog, LogHeader, Recovered, SetName, Snapshot, SnapshotHeader, recover};
use rtrcast_proto::{Epoch, HistoryLimits, Lineage, Section, Serial};

/// Sets one after another, each with the next serial.
fn sets() -> Vec<(SetName, Table)> {
    let numbers: [&[u32]; 6] = [&[1, 2], &[1, 2, 4], &[2, 4], &[2, 4, 6, 9], &[2, 9], &[2, 9, 10]];
    let named = |(n, numbers): (usize, &&[u32])| {
        let table = table(numbers, &[n as u32 + 1]);
        (name(100 + n as u32, n as u64, table.image()), table)
    };
    numbers.iter().enumerate().map(named).collect()
}

fn step(sets: &[(SetName, Table)], from: usize, to: usize) -> Change {
    change((sets[from].0, &sets[from].1), (sets[to].0, &sets[to].1), 1_800_000_000 + to as u32)
}

fn log(number: u64, changes: Vec<Change>) -> ChangeLog {
    let header = LogHeader { lineage: lineage(), machine: None, number, begun: 1_700_000_000 };
    ChangeLog { header, changes, damaged: Vec::new() }
}

fn recovered(snapshot: &(SetName, Table), logs: &[ChangeLog]) -> Recovered {
    let header = SnapshotHeader {
        lineage: lineage(),
        machine: None,
        set: snapshot.0,
        written: 1_750_000_000,
        made_by: [0; 32],
        log: 0,
        tables: 0,
    };
    let snapshot = Snapshot { header, table: snapshot.1.clone() };
    let Ok(recovered) = recover(snapshot, logs, HistoryLimits::default(), Vec::new());
    recovered
}

/// Checks which set it is, and from which serials there are changes.
fn assert_is(recovered: &Recovered, sets: &[(SetName, Table)], set: usize, from: &[usize]) {
    assert_eq!(recovered.set, sets[set].0);
    assert_eq!(recovered.table.image(), sets[set].1.image());
    let serials: Vec<Serial> = recovered.deltas.iter().map(|(serial, _)| *serial).collect();
    assert_eq!(serials, from.iter().map(|n| sets[*n].0.serial).collect::<Vec<_>>());
    let mut image = from.first().map_or(sets[set].1.image(), |first| sets[*first].1.image()).clone();
    for (_, delta) in &recovered.deltas {
        image = delta.apply(&image, Vec::new()).expect("changes fit");
    }
    assert_eq!(&image, recovered.table.image());
}

#[test]
fn changes_behind_the_snapshot_are_applied_and_those_before_it_answer_routers() {
    let sets = sets();
    let logs = [log(0, vec![step(&sets, 0, 1), step(&sets, 1, 2)]), log(1, vec![step(&sets, 2, 3), step(&sets, 3, 4)])];
    let recovered = recovered(&sets[2], &logs);
    assert_is(&recovered, &sets, 4, &[0, 1, 2, 3]);
    assert_eq!((recovered.newest, recovered.unfit), (sets[4].0, 0));
    assert_eq!(recovered.time, 1_800_000_004);
}

#[test]
fn announced_records_expire_as_their_change_says_and_others_as_before() {
    let sets = sets();
    let recovered = recovered(&sets[2], &[log(0, vec![step(&sets, 2, 3)])]);
    let expiries: Vec<Option<u32>> =
        (0..4).filter_map(|n| recovered.table.facts(Section::Ipv4Prefix, n)).map(|facts| facts.expires).collect();
    // Prefixes descend: 6 came by the change; 4 and 2 have none.
    assert_eq!(expiries, [Some(2_000_000_000), None, None]);
    let nine = recovered.table.facts(Section::Ipv6Prefix, 0).expect("9");
    assert_eq!((nine.expires, nine.trust_anchor), (Some(2_000_000_000), Some("ta1")));
}

#[test]
fn without_changes_it_is_the_snapshot() {
    let sets = sets();
    assert_is(&recovered(&sets[3], &[]), &sets, 3, &[]);
    assert_is(&recovered(&sets[3], &[log(0, vec![step(&sets, 1, 2), step(&sets, 2, 3)])]), &sets, 3, &[1, 2]);
}

#[test]
fn behind_a_lost_change_nothing_fits_and_the_newest_serial_is_known() {
    let sets = sets();
    let recovered = recovered(&sets[1], &[log(0, vec![step(&sets, 1, 2), step(&sets, 3, 4), step(&sets, 4, 5)])]);
    assert_is(&recovered, &sets, 2, &[1]);
    assert_eq!((recovered.newest, recovered.unfit), (sets[5].0, 2));
}

#[test]
fn a_change_that_does_not_lead_where_it_says_is_not_used() {
    let sets = sets();
    let mut wrong = step(&sets, 2, 3);
    wrong.records.pop();
    let recovered = recovered(&sets[1], &[log(0, vec![step(&sets, 1, 2), wrong])]);
    assert_is(&recovered, &sets, 2, &[1]);
    assert_eq!(recovered.newest, sets[3].0);
}

#[test]
fn of_two_branches_the_later_one_goes_on() {
    let sets = sets();
    // After a crash the line went on from set 2, with a jump; set 3 had been written before, and was not read then.
    let mut other = (sets[4].0, sets[4].1.clone());
    other.0.serial = Serial(5_000_000);
    let jumped = change((sets[2].0, &sets[2].1), (other.0, &other.1), 1_800_000_009);
    let recovered = recovered(&sets[1], &[log(0, vec![step(&sets, 1, 2), step(&sets, 2, 3)]), log(1, vec![jumped])]);
    assert_eq!(recovered.set, other.0);
    assert_eq!(recovered.table.image(), other.1.image());
    assert_eq!(recovered.deltas.iter().map(|(serial, _)| serial.0).collect::<Vec<_>>(), [101, 102]);
}

#[test]
fn changes_of_another_line_do_not_count() {
    let sets = sets();
    let mut foreign = log(0, vec![step(&sets, 1, 2)]);
    foreign.header.lineage = Lineage { epoch: Epoch([8; 16]), ..lineage() };
    let recovered = recovered(&sets[1], &[foreign]);
    assert_is(&recovered, &sets, 1, &[]);
    assert_eq!(recovered.newest, sets[1].0);
}
