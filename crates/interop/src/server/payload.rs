//! Payload PDUs as records of the matrix, read by code that shares nothing with rtrcast's own.

use crate::Outcome;
use crate::router::Held;
use crate::world::{Aspa, RouterKey, Vrp};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const IPV4_PREFIX: u8 = 4;
const IPV6_PREFIX: u8 = 6;
const ROUTER_KEY: u8 = 9;
const ASPA: u8 = 11;

/// Octets that are read from the front.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take<const COUNT: usize>(&mut self) -> Option<[u8; COUNT]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn number(&mut self) -> Option<u32> {
        self.take().map(u32::from_be_bytes)
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What was announced: an empty set.
pub(super) fn nothing() -> Held {
    Held { router_keys: Some(BTreeSet::new()), aspas: Some(BTreeSet::new()), ..Held::default() }
}

/// Adds what a PDU announces, which has to be there once.
pub(super) fn announce(held: &mut Held, pdu: &[u8]) -> Outcome {
    match read(held, pdu) {
        Some(true) => Ok(()),
        Some(false) => Err(format!("this record is there twice: {pdu:02x?}")),
        None => Err(format!("this is no announcement: {pdu:02x?}")),
    }
}

/// Whether the record is new; none if it can't be read.
fn read(held: &mut Held, pdu: &[u8]) -> Option<bool> {
    let mut reader = Reader(pdu);
    let [_, pdu_type, flags, _] = reader.take()?;
    if usize::try_from(reader.number()?).ok()? != pdu.len() {
        return None;
    }
    let is_new = match pdu_type {
        IPV4_PREFIX => {
            let [1, length, max_length, _] = reader.take()? else { return None };
            let address = IpAddr::from(Ipv4Addr::from(reader.take::<4>()?));
            held.vrps.insert(Vrp { address, length, max_length, asn: reader.number()? })
        }
        IPV6_PREFIX => {
            let [1, length, max_length, _] = reader.take()? else { return None };
            let address = IpAddr::from(Ipv6Addr::from(reader.take::<16>()?));
            held.vrps.insert(Vrp { address, length, max_length, asn: reader.number()? })
        }
        ROUTER_KEY if flags == 1 => {
            let (ski, asn) = (reader.take::<20>()?.to_vec(), reader.number()?);
            let spki = std::mem::take(&mut reader.0).to_vec();
            held.router_keys.as_mut()?.insert(RouterKey { asn, ski, spki })
        }
        ASPA if flags == 1 => {
            let customer = reader.number()?;
            let mut providers = BTreeSet::new();
            while !reader.is_empty() {
                providers.insert(reader.number()?);
            }
            let aspas = held.aspas.as_mut()?;
            !aspas.iter().any(|aspa| aspa.customer == customer) && aspas.insert(Aspa { customer, providers })
        }
        _ => return None,
    };
    reader.is_empty().then_some(is_new)
}
