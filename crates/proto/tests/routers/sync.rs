//! Queries, and the effect of answers on the data (R-SID-01, R-SYN-01 to 05), notifies and refreshes.

use crate::story::{Story, check, check_again, check_synced, up_to};
use expect_test::expect;
use rtrcast_proto::Version;

#[test]
fn r_sid_01_another_session_in_a_cache_response_flushes_the_data() {
    for version in Version::ALL {
        let log = Story::again(version).log_of(&format!("connect\n>= v{version} 8 6 ipv4 - 10.0.0.0/8-24 AS64496"));
        assert!(log.contains("! reported 0 (Corrupt Data): not the session id of this connection\n"), "{log}");
        assert!(log.contains("= data none\n") && !log.contains("! updated"), "{log}");
    }
    check_synced(
        Version::V1,
        "refresh\n> v1 cache-response session=8\nwait\nconnect",
        expect![[r#"
        refresh
        < v1 serial-query session=7 serial=5
        = waits 60000
        > v1 cache-response session=8
        ! reported 0 (Corrupt Data): not the session id of this connection
        ! flushed: the cache broke the protocol: not the session id of this connection
        = data none
        ! ended: the cache broke the protocol: not the session id of this connection; again at 652998
        < v1 error 0 "not the session id of this connection" copy=0103000800000008
        = close
        = waits 652998
        wait
        = connect
        = waits
        connect
        < v1 reset-query
        = waits 712998
    "#]],
    );
}

#[test]
fn r_sid_01_another_session_in_an_end_of_data_flushes_the_data_and_applies_nothing() {
    for version in Version::ALL {
        let log = Story::synced(version).log_of(&format!(
            "refresh
             > v{version} cache-response session=7
             > v{version} ipv4 + 10.0.0.0/8-8 AS2
             > v{version} end-of-data session=8 serial=6 refresh=3600 retry=600 expire=7200"
        ));
        assert!(log.contains("! reported 0 (Corrupt Data): not the session id of this connection\n"), "{log}");
        assert!(log.contains("= data none\n") && !log.contains("! updated"), "{log}");
    }
    check(
        "connect
         > v2 cache-response session=7
         > v2 end-of-data session=8 serial=6 refresh=3600 retry=600 expire=7200",
        expect![[r#"
            = connect
            connect
            < v2 reset-query
            = waits 60000
            > v2 cache-response session=7
            ! speaks v2
            > v2 end-of-data session=8 serial=6 refresh=3600 retry=600 expire=7200
            ! reported 0 (Corrupt Data): not the session id of this connection
            ! ended: the cache broke the protocol: not the session id of this connection; again at 652998
            < v2 error 0 "not the session id of this connection" copy=02070008000000180000000600000e100000025800001c20
            = close
            = waits 652998
        "#]],
    );
}

#[test]
fn r_sid_01_another_session_in_a_notify_flushes_the_data() {
    for version in Version::ALL {
        for before in ["", "refresh\n", &format!("refresh\n> v{version} cache-response session=7\n")] {
            let log = Story::synced(version).log_of(&format!("{before}> v{version} serial-notify session=8 serial=6"));
            assert!(log.contains("! reported 0 (Corrupt Data): not the session id of this connection\n"), "{log}");
            assert!(log.contains("= data none\n"), "{log}");
        }
    }
    check_synced(
        Version::V0,
        "> v0 serial-notify session=8 serial=6",
        expect![[r#"
        > v0 serial-notify session=8 serial=6
        ! reported 0 (Corrupt Data): not the session id of this connection
        ! flushed: the cache broke the protocol: not the session id of this connection
        = data none
        ! ended: the cache broke the protocol: not the session id of this connection; again at 652998
        < v0 error 0 "not the session id of this connection" copy=000000080000000c00000006
        = close
        = waits 652998
    "#]],
    );
}

#[test]
fn r_sid_01_a_cache_without_data_may_begin_another_session() {
    check_synced(
        Version::V2,
        "refresh
         > v2 error 2 \"\" copy=
         > v2 serial-notify session=8 serial=1
         > v2 serial-notify session=8 serial=2
         >= v2 8 2 ipv4 + 10.0.0.0/8-24 AS1",
        expect![[r#"
            refresh
            < v2 serial-query session=7 serial=5
            = waits 60000
            > v2 error 2 "" copy=
            ! received error 2 ""
            ! no data
            > v2 serial-notify session=8 serial=1
            ! notified of 1
            < v2 reset-query
            > v2 serial-notify session=8 serial=2
            >= v2 8 2 ipv4 + 10.0.0.0/8-24 AS1
            ! updated by the whole set: - ipv4 10.0.0.0/8-24 AS64496; + ipv4 10.0.0.0/8-24 AS1
            = data v2 8 2 ipv4 10.0.0.0/8-24 AS1 until 7200000
            = waits 3600000
        "#]],
    );
}

#[test]
fn r_sid_01_and_a_reset_response_as_well() {
    check_synced(
        Version::V1,
        "refresh\n> v1 cache-reset\n>= v1 8 1 ipv4 + 10.0.0.0/8-24 AS1",
        expect![[r#"
        refresh
        < v1 serial-query session=7 serial=5
        = waits 60000
        > v1 cache-reset
        ! cache reset
        < v1 reset-query
        >= v1 8 1 ipv4 + 10.0.0.0/8-24 AS1
        ! updated by the whole set: - ipv4 10.0.0.0/8-24 AS64496; + ipv4 10.0.0.0/8-24 AS1
        = data v1 8 1 ipv4 10.0.0.0/8-24 AS1 until 7200000
        = waits 3600000
    "#]],
    );
}

#[test]
fn r_syn_01_without_data_everything_is_asked_for() {
    check(
        "connect\n> v2 cache-response session=7\n> v2 ipv4 + 10.0.0.0/8-24 AS1\nend\nwait\nconnect",
        expect![[r#"
        = connect
        connect
        < v2 reset-query
        = waits 60000
        > v2 cache-response session=7
        ! speaks v2
        > v2 ipv4 + 10.0.0.0/8-24 AS1
        end
        ! ended: the connection ended in the middle of a response; again at 1191
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
fn r_syn_01_nor_are_expired_data_gone_on_from() {
    for version in Version::ALL {
        let log = Story::synced(version).log_of("end\nwait\nat 7200000\nconnect");
        assert!(log.ends_with(&format!("connect\n< v{version} reset-query\n= waits 7260000\n")), "{log}");
    }
}

#[test]
fn r_syn_02_the_serial_is_that_of_the_last_end_of_data() {
    for version in Version::ALL {
        let log = Story::synced(version).log_of(&format!(
            "> v{version} serial-notify session=7 serial=6
             > v{version} cache-response session=7
             > v{version} ipv4 + 10.0.0.0/8-8 AS2
             end
             wait
             connect
             >= v{version} 7 8 ipv4 + 10.0.0.0/8-8 AS2
             refresh"
        ));
        assert!(log.contains(&format!("connect\n< v{version} serial-query session=7 serial=5\n")), "{log}");
        assert!(log.contains(&format!("refresh\n< v{version} serial-query session=7 serial=8\n")), "{log}");
    }
}

#[test]
fn r_syn_03_nothing_is_in_effect_before_its_end_of_data() {
    check_synced(
        Version::V2,
        "refresh
         > v2 cache-response session=7
         > v2 ipv4 + 10.0.0.0/8-8 AS2
         > v2 ipv4 - 10.0.0.0/8-24 AS64496
         end",
        expect![[r#"
            refresh
            < v2 serial-query session=7 serial=5
            = waits 60000
            > v2 cache-response session=7
            > v2 ipv4 + 10.0.0.0/8-8 AS2
            > v2 ipv4 - 10.0.0.0/8-24 AS64496
            end
            ! ended: the connection ended in the middle of a response; again at 1191
            = close
            = waits 1191
        "#]],
    );
    check_synced(
        Version::V2,
        "refresh
         > v2 cache-response session=7
         > v2 ipv4 + 10.0.0.0/8-8 AS2
         > v2 ipv4 + 10.0.0.0/8-8 AS2
         hold
         > v2 end-of-data session=7 serial=6 refresh=3600 retry=600 expire=7200
         go",
        expect![[r#"
            refresh
            < v2 serial-query session=7 serial=5
            = waits 60000
            > v2 cache-response session=7
            > v2 ipv4 + 10.0.0.0/8-8 AS2
            > v2 ipv4 + 10.0.0.0/8-8 AS2
            hold
            > v2 end-of-data session=7 serial=6 refresh=3600 retry=600 expire=7200
            = apply
            = waits 7200000
            go
            ! reported 7 (Duplicate Announcement Received): the record was announced before
            ! flushed: the cache broke the protocol: the record was announced before
            = data none
            ! ended: the cache broke the protocol: the record was announced before; again at 652998
            < v2 error 7 "the record was announced before" copy=0204000000000014010808000a00000000000002
            = close
            = waits 652998
        "#]],
    );
}

#[test]
fn r_syn_03_a_response_that_does_not_end_is_given_up_after_an_hour() {
    let mut lines = vec!["connect".to_owned(), "> v2 cache-response session=7".to_owned()];
    for n in 1..=100 {
        lines.push(format!("at {}", n * 50_000));
        lines.push(format!("> v2 ipv4 + 10.0.{n}.0/24-24 AS1"));
    }
    let log = Story::new(up_to(Version::V2)).log_of(&lines.join("\n"));
    let (before, _) = log.split_once("! ended: the cache is silent; again at ").unwrap();
    assert!(before.ends_with("at 3600000\n"), "{before}");
}

#[test]
fn r_syn_03_while_a_response_is_applied_the_connection_may_end() {
    Story::again(Version::V2).run(
        "hold
         connect
         >= v2 7 6 ipv4 + 10.0.0.0/8-8 AS2
         end
         at 8000000
         go
         wait",
        expect![[r#"
            hold
            connect
            < v2 serial-query session=7 serial=5
            = waits 61191
            >= v2 7 6 ipv4 + 10.0.0.0/8-8 AS2
            ! speaks v2
            = apply
            = waits 7200000
            end
            at 8000000
            ! flushed: they have expired
            = data none
            = waits
            go
            ! updated by a delta: + ipv4 10.0.0.0/8-8 AS2
            = data none
            ! ended: the cache closed the connection; again at 8000965
            ! flushed: they have expired
            = data none
            = close
            = waits 8000965
            wait
            = connect
            = waits
        "#]],
    );
}

#[test]
fn r_syn_03_what_comes_behind_a_response_is_read_when_it_is_applied() {
    Story::again(Version::V2).run(
        "hold
         connect
         >= v2 7 6 ipv4 + 10.0.0.0/8-8 AS2
         > v2 serial-notify session=7 serial=7
         go",
        expect![[r#"
            hold
            connect
            < v2 serial-query session=7 serial=5
            = waits 61191
            >= v2 7 6 ipv4 + 10.0.0.0/8-8 AS2
            ! speaks v2
            = apply
            = waits 7200000
            > v2 serial-notify session=7 serial=7
            go
            ! updated by a delta: + ipv4 10.0.0.0/8-8 AS2
            = data v2 7 6 ipv4 10.0.0.0/8-24 AS64496; ipv4 10.0.0.0/8-8 AS2 until 7201191
            ! notified of 7
            < v2 serial-query session=7 serial=6
            = waits 61191
        "#]],
    );
    Story::again(Version::V2).run(
        "hold
         connect
         >= v2 7 6 ipv4 + 10.0.0.0/8-8 AS2
         > v2 error 12 \"\" copy=
         end
         go",
        expect![[r#"
            hold
            connect
            < v2 serial-query session=7 serial=5
            = waits 61191
            >= v2 7 6 ipv4 + 10.0.0.0/8-8 AS2
            ! speaks v2
            = apply
            = waits 7200000
            > v2 error 12 "" copy=
            end
            go
            ! updated by a delta: + ipv4 10.0.0.0/8-8 AS2
            = data v2 7 6 ipv4 10.0.0.0/8-24 AS64496; ipv4 10.0.0.0/8-8 AS2 until 7201191
            ! received error 12 ""
            ! ended: the cache restarts; again at 3122
            = close
            = waits 3122
        "#]],
    );
}

#[test]
fn r_syn_04_a_reset_response_replaces_the_whole_set() {
    for version in Version::ALL {
        let log = Story::synced(version).log_of(&format!(
            "refresh\n> v{version} cache-reset\n>= v{version} 7 9 ipv4 + 10.0.0.0/8-8 AS2; ipv4 + 10.0.0.0/8-9 AS2"
        ));
        let data = format!("= data v{version} 7 9 ipv4 10.0.0.0/8-9 AS2; ipv4 10.0.0.0/8-8 AS2 until ");
        assert!(log.contains(&data), "{log}");
    }
    check_synced(
        Version::V2,
        "refresh\n> v2 cache-reset\n>= v2 7 9",
        expect![[r#"
        refresh
        < v2 serial-query session=7 serial=5
        = waits 60000
        > v2 cache-reset
        ! cache reset
        < v2 reset-query
        >= v2 7 9
        ! updated by the whole set: - ipv4 10.0.0.0/8-24 AS64496
        = data v2 7 9 until 7200000
        = waits 3600000
    "#]],
    );
}

#[test]
fn r_syn_04_a_withdrawal_in_a_reset_response_is_wrong() {
    for version in Version::ALL {
        let log = Story::new(up_to(version)).log_of(&format!(
            "connect\n> v{version} cache-response session=7\n> v{version} ipv4 - 10.0.0.0/8-24 AS64496"
        ));
        assert!(log.contains(&format!("< v{version} error 6 ")), "{log}");
    }
    check_synced(
        Version::V2,
        "refresh\n> v2 cache-reset\n> v2 cache-response session=7\n> v2 ipv4 - 10.0.0.0/8-24 AS64496",
        expect![[r#"
            refresh
            < v2 serial-query session=7 serial=5
            = waits 60000
            > v2 cache-reset
            ! cache reset
            < v2 reset-query
            > v2 cache-response session=7
            > v2 ipv4 - 10.0.0.0/8-24 AS64496
            ! reported 6 (Withdrawal of Unknown Record): the withdrawn record is not there
            ! flushed: the cache broke the protocol: the withdrawn record is not there
            = data none
            ! ended: the cache broke the protocol: the withdrawn record is not there; again at 652998
            < v2 error 6 "the withdrawn record is not there" copy=0204000000000014000818000a0000000000fbf0
            = close
            = waits 652998
        "#]],
    );
}

#[test]
fn r_syn_05_a_cache_reset_is_followed_by_a_reset_query_and_the_data_stay_meanwhile() {
    for version in Version::ALL {
        let log = Story::synced(version).log_of(&format!("refresh\n> v{version} cache-reset"));
        assert!(log.contains(&format!("! cache reset\n< v{version} reset-query\n")), "{log}");
        assert!(!log.contains("= data none"), "{log}");
    }
    check_again(
        Version::V2,
        "connect\n> v2 cache-reset\nend\nwait\nconnect\n>= v2 8 1",
        expect![[r#"
        connect
        < v2 serial-query session=7 serial=5
        = waits 61191
        > v2 cache-reset
        ! speaks v2
        ! cache reset
        < v2 reset-query
        end
        ! ended: the cache closed the connection; again at 3122
        = close
        = waits 3122
        wait
        = connect
        = waits 7200000
        connect
        < v2 reset-query
        = waits 63122
        >= v2 8 1
        ! speaks v2
        ! updated by the whole set: - ipv4 10.0.0.0/8-24 AS64496
        = data v2 8 1 until 7203122
        = waits 3603122
    "#]],
    );
}

#[test]
fn r_syn_05_a_cache_reset_that_answers_no_serial_query_is_wrong() {
    check(
        "connect\n> v2 cache-reset",
        expect![[r#"
        = connect
        connect
        < v2 reset-query
        = waits 60000
        > v2 cache-reset
        ! reported 0 (Corrupt Data): Cache Reset was not expected here
        ! ended: the cache broke the protocol: Cache Reset was not expected here; again at 652998
        < v2 error 0 "Cache Reset was not expected here" copy=0208000000000008
        = close
        = waits 652998
    "#]],
    );
    check_synced(
        Version::V1,
        "> v1 cache-reset",
        expect![[r#"
        > v1 cache-reset
        ! reported 0 (Corrupt Data): Cache Reset was not expected here
        ! ended: the cache broke the protocol: Cache Reset was not expected here; again at 652998
        < v1 error 0 "Cache Reset was not expected here" copy=0108000000000008
        = close
        = waits 652998
    "#]],
    );
    check_synced(
        Version::V1,
        "refresh\n> v1 cache-response session=7\n> v1 cache-reset",
        expect![[r#"
        refresh
        < v1 serial-query session=7 serial=5
        = waits 60000
        > v1 cache-response session=7
        > v1 cache-reset
        ! reported 0 (Corrupt Data): Cache Reset was not expected here
        ! ended: the cache broke the protocol: Cache Reset was not expected here; again at 652998
        < v1 error 0 "Cache Reset was not expected here" copy=0108000000000008
        = close
        = waits 652998
    "#]],
    );
}

#[test]
fn a_notify_is_followed_by_a_serial_query() {
    for version in Version::ALL {
        let log = Story::synced(version).log_of(&format!("> v{version} serial-notify session=7 serial=6"));
        assert!(log.contains(&format!("! notified of 6\n< v{version} serial-query session=7 serial=5\n")), "{log}");
    }
}

#[test]
fn a_notify_of_the_serial_that_is_held_is_nothing_new() {
    check_synced(
        Version::V2,
        "> v2 serial-notify session=7 serial=5",
        expect![[r#"
        > v2 serial-notify session=7 serial=5
    "#]],
    );
}

#[test]
fn a_notify_during_a_response_is_asked_for_behind_it_unless_it_brought_that() {
    check_synced(
        Version::V2,
        "refresh
         > v2 cache-response session=7
         > v2 serial-notify session=7 serial=7
         > v2 end-of-data session=7 serial=6 refresh=3600 retry=600 expire=7200",
        expect![[r#"
            refresh
            < v2 serial-query session=7 serial=5
            = waits 60000
            > v2 cache-response session=7
            > v2 serial-notify session=7 serial=7
            > v2 end-of-data session=7 serial=6 refresh=3600 retry=600 expire=7200
            ! updated by a delta, the same as before
            = data v2 7 6 ipv4 10.0.0.0/8-24 AS64496 until 7200000
            ! notified of 7
            < v2 serial-query session=7 serial=6
        "#]],
    );
    check_synced(
        Version::V2,
        "refresh
         > v2 serial-notify session=7 serial=6
         > v2 cache-response session=7
         > v2 end-of-data session=7 serial=6 refresh=3600 retry=600 expire=7200",
        expect![[r#"
            refresh
            < v2 serial-query session=7 serial=5
            = waits 60000
            > v2 serial-notify session=7 serial=6
            > v2 cache-response session=7
            > v2 end-of-data session=7 serial=6 refresh=3600 retry=600 expire=7200
            ! updated by a delta, the same as before
            = data v2 7 6 ipv4 10.0.0.0/8-24 AS64496 until 7200000
            = waits 3600000
        "#]],
    );
}

#[test]
fn an_empty_delta_renews_the_data() {
    check_synced(
        Version::V1,
        "at 1000000\nrefresh\n>= v1 7 5",
        expect![[r#"
        at 1000000
        refresh
        < v1 serial-query session=7 serial=5
        = waits 1060000
        >= v1 7 5
        ! updated by a delta, the same as before
        = data v1 7 5 ipv4 10.0.0.0/8-24 AS64496 until 8200000
        = waits 4600000
    "#]],
    );
}

#[test]
fn a_refresh_during_an_exchange_is_none() {
    check_synced(
        Version::V1,
        "refresh
         refresh
         > v1 cache-response session=7
         refresh
         > v1 end-of-data session=7 serial=6 refresh=3600 retry=600 expire=7200",
        expect![[r#"
            refresh
            < v1 serial-query session=7 serial=5
            = waits 60000
            refresh
            > v1 cache-response session=7
            refresh
            > v1 end-of-data session=7 serial=6 refresh=3600 retry=600 expire=7200
            ! updated by a delta, the same as before
            = data v1 7 6 ipv4 10.0.0.0/8-24 AS64496 until 7200000
            = waits 3600000
        "#]],
    );
}
