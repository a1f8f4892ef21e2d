//! Several caches of one router: as stories, and at random against a naive model.
//!
//! A line of a story is one of
//!
//! ```text
//! add near 10                                          a cache and its preference
//! near has ipv4 10.0.0.0/8-24 AS1; aspa AS1 AS2,AS3    its End of Data
//! near lost | near flushed | near removed
//! ```
//!
//! After each line the caches in effect, their union and the wanted caches are written down. A `*` means that the union
//! was to be made again.

#![expect(clippy::unwrap_used, reason = "a helper of tests that fails should fail the test")]

use expect_test::{Expect, expect};
use proptest::prelude::*;
use rtrcast_proto::{
    ASPA_PROVIDERS_MAX, Asn, CacheId, Caches, Image, ImageSink, ImageWriter, Octets, Pdu, Preference, Section, Version,
    wire,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

fn check(story: &str, expect: Expect) {
    let mut caches = Caches::new();
    let mut ids: BTreeMap<&str, CacheId> = BTreeMap::new();
    let mut log = String::new();
    for line in story.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (first, rest) = line.split_once(' ').unwrap();
        let (word, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        let changed = match (first, word) {
            ("add", name) => {
                ids.insert(name, caches.add(Preference(rest.parse().unwrap())));
                continue;
            }
            (name, "has") => caches.synchronised(ids[name], image(Version::V2, rest.split("; "))),
            (name, "lost") => caches.lost(ids[name]),
            (name, "flushed") => caches.flushed(ids[name]),
            (name, "removed") => caches.remove(ids[name]),
            _ => panic!("not a line of a story: {line}"),
        };
        let name = |id: CacheId| *ids.iter().find(|(_, other)| **other == id).unwrap().0;
        let effective: Vec<&str> = caches.effective().map(name).collect();
        let wanted: Vec<&str> = caches.wanted().map(name).collect();
        let union = lines(&caches.union(Version::V2, Vec::new()).unwrap().image).join("; ");
        let effective = if effective.is_empty() { "nobody".to_owned() } else { effective.join(" ") };
        let (mark, wanted) = (if changed { " *" } else { "" }, wanted.join(" "));
        log.push_str(&format!("{first} {word}{mark} -> {effective} [{union}] wanted {wanted}\n"));
    }
    expect.assert_eq(&log);
}

/// The data set of records in text form, without "+"; they need not be in order.
fn image<'a>(version: Version, records: impl IntoIterator<Item = &'a str>) -> Image {
    let mut records: Vec<(Section, Vec<u8>)> = records
        .into_iter()
        .filter(|record| !record.is_empty())
        .map(|record| {
            let octets = wire::parse_line(&format!("v2 {}", record.replacen(' ', " + ", 1))).unwrap();
            let section = Section::ALL.into_iter().find(|section| section.pdu_type().octet() == octets[1]).unwrap();
            (section, octets)
        })
        .collect();
    records.sort_by(|(a, left), (b, right)| a.cmp(b).then_with(|| a.announcement_order(left, right)));
    let mut writer = ImageWriter::new(version, Vec::new());
    for (section, record) in records {
        writer.push(section, &record).unwrap();
    }
    writer.finish().unwrap()
}

/// The records of an image as [`image`] takes them, in order.
fn lines(image: &Image) -> Vec<String> {
    let image = image.to_version(Version::V2, Vec::new()).unwrap();
    let records = Section::ALL.into_iter().flat_map(|section| image.records(section));
    let text = |record: &[u8]| Pdu::decode(record).unwrap().line(Version::V2);
    records.map(|record| text(record)[3..].replacen(" + ", " ", 1)).collect()
}

#[test]
fn r_mul_01_the_most_preferred_synchronised_cache_is_in_effect() {
    check(
        "
        add far 20
        add near 10
        far has ipv4 10.0.0.0/8-8 AS2
        near has ipv4 10.0.0.0/8-8 AS1
        far has ipv4 10.0.0.0/8-8 AS3
        near has ipv4 10.0.0.0/8-8 AS4
        ",
        expect![[r#"
            far has * -> far [ipv4 10.0.0.0/8-8 AS2] wanted near far
            near has * -> near [ipv4 10.0.0.0/8-8 AS1] wanted near
            far has -> near [ipv4 10.0.0.0/8-8 AS1] wanted near
            near has * -> near [ipv4 10.0.0.0/8-8 AS4] wanted near
        "#]],
    );
}

#[test]
fn r_mul_01_caches_of_equal_preference_count_together() {
    check(
        "
        add a 10
        add far 20
        add b 10
        a has ipv4 10.0.0.0/8-8 AS1
        b has ipv4 10.0.0.0/8-8 AS2
        far has ipv4 10.0.0.0/8-8 AS3
        a flushed
        b flushed
        ",
        expect![[r#"
            a has * -> a [ipv4 10.0.0.0/8-8 AS1] wanted a b
            b has * -> a b [ipv4 10.0.0.0/8-8 AS2; ipv4 10.0.0.0/8-8 AS1] wanted a b
            far has -> a b [ipv4 10.0.0.0/8-8 AS2; ipv4 10.0.0.0/8-8 AS1] wanted a b
            a flushed * -> b [ipv4 10.0.0.0/8-8 AS2] wanted a b
            b flushed * -> far [ipv4 10.0.0.0/8-8 AS3] wanted a b far
        "#]],
    );
}

#[test]
fn r_mul_01_each_group_is_wanted_until_one_before_it_is_synchronised() {
    check(
        "
        add c 30
        add a 10
        add b 20
        add d 20
        a lost
        d has ipv4 10.0.0.0/8-8 AS4
        b has ipv4 10.0.0.0/8-8 AS2
        a has ipv4 10.0.0.0/8-8 AS1
        a lost
        b flushed
        d lost
        ",
        expect![[r#"
            a lost -> nobody [] wanted a b d c
            d has * -> d [ipv4 10.0.0.0/8-8 AS4] wanted a b d
            b has * -> b d [ipv4 10.0.0.0/8-8 AS4; ipv4 10.0.0.0/8-8 AS2] wanted a b d
            a has * -> a [ipv4 10.0.0.0/8-8 AS1] wanted a
            a lost * -> b d [ipv4 10.0.0.0/8-8 AS4; ipv4 10.0.0.0/8-8 AS2] wanted a b d
            b flushed * -> d [ipv4 10.0.0.0/8-8 AS4] wanted a b d
            d lost -> d [ipv4 10.0.0.0/8-8 AS4] wanted a b d c
        "#]],
    );
}

#[test]
fn r_mul_02_an_update_replaces_only_its_own_cache_s_data() {
    check(
        "
        add a 10
        add b 10
        a has ipv4 10.0.0.0/8-8 AS1; ipv4 10.1.0.0/16-16 AS1
        b has ipv4 10.0.0.0/8-8 AS1; ipv4 10.2.0.0/16-16 AS2
        a has ipv4 10.3.0.0/16-16 AS3
        b has
        a flushed
        ",
        expect![[r#"
            a has * -> a [ipv4 10.1.0.0/16-16 AS1; ipv4 10.0.0.0/8-8 AS1] wanted a b
            b has * -> a b [ipv4 10.2.0.0/16-16 AS2; ipv4 10.1.0.0/16-16 AS1; ipv4 10.0.0.0/8-8 AS1] wanted a b
            a has * -> a b [ipv4 10.3.0.0/16-16 AS3; ipv4 10.2.0.0/16-16 AS2; ipv4 10.0.0.0/8-8 AS1] wanted a b
            b has * -> a b [ipv4 10.3.0.0/16-16 AS3] wanted a b
            a flushed * -> b [] wanted a b
        "#]],
    );
}

#[test]
fn r_mul_03_a_record_is_in_effect_while_any_cache_has_it_and_its_cache_is_not_kept() {
    check(
        "
        add a 10
        add b 10
        add c 10
        a has ipv4 10.0.0.0/8-8 AS1; ipv6 2001:db8::/32-48 AS1; router-key 0101010101010101010101010101010101010101 AS1 300101
        b has ipv4 10.0.0.0/8-8 AS1; ipv6 2001:db8::/32-48 AS1; router-key 0101010101010101010101010101010101010101 AS1 300101
        c has ipv4 10.0.0.0/8-9 AS1; ipv6 2001:db8::/32-32 AS1; router-key 0101010101010101010101010101010101010101 AS1 300102
        a has
        b has
        ",
        expect![[r#"
            a has * -> a [ipv4 10.0.0.0/8-8 AS1; ipv6 2001:db8::/32-48 AS1; router-key 0101010101010101010101010101010101010101 AS1 300101] wanted a b c
            b has * -> a b [ipv4 10.0.0.0/8-8 AS1; ipv6 2001:db8::/32-48 AS1; router-key 0101010101010101010101010101010101010101 AS1 300101] wanted a b c
            c has * -> a b c [ipv4 10.0.0.0/8-9 AS1; ipv4 10.0.0.0/8-8 AS1; ipv6 2001:db8::/32-48 AS1; ipv6 2001:db8::/32-32 AS1; router-key 0101010101010101010101010101010101010101 AS1 300101; router-key 0101010101010101010101010101010101010101 AS1 300102] wanted a b c
            a has * -> a b c [ipv4 10.0.0.0/8-9 AS1; ipv4 10.0.0.0/8-8 AS1; ipv6 2001:db8::/32-48 AS1; ipv6 2001:db8::/32-32 AS1; router-key 0101010101010101010101010101010101010101 AS1 300101; router-key 0101010101010101010101010101010101010101 AS1 300102] wanted a b c
            b has * -> a b c [ipv4 10.0.0.0/8-9 AS1; ipv6 2001:db8::/32-32 AS1; router-key 0101010101010101010101010101010101010101 AS1 300102] wanted a b c
        "#]],
    );
}

#[test]
fn r_mul_03_records_of_different_versions_are_the_same() {
    let mut caches = Caches::new();
    let (a, b) = (caches.add(Preference(0)), caches.add(Preference(0)));
    caches.synchronised(a, image(Version::V0, ["ipv4 10.0.0.0/8-8 AS1"]));
    caches.synchronised(b, image(Version::V2, ["ipv4 10.0.0.0/8-8 AS1", "aspa AS1 AS2"]));
    let union = caches.union(Version::V1, Vec::new()).unwrap().image;
    assert_eq!(union.version(), Version::V1);
    assert_eq!(lines(&union), ["ipv4 10.0.0.0/8-8 AS1", "aspa AS1 AS2"]);
}

#[test]
fn r_mul_04_a_lost_cache_s_data_stay_until_another_is_synchronised() {
    check(
        "
        add near 10
        add far 20
        near has ipv4 10.0.0.0/8-8 AS1
        near lost
        far has ipv4 10.0.0.0/8-8 AS2
        near has ipv4 10.0.0.0/8-8 AS3
        ",
        expect![[r#"
            near has * -> near [ipv4 10.0.0.0/8-8 AS1] wanted near
            near lost -> near [ipv4 10.0.0.0/8-8 AS1] wanted near far
            far has * -> far [ipv4 10.0.0.0/8-8 AS2] wanted near far
            near has * -> near [ipv4 10.0.0.0/8-8 AS3] wanted near
        "#]],
    );
}

#[test]
fn r_mul_04_a_lost_cache_is_replaced_by_a_synchronised_one_and_is_a_reserve() {
    check(
        "
        add near 10
        add far 20
        far has ipv4 10.0.0.0/8-8 AS2
        near has ipv4 10.0.0.0/8-8 AS1
        near lost
        far flushed
        ",
        expect![[r#"
            far has * -> far [ipv4 10.0.0.0/8-8 AS2] wanted near far
            near has * -> near [ipv4 10.0.0.0/8-8 AS1] wanted near
            near lost * -> far [ipv4 10.0.0.0/8-8 AS2] wanted near far
            far flushed * -> near [ipv4 10.0.0.0/8-8 AS1] wanted near far
        "#]],
    );
}

#[test]
fn r_mul_04_when_the_last_connection_is_lost_nothing_changes() {
    check(
        "
        add near 10
        add far 20
        near has ipv4 10.0.0.0/8-8 AS1
        near lost
        far has ipv4 10.0.0.0/8-8 AS2
        far lost
        near lost
        far flushed
        near flushed
        ",
        expect![[r#"
            near has * -> near [ipv4 10.0.0.0/8-8 AS1] wanted near
            near lost -> near [ipv4 10.0.0.0/8-8 AS1] wanted near far
            far has * -> far [ipv4 10.0.0.0/8-8 AS2] wanted near far
            far lost -> far [ipv4 10.0.0.0/8-8 AS2] wanted near far
            near lost -> far [ipv4 10.0.0.0/8-8 AS2] wanted near far
            far flushed * -> near [ipv4 10.0.0.0/8-8 AS1] wanted near far
            near flushed * -> nobody [] wanted near far
        "#]],
    );
}

#[test]
fn r_mul_04_of_one_group_too_only_the_synchronised_count() {
    check(
        "
        add a 10
        add b 10
        a has ipv4 10.0.0.0/8-8 AS1
        b has ipv4 10.0.0.0/8-8 AS2
        a lost
        b lost
        b has ipv4 10.0.0.0/8-8 AS3
        b removed
        ",
        expect![[r#"
            a has * -> a [ipv4 10.0.0.0/8-8 AS1] wanted a b
            b has * -> a b [ipv4 10.0.0.0/8-8 AS2; ipv4 10.0.0.0/8-8 AS1] wanted a b
            a lost * -> b [ipv4 10.0.0.0/8-8 AS2] wanted a b
            b lost -> b [ipv4 10.0.0.0/8-8 AS2] wanted a b
            b has * -> b [ipv4 10.0.0.0/8-8 AS3] wanted a b
            b removed * -> a [ipv4 10.0.0.0/8-8 AS1] wanted a
        "#]],
    );
}

#[test]
fn r_mul_04_what_is_flushed_does_not_count_even_if_it_is_all_there_is() {
    check(
        "
        add only 10
        only lost
        only has ipv4 10.0.0.0/8-8 AS1
        only flushed
        only lost
        only has ipv4 10.0.0.0/8-8 AS1
        only lost
        only flushed
        ",
        expect![[r#"
            only lost -> nobody [] wanted only
            only has * -> only [ipv4 10.0.0.0/8-8 AS1] wanted only
            only flushed * -> nobody [] wanted only
            only lost -> nobody [] wanted only
            only has * -> only [ipv4 10.0.0.0/8-8 AS1] wanted only
            only lost -> only [ipv4 10.0.0.0/8-8 AS1] wanted only
            only flushed * -> nobody [] wanted only
        "#]],
    );
}

#[test]
fn r_mul_04_an_empty_set_is_a_set() {
    check(
        "
        add near 10
        add far 20
        far has ipv4 10.0.0.0/8-8 AS2
        near has
        ",
        expect![[r#"
            far has * -> far [ipv4 10.0.0.0/8-8 AS2] wanted near far
            near has * -> near [] wanted near
        "#]],
    );
}

#[test]
fn r_mul_05_aspas_of_one_customer_are_the_union_of_their_providers() {
    check(
        "
        add a 10
        add b 10
        add far 20
        a has aspa AS1 AS10,AS30; aspa AS2 AS10; aspa AS4 AS0
        b has aspa AS1 AS20,AS30; aspa AS3 AS0; aspa AS4 AS0
        far has aspa AS1 AS40
        b has aspa AS2 AS0; aspa AS4 AS9
        a lost
        ",
        expect![[r#"
            a has * -> a [aspa AS1 AS10,AS30; aspa AS2 AS10; aspa AS4 AS0] wanted a b
            b has * -> a b [aspa AS1 AS10,AS20,AS30; aspa AS2 AS10; aspa AS3 AS0; aspa AS4 AS0] wanted a b
            far has -> a b [aspa AS1 AS10,AS20,AS30; aspa AS2 AS10; aspa AS3 AS0; aspa AS4 AS0] wanted a b
            b has * -> a b [aspa AS1 AS10,AS30; aspa AS2 AS10; aspa AS4 AS9] wanted a b
            a lost * -> b [aspa AS2 AS0; aspa AS4 AS9] wanted a b
        "#]],
    );
}

#[test]
fn r_mul_05_a_customer_with_too_many_providers_together_is_left_out() {
    let list = |from: usize, count: usize| {
        let asns: Vec<String> = (from..from + count).map(|asn| format!("AS{asn}")).collect();
        format!("aspa AS7 {}", asns.join(","))
    };
    let mut caches = Caches::new();
    let (a, b) = (caches.add(Preference(0)), caches.add(Preference(0)));
    caches.synchronised(a, image(Version::V2, [&*list(100, 6_000), "aspa AS8 AS1", "aspa AS6 AS1"]));
    caches.synchronised(b, image(Version::V2, [&*list(6_100, ASPA_PROVIDERS_MAX - 6_000)]));
    let union = caches.union(Version::V2, Vec::new()).unwrap();
    assert_eq!(lines(&union.image), ["aspa AS6 AS1", &*list(100, ASPA_PROVIDERS_MAX), "aspa AS8 AS1"]);
    assert_eq!(union.left_out, []);

    caches.synchronised(b, image(Version::V2, [&*list(6_100, ASPA_PROVIDERS_MAX - 6_000 + 1)]));
    let union = caches.union(Version::V2, Vec::new()).unwrap();
    assert_eq!(lines(&union.image), ["aspa AS6 AS1", "aspa AS8 AS1"]);
    assert_eq!(union.left_out, [Asn(7)]);
}

/// Refuses everything: who uses it has failed.
struct NoSink;

impl ImageSink for NoSink {
    type Error = &'static str;

    fn write(&mut self, _: &[u8]) -> Result<(), Self::Error> {
        Err("the sink was used")
    }

    fn seal(self) -> Result<Arc<dyn Octets>, Self::Error> {
        Err("the sink was used")
    }
}

#[test]
fn a_single_image_is_not_copied_if_its_version_fits() {
    let mut caches = Caches::new();
    let (near, far) = (caches.add(Preference(0)), caches.add(Preference(1)));
    let set = image(Version::V1, ["ipv4 10.0.0.0/8-8 AS1"]);
    caches.synchronised(near, set.clone());
    caches.synchronised(far, image(Version::V1, ["ipv4 10.0.0.0/8-8 AS2"]));
    let union = caches.union(Version::V1, NoSink).unwrap().image;
    assert!(Arc::ptr_eq(union.shared(), set.shared()));
    assert_eq!(caches.union(Version::V2, NoSink).unwrap_err(), "the sink was used");
    let union = caches.union(Version::V2, Vec::new()).unwrap().image;
    assert_eq!((union.version(), union), (Version::V2, set));
}

#[test]
fn the_same_octets_again_are_no_change() {
    let mut caches = Caches::new();
    let cache = caches.add(Preference(0));
    let set = image(Version::V1, ["ipv4 10.0.0.0/8-8 AS1"]);
    assert!(caches.synchronised(cache, set.clone()));
    assert!(!caches.synchronised(cache, set.clone()));
    assert!(!caches.lost(cache));
    assert!(!caches.synchronised(cache, set.clone()));
    assert!(caches.flushed(cache));
    assert!(caches.synchronised(cache, set));
}

#[test]
fn inputs_for_a_removed_cache_change_nothing() {
    let mut caches = Caches::new();
    let gone = caches.add(Preference(0));
    assert!(!caches.remove(gone));
    let other = caches.add(Preference(1));
    assert_ne!(gone, other);
    assert!(!caches.synchronised(gone, image(Version::V1, [])));
    assert!(!caches.lost(gone) && !caches.flushed(gone) && !caches.remove(gone));
    assert!(caches.image(gone).is_none() && caches.effective().next().is_none());
    assert!(caches.wanted().eq([other]));
}

type Providers = BTreeSet<u32>;

/// A data set as the model has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Set {
    others: BTreeSet<&'static str>,
    aspas: BTreeMap<u32, Providers>,
}

impl Set {
    fn image(&self, version: Version) -> Image {
        let aspas = self.aspas.iter().map(|(customer, providers)| {
            let asns: Vec<String> = providers.iter().map(|asn| format!("AS{asn}")).collect();
            format!("aspa AS{customer} {}", asns.join(","))
        });
        let aspas: Vec<String> = aspas.collect();
        image(version, self.others.iter().copied().chain(aspas.iter().map(String::as_str)))
    }

    fn union<'a>(sets: impl IntoIterator<Item = &'a Set>) -> Set {
        let mut union = Set::default();
        for set in sets {
            union.others.extend(&set.others);
            for (customer, providers) in &set.aspas {
                union.aspas.entry(*customer).or_default().extend(providers);
            }
        }
        for providers in union.aspas.values_mut().filter(|providers| providers.len() > 1) {
            providers.remove(&0);
        }
        union
    }
}

/// The caches in the order in which they were added.
#[derive(Clone, Debug, Default)]
struct Model {
    caches: Vec<ModelCache>,
    /// Caches in effect when one was synchronised last.
    counted: Vec<usize>,
}

#[derive(Clone, Debug)]
struct ModelCache {
    id: CacheId,
    preference: u8,
    synchronised: bool,
    removed: bool,
    set: Option<Set>,
}

impl Model {
    /// Caches as preferred as the most preferred of them.
    fn first_group(&self, among: Vec<usize>) -> Vec<usize> {
        let preferred = |n: &usize| self.caches[*n].preference;
        let best = among.iter().map(preferred).min();
        among.into_iter().filter(|n| Some(preferred(n)) == best).collect()
    }

    fn all(&self, like_this: impl Fn(&ModelCache) -> bool) -> Vec<usize> {
        (0..self.caches.len()).filter(|n| like_this(&self.caches[*n])).collect()
    }

    fn effective(&mut self) -> Vec<usize> {
        let synchronised = self.all(|cache| cache.synchronised);
        if !synchronised.is_empty() {
            self.counted = self.first_group(synchronised);
        }
        self.counted.retain(|n| self.caches[*n].set.is_some());
        if self.counted.is_empty() {
            self.first_group(self.all(|cache| cache.set.is_some()))
        } else {
            self.counted.clone()
        }
    }

    fn wanted(&self) -> Vec<CacheId> {
        let before = |cache: &ModelCache| {
            self.caches.iter().any(|other| other.preference < cache.preference && other.synchronised)
        };
        let mut wanted = self.all(|cache| !cache.removed && !before(cache));
        wanted.sort_by_key(|n| self.caches[*n].preference);
        wanted.into_iter().map(|n| self.caches[n].id).collect()
    }
}

#[derive(Clone, Debug)]
enum Step {
    Add(u8),
    Synchronised(usize, Version, Set),
    Lost(usize),
    Flushed(usize),
    Removed(usize),
}

fn set() -> impl Strategy<Value = Set> {
    const OTHERS: [&str; 8] = [
        "ipv4 10.0.0.0/8-8 AS1",
        "ipv4 10.0.0.0/8-9 AS1",
        "ipv4 10.0.0.0/8-9 AS2",
        "ipv4 192.0.2.0/24-24 AS1",
        "ipv6 2001:db8::/32-32 AS1",
        "ipv6 2001:db8::/32-48 AS1",
        "router-key 0101010101010101010101010101010101010101 AS1 300101",
        "router-key 0101010101010101010101010101010101010101 AS1 3002ffff",
    ];
    let others = proptest::sample::subsequence(OTHERS.to_vec(), 0..=OTHERS.len());
    let providers = prop_oneof![Just(Providers::from([0])), proptest::collection::btree_set(10..14_u32, 1..3)];
    let aspas = proptest::collection::btree_map(1..4_u32, providers, 0..3);
    (others, aspas).prop_map(|(others, aspas)| Set { others: others.into_iter().collect(), aspas })
}

fn step() -> impl Strategy<Value = Step> {
    let cache = 0..6_usize;
    let version = proptest::sample::select(Version::ALL.to_vec());
    prop_oneof![
        2 => (0..3_u8).prop_map(Step::Add),
        6 => (cache.clone(), version, set()).prop_map(|(cache, version, set)| Step::Synchronised(cache, version, set)),
        4 => cache.clone().prop_map(Step::Lost),
        2 => cache.clone().prop_map(Step::Flushed),
        1 => cache.prop_map(Step::Removed),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn r_mul_03_the_caches_have_together_what_a_naive_model_has(
        preferences in proptest::collection::vec(0..3_u8, 1..4),
        steps in proptest::collection::vec(step(), 1..40),
        version in proptest::sample::select(Version::ALL.to_vec()),
    ) {
        let (mut caches, mut model) = (Caches::new(), Model::default());
        let mut before = Set::default();
        for step in preferences.into_iter().map(Step::Add).chain(steps) {
            let (n, changed) = match &step {
                Step::Add(preference) => {
                    let id = caches.add(Preference(*preference));
                    let cache = ModelCache { id, preference: *preference, synchronised: false, removed: false, set: None };
                    model.caches.push(cache);
                    (model.caches.len() - 1, false)
                }
                Step::Synchronised(n, version, set) => {
                    let n = n % model.caches.len();
                    (n, caches.synchronised(model.caches[n].id, set.image(*version)))
                }
                Step::Lost(n) => {
                    let n = n % model.caches.len();
                    (n, caches.lost(model.caches[n].id))
                }
                Step::Flushed(n) => {
                    let n = n % model.caches.len();
                    (n, caches.flushed(model.caches[n].id))
                }
                Step::Removed(n) => {
                    let n = n % model.caches.len();
                    (n, caches.remove(model.caches[n].id))
                }
            };
            let cache = &mut model.caches[n];
            (cache.synchronised, cache.removed, cache.set) = match (cache.removed, step) {
                (true, _) => (false, true, None),
                (false, Step::Synchronised(_, _, set)) => (true, false, Some(set)),
                (false, Step::Lost(_)) => (false, false, cache.set.take()),
                (false, Step::Flushed(_) | Step::Add(_)) => (false, false, None),
                (false, Step::Removed(_)) => (false, true, None),
            };

            let effective = model.effective();
            let ids: Vec<CacheId> = effective.iter().map(|n| model.caches[*n].id).collect();
            prop_assert_eq!(caches.effective().collect::<Vec<_>>(), ids);
            prop_assert_eq!(caches.wanted().collect::<Vec<_>>(), model.wanted());
            for cache in &model.caches {
                let image = cache.set.as_ref().map(|set| set.image(version));
                prop_assert_eq!(caches.image(cache.id), image.as_ref());
            }
            let together = Set::union(effective.iter().filter_map(|n| model.caches[*n].set.as_ref()));
            let union = caches.union(version, Vec::new()).unwrap();
            prop_assert_eq!(&union.image, &together.image(version));
            prop_assert_eq!(union.left_out, []);
            let records = Section::ALL.into_iter().flat_map(|section| union.image.records(section));
            prop_assert!(records.into_iter().all(|record| record[0] == version.octet()));
            prop_assert!(changed || before == together, "a change was not told");
            before = together;
        }
    }
}
