//! Instruction counts: the kernels of `crates/bench/src/counted`, under callgrind, against a table in the repository.
//!
//! A count is the same from run to run where seconds are not, so that a few percent show on any machine. It depends on
//! the compiler, so the table names the one that it was made with; another one is given more room.

mod callgrind;
mod table;

use crate::generate;
use crate::peers;
use crate::run::{Outcome, cargo};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use table::{Table, Verdict};

/// What to do with the counts.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Write the counts to the table, instead of comparing them with it
    #[arg(long)]
    accept: bool,
    /// Only the kernels whose names contain this
    #[arg(conflicts_with = "accept")]
    filter: Option<String>,
}

/// How large the data are.
const VRPS: u64 = 10_000;
const ASPAS: u64 = 200;
const ROUTER_KEYS: u64 = 50;

/// VRPs that come or go from one generation to the next, of which `crates/bench` wants so many.
const CHANGES: u64 = 1_000;
const GENERATIONS: u64 = 5;

/// What glibc may use of a processor, so that another one counts the same.
const TUNABLES: &str = "glibc.cpu.hwcaps=-AVX,-AVX2,-AVX_Fast_Unaligned_Load,-AVX512F,-AVX512VL,-AVX512BW,-ERMS,-FSRM";

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    const BUILD: [&str; 8] =
        ["build", "--quiet", "--release", "--package", "rtrcast-bench", "--no-default-features", "--bin", "counted"];
    peers::provide("valgrind", "--version", &["valgrind", "libc6-dbg"])?;
    cargo(&BUILD)?;
    let target = target_directory();
    let (program, directory) = (target.join("release/counted"), target.join("counted"));
    write_documents(&directory)?;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("crates").join("bench/instructions.txt");
    let compiler = peers::output(Command::new("rustc").arg("--version"))?.trim().to_owned();

    let mut counts = BTreeMap::new();
    for kernel in peers::output(&mut Command::new(&program))?.lines() {
        if arguments.filter.as_deref().is_none_or(|filter| kernel.contains(filter)) {
            counts.insert(kernel.to_owned(), count(&program, kernel, &directory)?);
        }
    }
    if counts.is_empty() {
        return Err(format!("no kernel's name contains {:?}", arguments.filter.as_deref().unwrap_or_default()));
    }
    let counts = Table { compiler, counts };
    if arguments.accept {
        return counts.write(&path);
    }
    judge(&Table::read(&path)?, &counts, arguments.filter.is_none())
}

/// Where cargo puts what it builds: this program lies in a directory of that, one for its profile.
fn target_directory() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    program.ancestors().nth(2).map_or_else(|| PathBuf::from("target"), Path::to_owned)
}

/// One kernel's instructions, said and returned.
fn count(program: &Path, kernel: &str, directory: &Path) -> Result<u64, String> {
    let out = directory.join(format!("{kernel}.callgrind"));
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--quiet", "--toggle-collect=counted::collected*"]);
    command.arg(format!("--callgrind-out-file={}", out.display())).args([program, Path::new(kernel), directory]);
    // The environment lies on the stack, and would shift what stands above it.
    command.env_clear().env("PATH", "/usr/bin:/bin").env("GLIBC_TUNABLES", TUNABLES);
    let units = peers::output(&mut command)?;
    let text = std::fs::read_to_string(&out).map_err(|error| format!("{}: {error}", out.display()))?;
    let instructions = callgrind::instructions(&text).map_err(|error| format!("{}: {error}", out.display()))?;
    let units: u64 = units.trim().parse().map_err(|error| format!("counted {kernel} said {units:?}: {error}"))?;
    if units == 0 {
        return Err(format!("counted {kernel} had nothing to do"));
    }
    println!("{kernel:<16}{instructions:>14} instructions, {:>8} for each of {units}", instructions / units);
    Ok(instructions)
}

/// The same set in each form, and the generations after it.
fn write_documents(directory: &Path) -> Outcome {
    std::fs::create_dir_all(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let write = |name: String, generation: u64| {
        let size = generate::Size { vrps: VRPS, aspas: ASPAS, router_keys: ROUTER_KEYS, changes: CHANGES };
        generate::write(&generate::Arguments::of(directory.join(name), size, generation)).map(drop)
    };
    write("0.csv".to_owned(), 0)?;
    write("0.ccr".to_owned(), 0)?;
    (0..GENERATIONS).try_for_each(|generation| write(format!("{generation}.json"), generation))
}

/// Says where the counts are not what the table has.
fn judge(table: &Table, counts: &Table, is_complete: bool) -> Outcome {
    if table.compiler != counts.compiler {
        println!(
            "crates/bench/instructions.txt was made with {}, and this is {}: {} percent are tolerated. \
             `cargo xtask count --accept` makes it anew",
            table.compiler,
            counts.compiler,
            table.tolerance(counts)
        );
    }
    let mut wrong = Vec::new();
    for verdict in table.compare(counts, is_complete) {
        println!("{verdict}");
        if let Verdict::Above { .. } | Verdict::Unknown { .. } | Verdict::Gone { .. } = verdict {
            wrong.push(verdict);
        }
    }
    match wrong.len() {
        0 => Ok(()),
        wrong => Err(format!("{wrong} counts are not what crates/bench/instructions.txt has")),
    }
}
