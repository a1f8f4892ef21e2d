//! Routers whose sessions the cache closes, and how long it waits for a first query.

use crate::story::{Story, check};
use expect_test::expect;
use rtrcast_proto::{ServerPolicy, VersionRange};
use std::time::Duration;

const SET: &str = "set ipv4 10.0.0.0/8-24 AS64496";

fn story() -> Story {
    Story::new(VersionRange::ALL).tell(SET).events()
}

#[test]
fn a_router_that_is_admitted_no_longer_sees_the_end_and_no_report() {
    story().run(
        "dismiss not-admitted\n> v1 reset-query",
        expect![[r#"
        dismiss not-admitted
        ! closing: the router is admitted no longer
        = close
        > v1 reset-query
    "#]],
    );
    story().tell("> v0 reset-query").run(
        "dismiss not-admitted",
        expect![[r#"
        dismiss not-admitted
        ! closing: the router is admitted no longer
        = close
    "#]],
    );
    story().tell("> v1 reset-query").run(
        "dismiss not-admitted",
        expect![[r#"
            dismiss not-admitted
            ! closing: the router is admitted no longer
            = close
        "#]],
    );
    story().tell("> v2 reset-query").run(
        "dismiss not-admitted",
        expect![[r#"
        dismiss not-admitted
        ! closing: the router is admitted no longer
        = close
    "#]],
    );
}

#[test]
fn a_response_ends_behind_the_chunk_that_is_being_written() {
    Story::new(VersionRange::ALL).tell(&crate::large_set()).tell("hold\n> v1 reset-query\nnext\nnext").run(
        "dismiss not-admitted\ngo",
        expect![[r#"
            dismiss not-admitted
            go
            = close
        "#]],
    );
}

#[test]
fn a_router_that_has_asked_nothing_can_be_displaced() {
    story().run(
        "dismiss displaced",
        expect![[r#"
        dismiss displaced
        ! closing: the router had sent no query, and another connection needed the slot
        = close
    "#]],
    );
    // A query that was refused for its version is none, and half a query neither.
    story().run(
        ">> 07 02 0000 00000008\ndismiss displaced",
        expect![[r#"
        >> 07 02 0000 00000008
        ! Received(ResetQuery)
        ! reported 4 (Unsupported Protocol Version): supported versions 0-2
        < v2 error 4 "supported versions 0-2" copy=0702000000000008
        = waits 30000
        dismiss displaced
        ! closing: the router had sent no query, and another connection needed the slot
        = close
    "#]],
    );
    story().run(
        ">> 01 02 0000\ndismiss displaced",
        expect![[r#"
        >> 01 02 0000
        = waits 60000
        dismiss displaced
        ! closing: the router had sent no query, and another connection needed the slot
        = close
    "#]],
    );
}

#[test]
fn a_router_that_has_asked_is_not_displaced() {
    story().run(
        "hold\n> v1 reset-query\ndismiss displaced\ngo",
        expect![[r#"
        hold
        > v1 reset-query
        dismiss displaced
        go
        ! Received(ResetQuery)
        ! negotiated version 1
        < v1 cache-response session=4661
        < v1 ipv4 + 10.0.0.0/8-24 AS64496
        < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
        ! Answered { answer: Full, serial: Serial(7) }
    "#]],
    );
    story().tell("> v1 reset-query").run(
        "dismiss displaced",
        expect![[r#"
        dismiss displaced
    "#]],
    );
}

#[test]
fn a_connection_that_the_operator_closes_ends_behind_its_response_and_promises_nothing() {
    let large = Story::new(VersionRange::ALL).tell(&crate::large_set());
    large.tell("> v2 reset-query").tell("hold\n> v2 reset-query\nnext\nnext").events().run(
        "dismiss requested\n> v2 reset-query\ngo",
        expect![[r#"
            dismiss requested
            > v2 reset-query
            go
            < 13107 prefixes
            < 3786 prefixes
            < v2 end-of-data session=4663 serial=7 refresh=3600 retry=600 expire=7200
            ! Answered { answer: Full, serial: Serial(7) }
            ! closing: the operator closes the connection
            = close
        "#]],
    );
    story().tell("> v2 reset-query").run(
        "dismiss requested",
        expect![[r#"
            dismiss requested
            ! closing: the operator closes the connection
            = close
        "#]],
    );
}

#[test]
fn a_violation_is_reported_first() {
    story().run(
        ">> 01 02 0000 00000009\ndismiss displaced",
        expect![[r#"
        >> 01 02 0000 00000009
        ! Received(ResetQuery)
        ! reported 0 (Corrupt Data): length 9 is wrong for Reset Query
        ! closing: the router broke the protocol
        < v1 error 0 "length 9 is wrong for Reset Query" copy=0102000000000009
        = close
        dismiss displaced
    "#]],
    );
    story().run(
        ">> 01 03 0000 0000000C\ndismiss not-admitted",
        expect![[r#"
        >> 01 03 0000 0000000C
        ! Received(CacheResponse)
        = waits 1000
        dismiss not-admitted
        ! reported 3 (Invalid Request): a router does not send Cache Response
        ! closing: the router broke the protocol
        < v1 error 3 "a router does not send Cache Response" copy=010300000000000c
        = close
    "#]],
    );
    story().run(
        "> v1 reset-query\n>> 01 03 0000 0000000C\ndismiss displaced\nat 1000",
        expect![[r#"
        > v1 reset-query
        ! Received(ResetQuery)
        ! negotiated version 1
        < v1 cache-response session=4661
        < v1 ipv4 + 10.0.0.0/8-24 AS64496
        < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
        ! Answered { answer: Full, serial: Serial(7) }
        >> 01 03 0000 0000000C
        ! Received(CacheResponse)
        = waits 1000
        dismiss displaced
        = waits 1000
        at 1000
        ! reported 3 (Invalid Request): a router does not send Cache Response
        ! closing: the router broke the protocol
        < v1 error 3 "a router does not send Cache Response" copy=010300000000000c
        = close
    "#]],
    );
}

#[test]
fn what_is_closing_is_dismissed_no_more() {
    story().run(
        "hold\nstop restart\ndismiss not-admitted\ngo",
        expect![[r#"
        hold
        stop restart
        dismiss not-admitted
        go
        ! closing: the cache stops
        = close
    "#]],
    );
    story().run(
        "dismiss displaced\ndismiss not-admitted",
        expect![[r#"
        dismiss displaced
        ! closing: the router had sent no query, and another connection needed the slot
        = close
        dismiss not-admitted
    "#]],
    );
}

#[test]
fn who_has_asked_stays_one_who_has_asked() {
    let mut story = Story::new(VersionRange::ALL).tell(SET);
    assert!(!story.has_asked());
    story.receive("07 02 0000 00000008");
    assert!(!story.has_asked(), "the version is not one of ours");
    story.receive("01 02 0000 000000");
    assert!(!story.has_asked(), "half a query");
    story.receive("08");
    assert!(story.has_asked());
    story.sent_for("02 02 0000 00000008");
    assert!(story.is_closed() && story.has_asked());
}

#[test]
fn the_first_query_has_the_policy_s_time() {
    let policy = ServerPolicy::default().with_first_query(Duration::from_secs(5));
    Story::with_policy(policy, 7).events().run(
        "at 4999\nat 5000",
        expect![[r#"
        at 4999
        = waits 5000
        at 5000
        ! closing: no query came in time
        = close
    "#]],
    );
    Story::with_policy(policy, 7).run(
        ">> 07 02 0000 00000008\nat 29999\nat 30000",
        expect![[r#"
        >> 07 02 0000 00000008
        < v2 error 4 "supported versions 0-2" copy=0702000000000008
        = waits 30000
        at 29999
        = waits 30000
        at 30000
        = close
    "#]],
    );
    check(
        "at 59999\nat 60000",
        expect![[r#"
        at 59999
        = waits 60000
        at 60000
        = close
    "#]],
    );
}
