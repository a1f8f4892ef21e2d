//! `rtrcast check`: what is wrong, and what SLURM would do.

use crate::cache::{Folder, document, program, run};
use std::fs::File;

#[test]
fn effects_of_each_filter_and_assertion() {
    let folder = Folder::new();
    let vrps = [(1, "10.0.0.0/8", 8), (2, "10.1.0.0/16", 16), (3, "192.0.2.0/24", 24)];
    let data = folder.put("rpki.json", &document(&vrps));
    let slurm = folder.put(
        "local.slurm",
        br#"{ "slurmVersion": 1, "validationOutputFilters": { "prefixFilters": [
  { "prefix": "10.0.0.0/8" },
  { "asn": 7 }
], "bgpsecFilters": [] }, "locallyAddedAssertions": { "prefixAssertions": [
  { "asn": 3, "prefix": "192.0.2.0/24" },
  { "asn": 9, "prefix": "198.51.100.0/24" }
], "bgpsecAssertions": [] } }"#,
    );
    let (code, text, error) = run(&["check", slurm.to_str().unwrap(), "--source", data.to_str().unwrap()]);
    assert_eq!((code, error.as_str()), (0, ""));
    let text = text.replace(folder.path("").to_str().unwrap(), "");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "local.slurm: SLURM with 2 filters and 2 assertions, all well");
    assert!(lines[1].starts_with("rpki.json: 3 VRPs (3 IPv4, 0 IPv6), 0 router keys, 0 ASPAs, made "), "{text}");
    assert!(
        lines[2].starts_with("rpki.json: all 3 records would be served now, until 2032-01-01T00:00:00Z (in "),
        "{text}"
    );
    assert_eq!(
        lines[3..],
        [
            "local.slurm:2: filter of VRPs in 10.0.0.0/8: removes 2: 10.1.0.0/16-16 AS2, 10.0.0.0/8-8 AS1",
            "local.slurm:3: filter of VRPs of AS7: matches nothing",
            "local.slurm:5: assertion of VRP 192.0.2.0/24-24 AS3: there already",
            "local.slurm:6: assertion of VRP 198.51.100.0/24-24 AS9: added",
        ]
    );
}

#[test]
fn files_of_any_kind_are_distinguished_and_each_mistake_is_counted() {
    let folder = Folder::new();
    let name = |path: std::path::PathBuf| path.to_str().unwrap().to_owned();
    let files = [
        name(folder.put("good.json", &document(&[(1, "10.0.0.0/8", 8)]))),
        name(
            folder.put("part.json", br#"{"roas":[{"asn":1,"prefix":"10.0.0.0/8"},{"asn":-1,"prefix":"10.0.0.0/8"}]}"#),
        ),
        name(folder.put("broken.json", br#"{"roas":["#)),
        name(folder.put("empty.json", b"{}")),
        name(folder.put("wrong.slurm", br#"{"slurmVersion":3}"#)),
        name(folder.path("missing.json")),
    ];
    let arguments: Vec<&str> = ["check"].into_iter().chain(files.iter().map(String::as_str)).collect();
    let (code, text, error) = run(&arguments);
    assert_eq!((code, error.as_str()), (3, "rtrcast: 7 mistakes\n"));
    let text = text.replace(folder.path("").to_str().unwrap(), "");
    for line in [
        "part.json: 1 of 2 entries left out: roas[1]: asn is invalid: -1",
        "broken.json: truncated: the file ends at byte 9 (line 1) before it is complete, perhaps since it is still being written",
        "empty.json: JSON without VRPs (\"roas\"), router keys or ASPAs: not the output of a validator, and no SLURM (\"slurmVersion\")",
        "wrong.slurm: line 1: slurmVersion: ",
        "missing.json: there is no such file or directory",
    ] {
        assert!(text.contains(line), "no \"{line}\" in {text}");
    }
    assert!(text.starts_with("good.json: 1 VRP"), "{text}");
}

#[test]
fn a_configuration_is_checked_with_its_slurm_files() {
    let folder = Folder::new();
    let slurm = folder.put("local.slurm", br#"{"slurmVersion":1}"#);
    let text = format!("source = \"rpki.json\"\nslurm = \"{}\"\n", slurm.display());
    let path = folder.put("rtrcast.toml", text.as_bytes());
    let (code, text, _) = run(&["check", path.to_str().unwrap()]);
    assert_eq!(code, 3);
    assert!(text.contains("local.slurm: line 1, column 1: no \"validationOutputFilters\""), "{text}");
    let path = folder.put("rtrcast.toml", b"source = \"rpki.json\"\n");
    let (code, text, _) = run(&["check", path.to_str().unwrap()]);
    let name = path.display();
    assert_eq!(
        (code, text),
        (
            0,
            format!(
                "{name}: note: rpki.json is not there yet\n\
                 {name}: a configuration with 1 source and 0 SLURM files, all well\n"
            )
        )
    );
    let path = folder.put(
        "rtrcast.toml",
        b"source = [{ at = \"https://x.example/\", ca = \"/nowhere/ca.pem\" }]\ncontrol = \"/nowhere/socket\"\n",
    );
    let (code, text, _) = run(&["check", path.to_str().unwrap()]);
    assert_eq!(code, 3);
    assert!(text.contains("https://x.example/: can't read the authorities' certificates: /nowhere/ca.pem"), "{text}");
    assert!(text.contains("control: there is no directory /nowhere; make it, or name another path\n"), "{text}");
}

#[test]
fn the_examples_are_well() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_rtrcast"))
        .args(["check", "examples/rtrcast.toml", "examples/local.slurm", "--source", "examples/rpki.json"])
        .current_dir(root)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    assert!(text.contains("removes 1: 203.0.113.0/24-24 AS64499"), "{text}");
}

#[cfg(target_os = "linux")]
#[test]
fn output_that_can_t_be_written_is_a_failure() {
    let folder = Folder::new();
    let data = folder.put("rpki.json", &document(&[(1, "10.0.0.0/8", 8)]));
    let full = File::create("/dev/full").unwrap();
    let output = program().arg("check").arg(data).stdout(full).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    let expected = "rtrcast: standard output: can't be written: no space left on the device\n";
    assert_eq!((output.status.code(), error.as_str()), (Some(5), expected));
}
