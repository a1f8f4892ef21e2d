//! A cache that is stopped, and whose program ends with it, has said its last words.

#![expect(clippy::unwrap_used, reason = "a helper of tests that fails should fail the test")]

use rtrcast_net::{Cache, CacheOptions, Listener, V6Only};
use rtrcast_proto::{Asn, Prefix, RouteOrigin, Stop, wire};
use std::io::{Read, Write};
use std::net::{Ipv6Addr, SocketAddr, TcpStream};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

/// Nothing here takes so long on any machine; it only keeps a broken test from hanging.
const PATIENCE: Duration = Duration::from_secs(60);

const ROUTERS: usize = 5;

#[test]
fn routers_read_code_13_though_the_program_ends_at_once() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let listener = runtime.block_on(async { Listener::bind("127.0.0.1:0".parse().unwrap(), V6Only::No).unwrap() });
    let address = listener.local().address().unwrap();
    let cache = Arc::new(Cache::new(CacheOptions::default(), 7));
    cache.publish(large()).unwrap();
    let (answered, all_answered) = channel();
    let is_stopped = Arc::new(Barrier::new(ROUTERS + 1));
    let router = || {
        let (answered, is_stopped) = (answered.clone(), Arc::clone(&is_stopped));
        thread::spawn(move || {
            let mut stream = connect(address);
            answered.send(()).unwrap();
            is_stopped.wait();
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).unwrap();
            rest
        })
    };
    let routers: Vec<_> = (0..ROUTERS).map(|_| router()).collect();
    let stopper = thread::spawn({
        let (cache, is_stopped) = (Arc::clone(&cache), Arc::clone(&is_stopped));
        move || {
            (0..ROUTERS).for_each(|_| all_answered.recv_timeout(PATIENCE).unwrap());
            cache.stop(Stop::Shutdown);
            is_stopped.wait();
        }
    });
    runtime.block_on(cache.serve(vec![listener], Arc::new(())));
    drop(runtime);
    stopper.join().unwrap();
    let shutdown = wire::parse_line("v2 error 13 \"this cache shuts down\" copy=").unwrap();
    for router in routers {
        let rest = router.join().unwrap();
        assert_eq!(wire::hex(&rest[rest.len().saturating_sub(shutdown.len())..]), wire::hex(&shutdown));
    }
}

/// More than the system takes off the cache's hands while nobody reads.
fn large() -> impl Iterator<Item = RouteOrigin> {
    (0..300_000_u128).map(|n| {
        let prefix = Prefix::new(Ipv6Addr::from_bits(n << 80).into(), 48).unwrap();
        RouteOrigin::new(prefix, 48, Asn(64496)).unwrap()
    })
}

/// A router whose answer has begun.
fn connect(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(&wire::parse_line("v2 reset-query").unwrap()).unwrap();
    // Cache Response.
    stream.read_exact(&mut [0; 8]).unwrap();
    stream
}
