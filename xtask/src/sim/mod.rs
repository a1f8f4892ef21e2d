//! `cargo xtask sim`: runs the simulator for some minutes, or proves that it finds defects.

mod defects;

use crate::run::{Outcome, cargo};
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// What to run.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Minutes to run
    #[arg(default_value = "5", conflicts_with_all = ["seed", "defects"])]
    minutes: f64,
    /// The first seed; without it the seconds since 1970, so that each run has others
    #[arg(long, value_name = "SEED", conflicts_with_all = ["seed", "defects"])]
    first: Option<u64>,
    /// Run one seed, and print what happens, in the text form of PDUs
    #[arg(long, value_name = "SEED", conflicts_with = "defects")]
    seed: Option<u64>,
    /// Put each of the defects of crates/sim/defects into a copy of the code, and tell by which seed it is found
    #[arg(long)]
    defects: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("xtask has no parent directory")?;
    if arguments.defects {
        return defects::run(root);
    }
    cargo(&["build", "--profile", "sim", "--package", "rtrcast-sim"])?;
    let mut simulator = Command::new(root.join("target/sim/rtrcast-sim"));
    match arguments.seed {
        Some(seed) => simulator.args(["--seed", &seed.to_string()]),
        None => {
            let first = arguments.first.unwrap_or_else(seconds);
            println!("seeds from {first} on");
            simulator.args([arguments.minutes.to_string(), first.to_string()])
        }
    };
    let status = simulator.status().map_err(|error| format!("rtrcast-sim: {error}"))?;
    if status.success() { Ok(()) } else { Err("the simulator found a failure".to_owned()) }
}

fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}
