//! For random sources, failures, expiries, SLURM files and clocks the served set is that of a naive model: sets of
//! records, searched from the front each time.

use crate::{World, curation, slurm, table};
use proptest::prelude::*;
use rtrcast_feed::curator::{Choice, Curation, Freshness, Guard, Report, SourceId};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

const SOURCES: u32 = 3;
const AGE_MAX: u32 = 1_000;
const HOLD: u64 = 600;
const VRPS_MIN: usize = 6;
const ASPAS_MIN: usize = 2;
const NEARLY_ALL_MIN: usize = 3;

/// Small worlds, so that records meet: prefixes that lie in each other, of both families.
const PREFIXES: [&str; 8] = [
    "10.0.0.0/8",
    "10.0.0.0/16",
    "10.128.0.0/9",
    "0.0.0.0/0",
    "192.0.2.0/24",
    "2001:db8::/32",
    "2001:db8:8000::/33",
    "::/0",
];

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Record {
    Vrp { prefix: usize, asn: u32 },
    Key { ski: u8, asn: u32 },
    Aspa { customer: u32, providers: BTreeSet<u32> },
}

#[derive(Clone, Debug)]
struct Entry {
    record: Record,
    /// Seconds from when it is loaded.
    expires_in: Option<u32>,
    anchor: &'static str,
}

#[derive(Clone, Debug, Default)]
struct Exceptions {
    prefix_filters: Vec<(Option<usize>, Option<u32>)>,
    key_filters: Vec<(Option<u32>, Option<u8>)>,
    customer_filters: Vec<u32>,
    assertions: Vec<Record>,
}

#[derive(Clone, Debug)]
enum Step {
    Load { source: u32, entries: Vec<Entry> },
    Unchanged { source: u32 },
    Renewed { source: u32, seconds: u32 },
    Withdrawn { source: u32 },
    Fail { source: u32 },
    Pass { seconds: u64 },
    Confirm,
    Slurm(Exceptions),
}

fn record() -> impl Strategy<Value = Record> {
    prop_oneof![
        6 => (0..PREFIXES.len(), 1..5_u32).prop_map(|(prefix, asn)| Record::Vrp { prefix, asn }),
        1 => (1..4_u8, 1..4_u32).prop_map(|(ski, asn)| Record::Key { ski, asn }),
        3 => (1..5_u32, prop::collection::btree_set(prop_oneof![Just(0), 6..9_u32], 1..4))
            .prop_map(|(customer, providers)| Record::Aspa { customer, providers: settled(providers) }),
    ]
}

/// AS 0 yields to any other provider.
fn settled(mut providers: BTreeSet<u32>) -> BTreeSet<u32> {
    if providers.len() > 1 {
        providers.remove(&0);
    }
    providers
}

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let entry = (record(), prop_oneof![Just(None), (0..400_u32).prop_map(Some)], prop_oneof![Just("a"), Just("b")])
        .prop_map(|(record, expires_in, anchor)| Entry { record, expires_in, anchor });
    prop::collection::vec(entry, 0..30).prop_map(|entries| {
        // Each record once, and one ASPA a customer: how entries of one file become one is the reader's business.
        let mut seen = BTreeSet::new();
        let key = |record: &Record| match record {
            Record::Aspa { customer, .. } => Record::Aspa { customer: *customer, providers: BTreeSet::new() },
            record => record.clone(),
        };
        entries.into_iter().filter(|entry| seen.insert(key(&entry.record))).collect()
    })
}

fn exceptions() -> impl Strategy<Value = Exceptions> {
    let either = |(choice, prefix, asn): (u8, usize, u32)| match choice {
        0 => (Some(prefix), None),
        1 => (None, Some(asn)),
        _ => (Some(prefix), Some(asn)),
    };
    let either_key = |(choice, asn, ski): (u8, u32, u8)| match choice {
        0 => (Some(asn), None),
        1 => (None, Some(ski)),
        _ => (Some(asn), Some(ski)),
    };
    (
        prop::collection::vec((0..3_u8, 0..PREFIXES.len(), 1..5_u32).prop_map(either), 0..3),
        prop::collection::vec((0..3_u8, 1..4_u32, 1..4_u8).prop_map(either_key), 0..2),
        prop::collection::vec(1..5_u32, 0..2),
        prop::collection::vec(record(), 0..4),
    )
        .prop_map(|(prefix_filters, key_filters, customer_filters, assertions)| Exceptions {
            prefix_filters,
            key_filters,
            customer_filters,
            assertions,
        })
}

fn step() -> impl Strategy<Value = Step> {
    let source = || 1..=SOURCES;
    prop_oneof![
        6 => (source(), entries()).prop_map(|(source, entries)| Step::Load { source, entries }),
        1 => source().prop_map(|source| Step::Unchanged { source }),
        2 => (source(), 0..1_500_u32).prop_map(|(source, seconds)| Step::Renewed { source, seconds }),
        1 => source().prop_map(|source| Step::Withdrawn { source }),
        3 => source().prop_map(|source| Step::Fail { source }),
        5 => prop_oneof![0..200_u64, 200..1_200_u64].prop_map(|seconds| Step::Pass { seconds }),
        1 => Just(Step::Confirm),
        2 => exceptions().prop_map(Step::Slurm),
    ]
}

// The same as input of the program.

fn source_document(entries: &[Entry], now: u32) -> String {
    let (mut roas, mut keys, mut aspas) = (Vec::new(), Vec::new(), Vec::new());
    for Entry { record, expires_in, anchor } in entries {
        let expires = expires_in.map_or(String::new(), |seconds| format!(r#","expires":{}"#, now + seconds));
        match record {
            Record::Vrp { prefix, asn } => {
                roas.push(format!(r#"{{"prefix":"{}","asn":{asn},"ta":"{anchor}"{expires}}}"#, PREFIXES[*prefix]));
            }
            Record::Key { ski, asn } => {
                keys.push(format!(r#"{{"ski":"{ski:040x}","asn":{asn},"pubkey":"MAA="{expires}}}"#));
            }
            Record::Aspa { customer, providers } => {
                let providers = list(providers);
                aspas.push(format!(r#"{{"customer_asid":{customer},"providers":{providers}{expires}}}"#));
            }
        }
    }
    format!(r#"{{"roas":[{}],"bgpsec_keys":[{}],"aspas":[{}]}}"#, roas.join(","), keys.join(","), aspas.join(","))
}

fn list(providers: &BTreeSet<u32>) -> String {
    format!("{:?}", providers.iter().collect::<Vec<_>>())
}

/// The twenty octets that end with this one, in base64url.
fn ski_base64(ski: u8) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    // The last of 27 digits has four bits of it, and two that are unused.
    let (high, low) = (usize::from(ski >> 4), usize::from(ski & 0xF) << 2);
    format!("{}{}{}", "A".repeat(25), char::from(DIGITS[high]), char::from(DIGITS[low]))
}

fn slurm_document(exceptions: &Exceptions) -> String {
    let members =
        |members: [Option<String>; 2]| format!("{{{}}}", members.into_iter().flatten().collect::<Vec<_>>().join(","));
    let prefix_filters = exceptions.prefix_filters.iter().map(|(prefix, asn)| {
        members([
            prefix.map(|prefix| format!(r#""prefix":"{}""#, PREFIXES[prefix])),
            asn.map(|asn| format!(r#""asn":{asn}"#)),
        ])
    });
    let key_filters = exceptions.key_filters.iter().map(|(asn, ski)| {
        members([asn.map(|asn| format!(r#""asn":{asn}"#)), ski.map(|ski| format!(r#""SKI":"{}""#, ski_base64(ski)))])
    });
    let aspa_filters = exceptions.customer_filters.iter().map(|customer| format!(r#"{{"customerAsn":{customer}}}"#));
    let (mut prefixes, mut keys, mut aspas) = (Vec::new(), Vec::new(), Vec::new());
    for record in &exceptions.assertions {
        match record {
            Record::Vrp { prefix, asn } => {
                prefixes.push(format!(r#"{{"prefix":"{}","asn":{asn}}}"#, PREFIXES[*prefix]));
            }
            Record::Key { ski, asn } => {
                let ski = ski_base64(*ski);
                keys.push(format!(r#"{{"SKI":"{ski}","asn":{asn},"routerPublicKey":"MAA"}}"#));
            }
            Record::Aspa { customer, providers } => {
                let providers = list(providers);
                aspas.push(format!(r#"{{"customerAsn":{customer},"providerAsns":{providers}}}"#));
            }
        }
    }
    let join = |parts: &mut dyn Iterator<Item = String>| parts.collect::<Vec<_>>().join(",");
    format!(
        r#"{{"slurmVersion":2,"validationOutputFilters":{{"prefixFilters":[{}],"bgpsecFilters":[{}],"aspaFilters":[{}]}},
        "locallyAddedAssertions":{{"prefixAssertions":[{}],"bgpsecAssertions":[{}],"aspaAssertions":[{}]}}}}"#,
        join(&mut prefix_filters.into_iter()),
        join(&mut key_filters.into_iter()),
        join(&mut aspa_filters.into_iter()),
        prefixes.join(","),
        keys.join(","),
        aspas.join(",")
    )
}

// The model.

/// A record with when it ends, and its trust anchor.
type Set = BTreeMap<Record, (Option<u32>, &'static str)>;

/// A source took its set back.
const TAKEN_BACK: Option<u32> = Some(0);

#[derive(Clone, Debug)]
struct Loaded {
    set: Set,
    made: u32,
    /// End of its validity as its source renewed it.
    until: Option<u32>,
}

impl Loaded {
    fn too_old_from(&self) -> u32 {
        self.until.unwrap_or(self.made + AGE_MAX)
    }

    /// Records that have not ended at a time. Without an end of its own a record ends when its set is too old.
    fn alive(&self, at: u32) -> BTreeSet<&Record> {
        self.set
            .iter()
            .filter(|(_, (end, _))| self.until != TAKEN_BACK && end.unwrap_or(self.too_old_from()) > at)
            .map(|(record, _)| record)
            .collect()
    }

    fn is_over(&self, at: u32) -> bool {
        if self.set.is_empty() { self.too_old_from() <= at } else { self.alive(at).is_empty() }
    }
}

/// Of what, of how many, how many.
type Losses = Vec<(String, usize, usize)>;

#[derive(Clone, Debug, Default)]
struct Source {
    last: Option<Loaded>,
    /// The table that is held, its losses, and since when.
    held: Option<(Loaded, Losses, u64)>,
    /// Since when anything waits.
    held_first: u64,
    failures: u32,
    failing_since: Option<u64>,
    has_reported: bool,
}

impl Source {
    fn succeeded(&mut self) {
        (self.failures, self.failing_since, self.has_reported) = (0, None, true);
    }

    fn failed(&mut self, moment: u64) {
        self.has_reported = true;
        self.failures += 1;
        self.failing_since.get_or_insert(moment);
    }

    fn is_failing(&self, moment: u64) -> bool {
        self.failures >= 2 || self.failing_since.is_some_and(|since| since + 60 <= moment)
    }

    /// Neither failing, nor too old, nor with more than a tenth expired.
    fn is_healthy(&self, moment: u64, unix: u32) -> bool {
        let last = self.last.as_ref().unwrap();
        let ended = last.set.len() - last.alive(unix + 2).len();
        !self.is_failing(moment) && last.too_old_from() > unix + 2 && ended * 10 <= last.set.len()
    }
}

/// Losses that are held: of which kind, and of how many records.
fn losses(last: &Loaded, new: &Loaded, at: u32) -> Losses {
    let mut found = Vec::new();
    let (alive, newer) = (last.alive(at), new.alive(at));
    let mut judge = |name: &str, belongs: &dyn Fn(&Record, &str) -> bool, min: usize| {
        let gone = |record: &Record| match record {
            Record::Aspa { customer, .. } => {
                !newer.iter().any(|other| matches!(other, Record::Aspa { customer: c, .. } if c == customer))
            }
            record => !newer.contains(record),
        };
        let had: Vec<_> = alive.iter().filter(|record| belongs(record, last.set[**record].1)).collect();
        let has = newer.iter().filter(|record| belongs(record, new.set[**record].1)).count();
        let lost = had.iter().filter(|record| gone(record)).count().min(had.len().saturating_sub(has));
        let is_half = had.len() >= min && lost > had.len() / 2;
        let is_nearly_all = had.len() >= NEARLY_ALL_MIN && lost * 10 >= had.len() * 9;
        if is_half || is_nearly_all {
            found.push((name.to_owned(), had.len(), lost));
        }
    };
    let is_vrp = |record: &Record| matches!(record, Record::Vrp { .. });
    let is_ipv6 = |record: &Record| matches!(record, Record::Vrp { prefix, .. } if PREFIXES[*prefix].contains(':'));
    judge("all", &|record, _| is_vrp(record), VRPS_MIN);
    judge("keys", &|record, _| matches!(record, Record::Key { .. }), usize::MAX);
    for anchor in ["a", "b"] {
        judge(anchor, &|record, of| is_vrp(record) && of == anchor, VRPS_MIN);
    }
    judge("aspas", &|record, _| matches!(record, Record::Aspa { .. }), ASPAS_MIN);
    judge("ipv4", &|record, _| is_vrp(record) && !is_ipv6(record), usize::MAX);
    judge("ipv6", &|record, _| is_ipv6(record), usize::MAX);
    // It is among the losses of all VRPs.
    let all_named = found.iter().any(|(name, ..)| name == "all");
    found.retain(|(name, ..)| !all_named || !name.starts_with("ipv"));
    found
}

struct Model {
    choice: Choice,
    sources: BTreeMap<u32, Source>,
    exceptions: Exceptions,
    /// Source and data of the last publication.
    served: Vec<(u32, Loaded)>,
    settled_at: Option<u64>,
}

impl Model {
    fn load(&mut self, source: u32, entries: &[Entry], moment: u64, unix: u32) {
        let mut set = Set::new();
        for Entry { record, expires_in, anchor } in entries {
            let end = expires_in.map(|seconds| unix + seconds);
            set.insert(record.clone(), (end, *anchor));
        }
        let new = Loaded { set, made: unix, until: None };
        let source = self.sources.get_mut(&source).unwrap();
        source.succeeded();
        let Some(last) = &mut source.last else {
            source.last = Some(new);
            return;
        };
        let held_counts = source.held.as_ref().is_some_and(|(held, ..)| !held.is_over(unix + 2));
        if new.is_over(unix + 2) && (!last.is_over(unix + 2) || held_counts) {
            return;
        }
        let lost = losses(last, &new, unix + 2);
        if lost.is_empty() {
            source.last = Some(new);
            source.held = None;
            return;
        }
        for (record, (end, _)) in &mut last.set {
            if let Some((newer, _)) = new.set.get(record) {
                *end = end.zip(*newer).map(|(end, newer)| end.max(newer));
            }
        }
        let same = source.held.as_ref().filter(|(_, known, _)| {
            lost.iter()
                .all(|(name, _, now)| known.iter().any(|(known, had, lost)| known == name && *now <= lost + had / 10))
        });
        if source.held.is_none() {
            source.held_first = moment;
        }
        let (known, since) = same.map_or((lost, moment), |(_, known, since)| (known.clone(), *since));
        source.held = Some((new, known, since));
    }

    /// Handles the passing of time.
    fn review(&mut self, moment: u64, unix: u32) {
        for source in self.sources.values_mut() {
            let is_due = source.held.as_ref().is_some_and(|(new, _, since)| {
                let waited = since + HOLD <= moment || source.held_first + 3 * HOLD <= moment;
                waited && source.failures == 0
                    || source.last.as_ref().unwrap().is_over(unix + 2) && !new.is_over(unix + 2)
            });
            if is_due {
                source.last = source.held.take().map(|held| held.0);
            }
        }
        let usable = |source: &&Source| source.last.as_ref().is_some_and(|last| !last.is_over(unix + 2));
        if self.sources.values().any(|source| usable(&source)) {
            self.settled_at.get_or_insert(moment + 5);
        }
        if self.sources.values().all(|source| source.has_reported) {
            self.settled_at = Some(0);
        }
        if self.settled_at.is_none_or(|at| at > moment) {
            return;
        }
        let usable: Vec<u32> = self.sources.iter().filter(|(_, source)| usable(source)).map(|(id, _)| *id).collect();
        let mut chosen: Vec<u32> = self.served.iter().map(|(id, _)| *id).collect();
        if !usable.is_empty() && self.choice == Choice::Union {
            chosen = self.sources.keys().copied().collect();
        } else if !usable.is_empty() {
            let is_full = |id: &&u32| !self.sources[*id].last.as_ref().unwrap().set.is_empty();
            let full: Vec<u32> = usable.iter().filter(is_full).copied().collect();
            let healthy = full.iter().find(|id| self.sources[*id].is_healthy(moment, unix));
            let served = full.iter().find(|id| chosen.first() == Some(id));
            chosen = vec![*healthy.or(served).or(full.first()).unwrap_or(&usable[0])];
        }
        self.served = chosen.into_iter().filter_map(|id| Some((id, self.sources[&id].last.clone()?))).collect();
    }

    fn is_filtered(&self, record: &Record) -> bool {
        let Exceptions { prefix_filters, key_filters, customer_filters, .. } = &self.exceptions;
        match record {
            Record::Vrp { prefix, asn } => prefix_filters.iter().any(|(filter, of)| {
                filter.is_none_or(|filter| covers(PREFIXES[filter], PREFIXES[*prefix]))
                    && of.is_none_or(|of| of == *asn)
            }),
            Record::Key { ski, asn } => key_filters
                .iter()
                .any(|(of, filter)| filter.is_none_or(|filter| filter == *ski) && of.is_none_or(|of| of == *asn)),
            Record::Aspa { customer, .. } => customer_filters.contains(customer),
        }
    }

    /// Records to be served if those that end at `at` are not in effect any more.
    fn expected(&self, at: u32) -> BTreeSet<Record> {
        self.expected_of(&self.served, at)
    }

    fn expected_of(&self, served: &[(u32, Loaded)], at: u32) -> BTreeSet<Record> {
        let sources = served.iter().flat_map(|(_, loaded)| loaded.alive(at)).filter(|record| !self.is_filtered(record));
        let mut set = BTreeSet::new();
        let mut providers_of: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
        for record in sources.chain(&self.exceptions.assertions) {
            match record {
                Record::Aspa { customer, providers } => providers_of.entry(*customer).or_default().extend(providers),
                record => {
                    set.insert(record.clone());
                }
            }
        }
        let aspa = |(customer, providers)| Record::Aspa { customer, providers: settled(providers) };
        set.extend(providers_of.into_iter().map(aspa));
        set
    }
}

fn covers(filter: &str, prefix: &str) -> bool {
    let parse = |text: &str| {
        let (addr, len) = text.split_once('/').unwrap();
        let addr: std::net::IpAddr = addr.parse().unwrap();
        let bits: Vec<bool> = match addr {
            std::net::IpAddr::V4(addr) => (0..32).map(|bit| addr.to_bits() >> (31 - bit) & 1 == 1).collect(),
            std::net::IpAddr::V6(addr) => (0..128).map(|bit| addr.to_bits() >> (127 - bit) & 1 == 1).collect(),
        };
        let len: usize = len.parse().unwrap();
        (addr.is_ipv4(), bits[..len].to_vec())
    };
    let ((filter_v4, filter), (prefix_v4, prefix)) = (parse(filter), parse(prefix));
    filter_v4 == prefix_v4 && prefix.starts_with(&filter)
}

/// As the program prints it.
fn line(record: &Record) -> String {
    let mut text = String::new();
    match record {
        Record::Vrp { prefix, asn } => {
            let prefix = PREFIXES[*prefix];
            let family = if prefix.contains(':') { "ipv6" } else { "ipv4" };
            write!(text, "{family} + {prefix}-{} AS{asn}", prefix.split_once('/').unwrap().1).unwrap();
        }
        Record::Key { ski, asn } => write!(text, "router-key + {ski:040x} AS{asn} 3000").unwrap(),
        Record::Aspa { customer, providers } => {
            let providers: Vec<String> = providers.iter().map(|asn| format!("AS{asn}")).collect();
            write!(text, "aspa + AS{customer} {}", providers.join(",")).unwrap();
        }
    }
    text
}

/// Records, the providers of a customer one by one, so that one set can be a part of another.
fn pairs(set: &BTreeSet<Record>) -> BTreeSet<Record> {
    let mut pairs = BTreeSet::new();
    for record in set {
        match record {
            Record::Aspa { customer, providers } => {
                let one = |provider: &u32| Record::Aspa { customer: *customer, providers: BTreeSet::from([*provider]) };
                // AS 0 comes and goes with others.
                pairs.extend(providers.iter().filter(|provider| **provider != 0).map(one));
            }
            record => {
                pairs.insert(record.clone());
            }
        }
    }
    pairs
}

fn run(choice: Choice, steps: &[Step]) -> Result<(), TestCaseError> {
    let guard = Guard {
        hold: Some(Duration::from_secs(HOLD)),
        vrps_min: VRPS_MIN,
        aspas_min: ASPAS_MIN,
        nearly_all_min: NEARLY_ALL_MIN,
        reported_min: 2,
    };
    let freshness = Freshness { age_seconds_max: AGE_MAX, ..Freshness::default() };
    let mut world = World::new(Curation { choice, guard, freshness, ..curation(SOURCES) });
    let sources = (1..=SOURCES).map(|source| (source, Source::default())).collect();
    let exceptions = Exceptions::default();
    let mut model = Model { choice, sources, exceptions, served: Vec::new(), settled_at: None };
    // The records by their lines, to understand what is served.
    let mut known: BTreeMap<String, Record> = BTreeMap::new();
    let (mut ticks, mut looked) = (0, 0);
    for step in steps {
        let (moment, unix) = (world.at(), world.now().unix);
        let before = world.served.clone();
        match step {
            Step::Load { source, entries } => {
                model.load(*source, entries, moment, unix);
                model.review(moment, unix);
                let report = Report::Loaded { table: table(&source_document(entries, unix)), written: Some(unix) };
                world.curator.source(world.now(), SourceId(*source), report);
            }
            Step::Unchanged { source } => {
                model.sources.get_mut(source).unwrap().succeeded();
                model.review(moment, unix);
                world.curator.source(world.now(), SourceId(*source), Report::Unchanged);
            }
            Step::Renewed { source, seconds } => {
                let state = model.sources.get_mut(source).unwrap();
                state.succeeded();
                let held = state.held.as_mut().map(|held| &mut held.0);
                for loaded in held.into_iter().chain(&mut state.last) {
                    loaded.until = Some(unix + seconds);
                }
                model.review(moment, unix);
                let report = Report::Renewed { valid_for: Duration::from_secs((*seconds).into()) };
                world.curator.source(world.now(), SourceId(*source), report);
            }
            Step::Withdrawn { source } => {
                let state = model.sources.get_mut(source).unwrap();
                state.failed(moment);
                state.held = None;
                if let Some(last) = &mut state.last {
                    last.until = TAKEN_BACK;
                }
                model.review(moment, unix);
                world.curator.source(world.now(), SourceId(*source), Report::Withdrawn);
            }
            Step::Fail { source } => {
                model.sources.get_mut(source).unwrap().failed(moment);
                model.review(moment, unix);
                world.curator.source(world.now(), SourceId(*source), Report::Failed);
            }
            Step::Confirm => {
                for source in model.sources.values_mut() {
                    source.last = source.held.take().map(|held| held.0).or(source.last.take());
                }
                model.review(moment, unix);
                world.curator.confirm(world.now(), None);
            }
            Step::Slurm(exceptions) => {
                model.exceptions = exceptions.clone();
                model.review(moment, unix);
                world.curator.slurm(world.now(), slurm(&slurm_document(exceptions)));
            }
            Step::Pass { seconds } => {
                for second in 1..=*seconds {
                    world.pass(1);
                    // Where what is well depends on when one looks, the model looks when the curator does.
                    if world.ticks > ticks {
                        ticks = world.ticks;
                        model.review(world.at(), world.now().unix);
                        looked = world.at();
                    }
                    let is_awake =
                        world.at() - looked <= 60 || model.sources.values().all(|source| source.last.is_none());
                    prop_assert!(is_awake, "it has not looked for more than a minute");
                    if second % 13 == 0 || second == *seconds {
                        check(&world, &model, &mut known)?;
                    }
                }
                continue;
            }
        }
        world.drain();
        looked = world.at();
        // An input that changes the data in effect is served at once, and then exactly.
        if world.served != before {
            let expected: BTreeSet<String> = model.expected(unix + 2).iter().map(line).collect();
            prop_assert_eq!(world.served.as_ref(), Some(&expected), "{:?}", step);
        }
        check(&world, &model, &mut known)?;
    }
    Ok(())
}

/// All records in effect are served, and none that ended a minute ago.
fn check(world: &World, model: &Model, known: &mut BTreeMap<String, Record>) -> Result<(), TestCaseError> {
    let unix = world.now().unix;
    let Some(served) = &world.served else {
        prop_assert!(model.served.is_empty(), "the model serves, and the curator does not");
        return Ok(());
    };
    let (least, most) = (model.expected(unix + 2), model.expected(unix.saturating_sub(58)));
    for record in least.iter().chain(&most) {
        known.entry(line(record)).or_insert_with(|| record.clone());
    }
    // Between two expiries a customer's providers may be a set that neither end has.
    let served: BTreeSet<Record> =
        served.iter().map(|line| known.get(line).cloned().unwrap_or_else(|| parse(line))).collect();
    let (least, served, most) = (pairs(&least), pairs(&served), pairs(&most));
    prop_assert!(least.is_subset(&served), "missing: {:?}", least.difference(&served));
    prop_assert!(served.is_subset(&most), "ended: {:?}", served.difference(&most));
    Ok(())
}

/// A line that the model does not have at this time: a customer's providers, or a record of another choice.
fn parse(line: &str) -> Record {
    if !line.starts_with("aspa") {
        return Record::Key { ski: 0, asn: 0 };
    }
    let mut words = line.split([' ', ',']).filter_map(|word| word.strip_prefix("AS")).map(|asn| asn.parse().unwrap());
    Record::Aspa { customer: words.next().unwrap(), providers: words.collect() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_served_set_is_the_naive_model_s(
        choice in prop_oneof![Just(Choice::Union), Just(Choice::First)],
        steps in prop::collection::vec(step(), 5..40),
    ) {
        run(choice, &steps)?;
    }
}
