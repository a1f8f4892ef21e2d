//! The end of sessions (C-RST, S-05, and routers that read nothing).

use crate::story::{Story, check, check_telling_restarts};
use expect_test::expect;
use rtrcast_proto::{ServerPolicy, VersionRange};

#[test]
fn c_rst_01_a_planned_stop_is_a_plain_end_by_default() {
    let run = |version: &str, expect| {
        let story = Story::new(VersionRange::ALL).tell("set ipv4 10.0.0.0/8-24 AS64496");
        story.tell(&format!("> {version} reset-query")).events().run("stop restart", expect);
    };
    run(
        "v0",
        expect![[r#"
        stop restart
        ! closing: the cache stops
        = close
    "#]],
    );
    run(
        "v1",
        expect![[r#"
        stop restart
        ! closing: the cache stops
        = close
    "#]],
    );
    run(
        "v2",
        expect![[r#"
        stop restart
        ! closing: the cache stops
        = close
    "#]],
    );
    check(
        "stop restart",
        expect![[r#"
        stop restart
        = close
    "#]],
    );
}

#[test]
fn c_rst_01_a_planned_stop_waits_for_the_response_that_is_running() {
    let run = |version: &str, expect| {
        let story = Story::new(VersionRange::ALL).tell(&crate::large_set()).tell(&format!("> {version} reset-query"));
        let story = story.tell(&format!("hold\n> {version} reset-query\nnext\nnext")).events();
        story.run("stop restart\nset ipv4 10.0.0.0/8-24 AS1\ngo", expect);
    };
    run(
        "v1",
        expect![[r#"
        stop restart
        set ipv4 10.0.0.0/8-24 AS1
        go
        < 13107 prefixes
        < 3786 prefixes
        < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
        ! Answered { answer: Full, serial: Serial(7) }
        ! closing: the cache stops
        = close
    "#]],
    );
    run(
        "v2",
        expect![[r#"
        stop restart
        set ipv4 10.0.0.0/8-24 AS1
        go
        < 13107 prefixes
        < 3786 prefixes
        < v2 end-of-data session=4663 serial=7 refresh=3600 retry=600 expire=7200
        ! Answered { answer: Full, serial: Serial(7) }
        ! closing: the cache stops
        = close
    "#]],
    );
}

#[test]
fn c_rst_01_octets_behind_a_planned_stop_are_not_read() {
    let mut story = Story::new(VersionRange::ALL).tell(&crate::large_set());
    story = story.tell("> v2 reset-query").tell("hold\n> v2 reset-query\nnext\nnext\nstop restart");
    story.run(
        "> v2 reset-query\n>> 02 4D 0000 00000008\nstop restart\ngo",
        expect![[r#"
        > v2 reset-query
        >> 02 4D 0000 00000008
        stop restart
        go
        < 13107 prefixes
        < 3786 prefixes
        < v2 end-of-data session=4663 serial=7 refresh=3600 retry=600 expire=7200
        = close
    "#]],
    );
}

#[test]
fn c_rst_02_a_stop_for_good_does_not_wait_for_the_response_of_a_planned_one() {
    let mut story = Story::new(VersionRange::ALL).tell(&crate::large_set());
    story = story.tell("> v2 reset-query").tell("hold\n> v2 reset-query\nnext\nnext\nstop restart");
    story.run(
        "stop shutdown\ngo",
        expect![[r#"
        stop shutdown
        go
        < v2 error 13 "this cache shuts down" copy=
        = close
    "#]],
    );
}

#[test]
fn c_rst_01_code_12_is_sent_to_version_2_only_if_the_policy_has_it() {
    check_telling_restarts(
        "> v2 reset-query\nstop restart",
        expect![[r#"
        > v2 reset-query
        = wants Image(V2)
        < v2 cache-response session=4663
        < v2 ipv4 + 10.0.0.0/8-24 AS64496
        < v2 end-of-data session=4663 serial=7 refresh=3600 retry=600 expire=7200
        stop restart
        < v2 error 12 "this cache restarts" copy=
        = close
    "#]],
    );
    check_telling_restarts(
        "> v1 reset-query\nstop restart",
        expect![[r#"
        > v1 reset-query
        < v1 cache-response session=4661
        < v1 ipv4 + 10.0.0.0/8-24 AS64496
        < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
        stop restart
        = close
    "#]],
    );
    check_telling_restarts(
        "> v0 reset-query\nstop restart",
        expect![[r#"
        > v0 reset-query
        = wants Image(V0)
        < v0 cache-response session=4660
        < v0 ipv4 + 10.0.0.0/8-24 AS64496
        < v0 end-of-data session=4660 serial=7
        stop restart
        = close
    "#]],
    );
    check_telling_restarts(
        "stop restart",
        expect![[r#"
        stop restart
        = close
    "#]],
    );
}

#[test]
fn c_rst_02_a_shutdown_is_code_13() {
    check(
        "> v2 reset-query\nstop shutdown",
        expect![[r#"
        > v2 reset-query
        = wants Image(V2)
        < v2 cache-response session=4663
        < v2 ipv4 + 10.0.0.0/8-24 AS64496
        < v2 end-of-data session=4663 serial=7 refresh=3600 retry=600 expire=7200
        stop shutdown
        < v2 error 13 "this cache shuts down" copy=
        = close
    "#]],
    );
}

#[test]
fn c_rst_03_a_stop_with_a_code_cuts_a_response_between_two_pdus() {
    Story::with_policy(ServerPolicy::default().sending_cache_restart(), 7)
        .tell(&crate::large_set())
        .tell("> v2 reset-query")
        .run(
            "
        hold
        > v2 reset-query
        next
        next
        stop restart
        go
        ",
            expect![[r#"
            hold
            > v2 reset-query
            next
            < v2 cache-response session=4663
            next
            < 13107 prefixes
            stop restart
            go
            < v2 error 12 "this cache restarts" copy=
            = close
        "#]],
        );
}

#[test]
fn s_05_a_router_that_half_closes_gets_all_of_its_response() {
    check(
        ">> 01 02 0000 00000008 01 01 1235 0000000C 00000007\nend",
        expect![[r#"
        >> 01 02 0000 00000008 01 01 1235 0000000C 00000007
        < v1 cache-response session=4661
        < v1 ipv4 + 10.0.0.0/8-24 AS64496
        < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
        < v1 cache-response session=4661
        < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
        end
        = close
    "#]],
    );
    check(
        "> v1 reset-query\nend",
        expect![[r#"
        > v1 reset-query
        < v1 cache-response session=4661
        < v1 ipv4 + 10.0.0.0/8-24 AS64496
        < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
        end
        = close
    "#]],
    );
    check(
        "hold\n> v1 reset-query\nend\ngo",
        expect![[r#"
        hold
        > v1 reset-query
        end
        go
        < v1 cache-response session=4661
        < v1 ipv4 + 10.0.0.0/8-24 AS64496
        < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
        = close
    "#]],
    );
}

#[test]
fn s_05_an_end_in_the_middle_of_a_query_is_an_end() {
    check(
        ">> 01 02 0000\nend",
        expect![[r#"
        >> 01 02 0000
        = waits 60000
        end
        = close
    "#]],
    );
}

#[test]
fn a_connection_that_asks_nothing_ends_after_a_minute() {
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

#[test]
fn t_tcp_07_after_the_first_query_a_session_may_be_idle_for_ever() {
    check(
        "> v1 reset-query\nat 604800000\n> v1 serial-query session=4661 serial=7",
        expect![[r#"
        > v1 reset-query
        < v1 cache-response session=4661
        < v1 ipv4 + 10.0.0.0/8-24 AS64496
        < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
        at 604800000
        > v1 serial-query session=4661 serial=7
        < v1 cache-response session=4661
        < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
    "#]],
    );
}

#[test]
fn t_tcp_04_a_router_that_reads_nothing_gets_a_report_in_version_2() {
    Story::new(VersionRange::ALL).tell(&crate::large_set()).tell("hold\n> v1 reset-query\nnext").run(
        "stalled\ngo",
        expect![[r#"
            stalled
            go
            = close
        "#]],
    );
    Story::new(VersionRange::ALL).tell("set ipv4 10.0.0.0/8-24 AS1\n> v2 reset-query").run(
        "stalled",
        expect![[r#"
        stalled
        < v2 error 10 "the connection stalled" copy=
        = close
    "#]],
    );
}

#[test]
fn a_reader_of_an_image_long_outdated_is_cut_off() {
    Story::new(VersionRange::ALL).tell(&crate::large_set()).events().tell("hold\n> v1 reset-query\nnext\nnext").run(
        "
        set ipv4 10.0.0.0/8-24 AS1
        cut
        go
        ",
        expect![[r#"
            set ipv4 10.0.0.0/8-24 AS1
            cut
            go
            ! closing: the router read too slowly to keep up with the data
            = close
        "#]],
    );
}
