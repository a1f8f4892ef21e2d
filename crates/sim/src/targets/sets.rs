//! The algebra of changes between data sets.

use crate::choices::Choices;
use crate::model::{ModelRecord, ModelSet, SourceTable, decoded, sum_of_both_sides, universe};
use rtrcast_feed::Reader;
use rtrcast_proto::{Delta, Image, Section, Version};

/// Sets from octets: a change leads from one to the next, is minimal, and all changes together are one.
pub fn delta(octets: &[u8]) {
    let mut choices = Choices::new(octets);
    let universe = universe();
    let mut sets = vec![ModelSet::new()];
    while !choices.is_empty() && sets.len() < 6 {
        let mut next = sets.last().cloned().unwrap_or_default();
        for _ in 0..choices.below(24) {
            let record = &universe[usize::from(choices.u16()) % universe.len()];
            flip(&mut next, record);
        }
        sets.push(next);
    }
    let images: Vec<Image> = sets.iter().map(|set| image(set, choices.one_of(&Version::ALL))).collect();
    let mut deltas = Vec::new();
    for (pair, (before, after)) in images.windows(2).zip(sets.iter().zip(&sets[1..])) {
        let delta = Delta::between(&pair[0], &pair[1]);
        check(&delta, &pair[0], before, after);
        deltas.push(delta);
    }
    let (Some(first), Some(last)) = (images.first(), images.last()) else { return };
    check(&Delta::fold(&deltas), first, &sets[0], &sets[sets.len() - 1]);
    let whole = Delta::between(first, last);
    assert_eq!(whole.is_empty(), sets[0] == sets[sets.len() - 1]);
}

/// Adds a record or removes it; a customer has one ASPA.
fn flip(set: &mut ModelSet, record: &ModelRecord) {
    if set.remove(record) {
        return;
    }
    if let ModelRecord::Aspa { customer, .. } = record {
        set.retain(|other| !matches!(other, ModelRecord::Aspa { customer: other, .. } if other == customer));
    }
    set.insert(record.clone());
}

fn check(delta: &Delta, image: &Image, before: &ModelSet, after: &ModelSet) {
    let applied = delta.apply(image, Vec::new()).unwrap_or_else(|error| panic!("{error:?}"));
    assert_eq!(decoded(&applied).as_ref(), Ok(after));
    let changes: usize =
        Section::ALL.into_iter().map(|section| delta.announced(section) + delta.withdrawn(section)).sum();
    assert_eq!(changes, sum_of_both_sides(before, after), "a change that is not minimal");
}

fn image(set: &ModelSet, version: Version) -> Image {
    let records = set.iter().map(|record| (record.clone(), None)).collect();
    let mut reader = Reader::new();
    reader.push(SourceTable { records }.document().as_bytes()).unwrap_or_else(|error| panic!("{error}"));
    let rows = reader.finish().unwrap_or_else(|error| panic!("{error}"));
    let Ok(table) = rows.into_table(version, Vec::new());
    table.into_image()
}
