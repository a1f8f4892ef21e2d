//! Properties of routers that are connected to caches of ours, over connections that cut octets anywhere and are lost.

use proptest::prelude::*;
use rtrcast_proto::{
    ClientEvent, ClientOutput, ClientPolicy, ClientSession, Header, History, HistoryLimits, Image, ImageWriter, Moment,
    PduType, Profile, Section, Serial, ServerEvent, ServerOutput, ServerPolicy, ServerSession, SessionId, SessionIds,
    Timing, Version, VersionRange, View, Violation, wire,
};
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Arc;

/// A data set: its records as announcements of version 2.
type Set = BTreeSet<Vec<u8>>;

/// The part of a set that a version can carry.
fn seen_by(set: &Set, version: Version) -> Set {
    set.iter().filter(|record| PduType::from_octet(version, record[1]).is_some()).cloned().collect()
}

fn image_of(set: &Set) -> Image {
    let mut writer = ImageWriter::new(Version::V2, Vec::new());
    for section in Section::ALL {
        let mut records: Vec<&Vec<u8>> = set.iter().filter(|record| record[1] == section.pdu_type().octet()).collect();
        records.sort_by(|a, b| section.announcement_order(a, b));
        for record in records {
            writer.push(section, record).unwrap();
        }
    }
    writer.finish().unwrap()
}

fn set_of(image: &Image) -> Set {
    let mut set = Set::new();
    for section in Section::ALL {
        for record in image.records(section) {
            let mut record = record.to_vec();
            record[0] = 2;
            assert!(set.insert(record), "each record is there once");
        }
    }
    set
}

/// The record that is in each set, so that none is empty.
fn first_set() -> Set {
    Set::from([record("ipv4 + 192.0.2.0/24-24 AS64496")])
}

fn record(line: &str) -> Vec<u8> {
    wire::parse_line(&format!("v2 {line}")).unwrap()
}

/// Changes one of few records, so that they meet again.
fn change(set: &mut Set, which: u8) {
    let which = u32::from(which % 40);
    let new = match which {
        0..16 => record(&format!("ipv4 + 10.{which}.0.0/16-24 AS{which}")),
        16..22 => record(&format!("ipv6 + 2001:db8:{which}::/48-48 AS{which}")),
        22..28 => record(&format!("router-key + {which:040} AS{which} 3001{which}")),
        // One of four customers gets another list of providers, or none.
        _ => record(&format!("aspa + AS{} AS{which},AS100", 1 + which % 4)),
    };
    if set.remove(&new) {
        return;
    }
    if new[1] == PduType::Aspa.octet() {
        set.retain(|old| old[1] != new[1] || old[8..12] != new[8..12]);
    }
    set.insert(new);
}

/// splitmix64: where octets are cut.
struct Cuts(u64);

impl Cuts {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ mixed >> 31) as usize % bound.max(1)
    }
}

struct Cache {
    policy: ServerPolicy,
    history: History,
    view: Arc<View>,
    starts: u16,
    /// All that was ever set: the set of each serial of each session of each version.
    published: BTreeMap<(Version, u16, u32), Set>,
}

impl Cache {
    fn new(versions: VersionRange, serial: u32) -> Cache {
        let mut history = history(0, serial);
        Cache {
            policy: ServerPolicy::new(versions),
            view: Arc::new(history.view(0)),
            history,
            starts: 0,
            published: BTreeMap::new(),
        }
    }

    /// All connections have to be gone.
    fn restart(&mut self, versions: VersionRange, serial: u32) {
        self.starts += 1;
        self.policy = ServerPolicy::new(versions);
        self.history = history(self.starts, serial);
        self.view = Arc::new(self.history.view(0));
    }

    fn publish(&mut self, image: Image) {
        self.history.publish(image);
        self.view = Arc::new(self.history.view(0));
        let set = self.current().unwrap();
        for version in Version::ALL {
            let SessionId(session) = self.view.session(Profile::full(version));
            let before = self.published.insert((version, session, self.history.serial().0), seen_by(&set, version));
            assert!(before.is_none_or(|before| before == seen_by(&set, version)), "a serial is one set");
        }
    }

    fn current(&self) -> Option<Set> {
        self.history.current().map(set_of)
    }
}

fn history(starts: u16, serial: u32) -> History {
    let limits = HistoryLimits { deltas_max: 4, ..HistoryLimits::default() };
    History::new(limits, SessionIds::new(starts * 16), Timing::default(), Serial(serial))
}

/// A router, and its connection to a cache while there is one.
struct Hop {
    client: ClientSession,
    server: Option<ServerSession>,
    to_server: Vec<u8>,
    to_client: Vec<u8>,
    server_closed: bool,
    /// The connection is lost when so many more octets have come to the router.
    lost_after: Option<usize>,
    cuts: Cuts,
    /// Sets that the router has held since this was last emptied.
    held: Vec<Image>,
}

impl Hop {
    fn new(now: Moment, versions: VersionRange, seed: u64) -> Hop {
        let policy = ClientPolicy { versions, ..ClientPolicy::default() };
        Hop {
            client: ClientSession::new(now, policy, seed),
            server: None,
            to_server: Vec::new(),
            to_client: Vec::new(),
            server_closed: false,
            lost_after: None,
            cuts: Cuts(seed),
            held: Vec::new(),
        }
    }

    fn lose(&mut self, now: Moment) {
        self.disconnect();
        self.client.input_ended(now);
    }

    fn disconnect(&mut self) {
        self.server = None;
        self.server_closed = false;
        self.lost_after = None;
        self.to_server.clear();
        self.to_client.clear();
    }

    /// Lets octets flow until nothing happens any more.
    fn run(&mut self, now: Moment, cache: &mut Cache) {
        for _ in 0..100_000 {
            self.run_client(now, cache);
            self.run_server(now, cache);
            let client_took = self.deliver_to_client(now);
            if !self.deliver_to_server(now) && !client_took {
                return;
            }
        }
        panic!("router and cache do not come to rest");
    }

    fn run_client(&mut self, now: Moment, cache: &Cache) {
        loop {
            match self.client.next(now) {
                ClientOutput::Connect => {
                    self.server = Some(ServerSession::new(now, cache.policy, Arc::clone(&cache.view)));
                    self.client.connected(now);
                }
                ClientOutput::Write(chunk) => {
                    let header = Header::parse(chunk.octets()).expect("a PDU");
                    assert_ne!(header.pdu_type, PduType::ErrorReport.octet(), "a cache of ours makes no error");
                    self.to_server.extend_from_slice(chunk.octets());
                }
                ClientOutput::Close => self.disconnect(),
                ClientOutput::Apply(changes) => {
                    let applied = changes.apply(Vec::new()).unwrap();
                    self.client.applied(now, applied);
                }
                ClientOutput::Event(ClientEvent::Updated(update)) => {
                    let data = self.client.data().expect("what was updated is there");
                    let set = (data.image.version(), data.session.0, data.serial.0);
                    assert_eq!(Some(&set_of(&data.image)), cache.published.get(&set), "{set:?}");
                    assert_eq!(Some(&data.image), update.image.as_ref());
                    self.held.push(data.image.clone());
                }
                ClientOutput::Event(ClientEvent::Flushed(reason)) => panic!("flushed: {reason}"),
                ClientOutput::Event(_) => {}
                ClientOutput::Wait(_) => return,
            }
        }
    }

    fn run_server(&mut self, now: Moment, cache: &mut Cache) {
        let Some(server) = &mut self.server else { return };
        server.data_changed(now, Arc::clone(&cache.view));
        loop {
            match server.next(now) {
                ServerOutput::Write(chunk) => self.to_client.extend_from_slice(chunk.octets()),
                ServerOutput::Want(want) => {
                    let made: Result<View, Infallible> = cache.view.with(want, Vec::new);
                    cache.view = Arc::new(made.unwrap());
                    server.data_changed(now, Arc::clone(&cache.view));
                }
                ServerOutput::Event(ServerEvent::Reported { violation: Some(violation), .. }) => {
                    let is_version =
                        matches!(violation, Violation::VersionAbove { .. } | Violation::VersionBelow { .. });
                    assert!(is_version, "a router of ours makes no error: {violation}");
                }
                ServerOutput::Event(_) => {}
                ServerOutput::Close => self.server_closed = true,
                ServerOutput::Wait(_) => return,
            }
        }
    }

    fn deliver_to_client(&mut self, now: Moment) -> bool {
        if self.server.is_none() || !self.client.wants_input() {
            return false;
        }
        let mut octets = self.to_client.len().min(1 + self.cuts.below(60));
        if let Some(left) = &mut self.lost_after {
            octets = octets.min(*left);
            *left -= octets;
        }
        if octets > 0 {
            let piece: Vec<u8> = self.to_client.drain(..octets).collect();
            self.client.receive(now, &piece);
        }
        if self.lost_after == Some(0) || self.server_closed && self.to_client.is_empty() {
            self.lose(now);
            return true;
        }
        octets > 0
    }

    fn deliver_to_server(&mut self, now: Moment) -> bool {
        let Some(server) = &mut self.server else { return false };
        let octets = self.to_server.len().min(1 + self.cuts.below(20));
        if octets == 0 || !server.wants_input() {
            return false;
        }
        let piece: Vec<u8> = self.to_server.drain(..octets).collect();
        server.receive(now, &piece);
        true
    }

    fn tick(&mut self, now: Moment) {
        self.client.tick(now);
        if let Some(server) = &mut self.server {
            server.tick(now);
        }
    }

    fn deadline(&self) -> Option<Moment> {
        let server = self.server.as_ref().and_then(ServerSession::deadline);
        [self.client.deadline(), server].into_iter().flatten().min()
    }

    /// Returns whether the router holds the cache's set, as its version can carry it.
    fn is_synced(&self, cache: &Cache) -> bool {
        match (self.client.data(), self.client.version(), cache.current()) {
            (Some(data), Some(version), Some(set)) => set_of(&data.image) == seen_by(&set, version),
            _ => false,
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// Another set.
    Update(Vec<u8>),
    /// The connection is lost after so many octets from the cache.
    Lose(usize),
    /// The cache starts again, with other versions and another serial, and has no data for a moment.
    Restart { versions: VersionRange, serial: u32, is_empty: bool },
    /// The router asks of its own accord.
    Refresh,
    /// So many seconds pass.
    Pass(u64),
}

fn versions() -> impl Strategy<Value = VersionRange> {
    let all: Vec<VersionRange> = Version::ALL
        .into_iter()
        .flat_map(|min| Version::ALL.into_iter().filter_map(move |max| VersionRange::new(min, max)))
        .collect();
    proptest::sample::select(all)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => proptest::collection::vec(any::<u8>(), 0..6).prop_map(Step::Update),
        2 => (0..400_usize).prop_map(Step::Lose),
        1 => (versions(), any::<u32>(), any::<bool>())
            .prop_map(|(versions, serial, is_empty)| Step::Restart { versions, serial, is_empty }),
        1 => Just(Step::Refresh),
        1 => (0..600_u64).prop_map(Step::Pass),
    ]
}

/// Lets time pass, from one deadline to the next, until the router holds what the cache has.
fn settle(now: &mut Moment, hop: &mut Hop, cache: &mut Cache) {
    for _ in 0..60 {
        hop.run(*now, cache);
        if hop.is_synced(cache) {
            return;
        }
        let next = hop.deadline().expect("something is waited for");
        *now = next.max(Moment(now.0 + 1));
        hop.tick(*now);
    }
    panic!("{:?} does not come to what the cache has", hop.client);
}

fn have_common(a: VersionRange, b: VersionRange) -> bool {
    a.min() <= b.max() && b.min() <= a.max()
}

proptest! {
    #[test]
    fn r_syn_02_a_router_comes_to_hold_what_its_cache_has_and_never_anything_else(
        client_versions in versions(),
        server_versions in versions(),
        steps in proptest::collection::vec(step(), 1..25),
        seed in any::<u64>(),
    ) {
        let mut now = Moment(0);
        let mut cache = Cache::new(server_versions, 1);
        let mut hop = Hop::new(now, client_versions, seed);
        let mut set = first_set();
        for step in steps {
            match step {
                Step::Update(changes) => {
                    for which in changes {
                        change(&mut set, which);
                    }
                    cache.publish(image_of(&set));
                }
                Step::Lose(octets) => hop.lost_after = Some(octets),
                Step::Restart { versions, serial, is_empty } => {
                    hop.lose(now);
                    cache.restart(versions, serial);
                    if !is_empty {
                        cache.publish(image_of(&set));
                    }
                }
                Step::Refresh => hop.client.refresh(now),
                Step::Pass(seconds) => {
                    now = Moment(now.0 + seconds * 1_000);
                    hop.tick(now);
                }
            }
            hop.run(now, &mut cache);
            if cache.current().is_some() && have_common(client_versions, cache.policy.versions()) {
                settle(&mut now, &mut hop, &mut cache);
            }
        }
    }
}

/// Source, A, B, C: B and C publish what their routers hold.
struct Chain {
    now: Moment,
    source: Set,
    a: Cache,
    to_a: Hop,
    b: Cache,
    to_b: Hop,
    c: Cache,
    served_by_a: BTreeSet<Set>,
}

impl Chain {
    fn new(a_to_b: Version, b_to_c: Version, seed: u64) -> Chain {
        let up_to = |max| VersionRange::new(Version::V0, max).unwrap();
        let now = Moment(0);
        Chain {
            now,
            source: first_set(),
            a: Cache::new(up_to(a_to_b), 1),
            to_a: Hop::new(now, VersionRange::ALL, seed),
            b: Cache::new(up_to(b_to_c), 1),
            to_b: Hop::new(now, VersionRange::ALL, seed + 1),
            c: Cache::new(VersionRange::ALL, 1),
            served_by_a: BTreeSet::new(),
        }
    }

    fn publish(&mut self) {
        self.a.publish(image_of(&self.source));
        for version in Version::ALL {
            self.served_by_a.insert(seen_by(&self.source, version));
        }
    }

    fn run(&mut self) {
        self.to_a.run(self.now, &mut self.a);
        for image in self.to_a.held.drain(..) {
            self.b.publish(image);
        }
        self.to_b.run(self.now, &mut self.b);
        for image in self.to_b.held.drain(..) {
            self.c.publish(image);
            let served = self.c.current().unwrap();
            assert!(self.served_by_a.contains(&served), "C serves what A never had");
            assert!(!served.is_empty());
        }
    }

    fn pass(&mut self, millis: u64) {
        self.now = Moment(self.now.0 + millis);
        self.to_a.tick(self.now);
        self.to_b.tick(self.now);
        self.run();
    }

    fn is_synced(&self) -> bool {
        self.to_a.is_synced(&self.a) && self.to_b.is_synced(&self.b)
    }

    fn settle(&mut self) {
        for _ in 0..200 {
            self.run();
            if self.is_synced() {
                return;
            }
            let next = [&self.to_a, &self.to_b].into_iter().filter_map(Hop::deadline).min().unwrap();
            self.pass(next.0.saturating_sub(self.now.0).max(1));
        }
        panic!("the chain does not settle");
    }
}

#[test]
fn a_chain_of_caches_serves_the_same_set_at_its_end_and_nothing_else_before() {
    for (a_to_b, b_to_c, seed) in [
        (Version::V2, Version::V2, 1),
        (Version::V1, Version::V2, 2),
        (Version::V2, Version::V1, 3),
        (Version::V0, Version::V1, 4),
    ] {
        let mut chain = Chain::new(a_to_b, b_to_c, seed);
        let mut random = Cuts(seed);
        chain.publish();
        for _ in 0..250 {
            for _ in 0..random.below(4) {
                change(&mut chain.source, u8::try_from(random.below(256)).unwrap());
            }
            chain.publish();
            match random.below(12) {
                0 => chain.to_a.lost_after = Some(random.below(300)),
                1 => chain.to_b.lost_after = Some(random.below(300)),
                2 => {
                    chain.to_a.lose(chain.now);
                    chain.a.restart(chain.a.policy.versions(), u32::try_from(random.below(1 << 32)).unwrap());
                    // It has no data for a while.
                    chain.pass(1_000 * random.below(200) as u64);
                    chain.publish();
                }
                3 => chain.settle(),
                _ => {}
            }
            chain.pass(1_000 * random.below(100) as u64);
        }
        chain.settle();
        let end = a_to_b.min(b_to_c);
        assert_eq!(chain.a.current(), Some(chain.source.clone()));
        assert_eq!(chain.b.current(), Some(seen_by(&chain.source, a_to_b)));
        assert_eq!(chain.c.current(), Some(seen_by(&chain.source, end)));
    }
}
