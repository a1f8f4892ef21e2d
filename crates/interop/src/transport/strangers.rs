//! Who shows nothing, or something else, gets nothing.

use super::credentials::{SshFiles, SshKey, TlsFiles};
use super::witness::exchange;
use crate::Outcome;
use crate::cache::Cache;
use crate::process::Folder;
use crate::router::{Link, own, tunnel};
use crate::transport::{TlsVersion, Way};
use crate::world::Records;
use std::io::ErrorKind;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

/// A Reset Query that would be answered.
const QUERY: [u8; 8] = [2, 2, 0, 0, 0, 0, 0, 8];
/// Segments that the kernel throws away are not answered, however long one waits.
const SILENCE: Duration = Duration::from_secs(3);

/// Tries what must not do, and then looks that what must do does.
pub(crate) fn are_refused(program: &Path, link: &Link) -> Outcome<String> {
    let cache = link.cache(program, &[], &Records::default())?;
    let tried = match &link.way {
        Way::Tls { files, version } => tls(program, files, *version, &cache),
        Way::Ssh(files, login) => ssh(program, files, login.key()?, &cache),
        Way::Md5(key) => md5(key, &cache),
        Way::Tcp => Err("anybody may come".to_owned()),
    };
    tried.map_err(|error| format!("{error}\n    {}", cache.tail().join("\n    ")))
}

fn tls(_: &Path, files: &TlsFiles, version: TlsVersion, cache: &Cache) -> Outcome<String> {
    let folder = Folder::new()?;
    let messages = folder.path().join("messages");
    let nothing = tunnel::s_client_without_certificate(files, version, cache.address(), &messages);
    gets_nothing("no certificate", nothing)?;
    let others = TlsFiles::make()?;
    let mut of_others = tunnel::s_client_without_certificate(files, version, cache.address(), &messages);
    of_others.arg("-cert").arg(others.path("router.pem")).arg("-key").arg(others.path("router.key"));
    gets_nothing("a certificate of another authority", of_others)?;
    let mut from_elsewhere = tunnel::s_client(files, version, cache.address(), &messages);
    from_elsewhere.args(["-bind", "127.0.0.2"]);
    gets_nothing("another address than the certificate's", from_elsewhere)?;
    Ok("no certificate, another authority's, another address".to_owned())
}

fn ssh(program: &Path, files: &SshFiles, key: SshKey, cache: &Cache) -> Outcome<String> {
    let folder = Folder::new()?;
    let (others, known_hosts) = (SshFiles::make(program)?, files.known_hosts(cache.address(), folder.path())?);
    gets_nothing("another key", tunnel::ssh(&others, key, cache.address(), &known_hosts))?;
    let asking = |what: &[&str]| {
        let mut command = tunnel::ssh_to(cache.address(), &known_hosts);
        command.arg("-i").arg(files.key(key)).args(what);
        command
    };
    let host = cache.address().ip().to_string();
    gets_nothing("a shell", asking(&[&host]))?;
    gets_nothing("a command", asking(&[&host, "true"]))?;
    gets_nothing("another subsystem", asking(&["-s", &host, "sftp"]))?;
    Ok("another key, a shell, a command, another subsystem".to_owned())
}

fn gets_nothing(who: &str, mut command: Command) -> Outcome {
    let (got, mut child) = exchange(&mut command, &QUERY)?;
    let status = child.wait().map_err(|error| error.to_string())?;
    match (got.is_empty(), status.success()) {
        (true, false) => Ok(()),
        (false, _) => Err(format!("who comes with {who} gets {got:02x?}")),
        (true, true) => Err(format!("who comes with {who} thinks that it got through")),
    }
}

fn md5(key: &str, cache: &Cache) -> Outcome<String> {
    match TcpStream::connect_timeout(&cache.address(), SILENCE) {
        Err(error) if error.kind() == ErrorKind::TimedOut => {}
        other => return Err(format!("who has no key gets through: {other:?}")),
    }
    let other = own::client(cache.address(), Some(&format!("{}!", &key[1..])))?;
    thread::sleep(SILENCE);
    match (cache.connections(), other.held()) {
        (0, Err(_)) => Ok("no key, another key".to_owned()),
        (connections, _) => Err(format!("who has another key gets through: {connections} connections")),
    }
}
