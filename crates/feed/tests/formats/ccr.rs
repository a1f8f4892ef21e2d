//! The Canonical Cache Representation: each rule of draft-ietf-sidrops-rpki-ccr-11, kept and broken.

use crate::{read, read_in_pieces, shown, table};
use expect_test::{Expect, expect};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

/// Octets written by hand and by another program, hashes too.
const GOLDEN: &str = "\
    3081c2 060b2a864886f70d0109100136 a081b2 3081af \
    300b 0609608648016503040201 180f32303236303931363030303030305a \
    a254 3052 302e 302c 020300fbf0 3025 \
        3011 04020001 300b 3009 030400c00002 02011a \
        3010 04020002 300a 3008 03060420010db8d0 \
        042027e3ac4ee0ffac1f35ee65afa94e0bbe2fdd249924dfb7145bd3d1cf1f7d2f6f \
    a339 3037 3013 3011 020300fbf0 300a 020300fbf1 020300fbf2 \
        04207a16aad6b793b12f1f220a7f36a30fb35dff7547ff20a371090cf86b2f6cb98e";

const MADE: &str = "20260916000000Z";
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const CONTENT_TYPE: [u8; 11] = [42, 134, 72, 134, 247, 13, 1, 9, 16, 1, 54];
const SHA_256: [u8; 9] = [96, 134, 72, 1, 101, 3, 4, 2, 1];

/// A value in DER: tag, length, content.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let octets: Vec<u8> = length.to_be_bytes().into_iter().skip_while(|octet| *octet == 0).collect();
    let head = match length {
        0..=0x7F => vec![tag, u8::try_from(length).unwrap()],
        _ => [&[tag, 0x80 | u8::try_from(octets.len()).unwrap()], octets.as_slice()].concat(),
    };
    [head.as_slice(), content].concat()
}

fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    der(SEQUENCE, &parts.concat())
}

fn explicit(number: u8, value: &[u8]) -> Vec<u8> {
    der(0xA0 | number, value)
}

fn integer(value: u64) -> Vec<u8> {
    let octets = value.to_be_bytes();
    let first = octets.iter().position(|octet| *octet != 0).unwrap_or(7);
    let sign: &[u8] = if octets[first] >= 0x80 { &[0] } else { &[] };
    der(INTEGER, &[sign, &octets[first..]].concat())
}

fn octets(content: &[u8]) -> Vec<u8> {
    der(OCTET_STRING, content)
}

fn time(text: &str) -> Vec<u8> {
    der(GENERALIZED_TIME, text.as_bytes())
}

fn hash(list: &[u8]) -> Vec<u8> {
    octets(&Sha256::digest(list))
}

/// A state: its list, and the hash of that.
fn state(number: u8, entries: &[Vec<u8>]) -> Vec<u8> {
    let list = sequence(entries);
    explicit(number, &sequence(&[list.clone(), hash(&list)]))
}

fn content(fields: &[Vec<u8>]) -> Vec<u8> {
    sequence(&[der(OBJECT_IDENTIFIER, &CONTENT_TYPE), explicit(0, &sequence(fields))])
}

fn hash_algorithm() -> Vec<u8> {
    sequence(&[der(OBJECT_IDENTIFIER, &SHA_256)])
}

fn ccr(states: &[Vec<u8>]) -> Vec<u8> {
    content(&[&[hash_algorithm(), time(MADE)], states].concat())
}

/// A prefix as a ROAIPAddress: its octets, how many bits of them are unused, and a maximum length.
fn prefix(addr: &[u8], unused: u8, max_len: Option<u64>) -> Vec<u8> {
    let bits = der(BIT_STRING, &[&[unused], addr].concat());
    sequence(&[vec![bits], max_len.map(integer).into_iter().collect()].concat())
}

fn family(number: u8, prefixes: &[Vec<u8>]) -> Vec<u8> {
    sequence(&[octets(&[0, number]), sequence(prefixes)])
}

fn roa(asn: u64, families: &[Vec<u8>]) -> Vec<u8> {
    sequence(&[integer(asn), sequence(families)])
}

fn aspa(customer: u64, providers: &[u64]) -> Vec<u8> {
    sequence(&[integer(customer), sequence(&providers.iter().copied().map(integer).collect::<Vec<_>>())])
}

fn router_key(ski: u8, key: &[u8]) -> Vec<u8> {
    let algorithm = sequence(&[der(OBJECT_IDENTIFIER, &[42, 134, 72, 206, 61, 2, 1])]);
    sequence(&[octets(&[ski; 20]), sequence(&[algorithm, der(BIT_STRING, key)])])
}

fn router_keys(asn: u64, keys: &[Vec<u8>]) -> Vec<u8> {
    sequence(&[integer(asn), sequence(keys)])
}

/// VRPs of one AS and one family.
fn vrps_of(number: u8, prefixes: &[Vec<u8>]) -> Vec<u8> {
    state(2, &[roa(64_496, &[family(number, prefixes)])])
}

fn no_vrps() -> Vec<u8> {
    state(2, &[])
}

/// Varying fields of a manifest.
struct Manifest {
    size: u64,
    number: Vec<u8>,
    locations: Vec<Vec<u8>>,
    subordinates: Vec<Vec<u8>>,
    most_recent_update: &'static str,
}

impl Manifest {
    fn usual() -> Manifest {
        let location = [der(OBJECT_IDENTIFIER, &[43, 6, 1, 5, 5, 7, 48, 11]), der(0x86, b"rsync://rpki.example/a.mft")];
        Manifest {
            size: 1_000,
            number: integer(7),
            locations: vec![sequence(&location)],
            subordinates: vec![sequence(&[octets(&[1; 20]), octets(&[2; 20])])],
            most_recent_update: MADE,
        }
    }

    fn state(self) -> Vec<u8> {
        let fixed = [
            octets(&[9; 32]),
            integer(self.size),
            octets(&[3; 20]),
            self.number,
            time("20260915235959Z"),
            sequence(&self.locations),
        ];
        let list = sequence(&[sequence(&[fixed.as_slice(), &self.subordinates].concat())]);
        explicit(1, &sequence(&[list.clone(), time(self.most_recent_update), hash(&list)]))
    }
}

/// A representation with two entries.
pub(crate) fn small() -> Vec<u8> {
    ccr(&[vrps_of(1, &[prefix(&[192, 0, 2], 0, Some(26))]), state(3, &[aspa(64_496, &[64_497])])])
}

/// A representation with everything.
fn large() -> Vec<u8> {
    let ipv4 = [
        prefix(&[], 0, None),
        prefix(&[10], 0, None),
        prefix(&[10], 0, Some(9)),
        prefix(&[10, 0], 0, None),
        prefix(&[192, 0, 2, 128], 7, Some(32)),
    ];
    let ipv6 = [prefix(&[0x20, 0x01, 0x0D, 0xB8], 0, Some(128)), prefix(&[0x3F, 0xFF, 0], 4, None)];
    let vrps = [
        roa(0, &[family(1, &ipv4)]),
        roa(64_496, &[family(1, &ipv4[..1]), family(2, &ipv6)]),
        roa(u64::from(u32::MAX), &[family(2, &ipv6[..1])]),
    ];
    let aspas = [aspa(64_496, &[64_497, 4_200_000_000]), aspa(64_497, &[0])];
    let keys = [
        router_keys(0, &[router_key(1, &[0, 4]), router_key(2, &[0, 5])]),
        router_keys(15_562, &[router_key(1, &[0, 4])]),
    ];
    ccr(&[
        Manifest::usual().state(),
        state(2, &vrps),
        state(3, &aspas),
        state(4, &[octets(&[1; 20])]),
        state(5, &keys),
        explicit(6, b"anything"),
    ])
}

fn check(file: &[u8], expect: Expect) {
    expect.assert_eq(&shown(file));
}

/// Each of these files is refused; these are their errors, line by line.
fn check_refused(files: &[Vec<u8>], expect: Expect) {
    let errors = files
        .iter()
        .map(|file| format!("{}\n", read(file).err().map_or("accepted".to_owned(), |error| error.to_string())));
    expect.assert_eq(&errors.collect::<String>());
}

#[test]
fn octets_of_a_representation() {
    let file: Vec<u8> = GOLDEN
        .split_ascii_whitespace()
        .flat_map(|word| (0..word.len()).step_by(2).map(|at| u8::from_str_radix(&word[at..at + 2], 16).unwrap()))
        .collect();
    check(
        &file,
        expect![[r#"
        ipv4 + 192.0.2.0/24-26 AS64496 - never
        ipv6 + 2001:db8:d000::/36-36 AS64496 - never
        aspa + AS64496 AS64497,AS64498 - never
    "#]],
    );
}

#[test]
fn every_state_and_every_form_of_a_prefix() {
    check(
        &large(),
        expect![[r#"
        ipv4 + 192.0.2.128/25-32 AS0 - never
        ipv4 + 10.0.0.0/16-16 AS0 - never
        ipv4 + 10.0.0.0/8-9 AS0 - never
        ipv4 + 10.0.0.0/8-8 AS0 - never
        ipv4 + 0.0.0.0/0-0 AS64496 - never
        ipv4 + 0.0.0.0/0-0 AS0 - never
        ipv6 + 3fff::/20-20 AS64496 - never
        ipv6 + 2001:db8::/32-128 AS4294967295 - never
        ipv6 + 2001:db8::/32-128 AS64496 - never
        router-key + 0101010101010101010101010101010101010101 AS0 300f300906072a8648ce3d020103020004 - never
        router-key + 0101010101010101010101010101010101010101 AS15562 300f300906072a8648ce3d020103020004 - never
        router-key + 0202020202020202020202020202020202020202 AS0 300f300906072a8648ce3d020103020005 - never
        aspa + AS64496 AS64497,AS4200000000 - never
        aspa + AS64497 AS0 - never
    "#]],
    );
}

#[test]
fn cc_01_each_hash_is_that_of_the_whole_list_before_it() {
    let states = [
        Manifest::usual().state(),
        vrps_of(1, &[prefix(&[10], 0, None)]),
        state(3, &[aspa(1, &[2])]),
        state(4, &[octets(&[1; 20])]),
        state(5, &[router_keys(1, &[router_key(1, &[0, 4])])]),
    ];
    let files: Vec<Vec<u8>> = (0..states.len())
        .map(|place| {
            let mut states = states.clone();
            let last = states[place].len() - 1;
            states[place][last] ^= 1;
            ccr(&states)
        })
        .collect();
    check_refused(
        &files,
        expect![[r#"
        CCR: the hash of mfts does not match its content at byte 252
        CCR: the hash of vrps does not match its content at byte 315
        CCR: the hash of vaps does not match its content at byte 365
        CCR: the hash of tas does not match its content at byte 427
        CCR: the hash of rks does not match its content at byte 515
    "#]],
    );
    // A hash of the content alone is not accepted.
    let entry = aspa(1, &[2]);
    let of_content = explicit(3, &sequence(&[sequence(std::slice::from_ref(&entry)), hash(&entry)]));
    check_refused(
        &[ccr(&[no_vrps(), of_content])],
        expect![[r#"
        CCR: the hash of vaps does not match its content at byte 106
    "#]],
    );
}

#[test]
fn cc_02_vrps_have_one_order_and_stand_once() {
    let ten = || family(1, &[prefix(&[10], 0, None)]);
    let six = || family(2, &[prefix(&[0x20], 0, None)]);
    let vrps = |roas: &[Vec<u8>]| ccr(&[state(2, roas)]);
    let in_order = [roa(1, &[ten()]), roa(2, &[ten(), six()])];
    assert_eq!(read(&vrps(&in_order)).unwrap().accepted(), 3);
    check_refused(
        &[
            vrps(&[roa(2, &[ten()]), roa(1, &[ten()])]),
            vrps(&[roa(1, &[ten()]), roa(1, &[ten()])]),
            vrps(&[roa(1, &[six(), ten()])]),
            vrps(&[roa(1, &[ten(), ten()])]),
            vrps(&[roa(1, &[ten(), six(), six()])]),
            vrps(&[roa(1, &[])]),
            vrps(&[roa(1, &[family(1, &[])])]),
            vrps(&[roa(1, &[family(3, &[prefix(&[10], 0, None)])])]),
            ccr(&[vrps_of(1, &[prefix(&[11], 0, None), prefix(&[10], 0, None)])]),
            ccr(&[vrps_of(1, &[prefix(&[10, 0], 0, None), prefix(&[10], 0, None)])]),
            ccr(&[vrps_of(1, &[prefix(&[10], 0, Some(9)), prefix(&[10], 0, None)])]),
            ccr(&[vrps_of(1, &[prefix(&[10], 0, Some(9)), prefix(&[10], 0, Some(9))])]),
            ccr(&[vrps_of(1, &[prefix(&[10], 0, Some(8))])]),
        ],
        expect![[r#"
            CCR: AS1 of vrps is out of order at byte 79
            CCR: AS1 of vrps is out of order at byte 79
            CCR: the address families are out of order at byte 78
            CCR: the address families are out of order at byte 78
            CCR: the address families are out of order at byte 93
            CCR: ipAddrBlocks is empty at byte 60
            CCR: addresses is empty at byte 68
            CCR: unknown addressFamily 0003 at byte 64
            CCR: prefix 10.0.0.0/8 of AS64496 is out of order at byte 80
            CCR: prefix 10.0.0.0/8 of AS64496 is out of order at byte 81
            CCR: prefix 10.0.0.0/8 of AS64496 is out of order at byte 83
            CCR: prefix 10.0.0.0/8 of AS64496 is out of order at byte 83
            CCR: maxLength 8 is not from 9 to 32 at byte 78
        "#]],
    );
}

#[test]
fn cc_03_aspas_have_one_order_and_as_0_is_alone() {
    let aspas = |aspas: &[Vec<u8>]| ccr(&[no_vrps(), state(3, aspas)]);
    assert_eq!(read(&aspas(&[aspa(1, &[0]), aspa(2, &[1, 3])])).unwrap().accepted(), 2);
    check_refused(
        &[
            aspas(&[aspa(2, &[1]), aspa(1, &[2])]),
            aspas(&[aspa(1, &[2]), aspa(1, &[3])]),
            aspas(&[aspa(1, &[3, 2])]),
            aspas(&[aspa(1, &[2, 2])]),
            aspas(&[aspa(1, &[0, 2])]),
            aspas(&[aspa(1, &[])]),
            aspas(&[aspa(0, &[1])]),
        ],
        expect![[r#"
            CCR: customer AS1 of vaps is out of order at byte 110
            CCR: customer AS1 of vaps is out of order at byte 110
            CCR: provider AS2 of AS1 is out of order at byte 106
            CCR: provider AS2 of AS1 is out of order at byte 106
            CCR: AS1 has provider AS0 beside others at byte 103
            CCR: providers is empty at byte 101
            CCR: customer AS0 is invalid at byte 98
        "#]],
    );
}

#[test]
fn cc_04_router_keys_have_one_order() {
    let keys = |sets: &[Vec<u8>]| ccr(&[no_vrps(), state(5, sets)]);
    let key = |ski| router_key(ski, &[0, 4]);
    assert_eq!(read(&keys(&[router_keys(1, &[key(1), key(2)]), router_keys(2, &[key(1)])])).unwrap().accepted(), 3);
    let short = sequence(&[octets(&[1; 19]), sequence(&[])]);
    let no_key = sequence(&[octets(&[1; 20]), sequence(&[])]);
    check_refused(
        &[
            keys(&[router_keys(2, &[key(1)]), router_keys(1, &[key(1)])]),
            keys(&[router_keys(1, &[key(1)]), router_keys(1, &[key(2)])]),
            keys(&[router_keys(1, &[key(2), key(1)])]),
            keys(&[router_keys(1, &[key(1), key(1)])]),
            keys(&[router_keys(1, &[])]),
            keys(&[router_keys(1, &[short])]),
            keys(&[router_keys(1, &[no_key])]),
        ],
        expect![[r#"
            CCR: AS1 of rks is out of order at byte 150
            CCR: AS1 of rks is out of order at byte 150
            CCR: a router key of AS1 is out of order at byte 146
            CCR: a router key of AS1 is out of order at byte 146
            CCR: routerKeys is empty at byte 101
            CCR: ski is not of 20 octets at byte 107
            CCR: the algorithm of a spki is missing or cut short at byte 131
        "#]],
    );
}

#[test]
fn cc_05_values_beyond_their_bounds_are_refused() {
    let manifest = |change: fn(&mut Manifest)| {
        let mut manifest = Manifest::usual();
        change(&mut manifest);
        ccr(&[manifest.state(), no_vrps()])
    };
    let largest = manifest(|manifest| manifest.number = der(INTEGER, &[[0].as_slice(), &[0xFF; 20]].concat()));
    assert!(read(&largest).is_ok());
    assert!(read(&manifest(|manifest| manifest.size = u64::MAX)).is_ok());
    check_refused(
        &[
            ccr(&[vrps_of(1, &[prefix(&[10], 0, Some(7))])]),
            ccr(&[vrps_of(1, &[prefix(&[10], 0, Some(33))])]),
            ccr(&[vrps_of(2, &[prefix(&[0x20], 0, Some(129))])]),
            ccr(&[vrps_of(2, &[prefix(&[0x20], 0, Some(1 << 40))])]),
            ccr(&[vrps_of(1, &[prefix(&[10, 0, 0, 0, 0], 7, None)])]),
            ccr(&[vrps_of(2, &[prefix(&[1; 17], 0, None)])]),
            ccr(&[state(2, &[roa(1 << 32, &[family(1, &[prefix(&[10], 0, None)])])])]),
            ccr(&[no_vrps(), state(3, &[aspa(1, &[1 << 32])])]),
            manifest(|manifest| manifest.size = 999),
            manifest(|manifest| manifest.number = der(INTEGER, &[1; 21])),
            manifest(|manifest| manifest.number = der(INTEGER, &[0xFF])),
            manifest(|manifest| manifest.locations.clear()),
            manifest(|manifest| manifest.subordinates = vec![sequence(&[])]),
            ccr(&[no_vrps(), state(4, &[])]),
            ccr(&[no_vrps(), state(4, &[octets(&[1; 21])])]),
        ],
        expect![[r#"
            CCR: maxLength 7 is not from 9 to 32 at byte 78
            CCR: maxLength 33 is not from 9 to 32 at byte 78
            CCR: maxLength 129 is not from 9 to 128 at byte 78
            CCR: maxLength is above 4294967295 at byte 78
            CCR: an address has 33 bits, more than its family, at byte 74
            CCR: address has more than 128 bits at byte 74
            CCR: asID is above 4294967295 at byte 57
            CCR: a provider is above 4294967295 at byte 103
            CCR: size 999 of a manifest is below 1000 at byte 101
            CCR: a manifestNumber has more than 20 octets at byte 127
            CCR: manifestNumber is negative at byte 127
            CCR: locations is empty at byte 147
            CCR: subordinates is empty at byte 186
            CCR: skis is empty at byte 93
            CCR: a key identifier is not of 20 octets at byte 98
        "#]],
    );
}

#[test]
fn cc_06_what_is_not_der_or_follows_the_end_is_refused() {
    let two_of = |first: u8| der(BIT_STRING, &[first, 10]);
    let bits = |bits: Vec<u8>| ccr(&[vrps_of(1, &[sequence(&[bits])])]);
    let number = |octets: &[u8]| {
        let set = sequence(&[der(INTEGER, octets), sequence(&[family(1, &[prefix(&[10], 0, None)])])]);
        ccr(&[state(2, &[set])])
    };
    let fields = |fields: &[Vec<u8>]| content(&[fields, &[no_vrps()]].concat());
    let whole = small();
    let inner = &whole[3..];
    check_refused(
        &[
            [whole.as_slice(), b"\0"].concat(),
            [&[0x30, 0x82, 0, u8::try_from(inner.len()).unwrap()], inner].concat(),
            [&[0x30, 0x85, 0, 0, 0, 0, u8::try_from(inner.len()).unwrap()], inner].concat(),
            content(&[hash_algorithm(), time(MADE), [&[0xA2, 0x80], sequence(&[]).as_slice(), &[0, 0]].concat()]),
            number(&[]),
            number(&[0, 1]),
            number(&[0x80]),
            bits(two_of(2)),
            bits(two_of(8)),
            bits(der(BIT_STRING, &[])),
            bits(der(BIT_STRING, &[1])),
            bits(der(0x23, &[0, 10])),
            fields(&[explicit(0, &integer(0)), hash_algorithm(), time(MADE)]),
            fields(&[explicit(0, &integer(1)), hash_algorithm(), time(MADE)]),
            fields(&[sequence(&[der(OBJECT_IDENTIFIER, &SHA_256), der(5, &[])]), time(MADE)]),
            fields(&[sequence(&[der(OBJECT_IDENTIFIER, &[96, 134, 72, 1, 101, 3, 4, 2, 2])]), time(MADE)]),
            fields(&[hash_algorithm(), time("20260916000000.0Z")]),
            fields(&[hash_algorithm(), time("20261316000000Z")]),
            fields(&[hash_algorithm(), der(0x17, b"260916000000Z")]),
            sequence(&[der(OBJECT_IDENTIFIER, &[42, 134, 72, 134, 247, 13, 1, 7, 2]), explicit(0, &[0; 130])]),
            ccr(&[vec![0x30]]),
        ],
        expect![[r#"
            CCR: something follows the end of the ContentInfo at byte 174
            CCR: the ContentInfo has a length in more octets than it needs at byte 1
            CCR: the ContentInfo has a length above all bounds at byte 1
            CCR: vrps has an indefinite length at byte 50
            CCR: asID has no octets at byte 57
            CCR: asID has needless octets at byte 57
            CCR: asID is negative at byte 57
            CCR: address has unused bits that are not zero at byte 74
            CCR: address has no valid count of unused bits at byte 74
            CCR: address has no valid count of unused bits at byte 74
            CCR: address has unused bits that are not zero at byte 74
            CCR: address should have tag 0x03, not 0x23, at byte 74
            CCR: version 0, which DER omits, is present at byte 24
            CCR: unknown version 1 at byte 24
            CCR: something follows the end of hashAlg, which has no parameters, at byte 32
            CCR: hashAlg is not SHA-256 at byte 21
            CCR: producedAt is no time as YYYYMMDDHHMMSSZ at byte 32
            CCR: producedAt is no time as YYYYMMDDHHMMSSZ at byte 32
            CCR: producedAt should have tag 0x18, not 0x17, at byte 32
            this is a signed object of the RPKI, such as a ROA or a manifest, which validators read; give what a validator writes: JSON, CSV or CCR
            CCR: an extension is missing or cut short at byte 50
        "#]],
    );
}

#[test]
fn a_file_that_ends_too_early_is_truncated() {
    let whole = large();
    for end in 2..whole.len() {
        let expected = format!("truncated: the file ends at byte {end} before it is complete");
        assert_eq!(read(&whole[..end]).err().unwrap().to_string(), expected);
    }
}

#[test]
fn cc_07_unknown_elements_at_the_end_are_passed_over() {
    let known = read(&ccr(&[no_vrps()])).unwrap().accepted();
    for unknown in [explicit(6, b"?"), explicit(30, b""), der(0x86, b"?"), vec![0xBF, 0x81, 0x00, 1, 0]] {
        assert_eq!(read(&ccr(&[no_vrps(), unknown.clone(), unknown])).unwrap().accepted(), known);
    }
    check_refused(
        &[
            ccr(&[no_vrps(), no_vrps()]),
            ccr(&[state(3, &[]), no_vrps()]),
            ccr(&[no_vrps(), explicit(6, b""), state(3, &[])]),
            ccr(&[no_vrps(), der(0x83, b"")]),
            ccr(&[no_vrps(), explicit(0, b"")]),
            ccr(&[no_vrps(), octets(b"?")]),
            ccr(&[no_vrps(), vec![0xBF, 0x1E, 0]]),
            ccr(&[no_vrps(), vec![0xBF, 0x80, 0x1F, 0]]),
            ccr(&[no_vrps(), vec![0xBF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 0]]),
        ],
        expect![[r#"
            CCR: element [2] is duplicate, out of order or malformed at byte 89
            CCR: element [2] is duplicate, out of order or malformed at byte 89
            CCR: element [3] is duplicate, out of order or malformed at byte 92
            CCR: element [3] is duplicate, out of order or malformed at byte 89
            CCR: element [0] is duplicate, out of order or malformed at byte 89
            CCR: an extension has tag 0x04 at byte 89
            CCR: an extension has a needlessly long tag at byte 90
            CCR: an extension has no tag of DER at byte 90
            CCR: an extension has no tag of DER at byte 90
        "#]],
    );
}

#[test]
fn cc_08_all_that_is_known_of_its_age_is_when_it_was_made() {
    let (table, _) = table(read(&small()).unwrap());
    assert_eq!(table.timestamps().made, Some(1_789_516_800));
    assert_eq!(table.timestamps().valid_until, None);
    assert!(shown(&small()).lines().all(|line| line.ends_with(" - never")));
}

#[test]
fn cc_09_no_manifest_is_newer_than_the_file() {
    let updated = |most_recent_update| ccr(&[Manifest { most_recent_update, ..Manifest::usual() }.state(), no_vrps()]);
    assert!(read(&updated(MADE)).is_ok());
    assert!(read(&updated("20200101000000Z")).is_ok());
    check_refused(
        &[updated("20260916000001Z")],
        expect![[r#"
        CCR: mostRecentUpdate is later than producedAt at byte 235
    "#]],
    );
}

#[test]
fn cc_10_what_is_not_represented_is_not_empty() {
    let rows = read(&ccr(&[no_vrps()])).unwrap();
    assert_eq!(rows.accepted(), 0);
    check_refused(
        &[ccr(&[state(3, &[aspa(1, &[2])])]), ccr(&[]), ccr(&[explicit(6, b"?")])],
        expect![[r#"
        the CCR has no VRPs element, not even an empty one
        CCR: there is no state at byte 49
        CCR: there is no state at byte 49
    "#]],
    );
}

#[test]
fn what_breaks_no_rule_and_cannot_be_served_is_refused_by_itself() {
    let many: Vec<u64> = (10..10_011).collect();
    let aspas = state(3, &[aspa(1, &many), aspa(2, &[1, 2]), aspa(3, &[4])]);
    let keys = state(5, &[router_keys(1, &[router_key(1, &vec![0; 66_000]), router_key(2, &[0, 4])])]);
    check(
        &ccr(&[no_vrps(), aspas, keys]),
        expect![[r#"
        router-key + 0202020202020202020202020202020202020202 AS1 300f300906072a8648ce3d020103020004 - never
        aspa + AS3 AS4 - never
        refused rks[0]: the key is not one DER SubjectPublicKeyInfo
        refused vaps[0]: customer AS1: the ASPA has 10001 providers, more than 10000
        refused vaps[1]: customer AS2: the customer AS2 is among its own providers
    "#]],
    );
}

/// The image of a file and how many entries it had, or nothing if it was refused.
fn outcome(file: &[u8], cuts: &[usize]) -> Option<(Vec<u8>, usize)> {
    let (table, tally) = table(read_in_pieces(file, cuts).ok()?);
    let records =
        rtrcast_proto::Section::ALL.into_iter().flat_map(|section| table.image().records(section).collect::<Vec<_>>());
    Some((records.flatten().copied().collect(), tally.entries))
}

proptest! {
    #[test]
    fn a_changed_octet_is_refused_or_changes_nothing(at in 0..2_000_usize, octet in any::<u8>()) {
        let whole = large();
        let mut changed = whole.clone();
        let at = at % changed.len();
        changed[at] = octet;
        // The last state under a number that is not given yet is an extension, which is skipped. [CC-07]
        let is_extension = whole[at] == 0xA5 && octet & 0xC0 == 0x80 && octet & 0x1F > 5;
        prop_assume!(!is_extension);
        if let Some(outcome_of_changed) = outcome(&changed, &[]) {
            prop_assert_eq!(Some(outcome_of_changed), outcome(&whole, &[]));
        }
    }

    #[test]
    fn no_octets_make_the_reader_panic(
        changes in proptest::collection::vec((0..2_000_usize, any::<u8>()), 1..6),
        cuts in proptest::collection::vec(any::<usize>(), 0..4),
        rest in proptest::collection::vec(any::<u8>(), 0..8),
    ) {
        let mut file = large();
        for (at, octet) in changes {
            let at = at % file.len();
            file[at] = octet;
        }
        file.extend(rest);
        prop_assert_eq!(outcome(&file, &cuts), outcome(&file, &[]));
    }

    #[test]
    fn any_octets_behind_the_first_are_refused(octets in proptest::collection::vec(any::<u8>(), 0..300)) {
        let file = [&[0x30, 0x81], octets.as_slice()].concat();
        prop_assert!(read(&file).is_err());
    }

    #[test]
    fn any_pieces_of_a_representation_give_the_same_as_the_whole(
        cuts in proptest::collection::vec(any::<usize>(), 0..8),
    ) {
        prop_assert_eq!(outcome(&large(), &cuts), outcome(&large(), &[]));
    }
}
