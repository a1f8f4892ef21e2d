//! Routers that ask above our highest version and never step down, with the policy that answers them in ours.

use crate::story::Story;
use expect_test::expect;
use proptest::prelude::*;
use rtrcast_proto::{Header, ServerPolicy, Version, VersionRange, wire};

/// A cache that serves up to `max` and answers lower.
fn story_up_to(max: Version) -> Story {
    let versions = VersionRange::new(Version::V0, max).unwrap();
    Story::with_policy(ServerPolicy::new(versions).answering_lower(), 7).tell("set ipv4 10.0.0.0/8-24 AS64496")
}

#[test]
fn a_query_above_our_versions_is_answered_in_our_highest_and_so_are_the_next_ones() {
    story_up_to(Version::V1).events().run(
        "
        > v2 reset-query
        > v2 serial-query session=4661 serial=7
        > v2 reset-query
        > v1 serial-query session=4661 serial=7
        >> 09 01 1235 0000000C 00000007
        set ipv4 10.0.0.0/8-24 AS1
        ",
        expect![[r#"
            > v2 reset-query
            ! Received(ResetQuery)
            ! negotiated version 1
            < v1 cache-response session=4661
            < v1 ipv4 + 10.0.0.0/8-24 AS64496
            < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
            ! Answered { answer: Full, serial: Serial(7) }
            > v2 serial-query session=4661 serial=7
            ! Received(SerialQuery)
            < v1 cache-response session=4661
            < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
            ! Answered { answer: Delta, serial: Serial(7) }
            > v2 reset-query
            ! Received(ResetQuery)
            < v1 cache-response session=4661
            < v1 ipv4 + 10.0.0.0/8-24 AS64496
            < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
            ! Answered { answer: Full, serial: Serial(7) }
            > v1 serial-query session=4661 serial=7
            ! Received(SerialQuery)
            < v1 cache-response session=4661
            < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
            ! Answered { answer: Delta, serial: Serial(7) }
            >> 09 01 1235 0000000C 00000007
            ! Received(SerialQuery)
            < v1 cache-response session=4661
            < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
            ! Answered { answer: Delta, serial: Serial(7) }
            set ipv4 10.0.0.0/8-24 AS1
            ! Notified(Serial(8))
            < v1 serial-notify session=4661 serial=8
        "#]],
    );
}

#[test]
fn a_first_serial_query_above_our_versions_is_answered_too() {
    story_up_to(Version::V1).run(
        "> v2 serial-query session=4661 serial=7",
        expect![[r#"
        > v2 serial-query session=4661 serial=7
        < v1 cache-response session=4661
        < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
    "#]],
    );
    story_up_to(Version::V1).run(
        "> v2 serial-query session=99 serial=7",
        expect![[r#"
        > v2 serial-query session=99 serial=7
        < v1 cache-reset
    "#]],
    );
    story_up_to(Version::V0).run(
        "> v1 reset-query\n> v2 reset-query",
        expect![[r#"
        > v1 reset-query
        = wants Image(V0)
        < v0 cache-response session=4660
        < v0 ipv4 + 10.0.0.0/8-24 AS64496
        < v0 end-of-data session=4660 serial=7
        > v2 reset-query
        < v0 cache-response session=4660
        < v0 ipv4 + 10.0.0.0/8-24 AS64496
        < v0 end-of-data session=4660 serial=7
    "#]],
    );
    story_up_to(Version::V2).run(
        ">> FF 02 0000 00000008",
        expect![[r#"
        >> FF 02 0000 00000008
        = wants Image(V2)
        < v2 cache-response session=4663
        < v2 ipv4 + 10.0.0.0/8-24 AS64496
        < v2 end-of-data session=4663 serial=7 refresh=3600 retry=600 expire=7200
    "#]],
    );
}

#[test]
fn an_octet_at_a_time_it_is_the_same() {
    story_up_to(Version::V1).run(
        "drip v2 reset-query\ndrip v2 serial-query session=4661 serial=7",
        expect![[r#"
        drip v2 reset-query
        = waits 60000
        = waits 60000
        = waits 60000
        = waits 60000
        = waits 60000
        = waits 60000
        = waits 60000
        < v1 cache-response session=4661
        < v1 ipv4 + 10.0.0.0/8-24 AS64496
        < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
        drip v2 serial-query session=4661 serial=7
        < v1 cache-response session=4661
        < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
    "#]],
    );
}

#[test]
fn queries_of_versions_that_are_served_are_answered_as_ever() {
    story_up_to(Version::V1).run(
        "> v0 reset-query",
        expect![[r#"
        > v0 reset-query
        = wants Image(V0)
        < v0 cache-response session=4660
        < v0 ipv4 + 10.0.0.0/8-24 AS64496
        < v0 end-of-data session=4660 serial=7
    "#]],
    );
    story_up_to(Version::V1).run(
        "> v1 reset-query",
        expect![[r#"
        > v1 reset-query
        < v1 cache-response session=4661
        < v1 ipv4 + 10.0.0.0/8-24 AS64496
        < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
    "#]],
    );
}

#[test]
fn copies_hold_the_octets_as_received() {
    let without_data = ServerPolicy::new(VersionRange::new(Version::V0, Version::V1).unwrap()).answering_lower();
    Story::with_policy(without_data.with_hold(std::time::Duration::ZERO), 7).run(
        "
        > v2 reset-query
        > v2 serial-query session=1 serial=2
        set ipv4 10.0.0.0/8-24 AS1
        > v2 serial-query session=4661 serial=7
        > v2 serial-query session=1 serial=2
        ",
        expect![[r#"
            > v2 reset-query
            < v1 error 2 "no data yet" copy=0202000000000008
            > v2 serial-query session=1 serial=2
            < v1 error 2 "no data yet" copy=020100010000000c00000002
            set ipv4 10.0.0.0/8-24 AS1
            < v1 serial-notify session=4661 serial=7
            > v2 serial-query session=4661 serial=7
            < v1 cache-response session=4661
            < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
            > v2 serial-query session=1 serial=2
            < v1 error 0 "not the session id of this connection" copy=020100010000000c00000002
            = close
        "#]],
    );
}

#[test]
fn c_neg_09_a_session_that_began_in_a_served_version_takes_no_higher_one() {
    story_up_to(Version::V1).run(
        "> v1 reset-query\n> v2 reset-query",
        expect![[r#"
        > v1 reset-query
        < v1 cache-response session=4661
        < v1 ipv4 + 10.0.0.0/8-24 AS64496
        < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
        > v2 reset-query
        < v1 error 8 "this session speaks version 1, not 2" copy=0202000000000008
        = close
    "#]],
    );
    story_up_to(Version::V1).run(
        "> v0 reset-query\n> v1 reset-query",
        expect![[r#"
        > v0 reset-query
        = wants Image(V0)
        < v0 cache-response session=4660
        < v0 ipv4 + 10.0.0.0/8-24 AS64496
        < v0 end-of-data session=4660 serial=7
        > v1 reset-query
        < v0 error 0 "this session speaks version 0, not 1" copy=0102000000000008
        = close
    "#]],
    );
}

#[test]
fn c_neg_09_a_lower_version_is_a_violation_still() {
    story_up_to(Version::V1).run(
        "> v2 reset-query\n> v0 reset-query",
        expect![[r#"
        > v2 reset-query
        < v1 cache-response session=4661
        < v1 ipv4 + 10.0.0.0/8-24 AS64496
        < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
        > v0 reset-query
        < v1 error 8 "this session speaks version 1, not 0" copy=0002000000000008
        = close
    "#]],
    );
}

#[test]
fn c_neg_13_what_is_no_query_is_judged_as_ever() {
    // Before a version is negotiated: code 4, and a query may follow.
    story_up_to(Version::V1).run(
        "> v2 cache-reset\n> v2 reset-query",
        expect![[r#"
        > v2 cache-reset
        < v1 error 4 "supported versions 0-1" copy=0208000000000008
        = waits 30000
        > v2 reset-query
        < v1 cache-response session=4661
        < v1 ipv4 + 10.0.0.0/8-24 AS64496
        < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
    "#]],
    );
    story_up_to(Version::V1).run(
        ">> 02 02 0000 0000000C 00000000",
        expect![[r#"
        >> 02 02 0000 0000000C 00000000
        < v1 error 4 "supported versions 0-1" copy=020200000000000c
        = waits 30000
    "#]],
    );
    story_up_to(Version::V1).run(
        ">> 02 02 0000 00000004",
        expect![[r#"
        >> 02 02 0000 00000004
        < v1 error 4 "supported versions 0-1" copy=0202000000000004
        = close
    "#]],
    );
    // Behind it: another version.
    story_up_to(Version::V1).run(
        "> v2 reset-query\n> v2 cache-reset",
        expect![[r#"
        > v2 reset-query
        < v1 cache-response session=4661
        < v1 ipv4 + 10.0.0.0/8-24 AS64496
        < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
        > v2 cache-reset
        < v1 error 8 "this session speaks version 1, not 2" copy=0208000000000008
        = close
    "#]],
    );
    story_up_to(Version::V1).run(
        "> v2 reset-query\n>> 02 01 0000 00000010 00000000 00000000",
        expect![[r#"
        > v2 reset-query
        < v1 cache-response session=4661
        < v1 ipv4 + 10.0.0.0/8-24 AS64496
        < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
        >> 02 01 0000 00000010 00000000 00000000
        < v1 error 8 "this session speaks version 1, not 2" copy=02010000000000100000000000000000
        = close
    "#]],
    );
}

#[test]
fn c_neg_05_a_query_below_our_versions_is_refused_still() {
    let from_1 = VersionRange::new(Version::V1, Version::V1).unwrap();
    Story::with_policy(ServerPolicy::new(from_1).answering_lower(), 7).run(
        "> v0 reset-query",
        expect![[r#"
        > v0 reset-query
        < v1 error 4 "supported versions 1" copy=0002000000000008
        = close
    "#]],
    );
}

#[test]
fn c_err_03_its_error_report_is_read_in_its_own_version() {
    story_up_to(Version::V1).events().run(
        "> v2 reset-query\n> v2 error 7 \"twice\" copy=",
        expect![[r#"
            > v2 reset-query
            ! Received(ResetQuery)
            ! negotiated version 1
            < v1 cache-response session=4661
            < v1 ipv4 + 10.0.0.0/8-24 AS64496
            < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
            ! Answered { answer: Full, serial: Serial(7) }
            > v2 error 7 "twice" copy=
            ! Received(ErrorReport)
            ! the router reports error 7 (Duplicate Announcement Received): "twice"
            ! closing: the router reported an error
            = close
        "#]],
    );
    story_up_to(Version::V1).events().run(
        "> v2 error 1 \"\" copy=",
        expect![[r#"
            > v2 error 1 "" copy=
            ! Received(ErrorReport)
            ! the router reports error 1 (Internal Error)
            ! closing: the router reported an error
            = close
        "#]],
    );
}

/// PDUs that a router that knows no other version than its own might send, and some that it should not.
fn pdu() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => (any::<u8>(), 0..3_u8).prop_map(|(version, kind)| {
            let version = if kind == 0 { version } else { kind + 1 };
            vec![version, 2, 0, 0, 0, 0, 0, 8]
        }),
        4 => (2..4_u8, 0..9_u8).prop_map(|(version, serial)| vec![version, 1, 0x12, 0x35, 0, 0, 0, 12, 0, 0, 0, serial]),
        1 => (any::<[u8; 3]>(), 0..20_u8).prop_map(|([version, pdu_type, octet], length)| {
            vec![version, pdu_type % 12, octet, 0, 0, 0, 0, length, octet, octet, octet, octet]
        }),
        1 => proptest::collection::vec(any::<u8>(), 0..20),
    ]
}

proptest! {
    /// Routers of lower versions are another matter: this is about those that ask for ours or more.
    #[test]
    fn nothing_is_ever_sent_in_another_version_than_our_highest(
        max in prop_oneof![Just(Version::V0), Just(Version::V1), Just(Version::V2)],
        first in any::<u8>(),
        pdus in proptest::collection::vec(pdu(), 0..8),
    ) {
        let mut story = story_up_to(max);
        let first = [first.max(max.octet()), 2, 0, 0, 0, 0, 0, 8];
        let mut sent = story.sent_for(&wire::hex(&first));
        prop_assert!(story.has_asked() && !sent.is_empty());
        for pdu in &pdus {
            sent.extend(story.sent_for(&wire::hex(pdu)));
        }
        let mut rest = &sent[..];
        while !rest.is_empty() {
            let header = Header::parse(rest).unwrap();
            prop_assert_eq!(header.version, max.octet());
            rest = &rest[header.length as usize..];
        }
    }
}
