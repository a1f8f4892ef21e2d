//! A directory of SLURM files: which of them are read, and that it is followed as they change, come and go.

use crate::cache::{Cache, Folder, document, run, without_spans};
use crate::router::Router;
use expect_test::expect;
use std::fs;

/// A file that removes the VRPs of an AS.
fn filter(asn: u32) -> Vec<u8> {
    slurm(&format!(r#"{{"asn": {asn}}}"#), "")
}

fn slurm(filters: &str, assertions: &str) -> Vec<u8> {
    format!(
        r#"{{"slurmVersion": 1, "validationOutputFilters": {{"prefixFilters": [{filters}], "bgpsecFilters": []}},
"locallyAddedAssertions": {{"prefixAssertions": [{assertions}], "bgpsecAssertions": []}}}}"#
    )
    .into_bytes()
}

/// A directory, and data of the ASes 1 to 6.
struct Setting {
    folder: Folder,
    data: String,
    directory: String,
}

impl Setting {
    fn new(files: &[(&str, Vec<u8>)]) -> Setting {
        let folder = Folder::new();
        let vrps: Vec<(u32, String)> = (1..=6).map(|asn| (asn, format!("10.{asn}.0.0/16"))).collect();
        let vrps: Vec<(u32, &str, u8)> = vrps.iter().map(|(asn, prefix)| (*asn, prefix.as_str(), 16)).collect();
        let data = folder.put("rpki.json", &document(&vrps)).to_str().unwrap().to_owned();
        let directory = folder.path("slurm.d").to_str().unwrap().to_owned();
        fs::create_dir(&directory).unwrap();
        let setting = Setting { folder, data, directory };
        files.iter().for_each(|(name, content)| setting.put(name, content));
        setting
    }

    /// Puts a file into the directory by a rename.
    fn put(&self, name: &str, content: &[u8]) {
        self.folder.put(&format!("slurm.d/{name}"), content);
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.folder.path("slurm.d").join(name)).unwrap();
    }

    fn cache(&self) -> Cache {
        let mut cache = Cache::start(&self.data, &["--slurm", &self.directory]);
        cache.wait_for("serial ");
        cache
    }

    /// A text without the folder's name.
    fn short(&self, text: &str) -> String {
        without_spans(&text.replace(self.folder.path("").to_str().unwrap(), ""))
    }

    /// What a command ends with and says.
    fn run(&self, arguments: &[&str]) -> String {
        let (code, said, error) = run(arguments);
        self.short(&format!("{code}\n{said}{error}"))
    }

    /// What the log says of SLURM but for details.
    fn told(&self, cache: &mut Cache) -> String {
        let levels = [" INFO ", " WARN ", " ERROR "];
        let lines = cache.log().iter().filter(|line| line.contains("slurm.d"));
        let words = lines.filter_map(|line| levels.iter().find_map(|level| Some((level, line.split_once(level)?.1))));
        words.map(|(level, words)| self.short(&format!("{}: {words}\n", level.trim()))).collect()
    }
}

/// The ASes that are served.
fn served(cache: &Cache) -> Vec<u8> {
    let mut asns: Vec<u8> = Router::connect(cache.rtr).reset_query(1).payload.iter().map(|pdu| pdu[19]).collect();
    asns.sort_unstable();
    asns
}

#[test]
fn files_are_read_by_the_ends_of_their_names() {
    let setting = Setting::new(&[
        ("b.slurm", filter(2)),
        ("a.json", filter(1)),
        (".c.json", filter(3)),
        ("d.json~", filter(4)),
        ("e.txt", b"not SLURM".to_vec()),
    ]);
    let cache = setting.cache();
    assert_eq!(served(&cache), [3, 4, 5, 6]);
    assert_eq!(cache.metric("rtrcast_slurm_entries{type=\"filters\"}"), Some(2));
    cache.wait_for_metric("rtrcast_slurm_in_force", 1);
    expect![[r#"
        0
        slurm.d/a.json: SLURM with 1 filter and 0 assertions, all well
        slurm.d/b.slurm: SLURM with 1 filter and 0 assertions, all well
        slurm.d: note: not read, as the name does not end in .slurm or .json: d.json~, e.txt
        rpki.json: 6 VRPs (6 IPv4, 0 IPv6), 0 router keys, 0 ASPAs, made now
        rpki.json: all 6 records would be served now, until 2032-01-01T00:00:00Z (in SPAN)
        slurm.d/a.json:1: filter of VRPs of AS1: removes 1: 10.1.0.0/16-16 AS1
        slurm.d/b.slurm:1: filter of VRPs of AS2: removes 1: 10.2.0.0/16-16 AS2
    "#]]
    .assert_eq(
        &setting.run(&["check", &setting.directory, "--source", &setting.data]).replace("made 0 s ago", "made now"),
    );
}

#[test]
fn a_directory_is_followed_as_its_files_change() {
    let setting = Setting::new(&[("a.slurm", filter(1)), ("b.slurm", filter(2))]);
    let mut cache = setting.cache();
    assert_eq!(served(&cache), [3, 4, 5, 6]);
    setting.put("c.json", &filter(3));
    cache.wait_for(" is 3 VRPs");
    setting.put("a.slurm", &slurm("", ""));
    cache.wait_for(" is 4 VRPs");
    assert_eq!(served(&cache), [1, 4, 5, 6]);
    // Written where it is, it is read when it is closed.
    fs::write(setting.folder.path("slurm.d/a.slurm"), filter(6)).unwrap();
    cache.wait_for(" is 3 VRPs");
    assert_eq!(served(&cache), [1, 4, 5]);
    setting.remove("b.slurm");
    cache.wait_for(" is 4 VRPs");
    assert_eq!(served(&cache), [1, 2, 4, 5]);
    setting.remove("a.slurm");
    setting.remove("c.json");
    cache.wait_for(" is 6 VRPs");
    expect![[r#"
        INFO: slurm.d/c.json: new, SLURM with 1 filter and 0 assertions
        INFO: slurm.d/a.slurm: SLURM with 0 filters and 0 assertions
        INFO: slurm.d/a.slurm: SLURM with 1 filter and 0 assertions
        INFO: slurm.d/b.slurm: removed, with its 1 filter and 0 assertions
        INFO: slurm.d/a.slurm: removed, with its 1 filter and 0 assertions
        INFO: slurm.d/c.json: removed, with its 1 filter and 0 assertions
        WARN: slurm.d: there is no file in it whose name ends in .slurm or .json, and nothing of it is in effect
    "#]]
    .assert_eq(&setting.told(&mut cache));
    cache.wait_for_metric("rtrcast_slurm_in_force", 1);
    setting.put("d.slurm", &filter(4));
    cache.wait_for(" is 5 VRPs");
}

#[test]
fn sl_11_of_a_file_that_turns_bad_the_last_good_content_stays() {
    let setting = Setting::new(&[("a.slurm", filter(1)), ("b.slurm", filter(2))]);
    let socket = setting.folder.path("control").to_str().unwrap().to_owned();
    let mut cache = Cache::start(&setting.data, &["--slurm", &setting.directory, "--control", &socket]);
    cache.wait_for("serial ");
    setting.put("a.slurm", br#"{"slurmVersion": 1}"#);
    cache.wait_for("its last good content stays in effect");
    cache.wait_for_metric("rtrcast_slurm_in_force", 0);
    assert_eq!(cache.metric(&format!("rtrcast_source_healthy{{path=\"{}\"}}", setting.directory)), Some(0));
    // The others are followed meanwhile, and one that was never good has no effect.
    setting.put("b.slurm", &filter(3));
    cache.wait_for("SLURM: serial");
    setting.put("c.slurm", b"[]");
    cache.wait_for("nothing of it is in effect");
    assert_eq!(served(&cache), [2, 4, 5, 6]);
    expect![[r#"
        WARN: slurm.d/a.slurm: line 1, column 1: no "validationOutputFilters"; add "validationOutputFilters": {"prefixFilters": [], "bgpsecFilters": []}, or use --slurm-lenient, which reads it as empty
        WARN: slurm.d/a.slurm: line 1, column 1: no "locallyAddedAssertions"; add "locallyAddedAssertions": {"prefixAssertions": [], "bgpsecAssertions": []}, or use --slurm-lenient, which reads it as empty
        WARN: slurm.d/a.slurm: refused for these mistakes; its last good content stays in effect
        INFO: slurm.d/b.slurm: SLURM with 1 filter and 0 assertions
        WARN: slurm.d/c.slurm: line 1, column 1: a list instead of an object; nothing of it is in effect
    "#]].assert_eq(&setting.told(&mut cache));
    let (_, status, _) = run(&["ctl", "status", "--control", &socket]);
    expect![[r#"
        slurm.d: some files failed, 2 files
          slurm.d/a.slurm: line 1, column 1: no "validationOutputFilters"; add "validationOutputFilters": {"prefixFilters": [], "bgpsecFilters": []}, or use --slurm-lenient, which reads it as empty
          slurm.d/a.slurm: line 1, column 1: no "locallyAddedAssertions"; add "locallyAddedAssertions": {"prefixAssertions": [], "bgpsecAssertions": []}, or use --slurm-lenient, which reads it as empty
          slurm.d/c.slurm: line 1, column 1: a list instead of an object
    "#]].assert_eq(&setting.short(status.split_once("slurm ").unwrap().1.split_once("listener ").unwrap().0));
    setting.put("a.slurm", &filter(4));
    setting.remove("c.slurm");
    cache.wait_for("SLURM: serial");
    cache.wait_for_metric("rtrcast_slurm_in_force", 1);
    assert_eq!(served(&cache), [1, 2, 5, 6]);
}

#[test]
fn of_a_directory_that_is_gone_the_last_good_content_stays() {
    let setting = Setting::new(&[("a.slurm", filter(1))]);
    let mut cache = setting.cache();
    fs::rename(setting.folder.path("slurm.d"), setting.folder.path("elsewhere")).unwrap();
    let line = cache.wait_for(" WARN ");
    let expected = "slurm.d: there is no such file or directory; its last good content stays in effect";
    assert!(line.ends_with(expected), "{line}");
    cache.wait_for_metric("rtrcast_slurm_in_force", 0);
    assert_eq!(served(&cache), [2, 3, 4, 5, 6]);
    cache.signal("HUP");
    cache.wait_for("the configuration stays as it is: ");
    cache.wait_for("rpki.json: read in");
    assert_eq!(served(&cache), [2, 3, 4, 5, 6]);
    // Another one takes its place.
    fs::create_dir(setting.folder.path("new")).unwrap();
    setting.folder.put("new/b.slurm", &filter(2));
    fs::rename(setting.folder.path("new"), setting.folder.path("slurm.d")).unwrap();
    cache.wait_for("SLURM: serial");
    assert_eq!(served(&cache), [1, 3, 4, 5, 6]);
    // That one is followed from now on.
    setting.put("b.slurm", &filter(3));
    cache.wait_for("SLURM: serial");
    assert_eq!(served(&cache), [1, 2, 4, 5, 6]);
}

/// As containers are given their configuration: all files are links to links, and one of those is replaced.
#[test]
fn links_that_are_pointed_elsewhere_are_followed() {
    let setting = Setting::new(&[]);
    let link = |target: &str, name: &str| {
        std::os::unix::fs::symlink(target, setting.folder.path("link")).unwrap();
        fs::rename(setting.folder.path("link"), setting.folder.path(name)).unwrap();
    };
    for (folder, asn) in [("slurm.d/..first", 1), ("slurm.d/..second", 2), ("other", 3)] {
        fs::create_dir(setting.folder.path(folder)).unwrap();
        setting.folder.put(&format!("{folder}/a.slurm"), &filter(asn));
    }
    link("..first", "slurm.d/..data");
    link("..data/a.slurm", "slurm.d/a.slurm");
    let mut cache = setting.cache();
    assert_eq!(served(&cache), [2, 3, 4, 5, 6]);
    link("..second", "slurm.d/..data");
    cache.wait_for("SLURM: serial");
    assert_eq!(served(&cache), [1, 3, 4, 5, 6]);
    // And so is a file that a link points at.
    link("../other/a.slurm", "slurm.d/a.slurm");
    cache.wait_for("SLURM: serial");
    setting.folder.put("other/a.slurm", &filter(4));
    cache.wait_for("SLURM: serial");
    assert_eq!(served(&cache), [1, 2, 3, 5, 6]);
}

#[test]
fn sl_06_a_start_is_refused_with_all_mistakes_of_a_directory() {
    let setting = Setting::new(&[
        ("a.slurm", filter(1)),
        ("b.slurm", b"{".to_vec()),
        ("c.json", br#"{"slurmVersion": 1}"#.to_vec()),
    ]);
    let serve = |directory: &str| setting.run(&["serve", &setting.data, "--slurm", directory, "--http", "off"]);
    let check = || setting.run(&["check", &setting.directory]);
    expect![[r#"
        3
        rtrcast: slurm.d/b.slurm: line 1, column 2: truncated: the file ends before it is complete
        rtrcast: slurm.d/c.json: line 1, column 1: no "validationOutputFilters"; add "validationOutputFilters": {"prefixFilters": [], "bgpsecFilters": []}, or use --slurm-lenient, which reads it as empty
        rtrcast: slurm.d/c.json: line 1, column 1: no "locallyAddedAssertions"; add "locallyAddedAssertions": {"prefixAssertions": [], "bgpsecAssertions": []}, or use --slurm-lenient, which reads it as empty
    "#]].assert_eq(&serve(&setting.directory));
    expect![[r#"
        3
        slurm.d/a.slurm: SLURM with 1 filter and 0 assertions, all well
        slurm.d/b.slurm: line 1, column 2: truncated: the file ends before it is complete
        slurm.d/c.json: line 1, column 1: no "validationOutputFilters"; add "validationOutputFilters": {"prefixFilters": [], "bgpsecFilters": []}, or use --slurm-lenient, which reads it as empty
        slurm.d/c.json: line 1, column 1: no "locallyAddedAssertions"; add "locallyAddedAssertions": {"prefixAssertions": [], "bgpsecAssertions": []}, or use --slurm-lenient, which reads it as empty
        rtrcast: 3 mistakes
    "#]].assert_eq(&check());
    setting.remove("b.slurm");
    setting.put("c.json", &slurm(r#"{"prefix": "10.1.0.0/16"}"#, ""));
    setting.put("d.json", &slurm("", r#"{"prefix": "10.1.0.0/16", "asn": 1}"#));
    expect![[r#"
        3
        rtrcast: slurm.d/c.json:1 (validationOutputFilters.prefixFilters[0]: VRPs in 10.1.0.0/16) and slurm.d/d.json:2 (locallyAddedAssertions.prefixAssertions[0]: VRP 10.1.0.0/16-16 AS1) have addresses in common; put both entries into one file, or allow it by --slurm-allow-overlaps
    "#]].assert_eq(&serve(&setting.directory));
    expect![[r#"
        3
        rtrcast: slurm.d/later/: there is no such file or directory
    "#]]
    .assert_eq(&serve(&format!("{}/later/", setting.directory)));
    setting.remove("c.json");
    setting.remove("d.json");
    fs::create_dir(setting.folder.path("slurm.d/old.json")).unwrap();
    expect![[r#"
        3
        rtrcast: slurm.d/old.json: it is a directory
    "#]]
    .assert_eq(&serve(&setting.directory));
    fs::remove_dir(setting.folder.path("slurm.d/old.json")).unwrap();
    for number in 0..256 {
        setting.put(&format!("{number}.json"), &slurm("", ""));
    }
    expect![[r#"
        3
        rtrcast: slurm.d: 257 files in it have a name that ends in .slurm or .json, more than 256
    "#]]
    .assert_eq(&serve(&setting.directory));
}

#[test]
fn a_configuration_names_a_directory() {
    let setting = Setting::new(&[("a.slurm", filter(1)), ("b.json", filter(2))]);
    let config = format!("source = \"{}\"\nslurm = [\"{}\"]\n", setting.data, setting.directory);
    let config = setting.folder.put("rtrcast.toml", config.as_bytes()).to_str().unwrap().to_owned();
    expect![[r#"
        0
        rpki.json: 6 VRPs (6 IPv4, 0 IPv6), 0 router keys, 0 ASPAs, made 0 s ago
        rpki.json: all 6 records would be served now, until 2032-01-01T00:00:00Z (in SPAN)
        rtrcast.toml: a configuration with 1 source and 2 SLURM files, all well
    "#]]
    .assert_eq(&setting.run(&["check", &config]));
    let mut cache = Cache::configured(&config, &[]);
    cache.wait_for(" is 4 VRPs");
    cache.signal("HUP");
    cache.wait_for(&format!(" INFO {}: unchanged", setting.directory));
}

/// The name stays the same in log and metrics, and what was in effect stays until the other is.
#[test]
fn a_file_that_becomes_a_directory_is_one_with_the_next_reload() {
    let setting = Setting::new(&[("a.slurm", filter(1))]);
    fs::rename(setting.folder.path("slurm.d"), setting.folder.path("later")).unwrap();
    setting.folder.put("slurm.d", &filter(2));
    let mut cache = setting.cache();
    assert_eq!(served(&cache), [1, 3, 4, 5, 6]);
    fs::rename(setting.folder.path("slurm.d"), setting.folder.path("before")).unwrap();
    fs::rename(setting.folder.path("later"), setting.folder.path("slurm.d")).unwrap();
    let line = cache.wait_for(" WARN ");
    assert!(line.contains("its last good content stays in effect"), "{line}");
    assert_eq!(served(&cache), [1, 3, 4, 5, 6]);
    cache.signal("HUP");
    cache.wait_for(" INFO configuration: serial");
    cache.wait_for(&format!(" INFO {}: no error any more, unchanged", setting.directory));
    assert_eq!(served(&cache), [2, 3, 4, 5, 6]);
    expect![[r#"
        WARN: slurm.d: it is a directory; its last good content stays in effect
        INFO: slurm.d/a.slurm: new, SLURM with 1 filter and 0 assertions
        INFO: slurm.d: removed, with its 1 filter and 0 assertions
        INFO: slurm.d: no error any more, unchanged
    "#]]
    .assert_eq(&setting.told(&mut cache));
    cache.wait_for_metric(&format!("rtrcast_source_healthy{{path=\"{}\"}}", setting.directory), 1);
    setting.put("a.slurm", &filter(3));
    cache.wait_for(" INFO SLURM: serial");
    assert_eq!(served(&cache), [1, 2, 4, 5, 6]);
}

#[test]
fn an_empty_directory_is_named() {
    let setting = Setting::new(&[("README", b"put files here".to_vec())]);
    expect![[r#"
        0
        slurm.d: note: there is no file in it whose name ends in .slurm or .json, so nothing of it would be in effect
        slurm.d: note: not read, as the name does not end in .slurm or .json: README
    "#]]
    .assert_eq(&setting.run(&["check", &setting.directory]));
    let mut cache = setting.cache();
    expect![[r#"
        WARN: slurm.d: there is no file in it whose name ends in .slurm or .json, and nothing of it is in effect
    "#]]
    .assert_eq(&setting.told(&mut cache));
    assert_eq!(served(&cache), [1, 2, 3, 4, 5, 6]);
    setting.put("a.slurm", &filter(1));
    cache.wait_for(" is 5 VRPs");
}
