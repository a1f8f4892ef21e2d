//! A wall clock that jumps.

use crate::{START, World, curation};
use expect_test::expect;
use rtrcast_feed::curator::SourceId;

fn expiring(end: u32) -> String {
    format!(r#"{{"roas":[{{"asn":1,"prefix":"10.0.0.0/8","expires":{}}}]}}"#, START + end)
}

#[test]
fn a_step_of_more_than_an_hour_expires_nothing_for_ten_minutes() {
    let mut world = World::new(curation(1));
    world.load(1, &expiring(10_000));
    world.pass(100);
    world.clock_error = 20_000;
    world.pass(1_000);
    world.check(expect![[r#"
        0: serve 1 by Source(SourceId(1))
            + ipv4 + 10.0.0.0/8-8 AS1
        120: ClockStepped { seconds: 20000, waits: 600s }
        720: ClockAccepted { seconds: 20000 }
        720: serve 0 by Time
            - ipv4 + 10.0.0.0/8-8 AS1
    "#]]);
}

#[test]
fn a_clock_that_comes_back_has_done_no_harm() {
    let mut world = World::new(curation(1));
    world.load(1, &expiring(10_000));
    world.pass(100);
    world.clock_error = 20_000;
    world.pass(200);
    world.clock_error = 0;
    world.pass(1_000);
    world.check(expect![[r#"
        0: serve 1 by Source(SourceId(1))
            + ipv4 + 10.0.0.0/8-8 AS1
        120: ClockStepped { seconds: 20000, waits: 600s }
        360: ClockStepReverted
    "#]]);
}

#[test]
fn the_operator_may_confirm_the_clock() {
    let mut world = World::new(curation(1));
    world.load(1, &expiring(10_000));
    world.clock_error = 20_000;
    world.pass(100);
    world.curator.confirm(world.now(), None);
    world.drain();
    world.check(expect![[r#"
        0: serve 1 by Source(SourceId(1))
            + ipv4 + 10.0.0.0/8-8 AS1
        60: ClockStepped { seconds: 20000, waits: 600s }
        100: ClockAccepted { seconds: 20000 }
        100: serve 0 by Time
            - ipv4 + 10.0.0.0/8-8 AS1
    "#]]);
}

#[test]
fn an_hour_is_accepted_at_once() {
    let mut world = World::new(curation(1));
    world.load(1, &expiring(3_000));
    world.clock_error = 3_600;
    world.pass(100);
    world.check(expect![[r#"
        0: serve 1 by Source(SourceId(1))
            + ipv4 + 10.0.0.0/8-8 AS1
        60: serve 0 by Time
            - ipv4 + 10.0.0.0/8-8 AS1
    "#]]);
}

#[test]
fn a_clock_that_is_set_back_brings_back_what_had_expired() {
    let mut world = World::new(curation(1));
    world.load(1, &expiring(3_000).replace("]}", r#",{"asn":2,"prefix":"10.0.0.0/8"}]}"#));
    world.clock_error = 3_100;
    world.pass(100);
    world.clock_error = 0;
    world.pass(100);
    world.check(expect![[r#"
        0: serve 2 by Source(SourceId(1))
            + ipv4 + 10.0.0.0/8-8 AS1
            + ipv4 + 10.0.0.0/8-8 AS2
        60: serve 1 by Time
            - ipv4 + 10.0.0.0/8-8 AS1
        120: serve 2 by Time
            + ipv4 + 10.0.0.0/8-8 AS1
    "#]]);
}

#[test]
fn a_clock_that_was_wrong_at_the_start_makes_nothing_old() {
    let mut world = World::new(curation(1));
    let document = |made: u32| {
        format!(r#"{{"metadata":{{"generated":{}}},"roas":[{{"asn":1,"prefix":"10.0.0.0/8"}}]}}"#, START + made)
    };
    world.clock_error = -200_000;
    world.load(1, &document(0));
    world.pass(30);
    world.clock_error = 0;
    world.pass(60);
    world.load(1, &document(90));
    world.pass(1_000);
    world.check(expect![[r#"
        0: SourceId(1) was made at 0, and the clock says -200000
        0: serve 1 by Source(SourceId(1))
            + ipv4 + 10.0.0.0/8-8 AS1
        60: ClockStepped { seconds: 200000, waits: 600s }
        90: serve 1 by Source(SourceId(1))
        660: ClockAccepted { seconds: 200000 }
        660: ClockAgrees(SourceId(1))
        660: serve 1 by Time
    "#]]);
}

#[test]
fn a_release_of_one_source_does_not_confirm_the_clock() {
    let mut world = World::new(curation(1));
    world.load(1, &expiring(10_000));
    world.clock_error = 20_000;
    world.pass(100);
    world.story.clear();
    world.curator.confirm(world.now(), Some(SourceId(1)));
    world.drain();
    world.check(expect![[""]]);
}
