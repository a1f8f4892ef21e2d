//! `rtrcast dump --follow`: each change as it comes, over lost connections, until it is stopped.

use crate::cache::{Cache, Folder, PATIENCE, document};
use crate::fake::{Fake, script};
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

/// A running `rtrcast dump --follow`.
struct Following {
    child: Child,
    url: String,
    out: Receiver<String>,
    error: Receiver<String>,
}

fn lines(from: impl Read + Send + 'static) -> Receiver<String> {
    let (to_lines, lines) = channel();
    thread::spawn(move || BufReader::new(from).lines().map_while(Result::ok).all(|line| to_lines.send(line).is_ok()));
    lines
}

impl Following {
    fn start(address: SocketAddr, arguments: &[&str]) -> Following {
        let url = format!("tcp://{address}");
        let mut child = Command::new(env!("CARGO_BIN_EXE_rtrcast"))
            .args(["dump", &url, "--follow"])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (out, error) = (lines(child.stdout.take().unwrap()), lines(child.stderr.take().unwrap()));
        Following { child, url, out, error }
    }

    /// The next line of standard output.
    fn line(&self) -> String {
        self.out.recv_timeout(PATIENCE).unwrap()
    }

    /// The next line of standard error.
    fn note(&self) -> String {
        self.error.recv_timeout(PATIENCE).unwrap().replace(&self.url, "CACHE")
    }

    /// Ends it, and gives its exit code.
    fn stop(mut self, signal: &str) -> i32 {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{signal}"), &pid]).status().unwrap().success());
        self.child.wait().unwrap().code().unwrap()
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn each_change_is_printed_as_it_comes() {
    let folder = Folder::new();
    let path = folder.put("rpki.json", &document(&[(1, "10.0.0.0/8", 8)]));
    let mut cache = Cache::start(&path, &[]);
    cache.wait_for("serial ");
    let text = Following::start(cache.rtr, &["--format", "text"]);
    let json = Following::start(cache.rtr, &[]);
    let first = text.line();
    assert!(first.starts_with("= session ") && first.ends_with(": 1 announced, 0 withdrawn"), "{first}");
    assert_eq!(text.line(), "ipv4 + 10.0.0.0/8-8 AS1");
    let whole = json.line();
    let announced = "\"announced\": { \"roas\": [ { \"asn\": 1, \"prefix\": \"10.0.0.0/8\", \"maxLength\": 8 } ], \
                     \"bgpsec_keys\": [], \"aspas\": [] }, \"withdrawn\": { \"roas\": [], \"bgpsec_keys\": [], \"aspas\": [] } }";
    assert!(whole.ends_with(announced) && !whole.contains("from_serial"), "{whole}");

    folder.put("rpki.json", &document(&[(2, "10.0.0.0/8", 8)]));
    let second = text.line();
    assert!(second != first && second.ends_with(": 1 announced, 1 withdrawn"), "{second}");
    assert_eq!([text.line(), text.line()], ["ipv4 + 10.0.0.0/8-8 AS2", "ipv4 - 10.0.0.0/8-8 AS1"]);
    let change = json.line();
    let serial = whole.split("\"serial\": ").nth(1).unwrap().split(',').next().unwrap();
    assert!(change.contains(&format!("\"from_serial\": {serial} }}")), "{change}");
    assert!(change.contains("\"withdrawn\": { \"roas\": [ { \"asn\": 1, "), "{change}");

    assert_eq!((text.stop("TERM"), json.stop("INT")), (0, 0));
}

#[test]
fn a_restarted_cache_is_found_again() {
    let folder = Folder::new();
    let path = folder.put("rpki.json", &document(&[(1, "10.0.0.0/8", 8), (2, "11.0.0.0/8", 8)]));
    let mut cache = Cache::start(&path, &[]);
    cache.wait_for("serial ");
    let address = cache.rtr;
    let following = Following::start(address, &["--format", "text"]);
    let lines: Vec<String> = (0..3).map(|_| following.line()).collect();
    assert_eq!(lines[1..], ["ipv4 + 10.0.0.0/8-8 AS1", "ipv4 + 11.0.0.0/8-8 AS2"]);
    assert!(following.note().contains(": 2 VRPs, 0 router keys, 0 ASPAs in "));

    // It breaks off: an orderly stop would say when to come back.
    cache.signal("KILL");
    cache.wait_for_end();
    let note = following.note();
    assert!(note.starts_with("CACHE: the cache closed the connection; trying again in "), "{note}");
    folder.put("rpki.json", &document(&[(2, "11.0.0.0/8", 8), (3, "12.0.0.0/8", 8)]));
    let _cache = Cache::start(&path, &["--listen", &address.to_string()]);
    // Only what differs is a change, whatever the cache had to send.
    let header = following.line();
    assert!(header.ends_with(": 1 announced, 1 withdrawn") && header != lines[0], "{header}");
    assert_eq!([following.line(), following.line()], ["ipv4 + 12.0.0.0/8-8 AS3", "ipv4 - 10.0.0.0/8-8 AS1"]);
    assert_eq!(following.stop("TERM"), 0);
}

#[test]
fn data_that_may_not_be_used_any_more_are_reported() {
    let fake = Fake::new(vec![script(|mut router| {
        router.expect("0202000000000008");
        router.send("0203000700000008");
        router.send("0204000000000014 01 18 18 00 c0000200 0000fbf0");
        router.send("0207000700000018 00000009 00000e10 00000258 00001c20");
        // It shuts down.
        router.send("020a000d00000010 0000000000000000");
        router.end();
    })]);
    let text = Following::start(fake.address, &["--format", "text"]);
    let lines = [text.line(), text.line(), text.line()];
    assert_eq!(
        lines,
        [
            "= session 7 serial 9: 1 announced, 0 withdrawn",
            "ipv4 + 192.0.2.0/24-24 AS64496",
            "= flushed: the cache shuts down"
        ]
    );
    assert!(text.note().starts_with("CACHE: version 2, session 7, serial 9: 1 VRP, "));
    assert_eq!(text.note(), "CACHE: the data may not be used any more: the cache shuts down");
    let note = text.note();
    assert!(note.starts_with("CACHE: the cache shuts down; trying again in "), "{note}");
    assert_eq!(text.stop("TERM"), 0);
    fake.finish();
}

#[test]
fn a_file_is_kept_current() {
    let folder = Folder::new();
    let path = folder.put("rpki.json", &document(&[(1, "10.0.0.0/8", 8)]));
    let mut cache = Cache::start(&path, &[]);
    cache.wait_for("serial ");
    let file = folder.path("dump.csv");
    let following = Following::start(cache.rtr, &["--format", "csv", "-o", file.to_str().unwrap()]);
    let written = || std::fs::read_to_string(&file).unwrap();
    assert!(following.note().contains(": 1 VRP, "));
    assert_eq!(written(), "ASN,IP Prefix,Max Length\nAS1,10.0.0.0/8,8\n");
    folder.put("rpki.json", &document(&[(1, "10.0.0.0/8", 8), (2, "11.0.0.0/8", 8)]));
    assert!(following.note().contains(": 2 VRPs, "));
    assert_eq!(written(), "ASN,IP Prefix,Max Length\nAS1,10.0.0.0/8,8\nAS2,11.0.0.0/8,8\n");
    assert_eq!(following.stop("TERM"), 0);
}

#[test]
fn what_is_refused_at_first_is_not_waited_for() {
    let fake = Fake::new(vec![script(|mut router| {
        router.expect("0202000000000008");
        router.send("020a000200000010 0000000000000000");
        router.wait();
    })]);
    let mut following = Following::start(fake.address, &[]);
    assert_eq!(following.note(), "rtrcast: CACHE: the cache has no data yet (code 2); try again in a minute");
    assert_eq!(following.child.wait().unwrap().code(), Some(11));
    fake.finish();
}

#[test]
fn a_signal_before_all_is_there_is_no_success() {
    let (to_test, connected) = channel();
    let fake = Fake::new(vec![script(move |mut router| {
        router.expect("0202000000000008");
        to_test.send(()).unwrap();
        router.wait();
    })]);
    let following = Following::start(fake.address, &[]);
    connected.recv_timeout(PATIENCE).unwrap();
    assert_eq!(following.stop("TERM"), 128 + 15);
    fake.finish();
}
