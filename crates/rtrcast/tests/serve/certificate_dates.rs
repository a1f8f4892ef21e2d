//! Certificates of the cache that have expired or are not valid yet: they replace none that is valid, and where there
//! is no other, they are shown and complained of. So are CRLs that have expired or that nobody here issued.

use crate::authority::{Authority, Pair};
use crate::cache::{Cache, run};
use crate::router::Router;
use crate::site::Site;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::version::TLS13;

const IN_FORCE: &str = "rtrcast_credentials_in_force{listener=\"tls://127.0.0.1:0\"}";
const EXPIRY: &str = "rtrcast_tls_certificate_expiry_seconds{listener=\"tls://127.0.0.1:0\"}";

// The first second of each year.
const IN_2001: i64 = 978_307_200;
const IN_2098: i64 = 4_039_372_800;
const IN_2099: i64 = 4_070_908_800;

fn der(pair: &Pair) -> Vec<u8> {
    CertificateDer::from_pem_slice(pair.certificate.as_bytes()).unwrap().to_vec()
}

#[test]
fn a_certificate_that_is_not_valid_now_replaces_none_that_is() {
    let site = Site::new();
    let first = site.caches.cache_between(2000, 2099);
    site.put_cache(&first);
    let mut cache = site.start(&["--listen", &site.tls()]);
    let way = site.router(&TLS13);
    assert_eq!(cache.metric(EXPIRY), Some(IN_2099));
    for (from, until, complaint) in
        [(2000, 2001, "cache.pem: it expired "), (2098, 2099, "cache.pem: it becomes valid only in ")]
    {
        site.put_cache(&site.caches.cache_between(from, until));
        cache.signal("HUP");
        let line = cache.wait_for("its files changed, and what they were stays in effect");
        assert!(line.contains("ERROR") && line.contains(complaint), "{line}");
        let mut router = Router::on(way.connect(cache.rtr));
        router.reset_query(1);
        assert_eq!(router.shown(), der(&first));
        assert_eq!((cache.metric(IN_FORCE), cache.metric(EXPIRY)), (Some(0), Some(IN_2099)));
    }
    let next = site.caches.cache_between(2000, 2098);
    site.put_cache(&next);
    let mut router = Router::on(way.connect(cache.rtr));
    router.reset_query(1);
    assert_eq!(router.shown(), der(&next));
    assert_eq!((cache.metric(IN_FORCE), cache.metric(EXPIRY)), (Some(1), Some(IN_2098)));
}

#[test]
fn at_the_start_it_is_shown_and_complained_of() {
    let site = Site::new();
    site.put_cache(&site.caches.cache_between(2000, 2001));
    let listen = site.tls();
    let mut cache = site.start(&["--listen", &listen]);
    let is_said = |line: &&String| line.contains("WARN") && line.contains("cache.pem: it expired ");
    assert_eq!(cache.log().iter().filter(is_said).count(), 1);
    assert_eq!((cache.metric(IN_FORCE), cache.metric(EXPIRY)), (Some(1), Some(IN_2001)));
    // Another of the kind is as good, and what is valid is better.
    site.put_cache(&site.caches.cache_between(2000, 2002));
    cache.signal("HUP");
    cache.wait_for("cache.pem: it expired ");
    cache.wait_for("its files changed; they are in effect from the next handshake on");
    site.put_cache(&site.caches.cache_between(2000, 2099));
    Router::on(site.router(&TLS13).connect(cache.rtr)).reset_query(1);
    assert_eq!((cache.metric(IN_FORCE), cache.metric(EXPIRY)), (Some(1), Some(IN_2099)));
}

#[test]
fn check_complains_of_it() {
    let site = Site::new();
    let text = format!("source = \"{}\"\nlisten = \"{}\"\n", site.name("rpki.json"), site.tls());
    let config = site.folder.put("rtrcast.toml", text.as_bytes());
    let config = config.to_str().unwrap();
    let (code, said, error) = run(&["check", config]);
    assert_eq!((code, error.as_str()), (0, ""), "{said}");
    site.put_cache(&site.caches.cache_between(2000, 2001));
    let (code, said, error) = run(&["check", config]);
    assert_eq!((code, error.as_str()), (3, "rtrcast: 1 mistake\n"), "{said}");
    assert!(said.contains("cache.pem: it expired "), "{said}");
}

#[test]
fn a_crl_that_refuses_everybody_or_nobody_is_complained_of() {
    let site = Site::new();
    let stranger = Authority::called("somebody else");
    let both = site.routers.crl(&[]) + &stranger.crl(&[]);
    let (old, of_stranger) =
        (site.routers.crl_until(2002, &[]), format!("none of the authorities in {}", site.name("routers.pem")));
    let expired = "routers.crl: a CRL expired ";
    site.folder.put("routers.crl", both.as_bytes());
    let listen = format!("{},tls-crl={}", site.tls(), site.name("routers.crl"));
    let mut cache = site.start(&["--listen", &listen]);
    let warnings = |cache: &mut Cache| -> Vec<String> {
        let of_crl = |line: &&String| line.contains("WARN") && line.contains("routers.crl: ");
        cache.log().iter().filter(of_crl).cloned().collect()
    };
    let [said] = &warnings(&mut cache)[..] else { panic!("{:?}", cache.log()) };
    assert!(said.contains(&of_stranger), "{said}");
    site.folder.put("routers.crl", old.as_bytes());
    cache.signal("HUP");
    let said = cache.wait_for(expired);
    assert!(said.contains("WARN") && said.contains("all routers of its authority are refused"), "{said}");
    site.folder.put("routers.crl", site.routers.crl(&[]).as_bytes());
    Router::on(site.router(&TLS13).connect(cache.rtr)).reset_query(1);
    assert_eq!(warnings(&mut cache).len(), 2);
}
