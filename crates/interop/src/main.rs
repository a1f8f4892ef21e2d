//! The interop matrix: our cache against implementations that others wrote. `cargo xtask test --peers` runs it.
//!
//! `world.rs` makes the data, `cache.rs` runs our program, `router/` the peers, and `report.rs` says what came of it.

mod cache;
mod document;
mod process;
mod report;
mod router;
mod world;

use clap::Parser;
use report::{Group, Row};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

type Outcome<T = ()> = Result<T, String>;

/// Runs rtrcast against the RTR implementations of others
#[derive(Parser)]
struct Arguments {
    /// The program under test
    #[arg(long, value_name = "PATH")]
    rtrcast: PathBuf,
    /// Take a missing peer for a failure, instead of leaving it out
    #[arg(long)]
    peers: bool,
    /// Only the peers whose names contain this
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// Write what came of it to this file
    #[arg(long, value_name = "PATH", requires = "peers", conflicts_with = "only")]
    write: Option<PathBuf>,
}

const ROUTERS: &str = "\
Each holds exactly what rtrcast serves, record for record: 45,000 IPv4 and 15,000 IPv6 VRPs, 40 router keys and 80
ASPAs, as far as it tells what it holds. *Notify*: 500 VRPs less and 700 more reach it long before its refresh.
*Restart*: the cache goes, and comes back with other data. *Downgrade*: the peer begins with its highest version, the
cache speaks only lower ones, and the peer holds everything in each of those without waiting for a retry interval.";

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
    let program = arguments
        .rtrcast
        .canonicalize()
        .map_err(|error| format!("{}: {error}; `cargo build -p rtrcast` makes it", arguments.rtrcast.display()))?;
    let (rows, missing) = routers(arguments, &program);
    let groups = [Group { title: "Routers", introduction: ROUTERS, rows }];
    println!();
    groups.iter().for_each(|group| println!("{}", group.text()));
    if let Some(path) = &arguments.write {
        std::fs::write(path, report::document(&groups)).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    if groups.iter().flat_map(|group| &group.rows).any(Row::failed) {
        return Err("a step failed; what it said is above".to_owned());
    }
    if arguments.peers && missing { Err("a peer is missing".to_owned()) } else { Ok(()) }
}

/// What came of each router that is there, and whether one is not.
fn routers(arguments: &Arguments, program: &Path) -> (Vec<Row>, bool) {
    let wanted = |name: &str| arguments.only.as_ref().is_none_or(|only| name.contains(only.as_str()));
    let mut rows = Vec::new();
    let mut missing = false;
    for peer in router::ALL.iter().filter(|peer| wanted(peer.name)) {
        match (peer.version)() {
            Some(version) => rows.push(router::run(peer, version, program)),
            None => {
                println!("{}: not here, left out; Debian's package {} has it", peer.name, peer.package.unwrap_or("–"));
                missing = true;
            }
        }
    }
    (rows, missing)
}
