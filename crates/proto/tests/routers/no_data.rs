//! A cache without data (R-SYN-06).

use crate::story::{check, check_synced};
use expect_test::expect;
use rtrcast_proto::Version;

#[test]
fn r_syn_06_without_data_the_cache_is_asked_for_everything_again_and_again() {
    check(
        "connect\n> v2 error 2 \"\" copy=\nwait\n> v2 error 2 \"\" copy=\nwait\n>= v2 7 1",
        expect![[r#"
        = connect
        connect
        < v2 reset-query
        = waits 60000
        > v2 error 2 "" copy=
        ! received error 2 ""
        ! speaks v2
        ! no data
        wait
        < v2 reset-query
        = waits 120000
        > v2 error 2 "" copy=
        ! received error 2 ""
        ! no data
        wait
        < v2 reset-query
        = waits 180000
        >= v2 7 1
        ! updated by the whole set
        = data v2 7 1 until 7320000
        = waits 3720000
    "#]],
    );
    check_synced(
        Version::V2,
        "refresh\n> v2 error 2 \"\" copy=\nwait",
        expect![[r#"
        refresh
        < v2 serial-query session=7 serial=5
        = waits 60000
        > v2 error 2 "" copy=
        ! received error 2 ""
        ! no data
        wait
        < v2 reset-query
        = waits 120000
    "#]],
    );
    check_synced(
        Version::V1,
        "refresh\n> v1 error 2 \"\" copy=\nwait",
        expect![[r#"
        refresh
        < v1 serial-query session=7 serial=5
        = waits 60000
        > v1 error 2 "" copy=
        ! received error 2 ""
        ! no data
        = waits 600000
        wait
        < v1 reset-query
        = waits 660000
    "#]],
    );
    check_synced(
        Version::V0,
        "refresh\n> v0 error 2 \"\" copy=\nwait",
        expect![[r#"
        refresh
        < v0 serial-query session=7 serial=5
        = waits 60000
        > v0 error 2 "" copy=
        ! received error 2 ""
        ! no data
        = waits 600000
        wait
        < v0 reset-query
        = waits 660000
    "#]],
    );
}

#[test]
fn r_syn_06_a_notify_or_a_refresh_comes_first() {
    check(
        "connect\n> v2 error 2 \"\" copy=\nat 3000\n> v2 serial-notify session=7 serial=1",
        expect![[r#"
        = connect
        connect
        < v2 reset-query
        = waits 60000
        > v2 error 2 "" copy=
        ! received error 2 ""
        ! speaks v2
        ! no data
        at 3000
        > v2 serial-notify session=7 serial=1
        ! notified of 1
        < v2 reset-query
        = waits 63000
    "#]],
    );
    check(
        "connect\n> v2 error 2 \"\" copy=\nat 3000\nrefresh",
        expect![[r#"
        = connect
        connect
        < v2 reset-query
        = waits 60000
        > v2 error 2 "" copy=
        ! received error 2 ""
        ! speaks v2
        ! no data
        at 3000
        refresh
        < v2 reset-query
        = waits 63000
    "#]],
    );
}

#[test]
fn r_syn_06_a_cache_that_closes_after_it_is_not_asked_earlier() {
    check(
        "connect\n> v2 error 2 \"\" copy=\nend\nwait\nconnect",
        expect![[r#"
        = connect
        connect
        < v2 reset-query
        = waits 60000
        > v2 error 2 "" copy=
        ! received error 2 ""
        ! speaks v2
        ! no data
        end
        ! ended: the cache closed the connection; again at 60000
        = close
        wait
        = connect
        = waits
        connect
        < v2 reset-query
        = waits 120000
    "#]],
    );
}

#[test]
fn r_syn_06_no_data_is_never_fatal() {
    check_synced(
        Version::V2,
        "> v2 error 2 \"\" copy=\nwait",
        expect![[r#"
        > v2 error 2 "" copy=
        ! received error 2 ""
        ! no data
        = waits 60000
        wait
        < v2 reset-query
        = waits 120000
    "#]],
    );
    check_synced(
        Version::V2,
        "refresh\n> v2 cache-response session=7\n> v2 ipv4 + 10.0.0.0/8-8 AS2\n> v2 error 2 \"\" copy=\nwait\n>= v2 7 1",
        expect![[r#"
            refresh
            < v2 serial-query session=7 serial=5
            = waits 60000
            > v2 cache-response session=7
            > v2 ipv4 + 10.0.0.0/8-8 AS2
            > v2 error 2 "" copy=
            ! received error 2 ""
            ! no data
            wait
            < v2 reset-query
            = waits 120000
            >= v2 7 1
            ! updated by the whole set: - ipv4 10.0.0.0/8-24 AS64496
            = data v2 7 1 until 7260000
            = waits 3660000
        "#]],
    );
}

#[test]
fn r_syn_06_but_reported_again_without_a_query_it_ends_the_connection() {
    check_synced(
        Version::V2,
        "refresh\n> v2 error 2 \"\" copy=\n> v2 error 2 \"\" copy=\nwait\nconnect",
        expect![[r#"
        refresh
        < v2 serial-query session=7 serial=5
        = waits 60000
        > v2 error 2 "" copy=
        ! received error 2 ""
        ! no data
        > v2 error 2 "" copy=
        ! received error 2 ""
        ! ended: the cache reported error 2 (No Data Available); again at 652998
        = close
        = waits 652998
        wait
        = connect
        = waits 7200000
        connect
        < v2 reset-query
        = waits 712998
    "#]],
    );
}
