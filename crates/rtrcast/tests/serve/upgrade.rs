//! Upgrades: another program takes over, and routers notice nothing.

use crate::cache::{Cache, Folder, document, program, run};
use crate::router::{Router, hex, show};
use crate::state::{StateSite, prefixes};
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const A: (u32, &str, u8) = (64_496, "192.0.2.0/24", 24);
const B: (u32, &str, u8) = (64_497, "198.51.100.0/24", 24);
const C: (u32, &str, u8) = (64_498, "203.0.113.0/24", 24);

/// Puts the program at a path of its own, where another one can be put.
pub(crate) fn install(folder: &Folder) -> PathBuf {
    let (new, path) = (folder.path("rtrcast.new"), folder.path("rtrcast"));
    let built = env!("CARGO_BIN_EXE_rtrcast");
    if fs::hard_link(built, &new).is_err() {
        fs::copy(built, &new).unwrap();
    }
    fs::rename(new, &path).unwrap();
    path
}

/// Puts a script there.
fn install_script(folder: &Folder, text: &str, mode: u32) {
    let (new, path) = (folder.path("rtrcast.new"), folder.path("rtrcast"));
    fs::write(&new, text).unwrap();
    fs::set_permissions(&new, fs::Permissions::from_mode(mode)).unwrap();
    fs::rename(new, path).unwrap();
}

/// A cache that was started from a path of its own.
struct Installed {
    site: StateSite,
    cache: Cache,
}

impl Installed {
    fn start(arguments: &[&str]) -> Installed {
        Installed::start_with(&[], arguments)
    }

    fn start_with(variables: &[(&str, &str)], arguments: &[&str]) -> Installed {
        let site = StateSite::new(&[A, B]);
        let mut command = Command::new(install(&site.0));
        command.envs(variables.iter().copied());
        let control = site.0.path("control").display().to_string();
        let arguments = [&["--control", &control], arguments].concat();
        let mut cache = Cache::run(command, site.source(), &arguments);
        cache.wait_for("serial ");
        Installed { site, cache }
    }

    fn ctl(&self, arguments: &[&str]) -> Output {
        let control = self.site.0.path("control").display().to_string();
        program().arg("ctl").args(arguments).args(["--control", &control]).output().unwrap()
    }

    /// Upgrades, and returns what the command says.
    fn upgrade(&self) -> String {
        let output = self.ctl(&["upgrade"]);
        let (out, error) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert_eq!((output.status.code(), error.as_str()), (Some(0), ""), "{out}");
        out
    }

    /// Has an upgrade fail, and returns why.
    fn upgrade_fails(&self) -> String {
        let output = self.ctl(&["upgrade"]);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    }
}

/// A router at a Unix socket.
struct OverUnix(UnixStream);

impl OverUnix {
    fn connect(folder: &Folder) -> OverUnix {
        let stream = UnixStream::connect(folder.path("rtr")).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        OverUnix(stream)
    }

    /// The number of prefixes of the response.
    fn query(&mut self, query: &str) -> usize {
        self.0.write_all(&hex(query)).unwrap();
        let mut prefixes = 0;
        loop {
            let mut header = [0; 8];
            self.0.read_exact(&mut header).unwrap();
            let mut rest = vec![0; u32::from_be_bytes(header[4..].try_into().unwrap()) as usize - 8];
            self.0.read_exact(&mut rest).unwrap();
            match header[1] {
                4 => prefixes += 1,
                7 => return prefixes,
                _ => {}
            }
        }
    }
}

/// A Serial Query.
fn serial_query(version: u8, session: u16, serial: u32) -> Vec<u8> {
    hex(&format!("{version:02x} 01 {session:04x} 0000000c {serial:08x}"))
}

/// Sessions go on in the middle of a query, and the next change is a delta to each, of the serial behind the last one.
fn sessions_go_on(state: &[&str]) {
    let mut installed = Installed::start(state);
    let before = installed.cache.pid();
    let mut routers: Vec<_> = (0..=2).map(|version| (version, Router::connect(installed.cache.rtr))).collect();
    let responses: Vec<_> = routers.iter_mut().map(|(version, router)| router.reset_query(*version)).collect();
    for ((version, router), response) in routers.iter_mut().zip(&responses) {
        router.send_octets(&serial_query(*version, response.session, response.serial)[..7]);
    }
    let mut silent = Router::connect(installed.cache.rtr);
    let said = installed.upgrade();
    assert!(said.contains("has taken over from") && said.contains(": 4 connections, which stood still for "), "{said}");
    installed.cache.wait_for("has taken over from");
    for ((version, router), response) in routers.iter_mut().zip(&responses) {
        router.send_octets(&serial_query(*version, response.session, response.serial)[7..]);
        let nothing = router.response();
        assert_eq!((nothing.session, nothing.serial), (response.session, response.serial));
        assert_eq!(nothing.payload.len(), 0);
    }
    installed.site.put(&[A, C]);
    installed.cache.wait_for("+1 -1 VRPs");
    for ((version, router), response) in routers.iter_mut().zip(&responses) {
        assert_eq!(router.notify(), (response.session, response.serial + 1));
        router.serial_query(*version, response.session, response.serial);
        let delta = router.response();
        assert_eq!((delta.session, delta.serial), (response.session, response.serial + 1));
        assert_eq!(prefixes(&delta), ["01181800cb0071000000fbf2", "00181800c63364000000fbf1"]);
    }
    silent.serial_query(2, responses[2].session, responses[2].serial);
    assert_eq!(silent.response().payload.len(), 2);
    assert_eq!(installed.cache.pid(), before);
    // What passed before the upgrade is in the table of routers.
    let table: serde_json::Value = serde_json::from_slice(&installed.ctl(&["routers", "--json"]).stdout).unwrap();
    let counts: Vec<u64> =
        table["routers"].as_array().unwrap().iter().map(|row| row["responses"]["full"].as_u64().unwrap()).collect();
    assert_eq!(counts, [1, 1, 1, 0]);
    // New connections are served as well, and in the same session.
    let mut new = Router::connect(installed.cache.rtr);
    assert_eq!(new.reset_query(1).session, responses[1].session);
    installed.cache.signal("TERM");
    assert_eq!(installed.cache.exit_code(), 0);
    assert!(!installed.site.0.path("control").exists());
}

#[test]
fn sessions_go_on_without_state() {
    sessions_go_on(&[]);
}

#[test]
fn sessions_go_on_with_state() {
    let folder = Folder::new();
    sessions_go_on(&["--state", folder.path("state").to_str().unwrap()]);
}

#[test]
fn the_state_goes_on_after_an_upgrade_and_a_crash() {
    let mut installed = Installed::start(&[]);
    let state = installed.site.directory();
    installed.cache.signal("TERM");
    installed.cache.exit_code();
    let start = |site: &StateSite| {
        let control = site.0.path("control").display().to_string();
        let command = Command::new(site.0.path("rtrcast"));
        Cache::run(command, site.source(), &["--control", &control, "--state", &state])
    };
    let site = installed.site;
    let mut cache = start(&site);
    cache.wait_for("serial ");
    cache.wait_for_metric(&site.metric("snapshots_total"), 1);
    let before = Router::connect(cache.rtr).reset_query(2);
    let mut installed = Installed { site, cache };
    for (round, vrps) in [[A, C], [B, C]].iter().enumerate() {
        installed.upgrade();
        installed.site.put(vrps);
        installed.cache.wait_for("VRPs, read in");
        let (code, out, _) = run(&["state", &state, "--verify"]);
        assert_eq!(code, 0, "round {round}: {out}");
    }
    let held = Router::connect(installed.cache.rtr).reset_query(2);
    assert_eq!((held.session, held.serial), (before.session, before.serial + 2));
    // The record of changes has them all.
    let (_, changes, _) = run(&["changes", "--state", &state]);
    assert_eq!(changes.lines().filter(|line| line.contains("203.0.113.0/24")).count(), 1, "{changes}");
    assert_eq!(changes.lines().filter(|line| line.contains("198.51.100.0/24")).count(), 2, "{changes}");
    let Installed { site, mut cache } = installed;
    cache.signal("KILL");
    cache.wait_for_end();
    let _ = fs::remove_file(site.0.path("control"));
    let mut cache = start(&site);
    cache.wait_for("serving on with serial");
    let mut router = Router::connect(cache.rtr);
    router.serial_query(2, before.session, before.serial);
    assert_eq!(router.response().payload.len(), 2);
}

#[test]
fn changes_in_memory_are_handed_over() {
    let mut installed = Installed::start(&[]);
    installed.site.put(&[A, C]);
    installed.cache.wait_for("+1 -1 VRPs");
    installed.upgrade();
    let changes = String::from_utf8(installed.ctl(&["changes", "198.51.100.0/24"]).stdout).unwrap();
    assert!(changes.contains("withdrawn") && changes.contains("AS64497"), "{changes}");
}

#[test]
fn all_kinds_of_sockets_are_handed_over() {
    let folder = Folder::new();
    let unix = format!("unix://{}", folder.path("rtr").display());
    let mut installed = Installed::start(&["--listen", &unix, "--listen", "127.0.0.1:0"]);
    let inode = |path: PathBuf| fs::symlink_metadata(path).unwrap().ino();
    let names = || [inode(folder.path("rtr")), inode(installed.site.0.path("control"))];
    let before = names();
    let places = (installed.cache.rtr, installed.cache.http);
    let mut over_unix = OverUnix::connect(&folder);
    assert_eq!(over_unix.query("02 02 0000 00000008"), 2);
    for _ in 0..3 {
        installed.upgrade();
        assert_eq!(names(), before);
        for router in [&mut over_unix, &mut OverUnix::connect(&folder)] {
            assert_eq!(router.query("02 02 0000 00000008"), 2);
        }
        assert_eq!(installed.cache.get("/readyz").0, 200);
    }
    assert_eq!(places, (installed.cache.rtr, installed.cache.http));
    installed.cache.signal("TERM");
    assert_eq!(installed.cache.exit_code(), 0);
    assert!(!folder.path("rtr").exists());
}

#[test]
fn twenty_upgrades_in_a_row_leave_nothing_behind() {
    let mut installed = Installed::start(&[]);
    let mut router = Router::connect(installed.cache.rtr);
    let response = router.reset_query(2);
    let threads = |pid: u32| fs::read_dir(format!("/proc/{pid}/task")).unwrap().count();
    installed.upgrade();
    router.serial_query(2, response.session, response.serial);
    router.response();
    let pid = installed.cache.pid();
    let descriptors = installed.cache.descriptors();
    for round in 0..20 {
        let upgraded = "rtrcast_handovers_total";
        installed.upgrade();
        assert_eq!(installed.cache.metric(upgraded), Some(round + 2));
        router.serial_query(2, response.session, response.serial);
        assert_eq!(router.response().payload.len(), 0);
    }
    installed.cache.wait_for_descriptors(descriptors);
    let deadline = Instant::now() + Duration::from_secs(60);
    // Threads for calls to files end after a while.
    while threads(pid) > 12 {
        assert!(Instant::now() < deadline, "{} threads", threads(pid));
        thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(installed.cache.log().iter().filter(|line| line.contains(" ERROR ")).count(), 0);
}

/// What can't take over does not get to it: one line, and nothing else happens.
#[test]
fn a_program_that_does_not_start_is_not_executed() {
    let mut installed = Installed::start(&[]);
    let mut router = Router::connect(installed.cache.rtr);
    let response = router.reset_query(2);
    let path = installed.site.0.path("rtrcast").display().to_string();
    let mut refused = |installed: &mut Installed, expected: &str| {
        let reason = installed.upgrade_fails();
        assert!(reason.starts_with("rtrcast: the upgrade failed: ") && reason.contains(expected), "{reason}");
        assert_eq!(reason.lines().count(), 1, "{reason}");
        installed.cache.wait_for("the upgrade failed, this program goes on: ");
        router.serial_query(2, response.session, response.serial);
        assert_eq!(router.response().payload.len(), 0);
    };
    fs::remove_file(&path).unwrap();
    refused(&mut installed, "rtrcast: there is no such file or directory");
    install_script(&installed.site.0, "", 0o644);
    refused(&mut installed, "it is no program that can be executed");
    install_script(&installed.site.0, "neither a script nor a program", 0o755);
    refused(&mut installed, "can't take over: ");
    for (program, expected) in [("/bin/true", "it is no rtrcast that can take over"), ("/bin/false", "exit status: 1")]
    {
        fs::copy(program, installed.site.0.path("other")).unwrap();
        fs::rename(installed.site.0.path("other"), &path).unwrap();
        refused(&mut installed, expected);
    }
    install(&installed.site.0);
    installed.upgrade();
}

#[test]
fn a_program_that_refuses_the_configuration_is_not_executed() {
    let site = StateSite::new(&[A, B]);
    let control = site.0.path("control").display().to_string();
    let config = |more: &str| {
        let text = format!("source = {:?}\ncontrol = {control:?}\n{more}", site.source());
        site.0.put("rtrcast.toml", text.as_bytes()).display().to_string()
    };
    let mut command = Command::new(install(&site.0));
    command.arg("serve").args(["--config", &config("")]);
    command.args(["--listen", "127.0.0.1:0", "--http", "off"]).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let ctl = |arguments: &[&str]| program().arg("ctl").args(arguments).args(["--control", &control]).output().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while ctl(&["status"]).status.code() != Some(0) {
        assert!(Instant::now() < deadline);
    }
    config("listn = \"x\"\n");
    let refused = ctl(&["upgrade"]);
    let reason = String::from_utf8(refused.stderr).unwrap();
    assert!(reason.contains("can't take over: ") && reason.contains("rtrcast.toml:3: "), "{reason}");
    assert_eq!(ctl(&["status"]).status.code(), Some(0));
    config("");
    assert_eq!(ctl(&["upgrade"]).status.code(), Some(0));
    child.kill().unwrap();
    child.wait().unwrap();
}

/// A panic at any point between the execution and readiness leads back.
#[cfg(debug_assertions)]
#[test]
fn a_program_that_panics_while_it_takes_over_leaves_all_as_it_was() {
    for point in 1..=10 {
        let folder = Folder::new();
        let unix = format!("unix://{}", folder.path("rtr").display());
        let variables = [("RTRCAST_TEST_PANIC_AT", &*point.to_string())];
        let mut installed = Installed::start_with(&variables, &["--listen", "127.0.0.1:0", "--listen", &unix]);
        let mut router = Router::connect(installed.cache.rtr);
        let response = router.reset_query(2);
        router.send_octets(&serial_query(2, response.session, response.serial)[..7]);
        let reason = installed.upgrade_fails();
        assert!(reason.contains("it fails: ") && reason.contains(&format!("point {point}")), "{reason}");
        installed.cache.wait_for("the upgrade failed, this program goes on: ");
        router.send_octets(&serial_query(2, response.session, response.serial)[7..]);
        assert_eq!(router.response().serial, response.serial);
        installed.site.put(&[A, C]);
        installed.cache.wait_for("+1 -1 VRPs");
        assert_eq!(router.notify().1, response.serial + 1);
        let mut over_unix = OverUnix::connect(&folder);
        assert_eq!(over_unix.query("02 02 0000 00000008"), 2);
        assert_eq!(installed.cache.get("/readyz").0, 200);
    }
}

/// A handover of another format is refused before anything of it is taken.
#[test]
fn another_format_is_refused() {
    let site = StateSite::new(&[A]);
    let rehearse = |handover: &[u8]| {
        let mut child = program()
            .args(["serve", &site.source(), "--listen", "127.0.0.1:0", "--rehearse-handover"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(handover).unwrap();
        let output = child.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let format = |number: u32| [&b"rtrcast>"[..], &number.to_le_bytes()].concat();
    let (code, out, error) = rehearse(&format(999));
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(error.contains("the handover has format 999, and this program knows 1"), "{error}");
    let (code, _, error) = rehearse(b"something else");
    assert_eq!(code, Some(1));
    assert!(error.contains("what is handed over is no handover of rtrcast"), "{error}");
    let (_, _, error) = rehearse(&format(1));
    assert!(error.contains("what is handed over is damaged"), "{error}");
}

/// None of them ends the program, whenever they come.
#[test]
fn signals_at_any_moment_are_handled() {
    let mut installed = Installed::start(&[]);
    let mut router = Router::connect(installed.cache.rtr);
    let response = router.reset_query(2);
    let pid = rustix::process::Pid::from_raw(i32::try_from(installed.cache.pid()).unwrap()).unwrap();
    for round in 0..300 {
        let signal = if round % 3 == 0 { rustix::process::Signal::USR2 } else { rustix::process::Signal::HUP };
        rustix::process::kill_process(pid, signal).unwrap();
        thread::sleep(Duration::from_millis(1));
    }
    // One may still be running.
    while String::from_utf8(installed.ctl(&["upgrade"]).stdout).unwrap().is_empty() {}
    router.serial_query(2, response.session, response.serial);
    assert_eq!(router.response().payload.len(), 0);
    // One that comes while the program is replaced stops the one that takes over.
    rustix::process::kill_process(pid, rustix::process::Signal::USR2).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(installed.cache.exit_code(), 0);
    router.end();
}

/// A change that comes while a response is being sent, over an upgrade: no octet is lost.
#[test]
fn a_response_in_the_middle_goes_on() {
    let folder = Folder::new();
    folder.put("rpki.json", &crate::cache::large_document(400_000, 64_496));
    let control = folder.path("control").display().to_string();
    let command = Command::new(install(&folder));
    let mut cache = Cache::run(command, folder.path("rpki.json"), &["--control", &control]);
    cache.wait_for("serial ");
    let mut router = Router::narrow(cache.rtr);
    router.send("02 02 0000 00000008");
    let first = router.next();
    assert_eq!(first[1], 3);
    let output = program().args(["ctl", "upgrade", "--control", &control]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    folder.put("rpki.json", &document(&[A]));
    cache.wait_for("400000 VRPs");
    let mut records = 0;
    loop {
        let pdu = router.next();
        match pdu[1] {
            4 => records += 1,
            7 => break,
            _ => panic!("{}", show(&pdu)),
        }
    }
    assert_eq!(records, 400_000);
}
