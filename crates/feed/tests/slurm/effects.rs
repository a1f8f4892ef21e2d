//! Effects of the entries of files on a data set.

use crate::{KEY, Lists, SKI_A, SKI_B, image, merge};
use expect_test::expect;
use rtrcast_feed::{Overlaps, Slurm};
use rtrcast_proto::{Image, Version};

fn effects(slurm: &Slurm, image: &Image) -> String {
    slurm.effects(image).iter().map(|effect| format!("{effect}\n")).collect()
}

#[test]
fn each_entry_of_each_file_has_its_effect() {
    let image = image(&format!(
        r#"{{"roas": [
        {{"asn": 64496, "prefix": "192.0.2.0/24", "maxLength": 26}}, {{"asn": 64496, "prefix": "192.0.2.0/25"}},
        {{"asn": 64497, "prefix": "192.0.2.128/25"}}, {{"asn": 64497, "prefix": "192.0.2.128/26"}},
        {{"asn": 64497, "prefix": "2001:db8::/32"}}, {{"asn": 64498, "prefix": "198.51.100.0/24"}}],
        "bgpsec_keys": [{{"asn": 64496, "ski": "{SKI_A}", "pubkey": "{KEY}"}}],
        "aspas": [{{"customer_asid": 64496, "providers": [64497]}}, {{"customer_asid": 64500, "providers": [0]}},
            {{"customer_asid": 64501, "providers": [64500]}}]}}"#
    ));
    let first = Lists {
        prefix_filters: r#"{"prefix": "192.0.2.0/24"},
            {"prefix": "192.0.2.128/25"},
            {"prefix": "192.0.2.128/25", "asn": 64497},
            {"asn": 64497},
            {"prefix": "203.0.113.0/24"}"#,
        bgpsec_filters: &format!(r#"{{"SKI": "{SKI_B}"}}"#),
        aspa_filters: r#"{"customerAsn": 64501}"#,
        prefix_assertions: r#"{"asn": 64496, "prefix": "192.0.2.0/25"}, {"asn": 64499, "prefix": "203.0.113.0/24"}"#,
        bgpsec_assertions: &format!(
            r#"{{"asn": 64496, "SKI": "{SKI_A}", "routerPublicKey": "{KEY}"}},
            {{"asn": 64496, "SKI": "{SKI_A}", "routerPublicKey": "MAEA"}}"#
        ),
        aspa_assertions: r#"{"customerAsn": 64496, "providerAsns": [64497]},
            {"customerAsn": 64496, "providerAsns": [64497, 64498, 64499]}, {"customerAsn": 64500, "providerAsns": [5]},
            {"customerAsn": 64501, "providerAsns": [5]}, {"customerAsn": 64502, "providerAsns": [0]}"#,
    };
    let second = Lists { prefix_assertions: r#"{"asn": 64498, "prefix": "198.51.100.0/24"}"#, ..Lists::default() };
    let slurm = merge(&[first.document(), second.document()], Overlaps::Refuse).unwrap();
    expect![[r#"
        a.json:3: filter of VRPs in 192.0.2.0/24: removes 4: 192.0.2.128/26-26 AS64497, 192.0.2.128/25-25 AS64497, 192.0.2.0/24-26 AS64496, ...
        a.json:4: filter of VRPs in 192.0.2.128/25: removes 2: 192.0.2.128/26-26 AS64497, 192.0.2.128/25-25 AS64497
        a.json:5: filter of VRPs in 192.0.2.128/25 of AS64497: removes 2: 192.0.2.128/26-26 AS64497, 192.0.2.128/25-25 AS64497
        a.json:6: filter of VRPs of AS64497: removes 3: 192.0.2.128/26-26 AS64497, 192.0.2.128/25-25 AS64497, 2001:db8::/32-32 AS64497
        a.json:7: filter of VRPs in 203.0.113.0/24: matches nothing
        a.json:8: filter of router keys with SKI 4242424242424242424242424242424242424242: matches nothing
        a.json:9: filter of the ASPA of AS64501: removes 1: AS64501 with 1 provider
        a.json:11: assertion of VRP 192.0.2.0/25-25 AS64496: added
        a.json:11: assertion of VRP 203.0.113.0/24-24 AS64499: added
        a.json:12: assertion of router key AS64496 4141414141414141414141414141414141414141: there already
        a.json:13: assertion of router key AS64496 4141414141414141414141414141414141414141: added
        a.json:14: assertion of ASPA of AS64496 with 1 provider: there already
        a.json:15: assertion of ASPA of AS64496 with 3 providers: adds to the providers: AS64498, AS64499 (3 in all)
        a.json:15: assertion of ASPA of AS64500 with 1 provider: adds to the providers: AS5 (1 in all)
        a.json:16: assertion of ASPA of AS64501 with 1 provider: added
        a.json:16: assertion of ASPA of AS64502 with 1 provider: added
        b.json:7: assertion of VRP 198.51.100.0/24-24 AS64498: there already
    "#]].assert_eq(&effects(&slurm, &image));
}

#[test]
fn nothing_configured_does_nothing() {
    let slurm = Slurm::default();
    assert!(slurm.filters().is_empty());
    assert_eq!(slurm.assertions().layout().records(), 0);
    assert!(slurm.effects(&Image::empty(Version::V1)).is_empty());
}
