//! What is in memory: a data set once for each version that routers speak.
#![cfg(target_os = "linux")]

use crate::cache::{Cache, document};
use crate::router::Router;
use crate::web::{Web, ok};

#[test]
fn a_set_that_was_read_for_another_version_than_is_spoken_is_held_once() {
    let web = Web::new();
    let mut cache = Cache::start(web.url(), &[]);
    // The reading has begun, for version 2 since nobody has spoken yet.
    web.request();
    let mut router = Router::connect(cache.rtr);
    router.send("01 02 0000 00000008");
    cache.wait_for("speaks version 1");
    web.reply(ok("", &document(&[(64_496, "192.0.2.0/24", 24)])));
    assert_eq!(router.response().payload.len(), 1);
    cache.wait_for_memory_files(1);
    // Whoever speaks another version gets an image of its own.
    assert_eq!(Router::connect(cache.rtr).reset_query(2).payload.len(), 1);
    cache.wait_for_memory_files(2);
}
