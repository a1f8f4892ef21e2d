//! Data that are too old or have expired: what is said, what routers see, and what probes of health are told.

use crate::cache::{Cache, Folder, run};
use crate::router::Router;
use std::time::{Duration, SystemTime};

/// Seconds since 1970, so many from now.
fn from_now(seconds: i64) -> i64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    i64::try_from(now).unwrap() + seconds
}

/// As OctoRPKI and dn42's tools write it.
fn valid_until(seconds: i64, asn: u32) -> Vec<u8> {
    let (generated, valid) = (from_now(seconds - 604_800), from_now(seconds));
    format!(
        r#"{{"metadata":{{"counts":1,"generated":{generated},"valid":{valid}}},"roas":[
{{"prefix":"172.20.0.0/24","maxLength":29,"asn":"AS{asn}"}}]}}"#
    )
    .into_bytes()
}

/// A laboratory's file: no metadata, and an age by the file alone.
const STATIC: &[u8] = br#"{"roas":[{"prefix":"203.0.113.0/24","maxLength":24,"asn":"AS64501","ta":"lab"},{"asn":64502,"prefix":"2001:db8:2::/48","maxLength":48,"ta":"lab"}]}"#;

/// RIPE NCC's export of ROAs: with the beginning and the end of each.
const EXPORT: &[u8] = b"URI,ASN,IP Prefix,Max Length,Not Before,Not After
\"rsync://repository.example/rpki/x/a.roa\",AS64496,192.0.2.0/24,24,2017-05-12 04:00:00,2020-05-12 04:00:00
\"rsync://repository.example/rpki/x/b.roa\",AS64497,198.51.100.0/24,24,2026-05-12 04:00:00,2099-05-12 04:00:00
\"rsync://repository.example/rpki/x/c.roa\",AS64498,203.0.113.0/24,26,2016-05-12 04:00:00,2019-05-12 04:00:00
";

/// Three days older than it is.
fn put_old(folder: &Folder, name: &str, content: &[u8]) -> std::path::PathBuf {
    let path = folder.put(name, content);
    let written = SystemTime::now() - Duration::from_secs(3 * 86_400);
    std::fs::File::options().append(true).open(&path).unwrap().set_modified(written).unwrap();
    path
}

#[test]
fn a_file_that_is_not_valid_any_more_is_named_with_the_member_and_the_option() {
    let folder = Folder::new();
    let path = folder.put("dn42.json", &valid_until(-3_600, 1));
    let mut cache = Cache::start(&path, &[]);
    let line = cache.wait_for("nothing of it is in effect: its metadata.valid was ");
    assert!(line.contains("Z (1 h ago); a query is held for 25 s"), "{line}");
    assert!(line.ends_with("What helps: a newer file, or --too-old keep to serve it all the same"), "{line}");
    let (status, why) = cache.get("/readyz");
    assert!(status == 503 && why.contains("dn42.json: its metadata.valid was "), "{status} {why}");
    drop(cache);
    let mut cache = Cache::start(&path, &["--too-old", "keep"]);
    cache.wait_for("serial ");
    assert_eq!(Router::connect(cache.rtr).reset_query(1).payload.len(), 1);
}

#[test]
fn data_that_were_withdrawn_for_their_age_are_not_ready() {
    let folder = Folder::new();
    let path = folder.put("rpki.json", &valid_until(12, 1));
    let mut cache = Cache::start(&path, &[]);
    cache.wait_for("serial ");
    assert_eq!(cache.get("/readyz").0, 200);
    let mut router = Router::connect(cache.rtr);
    router.reset_query(1);
    cache.wait_for("there are no VRPs any more");
    let (status, why) = cache.get("/readyz");
    assert_eq!(status, 503);
    let expected = format!("nothing of any source is in effect: {}: its metadata.valid was ", path.display());
    assert!(why.starts_with(&expected), "{why}");
    // The router stays, in sync and empty.
    let (session, serial) = router.notify();
    router.serial_query(1, session, serial - 1);
    assert_eq!(router.response().payload.len(), 1, "a withdrawal");
    folder.put("rpki.json", &valid_until(3_600, 1));
    cache.wait_for("+1 -0 VRPs");
    assert_eq!(cache.get("/readyz").0, 200);
}

#[test]
fn a_set_that_is_empty_since_its_source_says_so_is_ready() {
    let cache = Cache::of(br#"{"metadata":{},"roas":[]}"#, &[]);
    assert_eq!(cache.get("/readyz").0, 200);
}

#[test]
fn c_nda_02_with_close_connections_end_once_nothing_is_fresh() {
    let folder = Folder::new();
    let path = folder.put("rpki.json", &valid_until(12, 1));
    let mut cache = Cache::start(&path, &["--too-old", "close"]);
    cache.wait_for("serial ");
    let mut router = Router::connect(cache.rtr);
    let before = router.reset_query(2);
    cache.wait_for("nothing of any source is fresh any more");
    router.end();
    assert_eq!(cache.get("/readyz").0, 503);
    assert_eq!(cache.metric("rpki_objects{type=\"vrps\"}"), Some(0));
    let mut router = Router::connect(cache.rtr);
    router.serial_query(2, before.session, before.serial);
    let report = router.next();
    assert_eq!((&report[..4], &report[24..]), (&[2, 10, 0, 2][..], &b"\0\0\0\x14all data are too old"[..]));
    // The same set again is the same serial, and the router that waits is notified of it.
    folder.put("rpki.json", &valid_until(3_600, 1));
    assert_eq!(router.notify(), (before.session, before.serial));
    router.serial_query(2, before.session, before.serial);
    assert_eq!(router.response().payload, Vec::<Vec<u8>>::new());
    assert_eq!(cache.get("/readyz").0, 200);
    cache.wait_for_metric("rpki_objects{type=\"vrps\"}", 1);
}

#[test]
fn check_judges_by_the_same_rules_as_serve() {
    let folder = Folder::new();
    let check = |path: &std::path::Path, options: &[&str]| {
        let (code, text, error) = run(&[&["check", path.to_str().unwrap()], options].concat());
        assert_eq!((code, error.as_str()), (0, ""), "{text}");
        text.replace(folder.path("").to_str().unwrap(), "")
    };
    let path = put_old(&folder, "lab.json", STATIC);
    let text = check(&path, &[]);
    assert!(text.contains("lab.json: warning: nothing of it would be served now: it was made "), "{text}");
    assert!(
        text.contains(" (3 days ago), and --max-age is 1 day. What helps: a newer file, or a larger --max-age, or"),
        "{text}"
    );
    let text = check(&path, &["--max-age", "864000"]);
    assert!(text.contains("lab.json: all 2 records would be served now, until "), "{text}");
    assert!(text.contains("Z (in 7 days)\n") || text.contains("Z (in 6 days 23 h)\n"), "{text}");
    let text = check(&path, &["--too-old", "keep"]);
    assert!(text.ends_with("lab.json: all 2 records would be served now, without an end\n"), "{text}");

    let path = folder.put("export.csv", EXPORT);
    let text = check(&path, &[]);
    let expected =
        "export.csv: 1 of 3 records would be served now: 2 have expired, the last of them 2020-05-12T04:00:00Z (";
    assert!(text.contains(expected), "{text}");
    assert!(text.contains(" ago); the rest ends 2099-05-12T04:00:00Z (in "), "{text}");

    let path = folder.put("dn42.json", &valid_until(-3_600, 1));
    let text = check(&path, &[]);
    assert!(text.contains("dn42.json: warning: nothing of it would be served now: its metadata.valid was "), "{text}");
    assert!(
        text.ends_with("(1 h ago). What helps: a newer file, or --too-old keep to serve it all the same\n"),
        "{text}"
    );
    let path = folder.put("empty.json", br#"{"roas":[]}"#);
    assert!(check(&path, &[]).ends_with("empty.json: an empty set would be served\n"));
}

#[test]
fn check_judges_the_sources_of_a_configuration_by_its_options() {
    let folder = Folder::new();
    let data = put_old(&folder, "lab.json", STATIC);
    let config = |options: &str| {
        let text = format!("source = [\"{}\", \"{}\"]\n{options}", data.display(), folder.path("later.json").display());
        let path = folder.put("rtrcast.toml", text.as_bytes());
        let (code, text, _) = run(&["check", path.to_str().unwrap()]);
        (code, text.replace(folder.path("").to_str().unwrap(), ""))
    };
    let (code, text) = config("");
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("rtrcast.toml: note: later.json is not there yet\n"), "{text}");
    assert!(text.contains("lab.json: warning: nothing of it would be served now"), "{text}");
    let (code, text) = config("max-age = 864000\n");
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("lab.json: all 2 records would be served now"), "{text}");
}

#[test]
fn serve_counts_what_has_expired() {
    let folder = Folder::new();
    let path = folder.put("export.csv", EXPORT);
    let mut cache = Cache::start(&path, &[]);
    let line = cache.wait_for("serial ");
    assert!(
        line.contains(" is 1 VRP (1 IPv4, 0 IPv6), 0 router keys, 0 ASPAs, 2 left out as expired or too old"),
        "{line}"
    );
    let name = format!("rtrcast_source_expired_entries{{path=\"{}\"}}", path.display());
    assert_eq!(cache.metric(&name), Some(2));
}

#[test]
fn a_clock_that_is_days_behind_is_reported_and_withdraws_nothing() {
    let folder = Folder::new();
    let content = format!(
        r#"{{"metadata":{{"generated":{}}},"roas":[{{"asn":1,"prefix":"10.0.0.0/8"}}]}}"#,
        from_now(3 * 86_400 + 60)
    );
    let path = folder.put("rpki.json", content.as_bytes());
    let mut cache = Cache::start(&path, &["--max-age", "60"]);
    let line = cache.wait_for("later than this machine's clock says");
    assert!(line.contains("WARN") && line.contains("which is 3 days later than"), "{line}");
    cache.wait_for("serial ");
    let (code, text, _) = run(&["check", path.to_str().unwrap()]);
    assert_eq!(code, 0);
    assert!(
        text.contains("warning: made ") && text.contains("3 days later than this machine's clock says; set the clock"),
        "{text}"
    );
}

#[test]
fn a_trust_anchor_or_a_payload_type_that_vanishes_is_held_and_less_is_reported() {
    let folder = Folder::new();
    let vrps = |anchor: &str, count: u32| -> Vec<String> {
        let octet = anchor.len();
        (0..count)
            .map(|n| format!(r#"{{"asn":1,"prefix":"{octet}.{}.{}.0/24","ta":"{anchor}"}}"#, n / 256, n % 256))
            .collect()
    };
    let put = |afrinic: u32, ripe: u32, aspas: u32| {
        let aspas: Vec<String> = (1..=aspas).map(|n| format!(r#"{{"customer":{n},"providers":[65000]}}"#)).collect();
        let roas = [vrps("afrinic", afrinic), vrps("ripe", ripe)].concat();
        folder.put("rpki.json", format!(r#"{{"roas":[{}],"aspas":[{}]}}"#, roas.join(","), aspas.join(",")).as_bytes())
    };
    let mut cache = Cache::start(put(6_000, 30_000, 900), &[]);
    cache.wait_for("serial ");
    put(0, 30_000, 900);
    let line = cache.wait_for("held back for 1 h: ");
    assert!(
        line.contains("ERROR")
            && line.contains("held back for 1 h: 6000 of 6000 VRPs of trust anchor afrinic are gone"),
        "{line}"
    );
    put(6_000, 30_000, 0);
    let line = cache.wait_for("held back for 1 h: ");
    assert!(line.contains("held back for 1 h: 900 of 900 ASPAs are gone"), "{line}");
    put(5_000, 30_000, 800);
    cache.wait_for("what was gone is back");
    let line = cache.wait_for("WARN");
    assert!(
        line.contains("accepted, though 100 of 900 ASPAs, 1000 of 6000 VRPs of trust anchor afrinic are gone"),
        "{line}"
    );
}
