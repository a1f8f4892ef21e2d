//! A cache that closes without an answer (R-NEG-08), and sessions of other versions (R-SID-02).

use crate::story::{Story, check, check_again, check_synced, check_up_to};
use expect_test::expect;
use rtrcast_proto::{Version, VersionRange};

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
        ! received error 4 ""
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
        ! received error 4 ""
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
                ! received error 4 ""
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

#[test]
fn r_neg_08_a_connection_that_ends_by_a_refused_identity_is_not_about_versions() {
    check_up_to(
        Version::V2,
        "connect
        not-accepted
        wait
        connect",
        expect![[r#"
            = connect
            connect
            < v2 reset-query
            = waits 60000
            not-accepted
            ! ended: there is no connection; again at 1191
            = close
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
fn distrust_behind_an_answer_is_an_end_like_any_other() {
    check_synced(
        Version::V2,
        "not-accepted
        wait",
        expect![[r#"
            not-accepted
            ! ended: the cache closed the connection; again at 1191
            = close
            = waits 1191
            wait
            = connect
            = waits 7200000
        "#]],
    );
}
