//! A planned stop (C-RST): connections end in order, behind the response that is running, and code 12 is sent where that is
//! wanted.

use crate::cache::{Cache, large_document};
use crate::router::Router;
use std::thread;

/// 400,000 VRPs are more than the buffers of both sockets hold, so the response runs when the cache stops.
const LARGE: u32 = 400_000;

#[test]
fn c_rst_01_a_planned_stop_waits_for_the_response_that_is_running() {
    let mut cache = Cache::of(&large_document(LARGE, 1), &[]);
    let begin = |version: u8| {
        let mut router = Router::narrow(cache.rtr);
        router.send(&format!("{version:02x} 02 0000 00000008"));
        assert_eq!(router.next()[1], 3);
        (version, router)
    };
    let routers = [begin(0), begin(1), begin(2)];
    cache.signal("TERM");
    cache.wait_for("stopping; connections end in order within 10 s");
    thread::scope(|scope| {
        for (version, mut router) in routers {
            scope.spawn(move || {
                let rest = router.rest();
                let end_octets = if version == 0 { 12 } else { 24 };
                let end = &rest[rest.len() - end_octets..];
                assert_eq!((rest.len(), &end[..2]), (20 * LARGE as usize + end_octets, &[version, 7][..]));
            });
        }
    });
    assert_eq!(cache.exit_code(), 0);
    assert!(cache.log().iter().any(|line| line.contains("all connections are closed")), "{:#?}", cache.seen);
}

#[test]
fn c_rst_01_code_12_is_for_those_who_are_to_have_it() {
    let mut cache = Cache::small(&["--peer", "127.0.0.2,send-cache-restart"]);
    let (mut others, mut told) = (Router::connect(cache.rtr), Router::from([127, 0, 0, 2], cache.rtr));
    for router in [&mut others, &mut told] {
        router.reset_query(2);
    }
    let mut older = Router::from([127, 0, 0, 2], cache.rtr);
    older.reset_query(1);
    cache.signal("TERM");
    assert_eq!(told.next()[..4], [2, 10, 0, 12]);
    for mut router in [others, told, older] {
        router.end();
    }
    assert_eq!(cache.exit_code(), 0);
}
