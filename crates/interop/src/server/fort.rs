//! FORT, a validator with a cache in it. It validates a trust anchor that certifies nothing, without a network, and
//! serves the assertions of a SLURM file (RFC 8416).

use super::{Peer, Release, Server, Start, trust_anchor};
use crate::Outcome;
use crate::document::base64;
use crate::process::{
    Process, free_address, package_version, unix_now, wait_for_line, wait_for_listener, wait_for_second_after,
};
use crate::step::{Exception, Kind, Step};
use crate::world::{Records, RouterKey, Vrp};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

pub(crate) const PEER: Peer = Peer {
    name: "FORT",
    package: "fort-validator",
    release: Release::Machine,
    version: |_| package_version("fort-validator", "fort"),
    speaks: &[1, 0],
    can_be_held_to: &[],
    serves: Records::without_default_routes,
    // It validates each minute, and not more often.
    reads_within: Duration::from_secs(60),
    start,
    exceptions: &[Exception {
        step: Step::Downgrade,
        kind: Kind::NotApplicable,
        reason: "it cannot be limited to lower versions. It has no version 2, so each session begins with a \
            downgrade.",
    }],
    notes: &[
        "its session ID is derived from the second of its start, and its serials begin at 1. A router that had a \
            session with one that started within the same second continues that session. So it is restarted a second \
            later.",
        "has no ASPAs.",
        "treats a SLURM assertion of a prefix of length 0 as an error, and then serves nothing of the file. So the \
            two default routes are left out.",
    ],
};

struct Fort {
    folder: PathBuf,
    address: SocketAddr,
    retry_s: u32,
    /// The second in which the last start was over: its session comes from that or an earlier one.
    started: u64,
    running: Option<Process>,
}

fn start(start: &Start) -> Outcome<Box<dyn Server>> {
    trust_anchor::write(start.folder)?;
    let (folder, address) = (start.folder.to_owned(), free_address()?);
    let mut server = Fort { folder, address, retry_s: start.retry_s, started: 0, running: None };
    server.restart(start.records)?;
    Ok(Box::new(server))
}

impl Server for Fort {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn put(&mut self, records: &Records) -> Outcome {
        let partial = self.folder.join("partial");
        std::fs::write(&partial, slurm(&records.without_default_routes()))
            .and_then(|()| std::fs::rename(&partial, self.folder.join("made.slurm")))
            .map_err(|error| format!("the SLURM file of FORT: {error}"))
    }

    fn restart(&mut self, records: &Records) -> Outcome {
        self.running = None;
        wait_for_second_after(self.started);
        self.put(records)?;
        let log = self.folder.join("peer.log");
        let mut command = Command::new("fort");
        command.current_dir(&self.folder).args(["--mode=server", "--work-offline", "--tal=made.tal"]);
        command.args(["--local-repository=repository", "--slurm=made.slurm", "--server.interval.validation=60"]);
        command.arg(format!("--server.address={}", self.address.ip()));
        command.arg(format!("--server.port={}", self.address.port()));
        command.arg(format!("--server.interval.retry={}", self.retry_s));
        command.args(["--log.output=console", "--log.level=info"]);
        self.running = Some(Process::start(&mut command, &log)?);
        wait_for_line(&log, "First validation cycle successfully ended")?;
        wait_for_listener(self.address)?;
        self.started = unix_now();
        Ok(())
    }
}

fn slurm(records: &Records) -> String {
    let prefixes: Vec<Value> = records.vrps.iter().map(prefix_assertion).collect();
    let keys: Vec<Value> = records.router_keys.iter().map(key_assertion).collect();
    let filters = json!({ "prefixFilters": [], "bgpsecFilters": [] });
    let assertions = json!({ "prefixAssertions": prefixes, "bgpsecAssertions": keys });
    json!({ "slurmVersion": 1, "validationOutputFilters": filters, "locallyAddedAssertions": assertions }).to_string()
}

fn prefix_assertion(vrp: &Vrp) -> Value {
    let prefix = format!("{}/{}", vrp.address, vrp.length);
    json!({ "asn": vrp.asn, "prefix": prefix, "maxPrefixLength": vrp.max_length })
}

fn key_assertion(key: &RouterKey) -> Value {
    let text = |octets| base64(octets).replace('+', "-").replace('/', "_").trim_end_matches('=').to_owned();
    json!({ "asn": key.asn, "SKI": text(&key.ski), "routerPublicKey": text(&key.spki) })
}
