//! StayRTR's `rtrdump`: asks once, writes what it got into a file, and ends. So asking it is running it.

use super::{AfterCrash, Asks, Exception, Held, Kind, Peer, Release, Root, Router, Start, Step};
use crate::Outcome;
use crate::process::output;
use crate::transport::{Login, PASSWORD, SshKey, USER, Way, text};
use crate::world::Vrp;
use serde_json::Value;
use std::net::SocketAddr;
use std::path::PathBuf;

pub(crate) const PEER: Peer = Peer {
    name: "rtrdump (StayRTR)",
    package: "stayrtr",
    release: Release::Machine,
    version: |root| root.package_version("stayrtr", "rtrdump"),
    speaks: &[2, 1, 0],
    asks: Asks::Any,
    cache_flags: &["--no-aspas"],
    after_crash: AfterCrash::Delta,
    start,
    exceptions: &[
        Exception { step: Step::Notify, kind: Kind::NotApplicable, reason: "it asks once and ends." },
        Exception { step: Step::Restart, kind: Kind::NotApplicable, reason: "it asks once and ends." },
        Exception { step: Step::PlannedStop, kind: Kind::NotApplicable, reason: "it asks once and ends." },
        Exception { step: Step::CacheRestart, kind: Kind::NotApplicable, reason: "it asks once and ends." },
        Exception { step: Step::Crash, kind: Kind::NotApplicable, reason: "it asks once and ends." },
        Exception { step: Step::ColdStart, kind: Kind::NotApplicable, reason: "it asks once and ends." },
        Exception { step: Step::AspaWithdrawal, kind: Kind::NotApplicable, reason: "it asks once and ends." },
        Exception {
            step: Step::Downgrade,
            kind: Kind::Deviates,
            reason: "when the cache names its versions, it logs that it uses a lower one, and writes an empty set \
                instead of asking again. With `-rtr.version` it begins at the right one.",
        },
    ],
    notes: &[
        "reads ASPAs of version 2 as draft-10 had them, and ends at those of today. So it is served with `--no-aspas`.",
        "writes no router keys into its file.",
    ],
};

pub(crate) const DEBIAN_13: Peer =
    Peer { name: "rtrdump (StayRTR, Debian 13)", release: Release::Debian13, speaks: &[1, 0], ..PEER };

struct RtrDump {
    root: Root,
    cache: SocketAddr,
    /// How it gets there.
    arguments: Vec<String>,
    authorities: Option<PathBuf>,
    version: u8,
    /// What it writes.
    file: PathBuf,
}

fn start(start: &Start) -> Outcome<Box<dyn Router>> {
    let lend = |file: PathBuf| start.root.lend(&file, start.folder);
    let authorities = if let Way::Tls { files, .. } = start.way { Some(lend(files.path("ca.pem"))?) } else { None };
    Ok(Box::new(RtrDump {
        root: start.root.clone(),
        cache: start.cache,
        arguments: arguments(start)?,
        authorities,
        version: start.version,
        file: start.folder.join("dump.json"),
    }))
}

fn arguments(start: &Start) -> Outcome<Vec<String>> {
    let arguments: Vec<String> = match start.way {
        Way::Tcp | Way::Md5(_) => Vec::new(),
        Way::Tls { .. } => vec!["-type".to_owned(), "tls".to_owned()],
        Way::Ssh(files, login) => {
            let fingerprint = files.fingerprint(SshKey::Ecdsa)?;
            let fingerprint = fingerprint.trim_start_matches("SHA256:").to_owned();
            let common = ["-type", "ssh", "-ssh.auth.user", USER, "-ssh.validate", "-ssh.validate.key"];
            let common = common.map(str::to_owned).into_iter().chain([fingerprint]);
            let own = match login {
                Login::Key(key) => {
                    let key = text(&start.root.lend(&files.key(*key), start.folder)?);
                    ["-ssh.method", "key", "-ssh.auth.key", &key].map(str::to_owned)
                }
                Login::Password => ["-ssh.method", "password", "-ssh.auth.password", PASSWORD].map(str::to_owned),
            };
            common.chain(own).collect()
        }
    };
    Ok(arguments)
}

impl Router for RtrDump {
    fn held(&mut self) -> Outcome<Held> {
        let mut command = self.root.command("rtrdump");
        command.args(["-connect", &self.cache.to_string(), "-rtr.version", &self.version.to_string(), "-file"]);
        command.arg(self.root.inside(&self.file)).args(&self.arguments);
        if let Some(authorities) = &self.authorities {
            command.env("SSL_CERT_FILE", authorities);
        }
        output(&mut command)?;
        let text = std::fs::read(&self.file).map_err(|error| format!("rtrdump wrote nothing: {error}"))?;
        let dump: Value = serde_json::from_slice(&text).map_err(|error| format!("rtrdump wrote no JSON: {error}"))?;
        let entries = dump["roas"].as_array().ok_or("rtrdump wrote no roas")?;
        let vrps = entries.iter().map(|entry| vrp(entry).ok_or_else(|| format!("rtrdump wrote {entry}")));
        Ok(Held::vrps(vrps.collect::<Outcome<_>>()?))
    }

    fn asks_anew(&self) -> bool {
        true
    }
}

/// Reads `{ "prefix": "192.0.2.0/24", "maxLength": 24, "asn": 64496 }`.
fn vrp(entry: &Value) -> Option<Vrp> {
    let (address, length) = entry["prefix"].as_str()?.split_once('/')?;
    Vrp::parse(address, length, &entry["maxLength"].to_string(), &entry["asn"].to_string())
}
