//! Crowds that connect and say nothing, at every listener: routers are served all the same, the crowd goes by itself,
//! and what it took comes back.

#![cfg(target_os = "linux")]

use crate::cache::Cache;
use crate::proxied::header;
use crate::router::Router;
use crate::site::Site;
use crate::wire::{Way, Wire, socket, unix_socket};
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit, setrlimit};
use rustls::version::{TLS12, TLS13};
use socket2::Socket;
use std::io::{ErrorKind, Read};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const CROWD: usize = 500;

/// A cache with a listener of each kind.
struct ListenersOfEachKind {
    site: Site,
    cache: Cache,
    unix: PathBuf,
    ssh: Way,
}

impl ListenersOfEachKind {
    fn open(arguments: &[&str]) -> ListenersOfEachKind {
        let site = Site::new();
        let unix = site.folder.path("rtr.sock");
        let router = site.ssh_router();
        site.authorize(&[&router]);
        let listeners = [
            "tcp://127.0.0.1:0".to_owned(),
            site.tls(),
            site.ssh(),
            format!("unix://{}", unix.display()),
            "tcp://127.0.0.2:0,proxy-from=127.0.0.0/8".to_owned(),
        ];
        let listeners: Vec<&str> = listeners.iter().flat_map(|listener| ["--listen", listener]).collect();
        // The crowds' sockets are all in this process.
        let maximum = getrlimit(Resource::Nofile).maximum;
        setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
        let cache = site.start(&[&listeners, arguments].concat());
        ListenersOfEachKind { site, cache, unix, ssh: Way::Ssh(router) }
    }

    fn tcp(&self) -> SocketAddr {
        self.cache.at("tcp://127.0.0.1")
    }

    fn tls(&self) -> SocketAddr {
        self.cache.at("tls://")
    }

    fn proxied(&self) -> SocketAddr {
        self.cache.at("tcp://127.0.0.2")
    }

    fn crowd(&self) -> Vec<Socket> {
        let one = |at: usize| match at % 5 {
            0 => socket(self.tcp()),
            1 => socket(self.tls()),
            2 => socket(self.cache.at("ssh://")),
            3 => unix_socket(&self.unix).unwrap(),
            _ => socket(self.proxied()),
        };
        (0..5 * CROWD).map(one).collect()
    }

    /// A router at each listener gets its data.
    fn serve(&self) {
        let mut routers = vec![
            Router::connect(self.tcp()),
            Router::on(self.site.router(&TLS12).connect(self.tls())),
            Router::on(self.site.router(&TLS13).connect(self.tls())),
            Router::on(self.ssh.connect(self.cache.at("ssh://"))),
            Router::on(Wire::Socket(unix_socket(&self.unix).unwrap())),
        ];
        let mut proxied = Router::connect(self.proxied());
        proxied.send_octets(&header("192.0.2.1:4711", "192.0.2.9:323"));
        routers.push(proxied);
        for router in &mut routers {
            assert_eq!(router.reset_query(1).payload.len(), 1);
        }
    }
}

/// Whether the cache has ended it, whatever came before.
fn is_over(socket: &mut Socket) -> bool {
    socket.set_nonblocking(true).unwrap();
    let is_over = end(socket).is_none_or(|error| error.kind() != ErrorKind::WouldBlock);
    socket.set_nonblocking(false).unwrap();
    is_over
}

/// Reads to the end, or to an error: SSH says a word before its peer does.
fn end(socket: &mut Socket) -> Option<std::io::Error> {
    loop {
        match socket.read(&mut [0; 64]) {
            Ok(0) => return None,
            Ok(_) => {}
            Err(error) => return Some(error),
        }
    }
}

#[test]
fn routers_are_served_while_five_hundred_at_each_listener_say_nothing() {
    let listeners = ListenersOfEachKind::open(&["--handshake-timeout", "3600", "--first-query-timeout", "3600"]);
    let before = listeners.cache.descriptors();
    let mut crowd = listeners.crowd();
    listeners.serve();
    listeners.serve();
    let over = crowd.iter_mut().filter_map(|socket| is_over(socket).then_some(())).count();
    // Of those in their handshakes (TLS, SSH and PROXY) as many stay as may be; the others say nothing that is due yet.
    assert!(over <= 3 * CROWD + 8 - 256, "{over} were ended");
    assert!(listeners.cache.metric("rtrcast_connections{state=\"handshake\"}").unwrap() <= 256);
    assert_eq!(listeners.cache.metric("rtrcast_connections{state=\"silent\"}"), Some(2 * CROWD as i64));
    drop(crowd);
    listeners.cache.wait_for_descriptors(before);
}

#[test]
fn a_silent_peer_is_closed_after_its_deadline_at_each_listener() {
    let times = ["--handshake-timeout", "1", "--first-query-timeout", "1", "--handshakes-max", "10000"];
    let listeners = ListenersOfEachKind::open(&times);
    let before = listeners.cache.descriptors();
    let crowd = listeners.crowd();
    for mut socket in crowd {
        assert!(end(&mut socket).is_none_or(|error| error.kind() == ErrorKind::ConnectionReset));
    }
    listeners.cache.wait_for_descriptors(before);
    assert_eq!(
        listeners.cache.metric("rtrcast_refused_connections_total{reason=\"too_slow\"}"),
        Some(3 * CROWD as i64)
    );
    listeners.serve();
}

/// What 500 connections may cost, far above what they do and far below what a spin takes meanwhile.
const COST_MAX: Duration = Duration::from_secs(5);

#[test]
fn connections_above_the_descriptors_are_evicted_for_routers_without_a_spin() {
    let site = Site::new();
    let mut cache = Cache::with_descriptors(64, site.folder.path("rpki.json"), &[]);
    cache.wait_for("serial ");
    let before = (cache.descriptors(), cache.processor_time());
    let crowd: Vec<Socket> = (0..CROWD).map(|_| socket(cache.rtr)).collect();
    // It is behind all of them, and each newcomer that is let in has its place for a moment.
    let mut router = Router::connect(cache.rtr).patient();
    assert_eq!(router.reset_query(1).payload.len(), 1);
    let cost = cache.processor_time() - before.1;
    assert!(cost < COST_MAX, "it took {cost:?} of processor time");
    assert_eq!(cache.metric("rtrcast_accept_failures_total"), Some(0));
    assert_eq!(router.reset_query(1).payload.len(), 1, "who has asked stays");
    drop((crowd, router));
    cache.wait_for_descriptors(before.0);
}

#[test]
fn when_descriptors_run_out_accepting_is_tried_at_intervals_and_goes_on_by_itself() {
    let site = Site::new();
    let mut cache = site.start(&["--first-query-timeout", "1"]);
    let mut first = Router::connect(cache.rtr);
    first.reset_query(1);
    let (start, before) = (Instant::now(), cache.processor_time());
    let pid = Pid::from_raw(cache.pid() as i32).unwrap();
    let limit = |current| {
        let maximum = getrlimit(Resource::Nofile).maximum;
        prlimit(Some(pid), Resource::Nofile, Rlimit { current: Some(current), maximum }).unwrap();
    };
    limit(cache.descriptors() as u64 + 8);
    let crowd: Vec<Socket> = (0..40).map(|_| socket(cache.rtr)).collect();
    let line = cache.wait_for("can't accept a connection");
    assert!(line.contains("WARN") && line.contains("Too many open files"), "{line}");
    // Those that are in go when their time is up, and so all others get in, and last the router.
    let mut router = Router::connect(cache.rtr).patient();
    assert_eq!(router.reset_query(1).payload.len(), 1);
    let (took, cost) = (start.elapsed(), cache.processor_time() - before);
    assert!(cost < COST_MAX, "it took {cost:?} of processor time");
    limit(getrlimit(Resource::Nofile).current.unwrap());
    // Attempts are 50 ms apart at least.
    let failures = cache.metric("rtrcast_accept_failures_total").unwrap();
    assert!((1..=took.as_millis() as i64 / 50 + 1).contains(&failures), "{failures} attempts in {took:?}");
    assert_eq!(cache.log().iter().filter(|line| line.contains("can't accept")).count(), 1, "it is said once");
    assert_eq!(first.reset_query(1).payload.len(), 1, "sessions are untouched");
    drop(crowd);
}

#[test]
fn t_tls_02_the_longest_handshake_of_whoever_has_most_gives_way_to_another() {
    let site = Site::new();
    let mut cache = site.start(&["--listen", &site.tls(), "--handshakes-max", "3", "--handshake-timeout", "3600"]);
    let mut silent: Vec<Socket> = (0..3).map(|_| socket(cache.rtr)).collect();
    cache.wait_for_metric("rtrcast_connections{state=\"handshake\"}", 3);
    let mut router = Router::on(site.router(&TLS13).connect(cache.rtr));
    assert_eq!(router.reset_query(1).payload.len(), 1);
    let line = cache.wait_for("is refused");
    assert!(line.contains("it had sent no query for the longest time when its place was needed"), "{line}");
    // Which of them began first nobody can say from here.
    assert_eq!(silent.iter_mut().filter_map(|socket| is_over(socket).then_some(())).count(), 1);
    assert_eq!(cache.metric("rtrcast_refused_connections_total{reason=\"displaced\"}"), Some(1));
}

#[test]
fn t_tcp_06_above_the_memory_that_connections_may_take_routers_wait() {
    let site = Site::new();
    let mut cache = site.start(&["--listen", &site.tls(), "--connections-memory", "1"]);
    let way = site.router(&TLS13);
    let mut routers = vec![Router::on(way.connect(cache.rtr))];
    routers[0].reset_query(1);
    let cost = cache.metric("rtrcast_connections_memory_bytes").unwrap();
    for _ in 1..1024 * 1024 / cost {
        routers.push(Router::on(way.connect(cache.rtr)));
        routers.last_mut().unwrap().reset_query(1);
    }
    assert!((1024 * 1024 - cost..=1024 * 1024).contains(&cache.metric("rtrcast_connections_memory_bytes").unwrap()));
    let waiting = socket(cache.rtr);
    cache.wait_for("as many routers are connected as may be");
    drop(routers.remove(0));
    assert_eq!(Router::on(way.over(waiting).unwrap()).reset_query(1).payload.len(), 1);
}
