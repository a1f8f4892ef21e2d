//! A first answer in a lower version (R-NEG-05).

use crate::story::{Story, check, check_again, check_up_to};
use expect_test::expect;
use rtrcast_proto::{Version, VersionRange};

fn from(min: Version) -> Story {
    Story::new(VersionRange::new(min, Version::V2).expect("a range to 2"))
}

#[test]
fn r_neg_05_a_first_answer_in_a_lower_version_is_accepted() {
    check(
        "connect\n>= v1 7 5 ipv4 + 10.0.0.0/8-24 AS1\nrefresh",
        expect![[r#"
        = connect
        connect
        < v2 reset-query
        = waits 60000
        >= v1 7 5 ipv4 + 10.0.0.0/8-24 AS1
        ! speaks v1
        ! updated by the whole set
        = data v1 7 5 ipv4 10.0.0.0/8-24 AS1 until 7200000
        = waits 3600000
        refresh
        < v1 serial-query session=7 serial=5
        = waits 60000
    "#]],
    );
    check(
        "connect\n>= v0 7 5 ipv4 + 10.0.0.0/8-24 AS1\nrefresh",
        expect![[r#"
        = connect
        connect
        < v2 reset-query
        = waits 60000
        >= v0 7 5 ipv4 + 10.0.0.0/8-24 AS1
        ! speaks v0
        ! updated by the whole set
        = data v0 7 5 ipv4 10.0.0.0/8-24 AS1 until 7200000
        = waits 3600000
        refresh
        < v0 serial-query session=7 serial=5
        = waits 60000
    "#]],
    );
    check(
        "connect\n> v1 error 2 \"\" copy=\nwait\n>= v1 7 5",
        expect![[r#"
        = connect
        connect
        < v2 reset-query
        = waits 60000
        > v1 error 2 "" copy=
        ! received error 2 ""
        ! speaks v1
        ! no data
        = waits 600000
        wait
        < v1 reset-query
        = waits 660000
        >= v1 7 5
        ! updated by the whole set
        = data v1 7 5 until 7800000
        = waits 4200000
    "#]],
    );
    check_up_to(
        Version::V1,
        "connect\n> v0 error 2 \"\" copy=\nwait",
        expect![[r#"
        = connect
        connect
        < v1 reset-query
        = waits 60000
        > v0 error 2 "" copy=
        ! received error 2 ""
        ! speaks v0
        ! no data
        = waits 600000
        wait
        < v0 reset-query
        = waits 660000
    "#]],
    );
}

#[test]
fn r_neg_05_but_not_below_what_the_router_speaks() {
    from(Version::V1).run(
        "connect\n> v0 cache-response session=7",
        expect![[r#"
        = connect
        connect
        < v2 reset-query
        = waits 60000
        > v0 cache-response session=7
        ! reported 8 (Unexpected Protocol Version): this session speaks version 2, not 0
        ! ended: the cache broke the protocol: this session speaks version 2, not 0; again at 652998
        < v2 error 8 "this session speaks version 2, not 0" copy=0003000700000008
        = close
        = waits 652998
    "#]],
    );
    from(Version::V2).run(
        "connect\n> v1 cache-response session=7",
        expect![[r#"
        = connect
        connect
        < v2 reset-query
        = waits 60000
        > v1 cache-response session=7
        ! reported 8 (Unexpected Protocol Version): this session speaks version 2, not 1
        ! ended: the cache broke the protocol: this session speaks version 2, not 1; again at 652998
        < v2 error 8 "this session speaks version 2, not 1" copy=0103000700000008
        = close
        = waits 652998
    "#]],
    );
}

#[test]
fn r_neg_05_no_data_in_a_version_below_settles_nothing() {
    from(Version::V1).run(
        "connect\n> v0 error 2 \"\" copy=\nwait\n>= v1 7 5\nrefresh",
        expect![[r#"
            = connect
            connect
            < v2 reset-query
            = waits 60000
            > v0 error 2 "" copy=
            ! received error 2 ""
            ! no data
            wait
            < v2 reset-query
            = waits 120000
            >= v1 7 5
            ! speaks v1
            ! updated by the whole set
            = data v1 7 5 until 7260000
            = waits 3660000
            refresh
            < v1 serial-query session=7 serial=5
            = waits 120000
        "#]],
    );
}

#[test]
fn r_neg_05_an_answer_in_a_higher_version_is_wrong() {
    check_up_to(
        Version::V1,
        "connect\n> v2 cache-response session=7",
        expect![[r#"
        = connect
        connect
        < v1 reset-query
        = waits 60000
        > v2 cache-response session=7
        ! reported 8 (Unexpected Protocol Version): this session speaks version 1, not 2
        ! ended: the cache broke the protocol: this session speaks version 1, not 2; again at 652998
        < v1 error 8 "this session speaks version 1, not 2" copy=0203000700000008
        = close
        = waits 652998
    "#]],
    );
    check_up_to(
        Version::V0,
        "connect\n> v1 cache-response session=7",
        expect![[r#"
        = connect
        connect
        < v0 reset-query
        = waits 60000
        > v1 cache-response session=7
        ! reported 0 (Corrupt Data): this session speaks version 0, not 1
        ! ended: the cache broke the protocol: this session speaks version 0, not 1; again at 652998
        < v0 error 0 "this session speaks version 0, not 1" copy=0103000700000008
        = close
        = waits 652998
    "#]],
    );
    check(
        "connect\n>> 03 03 0007 00000008",
        expect![[r#"
        = connect
        connect
        < v2 reset-query
        = waits 60000
        >> 03 03 0007 00000008
        ! reported 8 (Unexpected Protocol Version): this session speaks version 2, not 3
        ! ended: the cache broke the protocol: this session speaks version 2, not 3; again at 652998
        < v2 error 8 "this session speaks version 2, not 3" copy=0303000700000008
        = close
        = waits 652998
    "#]],
    );
}

#[test]
fn r_neg_05_an_error_in_a_lower_version_has_the_version_of_the_cache() {
    for code in [0, 1, 3, 5, 8, 99] {
        let log = Story::new(VersionRange::ALL)
            .log_of(&format!("connect\n> v1 error {code} \"\" copy=\nconnect\n>= v1 7 5 ipv4 + 10.0.0.0/8-24 AS1"));
        assert!(log.contains("! steps down to v1\n") && log.contains("= data v1 7 5 ipv4"), "{log}");
    }
    check(
        "connect\n> v1 error 3 \"\" copy=\nconnect",
        expect![[r#"
        = connect
        connect
        < v2 reset-query
        = waits 60000
        > v1 error 3 "" copy=
        ! received error 3 ""
        ! steps down to v1
        ! ended: the cache reported error 3 (Invalid Request); again at once
        = close
        = connect
        = waits
        connect
        < v1 reset-query
        = waits 60000
    "#]],
    );
    from(Version::V2).run(
        "connect\n> v1 error 3 \"\" copy=\nwait",
        expect![[r#"
        = connect
        connect
        < v2 reset-query
        = waits 60000
        > v1 error 3 "" copy=
        ! received error 3 ""
        ! ended: the cache reported error 3 (Invalid Request); again at 652998
        = close
        = waits 652998
        wait
        = connect
        = waits
    "#]],
    );
}

#[test]
fn r_neg_05_and_again_on_each_connection() {
    Story::new(VersionRange::ALL)
        .tell("connect\n> v1 error 5 \"\" copy=\nconnect\n>= v1 7 5 ipv4 + 10.0.0.0/8-24 AS1\nend\nwait")
        .run(
            "connect\n> v1 error 5 \"\" copy=\nconnect\n>= v1 7 5",
            expect![[r#"
                connect
                < v2 reset-query
                = waits 61191
                > v1 error 5 "" copy=
                ! received error 5 ""
                ! steps down to v1
                ! ended: the cache reported error 5 (Unsupported PDU Type); again at once
                = close
                = connect
                = waits 7200000
                connect
                < v1 serial-query session=7 serial=5
                = waits 61191
                >= v1 7 5
                ! speaks v1
                ! updated by a delta, the same as before
                = data v1 7 5 ipv4 10.0.0.0/8-24 AS1 until 7201191
                = waits 3601191
            "#]],
        );
}

#[test]
fn r_neg_05_but_not_to_a_router_that_knows_better() {
    check_again(
        Version::V2,
        "connect\n> v1 error 3 \"\" copy=\nwait\nconnect",
        expect![[r#"
        connect
        < v2 serial-query session=7 serial=5
        = waits 61191
        > v1 error 3 "" copy=
        ! received error 3 ""
        ! ended: the cache reported error 3 (Invalid Request); again at 627082
        = close
        = waits 627082
        wait
        = connect
        = waits 7200000
        connect
        < v2 reset-query
        = waits 687082
    "#]],
    );
}
