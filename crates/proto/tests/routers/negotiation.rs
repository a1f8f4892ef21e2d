//! Which version a router speaks (R-NEG), and that sessions belong to versions (R-SID-02).

use crate::story::{Story, check, check_again, check_synced, check_up_to};
use expect_test::expect;
use rtrcast_proto::{Version, VersionRange};

fn from(min: Version) -> Story {
    Story::new(VersionRange::new(min, Version::V2).expect("a range to 2"))
}

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
            ! told of error 4 "0-1"
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
fn r_neg_03_a_refused_version_is_followed_by_the_one_named_on_the_same_connection() {
    check(
        "connect
         > v1 error 4 \"0-1\" copy=0202000000000008
         >= v1 7 5 ipv4 + 10.0.0.0/8-24 AS1",
        expect![[r#"
            = connect
            connect
            < v2 reset-query
            = waits 60000
            > v1 error 4 "0-1" copy=0202000000000008
            ! told of error 4 "0-1"
            ! steps down to v1
            < v1 reset-query
            >= v1 7 5 ipv4 + 10.0.0.0/8-24 AS1
            ! speaks v1
            ! updated by the whole set
            = data v1 7 5 ipv4 10.0.0.0/8-24 AS1 until 7200000
            = waits 3600000
        "#]],
    );
    check(
        "connect
         > v0 error 4 \"0\" copy=0202000000000008
         > v0 error 4 \"0\" copy=0102000000000008
         >= v0 7 5 ipv4 + 10.0.0.0/8-24 AS1",
        expect![[r#"
            = connect
            connect
            < v2 reset-query
            = waits 60000
            > v0 error 4 "0" copy=0202000000000008
            ! told of error 4 "0"
            ! steps down to v1
            < v1 reset-query
            > v0 error 4 "0" copy=0102000000000008
            ! told of error 4 "0"
            ! steps down to v0
            < v0 reset-query
            >= v0 7 5 ipv4 + 10.0.0.0/8-24 AS1
            ! speaks v0
            ! updated by the whole set
            = data v0 7 5 ipv4 10.0.0.0/8-24 AS1 until 7200000
            = waits 3600000
        "#]],
    );
    check_up_to(
        Version::V1,
        "connect
         > v0 error 4 \"0\" copy=0102000000000008
         >= v0 7 5",
        expect![[r#"
            = connect
            connect
            < v1 reset-query
            = waits 60000
            > v0 error 4 "0" copy=0102000000000008
            ! told of error 4 "0"
            ! steps down to v0
            < v0 reset-query
            >= v0 7 5
            ! speaks v0
            ! updated by the whole set
            = data v0 7 5 until 7200000
            = waits 3600000
        "#]],
    );
}

#[test]
fn r_neg_03_a_cache_that_refuses_and_closes_is_asked_again_at_once() {
    check(
        "connect
         > v1 error 4 \"\" copy=
         end
         connect
         >= v1 7 5 ipv4 + 10.0.0.0/8-24 AS1",
        expect![[r#"
            = connect
            connect
            < v2 reset-query
            = waits 60000
            > v1 error 4 "" copy=
            ! told of error 4 ""
            ! steps down to v1
            < v1 reset-query
            end
            ! ended: the cache closed the connection without an answer; again at once
            = close
            = connect
            = waits
            connect
            < v1 reset-query
            = waits 60000
            >= v1 7 5 ipv4 + 10.0.0.0/8-24 AS1
            ! speaks v1
            ! updated by the whole set
            = data v1 7 5 ipv4 10.0.0.0/8-24 AS1 until 7200000
            = waits 3600000
        "#]],
    );
}

#[test]
fn r_neg_03_the_lower_query_may_be_the_last_that_a_cache_hears() {
    check(
        "connect
         > v1 error 4 \"\" copy=
         later 5000
         end
         connect
         end
         connect
         end
         wait
         connect",
        expect![[r#"
            = connect
            connect
            < v2 reset-query
            = waits 60000
            > v1 error 4 "" copy=
            ! told of error 4 ""
            ! steps down to v1
            < v1 reset-query
            later 5000
            end
            ! ended: the cache closed the connection without an answer; again at once
            = close
            = connect
            = waits
            connect
            < v1 reset-query
            = waits 65000
            end
            ! steps down to v0
            ! ended: the cache closed the connection without an answer; again at once
            = close
            = connect
            = waits
            connect
            < v0 reset-query
            = waits 65000
            end
            ! ended: the cache closed the connection without an answer; again at 6191
            = close
            = waits 6191
            wait
            = connect
            = waits
            connect
            < v2 reset-query
            = waits 66191
        "#]],
    );
}

#[test]
fn r_neg_03_a_cache_that_says_0_and_speaks_1_is_asked_in_1() {
    check(
        "connect
         > v0 error 4 \"\" copy=0202000000000008
         >= v1 7 5 ipv4 + 10.0.0.0/8-24 AS1",
        expect![[r#"
            = connect
            connect
            < v2 reset-query
            = waits 60000
            > v0 error 4 "" copy=0202000000000008
            ! told of error 4 ""
            ! steps down to v1
            < v1 reset-query
            >= v1 7 5 ipv4 + 10.0.0.0/8-24 AS1
            ! speaks v1
            ! updated by the whole set
            = data v1 7 5 ipv4 10.0.0.0/8-24 AS1 until 7200000
            = waits 3600000
        "#]],
    );
    check(
        "connect
         > v0 error 4 \"\" copy=0202000000000008
         end
         connect
         >= v1 7 5 ipv4 + 10.0.0.0/8-24 AS1",
        expect![[r#"
            = connect
            connect
            < v2 reset-query
            = waits 60000
            > v0 error 4 "" copy=0202000000000008
            ! told of error 4 ""
            ! steps down to v1
            < v1 reset-query
            end
            ! ended: the cache closed the connection without an answer; again at once
            = close
            = connect
            = waits
            connect
            < v1 reset-query
            = waits 60000
            >= v1 7 5 ipv4 + 10.0.0.0/8-24 AS1
            ! speaks v1
            ! updated by the whole set
            = data v1 7 5 ipv4 10.0.0.0/8-24 AS1 until 7200000
            = waits 3600000
        "#]],
    );
}

#[test]
fn r_neg_03_a_lower_version_than_the_router_speaks_is_not_asked_for() {
    from(Version::V2).run(
        "connect\n> v1 error 4 \"\" copy=",
        expect![[r#"
        = connect
        connect
        < v2 reset-query
        = waits 60000
        > v1 error 4 "" copy=
        ! told of error 4 ""
        ! ended: the cache speaks none of our versions; again at 652998
        = close
        = waits 652998
    "#]],
    );
    from(Version::V1).run(
        "connect\n> v0 error 4 \"\" copy=\n> v0 error 4 \"\" copy=",
        expect![[r#"
        = connect
        connect
        < v2 reset-query
        = waits 60000
        > v0 error 4 "" copy=
        ! told of error 4 ""
        ! steps down to v1
        < v1 reset-query
        > v0 error 4 "" copy=
        ! told of error 4 ""
        ! ended: the cache speaks none of our versions; again at 652998
        = close
        = waits 652998
    "#]],
    );
    from(Version::V1).run(
        "connect\n> v1 error 4 \"\" copy=\n> v0 error 4 \"\" copy=",
        expect![[r#"
        = connect
        connect
        < v2 reset-query
        = waits 60000
        > v1 error 4 "" copy=
        ! told of error 4 ""
        ! steps down to v1
        < v1 reset-query
        > v0 error 4 "" copy=
        ! told of error 4 ""
        ! ended: the cache speaks none of our versions; again at 652998
        = close
        = waits 652998
    "#]],
    );
}

#[test]
fn r_neg_04_naming_what_was_refused_ends_the_connection_and_the_next_one_asks_lower() {
    check(
        "connect
         > v2 error 4 \"\" copy=0202000000000008
         connect
         > v2 error 4 \"\" copy=0102000000000008
         connect
         > v2 error 4 \"\" copy=0002000000000008
         wait
         connect",
        expect![[r#"
            = connect
            connect
            < v2 reset-query
            = waits 60000
            > v2 error 4 "" copy=0202000000000008
            ! told of error 4 ""
            ! steps down to v1
            ! ended: the cache speaks none of our versions; again at once
            = close
            = connect
            = waits
            connect
            < v1 reset-query
            = waits 60000
            > v2 error 4 "" copy=0102000000000008
            ! told of error 4 ""
            ! steps down to v0
            ! ended: the cache speaks none of our versions; again at once
            = close
            = connect
            = waits
            connect
            < v0 reset-query
            = waits 60000
            > v2 error 4 "" copy=0002000000000008
            ! told of error 4 ""
            ! ended: the cache speaks none of our versions; again at 652998
            = close
            = waits 652998
            wait
            = connect
            = waits
            connect
            < v2 reset-query
            = waits 712998
        "#]],
    );
}

#[test]
fn r_neg_04_naming_a_version_that_nobody_knows_is_the_same() {
    check(
        "connect
         >> FF 0A 0004 00000010 00000000 00000000
         connect
         >> 03 0A 0004 00000010 00000000 00000000
         connect
         >> 03 0A 0004 00000010 00000000 00000000",
        expect![[r#"
            = connect
            connect
            < v2 reset-query
            = waits 60000
            >> FF 0A 0004 00000010 00000000 00000000
            ! told of error 4 ""
            ! steps down to v1
            ! ended: the cache speaks none of our versions; again at once
            = close
            = connect
            = waits
            connect
            < v1 reset-query
            = waits 60000
            >> 03 0A 0004 00000010 00000000 00000000
            ! told of error 4 ""
            ! steps down to v0
            ! ended: the cache speaks none of our versions; again at once
            = close
            = connect
            = waits
            connect
            < v0 reset-query
            = waits 60000
            >> 03 0A 0004 00000010 00000000 00000000
            ! told of error 4 ""
            ! ended: the cache speaks none of our versions; again at 652998
            = close
            = waits 652998
        "#]],
    );
}

#[test]
fn r_neg_04_a_lower_version_named_twice_has_failed_as_well() {
    check(
        "connect
         > v1 error 4 \"\" copy=
         > v1 error 4 \"\" copy=
         connect
         > v1 error 4 \"\" copy=",
        expect![[r#"
            = connect
            connect
            < v2 reset-query
            = waits 60000
            > v1 error 4 "" copy=
            ! told of error 4 ""
            ! steps down to v1
            < v1 reset-query
            > v1 error 4 "" copy=
            ! told of error 4 ""
            ! steps down to v0
            ! ended: the cache speaks none of our versions; again at once
            = close
            = connect
            = waits
            connect
            < v0 reset-query
            = waits 60000
            > v1 error 4 "" copy=
            ! told of error 4 ""
            ! ended: the cache speaks none of our versions; again at 652998
            = close
            = waits 652998
        "#]],
    );
}

#[test]
fn r_neg_04_version_0_refused_is_the_end() {
    check_up_to(
        Version::V0,
        "connect\n> v0 error 4 \"\" copy=\nwait",
        expect![[r#"
        = connect
        connect
        < v0 reset-query
        = waits 60000
        > v0 error 4 "" copy=
        ! told of error 4 ""
        ! ended: the cache speaks none of our versions; again at 652998
        = close
        = waits 652998
        wait
        = connect
        = waits
    "#]],
    );
    check(
        "connect
         > v0 error 4 \"\" copy=
         > v0 error 4 \"\" copy=
         > v0 error 4 \"\" copy=",
        expect![[r#"
            = connect
            connect
            < v2 reset-query
            = waits 60000
            > v0 error 4 "" copy=
            ! told of error 4 ""
            ! steps down to v1
            < v1 reset-query
            > v0 error 4 "" copy=
            ! told of error 4 ""
            ! steps down to v0
            < v0 reset-query
            > v0 error 4 "" copy=
            ! told of error 4 ""
            ! ended: the cache speaks none of our versions; again at 652998
            = close
            = waits 652998
        "#]],
    );
}

#[test]
fn r_neg_04_a_version_that_was_spoken_and_is_refused_then_ends_the_connection_and_keeps_the_data() {
    check_synced(
        Version::V2,
        "refresh\n> v1 error 4 \"\" copy=\nwait\nconnect",
        expect![[r#"
        refresh
        < v2 serial-query session=7 serial=5
        = waits 60000
        > v1 error 4 "" copy=
        ! told of error 4 ""
        ! ended: the cache speaks none of our versions; again at 652998
        = close
        = waits 652998
        wait
        = connect
        = waits 7200000
        connect
        < v2 serial-query session=7 serial=5
        = waits 712998
    "#]],
    );
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
        ! told of error 2 ""
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
        ! told of error 2 ""
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
            ! told of error 2 ""
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
fn r_neg_05_an_error_in_a_lower_version_says_what_the_cache_speaks() {
    for code in [0, 1, 3, 5, 8, 99] {
        let told = Story::new(VersionRange::ALL)
            .told_of(&format!("connect\n> v1 error {code} \"\" copy=\nconnect\n>= v1 7 5 ipv4 + 10.0.0.0/8-24 AS1"));
        assert!(told.contains("! steps down to v1\n") && told.contains("= data v1 7 5 ipv4"), "{told}");
    }
    check(
        "connect\n> v1 error 3 \"\" copy=\nconnect",
        expect![[r#"
        = connect
        connect
        < v2 reset-query
        = waits 60000
        > v1 error 3 "" copy=
        ! told of error 3 ""
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
        ! told of error 3 ""
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
fn r_neg_05_and_says_so_again_on_each_connection() {
    Story::new(VersionRange::ALL)
        .tell("connect\n> v1 error 5 \"\" copy=\nconnect\n>= v1 7 5 ipv4 + 10.0.0.0/8-24 AS1\nend\nwait")
        .run(
            "connect\n> v1 error 5 \"\" copy=\nconnect\n>= v1 7 5",
            expect![[r#"
                connect
                < v2 reset-query
                = waits 61191
                > v1 error 5 "" copy=
                ! told of error 5 ""
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
        ! told of error 3 ""
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

#[test]
fn r_neg_06_a_notify_of_any_version_before_the_first_answer_counts_for_nothing() {
    for first in ["02", "01", "00", "03", "FF"] {
        let told = Story::new(VersionRange::ALL)
            .told_of(&format!("connect\n>> {first} 00 0009 0000000C 00000063\n>= v2 7 5 ipv4 + 10.0.0.0/8-24 AS1"));
        assert!(!told.contains("notified") && told.contains("= data v2 7 5"), "{told}");
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
            ! told of error 4 ""
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
        ! told of error 3 ""
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
            ! told of error 2 ""
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
            ! told of error 2 ""
            ! flushed: the cache reported error 2 (No Data Available)
            = data none
            ! ended: the cache reported error 2 (No Data Available); again at 652998
            = close
            = waits 652998
        "#]],
    );
}

#[test]
fn r_neg_08_a_cache_that_closes_without_a_word_is_asked_in_each_version_once() {
    check(
        "connect
         end
         connect
         end
         connect
         end
         wait
         connect
         end
         connect",
        expect![[r#"
            = connect
            connect
            < v2 reset-query
            = waits 60000
            end
            ! steps down to v1
            ! ended: the cache closed the connection without an answer; again at once
            = close
            = connect
            = waits
            connect
            < v1 reset-query
            = waits 60000
            end
            ! steps down to v0
            ! ended: the cache closed the connection without an answer; again at once
            = close
            = connect
            = waits
            connect
            < v0 reset-query
            = waits 60000
            end
            ! ended: the cache closed the connection without an answer; again at 1191
            = close
            = waits 1191
            wait
            = connect
            = waits
            connect
            < v2 reset-query
            = waits 61191
            end
            ! steps down to v1
            ! ended: the cache closed the connection without an answer; again at once
            = close
            = connect
            = waits
            connect
            < v1 reset-query
            = waits 61191
        "#]],
    );
}

#[test]
fn r_neg_08_a_lower_version_that_answers_is_spoken_until_the_connection_ends() {
    check(
        "connect
         end
         connect
         >= v1 7 5 ipv4 + 10.0.0.0/8-24 AS1
         end
         wait
         connect
         end
         connect",
        expect![[r#"
            = connect
            connect
            < v2 reset-query
            = waits 60000
            end
            ! steps down to v1
            ! ended: the cache closed the connection without an answer; again at once
            = close
            = connect
            = waits
            connect
            < v1 reset-query
            = waits 60000
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
            end
            ! steps down to v1
            ! ended: the cache closed the connection without an answer; again at once
            = close
            = connect
            = waits 7200000
            connect
            < v1 serial-query session=7 serial=5
            = waits 61191
        "#]],
    );
}

#[test]
fn r_neg_08_a_cache_that_spoke_a_version_is_not_asked_lower() {
    check_again(
        Version::V2,
        "connect\nend\nconnect\nend\nwait\nconnect\nend\nconnect",
        expect![[r#"
            connect
            < v2 serial-query session=7 serial=5
            = waits 61191
            end
            ! ended: the cache closed the connection without an answer; again at once
            = close
            = connect
            = waits 7200000
            connect
            < v2 reset-query
            = waits 61191
            end
            ! ended: the cache closed the connection without an answer; again at 3122
            = close
            = waits 3122
            wait
            = connect
            = waits 7200000
            connect
            < v2 serial-query session=7 serial=5
            = waits 63122
            end
            ! ended: the cache closed the connection without an answer; again at once
            = close
            = connect
            = waits 7200000
            connect
            < v2 reset-query
            = waits 63122
        "#]],
    );
    check_again(
        Version::V1,
        "connect\nend\nconnect\nend\nwait\nconnect",
        expect![[r#"
            connect
            < v1 serial-query session=7 serial=5
            = waits 61191
            end
            ! ended: the cache closed the connection without an answer; again at once
            = close
            = connect
            = waits 7200000
            connect
            < v1 reset-query
            = waits 61191
            end
            ! ended: the cache closed the connection without an answer; again at 3122
            = close
            = waits 3122
            wait
            = connect
            = waits 7200000
            connect
            < v1 serial-query session=7 serial=5
            = waits 63122
        "#]],
    );
}

#[test]
fn r_neg_08_nor_if_only_its_data_are_left_of_that() {
    // Code 2 makes the router forget the serial, but not which version the cache spoke.
    Story::synced(Version::V2).tell("refresh\n> v2 error 2 \"\" copy=\nend\nwait").run(
        "connect\nend\nwait\nconnect",
        expect![[r#"
            connect
            < v2 reset-query
            = waits 120000
            end
            ! ended: the cache closed the connection without an answer; again at 61931
            = close
            = waits 61931
            wait
            = connect
            = waits 7200000
            connect
            < v2 reset-query
            = waits 121931
        "#]],
    );
}

#[test]
fn r_neg_08_a_connection_that_can_not_be_had_tells_nothing_of_versions() {
    check(
        "refuse\nwait\nrefuse\nwait\nconnect",
        expect![[r#"
        = connect
        refuse
        ! ended: there is no connection; again at 1191
        = waits 1191
        wait
        = connect
        = waits
        refuse
        ! ended: there is no connection; again at 3122
        = waits 3122
        wait
        = connect
        = waits
        connect
        < v2 reset-query
        = waits 63122
    "#]],
    );
    check(
        "connect\nend\nrefuse\nwait\nconnect",
        expect![[r#"
        = connect
        connect
        < v2 reset-query
        = waits 60000
        end
        ! steps down to v1
        ! ended: the cache closed the connection without an answer; again at once
        = close
        = connect
        = waits
        refuse
        ! ended: there is no connection; again at 1191
        = waits 1191
        wait
        = connect
        = waits
        connect
        < v2 reset-query
        = waits 61191
    "#]],
    );
}

#[test]
fn r_sid_02_after_a_step_down_the_session_is_another_one() {
    check_again(
        Version::V2,
        "connect\n> v1 error 4 \"\" copy=\n>= v1 7 5 ipv4 + 10.0.0.0/8-24 AS1",
        expect![[r#"
        connect
        < v2 serial-query session=7 serial=5
        = waits 61191
        > v1 error 4 "" copy=
        ! told of error 4 ""
        ! steps down to v1
        < v1 reset-query
        >= v1 7 5 ipv4 + 10.0.0.0/8-24 AS1
        ! speaks v1
        ! updated by the whole set: - ipv4 10.0.0.0/8-24 AS64496; + ipv4 10.0.0.0/8-24 AS1
        = data v1 7 5 ipv4 10.0.0.0/8-24 AS1 until 7201191
        = waits 3601191
    "#]],
    );
    check_again(
        Version::V2,
        "connect\n> v1 cache-response session=7\nconnect\n>= v1 7 5",
        expect![[r#"
            connect
            < v2 serial-query session=7 serial=5
            = waits 61191
            > v1 cache-response session=7
            ! speaks v1
            ! ended: the cache does not know our session any more; again at once
            = close
            = connect
            = waits 7200000
            connect
            < v1 reset-query
            = waits 61191
            >= v1 7 5
            ! speaks v1
            ! updated by the whole set: - ipv4 10.0.0.0/8-24 AS64496
            = data v1 7 5 until 7201191
            = waits 3601191
        "#]],
    );
    check_again(
        Version::V2,
        "connect\n> v1 cache-reset\n>= v1 7 5",
        expect![[r#"
        connect
        < v2 serial-query session=7 serial=5
        = waits 61191
        > v1 cache-reset
        ! speaks v1
        ! cache reset
        < v1 reset-query
        >= v1 7 5
        ! updated by the whole set: - ipv4 10.0.0.0/8-24 AS64496
        = data v1 7 5 until 7201191
        = waits 3601191
    "#]],
    );
    check_again(
        Version::V1,
        "connect\n> v0 error 4 \"\" copy=\n>= v0 7 5",
        expect![[r#"
        connect
        < v1 serial-query session=7 serial=5
        = waits 61191
        > v0 error 4 "" copy=
        ! told of error 4 ""
        ! steps down to v0
        < v0 reset-query
        >= v0 7 5
        ! speaks v0
        ! updated by the whole set: - ipv4 10.0.0.0/8-24 AS64496
        = data v0 7 5 until 7201191
        = waits 3601191
    "#]],
    );
}

#[test]
fn r_sid_02_a_session_of_a_lower_version_is_gone_on_with_in_that_version() {
    Story::new(VersionRange::ALL)
        .tell("connect\n> v1 error 4 \"\" copy=\n>= v1 7 5 ipv4 + 10.0.0.0/8-24 AS1\nend\nwait")
        .run(
            "connect\n> v1 error 4 \"\" copy=\n>= v1 7 6 ipv4 - 10.0.0.0/8-24 AS1",
            expect![[r#"
                connect
                < v2 reset-query
                = waits 61191
                > v1 error 4 "" copy=
                ! told of error 4 ""
                ! steps down to v1
                < v1 serial-query session=7 serial=5
                >= v1 7 6 ipv4 - 10.0.0.0/8-24 AS1
                ! speaks v1
                ! updated by a delta: - ipv4 10.0.0.0/8-24 AS1
                = data v1 7 6 until 7201191
                = waits 3601191
            "#]],
        );
}
