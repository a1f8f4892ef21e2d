//! The file of the program that is to go on, its rehearsal, and its execution in place of this one.

use super::file::FORMAT;
use crate::observe::describe::plain;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// The argument, behind all others, by which a program shows whether it could take over. Programs that know no handover
/// refuse it.
pub(crate) const REHEARSAL_ARGUMENT: &str = "--rehearse-handover";

/// The variable that names the process, the memory file and the program before this one.
pub(super) const VARIABLE: &str = "RTRCAST_HANDOVER";

/// The reason for which another program failed, so that this one goes on.
pub(super) const FAILED_VARIABLE: &str = "RTRCAST_HANDOVER_FAILED";

/// Time that a rehearsal may take: it reads the configuration and the data.
const REHEARSAL_MAX: Duration = Duration::from_secs(20);

/// Variables of the service manager that are for the first program of the process only: sockets are handed over with
/// their names.
const MANAGER_VARIABLES: [&str; 3] = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"];

/// Returns what a program prints that could take over.
pub(super) fn rehearsal_text() -> String {
    format!("rtrcast {} takes over format {FORMAT}", env!("CARGO_PKG_VERSION"))
}

/// The path that the program was started from, where a package may have put another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StartPath(PathBuf);

impl StartPath {
    /// Returns the path by which the system executed this program.
    pub(crate) fn of_this() -> io::Result<StartPath> {
        #[cfg(target_os = "linux")]
        let path = PathBuf::from(OsStr::from_bytes(rustix::param::linux_execfn().to_bytes()));
        #[cfg(not(target_os = "linux"))]
        let path = std::env::current_exe()?;
        Ok(StartPath(std::path::absolute(path)?))
    }

    pub(crate) fn from_octets(octets: Vec<u8>) -> StartPath {
        StartPath(OsString::from_vec(octets).into())
    }

    pub(crate) fn octets(&self) -> &[u8] {
        self.0.as_os_str().as_bytes()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Opens the file that is there now.
    pub(crate) fn open(&self) -> Result<ProgramFile, String> {
        let name = self.0.display();
        let opened = File::open(&self.0).and_then(|file| Ok((file.metadata()?, file)));
        let (metadata, file) = opened.map_err(|error| format!("{name}: {}", plain(&error)))?;
        if !metadata.is_file() || metadata.permissions().mode() & 0o111 == 0 {
            return Err(format!("{name}: it is no program that can be executed"));
        }
        Ok(ProgramFile(file))
    }
}

/// The opened file of a program: what is rehearsed is what is executed, whatever becomes of its path.
#[derive(Debug)]
pub(crate) struct ProgramFile(File);

impl ProgramFile {
    /// Opens the file of this program, which may have no path any more.
    pub(crate) fn of_this() -> io::Result<ProgramFile> {
        File::open("/proc/self/exe").map(ProgramFile)
    }

    fn command(&self, words: &[OsString]) -> Command {
        command(self.0.as_raw_fd(), words)
    }

    /// Executes it in place of this program, which hands over through this file. Returns only if that fails.
    pub(crate) fn execute(&self, words: &[OsString], handover: &File, own: &ProgramFile) -> io::Error {
        let mut command = self.command(words);
        command.env(VARIABLE, variable(handover.as_raw_fd(), own.0.as_raw_fd()));
        command.env_remove(FAILED_VARIABLE);
        command.exec()
    }
}

impl AsFd for ProgramFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Returns the value of the variable that names the memory file, and the program to go back to. The process is in it
/// since its children have its variables too.
fn variable(handover: i32, own: i32) -> String {
    format!("{}:{handover}:{own}", std::process::id())
}

/// Returns a command that executes a program of an open file with these words.
fn command(program: i32, words: &[OsString]) -> Command {
    let mut command = Command::new(format!("/proc/self/fd/{program}"));
    if let Some((name, arguments)) = words.split_first() {
        command.arg0(name).args(arguments);
    }
    MANAGER_VARIABLES.iter().for_each(|variable| _ = command.env_remove(variable));
    command
}

/// Executes the program before this one, which goes on with the same handover. Returns only if that fails.
pub(super) fn execute_again(own: i32, handover: i32, words: &[OsString], reason: &str) -> io::Error {
    let mut command = command(own, words);
    command.env(VARIABLE, variable(handover, own)).env(FAILED_VARIABLE, reason.replace('\0', " "));
    command.exec()
}

/// Runs a program with what is to be handed over, in a process of its own that touches no socket. Returns what it says of
/// itself; else the reason for which it can't take over. It may block.
pub(crate) fn rehearse(program: &ProgramFile, words: &[OsString], handover: File) -> Result<String, String> {
    let mut command = program.command(words);
    command.arg(REHEARSAL_ARGUMENT).env_remove(VARIABLE).env_remove("NOTIFY_SOCKET");
    command.stdin(handover).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().map_err(|error| format!("it can't be executed: {}", plain(&error)))?;
    let process = rustix::process::Pid::from_child(&child);
    let (ended, outcome) = mpsc::sync_channel(1);
    thread::spawn(move || _ = ended.send(child.wait_with_output()));
    let output = match outcome.recv_timeout(REHEARSAL_MAX) {
        Ok(output) => output.map_err(|error| plain(&error))?,
        Err(_) => {
            let _ = rustix::process::kill_process(process, rustix::process::Signal::KILL);
            return Err(format!("it says nothing within {} s", REHEARSAL_MAX.as_secs()));
        }
    };
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).lines().last().unwrap_or_default().trim().to_owned();
    let (said, error) = (text(&output.stdout), text(&output.stderr));
    let is_right = |said: &str| said.ends_with(&format!(" takes over format {FORMAT}"));
    match (output.status.success(), error) {
        (true, _) if is_right(&said) => Ok(said),
        (_, error) if !error.is_empty() => Err(error),
        (true, _) => Err("it is no rtrcast that can take over".to_owned()),
        (false, _) => Err(format!("it ends by {}", output.status)),
    }
}
