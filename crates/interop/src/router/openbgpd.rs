//! OpenBGPD. It lists no VRPs, so it is announced routes that ask about each, and says what it thinks of them.

use super::bgp::{Prefix, Route, Speaker};
use super::routes::{State, Validator, about, about_aspa, aspa_of, aspa_state};
use super::{AfterCrash, Asks, Exception, Held, Kind, Peer, Release, Root, Router, Start, Step};
use crate::Outcome;
use crate::process::{Process, free_address, output};
use crate::transport::Way;
use crate::world::{Aspa, Records, Vrp};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::OpenOptions;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

pub(crate) const PEER: Peer = Peer {
    name: "OpenBGPD",
    package: "openbgpd",
    release: Release::Machine,
    // Only root can run it.
    version: |root| root.package_version("openbgpd", "bgpctl").filter(|_| rustix::process::geteuid().is_root()),
    speaks: &[1],
    asks: Asks::HighestOnly,
    cache_flags: &[],
    after_crash: AfterCrash::Delta,
    start,
    exceptions: &[
        Exception {
            step: Step::PlannedStop,
            kind: Kind::Otherwise,
            reason: "it holds its data while the cache is stopped. At the Cache Reset that follows it drops them, \
                and asks for the new ones up to 9 s later.",
        },
        Exception {
            step: Step::Downgrade,
            kind: Kind::NotApplicable,
            reason: "up to 7.7 it speaks version 1 only, and answers PDUs of others, also Error Reports, by error 8.",
        },
    ],
    notes: &[
        "lists no VRPs, and shows only for how many prefixes it has some. So a BGP speaker announces up to four \
         routes for each VRP that is or was served, of its AS: its prefix, its longest allowed part, one bit more, \
         and the prefix beside it. OpenBGPD's validation state of each of these 190,000 routes, and both numbers of \
         prefixes, have to be what RFC 6811 makes of what is served. AS 0 has no routes: of its VRPs only the \
         prefixes are counted.",
        "waits up to 9 seconds, at random, before it follows a notify or a Cache Reset, or connects again.",
        "misreads the lengths in an Error Report. So after \"No Data Available\" (code 2) it closes the connection, \
            and connects again.",
    ],
};

pub(crate) const DEBIAN_13: Peer = Peer {
    name: "OpenBGPD (Debian 13)",
    release: Release::Debian13,
    speaks: &[2, 1],
    asks: Asks::Any,
    exceptions: &[
        Exception { step: Step::Restart, kind: Kind::Otherwise, reason: LOST_SET },
        Exception { step: Step::PlannedStop, kind: Kind::Otherwise, reason: LOST_SET },
        Exception {
            step: Step::CacheRestart,
            kind: Kind::Deviates,
            reason: "it treats code 12 as an unknown fatal error, and drops everything.",
        },
        Exception {
            step: Step::Downgrade,
            kind: Kind::NotApplicable,
            reason: "it begins at version 1, or with `min-version 2` at version 2, which also prevents lower \
                versions.",
        },
    ],
    notes: &[
        "is tested as the one of Debian 12 is, and at version 2 with 500 more routes: each came from a customer \
         through one of its providers, or through another AS. OpenBGPD's validation state of these paths, and the \
         number of customers, have to be what follows from the ASPAs that are served.",
        "waits up to 9 seconds, at random, before it follows a notify or a Cache Reset, or connects again. At a \
         Cache Reset it drops everything first.",
    ],
    ..PEER
};

/// `rde_roa_reload` and `rde_aspa_reload` in its rde.c throw the new set away then.
pub(crate) const LOST_SET: &str = "it drops its data at a Cache Reset and validates its routes anew. If the new data \
    come before that is done, they are lost (\"RPKI softreload skipped, old still running\"), and it has none until \
    the next End of Data. So the matrix changes something if it has to.";

/// Neither is an AS that a VRP may be for: who announces, and OpenBGPD.
const SPEAKER_ASN: u32 = 4_294_000_001;
const OPENBGPD_ASN: u32 = 4_294_000_002;
/// Its processes lock themselves in here; on a machine that runs it, the service makes it.
const PRISON: &str = "/run/openbgpd";

struct OpenBgpd {
    _daemon: Process,
    root: Root,
    /// As it names it.
    socket: PathBuf,
    bgp: SocketAddr,
    /// From when OpenBGPD could be reached.
    speaker: Option<Speaker>,
    /// What is or was served.
    known: BTreeSet<Vrp>,
    served: BTreeSet<Vrp>,
    /// Of each customer, who is or was its provider; empty where ASPAs do not come.
    known_providers: BTreeMap<u32, BTreeSet<u32>>,
    /// Whether its version has ASPAs.
    has_aspas: bool,
    /// For how many prefixes of IPv4 and IPv6 it should have VRPs, and for how many customers ASPAs.
    numbers: Numbers,
    /// What it should think of each route.
    states: HashMap<Route, State>,
    unannounced: Vec<Route>,
}

/// What it says how much it has of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Numbers {
    ipv4: usize,
    ipv6: usize,
    customers: usize,
}

fn start(start: &Start) -> Outcome<Box<dyn Router>> {
    std::fs::create_dir_all(start.root.outside(PRISON)).map_err(|error| format!("{PRISON}: {error}"))?;
    // It does not tell which it got, so it can't be left to choose.
    let bgp = free_address()?;
    let config = start.folder.join("bgpd.conf");
    let socket = start.root.inside(&start.folder.join("ctl"));
    write_secret(&config, &configuration(start, bgp, &socket))
        .map_err(|error| format!("{}: {error}", config.display()))?;
    let mut command = start.root.command("/usr/sbin/bgpd");
    command.arg("-d").arg("-v").arg("-f").arg(start.root.inside(&config));
    Ok(Box::new(OpenBgpd {
        _daemon: Process::start(&mut command, &start.folder.join("peer.log"))?,
        root: start.root.clone(),
        socket,
        bgp,
        speaker: None,
        known: BTreeSet::new(),
        served: BTreeSet::new(),
        known_providers: BTreeMap::new(),
        has_aspas: start.version >= 2,
        numbers: Numbers::default(),
        states: HashMap::new(),
        unannounced: Vec::new(),
    }))
}

/// It changes no routes of the kernel, and tells its neighbour none.
fn configuration(start: &Start, bgp: SocketAddr, socket: &Path) -> String {
    let key = match start.way {
        Way::Md5(key) => format!("\n    tcp md5sig password \"{key}\""),
        _ => String::new(),
    };
    // A session begins at version 1, unless that is not enough. Paths are judged where the neighbour's role is known.
    let (min_version, role) = match start.version {
        2.. => ("\n    min-version 2", "\n    role provider"),
        _ => ("", ""),
    };
    format!(
        "AS {OPENBGPD_ASN}
router-id 192.0.2.1
fib-update no
socket \"{}\"
listen on {} port {}
rtr {} {{
    port {}{min_version}{key}
}}
neighbor {} {{
    remote-as {SPEAKER_ASN}
    passive{role}
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

impl Router for OpenBgpd {
    /// Routes about what is no longer served stay, since it has to be noticed if it is still held.
    fn expect(&mut self, served: &Records) {
        self.served.clone_from(&served.vrps);
        self.known.extend(&served.vrps);
        let validator = Validator::new(&self.served);
        let (ipv4, ipv6) = validator.prefixes();
        self.numbers = Numbers { ipv4, ipv6, customers: 0 };
        for route in self.known.iter().flat_map(about) {
            if self.states.insert(route, validator.state(&route)).is_none() {
                self.unannounced.push(route);
            }
        }
        if self.has_aspas {
            self.expect_aspas(&served.aspas);
        }
    }

    fn held(&mut self) -> Outcome<Held> {
        self.announce()?;
        let numbers = self.shown_numbers()?;
        if numbers != self.numbers {
            return Err(format!("it has records for {}, not for {}", numbers.told(), self.numbers.told()));
        }
        let states = self.shown_states()?;
        if states.len() != self.states.len() {
            return Err(format!("it has {} routes of {}", states.len(), self.states.len()));
        }
        // Who thinks of all routes about a VRP as if it were served holds it if it is, and does not if it is not.
        let as_if_served = |vrp: &Vrp| about(vrp).all(|route| states.get(&route) == self.states.get(&route));
        let holds = |vrp: &&Vrp| as_if_served(vrp) == self.served.contains(vrp);
        let vrps = self.known.iter().filter(holds).copied().collect();
        let aspas = self.known_providers.iter();
        let aspas = aspas.filter_map(|(customer, known)| aspa_of(*customer, known, |route| states.get(route).copied()));
        let aspas = aspas.collect();
        Ok(Held { aspas: self.has_aspas.then_some(aspas), ..Held::vrps(vrps) })
    }
}

impl OpenBgpd {
    fn expect_aspas(&mut self, served: &BTreeSet<Aspa>) {
        self.numbers.customers = served.len();
        for Aspa { customer, providers } in served {
            self.known_providers.entry(*customer).or_default().extend(providers);
        }
        let served: BTreeMap<u32, &Aspa> = served.iter().map(|aspa| (aspa.customer, aspa)).collect();
        for (customer, providers) in &self.known_providers {
            for route in about_aspa(*customer, providers) {
                let state = aspa_state(&route, served.get(customer).copied());
                if self.states.insert(route, state).is_none() {
                    self.unannounced.push(route);
                }
            }
        }
    }

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
        output(self.root.command("/usr/sbin/bgpctl").arg("-s").arg(&self.socket).arg("show").args(what))
    }

    /// Reads `ROA    RPKI ROA     37578   13110      -    00:00:08` and `ASPA   RPKI ASPA    -  -  80  00:00:08`.
    fn shown_numbers(&self) -> Outcome<Numbers> {
        let sets = self.show(&["sets"])?;
        let number = |set: &str, column: usize| -> Option<usize> {
            sets.lines().find_map(|line| line.strip_prefix(set))?.split_whitespace().nth(column)?.parse().ok()
        };
        let prefixes = number("ROA    RPKI ROA", 0).zip(number("ROA    RPKI ROA", 1));
        let (ipv4, ipv6) = prefixes.ok_or_else(|| "it has no VRPs".to_owned())?;
        Ok(Numbers { ipv4, ipv6, customers: number("ASPA   RPKI ASPA", 2).unwrap_or_default() })
    }

    fn shown_states(&self) -> Outcome<HashMap<Route, State>> {
        Ok(self.show(&["rib"])?.lines().filter_map(state).collect())
    }
}

impl Numbers {
    fn told(self) -> String {
        let Numbers { ipv4, ipv6, customers } = self;
        format!("{ipv4} prefixes of IPv4, {ipv6} of IPv6 and {customers} customers")
    }
}

/// Reads `*>    V 192.0.2.0/24         192.0.2.2         100     0 64500 64496 i`, where the flags may be none. From 8.0 on
/// it is `V-?`, what it thinks of the origin and of the path.
fn state(line: &str) -> Option<(Route, State)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let place = words.iter().position(|word| word.contains('/'))?;
    let prefix = Prefix::parse(words.get(place)?)?;
    // Behind the prefix are the next hop, the preference and the metric, then the path, and how it began.
    let path = words.get(place + 4..words.len().checked_sub(1)?)?;
    let path = path.iter().map(|asn| asn.parse().ok()).collect::<Option<Vec<u32>>>()?;
    let mut thought = words.get(place.checked_sub(1)?)?.split('-');
    let (of_origin, of_path) = (thought.next(), thought.next());
    let (route, state) = match path[..] {
        [origin] => (Route { origin, via: None, prefix }, of_origin),
        [via, origin] => (Route { origin, via: Some(via), prefix }, of_path),
        _ => return None,
    };
    let state = match state? {
        "V" => State::Valid,
        "!" => State::Invalid,
        "N" | "?" => State::NotFound,
        _ => return None,
    };
    Some((route, state))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_read_as_each_release_prints_it() {
        let prefix = Prefix::parse("192.0.2.0/24").expect("a prefix");
        let of_origin = (Route { origin: 64_496, via: None, prefix }, State::Valid);
        let tail = "192.0.2.0/24         192.0.2.2         100     0";
        assert_eq!(state(&format!("*>    V {tail} 64496 i")), Some(of_origin));
        assert_eq!(state(&format!("V-? {tail} 64496 i")), Some(of_origin));
        let of_path = (Route { origin: 64_496, via: Some(64_500), prefix }, State::Invalid);
        assert_eq!(state(&format!("*>    N-! {tail} 64500 64496 i")), Some(of_path));
        assert_eq!(state("flags  vs destination          gateway          lpref   med aspath origin"), None);
    }
}
