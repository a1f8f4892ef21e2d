//! OpenBGPD. It lists no VRPs, so it is announced routes that ask about each, and says what it thinks of them.

use super::bgp::{Prefix, Route, Speaker};
use super::routes::{State, Validator, about};
use super::{Asks, Exception, Held, Kind, Peer, Router, Start, Step};
use crate::Outcome;
use crate::process::{Process, output, package_version};
use crate::transport::Way;
use crate::world::{Records, Vrp};
use std::collections::{BTreeSet, HashMap};
use std::fs::OpenOptions;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) const PEER: Peer = Peer {
    name: "OpenBGPD",
    package: "openbgpd",
    // Only root can run it.
    version: || package_version("openbgpd", "bgpctl").filter(|_| rustix::process::geteuid().is_root()),
    speaks: &[1],
    asks: Asks::HighestOnly,
    cache_flags: &[],
    start,
    exceptions: &[Exception {
        step: Step::Downgrade,
        kind: Kind::NotApplicable,
        reason: "up to 7.7 it speaks version 1 only, and answers PDUs of others, also Error Reports, by error 8.",
    }],
    notes: &[
        "lists no VRPs, and says for how many prefixes it has some. So a BGP speaker announces up to four routes for \
         each VRP that is or was served, of its AS: its prefix, its longest allowed part, one bit more, and the prefix \
         beside it. OpenBGPD's validation state of each of these 190,000 routes, and both numbers of prefixes, have \
         to be what RFC 6811 makes of what is served. AS 0 has no routes: of its VRPs only the prefixes are counted.",
        "waits up to 9 seconds, by chance, before it follows a notify or a Cache Reset, or connects again.",
        "misreads the lengths in an Error Report. So after \"no data\" it closes the connection, and comes again.",
    ],
};

/// Neither is an AS that a VRP may be for: who announces, and OpenBGPD.
const SPEAKER_ASN: u32 = 4_294_000_001;
const OPENBGPD_ASN: u32 = 4_294_000_002;
/// Its processes lock themselves in here; on a machine that runs it, the service makes it.
const PRISON: &str = "/run/openbgpd";

struct OpenBgpd {
    _daemon: Process,
    socket: PathBuf,
    bgp: SocketAddr,
    /// From when OpenBGPD could be reached.
    speaker: Option<Speaker>,
    /// What is or was served.
    known: BTreeSet<Vrp>,
    served: BTreeSet<Vrp>,
    /// For how many prefixes of IPv4 and IPv6 it should have VRPs.
    prefixes: (usize, usize),
    /// What it should think of each route.
    states: HashMap<Route, State>,
    unannounced: Vec<Route>,
}

fn start(start: &Start) -> Outcome<Box<dyn Router>> {
    std::fs::create_dir_all(PRISON).map_err(|error| format!("{PRISON}: {error}"))?;
    let bgp = free_address()?;
    let config = start.folder.join("bgpd.conf");
    let socket = start.folder.join("ctl");
    write_secret(&config, &configuration(start, bgp, &socket))
        .map_err(|error| format!("{}: {error}", config.display()))?;
    let mut command = Command::new("/usr/sbin/bgpd");
    command.arg("-d").arg("-v").arg("-f").arg(&config);
    Ok(Box::new(OpenBgpd {
        _daemon: Process::start(&mut command, &start.folder.join("peer.log"))?,
        socket,
        bgp,
        speaker: None,
        known: BTreeSet::new(),
        served: BTreeSet::new(),
        prefixes: (0, 0),
        states: HashMap::new(),
        unannounced: Vec::new(),
    }))
}

/// It changes no routes of the kernel, and tells its neighbour none.
fn configuration(start: &Start, bgp: SocketAddr, socket: &Path) -> String {
    let key = match start.way {
        Way::Md5(key) => format!("; tcp md5sig password \"{key}\""),
        _ => String::new(),
    };
    format!(
        "AS {OPENBGPD_ASN}
router-id 192.0.2.1
fib-update no
socket \"{}\"
listen on {} port {}
rtr {} {{ port {}{key} }}
neighbor {} {{
    remote-as {SPEAKER_ASN}
    passive
    enforce neighbor-as no
    announce IPv4 unicast
    announce IPv6 unicast
    announce add-path recv yes
}}
allow from any
deny to any
",
        socket.display(),
        bgp.ip(),
        bgp.port(),
        start.cache.ip(),
        start.cache.port(),
        bgp.ip(),
    )
}

/// It refuses a configuration that others may read.
fn write_secret(path: &Path, content: &str) -> std::io::Result<()> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?.write_all(content.as_bytes())
}

/// One that is free now. OpenBGPD does not tell which it got, so it can't be left to choose.
fn free_address() -> Outcome<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    listener.map_err(|error| format!("no port for BGP: {error}"))
}

impl Router for OpenBgpd {
    /// Routes about what is no longer served stay, since it has to be noticed if it is still held.
    fn expect(&mut self, served: &Records) {
        self.served.clone_from(&served.vrps);
        self.known.extend(&served.vrps);
        let validator = Validator::new(&self.served);
        self.prefixes = validator.prefixes();
        for route in self.known.iter().flat_map(about) {
            if self.states.insert(route, validator.state(&route)).is_none() {
                self.unannounced.push(route);
            }
        }
    }

    fn held(&mut self) -> Outcome<Held> {
        self.announce()?;
        let prefixes = self.shown_prefixes()?;
        if prefixes != self.prefixes {
            return Err(format!("it has VRPs for {prefixes:?} prefixes of IPv4 and IPv6, not for {:?}", self.prefixes));
        }
        let states = self.shown_states()?;
        if states.len() != self.states.len() {
            return Err(format!("it has {} routes of {}", states.len(), self.states.len()));
        }
        // Who thinks of all routes about a VRP as if it were served holds it if it is, and does not if it is not.
        let as_if_served = |vrp: &Vrp| about(vrp).all(|route| states.get(&route) == self.states.get(&route));
        let holds = |vrp: &&Vrp| as_if_served(vrp) == self.served.contains(vrp);
        Ok(Held::vrps(self.known.iter().filter(holds).copied().collect()))
    }
}

impl OpenBgpd {
    fn announce(&mut self) -> Outcome {
        let speaker = match self.speaker.take() {
            Some(speaker) => self.speaker.insert(speaker),
            None => self.speaker.insert(Speaker::connect(self.bgp, SPEAKER_ASN)?),
        };
        speaker.announce(&self.unannounced)?;
        self.unannounced.clear();
        Ok(())
    }

    fn show(&self, what: &[&str]) -> Outcome<String> {
        output(Command::new("/usr/sbin/bgpctl").arg("-s").arg(&self.socket).arg("show").args(what))
    }

    fn shown_prefixes(&self) -> Outcome<(usize, usize)> {
        let sets = self.show(&["sets"])?;
        let line = sets.lines().find_map(|line| line.strip_prefix("ROA    RPKI ROA")).unwrap_or_default();
        let mut numbers = line.split_whitespace().map_while(|word| word.parse().ok());
        numbers.next().zip(numbers.next()).ok_or_else(|| "it has no VRPs".to_owned())
    }

    fn shown_states(&self) -> Outcome<HashMap<Route, State>> {
        Ok(self.show(&["rib"])?.lines().filter_map(state).collect())
    }
}

/// Reads `*>    V 192.0.2.0/24         192.0.2.2         100     0 64496 i`, where the flags may be none.
fn state(line: &str) -> Option<(Route, State)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let place = words.iter().position(|word| word.contains('/'))?;
    let state = match *words.get(place.checked_sub(1)?)? {
        "V" => State::Valid,
        "!" => State::Invalid,
        "N" => State::NotFound,
        _ => return None,
    };
    let origin = words.get(words.len().checked_sub(2)?)?.parse().ok()?;
    Some((Route { origin, prefix: Prefix::parse(words.get(place)?)? }, state))
}
