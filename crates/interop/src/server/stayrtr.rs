//! StayRTR, which reads a validator's document again each second.

use super::{Peer, Release, Root, Server, Start};
use crate::Outcome;
use crate::document::document;
use crate::process::{Process, free_address, unix_now, wait_for_line, wait_for_listener, wait_for_second_after};
use crate::step::{Exception, Kind, Step};
use crate::world::Records;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub(crate) const PEER: Peer = Peer {
    name: "StayRTR",
    package: "stayrtr",
    release: Release::Machine,
    version: |root| root.package_version("stayrtr", "stayrtr"),
    speaks: &[2, 1, 0],
    can_be_held_to: &[1, 0],
    serves: without_default_routes_or_aspas,
    reads_within: Duration::ZERO,
    start,
    exceptions: &[Exception {
        step: Step::Aspas,
        kind: Kind::Deviates,
        reason: "its version 2 is draft-10, whose ASPAs have another form: one for each address family, and flags in \
            another place. Our client treats that as a protocol error, as it has to.",
    }],
    notes: &[
        "two of its processes that start within the same second have the same session ID and the same serials. A \
            router that had a session with the first one continues it with the second, and gets no record of what \
            changed. So it is restarted a second later.",
        "after a restart it closes at a Serial Query of the old session, about every second time without an Error \
            Report. Our client sends a Reset Query then.",
        "drops prefixes of length 0, so the two default routes are not compared.",
        "advances its serial each time that it reads its input, and sends a notify, also where nothing changed.",
    ],
};

pub(crate) const DEBIAN_13: Peer = Peer {
    name: "StayRTR (Debian 13)",
    release: Release::Debian13,
    speaks: &[1, 0],
    can_be_held_to: &[0],
    exceptions: &[],
    ..PEER
};

fn without_default_routes_or_aspas(records: &Records) -> Records {
    Records { aspas: BTreeSet::new(), ..records.without_default_routes() }
}

struct StayRtr {
    root: Root,
    folder: PathBuf,
    address: SocketAddr,
    flags: Vec<String>,
    with_aspas: bool,
    /// The second in which the last start was over: its session comes from that or an earlier one.
    started: u64,
    running: Option<Process>,
}

fn start(start: &Start) -> Outcome<Box<dyn Server>> {
    let flags = [("-protocol", u32::from(start.version)), ("-rtr.retry", start.retry_s), ("-refresh", 1)];
    let mut server = StayRtr {
        root: start.root.clone(),
        folder: start.folder.to_owned(),
        address: free_address()?,
        flags: flags.iter().flat_map(|(flag, value)| [(*flag).to_owned(), value.to_string()]).collect(),
        with_aspas: start.with_aspas,
        started: 0,
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
        wait_for_second_after(self.started);
        self.put(records)?;
        let log = self.folder.join("peer.log");
        let mut command = self.root.command("stayrtr");
        let input = self.root.inside(&self.folder.join("rpki.json"));
        command.args(["-bind", &self.address.to_string(), "-cache"]).arg(input);
        command.args(["-checktime=false", "-metrics.addr", ""]).args(&self.flags);
        self.running = Some(Process::start(&mut command, &log)?);
        // It reads its input first, and listens then.
        wait_for_line(&log, "new serial")?;
        wait_for_listener(self.address)?;
        self.started = unix_now();
        Ok(())
    }
}
