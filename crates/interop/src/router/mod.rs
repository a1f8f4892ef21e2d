//! Routers' implementations, as clients of our cache. A new one is a file here and a line in `ALL`.

mod away;
mod bgp;
pub(crate) mod bird;
mod carried;
pub(crate) mod frr;
mod gobgp;
mod library;
pub(crate) mod openbgpd;
pub(crate) mod own;
mod routes;
pub(crate) mod rpki_rs;
pub(crate) mod rtrclient;
pub(crate) mod rtrdump;
mod rtrmon;
mod rustbgpd;
mod scenario;
mod tables;
pub(crate) mod tunnel;

use crate::Outcome;
pub(crate) use crate::root::{Release, Root};
pub(crate) use crate::step::{Exception, Kind, Step};
use crate::transport::Way;
use crate::world::{Aspa, Records, RouterKey, Vrp};
use std::collections::BTreeSet;
use std::fmt::Display;
use std::net::SocketAddr;
use std::path::Path;

pub(crate) use library::{background, version};
pub(crate) use scenario::{Link, run, run_over};

/// In the order of the table.
pub(crate) const ALL: &[&Peer] = &[
    &bird::PEER,
    &bird::BIRD_2,
    &bird::BIRD_3,
    &frr::PEER,
    &frr::DEBIAN_13,
    &openbgpd::PEER,
    &openbgpd::DEBIAN_13,
    &gobgp::PEER,
    &rtrclient::PEER,
    &rtrdump::PEER,
    &rtrdump::DEBIAN_13,
    &rtrmon::PEER,
    &rtrmon::DEBIAN_13,
    &rpki_rs::PEER,
    &rustbgpd::PEER,
];

/// What is known of a peer before it runs.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    /// Debian's packages, with spaces between them, or nothing where the peer is a library that this program is built with.
    pub(crate) package: &'static str,
    pub(crate) release: Release,
    /// Its version, or none where it is not installed, or this user can't run it.
    pub(crate) version: fn(&Root) -> Option<String>,
    /// The protocol versions that it speaks, the one that it begins with first.
    pub(crate) speaks: &'static [u8],
    pub(crate) asks: Asks,
    /// What the cache needs to be told for this peer. A note says why.
    pub(crate) cache_flags: &'static [&'static str],
    /// What its first query is answered with after a crash of a cache with state.
    pub(crate) after_crash: AfterCrash,
    pub(crate) start: fn(&Start) -> Outcome<Box<dyn Router>>,
    /// Steps that it can't pass, and why.
    pub(crate) exceptions: &'static [Exception],
    /// What else a reader has to know.
    pub(crate) notes: &'static [&'static str],
}

/// What a peer asks for when its cache is back in the same session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AfterCrash {
    /// What changed.
    Delta,
    /// Everything.
    Full,
}

impl AfterCrash {
    pub(crate) fn name(self) -> &'static str {
        match self {
            AfterCrash::Delta => "delta",
            AfterCrash::Full => "full",
        }
    }
}

/// Which versions a peer can be made to begin with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asks {
    HighestOnly,
    Any,
}

/// How a peer is to be started.
pub(crate) struct Start<'a> {
    pub(crate) cache: SocketAddr,
    /// How it gets there.
    pub(crate) way: &'a Way,
    /// The version to begin with; only for who `Asks::Any`, else it is the highest.
    pub(crate) version: u8,
    /// Seconds until it tries again after a failure. Peers with timers of their own are configured so; the others
    /// hear it from the cache.
    pub(crate) retry_s: u32,
    /// Seconds between two queries without a notify.
    pub(crate) refresh_s: u32,
    /// Where its programs are.
    pub(crate) root: &'a Root,
    /// For configuration, sockets and logs; `root` says how its programs name what is there. The end of `peer.log` is
    /// shown after a failure.
    pub(crate) folder: &'a Path,
    /// What is served at the start, for who compares by itself.
    pub(crate) served: &'a Records,
}

/// A peer that runs. It stops when the value is dropped.
pub(crate) trait Router {
    /// Told, before it is asked, what it should come to hold. For who can't be asked without.
    fn expect(&mut self, _served: &Records) {}

    /// What it says that it holds now. An error is not the end: it is asked again until the time is up.
    fn held(&mut self) -> Outcome<Held>;

    /// Whether it connects each time that it is asked.
    fn asks_anew(&self) -> bool {
        false
    }

    /// How it saw the end of its last connection, once it has; for who can tell.
    fn saw_end(&mut self) -> Option<Outcome> {
        Some(Ok(()))
    }
}

/// What a peer says it holds; none of what it does not tell.
#[derive(Default)]
pub(crate) struct Held {
    pub(crate) vrps: BTreeSet<Vrp>,
    pub(crate) router_keys: Option<BTreeSet<RouterKey>>,
    pub(crate) aspas: Option<BTreeSet<Aspa>>,
}

impl Held {
    pub(crate) fn vrps(vrps: BTreeSet<Vrp>) -> Held {
        Held { vrps, ..Held::default() }
    }

    /// How it differs from what is served in a session of a version, record for record.
    pub(crate) fn difference(&self, served: &Records, version: u8) -> Option<String> {
        let (no_keys, no_aspas) = (BTreeSet::new(), BTreeSet::new());
        // Router keys came with version 1, ASPAs with version 2.
        let keys = if version >= 1 { &served.router_keys } else { &no_keys };
        let aspas = if version >= 2 { &served.aspas } else { &no_aspas };
        difference("VRPs", &self.vrps, &served.vrps)
            .or_else(|| difference("router keys", self.router_keys.as_ref()?, keys))
            .or_else(|| difference("ASPAs", self.aspas.as_ref()?, aspas))
    }

    /// What of these records it does not hold in a session of a version, as far as it tells.
    fn lacks(&self, records: &Records, version: u8) -> Option<String> {
        let keys = self.router_keys.as_ref().filter(|_| version >= 1);
        let aspas = self.aspas.as_ref().filter(|_| version >= 2);
        missing("VRPs", &self.vrps, &records.vrps)
            .or_else(|| missing("router keys", keys?, &records.router_keys))
            .or_else(|| missing("ASPAs", aspas?, &records.aspas))
    }

    /// "60000 VRPs, 40 router keys".
    pub(crate) fn counts(&self) -> String {
        let keys = self.router_keys.as_ref().map(|keys| format!(", {} router keys", keys.len()));
        let aspas = self.aspas.as_ref().map(|aspas| format!(", {} ASPAs", aspas.len()));
        format!("{} VRPs{}{}", self.vrps.len(), keys.unwrap_or_default(), aspas.unwrap_or_default())
    }
}

fn missing<T: Ord + Display>(kind: &str, held: &BTreeSet<T>, records: &BTreeSet<T>) -> Option<String> {
    let missing: Vec<&T> = records.difference(held).collect();
    missing.first().map(|first| format!("{} of {} {kind} ({first}) are missing", missing.len(), records.len()))
}

fn difference<T: Ord + Display>(kind: &str, held: &BTreeSet<T>, served: &BTreeSet<T>) -> Option<String> {
    if held == served {
        return None;
    }
    let some = |set: &BTreeSet<T>, others: &BTreeSet<T>| {
        let only: Vec<&T> = set.difference(others).collect();
        let first = only.first().map(|first| format!(" ({first})"));
        format!("{}{}", only.len(), first.unwrap_or_default())
    };
    let (missing, strange) = (some(served, held), some(held, served));
    Some(format!("{} {kind} instead of {}: {missing} missing, {strange} too many", held.len(), served.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::World;

    #[test]
    fn a_single_record_makes_a_difference() {
        let world = World::new();
        let served = world.records();
        let all = || Held {
            vrps: served.vrps.clone(),
            router_keys: Some(served.router_keys.clone()),
            aspas: Some(served.aspas.clone()),
        };
        assert_eq!(all().difference(served, 2), None);

        let mut held = all();
        let vrp = held.vrps.pop_last().expect("there are VRPs");
        held.vrps.insert(Vrp { asn: vrp.asn + 1, ..vrp });
        let said = held.difference(served, 2).expect("one VRP is another");
        assert!(said.contains("1 (") && said.contains(&vrp.to_string()), "{said}");

        let mut held = all();
        held.aspas.as_mut().expect("there are ASPAs").pop_last();
        assert_eq!(held.difference(served, 2).map(|said| said.contains("79 ASPAs instead of 80")), Some(true));
        // What is only in one of two sets may be missing on the way from one to the other, what is in both may not.
        let mut changed = World::new();
        changed.change(500, 700);
        let lasting = served.in_both(changed.records());
        let mut held = all();
        held.vrps.retain(|vrp| lasting.vrps.contains(vrp));
        assert_eq!(held.lacks(&lasting, 2), None);
        let vrp = held.vrps.pop_first().expect("there are VRPs");
        let said = held.lacks(&lasting, 2).expect("one of both sets is missing");
        assert!(said.contains("1 of 59500") && said.contains(&vrp.to_string()), "{said}");
        // Below their versions, there must be none of them.
        assert!(all().difference(served, 1).is_some_and(|said| said.contains("80 ASPAs instead of 0")));
        assert!(all().difference(served, 0).is_some_and(|said| said.contains("40 router keys instead of 0")));
    }
}
