//! Files with several errors: all are reported, in the order of the file.

use super::refused;
use crate::{Lists, check, parse, read_shown};
use expect_test::expect;
use rtrcast_feed::{SlurmDialect, SlurmFile};

/// A file written by hand: host bits twice, and an AS number in quotes.
#[test]
fn two_kinds_of_errors_in_one_list() {
    check(
        r#"{ "slurmVersion": 1,
  "validationOutputFilters": { "prefixFilters": [], "bgpsecFilters": [] },
  "locallyAddedAssertions": { "prefixAssertions": [
    { "asn": 64496, "prefix": "192.0.2.164/27" },
    { "asn": 64496, "prefix": "198.51.100.164/27" },
    { "asn": "64496", "prefix": "203.0.113.0/27" } ],
  "bgpsecAssertions": [] } }"#,
        expect![[r#"
            error: line 4: locallyAddedAssertions.prefixAssertions[0].prefix: "192.0.2.164/27" has bits beyond its length; did you mean 192.0.2.160/27?
            error: line 5: locallyAddedAssertions.prefixAssertions[1].prefix: "198.51.100.164/27" has bits beyond its length; did you mean 198.51.100.160/27?
            error: line 6: locallyAddedAssertions.prefixAssertions[2].asn: "64496" instead of a number; did you mean 64496?
        "#]],
    );
}

#[test]
fn every_level_of_a_document_has_its_errors() {
    check(
        r#"{
"slurmVersion": "2",
"comment": "mine",
"validationOutputFilters": {
  "prefixFilters": [{"asn": 1}, 5, {"prefx": "192.0.2.0/24"}, {"comment": 7}],
  "bgpsecFilter": [{"asn": 1}],
  "aspaFilters": {}
},
"locallyAddedAssertions": {
  "prefixAssertions": [{"asn": -1, "prefix": "192.0.2.1/24", "maxPrefixLength": "24"}, {"prefix": "192.0.2.0/24",
    "maxPrefixLength": 20}, {"asn": 1, "asn": 2, "prefix": "::/0"}],
  "aspaAssertions": [{"customerAsn": 0, "providerAsns": [3, 2, 4, "5"]}, {"providerAsns": []}, {"customerAsn": 1}]
}
}"#,
        expect![[r#"
            error: line 2: slurmVersion: "2" instead of a number; did you mean 2?
            error: line 3, column 1: unknown member "comment"
            error: line 5: validationOutputFilters.prefixFilters[1]: 5 instead of an object
            error: line 5: validationOutputFilters.prefixFilters[2]: unknown member "prefx"; did you mean "prefix"?
            error: line 5: validationOutputFilters.prefixFilters[3]: a filter without "prefix" and "asn" names nothing to remove
            error: line 5: validationOutputFilters.prefixFilters[3].comment: 7 instead of a string
            error: line 6: validationOutputFilters: unknown member "bgpsecFilter"; did you mean "bgpsecFilters"?
            error: line 7: validationOutputFilters.aspaFilters: an object instead of a list
            error: line 9: locallyAddedAssertions: no "bgpsecAssertions"; add "bgpsecAssertions": []
            error: line 10: locallyAddedAssertions.prefixAssertions[0].asn: -1 is not an AS number: a whole number up to 4294967295
            error: line 10: locallyAddedAssertions.prefixAssertions[0].prefix: "192.0.2.1/24" has bits beyond its length; did you mean 192.0.2.0/24?
            error: line 10: locallyAddedAssertions.prefixAssertions[0].maxPrefixLength: "24" instead of a number; did you mean 24?
            error: line 10: locallyAddedAssertions.prefixAssertions[1]: no "asn"
            error: line 11: locallyAddedAssertions.prefixAssertions[1].maxPrefixLength: maximum length 20 of 192.0.2.0/24 is not from 24 to 32
            error: line 11: locallyAddedAssertions.prefixAssertions[2]: duplicate member "asn"
            error: line 12: locallyAddedAssertions.aspaAssertions[0].customerAsn: the customer of an ASPA can't be AS 0
            error: line 12: locallyAddedAssertions.aspaAssertions[0].providerAsns[1]: provider AS2 comes after AS3; the list has to ascend
            error: line 12: locallyAddedAssertions.aspaAssertions[0].providerAsns[3]: "5" instead of a number; did you mean 5?
            error: line 12: locallyAddedAssertions.aspaAssertions[1]: no "customerAsn"
            error: line 12: locallyAddedAssertions.aspaAssertions[2]: no "providerAsns"
        "#]],
    );
}

#[test]
fn what_breaks_the_grammar_ends_the_search() {
    check(
        r#"{
"slurmVersion": 3,
"validationOutputFilters": {"prefixFilters": [{"asn": "1"}, {"asn": 2];
"locallyAddedAssertions": {}
}"#,
        expect![[r#"
            error: line 2: slurmVersion: 3 is not a version of SLURM that is known: 1 or 2
            error: line 3: validationOutputFilters.prefixFilters[0].asn: "1" instead of a number; did you mean 1?
            error: line 3, column 70: validationOutputFilters.prefixFilters[1]: not JSON: expected , or } after a member
        "#]],
    );
}

/// A name that is meant for a member, or a value that is wrong, is no member that is missing as well.
#[test]
fn one_error_is_reported_once() {
    refused(
        [
            r#"{"prefix": "192.0.2.1/24", "asn": 1}"#,
            r#"{"prefx": "192.0.2.0/24", "asn": 1}"#,
            r#"{"prefix": "192.0.2.0/24", "as": 1}"#,
            r#"{"prefix": "192.0.2.0/24", "asn": null, "maxPrefixLength": 33}"#,
        ],
        |case| Lists { prefix_assertions: case, ..Lists::default() }.document(),
        expect![[r#"
            {"prefix": "192.0.2.1/24", "asn": 1}
                line 7: locallyAddedAssertions.prefixAssertions[0].prefix: "192.0.2.1/24" has bits beyond its length; did you mean 192.0.2.0/24?
            {"prefx": "192.0.2.0/24", "asn": 1}
                line 7: locallyAddedAssertions.prefixAssertions[0]: unknown member "prefx"; did you mean "prefix"?
            {"prefix": "192.0.2.0/24", "as": 1}
                line 7: locallyAddedAssertions.prefixAssertions[0]: unknown member "as"; did you mean "asn"?
            {"prefix": "192.0.2.0/24", "asn": null, "maxPrefixLength": 33}
                line 7: locallyAddedAssertions.prefixAssertions[0].asn: null instead of a number
                line 7: locallyAddedAssertions.prefixAssertions[0].maxPrefixLength: maximum length 33 of 192.0.2.0/24 is not from 24 to 32
        "#]],
    );
}

#[test]
fn many_errors_are_counted() {
    let entry = r#"{"prefix": "192.0.2.1/24"}"#;
    let entries = [entry; 1_030].join(",\n");
    let document = Lists { prefix_filters: &entries, ..Lists::default() }.document();
    let errors = parse(&document).unwrap_err();
    assert_eq!((errors.iter().count(), errors.more(), errors.count()), (1_000, 30, 1_030));
    assert_eq!(errors.iter().map(|error| error.line).collect::<Vec<_>>(), (3..1_003).collect::<Vec<_>>());
    assert!(errors.to_string().ends_with("did you mean 192.0.2.0/24?; and 30 more"), "{errors}");
    // The error that ends reading is reported all the same.
    let cut = document.len() - 3;
    let errors = parse(&document[..cut]).unwrap_err();
    assert_eq!((errors.iter().count(), errors.more()), (1_001, 30));
    let last = errors.iter().last().unwrap().to_string();
    assert!(last.ends_with("truncated: the file ends before it is complete"), "{last}");
}

#[test]
fn a_validators_output_is_named() {
    check(
        r#"{"metadata": {"buildtime": "2026-03-01T00:00:00Z"},
"roas": [{"asn": 64496, "prefix": "192.0.2.0/24", "maxLength": 24, "ta": "ripe"}]}"#,
        expect![[r#"
            error: line 2, column 1: the output of a validator ("roas"), not SLURM; it is a source of data
        "#]],
    );
}

#[test]
fn other_files_are_named() {
    refused(
        ["<!DOCTYPE html>\n<title>Not found</title>", "-----BEGIN CERTIFICATE-----", "BZh91AY&SY"],
        str::to_owned,
        expect![[r#"
            <!DOCTYPE html>
            <title>Not found</title>
                line 1, column 1: this is an HTML page, perhaps an error page or a login page; SLURM is plain JSON
            -----BEGIN CERTIFICATE-----
                line 1, column 1: this is a certificate or key in PEM; SLURM is plain JSON
            BZh91AY&SY
                line 1, column 1: this is a file compressed by bzip2; SLURM is plain JSON
        "#]],
    );
    let compressed = SlurmFile::parse(&[0x1F, 0x8B, 8, 0], SlurmDialect::Strict).unwrap_err().to_string();
    expect!["line 1, column 1: this is a file compressed by gzip; SLURM is plain JSON"].assert_eq(&compressed);
}

#[test]
fn a_lenient_reader_tells_all_that_it_does_not_accept() {
    let document = r#"{
"slurmVersion": 1, "validationOutputFilters": null, "locallyAddedAssertions": {"prefixAssertions": [{"asn": "1"}]}}"#;
    expect![[r#"
        error: line 2: locallyAddedAssertions.prefixAssertions[0]: no "prefix"
        error: line 2: locallyAddedAssertions.prefixAssertions[0].asn: "1" instead of a number; did you mean 1?
    "#]]
    .assert_eq(&read_shown(document, SlurmDialect::Lenient));
}
