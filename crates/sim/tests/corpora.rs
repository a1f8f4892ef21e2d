//! The fuzzers' corpora, without a fuzzer.

use rtrcast_sim::targets;
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
