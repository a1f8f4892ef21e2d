//! Sixty mistakes, made on purpose, and what the program says of each, word for word.
//!
//! Each message has to say which file and line, what is wrong, what is done now, and what to do. The program runs in a
//! folder of the test's own, so that names are as they were typed.

mod check;
mod configuration;
mod run;
mod slurm;

use crate::cache::{Folder, PATIENCE, without_spans};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// Two VRPs.
const GOOD: &str = r#"{"roas":[
{"asn":64496,"prefix":"192.0.2.0/24","maxLength":24,"ta":"test"},
{"asn":64497,"prefix":"198.51.100.0/24","maxLength":24,"ta":"test"}
]}"#;

fn program(folder: &Folder, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rtrcast"));
    command.args(arguments).current_dir(folder.path("")).env_remove("RTRCAST_CONTROL");
    command
}

/// What the program says, standard output first, and its exit code.
fn said(folder: &Folder, arguments: &[&str]) -> String {
    let output = program(folder, arguments).output().unwrap();
    let text = |octets: Vec<u8>| String::from_utf8(octets).unwrap();
    let code = output.status.code().expect("an exit, not a signal");
    stable(&format!("{}{}exit code {code}\n", text(output.stdout), text(output.stderr)))
}

/// What `check` says of a file with this content.
fn checked(name: &str, content: impl AsRef<[u8]>) -> String {
    let folder = Folder::new();
    folder.put(name, content.as_ref());
    said(&folder, &["check", name])
}

/// A running cache of which the warnings are read.
struct Serving {
    child: Child,
    lines: Receiver<String>,
}

impl Serving {
    fn start(folder: &Folder, arguments: &[&str]) -> Serving {
        let own = ["serve", "--listen", "127.0.0.1:0", "--http", "off"];
        let mut command = program(folder, &[&own, arguments].concat());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let (to_lines, lines) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| to_lines.send(line)));
        Serving { child, lines }
    }

    /// The next line of one of these levels, or with this text, without its time.
    fn line(&self, wanted: &[&str]) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let line =
                self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())).expect("such a line");
            if wanted.iter().any(|wanted| line.contains(wanted)) {
                let (_, line) = line.split_once(' ').unwrap();
                return stable(line.trim_start());
            }
        }
    }

    /// The next warning or error.
    fn complaint(&self) -> String {
        self.line(&[" WARN ", "ERROR "])
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The first complaint of a cache with these arguments.
fn complaint(folder: &Folder, arguments: &[&str]) -> String {
    Serving::start(folder, arguments).complaint()
}

/// Sets a file's time back by three days.
fn age(folder: &Folder, name: &str) {
    let written = SystemTime::now() - Duration::from_secs(3 * 86_400);
    std::fs::File::options().append(true).open(folder.path(name)).unwrap().set_modified(written).unwrap();
}

/// Without what differs from run to run: ports of the system's choice, and times.
fn stable(text: &str) -> String {
    let mut stable = String::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let time = rest.get(..20).filter(|time| is_time(time));
        let port = rest.strip_prefix("127.0.0.1:").map(|port| port.bytes().take_while(u8::is_ascii_digit).count());
        let skipped = match (time, port) {
            (Some(time), _) => {
                stable += "TIME";
                time.len()
            }
            (None, Some(digits)) if digits >= 4 => {
                stable += "127.0.0.1:PORT";
                "127.0.0.1:".len() + digits
            }
            (None, _) => {
                stable.push(next);
                next.len_utf8()
            }
        };
        rest = &rest[skipped..];
    }
    without_spans(&stable)
}

/// Whether this is a time such as `2026-09-16T00:00:00Z`.
fn is_time(text: &str) -> bool {
    let form = b"0000-00-00T00:00:00Z";
    text.bytes().zip(form).all(|(octet, form)| if *form == b'0' { octet.is_ascii_digit() } else { octet == *form })
}
