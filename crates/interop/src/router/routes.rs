//! What a router thinks of routes tells which VRPs and ASPAs it holds, where it does not list them.
//!
//! Each VRP is asked about by up to four routes of its AS, and what is to be thought of each follows from RFC 6811: the
//! prefix itself and its longest allowed part are valid; one bit more, and the prefix beside it, are not.

use super::bgp::{Prefix, Route};
use crate::world::{Aspa, Vrp};
use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What is thought of a route (RFC 6811 section 2). Of a path, "not found" is what draft-ietf-sidrops-aspa-verification
/// calls unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Valid,
    Invalid,
    NotFound,
}

/// The routes that ask about a VRP. AS 0 has none (RFC 7607).
pub(super) fn about(vrp: &Vrp) -> impl Iterator<Item = Route> {
    let Vrp { address, length, max_length, asn } = *vrp;
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let itself = Some(Prefix { address, length });
    let longest = Some(Prefix { address, length: max_length });
    let beyond = (max_length < bits).then(|| Prefix { address, length: max_length + 1 });
    let beside = (length > 0).then(|| Prefix { address: with_bit_flipped(address, length), length });
    let prefixes = [itself, longest, beyond, beside].into_iter().flatten();
    prefixes.filter(move |_| asn != 0).map(move |prefix| Route { origin: asn, via: None, prefix })
}

/// Says what is to be thought of routes by who holds these VRPs, in the plainest way that there is.
pub(super) struct Validator {
    vrps: HashMap<Prefix, Vec<(u32, u8)>>,
    lengths: BTreeSet<u8>,
}

impl Validator {
    pub(super) fn new<'a>(vrps: impl IntoIterator<Item = &'a Vrp>) -> Validator {
        let mut validator = Validator { vrps: HashMap::new(), lengths: BTreeSet::new() };
        for Vrp { address, length, max_length, asn } in vrps {
            let prefix = Prefix { address: *address, length: *length };
            validator.vrps.entry(prefix).or_default().push((*asn, *max_length));
            validator.lengths.insert(*length);
        }
        validator
    }

    pub(super) fn state(&self, route: &Route) -> State {
        let Prefix { address, length } = route.prefix;
        let covering = self.lengths.range(..=length).map(|shorter| network(address, *shorter));
        let mut state = State::NotFound;
        for (asn, max_length) in covering.filter_map(|prefix| self.vrps.get(&prefix)).flatten() {
            if *asn == route.origin && length <= *max_length {
                return State::Valid;
            }
            state = State::Invalid;
        }
        state
    }

    /// How many prefixes there are, of IPv4 and of IPv6.
    pub(super) fn prefixes(&self) -> (usize, usize) {
        let ipv4 = self.vrps.keys().filter(|prefix| prefix.address.is_ipv4()).count();
        (ipv4, self.vrps.len() - ipv4)
    }
}

/// Who is nobody's provider.
const NO_PROVIDER: u32 = 4_294_000_003;

/// The routes that ask about a customer's ASPA: each came from it through an AS that is its provider, or was, or never. They
/// are announced by a customer, so that each path has to lead from customers to providers.
pub(super) fn about_aspa(customer: u32, providers: &BTreeSet<u32>) -> impl Iterator<Item = Route> {
    let through = providers.iter().copied().filter(|provider| *provider != 0).chain([NO_PROVIDER]);
    // Customers have at most 24 bits, and no VRP is for 10.0.0.0/8.
    let address = IpAddr::V4(Ipv4Addr::from(10 << 24 | customer & 0xff_ffff));
    through.map(move |via| Route { origin: customer, via: Some(via), prefix: Prefix { address, length: 32 } })
}

/// What is to be thought of such a route by who holds that ASPA of the customer, or none.
pub(super) fn aspa_state(route: &Route, aspa: Option<&Aspa>) -> State {
    match aspa {
        None => State::NotFound,
        Some(aspa) if route.via.is_some_and(|via| aspa.providers.contains(&via)) => State::Valid,
        Some(_) => State::Invalid,
    }
}

/// The ASPA that is held by who thinks so of the routes about it. Without a provider that was asked about it is that of AS0.
pub(super) fn aspa_of(
    customer: u32,
    providers: &BTreeSet<u32>,
    state: impl Fn(&Route) -> Option<State>,
) -> Option<Aspa> {
    let (mut held, mut is_held) = (BTreeSet::new(), false);
    for route in about_aspa(customer, providers) {
        match (state(&route), route.via) {
            (Some(State::Valid), Some(via)) => drop(held.insert(via)),
            (Some(State::Invalid), Some(NO_PROVIDER)) => is_held = true,
            _ => {}
        }
    }
    if held.is_empty() {
        held.insert(0);
    }
    is_held.then_some(Aspa { customer, providers: held })
}

/// The prefix of some length that an address is in.
fn network(address: IpAddr, length: u8) -> Prefix {
    let length_u32 = u32::from(length);
    let address = match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - length_u32).unwrap_or_default();
            Ipv4Addr::from(u32::from(address) & mask).into()
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - length_u32).unwrap_or_default();
            Ipv6Addr::from(u128::from(address) & mask).into()
        }
    };
    Prefix { address, length }
}

/// The bits are counted from 1, as lengths are.
fn with_bit_flipped(address: IpAddr, bit: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => Ipv4Addr::from(u32::from(address) ^ 1 << (32 - u32::from(bit))).into(),
        IpAddr::V6(address) => Ipv6Addr::from(u128::from(address) ^ 1 << (128 - u32::from(bit))).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_thought_of_the_routes_tells_a_vrp_from_each_similar_one() {
        let vrp = Vrp::parse("192.0.2.0", "25", "26", "64496").expect("a VRP");
        let asked: Vec<String> = about(&vrp).map(|route| route.prefix.to_string()).collect();
        assert_eq!(asked, ["192.0.2.0/25", "192.0.2.0/26", "192.0.2.0/27", "192.0.2.128/25"]);
        let states = |held: &[Vrp]| about(&vrp).map(|route| Validator::new(held).state(&route)).collect::<Vec<_>>();
        assert_eq!(states(&[vrp]), [State::Valid, State::Valid, State::Invalid, State::NotFound]);
        assert_eq!(states(&[]), [State::NotFound; 4]);
        // Each way to be another VRP shows.
        let others = [Vrp { length: 24, ..vrp }, Vrp { length: 26, ..vrp }, Vrp { max_length: 25, ..vrp }];
        let others = others.into_iter().chain([Vrp { max_length: 27, ..vrp }, Vrp { asn: 64497, ..vrp }]);
        others.for_each(|other| assert_ne!(states(&[other]), states(&[vrp]), "{other}"));
    }

    #[test]
    fn what_is_thought_of_the_paths_tells_an_aspa_from_each_similar_one() {
        let known = BTreeSet::from([0, 64_500, 64_501]);
        let held = |providers: &[u32]| Aspa { customer: 64_496, providers: providers.iter().copied().collect() };
        let read = |aspa: Option<&Aspa>| aspa_of(64_496, &known, |route| Some(aspa_state(route, aspa)));
        for aspa in [held(&[0]), held(&[64_500]), held(&[64_501]), held(&[64_500, 64_501])] {
            assert_eq!(read(Some(&aspa)), Some(aspa));
        }
        assert_eq!(read(None), None);
    }
}
