//! Entries of the lists of filters.

use super::refused;
use crate::Lists;
use expect_test::expect;

#[test]
fn prefix_filters() {
    refused(
        [
            "{}",
            r#"{"comment": "all"}"#,
            "5",
            "null",
            "[]",
            r#"{"prefx": "192.0.2.0/24"}"#,
            r#"{"asn": 1, "prefix": "192.0.2.0/24", "maxPrefixLength": 24}"#,
            r#"{"asn": 1, "asn": 1}"#,
            r#"{"asn": 1, "a\u0073n": 1}"#,
            r#"{"prefix": "192.0.2.0/24", "prefix": "192.0.2.0/24"}"#,
            r#"{"prefix": "192.0.2.0/24", "comment": "a", "comment": "b"}"#,
            r#"{"asn": 1, "comment": 5}"#,
            r#"{"asn": 1, "comment": null}"#,
            r#"{"asn": 1, "comment": ["a"]}"#,
            r#"{"asn": 1, "comment": "\x"}"#,
            r#"{"asn": 1, "comment": "two
lines"}"#,
            r#"{"asn": "1"}"#,
            r#"{"asn": "AS1"}"#,
            r#"{"asn": -1}"#,
            r#"{"asn": -0}"#,
            r#"{"asn": 1.0}"#,
            r#"{"asn": 1e3}"#,
            r#"{"asn": 4294967296}"#,
            r#"{"asn": 18446744073709551617}"#,
            r#"{"asn": 0x1}"#,
            r#"{"asn": null}"#,
            r#"{"asn": [1]}"#,
            r#"{"prefix": 5}"#,
            r#"{"prefix": null, "asn": 1}"#,
            r#"{"prefix": ""}"#,
            r#"{"prefix": "192.0.2.0"}"#,
            r#"{"prefix": "192.0.2.0/33"}"#,
            r#"{"prefix": "192.0.2.0/024"}"#,
            r#"{"prefix": "192.0.2/24"}"#,
            r#"{"prefix": "192.0.2.1/24"}"#,
            r#"{"prefix": " 192.0.2.0/24"}"#,
            r#"{"prefix": "2001:db8::/129"}"#,
            r#"{"prefix": "2001:db8::1/64"}"#,
            r#"{"prefix": "2001:db8/32"}"#,
            r#"{"origin": 1}"#,
            r#"{"SKI": "QUFBQUFBQUFBQUFBQUFBQUFBQUE"}"#,
        ],
        |case| Lists { prefix_filters: &format!("{{\"asn\": 7}},\n{case}"), ..Lists::default() }.document(),
        expect![[r#"
            {}
                line 4: validationOutputFilters.prefixFilters[1]: a filter without "prefix" and "asn" names nothing to remove
            {"comment": "all"}
                line 4: validationOutputFilters.prefixFilters[1]: a filter without "prefix" and "asn" names nothing to remove
            5
                line 4: validationOutputFilters.prefixFilters[1]: 5 instead of an object
            null
                line 4: validationOutputFilters.prefixFilters[1]: null instead of an object
            []
                line 4: validationOutputFilters.prefixFilters[1]: a list instead of an object
            {"prefx": "192.0.2.0/24"}
                line 4: validationOutputFilters.prefixFilters[1]: unknown member "prefx"; did you mean "prefix"?
            {"asn": 1, "prefix": "192.0.2.0/24", "maxPrefixLength": 24}
                line 4: validationOutputFilters.prefixFilters[1]: unknown member "maxPrefixLength"
            {"asn": 1, "asn": 1}
                line 4: validationOutputFilters.prefixFilters[1]: duplicate member "asn"
            {"asn": 1, "a\u0073n": 1}
                line 4: validationOutputFilters.prefixFilters[1]: duplicate member "asn"
            {"prefix": "192.0.2.0/24", "prefix": "192.0.2.0/24"}
                line 4: validationOutputFilters.prefixFilters[1]: duplicate member "prefix"
            {"prefix": "192.0.2.0/24", "comment": "a", "comment": "b"}
                line 4: validationOutputFilters.prefixFilters[1]: duplicate member "comment"
            {"asn": 1, "comment": 5}
                line 4: validationOutputFilters.prefixFilters[1].comment: 5 instead of a string
            {"asn": 1, "comment": null}
                line 4: validationOutputFilters.prefixFilters[1].comment: null instead of a string
            {"asn": 1, "comment": ["a"]}
                line 4: validationOutputFilters.prefixFilters[1].comment: a list instead of a string
            {"asn": 1, "comment": "\x"}
                line 4, column 23: validationOutputFilters.prefixFilters[1].comment: not JSON: malformed escape in a string
            {"asn": 1, "comment": "two
            lines"}
                line 4, column 27: validationOutputFilters.prefixFilters[1].comment: not JSON: control character in a string
            {"asn": "1"}
                line 4: validationOutputFilters.prefixFilters[1].asn: "1" instead of a number; did you mean 1?
            {"asn": "AS1"}
                line 4: validationOutputFilters.prefixFilters[1].asn: "AS1" instead of a number; did you mean 1?
            {"asn": -1}
                line 4: validationOutputFilters.prefixFilters[1].asn: -1 is not an AS number: a whole number up to 4294967295
            {"asn": -0}
                line 4: validationOutputFilters.prefixFilters[1].asn: -0 is not an AS number: a whole number up to 4294967295
            {"asn": 1.0}
                line 4: validationOutputFilters.prefixFilters[1].asn: 1.0 is not an AS number: a whole number up to 4294967295
            {"asn": 1e3}
                line 4: validationOutputFilters.prefixFilters[1].asn: 1e3 is not an AS number: a whole number up to 4294967295
            {"asn": 4294967296}
                line 4: validationOutputFilters.prefixFilters[1].asn: 4294967296 is not an AS number: a whole number up to 4294967295
            {"asn": 18446744073709551617}
                line 4: validationOutputFilters.prefixFilters[1].asn: 18446744073709551617 is not an AS number: a whole number up to 4294967295
            {"asn": 0x1}
                line 4, column 10: validationOutputFilters.prefixFilters[1]: not JSON: expected , or } after a member
            {"asn": null}
                line 4: validationOutputFilters.prefixFilters[1].asn: null instead of a number
            {"asn": [1]}
                line 4: validationOutputFilters.prefixFilters[1].asn: a list instead of a number
            {"prefix": 5}
                line 4: validationOutputFilters.prefixFilters[1].prefix: 5 instead of a string
            {"prefix": null, "asn": 1}
                line 4: validationOutputFilters.prefixFilters[1].prefix: null instead of a string
            {"prefix": ""}
                line 4: validationOutputFilters.prefixFilters[1].prefix: "" is not an IPv4 or IPv6 prefix
            {"prefix": "192.0.2.0"}
                line 4: validationOutputFilters.prefixFilters[1].prefix: "192.0.2.0" is not an IPv4 or IPv6 prefix
            {"prefix": "192.0.2.0/33"}
                line 4: validationOutputFilters.prefixFilters[1].prefix: "192.0.2.0/33" is not an IPv4 or IPv6 prefix
            {"prefix": "192.0.2.0/024"}
                line 4: validationOutputFilters.prefixFilters[1].prefix: "192.0.2.0/024" is not an IPv4 or IPv6 prefix
            {"prefix": "192.0.2/24"}
                line 4: validationOutputFilters.prefixFilters[1].prefix: "192.0.2/24" is not an IPv4 or IPv6 prefix
            {"prefix": "192.0.2.1/24"}
                line 4: validationOutputFilters.prefixFilters[1].prefix: "192.0.2.1/24" has bits beyond its length; did you mean 192.0.2.0/24?
            {"prefix": " 192.0.2.0/24"}
                line 4: validationOutputFilters.prefixFilters[1].prefix: " 192.0.2.0/24" is not an IPv4 or IPv6 prefix
            {"prefix": "2001:db8::/129"}
                line 4: validationOutputFilters.prefixFilters[1].prefix: "2001:db8::/129" is not an IPv4 or IPv6 prefix
            {"prefix": "2001:db8::1/64"}
                line 4: validationOutputFilters.prefixFilters[1].prefix: "2001:db8::1/64" has bits beyond its length; did you mean 2001:db8::/64?
            {"prefix": "2001:db8/32"}
                line 4: validationOutputFilters.prefixFilters[1].prefix: "2001:db8/32" is not an IPv4 or IPv6 prefix
            {"origin": 1}
                line 4: validationOutputFilters.prefixFilters[1]: a filter without "prefix" and "asn" names nothing to remove
                line 4: validationOutputFilters.prefixFilters[1]: unknown member "origin"
            {"SKI": "QUFBQUFBQUFBQUFBQUFBQUFBQUE"}
                line 4: validationOutputFilters.prefixFilters[1]: a filter without "prefix" and "asn" names nothing to remove
                line 4: validationOutputFilters.prefixFilters[1]: unknown member "SKI"
        "#]],
    );
}

#[test]
fn bgpsec_filters() {
    refused(
        [
            "{}",
            r#"{"comment": "all"}"#,
            r#"{"ski": "QUFBQUFBQUFBQUFBQUFBQUFBQUE"}"#,
            r#"{"SKI": "QUFBQUFBQUFBQUFBQUFBQUFBQUE", "SKI": "QUFBQUFBQUFBQUFBQUFBQUFBQUE"}"#,
            r#"{"SKI": ""}"#,
            r#"{"SKI": "QUFBQUFBQUFBQUFBQUFBQUFBQQ"}"#,
            r#"{"SKI": "QUFBQUFBQUFBQUFBQUFBQUFBQUFB"}"#,
            r#"{"SKI": "QUFBQUFBQUFBQUFBQUFBQUFBQUF"}"#,
            r#"{"SKI": "QUFBQUFBQUFBQUFBQUFBQUFBQUE=="}"#,
            r#"{"SKI": "QUFBQUFBQUFBQUFBQUFBQUF!QUE"}"#,
            r#"{"SKI": "4141414141414141414141414141414141414141"}"#,
            r#"{"SKI": 5}"#,
            r#"{"asn": "AS64496"}"#,
            r#"{"asn": 64496, "prefix": "192.0.2.0/24"}"#,
            r#"{"asn": 64496, "routerPublicKey": "MAA"}"#,
        ],
        |case| Lists { bgpsec_filters: case, ..Lists::default() }.document(),
        expect![[r#"
            {}
                line 4: validationOutputFilters.bgpsecFilters[0]: a filter without "asn" and "SKI" names nothing to remove
            {"comment": "all"}
                line 4: validationOutputFilters.bgpsecFilters[0]: a filter without "asn" and "SKI" names nothing to remove
            {"ski": "QUFBQUFBQUFBQUFBQUFBQUFBQUE"}
                line 4: validationOutputFilters.bgpsecFilters[0]: unknown member "ski"; did you mean "SKI"?
            {"SKI": "QUFBQUFBQUFBQUFBQUFBQUFBQUE", "SKI": "QUFBQUFBQUFBQUFBQUFBQUFBQUE"}
                line 4: validationOutputFilters.bgpsecFilters[0]: duplicate member "SKI"
            {"SKI": ""}
                line 4: validationOutputFilters.bgpsecFilters[0].SKI: a key identifier of 0 octets instead of 20
            {"SKI": "QUFBQUFBQUFBQUFBQUFBQUFBQQ"}
                line 4: validationOutputFilters.bgpsecFilters[0].SKI: a key identifier of 19 octets instead of 20
            {"SKI": "QUFBQUFBQUFBQUFBQUFBQUFBQUFB"}
                line 4: validationOutputFilters.bgpsecFilters[0].SKI: a key identifier of 21 octets instead of 20
            {"SKI": "QUFBQUFBQUFBQUFBQUFBQUFBQUF"}
                line 4: validationOutputFilters.bgpsecFilters[0].SKI: not base64
            {"SKI": "QUFBQUFBQUFBQUFBQUFBQUFBQUE=="}
                line 4: validationOutputFilters.bgpsecFilters[0].SKI: not base64
            {"SKI": "QUFBQUFBQUFBQUFBQUFBQUF!QUE"}
                line 4: validationOutputFilters.bgpsecFilters[0].SKI: not base64
            {"SKI": "4141414141414141414141414141414141414141"}
                line 4: validationOutputFilters.bgpsecFilters[0].SKI: a key identifier of 30 octets instead of 20
            {"SKI": 5}
                line 4: validationOutputFilters.bgpsecFilters[0].SKI: 5 instead of a string
            {"asn": "AS64496"}
                line 4: validationOutputFilters.bgpsecFilters[0].asn: "AS64496" instead of a number; did you mean 64496?
            {"asn": 64496, "prefix": "192.0.2.0/24"}
                line 4: validationOutputFilters.bgpsecFilters[0]: unknown member "prefix"
            {"asn": 64496, "routerPublicKey": "MAA"}
                line 4: validationOutputFilters.bgpsecFilters[0]: unknown member "routerPublicKey"
        "#]],
    );
}

#[test]
fn aspa_filters() {
    refused(
        [
            "{}",
            r#"{"customerAsn": 0}"#,
            r#"{"customerAsn": "AS1"}"#,
            r#"{"customerAsn": 1, "customerAsn": 1}"#,
            r#"{"customerAsid": 1}"#,
            r#"{"asn": 1}"#,
            r#"{"customerAsn": 1, "providerAsns": [2]}"#,
            r#"{"customerAsn": [1]}"#,
        ],
        |case| Lists { aspa_filters: case, ..Lists::default() }.document(),
        expect![[r#"
            {}
                line 5: validationOutputFilters.aspaFilters[0]: no "customerAsn"
            {"customerAsn": 0}
                line 5: validationOutputFilters.aspaFilters[0].customerAsn: the customer of an ASPA can't be AS 0
            {"customerAsn": "AS1"}
                line 5: validationOutputFilters.aspaFilters[0].customerAsn: "AS1" instead of a number; did you mean 1?
            {"customerAsn": 1, "customerAsn": 1}
                line 5: validationOutputFilters.aspaFilters[0]: duplicate member "customerAsn"
            {"customerAsid": 1}
                line 5: validationOutputFilters.aspaFilters[0]: unknown member "customerAsid"; did you mean "customerAsn"?
            {"asn": 1}
                line 5: validationOutputFilters.aspaFilters[0]: no "customerAsn"
                line 5: validationOutputFilters.aspaFilters[0]: unknown member "asn"
            {"customerAsn": 1, "providerAsns": [2]}
                line 5: validationOutputFilters.aspaFilters[0]: unknown member "providerAsns"
            {"customerAsn": [1]}
                line 5: validationOutputFilters.aspaFilters[0].customerAsn: a list instead of a number
        "#]],
    );
}
