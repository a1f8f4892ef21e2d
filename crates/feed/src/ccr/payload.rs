//! The lists of a Canonical Cache Representation that become payload: VRPs, ASPAs and router keys.

use super::der::{BIT_STRING, DerCursor, DerError, SEQUENCE};
use super::{ascends, check_hash};
use crate::rows::{ListName, Rows};
use crate::table::NEVER;
use rtrcast_proto::{Asn, Prefix, RouteOrigin, RouterKey};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address family as ROAs have it (RFC 9582 section 4.3.2). In their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum AddressFamily {
    Ipv4,
    Ipv6,
}

impl AddressFamily {
    fn bits(self) -> u8 {
        match self {
            AddressFamily::Ipv4 => 32,
            AddressFamily::Ipv6 => 128,
        }
    }

    /// The address that begins with these bits.
    fn addr(self, bits: u128) -> IpAddr {
        match self {
            AddressFamily::Ipv4 => {
                let [a, b, c, d, ..] = bits.to_be_bytes();
                Ipv4Addr::new(a, b, c, d).into()
            }
            AddressFamily::Ipv6 => Ipv6Addr::from_bits(bits).into(),
        }
    }
}

/// Reads a ROAPayloadState: sets of prefixes, one for each AS. [CC-02]
pub(super) fn read_vrps(mut state: DerCursor<'_>, rows: &mut Rows) -> Result<(), DerError> {
    let list = state.take(SEQUENCE, "rps")?;
    check_hash(&mut state, &list, "vrps")?;
    let anchor = rows.anchor("");
    let (mut sets, mut last) = (list.content, None);
    while !sets.is_empty() {
        let mut set = sets.sequence("a ROAPayloadSet")?;
        let at = set;
        let asn = set.unsigned_32("asID")?;
        if !ascends(&mut last, asn) {
            return Err(at.error(format!("AS{asn} of vrps is out of order")));
        }
        read_families(set, Asn(asn), anchor, rows)?;
    }
    Ok(())
}

fn read_families(mut set: DerCursor<'_>, asn: Asn, anchor: u8, rows: &mut Rows) -> Result<(), DerError> {
    let mut blocks = set.filled_sequence("ipAddrBlocks")?;
    set.end("a ROAPayloadSet")?;
    let mut last = None;
    while !blocks.is_empty() {
        let mut block = blocks.sequence("a ROAIPAddressFamily")?;
        let at = block;
        let family = match block.octets("addressFamily")? {
            [0, 1] => AddressFamily::Ipv4,
            [0, 2] => AddressFamily::Ipv6,
            [high, low] => return Err(at.error(format!("unknown addressFamily {high:02x}{low:02x}"))),
        };
        if !ascends(&mut last, family) {
            return Err(at.error("the address families are out of order"));
        }
        let addresses = block.filled_sequence("addresses")?;
        block.end("a ROAIPAddressFamily")?;
        read_addresses(addresses, family, asn, anchor, rows)?;
    }
    Ok(())
}

fn read_addresses(
    mut addresses: DerCursor<'_>,
    family: AddressFamily,
    asn: Asn,
    anchor: u8,
    rows: &mut Rows,
) -> Result<(), DerError> {
    let mut last = None;
    while !addresses.is_empty() {
        let mut address = addresses.sequence("a ROAIPAddress")?;
        let at = address;
        let (bits, len) = address.bits_128("address")?;
        let prefix = Prefix::new(family.addr(bits), len).ok().filter(|_| len <= family.bits());
        let prefix = prefix.ok_or_else(|| at.error(format!("an address has {len} bits, more than its family,")))?;
        let max_len = if address.is_empty() { len } else { max_len(&mut address, len, family)? };
        address.end("a ROAIPAddress")?;
        if !ascends(&mut last, (bits, len, max_len)) {
            return Err(at.error(format!("prefix {prefix} of {asn} is out of order")));
        }
        let origin = RouteOrigin::new(prefix, max_len, asn).map_err(|error| at.error(error.to_string()))?;
        rows.count_entry();
        rows.origin(&origin, NEVER, anchor);
    }
    Ok(())
}

/// Reads a maximum length, which is there only if it differs from the prefix length. [CC-05]
fn max_len(address: &mut DerCursor<'_>, len: u8, family: AddressFamily) -> Result<u8, DerError> {
    let at = *address;
    let value = address.unsigned_32("maxLength")?;
    match u8::try_from(value) {
        Ok(max_len) if max_len > len && max_len <= family.bits() => Ok(max_len),
        _ => Err(at.error(format!("maxLength {value} is not from {} to {}", u16::from(len) + 1, family.bits()))),
    }
}

/// Reads an ASPAPayloadState: one list of providers for each customer. [CC-03]
pub(super) fn read_aspas(mut state: DerCursor<'_>, rows: &mut Rows) -> Result<(), DerError> {
    let list = state.take(SEQUENCE, "aps")?;
    check_hash(&mut state, &list, "vaps")?;
    let (mut sets, mut last, mut index, mut providers) = (list.content, None, 0, Vec::new());
    while !sets.is_empty() {
        let mut set = sets.sequence("an ASPAPayloadSet")?;
        let at = set;
        let customer = set.unsigned_32("customerASID")?;
        if customer == 0 {
            return Err(at.error("customer AS0 is invalid"));
        }
        if !ascends(&mut last, customer) {
            return Err(at.error(format!("customer AS{customer} of vaps is out of order")));
        }
        read_providers(set, customer, &mut providers)?;
        rows.count_entry();
        rows.aspa(Asn(customer), &providers, NEVER, ("vaps", index));
        index += 1;
    }
    Ok(())
}

fn read_providers(mut set: DerCursor<'_>, customer: u32, providers: &mut Vec<[u8; 4]>) -> Result<(), DerError> {
    let mut list = set.filled_sequence("providers")?;
    set.end("an ASPAPayloadSet")?;
    let (start, mut last) = (list, None);
    providers.clear();
    while !list.is_empty() {
        let at = list;
        let provider = list.unsigned_32("a provider")?;
        if !ascends(&mut last, provider) {
            return Err(at.error(format!("provider AS{provider} of AS{customer} is out of order")));
        }
        providers.push(provider.to_be_bytes());
    }
    match providers.as_slice() {
        [[0, 0, 0, 0], _, ..] => Err(start.error(format!("AS{customer} has provider AS0 beside others"))),
        _ => Ok(()),
    }
}

/// Reads a RouterKeyState: sets of keys, one for each AS. [CC-04]
pub(super) fn read_router_keys(mut state: DerCursor<'_>, rows: &mut Rows) -> Result<(), DerError> {
    let list = state.take(SEQUENCE, "rksets")?;
    check_hash(&mut state, &list, "rks")?;
    let (mut sets, mut last, mut index) = (list.content, None, 0);
    while !sets.is_empty() {
        let mut set = sets.sequence("a RouterKeySet")?;
        let at = set;
        let asn = set.unsigned_32("asID")?;
        if !ascends(&mut last, asn) {
            return Err(at.error(format!("AS{asn} of rks is out of order")));
        }
        let mut keys = set.filled_sequence("routerKeys")?;
        set.end("a RouterKeySet")?;
        let mut last_ski = None;
        while !keys.is_empty() {
            let at = keys;
            let (ski, spki) = read_router_key(&mut keys)?;
            if !ascends(&mut last_ski, ski) {
                return Err(at.error(format!("a router key of AS{asn} is out of order")));
            }
            take_router_key(ski, Asn(asn), spki, index, rows);
            index += 1;
        }
    }
    Ok(())
}

/// A key identifier and a SubjectPublicKeyInfo (RFC 5280 section 4.1), whose key itself is not checked.
fn read_router_key<'a>(keys: &mut DerCursor<'a>) -> Result<([u8; 20], &'a [u8]), DerError> {
    let mut key = keys.sequence("a RouterKey")?;
    let ski = key.octets("ski")?;
    let spki = key.take(SEQUENCE, "spki")?;
    key.end("a RouterKey")?;
    let mut parts = spki.content;
    parts.filled_sequence("the algorithm of a spki")?;
    parts.take(BIT_STRING, "the subjectPublicKey")?;
    parts.end("a spki")?;
    Ok((ski, spki.whole))
}

/// A key that is too large for a PDU breaks no rule of the file, and is refused alone.
fn take_router_key(ski: [u8; 20], asn: Asn, spki: &[u8], index: usize, rows: &mut Rows) {
    rows.count_entry();
    match RouterKey::new(ski, asn, spki) {
        Ok(_) => {
            let anchor = rows.anchor("");
            rows.router_key(ski, asn, spki.to_vec(), NEVER, anchor);
        }
        Err(error) => rows.refuse(ListName::Other("rks"), index, error.to_string()),
    }
}
