//! Certificates, keys and CRLs that are replaced while sessions are open: none of them notices, the next handshake has
//! what is new, and what makes no sense changes nothing and is said once.

use crate::authority::{Authority, Pair};
use crate::cache::{Cache, run};
use crate::router::Router;
use crate::site::Site;
use crate::wire::Way;
use rcgen::SerialNumber;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::version::{TLS12, TLS13};

const SESSIONS: usize = 100;

struct Open {
    site: Site,
    cache: Cache,
    way: Way,
    sessions: Vec<Router>,
}

impl Open {
    /// A cache with 100 sessions, half of them over TLS 1.2.
    fn new() -> Open {
        let site = Site::new();
        let listen = format!("{},tls-crl={}", site.tls(), site.name("routers.crl"));
        let cache = site.start(&["--listen", &listen, "--control", &site.name("control")]);
        let (way, old) = (site.router(&TLS13), site.router(&TLS12));
        let session = |at: usize| Router::on(if at.is_multiple_of(2) { &way } else { &old }.connect(cache.rtr));
        let mut sessions: Vec<Router> = (0..SESSIONS).map(session).collect();
        for session in &mut sessions {
            session.reset_query(1);
        }
        Open { site, cache, way, sessions }
    }

    fn listener(&self) -> String {
        format!("rtrcast_credentials_in_force{{listener=\"{}\"}}", "tls://127.0.0.1:0")
    }

    /// What a new handshake shows, which has to work.
    fn shown(&self) -> Vec<u8> {
        let mut router = Router::on(self.way.connect(self.cache.rtr));
        router.reset_query(1);
        router.shown()
    }

    fn status(&self) -> String {
        run(&["ctl", "status", "--control", &self.site.name("control")]).1
    }

    /// All sessions go on.
    fn all_go_on(&mut self) {
        for session in &mut self.sessions {
            assert_eq!(session.reset_query(1).payload.len(), 1);
        }
        assert_eq!(self.cache.metric("rtrcast_sessions{version=\"1\"}"), Some(SESSIONS as i64));
    }
}

fn der(pair: &Pair) -> Vec<u8> {
    CertificateDer::from_pem_slice(pair.certificate.as_bytes()).unwrap().to_vec()
}

#[test]
fn a_new_certificate_is_in_effect_from_the_next_handshake_on() {
    let mut open = Open::new();
    let pair = open.site.caches.cache();
    open.site.put_cache(&pair);
    assert_eq!(open.shown(), der(&pair));
    open.cache.wait_for("its files changed; they are in effect from the next handshake on");
    assert_eq!(open.cache.metric(&open.listener()), Some(1));
    open.all_go_on();
}

#[test]
fn a_new_certificate_is_taken_over_at_sighup_though_nobody_connects() {
    let mut open = Open::new();
    let pair = open.site.caches.cache();
    open.site.put_cache(&pair);
    open.cache.signal("HUP");
    open.cache.wait_for("its files changed; they are in effect from the next handshake on");
    assert_eq!(open.shown(), der(&pair));
    open.all_go_on();
}

#[test]
fn an_invalid_replacement_keeps_the_former_value_and_is_logged_once() {
    let mut open = Open::new();
    let first = open.shown();
    let (next, other) = (open.site.caches.cache(), open.site.caches.cache());
    let (path, key) = (open.site.name("cache.pem"), open.site.name("cache.key"));
    let half = &next.certificate[..next.certificate.len() / 2];
    let cases: [(&str, Option<&str>, String); 4] = [
        (&path, Some(&next.certificate), format!("{key}: the key does not belong to the certificate")),
        (&path, Some("garbage"), format!("{path}: there is no certificate in it")),
        (&path, Some(half), format!("{path}: ")),
        (&path, None, format!("{path}: there is no such file")),
    ];
    for (file, content, complaint) in &cases {
        let name = file.rsplit_once('/').unwrap().1;
        match content {
            Some(content) => drop(open.site.folder.put(name, content.as_bytes())),
            None => std::fs::remove_file(file).unwrap(),
        }
        assert_eq!(open.shown(), first, "{complaint}");
        let line = open.cache.wait_for("its files changed, and what they were stays in effect");
        assert!(line.contains("ERROR") && line.contains(complaint.as_str()), "{line}");
        assert_eq!(open.cache.metric(&open.listener()), Some(0));
        let status = open.status();
        let (line, reason) = status.split_once(", certificate, key or user files refused ").expect(&status);
        assert!(line.contains("\nlistener tls://"), "{status}");
        let expected = format!(" ago, the earlier ones are in effect\n  {complaint}");
        assert!(reason.contains(&expected), "{status}");
        assert_eq!(open.shown(), first);
    }
    let errors = |cache: &mut Cache| cache.log().iter().filter(|line| line.contains("ERROR")).count();
    assert_eq!(errors(&mut open.cache), cases.len(), "each is said once");
    open.cache.signal("HUP");
    open.cache.wait_for("reading all sources again");
    assert_eq!(open.shown(), first);

    open.site.put_cache(&other);
    assert_eq!(open.shown(), der(&other));
    assert_eq!(open.cache.metric(&open.listener()), Some(1));
    assert!(!open.status().contains("refused"), "{}", open.status());
    open.all_go_on();
}

#[test]
fn a_revoked_router_is_refused_from_the_next_handshake_on() {
    let mut open = Open::new();
    let pair =
        open.site.routers.router("127.0.0.1", |params| params.serial_number = Some(SerialNumber::from(4_711_u64)));
    let way = open.site.router_that_shows(Some(&pair), &TLS13);
    let mut before = Router::on(way.connect(open.cache.rtr));
    before.reset_query(1);
    open.site.folder.put("routers.crl", open.site.routers.crl(&[4_711]).as_bytes());
    assert!(Router::on(way.connect(open.cache.rtr)).is_refused());
    let line = open.cache.wait_for("is refused");
    assert!(line.contains("the router's certificate is not accepted: it is revoked"), "{line}");
    assert_eq!(before.reset_query(1).payload.len(), 1, "a session that is open stays");
    drop(before);
    open.cache.wait_for_metric("rtrcast_sessions{version=\"1\"}", SESSIONS as i64);
    open.shown();
    open.cache.wait_for_metric("rtrcast_sessions{version=\"1\"}", SESSIONS as i64);
    open.all_go_on();
}

#[test]
fn another_authority_of_routers_is_in_effect_from_the_next_handshake_on() {
    let mut open = Open::new();
    let others = Authority::new();
    open.site.folder.put("routers.pem", others.pem().as_bytes());
    open.site.folder.put("routers.crl", others.crl(&[]).as_bytes());
    assert!(Router::on(open.way.connect(open.cache.rtr)).is_refused());
    let way = open.site.router_that_shows(Some(&others.router("127.0.0.1", |_| {})), &TLS13);
    Router::on(way.connect(open.cache.rtr)).reset_query(1);
    open.cache.wait_for_metric("rtrcast_sessions{version=\"1\"}", SESSIONS as i64);
    open.all_go_on();
}

#[test]
fn other_options_at_a_reload_keep_the_socket_and_the_metric() {
    let site = Site::new();
    let config = |options: &str| {
        let text = format!("source = \"{}\"\nlisten = \"{}{options}\"\n", site.name("rpki.json"), site.tls());
        site.folder.put("rtrcast.toml", text.as_bytes())
    };
    let path = config("");
    let mut cache = Cache::configured_without_listener(path.to_str().unwrap());
    cache.wait_for("serial ");
    let (way, old) = (site.router(&TLS13), site.router(&TLS12));
    let mut session = Router::on(old.connect(cache.rtr));
    session.reset_query(1);
    config(",tls-min-version=1.3");
    cache.signal("HUP");
    cache.wait_for("reading all sources again");
    assert!(old.over(crate::wire::socket(cache.rtr)).is_err());
    Router::on(way.connect(cache.rtr)).reset_query(1);
    session.reset_query(1);
    let metric = "rtrcast_credentials_in_force{listener=\"tls://127.0.0.1:0\"}";
    assert_eq!(cache.metric(metric), Some(1));
    // What is refused changes that as little as anything else.
    config(",tls-min-version=1.3,tls-crl=/nowhere");
    cache.signal("HUP");
    cache.wait_for("the configuration stays as it is");
    assert_eq!(cache.metric(metric), Some(1));
}
