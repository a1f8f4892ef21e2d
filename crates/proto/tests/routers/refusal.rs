//! A cache that refuses a version by code 4 (R-NEG-03, 04).

use crate::story::{Story, check, check_synced, check_up_to};
use expect_test::expect;
use rtrcast_proto::{Version, VersionRange};

fn from(min: Version) -> Story {
    Story::new(VersionRange::new(min, Version::V2).expect("a range to 2"))
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
            ! received error 4 "0-1"
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
            ! received error 4 "0"
            ! steps down to v1
            < v1 reset-query
            > v0 error 4 "0" copy=0102000000000008
            ! received error 4 "0"
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
            ! received error 4 "0"
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
            ! received error 4 ""
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
fn r_neg_03_the_lower_query_may_be_the_last_that_a_cache_reads() {
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
            ! received error 4 ""
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
fn r_neg_03_a_cache_that_reports_0_and_speaks_1_is_asked_in_1() {
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
            ! received error 4 ""
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
            ! received error 4 ""
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
        ! received error 4 ""
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
        ! received error 4 ""
        ! steps down to v1
        < v1 reset-query
        > v0 error 4 "" copy=
        ! received error 4 ""
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
        ! received error 4 ""
        ! steps down to v1
        < v1 reset-query
        > v0 error 4 "" copy=
        ! received error 4 ""
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
            ! received error 4 ""
            ! steps down to v1
            ! ended: the cache speaks none of our versions; again at once
            = close
            = connect
            = waits
            connect
            < v1 reset-query
            = waits 60000
            > v2 error 4 "" copy=0102000000000008
            ! received error 4 ""
            ! steps down to v0
            ! ended: the cache speaks none of our versions; again at once
            = close
            = connect
            = waits
            connect
            < v0 reset-query
            = waits 60000
            > v2 error 4 "" copy=0002000000000008
            ! received error 4 ""
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
fn r_neg_04_naming_an_unknown_version_is_the_same() {
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
            ! received error 4 ""
            ! steps down to v1
            ! ended: the cache speaks none of our versions; again at once
            = close
            = connect
            = waits
            connect
            < v1 reset-query
            = waits 60000
            >> 03 0A 0004 00000010 00000000 00000000
            ! received error 4 ""
            ! steps down to v0
            ! ended: the cache speaks none of our versions; again at once
            = close
            = connect
            = waits
            connect
            < v0 reset-query
            = waits 60000
            >> 03 0A 0004 00000010 00000000 00000000
            ! received error 4 ""
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
            ! received error 4 ""
            ! steps down to v1
            < v1 reset-query
            > v1 error 4 "" copy=
            ! received error 4 ""
            ! steps down to v0
            ! ended: the cache speaks none of our versions; again at once
            = close
            = connect
            = waits
            connect
            < v0 reset-query
            = waits 60000
            > v1 error 4 "" copy=
            ! received error 4 ""
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
        ! received error 4 ""
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
            ! received error 4 ""
            ! steps down to v1
            < v1 reset-query
            > v0 error 4 "" copy=
            ! received error 4 ""
            ! steps down to v0
            < v0 reset-query
            > v0 error 4 "" copy=
            ! received error 4 ""
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
        ! received error 4 ""
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
