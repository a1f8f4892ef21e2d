//! StayRTR, which reads a validator's document again each second.

use super::{Peer, Server, Start, free_address};
use crate::Outcome;
use crate::document::document;
use crate::process::{Process, package_version, wait_for_line};
use crate::step::{Exception, Kind, Step};
use crate::world::Records;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

pub(crate) const PEER: Peer = Peer {
    name: "StayRTR",
    package: "stayrtr",
    version: || package_version("stayrtr", "stayrtr"),
    speaks: &[2, 1, 0],
    can_be_held_to: &[1, 0],
    serves: without_default_routes_or_aspas,
    reads_within: Duration::ZERO,
    start,
    exceptions: &[Exception {
        step: Step::Aspas,
        kind: Kind::Deviates,
        reason: "its version 2 is draft-10, whose ASPAs have another form: one for each address family, and flags that \
            stand elsewhere. Our client takes that for the broken protocol that it is.",
    }],
    notes: &[
        "drops prefixes of length 0, so the two default routes are not among what is compared.",
        "makes a new serial each time that it reads its input, and notifies of it, also where nothing changed.",
    ],
};

fn without_default_routes_or_aspas(records: &Records) -> Records {
    Records { aspas: BTreeSet::new(), ..records.without_default_routes() }
}

struct StayRtr {
    folder: PathBuf,
    address: SocketAddr,
    flags: Vec<String>,
    with_aspas: bool,
    running: Option<Process>,
}

fn start(start: &Start) -> Outcome<Box<dyn Server>> {
    let flags = [("-protocol", u32::from(start.version)), ("-rtr.retry", start.retry_s), ("-refresh", 1)];
    let mut server = StayRtr {
        folder: start.folder.to_owned(),
        address: free_address()?,
        flags: flags.iter().flat_map(|(flag, value)| [(*flag).to_owned(), value.to_string()]).collect(),
        with_aspas: start.with_aspas,
        running: None,
    };
    server.restart(start.records)?;
    Ok(Box::new(server))
}

impl Server for StayRtr {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn put(&mut self, records: &Records) -> Outcome {
        let mut input: Value = serde_json::from_slice(&document(records)).map_err(|error| error.to_string())?;
        if self.with_aspas {
            // As rpki-client wrote them when StayRTR learned to read them.
            let aspas = input["aspas"].take();
            input["provider_authorizations"] = json!({ "ipv4": aspas, "ipv6": aspas });
        }
        let partial = self.folder.join("partial.json");
        std::fs::write(&partial, input.to_string())
            .and_then(|()| std::fs::rename(&partial, self.folder.join("rpki.json")))
            .map_err(|error| format!("the input of StayRTR: {error}"))
    }

    fn restart(&mut self, records: &Records) -> Outcome {
        self.running = None;
        self.put(records)?;
        let log = self.folder.join("peer.log");
        let mut command = Command::new("stayrtr");
        command.current_dir(&self.folder).args(["-bind", &self.address.to_string(), "-cache", "rpki.json"]);
        command.args(["-checktime=false", "-metrics.addr", ""]).args(&self.flags);
        self.running = Some(Process::start(&mut command, &log)?);
        wait_for_line(&log, "new serial")
    }
}
