//! SLURM files: strict at the start, kept while they are broken, applied before serials are counted.

use crate::cache::{Cache, Folder, document, run};
use crate::router::Router;

/// A file of version 1 with these filters and assertions of prefixes.
fn slurm(filters: &str, assertions: &str) -> Vec<u8> {
    format!(
        r#"{{ "slurmVersion": 1,
  "validationOutputFilters": {{ "prefixFilters": [{filters}], "bgpsecFilters": [] }},
  "locallyAddedAssertions": {{ "prefixAssertions": [{assertions}], "bgpsecAssertions": [] }} }}"#
    )
    .into_bytes()
}

fn data(folder: &Folder) -> String {
    let vrps = [(1, "10.0.0.0/8", 8), (2, "10.1.0.0/16", 16), (3, "192.0.2.0/24", 24)];
    folder.put("rpki.json", &document(&vrps)).to_str().unwrap().to_owned()
}

/// The AS numbers of the VRPs that a response has.
fn asns(payload: &[Vec<u8>]) -> Vec<u8> {
    let mut asns: Vec<u8> = payload.iter().map(|pdu| pdu[19]).collect();
    asns.sort_unstable();
    asns
}

#[test]
fn sl_08_filters_and_assertions_are_applied_before_serials_are_counted() {
    let folder = Folder::new();
    let source = data(&folder);
    let path =
        folder.put("local.slurm", &slurm(r#"{ "prefix": "10.1.0.0/16" }"#, r#"{ "asn": 9, "prefix": "10.1.0.0/16" }"#));
    let mut cache = Cache::start(&source, &["--slurm", path.to_str().unwrap()]);
    cache.wait_for(" is 3 VRPs");
    let mut router = Router::connect(cache.rtr);
    let first = router.reset_query(1);
    assert_eq!(asns(&first.payload), [1, 3, 9]);
    assert_eq!(cache.metric("rtrcast_slurm_entries{type=\"filters\"}"), Some(1));

    // The file alone changes: one new serial, and the delta says it.
    folder.put("local.slurm", &slurm(r#"{ "asn": 3 }"#, ""));
    cache.wait_for("SLURM: serial");
    router.notify();
    router.serial_query(1, first.session, first.serial);
    let change = router.response();
    assert_eq!(change.serial, first.serial.wrapping_add(1));
    let mut said: Vec<(u8, u8)> = change.payload.iter().map(|pdu| (pdu[8], pdu[19])).collect();
    said.sort_unstable();
    assert_eq!(said, [(0, 3), (0, 9), (1, 2)]);
}

#[test]
fn sl_06_nothing_of_a_file_with_a_mistake_is_in_effect() {
    let folder = Folder::new();
    let source = data(&folder);
    let path = folder.put("local.slurm", &slurm(r#"{ "asn": 3 }, { "prefx": "10.0.0.0/8" }"#, ""));
    let path = path.to_str().unwrap();
    let (code, _, error) = run(&["serve", &source, "--slurm", path, "--listen", "127.0.0.1:0", "--http", "off"]);
    assert_eq!(code, 3);
    assert_eq!(
        error,
        format!(
            "rtrcast: {path}: line 2: validationOutputFilters.prefixFilters[1]: unknown member \"prefx\"; did you mean \
             \"prefix\"?\n"
        )
    );
    let (code, _, error) = run(&["serve", &source, "--slurm", "/nowhere/local.slurm", "--listen", "127.0.0.1:0"]);
    assert_eq!((code, error.as_str()), (3, "rtrcast: /nowhere/local.slurm: there is no such file or directory\n"));
}

#[test]
fn sl_11_a_file_that_turns_bad_leaves_the_last_good_one_in_force() {
    let folder = Folder::new();
    let source = data(&folder);
    let path = folder.put("local.slurm", &slurm(r#"{ "asn": 3 }"#, ""));
    let mut cache = Cache::start(&source, &["--slurm", path.to_str().unwrap()]);
    cache.wait_for(" is 2 VRPs");
    folder.put("local.slurm", b"{}");
    let line = cache.wait_for("its last good content stays in effect");
    assert!(line.contains(" WARN ") && line.contains("refused for these mistakes"), "{line}");
    assert!(cache.log().iter().any(|line| line.contains("no \"slurmVersion\"")), "{:#?}", cache.seen);
    assert_eq!(cache.metric(&format!("rtrcast_source_healthy{{path=\"{}\"}}", path.display())), Some(0));
    // A refresh with it changes nothing either.
    cache.signal("HUP");
    cache.wait_for("the configuration stays as it is");
    cache.wait_for("rpki.json: read in");
    assert_eq!(asns(&Router::connect(cache.rtr).reset_query(1).payload), [1, 2]);
    folder.put("local.slurm", &slurm("", ""));
    cache.wait_for(" is 3 VRPs");
}

#[test]
fn files_that_speak_of_the_same_are_refused_unless_that_is_wanted() {
    let folder = Folder::new();
    let source = data(&folder);
    let first = folder.put("a.slurm", &slurm(r#"{ "prefix": "10.0.0.0/8" }"#, ""));
    let second = folder.put("b.slurm", &slurm("", r#"{ "asn": 9, "prefix": "10.1.0.0/16" }"#));
    let both = ["--slurm", first.to_str().unwrap(), "--slurm", second.to_str().unwrap()];
    let (code, _, error) = run(&[&["serve", &source], &both[..]].concat());
    assert_eq!(code, 3);
    for words in [first.to_str().unwrap(), second.to_str().unwrap(), "10.0.0.0/8", "10.1.0.0/16"] {
        assert!(error.contains(words), "{error}");
    }
    let mut cache = Cache::start(&source, &[&both[..], &["--slurm-allow-overlaps"]].concat());
    cache.wait_for("serial ");
    assert_eq!(asns(&Router::connect(cache.rtr).reset_query(1).payload), [3, 9]);

    // They come to overlap while the cache runs: the last good ones stay.
    folder.put("a.slurm", &slurm(r#"{ "prefix": "192.0.2.0/24" }"#, ""));
    drop(cache);
    let mut cache = Cache::start(&source, &both);
    cache.wait_for("serial ");
    folder.put("a.slurm", &slurm(r#"{ "prefix": "10.0.0.0/8" }"#, ""));
    let line = cache.wait_for("the SLURM files do not go together");
    assert!(line.contains("the last good ones stay in effect"), "{line}");
    assert_eq!(cache.metric("rtrcast_slurm_in_force"), Some(0));
    assert_eq!(asns(&Router::connect(cache.rtr).reset_query(1).payload), [1, 2, 9]);
}

#[test]
fn aspas_are_filtered_and_added() {
    let folder = Folder::new();
    let aspas = r#"{"customer_asid":1,"providers":[2]},{"customer_asid":5,"providers":[6]}"#;
    let source = folder.put("rpki.json", format!(r#"{{"aspas":[{aspas}]}}"#).as_bytes());
    let document = r#"{ "slurmVersion": 2,
        "validationOutputFilters": { "prefixFilters": [], "bgpsecFilters": [], "aspaFilters": [{ "customerAsn": 5 }] },
        "locallyAddedAssertions": { "prefixAssertions": [], "bgpsecAssertions": [],
            "aspaAssertions": [{ "customerAsn": 1, "providerAsns": [3] }] } }"#;
    let path = folder.put("local.slurm", document.as_bytes());
    let mut cache = Cache::start(&source, &["--slurm", path.to_str().unwrap()]);
    cache.wait_for("serial ");
    let payload = Router::connect(cache.rtr).reset_query(2).payload;
    assert_eq!(payload.len(), 1);
    assert_eq!(payload[0][8..], [0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3], "the union of what is there and what is added");

    // What Routinator 0.15 and RTRTR call it is another dialect.
    let lenient = document.replace("customerAsn", "customerAsid");
    let path = folder.put("lenient.slurm", lenient.as_bytes());
    let path = path.to_str().unwrap();
    let (code, _, error) = run(&["check", path]);
    assert_eq!((code, error.as_str()), (3, "rtrcast: 2 mistakes\n"));
    let (code, text, _) = run(&["check", path, "--slurm-lenient"]);
    assert_eq!((code, text), (0, format!("{path}: SLURM with 1 filter and 1 assertion, all well\n")));
}

#[test]
fn sl_06_of_several_files_none_is_in_effect_before_all_are_read() {
    let folder = Folder::new();
    let source = data(&folder);
    let first = folder.put("a.slurm", &slurm(r#"{ "asn": 1 }"#, ""));
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = |slurm: &str| format!("source = \"{source}\"\nslurm = [{slurm}]\n");
    let path = folder.put("rtrcast.toml", config("").as_bytes());
    let mut cache = Cache::configured(path.to_str().unwrap(), &[]);
    cache.wait_for(" is 3 VRPs");
    let both = format!("\"{}\", \"http://{nowhere}/b.slurm\"", first.display());
    folder.put("rtrcast.toml", config(&both).as_bytes());
    cache.signal("HUP");
    let line = cache.wait_for("SLURM stays as it was until all of it is read");
    assert!(line.ends_with(&format!("missing: http://{nowhere}/b.slurm")), "{line}");
    cache.wait_for("SLURM stays as it was until it is read");
    assert_eq!(cache.metric("rtrcast_slurm_in_force"), Some(0));
    assert_eq!(asns(&Router::connect(cache.rtr).reset_query(1).payload), [1, 2, 3]);
    // Without the URL the file counts.
    folder.put("rtrcast.toml", config(&format!("\"{}\"", first.display())).as_bytes());
    cache.signal("HUP");
    cache.wait_for(" is 2 VRPs");
    assert_eq!(cache.metric("rtrcast_slurm_in_force"), Some(1));
}
