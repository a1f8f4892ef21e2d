//! Mistakes in SLURM files, as `check` tells them, and one as `serve` does.

use super::{GOOD, checked, said};
use crate::cache::Folder;
use expect_test::expect;

/// A file with these filters and assertions of prefixes.
fn file(filters: &str, assertions: &str) -> String {
    format!(
        "{{\"slurmVersion\":1,\n\"validationOutputFilters\":{{\"prefixFilters\":[\n{filters}],\"bgpsecFilters\":[]}},\n\
         \"locallyAddedAssertions\":{{\"prefixAssertions\":[\n{assertions}],\"bgpsecAssertions\":[]}}}}"
    )
}

#[test]
fn several_mistakes_at_once() {
    let assertions = "{\"asn\":64546,\"prefix\":\"10.10.10.164/27\"},\n{\"asn\":64546,\"prefix\":\"10.10.11.164/27\"},\n\
                      {\"asn\":\"64546\",\"prefix\":\"10.10.12.0/27\"}";
    expect![[r#"
        local.slurm: line 5: locallyAddedAssertions.prefixAssertions[0].prefix: "10.10.10.164/27" has bits beyond its length; did you mean 10.10.10.160/27?
        local.slurm: line 6: locallyAddedAssertions.prefixAssertions[1].prefix: "10.10.11.164/27" has bits beyond its length; did you mean 10.10.11.160/27?
        local.slurm: line 7: locallyAddedAssertions.prefixAssertions[2].asn: "64546" instead of a number; did you mean 64546?
        rtrcast: 3 mistakes
        exit code 3
    "#]].assert_eq(&checked("local.slurm", file("", assertions)));
}

#[test]
fn lists_that_are_null() {
    let document = r#"{"slurmVersion":1,
"validationOutputFilters":{"prefixFilters":null,"bgpsecFilters":null},
"locallyAddedAssertions":{"prefixAssertions":[{"asn":64511,"prefix":"101.101.96.0/22"}],"bgpsecAssertions":null}}"#;
    let folder = Folder::new();
    folder.put("go.slurm", document.as_bytes());
    expect![[r#"
        go.slurm: line 2: validationOutputFilters.prefixFilters: null instead of a list; write [], or use --slurm-lenient, which reads it as empty
        go.slurm: line 2: validationOutputFilters.bgpsecFilters: null instead of a list; write [], or use --slurm-lenient, which reads it as empty
        go.slurm: line 3: locallyAddedAssertions.bgpsecAssertions: null instead of a list; write [], or use --slurm-lenient, which reads it as empty
        rtrcast: 3 mistakes
        exit code 3
    "#]]
    .assert_eq(&said(&folder, &["check", "go.slurm"]));
    expect![[r#"
        go.slurm: SLURM with 0 filters and 1 assertion
        go.slurm: note: a list that is missing or null is read as empty (--slurm-lenient); for a file that every program reads, write "prefixFilters": [] instead of null in "validationOutputFilters" (line 2), write "bgpsecFilters": [] instead of null in "validationOutputFilters" (line 2), write "bgpsecAssertions": [] instead of null in "locallyAddedAssertions" (line 3)
        exit code 0
    "#]]
    .assert_eq(&said(&folder, &["check", "--slurm-lenient", "go.slurm"]));
}

#[test]
fn lists_that_are_missing() {
    let document = r#"{"slurmVersion":1,
"validationOutputFilters":{"prefixFilters":[]},
"locallyAddedAssertions":{"prefixAssertions":[{"asn":65006,"prefix":"10.10.10.10/32"}]}}"#;
    let folder = Folder::new();
    folder.put("local.slurm", document.as_bytes());
    expect![[r#"
        local.slurm: line 2: validationOutputFilters: no "bgpsecFilters"; add "bgpsecFilters": [], or use --slurm-lenient, which reads it as empty
        local.slurm: line 3: locallyAddedAssertions: no "bgpsecAssertions"; add "bgpsecAssertions": [], or use --slurm-lenient, which reads it as empty
        rtrcast: 2 mistakes
        exit code 3
    "#]]
    .assert_eq(&said(&folder, &["check", "local.slurm"]));
    expect![[r#"
        local.slurm: SLURM with 0 filters and 1 assertion
        local.slurm: note: a list that is missing or null is read as empty (--slurm-lenient); for a file that every program reads, add "bgpsecFilters": [] in "validationOutputFilters" (line 2), add "bgpsecAssertions": [] in "locallyAddedAssertions" (line 3)
        exit code 0
    "#]]
    .assert_eq(&said(&folder, &["check", "--slurm-lenient", "local.slurm"]));
}

#[test]
fn another_version() {
    expect![[r#"
        local.slurm: line 1: slurmVersion: 3 is not a version of SLURM that is known: 1 or 2
        rtrcast: 1 mistake
        exit code 3
    "#]]
    .assert_eq(&checked("local.slurm", file("", "").replace("\"slurmVersion\":1", "\"slurmVersion\":3")));
}

#[test]
fn a_member_that_is_misspelt() {
    expect![[r#"
        local.slurm: line 3: validationOutputFilters.prefixFilters[0]: unknown member "prefx"; did you mean "prefix"?
        rtrcast: 1 mistake
        exit code 3
    "#]]
    .assert_eq(&checked("local.slurm", file("{\"prefx\":\"10.0.0.0/8\"}", "")));
}

#[test]
fn a_filter_without_anything() {
    expect![[r#"
        local.slurm: line 3: validationOutputFilters.prefixFilters[0]: a filter without "prefix" and "asn" names nothing to remove
        rtrcast: 1 mistake
        exit code 3
    "#]].assert_eq(&checked("local.slurm", file("{\"comment\":\"all\"}", "")));
}

#[test]
fn a_maximum_length_that_is_too_long() {
    expect![[r#"
        local.slurm: line 5: locallyAddedAssertions.prefixAssertions[0].maxPrefixLength: maximum length 33 of 10.0.0.0/8 is not from 8 to 32
        rtrcast: 1 mistake
        exit code 3
    "#]]
        .assert_eq(&checked("local.slurm", file("", "{\"asn\":1,\"prefix\":\"10.0.0.0/8\",\"maxPrefixLength\":33}")));
}

#[test]
fn a_file_that_was_cut_short() {
    let whole = file("{\"prefix\":\"10.0.0.0/8\"}", "");
    expect![[r#"
        local.slurm: line 3, column 28: validationOutputFilters: truncated: the file ends before it is complete
        rtrcast: 1 mistake
        exit code 3
    "#]]
    .assert_eq(&checked("local.slurm", &whole[..whole.len() / 2]));
}

#[test]
fn two_files_that_speak_of_the_same() {
    let folder = Folder::new();
    folder.put("a.slurm", file("{\"prefix\":\"10.0.0.0/8\"}", "").as_bytes());
    folder.put("b.slurm", file("", "{\"asn\":1,\"prefix\":\"10.1.0.0/16\"}").as_bytes());
    expect![[r#"
        a.slurm: SLURM with 1 filter and 0 assertions, all well
        b.slurm: SLURM with 0 filters and 1 assertion, all well
        a.slurm:3 (validationOutputFilters.prefixFilters[0]: VRPs in 10.0.0.0/8) and b.slurm:5 (locallyAddedAssertions.prefixAssertions[0]: VRP 10.1.0.0/16-16 AS1) have addresses in common; put both entries into one file, or allow it by --slurm-allow-overlaps
        rtrcast: 1 mistake
        exit code 3
    "#]].assert_eq(&said(&folder, &["check", "a.slurm", "b.slurm"]));
}

#[test]
fn a_validator_s_output_as_slurm() {
    let folder = Folder::new();
    folder.put("rpki.json", GOOD.as_bytes());
    expect![[r#"
        rtrcast: rpki.json: line 1, column 2: the output of a validator ("roas"), not SLURM; it is a source of data
        exit code 3
    "#]]
    .assert_eq(&said(
        &folder,
        &["serve", "rpki.json", "--slurm", "rpki.json", "--listen", "127.0.0.1:0", "--http", "off"],
    ));
}
