//! A state directory and the sources: what is requested of them after a start, what is held and released, and the record
//! of changes.

use crate::cache::{Cache, document, large_document, run};
use crate::router::Router;
use crate::state::{StateSite, changes_since, crash, prefixes, stop};
use crate::web::{Web, not_modified, ok};
use std::fs;

const A: (u32, &str, u8) = (64_496, "192.0.2.0/24", 24);
const B: (u32, &str, u8) = (64_497, "198.51.100.0/24", 24);

#[test]
fn after_a_start_a_url_is_requested_conditionally_and_its_stored_table_is_served_on() {
    let site = StateSite::new(&[]);
    let web = Web::new();
    web.reply(ok("ETag: \"one\"\r\n", &document(&[A, B])));
    let arguments = ["--state", &site.directory(), "--refresh", "3600"];
    let mut cache = Cache::start(web.url(), &arguments);
    cache.wait_for("serial ");
    cache.wait_for_metric(&site.metric("snapshots_total"), 1);
    assert!(!web.request().to_lowercase().contains("if-none-match"));
    let before = Router::connect(cache.rtr).reset_query(2);
    stop(&mut cache);
    web.reply(not_modified());
    let cache = Cache::start(web.url(), &arguments);
    let request = web.request();
    assert!(request.to_lowercase().contains("if-none-match: \"one\""), "{request}");
    cache.wait_for_metric(&format!("refresh_requests_total{{path=\"{}\",code=\"304\"}}", web.url()), 1);
    let after = Router::connect(cache.rtr).reset_query(2);
    assert_eq!((after.session, after.serial, after.payload), (before.session, before.serial, before.payload));
}

#[test]
fn after_a_crash_another_cache_is_asked_for_what_changed() {
    let (first, second) = (StateSite::new(&[A]), StateSite::new(&[]));
    let mut upstream = first.start_kept();
    let url = format!("tcp://{}", upstream.rtr);
    let arguments = ["--state", &second.directory()];
    let mut cache = Cache::start(&url, &arguments);
    cache.wait_for("serial ");
    cache.wait_for_metric(&second.metric("snapshots_total"), 1);
    let before = Router::connect(cache.rtr).reset_query(2);
    crash(cache);
    first.put(&[A, B]);
    upstream.wait_for("+1 -0 VRPs");
    let mut cache = Cache::start(&url, &arguments);
    let asked = cache.wait_for("asking in version 2");
    assert!(asked.contains(" from session ") && asked.contains(" on"), "{asked}");
    cache.wait_for("+1 -0 VRPs");
    assert_eq!(prefixes(&changes_since(&cache, 2, &before)), ["01181800c63364000000fbf1"]);
}

#[test]
fn the_revision_of_a_table_of_very_many_changes_is_its_own() {
    // So many changes make a snapshot due at once, and the tables of sources are written with it.
    let (first, second) = (StateSite::new(&[A]), StateSite::new(&[]));
    let mut upstream = first.start(&["--guard-hold", "0"]);
    upstream.wait_for("serial ");
    let url = format!("tcp://{}", upstream.rtr);
    let arguments = ["--state", &second.directory(), "--guard-hold", "0"];
    let mut cache = Cache::start(&url, &arguments);
    cache.wait_for("serial ");
    cache.wait_for_metric(&second.metric("snapshots_total"), 1);
    first.0.put("rpki.json", &large_document(100_010, 1));
    upstream.wait_for("100010 VRPs");
    cache.wait_for("100010 VRPs");
    cache.wait_for_metric(&second.metric("snapshots_total"), 2);
    crash(cache);
    // What came with that change goes, which a delta from the revision before it would not mention.
    first.put(&[A, B]);
    upstream.wait_for("is 2 VRPs");
    let mut cache = Cache::start(&url, &arguments);
    cache.wait_for("is 2 VRPs");
    assert_eq!(Router::connect(cache.rtr).reset_query(2).payload.len(), 2);
}

#[test]
fn what_was_released_stays_released_and_what_is_held_stays_held() {
    let site = StateSite::new(&[]);
    site.0.put("rpki.json", &large_document(30_000, 1));
    let socket = site.0.path("control").display().to_string();
    let arguments = ["--control", &socket];
    let mut cache = site.start(&arguments);
    cache.wait_for("is 30000 VRPs");
    cache.wait_for_metric(&site.metric("snapshots_total"), 1);
    site.0.put("rpki.json", &large_document(100, 1));
    cache.wait_for("are gone");
    crash(cache);
    let mut cache = site.start(&arguments);
    cache.wait_for("are gone");
    assert_eq!(Router::connect(cache.rtr).reset_query(2).payload.len(), 30_000);
    assert_eq!(run(&["ctl", "release", "--control", &socket]).0, 0);
    cache.wait_for("is 100 VRPs");
    let before = Router::connect(cache.rtr).reset_query(2);
    stop(&mut cache);
    let mut cache = site.start(&arguments);
    cache.wait_for("rpki.json");
    assert_eq!(Router::connect(cache.rtr).reset_query(2).payload.len(), 100);
    assert_eq!(changes_since(&cache, 2, &before).payload.len(), 0);
    assert!(!cache.log().iter().any(|line| line.contains("are gone")), "{:?}", cache.log());
}

#[test]
fn slurm_that_was_reloaded_before_a_crash_is_that_of_the_set() {
    let site = StateSite::new(&[A, B]);
    let slurm = |asn: u32| {
        let text = format!(
            "{{\"slurmVersion\": 1, \"validationOutputFilters\": {{\"prefixFilters\": [{{\"asn\": {asn}}}], \
             \"bgpsecFilters\": []}}, \"locallyAddedAssertions\": {{\"prefixAssertions\": [], \"bgpsecAssertions\": []}}}}"
        );
        site.0.put("local.slurm", text.as_bytes()).display().to_string()
    };
    let path = slurm(64_496);
    let mut cache = site.start(&["--slurm", &path]);
    cache.wait_for_metric(&site.metric("snapshots_total"), 1);
    slurm(64_497);
    cache.wait_for("SLURM: serial ");
    cache.wait_for_metric(&site.metric("snapshots_total"), 2);
    crash(cache);
    slurm(64_496);
    fs::remove_file(site.source()).unwrap();
    let mut cache = site.start(&["--slurm", &path]);
    // The set was made by the second file.
    assert_eq!(prefixes(&Router::connect(cache.rtr).reset_query(2)), ["01181800c63364000000fbf1"]);
    cache.wait_for("which is made anew");
}

#[test]
fn a_directory_without_room_shows_and_routers_are_served() {
    let site = StateSite::new(&[]);
    site.0.put("rpki.json", &large_document(60_000, 1));
    let socket = site.0.path("control").display().to_string();
    let mut cache = site.start(&["--state-max", "1", "--control", &socket]);
    let line = cache.wait_for("can't be written, routers are served as before");
    assert!(line.contains("it would take more than 1 MiB (--state-max)"), "{line}");
    assert_eq!(cache.metric(&site.metric("kept")), Some(0));
    let (code, status, _) = run(&["ctl", "status", "--control", &socket]);
    assert_eq!(code, 0);
    assert!(status.contains("not kept, failing for") && status.contains("(--state-max)"), "{status}");
    assert_eq!(Router::connect(cache.rtr).reset_query(2).payload.len(), 60_000);
    let octets: u64 = site.names().iter().map(|name| fs::metadata(site.file(name)).unwrap().len()).sum();
    assert!(octets <= 1024 * 1024, "{octets}");
}

#[test]
fn the_record_of_changes_says_when_and_why_in_one_line() {
    let site = StateSite::new(&[A, B]);
    let socket = site.0.path("control").display().to_string();
    let mut cache = site.start(&["--control", &socket]);
    cache.wait_for_metric(&site.metric("snapshots_total"), 1);
    site.put(&[A]);
    let line = cache.wait_for("+0 -1 VRPs");
    let serial = line.split("serial ").nth(1).unwrap().split(' ').next().unwrap();
    let wanted = format!("serial {serial}  withdrawn  198.51.100.0/24-24 AS64497: {} has it no more", site.source());
    for (order, place) in [
        (vec!["changes", "198.51.100.0/25", "--state"], site.directory()),
        (vec!["ctl", "changes", "AS64497", "--control"], socket.clone()),
    ] {
        let order = [order, vec![place.as_str()]].concat();
        let (code, text, error) = run(&order);
        assert_eq!((code, error.as_str()), (0, ""));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert!(lines[0].contains(&wanted), "{text} instead of {wanted}");
        assert!(lines[1].starts_with("1 change of "), "{text}");
    }
    let (_, text, _) = run(&["changes", "10.0.0.0/8", "--state", &site.directory()]);
    assert!(text.starts_with("no change of 10.0.0.0/8 since "), "{text}");
    let (_, json, _) = run(&["changes", "--state", &site.directory(), "--json"]);
    let list: serde_json::Value = serde_json::from_str(&json).unwrap();
    let change = &list["changes"][0];
    assert_eq!((&change["action"], &change["type"]), (&"withdrawn".into(), &"vrp".into()));
    assert_eq!((&change["prefix"], &change["reason"]), (&"198.51.100.0/24".into(), &"source".into()));
    let (code, _, error) = run(&["ctl", "changes", "--since", "never", "--control", &socket]);
    assert_eq!(code, 2);
    assert!(error.contains("not a time such as"), "{error}");
    // Also after the end, and across a start.
    stop(&mut cache);
    site.put(&[A, B]);
    let mut cache = site.start(&["--control", &socket]);
    cache.wait_for("+1 -0 VRPs");
    let (_, text, _) = run(&["ctl", "changes", "AS64497", "--control", &socket]);
    let wanted = format!("announced  198.51.100.0/24-24 AS64497 (test): {} has it now", site.source());
    assert!(text.lines().nth(1).is_some_and(|line| line.contains(&wanted)), "{text}");
    assert!(!text.contains("missing"), "{text}");
}

#[test]
fn without_a_state_directory_changes_are_recorded_in_memory() {
    let site = StateSite::new(&[A, B]);
    let socket = site.0.path("control").display().to_string();
    let mut cache = Cache::start(site.source(), &["--control", &socket]);
    cache.wait_for("serial ");
    let (_, text, _) = run(&["ctl", "changes", "--control", &socket]);
    assert!(text.starts_with("no change since "), "{text}");
    site.put(&[A]);
    cache.wait_for("+0 -1 VRPs");
    let (_, text, _) = run(&["ctl", "changes", "--control", &socket]);
    assert!(text.contains("withdrawn  198.51.100.0/24-24 AS64497: "), "{text}");
}

#[test]
fn what_a_directory_has_is_shown_while_it_is_used() {
    let site = StateSite::new(&[A, B]);
    let _cache = site.start_kept();
    let (code, text, error) = run(&["state", &site.directory(), "--verify"]);
    assert_eq!((code, error.as_str()), (0, ""));
    assert!(text.contains("a start would serve serial ") && text.ends_with("all of it is whole\n"), "{text}");
    let mut octets = fs::read(site.file("snapshot")).unwrap();
    octets.truncate(100);
    fs::write(site.file("snapshot"), octets).unwrap();
    let (code, text, error) = run(&["state", &site.directory(), "--verify"]);
    assert_eq!(code, 3, "{text}");
    assert!(error.contains("snapshot: its end is missing"), "{error}");
    assert_eq!(run(&["state", "/nowhere"]).0, 3);
}
