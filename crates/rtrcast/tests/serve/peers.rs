//! Who gets in by address, how many of it, and what is different for the routers of a prefix.

use crate::cache::{Cache, Folder, document, large_document};
use crate::router::Router;

const ONE: [u8; 4] = [127, 0, 0, 1];
const NINE: [u8; 4] = [127, 0, 0, 9];

#[test]
fn t_sec_01_a_peer_that_is_not_admitted_is_reset_logged_and_counted() {
    for arguments in [["--deny", "127.0.0.9"], ["--allow", "127.0.0.1/32"]] {
        let mut cache = Cache::small(&arguments);
        assert!(Router::from(NINE, cache.rtr).is_gone());
        let line = cache.wait_for("is refused");
        assert!(line.contains("WARN") && line.contains("connection 127.0.0.9:"), "{line}");
        assert!(line.ends_with(&format!("to tcp://{} is refused: its address is not permitted", cache.rtr)), "{line}");
        assert_eq!(cache.metric("rtrcast_refused_connections_total{reason=\"not_admitted\"}"), Some(1));
        assert_eq!(Router::from(ONE, cache.rtr).reset_query(1).payload.len(), 1);
    }
}

#[test]
fn the_longer_prefix_counts() {
    let cache = Cache::small(&["--deny", "127.0.0.0/8", "--allow", "127.0.0.8/30"]);
    assert!(Router::from(ONE, cache.rtr).is_gone());
    assert_eq!(Router::from(NINE, cache.rtr).reset_query(1).payload.len(), 1);
}

#[test]
fn an_address_has_as_many_connections_as_it_may() {
    let mut cache = Cache::small(&["--connections-per-address", "2"]);
    let mut first = Router::from(ONE, cache.rtr);
    let mut second = Router::from(ONE, cache.rtr);
    first.reset_query(1);
    second.reset_query(1);
    assert!(Router::from(ONE, cache.rtr).is_gone());
    let line = cache.wait_for("is refused");
    assert!(line.ends_with("its address has 2 connections already, the limit of an address"), "{line}");
    assert_eq!(cache.metric("rtrcast_refused_connections_total{reason=\"per_address\"}"), Some(1));
    assert_eq!(Router::from(NINE, cache.rtr).reset_query(1).payload.len(), 1);
    drop(first);
    cache.wait_for("ended in order");
    cache.wait_for_metric("rtrcast_connections{state=\"asked\"}", 1);
    assert_eq!(Router::from(ONE, cache.rtr).reset_query(1).payload.len(), 1);
}

/// A cache that reads its configuration from a file.
struct Configured {
    folder: Folder,
    cache: Cache,
}

impl Configured {
    fn new(text: &str) -> Configured {
        let folder = Folder::new();
        folder.put("rpki.json", &document(&[(64_496, "192.0.2.0/24", 24)]));
        let path = Configured::put(&folder, text);
        let mut cache = Cache::configured(&path, &[]);
        cache.wait_for("serial ");
        Configured { folder, cache }
    }

    fn put(folder: &Folder, text: &str) -> String {
        let text = format!("source = \"{}\"\n{text}\n", folder.path("rpki.json").display());
        folder.put("rtrcast.toml", text.as_bytes()).to_str().unwrap().to_owned()
    }

    fn reload(&mut self, text: &str) {
        Configured::put(&self.folder, text);
        self.cache.signal("HUP");
        self.cache.wait_for("SIGHUP: reading all sources again");
    }
}

#[test]
fn t_sec_01_who_is_denied_by_a_reload_is_closed_in_order() {
    let mut configured = Configured::new("");
    let mut denied = Router::from(NINE, configured.cache.rtr);
    let mut other = Router::from(ONE, configured.cache.rtr);
    denied.reset_query(2);
    other.reset_query(2);
    configured.reload("deny = \"127.0.0.9\"");
    while let Some(pdu) = denied.pdu() {
        assert_eq!(pdu[1], 10, "nothing but last words");
    }
    configured.cache.wait_for("router 127.0.0.9:");
    assert!(Router::from(NINE, configured.cache.rtr).is_gone());
    assert_eq!(other.reset_query(2).payload.len(), 1);
    configured.reload("");
    assert_eq!(Router::from(NINE, configured.cache.rtr).reset_query(2).payload.len(), 1);
    assert_eq!(configured.cache.metric("rtrcast_unclean_ends_total"), Some(0));
}

#[test]
fn limits_of_a_reload_apply_to_new_connections() {
    let mut configured = Configured::new("");
    let rtr = configured.cache.rtr;
    let mut old: Vec<Router> = (0..3).map(|_| Router::from(ONE, rtr)).collect();
    for router in &mut old {
        router.reset_query(2);
    }
    configured.reload("connections-per-address = 1\nmax-version = \"1\"");
    assert!(Router::from(ONE, rtr).is_gone());
    let mut new = Router::from(NINE, rtr);
    new.send("02 02 0000 00000008");
    assert_eq!(new.next()[..4], [1, 10, 0, 4]);
    for router in &mut old {
        assert_eq!(router.reset_query(2).payload.len(), 1, "sessions stay as they are");
    }
    configured.reload("connections-max = 4");
    let mut waiting = Router::from(NINE, rtr);
    waiting.send("02 02 0000 00000008");
    configured.cache.wait_for("as many routers are connected as may be");
    drop(new);
    assert_eq!(waiting.response().payload.len(), 1);
}

#[test]
fn a_router_that_never_steps_down_can_be_answered_lower_at_once() {
    let cache = Cache::small(&["--peer", "127.0.0.9,max-version=1,answer-lower"]);
    let mut stubborn = Router::from(NINE, cache.rtr);
    let response = stubborn.reset_query(2);
    assert_eq!((response.payload[0][0], response.end[0]), (1, 1));
    // It goes on as it began, and is still understood.
    stubborn.serial_query(1, response.session, response.serial);
    assert_eq!(stubborn.response().payload.len(), 0);
    let mut other = Router::from(ONE, cache.rtr);
    assert_eq!(other.reset_query(2).end[0], 2);
}

#[test]
fn a_prefix_has_its_highest_version() {
    let cache = Cache::small(&["--peer", "127.0.0.9,max-version=0", "--max-version", "1"]);
    for (source, highest) in [(NINE, 0), (ONE, 1)] {
        let mut router = Router::from(source, cache.rtr);
        router.send("02 02 0000 00000008");
        assert_eq!(router.next()[..4], [highest, 10, 0, 4]);
    }
}

#[test]
fn router_keys_and_aspas_can_be_left_out_for_a_prefix() {
    let data = br#"{ "roas": [ { "asn": 1, "prefix": "10.0.0.0/8" } ],
        "aspas": [ { "customer_asid": 64496, "providers": [ 64497 ] } ],
        "bgpsec_keys": [ { "asn": 64496, "ski": "AB00000000000000000000000000000000000001",
            "pubkey": "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEgFcjQ/g//LAQerAH2Mpp+GucoDAGBbhIqD33wNPsXxnAGb+mtZ7XQrVO9DQ6UlAS59jZn2y6Ae5xrIkIMa1YgQ==" } ] }"#;
    let cache = Cache::of(data, &["--peer", "127.0.0.8,no-aspas", "--peer", "127.0.0.9,no-router-keys"]);
    let types =
        |source| Router::from(source, cache.rtr).reset_query(2).payload.iter().map(|pdu| pdu[1]).collect::<Vec<_>>();
    assert_eq!(types(ONE), [4, 9, 11]);
    assert_eq!(types([127, 0, 0, 8]), [4, 9]);
    assert_eq!(types(NINE), [4, 11]);
}

#[cfg(target_os = "linux")]
#[test]
fn t_tcp_04_the_write_stall_has_a_limit_of_its_own() {
    let mut cache = Cache::of(&large_document(400_000, 1), &["--write-stall", "1"]);
    let before = cache.descriptors();
    let mut router = Router::narrow(cache.rtr);
    router.send("01 02 0000 00000008");
    let line = cache.wait_for("is cut off");
    assert!(line.ends_with("the connection has taken nothing for 1 s (--write-stall)"), "{line}");
    cache.wait_for_descriptors(before);
    assert!(router.is_gone());
}
