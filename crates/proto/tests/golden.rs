//! Octets written by hand from the specifications: the layouts of RFC 6810, RFC 8210 and 8210bis section 5, both ways.

use rtrcast_proto::{ErrorCode, ErrorReport, Pdu, Version, Violation, wire};

/// A P-256 SubjectPublicKeyInfo: 91 octets.
const SPKI: &str = "3059301306072a8648ce3d020106082a8648ce3d03010703420004000306090c0f1215181b1e2124272a2d\
    303336393c3f4245484b4e5154575a5d606366696c6f7275787b7e8184878a8d909396999c9fa2a5a8abaeb1b4b7babd";

/// Each line of text is the same PDU as its octets.
const PDUS: &[(&str, &str)] = &[
    ("v1 serial-notify session=4660 serial=7", "01 00 1234 0000000C 00000007"),
    ("v0 serial-notify session=4660 serial=7", "00 00 1234 0000000C 00000007"),
    ("v2 serial-query session=4660 serial=7", "02 01 1234 0000000C 00000007"),
    ("v0 reset-query", "00 02 0000 00000008"),
    ("v1 cache-response session=4660", "01 03 1234 00000008"),
    ("v1 ipv4 + 10.0.0.0/8-24 AS64496", "01 04 0000 00000014 01 08 18 00 0A000000 0000FBF0"),
    ("v0 ipv4 - 0.0.0.0/0-32 AS4294967295", "00 04 0000 00000014 00 00 20 00 00000000 FFFFFFFF"),
    (
        "v2 ipv6 - 2001:db8::/32-48 AS64496",
        "02 06 0000 00000020 00 20 30 00 20010DB8 00000000 00000000 00000000 0000FBF0",
    ),
    ("v0 end-of-data session=4660 serial=7", "00 07 1234 0000000C 00000007"),
    (
        "v1 end-of-data session=4660 serial=7 refresh=3600 retry=600 expire=7200",
        "01 07 1234 00000018 00000007 00000E10 00000258 00001C20",
    ),
    ("v2 cache-reset", "02 08 0000 00000008"),
    ("v2 aspa + AS64496 AS64497,AS64498", "02 0B 0100 00000014 0000FBF0 0000FBF1 0000FBF2"),
    ("v2 aspa - AS64496", "02 0B 0000 0000000C 0000FBF0"),
    ("v1 error 4 \"\" copy=0202000000000008", "01 0A 0004 00000018 00000008 0202000000000008 00000000"),
    ("v1 error 2 \"no data\" copy=", "01 0A 0002 00000017 00000000 00000007 6E6F2064617461"),
];

#[test]
fn each_pdu_is_what_the_texts_draw() {
    let key = format!("v1 router-key + 00112233445566778899aabbccddeeff00112233 AS64496 {SPKI}");
    let key_octets = format!("01 09 0100 0000007B 00112233445566778899AABBCCDDEEFF00112233 0000FBF0 {SPKI}");
    for (line, octets) in PDUS.iter().copied().chain([(key.as_str(), key_octets.as_str())]) {
        let octets = wire::parse_hex(octets).unwrap();
        assert_eq!(wire::hex(&wire::parse_line(line).unwrap()), wire::hex(&octets), "{line}");
        let version = Version::from_octet(octets[0]).unwrap();
        assert_eq!(Pdu::decode(&octets).unwrap().line(version), line);
    }
}

#[test]
fn an_error_report_of_ours_is_what_the_text_draws() {
    let copy = wire::parse_hex("0202000000000008").unwrap();
    let report = wire::error_report(Version::V1, ErrorCode::UnsupportedProtocolVersion, &copy, "");
    assert_eq!(wire::hex(&report), "010a00040000001800000008020200000000000800000000");
}

#[test]
fn an_error_report_of_ours_stays_small() {
    // rtrlib 0.8 drops the connection at a PDU above 3,248 octets.
    let report = wire::error_report(Version::V0, ErrorCode::CorruptData, &[7; 70_000], &"é".repeat(5_000));
    assert_eq!(report.len(), 16 + wire::COPY_OCTETS_MAX + wire::TEXT_OCTETS_MAX);
    let Pdu::ErrorReport(ErrorReport { code: 0, copy, text }) = Pdu::decode(&report).unwrap() else {
        panic!("no report")
    };
    assert_eq!(copy, [7; 256]);
    assert_eq!(std::str::from_utf8(text).unwrap(), "é".repeat(100), "cut between two characters");
}

#[test]
fn what_breaks_a_rule_is_not_decoded() {
    let wrong = |octets: &str| Pdu::decode(&wire::parse_hex(octets).unwrap()).unwrap_err();
    assert_eq!(wrong("01 02 0000"), Violation::LengthBelowHeader(4));
    assert_eq!(wrong("01 02 0000 00000009"), Violation::WrongLength(rtrcast_proto::PduType::ResetQuery, 9));
    assert_eq!(wrong("01 0B 0000 00000008"), Violation::UnknownType(Version::V1, 11));
    assert_eq!(wrong("02 04 0000 00000014 01 08 07 00 0A000000 0000FBF0"), Violation::PrefixLengths);
    assert_eq!(wrong("02 04 0000 00000014 01 08 21 00 0A000000 0000FBF0"), Violation::PrefixLengths);
    assert_eq!(wrong("02 04 0000 00000014 01 21 21 00 0A000000 0000FBF0"), Violation::PrefixLengths);
    assert_eq!(wrong("02 04 0000 00000014 01 08 18 00 0A000001 0000FBF0"), Violation::HostBits);
    assert_eq!(wrong("02 0B 0100 0000000C 0000FBF0"), Violation::AspaWithoutProviders);
    assert_eq!(wrong("02 0B 0000 00000010 0000FBF0 0000FBF1"), Violation::AspaWithdrawalWithProviders);
    assert_eq!(wrong("02 0B 0100 00000014 0000FBF0 0000FBF2 0000FBF1"), Violation::AspaProvidersUnsorted);
    assert_eq!(wrong("02 0B 0100 00000014 0000FBF0 0000FBF1 0000FBF1"), Violation::AspaProvidersUnsorted);
    assert_eq!(wrong("02 0B 0100 00000014 0000FBF0 00000000 0000FBF1"), Violation::AspaZeroBesideOthers);
    assert_eq!(
        wrong("01 09 0100 00000022 0000000000000000000000000000000000000000 0000FBF0 3001"),
        Violation::KeyNotDer
    );
    assert_eq!(wrong("01 0A 0000 00000010 00000001 00000000"), Violation::MalformedErrorReport);
}

#[test]
fn versions_0_and_1_mask_host_bits_and_flags_but_the_lowest_are_ignored() {
    let octets = wire::parse_hex("01 04 0000 00000014 FF 08 18 00 0A000001 0000FBF0").unwrap();
    assert_eq!(Pdu::decode(&octets).unwrap().line(Version::V1), "v1 ipv4 + 10.0.0.0/8-24 AS64496");
    let octets = wire::parse_hex("01 04 0000 00000014 FE 08 18 00 0A000000 0000FBF0").unwrap();
    assert_eq!(Pdu::decode(&octets).unwrap().line(Version::V1), "v1 ipv4 - 10.0.0.0/8-24 AS64496");
}

#[test]
fn lines_that_are_no_pdu_are_refused() {
    for line in [
        "",
        "v3 reset-query",
        "v1",
        "v1 reset-query now",
        "v1 ipv4 + 10.0.0.1/8-24 AS1",
        "v1 ipv4 + ::/0-0 AS1",
        "v1 ipv4 * 10.0.0.0/8-8 AS1",
    ] {
        assert!(wire::parse_line(line).is_err(), "{line}");
    }
}
