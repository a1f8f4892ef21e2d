//! A cache with a state directory: what a restart, a crash and damaged files mean to routers.

use crate::cache::{Cache, Folder, document, program};
use crate::router::{Response, Router, show};
use std::fs;
use std::path::Path;
use std::process::Stdio;

const A: (u32, &str, u8) = (64_496, "192.0.2.0/24", 24);
const B: (u32, &str, u8) = (64_497, "198.51.100.0/24", 24);
const C: (u32, &str, u8) = (64_498, "203.0.113.0/24", 24);

/// A folder with a source and a state directory.
pub(crate) struct StateSite(pub(crate) Folder);

impl StateSite {
    pub(crate) fn new(vrps: &[(u32, &str, u8)]) -> StateSite {
        let site = StateSite(Folder::new());
        site.put(vrps);
        site
    }

    pub(crate) fn put(&self, vrps: &[(u32, &str, u8)]) {
        self.0.put("rpki.json", &document(vrps));
    }

    pub(crate) fn source(&self) -> String {
        self.0.path("rpki.json").display().to_string()
    }

    pub(crate) fn directory(&self) -> String {
        self.0.path("state").display().to_string()
    }

    pub(crate) fn file(&self, name: &str) -> std::path::PathBuf {
        Path::new(&self.directory()).join(name)
    }

    /// The names in the directory.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.directory()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().to_str().unwrap().to_owned()).collect();
        names.sort();
        names
    }

    pub(crate) fn start(&self, arguments: &[&str]) -> Cache {
        Cache::start(self.source(), &[&["--state", &self.directory()], arguments].concat())
    }

    /// The name of a metric with its label.
    pub(crate) fn metric(&self, name: &str) -> String {
        format!("rtrcast_state_{name}{{directory=\"{}\"}}", self.directory())
    }

    /// A cache that has published its first set and written it.
    pub(crate) fn start_kept(&self) -> Cache {
        let mut cache = self.start(&[]);
        cache.wait_for("serial ");
        cache.wait_for_metric(&self.metric("snapshots_total"), 1);
        cache
    }
}

pub(crate) fn stop(cache: &mut Cache) {
    cache.signal("TERM");
    assert_eq!(cache.exit_code(), 0);
}

pub(crate) fn crash(mut cache: Cache) {
    cache.signal("KILL");
    cache.wait_for_end();
}

/// What a router that has a set is sent for its Serial Query.
pub(crate) fn changes_since(cache: &Cache, version: u8, before: &Response) -> Response {
    let mut router = Router::connect(cache.rtr);
    router.serial_query(version, before.session, before.serial);
    router.response()
}

pub(crate) fn prefixes(response: &Response) -> Vec<String> {
    response.payload.iter().map(|pdu| show(&pdu[8..])).collect()
}

#[test]
fn a_restart_is_no_new_session_and_the_next_change_is_a_delta() {
    let site = StateSite::new(&[A, B]);
    let mut cache = site.start_kept();
    let before = [1, 2].map(|version| Router::connect(cache.rtr).reset_query(version));
    let before_v0 = Router::connect(cache.rtr).reset_query(0);
    stop(&mut cache);
    let mut cache = site.start(&[]);
    cache.wait_for("serving on with serial");
    for (version, before) in [1, 2].into_iter().zip(&before) {
        let nothing = changes_since(&cache, version, before);
        assert_eq!((nothing.session, nothing.serial), (before.session, before.serial));
        assert_eq!(nothing.payload.len(), 0);
    }
    // GoBGP would keep what was withdrawn meanwhile.
    let mut router = Router::connect(cache.rtr);
    router.serial_query(0, before_v0.session, before_v0.serial);
    assert_eq!(show(&router.next()), "0008000000000008");
    assert_ne!(router.reset_query(0).session, before_v0.session);
    site.put(&[A, C]);
    cache.wait_for("+1 -1 VRPs");
    for (version, before) in [1, 2].into_iter().zip(&before) {
        let delta = changes_since(&cache, version, before);
        assert_eq!(delta.session, before.session);
        assert_eq!(prefixes(&delta), ["01181800cb0071000000fbf2", "00181800c63364000000fbf1"]);
        let jump = delta.serial.wrapping_sub(before.serial);
        assert!((1 << 20..=1 << 28).contains(&jump), "{jump}");
    }
}

#[test]
fn what_was_served_is_served_before_any_source_is_read_and_without_all_of_them() {
    let site = StateSite::new(&[A, B]);
    let cache = site.start_kept();
    let before = Router::connect(cache.rtr).reset_query(2);
    crash(cache);
    fs::remove_file(site.source()).unwrap();
    let mut cache = site.start(&[]);
    let after = Router::connect(cache.rtr).reset_query(2);
    assert_eq!((after.session, after.serial), (before.session, before.serial));
    assert_eq!(after.payload, before.payload);
    cache.wait_for("rpki.json: ");
    assert_eq!(cache.get("/readyz").0, 200);
    assert_eq!(Router::connect(cache.rtr).reset_query(2).payload, before.payload);
    // It is taken up as soon as it is there.
    site.put(&[A]);
    cache.wait_for("+0 -1 VRPs");
    assert_eq!(prefixes(&changes_since(&cache, 2, &before)), ["00181800c63364000000fbf1"]);
}

#[test]
fn a_crash_loses_no_change_that_was_told() {
    let site = StateSite::new(&[A]);
    let mut cache = site.start_kept();
    let before = Router::connect(cache.rtr).reset_query(2);
    site.put(&[A, B]);
    cache.wait_for("+1 -0 VRPs");
    let after = changes_since(&cache, 2, &before);
    crash(cache);
    fs::remove_file(site.source()).unwrap();
    let cache = site.start(&[]);
    let nothing = changes_since(&cache, 2, &after);
    assert_eq!((nothing.session, nothing.serial, nothing.payload.len()), (after.session, after.serial, 0));
    assert_eq!(prefixes(&changes_since(&cache, 2, &before)), ["01181800c63364000000fbf1"]);
}

#[test]
fn a_directory_that_is_put_back_gives_no_serial_twice() {
    let site = StateSite::new(&[A]);
    let mut cache = site.start_kept();
    stop(&mut cache);
    let copy = site.0.path("copy");
    fs::create_dir(&copy).unwrap();
    for name in site.names() {
        fs::copy(site.file(&name), copy.join(name)).unwrap();
    }
    let mut cache = site.start(&[]);
    cache.wait_for("serving on");
    site.put(&[A, B]);
    cache.wait_for("+1 -0 VRPs");
    let told = Router::connect(cache.rtr).reset_query(2);
    crash(cache);
    fs::remove_dir_all(site.directory()).unwrap();
    fs::rename(&copy, site.directory()).unwrap();
    site.put(&[A, C]);
    let mut cache = site.start(&[]);
    cache.wait_for("+1 -0 VRPs");
    let mut router = Router::connect(cache.rtr);
    router.serial_query(2, told.session, told.serial);
    assert_eq!(show(&router.next()), "0208000000000008");
    let other = router.reset_query(2);
    assert_eq!(other.session, told.session);
    assert_ne!(other.serial, told.serial);
}

#[test]
fn a_damaged_snapshot_is_set_aside_and_a_new_session_begins() {
    let site = StateSite::new(&[A, B]);
    let cache = site.start_kept();
    let before = Router::connect(cache.rtr).reset_query(2);
    crash(cache);
    let mut octets = fs::read(site.file("snapshot")).unwrap();
    let at = octets.len() - 20;
    octets[at] ^= 1;
    fs::write(site.file("snapshot"), octets).unwrap();
    fs::write(site.file("notes.txt"), "an operator's").unwrap();
    let mut cache = site.start(&[]);
    let line = cache.wait_for("is not used");
    assert!(line.contains("damaged behind octet") && line.contains("snapshot.unusable"), "{line}");
    cache.wait_for("a new session begins");
    cache.wait_for("serial ");
    let after = Router::connect(cache.rtr).reset_query(2);
    assert_ne!(after.serial, before.serial);
    assert_eq!(after.payload, before.payload);
    cache.wait_for_metric(&site.metric("snapshots_total"), 1);
    let names = site.names();
    for name in ["lock", "log-0000000000", "log-0000000001", "notes.txt", "snapshot", "snapshot.unusable"] {
        assert!(names.iter().any(|known| known == name), "{name} among {names:?}");
    }
}

#[test]
fn a_second_program_waits_for_the_directory_and_names_it() {
    let site = StateSite::new(&[A]);
    let _cache = site.start_kept();
    let mut second = program();
    second.args(["serve", &site.source(), "--state", &site.directory(), "--listen", "127.0.0.1:0", "--http", "off"]);
    let output = second.stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let text = String::from_utf8(output.stderr).unwrap();
    let wanted = format!("--state {}: another rtrcast still uses it after 10 s of waiting", site.directory());
    assert!(text.contains(&wanted), "{text}");
}

#[test]
fn slurm_that_changed_meanwhile_applies_at_once() {
    let site = StateSite::new(&[A, B]);
    let slurm = |prefix: &str| {
        let filter = format!("{{\"prefix\": \"{prefix}\"}}");
        let text = format!(
            "{{\"slurmVersion\": 1, \"validationOutputFilters\": {{\"prefixFilters\": [{filter}], \"bgpsecFilters\": []}}, \
             \"locallyAddedAssertions\": {{\"prefixAssertions\": [], \"bgpsecAssertions\": []}}}}"
        );
        site.0.put("local.slurm", text.as_bytes()).display().to_string()
    };
    let path = slurm("192.0.2.0/24");
    let mut cache = site.start(&["--slurm", &path]);
    cache.wait_for_metric(&site.metric("snapshots_total"), 1);
    let before = Router::connect(cache.rtr).reset_query(2);
    assert_eq!(prefixes(&before), ["01181800c63364000000fbf1"]);
    stop(&mut cache);
    slurm("198.51.100.0/24");
    fs::remove_file(site.source()).unwrap();
    let mut cache = site.start(&["--slurm", &path]);
    // The router never gets the former set from this run.
    let delta = changes_since(&cache, 2, &before);
    assert_eq!(prefixes(&delta), ["01181800c00002000000fbf0", "00181800c63364000000fbf1"]);
    cache.wait_for("which is made anew");
}

#[test]
fn what_expired_while_the_program_was_away_is_not_served() {
    let site = StateSite::new(&[A]);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let soon = format!(
        "{{\"roas\": [{{\"asn\": 64496, \"prefix\": \"192.0.2.0/24\", \"expires\": {}}}, \
         {{\"asn\": 64497, \"prefix\": \"198.51.100.0/24\", \"expires\": {}}}]}}",
        now + 4,
        now + 86_400
    );
    site.0.put("rpki.json", soon.as_bytes());
    let cache = site.start_kept();
    let before = Router::connect(cache.rtr).reset_query(2);
    assert_eq!(before.payload.len(), 2);
    crash(cache);
    fs::remove_file(site.source()).unwrap();
    let is_over = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() > now + 5;
    while !is_over() {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let cache = site.start(&[]);
    assert_eq!(prefixes(&Router::connect(cache.rtr).reset_query(2)), ["01181800c63364000000fbf1"]);
    assert_eq!(prefixes(&changes_since(&cache, 2, &before)), ["00181800c00002000000fbf0"]);
}

#[test]
fn a_directory_that_can_not_be_written_is_named_at_the_start() {
    let site = StateSite::new(&[A]);
    let mut command = program();
    let directory = format!("{}/no", site.source());
    command.args(["serve", &site.source(), "--state", &directory, "--listen", "127.0.0.1:0", "--http", "off"]);
    let output = command.stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        text.contains(&format!("--state {directory}: can't make it: a part of its path is not a directory")),
        "{text}"
    );
}
