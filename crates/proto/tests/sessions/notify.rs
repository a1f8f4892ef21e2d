//! Serial Notify, and what is said while there are no data (C-NOT, C-NDA).

use crate::story::{Story, check};
use expect_test::expect;
use rtrcast_proto::VersionRange;

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
    Story::new(VersionRange::ALL).tell("absent failed").run(
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
fn c_nda_01_while_a_first_load_runs_a_query_is_held() {
    Story::new(VersionRange::ALL).run(
        "> v1 reset-query\nat 4000\nset ipv4 10.0.0.0/8-24 AS1",
        expect![[r#"
        > v1 reset-query
        = waits 5000
        at 4000
        = waits 5000
        set ipv4 10.0.0.0/8-24 AS1
        < v1 cache-response session=4661
        < v1 ipv4 + 10.0.0.0/8-24 AS1
        < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
    "#]],
    );
}

#[test]
fn c_nda_01_a_query_is_held_for_five_seconds_from_its_arrival() {
    Story::new(VersionRange::ALL).run(
        "at 1000\n> v1 reset-query\nat 5999\nat 6000",
        expect![[r#"
        at 1000
        = waits 60000
        > v1 reset-query
        = waits 6000
        at 5999
        = waits 6000
        at 6000
        < v1 error 2 "no data yet" copy=0102000000000008
    "#]],
    );
}

#[test]
fn c_nda_01_a_held_query_gets_code_2_when_the_load_fails() {
    Story::new(VersionRange::ALL).run(
        "> v1 reset-query\nabsent failed",
        expect![[r#"
        > v1 reset-query
        = waits 5000
        absent failed
        < v1 error 2 "no data yet" copy=0102000000000008
    "#]],
    );
}

#[test]
fn c_nda_02_old_data_stay_served_when_the_source_fails() {
    check(
        "absent failed\n> v1 reset-query",
        expect![[r#"
        absent failed
        = waits 60000
        > v1 reset-query
        < v1 cache-response session=4661
        < v1 ipv4 + 10.0.0.0/8-24 AS64496
        < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
    "#]],
    );
}

#[test]
fn c_not_02_a_notify_behind_a_long_response_counts_from_when_it_is_sent() {
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
fn c_not_02_a_router_that_was_told_to_start_anew_is_not_notified_before_it_does() {
    Story::new(VersionRange::ALL).tell("absent failed\n> v1 reset-query").run(
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
