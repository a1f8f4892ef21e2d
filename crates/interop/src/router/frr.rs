//! FRRouting's BGP daemon, whose RPKI module is rtrlib; what it holds is read through its shell.

use super::{Asks, Held, Peer, Router, Start};
use crate::Outcome;
use crate::process::{Process, output, package_version};
use crate::transport::{USER, Way};
use crate::world::Vrp;
use std::path::PathBuf;
use std::process::Command;

pub(crate) const PEER: Peer = Peer {
    name: "FRRouting",
    package: "frr-rpki-rtrlib",
    version: || package_version("frr-rpki-rtrlib", "vtysh"),
    speaks: &[1, 0],
    asks: Asks::HighestOnly,
    cache_flags: &[],
    start,
    exceptions: &[],
    notes: &[
        "does not tell which router keys it holds.",
        "follows the cache's intervals, whatever its configuration says, and stays at a lower version until it is \
         started again.",
        "asks again at its retry interval after \"no data\"; until then it takes no notice of a notify.",
    ],
};

struct Frr {
    _daemon: Process,
    /// Where the daemon's socket is.
    folder: PathBuf,
}

/// It runs alone, without the daemon that knows the kernel's routes, and nobody can connect to it.
fn start(start: &Start) -> Outcome<Box<dyn Router>> {
    let config = start.folder.join("bgpd.conf");
    std::fs::write(&config, configuration(start)?).map_err(|error| format!("{}: {error}", config.display()))?;
    // Another program of this name may be in the path.
    let mut command = Command::new("/usr/lib/frr/bgpd");
    command.args(["--skip_runas", "--no_kernel", "--no_zebra", "--bgp_port", "0", "--vty_port", "0", "-M", "rpki"]);
    command.arg("--config_file").arg(&config).arg("--pid_file").arg(start.folder.join("pid"));
    command.arg("--vty_socket").arg(start.folder).args(["--log", "stdout", "--log-level", "debugging"]);
    if let Way::Ssh(..) = start.way {
        // It has functions of its own by the names of OpenSSL's, which libssh would get.
        command.env("LD_PRELOAD", "libcrypto.so.3");
    }
    let daemon = Process::start(&mut command, &start.folder.join("peer.log"))?;
    Ok(Box::new(Frr { _daemon: daemon, folder: start.folder.to_owned() }))
}

fn configuration(start: &Start) -> Outcome<String> {
    let Start { cache, retry_s, refresh_s, .. } = start;
    let login = login(start)?;
    Ok(format!(
        "rpki
 rpki polling_period {refresh_s}
 rpki retry_interval {retry_s}
 rpki expire_interval 7200
 rpki cache {} {}{login} preference 1
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
    Ok(format!(" {USER} {} {}", files.key(login.key()?).display(), known_hosts.display()))
}

impl Router for Frr {
    fn held(&mut self) -> Outcome<Held> {
        let mut command = Command::new("vtysh");
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
