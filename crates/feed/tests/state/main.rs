//! Files of state: what is written is read, and what is damaged is an error and no other data.

mod files;
mod keeping;
mod lines;
mod reasons;
mod sources;

use rtrcast_feed::state::{Change, ChangeCause, ChangeReason, ChangedRecord, SetHash, SetName};
use rtrcast_feed::{Reader, Table};
use rtrcast_proto::{Delta, Epoch, Image, Lineage, Section, Serial, SessionIds, Version};

/// A table of some records, by numbers.
pub(crate) fn table(vrps: &[u32], customers: &[u32]) -> Table {
    let roas = vrps.iter().map(|n| {
        let expires = if n % 3 == 0 { format!(", \"expires\": {}", 1_900_000_000 + n) } else { String::new() };
        let prefix = if n % 2 == 0 { format!("10.{n}.0.0/16") } else { format!("2001:db8:{n:x}::/48") };
        format!("{{\"asn\": {n}, \"prefix\": \"{prefix}\", \"ta\": \"ta{}\"{expires}}}", n % 4)
    });
    let aspas = customers.iter().map(|n| format!("{{\"customer_asid\": {n}, \"providers\": [1, {}]}}", n + 1));
    let list = |entries: Vec<String>| entries.join(",");
    let document = format!(
        "{{\"metadata\": {{\"buildtime\": \"2026-01-01T00:00:00Z\"}}, \"roas\": [{}], \"aspas\": [{}]}}",
        list(roas.collect()),
        list(aspas.collect())
    );
    let mut reader = Reader::new();
    reader.push(document.as_bytes()).expect("valid JSON");
    let Ok(table) = reader.finish().expect("valid entries").into_table(Version::V2, Vec::new());
    table
}

pub(crate) fn lineage() -> Lineage {
    Lineage { epoch: Epoch([7; 16]), sessions: SessionIds::new(4_660) }
}

pub(crate) fn name(serial: u32, position: u64, image: &Image) -> SetName {
    SetName { serial: Serial(serial), position, hash: SetHash::of(image) }
}

/// The change from one table to another.
pub(crate) fn change(before: (SetName, &Table), after: (SetName, &Table), time: u32) -> Change {
    let delta = Delta::between(before.1.image(), after.1.image());
    let record = |section: Section, octets: &[u8], is_announced: bool| ChangedRecord {
        section,
        is_announced,
        reason: ChangeReason::Source,
        source: Some(0),
        trust_anchor: Some(1),
        expires: is_announced.then_some(2_000_000_000),
        octets: octets.to_vec(),
    };
    let side = |is_announced: bool| {
        let delta = &delta;
        Section::ALL.into_iter().flat_map(move |section| {
            let records = if is_announced { delta.added(section) } else { delta.removed(section) };
            records.map(move |octets| record(section, octets, is_announced))
        })
    };
    Change {
        before: before.0,
        after: after.0,
        time,
        timestamps: after.1.timestamps(),
        cause: ChangeCause::Source,
        version: Version::V2,
        names: vec!["validator".to_owned(), "ta1".to_owned()],
        records: side(false).chain(side(true)).collect(),
        omitted: None,
    }
}
