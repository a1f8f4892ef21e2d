//! The Canonical Cache Representation (draft-ietf-sidrops-rpki-ccr-11), without manifests.
//!
//! Values are put together from the inside outwards, as a value's length stands before it, and each list's hash behind
//! it.

use super::{ANCHORS, Arguments, Vrp, aspa, made, random, router_key};
use sha2::{Digest, Sha256};
use std::io::Write;

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
/// `[0] EXPLICIT`; the following numbers are the following tags.
const EXPLICIT: u8 = 0xA0;

/// 1.2.840.113549.1.9.16.1.54
const CONTENT_TYPE: [u8; 11] = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x10, 0x01, 0x36];
/// 2.16.840.1.101.3.4.2.1
const SHA_256: [u8; 9] = [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];

pub(super) fn write(arguments: &Arguments, vrps: &[Vrp], out: &mut impl Write) -> std::io::Result<()> {
    let (hour, minute) = made(arguments);
    let mut ccr = Vec::new();
    put(SEQUENCE, &value(OBJECT_IDENTIFIER, &SHA_256), &mut ccr);
    put(GENERALIZED_TIME, format!("20260916{hour:02}{minute:02}00Z").as_bytes(), &mut ccr);
    put_state(2, &vrps_by_asn(vrps), &mut ccr);
    put_state(3, &aspas(arguments), &mut ccr);
    put_state(4, &trust_anchors(arguments), &mut ccr);
    put_state(5, &router_keys(arguments), &mut ccr);

    let mut info = value(OBJECT_IDENTIFIER, &CONTENT_TYPE);
    put(EXPLICIT, &value(SEQUENCE, &ccr), &mut info);
    out.write_all(&value(SEQUENCE, &info))
}

/// Adds a value: its tag, its length in the shortest form, its content.
fn put(tag: u8, content: &[u8], out: &mut Vec<u8>) {
    out.push(tag);
    let length = u32::try_from(content.len()).expect("below 2^32").to_be_bytes();
    match length {
        [0, 0, 0, short @ 0..=0x7F] => out.push(short),
        [0, 0, 0, a] => out.extend([0x81, a]),
        [0, 0, a, b] => out.extend([0x82, a, b]),
        [0, a, b, c] => out.extend([0x83, a, b, c]),
        [a, b, c, d] => out.extend([0x84, a, b, c, d]),
    }
    out.extend_from_slice(content);
}

fn value(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len() + 6);
    put(tag, content, &mut out);
    out
}

fn put_integer(number: u64, out: &mut Vec<u8>) {
    // One octet more in front, as the highest bit is the sign.
    let octets = u128::from(number).to_be_bytes();
    let bits = usize::try_from(u64::BITS - number.leading_zeros()).expect("at most 64");
    put(INTEGER, &octets[octets.len() - 1 - bits / 8..], out);
}

/// A list with its hash.
fn put_state(number: u8, entries: &[u8], out: &mut Vec<u8>) {
    let mut state = value(SEQUENCE, entries);
    let hash = Sha256::digest(&state);
    put(OCTET_STRING, &hash, &mut state);
    put(EXPLICIT + number, &value(SEQUENCE, &state), out);
}

fn vrps_by_asn(vrps: &[Vrp]) -> Vec<u8> {
    let mut sorted = vrps.to_vec();
    sorted.sort_unstable_by_key(|vrp| (vrp.asn, vrp.is_ipv6, vrp.addr, vrp.len, vrp.max_len));
    sorted.chunk_by(|a, b| a.asn == b.asn).fold(Vec::new(), |mut sets, of_asn| {
        let families = of_asn.chunk_by(|a, b| a.is_ipv6 == b.is_ipv6).fold(Vec::new(), |mut families, of_family| {
            put(SEQUENCE, &family(of_family), &mut families);
            families
        });
        let mut set = Vec::new();
        put_integer(of_asn[0].asn.into(), &mut set);
        put(SEQUENCE, &families, &mut set);
        put(SEQUENCE, &set, &mut sets);
        sets
    })
}

/// The prefixes of one family, and there is one at least.
fn family(vrps: &[Vrp]) -> Vec<u8> {
    let mut family = value(OCTET_STRING, &[0, if vrps[0].is_ipv6 { 2 } else { 1 }]);
    let addresses = vrps.iter().fold(Vec::new(), |mut addresses, vrp| {
        let addr = if vrp.is_ipv6 { vrp.addr } else { vrp.addr << 96 };
        let octets = usize::from(vrp.len.div_ceil(8));
        let unused = 8 * vrp.len.div_ceil(8) - vrp.len;
        let mut address = value(BIT_STRING, &[&[unused], &addr.to_be_bytes()[..octets]].concat());
        if vrp.max_len > vrp.len {
            put_integer(vrp.max_len.into(), &mut address);
        }
        put(SEQUENCE, &address, &mut addresses);
        addresses
    });
    put(SEQUENCE, &addresses, &mut family);
    family
}

fn aspas(arguments: &Arguments) -> Vec<u8> {
    (0..arguments.aspas).fold(Vec::new(), |mut sets, place| {
        let (aspa, mut set, mut providers) = (aspa(arguments, place), Vec::new(), Vec::new());
        for provider in aspa.providers {
            put_integer(provider, &mut providers);
        }
        put_integer(aspa.customer, &mut set);
        put(SEQUENCE, &providers, &mut set);
        put(SEQUENCE, &set, &mut sets);
        sets
    })
}

/// The key identifiers of the trust anchors, whatever of them is left out.
fn trust_anchors(arguments: &Arguments) -> Vec<u8> {
    let ski = |anchor: u64| (0..3).flat_map(move |part| random(&[arguments.seed, anchor, 3_000 + part]).to_be_bytes());
    let mut skis: Vec<Vec<u8>> = (0..).zip(ANCHORS).map(|(anchor, _)| ski(anchor).take(20).collect()).collect();
    skis.sort_unstable();
    skis.iter().flat_map(|ski| value(OCTET_STRING, ski)).collect()
}

fn router_keys(arguments: &Arguments) -> Vec<u8> {
    (0..arguments.router_keys).fold(Vec::new(), |mut sets, place| {
        let (key, mut pair, mut set) = (router_key(arguments, place), Vec::new(), Vec::new());
        put(OCTET_STRING, &key.ski, &mut pair);
        pair.extend(key.spki);
        put_integer(key.asn, &mut set);
        put(SEQUENCE, &value(SEQUENCE, &pair), &mut set);
        put(SEQUENCE, &set, &mut sets);
        sets
    })
}
