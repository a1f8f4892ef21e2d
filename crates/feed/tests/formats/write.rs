//! Written data sets: the formats that the reader reads, and the text form of PDUs.

use crate::{read, table};
use expect_test::{Expect, expect};
use proptest::prelude::*;
use rtrcast_feed::write::write_text_changes;
use rtrcast_feed::write::{JsonLayout, Provenance, SetChange, write_csv, write_json, write_json_changes, write_text};
use rtrcast_proto::{
    Asn, Aspa, Delta, Image, ImageWriter, Pdu, Prefix, RouteOrigin, RouterKey, Section, Serial, SessionId, Timing,
    Version,
};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

const SPKI: [u8; 5] = [0x30, 3, 1, 2, 0xFF];

/// A set that is small enough to be compared by eye.
#[derive(Clone, Debug, Default)]
struct Set {
    vrps: BTreeSet<(IpAddr, u8, u8, u32)>,
    keys: BTreeSet<([u8; 20], u32)>,
    aspas: BTreeMap<u32, BTreeSet<u32>>,
}

impl Set {
    fn image(&self) -> Image {
        let mut records: Vec<(Section, Vec<u8>)> = Vec::new();
        let mut add = |section, write: &dyn Fn(&mut ImageWriter<Vec<u8>>)| {
            let mut writer = ImageWriter::new(Version::V2, Vec::new());
            write(&mut writer);
            records.push((section, writer.finish().unwrap().octets().to_vec()));
        };
        for (addr, len, max_len, asn) in &self.vrps {
            let origin = RouteOrigin::new(Prefix::new(*addr, *len).unwrap(), *max_len, Asn(*asn)).unwrap();
            let section = if addr.is_ipv4() { Section::Ipv4Prefix } else { Section::Ipv6Prefix };
            add(section, &|writer| writer.origin(&origin).unwrap());
        }
        for (ski, asn) in &self.keys {
            let key = RouterKey::new(*ski, Asn(*asn), &SPKI).unwrap();
            add(Section::RouterKey, &|writer| writer.router_key(&key).unwrap());
        }
        for (customer, providers) in &self.aspas {
            let providers: Vec<[u8; 4]> = providers.iter().map(|asn| asn.to_be_bytes()).collect();
            add(Section::Aspa, &|writer| writer.aspa(&Aspa::new(Asn(*customer), &providers).unwrap()).unwrap());
        }
        records.sort_by(|(a, left), (b, right)| a.cmp(b).then_with(|| a.announcement_order(left, right)));
        let mut writer = ImageWriter::new(Version::V2, Vec::new());
        for (section, record) in &records {
            writer.push(*section, record).unwrap();
        }
        writer.finish().unwrap()
    }
}

fn origin(version: Version) -> Provenance<'static> {
    Provenance {
        source: "tcp://cache.example:323",
        version,
        session: SessionId(4_661),
        serial: Serial(7),
        timing: (version != Version::V0).then(Timing::default),
        received: 1_790_000_000,
    }
}

fn written(write: impl FnOnce(&mut Vec<u8>) -> std::io::Result<()>) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out).unwrap();
    out
}

fn check(octets: &[u8], expect: Expect) {
    expect.assert_eq(std::str::from_utf8(octets).unwrap());
}

fn sets() -> impl Strategy<Value = Set> {
    let vrp = (any::<IpAddr>(), 0..=32_u8, any::<u32>()).prop_map(|(addr, len, asn)| {
        let prefix = Prefix::masked(addr, len).unwrap();
        (prefix.addr(), len, prefix.len_max().min(len + 3), asn)
    });
    let providers = proptest::collection::btree_set(1_000..2_000_u32, 1..5);
    (
        proptest::collection::btree_set(vrp, 0..30),
        proptest::collection::btree_set((any::<[u8; 20]>(), any::<u32>()), 0..5),
        proptest::collection::btree_map(1..1_000_u32, providers, 0..5),
    )
        .prop_map(|(vrps, keys, aspas)| Set { vrps, keys, aspas })
}

/// The records of an image in the text form of PDUs, without the version and in any order.
fn lines(image: &Image) -> BTreeSet<String> {
    let records = Section::ALL.into_iter().flat_map(|section| image.records(section));
    records.map(|record| Pdu::decode(record).unwrap().line(Version::V2)[3..].to_owned()).collect()
}

proptest! {
    #[test]
    fn a_written_set_is_read_as_the_same(set in sets()) {
        let image = set.image();
        let json = written(|out| write_json(out, &origin(Version::V2), &image));
        let (read_again, tally) = table(read(&json).unwrap());
        prop_assert_eq!(read_again.image(), &image);
        prop_assert_eq!((tally.refused, tally.masked), (0, 0));
        prop_assert_eq!(read_again.timestamps().made, Some(1_790_000_000));
        let prefixes = Set { keys: BTreeSet::new(), aspas: BTreeMap::new(), ..set }.image();
        let csv = written(|out| write_csv(out, &image));
        let (read_again, _) = table(read(&csv).unwrap());
        prop_assert_eq!(read_again.image(), &prefixes);
    }

    #[test]
    fn text_is_that_of_pdus(set in sets()) {
        let image = set.image();
        let text = String::from_utf8(written(|out| write_text(out, &origin(Version::V2), &image))).unwrap();
        let mut text = text.lines();
        prop_assert_eq!(text.next(), Some("# tcp://cache.example:323 version=2 session=4661 serial=7"));
        prop_assert_eq!(text.map(str::to_owned).collect::<BTreeSet<String>>(), lines(&image));
    }

    #[test]
    fn changes_make_one_set_of_the_other(before in sets(), after in sets()) {
        let (before, after) = (before.image(), after.image());
        let delta = Delta::between(&before, &after);
        let text = written(|out| write_text_changes(out, &origin(Version::V2), SetChange::Delta(&delta)));
        let mut now = lines(&before);
        // A customer that is announced replaces the one before.
        let customer = |line: &str| line.strip_prefix("aspa ").map(|rest| rest[2..].split(' ').next().unwrap().to_owned());
        for line in String::from_utf8(text).unwrap().lines().skip(1) {
            match customer(line) {
                Some(changed) => now.retain(|other| customer(other) != Some(changed.clone())),
                None => now.retain(|other| *other != line.replacen(" - ", " + ", 1)),
            }
            if line.contains(" + ") {
                now.insert(line.to_owned());
            }
        }
        prop_assert_eq!(now, lines(&after));
    }
}

fn small() -> Set {
    Set {
        vrps: [("10.0.0.0", 8, 24, 64_496), ("192.0.2.0", 24, 24, 64_497), ("2001:db8::", 32, 48, u32::MAX)]
            .into_iter()
            .map(|(addr, len, max_len, asn)| (addr.parse().unwrap(), len, max_len, asn))
            .collect(),
        keys: [([0xAB; 20], 64_498)].into(),
        aspas: [(64_499, [1, 2].into()), (64_500, [3].into())].into(),
    }
}

#[test]
fn json_is_rpki_client_s() {
    check(
        &written(|out| write_json(out, &origin(Version::V2), &small().image())),
        expect![[r#"
            { "metadata": { "source": "tcp://cache.example:323", "version": 2, "session": 4661, "serial": 7, "refresh": 3600, "retry": 600, "expire": 7200, "generated": 1790000000, "generatedTime": "2026-09-21T14:13:20Z", "vrps": 3, "bgpsec_pubkeys": 1, "vaps": 2 },
              "roas": [
                { "asn": 64496, "prefix": "10.0.0.0/8", "maxLength": 24 },
                { "asn": 64497, "prefix": "192.0.2.0/24", "maxLength": 24 },
                { "asn": 4294967295, "prefix": "2001:db8::/32", "maxLength": 48 }
              ],
              "bgpsec_keys": [
                { "asn": 64498, "ski": "ABABABABABABABABABABABABABABABABABABABAB", "pubkey": "MAMBAv8=" }
              ],
              "aspas": [
                { "customer_asid": 64499, "providers": [1, 2] },
                { "customer_asid": 64500, "providers": [3] }
              ]
            }
        "#]],
    );
}

#[test]
fn what_a_version_does_not_have_is_absent() {
    check(
        &written(|out| write_json(out, &origin(Version::V0), &Set::default().image())),
        expect![[r#"
            { "metadata": { "source": "tcp://cache.example:323", "version": 0, "session": 4661, "serial": 7, "generated": 1790000000, "generatedTime": "2026-09-21T14:13:20Z", "vrps": 0 },
              "roas": []
            }
        "#]],
    );
}

#[test]
fn changes_in_one_line() {
    let mut after = small();
    after.vrps.pop_first();
    after.aspas = [(64_499, [1, 3].into())].into();
    let delta = Delta::between(&small().image(), &after.image());
    let change = SetChange::Delta(&delta);
    assert_eq!((change.announced(), change.withdrawn()), (1, 2));
    check(
        &written(|out| write_json_changes(out, &origin(Version::V2), Some(Serial(6)), change, JsonLayout::SingleLine)),
        expect![[r#"
            { "metadata": { "source": "tcp://cache.example:323", "version": 2, "session": 4661, "serial": 7, "refresh": 3600, "retry": 600, "expire": 7200, "generated": 1790000000, "generatedTime": "2026-09-21T14:13:20Z", "from_serial": 6 }, "announced": { "roas": [], "bgpsec_keys": [], "aspas": [ { "customer_asid": 64499, "providers": [1, 3] } ] }, "withdrawn": { "roas": [ { "asn": 64496, "prefix": "10.0.0.0/8", "maxLength": 24 } ], "bgpsec_keys": [], "aspas": [ { "customer_asid": 64500, "providers": [] } ] } }
        "#]],
    );
}
