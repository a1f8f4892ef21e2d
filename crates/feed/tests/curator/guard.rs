//! The guard on sudden loss.

use crate::{START, World, curation, document, vrps};
use expect_test::expect;
use rtrcast_feed::curator::{Curation, Guard};
use std::time::Duration;

fn aspas(count: usize) -> Vec<String> {
    (1..=count).map(|customer| format!(r#"{{"customer":{customer},"providers":[65000]}}"#)).collect()
}

fn full() -> String {
    document(&[vrps("arin", 10, 12_000), vrps("ripe", 20, 30_000)].concat(), &[])
}

#[test]
fn a_trust_anchor_s_loss_is_held_and_taken_after_an_hour() {
    let mut world = World::new(curation(1));
    world.load(1, &full());
    world.pass(100);
    world.load(1, &document(&vrps("ripe", 20, 30_000), &[]));
    world.pass(600);
    world.load(1, &document(&vrps("ripe", 20, 29_999), &[]));
    assert_eq!(world.served.as_ref().unwrap().len(), 42_000);
    assert!(world.curator.status()[0].held.is_some());
    world.pass(3_600);
    world.check(expect![[r#"
        0: serve 42000 by Source(SourceId(1)), 42000 changes
        100: SourceId(1) held for 3600 s: 12000 of 12000 VRPs of trust anchor arin
        3700: Released { source: SourceId(1), why: HoldElapsed }
        3700: serve 29999 by Release(SourceId(1)), 12001 changes
    "#]]);
}

#[test]
fn a_held_table_is_taken_when_the_operator_confirms_it() {
    let mut world = World::new(curation(1));
    world.load(1, &full());
    world.load(1, &document(&vrps("ripe", 20, 30_000), &[]));
    world.story.clear();
    world.curator.confirm(world.now(), None);
    world.drain();
    world.check(expect![[r#"
        0: Released { source: SourceId(1), why: Confirmed }
        0: serve 30000 by Release(SourceId(1)), 12000 changes
    "#]]);
}

#[test]
fn the_hold_ends_when_what_was_gone_is_back() {
    let mut world = World::new(curation(1));
    world.load(1, &full());
    world.load(1, &document(&vrps("ripe", 20, 30_000), &[]));
    world.load(1, &document(&[vrps("arin", 10, 11_999), vrps("ripe", 20, 30_000)].concat(), &[]));
    world.check(expect![[r#"
        0: serve 42000 by Source(SourceId(1)), 42000 changes
        0: SourceId(1) held for 3600 s: 12000 of 12000 VRPs of trust anchor arin
        0: Released { source: SourceId(1), why: LossRecovered }
        0: serve 41999 by Source(SourceId(1))
            - ipv4 + 10.46.223.0/24-24 AS64496
    "#]]);
}

#[test]
fn another_loss_starts_the_hour_again() {
    let mut world = World::new(curation(1));
    world.load(1, &full());
    world.load(1, &document(&vrps("ripe", 20, 30_000), &[]));
    world.pass(3_500);
    world.load(1, &document(&vrps("ripe", 20, 10), &[]));
    world.pass(3_500);
    assert_eq!(world.served.as_ref().unwrap().len(), 42_000);
    world.pass(200);
    world.check(expect![[r#"
        0: serve 42000 by Source(SourceId(1)), 42000 changes
        0: SourceId(1) held for 3600 s: 12000 of 12000 VRPs of trust anchor arin
        3500: SourceId(1) held for 3600 s: 41990 of 42000 VRPs, 12000 of 12000 VRPs of trust anchor arin, 29990 of 30000 VRPs of trust anchor ripe
        7100: Released { source: SourceId(1), why: HoldElapsed }
        7100: serve 10 by Release(SourceId(1)), 41990 changes
    "#]]);
}

#[test]
fn aspas_that_vanish_are_held_with_the_whole_table() {
    let mut world = World::new(curation(1));
    world.load(1, &document(&vrps("", 10, 5), &aspas(3_085)));
    world.load(1, &document(&vrps("", 10, 6), &[]));
    assert_eq!(world.served.as_ref().unwrap().len(), 3_090);
    world.pass(3_601);
    world.check(expect![[r#"
        0: serve 3090 by Source(SourceId(1)), 3090 changes
        0: SourceId(1) held for 3600 s: 3085 of 3085 ASPAs
        3600: Released { source: SourceId(1), why: HoldElapsed }
        3600: serve 6 by Release(SourceId(1)), 3086 changes
    "#]]);
}

#[test]
fn more_than_half_is_held_from_10_000_vrps_or_1_000_aspas_on() {
    let mut world = World::new(curation(1));
    world.load(1, &document(&vrps("arin", 10, 9_999), &aspas(999)));
    world.load(1, &document(&vrps("arin", 10, 1_001), &aspas(101)));
    world.load(1, &document(&vrps("arin", 10, 20_000), &aspas(2_000)));
    world.load(1, &document(&vrps("arin", 10, 10_000), &aspas(1_000)));
    world.load(1, &document(&vrps("arin", 10, 4_999), &aspas(499)));
    world.check(expect![[r#"
        0: serve 10998 by Source(SourceId(1)), 10998 changes
        0: SourceId(1) reduced: 8998 of 9999 VRPs, 898 of 999 ASPAs, 8998 of 9999 VRPs of trust anchor arin
        0: serve 1102 by Source(SourceId(1)), 9896 changes
        0: serve 22000 by Source(SourceId(1)), 20898 changes
        0: SourceId(1) reduced: 10000 of 20000 VRPs, 1000 of 2000 ASPAs, 10000 of 20000 VRPs of trust anchor arin
        0: serve 11000 by Source(SourceId(1)), 11000 changes
        0: SourceId(1) held for 3600 s: 5001 of 10000 VRPs, 501 of 1000 ASPAs, 5001 of 10000 VRPs of trust anchor arin
    "#]]);
}

#[test]
fn nine_tenths_are_held_from_200_records_on() {
    let mut world = World::new(curation(1));
    world.load(1, &document(&vrps("", 10, 200), &aspas(199)));
    world.load(1, &document(&vrps("", 10, 21), &[]));
    world.load(1, &document(&vrps("", 10, 200), &aspas(200)));
    world.load(1, &document(&vrps("", 10, 20), &aspas(21)));
    world.load(1, &document(&vrps("", 10, 200), &aspas(20)));
    world.check(expect![[r#"
        0: serve 399 by Source(SourceId(1)), 399 changes
        0: SourceId(1) reduced: 179 of 200 VRPs, 199 of 199 ASPAs
        0: serve 21 by Source(SourceId(1)), 378 changes
        0: serve 400 by Source(SourceId(1)), 379 changes
        0: SourceId(1) held for 3600 s: 180 of 200 VRPs
        0: SourceId(1) held for 3600 s: 180 of 200 ASPAs
    "#]]);
}

#[test]
fn a_trust_anchor_of_6_000_vrps_that_vanishes_is_held() {
    let mut world = World::new(curation(1));
    world.load(1, &document(&[vrps("afrinic", 41, 6_000), vrps("ripe", 20, 65_000)].concat(), &[]));
    world.load(1, &document(&vrps("ripe", 20, 65_000), &[]));
    assert_eq!(world.served.as_ref().unwrap().len(), 71_000);
    world.check(expect![[r#"
        0: serve 71000 by Source(SourceId(1)), 71000 changes
        0: SourceId(1) held for 3600 s: 6000 of 6000 VRPs of trust anchor afrinic
    "#]]);
}

#[test]
fn all_900_aspas_that_vanish_are_held() {
    let mut world = World::new(curation(1));
    world.load(1, &document(&vrps("", 10, 5), &aspas(900)));
    world.load(1, &document(&vrps("", 10, 5), &[]));
    assert_eq!(world.served.as_ref().unwrap().len(), 905);
    world.check(expect![[r#"
        0: serve 905 by Source(SourceId(1)), 905 changes
        0: SourceId(1) held for 3600 s: 900 of 900 ASPAs
    "#]]);
}

#[test]
fn all_vrps_of_one_address_family_that_vanish_are_held() {
    let ipv6 = |count: usize| -> Vec<String> {
        (0..count).map(|n| format!(r#"{{"asn":64496,"prefix":"2001:db8:{n:x}::/48","ta":"ripe"}}"#)).collect()
    };
    let mut world = World::new(curation(1));
    world.load(1, &document(&[vrps("ripe", 20, 1_000), ipv6(250)].concat(), &[]));
    world.load(1, &document(&vrps("ripe", 20, 1_000), &[]));
    world.check(expect![[r#"
        0: serve 1250 by Source(SourceId(1)), 1250 changes
        0: SourceId(1) held for 3600 s: 250 of 250 IPv6 VRPs
    "#]]);
}

#[test]
fn all_router_keys_that_vanish_are_held() {
    let key = |asn: usize| {
        format!(r#"{{"asn":{asn},"ski":"{:040x}","pubkey":"MAA=","ta":"ripe","expires":1900000000}}"#, asn)
    };
    let keys: Vec<String> = (1..=200).map(key).collect();
    let with_keys =
        |keys: &[String]| format!(r#"{{"roas":[{}],"bgpsec_keys":[{}]}}"#, vrps("", 10, 5).join(","), keys.join(","));
    let mut world = World::new(curation(1));
    world.load(1, &with_keys(&keys));
    world.load(1, &with_keys(&keys[..20]));
    assert_eq!(world.served.as_ref().unwrap().len(), 205);
    world.check(expect![[r#"
        0: serve 205 by Source(SourceId(1)), 205 changes
        0: SourceId(1) held for 3600 s: 180 of 200 router keys
    "#]]);
}

#[test]
fn more_than_a_tenth_is_reported_from_50_records_on() {
    let mut world = World::new(curation(1));
    world.load(1, &document(&vrps("ripe", 10, 50), &aspas(49)));
    world.load(1, &document(&vrps("ripe", 10, 45), &aspas(1)));
    world.load(1, &document(&vrps("ripe", 10, 50), &[]));
    world.load(1, &document(&vrps("ripe", 10, 44), &[]));
    // Records that were replaced by others are not lost.
    world.load(1, &document(&vrps("ripe", 11, 50), &[]));
    world.check(expect![[r#"
        0: serve 99 by Source(SourceId(1)), 99 changes
        0: serve 46 by Source(SourceId(1)), 53 changes
        0: serve 50 by Source(SourceId(1))
            + ipv4 + 10.0.45.0/24-24 AS64496
            + ipv4 + 10.0.46.0/24-24 AS64496
            + ipv4 + 10.0.47.0/24-24 AS64496
            + ipv4 + 10.0.48.0/24-24 AS64496
            + ipv4 + 10.0.49.0/24-24 AS64496
            - aspa + AS1 AS65000
        0: SourceId(1) reduced: 6 of 50 VRPs, 6 of 50 VRPs of trust anchor ripe
        0: serve 44 by Source(SourceId(1))
            - ipv4 + 10.0.44.0/24-24 AS64496
            - ipv4 + 10.0.45.0/24-24 AS64496
            - ipv4 + 10.0.46.0/24-24 AS64496
            - ipv4 + 10.0.47.0/24-24 AS64496
            - ipv4 + 10.0.48.0/24-24 AS64496
            - ipv4 + 10.0.49.0/24-24 AS64496
        0: serve 50 by Source(SourceId(1)), 94 changes
    "#]]);
}

#[test]
fn what_vanishes_is_reported_when_the_guard_is_off() {
    let off = Guard { hold: None, ..Guard::default() };
    let mut world = World::new(Curation { guard: off, ..curation(1) });
    world.load(1, &document(&vrps("ripe", 10, 500), &[]));
    world.load(1, &document(&[], &[]));
    world.check(expect![[r#"
        0: serve 500 by Source(SourceId(1)), 500 changes
        0: SourceId(1) reduced: 500 of 500 VRPs, 500 of 500 VRPs of trust anchor ripe
        0: serve 0 by Source(SourceId(1)), 500 changes
    "#]]);
}

#[test]
fn a_renamed_trust_anchor_has_lost_nothing() {
    let mut world = World::new(curation(1));
    world.load(1, &document(&vrps("arin", 10, 20_000), &[]));
    world.load(1, &document(&vrps("ARIN", 10, 20_000), &[]));
    world.check(expect![[r#"
        0: serve 20000 by Source(SourceId(1)), 20000 changes
        0: serve 20000 by Source(SourceId(1))
    "#]]);
}

#[test]
fn records_that_others_took_the_place_of_are_no_loss() {
    let mut world = World::new(curation(1));
    world.load(1, &document(&vrps("", 10, 20_000), &[]));
    world.load(1, &document(&vrps("", 11, 20_000), &[]));
    world.check(expect![[r#"
        0: serve 20000 by Source(SourceId(1)), 20000 changes
        0: serve 20000 by Source(SourceId(1)), 40000 changes
    "#]]);
}

/// So many VRPs that all end at the same time after the beginning.
fn ending(count: usize, end: u32) -> Vec<String> {
    let ends = format!(r#","expires":{}}}"#, START + end);
    vrps("arin", 10, count).into_iter().map(|vrp| vrp.replace('}', &ends)).collect()
}

#[test]
fn what_has_expired_is_no_loss() {
    let mut world = World::new(curation(1));
    world.load(1, &document(&[ending(12_000, 100), vrps("", 20, 10)].concat(), &[]));
    world.pass(200);
    world.story.clear();
    world.load(1, &document(&vrps("", 20, 10), &[]));
    world.check(expect![[r#"
        200: serve 10 by Source(SourceId(1))
    "#]]);
}

#[test]
fn what_is_served_while_another_is_held_expires() {
    let mut world = World::new(curation(1));
    world.load(1, &document(&[ending(12_000, 1_000), vrps("", 20, 10)].concat(), &[]));
    world.load(1, &document(&vrps("", 20, 10), &[]));
    world.pass(1_200);
    world.check(expect![[r#"
        0: serve 12010 by Source(SourceId(1)), 12010 changes
        0: SourceId(1) held for 3600 s: 12000 of 12010 VRPs, 12000 of 12000 VRPs of trust anchor arin
        998: serve 10 by Time, 12000 changes
    "#]]);
}

#[test]
fn what_the_held_table_still_has_does_not_expire_for_want_of_it() {
    let mut world = World::new(curation(1));
    world.load(1, &document(&ending(12_000, 1_000), &[]));
    world.load(1, &document(&ending(100, 50_000), &[]));
    world.pass(1_200);
    world.check(expect![[r#"
        0: serve 12000 by Source(SourceId(1)), 12000 changes
        0: SourceId(1) held for 3600 s: 11900 of 12000 VRPs, 11900 of 12000 VRPs of trust anchor arin
        0: serve 12000 by Source(SourceId(1))
        998: serve 100 by Time, 11900 changes
    "#]]);
}

/// Found by the simulator: the expiries of the table before were kept, if the held one had none at all.
#[test]
fn what_the_held_table_has_without_an_expiry_does_not_expire() {
    let mut world = World::new(curation(1));
    world.load(1, &document(&[ending(12_000, 2_000), vrps("", 20, 10)].concat(), &[]));
    world.load(1, &document(&vrps("arin", 10, 50), &[]));
    world.pass(2_500);
    assert!(world.curator.status()[0].held.is_some());
    assert_eq!(world.served.as_ref().unwrap().len(), 60);
}

#[test]
fn a_held_table_is_taken_once_nothing_else_is_left() {
    let mut world = World::new(curation(1));
    world.load(1, &document(&ending(12_000, 1_000), &[]));
    world.load(1, &document(&vrps("", 20, 10), &[]));
    world.pass(1_200);
    world.check(expect![[r#"
        0: serve 12000 by Source(SourceId(1)), 12000 changes
        0: SourceId(1) held for 3600 s: 11990 of 12000 VRPs, 12000 of 12000 VRPs of trust anchor arin
        998: Released { source: SourceId(1), why: PreviousNotInEffect }
        998: serve 10 by Release(SourceId(1)), 12010 changes
    "#]]);
}

#[test]
fn the_guard_can_be_switched_off_and_set() {
    let off = Guard { hold: None, ..Guard::default() };
    let mut world = World::new(Curation { guard: off, ..curation(1) });
    world.load(1, &document(&vrps("", 10, 20_000), &[]));
    world.load(1, &document(&[], &[]));
    world.check(expect![[r#"
        0: serve 20000 by Source(SourceId(1)), 20000 changes
        0: SourceId(1) reduced: 20000 of 20000 VRPs
        0: serve 0 by Source(SourceId(1)), 20000 changes
    "#]]);

    let low = Guard { hold: Some(Duration::from_secs(60)), vrps_min: 2, aspas_min: 2, ..Guard::default() };
    let mut world = World::new(Curation { guard: low, ..curation(1) });
    world.load(1, &document(&vrps("", 10, 4), &[]));
    world.load(1, &document(&vrps("", 10, 2), &[]));
    world.load(1, &document(&[], &[]));
    world.pass(60);
    world.check(expect![[r#"
        0: serve 4 by Source(SourceId(1))
            + ipv4 + 10.0.0.0/24-24 AS64496
            + ipv4 + 10.0.1.0/24-24 AS64496
            + ipv4 + 10.0.2.0/24-24 AS64496
            + ipv4 + 10.0.3.0/24-24 AS64496
        0: serve 2 by Source(SourceId(1))
            - ipv4 + 10.0.2.0/24-24 AS64496
            - ipv4 + 10.0.3.0/24-24 AS64496
        0: SourceId(1) held for 60 s: 2 of 2 VRPs
        60: Released { source: SourceId(1), why: HoldElapsed }
        60: serve 0 by Release(SourceId(1))
            - ipv4 + 10.0.0.0/24-24 AS64496
            - ipv4 + 10.0.1.0/24-24 AS64496
    "#]]);
}

#[test]
fn what_is_held_is_taken_when_the_guard_is_switched_off() {
    let mut world = World::new(curation(1));
    world.load(1, &full());
    world.load(1, &document(&vrps("ripe", 20, 30_000), &[]));
    world.story.clear();
    let off = Guard { hold: None, ..Guard::default() };
    world.curator.reconfigure(world.now(), Curation { guard: off, ..curation(1) }, None);
    world.drain();
    world.check(expect![[r#"
        0: Released { source: SourceId(1), why: GuardIsOff }
        0: serve 30000 by Configuration, 12000 changes
    "#]]);
}

#[test]
fn records_that_have_expired_in_the_new_table_are_gone_from_it() {
    let mut world = World::new(curation(1));
    world.load(1, &document(&ending(12_000, 50_000), &[]));
    world.pass(100);
    let stale = [ending(11_999, 50), vrps("arin", 11, 1)].concat();
    world.load(1, &document(&stale, &[]));
    world.check(expect![[r#"
        0: serve 12000 by Source(SourceId(1)), 12000 changes
        100: SourceId(1) held for 3600 s: 11999 of 12000 VRPs, 11999 of 12000 VRPs of trust anchor arin
    "#]]);
}

#[test]
fn the_hour_does_not_end_while_the_source_fails() {
    let mut world = World::new(curation(1));
    world.load(1, &full());
    world.load(1, &document(&vrps("ripe", 20, 30_000), &[]));
    world.story.clear();
    for _ in 0..40 {
        world.pass(100);
        world.fail(1);
    }
    assert_eq!(world.served.as_ref().unwrap().len(), 42_000);
    world.load(1, &document(&vrps("ripe", 20, 30_000), &[]));
    world.check(expect![[r#"
        4000: Released { source: SourceId(1), why: HoldElapsed }
        4000: serve 30000 by Release(SourceId(1)), 12000 changes
    "#]]);
}

#[test]
fn losses_that_take_turns_are_held_for_three_hours_at_most() {
    let mut world = World::new(curation(1));
    let (arin, ripe) = (vrps("arin", 10, 10_000), vrps("ripe", 20, 10_000));
    world.load(1, &document(&[arin.clone(), ripe.clone()].concat(), &[]));
    for lost in [&arin, &ripe].into_iter().cycle().take(8) {
        world.pass(1_800);
        world.load(1, &document(lost, &[]));
    }
    world.check(expect![[r#"
        0: serve 20000 by Source(SourceId(1)), 20000 changes
        1800: SourceId(1) held for 3600 s: 10000 of 10000 VRPs of trust anchor ripe
        3600: SourceId(1) held for 3600 s: 10000 of 10000 VRPs of trust anchor arin
        5400: SourceId(1) held for 3600 s: 10000 of 10000 VRPs of trust anchor ripe
        7200: SourceId(1) held for 3600 s: 10000 of 10000 VRPs of trust anchor arin
        9000: SourceId(1) held for 3600 s: 10000 of 10000 VRPs of trust anchor ripe
        10800: SourceId(1) held for 1800 s: 10000 of 10000 VRPs of trust anchor arin
        12600: Released { source: SourceId(1), why: HoldElapsed }
        12600: serve 10000 by Release(SourceId(1)), 10000 changes
        12600: SourceId(1) held for 3600 s: 10000 of 10000 VRPs of trust anchor ripe
        14400: Released { source: SourceId(1), why: LossRecovered }
        14400: serve 10000 by Source(SourceId(1))
    "#]]);
}

#[test]
fn a_held_table_is_not_dropped_for_one_in_which_nothing_is_in_effect() {
    let mut world = World::new(curation(1));
    world.load(1, &full());
    world.load(1, &document(&vrps("ripe", 20, 30_000), &[]));
    world.pass(10);
    world.load(1, &document(&ending(12_000, 5), &[]));
    world.check(expect![[r#"
        0: serve 42000 by Source(SourceId(1)), 42000 changes
        0: SourceId(1) held for 3600 s: 12000 of 12000 VRPs of trust anchor arin
        10: SourceId(1) has nothing in effect: all 12000 expired, the last one at 5
    "#]]);
    assert!(world.curator.status()[0].held.is_some());
}
