//! What the fuzzers of `fuzz/` do with octets. The tests replay their corpora.

use crate::proxy;

/// A PROXY header, which comes in any pieces.
pub fn proxy_header(octets: &[u8]) {
    proxy::fuzz(octets);
}

/// The file of a login's keys.
#[cfg(feature = "ssh")]
pub fn authorized_keys(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else { return };
    if let Err(error) = crate::ssh::AuthorizedKeys::parse(text) {
        assert!(!error.to_string().is_empty());
        assert!((1..=1 + text.matches('\n').count()).contains(&error.line), "{error}");
    }
}

/// The file of hosts' keys.
#[cfg(feature = "ssh")]
pub fn known_hosts(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else { return };
    match crate::ssh::KnownHosts::parse(text) {
        Ok(known) => known.notes().iter().for_each(|note| assert!(!note.to_string().is_empty())),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

#[cfg(test)]
mod tests {
    fn replay(target: &str, run: fn(&[u8])) {
        let corpus = format!("{}/../../fuzz/corpus/{target}", env!("CARGO_MANIFEST_DIR"));
        let mut files = 0;
        for entry in std::fs::read_dir(corpus).unwrap() {
            run(&std::fs::read(entry.unwrap().path()).unwrap());
            files += 1;
        }
        assert!(files > 0, "{target}");
    }

    #[test]
    fn the_corpus_of_proxy_headers() {
        replay("proxy_header", super::proxy_header);
    }

    #[cfg(feature = "ssh")]
    #[test]
    fn the_corpora_of_key_files() {
        replay("authorized_keys", super::authorized_keys);
        replay("known_hosts", super::known_hosts);
    }
}
