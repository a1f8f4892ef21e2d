//! Entries of the lists of assertions.

use super::refused;
use crate::{KEY, Lists, SKI_A, parse};
use expect_test::expect;

#[test]
fn prefix_assertions() {
    refused(
        [
            "{}",
            r#"{"asn": 1}"#,
            r#"{"prefix": "192.0.2.0/24"}"#,
            r#"{"asn": 1, "prefix": "192.0.2.0/24", "maxLength": 24}"#,
            r#"{"asn": 1, "prefix": "192.0.2.0/24", "maxPrefixLength": 23}"#,
            r#"{"maxPrefixLength": 33, "asn": 1, "prefix": "192.0.2.0/24"}"#,
            r#"{"asn": 1, "prefix": "192.0.2.0/24", "maxPrefixLength": 280}"#,
            r#"{"asn": 1, "prefix": "192.0.2.0/24", "maxPrefixLength": "24"}"#,
            r#"{"asn": 1, "prefix": "192.0.2.0/24", "maxPrefixLength": 24.0}"#,
            r#"{"asn": 1, "prefix": "192.0.2.0/24", "maxPrefixLength": -1}"#,
            r#"{"asn": 1, "prefix": "192.0.2.0/24", "maxPrefixLength": null}"#,
            r#"{"asn": 1, "prefix": "2001:db8::/32", "maxPrefixLength": 129}"#,
            r#"{"asn": 1, "prefix": "2001:db8::/32", "maxPrefixLength": 31}"#,
            r#"{"asn": 1, "prefix": "10.0.0.1/8"}"#,
            r#"{"asn": "1", "prefix": "10.0.0.0/8"}"#,
            r#"{"asn": 1, "prefix": "10.0.0.0/8", "ta": "mine"}"#,
        ],
        |case| Lists { prefix_assertions: case, ..Lists::default() }.document(),
        expect![[r#"
            {}
                line 7: locallyAddedAssertions.prefixAssertions[0]: no "prefix"
                line 7: locallyAddedAssertions.prefixAssertions[0]: no "asn"
            {"asn": 1}
                line 7: locallyAddedAssertions.prefixAssertions[0]: no "prefix"
            {"prefix": "192.0.2.0/24"}
                line 7: locallyAddedAssertions.prefixAssertions[0]: no "asn"
            {"asn": 1, "prefix": "192.0.2.0/24", "maxLength": 24}
                line 7: locallyAddedAssertions.prefixAssertions[0]: unknown member "maxLength"; did you mean "maxPrefixLength"?
            {"asn": 1, "prefix": "192.0.2.0/24", "maxPrefixLength": 23}
                line 7: locallyAddedAssertions.prefixAssertions[0].maxPrefixLength: maximum length 23 of 192.0.2.0/24 is not from 24 to 32
            {"maxPrefixLength": 33, "asn": 1, "prefix": "192.0.2.0/24"}
                line 7: locallyAddedAssertions.prefixAssertions[0].maxPrefixLength: maximum length 33 of 192.0.2.0/24 is not from 24 to 32
            {"asn": 1, "prefix": "192.0.2.0/24", "maxPrefixLength": 280}
                line 7: locallyAddedAssertions.prefixAssertions[0].maxPrefixLength: 280 is not a prefix length
            {"asn": 1, "prefix": "192.0.2.0/24", "maxPrefixLength": "24"}
                line 7: locallyAddedAssertions.prefixAssertions[0].maxPrefixLength: "24" instead of a number; did you mean 24?
            {"asn": 1, "prefix": "192.0.2.0/24", "maxPrefixLength": 24.0}
                line 7: locallyAddedAssertions.prefixAssertions[0].maxPrefixLength: 24.0 is not a prefix length
            {"asn": 1, "prefix": "192.0.2.0/24", "maxPrefixLength": -1}
                line 7: locallyAddedAssertions.prefixAssertions[0].maxPrefixLength: -1 is not a prefix length
            {"asn": 1, "prefix": "192.0.2.0/24", "maxPrefixLength": null}
                line 7: locallyAddedAssertions.prefixAssertions[0].maxPrefixLength: null instead of a number
            {"asn": 1, "prefix": "2001:db8::/32", "maxPrefixLength": 129}
                line 7: locallyAddedAssertions.prefixAssertions[0].maxPrefixLength: maximum length 129 of 2001:db8::/32 is not from 32 to 128
            {"asn": 1, "prefix": "2001:db8::/32", "maxPrefixLength": 31}
                line 7: locallyAddedAssertions.prefixAssertions[0].maxPrefixLength: maximum length 31 of 2001:db8::/32 is not from 32 to 128
            {"asn": 1, "prefix": "10.0.0.1/8"}
                line 7: locallyAddedAssertions.prefixAssertions[0].prefix: "10.0.0.1/8" has bits beyond its length; did you mean 10.0.0.0/8?
            {"asn": "1", "prefix": "10.0.0.0/8"}
                line 7: locallyAddedAssertions.prefixAssertions[0].asn: "1" instead of a number; did you mean 1?
            {"asn": 1, "prefix": "10.0.0.0/8", "ta": "mine"}
                line 7: locallyAddedAssertions.prefixAssertions[0]: unknown member "ta"
        "#]],
    );
}

#[test]
fn bgpsec_assertions() {
    let members = [("asn", "1"), ("SKI", "\"SKI-A\""), ("routerPublicKey", "\"KEY\"")];
    let with = |name: &str, value: &str| {
        let text = members.map(|(own, good)| format!("\"{own}\": {}", if own == name { value } else { good }));
        format!("{{{}}}", text.join(", ")).replace("SKI-A", SKI_A).replace("KEY\"", &format!("{KEY}\""))
    };
    assert!(parse(&Lists { bgpsec_assertions: &with("", ""), ..Lists::default() }.document()).is_ok());
    let mut cases: Vec<String> = ["\"MAA\\/\"", "\"\"", "\"MAE\"", "\"MQA\"", "\"MAAA\"", "\"MA=\"", "\"M A A\"", "5"]
        .map(|key| with("routerPublicKey", key))
        .into();
    cases.extend(["\"MAA\"", "null"].map(|ski| with("SKI", ski)));
    cases.extend(["-1", "\"1\""].map(|asn| with("asn", asn)));
    cases.extend(members.map(|(name, _)| with(name, "\"\"").replace(name, "comment")));
    cases.push(with("", "").replace("routerPublicKey", "spki"));
    cases.push(with("", "").replace("routerPublicKey", "publicKey"));
    cases.push("{}".to_owned());
    refused(
        cases.iter().map(String::as_str),
        |case| Lists { bgpsec_assertions: case, ..Lists::default() }.document(),
        expect![[r#"
            {"asn": 1, "SKI": "QUFBQUFBQUFBQUFBQUFBQUFBQUE", "routerPublicKey": "MAA\/"}
                line 8: locallyAddedAssertions.bgpsecAssertions[0].routerPublicKey: the key is not one DER SubjectPublicKeyInfo
            {"asn": 1, "SKI": "QUFBQUFBQUFBQUFBQUFBQUFBQUE", "routerPublicKey": ""}
                line 8: locallyAddedAssertions.bgpsecAssertions[0].routerPublicKey: the key is not one DER SubjectPublicKeyInfo
            {"asn": 1, "SKI": "QUFBQUFBQUFBQUFBQUFBQUFBQUE", "routerPublicKey": "MAE"}
                line 8: locallyAddedAssertions.bgpsecAssertions[0].routerPublicKey: the key is not one DER SubjectPublicKeyInfo
            {"asn": 1, "SKI": "QUFBQUFBQUFBQUFBQUFBQUFBQUE", "routerPublicKey": "MQA"}
                line 8: locallyAddedAssertions.bgpsecAssertions[0].routerPublicKey: the key is not one DER SubjectPublicKeyInfo
            {"asn": 1, "SKI": "QUFBQUFBQUFBQUFBQUFBQUFBQUE", "routerPublicKey": "MAAA"}
                line 8: locallyAddedAssertions.bgpsecAssertions[0].routerPublicKey: the key is not one DER SubjectPublicKeyInfo
            {"asn": 1, "SKI": "QUFBQUFBQUFBQUFBQUFBQUFBQUE", "routerPublicKey": "MA="}
                line 8: locallyAddedAssertions.bgpsecAssertions[0].routerPublicKey: not base64
            {"asn": 1, "SKI": "QUFBQUFBQUFBQUFBQUFBQUFBQUE", "routerPublicKey": "M A A"}
                line 8: locallyAddedAssertions.bgpsecAssertions[0].routerPublicKey: not base64
            {"asn": 1, "SKI": "QUFBQUFBQUFBQUFBQUFBQUFBQUE", "routerPublicKey": 5}
                line 8: locallyAddedAssertions.bgpsecAssertions[0].routerPublicKey: 5 instead of a string
            {"asn": 1, "SKI": "MAA", "routerPublicKey": "MAA"}
                line 8: locallyAddedAssertions.bgpsecAssertions[0].SKI: a key identifier of 2 octets instead of 20
            {"asn": 1, "SKI": null, "routerPublicKey": "MAA"}
                line 8: locallyAddedAssertions.bgpsecAssertions[0].SKI: null instead of a string
            {"asn": -1, "SKI": "QUFBQUFBQUFBQUFBQUFBQUFBQUE", "routerPublicKey": "MAA"}
                line 8: locallyAddedAssertions.bgpsecAssertions[0].asn: -1 is not an AS number: a whole number up to 4294967295
            {"asn": "1", "SKI": "QUFBQUFBQUFBQUFBQUFBQUFBQUE", "routerPublicKey": "MAA"}
                line 8: locallyAddedAssertions.bgpsecAssertions[0].asn: "1" instead of a number; did you mean 1?
            {"comment": "", "SKI": "QUFBQUFBQUFBQUFBQUFBQUFBQUE", "routerPublicKey": "MAA"}
                line 8: locallyAddedAssertions.bgpsecAssertions[0]: no "asn"
            {"asn": 1, "comment": "", "routerPublicKey": "MAA"}
                line 8: locallyAddedAssertions.bgpsecAssertions[0]: no "SKI"
            {"asn": 1, "SKI": "QUFBQUFBQUFBQUFBQUFBQUFBQUE", "comment": ""}
                line 8: locallyAddedAssertions.bgpsecAssertions[0]: no "routerPublicKey"
            {"asn": 1, "SKI": "QUFBQUFBQUFBQUFBQUFBQUFBQUE", "spki": "MAA"}
                line 8: locallyAddedAssertions.bgpsecAssertions[0]: no "routerPublicKey"
                line 8: locallyAddedAssertions.bgpsecAssertions[0]: unknown member "spki"
            {"asn": 1, "SKI": "QUFBQUFBQUFBQUFBQUFBQUFBQUE", "publicKey": "MAA"}
                line 8: locallyAddedAssertions.bgpsecAssertions[0]: unknown member "publicKey"; did you mean "routerPublicKey"?
            {}
                line 8: locallyAddedAssertions.bgpsecAssertions[0]: no "asn"
                line 8: locallyAddedAssertions.bgpsecAssertions[0]: no "SKI"
                line 8: locallyAddedAssertions.bgpsecAssertions[0]: no "routerPublicKey"
        "#]],
    );
}

#[test]
fn aspa_assertions() {
    refused(
        [
            "{}",
            r#"{"customerAsn": 1}"#,
            r#"{"providerAsns": [2]}"#,
            r#"{"customerAsid": 1, "providerAsns": [2]}"#,
            r#"{"customerAsn": 1, "providers": [2]}"#,
            r#"{"customerAsn": 0, "providerAsns": [2]}"#,
            r#"{"customerAsn": 1, "providerAsns": []}"#,
            r#"{"customerAsn": 1, "providerAsns": 2}"#,
            r#"{"customerAsn": 1, "providerAsns": {"2": 3}}"#,
            r#"{"customerAsn": 1, "providerAsns": [2, "3"]}"#,
            r#"{"customerAsn": 1, "providerAsns": [2, 3.0]}"#,
            r#"{"customerAsn": 1, "providerAsns": [2, 4294967296]}"#,
            r#"{"customerAsn": 1, "providerAsns": [2, 5, 3]}"#,
            r#"{"customerAsn": 1, "providerAsns": [2, 5, 5]}"#,
            r#"{"customerAsn": 1, "providerAsns": [0, 2]}"#,
            r#"{"providerAsns": [4, 5], "customerAsn": 5}"#,
            r#"{"customerAsn": 1, "providerAsns": [2], "providerAsns": [3]}"#,
            r#"{"customerAsn": 1, "providerAsns": [2,]}"#,
        ],
        |case| Lists { aspa_assertions: case, ..Lists::default() }.document(),
        expect![[r#"
            {}
                line 9: locallyAddedAssertions.aspaAssertions[0]: no "customerAsn"
                line 9: locallyAddedAssertions.aspaAssertions[0]: no "providerAsns"
            {"customerAsn": 1}
                line 9: locallyAddedAssertions.aspaAssertions[0]: no "providerAsns"
            {"providerAsns": [2]}
                line 9: locallyAddedAssertions.aspaAssertions[0]: no "customerAsn"
            {"customerAsid": 1, "providerAsns": [2]}
                line 9: locallyAddedAssertions.aspaAssertions[0]: unknown member "customerAsid"; did you mean "customerAsn"?
            {"customerAsn": 1, "providers": [2]}
                line 9: locallyAddedAssertions.aspaAssertions[0]: unknown member "providers"; did you mean "providerAsns"?
            {"customerAsn": 0, "providerAsns": [2]}
                line 9: locallyAddedAssertions.aspaAssertions[0].customerAsn: the customer of an ASPA can't be AS 0
            {"customerAsn": 1, "providerAsns": []}
                line 9: locallyAddedAssertions.aspaAssertions[0].providerAsns: the ASPA has no providers
            {"customerAsn": 1, "providerAsns": 2}
                line 9: locallyAddedAssertions.aspaAssertions[0].providerAsns: 2 instead of a list
            {"customerAsn": 1, "providerAsns": {"2": 3}}
                line 9: locallyAddedAssertions.aspaAssertions[0].providerAsns: an object instead of a list
            {"customerAsn": 1, "providerAsns": [2, "3"]}
                line 9: locallyAddedAssertions.aspaAssertions[0].providerAsns[1]: "3" instead of a number; did you mean 3?
            {"customerAsn": 1, "providerAsns": [2, 3.0]}
                line 9: locallyAddedAssertions.aspaAssertions[0].providerAsns[1]: 3.0 is not an AS number: a whole number up to 4294967295
            {"customerAsn": 1, "providerAsns": [2, 4294967296]}
                line 9: locallyAddedAssertions.aspaAssertions[0].providerAsns[1]: 4294967296 is not an AS number: a whole number up to 4294967295
            {"customerAsn": 1, "providerAsns": [2, 5, 3]}
                line 9: locallyAddedAssertions.aspaAssertions[0].providerAsns[2]: provider AS3 comes after AS5; the list has to ascend
            {"customerAsn": 1, "providerAsns": [2, 5, 5]}
                line 9: locallyAddedAssertions.aspaAssertions[0].providerAsns[2]: duplicate provider AS5
            {"customerAsn": 1, "providerAsns": [0, 2]}
                line 9: locallyAddedAssertions.aspaAssertions[0].providerAsns: the ASPA has AS 0 beside other providers
            {"providerAsns": [4, 5], "customerAsn": 5}
                line 9: locallyAddedAssertions.aspaAssertions[0].providerAsns: the customer AS5 is among its own providers
            {"customerAsn": 1, "providerAsns": [2], "providerAsns": [3]}
                line 9: locallyAddedAssertions.aspaAssertions[0]: duplicate member "providerAsns"
            {"customerAsn": 1, "providerAsns": [2,]}
                line 9, column 58: locallyAddedAssertions.aspaAssertions[0].providerAsns[1]: not JSON: expected a value
        "#]],
    );
    let many: Vec<String> = (2..10_003).map(|asn: u32| asn.to_string()).collect();
    let entry = |many: &[String]| format!("{{\"customerAsn\": 1, \"providerAsns\": [{}]}}", many.join(","));
    let document = |entry: &str| Lists { aspa_assertions: entry, ..Lists::default() }.document();
    assert!(parse(&document(&entry(&many[1..]))).is_ok());
    expect![
        "line 9: locallyAddedAssertions.aspaAssertions[0].providerAsns: the ASPA has 10001 providers, more than 10000"
    ]
    .assert_eq(&parse(&document(&entry(&many))).unwrap_err().to_string());
}
