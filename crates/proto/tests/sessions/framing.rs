//! Octets in pieces of any size (C-FRM).

use crate::story::{Story, check};
use expect_test::expect;
use rtrcast_proto::{VersionRange, wire};

#[test]
fn c_frm_01_a_query_may_come_one_octet_at_a_time() {
    check(
        "drip v1 reset-query\ndrip v1 serial-query session=4661 serial=7",
        expect![[r#"
        drip v1 reset-query
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
        drip v1 serial-query session=4661 serial=7
        < v1 cache-response session=4661
        < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
    "#]],
    );
}

#[test]
fn c_frm_01_two_queries_in_one_piece_get_two_answers_in_order() {
    check(
        ">> 01 02 0000 00000008 01 01 1235 0000000C 00000007",
        expect![[r#"
        >> 01 02 0000 00000008 01 01 1235 0000000C 00000007
        < v1 cache-response session=4661
        < v1 ipv4 + 10.0.0.0/8-24 AS64496
        < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
        < v1 cache-response session=4661
        < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
    "#]],
    );
}

#[test]
fn c_frm_02_an_update_between_the_octets_of_a_query_loses_none() {
    check(
        "
        > v1 reset-query
        >> 01 01 12 35
        set ipv4 10.0.0.0/8-24 AS64496; ipv4 192.0.2.0/24-24 AS64497
        >> 00 00 00 0C 00 00 00 07
        ",
        expect![[r#"
            > v1 reset-query
            < v1 cache-response session=4661
            < v1 ipv4 + 10.0.0.0/8-24 AS64496
            < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
            >> 01 01 12 35
            set ipv4 10.0.0.0/8-24 AS64496; ipv4 192.0.2.0/24-24 AS64497
            < v1 serial-notify session=4661 serial=8
            >> 00 00 00 0C 00 00 00 07
            = wants Delta { profile: Profile { version: V1, router_keys: true, aspas: false }, since: Serial(7) }
            < v1 cache-response session=4661
            < v1 ipv4 + 192.0.2.0/24-24 AS64497
            < v1 end-of-data session=4661 serial=8 refresh=3600 retry=600 expire=7200
        "#]],
    );
}

#[test]
fn c_frm_03_an_enormous_length_is_refused_from_the_header() {
    check(
        ">> 01 01 0000 FFFFFFFF",
        expect![[r#"
        >> 01 01 0000 FFFFFFFF
        < v1 error 0 "length 4294967295 is above 65535" copy=01010000ffffffff
        = close
    "#]],
    );
    check(
        ">> 01 01 0000 00010000",
        expect![[r#"
        >> 01 01 0000 00010000
        < v1 error 0 "length 65536 is above 65535" copy=0101000000010000
        = close
    "#]],
    );
}

#[test]
fn c_frm_04_a_wrong_length_is_an_error() {
    check(
        ">> 01 02 0000 00000007",
        expect![[r#"
        >> 01 02 0000 00000007
        < v1 error 0 "length 7 is shorter than a header" copy=0102000000000007
        = close
    "#]],
    );
    check(
        ">> 01 02 0000 0000000C 00000000",
        expect![[r#"
        >> 01 02 0000 0000000C 00000000
        < v1 error 0 "length 12 is wrong for Reset Query" copy=010200000000000c
        = close
    "#]],
    );
    check(
        ">> 01 01 1235 00000008",
        expect![[r#"
        >> 01 01 1235 00000008
        < v1 error 0 "length 8 is wrong for Serial Query" copy=0101123500000008
        = close
    "#]],
    );
    check(
        ">> 00 01 1235 00000014",
        expect![[r#"
        >> 00 01 1235 00000014
        < v0 error 0 "length 20 is wrong for Serial Query" copy=0001123500000014
        = close
    "#]],
    );
    check(
        ">> 02 02 0000 00000000",
        expect![[r#"
        >> 02 02 0000 00000000
        < v2 error 0 "length 0 is shorter than a header" copy=0202000000000000
        = close
    "#]],
    );
}

#[test]
fn c_frm_05_fields_that_should_be_zero_are_ignored() {
    check(
        ">> 01 02 FFFF 00000008",
        expect![[r#"
        >> 01 02 FFFF 00000008
        < v1 cache-response session=4661
        < v1 ipv4 + 10.0.0.0/8-24 AS64496
        < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
    "#]],
    );
}

#[test]
fn c_frm_06_fields_that_should_be_zero_are_zero() {
    let mut session = Story::new(VersionRange::ALL)
        .tell("set ipv4 10.0.0.0/8-24 AS64496; ipv6 2001:db8::/32-48 AS64496; router-key 0000000000000000000000000000000000000001 AS64496 3000; aspa AS64496 AS64497");
    let sent = session.sent_for("02 02 0000 00000008");
    assert_eq!(
        wire::hex(&sent),
        [
            "0203123700000008",
            "0204000000000014010818000a0000000000fbf0",
            "020600000000002001203000 20010db8000000000000000000000000 0000fbf0",
            "0209010000000022 0000000000000000000000000000000000000001 0000fbf0 3000",
            "020b010000000010 0000fbf0 0000fbf1",
            "0207123700000018 00000007 00000e10 00000258 00001c20",
        ]
        .concat()
        .replace(' ', "")
    );
}

#[test]
fn c_frm_08_a_second_query_waits_for_the_end_of_the_first_response() {
    check(
        ">> 01 02 0000 00000008 01 02 0000 00000008",
        expect![[r#"
        >> 01 02 0000 00000008 01 02 0000 00000008
        < v1 cache-response session=4661
        < v1 ipv4 + 10.0.0.0/8-24 AS64496
        < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
        < v1 cache-response session=4661
        < v1 ipv4 + 10.0.0.0/8-24 AS64496
        < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
    "#]],
    );
}

#[test]
fn c_frm_08_a_session_reads_no_further_while_a_query_waits() {
    let mut story = Story::new(VersionRange::ALL).tell("set ipv4 10.0.0.0/8-24 AS64496\nhold");
    assert!(story.wants_input());
    story.receive("01 02 0000 00000008 01 02 0000 00000008 01 02 0000 00000008");
    assert!(!story.wants_input(), "a query waits");
    story.run(
        "next\nnext\nnext\nnext",
        expect![[r#"
        next
        < v1 cache-response session=4661
        < v1 ipv4 + 10.0.0.0/8-24 AS64496
        < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
        next
        < v1 cache-response session=4661
        < v1 ipv4 + 10.0.0.0/8-24 AS64496
        < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
        next
        < v1 cache-response session=4661
        < v1 ipv4 + 10.0.0.0/8-24 AS64496
        < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
        next
    "#]],
    );
}

#[test]
fn c_frm_08_a_query_behind_a_long_response_is_not_late() {
    let story = Story::new(VersionRange::ALL).tell(&crate::large_set()).tell(
        "> v1 serial-query session=4661 serial=7
        set ipv4 10.0.0.0/8-24 AS1
        hold
        > v1 reset-query
        > v1 serial-query session=4661 serial=7
        next",
    );
    assert_eq!(story.deadline(), None, "nothing is due while a response runs");
    story.run(
        "later 100000\ngo",
        expect![[r#"
        later 100000
        go
        = wants Delta { profile: Profile { version: V1, router_keys: true, aspas: false }, since: Serial(7) }
        < v1 cache-reset
    "#]],
    );
}
