//! Tables of sources: whole, cut at each length, and with each octet flipped.

use crate::table;
use rtrcast_feed::curator::{Loss, LossOf, StoredFeed, StoredHold, StoredTable, StoredValidity};
use rtrcast_feed::state::{ReadStateError, SourceReader, SourceRevision, StateError, StoredSource};
use rtrcast_proto::{Asn, Section, Serial, SessionId, Version};
use std::convert::Infallible;
use std::sync::Arc;

fn written(source: &StoredSource) -> Vec<u8> {
    let mut octets = Vec::new();
    let Ok(()) = source.write(&mut |part: &[u8]| {
        octets.extend_from_slice(part);
        Ok::<(), Infallible>(())
    });
    octets
}

fn read(octets: &[u8], piece: usize) -> Result<StoredSource, StateError> {
    let mut reader = SourceReader::new(Vec::new);
    let outcome = octets.chunks(piece).try_for_each(|piece| reader.push(piece)).and_then(|()| reader.finish());
    outcome.map_err(|error| match error {
        ReadStateError::State(error) => error,
        ReadStateError::Sink(never) => match never {},
    })
}

fn stored(vrps: &[u32], validity: StoredValidity) -> StoredTable {
    StoredTable { table: Arc::new(table(vrps, &[7])), stated: Some(1_799_999_000), age: 600, validity }
}

/// A source whose newest table is held.
fn held() -> StoredSource {
    let loss = |of, had, lost| Loss { of, had, lost };
    let hold = StoredHold {
        losses: vec![loss(LossOf::Vrps, 10, 9), loss(LossOf::TrustAnchor("arin".to_owned()), 5, 5)],
        held_for: 50,
        any_held_for: 51,
    };
    StoredSource {
        program: "1.0".to_owned(),
        name: "rtr.example:323".to_owned(),
        position: 12,
        revision: SourceRevision::Cache {
            version: Version::V2,
            session: SessionId(77),
            serial: Serial(4_000_000_000),
            intervals: [3_600, 600, 7_200],
            refused: vec![Asn(1), Asn(64_496)],
        },
        feed: StoredFeed {
            newest: stored(&[2], StoredValidity::For(7_200)),
            held: Some((hold, stored(&[1, 2, 3], StoredValidity::Withdrawn))),
            written: 1_800_000_100,
            is_stale: false,
        },
    }
}

fn plain() -> StoredSource {
    let revision = SourceRevision::Http { etag: Some(b"\"abc\"".to_vec()), last_modified: None };
    let newest = StoredTable { stated: None, ..stored(&[1, 4], StoredValidity::AsDated) };
    let feed = StoredFeed { newest, held: None, written: 1, is_stale: false };
    StoredSource {
        name: "https://validator.example/json".to_owned(),
        program: "1.0".to_owned(),
        position: 0,
        revision,
        feed,
    }
}

fn assert_same_table(a: &StoredTable, b: &StoredTable) {
    assert_eq!((a.stated, a.age, a.validity), (b.stated, b.age, b.validity));
    assert_eq!(a.table.image().octets(), b.table.image().octets());
    for section in Section::ALL {
        for index in 0..5 {
            assert_eq!(a.table.facts(section, index), b.table.facts(section, index));
        }
    }
}

#[test]
fn a_source_is_read_as_it_was_written_in_any_pieces() {
    for source in [plain(), held()] {
        let octets = written(&source);
        for piece in [1, 50, octets.len()] {
            let again = read(&octets, piece).expect("a source");
            assert_eq!(
                (&again.name, again.position, &again.revision),
                (&source.name, source.position, &source.revision)
            );
            assert_eq!(again.feed.written, source.feed.written);
            assert_same_table(&again.feed.newest, &source.feed.newest);
            match (&again.feed.held, &source.feed.held) {
                (Some((hold, accepted)), Some((other, before))) => {
                    assert_eq!(hold, other);
                    assert_same_table(accepted, before);
                }
                (None, None) => {}
                (again, _) => panic!("{again:?}"),
            }
        }
    }
}

#[test]
fn a_source_that_is_cut_or_damaged_is_an_error() {
    let octets = written(&held());
    for length in 0..octets.len() {
        assert_eq!(read(&octets[..length], 64).err(), Some(StateError::Truncated), "{length} octets");
    }
    for at in 0..octets.len() {
        let mut damaged = octets.clone();
        damaged[at] ^= 4;
        assert!(read(&damaged, 64).is_err(), "octet {at}");
    }
}
