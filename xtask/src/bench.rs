//! The measurements of `crates/bench`, with the release build, and the data that they need.

use crate::generate::{self, Size};
use crate::run::{Outcome, cargo};
use std::path::Path;

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
    let (data, docs) = (text(&data)?, text(&root.join("docs"))?);
    let mut options: Vec<String> = ["run", "--quiet", "--release", "--package", "rtrcast-bench", "--", "run"]
        .into_iter()
        .map(str::to_owned)
        .chain(["--data".to_owned(), data])
        .collect();
    let numbers = [("--rounds", arguments.rounds), ("--peer-rounds", arguments.peer_rounds)];
    for (name, number) in numbers.into_iter().filter_map(|(name, number)| Some((name, number?))) {
        options.extend([name.to_owned(), number.to_string()]);
    }
    options.extend(arguments.only.iter().flat_map(|only| ["--only".to_owned(), only.clone()]));
    if arguments.write {
        options.extend(["--write".to_owned(), docs]);
    }
    cargo(&options.iter().map(String::as_str).collect::<Vec<_>>())
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

fn text(path: &Path) -> Result<String, String> {
    path.to_str().map(str::to_owned).ok_or_else(|| format!("{} is not UTF-8", path.display()))
}
