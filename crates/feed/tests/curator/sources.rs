//! Several sources: union, first, failures, and what never happens.

use crate::{START, World, curation, document, vrps};
use expect_test::expect;
use rtrcast_feed::curator::{Cause, Choice, Curation, SourceId};

const A: &str = r#"{"roas":[{"asn":1,"prefix":"10.0.0.0/8"},{"asn":2,"prefix":"10.0.0.0/8"}]}"#;
const B: &str = r#"{"roas":[{"asn":2,"prefix":"10.0.0.0/8"},{"asn":3,"prefix":"10.0.0.0/8"}]}"#;

#[test]
fn a_union_has_each_record_once() {
    let mut world = World::new(curation(2));
    world.load(1, A);
    world.load(2, B);
    world.check(expect![[r#"
        0: serve 3 by Source(SourceId(2))
            + ipv4 + 10.0.0.0/8-8 AS1
            + ipv4 + 10.0.0.0/8-8 AS2
            + ipv4 + 10.0.0.0/8-8 AS3
    "#]]);
}

#[test]
fn the_first_publication_waits_for_all_or_ten_seconds() {
    let mut world = World::new(curation(2));
    world.pass(5);
    world.load(1, A);
    world.pass(9);
    world.check(expect![[r#"
        10: serve 2 by Time
            + ipv4 + 10.0.0.0/8-8 AS1
            + ipv4 + 10.0.0.0/8-8 AS2
    "#]]);
    world.pass(2);
    world.load(2, B);
    world.check(expect![[r#"
        16: serve 3 by Source(SourceId(2))
            + ipv4 + 10.0.0.0/8-8 AS3
    "#]]);
}

#[test]
fn at_the_start_a_source_that_failed_has_had_its_turn() {
    let mut world = World::new(curation(2));
    world.fail(2);
    world.load(1, A);
    world.check(expect![[r#"
        0: serve 2 by Source(SourceId(1))
            + ipv4 + 10.0.0.0/8-8 AS1
            + ipv4 + 10.0.0.0/8-8 AS2
    "#]]);
}

#[test]
fn sources_that_fail_change_nothing_until_their_data_are_too_old() {
    let mut world = World::new(curation(2));
    world.load(1, A);
    world.load(2, B);
    world.story.clear();
    world.fail(1);
    world.fail(2);
    world.pass(86_000);
    world.fail(1);
    world.fail(2);
    world.check(expect![[""]]);
    world.pass(600);
    world.check(expect![[r#"
        86398: SourceId(1) too old, made at 0: Withdraw 2
        86398: SourceId(2) too old, made at 0: Withdraw 2
        86398: serve 0 by Time
            - ipv4 + 10.0.0.0/8-8 AS1
            - ipv4 + 10.0.0.0/8-8 AS2
            - ipv4 + 10.0.0.0/8-8 AS3
    "#]]);
    // And come back as if nothing had been.
    world.load(2, B);
    world.check(expect![[r#"
        86600: NoLongerTooOld(SourceId(2))
        86600: serve 2 by Source(SourceId(2))
            + ipv4 + 10.0.0.0/8-8 AS2
            + ipv4 + 10.0.0.0/8-8 AS3
    "#]]);
}

#[test]
fn no_data_is_not_an_empty_set() {
    let mut world = World::new(curation(1));
    world.fail(1);
    world.pass(100_000);
    world.check(expect![[""]]);
    world.load(1, r#"{"roas":[]}"#);
    world.check(expect![[r#"
        100000: serve 0 by Source(SourceId(1))
    "#]]);
}

#[test]
fn the_preferred_source_is_left_after_two_failures_and_returned_to() {
    let mut world = World::new(Curation { choice: Choice::First, ..curation(2) });
    world.load(1, A);
    world.load(2, B);
    world.fail(1);
    world.check(expect![[r#"
        0: serve 2 by Source(SourceId(2))
            + ipv4 + 10.0.0.0/8-8 AS1
            + ipv4 + 10.0.0.0/8-8 AS2
    "#]]);
    world.fail(1);
    world.check(expect![[r#"
        0: Switched { from: SourceId(1), to: SourceId(2) }
        0: serve 2 by Source(SourceId(2))
            + ipv4 + 10.0.0.0/8-8 AS3
            - ipv4 + 10.0.0.0/8-8 AS1
    "#]]);
    world.load(1, A);
    world.check(expect![[r#"
        0: Switched { from: SourceId(2), to: SourceId(1) }
        0: serve 2 by Source(SourceId(1))
            + ipv4 + 10.0.0.0/8-8 AS1
            - ipv4 + 10.0.0.0/8-8 AS3
    "#]]);
}

#[test]
fn a_failure_that_lasts_is_no_mishap() {
    let mut world = World::new(Curation { choice: Choice::First, ..curation(2) });
    world.load(1, A);
    world.load(2, B);
    world.fail(1);
    world.story.clear();
    world.pass(100);
    world.check(expect![[r#"
        60: Switched { from: SourceId(1), to: SourceId(2) }
        60: serve 2 by Source(SourceId(2))
            + ipv4 + 10.0.0.0/8-8 AS3
            - ipv4 + 10.0.0.0/8-8 AS1
    "#]]);
}

#[test]
fn if_no_source_is_well_the_one_that_is_served_stays() {
    let mut world = World::new(Curation { choice: Choice::First, ..curation(2) });
    world.load(1, A);
    world.load(2, B);
    for source in [1, 1, 1, 2, 2, 2] {
        world.pass(10);
        world.fail(source);
    }
    world.check(expect![[r#"
        0: serve 2 by Source(SourceId(2))
            + ipv4 + 10.0.0.0/8-8 AS1
            + ipv4 + 10.0.0.0/8-8 AS2
        20: Switched { from: SourceId(1), to: SourceId(2) }
        20: serve 2 by Source(SourceId(2))
            + ipv4 + 10.0.0.0/8-8 AS3
            - ipv4 + 10.0.0.0/8-8 AS1
    "#]]);
}

#[test]
fn a_preferred_source_that_does_not_renew_its_payloads_is_left() {
    let mut world = World::new(Curation { choice: Choice::First, ..curation(2) });
    let renewed = vrps("", 20, 100);
    let dying: Vec<String> = vrps("", 10, 100)
        .into_iter()
        .enumerate()
        .map(|(n, vrp)| {
            vrp.replace('}', &format!(r#","expires":{}}}"#, START + 1_000 + 100 * u32::try_from(n).unwrap()))
        })
        .collect();
    world.load(1, &document(&dying, &[]));
    world.load(2, &document(&renewed, &[]));
    world.pass(1_950);
    assert_eq!(world.served.as_ref().unwrap().len(), 90);
    world.pass(200);
    assert_eq!(world.served.as_ref().unwrap().len(), 100);
}

#[test]
fn an_empty_set_is_not_switched_to() {
    let mut world = World::new(Curation { choice: Choice::First, ..curation(2) });
    world.load(1, A);
    world.load(2, r#"{"roas":[]}"#);
    world.fail(1);
    world.fail(1);
    world.check(expect![[r#"
        0: serve 2 by Source(SourceId(2))
            + ipv4 + 10.0.0.0/8-8 AS1
            + ipv4 + 10.0.0.0/8-8 AS2
    "#]]);
}

#[test]
fn the_preferred_source_stays_if_no_other_has_data() {
    let mut world = World::new(Curation { choice: Choice::First, ..curation(2) });
    world.load(1, A);
    world.fail(2);
    for _ in 0..5 {
        world.fail(1);
    }
    world.pass(100);
    world.check(expect![[r#"
        0: serve 2 by Source(SourceId(2))
            + ipv4 + 10.0.0.0/8-8 AS1
            + ipv4 + 10.0.0.0/8-8 AS2
    "#]]);
}

#[test]
fn c_asp_01_providers_of_several_sources_are_their_union() {
    let mut world = World::new(curation(2));
    world.load(
        1,
        r#"{"aspas":[{"customer":1,"providers":[2,3]},{"customer":4,"providers":[0]},{"customer":5,"providers":[0]}]}"#,
    );
    world.load(
        2,
        r#"{"aspas":[{"customer":1,"providers":[3,9]},{"customer":4,"providers":[8]},{"customer":5,"providers":[0]}]}"#,
    );
    world.check(expect![[r#"
        0: serve 3 by Source(SourceId(2))
            + aspa + AS1 AS2,AS3,AS9
            + aspa + AS4 AS8
            + aspa + AS5 AS0
    "#]]);
}

#[test]
fn c_asp_06_a_customer_whose_union_is_too_large_is_left_out() {
    let providers = |from: u32| (from..from + 6_000).map(|asn| asn.to_string()).collect::<Vec<_>>().join(",");
    let source = |from| {
        format!(r#"{{"aspas":[{{"customer":1,"providers":[{}]}},{{"customer":2,"providers":[3]}}]}}"#, providers(from))
    };
    let mut world = World::new(curation(2));
    world.load(1, &source(10));
    world.load(2, &source(10_000));
    world.check(expect![[r#"
        0: serve 1 by Source(SourceId(2))
            + aspa + AS2 AS3
        0: AS1 left out
    "#]]);
}

#[test]
fn nothing_is_served_before_slurm_is_known() {
    let mut world = World::without_slurm(curation(1));
    world.load(1, A);
    world.check(expect![[""]]);
    let filter = r#"{"slurmVersion":1,"validationOutputFilters":{"prefixFilters":[{"asn":1}],"bgpsecFilters":[]},
        "locallyAddedAssertions":{"prefixAssertions":[{"asn":1,"prefix":"192.0.2.0/24"}],"bgpsecAssertions":[]}}"#;
    world.curator.slurm(world.now(), crate::slurm(filter));
    world.drain();
    world.check(expect![[r#"
        0: serve 2 by Slurm
            + ipv4 + 10.0.0.0/8-8 AS2
            + ipv4 + 192.0.2.0/24-24 AS1
    "#]]);
}

#[test]
fn a_new_configuration_keeps_the_old_data_until_new_sources_have_had_their_turn() {
    let mut world = World::new(curation(1));
    world.load(1, A);
    world.story.clear();
    world.curator.reconfigure(world.now(), Curation { sources: vec![SourceId(7)], ..curation(1) }, None);
    world.drain();
    world.pass(100);
    world.fail(7);
    world.pass(10);
    world.check(expect![[r#"
        0: serve 2 by Configuration
    "#]]);
    world.load(7, B);
    world.check(expect![[r#"
        110: serve 2 by Configuration
            + ipv4 + 10.0.0.0/8-8 AS3
            - ipv4 + 10.0.0.0/8-8 AS1
    "#]]);
    // The old one is not listened to any more.
    world.load(1, A);
    world.check(expect![[""]]);
}

#[test]
fn a_source_that_goes_takes_its_data_along() {
    let mut world = World::new(curation(2));
    world.load(1, &document(&vrps("", 10, 3), &[]));
    world.load(2, B);
    world.story.clear();
    world.curator.reconfigure(world.now(), curation(1), None);
    world.drain();
    world.check(expect![[r#"
        0: serve 3 by Configuration
            - ipv4 + 10.0.0.0/8-8 AS2
            - ipv4 + 10.0.0.0/8-8 AS3
    "#]]);
}

#[test]
fn while_a_new_source_is_waited_for_the_others_go_on() {
    let mut world = World::new(curation(1));
    world.load(1, A);
    world.story.clear();
    world.curator.reconfigure(world.now(), curation(2), None);
    world.drain();
    world.pass(5);
    world.load(1, B);
    world.pass(400);
    world.check(expect![[r#"
        0: serve 2 by Configuration
        5: serve 2 by Source(SourceId(1))
            + ipv4 + 10.0.0.0/8-8 AS3
            - ipv4 + 10.0.0.0/8-8 AS1
    "#]]);
}

#[test]
fn a_first_failure_of_a_new_source_does_not_withdraw_what_it_takes_over() {
    let mut world = World::new(curation(1));
    world.load(1, A);
    world.story.clear();
    world.curator.reconfigure(world.now(), Curation { sources: vec![SourceId(3)], ..curation(1) }, None);
    world.drain();
    world.fail(3);
    world.pass(10);
    world.load(3, A);
    world.check(expect![[r#"
        0: serve 2 by Configuration
        10: serve 2 by Configuration
    "#]]);
}

#[test]
fn what_there_was_no_memory_for_is_tried_again() {
    let mut world = World::new(curation(1));
    world.load(1, A);
    world.story.clear();
    world.curator.not_published(world.now(), Cause::Source(SourceId(1)));
    world.drain();
    world.pass(30);
    world.check(expect![[r#"
        10: serve 2 by Source(SourceId(1))
    "#]]);
}
