//! Version negotiation (C-NEG).

use crate::story::{Story, check, check_up_to};
use expect_test::expect;
use rtrcast_proto::{ServerPolicy, Version, VersionRange};

const ALL_KINDS: &str = "set ipv4 10.0.0.0/8-24 AS1; ipv6 2001:db8::/32-48 AS1; \
    router-key 0000000000000000000000000000000000000001 AS1 3000; aspa AS1 AS2";

#[test]
fn c_neg_01_the_response_is_in_the_query_s_version() {
    check(
        "> v0 reset-query",
        expect![[r#"
        > v0 reset-query
        = wants Image(V0)
        < v0 cache-response session=4660
        < v0 ipv4 + 10.0.0.0/8-24 AS64496
        < v0 end-of-data session=4660 serial=7
    "#]],
    );
    check(
        "> v1 reset-query",
        expect![[r#"
        > v1 reset-query
        < v1 cache-response session=4661
        < v1 ipv4 + 10.0.0.0/8-24 AS64496
        < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
    "#]],
    );
    check(
        "> v2 reset-query",
        expect![[r#"
        > v2 reset-query
        = wants Image(V2)
        < v2 cache-response session=4663
        < v2 ipv4 + 10.0.0.0/8-24 AS64496
        < v2 end-of-data session=4663 serial=7 refresh=3600 retry=600 expire=7200
    "#]],
    );
}

#[test]
fn c_neg_02_a_query_above_our_versions_gets_our_highest_and_code_4() {
    check_up_to(
        Version::V1,
        "> v2 reset-query",
        expect![[r#"
        > v2 reset-query
        < v1 error 4 "supported versions 0-1" copy=0202000000000008
        = waits 30000
    "#]],
    );
    check(
        ">> 03 02 0000 00000008",
        expect![[r#"
        >> 03 02 0000 00000008
        < v2 error 4 "supported versions 0-2" copy=0302000000000008
        = waits 30000
    "#]],
    );
    check(
        ">> 0B 01 1234 0000000C 00000007",
        expect![[r#"
        >> 0B 01 1234 0000000C 00000007
        < v2 error 4 "supported versions 0-2" copy=0b0112340000000c00000007
        = waits 30000
    "#]],
    );
    check(
        ">> FF 02 0000 00000008",
        expect![[r#"
        >> FF 02 0000 00000008
        < v2 error 4 "supported versions 0-2" copy=ff02000000000008
        = waits 30000
    "#]],
    );
    check_up_to(
        Version::V0,
        "> v1 serial-query session=1 serial=2",
        expect![[r#"
        > v1 serial-query session=1 serial=2
        < v0 error 4 "supported versions 0" copy=010100010000000c00000002
        = waits 30000
    "#]],
    );
}

#[test]
fn c_neg_03_the_lower_query_is_answered_on_the_same_connection() {
    check_up_to(
        Version::V1,
        "> v2 reset-query\n> v1 reset-query",
        expect![[r#"
        > v2 reset-query
        < v1 error 4 "supported versions 0-1" copy=0202000000000008
        = waits 30000
        > v1 reset-query
        < v1 cache-response session=4661
        < v1 ipv4 + 10.0.0.0/8-24 AS64496
        < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
    "#]],
    );
}

#[test]
fn c_neg_03_a_serial_query_above_our_versions_is_taken_whole() {
    check_up_to(
        Version::V1,
        "> v2 serial-query session=4663 serial=7\n> v1 reset-query",
        expect![[r#"
        > v2 serial-query session=4663 serial=7
        < v1 error 4 "supported versions 0-1" copy=020112370000000c00000007
        = waits 30000
        > v1 reset-query
        < v1 cache-response session=4661
        < v1 ipv4 + 10.0.0.0/8-24 AS64496
        < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
    "#]],
    );
}

#[test]
fn c_neg_04_three_reports_then_the_end() {
    check(
        "
        >> 07 02 0000 00000008
        >> 07 02 0000 00000008
        >> 07 02 0000 00000008
        >> 07 02 0000 00000008
        ",
        expect![[r#"
            >> 07 02 0000 00000008
            < v2 error 4 "supported versions 0-2" copy=0702000000000008
            = waits 30000
            >> 07 02 0000 00000008
            < v2 error 4 "supported versions 0-2" copy=0702000000000008
            = waits 30000
            >> 07 02 0000 00000008
            < v2 error 4 "supported versions 0-2" copy=0702000000000008
            = waits 30000
            >> 07 02 0000 00000008
            = close
        "#]],
    );
    check(
        "
        >> 05 02 0000 00000008 04 02 0000 00000008 03 02 0000 00000008 02 02 0000 00000008
        ",
        expect![[r#"
            >> 05 02 0000 00000008 04 02 0000 00000008 03 02 0000 00000008 02 02 0000 00000008
            < v2 error 4 "supported versions 0-2" copy=0502000000000008
            < v2 error 4 "supported versions 0-2" copy=0402000000000008
            < v2 error 4 "supported versions 0-2" copy=0302000000000008
            = wants Image(V2)
            < v2 cache-response session=4663
            < v2 ipv4 + 10.0.0.0/8-24 AS64496
            < v2 end-of-data session=4663 serial=7 refresh=3600 retry=600 expire=7200
        "#]],
    );
}

#[test]
fn c_neg_04_half_a_minute_after_a_report_the_connection_ends() {
    check(
        "at 1000\n>> 07 02 0000 00000008\nat 30999\nat 31000",
        expect![[r#"
        at 1000
        = waits 60000
        >> 07 02 0000 00000008
        < v2 error 4 "supported versions 0-2" copy=0702000000000008
        = waits 31000
        at 30999
        = waits 31000
        at 31000
        = close
    "#]],
    );
}

#[test]
fn c_neg_05_a_query_below_our_versions_gets_our_highest_and_the_end() {
    let only_2 = VersionRange::new(Version::V2, Version::V2).unwrap();
    Story::new(only_2).run(
        "> v0 reset-query",
        expect![[r#"
        > v0 reset-query
        < v2 error 4 "supported versions 2" copy=0002000000000008
        = close
    "#]],
    );
    Story::new(only_2).run(
        "> v1 serial-query session=1 serial=2",
        expect![[r#"
        > v1 serial-query session=1 serial=2
        < v2 error 4 "supported versions 2" copy=010100010000000c00000002
        = close
    "#]],
    );
    let from_1 = VersionRange::new(Version::V1, Version::V2).unwrap();
    Story::new(from_1).run(
        "> v0 reset-query",
        expect![[r#"
        > v0 reset-query
        < v2 error 4 "supported versions 1-2" copy=0002000000000008
        = close
    "#]],
    );
}

#[test]
fn c_neg_06_the_report_never_carries_the_version_that_was_asked_for() {
    for asked in 3..=255_u8 {
        let mut story = Story::new(VersionRange::ALL);
        let sent = story.sent_for(&format!("{asked:02x} 02 0000 00000008"));
        assert_eq!(sent[..4], [2, 10, 0, 4], "asked for {asked}");
        assert_eq!(sent[8..20], [0, 0, 0, 8, asked, 2, 0, 0, 0, 0, 0, 8], "asked for {asked}");
    }
}

#[test]
fn c_neg_08_an_error_report_as_first_pdu_gets_no_answer() {
    check(
        "> v1 error 4 \"\" copy=",
        expect![[r#"
        > v1 error 4 "" copy=
        = close
    "#]],
    );
    check(
        ">> 07 0A 0004 00000010 00000000 00000000",
        expect![[r#"
        >> 07 0A 0004 00000010 00000000 00000000
        = close
    "#]],
    );
    check(
        ">> 00 0A 0000 00000008",
        expect![[r#"
        >> 00 0A 0000 00000008
        = close
    "#]],
    );
}

#[test]
fn c_neg_09_another_version_within_a_session_is_code_8_in_the_session_s_version() {
    check(
        "> v1 reset-query\n> v2 serial-query session=4663 serial=7",
        expect![[r#"
        > v1 reset-query
        < v1 cache-response session=4661
        < v1 ipv4 + 10.0.0.0/8-24 AS64496
        < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
        > v2 serial-query session=4663 serial=7
        < v1 error 8 "this session speaks version 1, not 2" copy=020112370000000c00000007
        = close
    "#]],
    );
    check(
        "> v1 reset-query\n> v0 reset-query",
        expect![[r#"
        > v1 reset-query
        < v1 cache-response session=4661
        < v1 ipv4 + 10.0.0.0/8-24 AS64496
        < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
        > v0 reset-query
        < v1 error 8 "this session speaks version 1, not 0" copy=0002000000000008
        = close
    "#]],
    );
    check(
        "> v2 reset-query\n>> 09 01 1237 0000000C 00000007",
        expect![[r#"
        > v2 reset-query
        = wants Image(V2)
        < v2 cache-response session=4663
        < v2 ipv4 + 10.0.0.0/8-24 AS64496
        < v2 end-of-data session=4663 serial=7 refresh=3600 retry=600 expire=7200
        >> 09 01 1237 0000000C 00000007
        < v2 error 8 "this session speaks version 2, not 9" copy=090112370000000c00000007
        = close
    "#]],
    );
}

#[test]
fn c_neg_09_version_0_knows_no_code_8() {
    check(
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
fn c_neg_10_an_error_report_of_another_version_ends_the_session_silently() {
    check(
        "> v1 reset-query\n> v2 error 0 \"\" copy=",
        expect![[r#"
        > v1 reset-query
        < v1 cache-response session=4661
        < v1 ipv4 + 10.0.0.0/8-24 AS64496
        < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
        > v2 error 0 "" copy=
        = close
    "#]],
    );
}

#[test]
fn c_neg_11_a_session_is_not_upgraded() {
    check(
        "> v0 reset-query\n> v2 reset-query",
        expect![[r#"
        > v0 reset-query
        = wants Image(V0)
        < v0 cache-response session=4660
        < v0 ipv4 + 10.0.0.0/8-24 AS64496
        < v0 end-of-data session=4660 serial=7
        > v2 reset-query
        < v0 error 0 "this session speaks version 0, not 2" copy=0202000000000008
        = close
    "#]],
    );
}

#[test]
fn c_neg_12_no_notify_before_the_first_query() {
    check(
        "set ipv4 10.0.0.0/8-24 AS1\nset ipv4 10.0.0.0/8-24 AS2\nat 59999",
        expect![[r#"
        set ipv4 10.0.0.0/8-24 AS1
        = waits 60000
        set ipv4 10.0.0.0/8-24 AS2
        = waits 60000
        at 59999
        = waits 60000
    "#]],
    );
}

#[test]
fn c_neg_13_the_version_is_judged_before_type_and_length() {
    check(
        ">> 09 4D 0000 00000008",
        expect![[r#"
        >> 09 4D 0000 00000008
        < v2 error 4 "supported versions 0-2" copy=094d000000000008
        = waits 30000
    "#]],
    );
    check(
        ">> 09 02 0000 00000009 00\n> v2 reset-query",
        expect![[r#"
        >> 09 02 0000 00000009 00
        < v2 error 4 "supported versions 0-2" copy=0902000000000009
        = waits 30000
        > v2 reset-query
        = wants Image(V2)
        < v2 cache-response session=4663
        < v2 ipv4 + 10.0.0.0/8-24 AS64496
        < v2 end-of-data session=4663 serial=7 refresh=3600 retry=600 expire=7200
    "#]],
    );
    check(
        ">> 09 02 0000 00000004",
        expect![[r#"
        >> 09 02 0000 00000004
        < v2 error 4 "supported versions 0-2" copy=0902000000000004
        = close
    "#]],
    );
    check(
        ">> 09 02 0000 00010000",
        expect![[r#"
        >> 09 02 0000 00010000
        < v2 error 4 "supported versions 0-2" copy=0902000000010000
        = close
    "#]],
    );
}

#[test]
fn c_neg_13_a_large_pdu_above_our_versions_is_passed_over() {
    check(
        "
        >> 09 4D 0000 00000010 0102
        >> 030405060708 02 02 0000 00000008
        ",
        expect![[r#"
            >> 09 4D 0000 00000010 0102
            < v2 error 4 "supported versions 0-2" copy=094d000000000010
            = waits 30000
            >> 030405060708 02 02 0000 00000008
            = wants Image(V2)
            < v2 cache-response session=4663
            < v2 ipv4 + 10.0.0.0/8-24 AS64496
            < v2 end-of-data session=4663 serial=7 refresh=3600 retry=600 expire=7200
        "#]],
    );
}

#[test]
fn c_neg_14_what_a_version_lacks_is_not_sent_in_it() {
    for (query, expect) in [
        (
            "> v0 reset-query",
            expect![[r#"
            > v0 reset-query
            = wants Image(V0)
            < v0 cache-response session=4660
            < v0 ipv4 + 10.0.0.0/8-24 AS1
            < v0 ipv6 + 2001:db8::/32-48 AS1
            < v0 end-of-data session=4660 serial=7
        "#]],
        ),
        (
            "> v1 reset-query",
            expect![[r#"
            > v1 reset-query
            < v1 cache-response session=4661
            < v1 ipv4 + 10.0.0.0/8-24 AS1
            < v1 ipv6 + 2001:db8::/32-48 AS1
            < v1 router-key + 0000000000000000000000000000000000000001 AS1 3000
            < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
        "#]],
        ),
        (
            "> v2 reset-query",
            expect![[r#"
            > v2 reset-query
            = wants Image(V2)
            < v2 cache-response session=4663
            < v2 ipv4 + 10.0.0.0/8-24 AS1
            < v2 ipv6 + 2001:db8::/32-48 AS1
            < v2 router-key + 0000000000000000000000000000000000000001 AS1 3000
            < v2 aspa + AS1 AS2
            < v2 end-of-data session=4663 serial=7 refresh=3600 retry=600 expire=7200
        "#]],
        ),
    ] {
        Story::new(VersionRange::ALL).tell(ALL_KINDS).run(query, expect);
    }
}

#[test]
fn c_neg_14_router_keys_and_aspas_can_be_left_out() {
    let policy = ServerPolicy::default().without_router_keys().without_aspas();
    Story::with_policy(policy, 7).tell(ALL_KINDS).run(
        "> v2 reset-query",
        expect![[r#"
        > v2 reset-query
        = wants Image(V2)
        < v2 cache-response session=4666
        < v2 ipv4 + 10.0.0.0/8-24 AS1
        < v2 ipv6 + 2001:db8::/32-48 AS1
        < v2 end-of-data session=4666 serial=7 refresh=3600 retry=600 expire=7200
    "#]],
    );
    let policy = ServerPolicy::default().without_router_keys();
    Story::with_policy(policy, 7).tell(ALL_KINDS).run(
        "> v2 reset-query",
        expect![[r#"
        > v2 reset-query
        = wants Image(V2)
        < v2 cache-response session=4664
        < v2 ipv4 + 10.0.0.0/8-24 AS1
        < v2 ipv6 + 2001:db8::/32-48 AS1
        < v2 aspa + AS1 AS2
        < v2 end-of-data session=4664 serial=7 refresh=3600 retry=600 expire=7200
    "#]],
    );
}

#[test]
fn c_neg_15_code_2_carries_the_query_s_version() {
    for (query, expect) in [
        (
            "> v0 reset-query",
            expect![[r#"
            > v0 reset-query
            < v0 error 2 "no data yet" copy=0002000000000008
        "#]],
        ),
        (
            "> v1 reset-query",
            expect![[r#"
            > v1 reset-query
            < v1 error 2 "no data yet" copy=0102000000000008
        "#]],
        ),
        (
            "> v2 serial-query session=4663 serial=7",
            expect![[r#"
            > v2 serial-query session=4663 serial=7
            < v2 error 2 "no data yet" copy=020112370000000c00000007
        "#]],
        ),
    ] {
        crate::story::holding_nothing().run(query, expect);
    }
}
