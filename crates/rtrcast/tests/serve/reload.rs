//! The configuration file: read again at SIGHUP, while routers stay.

use crate::cache::{Cache, Folder, PATIENCE, document, run};
use crate::router::Router;
use std::time::Instant;

fn asns(router: &mut Router) -> Vec<u8> {
    let mut asns: Vec<u8> = router.reset_query(1).payload.iter().map(|pdu| pdu[19]).collect();
    asns.sort_unstable();
    asns
}

/// Two sources, and a configuration with the first.
fn setting() -> (Folder, String) {
    let folder = Folder::new();
    folder.put("a.json", &document(&[(1, "10.0.0.0/8", 8)]));
    folder.put("b.json", &document(&[(2, "10.0.0.0/8", 8)]));
    let path = configure(&folder, "source = \"DIR/a.json\"\n");
    (folder, path)
}

fn configure(folder: &Folder, text: &str) -> String {
    let text = text.replace("DIR", folder.path("").to_str().unwrap().trim_end_matches('/'));
    folder.put("rtrcast.toml", text.as_bytes()).to_str().unwrap().to_owned()
}

#[test]
fn sighup_reads_the_file_again_and_routers_stay_connected() {
    let (folder, path) = setting();
    let mut cache = Cache::configured(&path, &[]);
    cache.wait_for("serial ");
    let mut router = Router::connect(cache.rtr);
    assert_eq!(asns(&mut router), [1]);

    configure(&folder, "source = [\"DIR/a.json\", \"DIR/b.json\"]\nrtr-expire = 9000\n");
    cache.signal("HUP");
    cache.wait_for(": +1 -0 VRPs");
    router.notify();
    let response = router.reset_query(1);
    assert_eq!(response.payload.len(), 2);
    assert_eq!(response.end[20..24], 9_000_u32.to_be_bytes(), "the new Expire Interval, on the old connection");

    // Another source takes the place of both: the data stay until it has some.
    configure(&folder, "source = \"DIR/b.json\"\n");
    cache.signal("HUP");
    cache.wait_for("+0 -1 VRPs");
    // Queries that come while the session is being told of the new set may still be answered with the one before.
    let deadline = Instant::now() + PATIENCE;
    while asns(&mut router) != [2] {
        assert!(Instant::now() < deadline, "the set before is still served");
    }
    let (status, text) = cache.get("/metrics");
    assert_eq!(status, 200);
    assert!(
        !text.contains(
            "rtrcast_source_served{path=\"DIR/a.json\"}"
                .replace("DIR", folder.path("").to_str().unwrap().trim_end_matches('/'))
                .as_str()
        )
    );
    assert_eq!(cache.metric("rtrcast_reloads_total{outcome=\"applied\"}"), Some(2));
}

#[test]
fn a_wrong_file_changes_nothing() {
    let (folder, path) = setting();
    let socket = folder.path("control").to_str().unwrap().to_owned();
    let mut cache = Cache::configured(&path, &["--control", &socket]);
    cache.wait_for("serial ");
    let mut router = Router::connect(cache.rtr);
    assert_eq!(asns(&mut router), [1]);
    for (text, complaint) in [
        (
            "source = \"DIR/b.json\"\nmergee = \"first\"\n",
            "rtrcast.toml:2: unknown key \"mergee\"; did you mean \"merge\"?",
        ),
        ("source = [\n", "not TOML"),
        ("", "there is no source"),
        ("source = \"DIR/b.json\"\nslurm = \"DIR/none.slurm\"\n", "none.slurm: there is no such file"),
        (
            "source = \"DIR/b.json\"\nrtr-expire = 700\n",
            "rtrcast.toml:2: rtr-refresh, rtr-retry, rtr-expire: expire (700 s)",
        ),
    ] {
        configure(&folder, text);
        cache.signal("HUP");
        let line = cache.wait_for("ERROR");
        assert!(line.contains("the configuration stays as it is") && line.contains(complaint), "{line}");
        let (_, status, _) = run(&["ctl", "status", "--control", &socket]);
        let (_, refused) = status.split_once("\nconfiguration: reload refused ").expect(&status);
        let (_, errors) = refused.split_once(" ago, the one before is in effect\n  ").expect(&status);
        assert!(errors.contains(complaint), "{status}");
    }
    std::fs::remove_file(&path).unwrap();
    cache.signal("HUP");
    cache.wait_for("ERROR");
    cache.wait_for("a.json: read in");
    assert_eq!(asns(&mut router), [1]);
    assert_eq!(cache.metric("rtrcast_reloads_total{outcome=\"refused\"}"), Some(6));
    // A reload that is applied takes the refusal out of the status.
    configure(&folder, "source = \"DIR/b.json\"\n");
    cache.signal("HUP");
    cache.wait_for("SIGHUP: the configuration is applied");
    let (_, status, _) = run(&["ctl", "status", "--control", &socket]);
    assert!(!status.contains("configuration:"), "{status}");
}

#[test]
fn a_change_that_needs_a_restart_is_logged() {
    let (folder, _) = setting();
    let path = configure(&folder, "source = \"DIR/a.json\"\ncontrol = \"DIR/first\"\n");
    let mut cache = Cache::configured(&path, &[]);
    cache.wait_for("serial ");
    configure(&folder, "source = \"DIR/b.json\"\ncontrol = \"DIR/control\"\n");
    cache.signal("HUP");
    let line = cache.wait_for("WARN");
    assert!(line.ends_with("a restart is needed for what changed of: control"), "{line}");
    cache.wait_for(": +1 -1 VRPs");
    cache.wait_for_metric("rtrcast_reloads_total{outcome=\"applied\"}", 1);
    assert_eq!(Router::connect(cache.rtr).reset_query(2).payload.len(), 1);
    let (_, status, _) = run(&["ctl", "status", "--control", folder.path("first").to_str().unwrap()]);
    assert!(status.contains("\nconfiguration: a restart is needed for control\n"), "{status}");
}

#[test]
fn a_flag_overrides_the_file() {
    let (folder, path) = setting();
    let other = folder.path("b.json");
    let mut cache = Cache::configured(&path, &[other.to_str().unwrap()]);
    cache.wait_for("serial ");
    assert_eq!(asns(&mut Router::connect(cache.rtr)), [2]);
}

#[test]
fn a_wrong_file_at_the_start_is_exit_code_3() {
    let (folder, path) = setting();
    configure(&folder, "source = \"DIR/a.json\"\n\nlisten = \"8282\"\n");
    let (code, _, error) = run(&["serve", "--config", &path]);
    assert_eq!(code, 3);
    assert!(error.starts_with(&format!("rtrcast: {path}:3: invalid value '8282' for '--listen")), "{error}");
    let (code, text, error) = run(&["check", &path]);
    assert_eq!((code, error.as_str()), (3, "rtrcast: 1 mistake\n"));
    assert!(text.starts_with(&format!("{path}:3: invalid value")), "{text}");
}
