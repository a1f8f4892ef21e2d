//! Expiry and age.

use crate::{START, World, curation};
use expect_test::expect;
use rtrcast_feed::curator::{Curation, Expired, Freshness, Report, SourceId, TooOld};

/// VRPs that expire so many seconds after the beginning.
fn expiring(ends: &[u32]) -> String {
    let vrp =
        |(asn, end): (usize, &u32)| format!(r#"{{"asn":{},"prefix":"10.0.0.0/8","expires":{}}}"#, asn + 1, START + end);
    format!(r#"{{"roas":[{}]}}"#, ends.iter().enumerate().map(vrp).collect::<Vec<_>>().join(","))
}

#[test]
fn what_expires_is_withdrawn_within_a_minute_and_at_most_once_a_minute() {
    let mut world = World::new(curation(1));
    world.load(1, &expiring(&[100, 101, 103, 130, 163, 500]));
    world.pass(600);
    world.check(expect![[r#"
        0: serve 6 by Source(SourceId(1))
            + ipv4 + 10.0.0.0/8-8 AS1
            + ipv4 + 10.0.0.0/8-8 AS2
            + ipv4 + 10.0.0.0/8-8 AS3
            + ipv4 + 10.0.0.0/8-8 AS4
            + ipv4 + 10.0.0.0/8-8 AS5
            + ipv4 + 10.0.0.0/8-8 AS6
        98: serve 5 by Time
            - ipv4 + 10.0.0.0/8-8 AS1
        158: serve 2 by Time
            - ipv4 + 10.0.0.0/8-8 AS2
            - ipv4 + 10.0.0.0/8-8 AS3
            - ipv4 + 10.0.0.0/8-8 AS4
        218: serve 1 by Time
            - ipv4 + 10.0.0.0/8-8 AS5
        498: serve 0 by Time
            - ipv4 + 10.0.0.0/8-8 AS6
    "#]]);
}

#[test]
fn what_has_expired_when_it_comes_is_not_served() {
    let mut world = World::new(curation(1));
    world.pass(1_000);
    world.load(1, &expiring(&[100, 2_000]));
    world.check(expect![[r#"
        1000: serve 1 by Source(SourceId(1))
            + ipv4 + 10.0.0.0/8-8 AS2
    "#]]);
}

#[test]
fn a_file_of_which_nothing_counts_any_more_does_not_replace_one_that_does() {
    let mut world = World::new(curation(1));
    world.load(1, &expiring(&[5_000]));
    world.pass(1_000);
    world.load(1, &expiring(&[100]));
    world.check(expect![[r#"
        0: serve 1 by Source(SourceId(1))
            + ipv4 + 10.0.0.0/8-8 AS1
        1000: SourceId(1) has only old news, made at 1000
    "#]]);
}

#[test]
fn a_file_of_which_nothing_counts_any_more_is_no_data() {
    let mut world = World::new(curation(1));
    world.pass(1_000);
    world.load(1, &expiring(&[100]));
    world.check(expect![[r#"
        1000: SourceId(1) has only old news, made at 1000
    "#]]);
}

#[test]
fn the_same_record_counts_as_long_as_any_source_has_it() {
    let mut world = World::new(curation(2));
    world.load(1, &expiring(&[100]));
    world.load(2, &expiring(&[1_000]));
    world.pass(200);
    world.check(expect![[r#"
        0: serve 1 by Source(SourceId(2))
            + ipv4 + 10.0.0.0/8-8 AS1
        98: serve 1 by Time
    "#]]);
}

#[test]
fn expired_payloads_stay_if_that_is_wanted() {
    let freshness = Freshness { expired: Expired::Keep, ..Freshness::default() };
    let mut world = World::new(Curation { freshness, ..curation(1) });
    world.load(1, &expiring(&[100]));
    world.pass(80_000);
    world.check(expect![[r#"
        0: serve 1 by Source(SourceId(1))
            + ipv4 + 10.0.0.0/8-8 AS1
    "#]]);
}

const MIXED: &str =
    r#"{"roas":[{"asn":1,"prefix":"10.0.0.0/8"},{"asn":2,"prefix":"10.0.0.0/8","expires":1800200000}]}"#;

#[test]
fn a_set_that_is_too_old_loses_what_has_no_expiry() {
    let mut world = World::new(curation(1));
    world.load(1, MIXED);
    world.pass(90_000);
    world.check(expect![[r#"
        0: serve 2 by Source(SourceId(1))
            + ipv4 + 10.0.0.0/8-8 AS1
            + ipv4 + 10.0.0.0/8-8 AS2
        86398: SourceId(1) too old, made at 0: Withdraw 1
        86398: serve 1 by Time
            - ipv4 + 10.0.0.0/8-8 AS1
    "#]]);
    world.load(1, MIXED);
    world.check(expect![[r#"
        90000: FreshAgain(SourceId(1))
        90000: serve 2 by Source(SourceId(1))
            + ipv4 + 10.0.0.0/8-8 AS1
    "#]]);
}

#[test]
fn or_all() {
    let freshness = Freshness { too_old: TooOld::WithdrawAll, age_seconds_max: 3_600, ..Freshness::default() };
    let mut world = World::new(Curation { freshness, ..curation(1) });
    world.load(1, MIXED);
    world.pass(4_000);
    world.check(expect![[r#"
        0: serve 2 by Source(SourceId(1))
            + ipv4 + 10.0.0.0/8-8 AS1
            + ipv4 + 10.0.0.0/8-8 AS2
        3598: SourceId(1) too old, made at 0: WithdrawAll 2
        3598: serve 0 by Time
            - ipv4 + 10.0.0.0/8-8 AS1
            - ipv4 + 10.0.0.0/8-8 AS2
    "#]]);
}

#[test]
fn or_nothing() {
    let freshness = Freshness { too_old: TooOld::Keep, ..Freshness::default() };
    let mut world = World::new(Curation { freshness, ..curation(1) });
    world.load(1, MIXED);
    world.pass(90_000);
    world.check(expect![[r#"
        0: serve 2 by Source(SourceId(1))
            + ipv4 + 10.0.0.0/8-8 AS1
            + ipv4 + 10.0.0.0/8-8 AS2
        86398: SourceId(1) too old, made at 0: Keep 0
    "#]]);
}

#[test]
fn the_age_is_that_of_the_file_s_own_word_else_of_the_file() {
    let mut world = World::new(curation(1));
    let made = START - 86_000;
    world.load(1, &format!(r#"{{"metadata":{{"generated":{made}}},"roas":[{{"asn":1,"prefix":"10.0.0.0/8"}}]}}"#));
    world.pass(500);
    world.check(expect![[r#"
        0: serve 1 by Source(SourceId(1))
            + ipv4 + 10.0.0.0/8-8 AS1
        398: SourceId(1) too old, made at -86000: Withdraw 1
        398: serve 0 by Time
            - ipv4 + 10.0.0.0/8-8 AS1
    "#]]);
    world.load_written(1, r#"{"roas":[{"asn":1,"prefix":"10.0.0.0/8"}]}"#, Some(START - 80_000));
    world.pass(10_000);
    world.check(expect![[r#"
        500: FreshAgain(SourceId(1))
        500: serve 1 by Source(SourceId(1))
            + ipv4 + 10.0.0.0/8-8 AS1
        6398: SourceId(1) too old, made at -80000: Withdraw 1
        6398: serve 0 by Time
            - ipv4 + 10.0.0.0/8-8 AS1
    "#]]);
}

#[test]
fn octorpki_s_valid_ends_a_set() {
    let mut world = World::new(curation(1));
    let metadata = format!(r#"{{"generated":{START},"valid":{}}}"#, START + 1_000);
    world.load(1, &format!(r#"{{"metadata":{metadata},"roas":[{{"asn":1,"prefix":"10.0.0.0/8"}}]}}"#));
    world.pass(2_000);
    world.check(expect![[r#"
        0: serve 1 by Source(SourceId(1))
            + ipv4 + 10.0.0.0/8-8 AS1
        998: SourceId(1) too old, made at 0: Withdraw 1
        998: serve 0 by Time
            - ipv4 + 10.0.0.0/8-8 AS1
    "#]]);
}

#[test]
fn a_set_from_the_future_is_of_today() {
    let mut world = World::new(curation(1));
    let made = START + 1_000_000;
    world.load(1, &format!(r#"{{"metadata":{{"generated":{made}}},"roas":[{{"asn":1,"prefix":"10.0.0.0/8"}}]}}"#));
    world.pass(90_000);
    world.check(expect![[r#"
        0: serve 1 by Source(SourceId(1))
            + ipv4 + 10.0.0.0/8-8 AS1
        86398: SourceId(1) too old, made at 0: Withdraw 1
        86398: serve 0 by Time
            - ipv4 + 10.0.0.0/8-8 AS1
    "#]]);
}

#[test]
fn a_set_without_a_date_is_renewed_by_being_confirmed() {
    let mut world = World::new(curation(1));
    world.load_written(1, r#"{"roas":[{"asn":1,"prefix":"10.0.0.0/8"}]}"#, None);
    world.pass(80_000);
    world.curator.source(world.now(), SourceId(1), Report::Unchanged);
    world.drain();
    world.pass(80_000);
    world.check(expect![[r#"
        0: serve 1 by Source(SourceId(1))
            + ipv4 + 10.0.0.0/8-8 AS1
        80000: serve 1 by Source(SourceId(1))
    "#]]);
    world.pass(10_000);
    world.check(expect![[r#"
        166398: SourceId(1) too old, made at 80000: Withdraw 1
        166398: serve 0 by Time
            - ipv4 + 10.0.0.0/8-8 AS1
    "#]]);
}
