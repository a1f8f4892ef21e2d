//! TLS as an operator sets it up: what is wrong is found at the start and by `rtrcast check`, and whoever is refused is
//! told so by an alert, logged and counted.

use crate::authority::Authority;
use crate::cache::run;
use crate::router::Router;
use crate::site::Site;
use crate::wire::{Way, socket};
use rcgen::{SerialNumber, date_time_ymd};
use rustls::version::{TLS12, TLS13};

#[test]
fn invalid_options_are_reported_at_the_start_and_by_check() {
    let site = Site::new();
    let (cert, key, authority) = (site.name("cache.pem"), site.name("cache.key"), site.name("routers.pem"));
    let (missing, other) = (site.name("missing.pem"), site.name("other.key"));
    site.folder.put("other.key", site.caches.cache().key.as_bytes());
    let given = |cert: &str, key: &str, authority: &str| {
        format!("tls://127.0.0.1:0,tls-cert={cert},tls-key={key},tls-client-ca={authority}")
    };
    for (listen, complaint) in [
        (given(&missing, &key, &authority), format!("{missing}: there is no such file or directory")),
        (given(&cert, &other, &authority), format!("{other}: the key does not belong to the certificate")),
        (given(&key, &key, &authority), format!("{key}: there is no certificate in it")),
        (given(&cert, &cert, &authority), format!("{cert}: there is no private key in it")),
        (given(&cert, &key, &key), format!("{key}: there is no certificate in it")),
        (given(&cert, &key, &authority) + ",tls-crl=" + &cert, format!("{cert}: there is no CRL in it")),
    ] {
        let (code, _, said) = run(&["serve", &site.name("rpki.json"), "--http", "off", "--listen", &listen]);
        assert_eq!(code, 3, "{said}");
        assert!(said.contains("rtrcast: --listen tls://127.0.0.1:0: ") && said.contains(&complaint), "{said}");
        let config = format!("source = \"{}\"\nlisten = \"{listen}\"\n", site.name("rpki.json"));
        let path = site.folder.put("rtrcast.toml", config.as_bytes());
        let (code, text, _) = run(&["check", path.to_str().unwrap()]);
        assert_eq!(code, 3, "{text}");
        assert!(text.contains(&complaint), "{text}");
    }
    for (listen, complaint) in [
        ("tls://127.0.0.1:0".to_owned(), "TLS needs --tls-cert, the cache's certificate"),
        (format!("tls://127.0.0.1:0,tls-cert={cert},tls-key={key}"), "routers' certificates need --tls-client-ca"),
        (given(&cert, &key, &authority) + ",tls-clients=off", "routers are not asked for a certificate"),
        (format!("127.0.0.1:0,tls-cert={cert}"), "tls-cert does not apply there"),
    ] {
        let (code, _, said) = run(&["serve", &site.name("rpki.json"), "--http", "off", "--listen", &listen]);
        assert_eq!(code, 2, "{said}");
        assert!(said.contains(complaint), "{said}");
    }
}

#[test]
fn t_tls_02_t_tls_03_whom_the_cache_does_not_accept_reads_an_alert() {
    let site = Site::new();
    let listen = format!("{},tls-crl={}", site.tls(), site.name("routers.crl"));
    site.folder.put("routers.crl", site.routers.crl(&[4_711]).as_bytes());
    let mut cache = site.start(&["--listen", &listen]);
    let router = |change: fn(&mut rcgen::CertificateParams)| site.routers.router("127.0.0.1", change);
    let expired = router(|params| params.not_after = date_time_ymd(2001, 1, 1));
    let revoked = router(|params| params.serial_number = Some(SerialNumber::from(4_711_u64)));
    let cases = [
        (None, "the router presents no certificate, which is required"),
        (Some(expired), "it expired "),
        (Some(revoked), "it is revoked"),
        (Some(site.routers.router("192.0.2.9", |_| {})), "it is not for 127.0.0.1, the address that the router"),
        (Some(Authority::new().router("127.0.0.1", |_| {})), "its signature is not that of the authority of this name"),
    ];
    for (shown, reason) in &cases {
        for version in [&TLS12, &TLS13] {
            let way = site.router_that_shows(shown.as_ref(), version);
            let refused = match way.over(socket(cache.rtr)) {
                Ok(wire) => Router::on(wire).is_refused(),
                Err(error) => error.to_string().contains("fatal alert"),
            };
            assert!(refused, "{reason}");
            let line = cache.wait_for("is refused");
            assert!(line.contains("WARN") && line.contains("connection 127.0.0.1:"), "{line}");
            assert!(line.contains(reason), "{line}");
        }
    }
    let refused = cache.metric("rtrcast_refused_connections_total{reason=\"handshake\"}");
    assert_eq!(refused, Some(2 * cases.len() as i64));
    assert_eq!(cache.metric("rtrcast_sessions{version=\"1\"}").unwrap_or(0), 0);
    assert_eq!(Router::on(site.router(&TLS13).connect(cache.rtr)).reset_query(1).payload.len(), 1);
}

#[test]
fn t_tls_03_the_address_may_be_ignored_and_certificates_be_done_without() {
    let site = Site::new();
    let elsewhere = site.routers.router("192.0.2.9", |_| {});
    for (options, shown) in [
        (",tls-client-address=ignore", Some(&elsewhere)),
        (",tls-clients=requested", None),
        (",tls-clients=requested,tls-client-address=ignore", Some(&elsewhere)),
    ] {
        let cache = site.start(&["--listen", &(site.tls() + options)]);
        let way = site.router_that_shows(shown, &TLS13);
        assert_eq!(Router::on(way.connect(cache.rtr)).reset_query(1).payload.len(), 1, "{options}");
    }
    let (cert, key) = (site.name("cache.pem"), site.name("cache.key"));
    let cache =
        site.start(&["--listen", "tls://127.0.0.1:0", "--tls-cert", &cert, "--tls-key", &key, "--tls-clients", "off"]);
    let way = site.router_that_shows(None, &TLS12);
    assert_eq!(Router::on(way.connect(cache.rtr)).reset_query(1).payload.len(), 1);
}

#[test]
fn t_tls_01_the_lowest_version_can_be_1_3() {
    let site = Site::new();
    let mut cache = site.start(&["--listen", &format!("{},tls-min-version=1.3", site.tls())]);
    assert!(site.router(&TLS12).over(socket(cache.rtr)).is_err());
    cache.wait_for("the router supports no TLS that we accept");
    assert_eq!(Router::on(site.router(&TLS13).connect(cache.rtr)).reset_query(1).payload.len(), 1);
}

#[test]
fn an_answer_that_is_not_tls_is_reported() {
    let site = Site::new();
    let mut cache = site.start(&["--listen", &site.tls()]);
    let mut router = Router::on(Way::Tcp.connect(cache.rtr));
    router.send("01 02 0000 00000008");
    assert!(router.is_gone());
    let line = cache.wait_for("is refused");
    assert!(line.contains("is no TLS") && line.contains("is it the right port?"), "{line}");
}
