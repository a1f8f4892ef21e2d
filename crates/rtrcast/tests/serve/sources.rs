//! Several sources, expiry, and the guard on sudden loss, as routers and operators see them.

use crate::cache::{Cache, Folder, document, run};
use crate::router::Router;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// The AS numbers of the VRPs that are served.
fn served(cache: &Cache) -> Vec<u8> {
    let mut asns: Vec<u8> = Router::connect(cache.rtr).reset_query(1).payload.iter().map(|pdu| pdu[19]).collect();
    asns.sort_unstable();
    asns
}

#[test]
fn a_union_serves_what_any_source_has() {
    let folder = Folder::new();
    let first = folder.put("a.json", &document(&[(1, "10.0.0.0/8", 8), (2, "10.0.0.0/8", 8)]));
    let second =
        folder.put("b.csv", b"ASN,IP Prefix,Max Length,Trust Anchor\nAS2,10.0.0.0/8,8,x\nAS3,10.0.0.0/8,8,x\n");
    let mut cache = Cache::start(&first, &[second.to_str().unwrap()]);
    cache.wait_for(" is 3 VRPs");
    assert_eq!(served(&cache), [1, 2, 3]);
    // One of them goes away, which is noticed, and its data stay.
    std::fs::remove_file(&first).unwrap();
    let line = cache.wait_for("there is no such file");
    assert!(line.contains("stays served"), "{line}");
    cache.wait_for_metric(&format!("rtrcast_source_healthy{{path=\"{}\"}}", first.display()), 0);
    assert_eq!(served(&cache), [1, 2, 3]);
    // And comes back with less.
    folder.put("a.json", &document(&[(1, "10.0.0.0/8", 8)]));
    folder.put("b.csv", b"ASN,IP Prefix,Max Length,Trust Anchor\nAS3,10.0.0.0/8,8,x\n");
    cache.wait_for(": +0 -1 VRPs");
    assert_eq!(served(&cache), [1, 3]);
}

#[test]
fn the_first_healthy_source_is_served_and_the_preferred_one_returned_to() {
    let folder = Folder::new();
    let first = folder.put("a.json", &document(&[(1, "10.0.0.0/8", 8)]));
    let second = folder.put("b.json", &document(&[(2, "10.0.0.0/8", 8)]));
    let mut cache = Cache::start(&first, &[second.to_str().unwrap(), "--merge", "first"]);
    cache.wait_for("serial ");
    assert_eq!(served(&cache), [1]);
    std::fs::remove_file(&first).unwrap();
    for _ in 0..2 {
        cache.signal("HUP");
        cache.wait_for("there is no such file");
    }
    let line = cache.wait_for("WARN serving");
    assert!(line.contains(&format!("serving {} instead of {}", second.display(), first.display())), "{line}");
    cache.wait_for("+1 -1 VRPs");
    assert_eq!(served(&cache), [2]);
    folder.put("a.json", &document(&[(1, "10.0.0.0/8", 8)]));
    cache.wait_for("+1 -1 VRPs");
    assert_eq!(served(&cache), [1]);
}

#[test]
fn what_expires_is_withdrawn_whatever_the_source_does() {
    let folder = Folder::new();
    let vrp = |asn: u32, end: u64| format!(r#"{{"asn":{asn},"prefix":"10.0.0.0/8","expires":{end}}}"#);
    let vrps = [vrp(1, unix_now() + 6), vrp(2, 1_956_528_000)].join(",");
    let path = folder.put("rpki.json", format!(r#"{{"roas":[{vrps}]}}"#).as_bytes());
    let mut cache = Cache::start(&path, &[]);
    cache.wait_for("serial ");
    let mut router = Router::connect(cache.rtr);
    let first = router.reset_query(1);
    assert_eq!(first.payload.len(), 2);
    std::fs::remove_file(&path).unwrap();
    let (_, serial) = router.notify();
    cache.wait_for("expiry: serial");
    router.serial_query(1, first.session, first.serial);
    let change = router.response();
    assert_eq!((change.serial, change.payload.len()), (serial, 1));
    assert_eq!((change.payload[0][8], change.payload[0][19]), (0, 1), "withdrawn, AS 1");
}

/// So many VRPs of each of two trust anchors, and so many ASPAs.
fn large(arin: u32, ripe: u32, aspas: u32) -> Vec<u8> {
    let mut text = String::from(r#"{"roas":["#);
    for (anchor, octet, count) in [("arin", 10, arin), ("ripe", 20, ripe)] {
        for n in 0..count {
            let [_, _, a, b] = n.to_be_bytes();
            writeln!(text, r#"{{"asn":1,"prefix":"{octet}.{a}.{b}.0/24","ta":"{anchor}"}},"#).unwrap();
        }
    }
    text.push_str(r#"{"asn":1,"prefix":"30.0.0.0/8"}],"aspas":["#);
    for n in 0..aspas {
        let comma = if n == 0 { "" } else { "," };
        write!(text, r#"{comma}{{"customer_asid":{},"providers":[1]}}"#, n + 10).unwrap();
    }
    text.push_str("]}");
    text.into_bytes()
}

/// Runs a command that a log line names in backquotes; its standard output.
fn obey(line: &str) -> String {
    let command = line.split('`').nth(1).unwrap();
    let mut words = command.split(' ');
    assert_eq!(words.next(), Some("rtrcast"));
    let output = Command::new(env!("CARGO_BIN_EXE_rtrcast")).args(words).output().unwrap();
    assert!(output.status.success(), "{command}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_sudden_loss_is_held_shown_and_released_by_the_command_that_the_log_names() {
    let folder = Folder::new();
    let path = folder.put("rpki.json", &large(12_000, 13_000, 0));
    let socket = folder.path("control");
    let mut cache = Cache::start(&path, &["--control", socket.to_str().unwrap()]);
    cache.wait_for(" is 25001 VRPs");
    folder.put("rpki.json", &large(0, 13_000, 0));
    let line = cache.wait_for("ERROR");
    assert!(line.contains("held back for 1 h: 12000 of 12000 VRPs of trust anchor arin are gone"), "{line}");
    let name = path.display();
    cache.wait_for_metric(&format!("rtrcast_held{{path=\"{name}\"}}"), 1);
    let lost = format!("rtrcast_held_lost{{path=\"{name}\",of=\"VRPs of trust anchor arin\"}}");
    assert_eq!(cache.metric(&lost), Some(12_000));
    let until = cache.metric(&format!("rtrcast_held_until_timestamp_seconds{{path=\"{name}\"}}")).unwrap();
    assert!((0..=3_600).contains(&(until - i64::try_from(unix_now()).unwrap())), "{until}");
    assert_eq!(Router::connect(cache.rtr).reset_query(1).payload.len(), 25_001);
    let status = ctl(&socket, &["status"]);
    assert!(status.contains("12000 of 12000 VRPs of trust anchor arin are gone"), "{status}");

    // Who asks again is told the same.
    cache.signal("HUP");
    cache.wait_for("and held back: 12000 of 12000 VRPs of trust anchor arin are gone");

    assert!(obey(&line).contains("released, as asked"));
    cache.wait_for("-12000 VRPs");
    cache.wait_for_metric(&format!("rtrcast_held{{path=\"{name}\"}}"), 0);
    assert_eq!(cache.metric(&lost), None);
    assert_eq!(Router::connect(cache.rtr).reset_query(1).payload.len(), 13_001);
    assert_eq!(ctl(&socket, &["release"]), "nothing was held back\n");
}

fn ctl(socket: &Path, order: &[&str]) -> String {
    let (code, text, error) = run(&[&["ctl", "--control", socket.to_str().unwrap()], order].concat());
    assert_eq!((code, error.as_str()), (0, ""));
    text
}

#[test]
fn aspas_that_vanish_at_once_are_held() {
    let folder = Folder::new();
    let path = folder.put("rpki.json", &large(0, 0, 3_085));
    let socket = folder.path("control");
    let mut cache = Cache::start(&path, &["--control", socket.to_str().unwrap()]);
    cache.wait_for(" 3085 ASPAs");
    folder.put("rpki.json", &large(0, 0, 0));
    let line = cache.wait_for("ERROR");
    assert!(line.contains("3085 of 3085 ASPAs are gone"), "{line}");
    assert_eq!(Router::connect(cache.rtr).reset_query(2).payload.len(), 3_086);
    assert!(obey(&line).contains("released, as asked"));
    cache.wait_for("-3085 ASPAs");
    assert_eq!(Router::connect(cache.rtr).reset_query(2).payload.len(), 1);
}

#[test]
fn what_was_gone_and_is_back_is_no_change() {
    let folder = Folder::new();
    let path = folder.put("rpki.json", &large(0, 13_000, 0));
    let mut cache = Cache::start(&path, &[]);
    let serial = cache.wait_for("serial ");
    folder.put("rpki.json", &large(0, 10, 0));
    let line = cache.wait_for("ERROR");
    assert!(line.contains("for which it has to be started with --control"), "{line}");
    folder.put("rpki.json", &large(0, 13_000, 0));
    cache.wait_for("what was gone is back");
    let same = cache.wait_for("the same set as serial");
    let number = serial.split("serial ").nth(1).unwrap().split(' ').next().unwrap();
    assert!(same.ends_with(number), "{same}");
}

#[test]
fn data_that_are_too_old_at_the_start_are_no_data() {
    let folder = Folder::new();
    let made = r#""metadata":{"buildtime":"2020-01-01T00:00:00Z"}"#;
    let path = folder.put("rpki.json", format!(r#"{{{made},"roas":[{{"asn":1,"prefix":"10.0.0.0/8"}}]}}"#).as_bytes());
    let mut cache = Cache::start(&path, &["--peer", "127.0.0.1,hold=0"]);
    let line = cache.wait_for("nothing of it is in effect: it was made 2020-01-01T00:00:00Z (");
    assert!(line.contains("ago), and --max-age is 1 day; a query is held for 25 s"), "{line}");
    assert!(
        line.ends_with("What helps: a newer file, or a larger --max-age, or --too-old keep to serve it all the same"),
        "{line}"
    );
    // It is no better for being read again.
    cache.signal("HUP");
    cache.wait_for("nothing of it is in effect");
    let mut router = Router::connect(cache.rtr);
    router.send("01 02 0000 00000008");
    assert_eq!(router.next()[..4], [1, 10, 0, 2], "no data yet");
    drop(cache);
    let mut cache = Cache::start(&path, &["--too-old", "keep"]);
    cache.wait_for("it stays served");
    cache.wait_for("serial ");
    assert_eq!(served(&cache), [1]);
}
