//! A curator that goes on with what an earlier run of the program served.

use crate::{START, World, curation, document, slurm, table, vrps};
use expect_test::expect;
use rtrcast_feed::Slurm;
use rtrcast_feed::curator::{
    Choice, Curation, Curator, CuratorOutput, Freshness, RESTORED, Recipe, Report, Resumption, SourceId, TooOld,
};
use rtrcast_proto::{Moment, Section, Version};
use std::sync::Arc;
use std::time::Duration;

/// Moments of the first run: later ones than the seconds that pass, so that earlier ones are moments as well.
const BASE: Moment = Moment(1_000_000_000);

/// What a run keeps.
struct Kept {
    recipe: Recipe,
    resumption: Resumption,
}

fn first_run(curation: Curation) -> World {
    let mut world = World::without_slurm(curation);
    world.moment = BASE;
    world.clock_error = -(BASE.0 as i64) / 1_000;
    world.curator.slurm(world.now(), Arc::new(Slurm::default()));
    world.drain();
    world
}

/// Ends a run: what it served by its last recipe is kept.
fn end(world: &mut World, recipe: &Recipe) -> Kept {
    let Ok(composed) = recipe.compose(Version::V2, Vec::new());
    let now = world.now();
    let resumption = Resumption {
        slurm: None,
        served: Arc::new(recipe.table(&composed.image)),
        is_current: true,
        feeds: world.curator.stored(now),
        time: now.unix,
    };
    Kept { recipe: recipe.clone(), resumption }
}

/// Loads documents, and returns the last recipe.
fn load(world: &mut World, documents: &[(u32, &str)]) -> Recipe {
    let mut last = None;
    for (source, text) in documents {
        let report = Report::Loaded { table: table(text), written: Some(world.now().unix) };
        world.curator.source(world.now(), SourceId(*source), report);
        loop {
            match world.curator.next() {
                CuratorOutput::Publish(recipe, _) => last = Some(recipe),
                CuratorOutput::Wait(wait) => {
                    world.wait = wait;
                    break;
                }
                _ => {}
            }
        }
    }
    last.expect("a publication")
}

/// Starts again after this time, with a curator that goes on.
fn resumed(before: &World, away: u64, curation: Curation, resumption: Resumption) -> World {
    let mut world = World::without_slurm(curation.clone());
    world.clock_error = before.clock_error;
    world.moment = before.moment.after(Duration::from_secs(away));
    world.curator = Curator::resume(curation, world.now(), resumption);
    world.curator.slurm(world.now(), Arc::new(Slurm::default()));
    world.drain();
    world
}

fn small(vrps_count: usize) -> String {
    document(&vrps("ripe", 10, vrps_count), &[r#"{"customer":1,"providers":[65000]}"#.to_owned()])
}

#[test]
fn with_all_sources_down_what_was_served_stays_until_it_is_too_old() {
    let mut world = first_run(curation(1));
    let recipe = load(&mut world, &[(1, &small(3))]);
    let kept = end(&mut world, &recipe);
    let mut world = resumed(&world, 3_600, curation(1), kept.resumption);
    assert_eq!(world.served.as_ref().map(|set| set.len()), Some(4));
    world.fail(1);
    world.story.clear();
    world.pass(82_700);
    assert_eq!(world.served.as_ref().map(|set| set.len()), Some(4));
    world.pass(200);
    assert_eq!(world.served.as_ref().map(|set| set.len()), Some(0));
}

#[test]
fn a_source_that_is_read_is_served_once_the_others_have_been_read() {
    let mut world = first_run(curation(2));
    let recipe = load(&mut world, &[(1, &small(3)), (2, &document(&vrps("arin", 20, 2), &[]))]);
    let kept = end(&mut world, &recipe);
    let mut world = resumed(&world, 60, curation(2), kept.resumption);
    assert_eq!(world.served.as_ref().map(|set| set.len()), Some(6));
    world.load(1, &small(2));
    assert_eq!(world.served.as_ref().map(|set| set.len()), Some(6));
    world.load(2, &document(&vrps("arin", 20, 2), &[]));
    assert_eq!(world.served.as_ref().map(|set| set.len()), Some(5));
}

#[test]
fn of_a_source_that_does_not_come_back_the_stored_table_is_served() {
    let mut world = first_run(curation(2));
    let recipe = load(&mut world, &[(1, &small(3)), (2, &document(&vrps("arin", 20, 2), &[]))]);
    let kept = end(&mut world, &recipe);
    let mut world = resumed(&world, 60, curation(2), kept.resumption);
    world.load(1, &small(1));
    world.pass(310);
    assert_eq!(world.served.as_ref().map(|set| set.len()), Some(4));
}

#[test]
fn of_a_source_whose_table_is_lost_what_was_served_stays_for_300_s() {
    let mut world = first_run(curation(2));
    let recipe = load(&mut world, &[(1, &small(3)), (2, &document(&vrps("arin", 20, 2), &[]))]);
    let mut kept = end(&mut world, &recipe);
    kept.resumption.feeds.pop();
    let mut world = resumed(&world, 60, curation(2), kept.resumption);
    world.load(1, &small(3));
    world.fail(2);
    world.fail(2);
    world.pass(290);
    assert_eq!(world.served.as_ref().map(|set| set.len()), Some(6));
    world.pass(20);
    assert_eq!(world.served.as_ref().map(|set| set.len()), Some(4));
}

#[test]
fn a_hold_goes_on_where_it_was() {
    let mut world = first_run(curation(1));
    let full = document(&[vrps("arin", 10, 12_000), vrps("ripe", 20, 30_000)].concat(), &[]);
    let recipe = load(&mut world, &[(1, &full)]);
    world.load(1, &document(&vrps("ripe", 20, 30_000), &[]));
    world.pass(1_000);
    let kept = end(&mut world, &recipe);
    let mut world = resumed(&world, 600, curation(1), kept.resumption);
    assert!(world.curator.status()[0].held.is_some());
    // The source has the same still.
    world.curator.source(world.now(), SourceId(1), Report::Unchanged);
    world.drain();
    assert_eq!(world.served.as_ref().map(|set| set.len()), Some(42_000));
    world.pass(1_990);
    assert_eq!(world.served.as_ref().map(|set| set.len()), Some(42_000));
    world.pass(20);
    assert_eq!(world.served.as_ref().map(|set| set.len()), Some(30_000));
}

#[test]
fn with_another_slurm_file_it_is_made_anew_from_the_stored_tables() {
    let mut world = first_run(curation(1));
    let recipe = load(&mut world, &[(1, &small(3))]);
    let kept = end(&mut world, &recipe);
    let mut again = World::without_slurm(curation(1));
    again.clock_error = world.clock_error;
    again.moment = world.moment.after(Duration::from_secs(5));
    let resumption = Resumption { is_current: false, ..kept.resumption };
    again.curator = Curator::resume(curation(1), again.now(), resumption);
    let filter = r#"{"slurmVersion":1,"validationOutputFilters":{"prefixFilters":[{"prefix":"10.0.1.0/24"}],"bgpsecFilters":[]},"locallyAddedAssertions":{"prefixAssertions":[],"bgpsecAssertions":[]}}"#;
    again.curator.slurm(again.now(), slurm(filter));
    again.drain();
    assert_eq!(again.served.as_ref().map(|set| set.len()), Some(3));
}

#[test]
fn a_clock_that_is_behind_the_files_begins_where_they_end() {
    let mut world = first_run(curation(1));
    let recipe = load(&mut world, &[(1, &small(3))]);
    let kept = end(&mut world, &recipe);
    world.clock_error -= 1_700_000_000;
    let mut world = resumed(&world, 0, curation(1), kept.resumption);
    // It is accepted after 600 s, and then no age counts: what was served is of the future.
    world.pass(1_000);
    assert_eq!(world.served.as_ref().map(|set| set.len()), Some(4));
    world.clock_error += 1_700_000_000;
    world.pass(1_000);
    assert_eq!(world.served.as_ref().map(|set| set.len()), Some(4));
    world.pass(86_000);
    assert_eq!(world.served.as_ref().map(|set| set.len()), Some(0));
}

#[test]
fn if_all_is_too_old_nothing_is_served_where_that_is_configured() {
    let curation = || Curation {
        freshness: Freshness { too_old: TooOld::Close, ..Freshness::default() },
        choice: Choice::First,
        ..curation(1)
    };
    let mut world = first_run(curation());
    let recipe = load(&mut world, &[(1, &small(3))]);
    let kept = end(&mut world, &recipe);
    let world = resumed(&world, 90_000, curation(), kept.resumption);
    assert!(world.is_withheld);
    assert_eq!(world.curator.nothing_in_effect().map(|(source, _)| source), Some(RESTORED));
}

#[test]
fn what_is_kept_of_a_set_has_the_latest_expiry_of_each_record_and_its_trust_anchor() {
    let vrp = |n: u32, ta: &str, expires: Option<u32>| {
        let expires = expires.map_or(String::new(), |expires| format!(r#","expires":{expires}"#));
        format!(r#"{{"asn":{n},"prefix":"10.0.{n}.0/24","ta":"{ta}"{expires}}}"#)
    };
    let first = document(&[vrp(1, "ripe", Some(START + 5_000)), vrp(2, "ripe", Some(START + 5_000))], &[]);
    let second = document(&[vrp(2, "arin", Some(START + 9_000)), vrp(3, "arin", None)], &[]);
    let mut world = first_run(curation(2));
    let recipe = load(&mut world, &[(1, &first), (2, &second)]);
    let kept = end(&mut world, &recipe);
    let facts: Vec<_> = (0..3).filter_map(|n| kept.resumption.served.facts(Section::Ipv4Prefix, n)).collect();
    let shown: Vec<_> = facts.iter().map(|facts| (facts.expires.map(|at| at - START), facts.trust_anchor)).collect();
    expect![[r#"[(None, Some("arin")), (Some(9000), Some("ripe")), (Some(5000), Some("ripe"))]"#]]
        .assert_eq(&format!("{shown:?}"));
    drop(kept.recipe);
}

#[test]
fn a_stored_table_that_is_older_than_what_was_served_is_not_served_while_nothing_was_read() {
    let mut world = first_run(curation(1));
    let recipe = load(&mut world, &[(1, &small(3))]);
    let mut kept = end(&mut world, &recipe);
    // The set that was served is a newer one.
    let newer = load(&mut world, &[(1, &small(2))]);
    kept.resumption.served = end(&mut world, &newer).resumption.served;
    kept.resumption.feeds[0].1.is_stale = true;
    let mut world = resumed(&world, 60, curation(1), kept.resumption);
    world.fail(1);
    world.pass(1_000);
    assert_eq!(world.served.as_ref().map(|set| set.len()), Some(3));
    // The source has what is stored.
    world.curator.source(world.now(), SourceId(1), Report::Unchanged);
    world.drain();
    assert_eq!(world.served.as_ref().map(|set| set.len()), Some(4));
}

/// A curator that goes on after this time, without any input yet.
fn resumed_alone(before: &World, away: u64, resumption: Resumption) -> World {
    let mut world = World::without_slurm(curation(1));
    world.clock_error = before.clock_error;
    world.moment = before.moment.after(Duration::from_secs(away));
    world.curator = Curator::resume(curation(1), world.now(), resumption);
    world
}

#[test]
fn what_ended_meanwhile_has_to_be_published_before_anything_is_served() {
    let mut world = first_run(curation(1));
    let expiring = format!(
        "{{\"roas\": [{{\"asn\": 1, \"prefix\": \"10.0.0.0/8\", \"expires\": {}}}, {{\"asn\": 2, \"prefix\": \"11.0.0.0/8\"}}]}}",
        START + 1_000
    );
    let recipe = load(&mut world, &[(1, &expiring)]);
    let kept = end(&mut world, &recipe);
    let early = resumed_alone(&world, 500, kept.resumption.clone());
    assert!(!early.curator.is_due(early.now().moment));
    let mut late = resumed_alone(&world, 1_100, kept.resumption);
    assert!(late.curator.is_due(late.now().moment));
    // Also while the SLURM files, which may be at a URL, are not known: the set has them in it.
    late.curator.tick(late.now());
    late.drain();
    assert_eq!(late.served.as_ref().map(|set| set.len()), Some(1));
}

#[test]
fn a_set_of_other_slurm_files_has_to_be_published_before_anything_is_served() {
    let mut world = first_run(curation(1));
    let recipe = load(&mut world, &[(1, &small(3))]);
    let kept = end(&mut world, &recipe);
    let filter = r#"{"slurmVersion":1,"validationOutputFilters":{"prefixFilters":[{"prefix":"10.0.0.0/8"}],"bgpsecFilters":[]},"locallyAddedAssertions":{"prefixAssertions":[],"bgpsecAssertions":[]}}"#;
    let slurm = Some(slurm(filter));
    let resumption = Resumption { is_current: false, slurm, ..kept.resumption };
    let mut world = resumed_alone(&world, 10, resumption);
    assert!(world.curator.is_due(world.now().moment));
    world.curator.tick(world.now());
    world.drain();
    assert_eq!(world.served.as_ref().map(|set| set.len()), Some(1));
}

#[test]
fn the_accepted_time_is_not_before_that_of_the_files() {
    let mut world = first_run(curation(1));
    let recipe = load(&mut world, &[(1, &small(3))]);
    let kept = end(&mut world, &recipe);
    let time = kept.resumption.time;
    let mut world = resumed_alone(&world, 10, kept.resumption);
    assert_eq!(world.curator.accepted_time(world.now()), time + 10);
    world.clock_error -= 100_000;
    let mut set_back = world.now();
    assert_eq!(world.curator.accepted_time(set_back), time + 10 - 100_000);
    set_back.unix = 0;
    let late = Curator::resume(
        curation(1),
        set_back,
        Resumption { served: table(&small(1)), is_current: true, slurm: None, feeds: Vec::new(), time },
    );
    assert_eq!(late.accepted_time(set_back), time);
}

#[test]
fn tables_that_are_what_was_served_age_each_by_itself() {
    let mut world = first_run(curation(2));
    let second = document(&vrps("arin", 20, 2), &[]);
    load(&mut world, &[(1, &small(3)), (2, &second)]);
    world.pass(80_000);
    let recipe = load(&mut world, &[(2, &second)]);
    let mut kept = end(&mut world, &recipe);
    kept.resumption.slurm = Some(Arc::default());
    let away = |is_stale: bool| {
        let mut resumption = kept.resumption.clone();
        resumption.feeds.iter_mut().for_each(|(_, feed)| feed.is_stale = is_stale);
        let mut again = World::without_slurm(curation(2));
        again.clock_error = world.clock_error;
        again.moment = world.moment.after(Duration::from_secs(10_000));
        again.curator = Curator::resume(curation(2), again.now(), resumption);
        again.curator.tick(again.now());
        again.drain();
        again.served.as_ref().map(|set| set.len())
    };
    // The first source's are too old by now.
    assert_eq!(away(false), Some(2));
    // Not served anew: what was served has one age, that of the newest source.
    assert_eq!(away(true), None);
}

#[test]
fn slurm_that_comes_later_and_is_another_one_makes_the_set_anew() {
    let mut world = first_run(curation(1));
    let assertion = r#"{"slurmVersion":1,"validationOutputFilters":{"prefixFilters":[],"bgpsecFilters":[]},"locallyAddedAssertions":{"prefixAssertions":[{"asn":9,"prefix":"9.0.0.0/8"}],"bgpsecAssertions":[]}}"#;
    world.curator.slurm(world.now(), slurm(assertion));
    world.drain();
    let recipe = load(&mut world, &[(1, &small(3))]);
    let kept = end(&mut world, &recipe);
    let again = |is_current: bool| {
        let mut world = resumed_alone(&world, 10, kept.resumption.clone());
        world.curator.slurm_known(world.now(), Arc::default(), is_current);
        world.drain();
        world.served.as_ref().map(|set| set.len())
    };
    // What the former files added is in the set that was served.
    assert_eq!((again(true), again(false)), (Some(5), Some(4)));
}
