//! `cargo xtask crashes`: kills the program very many times under constant updates, by the tests of
//! `crates/rtrcast/tests/serve/crashes.rs` on the release build.

use crate::run::{Outcome, cargo_with};

/// What to run.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Rounds of each test
    #[arg(default_value_t = 1_000)]
    rounds: u32,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    // One after the other: each counts on the processor that it has alone.
    const TEST: [&str; 10] = [
        "test",
        "--release",
        "--package",
        "rtrcast",
        "--test",
        "serve",
        "crashes::",
        "--",
        "--nocapture",
        "--test-threads=1",
    ];
    cargo_with(&TEST, &[("RTRCAST_CRASH_ROUNDS", &arguments.rounds.to_string())])
}
