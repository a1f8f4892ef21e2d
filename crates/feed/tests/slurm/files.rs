//! Whole files that are accepted.

use crate::check;
use expect_test::expect;

#[test]
fn a_file_with_nothing_in_it() {
    check(
        r#"{"slurmVersion":1,"validationOutputFilters":{"prefixFilters":[],"bgpsecFilters":[]},
            "locallyAddedAssertions":{"prefixAssertions":[],"bgpsecAssertions":[]}}"#,
        expect![[r#"
            V1
        "#]],
    );
}

#[test]
fn a_file_with_every_kind_of_entry_of_version_1() {
    check(
        r#"{
  "slurmVersion": 1,
  "validationOutputFilters": {
    "prefixFilters": [
      { "prefix": "198.51.100.0/24", "comment": "whatever is said of our lab" },
      { "asn": 64501, "comment": "nothing of this AS" },
      {
        "prefix": "203.0.113.0/24",
        "asn": 64502,
        "comment": "one AS, one prefix"
      }
    ],
    "bgpsecFilters": [
      { "asn": 64501, "comment": "its routers neither" },
      { "SKI": "MTIzNDU2Nzg5MDEyMzQ1Njc4OTA", "comment": "a key that leaked" },
      { "asn": 64502, "SKI": "-_______________________-_8" }
    ]
  },
  "locallyAddedAssertions": {
    "prefixAssertions": [
      { "asn": 64503, "prefix": "198.51.100.0/24", "comment": "our lab" },
      { "asn": 64503, "prefix": "2001:DB8:5::/48", "maxPrefixLength": 56, "comment": "\u201clab\u201d \ud83d\ude00" }
    ],
    "bgpsecAssertions": [
      { "asn": 64503, "comment": "our router", "SKI": "MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=", "routerPublicKey": "MAA=" },
      { "asn": 64503, "SKI": "+\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/+\/8", "routerPublicKey": "MAH_" }
    ]
  }
}
"#,
        expect![[r#"
            V1
            5: validationOutputFilters.prefixFilters[0]: VRPs in 198.51.100.0/24
            6: validationOutputFilters.prefixFilters[1]: VRPs of AS64501
            7: validationOutputFilters.prefixFilters[2]: VRPs in 203.0.113.0/24 of AS64502
            14: validationOutputFilters.bgpsecFilters[0]: router keys of AS64501
            15: validationOutputFilters.bgpsecFilters[1]: router keys with SKI 3132333435363738393031323334353637383930
            16: validationOutputFilters.bgpsecFilters[2]: router keys of AS64502 with SKI fbfffffffffffffffffffffffffffffffffffbff
            21: locallyAddedAssertions.prefixAssertions[0]: VRP 198.51.100.0/24-24 AS64503
            22: locallyAddedAssertions.prefixAssertions[1]: VRP 2001:db8:5::/48-56 AS64503
            25: locallyAddedAssertions.bgpsecAssertions[0]: router key AS64503 3132333435363738393031323334353637383930
            26: locallyAddedAssertions.bgpsecAssertions[1]: router key AS64503 fbfffffffffffffffffffffffffffffffffffbff
        "#]],
    );
}

#[test]
fn a_file_of_version_2_with_its_members_in_another_order_and_a_byte_order_mark() {
    check(
        "\u{feff}{
  \"locallyAddedAssertions\": {
    \"aspaAssertions\": [
      { \"providerAsns\": [64497, 64498], \"comment\": \"ours\", \"customerAsn\": 64496 },
      { \"customerAsn\": 64499, \"providerAsns\": [0] }
    ],
    \"prefixAssertions\": [], \"bgpsecAssertions\": []
  },
  \"validationOutputFilters\": {
    \"bgpsecFilters\": [],
    \"aspaFilters\": [ { \"comment\": \"replaced below\", \"customerAsn\": 64496 } ],
    \"prefixFilters\": [
      {\"asn\": 64496}, {\"asn\": 64497}
    ]
  },
  \"slurmVersion\": 2
}",
        expect![[r#"
            V2
            11: validationOutputFilters.aspaFilters[0]: the ASPA of AS64496
            13: validationOutputFilters.prefixFilters[0]: VRPs of AS64496
            13: validationOutputFilters.prefixFilters[1]: VRPs of AS64497
            4: locallyAddedAssertions.aspaAssertions[0]: ASPA of AS64496 with 2 providers
            5: locallyAddedAssertions.aspaAssertions[1]: ASPA of AS64499 with 1 provider
        "#]],
    );
}
