//! Snapshots and logs as octets: whole, cut at each length, and with each octet flipped.

use crate::{change, lineage, name, table};
use rtrcast_feed::Table;
use rtrcast_feed::state::{
    Change, ChangeLog, FileKind, LogHeader, MachineId, ReadStateError, Snapshot, SnapshotHeader, SnapshotReader,
    StateError,
};
use rtrcast_proto::Section;
use std::convert::Infallible;

fn written(header: &SnapshotHeader, table: &Table) -> Vec<u8> {
    let mut octets = Vec::new();
    let Ok(()) = header.write(table, &mut |part: &[u8]| {
        octets.extend_from_slice(part);
        Ok::<(), Infallible>(())
    });
    octets
}

fn read(octets: &[u8], piece: usize) -> Result<Snapshot, StateError> {
    let mut reader = SnapshotReader::new(Vec::new);
    let outcome = octets.chunks(piece).try_for_each(|piece| reader.push(piece)).and_then(|()| reader.finish());
    outcome.map_err(|error| match error {
        ReadStateError::State(error) => error,
        ReadStateError::Sink(never) => match never {},
    })
}

fn header(table: &Table) -> SnapshotHeader {
    SnapshotHeader {
        lineage: lineage(),
        machine: Some(MachineId([3; 16])),
        set: name(4_000_000_000, 17, table.image()),
        written: 1_800_000_000,
        made_by: [9; 32],
        log: 5,
        tables: 0,
    }
}

fn assert_same(a: &Table, b: &Table) {
    assert_eq!(a.image(), b.image());
    assert_eq!(a.image().octets(), b.image().octets());
    assert_eq!(a.timestamps(), b.timestamps());
    for section in Section::ALL {
        for index in 0..a.image().layout().count(section) + 1 {
            assert_eq!(a.facts(section, index), b.facts(section, index), "{section:?} {index}");
        }
    }
}

#[test]
fn a_snapshot_is_read_as_it_was_written_in_any_pieces() {
    for table in [
        table(&[], &[]),
        table(&[1, 2, 3, 6, 9], &[5, 8]),
        table(&(0..9_000).map(|n| n % 250 * 2).collect::<Vec<_>>(), &[]),
    ] {
        let header = header(&table);
        let octets = written(&header, &table);
        assert_eq!(FileKind::of(&octets), Some(FileKind::Snapshot));
        for piece in [1, 7, 64 * 1024, octets.len()] {
            let snapshot = read(&octets, piece).expect("a snapshot");
            assert_eq!(snapshot.header, header);
            assert_same(&snapshot.table, &table);
        }
    }
}

#[test]
fn a_snapshot_of_several_blocks_is_read_as_it_was_written() {
    let table = table(&[1, 2, 3], &(1..12_000).collect::<Vec<_>>());
    let header = header(&table);
    let octets = written(&header, &table);
    assert!(octets.len() > 3 * 64 * 1024, "{} octets", octets.len());
    assert_same(&read(&octets, 10_000).expect("a snapshot").table, &table);
    let mut damaged = octets.clone();
    let at = octets.len() - 70_000;
    damaged[at] ^= 1;
    assert!(
        matches!(read(&damaged, 10_000), Err(StateError::Checksum(block)) if block as usize <= at && at < block as usize + 64 * 1024 + 8)
    );
}

#[test]
fn a_snapshot_that_is_cut_or_damaged_is_an_error() {
    let table = table(&[1, 2, 3, 6, 9], &[5, 8]);
    let octets = written(&header(&table), &table);
    for length in 0..octets.len() {
        assert_eq!(read(&octets[..length], 100).err(), Some(StateError::Truncated), "{length} octets");
    }
    for at in 0..octets.len() {
        for bit in [1, 0x80] {
            let mut damaged = octets.clone();
            damaged[at] ^= bit;
            assert!(read(&damaged, 100).is_err(), "octet {at}");
        }
    }
    assert_eq!(read(&[&octets[..], &[0]].concat(), 100).err(), Some(StateError::TooLong));
    let mut other = octets.clone();
    other[8] = 2;
    assert_eq!(read(&other, 100).err(), Some(StateError::Format(2)));
    assert_eq!(read(b"{\"roas\": []}", 100).err(), Some(StateError::NotState));
}

fn log() -> (LogHeader, Vec<Change>, Vec<u8>) {
    let tables = [table(&[1, 2, 3], &[5]), table(&[2, 3, 4], &[5, 6]), table(&[2, 3], &[])];
    let names: Vec<_> = (0..3).map(|n| name(10 + n, u64::from(n), tables[n as usize].image())).collect();
    let header = LogHeader { lineage: lineage(), machine: None, number: 3, begun: 1_800_000_000 };
    let changes: Vec<Change> = (0..2)
        .map(|n| change((names[n], &tables[n]), (names[n + 1], &tables[n + 1]), 1_800_000_100 + n as u32))
        .collect();
    let octets = [header.encode(), changes[0].encode(), changes[1].encode()].concat();
    (header, changes, octets)
}

#[test]
fn a_log_is_read_as_it_was_written() {
    let (header, changes, octets) = log();
    let log = ChangeLog::read(&octets).expect("a log");
    assert_eq!((log.header, log.changes, log.damaged), (header, changes.clone(), Vec::new()));
    assert_eq!(Change::decode(&changes[0].encode()), Some((changes[0].clone(), changes[0].encode().len())));
}

#[test]
fn a_log_that_is_cut_has_the_changes_before_the_cut() {
    let (header, changes, octets) = log();
    let starts = [header.encode().len(), octets.len() - changes[1].encode().len(), octets.len()];
    for length in 0..octets.len() {
        let read = ChangeLog::read(&octets[..length]);
        if length < starts[0] {
            assert_eq!(read.err(), Some(StateError::Truncated), "{length} octets");
            continue;
        }
        let log = read.expect("a start");
        let whole = starts[1..].iter().filter(|end| **end <= length).count();
        assert_eq!(log.changes, changes[..whole], "{length} octets");
        let at = starts[whole];
        let damaged = if at < length { vec![(at as u64, (length - at) as u64)] } else { Vec::new() };
        assert_eq!(log.damaged, damaged, "{length} octets");
    }
}

#[test]
fn a_log_with_a_damaged_change_has_the_others() {
    let (header, changes, octets) = log();
    let start = header.encode().len();
    for at in 0..octets.len() {
        let mut damaged = octets.clone();
        damaged[at] ^= 0x10;
        let read = ChangeLog::read(&damaged);
        if at < start {
            assert!(read.is_err(), "octet {at}");
            continue;
        }
        let log = read.expect("a start");
        let is_first = at < start + changes[0].encode().len();
        assert_eq!(log.changes, [changes[usize::from(is_first)].clone()], "octet {at}");
        assert_eq!(log.damaged.len(), 1, "octet {at}");
    }
}
