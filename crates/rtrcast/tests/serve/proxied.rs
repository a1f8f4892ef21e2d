//! Behind a load balancer: the PROXY protocol's header comes before anything else, and what it says counts.

use crate::cache::Cache;
use crate::router::{Router, hex};
use crate::site::Site;
use crate::wire::{self, Wire, socket};
use rustls::version::TLS13;
use std::io::Write;
use std::net::{IpAddr, SocketAddr};

/// A header of version 2 for TCP, as haproxy's proxy-protocol.txt has it.
pub(crate) fn header(remote: &str, local: &str) -> Vec<u8> {
    let [remote, local]: [SocketAddr; 2] = [remote, local].map(|address| address.parse().unwrap());
    let octets = |address: IpAddr| match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    let mut content = [octets(remote.ip()), octets(local.ip())].concat();
    content.extend(remote.port().to_be_bytes());
    content.extend(local.port().to_be_bytes());
    let family = if remote.is_ipv4() { 0x11 } else { 0x21 };
    let mut header = hex("0D0A0D0A 000D0A51 5549540A 21");
    header.push(family);
    header.extend((content.len() as u16).to_be_bytes());
    header.extend(content);
    header
}

/// A load balancer's own connection.
const LOCAL: &str = "0D0A0D0A 000D0A51 5549540A 20 00 0000";

fn behind(arguments: &[&str]) -> Cache {
    Cache::small(&[&["--listen", "127.0.0.1:0", "--proxy-from", "127.0.0.1/32"], arguments].concat())
}

fn router_of(cache: &Cache, header: &[u8]) -> Router {
    let mut router = Router::connect(cache.rtr);
    router.send_octets(header);
    router
}

#[test]
fn the_address_that_the_balancer_says_is_the_routers() {
    let mut cache = behind(&["--peer", "192.0.2.1,max-version=0", "--peer", "2001:db8::/32,max-version=1"]);
    for (address, name, highest) in [
        ("192.0.2.1:4711", "192.0.2.1:4711", 0),
        ("[2001:db8::1]:4712", "[2001:db8::1]:4712", 1),
        ("[::ffff:192.0.2.1]:4713", "192.0.2.1:4713", 0),
    ] {
        let local = if address.starts_with('[') { "[2001:db8::9]:323" } else { "192.0.2.9:323" };
        let mut router = router_of(&cache, &header(address, local));
        router.send("02 02 0000 00000008");
        assert_eq!(router.next()[..4], [highest, 10, 0, 4], "{address}");
        router.reset_query(highest);
        cache.wait_for(&format!("router {name} speaks"));
    }
}

#[test]
fn the_balancers_own_connections_are_served_as_such() {
    let mut cache = behind(&[]);
    assert_eq!(router_of(&cache, &hex(LOCAL)).reset_query(1).payload.len(), 1);
    cache.wait_for("router 127.0.0.1:");
}

#[test]
fn a_header_may_come_octet_by_octet_with_the_query_behind_it() {
    let cache = behind(&[]);
    let mut router = Router::connect(cache.rtr);
    for octet in [header("192.0.2.1:4711", "192.0.2.9:323"), hex("01 02 0000 00000008")].concat() {
        router.send_octets(&[octet]);
    }
    assert_eq!(router.response().payload.len(), 1);
    let mut router =
        router_of(&cache, &[header("192.0.2.1:4711", "192.0.2.9:323"), hex("01 02 0000 00000008")].concat());
    assert_eq!(router.response().payload.len(), 1);
}

#[test]
fn an_invalid_header_is_refused_and_logged() {
    let mut cache = behind(&["--handshake-timeout", "1"]);
    let good = header("192.0.2.1:4711", "192.0.2.9:323");
    let mut version_3 = good.clone();
    version_3[12] = 0x31;
    let cases = [
        (hex("01 02 0000 00000008"), "not a PROXY v2 header"),
        (b"PROXY TCP4 192.0.2.1 192.0.2.9 4711 323\r\n".to_vec(), "a PROXY header of version 1; version 2 is needed"),
        (version_3, "a PROXY header of version 3; version 2 is needed"),
        ([&good[..14], &[0xFF, 0xFF]].concat(), "with 65535 octets of addresses and more"),
        (good[..20].to_vec(), "its handshake took too long"),
    ];
    for (octets, reason) in &cases {
        let mut router = router_of(&cache, octets);
        assert!(router.is_gone());
        let line = cache.wait_for("is refused");
        assert!(line.contains("WARN") && line.contains(reason), "{line}");
    }
    assert_eq!(cache.metric("rtrcast_refused_connections_total{reason=\"proxy\"}"), Some(4));
    assert_eq!(cache.metric("rtrcast_refused_connections_total{reason=\"too_slow\"}"), Some(1));
}

#[test]
fn lists_and_limits_are_about_the_router_and_not_the_balancer() {
    let mut cache = behind(&["--allow", "192.0.2.0/24", "--connections-per-address", "1"]);
    let mut first = router_of(&cache, &header("192.0.2.1:1", "192.0.2.9:323"));
    first.reset_query(1);
    let mut other = router_of(&cache, &header("192.0.2.2:1", "192.0.2.9:323"));
    other.reset_query(1);
    assert!(router_of(&cache, &header("198.51.100.1:1", "192.0.2.9:323")).is_gone());
    let refused = |peer: &str, why: &str| format!("connection {peer} to tcp://{} is refused: {why}", cache.rtr);
    let [listed, limited] = [
        refused("198.51.100.1:1", "its address is not permitted"),
        refused("192.0.2.1:2", "its address has 1 connections already"),
    ];
    cache.wait_for(&listed);
    assert!(router_of(&cache, &header("192.0.2.1:2", "192.0.2.9:323")).is_gone());
    cache.wait_for(&limited);
}

#[test]
fn who_is_no_balancer_needs_no_header() {
    let cache = behind(&[]);
    assert_eq!(Router::from([127, 0, 0, 7], cache.rtr).reset_query(1).payload.len(), 1);
}

#[test]
fn t_tls_03_the_certificate_is_for_the_address_that_the_balancer_says() {
    let site = Site::new();
    let mut cache = site.start(&["--listen", &format!("{},proxy-from=127.0.0.1/32", site.tls())]);
    let way = site.router_that_shows(Some(&site.routers.router("192.0.2.1", |_| {})), &TLS13);
    let over = |said: &str| {
        let mut socket = socket(cache.rtr);
        socket.write_all(&header(said, "192.0.2.9:324")).unwrap();
        Router::on(way.over(socket).unwrap())
    };
    assert_eq!(over("192.0.2.1:4711").reset_query(1).payload.len(), 1);
    assert!(over("192.0.2.2:4711").is_refused());
    let line = cache.wait_for("connection 192.0.2.2:4711 to tls://127.0.0.1:");
    assert!(line.contains("it is not for 192.0.2.2, the address that the router comes from"), "{line}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_unix_socket_can_be_a_balancers() {
    let site = Site::new();
    let path = site.folder.path("rtr.sock");
    let listen = format!("unix://{},proxy-from=unix", path.display());
    let mut cache = site.start(&["--listen", &listen, "--listen", "127.0.0.1:0"]);
    let mut router = Router::on(Wire::Socket(wire::unix_socket(&path).unwrap()));
    router.send_octets(&header("192.0.2.1:4711", "192.0.2.9:323"));
    assert_eq!(router.reset_query(1).payload.len(), 1);
    cache.wait_for("router 192.0.2.1:4711 speaks");
}
