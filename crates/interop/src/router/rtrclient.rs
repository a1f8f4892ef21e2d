//! rtrlib's `rtrclient`: stays connected and prints each change of its tables, which is summed up here.

use super::{Asks, Held, Peer, Router, Start};
use crate::Outcome;
use crate::process::{Process, package_version};
use crate::world::{RouterKey, Vrp};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

pub(crate) const PEER: Peer = Peer {
    name: "rtrclient (rtrlib)",
    package: Some("rtr-tools"),
    version: || package_version("rtr-tools", "rtrclient"),
    speaks: &[1, 0],
    asks: Asks::HighestOnly,
    cache_flags: &[],
    start,
    exceptions: &[],
    notes: &[],
};

struct RtrClient {
    _process: Process,
    tables: Arc<Mutex<Tables>>,
}

fn start(start: &Start) -> Outcome<Box<dyn Router>> {
    let log = start.folder.join("peer.log");
    let log = File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
    // Into a pipe it writes by the block, so the end of an update would never come out.
    let mut command = Command::new("stdbuf");
    command.args(["-oL", "rtrclient", "tcp", "-pk"]);
    command.args([start.cache.ip().to_string(), start.cache.port().to_string()]).stdout(Stdio::piped()).stderr(log);
    let mut process = Process::spawn(&mut command)?;
    let stdout = process.child().stdout.take().ok_or("rtrclient has no standard output")?;
    let tables = Arc::new(Mutex::new(Tables::default()));
    let shared = Arc::clone(&tables);
    std::thread::spawn(move || {
        let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
        while let Some(line) = lines.next() {
            shared.lock().unwrap_or_else(PoisonError::into_inner).take(&line, &mut lines);
        }
    });
    Ok(Box::new(RtrClient { _process: process, tables }))
}

/// What the changes come to.
#[derive(Default)]
struct Tables {
    vrps: BTreeSet<Vrp>,
    router_keys: BTreeSet<RouterKey>,
    /// The first line that can't be right.
    wrong: Option<String>,
}

impl Router for RtrClient {
    fn held(&mut self) -> Outcome<Held> {
        let tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        match &tables.wrong {
            Some(wrong) => Err(wrong.clone()),
            None => Ok(Held { vrps: tables.vrps.clone(), router_keys: Some(tables.router_keys.clone()), aspas: None }),
        }
    }
}

impl Tables {
    /// A change: a line for a VRP, several for a router key.
    fn take(&mut self, line: &str, lines: &mut impl Iterator<Item = String>) {
        let Some((sign @ ("+" | "-"), rest)) = line.split_once(' ') else { return };
        let adds = sign == "+";
        let new = if rest.starts_with("HOST:") {
            router_key(lines).map(|key| if adds { self.router_keys.insert(key) } else { self.router_keys.remove(&key) })
        } else {
            vrp(rest).map(|vrp| if adds { self.vrps.insert(vrp) } else { self.vrps.remove(&vrp) })
        };
        if new != Some(true) && self.wrong.is_none() {
            self.wrong = Some(format!("it printed a change that can't be read or changes nothing: {line}"));
        }
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
