//! TLS: who is believed, what is shown, and where a refusal is told.

use super::{LINE, VRP, dump, has_data, refused};
use crate::authority::Authority;
use crate::cache::{Cache, Folder, PATIENCE, document};
use crate::router::hex;
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

const RESPONSE: &str = "0203000700000008";
const PAYLOAD: &str = "0204000000000014 01 18 18 00 c0000200 0000fbf0";
const END: &str = "0207000700000018 00000009 00000e10 00000258 00001c20";

const WHOM: &str = "--ca names the authorities to trust, --tls-name the name to expect";
const WHAT: &str = "--client-cert and --client-key are the certificate to show";

/// Files, by their names.
pub(super) fn paths<const N: usize>(folder: &Folder, names: [&str; N]) -> [String; N] {
    names.map(|name| folder.path(name).to_str().unwrap().to_owned())
}

/// A folder with authorities and certificates of a cache (`cache.*`) and a router (`router.*`) at 127.0.0.1.
pub(super) fn setting() -> (Folder, Authority, Authority) {
    let (folder, caches, routers) = (Folder::new(), Authority::new(), Authority::new());
    folder.put("caches.pem", caches.pem().as_bytes());
    folder.put("routers.pem", routers.pem().as_bytes());
    for (name, pair) in [("cache", caches.server_named("127.0.0.1")), ("router", routers.client_at("127.0.0.1"))] {
        folder.put(&format!("{name}.pem"), pair.certificate.as_bytes());
        folder.put(&format!("{name}.key"), pair.key.as_bytes());
    }
    (folder, caches, routers)
}

fn cache(folder: &Folder, arguments: &[&str]) -> Cache {
    let [cert, key, ca] = paths(folder, ["cache.pem", "cache.key", "routers.pem"]);
    let listen = ["--listen", "127.0.0.1:0", "--listen", "tls://127.0.0.1:0"];
    let files = ["--tls-cert", &cert, "--tls-key", &key, "--tls-client-ca", &ca];
    Cache::of(&document(&[VRP]), &[&listen[..], &files, arguments].concat())
}

/// A cache over TLS that answers one router with these octets, and ends.
fn answers(config: ServerConfig, octets: &'static str) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("tls://{}", listener.local_addr().unwrap());
    let thread = thread::spawn(move || {
        let (tcp, _) = listener.accept().unwrap();
        tcp.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut stream = StreamOwned::new(ServerConnection::new(Arc::new(config)).unwrap(), tcp);
        // Whom TLS does not let in asks nothing.
        if stream.read_exact(&mut [0; 8]).is_ok() {
            stream.write_all(&hex(octets)).unwrap();
            stream.conn.send_close_notify();
            stream.flush().unwrap();
        }
        let _ = stream.sock.shutdown(Shutdown::Write);
        let _ = stream.sock.read_to_end(&mut Vec::new());
    });
    (url, thread)
}

#[test]
fn data_over_tls_are_those_over_tcp() {
    let (folder, _, _) = setting();
    let [ca, cert, key] = paths(&folder, ["caches.pem", "router.pem", "router.key"]);
    let shown = ["--ca", &ca, "--client-cert", &cert, "--client-key", &key];
    for version in ["1.2", "1.3"] {
        let cache = cache(&folder, &["--tls-min-version", version]);
        has_data(&cache.url("tls"), &shown);
        has_data(&format!("tcp://{}", cache.rtr), &[]);
    }
}

fn over(version: &'static SupportedProtocolVersion) {
    let (folder, caches, routers) = setting();
    let [ca, cert, key] = paths(&folder, ["caches.pem", "router.pem", "router.key"]);
    let shown = ["--ca", &ca, "--client-cert", &cert, "--client-key", &key];
    let whole: &str = "0203000700000008 0204000000000014 01 18 18 00 c0000200 0000fbf0 \
                       0207000700000018 00000009 00000e10 00000258 00001c20";
    assert_eq!(hex(whole), hex(&[RESPONSE, PAYLOAD, END].concat()));
    let (url, thread) = answers(caches.server_in(version, Some(&routers)), whole);
    assert_eq!(dump(&url, &shown), (0, LINE.to_owned(), String::new()));
    thread.join().unwrap();

    // An end that is told is no End of Data.
    let (url, thread) =
        answers(caches.server_in(version, None), "0203000700000008 0204000000000014 01181800c00002000000fbf0");
    let line = "CACHE: the connection ended in the middle of a response, after 1 record; try again";
    refused(&url, &["--ca", &ca], 12, line);
    thread.join().unwrap();
}

#[test]
fn over_tls_1_2() {
    over(&TLS12);
}

#[test]
fn over_tls_1_3() {
    over(&TLS13);
}

#[test]
fn t_tls_04_a_cache_that_is_not_trusted_is_exit_code_14() {
    let (folder, caches, _) = setting();
    let named = caches.server_named("cache.example");
    let stranger = folder.put("stranger.pem", Authority::called("a stranger").pem().as_bytes());
    let [ca, cert, key] = paths(&folder, ["caches.pem", "router.pem", "router.key"]);
    let shown = ["--client-cert", &cert, "--client-key", &key];
    let of_address = cache(&folder, &[]);
    let line = format!(
        "CACHE: the cache's certificate is not accepted: none of the authorities that are trusted here has issued it; \
         {WHOM}"
    );
    let url = of_address.url("tls");
    refused(&url, &[&["--ca", stranger.to_str().unwrap()], &shown[..]].concat(), 14, &line);
    drop(of_address);

    folder.put("cache.pem", named.certificate.as_bytes());
    folder.put("cache.key", named.key.as_bytes());
    let of_name = cache(&folder, &[]);
    let line = format!(
        "CACHE: the cache's certificate is not accepted: it is not for 127.0.0.1; its SAN has cache.example \
         (a common name is not used); {WHOM}"
    );
    let trusting = [&["--ca", ca.as_str()], &shown[..]].concat();
    let (code, _, said) = dump(&of_name.url("tls"), &trusting);
    assert_eq!((code, said), (14, format!("rtrcast: {line}\n")));
    has_data(&of_name.url("tls"), &[&trusting[..], &["--tls-name", "cache.example"]].concat());
    has_data(
        &of_name.url("tls").replace("127.0.0.1", "localhost"),
        &[&trusting[..], &["--tls-name", "cache.example"]].concat(),
    );
}

#[test]
fn t_tls_02_a_router_that_is_not_trusted_gets_an_alert_and_exits_with_14() {
    let (folder, caches, routers) = setting();
    let elsewhere = routers.client_at("192.0.2.9");
    folder.put("elsewhere.pem", elsewhere.certificate.as_bytes());
    folder.put("elsewhere.key", elsewhere.key.as_bytes());
    let stranger = Authority::called("a stranger").client_at("127.0.0.1");
    folder.put("stranger.pem", stranger.certificate.as_bytes());
    folder.put("stranger.key", stranger.key.as_bytes());
    let [ca] = paths(&folder, ["caches.pem"]);
    // In TLS 1.3 the refusal comes where data are read.
    let cache = cache(&folder, &[]);
    let url = cache.url("tls");
    let refused_with = |url: &str, name: &str, why: &str| {
        let [cert, key] = paths(&folder, [&format!("{name}.pem"), &format!("{name}.key")].map(String::as_str));
        let line = format!("CACHE: the cache does not accept our certificate ({why}; {WHAT}");
        refused(url, &["--ca", &ca, "--client-cert", &cert, "--client-key", &key], 14, &line);
    };
    let line = format!(
        "CACHE: the cache does not accept our certificate (certificate_required): it requires a certificate of ours; \
         {WHAT}"
    );
    refused(&url, &["--ca", &ca], 14, &line);
    refused_with(&url, "elsewhere", "bad_certificate): it requires our address as an iPAddress in the SAN");
    refused_with(&url, "stranger", "unknown_ca): it does not trust the authority, or lacks its current CRL");
    refused(&url, &["--ca", &ca, "--follow"], 14, &line);

    // In TLS 1.2 the handshake ends with it.
    let (url, thread) = answers(caches.server_in(&TLS12, Some(&routers)), "");
    refused(&url, &["--ca", &ca], 14, &line);
    thread.join().unwrap();
    let (url, thread) = answers(caches.server_in(&TLS12, Some(&routers)), "");
    refused_with(&url, "stranger", "unknown_ca): it does not trust the authority, or lacks its current CRL");
    thread.join().unwrap();
}

#[test]
fn t_tls_02_a_router_that_is_refused_in_tls_1_3_comes_once() {
    let (folder, _, _) = setting();
    let mut cache = cache(&folder, &[]);
    let url = cache.url("tls");
    let [ca, cert, key] = paths(&folder, ["caches.pem", "router.pem", "router.key"]);
    let (code, _, said) = dump(&url, &["--ca", &ca]);
    assert_eq!(code, 14, "{said}");
    cache.wait_for("is refused");
    // Another one that comes later.
    has_data(&url, &["--ca", &ca, "--client-cert", &cert, "--client-key", &key]);
    assert_eq!(cache.log().iter().filter(|line| line.contains("is refused")).count(), 1);
}

#[test]
fn what_is_no_tls_is_a_breach() {
    let cache = Cache::of(&document(&[VRP]), &[]);
    let (folder, _, _) = setting();
    let [ca] = paths(&folder, ["caches.pem"]);
    let (code, _, said) = dump(&format!("tls://{}", cache.rtr), &["--ca", &ca]);
    assert_eq!(code, 12, "{said}");
    assert!(said.contains("what the cache sends is no TLS (") && said.ends_with("is it the right port?\n"), "{said}");
}

#[test]
fn invalid_files_are_reported_before_connecting() {
    let (folder, _, _) = setting();
    let [ca, key, cert, none] = paths(&folder, ["caches.pem", "router.key", "router.pem", "none.pem"]);
    let [other] = paths(&folder, ["cache.key"]);
    let url = "tls://127.0.0.1:1";
    refused(url, &["--ca", &none], 2, &format!("{none}: there is no such file or directory"));
    refused(url, &["--ca", &key], 2, &format!("{key}: there is no certificate in it"));
    refused(url, &["--client-cert", &cert], 2, "--client-cert: a client certificate needs its key");
    refused(url, &["--client-key", &key], 2, "--client-key: a client key needs its certificate");
    refused(url, &["--ssh-key", &key], 2, "--ssh-key: only caches at ssh:// have such an option");
    refused("127.0.0.1:1", &["--ca", &ca], 2, "--ca: only caches at tls:// have such an option");
    let line =
        format!("{other}: the key does not belong to the certificate (the first one in the chain has to be our own)");
    refused(url, &["--ca", &ca, "--client-cert", &cert, "--client-key", &other], 2, &line);
    let line = "\"no name\" is no name that a certificate can be for; it is a DNS name or an address";
    refused(url, &["--ca", &ca, "--tls-name", "no name"], 2, line);
}

#[test]
fn authorities_of_the_system_that_cannot_be_read_are_reported() {
    let folder = Folder::new();
    let file = folder.put("cut.pem", b"-----BEGIN CERTIFICATE-----\nAAAA\n");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_rtrcast"));
    command.args(["dump", "tls://127.0.0.1:1"]).env("SSL_CERT_FILE", &file).env("SSL_CERT_DIR", folder.path("nothing"));
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let wanted =
        "rtrcast: the system's authorities can't be read (failed to read PEM from file: a section has no END line";
    assert!(said.starts_with(wanted), "{said}");
}
