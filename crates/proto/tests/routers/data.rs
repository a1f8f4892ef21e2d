//! Payload: what is taken, and what is refused with which code (R-DAT).

use crate::story::{Story, check, check_synced, up_to};
use expect_test::expect;
use rtrcast_proto::Version;

/// Log of a router that receives octets in the middle of a response to its Reset Query.
fn log_of(version: Version, hex: &str) -> String {
    Story::new(up_to(version)).log_of(&format!("connect\n> v{version} cache-response session=7\n>> {hex}"))
}

/// Asserts that octets in the middle of a response are reported with a code, and once.
fn assert_refused(version: Version, hex: &str, code: u16) {
    let log = log_of(version, hex);
    assert!(log.contains(&format!("< v{version} error {code} \"")), "not {code}: {log}");
    assert!(log.contains("= close\n") && log.matches("\n< v").count() == 2, "{log}");
}

/// Asserts that octets in the middle of a response are taken.
fn assert_taken(version: Version, hex: &str, record: &str) {
    let end = if version == Version::V0 {
        "00 07 0007 0000000C 00000005"
    } else {
        &format!("0{version} 07 0007 00000018 00000005 00000E10 00000258 00001C20")
    };
    let log = log_of(version, &format!("{hex}{end}"));
    assert!(log.contains(&format!("= data v{version} 7 5 {record} until ")), "{log}");
}

/// Log of a router that holds `10.0.0.0/8-24 AS64496` and receives a delta.
fn log_of_delta(version: Version, records: &str) -> String {
    Story::synced(version).log_of(&format!("refresh\n>= v{version} 7 6 {records}"))
}

const OLD: &str = "ipv4 - 10.0.0.0/8-24 AS64496";
const OLD_AGAIN: &str = "ipv4 + 10.0.0.0/8-24 AS64496";

#[test]
fn r_dat_01_a_record_that_is_there_can_not_be_announced() {
    for version in Version::ALL {
        let log = log_of_delta(version, OLD_AGAIN);
        assert!(log.contains(&format!("< v{version} error 7 ")), "{log}");
        assert_eq!(log.contains("= data none\n"), version == Version::V2, "{log}");
    }
    check_synced(
        Version::V1,
        "refresh\n>= v1 7 6 ipv4 + 10.0.0.0/8-24 AS64496\nwait\nconnect",
        expect![[r#"
        refresh
        < v1 serial-query session=7 serial=5
        = waits 60000
        >= v1 7 6 ipv4 + 10.0.0.0/8-24 AS64496
        ! reported 7 (Duplicate Announcement Received): the record was announced before
        ! ended: the cache broke the protocol: the record was announced before; again at 652998
        < v1 error 7 "the record was announced before" copy=0104000000000014010818000a0000000000fbf0
        = close
        = waits 652998
        wait
        = connect
        = waits 7200000
        connect
        < v1 reset-query
        = waits 712998
    "#]],
    );
}

#[test]
fn r_dat_01_a_record_is_announced_once_in_a_response() {
    for version in Version::ALL {
        let log =
            log_of_delta(version, "ipv4 + 10.0.0.0/8-8 AS2; ipv6 + 2001:db8::/32-32 AS1; ipv4 + 10.0.0.0/8-8 AS2");
        assert!(log.contains(&format!("< v{version} error 7 ")), "{log}");
    }
    // In whatever order, next to each other or not.
    for (version, records) in [
        (0, "ipv4 + 10.0.0.0/8-8 AS2; ipv4 + 10.0.0.0/8-8 AS2"),
        (1, "ipv4 + 10.0.0.0/8-8 AS2; ipv4 + 11.0.0.0/8-8 AS2; ipv4 + 10.0.0.0/8-8 AS2"),
        (2, "ipv4 + 11.0.0.0/8-8 AS2; ipv4 + 10.0.0.0/8-8 AS2; ipv4 + 11.0.0.0/8-8 AS2"),
        (2, "ipv6 + 2001:db8::/32-32 AS2; ipv6 + 2001:db8::/32-33 AS2; ipv6 + 2001:db8::/32-32 AS2"),
        (
            2,
            "router-key + 0000000000000000000000000000000000000001 AS1 3000; router-key + 0000000000000000000000000000000000000001 AS1 3000",
        ),
        (2, "aspa + AS1 AS2; aspa + AS1 AS2"),
        (2, "aspa + AS1 AS2; aspa + AS1 AS3"),
        (2, "aspa + AS1 AS3; aspa + AS1 AS2"),
        (2, "aspa + AS1 AS3; aspa + AS2 AS3; aspa + AS1 AS2"),
    ] {
        let log = Story::new(up_to(Version::V2)).log_of(&format!("connect\n>= v{version} 7 5 {records}"));
        assert!(log.contains(&format!("< v{version} error 7 ")) && !log.contains("= data v"), "{log}");
    }
}

#[test]
fn r_dat_01_records_that_differ_in_anything_are_different_ones() {
    let records = "ipv4 + 10.0.0.0/8-8 AS2; ipv4 + 10.0.0.0/8-9 AS2; ipv4 + 10.0.0.0/9-9 AS2; ipv4 + 10.0.0.0/8-8 AS3; \
        router-key + 0000000000000000000000000000000000000001 AS1 3000; \
        router-key + 0000000000000000000000000000000000000001 AS1 300101; \
        router-key + 0000000000000000000000000000000000000001 AS2 3000";
    check(
        &format!("connect\n>= v1 7 5 {records}"),
        expect![[r#"
        = connect
        connect
        < v2 reset-query
        = waits 60000
        >= v1 7 5 ipv4 + 10.0.0.0/8-8 AS2; ipv4 + 10.0.0.0/8-9 AS2; ipv4 + 10.0.0.0/9-9 AS2; ipv4 + 10.0.0.0/8-8 AS3; router-key + 0000000000000000000000000000000000000001 AS1 3000; router-key + 0000000000000... (302 octets)
        ! speaks v1
        ! updated by the whole set
        = data v1 7 5 ipv4 10.0.0.0/9-9 AS2; ipv4 10.0.0.0/8-9 AS2; ipv4 10.0.0.0/8-8 AS3; ipv4 10.0.0.0/8-8 AS2; router-key 0000000000000000000000000000000000000001 AS1 3000; router-key 0000000000000000000000000000000000000001 AS2 3000; router-key 0000000000000000000000000000000000000001 AS1 300101 until 7200000
        = waits 3600000
    "#]],
    );
}

#[test]
fn r_dat_01_a_reset_response_may_come_in_any_order() {
    check(
        "connect
         >= v1 7 5 ipv6 + 2001:db8::/32-32 AS1; ipv4 + 10.0.0.0/8-8 AS2; ipv4 + 11.0.0.0/8-8 AS2; ipv4 + 9.0.0.0/8-8 AS2",
        expect![[r#"
            = connect
            connect
            < v2 reset-query
            = waits 60000
            >= v1 7 5 ipv6 + 2001:db8::/32-32 AS1; ipv4 + 10.0.0.0/8-8 AS2; ipv4 + 11.0.0.0/8-8 AS2; ipv4 + 9.0.0.0/8-8 AS2
            ! speaks v1
            ! updated by the whole set
            = data v1 7 5 ipv4 11.0.0.0/8-8 AS2; ipv4 10.0.0.0/8-8 AS2; ipv4 9.0.0.0/8-8 AS2; ipv6 2001:db8::/32-32 AS1 until 7200000
            = waits 3600000
        "#]],
    );
}

#[test]
fn r_dat_01_another_list_of_providers_replaces_the_one_before() {
    Story::new(up_to(Version::V2)).tell("connect\n>= v2 7 5 aspa + AS1 AS2,AS3; aspa + AS5 AS6").run(
        "refresh
         >= v2 7 6 aspa + AS1 AS4
         refresh
         >= v2 7 7 aspa + AS1 AS4
         refresh
         >= v2 7 8 aspa + AS1 AS2; aspa + AS1 AS3",
        expect![[r#"
            refresh
            < v2 serial-query session=7 serial=5
            = waits 60000
            >= v2 7 6 aspa + AS1 AS4
            ! updated by a delta: - aspa AS1 AS2,AS3; + aspa AS1 AS4
            = data v2 7 6 aspa AS1 AS4; aspa AS5 AS6 until 7200000
            = waits 3600000
            refresh
            < v2 serial-query session=7 serial=6
            = waits 60000
            >= v2 7 7 aspa + AS1 AS4
            ! updated by a delta, the same as before
            = data v2 7 7 aspa AS1 AS4; aspa AS5 AS6 until 7200000
            = waits 3600000
            refresh
            < v2 serial-query session=7 serial=7
            = waits 60000
            >= v2 7 8 aspa + AS1 AS2; aspa + AS1 AS3
            ! reported 7 (Duplicate Announcement Received): the record was announced before
            ! flushed: the cache broke the protocol: the record was announced before
            = data none
            ! ended: the cache broke the protocol: the record was announced before; again at 652998
            < v2 error 7 "the record was announced before" copy=020b0100000000100000000100000003
            = close
            = waits 652998
        "#]],
    );
}

#[test]
fn r_dat_02_a_record_that_is_not_there_can_not_be_withdrawn() {
    for version in Version::ALL {
        let log = log_of_delta(version, "ipv4 - 10.0.0.0/8-24 AS64497");
        assert!(log.contains(&format!("< v{version} error 6 ")), "{log}");
        assert_eq!(log.contains("= data none\n"), version == Version::V2, "{log}");
    }
    let log = log_of_delta(Version::V1, &format!("{OLD}; {OLD}"));
    assert!(log.contains("< v1 error 6 "), "{log}");
    let log = log_of_delta(Version::V2, "aspa - AS1");
    assert!(log.contains("< v2 error 6 \"the withdrawn record is not there\" copy=020b00000000000c00000001"), "{log}");
    check_synced(
        Version::V2,
        "refresh\n>= v2 7 6 router-key - 0000000000000000000000000000000000000001 AS1 3000",
        expect![[r#"
            refresh
            < v2 serial-query session=7 serial=5
            = waits 60000
            >= v2 7 6 router-key - 0000000000000000000000000000000000000001 AS1 3000
            ! reported 6 (Withdrawal of Unknown Record): the withdrawn record is not there
            ! flushed: the cache broke the protocol: the withdrawn record is not there
            = data none
            ! ended: the cache broke the protocol: the withdrawn record is not there; again at 652998
            < v2 error 6 "the withdrawn record is not there" copy=02090000000000220000000000000000000000000000000000000001000000013000
            = close
            = waits 652998
        "#]],
    );
}

#[test]
fn r_dat_02_changes_of_one_record_are_applied_in_order() {
    check_synced(
        Version::V1,
        "refresh
         >= v1 7 6 ipv4 + 10.0.0.0/8-8 AS2; ipv4 - 10.0.0.0/8-8 AS2
         refresh
         >= v1 7 7 ipv4 - 10.0.0.0/8-24 AS64496; ipv4 + 10.0.0.0/8-24 AS64496
         refresh
         >= v1 7 8 ipv4 - 10.0.0.0/8-8 AS2; ipv4 + 10.0.0.0/8-8 AS2",
        expect![[r#"
            refresh
            < v1 serial-query session=7 serial=5
            = waits 60000
            >= v1 7 6 ipv4 + 10.0.0.0/8-8 AS2; ipv4 - 10.0.0.0/8-8 AS2
            ! updated by a delta, the same as before
            = data v1 7 6 ipv4 10.0.0.0/8-24 AS64496 until 7200000
            = waits 3600000
            refresh
            < v1 serial-query session=7 serial=6
            = waits 60000
            >= v1 7 7 ipv4 - 10.0.0.0/8-24 AS64496; ipv4 + 10.0.0.0/8-24 AS64496
            ! updated by a delta, the same as before
            = data v1 7 7 ipv4 10.0.0.0/8-24 AS64496 until 7200000
            = waits 3600000
            refresh
            < v1 serial-query session=7 serial=7
            = waits 60000
            >= v1 7 8 ipv4 - 10.0.0.0/8-8 AS2; ipv4 + 10.0.0.0/8-8 AS2
            ! reported 6 (Withdrawal of Unknown Record): the withdrawn record is not there
            ! ended: the cache broke the protocol: the withdrawn record is not there; again at 652998
            < v1 error 6 "the withdrawn record is not there" copy=0104000000000014000808000a00000000000002
            = close
            = waits 652998
        "#]],
    );
}

#[test]
fn r_dat_03_host_bits_are_refused_in_version_2_and_masked_in_the_others() {
    assert_refused(Version::V2, "02 04 0000 00000014 01 08 08 00 0A000001 00000001", 0);
    assert_refused(Version::V2, "02 06 0000 00000020 01 20 20 00 20010DB8 00000000 00000000 00000001 00000001", 0);
    assert_refused(Version::V2, "02 04 0000 00000014 01 00 08 00 0A000000 00000001", 0);
    for version in [Version::V0, Version::V1] {
        assert_taken(
            version,
            &format!("0{version} 04 0000 00000014 01 08 08 00 0A000001 00000001"),
            "ipv4 10.0.0.0/8-8 AS1",
        );
        assert_taken(
            version,
            &format!("0{version} 06 0000 00000020 01 20 20 00 20010DB8 00000000 00000000 00000001 00000001"),
            "ipv6 2001:db8::/32-32 AS1",
        );
    }
}

#[test]
fn r_dat_04_a_wrong_list_of_providers_is_code_9() {
    // None, AS 0 beside others, not ascending, one twice.
    assert_refused(Version::V2, "02 0B 0100 0000000C 00000001", 9);
    assert_refused(Version::V2, "02 0B 0100 00000014 00000001 00000000 00000002", 9);
    assert_refused(Version::V2, "02 0B 0100 00000014 00000001 00000003 00000002", 9);
    assert_refused(Version::V2, "02 0B 0100 00000014 00000001 00000002 00000002", 9);
    assert_taken(Version::V2, "02 0B 0100 00000010 00000001 00000000", "aspa AS1 AS0");
    assert_taken(Version::V2, "02 0B 0100 00000014 00000001 00000002 00000003", "aspa AS1 AS2,AS3");
}

#[test]
fn r_dat_05_a_withdrawn_aspa_has_no_providers() {
    let log = Story::synced(Version::V2)
        .log_of("refresh\n> v2 cache-response session=7\n>> 02 0B 0000 00000010 00000001 00000002");
    assert!(log.contains("< v2 error 0 \"ASPA withdrawal with providers\""), "{log}");
}

#[test]
fn r_dat_06_a_withdrawal_removes_the_whole_aspa() {
    Story::new(up_to(Version::V2)).tell("connect\n>= v2 7 5 aspa + AS1 AS2,AS3; aspa + AS5 AS6").run(
        "refresh
         >= v2 7 6 aspa - AS1
         refresh
         >= v2 7 7 aspa - AS5; aspa + AS5 AS7
         refresh
         >= v2 7 8 aspa + AS5 AS8; aspa - AS5",
        expect![[r#"
            refresh
            < v2 serial-query session=7 serial=5
            = waits 60000
            >= v2 7 6 aspa - AS1
            ! updated by a delta: - aspa AS1 AS2,AS3
            = data v2 7 6 aspa AS5 AS6 until 7200000
            = waits 3600000
            refresh
            < v2 serial-query session=7 serial=6
            = waits 60000
            >= v2 7 7 aspa - AS5; aspa + AS5 AS7
            ! updated by a delta: - aspa AS5 AS6; + aspa AS5 AS7
            = data v2 7 7 aspa AS5 AS7 until 7200000
            = waits 3600000
            refresh
            < v2 serial-query session=7 serial=7
            = waits 60000
            >= v2 7 8 aspa + AS5 AS8; aspa - AS5
            ! updated by a delta: - aspa AS5 AS7
            = data v2 7 8 until 7200000
            = waits 3600000
        "#]],
    );
}

#[test]
fn r_dat_07_lengths_out_of_their_range_are_code_0() {
    for version in Version::ALL {
        // The prefix length, the maximum length, one below the other.
        for lengths in ["21 21", "08 21", "18 08", "FF FF"] {
            assert_refused(version, &format!("0{version} 04 0000 00000014 01 {lengths} 00 00000000 00000001"), 0);
        }
        for lengths in ["81 81", "20 81", "30 20"] {
            let prefix = "00000000 00000000 00000000 00000000";
            assert_refused(version, &format!("0{version} 06 0000 00000020 01 {lengths} 00 {prefix} 00000001"), 0);
        }
        assert_taken(
            version,
            &format!("0{version} 04 0000 00000014 01 00 20 00 00000000 00000000"),
            "ipv4 0.0.0.0/0-32 AS0",
        );
    }
}

#[test]
fn r_dat_09_an_unknown_type_is_code_5() {
    for (version, pdu_type) in
        [(0, "05"), (0, "09"), (0, "0B"), (1, "05"), (1, "0B"), (1, "FF"), (2, "05"), (2, "0C"), (2, "FF")]
    {
        let version = Version::from_octet(version).unwrap();
        assert_refused(version, &format!("0{version} {pdu_type} 0000 00000010 00000001 00000002"), 5);
    }
}

#[test]
fn r_dat_09_a_wrong_length_is_code_0_for_each_type() {
    for version in Version::ALL {
        for (pdu_type, lengths) in [
            ("00", [8, 11, 13]),
            ("03", [7, 9, 12]),
            ("04", [8, 19, 32]),
            ("06", [20, 31, 33]),
            ("07", [8, 13, 23]),
            ("08", [0, 9, 12]),
            ("02", [7, 9, 12]),
            ("01", [8, 11, 13]),
        ] {
            for length in lengths {
                assert_refused(version, &format!("0{version} {pdu_type} 0007 {length:08X} 00000001"), 0);
            }
        }
        // End of Data has the format of its version.
        let other = if version == Version::V0 { 24 } else { 12 };
        assert_refused(version, &format!("0{version} 07 0007 {other:08X} 00000001"), 0);
        for length in ["00000000", "00000007", "00010000", "FFFFFFFF"] {
            assert_refused(version, &format!("0{version} 04 0000 {length}"), 0);
        }
    }
    assert_refused(Version::V1, "01 09 0100 00000020", 0);
    assert_refused(Version::V2, "02 0B 0100 0000000D 00000001", 0);
    assert_refused(Version::V2, "02 0B 0100 00000008", 0);
}

#[test]
fn r_dat_09_a_length_is_judged_before_the_pdu_is_there() {
    check(
        "connect\n> v1 cache-response session=7\n>> 01 04 0000 00000013",
        expect![[r#"
            = connect
            connect
            < v2 reset-query
            = waits 60000
            > v1 cache-response session=7
            ! speaks v1
            >> 01 04 0000 00000013
            ! reported 0 (Corrupt Data): length 19 is wrong for IPv4 Prefix
            ! ended: the cache broke the protocol: length 19 is wrong for IPv4 Prefix; again at 652998
            < v1 error 0 "length 19 is wrong for IPv4 Prefix" copy=0104000000000013
            = close
            = waits 652998
        "#]],
    );
}

#[test]
fn r_dat_09_a_key_that_is_not_der_is_code_0() {
    let key = "00000000 00000000 00000000 00000000 00000001 00000001";
    assert_refused(Version::V1, &format!("01 09 0100 00000022 {key} 30 01"), 0);
    assert_refused(Version::V2, &format!("02 09 0100 00000022 {key} 31 00"), 0);
    assert_taken(
        Version::V2,
        &format!("02 09 0100 00000022 {key} 30 00"),
        "router-key 0000000000000000000000000000000000000001 AS1 3000",
    );
}

#[test]
fn r_dat_09_only_the_lowest_flag_matters_and_no_zero_field() {
    for version in Version::ALL {
        assert_taken(
            version,
            &format!("0{version} 04 FFFF 00000014 FF 08 08 FF 0A000000 00000001"),
            "ipv4 10.0.0.0/8-8 AS1",
        );
        assert_refused(version, &format!("0{version} 04 0000 00000014 FE 08 08 00 0A000000 00000001"), 6);
    }
    assert_taken(Version::V2, "02 0B FFFF 00000010 00000001 00000002", "aspa AS1 AS2");
}

#[test]
fn r_dat_09_what_a_cache_does_not_send_is_code_0() {
    for version in Version::ALL {
        assert_refused(version, &format!("0{version} 01 0007 0000000C 00000005"), 0);
        assert_refused(version, &format!("0{version} 02 0000 00000008"), 0);
    }
    check(
        "connect\n> v2 reset-query",
        expect![[r#"
        = connect
        connect
        < v2 reset-query
        = waits 60000
        > v2 reset-query
        ! reported 0 (Corrupt Data): a cache does not send Reset Query
        ! ended: the cache broke the protocol: a cache does not send Reset Query; again at 652998
        < v2 error 0 "a cache does not send Reset Query" copy=0202000000000008
        = close
        = waits 652998
    "#]],
    );
}

#[test]
fn r_dat_09_what_comes_out_of_place_is_code_0() {
    for version in Version::ALL {
        for line in [
            "ipv4 + 10.0.0.0/8-8 AS2",
            "ipv6 - 2001:db8::/32-32 AS1",
            "end-of-data session=7 serial=6 refresh=3600 retry=600 expire=7200",
        ] {
            for before in ["", "refresh\n"] {
                let log = Story::synced(version).log_of(&format!("{before}> v{version} {line}"));
                assert!(log.contains(&format!("< v{version} error 0 ")), "{log}");
            }
        }
        let log = Story::synced(version).log_of(&format!("> v{version} cache-response session=7"));
        assert!(log.contains(&format!("< v{version} error 0 ")), "{log}");
        let log = log_of(version, &format!("0{version} 03 0007 00000008"));
        assert!(log.contains(&format!("< v{version} error 0 ")), "{log}");
    }
}
