//! Made-up data with the shape of the global RPKI of September 2026, in each form that rpki-client writes.
//!
//! A generation differs from the one before by a given number of VRPs: half of them replaced slots' old VRPs, which
//! go, half their new ones, which come. The same seed gives the same file, and the same set in each form.

mod ccr;
mod csv;
mod json;

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

/// VRPs of the whole world, and how many of them each trust anchor has.
const WORLD_VRPS: u64 = 1_005_140;
const ANCHORS: [(&str, u64); 5] =
    [("ripe", 362_954), ("apnic", 296_483), ("arin", 269_279), ("lacnic", 44_836), ("afrinic", 31_588)];
/// Of a hundred VRPs.
const IPV4_PERCENT: u64 = 76;
/// ASPAs of the world, those of them that only name AS 0, and the longest list.
const WORLD_ASPAS: u64 = 3_085;
const ASPAS_OF_ZERO: u64 = 63;
const LONGEST_ASPA: u64 = 226;

/// No file that is used is as late as this (2030).
const EXPIRES: u64 = 1_893_456_000;

/// A prime, so that each slot of any set has a turn of its own.
const TURN_STRIDE: u64 = 2_147_483_647;

/// What to write.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Where to write it, as CSV if the name ends in .csv, as CCR if it ends in .ccr, else as JSON; it is put there
    /// complete, by a rename
    #[arg(long, default_value = "rpki.json")]
    out: PathBuf,
    /// How many VRPs
    #[arg(long, default_value_t = WORLD_VRPS)]
    vrps: u64,
    /// How many ASPAs
    #[arg(long, default_value_t = WORLD_ASPAS)]
    aspas: u64,
    /// How many router keys
    #[arg(long, default_value_t = 2)]
    router_keys: u64,
    /// Another seed gives other data
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Which generation: 0 is the first
    #[arg(long, default_value_t = 0)]
    generation: u64,
    /// VRPs that come or go between two generations
    #[arg(long, default_value_t = 2_000)]
    changes: u64,
    /// When everything expires, in seconds since 1970
    #[arg(long, default_value_t = EXPIRES)]
    expires: u64,
    /// Leave out all VRPs of this trust anchor
    #[arg(long)]
    without_ta: Option<String>,
}

/// How large a set is, and by how many VRPs one generation of it differs from the next.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) vrps: u64,
    pub(crate) aspas: u64,
    pub(crate) router_keys: u64,
    pub(crate) changes: u64,
}

impl Arguments {
    /// A generation of a set of another size than the world's.
    pub(crate) fn of(out: PathBuf, size: Size, generation: u64) -> Arguments {
        let Size { vrps, aspas, router_keys, changes } = size;
        Arguments { out, vrps, aspas, router_keys, seed: 1, generation, changes, expires: EXPIRES, without_ta: None }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), String> {
    let vrps = write(arguments)?;
    println!(
        "{}: {vrps} VRPs, {} ASPAs, {} router keys (seed {}, generation {})",
        arguments.out.display(),
        arguments.aspas,
        arguments.router_keys,
        arguments.seed,
        arguments.generation
    );
    Ok(())
}

/// Writes it, and says how many VRPs there are.
pub(crate) fn write(arguments: &Arguments) -> Result<usize, String> {
    let partial = arguments.out.with_extension("partial");
    let context = |error: std::io::Error| format!("{}: {error}", partial.display());
    let vrps = vrps(arguments);
    let mut out = BufWriter::with_capacity(1 << 20, File::create(&partial).map_err(context)?);
    let written = match Form::of(&arguments.out) {
        Form::Json => json::write(arguments, &vrps, &mut out),
        Form::Csv => csv::write(arguments, &vrps, &mut out),
        Form::Ccr => ccr::write(arguments, &vrps, &mut out),
    };
    written.and_then(|()| out.flush()).map_err(context)?;
    drop(out);
    std::fs::rename(&partial, &arguments.out).map_err(|error| format!("{}: {error}", arguments.out.display()))?;
    Ok(vrps.len())
}

/// How the set is written.
#[derive(Clone, Copy)]
enum Form {
    Json,
    /// VRPs only, as there is no more in it.
    Csv,
    /// Without trust anchors' names and expiries.
    Ccr,
}

impl Form {
    fn of(path: &Path) -> Form {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("csv") => Form::Csv,
            Some("ccr") => Form::Ccr,
            _ => Form::Json,
        }
    }
}

/// One VRP. Its fields stand in the order in which rpki-client sorts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Vrp {
    is_ipv6: bool,
    addr: u128,
    len: u8,
    max_len: u8,
    asn: u32,
    anchor: u8,
}

impl Vrp {
    /// The prefix as it is written.
    fn prefix(&self) -> String {
        let len = self.len;
        if self.is_ipv6 {
            format!("{}/{len}", Ipv6Addr::from_bits(self.addr))
        } else {
            format!("{}/{len}", Ipv4Addr::from_bits(u32::try_from(self.addr).expect("an IPv4 address")))
        }
    }

    /// The name of its trust anchor.
    fn anchor(&self) -> &'static str {
        ANCHORS[usize::from(self.anchor)].0
    }
}

/// A hash that serves as a random number with a name: splitmix64 over the parts.
fn random(parts: &[u64]) -> u64 {
    parts.iter().fold(0x9E37_79B9_7F4A_7C15, |state, part| {
        let mut z = (state ^ part).wrapping_add(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    })
}

fn vrps(arguments: &Arguments) -> Vec<Vrp> {
    let count = arguments.vrps;
    let replaced = arguments.changes / 2 * arguments.generation;
    let mut taken = HashSet::new();
    let mut vrps: Vec<Vrp> = (0..count)
        .map(|slot| {
            // Slots are replaced in turn, spread over the whole set.
            let turn = slot * TURN_STRIDE % count.max(1);
            let version = replaced / count.max(1) + u64::from(turn < replaced % count.max(1));
            let mut attempt = 0;
            loop {
                let vrp = vrp(arguments.seed, slot, version, attempt, count);
                if taken.insert(Vrp { anchor: 0, ..vrp }) {
                    return vrp;
                }
                attempt += 1;
            }
        })
        .filter(|vrp| arguments.without_ta.as_deref() != Some(ANCHORS[usize::from(vrp.anchor)].0))
        .collect();
    vrps.sort_unstable();
    vrps
}

fn vrp(seed: u64, slot: u64, version: u64, attempt: u64, count: u64) -> Vrp {
    let draw = |what: u64, below: u64| random(&[seed, slot, version, attempt, what]) % below;
    let anchor = anchor_of(slot, count);
    // Slots of one anchor follow each other, so counting within a hundred spreads both families over all anchors.
    let is_ipv6 = slot % 100 >= IPV4_PERCENT;
    let asn = u32::try_from(1_000 + draw(1, 80_000) * 5).expect("below 2^32");
    let (addr, len, longest) = if is_ipv6 {
        let len = [48, 48, 48, 48, 44, 40, 36, 32, 32, 29][usize::try_from(draw(2, 10)).expect("below 10")];
        let bits =
            u128::from(0x2000 + draw(3, 0x1000)) << 112 | u128::from(random(&[seed, slot, version, attempt, 4])) << 48;
        (bits & u128::MAX << (128 - len), len, 48)
    } else {
        let len =
            [24, 24, 24, 24, 24, 24, 23, 22, 22, 21, 20, 19, 18, 16][usize::try_from(draw(2, 14)).expect("below 14")];
        let bits = u32::try_from(draw(3, 0xDF00_0000 - 0x0100_0000) + 0x0100_0000).expect("below 2^32");
        (u128::from(bits & u32::MAX << (32 - len)), len, 24)
    };
    let max_len = if draw(5, 100) < 85 { len } else { longest };
    Vrp {
        is_ipv6,
        addr,
        len: u8::try_from(len).expect("a prefix length"),
        max_len: u8::try_from(max_len).expect("a prefix length"),
        asn,
        anchor,
    }
}

/// Slots are shared out among the anchors as the world's VRPs are.
fn anchor_of(slot: u64, count: u64) -> u8 {
    let place = slot * WORLD_VRPS / count.max(1);
    let mut end = 0;
    for (anchor, (_, share)) in (0..).zip(ANCHORS) {
        end += share;
        if place < end {
            return anchor;
        }
    }
    0
}

/// When a generation was made: the hour and the minute, of a day that is always the same.
fn made(arguments: &Arguments) -> (u64, u64) {
    (arguments.generation / 60 % 24, arguments.generation % 60)
}

/// One router key.
struct RouterKey {
    asn: u64,
    ski: Vec<u8>,
    spki: Vec<u8>,
}

/// A key with the frame of a P-256 SubjectPublicKeyInfo and random octets for the point.
fn router_key(arguments: &Arguments, key: u64) -> RouterKey {
    let point = (0..8).flat_map(|part| random(&[arguments.seed, key, 1_000 + part]).to_be_bytes());
    let mut spki = vec![0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08, 0x2A];
    spki.extend([0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04]);
    spki.extend(point);
    let ski = (0..3).flat_map(|part| random(&[arguments.seed, key, 2_000 + part]).to_be_bytes()).take(20).collect();
    RouterKey { asn: 15_562 + key, ski, spki }
}

/// One ASPA.
struct Aspa {
    customer: u64,
    /// Ascending.
    providers: Vec<u64>,
}

fn aspa(arguments: &Arguments, place: u64) -> Aspa {
    let count = match place {
        _ if place < ASPAS_OF_ZERO => 0,
        ASPAS_OF_ZERO => LONGEST_ASPA,
        _ => 1 + random(&[arguments.seed, place, 3]) % 6,
    };
    let mut providers: Vec<u64> =
        (0..count).map(|n| 1_002 + random(&[arguments.seed, place, 4, n]) % 80_000 * 5).collect();
    if count == 0 {
        providers.push(0);
    }
    providers.sort_unstable();
    let mut next = 0;
    for provider in &mut providers {
        *provider = (*provider).max(next);
        next = *provider + 5;
    }
    Aspa { customer: 1_001 + place * 5, providers }
}
