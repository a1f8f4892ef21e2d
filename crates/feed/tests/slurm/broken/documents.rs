//! Documents as a whole: what is no JSON, versions, objects, lists.

use super::refused;
use crate::{Lists, parse};
use expect_test::expect;
use rtrcast_feed::{SlurmDialect, SlurmFile, SlurmReason};

const V1: &str = r#"{
"slurmVersion": 1,
"validationOutputFilters": {"prefixFilters": [], "bgpsecFilters": []},
"locallyAddedAssertions": {"prefixAssertions": [], "bgpsecAssertions": []}
}"#;

#[test]
fn what_is_no_json() {
    refused(
        [
            "slurm",
            "{",
            "{\"slurmVersion\"",
            "{\"slurmVersion\": 1",
            "{\"slurmVersion\": 1,",
            "{\"slurmVersion\": 1,}",
            "{\"slurmVersion\" 1}",
            "{\"slurmVersion\": 01}",
            "{slurmVersion: 1}",
            "{\"slurmVersion\": 1 \"validationOutputFilters\": {}}",
            "{\"slurm\\Version\": 1}",
            "{'slurmVersion': 1}",
            "// mine\n{\"slurmVersion\": 1}",
        ],
        str::to_owned,
        expect![[r#"
            slurm
                line 1, column 1: not JSON: expected a value
            {
                line 1, column 2: truncated: the file ends before it is complete
            {"slurmVersion"
                line 1, column 16: truncated: the file ends before it is complete
            {"slurmVersion": 1
                line 1, column 19: slurmVersion: truncated: the file ends before it is complete
            {"slurmVersion": 1,
                line 1, column 20: truncated: the file ends before it is complete
            {"slurmVersion": 1,}
                line 1, column 20: not JSON: expected a member's name in quotes
            {"slurmVersion" 1}
                line 1, column 17: not JSON: expected : after a member's name
            {"slurmVersion": 01}
                line 1, column 18: slurmVersion: not JSON: malformed number
            {slurmVersion: 1}
                line 1, column 2: not JSON: expected a member's name in quotes
            {"slurmVersion": 1 "validationOutputFilters": {}}
                line 1, column 20: not JSON: expected , or } after a member
            {"slurm\Version": 1}
                line 1, column 2: not JSON: malformed escape in a string
            {'slurmVersion': 1}
                line 1, column 2: not JSON: expected a member's name in quotes
            // mine
            {"slurmVersion": 1}
                line 1, column 1: not JSON: expected a value
        "#]],
    );
    for empty in ["", " \n ", "\u{feff}", "\u{feff}\n"] {
        let reasons: Vec<SlurmReason> = parse(empty).unwrap_err().iter().map(|error| error.reason.clone()).collect();
        assert_eq!(reasons, [SlurmReason::Empty]);
    }
    let deep = format!("{{\"slurmVersion\": {}1{}}}", "[".repeat(100), "]".repeat(100));
    expect!["line 1, column 82: slurmVersion: not JSON: nested too deeply"]
        .assert_eq(&parse(&deep).unwrap_err().to_string());
    let octets = V1.replace("prefixFilters", "prefix\u{e9}").into_bytes();
    let latin1: Vec<u8> = octets.into_iter().filter(|octet| *octet != 0xA9).collect();
    expect!["line 3, column 36: not UTF-8"]
        .assert_eq(&SlurmFile::parse(&latin1, SlurmDialect::Strict).unwrap_err().to_string());
}

#[test]
fn what_follows_the_end() {
    refused(
        ["}", "{}", "x", ",", "// end"],
        |case| format!("{V1}\n{case}"),
        expect![[r#"
            }
                line 6, column 1: not JSON: something follows the end
            {}
                line 6, column 1: not JSON: something follows the end
            x
                line 6, column 1: not JSON: something follows the end
            ,
                line 6, column 1: not JSON: something follows the end
            // end
                line 6, column 1: not JSON: something follows the end
        "#]],
    );
}

#[test]
fn every_part_of_a_file_is_truncated() {
    assert!(parse(V1).is_ok());
    for end in 1..V1.len() {
        let error = parse(&V1[..end]).unwrap_err().to_string();
        assert!(error.contains("truncated"), "{end}: {error}");
    }
}

#[test]
fn documents() {
    let filters = r#""validationOutputFilters": {"prefixFilters": [], "bgpsecFilters": []}"#;
    let assertions = r#""locallyAddedAssertions": {"prefixAssertions": [], "bgpsecAssertions": []}"#;
    let version = r#""slurmVersion": 1"#;
    let documents = [
        "[]".to_owned(),
        "5 ".to_owned(),
        "{}".to_owned(),
        format!("{{{version}}}"),
        format!("{{{version}, {filters}}}"),
        format!("{{{version}, {assertions}}}"),
        format!("{{{filters}, {assertions}}}"),
        format!("{{{version}, {filters}, {assertions}, {version}}}"),
        format!("{{{version}, {filters}, {assertions}, {filters}}}"),
        format!("{{{version}, {assertions}, {filters}, {assertions}}}"),
        format!("{{{version}, {filters}, {assertions}, \"comment\": \"mine\"}}"),
        format!("{{{version}, {filters}, {assertions}, \"slurmTarget\": []}}"),
        format!("{{{version}, {filters}, {assertions}, \"\": 1}}"),
        format!("{{\"SlurmVersion\": 1, {filters}, {assertions}}}"),
        format!("{{{version}, \"validationOutputFilter\": {{}}, {assertions}}}"),
        format!("{{{version}, \"validationOutputFilters\": [], {assertions}}}"),
        format!("{{{version}, {filters}, \"locallyAddedAssertions\": null}}"),
    ];
    refused(
        documents.iter().map(String::as_str),
        str::to_owned,
        expect![[r#"
            []
                line 1, column 1: a list instead of an object
            5 
                line 1, column 1: 5 instead of an object
            {}
                line 1, column 1: no "slurmVersion"; add "slurmVersion": 1, or 2 for a file with lists of ASPAs
                line 1, column 1: no "validationOutputFilters"; add "validationOutputFilters": {"prefixFilters": [], "bgpsecFilters": []}
                line 1, column 1: no "locallyAddedAssertions"; add "locallyAddedAssertions": {"prefixAssertions": [], "bgpsecAssertions": []}
            {"slurmVersion": 1}
                line 1, column 1: no "validationOutputFilters"; add "validationOutputFilters": {"prefixFilters": [], "bgpsecFilters": []}
                line 1, column 1: no "locallyAddedAssertions"; add "locallyAddedAssertions": {"prefixAssertions": [], "bgpsecAssertions": []}
            {"slurmVersion": 1, "validationOutputFilters": {"prefixFilters": [], "bgpsecFilters": []}}
                line 1, column 1: no "locallyAddedAssertions"; add "locallyAddedAssertions": {"prefixAssertions": [], "bgpsecAssertions": []}
            {"slurmVersion": 1, "locallyAddedAssertions": {"prefixAssertions": [], "bgpsecAssertions": []}}
                line 1, column 1: no "validationOutputFilters"; add "validationOutputFilters": {"prefixFilters": [], "bgpsecFilters": []}
            {"validationOutputFilters": {"prefixFilters": [], "bgpsecFilters": []}, "locallyAddedAssertions": {"prefixAssertions": [], "bgpsecAssertions": []}}
                line 1, column 1: no "slurmVersion"; add "slurmVersion": 1, or 2 for a file with lists of ASPAs
            {"slurmVersion": 1, "validationOutputFilters": {"prefixFilters": [], "bgpsecFilters": []}, "locallyAddedAssertions": {"prefixAssertions": [], "bgpsecAssertions": []}, "slurmVersion": 1}
                line 1, column 168: duplicate member "slurmVersion"
            {"slurmVersion": 1, "validationOutputFilters": {"prefixFilters": [], "bgpsecFilters": []}, "locallyAddedAssertions": {"prefixAssertions": [], "bgpsecAssertions": []}, "validationOutputFilters": {"prefixFilters": [], "bgpsecFilters": []}}
                line 1, column 168: duplicate member "validationOutputFilters"
            {"slurmVersion": 1, "locallyAddedAssertions": {"prefixAssertions": [], "bgpsecAssertions": []}, "validationOutputFilters": {"prefixFilters": [], "bgpsecFilters": []}, "locallyAddedAssertions": {"prefixAssertions": [], "bgpsecAssertions": []}}
                line 1, column 168: duplicate member "locallyAddedAssertions"
            {"slurmVersion": 1, "validationOutputFilters": {"prefixFilters": [], "bgpsecFilters": []}, "locallyAddedAssertions": {"prefixAssertions": [], "bgpsecAssertions": []}, "comment": "mine"}
                line 1, column 168: unknown member "comment"
            {"slurmVersion": 1, "validationOutputFilters": {"prefixFilters": [], "bgpsecFilters": []}, "locallyAddedAssertions": {"prefixAssertions": [], "bgpsecAssertions": []}, "slurmTarget": []}
                line 1, column 168: unknown member "slurmTarget"
            {"slurmVersion": 1, "validationOutputFilters": {"prefixFilters": [], "bgpsecFilters": []}, "locallyAddedAssertions": {"prefixAssertions": [], "bgpsecAssertions": []}, "": 1}
                line 1, column 168: unknown member ""
            {"SlurmVersion": 1, "validationOutputFilters": {"prefixFilters": [], "bgpsecFilters": []}, "locallyAddedAssertions": {"prefixAssertions": [], "bgpsecAssertions": []}}
                line 1, column 2: unknown member "SlurmVersion"; did you mean "slurmVersion"?
            {"slurmVersion": 1, "validationOutputFilter": {}, "locallyAddedAssertions": {"prefixAssertions": [], "bgpsecAssertions": []}}
                line 1, column 21: unknown member "validationOutputFilter"; did you mean "validationOutputFilters"?
            {"slurmVersion": 1, "validationOutputFilters": [], "locallyAddedAssertions": {"prefixAssertions": [], "bgpsecAssertions": []}}
                line 1: validationOutputFilters: a list instead of an object
            {"slurmVersion": 1, "validationOutputFilters": {"prefixFilters": [], "bgpsecFilters": []}, "locallyAddedAssertions": null}
                line 1: locallyAddedAssertions: null instead of an object; write {"prefixAssertions": [], "bgpsecAssertions": []}
        "#]],
    );
}

#[test]
fn versions() {
    refused(
        ["0", "3", "99", "1.0", "1e0", "-1", "18446744073709551617", "\"1\"", "true", "null", "[1]"],
        |case| V1.replace("\"slurmVersion\": 1", &format!("\"slurmVersion\": {case}")),
        expect![[r#"
            0
                line 2: slurmVersion: 0 is not a version of SLURM that is known: 1 or 2
            3
                line 2: slurmVersion: 3 is not a version of SLURM that is known: 1 or 2
            99
                line 2: slurmVersion: 99 is not a version of SLURM that is known: 1 or 2
            1.0
                line 2: slurmVersion: 1.0 is not a version of SLURM that is known: 1 or 2
            1e0
                line 2: slurmVersion: 1e0 is not a version of SLURM that is known: 1 or 2
            -1
                line 2: slurmVersion: -1 is not a version of SLURM that is known: 1 or 2
            18446744073709551617
                line 2: slurmVersion: 18446744073709551617 is not a version of SLURM that is known: 1 or 2
            "1"
                line 2: slurmVersion: "1" instead of a number; did you mean 1?
            true
                line 2: slurmVersion: true instead of a number
            null
                line 2: slurmVersion: null instead of a number
            [1]
                line 2: slurmVersion: a list instead of a number
        "#]],
    );
}

#[test]
fn lists_of_filters() {
    refused(
        [
            r#""bgpsecFilters": []"#,
            r#""prefixFilters": []"#,
            r#""prefixFilters": [], "bgpsecFilters": [], "prefixFilters": []"#,
            r#""prefixFilters": [], "bgpsecFilters": [], "bgpsecFilters": []"#,
            r#""prefixFilters": {}, "bgpsecFilters": []"#,
            r#""prefixFilters": [], "bgpsecFilters": null"#,
            r#""prefixFilters": [], "bgpsecFilters": [], "aspaFilters": []"#,
            r#""prefixFilters": [], "bgpsecFilters": [], "aspaFilter": []"#,
            r#""prefixFilters": [], "bgpsecFilters": [], "prefixAssertions": []"#,
            r#""prefixFilter": [], "bgpsecFilters": []"#,
            r#""prefixFilters": [], "bgpsecfilters": []"#,
            r#""prefixFilters": [], "bgpsecFilters": [], "comment": "mine""#,
            r#""prefixFilters": [,], "bgpsecFilters": []"#,
            r#""prefixFilters": [{"asn": 1},], "bgpsecFilters": []"#,
            r#""prefixFilters": [{"asn": 1}{"asn": 2}], "bgpsecFilters": []"#,
            r#""prefixFilters": [{"asn": 1}}, "bgpsecFilters": []"#,
        ],
        |case| V1.replace(r#""prefixFilters": [], "bgpsecFilters": []"#, case),
        expect![[r#"
            "bgpsecFilters": []
                line 3: validationOutputFilters: no "prefixFilters"; add "prefixFilters": []
            "prefixFilters": []
                line 3: validationOutputFilters: no "bgpsecFilters"; add "bgpsecFilters": []
            "prefixFilters": [], "bgpsecFilters": [], "prefixFilters": []
                line 3: validationOutputFilters: duplicate member "prefixFilters"
            "prefixFilters": [], "bgpsecFilters": [], "bgpsecFilters": []
                line 3: validationOutputFilters: duplicate member "bgpsecFilters"
            "prefixFilters": {}, "bgpsecFilters": []
                line 3: validationOutputFilters.prefixFilters: an object instead of a list
            "prefixFilters": [], "bgpsecFilters": null
                line 3: validationOutputFilters.bgpsecFilters: null instead of a list; write []
            "prefixFilters": [], "bgpsecFilters": [], "aspaFilters": []
                line 3: validationOutputFilters: member "aspaFilters" is of version 2, and the file has "slurmVersion": 1
            "prefixFilters": [], "bgpsecFilters": [], "aspaFilter": []
                line 3: validationOutputFilters: unknown member "aspaFilter"; did you mean "aspaFilters"?
            "prefixFilters": [], "bgpsecFilters": [], "prefixAssertions": []
                line 3: validationOutputFilters: unknown member "prefixAssertions"
            "prefixFilter": [], "bgpsecFilters": []
                line 3: validationOutputFilters: unknown member "prefixFilter"; did you mean "prefixFilters"?
            "prefixFilters": [], "bgpsecfilters": []
                line 3: validationOutputFilters: unknown member "bgpsecfilters"; did you mean "bgpsecFilters"?
            "prefixFilters": [], "bgpsecFilters": [], "comment": "mine"
                line 3: validationOutputFilters: unknown member "comment"
            "prefixFilters": [,], "bgpsecFilters": []
                line 3, column 47: validationOutputFilters.prefixFilters[0]: not JSON: expected a value
            "prefixFilters": [{"asn": 1},], "bgpsecFilters": []
                line 3, column 58: validationOutputFilters.prefixFilters[1]: not JSON: expected a value
            "prefixFilters": [{"asn": 1}{"asn": 2}], "bgpsecFilters": []
                line 3, column 57: validationOutputFilters.prefixFilters: not JSON: expected , or ] in a list
            "prefixFilters": [{"asn": 1}}, "bgpsecFilters": []
                line 3, column 57: validationOutputFilters.prefixFilters: not JSON: expected , or ] in a list
        "#]],
    );
}

#[test]
fn lists_of_assertions() {
    refused(
        [
            r#""bgpsecAssertions": []"#,
            r#""prefixAssertions": []"#,
            r#""prefixAssertions": [], "bgpsecAssertions": [], "bgpsecAssertions": []"#,
            r#""prefixAssertions": "none", "bgpsecAssertions": []"#,
            r#""prefixAssertions": [], "bgpsecAssertions": [], "aspaAssertions": []"#,
            r#""prefixAssertions": [], "bgpsecAssertions": [], "prefixFilters": []"#,
            r#""prefixAssertion": [], "bgpsecAssertions": []"#,
        ],
        |case| V1.replace(r#""prefixAssertions": [], "bgpsecAssertions": []"#, case),
        expect![[r#"
            "bgpsecAssertions": []
                line 4: locallyAddedAssertions: no "prefixAssertions"; add "prefixAssertions": []
            "prefixAssertions": []
                line 4: locallyAddedAssertions: no "bgpsecAssertions"; add "bgpsecAssertions": []
            "prefixAssertions": [], "bgpsecAssertions": [], "bgpsecAssertions": []
                line 4: locallyAddedAssertions: duplicate member "bgpsecAssertions"
            "prefixAssertions": "none", "bgpsecAssertions": []
                line 4: locallyAddedAssertions.prefixAssertions: "none" instead of a list
            "prefixAssertions": [], "bgpsecAssertions": [], "aspaAssertions": []
                line 4: locallyAddedAssertions: member "aspaAssertions" is of version 2, and the file has "slurmVersion": 1
            "prefixAssertions": [], "bgpsecAssertions": [], "prefixFilters": []
                line 4: locallyAddedAssertions: unknown member "prefixFilters"
            "prefixAssertion": [], "bgpsecAssertions": []
                line 4: locallyAddedAssertions: unknown member "prefixAssertion"; did you mean "prefixAssertions"?
        "#]],
    );
}

#[test]
fn version_2_has_six_lists() {
    let whole = Lists::default().document();
    assert!(parse(&whole).is_ok());
    let lists =
        ["prefixFilters", "bgpsecFilters", "aspaFilters", "prefixAssertions", "bgpsecAssertions", "aspaAssertions"];
    refused(
        lists,
        |list| {
            let without = whole.replace(&format!("\"{list}\": []"), "");
            without.replace("{\n,", "{").replace(",\n}", "}").replace("\n,", "")
        },
        expect![[r#"
            prefixFilters
                line 2: validationOutputFilters: no "prefixFilters"; add "prefixFilters": []
            bgpsecFilters
                line 2: validationOutputFilters: no "bgpsecFilters"; add "bgpsecFilters": []
            aspaFilters
                line 2: validationOutputFilters: no "aspaFilters"; add "aspaFilters": []
            prefixAssertions
                line 6: locallyAddedAssertions: no "prefixAssertions"; add "prefixAssertions": []
            bgpsecAssertions
                line 6: locallyAddedAssertions: no "bgpsecAssertions"; add "bgpsecAssertions": []
            aspaAssertions
                line 6: locallyAddedAssertions: no "aspaAssertions"; add "aspaAssertions": []
        "#]],
    );
    refused(
        [", \"slurmVersion\": 1}"],
        |end| format!("{{{}{end}", &whole[r#"{"slurmVersion": 2,"#.len()..whole.len() - 1]),
        expect![[r#"
            , "slurmVersion": 1}
                line 5: validationOutputFilters: member "aspaFilters" is of version 2, and the file has "slurmVersion": 1
                line 9: locallyAddedAssertions: member "aspaAssertions" is of version 2, and the file has "slurmVersion": 1
        "#]],
    );
}
