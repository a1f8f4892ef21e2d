//! Why a record was announced or withdrawn.

use crate::name;
use rtrcast_feed::curator::{
    Cause, Curation, Curator, CuratorOutput, CurrentTime, Freshness, Guard, Recipe, Report, SourceId,
};
use rtrcast_feed::state::{Change, ChangeFilter, ChangedRecord, OmittedRecords};
use rtrcast_feed::{Overlaps, Reader, Slurm, SlurmDialect, SlurmFile, Table};
use rtrcast_proto::{Asn, Delta, Image, Moment, Pdu, Prefix, Version};
use std::sync::Arc;

const START: u32 = 1_800_000_000;

fn table(document: &str) -> Arc<Table> {
    let mut reader = Reader::new();
    reader.push(document.as_bytes()).expect("valid JSON");
    let Ok(table) = reader.finish().expect("valid entries").into_table(Version::V2, Vec::new());
    Arc::new(table)
}

fn vrp(n: u32, expires: Option<u32>) -> String {
    let expires = expires.map_or(String::new(), |expires| format!(", \"expires\": {expires}"));
    format!("{{\"asn\": {n}, \"prefix\": \"10.0.{n}.0/24\", \"ta\": \"ripe\"{expires}}}")
}

fn vrps(list: &[String]) -> String {
    format!("{{\"roas\": [{}]}}", list.join(","))
}

/// A curator, and the image that it served last.
struct Cache {
    curator: Curator,
    image: Image,
}

fn now(seconds: u32) -> CurrentTime {
    CurrentTime { moment: Moment(u64::from(seconds) * 1_000), unix: START + seconds }
}

impl Cache {
    fn new(sources: u32, guard: Guard) -> Cache {
        let curation = Curation {
            sources: (1..=sources).map(SourceId).collect(),
            choice: Default::default(),
            freshness: Freshness::default(),
            guard,
        };
        let mut curator = Curator::new(curation);
        curator.slurm(now(0), Arc::new(Slurm::none()));
        Cache { curator, image: Image::empty(Version::V2) }
    }

    fn load(&mut self, seconds: u32, source: u32, document: &str) {
        let report = Report::Loaded { table: table(document), written: Some(START) };
        self.curator.source(now(seconds), SourceId(source), report);
    }

    /// Returns the reasons of all that changed: a line each.
    fn changes(&mut self, seconds: u32) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            match self.curator.next() {
                CuratorOutput::Publish(recipe, cause) => lines.extend(self.explained(seconds, &recipe, cause)),
                CuratorOutput::Wait(_) => return lines,
                CuratorOutput::Event(_) | CuratorOutput::Withhold => {}
            }
        }
    }

    fn explained(&mut self, seconds: u32, recipe: &Recipe, cause: Cause) -> Vec<String> {
        let Ok(composed) = recipe.compose(Version::V2, Vec::new());
        let delta = Delta::between(&self.image, &composed.image);
        let names = (name(1, 0, &self.image), name(2, 1, &composed.image));
        let source_name = |source: SourceId| format!("source {}", source.0);
        let change = Change::explain(names, START + seconds, cause, &delta, Version::V2, recipe, source_name);
        assert_eq!(names.0.hash.changed_by(&change.delta().expect("a change")), names.1.hash);
        self.image = composed.image;
        let line = |record: &ChangedRecord| {
            let pdu = Pdu::decode(&record.octets).expect("a record").line(Version::V2);
            let sign = if record.is_announced { '+' } else { '-' };
            let source = change.name(record.source).unwrap_or("-");
            let anchor = change.name(record.trust_anchor).unwrap_or("-");
            let expires = record.expires.map_or("-".to_owned(), |at| format!("{}", i64::from(at) - i64::from(START)));
            format!("{sign} {} {:?} {source} {anchor} {expires}", &pdu[10..], record.reason)
        };
        change.records.iter().map(line).collect()
    }
}

fn no_guard() -> Guard {
    Guard { hold: None, ..Guard::default() }
}

#[test]
fn a_source_announces_and_withdraws() {
    let mut cache = Cache::new(1, no_guard());
    cache.load(0, 1, &vrps(&[vrp(1, Some(START + 900)), vrp(2, None)]));
    assert_eq!(
        cache.changes(0),
        ["+ 10.0.2.0/24-24 AS2 Source source 1 ripe -", "+ 10.0.1.0/24-24 AS1 Source source 1 ripe 900"]
    );
    cache.load(10, 1, &vrps(&[vrp(2, None), vrp(3, None)]));
    assert_eq!(
        cache.changes(10),
        ["- 10.0.1.0/24-24 AS1 Source source 1 - -", "+ 10.0.3.0/24-24 AS3 Source source 1 ripe -"]
    );
}

#[test]
fn records_expire_and_sets_become_too_old() {
    let mut cache = Cache::new(1, no_guard());
    cache.load(0, 1, &vrps(&[vrp(1, Some(START + 900)), vrp(2, None)]));
    cache.changes(0);
    cache.curator.tick(now(900));
    assert_eq!(cache.changes(900), ["- 10.0.1.0/24-24 AS1 Expired source 1 ripe 900"]);
    cache.curator.tick(now(90_000));
    assert_eq!(cache.changes(90_000), ["- 10.0.2.0/24-24 AS2 Age source 1 ripe -"]);
}

#[test]
fn slurm_filters_and_adds() {
    let mut cache = Cache::new(1, no_guard());
    cache.load(0, 1, &vrps(&[vrp(1, None), vrp(2, None)]));
    cache.changes(0);
    let file = r#"{"slurmVersion":1,"validationOutputFilters":{"prefixFilters":[{"asn":1}],"bgpsecFilters":[]},
        "locallyAddedAssertions":{"prefixAssertions":[{"asn":9,"prefix":"10.0.9.0/24"}],"bgpsecAssertions":[]}}"#;
    let file = Arc::new(SlurmFile::parse(file.as_bytes(), SlurmDialect::Strict).expect("a SLURM file"));
    let slurm = Slurm::merge(&[("slurm.json".into(), file)], Overlaps::Refuse).expect("one file");
    cache.curator.slurm(now(5), Arc::new(slurm));
    assert_eq!(cache.changes(5), ["- 10.0.1.0/24-24 AS1 Slurm source 1 ripe -", "+ 10.0.9.0/24-24 AS9 Slurm - - -"]);
    cache.curator.slurm(now(6), Arc::new(Slurm::none()));
    assert_eq!(cache.changes(6), ["- 10.0.9.0/24-24 AS9 Slurm - - -", "+ 10.0.1.0/24-24 AS1 Slurm source 1 ripe -"]);
}

#[test]
fn a_table_that_was_held_withdraws_by_the_guard() {
    let mut cache = Cache::new(1, Guard { nearly_all_min: 2, ..Guard::default() });
    cache.load(0, 1, &vrps(&[vrp(1, None), vrp(2, None)]));
    cache.changes(0);
    cache.load(5, 1, &vrps(&[]));
    assert_eq!(cache.changes(5), Vec::<String>::new());
    cache.curator.confirm(now(6), None);
    assert_eq!(
        cache.changes(6),
        ["- 10.0.2.0/24-24 AS2 Guard source 1 - -", "- 10.0.1.0/24-24 AS1 Guard source 1 - -"]
    );
}

#[test]
fn of_two_sources_the_one_that_has_a_record_is_named() {
    let mut cache = Cache::new(2, no_guard());
    cache.load(0, 1, &vrps(&[vrp(1, None)]));
    cache.load(0, 2, &vrps(&[vrp(1, Some(START + 50)), vrp(2, Some(START + 50))]));
    assert_eq!(
        cache.changes(0),
        ["+ 10.0.2.0/24-24 AS2 Source source 2 ripe 50", "+ 10.0.1.0/24-24 AS1 Source source 1 ripe -"]
    );
    cache.curator.tick(now(60));
    assert_eq!(cache.changes(60), ["- 10.0.2.0/24-24 AS2 Expired source 2 ripe 50"]);
}

#[test]
fn a_change_of_very_many_records_has_their_numbers() {
    let many: Vec<String> = (0..100_001_u32)
        .map(|n| format!("{{\"asn\": 1, \"prefix\": \"10.{}.{}.{}/32\"}}", n >> 16, n >> 8 & 255, n & 255))
        .collect();
    let (image, recipe) = recipe_of(&format!("{{\"roas\": [{}]}}", many.join(",")));
    let before = Image::empty(Version::V2);
    let names = (name(1, 0, &before), name(2, 1, &image));
    let explain = |delta: &Delta| {
        Change::explain(names, START, Cause::Source(SourceId(1)), delta, Version::V2, &recipe, |_| "a".to_owned())
    };
    let change = explain(&Delta::between(&before, &image));
    assert_eq!(change.omitted, Some(OmittedRecords { announced: 100_001, withdrawn: 0 }));
    assert_eq!(change.records, []);
    assert_eq!(Change::decode(&change.encode()), Some((change.clone(), change.encode().len())));
}

/// The image and the recipe of a document.
fn recipe_of(document: &str) -> (Image, Recipe) {
    let mut cache = Cache::new(1, no_guard());
    cache.load(0, 1, document);
    loop {
        if let CuratorOutput::Publish(recipe, _) = cache.curator.next() {
            let Ok(composed) = recipe.compose(Version::V2, Vec::new());
            return (composed.image, recipe);
        }
    }
}

#[test]
fn changes_are_found_by_time_prefix_and_as() {
    let document = "{\"roas\": [{\"asn\": 1, \"prefix\": \"10.0.0.0/8\"}, {\"asn\": 2, \"prefix\": \"10.1.0.0/16\"}, \
                    {\"asn\": 2, \"prefix\": \"11.0.0.0/8\"}, {\"asn\": 1, \"prefix\": \"a00::/8\"}], \
                    \"aspas\": [{\"customer_asid\": 1, \"providers\": [2]}]}";
    let (image, recipe) = recipe_of(document);
    let before = Image::empty(Version::V2);
    let names = (name(1, 0, &before), name(2, 1, &image));
    let delta = Delta::between(&before, &image);
    let cause = Cause::Source(SourceId(1));
    let change = Change::explain(names, START, cause, &delta, Version::V2, &recipe, |_| "a".to_owned());
    let found = |filter: ChangeFilter| {
        let records = change.records.iter().filter(|record| filter.has_record(record));
        let line =
            |record: &ChangedRecord| Pdu::decode(&record.octets).expect("a record").line(Version::V2)[10..].to_owned();
        records.map(line).collect::<Vec<String>>()
    };
    let prefix = |text: &str, len: u8| Prefix::new(text.parse().expect("an address"), len).ok();
    let of_prefix = |text: &str, len: u8| found(ChangeFilter { prefix: prefix(text, len), ..ChangeFilter::default() });
    assert_eq!(of_prefix("10.1.2.0", 24), ["10.1.0.0/16-16 AS2", "10.0.0.0/8-8 AS1"]);
    assert_eq!(of_prefix("10.0.0.0", 7), ["11.0.0.0/8-8 AS2", "10.1.0.0/16-16 AS2", "10.0.0.0/8-8 AS1"]);
    assert_eq!(of_prefix("12.0.0.0", 8), Vec::<String>::new());
    // Its first octets are those of 10.0.0.0/8.
    assert_eq!(of_prefix("a00::", 16), ["a00::/8-8 AS1"]);
    assert_eq!(found(ChangeFilter { asn: Some(Asn(1)), ..ChangeFilter::default() }).len(), 3);
    let both = ChangeFilter { asn: Some(Asn(2)), prefix: prefix("11.0.0.0", 8), since: None };
    assert_eq!(found(both), ["11.0.0.0/8-8 AS2"]);
    let since = |since| ChangeFilter { since: Some(since), ..ChangeFilter::default() };
    assert!(since(START).has_time(START) && !since(START + 1).has_time(START));
}
