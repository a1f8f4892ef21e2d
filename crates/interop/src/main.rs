//! The interop matrix: our cache against implementations that others wrote. `cargo xtask test --peers` runs it.
//!
//! `world.rs` makes the data, `cache.rs` runs our program, `router/` the peers, and `report.rs` says what came of it.

mod cache;
mod document;
mod process;
mod report;
mod router;
mod step;
mod world;

use clap::Parser;
use report::{Group, Row};
use router::Peer;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// How many peers run at a time. They wait more than they work.
const AT_A_TIME: usize = 3;

type Outcome<T = ()> = Result<T, String>;

/// Runs rtrcast against the RTR implementations of others
#[derive(Parser)]
struct Arguments {
    /// The program under test [default: the one beside this program]
    #[arg(long, value_name = "PATH")]
    rtrcast: Option<PathBuf>,
    /// Take a missing peer for a failure, instead of leaving it out
    #[arg(long)]
    peers: bool,
    /// Only the peers whose names contain this
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// Say which of Debian's packages are missing, and do nothing else
    #[arg(long)]
    missing: bool,
    /// Write what came of it to this file, if no peer is missing
    #[arg(long, value_name = "PATH", requires = "peers", conflicts_with = "only")]
    write: Option<PathBuf>,
}

const ROUTERS: &str = "\
Each holds exactly what rtrcast serves, record for record: 45,000 IPv4 and 15,000 IPv6 VRPs, 40 router keys and 80
ASPAs, as far as it tells what it holds.

* **Notify**: 500 VRPs go and 700 come, and the peer has them long before its refresh. At version 2, another change
  withdraws ASPAs.
* **Restart**: the cache stops, and comes back at the same address with other data.
* **Downgrade**: the peer begins with its highest version, the cache speaks only lower ones, and the peer holds
  everything in each of those without waiting for a retry interval of ten minutes. A peer that can be told a version
  is also run with each.

What a peer does otherwise than the texts say stands under the table. A step in which it deviates is tried in each run
nevertheless.";

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("interop: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Outcome {
    if arguments.missing {
        return say_missing();
    }
    let program = program(arguments)?;
    let (rows, missing) = routers(arguments, &program)?;
    let groups = [Group { title: "Routers", introduction: ROUTERS, rows }];
    println!();
    groups.iter().for_each(|group| println!("{}\n\n{}", group.title, group.table()));
    if let Some(path) = arguments.write.as_ref().filter(|_| !missing) {
        std::fs::write(path, report::document(&groups)).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    if groups.iter().flat_map(|group| &group.rows).any(Row::failed) {
        return Err("a step failed; what it said is above".to_owned());
    }
    if arguments.peers && missing { Err("a peer is missing; it is named above".to_owned()) } else { Ok(()) }
}

fn program(arguments: &Arguments) -> Outcome<PathBuf> {
    let beside = || std::env::current_exe().map(|path| path.with_file_name("rtrcast"));
    let path = arguments.rtrcast.clone().map_or_else(beside, Ok);
    let path = path.map_err(|error| format!("no --rtrcast, and where this program lies is not known: {error}"))?;
    path.canonicalize().map_err(|error| format!("{}: {error}; `cargo build -p rtrcast` makes it", path.display()))
}

fn say_missing() -> Outcome {
    let missing = router::ALL.iter().filter(|peer| (peer.version)().is_none()).map(|peer| peer.package);
    let packages: BTreeSet<&str> = missing.flat_map(str::split_whitespace).collect();
    packages.iter().for_each(|package| println!("{package}"));
    Ok(())
}

/// What came of each router that is there, and whether one is not.
fn routers(arguments: &Arguments, program: &Path) -> Outcome<(Vec<Row>, bool)> {
    let only = arguments.only.as_deref().unwrap_or_default().to_lowercase();
    let wanted = |name: &str| name.to_lowercase().contains(&only);
    let wanted: Vec<&Peer> = router::ALL.iter().copied().filter(|peer| wanted(peer.name)).collect();
    if wanted.is_empty() {
        let names: Vec<&str> = router::ALL.iter().map(|peer| peer.name).collect();
        return Err(format!("--only fits none of {}", names.join(", ")));
    }
    let mut here = Vec::new();
    for &peer in &wanted {
        match (peer.version)() {
            Some(version) => here.push((peer, version)),
            None => println!("{}: not installed, left out; Debian has it in {}", peer.name, peer.package),
        }
    }
    let missing = here.len() < wanted.len();
    Ok((in_threads(&here, |(peer, version)| router::run(peer, version.clone(), program)), missing))
}

/// Does something with all items, a few at a time; what comes of them has their order.
fn in_threads<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(place) else { break };
                    let result = work(item);
                    done.lock().unwrap_or_else(PoisonError::into_inner).insert(place, result);
                }
            });
        }
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner).into_values().collect()
}
