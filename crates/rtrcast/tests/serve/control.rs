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

/// The answer to a request as it travels: its status line, its type and its body.
fn request(socket: &str, request: &str) -> (String, String, String) {
    use std::io::{Read, Write};
    let mut stream = std::os::unix::net::UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(crate::cache::PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let content_type = head.lines().find_map(|line| line.strip_prefix("content-type: ")).unwrap_or_default();
    (head.lines().next().unwrap().to_owned(), content_type.to_owned(), body.to_owned())
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: rtrcast\r\n\r\n")
}

fn post(path: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: rtrcast\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

/// JSON whose values that differ from run to run are replaced by their types.
fn shape(value: &serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), shape(value))).collect(),
        Value::Array(values) => values.iter().map(shape).collect(),
        Value::String(text) if text.len() == 20 && text.ends_with('Z') => Value::from("TIME"),
        Value::String(text) if text.contains("127.0.0.1:") => Value::from("ADDRESS"),
        Value::String(text) if text.contains('/') => Value::from("PATH"),
        other => other.clone(),
    }
}

/// Other programs read this: members may be added, and nothing else may change.
#[test]
fn the_schema_of_status_and_routers_only_gains_members() {
    let folder = Folder::new();
    let slurm = folder.put(
        "local.slurm",
        br#"{"slurmVersion":1,"validationOutputFilters":{"prefixFilters":[],"bgpsecFilters":[]},"locallyAddedAssertions":{"prefixAssertions":[],"bgpsecAssertions":[]}}"#,
    );
    let path = folder.put("rpki.json", &document(&[(1, "10.0.0.0/8", 8)]));
    let socket = folder.path("control").to_str().unwrap().to_owned();
    let mut cache = Cache::start(
        &path,
        &[
            "--control",
            &socket,
            "--slurm",
            slurm.to_str().unwrap(),
            "--peer",
            "192.0.2.1,name=edge1",
            "--connections-max",
            "100",
        ],
    );
    cache.wait_for("serial ");
    let mut router = Router::connect(cache.rtr);
    let response = router.reset_query(2);
    router.serial_query(2, response.session, response.serial);
    router.response();
    let (status, content_type, body) = request(&socket, &get("/api/v1/status"));
    assert_eq!((status.as_str(), content_type.as_str()), ("HTTP/1.1 200 OK", "application/json"));
    let status: serde_json::Value = serde_json::from_str(&body).unwrap();
    let session = &status["data"]["sessions"][2];
    assert_eq!((&session["protocol_version"], &session["session_id"]), (&2.into(), &response.session.into()));
    assert_eq!(status["data"]["serial"], response.serial);
    let mut shown = shape(&status);
    shown["data"]["serial"] = "SERIAL".into();
    for session in shown["data"]["sessions"].as_array_mut().unwrap() {
        session["session_id"] = "ID".into();
    }
    shown["limits"]["memory_octets"] = "OCTETS".into();
    expect_test::expect_file!["status.json"].assert_eq(&(serde_json::to_string_pretty(&shown).unwrap() + "\n"));
    let (_, _, body) = request(&socket, &get("/api/v1/routers"));
    let mut shown = shape(&serde_json::from_str(&body).unwrap());
    for pointer in ["/serial", "/routers/0/serial", "/routers/0/session_id"] {
        *shown.pointer_mut(pointer).unwrap() = "NUMBER".into();
    }
    expect_test::expect_file!["routers.json"].assert_eq(&(serde_json::to_string_pretty(&shown).unwrap() + "\n"));
}

#[test]
fn requests_that_are_refused_are_answered_and_change_nothing() {
    let folder = Folder::new();
    let (cache, socket) = cache(&folder);
    let refused = |text: &str| {
        let (status, content_type, body) = request(&socket, text);
        assert_eq!(content_type, "application/json", "{text}");
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["schema"], 1);
        (status, body["error"].as_str().unwrap().to_owned())
    };
    let expected = |status: &str, error: &str| (format!("HTTP/1.1 {status}"), error.to_owned());
    assert_eq!(refused(&get("/api/v1/stop")), expected("405 Method Not Allowed", "/api/v1/stop can't be asked by GET"));
    assert_eq!(refused(&get("/api/v2/status")), expected("404 Not Found", "there is no /api/v2/status"));
    assert_eq!(
        refused(&post("/api/v1/release", r#"{"source":"x"}"#)).0,
        "HTTP/1.1 404 Not Found",
        "there is no such source"
    );
    let (status, error) = refused(&post("/api/v1/stop", r#"{"flusch":true}"#));
    assert_eq!(status, "HTTP/1.1 422 Unprocessable Entity");
    assert!(error.contains("unknown field `flusch`, expected `flush`"), "{error}");
    let (status, _) = refused("POST /api/v1/refresh HTTP/1.1\r\nHost: rtrcast\r\nContent-Length: 2\r\n\r\n{}");
    assert_eq!(status, "HTTP/1.1 415 Unsupported Media Type");
    assert_eq!(cache.get("/readyz").0, 200, "it did not stop");
}

#[test]
fn several_are_answered_while_others_ask_nothing() {
    let folder = Folder::new();
    let (_cache, socket) = cache(&folder);
    let silent: Vec<_> = (0..100).map(|_| std::os::unix::net::UnixStream::connect(&socket).unwrap()).collect();
    let askers: Vec<_> = (0..8)
        .map(|_| {
            let socket = socket.clone();
            std::thread::spawn(move || ctl(&socket, &["status"]))
        })
        .collect();
    for asker in askers {
        let (code, text, error) = asker.join().unwrap();
        assert_eq!((code, text.contains("ready\n")), (0, true), "{text}{error}");
    }
    drop(silent);
}

#[test]
fn what_is_no_control_socket_is_named() {
    use std::io::Write;
    let folder = Folder::new();
    let path = folder.path("rtr");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    // As an RTR cache does that takes an HTTP request for a query of an unknown version.
    let answer = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(&[2, 10, 0, 4, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap();
    });
    let path = path.to_str().unwrap();
    let (code, _, error) = ctl(path, &["status"]);
    answer.join().unwrap();
    let expected = format!("rtrcast: {path}: the answer is not HTTP; is it the socket of a cache's --control?\n");
    assert_eq!((code, error), (10, expected));
}

#[test]
fn a_router_with_a_name_is_listed_while_it_is_not_connected() {
    let folder = Folder::new();
    let path = folder.put("rpki.json", &document(&[(1, "10.0.0.0/8", 8)]));
    let socket = folder.path("control").to_str().unwrap().to_owned();
    let arguments = ["--control", &socket, "--peer", "127.0.0.1,name=edge1.fra", "--peer", "192.0.2.9,name=edge2.fra"];
    let mut cache = Cache::start(&path, &arguments);
    cache.wait_for("serial ");
    let absent = || {
        let (_, text, _) = ctl(&socket, &["routers", "--json"]);
        let list: serde_json::Value = serde_json::from_str(&text).unwrap();
        let names = list["absent"].as_array().unwrap().iter().map(|row| row["router"].as_str().unwrap().to_owned());
        let connected = list["routers"].as_array().unwrap().iter();
        (names.collect::<Vec<_>>(), connected.map(|row| row["router"].as_str().unwrap().to_owned()).collect::<Vec<_>>())
    };
    assert_eq!(absent(), (vec!["edge1.fra".to_owned(), "edge2.fra".to_owned()], vec![]));
    let (mut first, mut second) = (Router::connect(cache.rtr), Router::connect(cache.rtr));
    first.reset_query(1);
    second.reset_query(1);
    assert_eq!(absent(), (vec!["edge2.fra".to_owned()], vec!["edge1.fra".to_owned(); 2]));
    let (_, text, _) = ctl(&socket, &["routers"]);
    assert!(text.starts_with("2 routers connected, 2 current, 1 absent; serial "), "{text}");
    assert!(text.contains("\nedge2.fra (192.0.2.9): not connected for "), "{text}");
    let (code, text, _) = ctl(&socket, &["close", "edge1.fra"]);
    let closing = |router: &Router| format!("closing edge1.fra ({})\n", router.address());
    assert_eq!((code, text), (0, closing(&first) + &closing(&second)));
    first.end();
    second.end();
    drop((first, second));
    cache.wait_for_metric(&format!("rtr_clients{{bind=\"{}\"}}", cache.rtr), 0);
    assert_eq!(absent(), (vec!["edge1.fra".to_owned(), "edge2.fra".to_owned()], vec![]));
    let (code, _, error) = ctl(&socket, &["close", "edge1.fra"]);
    assert_eq!((code, error), (2, "rtrcast: edge1.fra is not connected\n".to_owned()));
}

/// What was promised is done, whatever else is asked meanwhile; and what will not be done is not promised.
#[test]
fn a_stop_is_not_lost_behind_refreshes_and_is_promised_once() {
    let folder = Folder::new();
    let path = folder.put("rpki.json", &crate::cache::large_document(400_000, 1));
    let socket = folder.path("control").to_str().unwrap().to_owned();
    let mut cache = Cache::start(&path, &["--control", &socket]);
    cache.wait_for("serial ");
    // A response that is not read keeps the cache from ending at once.
    let mut router = Router::narrow(cache.rtr);
    router.send("02 02 0000 00000008");
    assert_eq!(router.next()[1], 3, "Cache Response");
    folder.put("rpki.json", &crate::cache::large_document(400_000, 2));
    for _ in 0..200 {
        assert_eq!(request(&socket, &post("/api/v1/refresh", "{}")).0, "HTTP/1.1 200 OK");
    }
    assert_eq!(ctl(&socket, &["stop"]), (0, "stopping\n".to_owned(), String::new()));
    let refused = "rtrcast: the cache is stopping already; SIGTERM ends it at once\n";
    assert_eq!(ctl(&socket, &["stop", "--flush"]), (2, String::new(), refused.to_owned()));
    assert_eq!(ctl(&socket, &["refresh"]), (2, String::new(), refused.to_owned()));
    cache.wait_for("control: stopping; connections end in order");
    while router.next()[1] != 7 {}
    router.end();
    drop(router);
    assert_eq!(cache.exit_code(), 0);
}

/// Whatever a newer cache says, this version shows what it knows of it.
#[test]
fn status_of_a_newer_version_is_shown_as_far_as_it_is_known() {
    use std::io::{Read, Write};
    let folder = Folder::new();
    let path = folder.path("control");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let answers = [
        r#"{"schema":1,"version":"9.9.9","health":{"state":"frozen","reason":null},"news":7,"problems":["a\u001b[31mb"]}"#,
        r#"{"schema":2,"version":"10.0.0"}"#,
    ];
    let server = std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = [0; 4_096];
            assert!(stream.read(&mut head).unwrap() > 0);
            let length = answer.len();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n");
            stream.write_all((head + answer).as_bytes()).unwrap();
        }
    });
    let path = path.to_str().unwrap();
    let (code, text, error) = ctl(path, &["status"]);
    assert_eq!(code, 0, "{error}");
    assert!(text.starts_with("rtrcast 9.9.9, "), "{text}");
    assert!(text.contains(": in a state that this version of rtrcast ctl does not know\n"), "{text}");
    assert!(text.contains("\na\\u{1b}[31mb\n"), "{text}");
    let (code, _, error) = ctl(path, &["status"]);
    let expected = format!(
        "rtrcast: {path}: the cache answers in schema 2, and this rtrcast reads 1; use the cache's own `rtrcast ctl`, or --json\n"
    );
    assert_eq!((code, error), (10, expected));
    server.join().unwrap();
}

#[test]
fn a_connection_is_closed_by_its_number_too() {
    let folder = Folder::new();
    let (cache, socket) = cache(&folder);
    let (mut first, mut second) = (Router::connect(cache.rtr), Router::connect(cache.rtr));
    first.reset_query(1);
    second.reset_query(1);
    let (_, text, _) = ctl(&socket, &["routers", "--json"]);
    let list: serde_json::Value = serde_json::from_str(&text).unwrap();
    let is_second = |row: &&serde_json::Value| row["address"] == second.address().to_string();
    let id = list["routers"].as_array().unwrap().iter().find(is_second).unwrap()["id"].to_string();
    assert_eq!(ctl(&socket, &["close", &id]).1, format!("closing {}\n", second.address()));
    second.end();
    first.reset_query(1);
}
