//! Who gets in when there is no room, and what a lack of descriptors does.

use crate::cache::{Cache, Folder, document};
use crate::router::Router;

#[test]
fn t_tcp_06_above_the_limit_routers_wait_in_the_backlog_and_get_in_later() {
    let mut cache = Cache::small(&["--connections-max", "2"]);
    let mut first = Router::connect(cache.rtr);
    let mut second = Router::connect(cache.rtr);
    first.reset_query(1);
    second.reset_query(1);
    let mut third = Router::connect(cache.rtr);
    third.send("01 02 0000 00000008");
    cache.wait_for("as many routers are connected as may be");
    drop(first);
    assert_eq!(third.response().payload.len(), 1);
    drop(second);
    cache.wait_for("further routers may connect again");
}

#[test]
fn a_lack_of_descriptors_is_survived() {
    let folder = Folder::new();
    let path = folder.put("rpki.json", &document(&[(1, "10.0.0.0/8", 8)]));
    // The limit leaves room for some connections, and more are asked for than there are descriptors.
    let mut cache = Cache::with_descriptors(40, &path, &[]);
    cache.wait_for("serial ");
    let crowd: Vec<Router> = (0..200).map(|_| Router::connect(cache.rtr)).collect();
    cache.wait_for("as many routers are connected as may be");
    drop(crowd);
    assert_eq!(Router::connect(cache.rtr).reset_query(1).payload.len(), 1);
    folder.put("rpki.json", &document(&[(2, "10.0.0.0/8", 8)]));
    cache.wait_for("+1 -1 VRPs");
    assert_eq!(Router::connect(cache.rtr).reset_query(1).payload[0][19], 2);
}

#[test]
fn no_connection_is_reserved_at_an_address_where_nobody_connects() {
    let taken: Vec<std::net::TcpListener> =
        (0..2).map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let addresses: Vec<String> = taken.iter().map(|listener| listener.local_addr().unwrap().to_string()).collect();
    drop(taken);
    let _cache = Cache::small(&["--listen", &addresses[0], "--listen", &addresses[1], "--connections-max", "1"]);
    for address in [&addresses[1], &addresses[0], &addresses[1]] {
        assert_eq!(Router::connect(address.parse().unwrap()).reset_query(1).payload.len(), 1);
    }
}

#[test]
fn silent_http_connections_leave_routers_their_descriptors() {
    let cache = Cache::small(&[]);
    let silent: Vec<std::net::TcpStream> =
        (0..100).map(|_| std::net::TcpStream::connect(cache.http).unwrap()).collect();
    assert_eq!(Router::connect(cache.rtr).reset_query(1).payload.len(), 1);
    drop(silent);
    assert_eq!(cache.get("/healthz").0, 200);
}

#[cfg(target_os = "linux")]
#[test]
fn t_tcp_02_keep_alives_are_on() {
    let cache = Cache::small(&[]);
    let mut router = Router::connect(cache.rtr);
    router.reset_query(1);
    // Of the timers of /proc/net/tcp, 02 is the keep-alive's.
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let local = format!(":{:04X}", cache.rtr.port());
    let timers: Vec<&str> = table
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|row| row.len() > 5 && row[1].ends_with(&local) && row[3] == "01")
        .map(|row| row[5])
        .collect();
    assert!(timers.iter().all(|timer| timer.starts_with("02:")) && !timers.is_empty(), "{timers:?}");
}
