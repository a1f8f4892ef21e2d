//! SLURM files with mistakes: all are told at once, and what a lenient reader accepts is named.

use crate::cache::{Cache, Folder, document, run, without_spans};
use expect_test::{Expect, expect};

/// Host bits twice, and an AS number in quotes.
const TWO_KINDS: &[u8] = br#"{"slurmVersion":1,"validationOutputFilters":{"prefixFilters":[],"bgpsecFilters":[]},
"locallyAddedAssertions":{"prefixAssertions":[
{"asn":64496,"prefix":"192.0.2.164/27"},
{"asn":64496,"prefix":"198.51.100.164/27"},
{"asn":"64496","prefix":"203.0.113.0/27"}],"bgpsecAssertions":[]}}"#;

/// As it is written without thinking of BGPsec.
const NO_BGPSEC: &[u8] = br#"{
  "slurmVersion": 1,
  "validationOutputFilters": { "prefixFilters": [] },
  "locallyAddedAssertions": {
    "prefixAssertions": [ { "asn": 64496, "prefix": "192.0.2.1/32", "maxPrefixLength": 32, "comment": "a host" } ]
  }
}"#;

/// As a program writes it whose empty lists are null.
const NULLS: &[u8] = br#"{"slurmVersion":1,"validationOutputFilters":{"prefixFilters":null,"bgpsecFilters":null},
"locallyAddedAssertions":{"prefixAssertions":[{"asn":64496,"prefix":"192.0.2.0/24","comment":""}],"bgpsecAssertions":null}}"#;

const EMPTY: &[u8] = br#"{"slurmVersion":1,"validationOutputFilters":{"prefixFilters":[],"bgpsecFilters":[]},
"locallyAddedAssertions":{"prefixAssertions":[],"bgpsecAssertions":[]}}"#;

fn text(path: &std::path::Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// What a command ends with and says, without the folder's name.
fn outcome(folder: &Folder, arguments: &[&str], expect: &Expect) {
    let (code, said, error) = run(arguments);
    let said = without_spans(&format!("{code}\n{said}{error}").replace(&text(&folder.path("")), ""));
    expect.assert_eq(&said);
}

#[test]
fn all_mistakes_of_all_files_are_reported_at_once() {
    let folder = Folder::new();
    let data = text(&folder.put("rpki.json", &document(&[(1, "10.0.0.0/8", 8)])));
    let (two, none) = (text(&folder.put("two.slurm", TWO_KINDS)), text(&folder.put("none.slurm", b"{}")));
    let refused = expect![[r#"
        3
        rtrcast: two.slurm: line 3: locallyAddedAssertions.prefixAssertions[0].prefix: "192.0.2.164/27" has bits beyond its length; did you mean 192.0.2.160/27?
        rtrcast: two.slurm: line 4: locallyAddedAssertions.prefixAssertions[1].prefix: "198.51.100.164/27" has bits beyond its length; did you mean 198.51.100.160/27?
        rtrcast: two.slurm: line 5: locallyAddedAssertions.prefixAssertions[2].asn: "64496" instead of a number; did you mean 64496?
        rtrcast: none.slurm: line 1, column 1: no "slurmVersion"; add "slurmVersion": 1, or 2 for a file with lists of ASPAs
        rtrcast: none.slurm: line 1, column 1: no "validationOutputFilters"; add "validationOutputFilters": {"prefixFilters": [], "bgpsecFilters": []}, or use --slurm-lenient, which reads it as empty
        rtrcast: none.slurm: line 1, column 1: no "locallyAddedAssertions"; add "locallyAddedAssertions": {"prefixAssertions": [], "bgpsecAssertions": []}, or use --slurm-lenient, which reads it as empty
    "#]];
    outcome(&folder, &["serve", &data, "--slurm", &two, "--slurm", &none, "--http", "off"], &refused);
    let checked = expect![[r#"
        3
        two.slurm: line 3: locallyAddedAssertions.prefixAssertions[0].prefix: "192.0.2.164/27" has bits beyond its length; did you mean 192.0.2.160/27?
        two.slurm: line 4: locallyAddedAssertions.prefixAssertions[1].prefix: "198.51.100.164/27" has bits beyond its length; did you mean 198.51.100.160/27?
        two.slurm: line 5: locallyAddedAssertions.prefixAssertions[2].asn: "64496" instead of a number; did you mean 64496?
        none.slurm: line 1, column 1: no "slurmVersion"; add "slurmVersion": 1, or 2 for a file with lists of ASPAs
        none.slurm: line 1, column 1: no "validationOutputFilters"; add "validationOutputFilters": {"prefixFilters": [], "bgpsecFilters": []}, or use --slurm-lenient, which reads it as empty
        none.slurm: line 1, column 1: no "locallyAddedAssertions"; add "locallyAddedAssertions": {"prefixAssertions": [], "bgpsecAssertions": []}, or use --slurm-lenient, which reads it as empty
        rtrcast: 6 mistakes
    "#]];
    outcome(&folder, &["check", &two, &none], &checked);
    let config = format!("source = \"{data}\"\nslurm = [\"{two}\", \"{none}\"]\n");
    let config = text(&folder.put("rtrcast.toml", config.as_bytes()));
    let checked = expect![[r#"
        3
        two.slurm: line 3: locallyAddedAssertions.prefixAssertions[0].prefix: "192.0.2.164/27" has bits beyond its length; did you mean 192.0.2.160/27?
        two.slurm: line 4: locallyAddedAssertions.prefixAssertions[1].prefix: "198.51.100.164/27" has bits beyond its length; did you mean 198.51.100.160/27?
        two.slurm: line 5: locallyAddedAssertions.prefixAssertions[2].asn: "64496" instead of a number; did you mean 64496?
        none.slurm: line 1, column 1: no "slurmVersion"; add "slurmVersion": 1, or 2 for a file with lists of ASPAs
        none.slurm: line 1, column 1: no "validationOutputFilters"; add "validationOutputFilters": {"prefixFilters": [], "bgpsecFilters": []}, or use --slurm-lenient, which reads it as empty
        none.slurm: line 1, column 1: no "locallyAddedAssertions"; add "locallyAddedAssertions": {"prefixAssertions": [], "bgpsecAssertions": []}, or use --slurm-lenient, which reads it as empty
        rtrcast: 6 mistakes
    "#]];
    outcome(&folder, &["check", &config], &checked);
}

#[test]
fn check_tells_all_mistakes() {
    let folder = Folder::new();
    let entries = [r#"{"asn": -1}"#; 30].join(",\n");
    let document = String::from_utf8(EMPTY.to_vec())
        .unwrap()
        .replace(r#""prefixFilters":[]"#, &format!("\"prefixFilters\":[\n{entries}]"));
    let many = text(&folder.put("many.slurm", document.as_bytes()));
    let (code, said, error) = run(&["check", &many]);
    assert_eq!((code, error.as_str()), (3, "rtrcast: 30 mistakes\n"));
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 30, "{said}");
    let last = "line 31: validationOutputFilters.prefixFilters[29].asn: -1 is not an AS number: a whole number up to 4294967295";
    assert_eq!(lines[29], format!("{many}: {last}"));
    let config = text(&folder.put("rtrcast.toml", format!("source = \"x.json\"\nslurm = \"{many}\"\n").as_bytes()));
    let (code, said_of_all, error) = run(&["check", &config]);
    assert_eq!((code, said_of_all, error.as_str()), (3, said, "rtrcast: 30 mistakes\n"));
}

#[test]
fn of_many_mistakes_the_log_has_the_first() {
    let folder = Folder::new();
    let data = text(&folder.put("rpki.json", &document(&[(1, "10.0.0.0/8", 8)])));
    let path = text(&folder.put("local.slurm", EMPTY));
    let mut cache = Cache::start(&data, &["--slurm", &path]);
    cache.wait_for("serial ");
    let entries = [r#"{"asn": -1}"#; 30].join(",\n");
    let bad = String::from_utf8(EMPTY.to_vec()).unwrap();
    folder.put(
        "local.slurm",
        bad.replace(r#""prefixFilters":[]"#, &format!("\"prefixFilters\":[\n{entries}]")).as_bytes(),
    );
    cache.wait_for("its last good content stays in effect");
    let lines = cache.log().iter().filter(|line| line.contains(" WARN ") && line.contains("local.slurm: "));
    let lines: Vec<&String> = lines.collect();
    assert_eq!(lines.len(), 22, "{lines:#?}");
    assert!(lines[19].contains("prefixFilters[19].asn: -1 is not an AS number"), "{}", lines[19]);
    assert!(lines[20].ends_with("local.slurm: and 10 more mistakes; `rtrcast check` prints all"), "{}", lines[20]);
}

#[test]
fn all_mistakes_are_logged_when_a_file_becomes_invalid() {
    let folder = Folder::new();
    let data = text(&folder.put("rpki.json", &document(&[(1, "10.0.0.0/8", 8)])));
    let path = text(&folder.put("local.slurm", EMPTY));
    let socket = text(&folder.path("control"));
    let mut cache = Cache::start(&data, &["--slurm", &path, "--control", &socket]);
    cache.wait_for("serial ");
    folder.put("local.slurm", TWO_KINDS);
    cache.wait_for("its last good content stays in effect");
    let told = |cache: &mut Cache, words: &str| {
        let lines = cache.log().iter().filter_map(|line| line.split_once(words));
        lines.map(|(_, line)| line.replace(&text(&folder.path("")), "")).collect::<Vec<_>>().join("\n")
    };
    expect![[r#"
        local.slurm: line 3: locallyAddedAssertions.prefixAssertions[0].prefix: "192.0.2.164/27" has bits beyond its length; did you mean 192.0.2.160/27?
        local.slurm: line 4: locallyAddedAssertions.prefixAssertions[1].prefix: "198.51.100.164/27" has bits beyond its length; did you mean 198.51.100.160/27?
        local.slurm: line 5: locallyAddedAssertions.prefixAssertions[2].asn: "64496" instead of a number; did you mean 64496?
        local.slurm: refused for these mistakes; its last good content stays in effect"#]].assert_eq(&told(&mut cache, " WARN "));
    let (_, status, _) = run(&["ctl", "status", "--control", &socket]);
    let slurm =
        status.split_once("slurm ").unwrap().1.split_once("listener ").unwrap().0.replace(&text(&folder.path("")), "");
    expect![[r#"
        local.slurm: failed; its last good content is in effect
          line 3: locallyAddedAssertions.prefixAssertions[0].prefix: "192.0.2.164/27" has bits beyond its length; did you mean 192.0.2.160/27?
          line 4: locallyAddedAssertions.prefixAssertions[1].prefix: "198.51.100.164/27" has bits beyond its length; did you mean 198.51.100.160/27?
          line 5: locallyAddedAssertions.prefixAssertions[2].asn: "64496" instead of a number; did you mean 64496?
    "#]].assert_eq(&slurm);
    // And each is a line when the configuration is read again.
    cache.signal("HUP");
    cache.wait_for("rpki.json: read in");
    expect![[r#"
        SIGHUP: the configuration stays as it is: local.slurm: line 3: locallyAddedAssertions.prefixAssertions[0].prefix: "192.0.2.164/27" has bits beyond its length; did you mean 192.0.2.160/27?
        SIGHUP: the configuration stays as it is: local.slurm: line 4: locallyAddedAssertions.prefixAssertions[1].prefix: "198.51.100.164/27" has bits beyond its length; did you mean 198.51.100.160/27?
        SIGHUP: the configuration stays as it is: local.slurm: line 5: locallyAddedAssertions.prefixAssertions[2].asn: "64496" instead of a number; did you mean 64496?"#]].assert_eq(&told(&mut cache, " ERROR "));
}

#[test]
fn what_a_lenient_reader_accepts_is_named() {
    let folder = Folder::new();
    let data = text(&folder.put("rpki.json", &document(&[(1, "10.0.0.0/8", 8)])));
    let files = [text(&folder.put("missing.slurm", NO_BGPSEC)), text(&folder.put("null.slurm", NULLS))];
    let checked = expect![[r#"
        3
        missing.slurm: line 3: validationOutputFilters: no "bgpsecFilters"; add "bgpsecFilters": [], or use --slurm-lenient, which reads it as empty
        missing.slurm: line 4: locallyAddedAssertions: no "bgpsecAssertions"; add "bgpsecAssertions": [], or use --slurm-lenient, which reads it as empty
        null.slurm: line 1: validationOutputFilters.prefixFilters: null instead of a list; write [], or use --slurm-lenient, which reads it as empty
        null.slurm: line 1: validationOutputFilters.bgpsecFilters: null instead of a list; write [], or use --slurm-lenient, which reads it as empty
        null.slurm: line 2: locallyAddedAssertions.bgpsecAssertions: null instead of a list; write [], or use --slurm-lenient, which reads it as empty
        rtrcast: 5 mistakes
    "#]];
    outcome(&folder, &["check", &files[0], &files[1]], &checked);
    let lenient = expect![[r#"
        0
        missing.slurm: SLURM with 0 filters and 1 assertion
        missing.slurm: note: a list that is missing or null is read as empty (--slurm-lenient); for a file that every program reads, add "bgpsecFilters": [] in "validationOutputFilters" (line 3), add "bgpsecAssertions": [] in "locallyAddedAssertions" (line 4)
        null.slurm: SLURM with 0 filters and 1 assertion
        null.slurm: note: a list that is missing or null is read as empty (--slurm-lenient); for a file that every program reads, write "prefixFilters": [] instead of null in "validationOutputFilters" (line 1), write "bgpsecFilters": [] instead of null in "validationOutputFilters" (line 1), write "bgpsecAssertions": [] instead of null in "locallyAddedAssertions" (line 2)
    "#]];
    outcome(&folder, &["check", &files[0], &files[1], "--slurm-lenient", "--slurm-allow-overlaps"], &lenient);
    let config = format!("source = \"{data}\"\nslurm = \"{}\"\nslurm-lenient = true\n", files[0]);
    let config = text(&folder.put("rtrcast.toml", config.as_bytes()));
    let checked = expect![[r#"
        0
        rtrcast.toml: note: missing.slurm: a list that is missing or null is read as empty (--slurm-lenient); for a file that every program reads, add "bgpsecFilters": [] in "validationOutputFilters" (line 3), add "bgpsecAssertions": [] in "locallyAddedAssertions" (line 4)
        rpki.json: 1 VRP (1 IPv4, 0 IPv6), 0 router keys, 0 ASPAs, made 0 s ago
        rpki.json: its only record would be served now, until 2032-01-01T00:00:00Z (in SPAN)
        rtrcast.toml: a configuration with 1 source and 1 SLURM file, all well
    "#]];
    outcome(&folder, &["check", &config], &checked);

    let mut cache = Cache::start(&data, &["--slurm", &files[0], "--slurm-lenient"]);
    let line = cache.wait_for(" WARN ").replace(&text(&folder.path("")), "");
    expect![[r#"missing.slurm: a list that is missing or null is read as empty (--slurm-lenient); for a file that every program reads, add "bgpsecFilters": [] in "validationOutputFilters" (line 3), add "bgpsecAssertions": [] in "locallyAddedAssertions" (line 4)"#]].assert_eq(line.split_once(" WARN ").unwrap().1);
    cache.wait_for(" is 2 VRPs");
    folder.put("missing.slurm", NULLS);
    let line = cache.wait_for(" WARN ").replace(&text(&folder.path("")), "");
    expect![[r#"missing.slurm: a list that is missing or null is read as empty (--slurm-lenient); for a file that every program reads, write "prefixFilters": [] instead of null in "validationOutputFilters" (line 1), write "bgpsecFilters": [] instead of null in "validationOutputFilters" (line 1), write "bgpsecAssertions": [] instead of null in "locallyAddedAssertions" (line 2)"#]].assert_eq(line.split_once(" WARN ").unwrap().1);
    assert_eq!(cache.metric("rtrcast_slurm_in_force"), Some(1));
    // Complete, it is as good as any, and no warning follows.
    folder.put("missing.slurm", EMPTY);
    cache.wait_for(" is 1 VRP");
    assert_eq!(cache.log().iter().filter(|line| line.contains(" WARN ")).count(), 2);
}
