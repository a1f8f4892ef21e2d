//! The formats of the log: JSON for programs, prefixes for the journal, and text.

use crate::cache::{Cache, Folder, large_document, run};
use crate::router::Router;
use serde_json::Value;
use std::process::Command;

const ERROR_REPORT_V1: &str = "01 0A 0007 00000015 00000000 00000005 61 1b 62 0a 63";

/// Waits for an event; its members.
fn wait_for(cache: &mut Cache, event: &str) -> Value {
    let line = cache.wait_for(&format!("\"event\":\"{event}\""));
    serde_json::from_str(&line).unwrap()
}

#[test]
fn a_run_in_json() {
    let folder = Folder::new();
    let source = folder.put("rpki.json", &large_document(12_000, 1));
    let name = source.to_str().unwrap();
    let config = folder.put(
        "rtrcast.toml",
        format!("source = \"{name}\"\nlog-format = \"json\"\npeer = [\"127.0.0.1,name=edge1\"]\n").as_bytes(),
    );
    let mut cache = Cache::configured(config.to_str().unwrap(), &[]);

    let published = wait_for(&mut cache, "data_published");
    assert_eq!((&published["level"], &published["origin"]), (&"info".into(), &name.into()));
    assert_eq!((&published["vrps_ipv4"], &published["aspas"]), (&12_000.into(), &0.into()));
    assert!(published["read_seconds"].is_number() && published["announced"].is_null(), "{published}");
    let serial = published["serial"].as_u64().unwrap();
    let message = published["message"].as_str().unwrap();
    let wanted =
        format!("{name}: serial {serial} is 12000 VRPs (12000 IPv4, 0 IPv6), 0 router keys, 0 ASPAs, read in ");
    assert!(message.starts_with(&wanted), "{message}");
    let time = published["time"].as_str().unwrap();
    assert!(time.len() == "2026-11-30T05:02:59.000042Z".len() && time.ends_with('Z'), "{time}");

    let mut router = Router::connect(cache.rtr);
    assert_eq!(router.reset_query(1).payload.len(), 12_000);
    let negotiated = wait_for(&mut cache, "router_negotiated");
    assert_eq!((&negotiated["router"], &negotiated["protocol_version"]), (&"edge1".into(), &1.into()));
    assert_eq!(negotiated["listener"], format!("tcp://{}", cache.rtr));
    assert_eq!(
        (&negotiated["transport"], &negotiated["address"]),
        (&"tcp".into(), &router.address().to_string().into())
    );
    let answered = wait_for(&mut cache, "router_answered");
    assert_eq!((&answered["response"], &answered["serial"]), (&"full".into(), &serial.into()));
    router.send(ERROR_REPORT_V1);
    let report = wait_for(&mut cache, "error_report_received");
    assert_eq!((&report["level"], &report["code"], &report["router"]), (&"warn".into(), &7.into(), &"edge1".into()));
    // Text of peers is escaped, in the message as in the field.
    assert_eq!(report["text"], r"a\x1bb\nc");
    assert!(report["message"].as_str().unwrap().contains(r"a\x1bb\nc"), "{report}");

    folder.put("rpki.json", b"{ \"roas\": [");
    let failed = wait_for(&mut cache, "source_failed");
    assert_eq!((&failed["source"], &failed["serial"]), (&name.into(), &serial.into()));
    assert_eq!(failed["effect"], format!("serial {serial} stays served"));

    folder.put("rpki.json", &large_document(10, 1));
    let held = wait_for(&mut cache, "loss_held");
    assert_eq!((&held["level"], &held["hold_seconds"]), (&"error".into(), &3_600.into()));
    let loss = &held["losses"][0];
    assert_eq!((&loss["of"], &loss["had"], &loss["lost"]), (&"VRPs".into(), &12_000.into(), &11_990.into()));

    folder.put("rtrcast.toml", b"sourcee = 1\n");
    cache.signal("HUP");
    let refused = wait_for(&mut cache, "reload_refused");
    assert!(refused["reason"].as_str().unwrap().contains("unknown key \"sourcee\""), "{refused}");
    assert_eq!(wait_for(&mut cache, "refreshing")["asked_by"], "SIGHUP");

    cache.signal("TERM");
    assert_eq!(wait_for(&mut cache, "stopping")["asked_by"], "SIGTERM");
    wait_for(&mut cache, "stopped");
    assert_eq!(cache.exit_code(), 0);
    // Each line is an object, and nothing else is written.
    for line in cache.log() {
        let members: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(["time", "level", "event", "message"].iter().all(|name| members[name].is_string()), "{line}");
    }
}

#[test]
fn an_error_that_ends_the_program_is_an_event() {
    let (folder, taken) = (Folder::new(), std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    let source = folder.put("rpki.json", &large_document(1, 1));
    let listen = taken.local_addr().unwrap().to_string();
    let (code, _, log) = run(&["serve", source.to_str().unwrap(), "--listen", &listen, "--log-format", "json"]);
    assert_eq!(code, 4);
    let event: Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
    assert_eq!((&event["event"], &event["level"]), (&"failed".into(), &"error".into()));
    assert!(event["reason"].as_str().unwrap().contains("the address is in use"), "{event}");
}

/// The program as systemd starts it, with this as the stream to the journal, as a shell reads it.
fn with_stream(stream: &str) -> Command {
    let mut shell = Command::new("sh");
    let run = format!("JOURNAL_STREAM={stream} exec \"$0\" \"$@\"");
    shell.args(["-c", &run, env!("CARGO_BIN_EXE_rtrcast")]);
    shell
}

#[test]
fn the_journal_gets_levels_as_prefixes_and_no_time() {
    let folder = Folder::new();
    let source = folder.put("rpki.json", &large_document(1, 1));
    let mut cache = Cache::run(with_stream("$(stat -L -c %d:%i /dev/stderr)"), &source, &[]);
    let line = cache.wait_for("serial ");
    assert!(line.starts_with(&format!("<6>{}: serial ", source.display())), "{line}");
    folder.put("rpki.json", b"{ \"roas\": [");
    let line = cache.wait_for("stays served");
    assert!(line.starts_with(&format!("<4>{}: ", source.display())), "{line}");
    assert!(cache.log().iter().all(|line| line.starts_with('<')), "{:?}", cache.seen);
}

#[test]
fn whoever_is_not_the_journal_gets_text() {
    let folder = Folder::new();
    let source = folder.put("rpki.json", &large_document(1, 1));
    // Standard error was redirected since systemd connected it.
    let mut cache = Cache::run(with_stream("1:2"), &source, &[]);
    assert!(cache.wait_for("serial ").contains("Z  INFO "));
    let mut cache = Cache::run(with_stream("$(stat -L -c %d:%i /dev/stderr)"), &source, &["--log-format", "text"]);
    assert!(cache.wait_for("serial ").contains("Z  INFO "));
    let mut cache = Cache::start(&source, &["--log-format", "journal"]);
    assert!(cache.wait_for("serial ").starts_with("<6>"));
}
