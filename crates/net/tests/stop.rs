//! A cache that is stopped, and whose program ends with it, has said its last words.

#![expect(clippy::unwrap_used, reason = "a helper of tests that fails should fail the test")]

use rtrcast_net::{Cache, CacheOptions, Ipv4Beside, Listener};
use rtrcast_proto::{Image, Stop, Version, wire};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

/// Nothing here takes so long on any machine; it only keeps a broken test from hanging.
const PATIENCE: Duration = Duration::from_secs(60);

const ROUTERS: usize = 20;

#[test]
fn routers_read_code_13_though_the_program_ends_at_once() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let listener = runtime.block_on(async { Listener::bind("127.0.0.1:0".parse().unwrap(), Ipv4Beside::No).unwrap() });
    let address = listener.local();
    let cache = Arc::new(Cache::new(CacheOptions::default(), 7));
    cache.publish(Image::empty(Version::V2));
    let (answered, all_answered) = channel();
    let router = || {
        let answered = answered.clone();
        thread::spawn(move || {
            let mut stream = connect(address);
            answered.send(()).unwrap();
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).unwrap();
            rest
        })
    };
    let routers: Vec<_> = (0..ROUTERS).map(|_| router()).collect();
    let stopper = thread::spawn({
        let cache = Arc::clone(&cache);
        move || {
            (0..ROUTERS).for_each(|_| all_answered.recv_timeout(PATIENCE).unwrap());
            cache.stop(Stop::Shutdown);
        }
    });
    runtime.block_on(cache.serve(vec![listener], Arc::new(())));
    drop(runtime);
    stopper.join().unwrap();
    let shutdown = wire::parse_line("v2 error 13 \"this cache shuts down\" copy=").unwrap();
    for router in routers {
        assert_eq!(wire::hex(&router.join().unwrap()), wire::hex(&shutdown));
    }
}

/// A router that has been answered.
fn connect(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(&wire::parse_line("v2 reset-query").unwrap()).unwrap();
    // Cache Response and End of Data.
    stream.read_exact(&mut [0; 8 + 24]).unwrap();
    stream
}
