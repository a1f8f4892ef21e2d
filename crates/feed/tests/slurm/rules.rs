//! RFC 8416 and version 2, rule by rule.

use crate::{KEY, Lists, SKI_A, SKI_B, check, image, merge, parse, read_shown, records_kept, slurm};
use expect_test::expect;
use rtrcast_feed::{Overlaps, Slurm, SlurmDialect};
use rtrcast_proto::{Record, Section};

/// VRPs around the prefixes that the rules speak of.
const VRPS: &str = r#"{"roas": [
    {"asn": 64496, "prefix": "192.0.0.0/16", "maxLength": 24},
    {"asn": 64496, "prefix": "192.0.2.0/24", "maxLength": 24},
    {"asn": 64497, "prefix": "192.0.2.0/24", "maxLength": 32},
    {"asn": 64496, "prefix": "192.0.2.128/25", "maxLength": 25},
    {"asn": 64497, "prefix": "192.0.3.0/24", "maxLength": 24},
    {"asn": 64496, "prefix": "::/0", "maxLength": 0},
    {"asn": 64496, "prefix": "2001:db8::/32", "maxLength": 48},
    {"asn": 64497, "prefix": "2001:db8:1::/48", "maxLength": 48},
    {"asn": 64498, "prefix": "c000:200::/24", "maxLength": 24}]}"#;

#[test]
fn sl_01_a_prefix_filter_names_a_prefix_and_what_lies_in_it() {
    let filter = |filters| records_kept(&slurm(Lists { prefix_filters: filters, ..Lists::default() }), &image(VRPS));
    expect![[r#"
          192.0.3.0/24-24 AS64497
        - 192.0.2.128/25-25 AS64496
        - 192.0.2.0/24-32 AS64497
        - 192.0.2.0/24-24 AS64496
          192.0.0.0/16-24 AS64496
          c000:200::/24-24 AS64498
          2001:db8:1::/48-48 AS64497
          2001:db8::/32-48 AS64496
          ::/0-0 AS64496
    "#]]
    .assert_eq(&filter(r#"{"prefix": "192.0.2.0/24"}"#));
    expect![[r#"
          192.0.3.0/24-24 AS64497
        - 192.0.2.128/25-25 AS64496
          192.0.2.0/24-32 AS64497
        - 192.0.2.0/24-24 AS64496
        - 192.0.0.0/16-24 AS64496
          c000:200::/24-24 AS64498
          2001:db8:1::/48-48 AS64497
        - 2001:db8::/32-48 AS64496
        - ::/0-0 AS64496
    "#]]
    .assert_eq(&filter(r#"{"asn": 64496}"#));
    expect![[r#"
          192.0.3.0/24-24 AS64497
          192.0.2.128/25-25 AS64496
        - 192.0.2.0/24-32 AS64497
          192.0.2.0/24-24 AS64496
          192.0.0.0/16-24 AS64496
          c000:200::/24-24 AS64498
        - 2001:db8:1::/48-48 AS64497
        - 2001:db8::/32-48 AS64496
          ::/0-0 AS64496
    "#]]
    .assert_eq(&filter(r#"{"prefix": "192.0.2.0/24", "asn": 64497}, {"prefix": "2001:db8::/32"}"#));
    expect![[r#"
        - 192.0.3.0/24-24 AS64497
        - 192.0.2.128/25-25 AS64496
        - 192.0.2.0/24-32 AS64497
        - 192.0.2.0/24-24 AS64496
        - 192.0.0.0/16-24 AS64496
          c000:200::/24-24 AS64498
          2001:db8:1::/48-48 AS64497
          2001:db8::/32-48 AS64496
          ::/0-0 AS64496
    "#]]
    .assert_eq(&filter(r#"{"prefix": "0.0.0.0/0"}"#));
    expect![[r#"
          192.0.3.0/24-24 AS64497
          192.0.2.128/25-25 AS64496
          192.0.2.0/24-32 AS64497
          192.0.2.0/24-24 AS64496
          192.0.0.0/16-24 AS64496
          c000:200::/24-24 AS64498
        - 2001:db8:1::/48-48 AS64497
          2001:db8::/32-48 AS64496
          ::/0-0 AS64496
    "#]]
    .assert_eq(&filter(r#"{"prefix": "::/0", "asn": 64497}"#));
    // The maximum length of a VRP plays no part: that of 192.0.0.0/16 reaches into the filter.
    expect![[r#"
          192.0.3.0/24-24 AS64497
        - 192.0.2.128/25-25 AS64496
          192.0.2.0/24-32 AS64497
          192.0.2.0/24-24 AS64496
          192.0.0.0/16-24 AS64496
          c000:200::/24-24 AS64498
          2001:db8:1::/48-48 AS64497
          2001:db8::/32-48 AS64496
          ::/0-0 AS64496
    "#]]
    .assert_eq(&filter(r#"{"prefix": "192.0.2.0/25"}, {"prefix": "192.0.2.0/26"}, {"prefix": "192.0.2.128/25"}"#));
}

fn keys() -> String {
    let key = |asn: u32, ski: &str| format!(r#"{{"asn": {asn}, "ski": "{ski}", "pubkey": "{KEY}="}}"#);
    let keys = [key(64_496, SKI_A), key(64_496, SKI_B), key(64_497, SKI_A), key(64_497, SKI_B)];
    format!(r#"{{"bgpsec_keys": [{}]}}"#, keys.join(","))
}

#[test]
fn sl_02_a_bgpsec_filter_names_an_as_or_a_key_or_both() {
    let filter =
        |filters: &str| records_kept(&slurm(Lists { bgpsec_filters: filters, ..Lists::default() }), &image(&keys()));
    expect![[r#"
        - AS64496 4141414141414141414141414141414141414141
          AS64497 4141414141414141414141414141414141414141
        - AS64496 4242424242424242424242424242424242424242
          AS64497 4242424242424242424242424242424242424242
    "#]]
    .assert_eq(&filter(r#"{"asn": 64496}"#));
    expect![[r#"
        - AS64496 4141414141414141414141414141414141414141
        - AS64497 4141414141414141414141414141414141414141
          AS64496 4242424242424242424242424242424242424242
          AS64497 4242424242424242424242424242424242424242
    "#]]
    .assert_eq(&filter(&format!(r#"{{"SKI": "{SKI_A}"}}"#)));
    expect![[r#"
          AS64496 4141414141414141414141414141414141414141
        - AS64497 4141414141414141414141414141414141414141
          AS64496 4242424242424242424242424242424242424242
          AS64497 4242424242424242424242424242424242424242
    "#]]
    .assert_eq(&filter(&format!(r#"{{"SKI": "{SKI_A}", "asn": 64497}}"#)));
    expect![[r#"
          AS64496 4141414141414141414141414141414141414141
        - AS64497 4141414141414141414141414141414141414141
        - AS64496 4242424242424242424242424242424242424242
          AS64497 4242424242424242424242424242424242424242
    "#]]
    .assert_eq(&filter(&format!(r#"{{"SKI": "{SKI_A}", "asn": 64497}}, {{"SKI": "{SKI_B}", "asn": 64496}}"#)));
}

#[test]
fn sl_02_an_aspa_filter_names_a_customer() {
    let aspas = image(
        r#"{"aspas": [{"customer_asid": 64496, "providers": [64497]}, {"customer_asid": 64497, "providers": [64496]}]}"#,
    );
    let slurm = slurm(Lists { aspa_filters: r#"{"customerAsn": 64496}"#, ..Lists::default() });
    expect![[r#"
        - AS64496 with 1 provider
          AS64497 with 1 provider
    "#]]
    .assert_eq(&records_kept(&slurm, &aspas));
}

fn asserted(slurm: &Slurm) -> String {
    let records = |section| slurm.assertions().records(section).map(move |record| Record::read(section, record));
    Section::ALL.into_iter().flat_map(records).map(|record| format!("{}\n", record.unwrap())).collect()
}

#[test]
fn sl_03_filters_leave_assertions_alone() {
    let slurm = slurm(Lists {
        prefix_filters: r#"{"prefix": "0.0.0.0/0"}, {"asn": 64496}"#,
        bgpsec_filters: r#"{"asn": 64496}"#,
        aspa_filters: r#"{"customerAsn": 64496}"#,
        prefix_assertions: r#"{"asn": 64496, "prefix": "192.0.2.0/24"}"#,
        bgpsec_assertions: &format!(r#"{{"asn": 64496, "SKI": "{SKI_A}", "routerPublicKey": "{KEY}"}}"#),
        aspa_assertions: r#"{"customerAsn": 64496, "providerAsns": [64497]}"#,
    });
    expect![[r#"
        192.0.2.0/24-24 AS64496
        AS64496 4141414141414141414141414141414141414141
        AS64496 with 1 provider
    "#]]
    .assert_eq(&asserted(&slurm));
    expect![[r#"
        - 192.0.3.0/24-24 AS64497
        - 192.0.2.128/25-25 AS64496
        - 192.0.2.0/24-32 AS64497
        - 192.0.2.0/24-24 AS64496
        - 192.0.0.0/16-24 AS64496
          c000:200::/24-24 AS64498
          2001:db8:1::/48-48 AS64497
        - 2001:db8::/32-48 AS64496
        - ::/0-0 AS64496
    "#]]
    .assert_eq(&records_kept(&slurm, &image(VRPS)));
}

#[test]
fn sl_04_equal_assertions_are_one_record_and_aspas_of_a_customer_one_aspa() {
    let key = format!(r#"{{"asn": 64496, "SKI": "{SKI_A}", "routerPublicKey": "{KEY}"}}"#);
    let slurm = slurm(Lists {
        prefix_assertions: r#"{"asn": 64496, "prefix": "192.0.2.0/24"},
            {"prefix": "192.0.2.0/24", "maxPrefixLength": 24, "asn": 64496, "comment": "again"},
            {"prefix": "192.0.2.0/24", "maxPrefixLength": 25, "asn": 64496},
            {"prefix": "2001:DB8::/32", "asn": 0}"#,
        bgpsec_assertions: &format!("{key}, {key}"),
        aspa_assertions: r#"{"customerAsn": 64496, "providerAsns": [0]},
            {"customerAsn": 64496, "providerAsns": [64497, 64499]},
            {"customerAsn": 64496, "providerAsns": [64498, 64499]},
            {"customerAsn": 64500, "providerAsns": [0]}"#,
        ..Lists::default()
    });
    expect![[r#"
        192.0.2.0/24-25 AS64496
        192.0.2.0/24-24 AS64496
        2001:db8::/32-32 AS0
        AS64496 4141414141414141414141414141414141414141
        AS64496 with 3 providers
        AS64500 with 1 provider
    "#]]
    .assert_eq(&asserted(&slurm));
}

#[test]
fn sl_05_a_filter_that_names_nothing_is_refused() {
    for list in ["prefixFilters", "bgpsecFilters", "aspaFilters"] {
        for filter in ["{}", r#"{"comment": "everything"}"#] {
            let document =
                Lists::default().document().replace(&format!("\"{list}\": []"), &format!("\"{list}\": [{filter}]"));
            assert!(parse(&document).is_err(), "{list} {filter}");
        }
    }
}

#[test]
fn sl_07_files_must_not_speak_of_the_same() {
    let aspa = r#"{"customerAsn": 64496, "providerAsns": [64497]}"#;
    let key = format!(r#"{{"asn": 64496, "SKI": "{SKI_A}", "routerPublicKey": "{KEY}"}}"#);
    let filter = |text| Lists { prefix_filters: text, ..Lists::default() };
    let assertion = |text| Lists { prefix_assertions: text, ..Lists::default() };
    let keys = |text| Lists { bgpsec_filters: text, ..Lists::default() };
    let pairs = [
        (filter(r#"{"prefix": "192.0.2.0/24"}"#), filter(r#"{"prefix": "192.0.2.0/24"}"#)),
        (
            filter(r#"{"prefix": "192.0.2.128/25", "asn": 1}"#),
            filter("{\"asn\": 5},\n{\"prefix\": \"192.0.2.0/24\", \"asn\": 2}"),
        ),
        (filter(r#"{"prefix": "192.0.2.0/24"}"#), assertion(r#"{"prefix": "192.0.0.0/16", "asn": 1}"#)),
        (
            assertion(r#"{"prefix": "2001:db8::/32", "asn": 1}"#),
            assertion(r#"{"prefix": "2001:db8:8::/48", "asn": 1}"#),
        ),
        (keys(r#"{"asn": 64496}"#), Lists { bgpsec_assertions: &key, ..Lists::default() }),
        (
            Lists { aspa_filters: r#"{"customerAsn": 64496}"#, ..Lists::default() },
            Lists { aspa_assertions: aspa, ..Lists::default() },
        ),
    ];
    let mut text = String::new();
    for (a, b) in pairs {
        let documents = [a.document(), Lists::default().document(), b.document()];
        text.push_str(&format!("{}\n", merge(&documents, Overlaps::Refuse).unwrap_err()));
        assert!(merge(&documents, Overlaps::Allow).is_ok());
    }
    expect![[r#"
        a.json:3 (validationOutputFilters.prefixFilters[0]: VRPs in 192.0.2.0/24) and c.json:3 (validationOutputFilters.prefixFilters[0]: VRPs in 192.0.2.0/24) have addresses in common
        a.json:3 (validationOutputFilters.prefixFilters[0]: VRPs in 192.0.2.128/25 of AS1) and c.json:4 (validationOutputFilters.prefixFilters[1]: VRPs in 192.0.2.0/24 of AS2) have addresses in common
        a.json:3 (validationOutputFilters.prefixFilters[0]: VRPs in 192.0.2.0/24) and c.json:7 (locallyAddedAssertions.prefixAssertions[0]: VRP 192.0.0.0/16-16 AS1) have addresses in common
        a.json:7 (locallyAddedAssertions.prefixAssertions[0]: VRP 2001:db8::/32-32 AS1) and c.json:7 (locallyAddedAssertions.prefixAssertions[0]: VRP 2001:db8:8::/48-48 AS1) have addresses in common
        a.json:4 (validationOutputFilters.bgpsecFilters[0]: router keys of AS64496) and c.json:8 (locallyAddedAssertions.bgpsecAssertions[0]: router key AS64496 4141414141414141414141414141414141414141) both concern router keys of AS64496
        a.json:5 (validationOutputFilters.aspaFilters[0]: the ASPA of AS64496) and c.json:9 (locallyAddedAssertions.aspaAssertions[0]: ASPA of AS64496 with 1 provider) both concern the ASPA of AS64496
    "#]].assert_eq(&text);
}

#[test]
fn sl_07_files_that_speak_of_different_things_are_one() {
    let documents = [
        Lists {
            prefix_filters: r#"{"prefix": "192.0.2.0/25"}, {"prefix": "192.0.2.0/24"}, {"asn": 64496}"#,
            bgpsec_filters: &format!(r#"{{"SKI": "{SKI_A}"}}, {{"asn": 64496}}"#),
            aspa_assertions: r#"{"customerAsn": 64496, "providerAsns": [64497]}"#,
            ..Lists::default()
        },
        Lists {
            prefix_filters: r#"{"prefix": "c000:200::/24"}, {"asn": 64496}"#,
            bgpsec_filters: &format!(r#"{{"SKI": "{SKI_A}"}}, {{"asn": 64497}}"#),
            prefix_assertions: r#"{"prefix": "192.0.3.0/24", "asn": 64496}"#,
            aspa_assertions: r#"{"customerAsn": 64497, "providerAsns": [64496]}"#,
            ..Lists::default()
        },
    ];
    let slurm = merge(&documents.map(Lists::document), Overlaps::Refuse).unwrap();
    expect![[r#"
          192.0.3.0/24-24 AS64497
        - 192.0.2.128/25-25 AS64496
        - 192.0.2.0/24-32 AS64497
        - 192.0.2.0/24-24 AS64496
        - 192.0.0.0/16-24 AS64496
        - c000:200::/24-24 AS64498
          2001:db8:1::/48-48 AS64497
        - 2001:db8::/32-48 AS64496
        - ::/0-0 AS64496
    "#]]
    .assert_eq(&records_kept(&slurm, &image(VRPS)));
    expect![[r#"
        192.0.3.0/24-24 AS64496
        AS64496 with 1 provider
        AS64497 with 1 provider
    "#]]
    .assert_eq(&asserted(&slurm));
}

#[test]
fn sl_07_a_union_of_providers_has_the_size_of_an_aspa() {
    let list = |range: std::ops::Range<u32>| {
        let asns: Vec<String> = range.map(|asn| asn.to_string()).collect();
        let entry = format!(r#"{{"customerAsn": 1, "providerAsns": [{}]}}"#, asns.join(","));
        Lists { aspa_assertions: &entry, ..Lists::default() }.document()
    };
    let error = merge(&[list(2..6_000), list(5_000..9_000), list(8_000..10_003)], Overlaps::Allow).unwrap_err();
    expect!["the assertions from a.json:9 (locallyAddedAssertions.aspaAssertions[0]: ASPA of AS1 with 5998 providers) to c.json:9 (locallyAddedAssertions.aspaAssertions[0]: ASPA of AS1 with 2003 providers) give AS1 10001 providers, more than 10000"].assert_eq(&error.to_string());
    assert!(merge(&[list(2..6_000), list(5_000..10_002)], Overlaps::Allow).is_ok());
}

#[test]
fn sl_07_files_of_a_hundred_thousand_entries_are_compared_in_one_pass() {
    let document = |second: u32| {
        let prefix = |n: u32| format!(r#"{{"prefix": "{}.{}.{}.0/25"}}"#, second + (n >> 16), n >> 8 & 0xFF, n & 0xFF);
        let filters: Vec<String> = (0..100_000).map(prefix).collect();
        Lists { prefix_filters: &filters.join(","), ..Lists::default() }.document()
    };
    let slurm = merge(&[document(10), document(20)], Overlaps::Refuse).unwrap();
    expect![[r#"
        - 20.0.5.0/26-26 AS1
          20.0.5.0/24-24 AS1
    "#]]
    .assert_eq(&records_kept(
        &slurm,
        &image(r#"{"roas": [{"asn": 1, "prefix": "20.0.5.0/26"}, {"asn": 1, "prefix": "20.0.5.0/24"}]}"#),
    ));
}

#[test]
fn sl_10_numbers_are_whole_and_lengths_fit() {
    let maxima = Lists {
        prefix_filters: r#"{"asn": 0}, {"asn": 4294967295}, {"prefix": "255.255.255.255/32"}, {"prefix": "::1/128"}"#,
        prefix_assertions: r#"{"asn": 4294967295, "prefix": "0.0.0.0/0", "maxPrefixLength": 0},
            {"asn": 0, "prefix": "::/0", "maxPrefixLength": 128},
            {"asn": 1, "prefix": "10.0.0.0/8", "maxPrefixLength": 32}"#,
        aspa_filters: r#"{"customerAsn": 4294967295}"#,
        ..Lists::default()
    };
    check(
        &maxima.document(),
        expect![[r#"
        V2
        3: validationOutputFilters.prefixFilters[0]: VRPs of AS0
        3: validationOutputFilters.prefixFilters[1]: VRPs of AS4294967295
        3: validationOutputFilters.prefixFilters[2]: VRPs in 255.255.255.255/32
        3: validationOutputFilters.prefixFilters[3]: VRPs in ::1/128
        5: validationOutputFilters.aspaFilters[0]: the ASPA of AS4294967295
        7: locallyAddedAssertions.prefixAssertions[0]: VRP 0.0.0.0/0-0 AS4294967295
        8: locallyAddedAssertions.prefixAssertions[1]: VRP ::/0-128 AS0
        9: locallyAddedAssertions.prefixAssertions[2]: VRP 10.0.0.0/8-32 AS1
    "#]],
    );
    for wrong in [r#"{"asn": 1e3}"#, r#"{"asn": 1.5}"#, r#"{"prefix": "10.0.0.1/8"}"#, r#"{"asn": 4294967296}"#] {
        assert!(parse(&Lists { prefix_filters: wrong, ..Lists::default() }.document()).is_err(), "{wrong}");
    }
}

#[test]
fn the_lenient_dialect_knows_two_more_names() {
    let lists = Lists {
        aspa_filters: r#"{"customerAsid": 64496}"#,
        aspa_assertions: r#"{"customerAsid": 64500, "providers": [64498, 64497, 64498]},
            {"customerAsn": 64501, "providerAsns": [7, 5]}"#,
        ..Lists::default()
    };
    let lenient = |document: &str| read_shown(document, SlurmDialect::Lenient);
    expect![[r#"
        V2
        5: validationOutputFilters.aspaFilters[0]: the ASPA of AS64496
        9: locallyAddedAssertions.aspaAssertions[0]: ASPA of AS64500 with 2 providers
        10: locallyAddedAssertions.aspaAssertions[1]: ASPA of AS64501 with 2 providers
    "#]]
    .assert_eq(&lenient(&lists.document()));
    let mut errors = String::new();
    for wrong in [
        r#"{"customerAsid": 1, "customerAsn": 1, "providerAsns": [2]}"#,
        r#"{"customerAsid": 1, "providers": [2], "providerAsns": [2]}"#,
        r#"{"customerAsid": 1, "providers": [0, 2]}"#,
        r#"{"customerAsid": 1, "providers": ["AS2"]}"#,
        r#"{"customer": 1, "providers": [2]}"#,
        r#"{"customerAsid": 1, "provider": [2]}"#,
    ] {
        errors.push_str(&lenient(&Lists { aspa_assertions: wrong, ..Lists::default() }.document()));
    }
    expect![[r#"
        error: line 9: locallyAddedAssertions.aspaAssertions[0]: duplicate member "customerAsn"
        error: line 9: locallyAddedAssertions.aspaAssertions[0]: duplicate member "providerAsns"
        error: line 9: locallyAddedAssertions.aspaAssertions[0].providerAsns: the ASPA has AS 0 beside other providers
        error: line 9: locallyAddedAssertions.aspaAssertions[0].providers[0]: "AS2" instead of a number; did you mean 2?
        error: line 9: locallyAddedAssertions.aspaAssertions[0]: unknown member "customer"; did you mean "customerAsn"?
        error: line 9: locallyAddedAssertions.aspaAssertions[0]: unknown member "provider"; did you mean "providers"?
    "#]]
    .assert_eq(&errors);
}

/// Files that StayRTR serves: one that was written before there were BGPsec lists, and one that a Go program wrote.
#[test]
fn the_lenient_dialect_reads_missing_and_null_lists_as_empty() {
    let missing = r#"{
  "slurmVersion": 1,
  "validationOutputFilters": { "prefixFilters": [] },
  "locallyAddedAssertions": {
    "prefixAssertions": [ { "asn": 64496, "prefix": "192.0.2.1/32", "maxPrefixLength": 32, "comment": "a host" } ]
  }
}"#;
    let null = r#"{"slurmVersion":1,"validationOutputFilters":{"prefixFilters":null,"bgpsecFilters":null},
"locallyAddedAssertions":{"prefixAssertions":[{"asn":64496,"prefix":"192.0.2.0/24"}],"bgpsecAssertions":null}}"#;
    let whole_objects = r#"{"locallyAddedAssertions": null, "slurmVersion": 2}"#;
    let none = r#"{"slurmVersion": 1, "validationOutputFilters": {}, "locallyAddedAssertions": {}}"#;
    let mut text = String::new();
    for document in [missing, null, whole_objects, none] {
        text += &read_shown(document, SlurmDialect::Lenient);
        text += &read_shown(document, SlurmDialect::Strict);
    }
    expect![[r#"
        V1
        add "bgpsecFilters": [] in "validationOutputFilters" (line 3)
        add "bgpsecAssertions": [] in "locallyAddedAssertions" (line 4)
        5: locallyAddedAssertions.prefixAssertions[0]: VRP 192.0.2.1/32-32 AS64496
        error: line 3: validationOutputFilters: no "bgpsecFilters"; add "bgpsecFilters": []
        error: line 4: locallyAddedAssertions: no "bgpsecAssertions"; add "bgpsecAssertions": []
        V1
        write "prefixFilters": [] instead of null in "validationOutputFilters" (line 1)
        write "bgpsecFilters": [] instead of null in "validationOutputFilters" (line 1)
        write "bgpsecAssertions": [] instead of null in "locallyAddedAssertions" (line 2)
        2: locallyAddedAssertions.prefixAssertions[0]: VRP 192.0.2.0/24-24 AS64496
        error: line 1: validationOutputFilters.prefixFilters: null instead of a list; write []
        error: line 1: validationOutputFilters.bgpsecFilters: null instead of a list; write []
        error: line 2: locallyAddedAssertions.bgpsecAssertions: null instead of a list; write []
        V2
        add "validationOutputFilters": {"prefixFilters": [], "bgpsecFilters": [], "aspaFilters": []} (line 1)
        write "locallyAddedAssertions": {"prefixAssertions": [], "bgpsecAssertions": [], "aspaAssertions": []} instead of null (line 1)
        error: line 1, column 1: no "validationOutputFilters"; add "validationOutputFilters": {"prefixFilters": [], "bgpsecFilters": [], "aspaFilters": []}
        error: line 1: locallyAddedAssertions: null instead of an object; write {"prefixAssertions": [], "bgpsecAssertions": [], "aspaAssertions": []}
        V1
        add "prefixFilters": [] in "validationOutputFilters" (line 1)
        add "bgpsecFilters": [] in "validationOutputFilters" (line 1)
        add "prefixAssertions": [] in "locallyAddedAssertions" (line 1)
        add "bgpsecAssertions": [] in "locallyAddedAssertions" (line 1)
        error: line 1: validationOutputFilters: no "prefixFilters"; add "prefixFilters": []
        error: line 1: validationOutputFilters: no "bgpsecFilters"; add "bgpsecFilters": []
        error: line 1: locallyAddedAssertions: no "prefixAssertions"; add "prefixAssertions": []
        error: line 1: locallyAddedAssertions: no "bgpsecAssertions"; add "bgpsecAssertions": []
    "#]].assert_eq(&text);
    // Everything else is as wrong as before.
    let lists = r#""prefixFilters": null, "bgpsecFilters": [], "aspaFilters": null"#;
    let mut text = String::new();
    for document in [
        "null".to_owned(),
        r#"{"slurmVersion": null, "validationOutputFilters": {}, "locallyAddedAssertions": {}}"#.to_owned(),
        r#"{"validationOutputFilters": {}, "locallyAddedAssertions": {}}"#.to_owned(),
        format!(r#"{{"slurmVersion": 1, "validationOutputFilters": {{{lists}}}, "locallyAddedAssertions": {{}}}}"#),
        r#"{"slurmVersion": 1, "validationOutputFilters": {"prefixFilters": [null]}, "locallyAddedAssertions": false}"#
            .to_owned(),
        r#"{"slurmVersion": 1, "validationOutputFilter": {}, "locallyAddedAssertions": {}}"#.to_owned(),
    ] {
        text += &read_shown(&document, SlurmDialect::Lenient);
    }
    expect![[r#"
        error: line 1, column 1: null instead of an object
        error: line 1: slurmVersion: null instead of a number
        error: line 1, column 1: no "slurmVersion"; add "slurmVersion": 1, or 2 for a file with lists of ASPAs
        error: line 1: validationOutputFilters: member "aspaFilters" is of version 2, and the file has "slurmVersion": 1
        error: line 1: validationOutputFilters.prefixFilters[0]: null instead of an object
        error: line 1: locallyAddedAssertions: false instead of an object
        error: line 1, column 21: unknown member "validationOutputFilter"; did you mean "validationOutputFilters"?
    "#]]
    .assert_eq(&text);
}
