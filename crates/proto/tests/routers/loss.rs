//! Connections that end or can't be established (R-TMO-02, R-TMO-03), and a router that stops.

use crate::story::{Story, check, check_again, check_synced, up_to};
use expect_test::expect;
use rtrcast_proto::{ClientPolicy, ClientSession, Moment, Version};

#[test]
fn r_tmo_02_a_lost_connection_is_made_again_soon_and_then_later_and_later() {
    check_synced(
        Version::V2,
        "end\nwait\nrefuse\nwait\nrefuse\nwait\nrefuse\nwait\nconnect\n>= v2 7 5\nend",
        expect![[r#"
            end
            ! ended: the cache closed the connection; again at 1191
            = close
            = waits 1191
            wait
            = connect
            = waits 7200000
            refuse
            ! ended: there is no connection; again at 3122
            = waits 3122
            wait
            = connect
            = waits 7200000
            refuse
            ! ended: there is no connection; again at 5411
            = waits 5411
            wait
            = connect
            = waits 7200000
            refuse
            ! ended: there is no connection; again at 9117
            = waits 9117
            wait
            = connect
            = waits 7200000
            connect
            < v2 serial-query session=7 serial=5
            = waits 69117
            >= v2 7 5
            ! speaks v2
            ! updated by a delta, the same as before
            = data v2 7 5 ipv4 10.0.0.0/8-24 AS64496 until 7209117
            = waits 3609117
            end
            ! ended: the cache closed the connection; again at 21967
            = close
            = waits 21967
        "#]],
    );
}

#[test]
fn r_tmo_02_while_there_is_no_connection_every_few_seconds_for_half_a_minute_and_at_last_each_minute() {
    let log = Story::new(up_to(Version::V2)).log_of(&"refuse\nwait\n".repeat(40));
    let moments: Vec<u64> = log
        .lines()
        .filter_map(|line| line.strip_prefix("! ended: there is no connection; again at "))
        .map(|at| at.parse().unwrap())
        .collect();
    assert_eq!(moments.len(), 40);
    let pauses: Vec<u64> = moments.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (place, pause) in pauses.iter().enumerate() {
        // The first of all, of about a second, is before these.
        let about = [2, 3, 3, 3, 3, 3, 3, 3, 3, 6, 12, 24, 48].get(place).copied().unwrap_or(60) * 1_000;
        assert!((about * 3 / 4..=about * 5 / 4).contains(pause), "{place}: {pause}");
    }
}

#[test]
fn r_tmo_02_a_cache_that_closes_behind_each_response_is_not_asked_each_second() {
    let round = "end\nwait\nconnect\n>= v2 7 5\n";
    let log = Story::synced(Version::V2).log_of(&round.repeat(12));
    let last = log.lines().rfind(|line| line.starts_with("! ended: ")).unwrap();
    let at: u64 = last.rsplit(' ').next().unwrap().parse().unwrap();
    assert!(at > 250_000, "twelve times within {at} ms");
    // One that lasts is different.
    check_synced(
        Version::V2,
        "end\nwait\nconnect\n>= v2 7 5\nat 70000\nend",
        expect![[r#"
        end
        ! ended: the cache closed the connection; again at 1191
        = close
        = waits 1191
        wait
        = connect
        = waits 7200000
        connect
        < v2 serial-query session=7 serial=5
        = waits 61191
        >= v2 7 5
        ! speaks v2
        ! updated by a delta, the same as before
        = data v2 7 5 ipv4 10.0.0.0/8-24 AS64496 until 7201191
        = waits 3601191
        at 70000
        end
        ! ended: the cache closed the connection; again at 70965
        = close
        = waits 70965
    "#]],
    );
}

#[test]
fn r_tmo_02_routers_do_not_come_back_all_at_once() {
    let moments: std::collections::BTreeSet<_> = (0..100)
        .map(|seed| {
            let mut session = ClientSession::new(Moment(0), ClientPolicy::default(), seed);
            session.next(Moment(0));
            session.not_connected(Moment(0));
            session.deadline()
        })
        .collect();
    assert!(moments.len() > 80, "{moments:?}");
}

#[test]
fn r_tmo_02_a_response_that_was_cut_short_leaves_the_data_as_they_were() {
    check_synced(
        Version::V2,
        "refresh\n> v2 cache-response session=7\n> v2 ipv4 - 10.0.0.0/8-24 AS64496\n>> 02 07 0007 0000\nend\nwait\nconnect",
        expect![[r#"
            refresh
            < v2 serial-query session=7 serial=5
            = waits 60000
            > v2 cache-response session=7
            > v2 ipv4 - 10.0.0.0/8-24 AS64496
            >> 02 07 0007 0000
            end
            ! ended: the connection ended in the middle of a response; again at 1191
            = close
            = waits 1191
            wait
            = connect
            = waits 7200000
            connect
            < v2 serial-query session=7 serial=5
            = waits 61191
        "#]],
    );
}

#[test]
fn r_tmo_02_a_refresh_does_not_wait_for_the_connection() {
    check_synced(
        Version::V1,
        "end\nrefresh\nconnect",
        expect![[r#"
        end
        ! ended: the cache closed the connection; again at 1191
        = close
        = waits 1191
        refresh
        = connect
        = waits 7200000
        connect
        < v1 serial-query session=7 serial=5
        = waits 60000
    "#]],
    );
}

#[test]
fn r_tmo_03_a_notify_before_the_first_response_is_passed_over_on_each_connection() {
    check_again(
        Version::V1,
        "> v0 serial-notify session=8 serial=9
         connect
         > v0 serial-notify session=8 serial=9
         > v1 serial-notify session=8 serial=9
         >= v1 7 6",
        expect![[r#"
            > v0 serial-notify session=8 serial=9
            connect
            < v1 serial-query session=7 serial=5
            = waits 61191
            > v0 serial-notify session=8 serial=9
            > v1 serial-notify session=8 serial=9
            >= v1 7 6
            ! speaks v1
            ! updated by a delta, the same as before
            = data v1 7 6 ipv4 10.0.0.0/8-24 AS64496 until 7201191
            = waits 3601191
        "#]],
    );
    check(
        "connect\n> v0 serial-notify session=8 serial=9\nend",
        expect![[r#"
        = connect
        connect
        < v2 reset-query
        = waits 60000
        > v0 serial-notify session=8 serial=9
        end
        ! steps down to v1
        ! ended: the cache closed the connection without an answer; again at once
        = close
        = connect
        = waits
    "#]],
    );
}

#[test]
fn a_router_that_stops_ends_its_connection_and_makes_no_other() {
    check_synced(
        Version::V2,
        "stop\nrefresh",
        expect![[r#"
        stop
        ! ended: stopped; never again
        = close
        = waits 7200000
        refresh
    "#]],
    );
    check_synced(
        Version::V2,
        "end\nstop\nrefresh",
        expect![[r#"
        end
        ! ended: the cache closed the connection; again at 1191
        = close
        = waits 1191
        stop
        = waits 7200000
        refresh
    "#]],
    );
    check(
        "stop\nrefresh",
        expect![[r#"
        = connect
        stop
        refresh
    "#]],
    );
    check(
        "connect\n> v2 cache-response session=7\nstop",
        expect![[r#"
        = connect
        connect
        < v2 reset-query
        = waits 60000
        > v2 cache-response session=7
        ! speaks v2
        stop
        ! ended: stopped; never again
        = close
        = waits
    "#]],
    );
}

#[test]
fn a_router_that_stops_while_it_applies_a_response_forgets_that_response() {
    Story::again(Version::V2).run(
        "hold\nconnect\n>= v2 7 6 ipv4 + 10.0.0.0/8-8 AS2\nstop",
        expect![[r#"
        hold
        connect
        < v2 serial-query session=7 serial=5
        = waits 61191
        >= v2 7 6 ipv4 + 10.0.0.0/8-8 AS2
        ! speaks v2
        = apply
        = waits 7200000
        stop
        ! ended: stopped; never again
        = close
    "#]],
    );
}

#[test]
fn a_response_that_there_is_no_memory_for_leaves_the_data_as_they_were() {
    for version in Version::ALL {
        let log = Story::again(version)
            .log_of(&format!("hold\nconnect\n>= v{version} 7 6 ipv4 + 10.0.0.0/8-8 AS2\nno-memory\nwait\nconnect"));
        assert!(log.contains("! ended: there is no memory for the data; again at "), "{log}");
        assert!(!log.contains("= data none"), "{log}");
        assert!(log.contains(&format!("connect\n< v{version} serial-query session=7 serial=5\n")), "{log}");
        assert_eq!(log.contains("reported 1 (Internal Error)"), version != Version::V2, "{log}");
    }
}
