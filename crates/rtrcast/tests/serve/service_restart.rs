//! A restart by the service manager that keeps descriptors: a stand-in for systemd, which takes what it is sent, and starts
//! the next process with it.

use crate::cache::Folder;
use crate::router::{Router, hex};
use crate::state::StateSite;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use std::fs;
use std::io::{BufRead as _, BufReader, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

const A: (u32, &str, u8) = (64_496, "192.0.2.0/24", 24);
const B: (u32, &str, u8) = (64_497, "198.51.100.0/24", 24);
const C: (u32, &str, u8) = (64_498, "203.0.113.0/24", 24);

/// A message with its descriptors.
type Message = (String, Vec<OwnedFd>);

/// The manager of one service.
pub(crate) struct Manager {
    folder: Folder,
    pub(crate) site: StateSite,
    messages: Receiver<Message>,
    /// Descriptors that are kept, with their names.
    stored: Vec<(String, OwnedFd)>,
}

/// A process of the service.
pub(crate) struct Process {
    child: Child,
    lines: Receiver<String>,
    pub(crate) rtr: SocketAddr,
    seen: Vec<String>,
}

impl Manager {
    pub(crate) fn new() -> Manager {
        let (folder, site) = (Folder::new(), StateSite::new(&[A, B]));
        let socket = UnixDatagram::bind(folder.path("notify")).unwrap();
        let (sender, messages) = channel();
        thread::spawn(move || {
            loop {
                let mut octets = [0; 4096];
                let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(16))];
                let mut ancillary = RecvAncillaryBuffer::new(&mut space);
                let flags = RecvFlags::CMSG_CLOEXEC;
                let Ok(read) = recvmsg(&socket, &mut [IoSliceMut::new(&mut octets)], &mut ancillary, flags) else {
                    return;
                };
                let mut descriptors = Vec::new();
                for message in ancillary.drain() {
                    if let RecvAncillaryMessage::ScmRights(received) = message {
                        descriptors.extend(received);
                    }
                }
                let text = String::from_utf8_lossy(&octets[..read.bytes]).into_owned();
                if sender.send((text, descriptors)).is_err() {
                    return;
                }
            }
        });
        Manager { folder, site, messages, stored: Vec::new() }
    }

    /// Handles messages up to one with this line.
    pub(crate) fn wait_for(&mut self, line: &str) {
        loop {
            let (text, descriptors) = self.messages.recv_timeout(Duration::from_secs(60)).expect(line);
            let name = || {
                let name = text.lines().find_map(|line| line.strip_prefix("FDNAME="));
                name.expect("a name").to_owned()
            };
            if text.contains("FDSTORE=1") {
                self.stored.extend(descriptors.into_iter().map(|descriptor| (name(), descriptor)));
            } else if text.contains("FDSTOREREMOVE=1") {
                self.stored.retain(|(stored, _)| *stored != name());
            }
            // Else they are closed: that is the answer to BARRIER=1.
            if text.lines().any(|said| said == line) {
                return;
            }
        }
    }

    /// Starts a process, which is given what is stored.
    pub(crate) fn start(&mut self, variables: &[(&str, &str)], arguments: &[&str]) -> Process {
        let mut redirections = String::new();
        for (number, (_, descriptor)) in (3..).zip(&self.stored) {
            rustix::io::fcntl_setfd(descriptor, rustix::io::FdFlags::empty()).unwrap();
            redirections += &format!(" {number}<&{}", descriptor.as_raw_fd());
        }
        let names: Vec<&str> = self.stored.iter().map(|(name, _)| name.as_str()).collect();
        let mut shell = Command::new("bash");
        let close: String =
            self.stored.iter().map(|(_, descriptor)| format!(" {}<&-", descriptor.as_raw_fd())).collect();
        let run = match names.len() {
            0 => r#"exec "$0" "$@""#.to_owned(),
            count => format!(
                r#"exec{redirections}; exec{close}; LISTEN_PID=$$ LISTEN_FDS={count} LISTEN_FDNAMES={} exec "$0" "$@""#,
                names.join(":")
            ),
        };
        shell.args(["-c", &run, env!("CARGO_BIN_EXE_rtrcast"), "serve", &self.site.source()]).args(arguments);
        if !arguments.contains(&"--listen") {
            shell.args(["--listen", "127.0.0.1:0"]);
        }
        shell.args(["--http", "off", "--log-level", "debug", "--control"]).arg(self.folder.path("control"));
        shell.env("NOTIFY_SOCKET", self.folder.path("notify")).envs(variables.iter().copied());
        let mut child = shell.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        for (_, descriptor) in &self.stored {
            rustix::io::fcntl_setfd(descriptor, rustix::io::FdFlags::CLOEXEC).unwrap();
        }
        let (sender, lines) = channel();
        let errors = BufReader::new(child.stderr.take().unwrap());
        thread::spawn(move || errors.lines().map_while(Result::ok).all(|line| sender.send(line).is_ok()));
        let mut printed = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let rtr =
            printed.find_map(|line| line.trim_start().strip_prefix("RTR     tcp://")?.split(' ').next()?.parse().ok());
        let rtr = rtr.unwrap_or_else(|| "0.0.0.0:0".parse().unwrap());
        Process { child, lines, rtr, seen: Vec::new() }
    }
}

impl Process {
    pub(crate) fn wait_for(&mut self, text: &str) {
        loop {
            let line = self.lines.recv_timeout(Duration::from_secs(60));
            let line = line.unwrap_or_else(|_| panic!("no {text:?} in {:#?}", self.seen));
            self.seen.push(line.clone());
            if line.contains(text) {
                return;
            }
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let kill = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(kill.success());
    }

    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn sessions_go_on(state: &[&str]) {
    let mut manager = Manager::new();
    let mut process = manager.start(&[], state);
    manager.wait_for("READY=1");
    process.wait_for("serial ");
    let mut routers: Vec<_> = (0..=2).map(|version| (version, Router::connect(process.rtr))).collect();
    let responses: Vec<_> = routers.iter_mut().map(|(version, router)| router.reset_query(*version)).collect();
    let query = |version: u8, at: usize| {
        let response = &responses[at];
        hex(&format!("{version:02x} 01 {:04x} 0000000c {:08x}", response.session, response.serial))
    };
    for (at, (version, router)) in routers.iter_mut().enumerate() {
        router.send_octets(&query(*version, at)[..9]);
    }
    for round in 1..=3 {
        process.signal("USR1");
        manager.wait_for("BARRIER=1");
        assert_eq!(manager.stored.len(), 2);
        assert_eq!(process.exit_code(), Some(0));
        assert!(manager.folder.path("control").exists());
        let rtr = process.rtr;
        process = manager.start(&[], state);
        manager.wait_for("READY=1");
        process.wait_for("has taken over from");
        assert_eq!(manager.stored.len(), 0);
        // The listener is the same, though its port was chosen.
        assert_eq!(process.rtr, rtr, "round {round}");
    }
    for (at, (version, router)) in routers.iter_mut().enumerate() {
        router.send_octets(&query(*version, at)[9..]);
        let nothing = router.response();
        assert_eq!((nothing.session, nothing.serial), (responses[at].session, responses[at].serial));
    }
    manager.site.put(&[A, C]);
    process.wait_for("+1 -1 VRPs");
    for (at, (_, router)) in routers.iter_mut().enumerate() {
        assert_eq!(router.notify(), (responses[at].session, responses[at].serial + 1));
    }
    process.signal("TERM");
    assert_eq!(process.exit_code(), Some(0));
    routers.iter_mut().for_each(|(_, router)| router.end());
    assert!(!manager.folder.path("control").exists());
}

#[test]
fn sessions_go_on_in_the_next_process_without_state() {
    sessions_go_on(&[]);
}

#[test]
fn sessions_go_on_in_the_next_process_with_state() {
    let folder = Folder::new();
    sessions_go_on(&["--state", folder.path("state").to_str().unwrap()]);
}

/// What a process does not take over is for the next one: it may have been a mistake in the configuration.
#[test]
fn a_process_that_does_not_start_leaves_all_to_the_next_one() {
    let mut manager = Manager::new();
    let mut process = manager.start(&[], &[]);
    manager.wait_for("READY=1");
    process.wait_for("serial ");
    let mut router = Router::connect(process.rtr);
    let response = router.reset_query(2);
    process.signal("USR1");
    manager.wait_for("BARRIER=1");
    assert_eq!(process.exit_code(), Some(0));
    // Mistakes are found before anything is taken, and after.
    let mut wrong = manager.start(&[], &["--refresh", "0"]);
    assert_ne!(wrong.exit_code(), Some(0));
    let taken = fs::File::create(manager.folder.path("file")).map(|_| manager.folder.path("file")).unwrap();
    let taken = format!("unix://{}", taken.display());
    let mut wrong = manager.start(&[], &["--listen", &taken]);
    assert_eq!(wrong.exit_code(), Some(4), "{:?}", wrong.lines.try_iter().collect::<Vec<_>>());
    let mut process = manager.start(&[], &[]);
    manager.wait_for("READY=1");
    process.wait_for("has taken over from");
    router.serial_query(2, response.session, response.serial);
    assert_eq!(router.response().serial, response.serial);
}

/// Without a manager that keeps descriptors it is a stop.
#[test]
fn without_a_service_manager_it_is_a_stop() {
    let mut cache = crate::cache::Cache::small(&[]);
    let mut router = Router::connect(cache.rtr);
    router.reset_query(2);
    cache.signal("USR1");
    cache.wait_for("connections are not handed to the service manager: no service manager has started this program");
    assert_eq!(cache.exit_code(), 0);
    router.end();
}
