//! Our cache, as a program that runs: its address, its log, other data, and a restart.

use crate::Outcome;
use crate::document::document;
use crate::process::{Folder, GLANCE, Process, free_address};
use crate::world::Records;
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A start or the end of the cache takes no longer on any machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// How many of its last log lines are shown after a failure.
const TAIL: usize = 12;
/// What it serves, where it is not another cache.
const DOCUMENT: &str = "rpki.json";

/// Where routers connect, and what they speak below RTR.
#[derive(Clone, Debug)]
pub(crate) struct Listen {
    /// `tcp`, `tls` or `ssh`.
    pub(crate) scheme: &'static str,
    pub(crate) ip: IpAddr,
    /// The network namespace that the cache runs in, if it is not this program's.
    pub(crate) namespace: Option<String>,
}

impl Default for Listen {
    fn default() -> Listen {
        Listen { scheme: "tcp", ip: Ipv4Addr::LOCALHOST.into(), namespace: None }
    }
}

pub(crate) struct Cache {
    program: PathBuf,
    listen: Listen,
    flags: Vec<String>,
    folder: Folder,
    /// What it serves.
    source: String,
    /// Where routers connect, also after a restart.
    address: SocketAddr,
    running: Option<Process>,
    log: Log,
    /// Reads the log to its end.
    reader: Option<JoinHandle<()>>,
}

/// The log lines since the last start.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn lines(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cache {
    /// A cache that serves these records on a free port, ready for routers.
    pub(crate) fn start(program: &Path, listen: Listen, flags: &[&str], records: &Records) -> Outcome<Cache> {
        let mut cache = Cache::new(program, listen, flags, DOCUMENT.to_owned())?;
        cache.put(records)?;
        cache.run()?;
        cache.wait_for("serial ")?;
        Ok(cache)
    }

    /// A cache whose source is not there yet, ready for routers.
    pub(crate) fn start_without_data(program: &Path, listen: Listen, flags: &[&str]) -> Outcome<Cache> {
        let mut cache = Cache::new(program, listen, flags, DOCUMENT.to_owned())?;
        cache.run()?;
        Ok(cache)
    }

    /// A cache that follows another one, as its router.
    pub(crate) fn follow(program: &Path, flags: &[&str], upstream: SocketAddr) -> Outcome<Cache> {
        Cache::follow_url(program, flags, format!("tcp://{upstream}"))
    }

    /// The same, by a URL.
    pub(crate) fn follow_url(program: &Path, flags: &[&str], upstream: String) -> Outcome<Cache> {
        let mut cache = Cache::new(program, Listen::default(), flags, upstream)?;
        cache.run()?;
        Ok(cache)
    }

    fn new(program: &Path, listen: Listen, flags: &[&str], source: String) -> Outcome<Cache> {
        Ok(Cache {
            program: program.to_owned(),
            address: SocketAddr::from((listen.ip, free_address()?.port())),
            listen,
            flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
            folder: Folder::new()?,
            source,
            running: None,
            log: Log::default(),
            reader: None,
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Replaces what it serves.
    pub(crate) fn put(&self, records: &Records) -> Outcome {
        self.folder.put(DOCUMENT, &document(records)).map(drop)
    }

    /// Stops it in order, and starts it with other data at the same address.
    pub(crate) fn restart(&mut self, records: &Records) -> Outcome {
        self.running = None;
        self.put(records)?;
        self.run()?;
        self.wait_for("serial ")
    }

    /// Kills it: it can do nothing in its last moment.
    pub(crate) fn kill(&mut self) {
        if let Some(process) = &mut self.running {
            process.kill();
        }
        self.running = None;
    }

    /// Waits until it has written a file in its folder.
    pub(crate) fn wait_for_file(&self, name: &str) -> Outcome {
        let deadline = Instant::now() + PATIENCE;
        while !self.folder.path().join(name).exists() {
            if Instant::now() > deadline {
                return Err(format!("the cache writes no {name}"));
            }
            std::thread::sleep(GLANCE);
        }
        Ok(())
    }

    /// What the first query since the last start was answered with, as the log says it.
    pub(crate) fn first_answer(&self) -> Option<String> {
        let lines = self.log.lines();
        let answer = lines.iter().find_map(|line| line.split_once(" is sent a "))?.1;
        answer.split(' ').next().map(str::to_owned)
    }

    /// Stops it in order, and says how it ended its sessions: a line of its log for each.
    pub(crate) fn stop(&mut self) -> Outcome<Vec<String>> {
        self.running = None;
        // What it wrote last may still be on its way here.
        self.reader.take().map_or(Ok(()), JoinHandle::join).map_err(|_| "the cache's log could not be read")?;
        Ok(self.ends())
    }

    /// How sessions ended since the last start, a line of its log for each.
    pub(crate) fn ends(&self) -> Vec<String> {
        let lines = self.log.lines();
        let ends = lines.iter().filter(|line| !line.contains(" is closed: "));
        ends.filter_map(|line| Some(line.split_once(" ended ")?.1.to_owned())).collect()
    }

    /// The version of the last session that began since the last start.
    pub(crate) fn session_version(&self) -> Option<u8> {
        let lines = self.log.lines();
        let line = lines.iter().rev().find_map(|line| line.split_once(" speaks version "))?;
        line.1.split(' ').next()?.parse().ok()
    }

    /// How many connections came since the last start.
    pub(crate) fn connections(&self) -> usize {
        self.log.lines().iter().filter(|line| line.contains(" connected to ")).count()
    }

    /// Its last words, to explain a failure.
    pub(crate) fn tail(&self) -> Vec<String> {
        let lines = self.log.lines();
        lines.iter().skip(lines.len().saturating_sub(TAIL)).cloned().collect()
    }

    fn run(&mut self) -> Outcome {
        let mut command = match &self.listen.namespace {
            None => Command::new(&self.program),
            Some(namespace) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", namespace]).arg(&self.program);
                command
            }
        };
        command.args(["serve", "--http", "off", "--log-level", "debug", "--guard-hold", "0"]);
        command
            .arg("--listen")
            .arg(format!("{}://{}", self.listen.scheme, self.address))
            .args(&self.flags)
            .arg(&self.source);
        command.current_dir(self.folder.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = Process::spawn(&mut command)?;
        let stdout = process.child().stdout.take().ok_or("the cache has no standard output")?;
        let stderr = process.child().stderr.take().ok_or("the cache has no standard error")?;
        self.log = Log::default();
        let log = self.log.clone();
        self.reader = Some(std::thread::spawn(move || {
            BufReader::new(stderr).lines().map_while(Result::ok).for_each(|line| log.lines().push(line));
        }));
        self.running = Some(process);
        let mut said = BufReader::new(stdout).lines().map_while(Result::ok);
        let address = said.find_map(|line| {
            let (_, place) = line.split_once("RTR     ")?.1.split_once("://")?;
            place.split(' ').next()?.parse().ok()
        });
        // What else it says is of no interest, but it has to be able to say it.
        std::thread::spawn(move || said.for_each(drop));
        self.address = address.ok_or_else(|| format!("the cache does not listen: {:?}", self.tail()))?;
        Ok(())
    }

    /// Waits until it says something in its log.
    pub(crate) fn wait_for(&self, text: &str) -> Outcome {
        let deadline = Instant::now() + PATIENCE;
        while !self.log.lines().iter().any(|line| line.contains(text)) {
            if Instant::now() > deadline {
                return Err(format!("the cache does not say \"{text}\" but {:?}", self.tail()));
            }
            std::thread::sleep(GLANCE);
        }
        Ok(())
    }
}
