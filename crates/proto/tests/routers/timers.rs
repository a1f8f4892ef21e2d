//! When a router asks, gives up, and forgets (R-SYN-07 to 10, R-TMO-01).

use crate::story::{Story, check, check_again, check_synced, check_up_to, up_to};
use expect_test::expect;
use rtrcast_proto::{ClientPolicy, Timing, Version};

fn slow(max: Version) -> Story {
    let timing = Timing::new(86_400, 7_200, 172_800).unwrap();
    Story::with_policy(ClientPolicy { versions: up_to(max), timing, ..ClientPolicy::default() })
}

#[test]
fn r_syn_07_a_cache_is_asked_when_its_refresh_interval_has_passed() {
    check(
        "connect
         > v2 cache-response session=7
         > v2 end-of-data session=7 serial=5 refresh=300 retry=60 expire=900
         wait
         > v2 cache-response session=7
         > v2 end-of-data session=7 serial=5 refresh=400 retry=60 expire=900
         wait",
        expect![[r#"
            = connect
            connect
            < v2 reset-query
            = waits 60000
            > v2 cache-response session=7
            ! speaks v2
            > v2 end-of-data session=7 serial=5 refresh=300 retry=60 expire=900
            ! updated by the whole set
            = data v2 7 5 (300 60 900) until 900000
            = waits 300000
            wait
            < v2 serial-query session=7 serial=5
            = waits 360000
            > v2 cache-response session=7
            > v2 end-of-data session=7 serial=5 refresh=400 retry=60 expire=900
            ! updated by a delta, the same as before
            = data v2 7 5 (400 60 900) until 1200000
            = waits 700000
            wait
            < v2 serial-query session=7 serial=5
            = waits 760000
        "#]],
    );
    check_synced(
        Version::V1,
        "wait",
        expect![[r#"
        wait
        < v1 serial-query session=7 serial=5
        = waits 3660000
    "#]],
    );
}

#[test]
fn r_syn_07_version_0_is_asked_once_an_hour() {
    check_synced(
        Version::V0,
        "wait\n>= v0 7 5\nwait",
        expect![[r#"
        wait
        < v0 serial-query session=7 serial=5
        = waits 3660000
        >= v0 7 5
        ! updated by a delta, the same as before
        = data v0 7 5 ipv4 10.0.0.0/8-24 AS64496 until 10800000
        = waits 7200000
        wait
        < v0 serial-query session=7 serial=5
        = waits 7260000
    "#]],
    );
    slow(Version::V0).run(
        "connect\n>= v0 7 5\nwait",
        expect![[r#"
        = connect
        connect
        < v0 reset-query
        = waits 60000
        >= v0 7 5
        ! speaks v0
        ! updated by the whole set
        = data v0 7 5 (3600 7200 172800) until 172800000
        = waits 3600000
        wait
        < v0 serial-query session=7 serial=5
        = waits 3660000
    "#]],
    );
    slow(Version::V1).run(
        "connect\n>= v0 7 5\nwait",
        expect![[r#"
        = connect
        connect
        < v1 reset-query
        = waits 60000
        >= v0 7 5
        ! speaks v0
        ! updated by the whole set
        = data v0 7 5 (3600 7200 172800) until 172800000
        = waits 3600000
        wait
        < v0 serial-query session=7 serial=5
        = waits 3660000
    "#]],
    );
}

#[test]
fn r_syn_08_no_data_are_kept_beyond_their_expire_interval() {
    for version in Version::ALL {
        let log = Story::synced(version).log_of("end\nwait\nat 7199999\nat 7200000");
        assert!(log.contains("at 7199999\nat 7200000\n! flushed: they have expired\n= data none\n"), "{log}");
    }
    // The interval begins with the last End of Data.
    check_synced(
        Version::V1,
        "at 1000000\nrefresh\n>= v1 7 5\nend\nwait\nat 8199999\nlater 8200000\nrefuse",
        expect![[r#"
            at 1000000
            refresh
            < v1 serial-query session=7 serial=5
            = waits 1060000
            >= v1 7 5
            ! updated by a delta, the same as before
            = data v1 7 5 ipv4 10.0.0.0/8-24 AS64496 until 8200000
            = waits 4600000
            end
            ! ended: the cache closed the connection; again at 1001191
            = close
            = waits 1001191
            wait
            = connect
            = waits 8200000
            at 8199999
            later 8200000
            ! flushed: they have expired
            = data none
            = waits
            refuse
            ! ended: there is no connection; again at 8201931
            = waits 8201931
        "#]],
    );
}

#[test]
fn r_syn_08_data_that_expire_before_the_answer_are_asked_for_anew() {
    check_again(
        Version::V2,
        "at 7199000\nconnect\nwait\n>= v2 7 6 ipv4 + 10.0.0.0/8-8 AS2\nconnect\n>= v2 7 6 ipv4 + 10.0.0.0/8-8 AS2",
        expect![[r#"
            at 7199000
            connect
            < v2 serial-query session=7 serial=5
            wait
            ! flushed: they have expired
            = data none
            = waits 7259000
            >= v2 7 6 ipv4 + 10.0.0.0/8-8 AS2
            ! speaks v2
            ! ended: the cache does not know our session any more; again at once
            = close
            = connect
            = waits
            connect
            < v2 reset-query
            = waits 7260000
            >= v2 7 6 ipv4 + 10.0.0.0/8-8 AS2
            ! speaks v2
            ! updated by the whole set
            = data v2 7 6 ipv4 10.0.0.0/8-8 AS2 until 14400000
            = waits 10800000
        "#]],
    );
    check_again(
        Version::V2,
        "at 7199000\nconnect\nwait\n> v2 cache-reset",
        expect![[r#"
        at 7199000
        connect
        < v2 serial-query session=7 serial=5
        wait
        ! flushed: they have expired
        = data none
        = waits 7259000
        > v2 cache-reset
        ! speaks v2
        ! cache reset
        < v2 reset-query
        = waits 7260000
    "#]],
    );
}

#[test]
fn r_syn_08_data_that_expire_during_a_response_are_gone_until_it_ends() {
    check_again(
        Version::V1,
        "at 7199000
         connect
         > v1 cache-response session=7
         wait
         > v1 ipv4 + 10.0.0.0/8-8 AS2
         > v1 end-of-data session=7 serial=6 refresh=3600 retry=600 expire=7200",
        expect![[r#"
            at 7199000
            connect
            < v1 serial-query session=7 serial=5
            > v1 cache-response session=7
            ! speaks v1
            wait
            ! flushed: they have expired
            = data none
            = waits 7259000
            > v1 ipv4 + 10.0.0.0/8-8 AS2
            = waits 7260000
            > v1 end-of-data session=7 serial=6 refresh=3600 retry=600 expire=7200
            ! updated by a delta: + ipv4 10.0.0.0/8-8 AS2
            = data v1 7 6 ipv4 10.0.0.0/8-24 AS64496; ipv4 10.0.0.0/8-8 AS2 until 14400000
            = waits 10800000
        "#]],
    );
}

#[test]
fn r_syn_08_data_do_not_outlive_their_interval_by_the_time_that_applying_takes() {
    Story::again(Version::V1).run(
        "hold\nconnect\n>= v1 7 6\nat 9000000\ngo",
        expect![[r#"
        hold
        connect
        < v1 serial-query session=7 serial=5
        = waits 61191
        >= v1 7 6
        ! speaks v1
        = apply
        = waits 7200000
        at 9000000
        ! flushed: they have expired
        = data none
        = waits
        go
        ! updated by a delta, the same as before
        = data none
        ! flushed: they have expired
        = data none
        < v1 reset-query
        = waits 9060000
    "#]],
    );
}

#[test]
fn r_syn_09_a_query_that_never_succeeded_is_tried_again_after_600_s() {
    check_up_to(
        Version::V1,
        "connect\n> v1 error 1 \"\" copy=\nwait\nconnect",
        expect![[r#"
        = connect
        connect
        < v1 reset-query
        = waits 60000
        > v1 error 1 "" copy=
        ! received error 1 ""
        ! speaks v1
        ! ended: the cache reported error 1 (Internal Error); again at 652998
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
    check_up_to(
        Version::V1,
        "connect\n> v1 error 2 \"\" copy=\nwait",
        expect![[r#"
        = connect
        connect
        < v1 reset-query
        = waits 60000
        > v1 error 2 "" copy=
        ! received error 2 ""
        ! speaks v1
        ! no data
        = waits 600000
        wait
        < v1 reset-query
        = waits 660000
    "#]],
    );
    check_up_to(
        Version::V2,
        "connect\n> v2 error 1 \"\" copy=\nwait\nconnect",
        expect![[r#"
        = connect
        connect
        < v2 reset-query
        = waits 60000
        > v2 error 1 "" copy=
        ! received error 1 ""
        ! speaks v2
        ! ended: the cache reported error 1 (Internal Error); again at 652998
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
fn r_syn_09_after_a_success_its_retry_interval_applies() {
    check(
        "connect
         > v2 cache-response session=7
         > v2 end-of-data session=7 serial=5 refresh=300 retry=60 expire=900
         refresh
         > v1 error 4 \"\" copy=
         wait",
        expect![[r#"
            = connect
            connect
            < v2 reset-query
            = waits 60000
            > v2 cache-response session=7
            ! speaks v2
            > v2 end-of-data session=7 serial=5 refresh=300 retry=60 expire=900
            ! updated by the whole set
            = data v2 7 5 (300 60 900) until 900000
            = waits 300000
            refresh
            < v2 serial-query session=7 serial=5
            = waits 60000
            > v1 error 4 "" copy=
            ! received error 4 ""
            ! ended: the cache speaks none of our versions; again at 65299
            = close
            = waits 65299
            wait
            = connect
            = waits 900000
        "#]],
    );
}

#[test]
fn r_syn_10_timers_that_break_the_rules_are_brought_within_them() {
    for (version, timers, used) in [
        (1, "0 600 7200", "1 600 7200"),
        (1, "86401 600 172800", "86400 600 172800"),
        (1, "3600 0 7200", "3600 1 7200"),
        (2, "3600 7201 172800", "3600 7200 172800"),
        (2, "300 60 599", "300 60 600"),
        (2, "3600 600 172801", "3600 600 172800"),
        (2, "3600 600 3600", "3599 600 3600"),
        (2, "300 7200 600", "300 599 600"),
        (2, "0 0 0", "1 1 600"),
        (2, "4294967295 4294967295 4294967295", "86400 7200 172800"),
    ] {
        let words: Vec<&str> = timers.split(' ').collect();
        let [refresh, retry, expire] = words.as_slice() else { panic!("three timers") };
        let log = Story::new(up_to(Version::V2)).log_of(&format!(
            "connect
             > v{version} cache-response session=7
             > v{version} end-of-data session=7 serial=5 refresh={refresh} retry={retry} expire={expire}"
        ));
        assert!(log.contains(&format!("! timers {timers} used as {used}\n")), "{log}");
        assert!(log.contains(&format!("= data v{version} 7 5 ({used}) until ")), "{log}");
    }
    check(
        "connect\n> v2 cache-response session=7\n> v2 end-of-data session=7 serial=5 refresh=1 retry=1 expire=600",
        expect![[r#"
        = connect
        connect
        < v2 reset-query
        = waits 60000
        > v2 cache-response session=7
        ! speaks v2
        > v2 end-of-data session=7 serial=5 refresh=1 retry=1 expire=600
        ! updated by the whole set
        = data v2 7 5 (1 1 600) until 600000
        = waits 1000
    "#]],
    );
}

#[test]
fn r_tmo_01_a_cache_that_owes_an_answer_is_given_up_after_a_minute() {
    check(
        "connect\nwait\nwait\nconnect",
        expect![[r#"
        = connect
        connect
        < v2 reset-query
        = waits 60000
        wait
        ! ended: the cache is silent; again at 61191
        = close
        = waits 61191
        wait
        = connect
        = waits
        connect
        < v2 reset-query
        = waits 121191
    "#]],
    );
    check_synced(
        Version::V2,
        "refresh\nat 59999\nwait",
        expect![[r#"
        refresh
        < v2 serial-query session=7 serial=5
        = waits 60000
        at 59999
        wait
        ! ended: the cache is silent; again at 61191
        = close
        = waits 61191
    "#]],
    );
    check_synced(
        Version::V1,
        "refresh\n> v1 cache-response session=7\nat 59999\n> v1 ipv4 + 10.0.0.0/8-8 AS2\nwait",
        expect![[r#"
        refresh
        < v1 serial-query session=7 serial=5
        = waits 60000
        > v1 cache-response session=7
        at 59999
        > v1 ipv4 + 10.0.0.0/8-8 AS2
        = waits 119999
        wait
        ! ended: the cache is silent; again at 121190
        = close
        = waits 121190
    "#]],
    );
}

#[test]
fn r_tmo_01_or_after_three_retry_intervals_which_version_2_has_a_code_for() {
    for (version, code) in [
        (1, ""),
        (2, "! reported 10 (Transport Failure)\n! flushed: error 10 (Transport Failure) was reported\n= data none\n"),
    ] {
        let log = Story::new(up_to(Version::V2)).log_of(&format!(
            "connect
             > v{version} cache-response session=7
             > v{version} end-of-data session=7 serial=5 refresh=300 retry=10 expire=900
             refresh
             wait"
        ));
        assert!(log.contains(&format!("refresh\n< v{version} serial-query session=7 serial=5\n= waits 30000\nwait\n{code}! ended: the cache is silent;")), "{log}");
    }
}

#[test]
fn r_tmo_01_a_cache_that_only_notifies_is_given_up_after_an_hour() {
    let notifies: Vec<String> =
        (1..100).map(|n| format!("at {}\n> v2 serial-notify session=7 serial={n}", n * 50_000)).collect();
    for story in [Story::new(up_to(Version::V2)).tell("connect"), Story::synced(Version::V2).tell("refresh")] {
        let log = story.log_of(&notifies.join("\n"));
        let (before, _) = log.split_once("! ended: the cache is silent; again at ").unwrap();
        assert!(before.ends_with("at 3600000\n"), "{before}");
    }
}

#[test]
fn r_tmo_01_half_a_pdu_is_no_answer() {
    check_synced(
        Version::V2,
        "refresh\n>> 02 03 00\nat 30000\n>> 07 00\nwait",
        expect![[r#"
        refresh
        < v2 serial-query session=7 serial=5
        = waits 60000
        >> 02 03 00
        at 30000
        >> 07 00
        = waits 90000
        wait
        ! ended: the cache is silent; again at 91191
        = close
        = waits 91191
    "#]],
    );
    check_synced(
        Version::V2,
        ">> 02 00 00\nwait\nwait",
        expect![[r#"
        >> 02 00 00
        wait
        < v2 serial-query session=7 serial=5
        = waits 3660000
        wait
        ! ended: the cache is silent; again at 3661191
        = close
        = waits 3661191
    "#]],
    );
}

#[test]
fn r_tmo_01_a_cache_that_takes_nothing_is_given_up() {
    check(
        "connect\nstalled\nwait\nconnect",
        expect![[r#"
        = connect
        connect
        < v2 reset-query
        = waits 60000
        stalled
        ! ended: the cache is silent; again at 1191
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
    check_synced(
        Version::V2,
        "refresh\nstalled",
        expect![[r#"
        refresh
        < v2 serial-query session=7 serial=5
        = waits 60000
        stalled
        ! ended: the cache is silent; again at 1191
        = close
        = waits 1191
    "#]],
    );
}
