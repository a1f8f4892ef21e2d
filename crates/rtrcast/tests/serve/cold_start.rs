//! Routers that ask before there are data (C-NDA-01): a query is held, and answered once there are some.

use crate::cache::{Cache, Folder, document};
use crate::fake::Played;
use crate::router::{Router, show};
use crate::web::{Web, ok};

const RESET_QUERIES: &str = "rtr_pdus{type=\"reset_query\"}";

/// Routers of each version that have asked, and wait.
fn waiting(cache: &Cache) -> Vec<Router> {
    let ask = |version: u8| {
        let mut router = Router::connect(cache.rtr);
        router.send(&format!("{version:02x} 02 0000 00000008"));
        router
    };
    let routers = vec![ask(0), ask(1), ask(2)];
    cache.wait_for_metric(RESET_QUERIES, 3);
    routers
}

/// One answer each, with data, and no error before it.
fn all_are_served(routers: Vec<Router>) {
    for mut router in routers {
        assert_eq!(router.response().payload.len(), 1);
    }
}

#[test]
fn c_nda_01_routers_wait_for_a_file_that_is_not_there_yet() {
    let folder = Folder::new();
    let mut cache = Cache::start(folder.path("rpki.json"), &[]);
    cache.wait_for("waiting for it; a query is held for 25 s");
    let routers = waiting(&cache);
    folder.put("rpki.json", &document(&[(1, "10.0.0.0/8", 8)]));
    all_are_served(routers);
}

#[test]
fn c_nda_01_routers_wait_for_a_file_that_is_broken_at_first() {
    let folder = Folder::new();
    let path = folder.put("rpki.json", b"{ \"roas\": [");
    let mut cache = Cache::start(path, &[]);
    cache.wait_for("WARN");
    let routers = waiting(&cache);
    folder.put("rpki.json", &document(&[(1, "10.0.0.0/8", 8)]));
    all_are_served(routers);
}

#[test]
fn c_nda_01_routers_wait_for_a_server_that_is_slow() {
    let web = Web::new();
    let mut cache = Cache::start(web.url(), &[]);
    web.request();
    let routers = waiting(&cache);
    web.reply(ok("", &document(&[(1, "10.0.0.0/8", 8)])));
    cache.wait_for("serial ");
    all_are_served(routers);
}

#[test]
fn c_nda_01_routers_wait_for_another_cache() {
    let played = Played::new();
    let cache = Cache::start(played.url(), &[]);
    let mut upstream = played.accept();
    upstream.expect("02 02 0000 00000008");
    let routers = waiting(&cache);
    upstream.send(
        "02 03 1234 00000008 02 04 0000 00000014 01 08 08 00 0A000000 00000001 \
         02 07 1234 00000018 00000007 00000E10 00000258 00001C20",
    );
    all_are_served(routers);
}

#[test]
fn c_nda_01_a_router_that_ends_its_side_is_answered_at_once() {
    let folder = Folder::new();
    let cache = Cache::start(folder.path("rpki.json"), &[]);
    let mut router = Router::connect(cache.rtr);
    router.send("01 02 0000 00000008");
    cache.wait_for_metric(RESET_QUERIES, 1);
    router.half_close();
    let report = router.next();
    assert_eq!(show(&report[..24]), "010a0002000000230000000801020000000000080000000b");
    assert_eq!(&report[24..], b"no data yet");
    router.end();
}

#[test]
fn c_nda_01_a_stop_does_not_wait_for_a_query_that_is_held() {
    let folder = Folder::new();
    let mut cache = Cache::start(folder.path("rpki.json"), &["--peer", "127.0.0.1,hold=3600"]);
    let routers = waiting(&cache);
    cache.signal("TERM");
    for mut router in routers {
        router.end();
    }
    assert_eq!(cache.exit_code(), 0);
}
