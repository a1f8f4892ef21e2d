//! Pieces that are read speculatively, and entries that are read by the shape of others: the result is the same as of
//! reading one entry after the other, whatever the document is.

use super::{read, shown, shown_of};
use proptest::collection::vec;
use proptest::prelude::*;
use rtrcast_feed::{ReadError, Reader, Rows};

/// Reads a document in pieces of so many octets, each speculatively as far as that is possible.
fn read_prefetched(document: &[u8], piece_octets: usize) -> Result<Rows, ReadError> {
    let mut reader = Reader::new();
    for piece in document.chunks(piece_octets) {
        let speculated = reader.prefetch().and_then(|prefetch| prefetch.read(piece));
        reader.push_speculated(piece, speculated)?;
    }
    reader.finish()
}

/// An entry of a list, good or bad, in one of a few ways of writing.
fn entry() -> impl Strategy<Value = String> {
    let asn = prop_oneof![
        4 => (0..70_000_u32).prop_map(|asn| asn.to_string()),
        2 => (0..70_000_u32).prop_map(|asn| format!("\"AS{asn}\"")),
        1 => prop_oneof![Just("4294967295"), Just("4294967296"), Just("-1"), Just("1e2"), Just("1.5"), Just("null"), Just("\"as7\""), Just("\"A\\u00537\"")].prop_map(str::to_owned),
    ];
    let prefix = prop_oneof![
        4 => (any::<[u8; 3]>(), 20..=24_u8).prop_map(|([a, b, c], len)| format!("{a}.{b}.{c}.0/{len}")),
        2 => any::<[u16; 2]>().prop_map(|[a, b]| format!("{a:x}:{b:x}::/48")),
        1 => prop_oneof![Just("10.0.0.0/33"), Just("010.0.0.0/8"), Just("10.0.0.0\\/8"), Just("10.0.0/8"), Just("::/0"), Just("a},{b"), Just("")].prop_map(str::to_owned),
    ];
    let max_len = prop_oneof![4 => Just("48"), 4 => Just("24"), 1 => Just("300"), 1 => Just("8"), 1 => Just("\"24\"")];
    let anchor = prop_oneof![Just("ripe"), Just("apnic"), Just("\u{e9}"), Just("a\\\"b"), Just("}, {"), Just("")];
    let expires = prop_oneof![4 => Just("1893456000"), 1 => Just("99999999999"), 1 => Just("18446744073709551615"), 1 => Just("18446744073709551616"), 1 => Just("0"), 1 => Just("x7")];
    (0..6_u8, asn, prefix, max_len, anchor, expires).prop_map(|(way, asn, prefix, max_len, anchor, expires)| {
        let expires = if expires == "x7" { "\"x7\"" } else { expires };
        match way {
            0 | 1 => format!("{{ \"asn\": {asn}, \"prefix\": \"{prefix}\", \"maxLength\": {max_len}, \"ta\": \"{anchor}\", \"expires\": {expires} }}"),
            2 => format!("{{\"asn\":{asn},\"prefix\":\"{prefix}\",\"maxLength\":{max_len},\"ta\":\"{anchor}\"}}"),
            3 => format!("{{\n\t\"expires\":{expires},\"ta\" : \"{anchor}\",\"prefix\":\"{prefix}\",\"asn\":{asn}\n}}"),
            4 => format!("{{\"asn\":{asn},\"prefix\":\"{prefix}\",\"asn\":{asn},\"x\":[{{\"asn\":1}}, {{\"asn\":2}}]}}"),
            _ => format!("[{{\"asn\":{asn}}}, {{\"prefix\":\"{prefix}\"}}]"),
        }
    })
}

/// Octets that break a document when they replace one, and some that do not.
fn spoiler() -> impl Strategy<Value = &'static [u8]> {
    prop_oneof![
        Just(&b"\xFF"[..]),
        Just(&b"\""[..]),
        Just(&b"}"[..]),
        Just(&b"]"[..]),
        Just(&b","[..]),
        Just(&b"{"[..]),
        Just(&b"\\"[..]),
        Just(&b" "[..]),
        Just(&b"0"[..]),
        Just(&b"\n"[..]),
        Just(&b""[..]),
    ]
}

fn document(entries: &[String]) -> Vec<u8> {
    let list = entries.join(",\n\t");
    format!("{{\"metadata\": {{}}, \"roas\": [\n\t{list}\n], \"aspas\": [{{\"customer_asid\": 5, \"providers\": [6]}}, {{}}]}}").into_bytes()
}

proptest! {
    #[test]
    fn json_read_prefetched_is_the_same_as_json_read(
        entries in vec(entry(), 0..30),
        piece_octets in 1..600_usize,
        spoil in proptest::option::of((any::<prop::sample::Index>(), spoiler())),
    ) {
        let mut document = document(&entries);
        if let Some((at, spoiler)) = spoil {
            let at = at.index(document.len());
            document.splice(at..=at, spoiler.iter().copied());
        }
        prop_assert_eq!(shown_of(read_prefetched(&document, piece_octets)), shown(&document));
    }

    #[test]
    fn csv_read_prefetched_is_the_same_as_csv_read(
        lines in vec(prop_oneof!["AS[0-9]{1,5},10\\.[0-9]{1,3}\\.0\\.0/1[6-9],24,(ripe|apnic)", "[a-z,/0-9\u{e9}]{0,20}"], 0..30),
        head in prop_oneof![Just("ASN,IP Prefix,Max Length,Trust Anchor"), Just("\n\u{FEFF}ASN,IP Prefix"), Just("IP Prefix,ASN")],
        end in prop_oneof![Just("\n"), Just("\r\n"), Just("")],
        piece_octets in 1..200_usize,
        spoil in proptest::option::of((any::<prop::sample::Index>(), spoiler())),
    ) {
        let mut document = [head].into_iter().chain(lines.iter().map(String::as_str)).collect::<Vec<_>>().join("\n");
        document.push_str(end);
        let mut document = document.into_bytes();
        if let Some((at, spoiler)) = spoil {
            let at = at.index(document.len());
            document.splice(at..=at, spoiler.iter().copied());
        }
        prop_assert_eq!(shown_of(read_prefetched(&document, piece_octets)), shown(&document));
    }

    /// A document of one entry has no other to learn a shape from.
    #[test]
    fn entries_are_read_alike_beside_others(entries in vec(entry(), 1..20)) {
        let together = document(&entries);
        let mut accepted = 0;
        for (place, entry) in entries.iter().enumerate() {
            // With a valid one: a list in which all are invalid is refused.
            let good = "{\"asn\": 7, \"prefix\": \"10.0.0.0/8\", \"y\": 0}".to_owned();
            let alone = document(&[entry.clone(), good]);
            let refused = |read: Result<Rows, ReadError>, place| match read {
                Ok(rows) => rows.tally().refused_first.iter().find(|refused| refused.member == "roas" && refused.index == place).map(|refused| refused.reason.clone()),
                Err(error) => Some(error.to_string()),
            };
            let alone_refused = refused(read(&alone), 0);
            accepted += usize::from(alone_refused.is_none());
            // Only so many are kept.
            if let (Ok(rows), Some(reason)) = (read(&together), alone_refused)
                && rows.tally().refused < 10
            {
                prop_assert_eq!(refused(Ok(rows), place), Some(reason));
            }
        }
        if let Ok(rows) = read(&together) {
            // The ASPA is accepted, the empty one is not.
            prop_assert_eq!(rows.accepted(), accepted + 1);
        }
    }
}

/// Otherwise all that is asserted above would hold of a reader that reads everything twice.
#[test]
fn lines_that_were_read_prefetched_are_not_read_again() {
    let list = |asn: u32| (0..9).map(|i| format!("AS{asn},10.{i}.0.0/16,16,ripe\n")).collect::<String>();
    let (lines, others) = (list(64_496), list(65_535));
    let mut reader = Reader::new();
    reader.push(b"ASN,IP Prefix,Max Length,Trust Anchor\n").unwrap();
    // It could be a tar archive still, whose magic comes later.
    assert!(reader.prefetch().is_none());
    reader.push(list(64_500).as_bytes()).unwrap();
    let prefetch = reader.prefetch().expect("CSV is recognised");
    let speculated = prefetch.read(others.as_bytes()).expect("there are lines in it");
    reader.push_speculated(lines.as_bytes(), Some(speculated)).unwrap();
    let shown = shown_of(reader.finish());
    // The first line of a piece may be the end of one.
    assert_eq!((shown.matches(" AS64496 ").count(), shown.matches(" AS65535 ").count()), (1, 8), "{shown}");
}

/// Otherwise all that is asserted above would hold of a reader that reads everything twice.
#[test]
fn what_was_read_prefetched_is_not_read_again() {
    let list =
        |asn: u32| (0..9).map(|i| format!("{{\"asn\": {asn}, \"prefix\": \"10.{i}.0.0/16\"}}")).collect::<Vec<_>>();
    let (document, other) = (document(&list(64_496)), document(&list(65_535)));
    let mut reader = Reader::new();
    let (first, second) = document.split_at(60);
    reader.push(first).unwrap();
    let prefetch = reader.prefetch().expect("JSON is recognised");
    let speculated = prefetch.read(other.split_at(60).1).expect("there are entries in it");
    reader.push_speculated(second, Some(speculated)).unwrap();
    let shown = shown_of(reader.finish());
    assert_eq!((shown.matches(" AS64496 ").count(), shown.matches(" AS65535 ").count()), (1, 8), "{shown}");
}

#[test]
fn a_piece_that_belongs_elsewhere_is_read_where_it_is() {
    // To the eye, entries begin in the string.
    let document = br#"{"comment": "}, {\"asn\": 1, \"prefix\": \"10.0.0.0/8\"}, {", "roas": [{"asn": 2, "prefix": "11.0.0.0/8"}]}"#;
    for piece_octets in 1..document.len() {
        assert_eq!(
            shown_of(read_prefetched(document, piece_octets)),
            "ipv4 + 11.0.0.0/8-8 AS2 - never\n",
            "{piece_octets}"
        );
    }
}
