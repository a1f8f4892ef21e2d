//! What the cache serves in the matrix: as many records as a router notices, made up, and the same in each run.
//!
//! These are types of this crate's own. What a peer holds is compared with what stands in the document, and nothing
//! of rtrcast's comes between, so that a mistake of ours can't hide itself.

use std::collections::BTreeSet;
use std::fmt::{Display, Formatter};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const IPV4_VRPS: usize = 45_000;
const IPV6_VRPS: usize = 15_000;
const ROUTER_KEYS: usize = 40;
const ASPAS: usize = 80;

/// What comes before the point in the DER of a P-256 key (RFC 8608 section 3.1).
const SPKI_HEAD: [u8; 27] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Vrp {
    pub(crate) address: IpAddr,
    pub(crate) length: u8,
    pub(crate) max_length: u8,
    pub(crate) asn: u32,
}

impl Vrp {
    /// From texts such as peers print: `192.0.2.0`, `24`, `24`, `64496`.
    pub(crate) fn parse(address: &str, length: &str, max_length: &str, asn: &str) -> Option<Vrp> {
        Some(Vrp {
            address: address.trim().parse().ok()?,
            length: length.trim().parse().ok()?,
            max_length: max_length.trim().parse().ok()?,
            asn: asn.trim().parse().ok()?,
        })
    }
}

impl Display for Vrp {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}-{} AS{}", self.address, self.length, self.max_length, self.asn)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RouterKey {
    pub(crate) asn: u32,
    pub(crate) ski: Vec<u8>,
    pub(crate) spki: Vec<u8>,
}

impl Display for RouterKey {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "router key {:02x?} of AS{}", self.ski, self.asn)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Aspa {
    pub(crate) customer: u32,
    pub(crate) providers: BTreeSet<u32>,
}

impl Display for Aspa {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "ASPA of AS{} with {:?}", self.customer, self.providers)
    }
}

/// A whole data set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Records {
    pub(crate) vrps: BTreeSet<Vrp>,
    pub(crate) router_keys: BTreeSet<RouterKey>,
    pub(crate) aspas: BTreeSet<Aspa>,
}

impl Records {
    /// What others have as well.
    pub(crate) fn in_both(&self, others: &Records) -> Records {
        Records {
            vrps: self.vrps.intersection(&others.vrps).copied().collect(),
            router_keys: self.router_keys.intersection(&others.router_keys).cloned().collect(),
            aspas: self.aspas.intersection(&others.aspas).cloned().collect(),
        }
    }

    /// Without the prefixes that are the shortest of all.
    pub(crate) fn without_default_routes(&self) -> Records {
        let mut records = self.clone();
        records.vrps.retain(|vrp| vrp.length > 0);
        records
    }
}

/// Makes data sets, each by a change of the one before.
pub(crate) struct World {
    random: Random,
    records: Records,
}

impl World {
    /// The first set.
    pub(crate) fn new() -> World {
        let mut world = World { random: Random(1), records: Records::default() };
        // The default routes are prefixes too, and the shortest that there are.
        let unspecified: [IpAddr; 2] = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
        let all = unspecified.map(|address| Vrp { address, length: 0, max_length: 0, asn: 0 });
        world.records.vrps.extend(all);
        world.add_vrps(IPV4_VRPS - 1, Random::ipv4_vrp);
        world.add_vrps(IPV6_VRPS - 1, Random::ipv6_vrp);
        for _ in 0..ROUTER_KEYS {
            world.records.router_keys.insert(world.random.router_key());
        }
        world.add_aspas(ASPAS);
        world
    }

    pub(crate) fn records(&self) -> &Records {
        &self.records
    }

    /// Takes some VRPs away and adds others; of the rest, a few change, come and go. No ASPA goes.
    pub(crate) fn change(&mut self, removed: usize, added: usize) {
        self.random.take_from(&mut self.records.vrps, removed);
        self.add_vrps(added * 3 / 4, Random::ipv4_vrp);
        self.add_vrps(added - added * 3 / 4, Random::ipv6_vrp);
        self.random.take_from(&mut self.records.router_keys, 5);
        self.records.router_keys.extend((0..5).map(|_| self.random.router_key()));
        for Aspa { customer, .. } in self.random.take_from(&mut self.records.aspas, 5) {
            let providers = self.random.providers(customer);
            self.records.aspas.insert(Aspa { customer, providers });
        }
        self.add_aspas(7);
    }

    /// Takes some ASPAs away.
    pub(crate) fn withdraw_aspas(&mut self, count: usize) {
        self.random.take_from(&mut self.records.aspas, count);
    }

    fn add_vrps(&mut self, count: usize, make: fn(&mut Random) -> Vrp) {
        let mut vrp = make(&mut self.random);
        let wanted = self.records.vrps.len() + count;
        while self.records.vrps.len() < wanted {
            vrp = match self.random.below(8) {
                // The same prefix once more, for another AS.
                0 => Vrp { asn: self.random.asn(), ..vrp },
                _ => make(&mut self.random),
            };
            self.records.vrps.insert(vrp);
        }
    }

    fn add_aspas(&mut self, count: usize) {
        let mut customers: BTreeSet<u32> = self.records.aspas.iter().map(|aspa| aspa.customer).collect();
        for _ in 0..count {
            let customer = 1_000 + self.random.below(400_000) as u32;
            if customers.insert(customer) {
                let providers = self.random.providers(customer);
                self.records.aspas.insert(Aspa { customer, providers });
            }
        }
    }
}

/// SplitMix64: the same numbers in each run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    fn between(&mut self, lowest: u8, highest: u8) -> u8 {
        lowest + self.below(usize::from(highest - lowest) + 1) as u8
    }

    /// Takes some items out of a set.
    fn take_from<T: Ord>(&mut self, set: &mut BTreeSet<T>, count: usize) -> Vec<T> {
        let mut items: Vec<T> = std::mem::take(set).into_iter().collect();
        let taken = (0..count.min(items.len())).map(|_| items.swap_remove(self.below(items.len()))).collect();
        set.extend(items);
        taken
    }

    /// One in 50 is AS0, and some need four octets.
    fn asn(&mut self) -> u32 {
        match self.below(50) {
            0 => 0,
            1..6 => 4_200_000_000 + self.below(90_000_000) as u32,
            _ => 1_000 + self.below(400_000) as u32,
        }
    }

    /// Within 20.0.0.0 to 119.255.255.255, where no router sees anything special.
    fn ipv4_vrp(&mut self) -> Vrp {
        let length = if self.below(5) < 3 { 24 } else { self.between(8, 32) };
        let bits = u32::from(self.between(20, 119)) << 24 | self.next() as u32 >> 8;
        let address = Ipv4Addr::from(bits & u32::MAX << (32 - u32::from(length)));
        let max_length = self.max_length(length, 32);
        Vrp { address: address.into(), length, max_length, asn: self.asn() }
    }

    /// Within 2400::/8, where no router sees anything special.
    fn ipv6_vrp(&mut self) -> Vrp {
        let length = if self.below(5) < 3 { 48 } else { self.between(16, 128) };
        let bits = 0x24 << 120 | (u128::from(self.next()) << 64 | u128::from(self.next())) >> 8;
        let address = Ipv6Addr::from(bits & u128::MAX << (128 - u32::from(length)));
        let max_length = self.max_length(length, 128);
        Vrp { address: address.into(), length, max_length, asn: self.asn() }
    }

    fn max_length(&mut self, length: u8, highest: u8) -> u8 {
        if self.below(3) < 2 { length } else { self.between(length, highest) }
    }

    fn octets(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }

    fn router_key(&mut self) -> RouterKey {
        let spki = [&SPKI_HEAD, self.octets(64).as_slice()].concat();
        RouterKey { asn: self.asn().max(1), ski: self.octets(20), spki }
    }

    /// AS0 alone, or some others than the customer.
    fn providers(&mut self, customer: u32) -> BTreeSet<u32> {
        let count = self.below(12);
        let mut providers: BTreeSet<u32> = (0..count).map(|_| self.asn()).filter(|asn| *asn > 0).collect();
        providers.remove(&customer);
        if providers.is_empty() { BTreeSet::from([0]) } else { providers }
    }
}
