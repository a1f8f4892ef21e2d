//! Files against a model that follows the specifications literally.

use crate::model::{ModelEntry, Style, entries, filter};
use crate::{merge, parse};
use proptest::prelude::*;
use rtrcast_feed::{EffectKind, Overlaps, Slurm, SlurmDialect, SlurmFile};
use rtrcast_proto::{Image, Record, Section};
use std::sync::Arc;

/// The image of what entries assert: also a way to make data sets.
fn image_of(entries: &[ModelEntry]) -> Image {
    let assertions: Vec<ModelEntry> = entries.iter().filter(|entry| entry.list() > 2).cloned().collect();
    merge(&[Style(1).print(2, &assertions)], Overlaps::Allow).unwrap().assertions().clone()
}

/// Each record is removed exactly if a filter names it, and each filter's effect has the number of records that it
/// matches.
fn judges_as_the_model_does(slurm: &Slurm, filters: &[ModelEntry], image: &Image) {
    let mut named = vec![0; filters.len()];
    for section in Section::ALL {
        for octets in image.records(section) {
            let record = Record::read(section, octets).unwrap();
            let names = filters.iter().map(|filter| filter.names(&record));
            let mut removed = false;
            for (count, names) in named.iter_mut().zip(names) {
                *count += usize::from(names);
                removed |= names;
            }
            assert_eq!(slurm.filters().removes(section, octets), removed, "{record}");
        }
    }
    let mut effects: Vec<_> =
        slurm.effects(image).into_iter().filter(|effect| effect.list.path().contains("Filters")).collect();
    effects.sort_by_key(|effect| (effect.list, effect.index));
    let effects: Vec<usize> = effects
        .into_iter()
        .map(|effect| match effect.kind {
            EffectKind::Removes { records, .. } => records,
            other => panic!("a filter: {other:?}"),
        })
        .collect();
    assert_eq!(effects, named);
}

fn merged(file: SlurmFile) -> Slurm {
    Slurm::merge(&[(Arc::from("a.json"), Arc::new(file))], Overlaps::Refuse).unwrap()
}

/// Data that any filter may name.
fn world() -> impl Strategy<Value = Image> {
    proptest::collection::vec(crate::model::assertion(), 0..40).prop_map(|entries| image_of(&entries))
}

proptest! {
    #[test]
    fn a_printed_file_is_read_as_printed(entries in entries(), seed in any::<u64>()) {
        let printed = Style(seed).print(2, &entries);
        let file = parse(&printed).unwrap_or_else(|error| panic!("{error}\n{printed}"));
        prop_assert_eq!(ModelEntry::all(&file), entries.clone());
        let old: Vec<ModelEntry> = entries.into_iter().filter(|entry| ![2, 5].contains(&entry.list())).collect();
        let file = parse(&Style(seed).print(1, &old)).unwrap();
        prop_assert_eq!(ModelEntry::all(&file), old);
    }

    #[test]
    fn filters_agree_with_the_model(
        mut filters in proptest::collection::vec(filter(), 0..30),
        image in world(),
        seed in any::<u64>(),
    ) {
        filters.sort_by_key(ModelEntry::list);
        let slurm = merged(parse(&Style(seed).print(2, &filters)).unwrap());
        prop_assert_eq!(slurm.filters().is_empty(), filters.is_empty());
        judges_as_the_model_does(&slurm, &filters, &image);
    }

    #[test]
    fn overlaps_agree_with_the_model(first in entries(), second in entries(), seed in any::<u64>()) {
        let overlap = first.iter().any(|a| second.iter().any(|b| a.overlaps(b)));
        let documents = [Style(seed).print(2, &first), Style(seed).print(2, &second)];
        let merged = merge(&documents, Overlaps::Refuse);
        prop_assert_eq!(merged.is_err(), overlap, "{:?}", merged.err());
        prop_assert!(merge(&documents, Overlaps::Allow).is_ok());
    }

    /// A wrong octet makes a file invalid, or changes its content, which is then accepted as it is.
    #[test]
    fn no_broken_file_removes_what_it_does_not_name(
        entries in entries(),
        image in world(),
        seed in any::<u64>(),
        wrong in proptest::collection::vec((any::<usize>(), prop_oneof![
            any::<u8>(), Just(b'"'), Just(b'}'), Just(b','), Just(b'0'), Just(b' ')]), 1..4),
    ) {
        let mut octets = Style(seed).print(2, &entries).into_bytes();
        for (place, octet) in wrong {
            let place = place % octets.len();
            match place % 3 {
                0 => octets[place] = octet,
                1 => octets.insert(place, octet),
                _ => drop(octets.remove(place)),
            }
        }
        for dialect in [SlurmDialect::Strict, SlurmDialect::Lenient] {
            if let Ok(file) = SlurmFile::parse(&octets, dialect) {
                let filters: Vec<ModelEntry> = ModelEntry::all(&file).into_iter().filter(|read_shown| read_shown.list() < 3).collect();
                judges_as_the_model_does(&merged(file), &filters, &image);
            }
        }
    }

    #[test]
    fn octets_of_any_kind_do_not_panic(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _refused = SlurmFile::parse(&octets, SlurmDialect::Lenient);
    }
}
