//! Foreign programs that carry a connection, OpenSSL's `s_client` and OpenSSH's `ssh -s`, with the client of the `rpki`
//! crate behind them: neither the protocol nor what protects it is ours.

use super::carried::{Connector, Program};
use super::rpki_rs::follow;
use super::{AfterCrash, Asks, Peer, Release, Router, Start};
use crate::Outcome;
use crate::process::package_version;
use crate::transport::{SshFiles, SshKey, TlsFiles, TlsVersion, USER, Way};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::Arc;

pub(crate) const OPENSSL: Peer = Peer {
    name: "openssl s_client",
    package: "openssl",
    release: Release::Machine,
    version: |_| package_version("openssl", "openssl"),
    start: start_s_client,
    ..OPENSSH
};

pub(crate) const OPENSSH: Peer = Peer {
    name: "ssh -s (OpenSSH)",
    package: "openssh-client",
    release: Release::Machine,
    version: |_| package_version("openssh-client", "ssh"),
    speaks: &[2],
    asks: Asks::HighestOnly,
    cache_flags: &[],
    after_crash: AfterCrash::Delta,
    start: start_ssh,
    exceptions: &[],
    notes: &[],
};

fn start_s_client(start: &Start) -> Outcome<Box<dyn Router>> {
    let Way::Tls { files, version } = start.way else { return Err("s_client is for TLS".to_owned()) };
    let (files, version, cache) = (Arc::clone(files), *version, start.cache);
    let messages = start.folder.join("messages");
    let said = messages.clone();
    follow(
        start,
        Connector::Program(Program {
            command: Box::new(move || s_client(&files, version, cache, &messages)),
            judge: Arc::new(move |child| s_client_end_of_either(child, &said)),
        }),
    )
}

fn start_ssh(start: &Start) -> Outcome<Box<dyn Router>> {
    let Way::Ssh(files, login) = start.way else { return Err("ssh is for SSH".to_owned()) };
    let (files, key, cache) = (Arc::clone(files), login.key()?, start.cache);
    let known_hosts = files.known_hosts(cache, start.folder)?;
    follow(
        start,
        Connector::Program(Program {
            command: Box::new(move || ssh(&files, key, cache, &known_hosts)),
            judge: Arc::new(ssh_end),
        }),
    )
}

/// `s_client` in one version, with a router's certificate. What it sends and gets of TLS goes into a file.
pub(crate) fn s_client(files: &TlsFiles, version: TlsVersion, cache: SocketAddr, messages: &Path) -> Command {
    let mut command = s_client_without_certificate(files, version, cache, messages);
    command.arg("-cert").arg(files.path("router.pem")).arg("-key").arg(files.path("router.key"));
    command
}

/// It verifies the cache's name, and does not take what it is to send for commands.
pub(crate) fn s_client_without_certificate(
    files: &TlsFiles,
    version: TlsVersion,
    cache: SocketAddr,
    messages: &Path,
) -> Command {
    let mut command = Command::new("openssl");
    // It ends the connection when its input ends, and takes no letter for a command.
    command.args(["s_client", "-quiet", "-no_ign_eof", "-nocommands", "-connect", &cache.to_string(), version.flag()]);
    command.args(["-verify_return_error", "-verify_hostname", "localhost", "-CAfile"]).arg(files.path("ca.pem"));
    command.args(["-msg", "-msgfile"]).arg(messages);
    command
}

/// It ended well, and read a close_notify first.
pub(crate) fn s_client_end(child: &mut Child, messages: &Path) -> Outcome {
    judge_s_client(child, messages, "<<<")
}

/// The same unless it was the first to end, for want of input: then it wrote one, and reads no more.
fn s_client_end_of_either(child: &mut Child, messages: &Path) -> Outcome {
    judge_s_client(child, messages, "")
}

fn judge_s_client(child: &mut Child, messages: &Path, direction: &str) -> Outcome {
    let status = child.wait().map_err(|error| format!("openssl: {error}"))?;
    let messages = std::fs::read_to_string(messages).map_err(|error| format!("openssl: its messages: {error}"))?;
    let is_close_notify = |line: &str| line.starts_with(direction) && line.ends_with("close_notify");
    match (status.success(), messages.lines().any(is_close_notify)) {
        (true, true) => Ok(()),
        (true, false) => Err("s_client saw the connection's end without close_notify".to_owned()),
        (false, _) => Err(format!("s_client ended with {status}")),
    }
}

/// `ssh` with a router's key. It reads no configuration.
pub(crate) fn ssh(files: &SshFiles, key: SshKey, cache: SocketAddr, known_hosts: &Path) -> Command {
    let mut command = ssh_to(cache, known_hosts);
    command.arg("-i").arg(files.key(key)).args(["-s", &cache.ip().to_string(), "rpki-rtr"]);
    command
}

/// The options before a key, the host and what is asked of it.
pub(crate) fn ssh_to(cache: SocketAddr, known_hosts: &Path) -> Command {
    let mut command = Command::new("ssh");
    command.args(["-F", "none", "-T", "-q", "-p", &cache.port().to_string(), "-l", USER]);
    let known_hosts = format!("UserKnownHostsFile={}", known_hosts.display());
    let options = ["BatchMode=yes", "IdentitiesOnly=yes", "IdentityAgent=none", "StrictHostKeyChecking=yes"];
    for option in options.into_iter().chain(["GlobalKnownHostsFile=none", known_hosts.as_str()]) {
        command.args(["-o", option]);
    }
    command
}

/// It was told that all went well: an exit status of 0, and the channel's end.
pub(crate) fn ssh_end(child: &mut Child) -> Outcome {
    let status = child.wait().map_err(|error| format!("ssh: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("ssh ended with {status}")) }
}
