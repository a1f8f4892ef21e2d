//! Answers to Serial Queries (C-SER, C-DEL, C-ASP).

use crate::story::{Story, check};
use expect_test::expect;
use rtrcast_proto::VersionRange;

#[test]
fn c_ser_01_serials_wrap_and_skip_zero() {
    Story::starting_at(VersionRange::ALL, 0xFFFF_FFFE).tell("set ipv4 10.0.0.0/8-24 AS1").run(
        "
        > v1 reset-query
        set ipv4 10.0.0.0/8-24 AS2
        set ipv4 10.0.0.0/8-24 AS3
        set ipv4 10.0.0.0/8-24 AS4
        > v1 serial-query session=4661 serial=4294967294
        ",
        expect![[r#"
            > v1 reset-query
            < v1 cache-response session=4661
            < v1 ipv4 + 10.0.0.0/8-24 AS1
            < v1 end-of-data session=4661 serial=4294967294 refresh=3600 retry=600 expire=7200
            set ipv4 10.0.0.0/8-24 AS2
            < v1 serial-notify session=4661 serial=4294967295
            set ipv4 10.0.0.0/8-24 AS3
            = waits 60000
            set ipv4 10.0.0.0/8-24 AS4
            = waits 60000
            > v1 serial-query session=4661 serial=4294967294
            = wants Delta { profile: Profile { version: V1, router_keys: true, aspas: false }, since: Serial(4294967294) }
            < v1 cache-response session=4661
            < v1 ipv4 + 10.0.0.0/8-24 AS4
            < v1 ipv4 - 10.0.0.0/8-24 AS1
            < v1 end-of-data session=4661 serial=2 refresh=3600 retry=600 expire=7200
        "#]],
    );
}

#[test]
fn c_ser_02_the_current_serial_gets_an_empty_delta() {
    check(
        "> v1 serial-query session=4661 serial=7",
        expect![[r#"
        > v1 serial-query session=4661 serial=7
        < v1 cache-response session=4661
        < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
    "#]],
    );
}

#[test]
fn c_ser_03_serials_outside_the_history_get_a_cache_reset() {
    for (serial, expect) in [
        (
            6,
            expect![[r#"
            > v1 serial-query session=4661 serial=6
            < v1 cache-reset
        "#]],
        ),
        (
            8,
            expect![[r#"
            > v1 serial-query session=4661 serial=8
            < v1 cache-reset
        "#]],
        ),
        (
            7 + (1_u32 << 31),
            expect![[r#"
            > v1 serial-query session=4661 serial=2147483655
            < v1 cache-reset
        "#]],
        ),
        (
            0,
            expect![[r#"
            > v1 serial-query session=4661 serial=0
            < v1 cache-reset
        "#]],
        ),
    ] {
        check(&format!("> v1 serial-query session=4661 serial={serial}"), expect);
    }
}

#[test]
fn c_ser_04_a_response_describes_one_serial_whatever_comes_meanwhile() {
    Story::new(VersionRange::ALL).tell(&crate::large_set()).tell("hold\n> v1 reset-query\nnext\nnext").run(
        "
        set ipv4 10.0.0.0/8-24 AS64497
        go
        ",
        expect![[r#"
            set ipv4 10.0.0.0/8-24 AS64497
            go
            < 13107 prefixes
            < 3786 prefixes
            < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
            < v1 serial-notify session=4661 serial=8
        "#]],
    );
}

#[test]
fn c_ser_05_the_same_data_are_no_new_serial() {
    check(
        "> v1 reset-query\nset ipv4 10.0.0.0/8-24 AS64496\n> v1 serial-query session=4661 serial=7",
        expect![[r#"
        > v1 reset-query
        < v1 cache-response session=4661
        < v1 ipv4 + 10.0.0.0/8-24 AS64496
        < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
        set ipv4 10.0.0.0/8-24 AS64496
        > v1 serial-query session=4661 serial=7
        < v1 cache-response session=4661
        < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
    "#]],
    );
}

#[test]
fn c_del_01_what_came_and_went_is_not_mentioned() {
    check(
        "
        > v2 reset-query
        set ipv4 10.0.0.0/8-24 AS64496; ipv4 192.0.2.0/24-24 AS1; aspa AS1 AS2
        set ipv4 10.0.0.0/8-24 AS64496
        > v2 serial-query session=4663 serial=7
        ",
        expect![[r#"
            > v2 reset-query
            = wants Image(V2)
            < v2 cache-response session=4663
            < v2 ipv4 + 10.0.0.0/8-24 AS64496
            < v2 end-of-data session=4663 serial=7 refresh=3600 retry=600 expire=7200
            set ipv4 10.0.0.0/8-24 AS64496; ipv4 192.0.2.0/24-24 AS1; aspa AS1 AS2
            < v2 serial-notify session=4663 serial=8
            set ipv4 10.0.0.0/8-24 AS64496
            = waits 60000
            > v2 serial-query session=4663 serial=7
            = wants Delta { profile: Profile { version: V2, router_keys: true, aspas: true }, since: Serial(7) }
            < v2 cache-response session=4663
            < v2 end-of-data session=4663 serial=9 refresh=3600 retry=600 expire=7200
        "#]],
    );
}

#[test]
fn c_del_01_an_aspa_that_changed_and_changed_back_is_not_mentioned() {
    Story::new(VersionRange::ALL).tell("set aspa AS1 AS2; aspa AS5 AS6").run(
        "
        > v2 reset-query
        set aspa AS1 AS3; aspa AS5 AS6
        set aspa AS1 AS2; aspa AS5 AS6
        > v2 serial-query session=4663 serial=7
        ",
        expect![[r#"
            > v2 reset-query
            = wants Image(V2)
            < v2 cache-response session=4663
            < v2 aspa + AS1 AS2
            < v2 aspa + AS5 AS6
            < v2 end-of-data session=4663 serial=7 refresh=3600 retry=600 expire=7200
            set aspa AS1 AS3; aspa AS5 AS6
            < v2 serial-notify session=4663 serial=8
            set aspa AS1 AS2; aspa AS5 AS6
            = waits 60000
            > v2 serial-query session=4663 serial=7
            = wants Delta { profile: Profile { version: V2, router_keys: true, aspas: true }, since: Serial(7) }
            < v2 cache-response session=4663
            < v2 end-of-data session=4663 serial=9 refresh=3600 retry=600 expire=7200
        "#]],
    );
}

#[test]
fn c_del_04_a_reset_response_only_announces() {
    check(
        "
        set ipv4 192.0.2.0/24-24 AS1
        > v1 reset-query
        ",
        expect![[r#"
            set ipv4 192.0.2.0/24-24 AS1
            = waits 60000
            > v1 reset-query
            < v1 cache-response session=4661
            < v1 ipv4 + 192.0.2.0/24-24 AS1
            < v1 end-of-data session=4661 serial=8 refresh=3600 retry=600 expire=7200
        "#]],
    );
}

#[test]
fn c_del_07_an_empty_set_is_data() {
    check(
        "set\n> v1 reset-query\n> v1 serial-query session=4661 serial=7",
        expect![[r#"
        set
        = waits 60000
        > v1 reset-query
        < v1 cache-response session=4661
        < v1 end-of-data session=4661 serial=8 refresh=3600 retry=600 expire=7200
        > v1 serial-query session=4661 serial=7
        = wants Delta { profile: Profile { version: V1, router_keys: true, aspas: false }, since: Serial(7) }
        < v1 cache-response session=4661
        < v1 ipv4 - 10.0.0.0/8-24 AS64496
        < v1 end-of-data session=4661 serial=8 refresh=3600 retry=600 expire=7200
    "#]],
    );
}

#[test]
fn c_asp_05_a_withdrawn_aspa_has_no_providers() {
    Story::new(VersionRange::ALL).tell("set aspa AS1 AS2,AS3; aspa AS4 AS5").run(
        "
        > v2 reset-query
        set aspa AS4 AS5
        > v2 serial-query session=4663 serial=7
        ",
        expect![[r#"
            > v2 reset-query
            = wants Image(V2)
            < v2 cache-response session=4663
            < v2 aspa + AS1 AS2,AS3
            < v2 aspa + AS4 AS5
            < v2 end-of-data session=4663 serial=7 refresh=3600 retry=600 expire=7200
            set aspa AS4 AS5
            < v2 serial-notify session=4663 serial=8
            > v2 serial-query session=4663 serial=7
            = wants Delta { profile: Profile { version: V2, router_keys: true, aspas: true }, since: Serial(7) }
            < v2 cache-response session=4663
            < v2 aspa - AS1
            < v2 end-of-data session=4663 serial=8 refresh=3600 retry=600 expire=7200
        "#]],
    );
}

#[test]
fn c_del_03_a_changed_aspa_is_one_announcement() {
    Story::new(VersionRange::ALL).tell("set aspa AS1 AS2,AS3; aspa AS4 AS5").run(
        "
        > v2 reset-query
        set aspa AS1 AS3,AS9; aspa AS4 AS5
        > v2 serial-query session=4663 serial=7
        ",
        expect![[r#"
            > v2 reset-query
            = wants Image(V2)
            < v2 cache-response session=4663
            < v2 aspa + AS1 AS2,AS3
            < v2 aspa + AS4 AS5
            < v2 end-of-data session=4663 serial=7 refresh=3600 retry=600 expire=7200
            set aspa AS1 AS3,AS9; aspa AS4 AS5
            < v2 serial-notify session=4663 serial=8
            > v2 serial-query session=4663 serial=7
            = wants Delta { profile: Profile { version: V2, router_keys: true, aspas: true }, since: Serial(7) }
            < v2 cache-response session=4663
            < v2 aspa + AS1 AS3,AS9
            < v2 end-of-data session=4663 serial=8 refresh=3600 retry=600 expire=7200
        "#]],
    );
}

#[test]
fn c_ord_02_announcements_stand_before_withdrawals_in_each_type() {
    Story::new(VersionRange::ALL)
        .tell("set ipv4 10.0.0.0/8-24 AS1; ipv4 11.0.0.0/8-8 AS1; ipv6 2001:db8::/32-48 AS1; ipv6 3fff::/20-20 AS1; aspa AS1 AS2; aspa AS2 AS3")
        .run(
            "
            > v2 reset-query
            set ipv4 12.0.0.0/8-24 AS1; ipv4 13.0.0.0/8-24 AS1; ipv6 2001:db9::/32-48 AS1; aspa AS3 AS4; aspa AS2 AS3
            > v2 serial-query session=4663 serial=7
            ",
            expect![[r#"
                > v2 reset-query
                = wants Image(V2)
                < v2 cache-response session=4663
                < v2 ipv4 + 11.0.0.0/8-8 AS1
                < v2 ipv4 + 10.0.0.0/8-24 AS1
                < v2 ipv6 + 3fff::/20-20 AS1
                < v2 ipv6 + 2001:db8::/32-48 AS1
                < v2 aspa + AS1 AS2
                < v2 aspa + AS2 AS3
                < v2 end-of-data session=4663 serial=7 refresh=3600 retry=600 expire=7200
                set ipv4 12.0.0.0/8-24 AS1; ipv4 13.0.0.0/8-24 AS1; ipv6 2001:db9::/32-48 AS1; aspa AS3 AS4; aspa AS2 AS3
                < v2 serial-notify session=4663 serial=8
                > v2 serial-query session=4663 serial=7
                = wants Delta { profile: Profile { version: V2, router_keys: true, aspas: true }, since: Serial(7) }
                < v2 cache-response session=4663
                < v2 ipv4 + 13.0.0.0/8-24 AS1
                < v2 ipv4 + 12.0.0.0/8-24 AS1
                < v2 ipv4 - 10.0.0.0/8-24 AS1
                < v2 ipv4 - 11.0.0.0/8-8 AS1
                < v2 ipv6 + 2001:db9::/32-48 AS1
                < v2 ipv6 - 2001:db8::/32-48 AS1
                < v2 ipv6 - 3fff::/20-20 AS1
                < v2 aspa + AS3 AS4
                < v2 aspa - AS1
                < v2 end-of-data session=4663 serial=8 refresh=3600 retry=600 expire=7200
            "#]],
        );
}

#[test]
fn a_delta_of_everything_becomes_a_cache_reset() {
    Story::new(VersionRange::ALL).tell(&crate::large_set()).run(
        "
        > v1 serial-query session=4661 serial=7
        set ipv4 10.0.0.0/8-24 AS1
        > v1 serial-query session=4661 serial=7
        ",
        expect![[r#"
            > v1 serial-query session=4661 serial=7
            < v1 cache-response session=4661
            < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
            set ipv4 10.0.0.0/8-24 AS1
            < v1 serial-notify session=4661 serial=8
            > v1 serial-query session=4661 serial=7
            = wants Delta { profile: Profile { version: V1, router_keys: true, aspas: false }, since: Serial(7) }
            < v1 cache-reset
        "#]],
    );
}
