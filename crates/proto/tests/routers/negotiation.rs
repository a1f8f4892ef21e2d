//! The start of a connection, and PDUs after version negotiation (R-NEG-01, 02, 06, 07).

use crate::story::{Story, check, check_again, check_synced, check_up_to};
use expect_test::expect;
use rtrcast_proto::{Version, VersionRange};

#[test]
fn r_neg_01_a_connection_begins_with_a_reset_query() {
    check_up_to(
        Version::V0,
        "connect",
        expect![[r#"
        = connect
        connect
        < v0 reset-query
        = waits 60000
    "#]],
    );
    check_up_to(
        Version::V1,
        "connect",
        expect![[r#"
        = connect
        connect
        < v1 reset-query
        = waits 60000
    "#]],
    );
    check_up_to(
        Version::V2,
        "connect",
        expect![[r#"
        = connect
        connect
        < v2 reset-query
        = waits 60000
    "#]],
    );
}

#[test]
fn r_neg_01_or_with_a_serial_query() {
    check_again(
        Version::V0,
        "connect",
        expect![[r#"
        connect
        < v0 serial-query session=7 serial=5
        = waits 61191
    "#]],
    );
    check_again(
        Version::V1,
        "connect",
        expect![[r#"
        connect
        < v1 serial-query session=7 serial=5
        = waits 61191
    "#]],
    );
    check_again(
        Version::V2,
        "connect",
        expect![[r#"
        connect
        < v2 serial-query session=7 serial=5
        = waits 61191
    "#]],
    );
}

#[test]
fn r_neg_02_the_highest_version_comes_first_on_each_connection() {
    check(
        "connect
         > v1 error 4 \"0-1\" copy=
         >= v1 7 5 ipv4 + 10.0.0.0/8-24 AS1
         end
         wait
         connect",
        expect![[r#"
            = connect
            connect
            < v2 reset-query
            = waits 60000
            > v1 error 4 "0-1" copy=
            ! received error 4 "0-1"
            ! steps down to v1
            < v1 reset-query
            >= v1 7 5 ipv4 + 10.0.0.0/8-24 AS1
            ! speaks v1
            ! updated by the whole set
            = data v1 7 5 ipv4 10.0.0.0/8-24 AS1 until 7200000
            = waits 3600000
            end
            ! ended: the cache closed the connection; again at 1191
            = close
            = waits 1191
            wait
            = connect
            = waits 7200000
            connect
            < v2 reset-query
            = waits 61191
        "#]],
    );
}

#[test]
fn r_neg_06_a_notify_of_any_version_before_the_first_answer_is_ignored() {
    for first in ["02", "01", "00", "03", "FF"] {
        let log = Story::new(VersionRange::ALL)
            .log_of(&format!("connect\n>> {first} 00 0009 0000000C 00000063\n>= v2 7 5 ipv4 + 10.0.0.0/8-24 AS1"));
        assert!(!log.contains("notified") && log.contains("= data v2 7 5"), "{log}");
    }
    check(
        "connect
         > v0 serial-notify session=9 serial=99
         > v1 error 4 \"\" copy=
         > v2 serial-notify session=9 serial=99
         >= v1 7 5",
        expect![[r#"
            = connect
            connect
            < v2 reset-query
            = waits 60000
            > v0 serial-notify session=9 serial=99
            > v1 error 4 "" copy=
            ! received error 4 ""
            ! steps down to v1
            < v1 reset-query
            > v2 serial-notify session=9 serial=99
            >= v1 7 5
            ! speaks v1
            ! updated by the whole set
            = data v1 7 5 until 7200000
            = waits 3600000
        "#]],
    );
    check_again(
        Version::V2,
        "connect\n> v2 serial-notify session=9 serial=99\n>= v2 7 6",
        expect![[r#"
        connect
        < v2 serial-query session=7 serial=5
        = waits 61191
        > v2 serial-notify session=9 serial=99
        >= v2 7 6
        ! speaks v2
        ! updated by a delta, the same as before
        = data v2 7 6 ipv4 10.0.0.0/8-24 AS64496 until 7201191
        = waits 3601191
    "#]],
    );
}

#[test]
fn r_neg_07_another_version_after_the_first_answer_ends_the_connection() {
    check_synced(
        Version::V2,
        "refresh\n> v1 cache-response session=7\nwait",
        expect![[r#"
        refresh
        < v2 serial-query session=7 serial=5
        = waits 60000
        > v1 cache-response session=7
        ! reported 8 (Unexpected Protocol Version): this session speaks version 2, not 1
        ! flushed: the cache broke the protocol: this session speaks version 2, not 1
        = data none
        ! ended: the cache broke the protocol: this session speaks version 2, not 1; again at 652998
        < v2 error 8 "this session speaks version 2, not 1" copy=0103000700000008
        = close
        = waits 652998
        wait
        = connect
        = waits
    "#]],
    );
    check_synced(
        Version::V1,
        "refresh\n> v0 cache-response session=7\nwait",
        expect![[r#"
        refresh
        < v1 serial-query session=7 serial=5
        = waits 60000
        > v0 cache-response session=7
        ! reported 8 (Unexpected Protocol Version): this session speaks version 1, not 0
        ! ended: the cache broke the protocol: this session speaks version 1, not 0; again at 652998
        < v1 error 8 "this session speaks version 1, not 0" copy=0003000700000008
        = close
        = waits 652998
        wait
        = connect
        = waits 7200000
    "#]],
    );
    check_synced(
        Version::V0,
        "refresh\n> v1 cache-response session=7\nwait",
        expect![[r#"
        refresh
        < v0 serial-query session=7 serial=5
        = waits 60000
        > v1 cache-response session=7
        ! reported 0 (Corrupt Data): this session speaks version 0, not 1
        ! ended: the cache broke the protocol: this session speaks version 0, not 1; again at 652998
        < v0 error 0 "this session speaks version 0, not 1" copy=0103000700000008
        = close
        = waits 652998
        wait
        = connect
        = waits 7200000
    "#]],
    );
    check_synced(
        Version::V1,
        "> v0 serial-notify session=7 serial=6",
        expect![[r#"
        > v0 serial-notify session=7 serial=6
        ! reported 8 (Unexpected Protocol Version): this session speaks version 1, not 0
        ! ended: the cache broke the protocol: this session speaks version 1, not 0; again at 652998
        < v1 error 8 "this session speaks version 1, not 0" copy=000000070000000c00000006
        = close
        = waits 652998
    "#]],
    );
}

#[test]
fn r_neg_07_without_a_word_if_it_is_an_error_report() {
    check_synced(
        Version::V1,
        "refresh\n> v0 error 3 \"\" copy=",
        expect![[r#"
        refresh
        < v1 serial-query session=7 serial=5
        = waits 60000
        > v0 error 3 "" copy=
        ! received error 3 ""
        ! ended: the cache reported error 3 (Invalid Request); again at 652998
        = close
        = waits 652998
    "#]],
    );
    check_synced(
        Version::V1,
        "refresh\n> v0 error 2 \"\" copy=",
        expect![[r#"
            refresh
            < v1 serial-query session=7 serial=5
            = waits 60000
            > v0 error 2 "" copy=
            ! received error 2 ""
            ! ended: the cache reported error 2 (No Data Available); again at 652998
            = close
            = waits 652998
        "#]],
    );
    check_synced(
        Version::V2,
        "refresh\n> v1 error 2 \"\" copy=",
        expect![[r#"
            refresh
            < v2 serial-query session=7 serial=5
            = waits 60000
            > v1 error 2 "" copy=
            ! received error 2 ""
            ! flushed: the cache reported error 2 (No Data Available)
            = data none
            ! ended: the cache reported error 2 (No Data Available); again at 652998
            = close
            = waits 652998
        "#]],
    );
}
