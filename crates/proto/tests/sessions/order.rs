//! The order of payload PDUs (C-ORD, 8210bis section 11.2), and the size of what is written at once.

use crate::story::{Story, check};
use expect_test::expect;
use rtrcast_proto::VersionRange;

fn changes(before: &str, after: &str) -> String {
    format!("set {before}\n> v2 reset-query\nset {after}\n> v2 serial-query session=4663 serial=7")
}

#[test]
fn c_ord_01_types_ascend() {
    Story::new(VersionRange::ALL)
        .tell("set aspa AS1 AS2; router-key 0000000000000000000000000000000000000001 AS1 3000; ipv6 ::/0-0 AS1; ipv4 0.0.0.0/0-0 AS1")
        .run("> v2 reset-query", expect![[r#"
            > v2 reset-query
            = wants Image(V2)
            < v2 cache-response session=4663
            < v2 ipv4 + 0.0.0.0/0-0 AS1
            < v2 ipv6 + ::/0-0 AS1
            < v2 router-key + 0000000000000000000000000000000000000001 AS1 3000
            < v2 aspa + AS1 AS2
            < v2 end-of-data session=4663 serial=7 refresh=3600 retry=600 expire=7200
        "#]]);
}

#[test]
fn c_ord_03_announced_prefixes_descend_by_address_then_maximum_length_then_length_then_as() {
    check(
        "
        set ipv4 10.0.0.0/8-24 AS1; ipv4 10.0.0.0/8-24 AS2; ipv4 10.0.0.0/9-24 AS1; ipv4 10.0.0.0/8-25 AS0; ipv4 10.0.0.0/16-16 AS9; ipv4 10.128.0.0/9-9 AS1; ipv4 9.255.255.255/32-32 AS4294967295; ipv6 2001:db8::/32-48 AS1; ipv6 2001:db8::/48-48 AS1; ipv6 2001:db8::/32-49 AS1; ipv6 2001:db8:0:1::/64-64 AS1; ipv6 ffff::/16-16 AS0
        > v1 reset-query
        ",
        expect![[r#"
            set ipv4 10.0.0.0/8-24 AS1; ipv4 10.0.0.0/8-24 AS2; ipv4 10.0.0.0/9-24 AS1; ipv4 10.0.0.0/8-25 AS0; ipv4 10.0.0.0/16-16 AS9; ipv4 10.128.0.0/9-9 AS1; ipv4 9.255.255.255/32-32 AS4294967295; ipv6 2001:db8::/32-48 AS1; ipv6 2001:db8::/48-48 AS1; ipv6 2001:db8::/32-49 AS1; ipv6 2001:db8:0:1::/64-64 AS1; ipv6 ffff::/16-16 AS0
            = waits 60000
            > v1 reset-query
            < v1 cache-response session=4661
            < v1 ipv4 + 10.128.0.0/9-9 AS1
            < v1 ipv4 + 10.0.0.0/8-25 AS0
            < v1 ipv4 + 10.0.0.0/9-24 AS1
            < v1 ipv4 + 10.0.0.0/8-24 AS2
            < v1 ipv4 + 10.0.0.0/8-24 AS1
            < v1 ipv4 + 10.0.0.0/16-16 AS9
            < v1 ipv4 + 9.255.255.255/32-32 AS4294967295
            < v1 ipv6 + ffff::/16-16 AS0
            < v1 ipv6 + 2001:db8:0:1::/64-64 AS1
            < v1 ipv6 + 2001:db8::/32-49 AS1
            < v1 ipv6 + 2001:db8::/48-48 AS1
            < v1 ipv6 + 2001:db8::/32-48 AS1
            < v1 end-of-data session=4661 serial=8 refresh=3600 retry=600 expire=7200
        "#]],
    );
}

#[test]
fn c_ord_04_withdrawn_prefixes_ascend() {
    Story::new(VersionRange::ALL).run(
        &changes(
            "ipv4 10.0.0.0/8-24 AS1; ipv4 10.0.0.0/8-24 AS2; ipv4 10.0.0.0/9-24 AS1; ipv4 10.0.0.0/8-25 AS0; ipv4 10.128.0.0/9-9 AS1; ipv6 2001:db8::/32-48 AS1; ipv6 2001:db8::/48-48 AS1; ipv6 ffff::/16-16 AS0",
            "",
        ),
        expect![[r#"
            set ipv4 10.0.0.0/8-24 AS1; ipv4 10.0.0.0/8-24 AS2; ipv4 10.0.0.0/9-24 AS1; ipv4 10.0.0.0/8-25 AS0; ipv4 10.128.0.0/9-9 AS1; ipv6 2001:db8::/32-48 AS1; ipv6 2001:db8::/48-48 AS1; ipv6 ffff::/16-16 AS0
            = waits 60000
            > v2 reset-query
            = wants Image(V2)
            < v2 cache-response session=4663
            < v2 ipv4 + 10.128.0.0/9-9 AS1
            < v2 ipv4 + 10.0.0.0/8-25 AS0
            < v2 ipv4 + 10.0.0.0/9-24 AS1
            < v2 ipv4 + 10.0.0.0/8-24 AS2
            < v2 ipv4 + 10.0.0.0/8-24 AS1
            < v2 ipv6 + ffff::/16-16 AS0
            < v2 ipv6 + 2001:db8::/48-48 AS1
            < v2 ipv6 + 2001:db8::/32-48 AS1
            < v2 end-of-data session=4663 serial=7 refresh=3600 retry=600 expire=7200
            set
            < v2 serial-notify session=4663 serial=8
            > v2 serial-query session=4663 serial=7
            = wants Delta { profile: Profile { version: V2, router_keys: true, aspas: true }, since: Serial(7) }
            < v2 cache-response session=4663
            < v2 ipv4 - 10.0.0.0/8-24 AS1
            < v2 ipv4 - 10.0.0.0/8-24 AS2
            < v2 ipv4 - 10.0.0.0/9-24 AS1
            < v2 ipv4 - 10.0.0.0/8-25 AS0
            < v2 ipv4 - 10.128.0.0/9-9 AS1
            < v2 ipv6 - 2001:db8::/32-48 AS1
            < v2 ipv6 - 2001:db8::/48-48 AS1
            < v2 ipv6 - ffff::/16-16 AS0
            < v2 end-of-data session=4663 serial=8 refresh=3600 retry=600 expire=7200
        "#]],
    );
}

#[test]
fn c_ord_05_router_keys_ascend_by_ski_then_key_length_then_key_then_as() {
    let keys = "router-key 0200000000000000000000000000000000000000 AS1 3000; \
        router-key 0100000000000000000000000000000000000000 AS9 30020500; \
        router-key 0100000000000000000000000000000000000000 AS2 3001FF; \
        router-key 0100000000000000000000000000000000000000 AS1 3001FF; \
        router-key 0100000000000000000000000000000000000000 AS7 300100";
    Story::new(VersionRange::ALL).run(&changes(keys, ""), expect![[r#"
        set router-key 0200000000000000000000000000000000000000 AS1 3000; router-key 0100000000000000000000000000000000000000 AS9 30020500; router-key 0100000000000000000000000000000000000000 AS2 3001FF; router-key 0100000000000000000000000000000000000000 AS1 3001FF; router-key 0100000000000000000000000000000000000000 AS7 300100
        = waits 60000
        > v2 reset-query
        = wants Image(V2)
        < v2 cache-response session=4663
        < v2 router-key + 0100000000000000000000000000000000000000 AS7 300100
        < v2 router-key + 0100000000000000000000000000000000000000 AS1 3001ff
        < v2 router-key + 0100000000000000000000000000000000000000 AS2 3001ff
        < v2 router-key + 0100000000000000000000000000000000000000 AS9 30020500
        < v2 router-key + 0200000000000000000000000000000000000000 AS1 3000
        < v2 end-of-data session=4663 serial=7 refresh=3600 retry=600 expire=7200
        set
        < v2 serial-notify session=4663 serial=8
        > v2 serial-query session=4663 serial=7
        = wants Delta { profile: Profile { version: V2, router_keys: true, aspas: true }, since: Serial(7) }
        < v2 cache-response session=4663
        < v2 router-key - 0100000000000000000000000000000000000000 AS7 300100
        < v2 router-key - 0100000000000000000000000000000000000000 AS1 3001ff
        < v2 router-key - 0100000000000000000000000000000000000000 AS2 3001ff
        < v2 router-key - 0100000000000000000000000000000000000000 AS9 30020500
        < v2 router-key - 0200000000000000000000000000000000000000 AS1 3000
        < v2 end-of-data session=4663 serial=8 refresh=3600 retry=600 expire=7200
    "#]]);
}

#[test]
fn c_ord_06_aspas_ascend_by_customer() {
    let aspas = "aspa AS70000 AS1; aspa AS2 AS9,AS10; aspa AS300 AS1";
    Story::new(VersionRange::ALL).run(
        &changes(aspas, ""),
        expect![[r#"
        set aspa AS70000 AS1; aspa AS2 AS9,AS10; aspa AS300 AS1
        = waits 60000
        > v2 reset-query
        = wants Image(V2)
        < v2 cache-response session=4663
        < v2 aspa + AS2 AS9,AS10
        < v2 aspa + AS300 AS1
        < v2 aspa + AS70000 AS1
        < v2 end-of-data session=4663 serial=7 refresh=3600 retry=600 expire=7200
        set
        < v2 serial-notify session=4663 serial=8
        > v2 serial-query session=4663 serial=7
        = wants Delta { profile: Profile { version: V2, router_keys: true, aspas: true }, since: Serial(7) }
        < v2 cache-response session=4663
        < v2 aspa - AS2
        < v2 aspa - AS300
        < v2 aspa - AS70000
        < v2 end-of-data session=4663 serial=8 refresh=3600 retry=600 expire=7200
    "#]],
    );
}

#[test]
fn t_tcp_03_a_response_goes_out_in_large_pieces() {
    // 600,000 octets of payload in three pieces, with a head and an end.
    Story::new(VersionRange::ALL).tell(&crate::large_set()).tell("hold\n> v1 reset-query").run(
        "next\nnext\nnext\nnext\nnext",
        expect![[r#"
            next
            < v1 cache-response session=4661
            next
            < 13107 prefixes
            next
            < 13107 prefixes
            next
            < 3786 prefixes
            next
            < v1 end-of-data session=4661 serial=7 refresh=3600 retry=600 expire=7200
        "#]],
    );
}
