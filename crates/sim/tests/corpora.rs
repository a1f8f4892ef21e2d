//! The fuzzers' corpora, without a fuzzer; and some octets that nobody chose.

use rtrcast_sim::{octets_of_seed, targets};
use std::fs;
use std::path::Path;

#[test]
fn the_corpora_find_nothing() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for (name, target) in targets::ALL {
        let mut files = 0;
        for entry in fs::read_dir(corpora.join(name)).unwrap_or_else(|error| panic!("{name}: {error}")) {
            target(&fs::read(entry.expect("an entry").path()).expect("a file"));
            files += 1;
        }
        assert!(files > 0, "{name}");
    }
}

#[test]
fn octets_of_seeds_find_nothing() {
    for (name, target) in targets::ALL.into_iter().filter(|(name, _)| *name != "world") {
        for seed in 0..200 {
            let octets = octets_of_seed(seed, 1 + usize::try_from(seed).unwrap_or(0) * 3);
            let outcome = std::panic::catch_unwind(|| target(&octets));
            assert!(outcome.is_ok(), "{name}, seed {seed}");
        }
    }
}
