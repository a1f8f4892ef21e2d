//! A program that is measured: rtrcast, a bare program, or the cache of others. It ends with its value.

use crate::floor::Kind;
use crate::load::router::{Response, Router};
use crate::process::{self, Cpu};
use crate::{Outcome, context};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

/// A folder of its own, gone with the value.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// A new one in a folder that is there.
    pub(crate) fn new(parent: &Path) -> Outcome<Folder> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("run-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = parent.join(name);
        std::fs::create_dir(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Folder(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A program that runs.
pub(crate) struct Subject {
    child: Child,
    pub(crate) addr: SocketAddr,
    /// Just before it was started.
    pub(crate) started: Instant,
}

impl Subject {
    /// Starts `rtrcast serve` on some sources, which listens a moment later, and also at what else is given.
    pub(crate) fn rtrcast(program: &Path, sources: &[&Path], listen: &[&str], log: &Path) -> Outcome<Subject> {
        let listen: Vec<&str> = listen.iter().flat_map(|at| ["--listen", at]).collect();
        Subject::rtrcast_with(program, sources, &listen, log)
    }

    /// The same with other arguments.
    pub(crate) fn rtrcast_with(program: &Path, sources: &[&Path], arguments: &[&str], log: &Path) -> Outcome<Subject> {
        let addr = free_address()?;
        let mut command = Command::new(program);
        command.arg("serve").args(sources).args(arguments);
        // Data that are made for tests are as old as they are.
        command.args(["--too-old", "keep", "--http", "off", "--log-level", "warn"]);
        command.args(["--listen", &format!("tcp://{addr}")]);
        Subject::start(command.stdout(Stdio::null()), addr, log_file(log)?)
    }

    /// Starts a bare program, which listens when this returns. Credentials are for those that have some.
    pub(crate) fn floor(kind: Kind, response: &Path, credentials: &Path) -> Outcome<Subject> {
        let program = std::env::current_exe().map_err(context("where this program lies"))?;
        let mut command = Command::new(program);
        command.args(["floor", kind.name(), "--response"]).arg(response);
        command.arg("--credentials").arg(credentials).stdout(Stdio::piped());
        let unknown = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut subject = Subject::start(&mut command, unknown, Stdio::inherit())?;
        let said = subject.child.stdout.take().ok_or("a floor says nothing")?;
        let mut line = String::new();
        BufReader::new(said).read_line(&mut line).map_err(context("what a floor says"))?;
        subject.addr = line.trim().parse().map_err(context("what a floor says"))?;
        Ok(subject)
    }

    /// Starts StayRTR, which looks at its file when it is told to.
    pub(crate) fn stayrtr(program: &Path, source: &Path, log: &Path) -> Outcome<Subject> {
        let addr = free_address()?;
        let mut command = Command::new(program);
        command.arg("-cache").arg(source).args(["-checktime=false", "-refresh", "86400", "-loglevel", "error"]);
        command.args(["-protocol", "1", "-bind", &addr.to_string(), "-metrics.addr", &free_address()?.to_string()]);
        Subject::start(&mut command, addr, log_file(log)?)
    }

    /// Starts RTRTR, which looks at its file every so many seconds.
    pub(crate) fn rtrtr(program: &Path, source: &Path, refresh_s: u32, folder: &Path) -> Outcome<Subject> {
        let addr = free_address()?;
        let (config, log) = (folder.join("rtrtr.conf"), folder.join("rtrtr.log"));
        let text = format!(
            "log_level = \"error\"\nlog_target = \"stderr\"\nhttp-listen = [\"{}\"]\n\n\
             [units.file]\ntype = \"json\"\nuri = \"file:{}\"\nrefresh = {refresh_s}\n\n\
             [targets.routers]\ntype = \"rtr\"\nlisten = [\"{addr}\"]\nunit = \"file\"\n",
            free_address()?,
            source.display(),
        );
        std::fs::write(&config, text).map_err(|error| format!("{}: {error}", config.display()))?;
        let mut command = Command::new(program);
        command.arg("--config").arg(config);
        Subject::start(&mut command, addr, log_file(&log)?)
    }

    fn start(command: &mut Command, addr: SocketAddr, errors: Stdio) -> Outcome<Subject> {
        let started = Instant::now();
        let child = command.stdin(Stdio::null()).stderr(errors).spawn();
        let child = child.map_err(|error| format!("{}: {error}", command.get_program().display()))?;
        Ok(Subject { child, addr, started })
    }

    /// Asks until it has everything, and returns who asked.
    pub(crate) fn first(&self, version: u8) -> Outcome<(Router, Response)> {
        Router::first(self.addr, version)
    }

    /// The processor time of its threads.
    pub(crate) fn cpu(&self) -> Cpu {
        Cpu::of(self.child.id())
    }

    /// Octets of its memory, memory files included.
    pub(crate) fn memory(&self) -> Outcome<u64> {
        process::memory(self.child.id())
    }

    /// Octets of its anonymous pages.
    pub(crate) fn anonymous(&self) -> Outcome<u64> {
        process::anonymous(self.child.id())
    }

    /// Octets of all its resident pages.
    pub(crate) fn resident(&self) -> Outcome<u64> {
        process::resident(self.child.id())
    }

    /// Tells it to read its file again.
    pub(crate) fn hang_up(&self) -> Outcome {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).ok_or("a process without a number")?;
        kill_process(pid, Signal::HUP).map_err(context("SIGHUP"))
    }

    /// Its number.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        // There is nothing to be said to its routers, and thousands would be waited for.
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

fn log_file(path: &Path) -> Outcome<Stdio> {
    let file = File::create(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(Stdio::from(file))
}

/// An address of the loopback that nobody has.
pub(crate) fn free_address() -> Outcome<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(context("a free port"))?;
    listener.local_addr().map_err(context("a free port"))
}
