//! Files of state: what is read of any octets is valid, and is the same in whatever pieces they come.

use crate::model::decoded;
use rtrcast_feed::Table;
use rtrcast_feed::state::{
    Change, ChangeLog, ReadStateError, SetHash, Snapshot, SnapshotHeader, SnapshotReader, SourceReader, StoredSource,
    recover,
};
use rtrcast_proto::HistoryLimits;
use std::convert::Infallible;

/// Pieces of this length are read, beside the whole.
const PIECE_OCTETS: usize = 7;

/// A snapshot.
pub fn snapshot(octets: &[u8]) {
    let read = |length: usize| {
        let mut reader = SnapshotReader::new(Vec::new);
        octets.chunks(length.max(1)).try_for_each(|piece| reader.push(piece))?;
        reader.finish()
    };
    let shown = |read: &Result<Snapshot, ReadStateError<Infallible>>| format!("{read:?}");
    let whole = read(octets.len());
    assert_eq!(shown(&whole), shown(&read(PIECE_OCTETS)));
    let Ok(Snapshot { header, table }) = whole else { return };
    check(&table);
    let mut written = Vec::new();
    let Ok(()) = header.write(&table, &mut |octets: &[u8]| {
        written.extend_from_slice(octets);
        Ok::<(), Infallible>(())
    });
    let mut reader = SnapshotReader::new(Vec::new);
    let again = reader.push(&written).and_then(|()| reader.finish());
    let again = again.unwrap_or_else(|error| panic!("what was written can't be read: {error:?}"));
    assert_eq!(again.header, header);
    assert_eq!(format!("{:?}", again.table), format!("{table:?}"));
}

/// The tables of a source.
pub fn source_tables(octets: &[u8]) {
    let read = |length: usize| {
        let mut reader = SourceReader::new(Vec::new);
        octets.chunks(length.max(1)).try_for_each(|piece| reader.push(piece))?;
        reader.finish()
    };
    let shown = |read: &Result<StoredSource, ReadStateError<Infallible>>| format!("{read:?}");
    let whole = read(octets.len());
    assert_eq!(shown(&whole), shown(&read(PIECE_OCTETS)));
    let Ok(source) = whole else { return };
    check(&source.feed.newest.table);
    source.feed.held.iter().for_each(|(_, accepted)| check(&accepted.table));
}

/// A log, and the line that a snapshot of its first set goes on with.
pub fn change_log(octets: &[u8]) {
    let Ok(log) = ChangeLog::read(octets) else { return };
    let damaged: u64 = log.damaged.iter().map(|(_, octets)| *octets).sum();
    assert!(damaged <= octets.len() as u64);
    for change in &log.changes {
        let encoded = change.encode();
        assert_eq!(Change::decode(&encoded), Some((change.clone(), encoded.len())));
    }
    let Some(first) = log.changes.first() else { return };
    let header = SnapshotHeader {
        lineage: log.header.lineage,
        machine: log.header.machine,
        set: first.before,
        written: log.header.begun,
        made_by: [0; 32],
        log: log.header.number,
        tables: 0,
    };
    let table = Table::of_image(rtrcast_proto::Image::empty(first.version));
    let Ok(recovered) = recover(Snapshot { header, table }, &[log], HistoryLimits::default(), Vec::new());
    check(&recovered.table);
    if recovered.set != header.set && header.set.hash == SetHash::default() {
        assert_eq!(SetHash::of(recovered.table.image()), recovered.set.hash);
    }
}

fn check(table: &Table) {
    decoded(table.image()).unwrap_or_else(|error| panic!("{error}"));
}
