//! Entries as plain values, printed as files in many ways, with the rules as plain as in the specifications.

use proptest::prelude::*;
use rtrcast_feed::{Assertion, BgpsecFilter, Filter, PrefixFilter, SlurmFile};
use rtrcast_proto::{Asn, Prefix, Record, RouteOrigin};
use std::net::IpAddr;

/// Content of an entry.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ModelEntry {
    PrefixFilter { prefix: Option<Prefix>, asn: Option<u32> },
    BgpsecFilter { asn: Option<u32>, ski: Option<[u8; 20]> },
    AspaFilter(u32),
    PrefixAssertion { prefix: Prefix, max_len: u8, asn: u32 },
    BgpsecAssertion { asn: u32, ski: [u8; 20], spki: Vec<u8> },
    AspaAssertion { customer: u32, providers: Vec<u32> },
}

impl ModelEntry {
    /// The entries of a file, as far as they are of one list after the other in the order of the specifications.
    pub(crate) fn all(file: &SlurmFile) -> Vec<ModelEntry> {
        let mut all: Vec<_> =
            file.filters().iter().map(|entry| (entry.list, ModelEntry::filter(&entry.value))).collect();
        all.extend(file.assertions().iter().map(|entry| (entry.list, ModelEntry::assertion(&entry.value))));
        all.sort_by_key(|(list, _)| *list);
        all.into_iter().map(|(_, read_shown)| read_shown).collect()
    }

    fn filter(filter: &Filter) -> ModelEntry {
        match *filter {
            Filter::Prefix(PrefixFilter::Prefix(prefix)) => {
                ModelEntry::PrefixFilter { prefix: Some(prefix), asn: None }
            }
            Filter::Prefix(PrefixFilter::Asn(asn)) => ModelEntry::PrefixFilter { prefix: None, asn: Some(asn.0) },
            Filter::Prefix(PrefixFilter::Both(prefix, asn)) => {
                ModelEntry::PrefixFilter { prefix: Some(prefix), asn: Some(asn.0) }
            }
            Filter::Bgpsec(BgpsecFilter::Asn(asn)) => ModelEntry::BgpsecFilter { asn: Some(asn.0), ski: None },
            Filter::Bgpsec(BgpsecFilter::Ski(ski)) => ModelEntry::BgpsecFilter { asn: None, ski: Some(ski) },
            Filter::Bgpsec(BgpsecFilter::Both(asn, ski)) => {
                ModelEntry::BgpsecFilter { asn: Some(asn.0), ski: Some(ski) }
            }
            Filter::Aspa(customer) => ModelEntry::AspaFilter(customer.0),
        }
    }

    fn assertion(assertion: &Assertion) -> ModelEntry {
        match assertion {
            Assertion::Prefix(origin) => {
                ModelEntry::PrefixAssertion { prefix: origin.prefix(), max_len: origin.max_len(), asn: origin.asn().0 }
            }
            Assertion::Bgpsec(key) => {
                let key = key.key();
                ModelEntry::BgpsecAssertion { asn: key.asn().0, ski: key.ski(), spki: key.spki().to_vec() }
            }
            Assertion::Aspa(aspa) => {
                let providers = aspa.aspa().providers().iter().map(|asn| u32::from_be_bytes(*asn)).collect();
                ModelEntry::AspaAssertion { customer: aspa.aspa().customer().0, providers }
            }
        }
    }

    /// Index of the list in the specifications, counted from 0.
    pub(crate) fn list(&self) -> usize {
        match self {
            ModelEntry::PrefixFilter { .. } => 0,
            ModelEntry::BgpsecFilter { .. } => 1,
            ModelEntry::AspaFilter(_) => 2,
            ModelEntry::PrefixAssertion { .. } => 3,
            ModelEntry::BgpsecAssertion { .. } => 4,
            ModelEntry::AspaAssertion { .. } => 5,
        }
    }

    /// Returns whether a filter matches a record, by the rules of the specifications.
    pub(crate) fn names(&self, record: &Record<'_>) -> bool {
        match (self, record) {
            (ModelEntry::PrefixFilter { prefix, asn }, Record::Origin(origin)) => {
                prefix.is_none_or(|prefix| lies_in(origin.prefix(), prefix))
                    && asn.is_none_or(|asn| asn == origin.asn().0)
            }
            (ModelEntry::BgpsecFilter { asn, ski }, Record::RouterKey(key)) => {
                asn.is_none_or(|asn| asn == key.asn().0) && ski.is_none_or(|ski| ski == key.ski())
            }
            (ModelEntry::AspaFilter(customer), Record::Aspa(aspa)) => *customer == aspa.customer().0,
            _ => false,
        }
    }

    /// The prefix that the overlap of files is about.
    pub(crate) fn prefix(&self) -> Option<Prefix> {
        match self {
            ModelEntry::PrefixFilter { prefix, .. } => *prefix,
            ModelEntry::PrefixAssertion { prefix, .. } => Some(*prefix),
            _ => None,
        }
    }

    /// Returns whether two entries of two files overlap.
    pub(crate) fn overlaps(&self, other: &ModelEntry) -> bool {
        let key_asn = |read_shown: &ModelEntry| match read_shown {
            ModelEntry::BgpsecFilter { asn, .. } => *asn,
            ModelEntry::BgpsecAssertion { asn, .. } => Some(*asn),
            _ => None,
        };
        let customer = |read_shown: &ModelEntry| match read_shown {
            ModelEntry::AspaFilter(customer) | ModelEntry::AspaAssertion { customer, .. } => Some(*customer),
            _ => None,
        };
        let both = |a: Option<u32>, b: Option<u32>| a.is_some() && a == b;
        let addresses = self.prefix().zip(other.prefix()).is_some_and(|(a, b)| lies_in(a, b) || lies_in(b, a));
        addresses || both(key_asn(self), key_asn(other)) || both(customer(self), customer(other))
    }

    /// Names and values.
    fn members(&self, style: &mut Style) -> Vec<String> {
        let number = |name: &str, value: u32| format!("\"{name}\": {value}");
        let text = |name: &str, value: String| format!("\"{name}\": \"{value}\"");
        match self {
            ModelEntry::PrefixFilter { prefix, asn } => {
                let prefix = prefix.map(|prefix| text("prefix", prefix.to_string()));
                prefix.into_iter().chain(asn.map(|asn| number("asn", asn))).collect()
            }
            ModelEntry::BgpsecFilter { asn, ski } => {
                let ski = ski.map(|ski| text("SKI", style.base64(&ski)));
                ski.into_iter().chain(asn.map(|asn| number("asn", asn))).collect()
            }
            ModelEntry::AspaFilter(customer) => vec![number("customerAsn", *customer)],
            ModelEntry::PrefixAssertion { prefix, max_len, asn } => {
                let mut members = vec![text("prefix", prefix.to_string()), number("asn", *asn)];
                if *max_len != prefix.len() || style.one_in(2) {
                    members.push(number("maxPrefixLength", u32::from(*max_len)));
                }
                members
            }
            ModelEntry::BgpsecAssertion { asn, ski, spki } => {
                let (ski, spki) = (style.base64(ski), style.base64(spki));
                vec![number("asn", *asn), text("SKI", ski), text("routerPublicKey", spki)]
            }
            ModelEntry::AspaAssertion { customer, providers } => {
                vec![number("customerAsn", *customer), format!("\"providerAsns\": {providers:?}")]
            }
        }
    }
}

/// Returns whether all addresses of a prefix are addresses of another, bit by bit.
fn lies_in(inner: Prefix, outer: Prefix) -> bool {
    let bits = |prefix: Prefix| -> String {
        let octets = match prefix.addr() {
            IpAddr::V4(addr) => addr.octets().to_vec(),
            IpAddr::V6(addr) => addr.octets().to_vec(),
        };
        let all: String = octets.iter().map(|octet| format!("{octet:08b}")).collect();
        all[..usize::from(prefix.len())].to_owned()
    };
    inner.addr().is_ipv4() == outer.addr().is_ipv4() && bits(inner).starts_with(&bits(outer))
}

/// The choices of the author of a file, from a seed.
pub(crate) struct Style(pub(crate) u64);

impl Style {
    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    /// A number below another, by xorshift.
    pub(crate) fn below(&mut self, count: u64) -> u64 {
        self.0 |= 1;
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 8) % count
    }

    fn space(&mut self) -> &'static str {
        ["", "", " ", "\n", "\r\n\t"][usize::try_from(self.below(5)).unwrap()]
    }

    fn base64(&mut self, octets: &[u8]) -> String {
        let last = if self.one_in(2) { "+/" } else { "-_" };
        let alphabet = format!("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789{last}").into_bytes();
        let bits: String = octets.iter().map(|octet| format!("{octet:08b}")).collect();
        let digit = |bits: &[u8]| {
            let bits = format!("{:0<6}", std::str::from_utf8(bits).unwrap());
            char::from(alphabet[usize::from_str_radix(&bits, 2).unwrap()])
        };
        let mut text: String = bits.as_bytes().chunks(6).map(digit).collect();
        while self.0.is_multiple_of(3) && !text.len().is_multiple_of(4) {
            text.push('=');
        }
        text
    }

    fn shuffled(&mut self, mut parts: Vec<String>) -> String {
        for place in (1..parts.len()).rev() {
            parts.swap(place, usize::try_from(self.below(place as u64 + 1)).unwrap());
        }
        let separator = format!("{},{}", self.space(), self.space());
        format!("{{{}{}{}}}", self.space(), parts.join(&separator), self.space())
    }

    /// A file with these entries. Version 1 can't have all.
    pub(crate) fn print(&mut self, version: u8, entries: &[ModelEntry]) -> String {
        let mut lists: [Vec<String>; 6] = Default::default();
        for entry in entries {
            let mut members = entry.members(self);
            if self.one_in(3) {
                members.push(r#""comment": "}],\"\u00e9""#.to_owned());
            }
            lists[entry.list()].push(self.shuffled(members));
        }
        let names =
            ["prefixFilters", "bgpsecFilters", "aspaFilters", "prefixAssertions", "bgpsecAssertions", "aspaAssertions"];
        let lists: Vec<String> = names
            .into_iter()
            .zip(lists)
            .map(|(name, entries)| format!("\"{name}\":{}[{}]", self.space(), entries.join(",")))
            .collect();
        let used = if version == 1 { 2 } else { 3 };
        let filters = self.shuffled(lists[..used].to_vec());
        let assertions = self.shuffled(lists[3..3 + used].to_vec());
        self.shuffled(vec![
            format!("\"slurmVersion\": {version}"),
            format!("\"validationOutputFilters\": {filters}"),
            format!("\"locallyAddedAssertions\":{assertions}"),
        ])
    }
}

/// Prefixes of few addresses, so that they lie in each other.
pub(crate) fn prefix() -> impl Strategy<Value = Prefix> {
    let ipv4 = (0_u32..8, 0_u8..=32).prop_map(|(bits, len)| (IpAddr::V4((bits << 29 | bits << 8).into()), len));
    let ipv6 = (0_u128..8, 0_u8..=128).prop_map(|(bits, len)| (IpAddr::V6((bits << 125 | bits << 40).into()), len));
    prop_oneof![ipv4, ipv6].prop_map(|(addr, len)| Prefix::masked(addr, len).unwrap())
}

fn asn() -> impl Strategy<Value = u32> {
    prop_oneof![8 => 0_u32..6, 1 => any::<u32>()]
}

fn ski() -> impl Strategy<Value = [u8; 20]> {
    prop_oneof![(0_u8..3).prop_map(|octet| [octet; 20]), any::<[u8; 20]>()]
}

fn customer() -> impl Strategy<Value = u32> {
    prop_oneof![8 => 1_u32..6, 1 => 1..=u32::MAX]
}

pub(crate) fn filter() -> impl Strategy<Value = ModelEntry> {
    use proptest::option::of;
    prop_oneof![
        (of(prefix()), of(asn()))
            .prop_filter("it names something", |(prefix, asn)| prefix.is_some() || asn.is_some())
            .prop_map(|(prefix, asn)| ModelEntry::PrefixFilter { prefix, asn }),
        (of(asn()), of(ski()))
            .prop_filter("it names something", |(asn, ski)| asn.is_some() || ski.is_some())
            .prop_map(|(asn, ski)| ModelEntry::BgpsecFilter { asn, ski }),
        customer().prop_map(ModelEntry::AspaFilter),
    ]
}

pub(crate) fn assertion() -> impl Strategy<Value = ModelEntry> {
    let providers = proptest::collection::btree_set(6_u32..20, 1..5);
    prop_oneof![
        (prefix(), any::<u8>(), asn()).prop_map(|(prefix, more, asn)| {
            let max_len = prefix.len() + more % (prefix.len_max() - prefix.len() + 1);
            RouteOrigin::new(prefix, max_len, Asn(asn)).unwrap();
            ModelEntry::PrefixAssertion { prefix, max_len, asn }
        }),
        (asn(), ski(), proptest::collection::vec(any::<u8>(), 0..100)).prop_map(|(asn, ski, content)| {
            let spki = [vec![0x30, u8::try_from(content.len()).unwrap()], content].concat();
            ModelEntry::BgpsecAssertion { asn, ski, spki }
        }),
        (1_u32..6, providers).prop_map(|(customer, providers)| {
            ModelEntry::AspaAssertion { customer, providers: providers.into_iter().collect() }
        }),
    ]
}

/// Entries of all lists, in the order of the lists.
pub(crate) fn entries() -> impl Strategy<Value = Vec<ModelEntry>> {
    let few = proptest::collection::vec(prop_oneof![filter(), assertion()], 0..12);
    few.prop_map(|mut entries| {
        entries.sort_by_key(ModelEntry::list);
        entries
    })
}
