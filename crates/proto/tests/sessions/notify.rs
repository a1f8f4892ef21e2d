//! Serial Notify, and answers while there are no data (C-NOT, C-NDA).

use crate::story::{Story, check, holding_nothing};
use expect_test::expect;
use rtrcast_proto::{
    History, HistoryLimits, Moment, Serial, ServerPolicy, ServerSession, SessionIds, Timing, VersionRange, View,
    limits, wire,
};
use std::sync::Arc;
use std::time::Duration;

#[test]
fn c_not_01_a_router_is_notified_of_a_change() {
    check(
        "> v1 reset-query\nset ipv4 10.0.0.0/8-24 AS1",
        expect![[r#"
        > v1 reset-query
        < v1 cache-response session=4661
        < v1 ipv4 + 10.0.0.0/8-24 AS64496
        < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
        set ipv4 10.0.0.0/8-24 AS1
        < v1 serial-notify session=4661 serial=8
    "#]],
    );
}

#[test]
fn c_not_02_at_most_one_notify_a_minute_and_then_the_newest() {
    check(
        "
        > v1 reset-query
        at 1000
        set ipv4 10.0.0.0/8-24 AS1
        at 2000
        set ipv4 10.0.0.0/8-24 AS2
        at 3000
        set ipv4 10.0.0.0/8-24 AS3
        at 60999
        at 61000
        at 200000
        ",
        expect![[r#"
            > v1 reset-query
            < v1 cache-response session=4661
            < v1 ipv4 + 10.0.0.0/8-24 AS64496
            < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
            at 1000
            set ipv4 10.0.0.0/8-24 AS1
            < v1 serial-notify session=4661 serial=8
            at 2000
            set ipv4 10.0.0.0/8-24 AS2
            = waits 61000
            at 3000
            = waits 61000
            set ipv4 10.0.0.0/8-24 AS3
            = waits 61000
            at 60999
            = waits 61000
            at 61000
            < v1 serial-notify session=4661 serial=10
            at 200000
        "#]],
    );
}

#[test]
fn c_not_02_a_router_that_asked_meanwhile_is_not_notified_again() {
    check(
        "
        > v1 reset-query
        set ipv4 10.0.0.0/8-24 AS1
        at 1000
        set ipv4 10.0.0.0/8-24 AS2
        > v1 serial-query session=4661 serial=7
        at 100000
        ",
        expect![[r#"
            > v1 reset-query
            < v1 cache-response session=4661
            < v1 ipv4 + 10.0.0.0/8-24 AS64496
            < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
            set ipv4 10.0.0.0/8-24 AS1
            < v1 serial-notify session=4661 serial=8
            at 1000
            set ipv4 10.0.0.0/8-24 AS2
            = waits 60000
            > v1 serial-query session=4661 serial=7
            = wants Delta { profile: Profile { version: V1, router_keys: true, aspas: false }, since: Serial(7) }
            < v1 cache-response session=4661
            < v1 ipv4 + 10.0.0.0/8-24 AS2
            < v1 ipv4 - 10.0.0.0/8-24 AS64496
            < v1 end-of-data session=4661 serial=9 refresh=3600 retry=600 expire=7200
            at 100000
        "#]],
    );
}

#[test]
fn c_not_03_what_a_profile_does_not_send_is_not_notified_in_it() {
    check(
        "> v1 reset-query\nset ipv4 10.0.0.0/8-24 AS64496; aspa AS1 AS2\n> v1 serial-query session=4661 serial=7",
        expect![[r#"
            > v1 reset-query
            < v1 cache-response session=4661
            < v1 ipv4 + 10.0.0.0/8-24 AS64496
            < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
            set ipv4 10.0.0.0/8-24 AS64496; aspa AS1 AS2
            > v1 serial-query session=4661 serial=7
            = wants Delta { profile: Profile { version: V1, router_keys: true, aspas: false }, since: Serial(7) }
            < v1 cache-response session=4661
            < v1 end-of-data session=4661 serial=8 refresh=3600 retry=600 expire=7200
        "#]],
    );
}

#[test]
fn c_not_04_a_notify_waits_for_the_end_of_the_response() {
    Story::new(VersionRange::ALL).tell(&crate::large_set()).tell("hold\n> v1 reset-query\nnext").run(
        "
        set ipv4 10.0.0.0/8-24 AS64497
        go
        ",
        expect![[r#"
            set ipv4 10.0.0.0/8-24 AS64497
            go
            < 13107 prefixes
            < 13107 prefixes
            < 3786 prefixes
            < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
            < v1 serial-notify session=4661 serial=8
        "#]],
    );
}

#[test]
fn c_not_04_a_notify_is_dropped_if_the_response_brought_the_serial() {
    check(
        "
        > v1 reset-query
        hold
        set ipv4 10.0.0.0/8-24 AS1
        > v1 serial-query session=4661 serial=7
        go
        at 100000
        ",
        expect![[r#"
            > v1 reset-query
            < v1 cache-response session=4661
            < v1 ipv4 + 10.0.0.0/8-24 AS64496
            < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
            hold
            set ipv4 10.0.0.0/8-24 AS1
            > v1 serial-query session=4661 serial=7
            go
            = wants Delta { profile: Profile { version: V1, router_keys: true, aspas: false }, since: Serial(7) }
            < v1 cache-response session=4661
            < v1 ipv4 + 10.0.0.0/8-24 AS1
            < v1 ipv4 - 10.0.0.0/8-24 AS64496
            < v1 end-of-data session=4661 serial=8 refresh=3600 retry=600 expire=7200
            at 100000
        "#]],
    );
}

#[test]
fn c_nda_01_code_2_then_a_notify_then_data_on_the_same_connection() {
    holding_nothing().run(
        "
        > v1 reset-query
        > v1 serial-query session=4661 serial=7
        set ipv4 10.0.0.0/8-24 AS1
        > v1 serial-query session=4661 serial=0
        > v1 reset-query
        ",
        expect![[r#"
            > v1 reset-query
            < v1 error 2 "no data yet" copy=0102000000000008
            > v1 serial-query session=4661 serial=7
            < v1 error 2 "no data yet" copy=010112350000000c00000007
            set ipv4 10.0.0.0/8-24 AS1
            < v1 serial-notify session=4661 serial=7
            > v1 serial-query session=4661 serial=0
            < v1 cache-reset
            > v1 reset-query
            < v1 cache-response session=4661
            < v1 ipv4 + 10.0.0.0/8-24 AS1
            < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
        "#]],
    );
}

#[test]
fn c_nda_01_while_there_are_no_data_yet_a_query_is_held() {
    Story::new(VersionRange::ALL).run(
        "> v1 reset-query\nat 24999\nset ipv4 10.0.0.0/8-24 AS1",
        expect![[r#"
        > v1 reset-query
        = waits 25000
        at 24999
        = waits 25000
        set ipv4 10.0.0.0/8-24 AS1
        < v1 cache-response session=4661
        < v1 ipv4 + 10.0.0.0/8-24 AS1
        < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
    "#]],
    );
    Story::new(VersionRange::ALL).run(
        "> v2 reset-query\nat 7999\nset ipv4 10.0.0.0/8-24 AS1",
        expect![[r#"
        > v2 reset-query
        = waits 8000
        at 7999
        = waits 8000
        set ipv4 10.0.0.0/8-24 AS1
        = wants Image(V2)
        < v2 cache-response session=4663
        < v2 ipv4 + 10.0.0.0/8-24 AS1
        < v2 end-of-data session=4663 serial=7 refresh=3600 retry=600 expire=7200
    "#]],
    );
}

#[test]
fn c_nda_01_a_query_is_held_as_long_as_the_strictest_client_of_its_version_allows() {
    Story::new(VersionRange::ALL).run(
        "at 1000\n> v0 reset-query\nat 25999\nat 26000",
        expect![[r#"
        at 1000
        = waits 60000
        > v0 reset-query
        = waits 26000
        at 25999
        = waits 26000
        at 26000
        < v0 error 2 "no data yet" copy=0002000000000008
    "#]],
    );
    Story::new(VersionRange::ALL).run(
        "at 1000\n> v1 serial-query session=1 serial=2\nat 25999\nat 26000",
        expect![[r#"
        at 1000
        = waits 60000
        > v1 serial-query session=1 serial=2
        = waits 26000
        at 25999
        = waits 26000
        at 26000
        < v1 error 2 "no data yet" copy=010100010000000c00000002
    "#]],
    );
    Story::new(VersionRange::ALL).run(
        "at 1000\n> v2 reset-query\nat 8999\nat 9000",
        expect![[r#"
        at 1000
        = waits 60000
        > v2 reset-query
        = waits 9000
        at 8999
        = waits 9000
        at 9000
        < v2 error 2 "no data yet" copy=0202000000000008
    "#]],
    );
}

#[test]
fn c_nda_01_a_policy_may_hold_for_another_time() {
    let policy = || ServerPolicy::default().with_hold(Duration::from_secs(300));
    Story::with_policy(policy(), 7).run(
        "> v2 reset-query\nat 299999\nat 300000",
        expect![[r#"
        > v2 reset-query
        = waits 300000
        at 299999
        = waits 300000
        at 300000
        < v2 error 2 "no data yet" copy=0202000000000008
    "#]],
    );
}

#[test]
fn c_nda_01_a_held_query_is_answered_at_once_when_the_router_ends_its_side() {
    Story::new(VersionRange::ALL).run(
        "> v1 reset-query\n> v1 reset-query\nend",
        expect![[r#"
        > v1 reset-query
        = waits 25000
        > v1 reset-query
        = waits 25000
        end
        < v1 error 2 "no data yet" copy=0102000000000008
        < v1 error 2 "no data yet" copy=0102000000000008
        = close
    "#]],
    );
}

#[test]
fn c_nda_01_a_stop_ends_a_held_query_at_once() {
    Story::new(VersionRange::ALL).run(
        "> v2 reset-query\nstop restart",
        expect![[r#"
        > v2 reset-query
        = waits 8000
        stop restart
        = close
    "#]],
    );
}

#[test]
fn c_nda_01_behind_a_held_query_some_octets_are_read() {
    let mut session = ServerSession::new(Moment(0), ServerPolicy::default(), no_data());
    let query = wire::parse_line("v1 reset-query").unwrap();
    session.receive(Moment(0), &query);
    for _ in 0..limits::HELD_INPUT_OCTETS_MAX / query.len() {
        assert!(session.wants_input(), "the router's end has to be noticed");
        session.receive(Moment(0), &query);
    }
    assert!(!session.wants_input(), "the rest stays with the router");
}

fn no_data() -> Arc<View> {
    let ids = SessionIds::new(crate::story::IDS);
    Arc::new(History::new(HistoryLimits::default(), ids, Timing::default(), Serial(7)).view(0))
}

#[test]
fn c_nda_02_data_that_are_too_old_end_sessions_and_queries_get_code_2_until_there_are_others() {
    check(
        "> v2 reset-query\nwithhold",
        expect![[r#"
        > v2 reset-query
        = wants Image(V2)
        < v2 cache-response session=4663
        < v2 ipv4 + 10.0.0.0/8-24 AS64496
        < v2 end-of-data session=4663 serial=7 refresh=3600 retry=600 expire=7200
        withhold
        = close
    "#]],
    );
    check(
        "withhold\n> v1 reset-query\n> v1 serial-query session=4661 serial=7\nset ipv4 10.0.0.0/8-24 AS1\n> v1 reset-query",
        expect![[r#"
            withhold
            = waits 60000
            > v1 reset-query
            < v1 error 2 "all data are too old" copy=0102000000000008
            > v1 serial-query session=4661 serial=7
            < v1 error 2 "all data are too old" copy=010112350000000c00000007
            set ipv4 10.0.0.0/8-24 AS1
            < v1 serial-notify session=4661 serial=8
            > v1 reset-query
            < v1 cache-response session=4661
            < v1 ipv4 + 10.0.0.0/8-24 AS1
            < v1 end-of-data session=4661 serial=8 refresh=3600 retry=600 expire=7200
        "#]],
    );
    // The line of serials goes on: who kept the set gets what changed.
    check(
        "withhold\nset ipv4 10.0.0.0/8-24 AS1\n> v1 serial-query session=4661 serial=7",
        expect![[r#"
        withhold
        = waits 60000
        set ipv4 10.0.0.0/8-24 AS1
        = waits 60000
        > v1 serial-query session=4661 serial=7
        = wants Delta { profile: Profile { version: V1, router_keys: true, aspas: false }, since: Serial(7) }
        < v1 cache-response session=4661
        < v1 ipv4 + 10.0.0.0/8-24 AS1
        < v1 ipv4 - 10.0.0.0/8-24 AS64496
        < v1 end-of-data session=4661 serial=8 refresh=3600 retry=600 expire=7200
    "#]],
    );
    check(
        "withhold\nset ipv4 10.0.0.0/8-24 AS64496\n> v1 serial-query session=4661 serial=7",
        expect![[r#"
        withhold
        = waits 60000
        set ipv4 10.0.0.0/8-24 AS64496
        = waits 60000
        > v1 serial-query session=4661 serial=7
        < v1 cache-response session=4661
        < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
    "#]],
    );
}

#[test]
fn c_nda_02_a_response_that_is_running_goes_on_to_its_end_when_data_become_too_old() {
    Story::new(VersionRange::ALL).tell(&crate::large_set()).events().tell("hold\n> v1 reset-query\nnext\nnext").run(
        "withhold\ngo",
        expect![[r#"
            withhold
            go
            < 13107 prefixes
            < 3786 prefixes
            < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
            ! Answered { answer: Full, serial: Serial(7) }
            ! closing: all data are too old
            = close
        "#]],
    );
}

#[test]
fn c_not_02_the_interval_of_a_notify_behind_a_long_response_begins_when_it_is_sent() {
    Story::new(VersionRange::ALL).tell(&crate::large_set()).tell("hold\n> v1 reset-query\nnext\nat 5000").run(
        "
        set ipv4 10.0.0.0/8-24 AS64497
        later 100000
        go
        at 101000
        set ipv4 10.0.0.0/8-24 AS64498
        at 160000
        ",
        expect![[r#"
            set ipv4 10.0.0.0/8-24 AS64497
            later 100000
            go
            < 13107 prefixes
            < 13107 prefixes
            < 3786 prefixes
            < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
            < v1 serial-notify session=4661 serial=8
            at 101000
            set ipv4 10.0.0.0/8-24 AS64498
            = waits 160000
            at 160000
            < v1 serial-notify session=4661 serial=9
        "#]],
    );
}

#[test]
fn c_not_02_a_router_that_was_sent_a_cache_reset_is_not_notified_before_it_asks() {
    holding_nothing().tell("> v1 reset-query").run(
        "
        set ipv4 10.0.0.0/8-24 AS1
        > v1 serial-query session=4661 serial=0
        at 100000
        set ipv4 10.0.0.0/8-24 AS2
        ",
        expect![[r#"
            set ipv4 10.0.0.0/8-24 AS1
            < v1 serial-notify session=4661 serial=7
            > v1 serial-query session=4661 serial=0
            < v1 cache-reset
            at 100000
            set ipv4 10.0.0.0/8-24 AS2
        "#]],
    );
}
