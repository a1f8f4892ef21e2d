//! StayRTR's `rtrmon`: compares two sources and serves their differences over HTTP. One is our cache; the other is the
//! document that the cache began with, which never changes. So what it holds is that, without what only the document
//! has, and with what only the cache has.

use super::{AfterCrash, Asks, Exception, Held, Kind, Peer, Release, Router, Start, Step};
use crate::Outcome;
use crate::document::document;
use crate::process::{Process, free_address};
use crate::world::{Records, Vrp};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

pub(crate) const PEER: Peer = Peer {
    name: "rtrmon (StayRTR)",
    package: "stayrtr",
    release: Release::Machine,
    version: |root| root.package_version("stayrtr", "rtrmon"),
    speaks: &[1, 0],
    asks: Asks::HighestOnly,
    cache_flags: &["--no-router-keys"],
    after_crash: AfterCrash::Delta,
    start,
    exceptions: &[
        Exception {
            step: Step::Notify,
            kind: Kind::Otherwise,
            reason: "it logs a notify, and asks only at its refresh, which is 3 s here.",
        },
        Exception { step: Step::Crash, kind: Kind::NotApplicable, reason: "it ends when its connection does." },
        Exception { step: Step::Restart, kind: Kind::Deviates, reason: "it ends when its connection does." },
        Exception { step: Step::PlannedStop, kind: Kind::Deviates, reason: "it ends when its connection does." },
        Exception {
            step: Step::Downgrade,
            kind: Kind::Deviates,
            reason: "when the cache names its versions, it logs that it uses a lower one, and begins at version 1 \
                again for ever.",
        },
    ],
    notes: &[
        "the other source that it compares is what the cache began with, as JSON, and has VRPs only. So it is served \
        with `--no-router-keys`.",
    ],
};

pub(crate) const DEBIAN_13: Peer = Peer { name: "rtrmon (StayRTR, Debian 13)", release: Release::Debian13, ..PEER };

/// Of the cache and of the document.
const REFRESH: &str = "3s";

const PATIENCE: Duration = Duration::from_secs(20);

struct RtrMon {
    _process: Process,
    address: SocketAddr,
    /// What it compares with.
    document: BTreeSet<Vrp>,
}

fn start(start: &Start) -> Outcome<Box<dyn Router>> {
    let document = serve(start.served)?;
    let address = free_address()?;
    let mut command = start.root.command("rtrmon");
    command.args(["-addr", &address.to_string(), "-primary.host", &format!("tcp://{}", start.cache)]);
    command.args(["-secondary.host", &format!("http://{document}/rpki.json"), "-grace.period", "1s"]);
    command.args(["-primary.refresh", REFRESH, "-secondary.refresh", REFRESH]);
    let process = Process::start(&mut command, &start.folder.join("peer.log"))?;
    Ok(Box::new(RtrMon { _process: process, address, document: start.served.vrps.clone() }))
}

impl Router for RtrMon {
    fn held(&mut self) -> Outcome<Held> {
        let text = get(self.address, "/diff.json").map_err(|error| format!("rtrmon does not answer: {error}"))?;
        let diff: Value = serde_json::from_str(&text).map_err(|error| format!("rtrmon's answer: {error}"))?;
        let counts = ["metadata-primary", "metadata-secondary"].map(|side| diff[side]["count"].as_u64());
        if counts[1] != u64::try_from(self.document.len()).ok() {
            return Err(format!("rtrmon has {:?} of the document's {} VRPs", counts[1], self.document.len()));
        }
        let only = |side: &str| -> Outcome<BTreeSet<Vrp>> {
            let entries = diff[side].as_array().ok_or_else(|| format!("rtrmon says nothing of {side}"))?;
            entries.iter().map(|entry| vrp(entry).ok_or_else(|| format!("rtrmon says {entry}"))).collect()
        };
        let (added, gone) = (only("only-primary")?, only("only-secondary")?);
        let vrps: BTreeSet<Vrp> = self.document.difference(&gone).chain(&added).copied().collect();
        if counts[0] == u64::try_from(vrps.len()).ok() {
            Ok(Held::vrps(vrps))
        } else {
            Err(format!("rtrmon counts {:?} VRPs, and its differences make {}", counts[0], vrps.len()))
        }
    }
}

/// Reads `{ "asn": 64496, "max-length": 24, "prefix": "192.0.2.0/24" }`.
fn vrp(entry: &Value) -> Option<Vrp> {
    let (address, length) = entry["prefix"].as_str()?.split_once('/')?;
    Vrp::parse(address, length, &entry["max-length"].to_string(), &entry["asn"].to_string())
}

/// Serves the VRPs of a data set over HTTP, until the program ends, to whoever asks for anything.
fn serve(records: &Records) -> Outcome<SocketAddr> {
    let body = document(&Records { vrps: records.vrps.clone(), ..Records::default() });
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| format!("no port of the loopback: {error}"))?;
    let address = listener.local_addr().map_err(|error| format!("no address: {error}"))?;
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let request = BufReader::new(&stream).lines().map_while(Result::ok);
            request.take_while(|line| !line.is_empty()).for_each(drop);
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            // If it went away, it asks again.
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
        }
    });
    Ok(address)
}

/// The body of an answer.
fn get(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    // HTTP/1.0, so that the body comes as it is.
    write!(stream, "GET {path} HTTP/1.0\r\nHost: rtrmon\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
}
