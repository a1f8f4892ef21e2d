//! A running cache: its addresses, its log lines as they come, its metrics.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Nothing here takes so long on any machine; it only keeps a broken test from hanging.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A folder of the test's own, gone with the value.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("rtrcast-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Puts a file into place by a rename, as validators do.
    pub(crate) fn put(&self, name: &str, content: &[u8]) -> PathBuf {
        let (partial, path) = (self.path("partial"), self.path(name));
        std::fs::write(&partial, content).unwrap();
        std::fs::rename(partial, &path).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A document with these VRPs: `(asn, prefix, maxLength)`.
pub(crate) fn document(vrps: &[(u32, &str, u8)]) -> Vec<u8> {
    let entries: Vec<String> = vrps
        .iter()
        .map(|(asn, prefix, max_len)| {
            format!(r#"{{ "asn": {asn}, "prefix": "{prefix}", "maxLength": {max_len}, "ta": "test", "expires": 1956528000 }}"#)
        })
        .collect();
    format!("{{ \"metadata\": {{}},\n\"roas\": [\n{}\n] }}", entries.join(",\n")).into_bytes()
}

/// A document with this many VRPs, the given AS in all of them.
pub(crate) fn large_document(count: u32, asn: u32) -> Vec<u8> {
    let mut text = String::from("{ \"roas\": [\n");
    for n in 0..count {
        let comma = if n + 1 < count { "," } else { "" };
        let [_, a, b, c] = n.to_be_bytes();
        writeln!(
            text,
            "{{ \"asn\": {asn}, \"prefix\": \"10{a}.{b}.{c}.0/24\", \"maxLength\": 24, \"ta\": \"test\" }}{comma}"
        )
        .unwrap();
    }
    text.push_str("] }");
    text.into_bytes()
}

/// Among the arguments: the configuration says where it listens.
const LISTENS: &str = "";

pub(crate) struct Cache {
    child: Child,
    /// The first listener for TCP, or else the first that has an address.
    pub(crate) rtr: SocketAddr,
    pub(crate) http: SocketAddr,
    /// All listeners for routers, as they were printed.
    pub(crate) places: Vec<String>,
    lines: Receiver<String>,
    /// Log lines that were seen.
    pub(crate) seen: Vec<String>,
    _folder: Option<Folder>,
}

impl Cache {
    /// A cache of one VRP: 192.0.2.0/24-24 AS64496.
    pub(crate) fn small(arguments: &[&str]) -> Cache {
        Cache::of(&document(&[(64_496, "192.0.2.0/24", 24)]), arguments)
    }

    /// A cache of a document, ready to serve.
    pub(crate) fn of(document: &[u8], arguments: &[&str]) -> Cache {
        let folder = Folder::new();
        let path = folder.put("rpki.json", document);
        let mut cache = Cache::start(&path, arguments);
        cache.wait_for("serial ");
        cache._folder = Some(folder);
        cache
    }

    /// A cache that follows a source; it may have no data yet.
    pub(crate) fn start(source: impl AsRef<Path>, arguments: &[&str]) -> Cache {
        Cache::run(program(), source, arguments)
    }

    /// The same, with these variables in its environment.
    pub(crate) fn start_with(variables: &[(&str, &str)], source: impl AsRef<Path>, arguments: &[&str]) -> Cache {
        let mut command = program();
        command.envs(variables.iter().copied());
        Cache::run(command, source, arguments)
    }

    /// A cache whose sources stand in a configuration file.
    pub(crate) fn configured(config: &str, arguments: &[&str]) -> Cache {
        Cache::run(Command::new(env!("CARGO_BIN_EXE_rtrcast")), "--config", &[&[config], arguments].concat())
    }

    /// The same where the file says where it listens as well.
    pub(crate) fn configured_without_listener(config: &str) -> Cache {
        Cache::run(Command::new(env!("CARGO_BIN_EXE_rtrcast")), "--config", &[config, LISTENS])
    }

    /// The same, with at most so many descriptors.
    pub(crate) fn with_descriptors(limit: u32, source: impl AsRef<Path>, arguments: &[&str]) -> Cache {
        let mut shell = Command::new("sh");
        let run = format!("ulimit -n {limit}; exec \"$0\" \"$@\"");
        shell.args(["-c", &run, env!("CARGO_BIN_EXE_rtrcast")]);
        Cache::run(shell, source, arguments)
    }

    /// The same by a command that becomes the program.
    pub(crate) fn run(mut command: Command, source: impl AsRef<Path>, arguments: &[&str]) -> Cache {
        command.arg("serve").arg(source.as_ref()).args(arguments.iter().filter(|argument| **argument != LISTENS));
        if !arguments.contains(&"--listen") && !arguments.contains(&LISTENS) {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        if !arguments.contains(&"--log-level") {
            command.args(["--log-level", "debug"]);
        }
        command.args(["--http", "127.0.0.1:0"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (to_lines, lines) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        thread::spawn(move || stderr.lines().map_while(Result::ok).all(|line| to_lines.send(line).is_ok()));
        let (mut places, mut http) = (Vec::new(), None);
        let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        for line in stdout.by_ref() {
            // A source may be another cache.
            match line.split_whitespace().collect::<Vec<_>>()[..] {
                ["RTR", place, ..] => places.push(place.to_owned()),
                ["HTTP", place, ..] => http = place.strip_prefix("http://").and_then(|address| address.parse().ok()),
                _ => {}
            }
            if line.contains("stop") {
                break;
            }
        }
        let is_plain = |place: &&String| place.starts_with("tcp://");
        let ordered = places.iter().filter(is_plain).chain(&places);
        let rtr = ordered.filter_map(|place| place.split_once("://")?.1.parse().ok()).next();
        let (Some(rtr), Some(http)) = (rtr, http) else {
            panic!("no addresses; it said {:?}", lines.try_iter().collect::<Vec<_>>())
        };
        Cache { child, rtr, http, places, lines, seen: Vec::new(), _folder: None }
    }

    /// The address of the first listener that is printed with this beginning.
    pub(crate) fn at(&self, beginning: &str) -> SocketAddr {
        let address = |place: &&String| place.split_once("://")?.1.parse().ok();
        let mut places = self.places.iter().filter(|place| place.starts_with(beginning));
        places.find_map(|place| address(&place)).unwrap_or_else(|| panic!("no {beginning} in {:?}", self.places))
    }

    /// Where routers come that speak by `tls`, `ssh` or `unix`.
    pub(crate) fn url(&self, scheme: &str) -> String {
        let url = self.places.iter().find(|url| url.split("://").next() == Some(scheme));
        url.expect("a listener of this kind").clone()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next log line that contains the text.
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if line.contains(text) {
                        return line;
                    }
                }
                Err(_) => panic!("no line with \"{text}\" among {:#?}", self.seen),
            }
        }
    }

    /// The lines so far.
    pub(crate) fn log(&mut self) -> &[String] {
        self.seen.extend(self.lines.try_iter());
        &self.seen
    }

    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.pid().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// The exit code, once it has ended.
    pub(crate) fn exit_code(&mut self) -> i32 {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code().expect("an exit, not a signal");
            }
            thread::sleep(Duration::from_millis(5));
        }
        panic!("it does not end");
    }

    /// Waits until it has ended, in whatever way.
    pub(crate) fn wait_for_end(&mut self) {
        self.child.wait().unwrap();
    }

    /// Status and body of an HTTP answer.
    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        let (status, _, body) = self.get_with(path, "");
        (status, body)
    }

    /// Status, headers and body of an HTTP answer to a request with these headers besides.
    pub(crate) fn get_with(&self, path: &str, headers: &str) -> (u16, String, String) {
        let mut stream = TcpStream::connect(self.http).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: cache\r\n{headers}Connection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let status = text.split(' ').nth(1).unwrap().parse().unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (status, head.to_lowercase(), body.to_owned())
    }

    /// A metric's value, by its name and labels as they are printed.
    pub(crate) fn metric(&self, name: &str) -> Option<i64> {
        let (status, text) = self.get("/metrics");
        assert_eq!(status, 200);
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
    }

    /// Waits until a metric has a value.
    pub(crate) fn wait_for_metric(&self, name: &str, value: i64) {
        let deadline = Instant::now() + PATIENCE;
        while self.metric(name) != Some(value) {
            assert!(Instant::now() < deadline, "{name} is {:?}, not {value}", self.metric(name));
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// The processor time that it has used.
    #[cfg(target_os = "linux")]
    pub(crate) fn processor_time(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        // Behind the name, which is in parentheses, user and system time are the twelfth and thirteenth field.
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        Duration::from_secs(ticks) / rustix::param::clock_ticks_per_second() as u32
    }

    /// Its open descriptors.
    #[cfg(target_os = "linux")]
    pub(crate) fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.pid())).unwrap().count()
    }
}

#[cfg(target_os = "linux")]
impl Cache {
    /// Waits until this many memory files hold data sets: what is new is served before what was read is dropped.
    pub(crate) fn wait_for_memory_files(&self, count: usize) {
        let deadline = Instant::now() + PATIENCE;
        while self.memory_files() != count {
            assert!(Instant::now() < deadline, "{} memory files, not {count}", self.memory_files());
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn memory_files(&self) -> usize {
        let descriptors = std::fs::read_dir(format!("/proc/{}/fd", self.pid())).unwrap();
        let names = descriptors.filter_map(|descriptor| std::fs::read_link(descriptor.unwrap().path()).ok());
        names.filter(|name| name.to_string_lossy().starts_with("/memfd:")).count()
    }

    /// Waits until it has this many descriptors open.
    pub(crate) fn wait_for_descriptors(&self, count: usize) {
        let deadline = Instant::now() + PATIENCE;
        while self.descriptors() != count {
            assert!(Instant::now() < deadline, "{} descriptors, not {count}", self.descriptors());
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// As many of a failed test's warnings are shown.
const WARNINGS_SHOWN_MAX: usize = 10;

impl Drop for Cache {
    fn drop(&mut self) {
        if thread::panicking() {
            let warnings = self.log().iter().filter(|line| line.contains(" WARN ") || line.contains(" ERROR "));
            warnings.take(WARNINGS_SHOWN_MAX).for_each(|line| println!("{line}"));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program, whatever proxies those who test it have.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rtrcast"));
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
    command
}

/// Runs the program to its end: exit code, standard output, standard error.
pub(crate) fn run(arguments: &[&str]) -> (i32, String, String) {
    let output = program().args(arguments).output().unwrap();
    let text = |octets: Vec<u8>| String::from_utf8(octets).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// Without how long something lasts from now on, and with files of this moment made 0 s ago.
pub(crate) fn without_spans(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("(in ") {
        let (_, behind) = after.split_once(')').expect("a parenthesis ends");
        shown += &format!("{before}(in SPAN)");
        rest = behind;
    }
    shown += rest;
    (1..60).fold(shown, |shown, seconds| shown.replace(&format!("made {seconds} s ago"), "made 0 s ago"))
}
