//! Matching of records with filters: a few binary searches for each record, however many filters there are.
//!
//! Two prefixes either lie one in the other or have nothing in common. So the filters that cover a prefix are the last
//! one that sorts not behind it, and those that this one lies in.

use super::{BgpsecFilter, Filter, PrefixFilter};
use rtrcast_proto::{Asn, Prefix, Record, RouteOrigin, RouterKey, Section};
use std::net::IpAddr;
use std::ops::ControlFlow;

/// All filters of a configuration, sorted. [SL-01] [SL-02]
#[derive(Clone, Debug, Default)]
pub struct Filters {
    /// Filters with a prefix.
    ipv4: Nested,
    ipv6: Nested,
    origin_asns: Sorted<Asn>,
    key_asns: Sorted<Asn>,
    key_skis: Sorted<[u8; 20]>,
    key_both: Sorted<(Asn, [u8; 20])>,
    customers: Sorted<Asn>,
}

impl Filters {
    /// Sorts filters; each is identified by its index among them.
    pub(super) fn new<'a>(filters: impl Iterator<Item = &'a Filter>) -> Filters {
        let mut sorted = Filters::default();
        for (id, filter) in filters.enumerate() {
            match *filter {
                Filter::Prefix(PrefixFilter::Prefix(prefix)) => sorted.nested(prefix).push(None, prefix, id),
                Filter::Prefix(PrefixFilter::Both(prefix, asn)) => sorted.nested(prefix).push(Some(asn), prefix, id),
                Filter::Prefix(PrefixFilter::Asn(asn)) => sorted.origin_asns.push(asn, id),
                Filter::Bgpsec(BgpsecFilter::Asn(asn)) => sorted.key_asns.push(asn, id),
                Filter::Bgpsec(BgpsecFilter::Ski(ski)) => sorted.key_skis.push(ski, id),
                Filter::Bgpsec(BgpsecFilter::Both(asn, ski)) => sorted.key_both.push((asn, ski), id),
                Filter::Aspa(customer) => sorted.customers.push(customer, id),
            }
        }
        sorted.ipv4.sort();
        sorted.ipv6.sort();
        sorted.origin_asns.sort();
        sorted.key_asns.sort();
        sorted.key_skis.sort();
        sorted.key_both.sort();
        sorted.customers.sort();
        sorted
    }

    fn nested(&mut self, prefix: Prefix) -> &mut Nested {
        if prefix.addr().is_ipv4() { &mut self.ipv4 } else { &mut self.ipv6 }
    }

    /// Returns whether nothing is ever removed.
    pub fn is_empty(&self) -> bool {
        Section::ALL.into_iter().all(|section| self.keeps_all(section))
    }

    /// Returns whether no record of a section is ever removed.
    pub fn keeps_all(&self, section: Section) -> bool {
        match section {
            Section::Ipv4Prefix => self.ipv4.0.is_empty() && self.origin_asns.0.is_empty(),
            Section::Ipv6Prefix => self.ipv6.0.is_empty() && self.origin_asns.0.is_empty(),
            Section::RouterKey => {
                self.key_asns.0.is_empty() && self.key_skis.0.is_empty() && self.key_both.0.is_empty()
            }
            Section::Aspa => self.customers.0.is_empty(),
        }
    }

    /// Returns whether a record of an image is removed: if any filter names it. [SL-03]
    pub fn removes(&self, section: Section, record: &[u8]) -> bool {
        !self.keeps_all(section)
            && Record::read(section, record)
                .is_some_and(|record| self.matching(&record, &mut |_| ControlFlow::Break(())).is_break())
    }

    /// Calls `each` with each filter that matches a record, until it breaks.
    pub(super) fn matching(
        &self,
        record: &Record<'_>,
        each: &mut impl FnMut(usize) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        match record {
            Record::Origin(origin) => self.matching_origin(origin, each),
            Record::RouterKey(key) => self.matching_key(key, each),
            Record::Aspa(aspa) => self.customers.matching(&aspa.customer(), each),
        }
    }

    fn matching_origin(
        &self,
        origin: &RouteOrigin,
        each: &mut impl FnMut(usize) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let prefix = origin.prefix();
        let nested = if prefix.addr().is_ipv4() { &self.ipv4 } else { &self.ipv6 };
        nested.matching(None, prefix, each)?;
        nested.matching(Some(origin.asn()), prefix, each)?;
        self.origin_asns.matching(&origin.asn(), each)
    }

    fn matching_key(&self, key: &RouterKey<'_>, each: &mut impl FnMut(usize) -> ControlFlow<()>) -> ControlFlow<()> {
        self.key_asns.matching(&key.asn(), each)?;
        self.key_skis.matching(&key.ski(), each)?;
        self.key_both.matching(&(key.asn(), key.ski()), each)
    }
}

/// Keys, sorted, each with the index of its entry; several may have the same.
#[derive(Clone, Debug)]
pub(super) struct Sorted<K>(Vec<(K, usize)>);

impl<K> Default for Sorted<K> {
    fn default() -> Sorted<K> {
        Sorted(Vec::new())
    }
}

impl<K: Ord> Sorted<K> {
    pub(super) fn push(&mut self, key: K, id: usize) {
        self.0.push((key, id));
    }

    pub(super) fn sort(&mut self) {
        self.0.sort_unstable();
    }

    /// Calls `each` with each entry that has a key.
    pub(super) fn matching(&self, key: &K, each: &mut impl FnMut(usize) -> ControlFlow<()>) -> ControlFlow<()> {
        let start = self.0.partition_point(|(other, _)| other < key);
        let rest = self.0.get(start..).unwrap_or_default();
        rest.iter().take_while(|(other, _)| other == key).try_for_each(|(_, id)| each(*id))
    }
}

/// Filters with a prefix of one family, sorted by AS. Those without an AS come first.
#[derive(Clone, Debug, Default)]
struct Nested(Vec<Cover>);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Cover {
    asn: Option<Asn>,
    range: PrefixRange,
    id: usize,
    /// The nearest one that this one lies in.
    outer: Option<usize>,
}

impl Nested {
    fn push(&mut self, asn: Option<Asn>, prefix: Prefix, id: usize) {
        self.0.push(Cover { asn, range: PrefixRange::of(prefix), id, outer: None });
    }

    fn sort(&mut self) {
        self.0.sort_unstable();
        let mut open: Vec<(usize, Option<Asn>, PrefixRange)> = Vec::new();
        for (index, cover) in self.0.iter_mut().enumerate() {
            while open.pop_if(|(_, asn, range)| *asn != cover.asn || !range.covers(cover.range)).is_some() {}
            cover.outer = open.last().map(|(index, _, _)| *index);
            open.push((index, cover.asn, cover.range));
        }
    }

    fn matching(
        &self,
        asn: Option<Asn>,
        prefix: Prefix,
        each: &mut impl FnMut(usize) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let range = PrefixRange::of(prefix);
        let behind = self.0.partition_point(|cover| (cover.asn, cover.range) <= (asn, range));
        let mut at = behind.checked_sub(1);
        while let Some(cover) = at.and_then(|index| self.0.get(index)).filter(|cover| cover.asn == asn) {
            if cover.range.covers(range) {
                each(cover.id)?;
            }
            at = cover.outer;
        }
        ControlFlow::Continue(())
    }
}

/// The addresses of a prefix, those of IPv4 in the upper bits: what lies in another sorts right behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PrefixRange {
    addr: u128,
    len: u8,
}

impl PrefixRange {
    pub(crate) fn of(prefix: Prefix) -> PrefixRange {
        let addr = match prefix.addr() {
            IpAddr::V4(addr) => u128::from(addr.to_bits()) << 96,
            IpAddr::V6(addr) => addr.to_bits(),
        };
        PrefixRange { addr, len: prefix.len() }
    }

    /// Returns whether the other is this one or lies in it.
    pub(crate) fn covers(self, other: PrefixRange) -> bool {
        let mask = u128::MAX.checked_shl(128 - u32::from(self.len)).unwrap_or(0);
        self.len <= other.len && other.addr & mask == self.addr
    }
}
