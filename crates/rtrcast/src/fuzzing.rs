//! What the fuzzers of `fuzz/` do with octets. The tests replay their corpora.

use crate::config::read_text_of_file;

/// A configuration file: any octets are a configuration or a message.
pub fn configuration(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else { return };
    if let Err(message) = read_text_of_file(text) {
        assert!(!message.trim().is_empty(), "a mistake without a message");
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_corpus_of_configurations() {
        let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/configuration");
        let mut files = 0;
        for entry in std::fs::read_dir(corpus).unwrap() {
            super::configuration(&std::fs::read(entry.unwrap().path()).unwrap());
            files += 1;
        }
        assert!(files > 0);
    }
}
