//! What the fuzzers do with octets: each function panics if something that has to hold does not. The tests replay the
//! fuzzers' corpora with them, without a fuzzer.

mod documents;
mod protocol;
mod sessions;
mod sets;
mod state;

pub use documents::{document, slurm};
pub use protocol::{codec, text};
pub use sessions::{client, server};
pub use sets::delta;
pub use state::{change_log, snapshot, source_tables};

/// A target: it panics if something does not hold.
pub type Target = fn(&[u8]);

/// Runs the simulated world.
pub fn world(octets: &[u8]) {
    if let Err(failure) = crate::run(octets) {
        panic!("after {} actions: {}", failure.steps, failure.what);
    }
}

/// Returns the target of this name.
pub fn named(name: &str) -> Target {
    ALL.iter()
        .find(|(other, _)| *other == name)
        .map_or_else(|| panic!("there is no target {name}"), |(_, target)| *target)
}

/// The targets of `proto` and `feed`, by the names of their corpora.
pub const ALL: [(&str, Target); 13] = [
    ("codec", codec),
    ("text", text),
    ("server", server),
    ("client", client),
    ("json", document),
    ("csv", document),
    ("ccr", document),
    ("slurm", slurm),
    ("delta", delta),
    ("snapshot", snapshot),
    ("source_tables", source_tables),
    ("change_log", change_log),
    ("world", world),
];
