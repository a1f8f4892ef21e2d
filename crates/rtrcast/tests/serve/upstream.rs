//! Another cache as a source: chains of caches, and caches that a test plays itself.

use crate::cache::{Cache, Folder, document, run};
use crate::fake::Played;
use crate::router::{Router, hex, show};
use std::collections::BTreeSet;
use std::net::SocketAddr;

/// `10.0.0.0/8-24 AS64496` announced in version 2.
const VRP: &str = "02 04 0000 00000014 01 08 18 00 0A000000 0000FBF0";
/// The same withdrawn.
const VRP_GONE: &str = "02 04 0000 00000014 00 08 18 00 0A000000 0000FBF0";
/// `2001:db8::/32-48 AS64496` announced in version 2.
const VRP6: &str = "02 06 0000 00000020 01 20 30 00 20010DB8 00000000 00000000 00000000 0000FBF0";

/// In the log line of a serial that is not the first.
const CHANGED: &str = " VRPs, read in";

fn chained(upstream: SocketAddr, arguments: &[&str]) -> Cache {
    let mut cache = Cache::start(format!("tcp://{upstream}"), arguments);
    cache.wait_for(" serial ");
    cache
}

fn prefixes(cache: &Cache) -> BTreeSet<Vec<u8>> {
    Router::connect(cache.rtr).reset_query(2).prefixes()
}

#[test]
fn a_chain_of_caches_serves_one_set_through_updates_and_restarts() {
    let folder = Folder::new();
    let set = |step: u32| -> Vec<u8> {
        let prefixes: Vec<String> = (0..200).map(|n| format!("10.{}.{n}.0/24", (n * 7 + step) % 50)).collect();
        let vrps: Vec<(u32, &str, u8)> =
            prefixes.iter().enumerate().map(|(n, prefix)| (step + n as u32 % 5, prefix.as_str(), 24)).collect();
        document(&vrps)
    };
    let path = folder.put("rpki.json", &set(0));
    let often = ["--rtr-refresh", "1", "--rtr-retry", "3"];
    let mut a = Cache::start(&path, &often);
    a.wait_for(" serial ");
    let address = a.rtr.to_string();
    let mut b = chained(a.rtr, &often);
    let mut c = chained(b.rtr, &often);
    assert_eq!(prefixes(&c), prefixes(&a));
    for step in 1..6 {
        folder.put("rpki.json", &set(step));
        a.wait_for(CHANGED);
        b.wait_for(CHANGED);
        c.wait_for(CHANGED);
        assert_eq!(prefixes(&b), prefixes(&a), "step {step}");
        assert_eq!(prefixes(&c), prefixes(&a), "step {step}");
    }
    // A restarts with another set: C goes on serving what there was until B has that.
    let before = prefixes(&c);
    a.signal("TERM");
    assert_eq!(a.exit_code(), 0);
    b.wait_for("the cache closed the connection; serial ");
    assert_eq!(prefixes(&c), before);
    folder.put("rpki.json", &set(9));
    let mut a = Cache::start(&path, &[&often[..], &["--listen", &address]].concat());
    a.wait_for(" serial ");
    c.wait_for(CHANGED);
    assert_eq!(prefixes(&c), prefixes(&a));
    let empty = c.log().iter().chain(b.log()).any(|line| line.contains(" 0 VRPs"));
    assert!(!empty, "nobody served an empty set");
}

#[test]
fn a_cache_that_shuts_down_takes_its_data_with_it_and_one_that_breaks_off_does_not() {
    let played = Played::new();
    let mut cache = Cache::start(played.url(), &[]);
    let mut upstream = played.accept();
    upstream.expect("02 02 0000 00000008");
    upstream.send(&format!("02 03 1234 00000008 {VRP} {VRP6} 02 07 1234 00000018 00000007 00000E10 00000258 00001C20"));
    cache.wait_for(" is 2 VRPs (1 IPv4, 1 IPv6)");
    // A notify is followed at once, and what is withdrawn is gone.
    upstream.send("02 00 1234 0000000C 00000008");
    upstream.expect("02 01 1234 0000000C 00000007");
    upstream.send(&format!("02 03 1234 00000008 {VRP_GONE} 02 07 1234 00000018 00000008 00000E10 00000258 00001C20"));
    cache.wait_for("+0 -1 VRPs");
    // It breaks off, in the middle of a response even: what it sent last stays, and it is asked again from there.
    upstream.send("02 00 1234 0000000C 00000009");
    upstream.expect("02 01 1234 0000000C 00000008");
    upstream.send(&format!("02 03 1234 00000008 {VRP}"));
    drop(upstream);
    cache.wait_for("the connection ended in the middle of a response; serial");
    let mut upstream = played.accept();
    upstream.expect("02 01 1234 0000000C 00000008");
    upstream.send("02 03 1234 00000008 02 07 1234 00000018 00000008 00000E10 00000258 00001C20");
    cache.wait_for(": no error any more, unchanged");
    assert_eq!(Router::connect(cache.rtr).reset_query(2).payload, [hex(VRP6)]);
    let url = played.url();
    for (name, value) in [("version", 2), ("session", 0x1234), ("serial", 8)] {
        assert_eq!(cache.metric(&format!("rtrcast_upstream_{name}{{path=\"{url}\"}}")), Some(value), "{name}");
    }
    // Code 13: it takes everything with it, but for who has it from elsewhere.
    upstream.send("02 0A 000D 00000010 00000000 00000000");
    cache.wait_for("the cache shuts down, and takes its data with it (code 13)");
    cache.wait_for("there are no VRPs any more; routers were told to withdraw all 1");
    upstream.expect_end();
    assert_eq!(Router::connect(cache.rtr).reset_query(2).payload.len(), 0);
}

#[test]
fn two_updates_at_once_are_both_served() {
    for _ in 0..10 {
        let played = Played::new();
        let mut cache = Cache::start(played.url(), &[]);
        let mut upstream = played.accept();
        upstream.expect("02 02 0000 00000008");
        let end = |serial: u32| format!("02 07 1234 00000018 {serial:08x} 00000E10 00000258 00001C20");
        // The notify stands right behind the first set, so that the second one may come in the same millisecond.
        upstream.send(&format!("02 03 1234 00000008 {VRP} {} 02 00 1234 0000000C 00000008", end(7)));
        upstream.expect("02 01 1234 0000000C 00000007");
        upstream.send(&format!("02 03 1234 00000008 {VRP6} {VRP_GONE} {}", end(8)));
        cache.wait_for(" 1 VRP (0 IPv4, 1 IPv6)");
        assert_eq!(Router::connect(cache.rtr).reset_query(2).payload, [hex(VRP6)]);
    }
}

#[test]
fn what_a_cache_sent_stays_when_it_breaks_the_protocol() {
    let played = Played::new();
    let mut cache = Cache::start(played.url(), &[]);
    let mut upstream = played.accept();
    upstream.expect("02 02 0000 00000008");
    upstream.send(&format!("02 03 1234 00000008 {VRP} 02 07 1234 00000018 00000007 00000E10 00000258 00001C20"));
    cache.wait_for(" is 1 VRP");
    upstream.send("02 00 1234 0000000C 00000008");
    upstream.expect("02 01 1234 0000000C 00000007");
    // It announces what it has announced before: code 7, with a copy of that.
    upstream.send(&format!("02 03 1234 00000008 {VRP} 02 07 1234 00000018 00000008 00000E10 00000258 00001C20"));
    let text = "the record was announced before";
    let text_hex = show(text.as_bytes());
    let length = 16 + 20 + text.len();
    upstream.expect(&format!("02 0A 0007 {length:08x} 00000014 {VRP} {:08x} {text_hex}", text.len()));
    cache.wait_for("the cache broke the protocol: the record was announced before; it is asked again in 1");
    assert_eq!(Router::connect(cache.rtr).reset_query(2).payload, [hex(VRP)]);
}

#[test]
fn a_cache_without_data_or_with_an_older_version_is_followed_too() {
    let played = Played::new();
    let mut cache = Cache::start(played.url(), &[]);
    let mut upstream = played.accept();
    upstream.expect("02 02 0000 00000008");
    // It speaks version 1 at most, and has nothing yet.
    upstream.send("01 0A 0004 00000018 00000008 0202000000000008 00000000");
    upstream.expect("01 02 0000 00000008");
    upstream.send("01 0A 0002 00000010 00000000 00000000");
    cache.wait_for("the cache has no data yet (code 2); waiting for it");
    // Then it has.
    upstream.send("01 00 4321 0000000C 00000001");
    upstream.expect("01 02 0000 00000008");
    let vrp = VRP.replacen("02", "01", 1);
    upstream.send(&format!("01 03 4321 00000008 {vrp} 01 07 4321 00000018 00000001 00000E10 00000258 00001C20"));
    cache.wait_for(" is 1 VRP");
    assert_eq!(Router::connect(cache.rtr).reset_query(2).payload, [hex(VRP)]);
}

#[test]
fn a_source_that_is_no_cache_is_refused_with_what_is_wrong() {
    for (source, complaint) in [
        ("tcp://", "\"\" is no host; a cache is named like tcp://host:port"),
        ("tcp://2001:db8::1", "an IPv6 address needs brackets: tcp://[2001:db8::1]:323"),
        ("tcp://cache:port", "\"port\" is no port; it is a number from 1 to 65535"),
        ("127.0.0.1:323", "there is no such file; another cache is named tcp://127.0.0.1:323"),
        ("udp://cache:323", "udp:// is not a source of this version"),
    ] {
        let (code, _, said) = run(&["serve", source]);
        assert_eq!(code, 2, "{said}");
        assert!(said.contains(complaint), "{said}");
    }
    let (code, _, said) = run(&["serve", "rpki.json", "--slurm", "tcp://cache:323"]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("--slurm: tcp://cache:323: SLURM is a file, a directory or an http(s) URL"), "{said}");
}
