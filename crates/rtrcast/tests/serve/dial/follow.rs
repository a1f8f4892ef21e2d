//! Caches that are followed over TLS and SSH: through renewed, broken and other files.

use super::ssh::{Scene, key};
use super::tls::{paths, setting};
use crate::authority::Authority;
use crate::cache::{Cache, Folder, document, run};
use crate::router::Router;

/// In the log line of a serial that is not the first.
const CHANGED: &str = " VRPs, read in";

const NOT_TRUSTED: &str = "the cache's certificate is not accepted: none of the authorities that are trusted here \
    has issued it; --cache-ca names the authorities to trust, --cache-tls-name the name to expect";

/// A document whose one VRP has this origin.
fn one(asn: u32) -> Vec<u8> {
    document(&[(asn, "10.0.0.0/8", 8)])
}

fn served(cache: &Cache) -> u8 {
    let response = Router::connect(cache.rtr).reset_query(1);
    assert_eq!(response.payload.len(), 1);
    response.payload[0][19]
}

/// A cache at tls:// with the files of the folder, which serves `rpki.json`.
fn upstream(folder: &Folder, listen: &str) -> Cache {
    let [data, cert, key, ca] = paths(folder, ["rpki.json", "cache.pem", "cache.key", "routers.pem"]);
    let listen = ["--listen", "127.0.0.1:0", "--listen", listen];
    let files = ["--tls-cert", &cert, "--tls-key", &key, "--tls-client-ca", &ca];
    let often = ["--rtr-refresh", "1", "--rtr-retry", "1"];
    let mut cache = Cache::start(data, &[&listen[..], &files, &often].concat());
    cache.wait_for(" serial ");
    cache
}

/// A configuration that follows it.
fn configure(folder: &Folder, url: &str, ca: &str) -> String {
    let [ca, cert, key] = paths(folder, [ca, "router.pem", "router.key"]);
    let text =
        format!("source = [{{ at = \"{url}\", ca = \"{ca}\", client-cert = \"{cert}\", client-key = \"{key}\" }}]\n");
    folder.put("rtrcast.toml", text.as_bytes()).to_str().unwrap().to_owned()
}

#[test]
fn a_reload_of_the_options_connects_again_and_keeps_the_data() {
    let (folder, _, _) = setting();
    folder.put("rpki.json", &one(1));
    folder.put("stranger.pem", Authority::called("a stranger").pem().as_bytes());
    let a = upstream(&folder, "tls://127.0.0.1:0");
    let url = a.url("tls");
    let control = folder.path("control").to_str().unwrap().to_owned();
    let config = configure(&folder, &url, "caches.pem");
    let mut b = Cache::configured(&config, &["--control", &control]);
    b.wait_for(" serial ");
    let mut router = Router::connect(b.rtr);
    assert_eq!(router.reset_query(1).payload[0][19], 1);

    // Another authority: the cache is not trusted any more, and what it sent last stays.
    configure(&folder, &url, "stranger.pem");
    b.signal("HUP");
    let line = b.wait_for(NOT_TRUSTED);
    assert!(line.contains(&url) && line.contains(" stays served"), "{line}");
    assert_eq!(served(&b), 1);
    let (code, text, _) = run(&["ctl", "status", "--control", &control]);
    assert_eq!(code, 0);
    assert!(text.contains(NOT_TRUSTED), "{text}");

    // Files that make no sense change nothing, and neither does what means nothing there.
    configure(&folder, &url, "router.key");
    b.signal("HUP");
    let line = b.wait_for("the configuration stays as it is");
    assert!(line.contains("router.key: there is no certificate in it"), "{line}");

    configure(&folder, &url, "caches.pem");
    folder.put("rpki.json", &one(2));
    b.signal("HUP");
    b.wait_for(CHANGED);
    assert_eq!(served(&b), 2);
    router.notify();
    drop(a);
}

#[test]
fn certificates_are_renewed_under_a_followed_cache() {
    let (folder, _, _) = setting();
    folder.put("rpki.json", &one(1));
    let mut a = upstream(&folder, "tls://127.0.0.1:0");
    let url = a.url("tls");
    let mut b = Cache::configured(&configure(&folder, &url, "caches.pem"), &[]);
    b.wait_for(" serial ");

    // Everything is another one now; the session that is there goes on.
    let authority = Authority::called("another authority");
    let pair = authority.server_named("127.0.0.1");
    folder.put("caches.pem", authority.pem().as_bytes());
    folder.put("cache.key", pair.key.as_bytes());
    folder.put("cache.pem", pair.certificate.as_bytes());
    folder.put("rpki.json", &one(2));
    a.wait_for(CHANGED);
    b.wait_for(CHANGED);
    assert_eq!(served(&b), 2);

    // The next one has the new ones on both sides.
    a.signal("TERM");
    assert_eq!(a.exit_code(), 0);
    folder.put("rpki.json", &one(3));
    let mut a = upstream(&folder, &url);
    let line = b.wait_for("its files changed");
    assert!(
        line.contains(&format!("{url}: its files changed; they are in effect from the next handshake on")),
        "{line}"
    );
    b.wait_for(CHANGED);
    assert_eq!(served(&b), 3);

    // A broken replacement leaves them in force, which is said once.
    folder.put("caches.pem", b"junk");
    a.signal("TERM");
    assert_eq!(a.exit_code(), 0);
    folder.put("rpki.json", &one(4));
    let mut a = upstream(&folder, &url);
    let line = b.wait_for("ERROR");
    let [file] = paths(&folder, ["caches.pem"]);
    let said = "its files changed, and what they were stays in effect";
    assert!(line.contains(&format!("{url}: {said}: {file}: there is no certificate in it")), "{line}");
    b.wait_for(CHANGED);
    assert_eq!(served(&b), 4);
    assert_eq!(b.log().iter().filter(|line| line.contains(said)).count(), 1);
    // Neither does it keep a reload from being taken over, which leaves the connection alone.
    b.signal("HUP");
    b.wait_for("reading all sources again");
    folder.put("rpki.json", &one(5));
    b.wait_for(CHANGED);
    assert_eq!(a.log().iter().filter(|line| line.contains(" connected to 127.0.0.1:")).count(), 1);
    assert_eq!(b.metric("rtrcast_reloads_total{outcome=\"applied\"}"), Some(1));
}

#[test]
fn flags_hold_for_all_caches_and_what_is_wrong_at_the_start_is_exit_code_3() {
    let (folder, _, _) = setting();
    folder.put("rpki.json", &one(1));
    let a = upstream(&folder, "tls://127.0.0.1:0");
    let [ca, cert, key, none] = paths(&folder, ["caches.pem", "router.pem", "router.key", "none"]);
    let shown = ["--cache-client-cert", &cert, "--cache-client-key", &key];
    let mut b = Cache::start(a.url("tls"), &[&shown[..], &["--cache-ca", &ca]].concat());
    b.wait_for(" serial ");
    assert_eq!(served(&b), 1);

    // A certificate that is not shown is missed, which the cache says.
    let mut b = Cache::start(a.url("tls"), &["--cache-ca", &ca]);
    b.wait_for(
        "the cache does not accept our certificate (certificate_required): it requires a certificate of ours; \
         --cache-client-cert and --cache-client-key are the certificate to show",
    );

    let (code, _, said) = run(&["serve", "tls://127.0.0.1:1", "--cache-ca", &none]);
    let line = format!("rtrcast: tls://127.0.0.1:1: {none}: there is no such file or directory\n");
    assert_eq!((code, said), (3, line));
    let (code, _, said) = run(&["serve", "tls://127.0.0.1:1", "--cache-client-cert", &cert]);
    assert_eq!((code, said.as_str()), (2, "rtrcast: --cache-client-cert: a client certificate needs its key\n"));
    let path = configure(&folder, "tls://127.0.0.1:1", "none");
    let (code, said, _) = run(&["check", &path]);
    assert_eq!(code, 3);
    assert!(said.starts_with(&format!("{path}: tls://127.0.0.1:1: {none}: there is no such file")), "{said}");
    for (table, complaint) in [
        ("{ at = \"tcp://127.0.0.1:1\", ca = \"x\" }", "ca: only caches at tls:// have such an option"),
        ("{ at = \"tls://127.0.0.1:1\", token-file = \"x\" }", "token-file: only http(s) URLs have such an option"),
        ("{ at = \"https://x/\", tls-name = \"x\" }", "tls-name: only caches at tls:// have such an option"),
        ("{ at = \"ssh://127.0.0.1\", tls-name = \"x\" }", "tls-name: only caches at tls:// have such an option"),
        ("{ at = \"tls://127.0.0.1:1\", client-key = \"x\" }", "client-key: a client key needs its certificate"),
    ] {
        folder.put("rtrcast.toml", format!("\nsource = [{table}]\n").as_bytes());
        let (code, said, _) = run(&["check", &path]);
        assert_eq!((code, said), (3, format!("{path}:2: {complaint}\n")));
    }
}

#[test]
fn a_cache_is_followed_over_ssh() {
    let scene = Scene::new(&[]);
    let known = scene.known(&scene.host.line);
    let options = ["--cache-ssh-key", &scene.router.file, "--cache-known-hosts", &known];
    let mut b = Cache::start(scene.url("rpki"), &options);
    b.wait_for(" serial ");
    let response = |cache: &Cache| Router::connect(cache.rtr).reset_query(2).payload;
    assert_eq!(response(&b), response(&scene.cache));

    let other = key(&scene.folder, "other");
    let known = scene.known(&other.line);
    let options = ["--cache-ssh-key", &scene.router.file, "--cache-known-hosts", &known];
    let mut b = Cache::start(scene.url("rpki"), &options);
    let line = b.wait_for("is not the one in line 2 of the known hosts");
    assert!(line.contains(&scene.host.fingerprint), "{line}");
    let known = scene.known(&scene.host.line);
    let options = ["--cache-ssh-key", &other.file, "--cache-known-hosts", &known];
    let mut b = Cache::start(scene.url("rpki"), &options);
    let line = b.wait_for("the cache refuses the login of rpki");
    assert!(line.contains("--cache-ssh-key and --cache-password-file are the credentials"), "{line}");
}
