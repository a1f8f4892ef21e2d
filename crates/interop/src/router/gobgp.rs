//! GoBGP: a daemon, and a command that asks it over a socket of the file system.

use super::{AfterCrash, Asks, Exception, Held, Kind, Peer, Release, Router, Start, Step};
use crate::Outcome;
use crate::process::{Process, output, package_version};
use crate::world::Vrp;
use std::process::Command;

pub(crate) const PEER: Peer = Peer {
    name: "GoBGP",
    package: "gobgpd",
    release: Release::Machine,
    version: |_| package_version("gobgpd", "gobgpd"),
    speaks: &[0],
    asks: Asks::HighestOnly,
    cache_flags: &[],
    after_crash: AfterCrash::Full,
    start,
    exceptions: &[Exception { step: Step::Downgrade, kind: Kind::NotApplicable, reason: "it speaks version 0 only." }],
    notes: &[
        "tries to connect again at once, and then every 30 seconds, and ignores the intervals.",
        "sends a Reset Query when it is connected again, and adds the answer to its data if the session ID is the \
         same. So VRPs that were withdrawn meanwhile stay. After a restart, rtrcast has another session ID.",
    ],
};

struct GoBgp {
    _daemon: Process,
    target: String,
}

/// It speaks to no BGP neighbour; a port of -1 has it listen for none.
fn start(start: &Start) -> Outcome<Box<dyn Router>> {
    let config = start.folder.join("gobgpd.toml");
    std::fs::write(&config, configuration(start)).map_err(|error| format!("{}: {error}", config.display()))?;
    let target = format!("unix://{}", start.folder.join("api").display());
    let mut command = Command::new("gobgpd");
    command.arg("--config-file").arg(&config).args(["--api-hosts", &target, "--pprof-disable", "--log-plain"]);
    let daemon = Process::start(&mut command, &start.folder.join("peer.log"))?;
    Ok(Box::new(GoBgp { _daemon: daemon, target }))
}

fn configuration(start: &Start) -> String {
    format!(
        "[global.config]
as = 64512
router-id = \"192.0.2.1\"
port = -1

[[rpki-servers]]
[rpki-servers.config]
address = \"{}\"
port = {}
",
        start.cache.ip(),
        start.cache.port()
    )
}

impl Router for GoBgp {
    fn held(&mut self) -> Outcome<Held> {
        let mut held = Held::default();
        for family in ["ipv4", "ipv6"] {
            let mut command = Command::new("gobgp");
            command.args(["--target", &self.target, "rpki", "table", "--address-family", family]);
            held.vrps.extend(output(&mut command)?.lines().filter_map(vrp));
        }
        Ok(held)
    }
}

/// Reads `192.0.2.0/25    26     64497     127.0.0.1:8282`.
fn vrp(line: &str) -> Option<Vrp> {
    let mut words = line.split_whitespace();
    let (address, length) = words.next()?.split_once('/')?;
    Vrp::parse(address, length, words.next()?, words.next()?)
}
