//! Fatal errors, sent and received (R-ERR).

use crate::story::{Story, check, check_again, check_synced, check_up_to, up_to};
use expect_test::expect;
use rtrcast_proto::{ClientPolicy, Timing, Version, VersionRange};

#[test]
fn r_err_01_a_fatal_error_that_is_sent_flushes_the_data_of_version_2_only() {
    for version in Version::ALL {
        let log = Story::synced(version).log_of(&format!(">> 0{version} 05 0000 00000008\nwait\nconnect"));
        assert!(log.contains(&format!("< v{version} error 5 ")) && log.contains("= close\n"), "{log}");
        assert_eq!(log.contains("= data none\n"), version == Version::V2, "{log}");
        // In all versions it begins anew: what was wrong once would be wrong again.
        assert!(log.contains(&format!("connect\n< v{version} reset-query\n")), "{log}");
    }
}

#[test]
fn r_err_01_a_fatal_error_that_is_received_flushes_the_data_of_version_2_only() {
    for version in Version::ALL {
        for code in [1, 3, 5, 6, 7, 8, 9, 10, 11] {
            for before in ["", "refresh\n", &format!("refresh\n> v{version} cache-response session=7\n")] {
                let log = Story::synced(version).log_of(&format!("{before}> v{version} error {code} \"\" copy="));
                assert!(log.contains("= close\n"), "{log}");
                assert_eq!(log.contains("= data none\n"), version == Version::V2, "{log}");
            }
        }
    }
    check_synced(
        Version::V2,
        "refresh\n> v2 error 1 \"out of memory\" copy=\nwait\nconnect",
        expect![[r#"
        refresh
        < v2 serial-query session=7 serial=5
        = waits 60000
        > v2 error 1 "out of memory" copy=
        ! received error 1 "out of memory"
        ! flushed: the cache reported error 1 (Internal Error)
        = data none
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
    check_synced(
        Version::V1,
        "refresh\n> v1 error 1 \"out of memory\" copy=\nwait\nconnect",
        expect![[r#"
        refresh
        < v1 serial-query session=7 serial=5
        = waits 60000
        > v1 error 1 "out of memory" copy=
        ! received error 1 "out of memory"
        ! ended: the cache reported error 1 (Internal Error); again at 652998
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
fn r_err_01_also_as_the_first_answer_on_a_connection() {
    check_again(
        Version::V2,
        "connect\n> v2 error 1 \"\" copy=",
        expect![[r#"
        connect
        < v2 serial-query session=7 serial=5
        = waits 61191
        > v2 error 1 "" copy=
        ! received error 1 ""
        ! speaks v2
        ! flushed: the cache reported error 1 (Internal Error)
        = data none
        ! ended: the cache reported error 1 (Internal Error); again at 627082
        = close
        = waits 627082
    "#]],
    );
    check_again(
        Version::V1,
        "connect\n> v1 error 1 \"\" copy=\nwait\nconnect",
        expect![[r#"
        connect
        < v1 serial-query session=7 serial=5
        = waits 61191
        > v1 error 1 "" copy=
        ! received error 1 ""
        ! speaks v1
        ! ended: the cache reported error 1 (Internal Error); again at 627082
        = close
        = waits 627082
        wait
        = connect
        = waits 7200000
        connect
        < v1 reset-query
        = waits 687082
    "#]],
    );
}

#[test]
fn r_err_02_an_error_report_with_an_unknown_code_ends_the_connection() {
    check_synced(
        Version::V2,
        "> v2 error 14 \"what?\" copy=",
        expect![[r#"
        > v2 error 14 "what?" copy=
        ! received error 14 "what?"
        ! flushed: the cache reported error 14, which no text defines
        = data none
        ! ended: the cache reported error 14, which no text defines; again at 652998
        = close
        = waits 652998
    "#]],
    );
    check_synced(
        Version::V1,
        "> v1 error 65535 \"what?\" copy=",
        expect![[r#"
        > v1 error 65535 "what?" copy=
        ! received error 65535 "what?"
        ! ended: the cache reported error 65535, which no text defines; again at 652998
        = close
        = waits 652998
    "#]],
    );
    check_synced(
        Version::V0,
        "> v0 error 8 \"what?\" copy=",
        expect![[r#"
        > v0 error 8 "what?" copy=
        ! received error 8 "what?"
        ! ended: the cache reported error 8 (Unexpected Protocol Version); again at 652998
        = close
        = waits 652998
    "#]],
    );
}

#[test]
fn r_err_02_a_malformed_error_report_ends_the_connection_and_is_never_answered() {
    for version in Version::ALL {
        for rest in [
            // Below the least length, the copy too long, the text too long, octets behind the text, above the limit.
            "0001 00000008",
            "0001 0000000F 00000000 000000",
            "0001 00000010 00000001 00000000",
            "0001 00000010 FFFFFFFF 00000000",
            "0001 00000010 00000000 00000001",
            "0001 00000014 00000000 00000000 41424344",
            "0001 00010000",
            "0001 FFFFFFFF",
        ] {
            let log = Story::synced(version).log_of(&format!("refresh\n>> 0{version} 0A {rest}"));
            assert!(log.contains("! received an error \"\"\n") && log.contains("= close\n"), "{log}");
            assert!(!log.contains(" error 0 "), "{log}");
            assert_eq!(log.contains("= data none\n"), version == Version::V2, "{log}");
        }
    }
    check_synced(
        Version::V2,
        "refresh\n>> 02 0A 0001 00000008\n> v2 error 1 \"\" copy=",
        expect![[r#"
        refresh
        < v2 serial-query session=7 serial=5
        = waits 60000
        >> 02 0A 0001 00000008
        ! received an error ""
        ! flushed: the cache sent a malformed Error Report
        = data none
        ! ended: the cache sent a malformed Error Report; again at 652998
        = close
        = waits 652998
        > v2 error 1 "" copy=
    "#]],
    );
}

#[test]
fn r_err_02_the_text_of_an_error_report_is_shown_without_what_could_do_harm() {
    // A NUL, an escape sequence, and what is not UTF-8.
    check_synced(
        Version::V1,
        r#"> v1 error 3 "no\x00\x1b[2J\xff\xfe\"\n" copy=01020000"#,
        expect![[r#"
            > v1 error 3 "no\x00\x1b[2J\xff\xfe\"\n" copy=01020000
            ! received error 3 "no\x00\x1b[2J\xff\xfe\"\n"
            ! ended: the cache reported error 3 (Invalid Request); again at 652998
            = close
            = waits 652998
        "#]],
    );
}

#[test]
fn r_err_02_an_error_report_may_have_64_kib() {
    let text = "A".repeat(65_535 - 16);
    check_synced(
        Version::V1,
        &format!("> v1 error 3 \"{text}\" copy="),
        expect![[r#"
            > v1 error 3 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA... (65540 octets)
            ! received error 3 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
            ! ended: the cache reported error 3 (Invalid Request); again at 652998
            = close
            = waits 652998
        "#]],
    );
    let copy = "00".repeat(65_535 - 16);
    check_synced(
        Version::V2,
        &format!("refresh\n> v2 error 2 \"\" copy={copy}"),
        expect![[r#"
        refresh
        < v2 serial-query session=7 serial=5
        = waits 60000
        > v2 error 2 "" copy=00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000... (131059 octets)
        ! received error 2 ""
        ! no data
    "#]],
    );
}

#[test]
fn r_err_02_an_error_report_that_is_cut_short_has_its_code_at_least() {
    check_synced(
        Version::V2,
        ">> 02 0A 0001 00000020 00000000 00000010 41\nend",
        expect![[r#"
        >> 02 0A 0001 00000020 00000000 00000010 41
        end
        ! received error 1 ""
        ! flushed: the cache reported error 1 (Internal Error)
        = data none
        ! ended: the cache reported error 1 (Internal Error); again at 652998
        = close
        = waits 652998
    "#]],
    );
    check_synced(
        Version::V2,
        "refresh\n>> 02 0A 000C 00000020\nend",
        expect![[r#"
            refresh
            < v2 serial-query session=7 serial=5
            = waits 60000
            >> 02 0A 000C 00000020
            end
            ! received error 12 ""
            ! ended: the cache restarts; again at 1191
            = close
            = waits 1191
        "#]],
    );
    check_synced(
        Version::V2,
        "refresh\n>> 02 0A 0002 00000020\nend",
        expect![[r#"
        refresh
        < v2 serial-query session=7 serial=5
        = waits 60000
        >> 02 0A 0002 00000020
        end
        ! received error 2 ""
        ! no data
        ! ended: the cache closed the connection; again at 60000
        = close
    "#]],
    );
    check(
        "connect\n>> 01 0A 0004 00000020 00\nend\nconnect",
        expect![[r#"
            = connect
            connect
            < v2 reset-query
            = waits 60000
            >> 01 0A 0004 00000020 00
            end
            ! received error 4 ""
            ! steps down to v1
            ! ended: the cache closed the connection without an answer; again at once
            = close
            = connect
            = waits
            connect
            < v1 reset-query
            = waits 60000
        "#]],
    );
    // Not even a header: the connection is lost like any other.
    check_synced(
        Version::V2,
        "refresh\n>> 02 0A 0001 000000\nend",
        expect![[r#"
        refresh
        < v2 serial-query session=7 serial=5
        = waits 60000
        >> 02 0A 0001 000000
        end
        ! ended: the cache closed the connection; again at 1191
        = close
        = waits 1191
    "#]],
    );
}

#[test]
fn r_err_02_what_comes_behind_a_fatal_error_report_is_ignored() {
    check_synced(
        Version::V1,
        "refresh
         >> 01 0A 0003 00000010 00000000 00000000 01 03 0007 00000008 01 07 0007 00000018 00000006 00000E10 00000258 00001C20",
        expect![[r#"
            refresh
            < v1 serial-query session=7 serial=5
            = waits 60000
            >> 01 0A 0003 00000010 00000000 00000000 01 03 0007 00000008 01 07 0007 00000018 00000006 00000E10 00000258 00001C20
            ! received error 3 ""
            ! ended: the cache reported error 3 (Invalid Request); again at 652998
            = close
            = waits 652998
        "#]],
    );
}

#[test]
fn r_err_03_a_cache_that_restarts_is_tried_soon_and_its_data_stay() {
    check(
        "connect
         > v2 cache-response session=7
         > v2 ipv4 + 10.0.0.0/8-8 AS2
         > v2 end-of-data session=7 serial=5 refresh=300 retry=60 expire=900
         > v2 error 12 \"\" copy=
         wait
         connect",
        expect![[r#"
            = connect
            connect
            < v2 reset-query
            = waits 60000
            > v2 cache-response session=7
            ! speaks v2
            > v2 ipv4 + 10.0.0.0/8-8 AS2
            > v2 end-of-data session=7 serial=5 refresh=300 retry=60 expire=900
            ! updated by the whole set
            = data v2 7 5 ipv4 10.0.0.0/8-8 AS2 (300 60 900) until 900000
            = waits 300000
            > v2 error 12 "" copy=
            ! received error 12 ""
            ! ended: the cache restarts; again at 1191
            = close
            = waits 1191
            wait
            = connect
            = waits 900000
            connect
            < v2 serial-query session=7 serial=5
            = waits 61191
        "#]],
    );
    check_again(
        Version::V2,
        "connect\n> v2 error 12 \"\" copy=",
        expect![[r#"
            connect
            < v2 serial-query session=7 serial=5
            = waits 61191
            > v2 error 12 "" copy=
            ! received error 12 ""
            ! speaks v2
            ! ended: the cache restarts; again at 3122
            = close
            = waits 3122
        "#]],
    );
}

#[test]
fn r_err_03_a_cache_that_reports_a_restart_at_each_connection_is_tried_less_and_less_often() {
    let round = "wait\nconnect\n> v2 error 12 \"\" copy=\n";
    let log = Story::synced(Version::V2).log_of(&format!("> v2 error 12 \"\" copy=\n{}", round.repeat(9)));
    let moments: Vec<u64> = log
        .lines()
        .filter_map(|line| line.strip_prefix("! ended: the cache restarts; again at "))
        .map(|at| at.parse().unwrap())
        .collect();
    let pauses: Vec<u64> = [0].iter().chain(&moments).zip(&moments).map(|(from, to)| to - from).collect();
    assert_eq!(pauses.len(), 10);
    for (place, pause) in pauses.iter().enumerate() {
        let doubled = (1_000 << place).min(60_000);
        assert!((doubled * 3 / 4..=doubled * 5 / 4).contains(pause), "{place}: {pause}");
    }
}

#[test]
fn r_err_03_a_cache_that_shuts_down_is_tried_after_600_s_and_its_data_are_gone() {
    check(
        "connect
         > v2 cache-response session=7
         > v2 ipv4 + 10.0.0.0/8-8 AS2
         > v2 end-of-data session=7 serial=5 refresh=300 retry=60 expire=900
         > v2 error 13 \"\" copy=
         wait
         connect",
        expect![[r#"
            = connect
            connect
            < v2 reset-query
            = waits 60000
            > v2 cache-response session=7
            ! speaks v2
            > v2 ipv4 + 10.0.0.0/8-8 AS2
            > v2 end-of-data session=7 serial=5 refresh=300 retry=60 expire=900
            ! updated by the whole set
            = data v2 7 5 ipv4 10.0.0.0/8-8 AS2 (300 60 900) until 900000
            = waits 300000
            > v2 error 13 "" copy=
            ! received error 13 ""
            ! flushed: the cache shuts down
            = data none
            ! ended: the cache shuts down; again at 652998
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
    check_again(
        Version::V2,
        "connect\n> v2 error 13 \"\" copy=",
        expect![[r#"
        connect
        < v2 serial-query session=7 serial=5
        = waits 61191
        > v2 error 13 "" copy=
        ! received error 13 ""
        ! speaks v2
        ! flushed: the cache shuts down
        = data none
        ! ended: the cache shuts down; again at 627082
        = close
        = waits 627082
    "#]],
    );
}

#[test]
fn r_err_03_these_600_s_are_the_default() {
    let timing = Timing::new(86_400, 7_200, 172_800).unwrap();
    Story::with_policy(ClientPolicy { timing, ..ClientPolicy::default() }).run(
        "connect\n>= v2 7 5\n> v2 error 13 \"\" copy=",
        expect![[r#"
            = connect
            connect
            < v2 reset-query
            = waits 60000
            >= v2 7 5
            ! speaks v2
            ! updated by the whole set
            = data v2 7 5 until 7200000
            = waits 3600000
            > v2 error 13 "" copy=
            ! received error 13 ""
            ! flushed: the cache shuts down
            = data none
            ! ended: the cache shuts down; again at 652998
            = close
            = waits 652998
        "#]],
    );
}

#[test]
fn r_err_03_in_the_older_versions_these_are_unknown_codes() {
    for version in [Version::V0, Version::V1] {
        for code in [12, 13] {
            let log = Story::synced(version).log_of(&format!("> v{version} error {code} \"\" copy="));
            assert!(log.contains(&format!("! ended: the cache reported error {code} ")), "{log}");
            assert!(!log.contains("= data none"), "{log}");
        }
    }
}

#[test]
fn r_err_04_a_session_that_the_cache_has_forgotten_is_begun_anew_at_once() {
    for version in Version::ALL {
        let log = Story::again(version).log_of(&format!("connect\n> v{version} error 0 \"\" copy=\nconnect"));
        assert!(log.contains("again at once\n") && !log.contains("= data none"), "{log}");
        assert!(log.contains(&format!("connect\n< v{version} reset-query\n")), "{log}");
    }
    check_again(
        Version::V1,
        "connect\n> v1 error 0 \"\" copy=\nend\nconnect\n>= v1 8 1",
        expect![[r#"
        connect
        < v1 serial-query session=7 serial=5
        = waits 61191
        > v1 error 0 "" copy=
        ! received error 0 ""
        ! speaks v1
        ! ended: the cache does not know our session any more; again at once
        = close
        = connect
        = waits 7200000
        end
        connect
        < v1 reset-query
        = waits 61191
        >= v1 8 1
        ! speaks v1
        ! updated by the whole set: - ipv4 10.0.0.0/8-24 AS64496
        = data v1 8 1 until 7201191
        = waits 3601191
    "#]],
    );
}

#[test]
fn r_err_04_only_once() {
    check_again(
        Version::V1,
        "connect\n> v1 error 0 \"\" copy=\nconnect\n> v1 error 0 \"\" copy=",
        expect![[r#"
        connect
        < v1 serial-query session=7 serial=5
        = waits 61191
        > v1 error 0 "" copy=
        ! received error 0 ""
        ! speaks v1
        ! ended: the cache does not know our session any more; again at once
        = close
        = connect
        = waits 7200000
        connect
        < v1 reset-query
        = waits 61191
        > v1 error 0 "" copy=
        ! received error 0 ""
        ! speaks v1
        ! ended: the cache reported error 0 (Corrupt Data); again at 627082
        = close
        = waits 627082
    "#]],
    );
    check_again(
        Version::V2,
        "connect\n> v2 error 0 \"\" copy=\nconnect\n> v2 error 0 \"\" copy=",
        expect![[r#"
        connect
        < v2 serial-query session=7 serial=5
        = waits 61191
        > v2 error 0 "" copy=
        ! received error 0 ""
        ! speaks v2
        ! ended: the cache does not know our session any more; again at once
        = close
        = connect
        = waits 7200000
        connect
        < v2 reset-query
        = waits 61191
        > v2 error 0 "" copy=
        ! received error 0 ""
        ! speaks v2
        ! flushed: the cache reported error 0 (Corrupt Data)
        = data none
        ! ended: the cache reported error 0 (Corrupt Data); again at 627082
        = close
        = waits 627082
    "#]],
    );
}

#[test]
fn r_err_04_in_a_version_below_the_highest_as_well() {
    Story::new(VersionRange::ALL)
        .tell("connect\n> v1 error 4 \"\" copy=\n>= v1 7 5 ipv4 + 10.0.0.0/8-24 AS1\nend\nwait\nconnect")
        .run(
            "> v1 error 4 \"\" copy=\n> v1 error 0 \"\" copy=\nconnect\n> v1 error 4 \"\" copy=\n>= v1 8 1",
            expect![[r#"
                > v1 error 4 "" copy=
                ! received error 4 ""
                ! steps down to v1
                < v1 serial-query session=7 serial=5
                > v1 error 0 "" copy=
                ! received error 0 ""
                ! speaks v1
                ! ended: the cache does not know our session any more; again at once
                = close
                = connect
                = waits 7200000
                connect
                < v2 reset-query
                = waits 61191
                > v1 error 4 "" copy=
                ! received error 4 ""
                ! steps down to v1
                < v1 reset-query
                >= v1 8 1
                ! speaks v1
                ! updated by the whole set: - ipv4 10.0.0.0/8-24 AS1
                = data v1 8 1 until 7201191
                = waits 3601191
            "#]],
        );
}

#[test]
fn r_err_04_later_on_a_connection_code_0_is_an_error_like_any_other() {
    check_synced(
        Version::V1,
        "refresh\n> v1 error 0 \"\" copy=\nwait\nconnect",
        expect![[r#"
        refresh
        < v1 serial-query session=7 serial=5
        = waits 60000
        > v1 error 0 "" copy=
        ! received error 0 ""
        ! ended: the cache reported error 0 (Corrupt Data); again at 652998
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
    check_synced(
        Version::V2,
        "refresh\n> v2 error 0 \"\" copy=",
        expect![[r#"
        refresh
        < v2 serial-query session=7 serial=5
        = waits 60000
        > v2 error 0 "" copy=
        ! received error 0 ""
        ! flushed: the cache reported error 0 (Corrupt Data)
        = data none
        ! ended: the cache reported error 0 (Corrupt Data); again at 652998
        = close
        = waits 652998
    "#]],
    );
    check_up_to(
        Version::V1,
        "connect\n> v1 error 0 \"\" copy=\nwait",
        expect![[r#"
        = connect
        connect
        < v1 reset-query
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
    "#]],
    );
}

#[test]
fn r_err_01_the_copy_in_a_report_is_cut_at_256_octets() {
    let providers: Vec<String> = (0..100).map(|n| format!("{:08X}", 200 - n)).collect();
    let log = Story::new(up_to(Version::V2)).log_of(&format!(
        "connect\n> v2 cache-response session=7\n>> 02 0B 0100 0000019C 00000001 {}",
        providers.concat()
    ));
    let (_, copy) = log.split_once("< v2 error 9 \"ASPA providers do not ascend\" copy=").unwrap();
    assert_eq!(copy.find('\n'), Some(512), "{log}");
}
