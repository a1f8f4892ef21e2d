//! Session ids (C-SID).

use crate::story::{Story, check};
use expect_test::expect;
use rtrcast_proto::{Profile, SessionIds, Version, VersionRange};

#[test]
fn c_sid_01_another_base_gives_other_ids() {
    let of = |base| SessionIds::new(base).of(Profile::full(Version::V1));
    assert_ne!(of(1), of(2));
}

#[test]
fn c_sid_02_a_restart_that_meets_its_old_id_still_differs_by_its_serial() {
    // The first serial is random, so the router's one is not in the new cache's history.
    Story::starting_at(VersionRange::ALL, 3_000_000_000).tell("set ipv4 10.0.0.0/8-24 AS1").run(
        "> v1 serial-query session=4661 serial=7",
        expect![[r#"
            > v1 serial-query session=4661 serial=7
            < v1 cache-reset
        "#]],
    );
}

#[test]
fn c_sid_04_end_of_data_has_the_session_of_its_cache_response() {
    check(
        "> v2 reset-query\n> v2 serial-query session=4663 serial=7",
        expect![[r#"
        > v2 reset-query
        = wants Image(V2)
        < v2 cache-response session=4663
        < v2 ipv4 + 10.0.0.0/8-24 AS64496
        < v2 end-of-data session=4663 serial=7 refresh=3600 retry=600 expire=7200
        > v2 serial-query session=4663 serial=7
        < v2 cache-response session=4663
        < v2 end-of-data session=4663 serial=7 refresh=3600 retry=600 expire=7200
    "#]],
    );
}

#[test]
fn c_sid_05_another_id_than_the_one_sent_is_code_0() {
    check(
        "> v1 reset-query\n> v1 serial-query session=4660 serial=7",
        expect![[r#"
        > v1 reset-query
        < v1 cache-response session=4661
        < v1 ipv4 + 10.0.0.0/8-24 AS64496
        < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
        > v1 serial-query session=4660 serial=7
        < v1 error 0 "not the session id of this connection" copy=010112340000000c00000007
        = close
    "#]],
    );
}

#[test]
fn c_sid_06_an_unknown_id_in_a_first_query_is_a_cache_reset() {
    check(
        "> v1 serial-query session=65535 serial=7\n> v1 reset-query",
        expect![[r#"
        > v1 serial-query session=65535 serial=7
        < v1 cache-reset
        > v1 reset-query
        < v1 cache-response session=4661
        < v1 ipv4 + 10.0.0.0/8-24 AS64496
        < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
    "#]],
    );
}

#[test]
fn c_sid_07_an_id_sent_earlier_is_no_error_when_the_cache_s_own_has_changed() {
    check(
        "
        > v1 reset-query
        ids 2000
        > v1 serial-query session=4661 serial=7
        > v1 reset-query
        > v1 serial-query session=2001 serial=1000
        ",
        expect![[r#"
            > v1 reset-query
            < v1 cache-response session=4661
            < v1 ipv4 + 10.0.0.0/8-24 AS64496
            < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
            ids 2000
            > v1 serial-query session=4661 serial=7
            < v1 cache-reset
            > v1 reset-query
            < v1 cache-response session=2001
            < v1 ipv4 + 10.0.0.0/8-24 AS64496
            < v1 end-of-data session=2001 serial=1000 refresh=3600 retry=600 expire=7200
            > v1 serial-query session=2001 serial=1000
            < v1 cache-response session=2001
            < v1 end-of-data session=2001 serial=1000 refresh=3600 retry=600 expire=7200
        "#]],
    );
}

#[test]
fn c_sid_08_no_notify_carries_an_id_that_was_not_sent() {
    check(
        "
        > v1 reset-query
        ids 2000
        set ipv4 10.0.0.0/8-24 AS1
        at 100000
        > v1 reset-query
        set ipv4 10.0.0.0/8-24 AS2
        ",
        expect![[r#"
            > v1 reset-query
            < v1 cache-response session=4661
            < v1 ipv4 + 10.0.0.0/8-24 AS64496
            < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
            ids 2000
            set ipv4 10.0.0.0/8-24 AS1
            at 100000
            > v1 reset-query
            < v1 cache-response session=2001
            < v1 ipv4 + 10.0.0.0/8-24 AS1
            < v1 end-of-data session=2001 serial=1001 refresh=3600 retry=600 expire=7200
            set ipv4 10.0.0.0/8-24 AS2
            < v1 serial-notify session=2001 serial=1002
        "#]],
    );
}

#[test]
fn c_sid_09_another_version_s_id_is_unknown() {
    check(
        "> v1 serial-query session=4663 serial=7",
        expect![[r#"
        > v1 serial-query session=4663 serial=7
        < v1 cache-reset
    "#]],
    );
}
