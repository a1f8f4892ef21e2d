//! Caches of others over transports that protect, followed by our program.

use super::credentials::{TlsFiles, text};
use super::{Credentials, TlsVersion};
use crate::Outcome;
use crate::cache::Cache;
use crate::process::{Folder, GLANCE};
use crate::report::Row;
use crate::root::Root;
use crate::server::rpki_rs::start_over;
use crate::server::{Server, Start, read_all};
use crate::step::Step;
use crate::world::{Records, World};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::server::WebPkiClientVerifier;

/// Everything here takes seconds; a slow machine gets more.
const PATIENCE: Duration = Duration::from_secs(90);
const RETRY_S: u32 = 2;
/// Of the protocol.
const HIGHEST: u8 = 2;

/// What stands in the table.
pub(super) const CLIENT: &str = "rtrcast serve, of the rpki crate's server";

/// The server of the `rpki` crate, which demands a certificate, and our program as its router.
pub(super) fn run(mut row: Row, tls: TlsVersion, program: &Path, credentials: &Credentials) -> Row {
    let started = Instant::now();
    let mut world = World::new();
    let mut pair = match pair(tls, program, credentials, world.records()) {
        Ok(pair) => pair,
        Err(error) => return row.failed_before(error),
    };
    let loaded = pair.wait_for(world.records());
    if let Ok(counts) = &loaded {
        row.records.clone_from(counts);
    }
    row.judge(Step::FullLoad, loaded, started);
    world.change(500, 700);
    row.step(Step::Notify, || pair.server.put(world.records()).and_then(|()| pair.wait_for(world.records())));
    world.change(3_000, 2_000);
    row.step(Step::Restart, || pair.server.restart(world.records()).and_then(|()| pair.wait_for(world.records())));
    row.step(Step::Strangers, || does_not_trust_others(program, pair.server.as_ref(), &pair.files));
    row
}

/// A cache, and our program as its router.
struct Pair {
    server: Box<dyn Server>,
    follower: Cache,
    files: Arc<TlsFiles>,
    _folder: Folder,
}

fn pair(tls: TlsVersion, program: &Path, credentials: &Credentials, records: &Records) -> Outcome<Pair> {
    let (files, folder) = (credentials.tls()?, Folder::new()?);
    let start = Start {
        version: HIGHEST,
        retry_s: RETRY_S,
        root: &Root::Machine,
        folder: folder.path(),
        records,
        with_aspas: true,
    };
    let server = start_over(&start, Some(acceptor(&files, tls)?))?;
    let follower = follower(program, server.as_ref(), &files.path("ca.pem"), &files)?;
    Ok(Pair { server, follower, files, _folder: folder })
}

/// Our program, which trusts that authority, and shows a certificate of ours.
fn follower(program: &Path, server: &dyn Server, trusted: &Path, files: &TlsFiles) -> Outcome<Cache> {
    let [trusted, certificate, key] = [trusted, &files.path("router.pem"), &files.path("router.key")].map(text);
    let flags = ["--cache-ca", &trusted, "--cache-client-cert", &certificate, "--cache-client-key", &key];
    Cache::follow_url(program, &flags, format!("tls://localhost:{}", server.address().port()))
}

fn acceptor(files: &TlsFiles, version: TlsVersion) -> Outcome<TlsAcceptor> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(files.authorities()?), Arc::clone(&provider));
    let clients = clients.build().map_err(|error| format!("TLS: {error}"))?;
    let key =
        PrivateKeyDer::from_pem_slice(&files.read("cache.key")?).map_err(|error| format!("cache.key: {error}"))?;
    let chain = files.certificates("cache.pem")?;
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version.of_rustls()])
        .and_then(|builder| builder.with_client_cert_verifier(clients).with_single_cert(chain, key));
    config.map(|config| TlsAcceptor::from(Arc::new(config))).map_err(|error| format!("TLS: {error}"))
}

impl Pair {
    /// Waits until our program serves what it is to have got, and says how much that is.
    fn wait_for(&self, served: &Records) -> Outcome<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let wrong = match read_all(self.follower.address(), HIGHEST) {
                Err(error) => error,
                Ok(held) => match held.difference(served, HIGHEST) {
                    None => return Ok(format!("{} at version {HIGHEST}", held.counts())),
                    Some(difference) => difference,
                },
            };
            if Instant::now() > deadline {
                return Err(format!("{wrong}\n    {}", self.follower.tail().join("\n    ")));
            }
            std::thread::sleep(GLANCE);
        }
    }
}

/// A cache whose certificate is of another authority is not followed, and it is said why.
fn does_not_trust_others(program: &Path, server: &dyn Server, files: &TlsFiles) -> Outcome<String> {
    let others = TlsFiles::make()?;
    let follower = follower(program, server, &others.path("ca.pem"), files)?;
    follower.wait_for(UNTRUSTED)?;
    match read_all(follower.address(), HIGHEST) {
        Err(_) => Ok("a cache of another authority".to_owned()),
        Ok(held) => Err(format!("it has {} of a cache of another authority", held.counts())),
    }
}

/// What our program logs then.
const UNTRUSTED: &str = "the cache's certificate is not accepted";
