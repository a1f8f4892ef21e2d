//! The checks that a person and CI run alike.

use crate::api;
use crate::architecture;
use crate::conformance;
use crate::fuzz;
use crate::imports;
use crate::names;
use crate::peers::{self, Missing};
use std::process::{Command, Stdio};
use std::time::Instant;

/// What to test.
#[derive(clap::Args)]
pub(crate) struct TestArguments {
    /// Only the tests whose names contain this, and no interop matrix
    filter: Option<String>,
    /// Install the peers of the interop matrix from Debian's packages, take a missing one for a failure, and write
    /// INTEROP.md. Without it, a missing peer is left out, and named
    #[arg(long, conflicts_with = "filter")]
    peers: bool,
}

/// What `feed` is made of. Beside `proto` it is decompression and hashes, which compute and touch nothing else, and what
/// those are made of in turn.
const FEED_ALLOWED: [&str; 21] = [
    "rtrcast-feed",
    "rtrcast-proto",
    // gzip.
    "flate2",
    "miniz_oxide",
    "adler2",
    "simd-adler32",
    "crc32fast",
    // zstd, whose library is written in C.
    "zstd",
    "zstd-safe",
    "zstd-sys",
    // xz, whose SHA-256 comes with its OBJECT IDENTIFIER.
    "lzma-rust2",
    "const-oid",
    // The hashes of a CCR. `cpufeatures` asks the processor what it can.
    "sha2",
    "digest",
    "block-buffer",
    "crypto-common",
    "hybrid-array",
    "typenum",
    "cpufeatures",
    "cfg-if",
    // Checksums of files of state.
    "xxhash-rust",
];

/// The features of `net` without which others build it; the workspace has all of them.
const NET_FEATURES: [&str; 3] = ["", "tls", "ssh"];

pub(crate) type Outcome = Result<(), String>;

/// Every test of the workspace, then the interop matrix. nextest runs them in parallel where it is installed; it does not run those in
/// documentation, so plain cargo does.
pub(crate) fn test(arguments: &TestArguments) -> Outcome {
    let filter: Vec<&str> = arguments.filter.iter().map(String::as_str).collect();
    if has_nextest() {
        cargo(&[&["nextest", "run", "--locked", "--workspace", "--no-tests=warn"], filter.as_slice()].concat())?;
        cargo(&[&["test", "--workspace", "--doc"], filter.as_slice()].concat())?;
    } else {
        cargo(&[&["test", "--workspace"], filter.as_slice()].concat())?;
    }
    if !filter.is_empty() {
        return Ok(());
    }
    conformance::check()?;
    peers::run(if arguments.peers { Missing::Install } else { Missing::LeaveOut })
}

/// Formatting, lints, documentation, fuzz targets, what depends on what, what is public, and names.
pub(crate) fn check() -> Outcome {
    cargo(&["fmt", "--all", "--check"])?;
    cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])?;
    for features in NET_FEATURES {
        let net =
            ["clippy", "--package", "rtrcast-net", "--all-targets", "--no-default-features", "--features", features];
        cargo(&[net.as_slice(), &["--", "-D", "warnings"]].concat())?;
    }
    // A link that leads nowhere is an error.
    let strict = [("RUSTDOCFLAGS", "-D warnings")];
    cargo_with(&["doc", "--workspace", "--no-deps", "--document-private-items"], &strict)?;
    fuzz::check()?;
    fence("rtrcast-proto", &["rtrcast-proto"])?;
    fence("rtrcast-feed", &FEED_ALLOWED)?;
    fence("rtrcast-sim", &[&["rtrcast-sim"], FEED_ALLOWED.as_slice()].concat())?;
    imports::check()?;
    api::check()?;
    architecture::check()?;
    conformance::check()?;
    names::check()
}

/// Checks that a crate depends on these and nothing else.
fn fence(package: &str, allowed: &[&str]) -> Outcome {
    let output = command(&["tree", "--package", package, "--edges", "normal", "--prefix", "none", "--format", "{p}"])
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo tree: {error}"))?;
    let tree = String::from_utf8_lossy(&output.stdout);
    let found: Vec<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    match found.iter().find(|name| !allowed.contains(name)) {
        None if !found.is_empty() => Ok(()),
        None => Err(format!("cargo tree says nothing of {package}")),
        Some(stranger) => Err(format!("{package} depends on {stranger}; its fence allows {}", allowed.join(", "))),
    }
}

fn has_nextest() -> bool {
    let mut probe = Command::new(env!("CARGO"));
    probe.args(["nextest", "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
    probe.status().is_ok_and(|status| status.success())
}

/// cargo with these arguments. It leaves Cargo.lock as it is, and fails if something is missing there.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.arg("--locked").args(arguments);
    command
}

pub(crate) fn cargo(arguments: &[&str]) -> Outcome {
    cargo_with(arguments, &[])
}

pub(crate) fn cargo_with(arguments: &[&str], environment: &[(&str, &str)]) -> Outcome {
    println!("$ cargo {}", arguments.join(" "));
    let began = Instant::now();
    let status = command(arguments)
        .envs(environment.iter().copied())
        .status()
        .map_err(|error| format!("cargo {}: {error}", arguments.join(" ")))?;
    println!("  took {} s", began.elapsed().as_secs());
    if status.success() { Ok(()) } else { Err(format!("cargo {} failed", arguments.join(" "))) }
}
