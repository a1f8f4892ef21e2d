//! A router that only asks what changed.

use crate::story::{Story, up_to};
use expect_test::expect;
use rtrcast_proto::{ClientPolicy, ClientSession, Moment, Serial, SessionId, Version};

fn probe(max: Version) -> Story {
    let policy = ClientPolicy { versions: up_to(max), ..ClientPolicy::default() };
    Story::of(ClientSession::probe(Moment(0), policy, 0, SessionId(7), Serial(5)))
}

#[test]
fn a_probe_learns_what_changed() {
    probe(Version::V2).run(
        "connect
         >= v2 7 6 ipv4 + 10.0.0.0/8-8 AS2; ipv4 - 10.0.0.0/8-9 AS2; aspa + AS1 AS2; aspa - AS3
         > v2 serial-notify session=7 serial=7
         >= v2 7 7 ipv4 - 10.0.0.0/8-8 AS2
         end
         wait
         connect
         >= v2 7 7",
        expect![[r#"
            = connect
            connect
            < v2 serial-query session=7 serial=5
            = waits 60000
            >= v2 7 6 ipv4 + 10.0.0.0/8-8 AS2; ipv4 - 10.0.0.0/8-9 AS2; aspa + AS1 AS2; aspa - AS3
            ! speaks v2
            ! updated by a delta: - ipv4 10.0.0.0/8-9 AS2; + ipv4 10.0.0.0/8-8 AS2; - 020b01000000000c00000003; + aspa AS1 AS2
            = data none
            = waits 3600000
            > v2 serial-notify session=7 serial=7
            ! notified of 7
            < v2 serial-query session=7 serial=6
            = waits 60000
            >= v2 7 7 ipv4 - 10.0.0.0/8-8 AS2
            ! updated by a delta: - ipv4 10.0.0.0/8-8 AS2
            = data none
            = waits 3600000
            end
            ! ended: the cache closed the connection; again at 1191
            = close
            = waits 1191
            wait
            = connect
            = waits
            connect
            < v2 serial-query session=7 serial=7
            = waits 61191
            >= v2 7 7
            ! speaks v2
            ! updated by a delta, the same as before
            = data none
            = waits 3601191
        "#]],
    );
}

#[test]
fn a_probe_takes_each_record_from_the_changes() {
    probe(Version::V1).run(
        "connect
         >= v1 7 6 ipv4 + 10.0.0.0/8-8 AS2; ipv4 - 10.0.0.0/8-8 AS2; ipv4 - 10.0.0.0/8-9 AS2; ipv4 + 10.0.0.0/8-9 AS2",
        expect![[r#"
            = connect
            connect
            < v1 serial-query session=7 serial=5
            = waits 60000
            >= v1 7 6 ipv4 + 10.0.0.0/8-8 AS2; ipv4 - 10.0.0.0/8-8 AS2; ipv4 - 10.0.0.0/8-9 AS2; ipv4 + 10.0.0.0/8-9 AS2
            ! speaks v1
            ! updated by a delta, the same as before
            = data none
            = waits 3600000
        "#]],
    );
    probe(Version::V1).run(
        "connect\n>= v1 7 6 ipv4 + 10.0.0.0/8-8 AS2; ipv4 + 10.0.0.0/8-8 AS2",
        expect![[r#"
        = connect
        connect
        < v1 serial-query session=7 serial=5
        = waits 60000
        >= v1 7 6 ipv4 + 10.0.0.0/8-8 AS2; ipv4 + 10.0.0.0/8-8 AS2
        ! speaks v1
        ! reported 7 (Duplicate Announcement Received): the record was announced before
        ! ended: the cache broke the protocol: the record was announced before; again at 652998
        < v1 error 7 "the record was announced before" copy=0104000000000014010808000a00000000000002
        = close
        = waits 652998
    "#]],
    );
}

#[test]
fn a_probe_asks_in_any_version_and_becomes_a_router_if_it_can_not_be_answered() {
    probe(Version::V1).run(
        "connect\n> v1 cache-reset\n>= v1 8 6 ipv4 + 10.0.0.0/8-8 AS2\nrefresh",
        expect![[r#"
        = connect
        connect
        < v1 serial-query session=7 serial=5
        = waits 60000
        > v1 cache-reset
        ! speaks v1
        ! cache reset
        < v1 reset-query
        >= v1 8 6 ipv4 + 10.0.0.0/8-8 AS2
        ! updated by the whole set
        = data v1 8 6 ipv4 10.0.0.0/8-8 AS2 until 7200000
        = waits 3600000
        refresh
        < v1 serial-query session=8 serial=6
        = waits 60000
    "#]],
    );
    probe(Version::V1).run(
        "connect\n>= v1 8 6 ipv4 + 10.0.0.0/8-8 AS2\nwait\nconnect",
        expect![[r#"
        = connect
        connect
        < v1 serial-query session=7 serial=5
        = waits 60000
        >= v1 8 6 ipv4 + 10.0.0.0/8-8 AS2
        ! speaks v1
        ! reported 0 (Corrupt Data): not the session id of this connection
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
    probe(Version::V1).run(
        "connect\n> v1 error 0 \"\" copy=\nwait\nconnect",
        expect![[r#"
        = connect
        connect
        < v1 serial-query session=7 serial=5
        = waits 60000
        > v1 error 0 "" copy=
        ! received error 0 ""
        ! speaks v1
        ! ended: the cache reported error 0 (Corrupt Data); again at 652998
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
    probe(Version::V2).run(
        "connect\n> v1 error 4 \"\" copy=",
        expect![[r#"
            = connect
            connect
            < v2 serial-query session=7 serial=5
            = waits 60000
            > v1 error 4 "" copy=
            ! received error 4 ""
            ! steps down to v1
            < v1 serial-query session=7 serial=5
        "#]],
    );
}
