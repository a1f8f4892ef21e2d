//! rtrlib's `rtrclient`: stays connected and prints each change of its tables, which is summed up here.

use super::tables::{Change, Shared, Tables};
use super::{AfterCrash, Asks, Held, Peer, Release, Router, Start};
use crate::Outcome;
use crate::process::{Process, package_version};
use crate::transport::{USER, Way};
use crate::world::{RouterKey, Vrp};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

pub(crate) const PEER: Peer = Peer {
    name: "rtrclient (rtrlib)",
    package: "rtr-tools",
    release: Release::Machine,
    version: |_| package_version("rtr-tools", "rtrclient"),
    speaks: &[1, 0],
    asks: Asks::HighestOnly,
    cache_flags: &[],
    after_crash: AfterCrash::Delta,
    start,
    exceptions: &[],
    notes: &[],
};

struct RtrClient {
    _process: Process,
    tables: Shared,
}

fn start(start: &Start) -> Outcome<Box<dyn Router>> {
    let log = start.folder.join("peer.log");
    let log = File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
    // Into a pipe it writes by the block, so the end of an update would never come out.
    let mut command = Command::new("stdbuf");
    let socket = if let Way::Ssh(..) = start.way { "ssh" } else { "tcp" };
    command.args(["-oL", "rtrclient", socket, "-pk"]);
    command.args([start.cache.ip().to_string(), start.cache.port().to_string()]).stdout(Stdio::piped()).stderr(log);
    if let Way::Ssh(files, login) = start.way {
        let known_hosts = files.known_hosts(start.cache, start.folder)?;
        command.arg(USER).arg(files.key(login.key()?)).arg(known_hosts);
    }
    let mut process = Process::spawn(&mut command)?;
    let stdout = process.child().stdout.take().ok_or("rtrclient has no standard output")?;
    let tables = Shared::default();
    let shared = tables.clone();
    std::thread::spawn(move || {
        let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
        while let Some(line) = lines.next() {
            take(&mut shared.tables(), &line, &mut lines);
        }
    });
    Ok(Box::new(RtrClient { _process: process, tables }))
}

impl Router for RtrClient {
    fn held(&mut self) -> Outcome<Held> {
        Ok(Held { aspas: None, ..self.tables.held()? })
    }
}

/// A change: a line for a VRP, several for a router key.
fn take(tables: &mut Tables, line: &str, lines: &mut impl Iterator<Item = String>) {
    let (change, rest) = match line.split_once(' ') {
        Some(("+", rest)) => (Change::Announce, rest),
        Some(("-", rest)) => (Change::Withdraw, rest),
        _ => return,
    };
    let is_read = if rest.starts_with("HOST:") {
        router_key(lines).map(|key| tables.router_key(change, &key))
    } else {
        vrp(rest).map(|vrp| tables.vrp(change, vrp))
    };
    if is_read.is_none() {
        tables.wrong(format!("it printed what can't be read: {line}"));
    }
}

/// Reads `203.0.113.0           24 -  24        65536`.
fn vrp(text: &str) -> Option<Vrp> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [address, length, "-", max_length, asn] = words[..] else { return None };
    Vrp::parse(address, length, max_length, asn)
}

/// Reads what follows the first line: `ASN:  1`, `SKI:  01:02`, `SPKI: 01:02:`, and more lines of octets.
fn router_key(lines: &mut impl Iterator<Item = String>) -> Option<RouterKey> {
    let asn = lines.next()?.trim().strip_prefix("ASN:")?.trim().parse().ok()?;
    let ski = octets(lines.next()?.trim().strip_prefix("SKI:")?)?;
    let mut spki = octets(lines.next()?.trim().strip_prefix("SPKI:")?)?;
    while spki.len() < 91 {
        spki.extend(octets(&lines.next()?)?);
    }
    Some(RouterKey { asn, ski, spki })
}

fn octets(text: &str) -> Option<Vec<u8>> {
    text.trim().split_terminator(':').map(|octet| u8::from_str_radix(octet, 16).ok()).collect()
}
