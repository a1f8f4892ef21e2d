//! What routers are sent, and when they are told that it changed.

use crate::cache::{Cache, Folder, document, large_document};
use crate::router::{Router, show};
use std::thread;
use std::time::Duration;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/rpki.json");

#[test]
fn the_example_is_served_in_every_version() {
    let mut cache = Cache::start(EXAMPLE, &[]);
    cache.wait_for("11 VRPs (6 IPv4, 5 IPv6), 2 router keys, 4 ASPAs");
    for (version, kinds) in [(0, [6, 5, 0, 0]), (1, [6, 5, 2, 0]), (2, [6, 5, 2, 4])] {
        let response = Router::connect(cache.rtr).reset_query(version);
        let count = |kind: u8| response.payload.iter().filter(|pdu| pdu[1] == kind).count();
        assert_eq!([4, 6, 9, 11].map(count), kinds, "version {version}");
    }
    assert_eq!(cache.metric("rpki_objects{type=\"aspas\"}"), Some(4));
    let (status, body) = cache.get("/readyz");
    assert_eq!(status, 200, "{body}");
}

#[test]
fn c_sid_03_sessions_of_different_versions_have_different_ids() {
    let cache = Cache::small(&[]);
    let mut ids = [0, 1, 2].map(|version| Router::connect(cache.rtr).reset_query(version).session);
    ids.sort_unstable();
    assert!(ids[0] != ids[1] && ids[1] != ids[2], "{ids:?}");
}

#[test]
fn c_sid_01_a_restarted_cache_has_another_serial_and_answers_old_routers_with_cache_reset() {
    let first = Router::connect(Cache::small(&[]).rtr).reset_query(1);
    let cache = Cache::small(&[]);
    let mut router = Router::connect(cache.rtr);
    router.serial_query(1, first.session, first.serial);
    assert_eq!(show(&router.next()), "0108000000000008");
    assert_eq!(router.reset_query(1).payload.len(), 1);
}

#[test]
fn c_frm_01_a_query_in_single_octets_with_an_update_between_them_is_answered_rightly() {
    let folder = Folder::new();
    let path = folder.put("rpki.json", &document(&[(1, "10.0.0.0/8", 8)]));
    let mut cache = Cache::start(&path, &[]);
    cache.wait_for("serial ");
    let mut router = Router::connect(cache.rtr);
    let before = router.reset_query(2);
    let query = format!("02 01 {:04x} 0000000c {:08x}", before.session, before.serial);
    let octets = crate::router::hex(&query);
    for octet in &octets[..6] {
        router.send_octets(&[*octet]);
        thread::sleep(Duration::from_millis(5));
    }
    folder.put("rpki.json", &document(&[(2, "10.0.0.0/8", 8)]));
    let (session, serial) = router.notify();
    assert_eq!(session, before.session);
    for octet in &octets[6..] {
        router.send_octets(&[*octet]);
        thread::sleep(Duration::from_millis(5));
    }
    let delta = router.response();
    assert_eq!(delta.serial, serial);
    let payload: Vec<String> = delta.payload.iter().map(|pdu| show(pdu)).collect();
    assert_eq!(payload, ["0204000000000014010808000a00000000000002", "0204000000000014000808000a00000000000001"]);
}

#[test]
fn c_frm_08_two_queries_in_one_segment_get_two_responses_in_order() {
    let cache = Cache::of(&large_document(50_000, 1), &[]);
    let mut router = Router::connect(cache.rtr);
    router.send("01 02 0000 00000008 01 02 0000 00000008");
    assert_eq!(router.response().payload.len(), 50_000);
    assert_eq!(router.response().payload.len(), 50_000);
}

#[test]
fn c_frm_03_a_huge_length_costs_nothing() {
    let cache = Cache::small(&[]);
    let mut router = Router::connect(cache.rtr);
    router.send("01 01 0000 FFFFFFFF");
    assert_eq!(show(&router.next()[..20]), "010a0000000000380000000801010000ffffffff");
    router.end();
}

#[test]
fn c_not_05_a_router_that_never_reads_delays_nobody() {
    let folder = Folder::new();
    let path = folder.put("rpki.json", &large_document(400_000, 1));
    let mut cache = Cache::start(&path, &["--guard-hold", "0"]);
    cache.wait_for("serial ");
    let mut stuck: Vec<Router> = (0..5).map(|_| Router::narrow(cache.rtr)).collect();
    for router in &mut stuck {
        router.send("01 02 0000 00000008");
        assert_eq!(router.next()[1], 3);
    }
    let mut router = Router::connect(cache.rtr);
    let before = router.reset_query(1);
    folder.put("rpki.json", &document(&[(1, "10.0.0.0/8", 8)]));
    assert_eq!(router.notify().0, before.session);
    assert_eq!(router.reset_query(1).payload.len(), 1);
    assert_eq!(Router::connect(cache.rtr).reset_query(0).payload.len(), 1);
    // What the stuck ones read is still the set that they asked for.
    let mut read = 0;
    let last = loop {
        let pdu = stuck[0].next();
        if pdu[1] == 7 {
            break pdu;
        }
        read += 1;
    };
    assert_eq!(read, 400_000);
    assert_eq!(u32::from_be_bytes(last[8..12].try_into().unwrap()), before.serial);
}

#[test]
fn c_ser_04_a_response_is_one_generation_even_if_the_data_change_meanwhile() {
    let folder = Folder::new();
    // More than the kernel takes at once.
    let path = folder.put("rpki.json", &large_document(400_000, 1));
    let mut cache = Cache::start(&path, &["--guard-hold", "0"]);
    cache.wait_for("serial ");
    let mut router = Router::narrow(cache.rtr);
    router.send("01 02 0000 00000008");
    assert_eq!(router.next()[1], 3);
    cache.wait_for("speaks version 1");
    for asn in 2..5 {
        folder.put("rpki.json", &document(&[(asn, "10.0.0.0/8", 8)]));
        cache.wait_for("INFO");
    }
    let mut serial = None;
    let mut asns = std::collections::BTreeSet::new();
    while serial.is_none() {
        let pdu = router.next();
        if pdu[1] == 7 {
            serial = Some(u32::from_be_bytes(pdu[8..12].try_into().unwrap()));
        } else {
            asns.insert(pdu[19]);
        }
    }
    assert_eq!(asns.into_iter().collect::<Vec<_>>(), [1]);
    let (_, newest) = router.notify();
    assert_eq!(newest, serial.unwrap().wrapping_add(3));
}

#[test]
fn versions_and_kinds_can_be_left_out() {
    let mut cache = Cache::start(EXAMPLE, &["--no-router-keys", "--no-aspas"]);
    let line = cache.wait_for("serial ");
    assert!(line.contains("11 VRPs (6 IPv4, 5 IPv6), 0 router keys, 0 ASPAs"), "{line}");
    assert_eq!(cache.metric("rpki_objects{type=\"aspas\"}"), Some(0), "what is not served is not counted as served");
    assert_eq!(Router::connect(cache.rtr).reset_query(2).payload.len(), 11);
    let mut cache = Cache::start(
        EXAMPLE,
        &["--min-version", "1", "--rtr-refresh", "60", "--rtr-retry", "30", "--rtr-expire", "600"],
    );
    cache.wait_for("serial ");
    let mut router = Router::connect(cache.rtr);
    router.send("00 02 0000 00000008");
    assert_eq!(show(&router.next()[..8]), "020a00040000002e");
    router.end();
    let mut router = Router::connect(cache.rtr);
    router.send("01 02 0000 00000008");
    while let Some(pdu) = router.pdu() {
        if pdu[1] == 7 {
            assert_eq!(show(&pdu[12..]), "0000003c0000001e00000258");
            break;
        }
    }
}
