//! The table of routers: what the cache counts of each is what the router itself counts, and one of them can be closed.

use crate::cache::{Folder, PATIENCE, document, large_document, run};
use crate::router::Router;
use crate::site::Site;
use crate::wire::Way;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustls::version::TLS13;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Instant;

/// Routers, a third of them on each transport.
const ROUTERS: usize = 1_000;

/// Sockets of all routers are in this process.
fn raise_descriptor_limit() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
}

fn json(socket: &str, what: &str) -> Value {
    let (code, text, error) = run(&["ctl", what, "--json", "--control", socket]);
    assert_eq!(code, 0, "{error}");
    serde_json::from_str(&text).unwrap()
}

/// Rows by the router's transport, address and port: two connections to two listeners may have one port.
fn rows(list: &Value) -> BTreeMap<(String, String), Value> {
    let text = |row: &Value, member: &str| row[member].as_str().unwrap().to_owned();
    let rows = list["routers"].as_array().unwrap().iter();
    rows.map(|row| ((text(row, "transport"), text(row, "address")), row.clone())).collect()
}

#[test]
fn counts_are_those_of_the_routers_over_each_transport_and_in_each_version() {
    raise_descriptor_limit();
    let site = Site::new();
    let ssh = site.ssh_router();
    site.authorize(&[&ssh]);
    let folder = Folder::new();
    let socket = folder.path("control").to_str().unwrap().to_owned();
    let cache = site.start(&[
        "--listen",
        "tcp://127.0.0.1:0",
        "--listen",
        &site.tls(),
        "--listen",
        &site.ssh(),
        "--control",
        &socket,
        "--connections-memory",
        "1024",
    ]);
    let ways = [
        (Way::Tcp, cache.at("tcp://127.0.0.1")),
        (site.router(&TLS13), cache.at("tls://")),
        (Way::Ssh(ssh), cache.at("ssh://")),
    ];
    let mut routers: Vec<(Router, u8, u16)> = (0..ROUTERS)
        .map(|number| {
            let (way, address) = &ways[number % 3];
            let version = (number / 3 % 3) as u8;
            let mut router = Router::on(way.connect(*address));
            let response = router.reset_query(version);
            (router, version, response.session)
        })
        .collect();
    let before = cache.metric("rtr_serial").unwrap() as u32;
    site.folder.put("rpki.json", &document(&[(64_496, "10.0.0.0/8", 8), (64_497, "192.0.2.0/24", 24)]));
    for (number, (router, version, session)) in routers.iter_mut().enumerate() {
        let (_, serial) = router.notify();
        assert_eq!(serial, before + 1);
        match number % 4 {
            0 => {}
            1 | 2 => {
                router.serial_query(*version, *session, before);
                assert_eq!(router.response().serial, before + 1);
            }
            _ => {
                router.serial_query(*version, *session, before.wrapping_sub(9));
                assert_eq!(router.next()[1], 8, "Cache Reset");
            }
        }
    }
    let list = json(&socket, "routers");
    assert_eq!((&list["schema"], &list["serial"]), (&Value::from(1), &Value::from(before + 1)));
    let rows = rows(&list);
    assert_eq!(rows.len(), ROUTERS);
    for (number, (router, version, session)) in routers.iter().enumerate() {
        let transport = ["tcp", "tls", "ssh"][number % 3];
        let row = &rows[&(transport.to_owned(), router.address().to_string())];
        let passed = router.passed;
        let count = |path: &str| row.pointer(path).unwrap().as_u64().unwrap();
        let shown = (
            [count("/octets/received"), count("/octets/sent"), count("/pdus/received"), count("/pdus/sent")],
            ["/responses/full", "/responses/delta", "/responses/cache_reset"].map(count),
            [row["transport"].as_str().unwrap(), row["state"].as_str().unwrap()],
            [count("/protocol_version"), count("/session_id"), count("/serial"), count("/serials_behind")],
        );
        let has_delta = number % 4 == 1 || number % 4 == 2;
        let serial = if has_delta { before + 1 } else { before };
        let expected = (
            [passed.octets_sent, passed.octets_received, passed.pdus_sent, passed.pdus_received],
            [1, u64::from(has_delta), u64::from(number % 4 == 3)],
            [transport, if has_delta { "current" } else { "behind" }],
            [u64::from(*version), u64::from(*session), u64::from(serial), u64::from(before + 1 - serial)],
        );
        assert_eq!(shown, expected, "router {number}: {row:#}");
        assert_eq!(row["last_notify"]["serial"], Value::from(before + 1));
        let query = if number % 4 == 0 { "reset_query" } else { "serial_query" };
        assert_eq!(row["last_query"]["type"], Value::from(query));
        let user = row["authenticated_as"].as_str();
        assert_eq!(user, [None, Some("127.0.0.1"), Some("router")][number % 3]);
        assert_eq!(row["router"].as_str(), user.or(Some("127.0.0.1")));
    }
    // In sum, and as a person sees it: those that are behind come first.
    let status = json(&socket, "status");
    let behind = (0..ROUTERS).filter(|number| number % 4 == 0 || number % 4 == 3).count();
    assert_eq!(status["routers"]["by_state"]["behind"], Value::from(behind));
    assert_eq!(
        status["routers"]["by_version"]["2"],
        Value::from(routers.iter().filter(|(_, version, _)| *version == 2).count())
    );
    let (_, table, _) = run(&["ctl", "routers", "--control", &socket]);
    let lines: Vec<&str> = table.lines().collect();
    let summary =
        format!("{ROUTERS} routers connected, {} current, {behind} behind; serial {}", ROUTERS - behind, before + 1);
    assert!(lines[0].starts_with(&summary), "{}", lines[0]);
    assert_eq!(lines.len(), ROUTERS + 2);
    assert!(lines[2..2 + behind].iter().all(|line| line.contains("  behind ")), "{table}");
    // A router that went is not in it any more.
    drop(routers);
    cache.wait_for_metric(&format!("rtr_clients{{bind=\"{}\"}}", ways[0].1), 0);
}

#[test]
fn a_router_that_is_closed_in_the_middle_of_a_response_gets_all_of_it_and_no_promise() {
    let folder = Folder::new();
    let path = folder.put("rpki.json", &large_document(400_000, 64_496));
    let socket = folder.path("control").to_str().unwrap().to_owned();
    let mut cache = crate::cache::Cache::start(&path, &["--control", &socket]);
    cache.wait_for("serial ");
    for version in 0..=2 {
        let mut router = Router::narrow(cache.rtr);
        let mut other = Router::connect(cache.rtr);
        other.reset_query(version);
        router.send(&format!("{version:02x} 02 0000 00000008"));
        assert_eq!(router.next()[1], 3, "Cache Response");
        let address = router.address().to_string();
        let (code, text, error) = run(&["ctl", "close", &address, "--control", &socket]);
        assert_eq!(
            (code, text),
            (0, format!("closing {address}, behind its response if one is being sent\n")),
            "{error}"
        );
        let state = || json(&socket, "routers")["routers"][0]["state"].clone();
        let deadline = Instant::now() + PATIENCE;
        while state() != "closing" {
            assert!(Instant::now() < deadline, "{}", state());
        }
        let mut payload = 0;
        loop {
            let pdu = router.next();
            match pdu[1] {
                4 | 6 => payload += 1,
                7 => break,
                other => panic!("type {other} in a response"),
            }
        }
        assert_eq!(payload, 400_000);
        // The end, and no Error Report before it. The other router stays.
        router.end();
        other.reset_query(version);
    }
}

#[test]
fn a_query_that_waits_behind_a_response_is_being_answered() {
    let folder = Folder::new();
    let path = folder.put("rpki.json", &large_document(400_000, 64_496));
    let socket = folder.path("control").to_str().unwrap().to_owned();
    let mut cache = crate::cache::Cache::start(&path, &["--control", &socket]);
    cache.wait_for("serial ");
    let mut router = Router::narrow(cache.rtr);
    let state = || json(&socket, "routers")["routers"][0]["state"].clone();
    router.send("01 02 0000 00000008");
    assert_eq!(router.next()[1], 3, "Cache Response");
    router.send("01 02 0000 00000008");
    for _ in 0..2 {
        assert_eq!(state(), "answering");
        while router.next()[1] != 7 {}
    }
    let deadline = Instant::now() + PATIENCE;
    while state() != "current" {
        assert!(Instant::now() < deadline, "{}", state());
    }
}

#[test]
fn who_is_not_connected_can_t_be_closed() {
    let folder = Folder::new();
    let path = folder.put("rpki.json", &document(&[(1, "10.0.0.0/8", 8)]));
    let socket = folder.path("control").to_str().unwrap().to_owned();
    let mut cache = crate::cache::Cache::start(&path, &["--control", &socket]);
    cache.wait_for("serial ");
    let mut router = Router::connect(cache.rtr);
    router.reset_query(2);
    let (code, _, error) = run(&["ctl", "close", "192.0.2.1", "--control", &socket]);
    let expected =
        "rtrcast: no router \"192.0.2.1\" is connected (1 connection is open); `rtrcast ctl routers` lists them\n";
    assert_eq!((code, error.as_str()), (2, expected));
    // All connections of an address, by the address alone.
    let (code, text, _) = run(&["ctl", "close", "127.0.0.1", "--control", &socket]);
    assert_eq!((code, text), (0, format!("closing {}\n", router.address())));
    router.end();
}
