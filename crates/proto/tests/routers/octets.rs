//! Properties of a router against caches that may send anything.

use crate::story::{Story, response, up_to};
use proptest::prelude::*;
use proptest::sample::Index;
use rtrcast_proto::{Version, wire};

/// PDUs that a cache might send to a router that holds `10.0.0.0/8-24 AS64496` as serial 5 of session 7, and asks.
fn lines(version: Version) -> Vec<Vec<u8>> {
    let mut lines: Vec<Vec<u8>> = [
        "cache-response session=7",
        "cache-response session=8",
        "cache-reset",
        "serial-notify session=7 serial=6",
        "serial-notify session=8 serial=6",
        "ipv4 + 10.0.0.0/8-8 AS2",
        "ipv4 - 10.0.0.0/8-8 AS2",
        "ipv4 - 10.0.0.0/8-24 AS64496",
        "ipv4 + 10.0.0.0/8-24 AS64496",
        "ipv6 + 2001:db8::/32-48 AS2",
        "end-of-data session=7 serial=6 refresh=3600 retry=600 expire=7200",
        "end-of-data session=7 serial=7 refresh=0 retry=0 expire=0",
        "error 2 \"\" copy=",
        "error 4 \"\" copy=",
        "error 3 \"x\" copy=01020000",
        "error 12 \"\" copy=",
    ]
    .iter()
    .map(|line| wire::parse_line(&format!("v{version} {line}")).unwrap())
    .collect();
    lines.push(response(&format!("v{version} 7 6 ipv4 + 10.0.0.0/8-8 AS2; ipv4 - 10.0.0.0/8-24 AS64496")));
    lines.push(response(&format!("v{version} 7 8 ipv6 + 2001:db8::/32-48 AS2")));
    if version == Version::V2 {
        lines.push(response("v2 7 6 aspa + AS1 AS2; aspa + AS2 AS3; aspa - AS1; ipv4 + 10.0.0.0/8-8 AS2"));
    }
    lines
}

#[derive(Clone, Debug)]
struct Talk {
    version: Version,
    /// True if the router speaks that version with the cache already; else it has asked in version 2 on its first
    /// connection.
    is_synced: bool,
    chosen: Vec<Index>,
    mutations: Vec<(Index, u8)>,
    cuts: Vec<Index>,
}

impl Talk {
    fn octets(&self) -> Vec<u8> {
        let lines = lines(self.version);
        let mut octets: Vec<u8> = self.chosen.iter().flat_map(|place| place.get(&lines).clone()).collect();
        for (place, octet) in &self.mutations {
            *place.get_mut(&mut octets) = *octet;
        }
        octets
    }
}

fn talk(mutations_max: usize) -> impl Strategy<Value = Talk> {
    (
        proptest::sample::select(Version::ALL.to_vec()),
        proptest::collection::vec(any::<Index>(), 1..6),
        proptest::collection::vec((any::<Index>(), prop_oneof![0..16_u8, any::<u8>()]), 0..=mutations_max),
        proptest::collection::vec(any::<Index>(), 0..8),
        any::<bool>(),
    )
        .prop_map(|(version, chosen, mutations, cuts, is_synced)| Talk {
            version,
            is_synced,
            chosen,
            mutations,
            cuts,
        })
}

/// Events and writes of the router, each in order. Of Error Reports the copies are left out: they hold as much as was
/// there when the report was made.
fn events_and_writes(log: &str) -> (Vec<&str>, Vec<&str>) {
    let lines = log.lines().filter(|line| !line.starts_with("= waits") && !line.starts_with("= data"));
    let lines = lines.map(|line| line.split(" copy=").next().unwrap_or(line));
    lines.partition(|line| !line.starts_with('<'))
}

fn asked(version: Version) -> Story {
    Story::synced(version).tell("refresh")
}

fn assert_same_in_pieces<'a>(talk: &Talk, octets: &[u8], pieces: impl Iterator<Item = &'a [u8]>) {
    let start = || match talk.is_synced {
        true => asked(talk.version),
        false => Story::new(up_to(Version::V2)).tell("connect"),
    };
    let mut whole = start();
    whole.receive(octets);
    let mut cut = start();
    for piece in pieces {
        cut.receive(piece);
    }
    assert_eq!(events_and_writes(whole.log()), events_and_writes(cut.log()));
    assert_eq!(whole.session().data().map(|data| &data.image), cut.session().data().map(|data| &data.image));
}

/// Asserts the rules for the data after an error, by the router's events.
fn assert_rules(version: Version, story: &Story) {
    let log = story.log();
    let data = story.session().data();
    let Some((_, end)) = log.split_once("! ended: ") else {
        assert!(data.is_some(), "{log}");
        return;
    };
    let is_mismatch = end.starts_with("the cache broke the protocol: not the session id");
    let is_violation = end.starts_with("the cache broke the protocol");
    let is_reported = end.starts_with("the cache reported error") || end.starts_with("the cache sent a malformed");
    let is_flushed = is_mismatch || version == Version::V2 && (is_violation || is_reported);
    // Code 2 of the right version leaves the data, and of another one it is as fatal as anything.
    if !end.starts_with("the cache reported error 2 ") {
        assert_eq!(data.is_none(), is_flushed || end.starts_with("the cache shuts down"), "{log}");
    }
    let written = log.lines().filter(|line| line.starts_with("< ") && line.contains(" error ")).count();
    assert_eq!(written, log.matches("! reported").count(), "{log}");
    if !log.contains("! updated")
        && let Some(data) = data
    {
        assert_eq!(crate::story::shown_image(&data.image), "ipv4 10.0.0.0/8-24 AS64496", "{log}");
    }
}

proptest! {
    #[test]
    fn any_cut_of_what_a_cache_sends_gives_the_same(talk in talk(1)) {
        let octets = talk.octets();
        assert_same_in_pieces(&talk, &octets, octets.chunks(1));
        let mut cuts: Vec<usize> = talk.cuts.iter().map(|cut| cut.index(octets.len())).collect();
        cuts.extend([0, octets.len()]);
        cuts.sort_unstable();
        assert_same_in_pieces(&talk, &octets, cuts.windows(2).map(|pair| &octets[pair[0]..pair[1]]));
    }

    #[test]
    fn r_err_01_nothing_that_a_cache_sends_breaks_the_rules_for_data(talk in talk(3)) {
        let mut story = asked(talk.version);
        story.receive(&talk.octets());
        assert_rules(talk.version, &story);
    }

    #[test]
    fn r_err_01_not_even_noise(version in proptest::sample::select(Version::ALL.to_vec()), octets in proptest::collection::vec(any::<u8>(), 0..300), types in proptest::collection::vec(0..12_u8, 8)) {
        // Headers that are nearly right, so that the noise comes further than to the first of them.
        let mut noise = Vec::new();
        for (place, rest) in octets.chunks(40).enumerate() {
            let length = u8::try_from(8 + rest.len()).unwrap();
            noise.extend_from_slice(&[version.octet(), types[place % types.len()], 0, 7, 0, 0, 0, length]);
            noise.extend_from_slice(rest);
        }
        for octets in [&octets, &noise] {
            let mut story = asked(version);
            story.receive(octets);
            assert_rules(version, &story);
            let mut story = Story::new(up_to(version)).tell("connect");
            story.receive(octets);
            prop_assert!(story.session().receiving().unwrap_or(0) * 12 <= octets.len());
        }
    }
}
