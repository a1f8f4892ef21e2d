//! Error Reports, sent and received (C-ERR).

use crate::story::{Story, check};
use expect_test::expect;
use rtrcast_proto::VersionRange;

#[test]
fn c_err_01_an_error_report_is_never_answered() {
    for malformed in [
        "01 0A 0000 00000008",
        "01 0A 0000 0000000F 00000000 000000",
        "01 0A 0000 00000010 000000FF 00000000",
        "01 0A 0000 00000010 00000000 000000FF",
        "01 0A 0000 00000014 00000000 00000000 00000000",
        "01 0A 0000 00000012 00000000 00000002 C3 28",
        "01 0A 03E7 00000010 00000000 00000000",
        "01 0A 0000 00000004",
        "01 0A 0000 FFFFFFFF",
    ] {
        for before in ["", "01 02 0000 00000008"] {
            let mut story = Story::new(VersionRange::ALL).tell("set ipv4 10.0.0.0/8-24 AS64496");
            let sent = story.sent_for(before).len();
            let mut silent = story.sent_for(malformed).len();
            silent += story.at(1_000);
            assert_eq!(silent, 0, "answered {malformed} after {sent} octets");
            assert!(story.is_closed(), "{malformed}");
        }
    }
}

#[test]
fn c_err_02_a_malformed_error_report_is_logged() {
    Story::new(VersionRange::ALL).events().run(
        ">> 01 0A 0000 00000010 000000FF 00000000",
        expect![[r#"
            >> 01 0A 0000 00000010 000000FF 00000000
            ! Received(ErrorReport)
            ! the router sent a malformed Error Report
            ! closing: the router reported an error
            = close
        "#]],
    );
}

#[test]
fn c_err_03_a_router_s_error_report_is_logged_and_ends_the_session() {
    for (report, expect) in [
        (
            "> v1 error 0 \"corrupt\" copy=0102",
            expect![[r#"
                > v1 error 0 "corrupt" copy=0102
                ! Received(ErrorReport)
                ! the router reports error 0 (Corrupt Data) about "octets 0102 (length 2 is shorter than a header)": "corrupt"
                ! closing: the router reported an error
                = close
            "#]],
        ),
        (
            "> v1 error 7 \"\" copy=0104000000000014010808000a00000000000001",
            expect![[r#"
                > v1 error 7 "" copy=0104000000000014010808000a00000000000001
                ! Received(ErrorReport)
                ! the router reports error 7 (Duplicate Announcement Received) about "v1 ipv4 + 10.0.0.0/8-8 AS1"
                ! closing: the router reported an error
                = close
            "#]],
        ),
        (
            "> v1 error 7 \"\" copy=",
            expect![[r#"
                > v1 error 7 "" copy=
                ! Received(ErrorReport)
                ! the router reports error 7 (Duplicate Announcement Received)
                ! closing: the router reported an error
                = close
            "#]],
        ),
        (
            ">> 01 0A 0003 00000016 00000000 00000006 41 1B 5B 6D C3 00",
            expect![[r#"
                >> 01 0A 0003 00000016 00000000 00000006 41 1B 5B 6D C3 00
                ! Received(ErrorReport)
                ! the router reports error 3 (Invalid Request): "A\x1b[m\xc3"
                ! closing: the router reported an error
                = close
            "#]],
        ),
    ] {
        Story::new(VersionRange::ALL).tell("set ipv4 10.0.0.0/8-24 AS1\n> v1 reset-query").events().run(report, expect);
    }
}

#[test]
fn c_err_03_an_error_report_that_stays_incomplete_ends_the_session_after_a_second() {
    Story::new(VersionRange::ALL).events().run(
        ">> 01 0A 0000 00001000 00000000\nat 999\nat 1000",
        expect![[r#"
            >> 01 0A 0000 00001000 00000000
            = waits 1000
            at 999
            = waits 1000
            at 1000
            ! Received(ErrorReport)
            ! the router sent a malformed Error Report
            ! closing: the router reported an error
            = close
        "#]],
    );
}

#[test]
fn c_err_04_what_only_a_cache_sends_is_code_3() {
    check(
        "> v1 serial-notify session=4661 serial=7",
        expect![[r#"
        > v1 serial-notify session=4661 serial=7
        < v1 error 3 "a router does not send Serial Notify" copy=010012350000000c00000007
        = close
    "#]],
    );
    check(
        "> v1 reset-query\n> v1 cache-response session=4661",
        expect![[r#"
        > v1 reset-query
        < v1 cache-response session=4661
        < v1 ipv4 + 10.0.0.0/8-24 AS64496
        < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
        > v1 cache-response session=4661
        < v1 error 3 "a router does not send Cache Response" copy=0103123500000008
        = close
    "#]],
    );
    check(
        "> v1 ipv4 + 10.0.0.0/8-24 AS64496",
        expect![[r#"
        > v1 ipv4 + 10.0.0.0/8-24 AS64496
        < v1 error 3 "a router does not send IPv4 Prefix" copy=0104000000000014010818000a0000000000fbf0
        = close
    "#]],
    );
    check(
        "> v0 end-of-data session=4660 serial=7",
        expect![[r#"
        > v0 end-of-data session=4660 serial=7
        < v0 error 3 "a router does not send End of Data" copy=000712340000000c00000007
        = close
    "#]],
    );
    check(
        "> v2 cache-reset",
        expect![[r#"
        > v2 cache-reset
        < v2 error 3 "a router does not send Cache Reset" copy=0208000000000008
        = close
    "#]],
    );
    check(
        "> v1 router-key + 0000000000000000000000000000000000000001 AS1 3000",
        expect![[r#"
        > v1 router-key + 0000000000000000000000000000000000000001 AS1 3000
        < v1 error 3 "a router does not send Router Key" copy=01090100000000220000000000000000000000000000000000000001000000013000
        = close
    "#]],
    );
    check(
        "> v2 aspa + AS1 AS2",
        expect![[r#"
        > v2 aspa + AS1 AS2
        < v2 error 3 "a router does not send ASPA" copy=020b0100000000100000000100000002
        = close
    "#]],
    );
}

#[test]
fn c_err_05_a_type_that_the_version_lacks_is_code_5() {
    check(
        ">> 01 05 0000 00000008",
        expect![[r#"
        >> 01 05 0000 00000008
        < v1 error 5 "version 1 has no PDU type 5" copy=0105000000000008
        = close
    "#]],
    );
    check(
        ">> 02 FF 0000 00000008",
        expect![[r#"
        >> 02 FF 0000 00000008
        < v2 error 5 "version 2 has no PDU type 255" copy=02ff000000000008
        = close
    "#]],
    );
    check(
        ">> 02 4D 0000 00004008 41414141",
        expect![[r#"
        >> 02 4D 0000 00004008 41414141
        < v2 error 5 "version 2 has no PDU type 77" copy=024d000000004008
        = close
    "#]],
    );
    check(
        ">> 00 09 0000 0000007B",
        expect![[r#"
        >> 00 09 0000 0000007B
        < v0 error 5 "version 0 has no PDU type 9" copy=000900000000007b
        = close
    "#]],
    );
    check(
        ">> 00 0B 0000 00000010",
        expect![[r#"
        >> 00 0B 0000 00000010
        < v0 error 5 "version 0 has no PDU type 11" copy=000b000000000010
        = close
    "#]],
    );
    check(
        ">> 01 0B 0000 00000010",
        expect![[r#"
        >> 01 0B 0000 00000010
        < v1 error 5 "version 1 has no PDU type 11" copy=010b000000000010
        = close
    "#]],
    );
    check(
        "> v1 reset-query\n>> 01 4D 0000 00000008",
        expect![[r#"
        > v1 reset-query
        < v1 cache-response session=4661
        < v1 ipv4 + 10.0.0.0/8-24 AS64496
        < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
        >> 01 4D 0000 00000008
        < v1 error 5 "version 1 has no PDU type 77" copy=014d000000000008
        = close
    "#]],
    );
}

#[test]
fn c_err_06_an_error_of_the_cache_s_own_has_no_copy() {
    check(
        "hold\n> v2 reset-query\nnext\nat 30000\ngo",
        expect![[r#"
        hold
        > v2 reset-query
        next
        = wants Image(V2)
        at 30000
        go
        < v2 error 1 "the response could not be made in time" copy=
        = close
    "#]],
    );
}

#[test]
fn c_err_07_the_copy_is_what_was_received_and_not_more() {
    // Twenty octets announced, ten there: the rest is waited for, and what came is what is copied.
    check(
        ">> 01 04 0000 00000014 0108\nat 999\nat 1000",
        expect![[r#"
        >> 01 04 0000 00000014 0108
        = waits 1000
        at 999
        = waits 1000
        at 1000
        < v1 error 3 "a router does not send IPv4 Prefix" copy=01040000000000140108
        = close
    "#]],
    );
    check(
        ">> 01 04 0000 00000014 0108\nend",
        expect![[r#"
        >> 01 04 0000 00000014 0108
        = waits 1000
        end
        < v1 error 3 "a router does not send IPv4 Prefix" copy=01040000000000140108
        = close
    "#]],
    );
}

#[test]
fn c_err_07_the_copy_is_cut_at_256_octets() {
    let mut story = Story::new(VersionRange::ALL);
    let sent = story.sent_for("01 09 0000 00000400");
    assert!(sent.is_empty(), "the rest of the key is waited for");
    let sent = story.sent_for(&"5A".repeat(0x400 - 8));
    assert_eq!(sent[..12], [1, 10, 0, 3, 0, 0, 1, 49, 0, 0, 1, 0], "256 octets of copy");
    assert_eq!(sent[12..20], [1, 9, 0, 0, 0, 0, 4, 0], "whose Length is as received");
    assert!(sent[20..268].iter().all(|octet| *octet == 0x5A));
}

#[test]
fn c_err_08_texts_are_printable_and_have_no_nul() {
    for query in ["09 02 0000 00000008", "01 4D 0000 00000008", "01 02 0000 00000009", "02 08 0000 00000008"] {
        let sent = Story::new(VersionRange::ALL).sent_for(query);
        let copy = u32::from_be_bytes(sent[8..12].try_into().unwrap()) as usize;
        let text = &sent[16 + copy..];
        assert!(!text.is_empty() && text.iter().all(|octet| octet.is_ascii_graphic() || *octet == b' '), "{query}");
    }
}

#[test]
fn c_err_09_after_a_fatal_report_nothing_is_read_or_sent() {
    check(
        ">> 01 4D 0000 00000008 01 02 0000 00000008\n> v1 reset-query\nset ipv4 10.0.0.0/8-24 AS9\nat 100000",
        expect![[r#"
            >> 01 4D 0000 00000008 01 02 0000 00000008
            < v1 error 5 "version 1 has no PDU type 77" copy=014d000000000008
            = close
            > v1 reset-query
            set ipv4 10.0.0.0/8-24 AS9
            at 100000
        "#]],
    );
}

#[test]
fn c_err_10_one_report_for_one_cause() {
    check(
        ">> 01 02 0000 00000007 01 02 0000 00000007 01 02 0000 00000007",
        expect![[r#"
        >> 01 02 0000 00000007 01 02 0000 00000007 01 02 0000 00000007
        < v1 error 0 "length 7 is shorter than a header" copy=0102000000000007
        = close
    "#]],
    );
}

#[test]
fn s_07_an_error_in_the_middle_of_a_response_is_reported_behind_it() {
    Story::new(VersionRange::ALL).tell(&crate::large_set()).tell("hold\n> v1 reset-query\nnext\nnext").run(
        "
        >> 01 4D 0000 00000008
        go
        ",
        expect![[r#"
            >> 01 4D 0000 00000008
            go
            < 13107 prefixes
            < 3786 prefixes
            < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
            < v1 error 5 "version 1 has no PDU type 77" copy=014d000000000008
            = close
        "#]],
    );
}

#[test]
fn c_frm_01_a_query_and_an_error_behind_it_get_the_same_in_one_piece_and_in_two() {
    check(
        ">> 01 02 0000 00000008 01 4D 0000 00000008",
        expect![[r#"
        >> 01 02 0000 00000008 01 4D 0000 00000008
        < v1 cache-response session=4661
        < v1 ipv4 + 10.0.0.0/8-24 AS64496
        < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
        < v1 error 5 "version 1 has no PDU type 77" copy=014d000000000008
        = close
    "#]],
    );
    check(
        "hold\n> v1 reset-query\n>> 01 4D 0000 00000008\ngo",
        expect![[r#"
        hold
        > v1 reset-query
        >> 01 4D 0000 00000008
        go
        < v1 cache-response session=4661
        < v1 ipv4 + 10.0.0.0/8-24 AS64496
        < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
        < v1 error 5 "version 1 has no PDU type 77" copy=014d000000000008
        = close
    "#]],
    );
}

#[test]
fn s_07_a_router_s_own_error_report_ends_a_response_early() {
    Story::new(VersionRange::ALL).tell(&crate::large_set()).tell("hold\n> v1 reset-query\nnext\nnext").events().run(
        "
        > v1 error 7 \"\" copy=
        go
        ",
        expect![[r#"
            > v1 error 7 "" copy=
            go
            ! Received(ErrorReport)
            ! the router reports error 7 (Duplicate Announcement Received)
            ! closing: the router reported an error
            = close
        "#]],
    );
}

#[test]
fn s_07_nothing_is_read_behind_an_error_while_a_response_runs() {
    let mut story = Story::new(VersionRange::ALL).tell(&crate::large_set()).tell("hold\n> v1 reset-query\nnext");
    assert!(story.wants_input());
    story.receive("01 4D 0000");
    assert!(story.wants_input(), "half a header says nothing");
    story.receive("00000008");
    assert!(!story.wants_input());
}

#[test]
fn s_09_a_version_2_query_in_a_version_1_session_is_code_8_with_its_twelve_octets() {
    check(
        "> v1 reset-query\ndrip v2 serial-query session=4663 serial=7",
        expect![[r#"
        > v1 reset-query
        < v1 cache-response session=4661
        < v1 ipv4 + 10.0.0.0/8-24 AS64496
        < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
        drip v2 serial-query session=4663 serial=7
        = waits 1000
        = waits 1000
        = waits 1000
        = waits 1000
        < v1 error 8 "this session speaks version 1, not 2" copy=020112370000000c00000007
        = close
    "#]],
    );
}
