//! Listeners that a reload adds, removes or changes: sessions stay, and what can't be had changes nothing at all.

use crate::cache::{Cache, Folder, PATIENCE, document};
use crate::router::Router;
use crate::wire::{Wire, unix_socket};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

struct Setting {
    folder: Folder,
    cache: Cache,
    first: SocketAddr,
    second: SocketAddr,
}

/// An address that is free, and stays so but for the strangest of accidents.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn put(folder: &Folder, text: &str) -> String {
    let text = format!("source = \"{}\"\n{text}\n", folder.path("rpki.json").display());
    folder.put("rtrcast.toml", text.as_bytes()).to_str().unwrap().to_owned()
}

fn listens(address: SocketAddr) -> bool {
    TcpStream::connect(address).is_ok()
}

/// Waits until nobody listens there any more: the loop that accepts learns of it a moment after the reload.
fn wait_until_closed(address: SocketAddr) {
    let deadline = Instant::now() + PATIENCE;
    while listens(address) {
        assert!(Instant::now() < deadline, "{address} stays open");
        std::thread::sleep(Duration::from_millis(5));
    }
}

impl Setting {
    /// A cache that listens at the first of two addresses.
    fn new() -> Setting {
        let (folder, first, second) = (Folder::new(), free(), free());
        folder.put("rpki.json", &document(&[(64_496, "192.0.2.0/24", 24)]));
        let path = put(&folder, &format!("listen = \"{first}\""));
        let mut cache = Cache::configured_without_listener(&path);
        cache.wait_for("serial ");
        Setting { folder, cache, first, second }
    }

    fn reload(&mut self, text: &str) {
        put(&self.folder, text);
        self.cache.signal("HUP");
        self.cache.wait_for("SIGHUP: reading all sources again");
    }
}

#[test]
fn a_listener_is_added_and_another_removed_while_sessions_stay() {
    let mut setting = Setting::new();
    let (first, second) = (setting.first, setting.second);
    let mut session = Router::connect(first);
    session.reset_query(1);
    setting.reload(&format!("listen = [\"{first}\", \"{second}\"]"));
    for address in [first, second] {
        assert_eq!(Router::connect(address).reset_query(1).payload.len(), 1);
    }
    setting.reload(&format!("listen = \"{second}\""));
    wait_until_closed(first);
    assert_eq!(Router::connect(second).reset_query(1).payload.len(), 1);
    assert_eq!(session.reset_query(1).payload.len(), 1, "its listener is gone, and it is not");
    setting.reload(&format!("listen = \"{first}\""));
    wait_until_closed(second);
    assert_eq!(Router::connect(first).reset_query(1).payload.len(), 1);
    assert_eq!(session.reset_query(1).payload.len(), 1);
}

#[test]
fn an_address_that_can_not_be_had_refuses_the_whole_reload() {
    let mut setting = Setting::new();
    let (first, second) = (setting.first, setting.second);
    let mut session = Router::connect(first);
    session.reset_query(2);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    setting.folder.put("other.json", &document(&[(1, "10.0.0.0/8", 8)]));
    setting.reload(&format!("listen = [\"{second}\", \"{address}\"]\nmax-version = \"0\""));
    let said = setting.cache.log().iter().find(|line| line.contains("ERROR")).unwrap().clone();
    assert!(
        said.contains(&format!("the configuration stays as it is: --listen {address}: the address is in use")),
        "{said}"
    );
    assert!(!listens(second));
    assert_eq!(Router::connect(first).reset_query(2).payload.len(), 1, "nothing of it counts");
    assert_eq!(session.reset_query(2).payload.len(), 1);
    assert_eq!(setting.cache.metric("rtrcast_reloads_total{outcome=\"refused\"}"), Some(1));
    drop(taken);
    setting.reload(&format!("listen = [\"{second}\", \"{address}\"]"));
    for address in [second, address] {
        assert_eq!(Router::connect(address).reset_query(2).payload.len(), 1);
    }
    wait_until_closed(first);
}

#[test]
fn what_connections_begin_with_may_change_at_the_same_address() {
    let mut setting = Setting::new();
    let first = setting.first;
    let mut session = Router::connect(first);
    session.reset_query(1);
    setting.reload(&format!("listen = \"{first},proxy-from=127.0.0.1\""));
    let mut router = Router::connect(first);
    router.send_octets(&crate::proxied::header("192.0.2.1:4711", "192.0.2.9:323"));
    assert_eq!(router.reset_query(1).payload.len(), 1);
    setting.cache.wait_for("router 192.0.2.1:4711 speaks");
    let mut bare = Router::connect(first);
    bare.send("01 02 0000 00000008");
    assert!(bare.is_gone());
    assert_eq!(session.reset_query(1).payload.len(), 1);
    setting.reload(&format!("listen = \"{first}\""));
    assert_eq!(Router::connect(first).reset_query(1).payload.len(), 1);
}

#[test]
fn unix_sockets_come_and_go_with_a_reload() {
    let mut setting = Setting::new();
    let (first, path) = (setting.first, setting.folder.path("rtr.sock"));
    let both = format!("listen = [\"{first}\", \"unix://{}\"]", path.display());
    setting.reload(&both);
    let mut session = Router::on(Wire::Socket(unix_socket(&path).unwrap()));
    session.reset_query(1);
    // The same again is the same socket.
    setting.reload(&both);
    Router::on(Wire::Socket(unix_socket(&path).unwrap())).reset_query(1);
    setting.reload(&format!("listen = \"{first}\""));
    let deadline = Instant::now() + PATIENCE;
    while path.exists() {
        assert!(Instant::now() < deadline, "its name stays");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(session.reset_query(1).payload.len(), 1);
}
