//! BIRD 2 and 3: daemons with a configuration of their own; their tables are read over their control socket.

use super::{AfterCrash, Asks, Exception, Held, Kind, Peer, Release, Root, Router, Start, Step};
use crate::Outcome;
use crate::process::{Process, output};
use crate::transport::{USER, Way};
use crate::world::{Aspa, Vrp};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

pub(crate) const PEER: Peer = Peer {
    name: "BIRD",
    package: "bird2",
    release: Release::Machine,
    version: |root| root.package_version("bird2", "bird"),
    speaks: &[1, 0],
    asks: Asks::HighestOnly,
    cache_flags: &[],
    after_crash: AfterCrash::Delta,
    start: |start| run(start, &DEBIAN_12),
    exceptions: &[],
    notes: &["speaks version 2 from 2.16 on; keeps no router keys."],
};

pub(crate) const BIRD_2: Peer = Peer {
    name: "BIRD 2 (Debian 13)",
    release: Release::Debian13,
    speaks: &[2, 1, 0],
    asks: Asks::Any,
    after_crash: AfterCrash::Full,
    start: |start| run(start, &DEBIAN_13_BIRD_2),
    exceptions: &[
        CODE_12,
        Exception {
            step: Step::FormerAspas,
            kind: Kind::Deviates,
            reason: "when it gets the full data of a new session, the ASPAs of customers that have none any more \
                stay. So restarts are checked without those.",
        },
    ],
    notes: &["keeps no router keys."],
    ..PEER
};

const CODE_12: Exception = Exception {
    step: Step::CacheRestart,
    kind: Kind::Deviates,
    reason: "it treats code 12 as an unknown fatal error: it drops everything, and connects again after its own \
        retry interval, which is 5 s here and 600 s by default.",
};

pub(crate) const BIRD_3: Peer = Peer {
    name: "BIRD 3 (Debian 13)",
    package: "bird3",
    version: |root| root.unpacked_version("bird3"),
    start: |start| run(start, &DEBIAN_13_BIRD_3),
    exceptions: &[CODE_12],
    ..BIRD_2
};

/// A package of it.
struct Build {
    daemon: &'static str,
    client: &'static str,
    /// Whether it has version 2, and `min version` and `max version` with it.
    has_version_2: bool,
}

const DEBIAN_12: Build = Build { daemon: "bird", client: "birdc", has_version_2: false };
const DEBIAN_13_BIRD_2: Build = Build { has_version_2: true, ..DEBIAN_12 };
const DEBIAN_13_BIRD_3: Build =
    Build { daemon: "/opt/bird3/usr/sbin/bird", client: "/opt/bird3/usr/sbin/birdc", has_version_2: true };

/// A load that takes longer than the retry interval is broken off, and begins anew for ever. A build without optimization
/// takes seconds for one, and longer over SSH.
const RETRY_MIN_S: u32 = 5;
const SSH_RETRY_MIN_S: u32 = 10;

struct Bird {
    _daemon: Process,
    root: Root,
    build: &'static Build,
    /// As it names it.
    socket: PathBuf,
}

fn run(start: &Start, build: &'static Build) -> Outcome<Box<dyn Router>> {
    let config = start.folder.join("bird.conf");
    std::fs::write(&config, configuration(start, build)?).map_err(|error| format!("{}: {error}", config.display()))?;
    let named = |file: &str| start.root.inside(&start.folder.join(file));
    // The path of a socket may have some 100 octets.
    let socket = named("ctl");
    let mut command = start.root.command(daemon(start.root, build)?);
    command.arg("-f").arg("-c").arg(named("bird.conf")).arg("-s").arg(&socket).arg("-P").arg(named("pid"));
    let daemon = Process::start(&mut command, &start.folder.join("peer.log"))?;
    Ok(Box::new(Bird { _daemon: daemon, root: start.root.clone(), build, socket }))
}

fn daemon(root: &Root, build: &Build) -> Outcome<PathBuf> {
    match Path::new(build.daemon) {
        path if path.is_absolute() => Ok(path.to_owned()),
        _ => root.find(build.daemon).ok_or_else(|| "there is no bird".to_owned()),
    }
}

/// `keep` has it use its own timers instead of the cache's.
fn configuration(start: &Start, build: &Build) -> Outcome<String> {
    let Start { cache, retry_s, refresh_s, version, .. } = start;
    let transport = transport(start)?;
    let retry_s = retry_s.max(if let Way::Ssh(..) = start.way { &SSH_RETRY_MIN_S } else { &RETRY_MIN_S });
    let (table, channel, max_version) = match build.has_version_2 {
        true => ("aspa table at;\n", "    aspa { table at; };\n", format!("    max version {version};\n")),
        false => ("", "", String::new()),
    };
    Ok(format!(
        "log stderr all;
router id 192.0.2.1;
roa4 table r4;
roa6 table r6;
{table}protocol device {{ }}
protocol rpki cache {{
    debug {{ states, events }};
    roa4 {{ table r4; }};
    roa6 {{ table r6; }};
{channel}{max_version}    remote {} port {};{transport}
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
    let (files, login) = match start.way {
        Way::Ssh(files, login) => (files, login),
        Way::Md5(key) => return Ok(format!("\n    transport tcp {{ authentication md5; password \"{key}\"; }};")),
        Way::Tcp | Way::Tls { .. } => return Ok(String::new()),
    };
    let known_hosts = files.known_hosts(start.cache, start.folder)?;
    let [key, known_hosts] = [files.key(login.key()?), known_hosts].map(|file| start.root.lend(&file, start.folder));
    Ok(format!(
        "
    transport ssh {{
        bird private key \"{}\";
        remote public key \"{}\";
        user \"{USER}\";
    }};",
        key?.display(),
        known_hosts?.display()
    ))
}

impl Router for Bird {
    fn held(&mut self) -> Outcome<Held> {
        let mut held = Held::default();
        for table in ["r4", "r6"] {
            held.vrps.extend(self.show(&["table", table])?.lines().filter_map(vrp));
        }
        if self.build.has_version_2 {
            held.aspas = Some(aspas(&self.show(&["table", "at", "all"])?)?);
        }
        Ok(held)
    }
}

impl Bird {
    fn show(&self, routes: &[&str]) -> Outcome<String> {
        let mut command = self.root.command(self.build.client);
        command.arg("-s").arg(&self.socket).args(["show", "route"]).args(routes);
        output(&mut command)
    }
}

/// Reads `192.0.2.0/25-26 AS64497  [cache 03:41:37.184] * (100)`.
fn vrp(line: &str) -> Option<Vrp> {
    let mut words = line.split_whitespace();
    let (address, lengths) = words.next()?.split_once('/')?;
    let (length, max_length) = lengths.split_once('-')?;
    Vrp::parse(address, length, max_length, words.next()?.strip_prefix("AS")?)
}

/// Reads `64496   [cache 03:41:37.184] * (100)`, and among the indented lines below it `aspa_providers: 64497 64498`.
fn aspas(text: &str) -> Outcome<BTreeSet<Aspa>> {
    let (mut aspas, mut customer) = (BTreeSet::new(), None);
    for line in text.lines() {
        if let Some(providers) = line.trim_start().strip_prefix("aspa_providers:") {
            let providers = providers.split_whitespace().map(str::parse).collect::<Result<_, _>>();
            let (customer, providers) = customer.take().zip(providers.ok()).ok_or_else(|| format!("it says {line}"))?;
            aspas.insert(Aspa { customer, providers });
        } else if !line.starts_with(char::is_whitespace) && line.contains("[cache ") {
            customer = line.split_whitespace().next().and_then(|word| word.parse().ok());
        }
    }
    Ok(aspas)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aspas_are_read_as_bird_2_and_3_print_them() {
        let said = "BIRD 3.1.8 ready.\nTable at:\n\
            64497                 [cache 23:50:42.013] * (100)\n\tpreference: 100\n\tsource: RPKI\n\
            \taspa_providers: 64500 4200000001\n\tInternal route handling values: 0L 4G 1S id 1\n\
            64498                 [cache 23:50:40.470] * (100)\n\tType: RPKI univ\n\taspa_providers: 0\n";
        let aspa = |customer, providers: &[u32]| Aspa { customer, providers: providers.iter().copied().collect() };
        let read = BTreeSet::from([aspa(64_497, &[64_500, 4_200_000_001]), aspa(64_498, &[0])]);
        assert_eq!(aspas(said), Ok(read));
        assert_eq!(aspas("Table at:\n\taspa_providers: 1\n"), Err("it says \taspa_providers: 1".to_owned()));
    }
}
