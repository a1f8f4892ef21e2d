//! Expiry and age.

use crate::{START, World, curation};
use expect_test::expect;
use rtrcast_feed::Table;
use rtrcast_feed::curator::{Assessment, Curation, Expired, Freshness, NotInEffect, Report, SourceId, TooOld};
use std::sync::Arc;
use std::time::Duration;

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
fn a_file_of_which_nothing_is_in_effect_does_not_replace_one_that_is() {
    let mut world = World::new(curation(1));
    world.load(1, &expiring(&[5_000]));
    world.pass(1_000);
    world.load(1, &expiring(&[100]));
    world.check(expect![[r#"
        0: serve 1 by Source(SourceId(1))
            + ipv4 + 10.0.0.0/8-8 AS1
        1000: SourceId(1) has nothing in effect: all 1 expired, the last one at 100
    "#]]);
}

#[test]
fn a_file_of_which_nothing_is_in_effect_is_no_data() {
    let mut world = World::new(curation(1));
    world.pass(1_000);
    world.load(1, &expiring(&[100]));
    world.check(expect![[r#"
        1000: SourceId(1) has nothing in effect: all 1 expired, the last one at 100
    "#]]);
}

#[test]
fn the_same_record_is_in_effect_as_long_as_any_source_has_it() {
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
        90000: NoLongerTooOld(SourceId(1))
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
        500: NoLongerTooOld(SourceId(1))
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
        998: SourceId(1) too old, made at 0, valid until 1000: Withdraw 1
        998: serve 0 by Time
            - ipv4 + 10.0.0.0/8-8 AS1
    "#]]);
}

#[test]
fn a_set_from_the_future_is_of_today() {
    let mut world = World::new(curation(1));
    let made = START + 80_000;
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
fn a_clock_more_than_a_day_behind_a_source_withdraws_nothing_and_is_reported() {
    let mut world = World::new(curation(1));
    world.clock_error = -172_800;
    world.load(1, &format!(r#"{{"metadata":{{"generated":{START}}},"roas":[{{"asn":1,"prefix":"10.0.0.0/8"}}]}}"#));
    // For a day and a half the file is not written again; then the clock is set.
    world.pass(129_600);
    world.check(expect![[r#"
        0: SourceId(1) was made at 0, and the clock says -172800
        0: serve 1 by Source(SourceId(1))
            + ipv4 + 10.0.0.0/8-8 AS1
        86400: ClockAgrees(SourceId(1))
        86400: SourceId(1) too old, made at -172800: Withdraw 1
        86400: serve 0 by Time
            - ipv4 + 10.0.0.0/8-8 AS1
    "#]]);
    world.clock_error = 0;
    world.pass(1_000);
    world.check(expect![[r#"
        129660: ClockStepped { seconds: 172800, waits: 600s }
        130260: ClockAccepted { seconds: 172800 }
    "#]]);
}

fn closing() -> Curation {
    let freshness = Freshness { too_old: TooOld::Close, age_seconds_max: 3_600, ..Freshness::default() };
    Curation { freshness, ..curation(2) }
}

#[test]
fn or_nothing_is_served_any_more_once_nothing_is_fresh() {
    let mut world = World::new(closing());
    world.load(1, MIXED);
    world.load(2, r#"{"roas":[{"asn":3,"prefix":"10.0.0.0/8"}]}"#);
    world.pass(4_000);
    // One of them has a record with an expiry of its own, and that is still served.
    world.check(expect![[r#"
        0: serve 3 by Source(SourceId(2))
            + ipv4 + 10.0.0.0/8-8 AS1
            + ipv4 + 10.0.0.0/8-8 AS2
            + ipv4 + 10.0.0.0/8-8 AS3
        3598: SourceId(1) too old, made at 0: Close 1
        3598: SourceId(2) too old, made at 0: Close 1
        3598: serve 1 by Time
            - ipv4 + 10.0.0.0/8-8 AS1
            - ipv4 + 10.0.0.0/8-8 AS3
    "#]]);
    world.pass(200_000);
    assert!(world.is_withheld);
    let why = world.curator.nothing_in_effect();
    assert_eq!(why, Some((SourceId(1), NotInEffect::TooOld { made: START, age_seconds_max: 3_600 })));
    world.check(expect![[r#"
        199998: serve nothing until there are fresh data
    "#]]);
    // SLURM makes nothing fresh.
    let added = r#"{"slurmVersion":1,"validationOutputFilters":{"prefixFilters":[],"bgpsecFilters":[]},"locallyAddedAssertions":{"prefixAssertions":[{"asn":9,"prefix":"10.9.0.0/16"}],"bgpsecAssertions":[]}}"#;
    world.curator.slurm(world.now(), crate::slurm(added));
    world.drain();
    world.check(expect![[""]]);
    world.load(2, r#"{"roas":[{"asn":3,"prefix":"10.0.0.0/8"}]}"#);
    assert!(!world.is_withheld);
    assert_eq!(world.curator.nothing_in_effect(), None);
    world.check(expect![[r#"
        204000: NoLongerTooOld(SourceId(2))
        204000: serve 2 by Source(SourceId(2))
            + ipv4 + 10.0.0.0/8-8 AS3
            + ipv4 + 10.9.0.0/16-16 AS9
            - ipv4 + 10.0.0.0/8-8 AS2
    "#]]);
}

#[test]
fn an_empty_set_that_is_fresh_is_in_effect() {
    let mut world = World::new(closing());
    world.fail(2);
    world.load(1, r#"{"roas":[]}"#);
    assert_eq!(world.curator.nothing_in_effect(), None);
    world.pass(4_000);
    assert!(matches!(world.curator.nothing_in_effect(), Some((SourceId(1), NotInEffect::TooOld { .. }))));
    world.check(expect![[r#"
        0: serve 0 by Source(SourceId(1))
        3598: SourceId(1) too old, made at 0: Close 0
        3598: serve nothing until there are fresh data
    "#]]);
}

#[test]
fn an_assessment_has_what_is_in_effect_and_until_when() {
    let of =
        |table: &Arc<Table>, at: u32, freshness: &Freshness| Assessment::of(table, Some(START), START + at, freshness);
    let (all, none) =
        (Freshness::default(), Assessment::of(&crate::table(r#"{"roas":[]}"#), None, START, &Freshness::default()));
    assert_eq!((none.nothing_in_effect, none.aged, none.expired), (None, 0, 0));
    let table = crate::table(&expiring(&[100, 200, 5_000, 9_000]));
    let (first_end, last_end) = (Some(START + 5_000), Some(START + 9_000));
    let last_expiry = Some(START + 200);
    assert_eq!(of(&table, 300, &all), Assessment { expired: 2, last_expiry, first_end, last_end, ..none });
    let why = Some(NotInEffect::Expired { records: 4, last: START + 9_000 });
    assert_eq!(
        of(&table, 9_000, &all),
        Assessment { expired: 4, last_expiry: last_end, nothing_in_effect: why, ..none }
    );
    let table = crate::table(MIXED);
    let (first_end, last_end) = (Some(START + 86_400), Some(1_800_200_000));
    assert_eq!(of(&table, 0, &all), Assessment { first_end, last_end, ..none });
    let set_not_in_effect = Some(NotInEffect::TooOld { made: START, age_seconds_max: 86_400 });
    let assessed = Assessment { aged: 1, set_not_in_effect, first_end: last_end, last_end, ..none };
    assert_eq!(of(&table, 90_000, &all), assessed);
    let kept = Freshness { too_old: TooOld::Keep, expired: Expired::Keep, ..all };
    assert_eq!(of(&table, 1_000_000, &kept), none);
}

#[test]
fn what_a_cache_takes_back_is_withdrawn_even_if_nothing_is_to_be_served_when_it_is_too_old() {
    let mut world = World::new(closing());
    world.fail(2);
    let table = crate::table(r#"{"roas":[{"asn":1,"prefix":"10.0.0.0/8"}]}"#);
    let report = Report::Synchronised { table, valid_for: Duration::from_secs(7_200) };
    world.curator.source(world.now(), SourceId(1), report);
    world.drain();
    world.curator.source(world.now(), SourceId(1), Report::Withdrawn);
    world.drain();
    world.pass(100);
    assert_eq!(world.curator.nothing_in_effect(), Some((SourceId(1), NotInEffect::Withdrawn)));
    world.check(expect![[r#"
        0: serve 1 by Source(SourceId(1))
            + ipv4 + 10.0.0.0/8-8 AS1
        0: serve 0 by Source(SourceId(1))
            - ipv4 + 10.0.0.0/8-8 AS1
    "#]]);
}

#[test]
fn a_start_with_data_that_are_too_old_serves_nothing_and_has_the_reason() {
    let old = |seconds: u32| {
        format!(r#"{{"metadata":{{"generated":{}}},"roas":[{{"asn":1,"prefix":"10.0.0.0/8"}}]}}"#, START - seconds)
    };
    let mut world = World::new(closing());
    world.load(1, &old(10_000));
    assert_eq!(world.curator.nothing_in_effect(), None, "the other one may have something");
    world.fail(2);
    let why = NotInEffect::TooOld { made: START - 10_000, age_seconds_max: 3_600 };
    assert_eq!(world.curator.nothing_in_effect(), Some((SourceId(1), why)));
    assert!(world.is_withheld);
    world.load(1, &old(0));
    world.check(expect![[r#"
        0: SourceId(1) has nothing in effect: older than 3600 s
        0: SourceId(1) too old, made at -10000: Close 1
        0: serve nothing until there are fresh data
        0: NoLongerTooOld(SourceId(1))
        0: serve 1 by Source(SourceId(1))
            + ipv4 + 10.0.0.0/8-8 AS1
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
