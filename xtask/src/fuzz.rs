//! `cargo xtask fuzz`: runs the fuzz targets of `fuzz/`, two at a time.

use crate::run::{Outcome, cargo, cargo_with};
use std::collections::{BTreeSet, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

/// What to run.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Minutes for each target
    #[arg(default_value = "1")]
    minutes: f64,
    /// Only these targets, separated by commas
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
    /// Add to the corpora of fuzz/corpus what was found that covers more
    #[arg(long)]
    merge: bool,
}

/// The version of cargo-fuzz that is installed where it is missing.
const CARGO_FUZZ: &str = "0.13.1";

/// Targets at a time.
const AT_A_TIME: usize = 2;

/// The most octets of an input: longer ones take longer, and find nothing that shorter ones don't.
const OCTETS_MAX: usize = 4_096;

/// Memory of a target in MiB: beyond it a bound is missing.
const MEMORY_MIB_MAX: usize = 2_048;

/// The most octets of a file that is added to a corpus of the repository, and the most such files of one target.
const KEPT_OCTETS_MAX: u64 = 1_024;
const CORPUS_FILES_MAX: usize = 40;

/// A target that runs.
struct Running {
    name: String,
    child: Child,
    log: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("xtask has no parent directory")?;
    let binaries = build(root)?;
    let mut names = VecDeque::new();
    for entry in fs::read_dir(root.join("fuzz/fuzz_targets")).map_err(|error| format!("fuzz/fuzz_targets: {error}"))? {
        let path = entry.map_err(|error| error.to_string())?.path();
        let name = stem(&path);
        if arguments.only.is_empty() || arguments.only.contains(&name) {
            names.push_back(name);
        }
    }
    names.make_contiguous().sort();
    if names.is_empty() {
        return Err(format!("there is no target {}", arguments.only.join(", ")));
    }
    if arguments.merge {
        return names.iter().try_for_each(|name| merge(root, &binaries, name));
    }
    let seconds = (arguments.minutes * 60.0).ceil();
    let (mut running, mut failed) = (Vec::new(), Vec::new());
    println!("target: executions, a second, edges covered, files in the corpus");
    while !names.is_empty() || !running.is_empty() {
        while running.len() < AT_A_TIME
            && let Some(name) = names.pop_front()
        {
            running.push(start(root, &binaries, name, seconds)?);
        }
        thread::sleep(Duration::from_millis(200));
        for mut target in std::mem::take(&mut running) {
            match target.child.try_wait().map_err(|error| error.to_string())? {
                None => running.push(target),
                Some(status) => {
                    println!("{}", summary(&target, status.success()));
                    if !status.success() {
                        failed.push(target.name);
                    }
                }
            }
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("findings of {}", failed.join(", "))) }
}

/// Checks that the targets compile, and that there are a file, a binary and a corpus of each.
pub(crate) fn check() -> Outcome {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("xtask has no parent directory")?;
    let stems = |folder: &str| -> Result<BTreeSet<String>, String> {
        let entries = fs::read_dir(root.join(folder)).map_err(|error| format!("{folder}: {error}"))?;
        entries.map(|entry| entry.map_err(|error| error.to_string())).map(|entry| Ok(stem(&entry?.path()))).collect()
    };
    let manifest =
        fs::read_to_string(root.join("fuzz/Cargo.toml")).map_err(|error| format!("fuzz/Cargo.toml: {error}"))?;
    let paths = manifest.lines().filter_map(|line| line.strip_prefix("path = \"fuzz_targets/"));
    let binaries: BTreeSet<String> = paths.map(|path| stem(Path::new(path.trim_end_matches('"')))).collect();
    let (files, corpora) = (stems("fuzz/fuzz_targets")?, stems("fuzz/corpus")?);
    if let Some(name) = files.symmetric_difference(&binaries).chain(files.symmetric_difference(&corpora)).next() {
        return Err(format!("fuzz: {name} is not in all of fuzz_targets, corpus and Cargo.toml"));
    }
    // Nothing is linked, so libFuzzer itself need not be built.
    let path = |name: &str| root.join(name).display().to_string();
    let (target, library, manifest) =
        (path("target/fuzz-check"), path("target/fuzz-check/none.a"), path("fuzz/Cargo.toml"));
    let environment = [
        ("CARGO_TARGET_DIR", target.as_str()),
        ("CUSTOM_LIBFUZZER_PATH", library.as_str()),
        ("RUSTFLAGS", "--cfg fuzzing -D warnings"),
    ];
    cargo_with(&["check", "--manifest-path", &manifest, "--bins"], &environment)
}

fn stem(path: &Path) -> String {
    path.file_stem().map_or(String::new(), |name| name.to_string_lossy().into_owned())
}

/// Builds all targets, with the address sanitizer if there is a nightly toolchain. Returns the folder of the binaries.
fn build(root: &Path) -> Result<PathBuf, String> {
    let tools = root.join("target/tools");
    let program = tools.join("bin/cargo-fuzz");
    if !program.exists() {
        println!("installing cargo-fuzz {CARGO_FUZZ}");
        let package = format!("cargo-fuzz@{CARGO_FUZZ}");
        let tools = tools.display().to_string();
        cargo(&["install", "--quiet", "--debug", "--root", &tools, &package])?;
    }
    let has_nightly = Command::new("cargo")
        .args(["+nightly", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    let mut fuzz = Command::new(&program);
    fuzz.args(["fuzz", "build"]).current_dir(root.join("fuzz"));
    if has_nightly {
        fuzz.env("RUSTUP_TOOLCHAIN", "nightly");
    } else {
        println!("there is no nightly toolchain: without the address sanitizer");
        fuzz.args(["--sanitizer", "none"]).env("RUSTC_BOOTSTRAP", "1");
    }
    let status = fuzz.status().map_err(|error| format!("cargo-fuzz: {error}"))?;
    if !status.success() {
        return Err("the fuzz targets could not be built".to_owned());
    }
    Ok(root.join(format!("fuzz/target/{}-unknown-linux-gnu/release", std::env::consts::ARCH)))
}

/// Where a target's own corpus grows.
fn grown(root: &Path, name: &str) -> Result<PathBuf, String> {
    let folder = root.join("target/fuzz").join(name);
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(folder)
}

fn start(root: &Path, binaries: &Path, name: String, seconds: f64) -> Result<Running, String> {
    let log = root.join(format!("target/fuzz/{name}.log"));
    let corpus = grown(root, &name)?;
    let artifacts = format!("-artifact_prefix={}/", corpus.with_extension("findings").display());
    fs::create_dir_all(corpus.with_extension("findings")).map_err(|error| error.to_string())?;
    let file = fs::File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
    let child = Command::new(binaries.join(&name))
        .args([&corpus, &root.join("fuzz/corpus").join(&name)])
        .args([format!("-max_total_time={seconds}"), format!("-max_len={OCTETS_MAX}"), artifacts])
        .args([format!("-rss_limit_mb={MEMORY_MIB_MAX}"), "-timeout=20".to_owned(), "-print_final_stats=1".to_owned()])
        .stdout(Stdio::null())
        .stderr(file)
        .spawn()
        .map_err(|error| format!("{name}: {error}"))?;
    Ok(Running { name, child, log })
}

/// A line of what libFuzzer reports at the end.
fn summary(target: &Running, is_sound: bool) -> String {
    let log = fs::read_to_string(&target.log).unwrap_or_default();
    let stat = |name: &str| {
        let line = log.lines().rev().find(|line| line.contains(name));
        line.and_then(|line| line.rsplit(' ').next()).unwrap_or("?").to_owned()
    };
    let word = |before: &str| {
        let last = log.lines().rev().find(|line| line.contains(" cov: "));
        let mut words = last.unwrap_or_default().split_whitespace().skip_while(|word| *word != before);
        words.nth(1).unwrap_or("?").to_owned()
    };
    let finding = if is_sound { String::new() } else { format!("; FINDING, see {}", target.log.display()) };
    format!(
        "{}: {}, {}, {}, {}{finding}",
        target.name,
        stat("stat::number_of_executed_units"),
        stat("stat::average_exec_per_sec"),
        word("cov:"),
        word("corp:")
    )
}

/// Adds some inputs to the repository's corpus that cover more than it does, in place of those of an earlier merge.
fn merge(root: &Path, binaries: &Path, name: &str) -> Outcome {
    let (corpus, from) = (root.join("fuzz/corpus").join(name), grown(root, name)?);
    let small = root.join(format!("target/fuzz/{name}.merged"));
    let _ = fs::remove_dir_all(&small);
    fs::create_dir_all(&small).map_err(|error| error.to_string())?;
    let merged = Command::new(binaries.join(name))
        .args(["-merge=1", &format!("-max_len={KEPT_OCTETS_MAX}")])
        .args([&small, &corpus, &from])
        .stderr(Stdio::null())
        .status();
    if !merged.is_ok_and(|status| status.success()) {
        return Err(format!("{name}: the corpora could not be merged"));
    }
    let mut files: Vec<(u64, PathBuf)> = Vec::new();
    for entry in fs::read_dir(&small).map_err(|error| error.to_string())? {
        let entry = entry.map_err(|error| error.to_string())?;
        files.push((entry.metadata().map_or(0, |metadata| metadata.len()), entry.path()));
    }
    // Those of an earlier merge go, or the corpus would grow with each.
    let is_hash = |name: &str| name.len() == 40 && name.bytes().all(|octet| octet.is_ascii_hexdigit());
    for entry in fs::read_dir(&corpus).map_err(|error| error.to_string())? {
        let path = entry.map_err(|error| error.to_string())?.path();
        if path.file_name().and_then(|name| name.to_str()).is_some_and(is_hash) {
            fs::remove_file(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        }
    }
    // Of each length some: the shortest alone cover little.
    files.sort();
    let step = files.len().div_ceil(CORPUS_FILES_MAX).max(1);
    let mut kept = 0;
    for (_, path) in files.iter().rev().step_by(step) {
        let target = corpus.join(path.file_name().unwrap_or_default());
        fs::copy(path, &target).map_err(|error| format!("{}: {error}", target.display()))?;
        kept += 1;
    }
    println!("{name}: {kept} of {} files that cover more", files.len());
    Ok(())
}
