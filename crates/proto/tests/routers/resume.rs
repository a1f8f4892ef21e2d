//! A session that goes on with data of an earlier one (R-SYN-01, R-SYN-08).

use crate::story::Story;
use expect_test::expect;
use rtrcast_proto::{
    Asn, ClientData, ClientPolicy, ClientSession, ImageBuilder, Moment, Prefix, RouteOrigin, Serial, SessionId, Timing,
    Version,
};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A session that goes on with one VRP of serial 5, received at the beginning.
fn session(now: Moment, version: Version, refused: &[u32]) -> ClientSession {
    let mut builder = ImageBuilder::new();
    let prefix = Prefix::new([10, 0, 0, 0].into(), 8).expect("a prefix");
    builder.origin(&RouteOrigin::new(prefix, 24, Asn(64_496)).expect("a VRP"));
    let Ok(image) = builder.finish(version, Vec::new());
    let (session, serial) = (SessionId(7), Serial(5));
    let data = ClientData { image, session, serial, timing: Timing::default(), received: Moment(0) };
    let refused: BTreeSet<Asn> = refused.iter().map(|customer| Asn(*customer)).collect();
    ClientSession::resume(now, ClientPolicy::default(), 0, data, Arc::new(refused))
}

fn resumed(version: Version, refused: &[u32]) -> Story {
    Story::of(session(Moment(0), version, refused))
}

#[test]
fn r_syn_01_it_asks_what_changed_and_applies_that() {
    resumed(Version::V2, &[]).run(
        "connect
         > v2 cache-response session=7
         > v2 ipv4 + 10.1.0.0/16-16 AS1
         > v2 ipv4 - 10.0.0.0/8-24 AS64496
         > v2 end-of-data session=7 serial=6 refresh=3600 retry=600 expire=7200",
        expect![[r#"
            = connect
            = waits 7200000
            connect
            < v2 serial-query session=7 serial=5
            = waits 60000
            > v2 cache-response session=7
            ! speaks v2
            > v2 ipv4 + 10.1.0.0/16-16 AS1
            > v2 ipv4 - 10.0.0.0/8-24 AS64496
            > v2 end-of-data session=7 serial=6 refresh=3600 retry=600 expire=7200
            ! updated by a delta: - ipv4 10.0.0.0/8-24 AS64496; + ipv4 10.1.0.0/16-16 AS1
            = data v2 7 6 ipv4 10.1.0.0/16-16 AS1 until 7200000
            = waits 3600000
        "#]],
    );
}

#[test]
fn r_sid_02_data_of_a_lower_version_are_kept_until_the_cache_has_answered_in_that() {
    resumed(Version::V1, &[]).run(
        "connect\n> v2 error 4 \"\" copy=",
        expect![[r#"
        = connect
        = waits 7200000
        connect
        < v2 reset-query
        = waits 60000
        > v2 error 4 "" copy=
        ! received error 4 ""
        ! steps down to v1
        ! ended: the cache speaks none of our versions; again at once
        = close
        = connect
        = waits 7200000
    "#]],
    );
}

#[test]
fn r_syn_08_data_that_have_expired_are_not_used() {
    assert!(session(Moment(7_199_999), Version::V2, &[]).data().is_some());
    assert!(session(Moment(7_200_000), Version::V2, &[]).data().is_none());
}

#[test]
fn c_asp_07_customers_that_were_left_out_are_part_of_the_set_all_the_same() {
    resumed(Version::V2, &[64_500]).run(
        "connect
         > v2 cache-response session=7
         > v2 aspa - AS64500
         > v2 end-of-data session=7 serial=6 refresh=3600 retry=600 expire=7200",
        expect![[r#"
            = connect
            = waits 7200000
            connect
            < v2 serial-query session=7 serial=5
            = waits 60000
            > v2 cache-response session=7
            ! speaks v2
            > v2 aspa - AS64500
            > v2 end-of-data session=7 serial=6 refresh=3600 retry=600 expire=7200
            ! updated by a delta, the same as before
            = data v2 7 6 ipv4 10.0.0.0/8-24 AS64496 until 7200000
            = waits 3600000
        "#]],
    );
}
