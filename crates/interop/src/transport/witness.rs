//! Foreign programs see a session's last words: Error Reports, and then the transport's own end in order.

use crate::Outcome;
use crate::cache::Cache;
use crate::process::Folder;
use crate::router::{Link, tunnel};
use crate::transport::Way;
use crate::world::Records;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// How often, and how many at a time.
pub(crate) const TIMES: usize = 200;
const AT_A_TIME: usize = 4;

/// A Reset Query of a version that nobody speaks.
const QUERY: [u8; 8] = [9, 2, 0, 0, 0, 0, 0, 8];
/// The cache answers so many of them on a connection, and ends it at one more.
const QUERIES_MAX: usize = 3;

/// What each of them gets: code 4 in the cache's highest version, with the query.
fn report() -> Vec<u8> {
    const TEXT: &[u8] = b"supported versions 0-2";
    let length = 16 + QUERY.len() + TEXT.len();
    let mut report = vec![2, 10, 0, 4, 0, 0, 0, length as u8, 0, 0, 0, QUERY.len() as u8];
    report.extend(QUERY);
    report.extend([0, 0, 0, TEXT.len() as u8]);
    report.extend(TEXT);
    report
}

/// Has each of many connections ended by the cache, and looks whether the program got all octets and the end.
pub(crate) fn last_words(program: &Path, link: &Link) -> Outcome<String> {
    let cache = link.cache(program, &[], &Records::default())?;
    let folder = Folder::new()?;
    let (next, failures) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let known_hosts = link.known_hosts(&cache, folder.path())?;
    let (cache, folder, known_hosts, next, failures) = (&cache, &folder, &known_hosts, &next, &failures);
    let first = thread::scope(|scope| {
        let threads: Vec<_> = (0..AT_A_TIME)
            .map(|_| {
                scope.spawn(move || {
                    let mut first = None;
                    loop {
                        let place = next.fetch_add(1, Ordering::Relaxed);
                        if place >= TIMES {
                            return first;
                        }
                        if let Err(error) = once(link, cache, folder.path(), known_hosts, place) {
                            failures.fetch_add(1, Ordering::Relaxed);
                            first.get_or_insert(error);
                        }
                    }
                })
            })
            .collect();
        threads.into_iter().filter_map(|thread| thread.join().ok().flatten()).next()
    });
    match first {
        None => Ok(format!("{TIMES} of {TIMES} connections")),
        Some(error) => {
            let failures = failures.load(Ordering::Relaxed);
            Err(format!("{failures} of {TIMES} connections, one so: {error}\n    {}", cache.tail().join("\n    ")))
        }
    }
}

fn once(link: &Link, cache: &Cache, folder: &Path, known_hosts: &Path, place: usize) -> Outcome {
    let messages = folder.join(format!("messages-{place}"));
    let mut command = match &link.way {
        Way::Tls { files, version } => tunnel::s_client(files, *version, cache.address(), &messages),
        Way::Ssh(files, login) => tunnel::ssh(files, login.key()?, cache.address(), known_hosts),
        Way::Tcp | Way::Md5(_) => return Err("nobody looks on there".to_owned()),
    };
    let (got, mut child) = exchange(&mut command, &QUERY.repeat(QUERIES_MAX + 1))?;
    match &link.way {
        Way::Tls { .. } => tunnel::s_client_end(&mut child, &messages)?,
        _ => tunnel::ssh_end(&mut child)?,
    }
    if got == report().repeat(QUERIES_MAX) { Ok(()) } else { Err(format!("it got {got:02x?}")) }
}

/// Writes to a program, and reads until its output ends. Its input stays open so long: it is not the one who ends.
pub(super) fn exchange(command: &mut Command, octets: &[u8]) -> Outcome<(Vec<u8>, Child)> {
    let name = command.get_program().display().to_string();
    let failed = |error: std::io::Error| format!("{name}: {error}");
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut child = child.map_err(failed)?;
    let mut stdin = child.stdin.take().ok_or("it has no standard input")?;
    let mut stdout = child.stdout.take().ok_or("it has no standard output")?;
    stdin.write_all(octets).map_err(failed)?;
    let mut got = Vec::new();
    stdout.read_to_end(&mut got).map_err(failed)?;
    Ok((got, child))
}
