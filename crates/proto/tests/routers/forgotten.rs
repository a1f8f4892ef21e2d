//! Caches that do not know the router's session any more, and close without an Error Report: StayRTR 0.5.1 after a
//! restart, about every second time.

use crate::story::check_again;
use expect_test::expect;
use rtrcast_proto::Version;

#[test]
fn r_err_04_a_cache_that_closes_at_a_serial_query_is_asked_for_everything_at_once() {
    check_again(
        Version::V2,
        "connect\nend\nconnect\n>= v2 8 1 ipv4 + 10.0.0.0/8-24 AS1",
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
        >= v2 8 1 ipv4 + 10.0.0.0/8-24 AS1
        ! speaks v2
        ! updated by the whole set: - ipv4 10.0.0.0/8-24 AS64496; + ipv4 10.0.0.0/8-24 AS1
        = data v2 8 1 ipv4 10.0.0.0/8-24 AS1 until 7201191
        = waits 3601191
    "#]],
    );
    check_again(
        Version::V1,
        "connect\nend\nconnect\n>= v1 8 1 ipv4 + 10.0.0.0/8-24 AS1",
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
        >= v1 8 1 ipv4 + 10.0.0.0/8-24 AS1
        ! speaks v1
        ! updated by the whole set: - ipv4 10.0.0.0/8-24 AS64496; + ipv4 10.0.0.0/8-24 AS1
        = data v1 8 1 ipv4 10.0.0.0/8-24 AS1 until 7201191
        = waits 3601191
    "#]],
    );
}

#[test]
fn r_err_04_the_session_is_used_again_if_a_reset_query_is_not_answered_either() {
    check_again(
        Version::V2,
        "connect\nend\nconnect\nend\nwait\nconnect\n>= v2 7 6",
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
        >= v2 7 6
        ! speaks v2
        ! updated by a delta, the same as before
        = data v2 7 6 ipv4 10.0.0.0/8-24 AS64496 until 7203122
        = waits 3603122
    "#]],
    );
}

#[test]
fn r_err_04_nor_is_it_forgotten_if_the_answer_breaks_off() {
    check_again(
        Version::V2,
        "connect\nend\nconnect\n> v2 cache-response session=7\nend\nwait\nconnect\n>= v2 7 6",
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
            > v2 cache-response session=7
            ! speaks v2
            end
            ! ended: the connection ended in the middle of a response; again at 3122
            = close
            = waits 3122
            wait
            = connect
            = waits 7200000
            connect
            < v2 serial-query session=7 serial=5
            = waits 63122
            >= v2 7 6
            ! speaks v2
            ! updated by a delta, the same as before
            = data v2 7 6 ipv4 10.0.0.0/8-24 AS64496 until 7203122
            = waits 3603122
        "#]],
    );
}
