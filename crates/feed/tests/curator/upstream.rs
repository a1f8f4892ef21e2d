//! Another cache as a source: its data are in effect until their Expire, whatever happens to the connection.

use crate::{START, World, curation, lines, table, vrps};
use expect_test::expect;
use rtrcast_feed::Table;
use rtrcast_feed::curator::{Curation, Freshness, Report, SourceId, TooOld};
use std::sync::Arc;
use std::time::Duration;

const A: &str = r#"{"roas":[{"asn":1,"prefix":"10.0.0.0/8"},{"asn":2,"prefix":"10.0.0.0/8"}]}"#;

impl World {
    /// End of Data with another set, which expires so many seconds from now.
    fn synchronise(&mut self, document: &str, expire: u64) {
        let table = Arc::new(Table::of_image(table(document).image().clone()));
        let report = Report::Synchronised { table, valid_for: Duration::from_secs(expire) };
        self.curator.source(self.now(), SourceId(1), report);
        self.drain();
    }

    /// End of Data with nothing new.
    fn renew(&mut self, expire: u64) {
        let report = Report::Renewed { valid_for: Duration::from_secs(expire) };
        self.curator.source(self.now(), SourceId(1), report);
        self.drain();
    }

    fn withdraw(&mut self) {
        self.curator.source(self.now(), SourceId(1), Report::Withdrawn);
        self.drain();
    }
}

#[test]
fn its_data_count_until_their_expire_interval_has_passed() {
    let mut world = World::new(curation(1));
    world.synchronise(A, 7_200);
    world.pass(7_000);
    world.renew(7_200);
    world.story.clear();
    world.fail(1);
    world.pass(7_190);
    world.check(expect![[""]]);
    assert_eq!(world.at(), 14_190);
    world.pass(60);
    world.check(expect![[r#"
        14198: SourceId(1) too old, made at 7000: Withdraw 2
        14198: serve 0 by Time
            - ipv4 + 10.0.0.0/8-8 AS1
            - ipv4 + 10.0.0.0/8-8 AS2
    "#]]);
}

#[test]
fn what_is_renewed_is_the_same_set() {
    let mut world = World::new(curation(1));
    world.synchronise(A, 600);
    world.story.clear();
    world.pass(100);
    world.renew(600);
    // It is published once more, since its end has changed; its records have not.
    world.check(expect![[r#"
        100: serve 2 by Source(SourceId(1))
    "#]]);
    assert_eq!(world.curator.status()[0].made, Some(START + 100));
}

#[test]
fn a_cache_that_shuts_down_takes_its_data_with_it() {
    let mut world = World::new(curation(2));
    world.synchronise(A, 7_200);
    world.load(2, r#"{"roas":[{"asn":2,"prefix":"10.0.0.0/8"},{"asn":3,"prefix":"10.0.0.0/8"}]}"#);
    world.story.clear();
    world.withdraw();
    world.check(expect![[r#"
        0: serve 2 by Source(SourceId(1))
            - ipv4 + 10.0.0.0/8-8 AS1
    "#]]);
    world.synchronise(A, 7_200);
    world.check(expect![[r#"
        0: serve 3 by Source(SourceId(1))
            + ipv4 + 10.0.0.0/8-8 AS1
    "#]]);
}

#[test]
fn a_cache_that_shuts_down_takes_what_is_held_with_it() {
    let mut world = World::new(curation(1));
    world.synchronise(&crate::document(&vrps("", 10, 20_000), &[]), 7_200);
    world.pass(10);
    world.story.clear();
    world.synchronise(&crate::document(&vrps("", 10, 5_000), &[]), 7_200);
    world.check(expect![[r#"
        10: SourceId(1) held for 3600 s: 15000 of 20000 VRPs
        10: serve 20000 by Source(SourceId(1))
    "#]]);
    world.withdraw();
    world.check(expect![[r#"
        10: serve 0 by Source(SourceId(1)), 20000 changes
    "#]]);
    assert_eq!(world.served.as_ref().map(std::collections::BTreeSet::len), Some(0));
}

#[test]
fn what_is_served_while_a_newer_set_is_held_does_not_expire_for_it() {
    let mut world = World::new(curation(1));
    world.synchronise(&crate::document(&vrps("", 10, 20_000), &[]), 600);
    world.pass(10);
    world.synchronise(&crate::document(&vrps("", 10, 5_000), &[]), 600);
    for _ in 0..10 {
        world.pass(300);
        world.renew(600);
    }
    assert_eq!(world.served.as_ref().map(std::collections::BTreeSet::len), Some(20_000));
    // An hour after the loss it is accepted.
    for _ in 0..3 {
        world.pass(300);
        world.renew(600);
    }
    assert_eq!(world.served.as_ref().map(std::collections::BTreeSet::len), Some(5_000));
}

#[test]
fn an_operator_may_keep_what_a_cache_left() {
    let freshness = Freshness { too_old: TooOld::Keep, ..Freshness::default() };
    let mut world = World::new(Curation { freshness, ..curation(1) });
    world.synchronise(A, 600);
    world.fail(1);
    world.pass(100_000);
    assert_eq!(world.served, Some(lines(table(A).image())));
}

#[test]
fn code_13_withdraws_even_if_what_is_too_old_is_kept() {
    let freshness = Freshness { too_old: TooOld::Keep, ..Freshness::default() };
    let mut world = World::new(Curation { freshness, ..curation(1) });
    world.synchronise(A, 600);
    world.story.clear();
    world.withdraw();
    world.check(expect![[r#"
        0: serve 0 by Source(SourceId(1))
            - ipv4 + 10.0.0.0/8-8 AS1
            - ipv4 + 10.0.0.0/8-8 AS2
    "#]]);
    assert_eq!(world.served.as_ref().map(std::collections::BTreeSet::len), Some(0));
}

#[test]
fn a_set_that_is_held_again_and_again_keeps_the_one_before_it_alive() {
    let mut world = World::new(curation(1));
    world.synchronise(&crate::document(&vrps("", 10, 20_000), &[]), 600);
    for n in 0..10 {
        world.pass(300);
        world.synchronise(&crate::document(&vrps("", 10, 5_000 + n), &[]), 600);
        assert_eq!(world.served.as_ref().map(std::collections::BTreeSet::len), Some(20_000), "{n}");
    }
}

#[test]
fn the_clock_on_the_wall_neither_ends_nor_prolongs_what_a_cache_sent() {
    for error in [-7_200, 1_800, 86_400] {
        let mut world = World::new(curation(1));
        world.synchronise(A, 7_200);
        world.pass(100);
        world.clock_error = error;
        world.curator.tick(world.now());
        world.drain();
        world.pass(7_090);
        assert_eq!(world.served.as_ref().map(std::collections::BTreeSet::len), Some(2), "{error}");
        world.pass(70);
        assert_eq!(world.served.as_ref().map(std::collections::BTreeSet::len), Some(0), "{error}");
    }
}

#[test]
fn what_a_cache_sent_ends_in_time_whatever_the_fractions_of_seconds_are() {
    for phase in [0, 100, 500, 900, 999] {
        for report in [100, 500, 900] {
            let mut world = World::new(curation(1));
            world.moment.0 += phase;
            let table = Arc::new(Table::of_image(table(A).image().clone()));
            let valid_for = Duration::from_millis(599_990);
            let ends = world.moment.after(valid_for);
            let synchronised = Report::Synchronised { table, valid_for };
            world.curator.source(world.now(), SourceId(1), synchronised);
            world.drain();
            world.moment.0 += 9_000 + report;
            world.fail(1);
            while world.moment < ends {
                assert_eq!(world.served.as_ref().map(std::collections::BTreeSet::is_empty), Some(false));
                let Some(wait) = world.wait.filter(|wait| *wait < ends) else { break };
                assert!(wait > world.moment, "it wants to be asked again at once, for ever");
                world.moment = wait;
                world.curator.tick(world.now());
                world.drain();
                if world.served.as_ref().is_some_and(std::collections::BTreeSet::is_empty) {
                    break;
                }
            }
            assert!(world.served.as_ref().is_some_and(std::collections::BTreeSet::is_empty), "{phase} {report}");
        }
    }
}
