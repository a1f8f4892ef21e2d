//! The control socket: for its owner only, one cache each, gone at the end.

use crate::cache::{Cache, Folder, document, run};
use crate::router::Router;
use std::os::unix::fs::PermissionsExt;

fn cache(folder: &Folder) -> (Cache, String) {
    let path = folder.put("rpki.json", &document(&[(1, "10.0.0.0/8", 8)]));
    let socket = folder.path("control").to_str().unwrap().to_owned();
    let mut cache = Cache::start(&path, &["--control", &socket]);
    cache.wait_for("serial ");
    (cache, socket)
}

fn ctl(socket: &str, order: &[&str]) -> (i32, String, String) {
    run(&[&["ctl"], order, &["--control", socket]].concat())
}

#[test]
fn c_rst_02_stop_flush_tells_routers_to_forget_the_data() {
    let folder = Folder::new();
    let (mut cache, socket) = cache(&folder);
    let mut newer = Router::connect(cache.rtr);
    newer.reset_query(2);
    let mut older = Router::connect(cache.rtr);
    older.reset_query(1);
    assert_eq!(ctl(&socket, &["stop", "--flush"]).0, 0);
    assert_eq!(newer.next()[..4], [2, 10, 0, 13]);
    newer.end();
    older.end();
    drop((newer, older));
    assert_eq!(cache.exit_code(), 0);
    assert!(!std::path::Path::new(&socket).exists());
}

#[test]
fn c_rst_01_stop_ends_connections_in_order() {
    let folder = Folder::new();
    let (mut cache, socket) = cache(&folder);
    let mut router = Router::connect(cache.rtr);
    router.reset_query(2);
    assert_eq!(ctl(&socket, &["stop"]), (0, "stopping\n".to_owned(), String::new()));
    router.end();
    drop(router);
    assert_eq!(cache.exit_code(), 0);
}

/// A program that stops may be gone before it has answered, so it answers first. Without a router nothing keeps it.
#[test]
fn stop_is_answered_before_the_program_is_gone() {
    let folder = Folder::new();
    for round in 0..20 {
        let (mut cache, socket) = cache(&folder);
        let (order, answer) = match round % 2 {
            0 => (&["stop"][..], "stopping\n"),
            _ => (&["stop", "--flush"][..], "stopping; routers of version 2 forget the data\n"),
        };
        assert_eq!(ctl(&socket, order), (0, answer.to_owned(), String::new()), "round {round}");
        assert_eq!(cache.exit_code(), 0);
    }
}

/// What was asked for is done even if nobody waits for the answer.
#[test]
fn stop_is_done_without_a_reader_of_the_answer() {
    use std::io::Write;
    let folder = Folder::new();
    let (mut cache, socket) = cache(&folder);
    let mut stream = std::os::unix::net::UnixStream::connect(&socket).unwrap();
    stream.write_all(b"POST /api/v1/stop HTTP/1.1\r\nHost: cache\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}").unwrap();
    drop(stream);
    assert_eq!(cache.exit_code(), 0);
}

#[test]
fn refresh_and_status() {
    let folder = Folder::new();
    let (mut cache, socket) = cache(&folder);
    assert_eq!(ctl(&socket, &["refresh"]).1, "reading all sources again\n");
    cache.wait_for("the same set as serial");
    let (code, text, _) = ctl(&socket, &["status"]);
    assert_eq!(code, 0);
    assert!(text.contains(": 1 VRP (1 IPv4, 0 IPv6), 0 router keys, 0 ASPAs, unchanged for "), "{text}");
    assert!(text.contains("rpki.json: served, made "), "{text}");
    let (code, _, error) = ctl(&socket, &["release", "x.json"]);
    assert_eq!(code, 2);
    assert!(error.starts_with("rtrcast: there is no source \"x.json\"; there are: "), "{error}");
}

#[test]
fn the_socket_is_for_its_owner_and_one_cache() {
    let folder = Folder::new();
    let (mut first, socket) = cache(&folder);
    let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let source = folder.path("rpki.json");
    let arguments =
        ["serve", source.to_str().unwrap(), "--listen", "127.0.0.1:0", "--http", "off", "--control", &socket];
    let (code, _, error) = run(&arguments);
    assert_eq!(
        (code, error),
        (4, format!("rtrcast: --control {socket}: another program (perhaps another rtrcast) listens there\n"))
    );
    // One that was killed leaves its socket, and the next one takes its place.
    first.signal("KILL");
    first.wait_for_end();
    assert!(std::path::Path::new(&socket).exists());
    let (code, _, error) = ctl(&socket, &["status"]);
    assert_eq!((code, error), (10, format!("rtrcast: {socket}: no cache listens there any more\n")));
    let (_second, _) = cache(&folder);
    assert_eq!(ctl(&socket, &["status"]).0, 0);
}

#[test]
fn what_is_no_socket_is_left_alone() {
    let folder = Folder::new();
    let path = folder.put("precious", b"data");
    let path = path.to_str().unwrap();
    let (code, _, error) = run(&["serve", "x", "--listen", "127.0.0.1:0", "--http", "off", "--control", path]);
    assert_eq!(
        (code, error),
        (
            4,
            format!(
                "rtrcast: --control {path}: there is a file that is no socket, which is left alone; name another path\n"
            )
        )
    );
    assert_eq!(std::fs::read(path).unwrap(), b"data");
    let (code, _, error) = ctl("/nowhere/control", &["status"]);
    assert_eq!(code, 10);
    assert!(error.contains("there is no such socket; was the cache started with --control?"), "{error}");
    let (code, _, error) = run(&["ctl", "status"]);
    assert_eq!(code, 2);
    assert!(error.contains("which cache?"), "{error}");
}
