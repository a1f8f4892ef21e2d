//! A file as a source: waited for, followed, and not believed when it is broken.

use crate::cache::{Cache, Folder, document, large_document};
use crate::router::{Router, show};
use std::fs::{self, File};
use std::io::Write;

fn one(asn: u32) -> Vec<u8> {
    document(&[(asn, "10.0.0.0/8", 8)])
}

/// The AS of the one VRP that is served.
fn served(cache: &Cache) -> u8 {
    let response = Router::connect(cache.rtr).reset_query(1);
    assert_eq!(response.payload.len(), 1);
    response.payload[0][19]
}

#[test]
fn c_nda_01_a_file_that_is_not_there_yet_is_waited_for() {
    let folder = Folder::new();
    let mut cache = Cache::start(folder.path("rpki.json"), &[]);
    let line = cache.wait_for("waiting for it");
    assert!(line.contains("WARN") && line.contains("rpki.json: there is no such file or directory"), "{line}");
    assert_eq!(cache.get("/readyz").0, 503);
    assert_eq!(cache.get("/healthz").0, 200);
    let mut router = Router::connect(cache.rtr);
    router.send("02 02 0000 00000008");
    assert_eq!(show(&router.next()[..20]), "020a000200000023000000080202000000000008");
    folder.put("rpki.json", &one(1));
    let (session, serial) = router.notify();
    assert_ne!(serial, 0);
    router.serial_query(2, session, 0);
    assert_eq!(show(&router.next()), "0208000000000008");
    assert_eq!(router.reset_query(2).payload.len(), 1);
    assert_eq!(cache.get("/readyz").0, 200);
}

#[test]
fn a_directory_is_no_source() {
    let folder = Folder::new();
    let mut cache = Cache::start(folder.path(""), &[]);
    let line = cache.wait_for(" WARN ");
    let expected = ": it is a directory; give the file in it that a validator writes; waiting for it";
    assert!(line.contains(expected), "{line}");
}

/// As RIPE publishes it; whatever the name says of it.
#[test]
fn a_file_that_xz_compressed_is_served() {
    let folder = Folder::new();
    let compressed = include_bytes!("../../../feed/tests/formats/xz/roas.csv.xz");
    let path = folder.put("roas.csv", compressed);
    let mut cache = Cache::start(&path, &[]);
    cache.wait_for(" is 2 VRPs (1 IPv4, 1 IPv6)");
    folder.put("roas.csv", &compressed[..100]);
    let line = cache.wait_for(" WARN ");
    assert!(line.contains("truncated: the file ends at byte 100 before it is complete, perhaps since it is still being written; serial "), "{line}");
}

#[test]
fn a_folder_that_is_not_there_yet_is_waited_for() {
    let folder = Folder::new();
    let mut cache = Cache::start(folder.path("later/rpki.json"), &["--refresh", "1"]);
    cache.wait_for("waiting for it");
    fs::create_dir(folder.path("later")).unwrap();
    fs::write(folder.path("later/rpki.json"), one(7)).unwrap();
    cache.wait_for("INFO");
    assert_eq!(served(&cache), 7);
}

#[test]
fn a_replaced_file_is_read_again() {
    let folder = Folder::new();
    let mut cache = Cache::start(folder.put("rpki.json", &one(1)), &[]);
    cache.wait_for("serial ");
    let mut router = Router::connect(cache.rtr);
    router.reset_query(1);
    folder.put("rpki.json", &one(2));
    let line = cache.wait_for("+1 -1 VRPs");
    assert!(line.contains("INFO") && line.contains("1 VRP (1 IPv4, 0 IPv6)"), "{line}");
    router.notify();
    assert_eq!(served(&cache), 2);
    assert_eq!(cache.metric("rtrcast_history_deltas"), Some(1));
}

#[test]
fn a_file_that_is_rewritten_in_place_is_read_when_it_is_closed() {
    let folder = Folder::new();
    let path = folder.put("rpki.json", &one(1));
    let mut cache = Cache::start(&path, &[]);
    cache.wait_for("serial ");
    let mut file = File::create(&path).unwrap();
    for piece in one(3).chunks(7) {
        file.write_all(piece).unwrap();
        file.sync_data().unwrap();
    }
    drop(file);
    cache.wait_for("+1 -1 VRPs");
    assert_eq!(served(&cache), 3);
    assert!(!cache.log().iter().any(|line| line.contains("WARN")), "{:#?}", cache.seen);
}

#[test]
fn a_link_that_is_pointed_elsewhere_is_followed() {
    let folder = Folder::new();
    folder.put("first.json", &one(1));
    folder.put("second.json", &one(2));
    let link = |target: &str| {
        std::os::unix::fs::symlink(target, folder.path("new")).unwrap();
        fs::rename(folder.path("new"), folder.path("rpki.json")).unwrap();
    };
    link("first.json");
    let mut cache = Cache::start(folder.path("rpki.json"), &[]);
    cache.wait_for("serial ");
    link("second.json");
    cache.wait_for("+1 -1 VRPs");
    assert_eq!(served(&cache), 2);
    // And so is what it points at.
    folder.put("second.json", &one(5));
    cache.wait_for("+1 -1 VRPs");
    assert_eq!(served(&cache), 5);
}

#[test]
fn a_broken_file_changes_nothing_and_says_so_once() {
    let folder = Folder::new();
    let whole = large_document(2_000, 9);
    let path = folder.put("rpki.json", &one(4));
    let mut cache = Cache::start(&path, &[]);
    cache.wait_for("serial ");
    let name = path.display().to_string();
    for (content, words, reason) in [
        (&whole[..whole.len() / 2], "truncated: the file ends at byte", "truncated"),
        (b"", "the file is empty", "empty"),
        (
            b"<html>\n<body>Bad gateway",
            "this is an HTML page, perhaps an error page or a login page; give the URL or the file of a validator's JSON",
            "unrecognised",
        ),
        (
            b"{ \"roas\": [ { \"asn\": 1, \"prefix\": \"10.0.0.0/8\", \"ta\": \"\xFF\xFE\" } ] }",
            "not UTF-8 at byte 55",
            "not_utf8",
        ),
        (b"{ \"routes\": [] }", "not the output of a validator", "not_rpki"),
    ] {
        folder.put("rpki.json", content);
        let line = cache.wait_for("WARN");
        assert!(line.contains(&name) && line.contains(words) && line.contains("stays served"), "{line}");
        assert_eq!(served(&cache), 4);
        let metric = format!("rtrcast_source_failures_total{{path=\"{name}\",reason=\"{reason}\"}}");
        assert_eq!(cache.metric(&metric), Some(1));
        assert_eq!(cache.metric(&format!("rtrcast_source_healthy{{path=\"{name}\"}}")), Some(0));
    }
    let warnings = cache.log().iter().filter(|line| line.contains("WARN")).count();
    assert_eq!(warnings, 5, "{:#?}", cache.seen);
    folder.put("rpki.json", &one(6));
    cache.wait_for("+1 -1 VRPs");
    assert_eq!(cache.metric(&format!("rtrcast_source_healthy{{path=\"{name}\"}}")), Some(1));
}

#[test]
fn one_bad_entry_is_named_and_the_rest_is_served() {
    let folder = Folder::new();
    let mut cache =
        Cache::start(folder.put("rpki.json", &document(&[(1, "10.0.0.0/8", 8), (2, "10.0.0.0/8", 7)])), &[]);
    let line = cache.wait_for("entries left out");
    assert!(
        line.contains("1 of 2 entries left out: roas[1]: maximum length 7 of 10.0.0.0/8 is not from 8 to 32"),
        "{line}"
    );
    cache.wait_for("serial ");
    assert_eq!(served(&cache), 1);
}

#[test]
fn c_del_07_an_emptied_file_withdraws_everything() {
    let folder = Folder::new();
    let mut cache = Cache::start(folder.put("rpki.json", &one(1)), &[]);
    cache.wait_for("serial ");
    let mut router = Router::connect(cache.rtr);
    let before = router.reset_query(1);
    folder.put("rpki.json", b"{ \"roas\": [] }");
    router.notify();
    let line = cache.wait_for("WARN");
    assert!(line.contains("no VRPs any more; routers were told to withdraw all 1"), "{line}");
    router.serial_query(1, before.session, before.serial);
    let delta = router.response();
    assert_eq!(
        delta.payload.iter().map(|pdu| show(pdu)).collect::<Vec<_>>(),
        ["0104000000000014000808000a00000000000001"]
    );
    assert_eq!(delta.prefixes().len(), 1);
    assert!(router.reset_query(1).payload.is_empty());
}

#[test]
fn c_ser_05_an_equal_file_is_no_new_serial() {
    let folder = Folder::new();
    let mut cache = Cache::start(folder.put("rpki.json", &one(1)), &[]);
    cache.wait_for("serial ");
    let serial = cache.metric("rtr_serial");
    folder.put("rpki.json", &[&one(1)[..], b"\n"].concat());
    cache.wait_for("the same set as serial");
    assert_eq!(cache.metric("rtr_serial"), serial);
}

#[test]
fn sighup_reads_again() {
    let folder = Folder::new();
    let mut cache = Cache::start(folder.put("rpki.json", &one(1)), &[]);
    cache.wait_for("serial ");
    cache.signal("HUP");
    cache.wait_for("SIGHUP");
    let line = cache.wait_for("the same set as serial");
    assert!(line.contains("INFO"), "an operator who asked is answered: {line}");
}

#[test]
fn a_source_that_recovers_is_logged() {
    let folder = Folder::new();
    let mut cache = Cache::start(folder.put("rpki.json", &one(1)), &[]);
    cache.wait_for("serial ");
    folder.put("rpki.json", b"{");
    cache.wait_for("stays served");
    folder.put("rpki.json", &one(1));
    let line = cache.wait_for("the same set as serial");
    assert!(line.contains("INFO"), "{line}");
}

#[test]
fn a_fifo_is_refused_rather_than_waited_for() {
    let folder = Folder::new();
    assert!(std::process::Command::new("mkfifo").arg(folder.path("rpki.json")).status().unwrap().success());
    let mut cache = Cache::start(folder.path("rpki.json"), &[]);
    let line = cache.wait_for("WARN");
    assert!(line.contains("not a regular file"), "{line}");
}

#[test]
fn a_file_that_can_be_read_only_later_is_read_then() {
    let folder = Folder::new();
    // A directory in the file's place: it can be looked at and not read.
    fs::create_dir(folder.path("rpki.json")).unwrap();
    let mut cache = Cache::start(folder.path("rpki.json"), &["--refresh", "1"]);
    cache.wait_for("waiting for it");
    cache.wait_for("still: ");
    fs::remove_dir(folder.path("rpki.json")).unwrap();
    folder.put("rpki.json", &one(2));
    cache.wait_for("INFO");
    assert_eq!(served(&cache), 2);
    let warnings =
        cache.log().iter().filter(|line| line.contains("WARN") && line.contains("it is a directory")).count();
    assert_eq!(warnings, 1, "{:#?}", cache.seen);
}

#[test]
fn a_folder_that_is_replaced_is_watched_again() {
    let folder = Folder::new();
    fs::create_dir(folder.path("data")).unwrap();
    fs::write(folder.path("data/rpki.json"), one(1)).unwrap();
    let mut cache = Cache::start(folder.path("data/rpki.json"), &["--refresh", "1"]);
    cache.wait_for("serial ");
    fs::rename(folder.path("data"), folder.path("old")).unwrap();
    fs::create_dir(folder.path("data")).unwrap();
    fs::write(folder.path("data/rpki.json"), one(2)).unwrap();
    cache.wait_for("+1 -1 VRPs");
    folder.put("data/rpki.json", &one(3));
    cache.wait_for("+1 -1 VRPs");
    assert_eq!(served(&cache), 3);
}
