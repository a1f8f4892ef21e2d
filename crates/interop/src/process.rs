//! Other programs: where they are, running one to its end, and keeping one only as long as it is needed.

use crate::Outcome;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How often something is looked at that has to come true.
pub(crate) const GLANCE: Duration = Duration::from_millis(50);
/// A program that does not stop when asked is made to.
const STOP_MAX: Duration = Duration::from_secs(20);
/// A program that has not said something by then does not say it.
const LINE_MAX: Duration = Duration::from_secs(60);

/// A folder of its own, gone with the value.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Outcome<Folder> {
        Folder::new_in(&std::env::temp_dir())
    }

    pub(crate) fn new_in(parent: &Path) -> Outcome<Folder> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("rtrcast-interop-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = parent.join(name);
        std::fs::create_dir_all(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Folder(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Puts a file into place by a rename, as validators do.
    pub(crate) fn put(&self, name: &str, content: &[u8]) -> Outcome<PathBuf> {
        let (partial, path) = (self.0.join("partial"), self.0.join(name));
        std::fs::write(&partial, content)
            .and_then(|()| std::fs::rename(&partial, &path))
            .map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A program that runs until it is stopped, or this value is gone.
pub(crate) struct Process(Child);

impl Process {
    /// Starts a program whose standard output and errors go into a file.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Outcome<Process> {
        let file = File::create(log).map_err(|error| format!("{}: {error}", log.display()))?;
        let errors = file.try_clone().map_err(|error| format!("{}: {error}", log.display()))?;
        Process::spawn(command.stdout(file).stderr(errors))
    }

    /// Starts a program whose output goes where the command says.
    pub(crate) fn spawn(command: &mut Command) -> Outcome<Process> {
        let child = command.stdin(Stdio::null()).spawn();
        Ok(Process(child.map_err(|error| format!("{}: {error}", command.get_program().display()))?))
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.0
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().ok().flatten()
    }

    /// Kills it, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) fn stop(&mut self) {
        if self.ended().is_some() {
            return;
        }
        if let Some(pid) = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let deadline = Instant::now() + STOP_MAX;
        while self.ended().is_none() {
            if Instant::now() > deadline {
                let _ = self.0.kill();
            }
            std::thread::sleep(GLANCE);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Waits until a program says something in its log.
pub(crate) fn wait_for_line(log: &Path, text: &str) -> Outcome {
    let deadline = Instant::now() + LINE_MAX;
    loop {
        let said = std::fs::read(log).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        if said.contains(text) {
            return Ok(());
        }
        if Instant::now() > deadline {
            let last: Vec<&str> = said.lines().rev().take(4).collect();
            return Err(format!("{} does not say \"{text}\", but at last {last:?}", log.display()));
        }
        std::thread::sleep(GLANCE);
    }
}

/// An address of the loopback that nobody uses, and that no connection gets while whoever listens there is away: ports for
/// those begin at 32768 on Linux.
pub(crate) fn free_address() -> Outcome<SocketAddr> {
    const FIRST: u16 = 12_000;
    const COUNT: u16 = 20_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Another run begins elsewhere.
    let begin = std::process::id().wrapping_mul(64);
    let mut ports = (0..COUNT).map(|_| {
        let place = begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % u32::from(COUNT);
        FIRST + place as u16
    });
    let addresses = ports.by_ref().map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let mut free = addresses.filter(|address| TcpListener::bind(address).is_ok());
    free.next().ok_or_else(|| format!("no port of {FIRST} to {} is free", FIRST + COUNT - 1))
}

/// Waits until a program listens.
pub(crate) fn wait_for_listener(address: SocketAddr) -> Outcome {
    let deadline = Instant::now() + LINE_MAX;
    while let Err(error) = TcpStream::connect(address) {
        if Instant::now() > deadline {
            return Err(format!("nobody listens at {address}: {error}"));
        }
        std::thread::sleep(GLANCE);
    }
    Ok(())
}

/// Runs a program to its end and returns what it wrote to its standard output.
pub(crate) fn output(command: &mut Command) -> Outcome<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    Err(format!("{program} ended with {}: {}", output.status, errors.lines().last().unwrap_or_default()))
}

/// Whether there is such a program. Daemons are where a user's path may not lead.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let daemons = ["/usr/sbin", "/usr/local/sbin", "/usr/lib/frr"].map(PathBuf::from);
    std::env::split_paths(&path).chain(daemons).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// The version of Debian's package, if the program is there.
pub(crate) fn package_version(package: &str, program: &str) -> Option<String> {
    find(program)?;
    let version = output(Command::new("dpkg-query").args(["--show", "--showformat", "${Version}", package]));
    Some(version.unwrap_or_else(|_| "not of a package".to_owned()))
}

/// The time of day in seconds since 1970.
pub(crate) fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Waits until it is a later second than that.
pub(crate) fn wait_for_second_after(second: u64) {
    while unix_now() <= second {
        std::thread::sleep(GLANCE);
    }
}
