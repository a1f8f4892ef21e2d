//! The last word always arrives: every report of thousands, whatever else was in flight (S-01 to S-09).

use crate::cache::{Cache, document, large_document};
use crate::router::{Router, hex, show};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

const CONNECTIONS: usize = 10_000;
const IN_PARALLEL: usize = 200;

/// Runs something on 10,000 connections, 200 at a time, and counts how often it went well.
fn on_many(address: SocketAddr, one: impl Fn(Router) -> bool + Sync) -> usize {
    let (next, good) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..IN_PARALLEL {
            scope.spawn(|| {
                while next.fetch_add(1, Ordering::Relaxed) < CONNECTIONS {
                    if one(Router::connect(address)) {
                        good.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    good.into_inner()
}

#[test]
fn s_01_ten_thousand_unsupported_queries_get_ten_thousand_reports() {
    let cache = Cache::small(&[]);
    let report = hex("02 0A 0004 0000002E 00000008 09 02 0000 00000008 00000016");
    let good = on_many(cache.rtr, |mut router| {
        router.send("09 02 0000 00000008");
        let pdu = router.next();
        pdu[..24] == report && pdu[24..] == *b"supported versions 0-2"
    });
    assert_eq!(good, CONNECTIONS);
    assert_eq!(cache.metric("rtrcast_error_reports_sent_total{code=\"4\"}"), Some(CONNECTIONS as i64));
}

#[test]
fn s_01_ten_thousand_wrong_session_ids_get_ten_thousand_reports() {
    let cache = Cache::small(&[]);
    let good = on_many(cache.rtr, |mut router| {
        let response = router.reset_query(1);
        let wrong = response.session.wrapping_add(1);
        router.serial_query(1, wrong, response.serial);
        let pdu = router.next();
        router.end();
        pdu[..12] == hex("01 0A 0000 00000041 0000000C") && pdu[14..16] == wrong.to_be_bytes()
    });
    assert_eq!(good, CONNECTIONS);
}

#[test]
fn s_02_ten_thousand_unknown_pdus_with_junk_behind_get_ten_thousand_reports_and_clean_ends() {
    let cache = Cache::small(&[]);
    let junk = [&hex("02 4D 0000 00004008")[..], &[0x5A; 16 * 1024]].concat();
    let good = on_many(cache.rtr, |mut router| {
        router.send_octets(&junk);
        // Read late: what was sent too early and destroyed by a reset would be missing now.
        thread::sleep(Duration::from_millis(20));
        let pdu = router.next();
        router.end();
        pdu[..20] == hex("02 0A 0005 00000034 00000008 02 4D 0000 00004008")
    });
    assert_eq!(good, CONNECTIONS);
    assert_eq!(cache.metric("rtrcast_unclean_ends_total"), Some(0));
}

#[test]
fn s_02_a_report_survives_64_kib_of_junk_behind_the_query() {
    let cache = Cache::small(&["--max-version", "1"]);
    let mut router = Router::connect(cache.rtr);
    let junk =
        [&hex("01 02 0000 00000008 02 02 0000 00000008 02 01 1234 0000000C 00000001")[..], &[0xFF; 64 * 1024]].concat();
    router.send_octets(&junk);
    thread::sleep(Duration::from_millis(500));
    router.response();
    assert_eq!(show(&router.next()[..20]), "010a00080000003c000000080202000000000008");
    router.end();
}

#[test]
fn s_03_a_refused_router_is_answered_on_the_same_connection() {
    let cache = Cache::small(&["--max-version", "1"]);
    let mut router = Router::connect(cache.rtr);
    router.send("02 02 0000 00000008");
    let report = router.next();
    assert_eq!(show(&report[..24]), "010a00040000002e00000008020200000000000800000016");
    assert_eq!(report[24..], *b"supported versions 0-1");
    assert_eq!(router.reset_query(1).payload.len(), 1);
}

#[cfg(target_os = "linux")]
#[test]
fn s_04_a_router_that_never_closes_is_let_go() {
    let cache = Cache::small(&[]);
    let before = cache.descriptors();
    let mut router = Router::connect(cache.rtr);
    router.send("01 4D 0000 00000008");
    cache.wait_for_metric("rtrcast_error_reports_sent_total{code=\"5\"}", 1);
    // Besides that of whoever asked for the metric, which goes at once.
    cache.wait_for_descriptors(before + 1);
    cache.wait_for_descriptors(before);
    assert_eq!(router.next()[..4], [1, 10, 0, 5]);
    router.end();
}

#[cfg(target_os = "linux")]
#[test]
fn s_04_a_router_that_never_reads_is_let_go() {
    // Three retry intervals without progress are the limit.
    let mut cache = Cache::of(&large_document(400_000, 1), &["--max-version", "1", "--rtr-retry", "1"]);
    let before = cache.descriptors();
    let mut router = Router::narrow(cache.rtr);
    router.send("01 02 0000 00000008");
    let line = cache.wait_for("is cut off");
    assert!(line.contains("WARN") && line.contains("took nothing for too long"), "{line}");
    cache.wait_for_metric("rtrcast_unclean_ends_total", 1);
    cache.wait_for_descriptors(before);
    assert!(router.is_gone());
}

#[test]
fn s_05_a_router_that_half_closes_gets_all_of_its_response() {
    let cache = Cache::of(&large_document(50_000, 1), &[]);
    for _ in 0..50 {
        let mut router = Router::connect(cache.rtr);
        router.send("01 02 0000 00000008");
        router.half_close();
        assert_eq!(router.response().payload.len(), 50_000);
        router.end();
    }
}

#[test]
fn s_07_an_error_in_the_middle_of_a_response_is_the_last_pdu() {
    let cache = Cache::of(&large_document(400_000, 1), &[]);
    let mut router = Router::narrow(cache.rtr);
    router.send("01 02 0000 00000008");
    assert_eq!(router.next()[1], 3);
    router.send("01 4D 0000 00000008");
    let (mut last, mut count) = (Vec::new(), 0);
    while let Some(pdu) = router.pdu() {
        count += 1;
        last = pdu;
    }
    assert_eq!(show(&last[..20]), "010a00050000003400000008014d000000000008");
    assert_eq!(count, 400_000 + 2, "what was asked for before is answered to its end");
}

#[test]
fn s_08_at_a_stop_every_version_2_router_reads_code_12_before_the_end() {
    let mut cache = Cache::of(&large_document(100_000, 1), &[]);
    let address = cache.rtr;
    let mut routers: Vec<Router> = (0..200)
        .map(|n| {
            let mut router = if n % 2 == 0 { Router::narrow(address) } else { Router::connect(address) };
            router.send("02 02 0000 00000008");
            // Half of them are in the middle of their response when the cache stops.
            if n % 2 == 0 {
                assert_eq!(router.next()[1], 3);
            } else {
                router.response();
            }
            router
        })
        .collect();
    let mut old = Router::connect(address);
    old.reset_query(1);
    let mut silent = Router::connect(address);
    cache.wait_for_metric("rtrcast_sessions{version=\"2\"}", 200);
    cache.signal("TERM");
    thread::scope(|scope| {
        for router in &mut routers {
            scope.spawn(|| {
                let mut last = Vec::new();
                while let Some(pdu) = router.pdu() {
                    last = pdu;
                }
                assert_eq!(show(&last[..12]), "020a000c0000002300000000");
            });
        }
    });
    old.end();
    silent.end();
    drop((routers, old, silent));
    assert_eq!(cache.exit_code(), 0);
}

#[test]
fn s_08_a_router_that_pauses_before_the_stop_still_reads_code_12() {
    let mut cache = Cache::of(&large_document(400_000, 1), &[]);
    let mut router = Router::narrow(cache.rtr);
    router.send("02 02 0000 00000008");
    assert_eq!(router.next()[1], 3);
    // Longer than the last words may take: the pause before the stop must not count.
    thread::sleep(Duration::from_secs(6));
    cache.signal("TERM");
    cache.wait_for("gets error 12");
    let mut last = Vec::new();
    while let Some(pdu) = router.pdu() {
        last = pdu;
    }
    assert_eq!(show(&last[..4]), "020a000c");
    drop(router);
    assert_eq!(cache.exit_code(), 0);
}

#[test]
fn s_09_another_version_within_a_session_is_reported_with_its_octets() {
    let cache = Cache::small(&[]);
    let mut router = Router::connect(cache.rtr);
    let response = router.reset_query(1);
    router.serial_query(2, response.session, response.serial);
    let report = router.next();
    assert_eq!(show(&report[..12]), "010a0008000000400000000c");
    assert_eq!(report[12..16], [2, 1, report[14], report[15]]);
    router.end();
}

#[test]
fn c_err_03_codes_that_nobody_knows_share_a_counter() {
    let cache = Cache::small(&[]);
    for code in ["0000", "1234", "FFFF", "000E"] {
        let mut router = Router::connect(cache.rtr);
        router.send(&format!("01 0A {code} 00000010 00000000 00000000"));
        router.end();
    }
    assert_eq!(cache.metric("rtrcast_error_reports_received_total{code=\"0\"}"), Some(1));
    assert_eq!(cache.metric("rtrcast_error_reports_received_total{code=\"other\"}"), Some(3));
}

#[test]
fn c_err_03_a_report_that_is_followed_by_a_reset_is_still_heard() {
    let mut cache = Cache::of(&document(&[(1, "10.0.0.0/8", 8)]), &[]);
    let mut router = Router::connect(cache.rtr);
    router.reset_query(1);
    router.send("01 0A 0007 00000013 00000000 00000003 647570");
    router.reset();
    let line = cache.wait_for("reports error 7");
    assert!(line.contains("\"dup\""), "{line}");
}
