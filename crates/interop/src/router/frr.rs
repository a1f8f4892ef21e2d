//! FRRouting's BGP daemon, whose RPKI module is rtrlib; what it holds is read through its shell.

use super::{AfterCrash, Asks, Held, Peer, Release, Root, Router, Start};
use crate::Outcome;
use crate::process::{Process, output};
use crate::transport::{USER, Way};
use crate::world::Vrp;
use std::path::PathBuf;

pub(crate) const PEER: Peer = Peer {
    name: "FRRouting",
    package: "frr-rpki-rtrlib",
    release: Release::Machine,
    version: |root| root.package_version("frr-rpki-rtrlib", "vtysh"),
    speaks: &[1, 0],
    asks: Asks::HighestOnly,
    cache_flags: &[],
    after_crash: AfterCrash::Delta,
    start: |start| run(start, Syntax::Plain),
    exceptions: &[],
    notes: &[
        "does not show which router keys it holds.",
        "follows the cache's intervals, ignores those of its configuration, and stays at a lower version until it is \
         restarted.",
        "asks again at its retry interval after \"No Data Available\" (code 2); until then it ignores notifies.",
    ],
};

pub(crate) const DEBIAN_13: Peer = Peer {
    name: "FRRouting (Debian 13)",
    release: Release::Debian13,
    start: |start| run(start, Syntax::WithTransport),
    ..PEER
};

/// How its configuration names a cache.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Syntax {
    /// `rpki cache HOST PORT`, up to 9.
    Plain,
    /// `rpki cache tcp HOST PORT` or `rpki cache ssh HOST PORT`.
    WithTransport,
}

struct Frr {
    _daemon: Process,
    root: Root,
    /// Where the daemon's socket is, as it names it.
    folder: PathBuf,
}

/// It runs alone, without the daemon that knows the kernel's routes, and nobody can connect to it.
fn run(start: &Start, syntax: Syntax) -> Outcome<Box<dyn Router>> {
    let config = start.folder.join("bgpd.conf");
    std::fs::write(&config, configuration(start, syntax)?).map_err(|error| format!("{}: {error}", config.display()))?;
    // Another program of this name may be in the path.
    let mut command = start.root.command("/usr/lib/frr/bgpd");
    command.args(["--skip_runas", "--no_kernel", "--no_zebra", "--bgp_port", "0", "--vty_port", "0", "-M", "rpki"]);
    let folder = start.root.inside(start.folder);
    command.arg("--config_file").arg(folder.join("bgpd.conf")).arg("--pid_file").arg(folder.join("pid"));
    command.arg("--vty_socket").arg(&folder).args(["--log", "stdout", "--log-level", "debugging"]);
    if let Way::Ssh(..) = start.way {
        // It has functions of its own by the names of OpenSSL's, which libssh would get.
        command.env("LD_PRELOAD", "libcrypto.so.3");
    }
    let daemon = Process::start(&mut command, &start.folder.join("peer.log"))?;
    Ok(Box::new(Frr { _daemon: daemon, root: start.root.clone(), folder }))
}

fn configuration(start: &Start, syntax: Syntax) -> Outcome<String> {
    let Start { cache, retry_s, refresh_s, .. } = start;
    let login = login(start)?;
    let transport = match (syntax, start.way) {
        (Syntax::Plain, _) => "",
        (Syntax::WithTransport, Way::Ssh(..)) => "ssh ",
        (Syntax::WithTransport, _) => "tcp ",
    };
    Ok(format!(
        "rpki
 rpki polling_period {refresh_s}
 rpki retry_interval {retry_s}
 rpki expire_interval 7200
 rpki cache {transport}{} {}{login} preference 1
exit
",
        cache.ip(),
        cache.port()
    ))
}

/// What it calls the server's public key is a file of known hosts.
fn login(start: &Start) -> Outcome<String> {
    let Way::Ssh(files, login) = start.way else { return Ok(String::new()) };
    let known_hosts = files.known_hosts(start.cache, start.folder)?;
    let [key, known_hosts] = [files.key(login.key()?), known_hosts].map(|file| start.root.lend(&file, start.folder));
    Ok(format!(" {USER} {} {}", key?.display(), known_hosts?.display()))
}

impl Router for Frr {
    fn held(&mut self) -> Outcome<Held> {
        let mut command = self.root.command("vtysh");
        command.arg("--vty_socket").arg(&self.folder).args(["-d", "bgpd", "-c", "show rpki prefix-table"]);
        Ok(Held::vrps(output(&mut command)?.lines().filter_map(vrp).collect()))
    }
}

/// Reads `192.0.2.0        25 -  26        64497`.
fn vrp(line: &str) -> Option<Vrp> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [address, length, "-", max_length, asn] = words[..] else { return None };
    Vrp::parse(address, length, max_length, asn)
}
