//! Certificates that are their own authority, wherever TLS is spoken: accepted where this very certificate is given as
//! authority, and else refused with what to do.

use crate::authority::Pair;
use crate::cache::{Cache, Folder, document, run};
use crate::router::Router;
use crate::web::{Web, ok};

const AUTHORITYS_OWN: &str = "certificate is not accepted: it is an authority's own (CA:TRUE, as `openssl req -x509` makes it), and not one of those that are trusted: have \
     this very certificate trusted, or use one that a trusted authority signed and that is not an authority's \
     (`-addext basicConstraints=critical,CA:FALSE`)";

/// A folder with self-signed certificates by these names.
fn setting(names: &[&str]) -> Folder {
    let folder = Folder::new();
    for name in names {
        let pair = Pair::self_signed();
        folder.put(&format!("{name}.pem"), pair.certificate.as_bytes());
        folder.put(&format!("{name}.key"), pair.key.as_bytes());
    }
    folder
}

fn path(folder: &Folder, name: &str) -> String {
    folder.path(name).to_str().unwrap().to_owned()
}

/// A cache with the certificate `cache`, for routers with the certificate `router`.
fn cache(folder: &Folder) -> Cache {
    let [cert, key, ca] = ["cache.pem", "cache.key", "router.pem"].map(|name| path(folder, name));
    let listen = ["--listen", "tls://127.0.0.1:0", "--tls-cert", &cert, "--tls-key", &key, "--tls-client-ca", &ca];
    Cache::of(&document(&[(64_496, "192.0.2.0/24", 24)]), &listen)
}

#[test]
fn routers_and_caches_with_the_very_certificates_that_are_trusted_find_each_other() {
    let folder = setting(&["cache", "router"]);
    let upstream = cache(&folder);
    let [ca, cert, key] = ["cache.pem", "router.pem", "router.key"].map(|name| path(&folder, name));
    let url = upstream.url("tls");
    let dump = ["dump", &url, "--ca", &ca, "--client-cert", &cert, "--client-key", &key, "--format", "csv"];
    let (code, text, said) = run(&dump);
    assert_eq!(code, 0, "{said}");
    assert!(text.contains("192.0.2.0/24"), "{text}");

    let shown = ["--cache-ca", &ca, "--cache-client-cert", &cert, "--cache-client-key", &key];
    let mut cache = Cache::start(&url, &shown);
    cache.wait_for("serial ");
    assert_eq!(Router::connect(cache.rtr).reset_query(1).payload.len(), 1);
}

#[test]
fn another_certificate_of_its_own_is_refused_with_what_to_do() {
    let folder = setting(&["cache", "router", "other"]);
    let mut upstream = cache(&folder);
    let [cache_ca, other, key] = ["cache.pem", "other.pem", "other.key"].map(|name| path(&folder, name));
    let url = upstream.url("tls");
    let (code, _, said) = run(&["dump", &url, "--ca", &other]);
    assert_eq!(code, 14, "{said}");
    let wanted =
        format!("the cache's {AUTHORITYS_OWN}; --ca names the authorities to trust, --tls-name the name to expect\n");
    assert_eq!(said, format!("rtrcast: {url}: {wanted}"));

    let (code, _, said) = run(&["dump", &url, "--ca", &cache_ca, "--client-cert", &other, "--client-key", &key]);
    assert_eq!(code, 14, "{said}");
    assert!(
        said.contains("the cache does not accept our certificate (certificate_unknown): its log has the reason"),
        "{said}"
    );
    let line = upstream.wait_for(AUTHORITYS_OWN);
    assert!(line.contains("is refused: the router's certificate"), "{line}");
}

#[test]
fn a_server_with_the_very_certificate_that_is_trusted_is_fetched_from() {
    let folder = setting(&["other"]);
    let pair = Pair::self_signed();
    let web = Web::with_tls(pair.server());
    web.always(ok("", &document(&[(64_496, "192.0.2.0/24", 24)])));
    let ca = folder.put("server.pem", pair.certificate.as_bytes());
    let mut cache = Cache::start(web.url(), &["--fetch-ca", ca.to_str().unwrap()]);
    cache.wait_for("serial ");

    let mut cache = Cache::start(web.url(), &["--fetch-ca", &path(&folder, "other.pem")]);
    let line = cache.wait_for("WARN");
    let wanted = format!("can't connect: the server's {AUTHORITYS_OWN}; --fetch-ca names the authority to trust");
    assert!(line.contains(&wanted), "{line}");
}
