//! The measurements of `crates/bench`, with the release build, and the data that they need.

use crate::generate::{self, Size};
use crate::run::{Outcome, cargo};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only these lines, separated by commas
    #[arg(long, value_name = "NAME", conflicts_with = "write")]
    only: Option<String>,
    /// Rounds of rtrcast and the bare programs
    #[arg(long, value_name = "NUMBER")]
    rounds: Option<u32>,
    /// Rounds of other caches, each of which takes minutes; 0 leaves them out
    #[arg(long, value_name = "NUMBER")]
    peer_rounds: Option<u32>,
    /// An older build of rtrcast, to be measured in turns with this one
    #[arg(long, value_name = "PATH", conflicts_with = "write")]
    before: Option<PathBuf>,
    /// Write docs/BENCH.md and docs/bench.svg
    #[arg(long)]
    write: bool,
}

/// One set of files: what their names begin with, the VRPs, the ASPAs and the seed.
struct Set(&'static str, u64, u64, u64);

/// The whole world, of which there are all formats.
const WORLD: Set = Set("full", 1_005_140, 3_085, 1);

/// Those of which there is JSON only, in two generations.
const SETS: [Set; 12] = [
    Set("10k", 10_000, 0, 1),
    Set("100k", 100_000, 0, 1),
    Set("4m", 4_000_000, 0, 1),
    Set("aspas10k", 10_000, 10_000, 1),
    Set("aspas", 10_000, 100_000, 1),
    Set("source2", 100_000, 0, 2),
    Set("source3", 100_000, 0, 3),
    Set("source4", 100_000, 0, 4),
    Set("source5", 100_000, 0, 5),
    Set("source6", 100_000, 0, 6),
    Set("source7", 100_000, 0, 7),
    Set("source8", 100_000, 0, 8),
];

/// Builds, makes the data, and measures.
pub(crate) fn run(arguments: &Arguments) -> Outcome {
    cargo(&["build", "--release", "--package", "rtrcast", "--package", "rtrcast-bench"])?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("this repository has no folder")?;
    let data = root.join("target").join("bench");
    make(&data)?;
    // Run as it was built, beside the program: `cargo run` would build both again with features of their own.
    let program = release_folder()?.join("rtrcast-bench");
    let mut command = Command::new(&program);
    command.arg("run").arg("--data").arg(&data);
    let numbers = [("--rounds", arguments.rounds), ("--peer-rounds", arguments.peer_rounds)];
    for (name, number) in numbers.into_iter().filter_map(|(name, number)| Some((name, number?))) {
        command.args([name, &number.to_string()]);
    }
    if let Some(only) = &arguments.only {
        command.args(["--only", only]);
    }
    if let Some(before) = &arguments.before {
        command.arg("--before").arg(before);
    }
    if arguments.write {
        command.arg("--write").arg(root.join("docs"));
    }
    let status = command.status().map_err(|error| format!("{}: {error}", program.display()))?;
    if status.success() { Ok(()) } else { Err(format!("{} ended with {status}", program.display())) }
}

/// Where release programs are built: beside the folder that this program lies in.
fn release_folder() -> Result<PathBuf, String> {
    let this = std::env::current_exe().map_err(|error| format!("where this program lies: {error}"))?;
    let target = this.parent().and_then(Path::parent).ok_or("this program lies in no folder")?;
    Ok(target.join("release"))
}

/// Makes the files that are missing. The same arguments give the same file, so one that is there is right.
fn make(folder: &Path) -> Outcome {
    std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for set in [&WORLD].into_iter().chain(&SETS) {
        for generation in 0..2 {
            make_file(folder, set, generation, "json")?;
        }
    }
    make_file(folder, &WORLD, 0, "csv")?;
    make_file(folder, &WORLD, 0, "ccr")
}

fn make_file(folder: &Path, set: &Set, generation: u64, format: &str) -> Outcome {
    let &Set(name, vrps, aspas, seed) = set;
    let out = folder.join(format!("{name}-{generation}.{format}"));
    if out.exists() {
        return Ok(());
    }
    let size = Size { vrps, aspas, router_keys: 2, changes: 2_000 };
    let mut arguments = generate::Arguments::of(out, size, generation);
    arguments.seed = seed;
    generate::run(&arguments)
}
