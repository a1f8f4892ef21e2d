//! The final Error Report always arrives, whatever else was in flight (S-01 to S-09): stories over each transport.

use crate::cache::large_document;
use crate::router::{Router, hex, show};
use crate::site::{Below, Served};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

const CONNECTIONS: usize = 10_000;
const IN_PARALLEL: usize = 200;

/// Runs something on 10,000 connections, 200 at a time, and counts how often it went well.
fn on_many(served: &Served, one: impl Fn(Router) -> bool + Sync) -> usize {
    let (next, good) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let (way, address) = (&served.way, served.address);
    thread::scope(|scope| {
        for _ in 0..IN_PARALLEL {
            scope.spawn(|| {
                while next.fetch_add(1, Ordering::Relaxed) < CONNECTIONS {
                    if one(Router::on(way.connect(address))) {
                        good.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    good.into_inner()
}

pub(crate) fn unsupported_queries(below: Below) {
    let served = below.small(&[]);
    let report = hex("02 0A 0004 0000002E 00000008 09 02 0000 00000008 00000016");
    let good = on_many(&served, |mut router| {
        router.send("09 02 0000 00000008");
        let pdu = router.next();
        pdu[..24] == report && pdu[24..] == *b"supported versions 0-2"
    });
    assert_eq!(good, CONNECTIONS);
    assert_eq!(served.cache.metric("rtrcast_error_reports_sent_total{code=\"4\"}"), Some(CONNECTIONS as i64));
}

pub(crate) fn wrong_session_ids(below: Below) {
    let served = below.small(&[]);
    let good = on_many(&served, |mut router| {
        let response = router.reset_query(1);
        let wrong = response.session.wrapping_add(1);
        router.serial_query(1, wrong, response.serial);
        let pdu = router.next();
        router.end();
        pdu[..12] == hex("01 0A 0000 00000041 0000000C") && pdu[14..16] == wrong.to_be_bytes()
    });
    assert_eq!(good, CONNECTIONS);
}

pub(crate) fn unknown_pdus_with_junk(below: Below) {
    let served = below.small(&[]);
    let junk = [&hex("02 4D 0000 00004008")[..], &[0x5A; 16 * 1024]].concat();
    let good = on_many(&served, |mut router| {
        router.send_octets(&junk);
        // Read late: what was sent too early and destroyed by a reset would be missing now.
        thread::sleep(Duration::from_millis(20));
        let pdu = router.next();
        router.end();
        pdu[..20] == hex("02 0A 0005 00000034 00000008 02 4D 0000 00004008")
    });
    assert_eq!(good, CONNECTIONS);
    assert_eq!(served.cache.metric("rtrcast_unclean_ends_total"), Some(0));
}

pub(crate) fn report_before_64_kib_of_junk(below: Below) {
    let served = below.small(&["--max-version", "1"]);
    let mut router = served.connect();
    let junk =
        [&hex("01 02 0000 00000008 02 02 0000 00000008 02 01 1234 0000000C 00000001")[..], &[0xFF; 64 * 1024]].concat();
    router.send_octets(&junk);
    thread::sleep(Duration::from_millis(500));
    router.response();
    assert_eq!(show(&router.next()[..20]), "010a00080000003c000000080202000000000008");
    router.end();
}

pub(crate) fn refused_and_answered(below: Below) {
    let served = below.small(&["--max-version", "1"]);
    let mut router = served.connect();
    router.send("02 02 0000 00000008");
    let report = router.next();
    assert_eq!(show(&report[..24]), "010a00040000002e00000008020200000000000800000016");
    assert_eq!(report[24..], *b"supported versions 0-1");
    assert_eq!(router.reset_query(1).payload.len(), 1);
}

#[cfg(target_os = "linux")]
pub(crate) fn never_closes(below: Below) {
    let served = below.small(&[]);
    let before = served.cache.descriptors();
    let mut router = served.connect();
    router.send("01 4D 0000 00000008");
    served.cache.wait_for_metric("rtrcast_error_reports_sent_total{code=\"5\"}", 1);
    // Besides that of whoever asked for the metric, which goes at once.
    served.cache.wait_for_descriptors(before + 1);
    served.cache.wait_for_descriptors(before);
    assert_eq!(router.next()[..4], [1, 10, 0, 5]);
    router.end();
}

#[cfg(target_os = "linux")]
pub(crate) fn never_reads(below: Below) {
    // Three retry intervals without progress are the limit.
    let mut served = below.of(&large_document(400_000, 1), &["--max-version", "1", "--rtr-retry", "1"]);
    let before = served.cache.descriptors();
    let mut router = served.narrow();
    router.send("01 02 0000 00000008");
    let line = served.cache.wait_for("is cut off");
    assert!(
        line.contains("WARN") && line.ends_with("the connection has taken nothing for 3 s (--write-stall)"),
        "{line}"
    );
    served.cache.wait_for_metric("rtrcast_unclean_ends_total", 1);
    served.cache.wait_for_descriptors(before);
    assert!(router.is_gone());
}

pub(crate) fn half_closes(below: Below) {
    let served = below.of(&large_document(50_000, 1), &[]);
    for _ in 0..if below == Below::Tcp { 50 } else { 10 } {
        let mut router = served.connect();
        router.send("01 02 0000 00000008");
        router.half_close();
        assert_eq!(router.response().payload.len(), 50_000);
        router.end();
    }
}

pub(crate) fn error_in_the_middle(below: Below) {
    let served = below.of(&large_document(400_000, 1), &[]);
    let mut router = served.narrow();
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

pub(crate) fn stop(below: Below) {
    // What is encrypted takes longer, and last words have their time.
    let vrps = match below {
        Below::Tcp => 100_000,
        Below::Tls12 | Below::Tls13 => 10_000,
        Below::Ssh => 5_000,
    };
    let mut served = below.of(&large_document(vrps, 1), &["--send-cache-restart"]);
    let mut routers: Vec<Router> = (0..200)
        .map(|n| {
            let mut router = if n % 2 == 0 { served.narrow() } else { served.connect() };
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
    let mut old = served.connect();
    old.reset_query(1);
    let mut silent = served.connect();
    served.cache.wait_for_metric("rtrcast_sessions{version=\"2\"}", 200);
    served.cache.signal("TERM");
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
    assert_eq!(served.cache.exit_code(), 0);
}

pub(crate) fn pause_before_stop(below: Below) {
    let mut served = below.of(&large_document(400_000, 1), &["--send-cache-restart"]);
    let mut router = served.narrow();
    router.send("02 02 0000 00000008");
    assert_eq!(router.next()[1], 3);
    // Longer than the last words may take: the pause before the stop must not count.
    thread::sleep(Duration::from_secs(6));
    served.cache.signal("TERM");
    served.cache.wait_for("gets error 12");
    let mut last = Vec::new();
    while let Some(pdu) = router.pdu() {
        last = pdu;
    }
    assert_eq!(show(&last[..4]), "020a000c");
    drop(router);
    assert_eq!(served.cache.exit_code(), 0);
}

pub(crate) fn another_version(below: Below) {
    let served = below.small(&[]);
    let mut router = served.connect();
    let response = router.reset_query(1);
    router.serial_query(2, response.session, response.serial);
    let report = router.next();
    assert_eq!(show(&report[..12]), "010a0008000000400000000c");
    assert_eq!(report[12..16], [2, 1, report[14], report[15]]);
    router.end();
}
