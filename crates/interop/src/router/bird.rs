//! BIRD 2: a daemon with a configuration of its own; its tables are read over its control socket.

use super::{Asks, Held, Peer, Router, Start};
use crate::Outcome;
use crate::process::{Process, find, output, package_version};
use crate::transport::{USER, Way};
use crate::world::Vrp;
use std::path::PathBuf;
use std::process::Command;

pub(crate) const PEER: Peer = Peer {
    name: "BIRD",
    package: "bird2",
    version: || package_version("bird2", "bird"),
    speaks: &[1, 0],
    asks: Asks::HighestOnly,
    cache_flags: &[],
    start,
    exceptions: &[],
    notes: &["speaks version 2 from 2.16 on; keeps no router keys."],
};

/// A build without optimization takes seconds for a load over SSH.
const SSH_RETRY_S: u32 = 10;

struct Bird {
    _daemon: Process,
    socket: PathBuf,
}

fn start(start: &Start) -> Outcome<Box<dyn Router>> {
    let config = start.folder.join("bird.conf");
    std::fs::write(&config, configuration(start)?).map_err(|error| format!("{}: {error}", config.display()))?;
    // The path of a socket may have some 100 octets.
    let socket = start.folder.join("ctl");
    let mut command = Command::new(find("bird").ok_or("there is no bird")?);
    command.arg("-f").arg("-c").arg(&config).arg("-s").arg(&socket).arg("-P").arg(start.folder.join("pid"));
    Ok(Box::new(Bird { _daemon: Process::start(&mut command, &start.folder.join("peer.log"))?, socket }))
}

/// `keep` has it use its own timers instead of the cache's.
fn configuration(start: &Start) -> Outcome<String> {
    let Start { cache, retry_s, refresh_s, .. } = start;
    let transport = transport(start)?;
    // A load that takes longer than the retry interval is broken off, and begins anew for ever.
    let retry_s = if let Way::Ssh(..) = start.way { SSH_RETRY_S } else { *retry_s };
    Ok(format!(
        "log stderr all;
router id 192.0.2.1;
roa4 table r4;
roa6 table r6;
protocol device {{ }}
protocol rpki cache {{
    debug {{ states, events }};
    roa4 {{ table r4; }};
    roa6 {{ table r6; }};
    remote {} port {};{transport}
    refresh keep {refresh_s};
    retry keep {retry_s};
    expire keep 7200;
}}
",
        cache.ip(),
        cache.port()
    ))
}

/// What it calls the cache's public key is a file of known hosts.
fn transport(start: &Start) -> Outcome<String> {
    let Way::Ssh(files, login) = start.way else { return Ok(String::new()) };
    let known_hosts = files.known_hosts(start.cache, start.folder)?;
    Ok(format!(
        "
    transport ssh {{
        bird private key \"{}\";
        remote public key \"{}\";
        user \"{USER}\";
    }};",
        files.key(login.key()?).display(),
        known_hosts.display()
    ))
}

impl Router for Bird {
    fn held(&mut self) -> Outcome<Held> {
        let mut held = Held::default();
        for table in ["r4", "r6"] {
            let mut command = Command::new("birdc");
            command.arg("-s").arg(&self.socket).args(["show", "route", "table", table]);
            held.vrps.extend(output(&mut command)?.lines().filter_map(vrp));
        }
        Ok(held)
    }
}

/// Reads `192.0.2.0/25-26 AS64497  [cache 03:41:37.184] * (100)`.
fn vrp(line: &str) -> Option<Vrp> {
    let mut words = line.split_whitespace();
    let (address, lengths) = words.next()?.split_once('/')?;
    let (length, max_length) = lengths.split_once('-')?;
    Vrp::parse(address, length, max_length, words.next()?.strip_prefix("AS")?)
}
