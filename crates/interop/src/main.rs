//! The interop matrix: our cache against implementations that others wrote. `cargo xtask test --peers` runs it.
//!
//! `world.rs` makes the data, `cache.rs` runs our program, `router/` its peers that are routers, `server/` those that are
//! caches, `transport/` has routers come over TLS, SSH and TCP-MD5, and `report.rs` says what came of it.

mod cache;
mod document;
mod process;
mod report;
mod root;
mod router;
mod server;
mod step;
mod transport;
mod world;

use clap::Parser;
use report::{Columns, Group, Row};
use root::{Release, Root, Roots};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// How many peers run at a time. They wait more than they work.
const AT_A_TIME: usize = 4;

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
    /// The folder with the packages of Debian 13, which take it for the whole file system
    #[arg(long, value_name = "PATH")]
    debian_13: Option<PathBuf>,
    /// Say which of this machine's packages are missing, and do nothing else
    #[arg(long)]
    missing: bool,
    /// Write what came of it to this file, if no peer is missing
    #[arg(long, value_name = "PATH", requires = "peers", conflicts_with = "only")]
    write: Option<PathBuf>,
}

const ROUTERS: &str = "\
Each holds exactly what rtrcast serves, record for record: 45,000 IPv4 and 15,000 IPv6 VRPs, 40 router keys and 80
ASPAs, as far as it shows what it holds.

* **Notify**: 500 VRPs are withdrawn and 700 announced, and the peer has them long before its refresh. At version 2,
  another change withdraws ASPAs.
* **Restart**: the cache stops, and is started again at the same address with other data.
* **Planned stop**: the cache is stopped by SIGTERM, and started again a second later. During that second the peer holds
  all that it had, and until it has the new set, nothing that is in both is ever missing.
* **Cache Restart**: the same with `--send-cache-restart` (code 12, at version 2).
* **Crash**: a cache with a state directory is killed and comes back with other data in the same session. The peer's first
  query is answered with what changed (`delta`), or with everything if that is what it asks for (`full`).
* **Cold start**: the peer asks a cache that has no data yet. They come 5 s later, and the peer has them on the same
  connection, with a retry interval of ten minutes.
* **Downgrade**: the peer begins with its highest version, the cache speaks only lower ones, and the peer holds
  everything in each of those without waiting for a retry interval of ten minutes. A peer that has an option for the
  version is also run with each.

Those of Debian 13 are run from a folder with its packages, the others as this machine has them, or within the matrix's
own program.

Deviations of a peer from the specifications are listed under the table. A step in which it deviates is tried in each
run nevertheless.";

const SERVERS: &str = "\
rtrcast follows each of them, as a library and as `rtrcast serve tcp://...`, and holds exactly what it serves, record
for record, out of the same records. Our client begins at version 2.

* **Full load**: at the highest version that the cache speaks, without waiting for a retry interval in between.
* **Notify**: 500 VRPs are withdrawn and 700 announced, after a notify. At version 2, another change withdraws ASPAs.
* **Restart**: the cache stops, and is started again at the same address with other data. Until rtrcast has
  them, it serves the data from before, and nothing in between.
* **Downgrade**: a cache that can be limited to lower versions is limited to each, and our client connects a hundred
  times in a row without waiting. It also begins with each lower version once.

Deviations of a cache from the specifications are listed under the table. A step in which it deviates is tried in each
run nevertheless.";

const TRANSPORTS: &str = "\
The same records over protected transports (8210bis section 9), compared record for record. A client presents a
certificate with its address, a key of OpenSSH, a password, or a key of TCP-MD5; it verifies the cache's certificate or
host key. `s_client` and `ssh -s` carry the `rpki` crate's client, so that neither the implementation of RTR nor that of
the transport is ours. TCP-MD5 runs between two network namespaces.

* **Update**: 500 VRPs are withdrawn and 700 announced, and the peer has them long before its refresh.
* **Restart**: the cache stops, and is started again at the same address with other data.
* **End**: the cache stops. It logs that the session ended in order, and clients that show it have seen the close_notify
  of TLS, or the exit status 0 and the end of the channel of SSH.
* **Final report**: each of 200 connections, four at a time, sends one query too many in a version that does not exist,
  and gets all octets of the Error Reports, and then that same end.
* **Refused**: no certificate, one of another authority, another address than the certificate's; another key, a shell, a
  command or another subsystem; no key or another one of TCP-MD5. No such client gets an octet of RTR.";

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
    let roots = roots(arguments)?;
    let program = program(arguments)?;
    let (all, missing) = run_peers(arguments, &roots, &program)?;
    let [mut routers, mut servers, mut transports] = [const { Vec::new() }; 3];
    for (peer, row) in all {
        match peer.kind {
            Kind::Router(_) => routers.push(row),
            Kind::Server(_) => servers.push(row),
            Kind::Transport(_) => transports.push(row),
        }
    }
    let groups = [
        Group { title: "Routers", introduction: ROUTERS, rows: routers, columns: Columns::Routers },
        Group { title: "Transports", introduction: TRANSPORTS, rows: transports, columns: Columns::Transports },
        Group { title: "Caches", introduction: SERVERS, rows: servers, columns: Columns::Caches },
    ];
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

/// A path is the same for who runs elsewhere, and a file below it too.
fn roots(arguments: &Arguments) -> Outcome<Roots> {
    let folder = arguments.debian_13.as_ref().map(|path| path.canonicalize().map_err(|error| (path, error)));
    let debian_13 = folder.transpose().map_err(|(path, error)| format!("{}: {error}", path.display()))?;
    Ok(Roots { debian_13 })
}

fn say_missing() -> Outcome {
    let all = peers(&Roots::default()).into_iter();
    let missing: Vec<Peer> = all.filter(|peer| peer.root.is_some() && peer.version.is_none()).collect();
    let packages: BTreeSet<&str> = missing.iter().flat_map(|peer| peer.package.split_whitespace()).collect();
    packages.iter().for_each(|package| println!("{package}"));
    Ok(())
}

/// A peer of any kind.
struct Peer {
    name: String,
    package: String,
    release: Release,
    /// Where its programs are, if that release is there.
    root: Option<Root>,
    version: Option<String>,
    kind: Kind,
}

enum Kind {
    Router(&'static router::Peer),
    Server(&'static server::Peer),
    Transport(&'static transport::Peer),
}

fn peers(roots: &Roots) -> Vec<Peer> {
    let routers = router::ALL
        .iter()
        .map(|&peer| Peer::new(peer.name, peer.package, peer.release, roots, peer.version, Kind::Router(peer)));
    let servers = server::ALL
        .iter()
        .map(|&peer| Peer::new(peer.name, peer.package, peer.release, roots, peer.version, Kind::Server(peer)));
    let transports = transport::ALL.iter().map(|peer| {
        let version = |root: &Root| peer.version(root);
        Peer::new(peer.name(), peer.packages(), peer.release(), roots, version, Kind::Transport(peer))
    });
    routers.chain(transports).chain(servers).collect()
}

impl Peer {
    fn new(
        name: impl Into<String>,
        package: impl Into<String>,
        release: Release,
        roots: &Roots,
        version: impl Fn(&Root) -> Option<String>,
        kind: Kind,
    ) -> Peer {
        let root = roots.of(release);
        let version = root.as_ref().and_then(version);
        Peer { name: name.into(), package: package.into(), release, root, version, kind }
    }
}

/// What came of each peer that is there, and whether one is not.
fn run_peers(arguments: &Arguments, roots: &Roots, program: &Path) -> Outcome<(Vec<(Peer, Row)>, bool)> {
    let only = arguments.only.as_deref().unwrap_or_default().to_lowercase();
    let all = peers(roots);
    let names: Vec<String> = all.iter().map(|peer| peer.name.clone()).collect();
    let (wanted, _): (Vec<Peer>, Vec<Peer>) =
        all.into_iter().partition(|peer| peer.name.to_lowercase().contains(&only));
    if wanted.is_empty() {
        return Err(format!("--only fits none of {}", names.join(", ")));
    }
    let (here, missing): (Vec<Peer>, Vec<Peer>) = wanted.into_iter().partition(|peer| peer.version.is_some());
    for peer in &missing {
        let Peer { name, package, release, .. } = peer;
        let debian = match release {
            Release::Machine => "Debian",
            Release::Debian13 => "Debian 13",
        };
        println!("{name}: left out, not installed or not for this user; {debian} has it in {package}");
    }
    let credentials = transport::Credentials::default();
    let rows = in_threads(&here, |peer| {
        let version = peer.version.clone().unwrap_or_default();
        let root = peer.root.as_ref().unwrap_or(&Root::Machine);
        match peer.kind {
            Kind::Router(peer) => router::run(peer, root, version, program),
            Kind::Server(peer) => server::run(peer, root, version, program),
            Kind::Transport(peer) => transport::run(peer, root, version, program, &credentials),
        }
    });
    Ok((here.into_iter().zip(rows).collect(), !missing.is_empty()))
}

/// Does something with all items, a few at a time; what comes of them has their order. The last ones, caches that take a
/// minute to see a change, begin.
fn in_threads<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                let take = || items.len().checked_sub(1 + next.fetch_add(1, Ordering::Relaxed));
                while let Some(place) = take() {
                    let Some(item) = items.get(place) else { break };
                    let result = work(item);
                    done.lock().unwrap_or_else(PoisonError::into_inner).insert(place, result);
                }
            });
        }
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner).into_values().collect()
}
