//! rpki-client's JSON: accepted entries, refused entries with their reasons, and refused files.

use crate::{check, read, table};
use expect_test::expect;
use proptest::prelude::*;
use rtrcast_feed::Reader;
use rtrcast_proto::Section;

const SPKI: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEgFcjQ/g//LAQerAH2Mpp+GucoDAGBbhIqD33wNPsXxnAGb+mtZ7XQrVO9DQ6UlAShtig5+QfEKpTtFgiqfiAFQ==";

#[test]
fn all_kinds_with_what_is_known_of_them() {
    check(
        &format!(
            r#"{{ "metadata": {{ "buildtime": "2026-09-16T00:00:00Z", "talfiles": ["a", {{"b": [1.5e3, null]}}] }},
            "roas": [
                {{ "asn": 64496, "prefix": "192.0.2.0/24", "maxLength": 26, "ta": "ripe", "expires": 1893456000 }},
                {{ "expires": 5, "ta": "apnic", "maxLength": 48, "prefix": "2001:db8::/32", "asn": "AS64497" }},
                {{ "asn": 0, "prefix": "0.0.0.0/0" }}
            ],
            "bgpsec_keys": [ {{ "asn": 15562, "ski": "5d4250e2d81d4448d8a29efce91d29ff075ec9e2", "pubkey": "{SPKI}", "ta": "ripe" }} ],
            "aspas": [ {{ "customer_asid": 64496, "expires": 7, "providers": [64499, 64498, 64499] }} ],
            "nonfunc_cas": [ {{ "x": "[{{\"" }} ] }}"#
        ),
        expect![[r#"
            ipv4 + 192.0.2.0/24-26 AS64496 ripe 1893456000
            ipv4 + 0.0.0.0/0-0 AS0 - never
            ipv6 + 2001:db8::/32-48 AS64497 apnic 5
            router-key + 5d4250e2d81d4448d8a29efce91d29ff075ec9e2 AS15562 3059301306072a8648ce3d020106082a8648ce3d0301070342000480572343f83ffcb0107ab007d8ca69f86b9ca0300605b848a83df7c0d3ec5f19c019bfa6b59ed742b54ef4343a52501286d8a0e7e41f10aa53b45822a9f88015 ripe never
            aspa + AS64496 AS64498,AS64499 - 7
        "#]],
    );
}

#[test]
fn c_del_02_equal_records_are_one_and_the_latest_expiry_stays() {
    check(
        r#"{"roas": [
            {"asn": 1, "prefix": "10.0.0.0/8", "maxLength": 8, "ta": "a", "expires": 10},
            {"asn": 1, "prefix": "10.0.0.0/8", "maxLength": 8, "ta": "b", "expires": 30},
            {"asn": 1, "prefix": "10.0.0.0/8", "maxLength": 8, "ta": "c", "expires": 20},
            {"asn": 1, "prefix": "11.0.0.0/8", "maxLength": 8, "ta": "a", "expires": 10},
            {"asn": 1, "prefix": "11.0.0.0/8", "maxLength": 8, "ta": "b"}
        ]}"#,
        expect![[r#"
            ipv4 + 11.0.0.0/8-8 AS1 b never
            ipv4 + 10.0.0.0/8-8 AS1 b 30
        "#]],
    );
}

#[test]
fn c_del_05_impossible_lengths_are_refused() {
    check(
        r#"{"roas": [
            {"asn": 1, "prefix": "10.0.0.0/8", "maxLength": 7},
            {"asn": 1, "prefix": "10.0.0.0/8", "maxLength": 33},
            {"asn": 1, "prefix": "10.0.0.0/8", "maxLength": 300},
            {"asn": 1, "prefix": "10.0.0.0/8", "maxLength": "8"},
            {"asn": 1, "prefix": "10.0.0.0/33"},
            {"asn": 1, "prefix": "2001:db8::/129"},
            {"asn": 1, "prefix": "10.0.0.0/8", "maxLength": 8}
        ]}"#,
        expect![[r#"
            ipv4 + 10.0.0.0/8-8 AS1 - never
            refused roas[0]: maximum length 7 of 10.0.0.0/8 is not from 8 to 32
            refused roas[1]: maximum length 33 of 10.0.0.0/8 is not from 8 to 32
            refused roas[2]: maxLength is invalid: 300
            refused roas[3]: maxLength is invalid: "8"
            refused roas[4]: prefix is invalid: "10.0.0.0/33"
            refused roas[5]: prefix is invalid: "2001:db8::/129"
        "#]],
    );
}

#[test]
fn c_del_06_host_bits_are_masked_counted_and_merged() {
    check(
        r#"{"roas": [
            {"asn": 1, "prefix": "10.1.2.3/8", "maxLength": 8},
            {"asn": 1, "prefix": "10.0.0.0/8", "maxLength": 8},
            {"asn": 1, "prefix": "2001:db8::1/32"}
        ]}"#,
        expect![[r#"
            ipv4 + 10.0.0.0/8-8 AS1 - never
            ipv6 + 2001:db8::/32-32 AS1 - never
            masked 2
        "#]],
    );
}

#[test]
fn c_del_08_keys_that_differ_in_their_key_are_two() {
    let entry = |asn: u32, spki: &str| {
        format!(r#"{{"asn": {asn}, "ski": "0000000000000000000000000000000000000001", "pubkey": "{spki}"}}"#)
    };
    let entries = [entry(1, "MAA="), entry(1, "MAEA"), entry(2, "MAA="), entry(1, "MAA=")].join(", ");
    check(
        &format!(r#"{{"bgpsec_keys": [{entries}]}}"#),
        expect![[r#"
        router-key + 0000000000000000000000000000000000000001 AS1 3000 - never
        router-key + 0000000000000000000000000000000000000001 AS2 3000 - never
        router-key + 0000000000000000000000000000000000000001 AS1 300100 - never
    "#]],
    );
}

#[test]
fn c_asp_01_a_customer_in_two_entries_gets_the_union() {
    check(
        r#"{"aspas": [
            {"customer_asid": 1, "providers": [5, 3]},
            {"customer_asid": 2, "providers": [9]},
            {"customer_asid": "AS1", "providers": ["AS4", 3]}
        ]}"#,
        expect![[r#"
            aspa + AS1 AS3,AS4,AS5 - never
            aspa + AS2 AS9 - never
        "#]],
    );
}

#[test]
fn c_asp_03_entries_without_providers_are_refused() {
    check(
        r#"{"aspas": [ {"customer_asid": 1, "providers": []}, {"customer_asid": 2}, {"customer_asid": 3, "providers": [4]} ]}"#,
        expect![[r#"
            aspa + AS3 AS4 - never
            refused aspas[0]: the ASPA has no providers
            refused aspas[1]: no providers
        "#]],
    );
}

#[test]
fn c_asp_04_as_0_beside_others_is_dropped() {
    check(
        r#"{"aspas": [
            {"customer_asid": 1, "providers": [0, 5]},
            {"customer_asid": 2, "providers": [0]},
            {"customer_asid": 3, "providers": [0]},
            {"customer_asid": 3, "providers": [7]}
        ]}"#,
        expect![[r#"
            aspa + AS1 AS5 - never
            aspa + AS2 AS0 - never
            aspa + AS3 AS7 - never
        "#]],
    );
}

#[test]
fn c_asp_06_a_customer_with_too_many_providers_is_left_out() {
    let list = |range: std::ops::Range<u32>| range.map(|asn| asn.to_string()).collect::<Vec<_>>().join(",");
    let document = format!(
        r#"{{"aspas": [{{"customer_asid": 7, "providers": [8]}}, {{"customer_asid": 1, "providers": [{}]}}, {{"customer_asid": 1, "providers": [{}]}}]}}"#,
        list(2..8_002),
        list(8_002..10_003)
    );
    check(
        &document,
        expect![[r#"
        aspa + AS7 AS8 - never
        refused aspas[1]: customer AS1: the ASPA has 10001 providers, more than 10000
    "#]],
    );
}

#[test]
fn c_frm_07_no_aspa_is_longer_than_a_pdu() {
    let list = (2..10_002).map(|asn: u32| asn.to_string()).collect::<Vec<_>>().join(",");
    let document = format!(r#"{{"aspas": [{{"customer_asid": 1, "providers": [{list}]}}]}}"#);
    let (table, _) = table(read(document.as_bytes()).unwrap());
    let longest = table.image().records(Section::Aspa).map(<[u8]>::len).max();
    assert_eq!(longest, Some(12 + 4 * 10_000));
}

#[test]
fn c_asp_07_a_customer_is_neither_as_0_nor_its_own_provider() {
    check(
        r#"{"aspas": [ {"customer_asid": 0, "providers": [1]}, {"customer_asid": 5, "providers": [4, 5]}, {"customer_asid": 6, "providers": [4]} ]}"#,
        expect![[r#"
            aspa + AS6 AS4 - never
            refused aspas[0]: the customer of an ASPA can't be AS 0
            refused aspas[1]: the customer AS5 is among its own providers
        "#]],
    );
}

#[test]
fn a_bad_entry_is_refused_by_name_and_the_rest_is_accepted() {
    check(
        r#"{"roas": [
            {"asn": -1, "prefix": "10.0.0.0/8"},
            {"asn": 4294967296, "prefix": "10.0.0.0/8"},
            {"asn": 1.5, "prefix": "10.0.0.0/8"},
            {"asn": null, "prefix": "10.0.0.0/8"},
            {"prefix": "10.0.0.0/8"},
            {"asn": 1, "prefix": 10},
            {"asn": 1, "prefix": "10.0.0.0"},
            {"asn": 1, "prefix": ["10.0.0.0/8"]},
            null,
            {"asn": 1, "prefix": "10.0.0.0/8", "expires": "soon"},
            {"asn": {"a": 1}, "prefix": "10.0.0.0/8"},
            {"asn": 64496, "prefix": "192.0.2.0/24"}
        ]}"#,
        expect![[r#"
            ipv4 + 192.0.2.0/24-24 AS64496 - never
            refused roas[0]: asn is invalid: -1
            refused roas[1]: asn is invalid: 4294967296
            refused roas[2]: asn is invalid: 1.5
            refused roas[3]: asn is invalid: null
            refused roas[4]: no asn
            refused roas[5]: prefix is invalid: 10
            refused roas[6]: prefix is invalid: "10.0.0.0"
            refused roas[7]: prefix is invalid: a list
            refused roas[8]: null instead of an object
            refused roas[9]: expires is invalid: "soon"
        "#]],
    );
}

#[test]
fn vrps_that_are_all_invalid_are_no_empty_list() {
    check(
        r#"{"roas": [{"asn": "x", "prefix": "10.0.0.0/8"}], "aspas": [{"customer_asid": 1, "providers": [2]}]}"#,
        expect![[r#"
            error: all of its 2 entries, or all VRPs, are invalid; the first is roas[0]: asn is invalid: "x"
        "#]],
    );
    // A list of ASPAs has no VRPs, and need not have.
    check(
        r#"[{"customer":"AS1","providers":[]},{"customer":"AS64496","providers":["AS64497"]}]"#,
        expect![[r#"
        aspa + AS64496 AS64497 - never
        refused list[0]: the ASPA has no providers
    "#]],
    );
    check(
        r#"{"roas": [], "aspas": [{"customer_asid": 1, "providers": [-2]}, {"customer_asid": 3, "providers": [2]}]}"#,
        expect![[r#"
            aspa + AS3 AS2 - never
            refused aspas[0]: provider is invalid: -2
        "#]],
    );
}

#[test]
fn bad_keys_are_refused() {
    check(
        r#"{"bgpsec_keys": [
            {"asn": 1, "ski": "00", "pubkey": "MAA="},
            {"asn": 1, "ski": "0000000000000000000000000000000000000001", "pubkey": "AAAA"},
            {"asn": 1, "ski": "0000000000000000000000000000000000000001", "pubkey": "!"},
            {"asn": 1, "ski": "0000000000000000000000000000000000000001"},
            {"asn": 1, "ski": "0000000000000000000000000000000000000001", "pubkey": "MAA"}
        ]}"#,
        expect![[r#"
            router-key + 0000000000000000000000000000000000000001 AS1 3000 - never
            refused bgpsec_keys[0]: ski is invalid: "00"
            refused bgpsec_keys[1]: the key is not one DER SubjectPublicKeyInfo
            refused bgpsec_keys[2]: key is invalid: "!"
            refused bgpsec_keys[3]: no key
        "#]],
    );
}

#[test]
fn c_del_07_an_empty_list_is_data() {
    check(r#"{"roas": []}"#, expect![[""]]);
}

#[test]
fn what_is_no_validator_s_file_is_an_error() {
    for (document, expect) in [
        (
            "",
            expect![[r#"
            error: the file is empty
        "#]],
        ),
        (
            " \n\t",
            expect![[r#"
            error: the file is empty
        "#]],
        ),
        (
            "hello",
            expect![[r#"
                error: neither a validator's JSON nor its CSV nor a CCR: it begins with "hello"
            "#]],
        ),
        (
            "<html>",
            expect![[r#"
                error: this is an HTML page, perhaps an error page or a login page; give the URL or the file of a validator's JSON, CSV or CCR
            "#]],
        ),
        (
            "[]",
            expect![[r#"
            error: JSON without VRPs ("roas"), router keys or ASPAs: not the output of a validator
        "#]],
        ),
        (
            "{}",
            expect![[r#"
                error: JSON without VRPs ("roas"), router keys or ASPAs: not the output of a validator
            "#]],
        ),
        (
            r#"{"roa": []}"#,
            expect![[r#"
                error: JSON without VRPs ("roas"), router keys or ASPAs: not the output of a validator
            "#]],
        ),
        (
            r#"{"roas": {}}"#,
            expect![[r#"
                error: member "roas" at byte 1 (line 1) is not a list
            "#]],
        ),
        (
            r#"{"roas": [], "roas": []}"#,
            expect![[r#"
                error: duplicate member "roas" at byte 13 (line 1)
            "#]],
        ),
        (
            r#"{"roas": []} {"roas": []}"#,
            expect![[r#"
                error: not JSON at byte 13 (line 1): something follows the end
            "#]],
        ),
        (
            r#"{"roas": [{"asn": 1 "prefix": "10.0.0.0/8"}]}"#,
            expect![[r#"
            error: not JSON at byte 20 (line 1): expected , or } after a member
        "#]],
        ),
        (
            "{\n\"roas\": [\n{\"asn\": 1,}\n]}",
            expect![[r#"
            error: not JSON at byte 22 (line 3): expected a member's name in quotes
        "#]],
        ),
        (
            r#"{"roas": [{"asn": 01, "prefix": "10.0.0.0/8"}]}"#,
            expect![[r#"
            error: not JSON at byte 18 (line 1): malformed number
        "#]],
        ),
        (
            r#"{"x": [}, "roas": []}"#,
            expect![[r#"
            error: not JSON at byte 7 (line 1): brackets do not match
        "#]],
        ),
        (
            r#"{"roas": [{"asn": 1}]}"#,
            expect![[r#"
            error: all of its 1 entries, or all VRPs, are invalid; the first is roas[0]: no prefix
        "#]],
        ),
        (
            "{\"roas\": [{\"asn\": 1, \"prefix\": \"10.0.0.0/8\", \"ta\": \"a\nb\"}]}",
            expect![[r#"
            error: not JSON at byte 53 (line 1): control character in a string
        "#]],
        ),
        (
            r#"{"roas": [{"asn": 1, "prefix": "10.0.0.0/8"}"#,
            expect![[r#"
                error: truncated: the file ends at byte 44 (line 1) before it is complete
            "#]],
        ),
    ] {
        check(document, expect);
    }
}

#[test]
fn routinator_s_json() {
    check(
        &format!(
            r#"{{ "metadata": {{ "generated": 1685455841, "generatedTime": "2023-05-30T14:10:41Z" }},
            "roas": [ {{ "asn": "AS196615", "prefix": "93.175.147.0/24", "maxLength": 24, "ta": "ripe" }} ],
            "routerKeys": [ {{ "asn": "AS211321", "SKI": "5D4250E2D81D4448D8A29EFCE91D29FF075EC9E2", "routerPublicKey": "{}", "ta": "ripe" }} ],
            "aspas": [ {{ "customer": "AS64496", "providers": ["AS64499", "AS64497"], "ta": "ripe" }} ] }}"#,
            SPKI.trim_end_matches('=').replace('/', "_").replace('+', "-"),
        ),
        expect![[r#"
            ipv4 + 93.175.147.0/24-24 AS196615 ripe never
            router-key + 5d4250e2d81d4448d8a29efce91d29ff075ec9e2 AS211321 3059301306072a8648ce3d020106082a8648ce3d0301070342000480572343f83ffcb0107ab007d8ca69f86b9ca0300605b848a83df7c0d3ec5f19c019bfa6b59ed742b54ef4343a52501286d8a0e7e41f10aa53b45822a9f88015 ripe never
            aspa + AS64496 AS64497,AS64499 - never
        "#]],
    );
}

#[test]
fn routinator_s_jsonext_holds_as_long_as_one_of_its_chains() {
    check(
        r#"{ "roas": [
            { "asn": "AS1", "prefix": "10.0.0.0/8", "maxLength": 8, "source": [
                { "type": "roa", "uri": "rsync://x/y.roa", "tal": "ripe",
                  "validity": { "notBefore": "2023-01-01T00:00:00Z", "notAfter": "2026-01-01T00:00:00Z" },
                  "chainValidity": { "notBefore": "2023-01-01T00:00:00Z", "notAfter": "2024-01-01T00:00:00Z" } },
                { "type": "roa", "uri": null, "tal": "arin", "chainValidity": { "notAfter": "2025-01-01T00:00:00Z" } } ] },
            { "asn": "AS2", "prefix": "10.0.0.0/8", "maxLength": 8, "source": [ { "type": "exception", "path": null } ] },
            { "asn": "AS3", "prefix": "10.0.0.0/8", "maxLength": 8, "source": [] }
        ] }"#,
        expect![[r#"
            ipv4 + 10.0.0.0/8-8 AS3 - never
            ipv4 + 10.0.0.0/8-8 AS2 - never
            ipv4 + 10.0.0.0/8-8 AS1 ripe 1735689600
        "#]],
    );
}

#[test]
fn fort_s_three_files() {
    check(
        r#"{ "roas" : [ {"asn":"AS64496","prefix":"192.0.2.0/24","maxLength":24} ]}"#,
        expect![[r#"
        ipv4 + 192.0.2.0/24-24 AS64496 - never
    "#]],
    );
    check(
        r#"{ "router-keys" : [ {"asn":"AS1","ski":"MTIzNDU2Nzg5MDEyMzQ1Njc4OTA","spki":"MAA"} ]}"#,
        expect![[r#"
        router-key + 3132333435363738393031323334353637383930 AS1 3000 - never
    "#]],
    );
    check(
        r#"{ "aspa" : { "64496": [ 64500, 64501 ], "64497" : [ ], "x": [1], "64498": 7, "64499": [ 0 ] }}"#,
        expect![[r#"
            aspa + AS64496 AS64500,AS64501 - never
            aspa + AS64499 AS0 - never
            refused aspa[1]: the ASPA has no providers
            refused aspa[2]: customer is "x"
            refused aspa[3]: providers is invalid: 7
        "#]],
    );
    check(r#"{ "aspa" : { }}"#, expect![[""]]);
}

#[test]
fn rpki_prover_s_lists() {
    check(
        r#"[{"asn":"AS64496","prefix":"192.0.2.0/24","maxLength":24,"ta":"ripe"},{"prefix":"10.0.0.0/8","maxLength":32,"asn":"0"}]"#,
        expect![[r#"
            ipv4 + 192.0.2.0/24-24 AS64496 ripe never
            ipv4 + 10.0.0.0/8-32 AS0 - never
        "#]],
    );
    check(
        r#"[{"customer":"AS64496","providers":["AS64497"]}]"#,
        expect![[r#"
        aspa + AS64496 AS64497 - never
    "#]],
    );
    check(
        r#"[{"ski":"5d4250e2d81d4448d8a29efce91d29ff075ec9e2","asns":["AS1","AS2"],"subjectPublicKeyInfo":"MAA="}]"#,
        expect![[r#"
            router-key + 5d4250e2d81d4448d8a29efce91d29ff075ec9e2 AS1 3000 - never
            router-key + 5d4250e2d81d4448d8a29efce91d29ff075ec9e2 AS2 3000 - never
        "#]],
    );
    check(
        "[]",
        expect![[r#"
        error: JSON without VRPs ("roas"), router keys or ASPAs: not the output of a validator
    "#]],
    );
    check(
        r#"[{"x": 1}]"#,
        expect![[r#"
        error: all of its 1 entries, or all VRPs, are invalid; the first is list[0]: no asn
    "#]],
    );
}

#[test]
fn rpki_client_8_0_s_provider_authorizations() {
    check(
        r#"{ "provider_authorizations": {
            "ipv4": [ { "customer_asid": 1, "providers": [5, 3] }, { "customer_asid": 2, "providers": [] } ], "x": [[]],
            "ipv6": [ { "customer_asid": 1, "providers": [3, 4] } ] },
          "roas": [] }"#,
        expect![[r#"
            aspa + AS1 AS3,AS4,AS5 - never
            refused provider_authorizations.ipv4[1]: the ASPA has no providers
        "#]],
    );
    // The names of the inner lists mean nothing elsewhere, nor those of the outer ones inside.
    check(r#"{ "ipv4": [ 1 ], "provider_authorizations": { "roas": [ 1 ] }, "roas": [] }"#, expect![[""]]);
}

#[test]
fn rtrtr_s_export_may_have_either_member() {
    check(
        r#"{"aspas":[{"customer":42,"providers":[44,45]}]}"#,
        expect![[r#"
        aspa + AS42 AS44,AS45 - never
    "#]],
    );
}

#[test]
fn octets_that_are_no_utf_8_are_an_error_wherever_they_stand() {
    let error = |document: &[u8]| read(document).err().map(|error| error.to_string());
    assert_eq!(error(b"{\"roas\": [],\n \"x\": \"\xFF\"}").unwrap(), "not UTF-8 at byte 20 (line 2)");
    assert_eq!(error(b"\xFE\xFF\x00{").unwrap(), "this is text in UTF-16; save it as UTF-8");
    assert_eq!(error(b"\xFE\xFFx{").unwrap(), "not UTF-8 at byte 0 (line 1)");
    assert_eq!(error("{\"roas\": [], \"x\": \"Ü\"}".as_bytes()), None);
    assert_eq!(error("\u{FEFF}{\"roas\": []}".as_bytes()), None, "a byte order mark is passed over");
    assert!(error(b"{\"roas\": [], \"x\": \"\xC3\"}").unwrap().starts_with("not UTF-8"));
}

#[test]
fn a_file_that_ends_anywhere_before_its_end_is_an_error() {
    let document = r#"{"metadata": {"x": "é"}, "roas": [{"asn": 1, "prefix": "10.0.0.0/8", "maxLength": 8, "ta": "a"}, {"asn": 2, "prefix": "10.0.0.0/8"}], "n": 12 }"#;
    assert!(read(document.as_bytes()).is_ok());
    for end in 0..document.len() {
        let text = read(&document.as_bytes()[..end]).err().expect("cut short").to_string();
        assert!(text.starts_with("truncated: ") || end == 0 && text == "the file is empty", "{end}: {text}");
    }
}

#[test]
fn an_endless_string_is_an_error_before_it_fills_the_memory() {
    let mut reader = Reader::new();
    reader.push(br#"{"roas": [], "comment": ""#).unwrap();
    let piece = [b'a'; 64 * 1024];
    let error = (0..100).find_map(|_| reader.push(&piece).err()).expect("refused");
    assert_eq!(error.to_string(), "the value at byte 13 (line 1) is larger than 1048576 bytes");
}

#[test]
fn an_entry_above_the_limit_is_skipped_and_the_rest_is_accepted() {
    let filler = "a".repeat(1_500_000);
    let document = format!(
        r#"{{"roas": [{{"asn": 1, "prefix": "10.0.0.0/8"}}, {{"asn": 2, "x": "{filler}", "prefix": "11.0.0.0/8"}}, {{"asn": 3, "prefix": "12.0.0.0/8"}}]}}"#
    );
    for piece in [1_000, 100_000, document.len()] {
        let mut reader = Reader::new();
        for octets in document.as_bytes().chunks(piece) {
            reader.push(octets).unwrap();
        }
        let rows = reader.finish().unwrap();
        assert_eq!(rows.accepted(), 2, "in pieces of {piece}");
        assert_eq!(rows.tally().refused_first[0].to_string(), "roas[1]: larger than 1048576 bytes");
    }
}

#[test]
fn a_megabyte_of_white_space_is_nothing() {
    let mut reader = Reader::new();
    reader.push(b"{\"roas\": [").unwrap();
    for _ in 0..40 {
        reader.push(&[b' '; 64 * 1024]).unwrap();
    }
    reader.push(b"]}").unwrap();
    assert!(reader.finish().is_ok());
}

#[test]
fn a_byte_order_mark_may_come_in_pieces() {
    let mut reader = Reader::new();
    for octet in "\u{FEFF}{\"roas\": []}".as_bytes() {
        reader.push(&[*octet]).unwrap();
    }
    assert!(reader.finish().is_ok());
}

#[test]
fn c_asp_06_a_customer_whose_providers_are_known_only_in_part_is_left_out() {
    check(
        r#"{"aspas": [
            {"customer_asid": 1, "providers": [5]},
            {"customer_asid": 1, "providers": [-6]},
            {"customer_asid": 2, "providers": [2, 3]},
            {"customer_asid": 2, "providers": [4]},
            {"customer_asid": 3, "providers": [4]}
        ]}"#,
        expect![[r#"
            aspa + AS3 AS4 - never
            refused aspas[1]: provider is invalid: -6
            refused aspas[2]: the customer AS2 is among its own providers
            refused aspas[0]: customer AS1: another of its entries was refused
            refused aspas[2]: customer AS2: another of its entries was refused
        "#]],
    );
}

#[test]
fn a_file_of_which_nothing_is_left_is_an_error() {
    let list = (2..10_003).map(|asn: u32| asn.to_string()).collect::<Vec<_>>().join(",");
    let document = format!(r#"{{"aspas": [{{"customer_asid": 1, "providers": [{list}]}}]}}"#);
    assert_eq!(
        read(document.as_bytes()).err().unwrap().to_string(),
        "all of its 1 entries, or all VRPs, are invalid; the first is aspas[0]: customer AS1: the ASPA has 10001 providers, more than 10000"
    );
}

#[test]
fn an_unknown_member_may_be_larger_than_any_entry() {
    let large = format!("{{\"x\": [\"{}\", {{}}], \"roas\": []}}", "a".repeat(3_000_000));
    let mut reader = Reader::new();
    for piece in large.as_bytes().chunks(100_000) {
        reader.push(piece).unwrap();
    }
    assert!(reader.finish().is_ok());
    let deep = format!("{{\"x\": {}{}, \"roas\": []}}", "[".repeat(65), "]".repeat(65));
    assert!(read(deep.as_bytes()).err().unwrap().to_string().contains("nested too deeply"));
}

/// A document with all that a reader meets, of which any pieces have to give the same as the whole.
fn pieces_give_the_same_as_the_whole(cuts: &[usize]) {
    let document = format!(
        r#"{{ "metadata": {{ "a\"]": [{{}}, "é", {{"b": [1, true]}}], "n": -1.5e3 }}, "roas": [
        {{ "asn": 64496, "prefix": "192.0.2.0/24", "maxLength": 26, "ta": "r\u0069pe", "expires": 1893456000, "q": [1, {{"z": null}}] }},
        {{ "asn": 1, "prefix": "wrong" }},
        {{ "asn": "AS5", "prefix": "2001:db8::/32", "ta": "ü" }} ], "t": true, "o": {{}},
        "bgpsec_keys": [ {{ "asn": 15562, "ski": "5d4250e2d81d4448d8a29efce91d29ff075ec9e2", "pubkey": "{SPKI}" }} ],
        "aspas": [ {{ "customer_asid": 1, "providers": [2, 3] }} ] }}  "#
    );
    let octets = document.as_bytes();
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| (*cut).min(octets.len())).collect();
    cuts.sort_unstable();
    let mut reader = Reader::new();
    let mut start = 0;
    for cut in cuts.into_iter().chain([octets.len()]) {
        reader.push(&octets[start..cut]).unwrap();
        start = cut;
    }
    let (pieces, pieces_tally) = table(reader.finish().unwrap());
    let (whole, whole_tally) = table(read(octets).unwrap());
    assert_eq!(pieces.image(), whole.image());
    assert_eq!(pieces_tally, whole_tally);
    assert_eq!(whole.image().layout().records(), 4);
}

#[test]
fn a_cut_at_any_place_changes_nothing() {
    pieces_give_the_same_as_the_whole(&[]);
    (0..700).for_each(|cut| pieces_give_the_same_as_the_whole(&[cut]));
}

#[test]
fn the_first_error_is_reported_however_the_document_is_cut() {
    let syntax_first = b"{\"roas\": [{\"asn\": 1 \"prefix\": \"10.0.0.0/8\"}, {\"ta\": \"\xFF\"}]}";
    let octets_first = b"{\"roas\": [{\"asn\": 1, \"ta\": \"\xFF\"}, {\"asn\": 1 \"prefix\": 2}]}";
    for (document, wanted) in [(&syntax_first[..], "not JSON at byte 20 "), (octets_first, "not UTF-8 at byte 28 ")] {
        for piece_octets in 1..=document.len() {
            let mut reader = Reader::new();
            let error = document.chunks(piece_octets).find_map(|piece| reader.push(piece).err()).unwrap().to_string();
            assert!(error.starts_with(wanted), "in pieces of {piece_octets}: {error}");
        }
    }
}

#[test]
fn vrps_that_are_all_refused_behind_many_bad_aspas_are_no_empty_set() {
    let aspas = "{\"customer_asid\": 0},".repeat(20);
    let document =
        format!("{{\"aspas\": [{aspas} {{\"customer_asid\": 1, \"providers\": [2]}}], \"roas\": [{{\"asn\": -1}}]}}");
    let error = read(document.as_bytes()).err().unwrap().to_string();
    assert_eq!(error, "all of its 22 entries, or all VRPs, are invalid; the first is roas[0]: asn is invalid: -1");
}

proptest! {
    #[test]
    fn any_pieces_of_a_file_give_the_same_as_the_whole(cuts in proptest::collection::vec(0..700_usize, 0..12)) {
        pieces_give_the_same_as_the_whole(&cuts);
    }

    #[test]
    fn no_octets_make_the_reader_panic(
        octets in proptest::collection::vec(prop_oneof![
            Just(b'{'), Just(b'}'), Just(b'['), Just(b']'), Just(b'"'), Just(b':'), Just(b','), Just(b'1'), Just(b'\\'), Just(b'a'), any::<u8>(),
        ], 0..60),
        start in 0..4_u8,
    ) {
        let head: &[u8] = match start {
            0 => b"",
            1 => b"{\"roas\": [",
            2 => b"{\"aspas\": [{\"customer_asid\": 1, \"providers\": [",
            _ => b"{\"x\": ",
        };
        let _ = read(&[head, &octets].concat());
    }
}

#[test]
fn a_document_has_the_time_when_it_was_made() {
    let times = |metadata: &str| {
        let document = format!(r#"{{ "metadata": {metadata}, "roas": [] }}"#);
        let timestamps = table(read(document.as_bytes()).unwrap()).0.timestamps();
        (timestamps.made, timestamps.valid_until)
    };
    // rpki-client, Routinator, OctoRPKI, StayRTR.
    assert_eq!(times(r#"{"buildtime": "2023-05-30T14:10:41Z"}"#), (Some(1_685_455_841), None));
    assert_eq!(times(r#"{"generated": 7, "generatedTime": "2023-05-30T14:10:41Z"}"#), (Some(7), None));
    assert_eq!(times(r#"{"generatedTime": "2023-05-30T14:10:41Z"}"#), (Some(1_685_455_841), None));
    assert_eq!(times(r#"{"counts": 1, "generated": 7, "valid": 9, "signature": ""}"#), (Some(7), Some(9)));
    assert_eq!(times(r#"{"generated": 7, "buildtime": "2023-05-30T14:10:41Z"}"#), (Some(1_685_455_841), None));
    // Invalid times are ignored.
    assert_eq!(times(r#"{"buildtime": "yesterday", "generated": 0, "valid": "x"}"#), (None, None));
    assert_eq!(times("{}"), (None, None));
    assert_eq!(times("7"), (None, None));
}

/// Found by the fuzzers: a file was one thing as a whole, and another in pieces.
#[test]
fn an_error_is_the_same_in_any_pieces() {
    let tar = {
        let mut octets = b"ASN,IP Prefix\n\xFF".to_vec();
        octets.resize(257, b'a');
        [octets, b"ustar\0".to_vec(), vec![0; 100]].concat()
    };
    for (document, wanted) in [
        (&b"[\xDF{\"asn\":1}]"[..], "not UTF-8 at byte 1 "),
        (b"{\"roas\":[\"\xE2\x82\"]}", "not UTF-8 at byte 10 "),
        (b"\n\t-----BEGIN CERTIFICATE-----\nMIIB\n", "this is a certificate or key in PEM"),
        (&tar, "this is a tar archive"),
    ] {
        for size in 1..=document.len() {
            let mut reader = Reader::new();
            let error = document.chunks(size).find_map(|piece| reader.push(piece).err());
            let error = error.or_else(|| reader.finish().err()).unwrap().to_string();
            assert!(error.starts_with(wanted), "in pieces of {size}: {error}");
        }
    }
}
