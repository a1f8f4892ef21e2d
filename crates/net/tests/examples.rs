//! The examples are a cache and a router that speak with each other.

#![expect(clippy::unwrap_used, reason = "a helper of tests that fails should fail the test")]

#[expect(dead_code, unreachable_pub, reason = "the example's own entry is not used here")]
#[path = "../examples/cache.rs"]
mod cache;
#[expect(dead_code, unreachable_pub, reason = "the example's own entry is not used here")]
#[path = "../examples/router.rs"]
mod router;

use rtrcast_net::{Cache, CacheOptions, Listener, V6Only};
use rtrcast_proto::{Asn, Aspa, Stop};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Nothing here takes so long on any machine; it only keeps a broken test from hanging.
const PATIENCE: Duration = Duration::from_secs(60);

struct Printed(mpsc::UnboundedReceiver<String>);

impl Printed {
    async fn expect(&mut self, lines: &[&str]) {
        for line in lines {
            let printed = timeout(PATIENCE, self.0.recv()).await.unwrap().unwrap();
            assert!(printed.starts_with(line), "{printed:?} instead of {line:?}");
        }
    }
}

#[tokio::test]
async fn the_router_of_the_examples_follows_the_cache_of_the_examples() {
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), V6Only::No).unwrap();
    let url = format!("tcp://{}", listener.local());
    let served = Arc::new(Cache::new(CacheOptions::default(), 0x0000_0007_0000_1234));
    cache::publish(&served).unwrap();
    let serving = tokio::spawn({
        let served = Arc::clone(&served);
        async move { served.serve(vec![listener], Arc::new(())).await }
    });
    let (print, printed) = mpsc::unbounded_channel();
    let target = url.parse().unwrap();
    let routing = tokio::spawn(async move { router::print_changes(&target, |line| print.send(line).unwrap()).await });
    let mut printed = Printed(printed);
    let first = ["+ 192.0.2.0/24-24 AS64496", "+ 2001:db8::/32-48 AS64497", "+ AS64496 with 2 providers"];
    printed.expect(&first).await;
    printed.expect(&["= serial 7: 3 records"]).await;
    // What changes is sent at once, since the router has not been notified for a minute.
    served.publish([Aspa::new(Asn(64496), &[64500_u32.to_be_bytes()]).unwrap()]).unwrap();
    let change = ["- 192.0.2.0/24-24 AS64496", "- 2001:db8::/32-48 AS64497", "- AS64496 with 2 providers"];
    printed.expect(&change).await;
    printed.expect(&["+ AS64496 with 1 provider", "= serial 8: 1 records"]).await;
    served.stop(Stop::Shutdown);
    printed.expect(&["= nothing counts any more: the cache shuts down"]).await;
    timeout(PATIENCE, serving).await.unwrap().unwrap();
    routing.abort();
}
