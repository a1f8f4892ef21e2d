//! Requirements of a cache for routers, and the alerts that these read.

use super::authority::{Authority, Pair, expired};
use super::{Met, NAME, alert, in_time, meet, open_server, pair};
use crate::stream::Socket;
use crate::tls::{
    AddressCheck, ClientCertificates, ClientCheck, TlsError, TlsFailure, TlsMinimum, TlsPart, TlsServer, accept,
};
use rcgen::ExtendedKeyUsagePurpose;
use rustls::version::{TLS12, TLS13};
use rustls::{AlertDescription, ClientConfig, SupportedProtocolVersion};
use std::net::IpAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

const BOTH: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];
const HOME: &str = "192.0.2.1";

/// A cache's authority, and one for routers.
struct Scene {
    caches: Authority,
    routers: Authority,
}

impl Scene {
    fn new() -> Scene {
        Scene { caches: Authority::new("caches"), routers: Authority::new("routers") }
    }

    fn check(&self, address: AddressCheck, crls: Vec<Vec<u8>>) -> ClientCheck {
        ClientCheck { authorities: self.routers.pem().into_bytes(), crls, address }
    }

    fn cache(&self, clients: ClientCertificates) -> TlsServer {
        TlsServer::new(self.caches.server(), clients, TlsMinimum::V1_2).unwrap()
    }

    fn strict(&self, crls: Vec<Vec<u8>>) -> TlsServer {
        self.cache(ClientCertificates::Required(self.check(AddressCheck::Matches, crls)))
    }

    fn lenient(&self, crls: Vec<Vec<u8>>) -> TlsServer {
        self.cache(ClientCertificates::Required(self.check(AddressCheck::Ignored, crls)))
    }

    /// In both versions, which have to agree.
    async fn meet(&self, shown: Option<&Pair>, cache: &TlsServer, from: &str) -> Met {
        let from: IpAddr = from.parse().unwrap();
        let [first, second] = BOTH.map(|version| self.caches.router_config(shown, version));
        let first = meet(first, cache, Some(from)).await;
        assert_eq!(first, meet(second, cache, Some(from)).await, "TLS 1.2 and TLS 1.3");
        first
    }
}

fn served(who: &str) -> Met {
    Met { alert: None, who: Ok(Some(who.to_owned())) }
}

fn nameless() -> Met {
    Met { alert: None, who: Ok(None) }
}

fn refused(alert: AlertDescription, why: &str) -> Met {
    Met { alert: Some(alert), who: Err(format!("the router's certificate is not accepted: {why}")) }
}

fn stranger() -> Met {
    refused(AlertDescription::UnknownCA, "none of the authorities that are trusted here has issued it")
}

fn shows_none() -> Met {
    let why = "the router presents no certificate, which is required";
    Met { alert: Some(AlertDescription::CertificateRequired), who: Err(why.to_owned()) }
}

fn elsewhere(has: &str) -> Met {
    let why = format!("it is not for {HOME}, the address that the router comes from; {has}");
    refused(AlertDescription::BadCertificate, &why)
}

#[tokio::test]
async fn t_tls_02_a_certificate_that_is_not_requested_is_not_sent() {
    let scene = Scene::new();
    let cache = open_server(&scene.caches);
    assert_eq!(scene.meet(None, &cache, HOME).await, nameless());
    let router = Authority::new("another").router(&["192.0.2.9"]);
    assert_eq!(scene.meet(Some(&router), &cache, HOME).await, nameless());
}

#[tokio::test]
async fn t_tls_02_a_requested_certificate_may_be_missing_but_not_wrong() {
    let scene = Scene::new();
    let cache = scene.cache(ClientCertificates::Requested(scene.check(AddressCheck::Matches, Vec::new())));
    assert_eq!(scene.meet(None, &cache, HOME).await, nameless());
    assert_eq!(
        scene.meet(Some(&scene.routers.router(&["r1.example", HOME])), &cache, HOME).await,
        served("r1.example")
    );
    assert_eq!(scene.meet(Some(&Authority::new("another").router(&[HOME])), &cache, HOME).await, stranger());
    let other = scene.routers.router(&["192.0.2.9"]);
    assert_eq!(scene.meet(Some(&other), &cache, HOME).await, elsewhere("its SAN has 192.0.2.9"));
}

#[tokio::test]
async fn t_tls_02_a_required_certificate_is_one_of_the_right_authority() {
    let scene = Scene::new();
    let cache = scene.strict(Vec::new());
    assert_eq!(scene.meet(None, &cache, HOME).await, shows_none());
    assert_eq!(scene.meet(Some(&scene.routers.router(&[HOME])), &cache, HOME).await, served(HOME));
    assert_eq!(scene.meet(Some(&Authority::new("another").router(&[HOME])), &cache, HOME).await, stranger());
    // An authority's name is not its key.
    let imitated = scene.meet(Some(&Authority::new("routers").router(&[HOME])), &cache, HOME).await;
    assert!(matches!(imitated, Met { alert: Some(_), who: Err(_) }), "{imitated:?}");
}

#[tokio::test]
async fn t_tls_03_the_certificate_has_the_address_that_the_router_comes_from() {
    let scene = Scene::new();
    let cache = scene.strict(Vec::new());
    let home = scene.routers.router(&["192.0.2.9", "2001:db8::1", HOME]);
    assert_eq!(scene.meet(Some(&home), &cache, HOME).await, served("192.0.2.9"));
    assert_eq!(scene.meet(Some(&home), &cache, "::ffff:192.0.2.1").await, served("192.0.2.9"));
    assert_eq!(scene.meet(Some(&home), &cache, "2001:db8::1").await, served("192.0.2.9"));
    assert_eq!(scene.meet(Some(&home), &cache, "2001:db8::2").await.alert, Some(AlertDescription::BadCertificate));
    let away = scene.routers.router(&["192.0.2.9", "r9.example"]);
    let has = "its SAN has 192.0.2.9, r9.example";
    assert_eq!(scene.meet(Some(&away), &cache, HOME).await, elsewhere(has));
    // A name that looks like the address is none, and neither is the common name.
    let named = scene.routers.issue(&[], |params| {
        params.distinguished_name.push(rcgen::DnType::CommonName, HOME);
    });
    assert_eq!(
        scene.meet(Some(&named), &cache, HOME).await,
        elsewhere("it has no SAN (`openssl req` makes one with `-addext subjectAltName=DNS:NAME` or `IP:ADDRESS`)")
    );
    let mapped = scene.routers.router(&["::ffff:192.0.2.1"]);
    assert_eq!(scene.meet(Some(&mapped), &cache, HOME).await, served("::ffff:192.0.2.1"));
}

#[tokio::test]
async fn t_tls_03_a_connection_without_an_address_matches_nothing() {
    let scene = Scene::new();
    let router = scene.routers.router(&[HOME]);
    for version in BOTH {
        let router = scene.caches.router_config(Some(&router), version);
        let met = meet(Arc::clone(&router), &scene.strict(Vec::new()), None).await;
        assert_eq!(met.alert, Some(AlertDescription::AccessDenied));
        assert_eq!(meet(router, &scene.lenient(Vec::new()), None).await, served(HOME));
    }
}

#[tokio::test]
async fn t_tls_03_the_address_can_be_ignored() {
    let scene = Scene::new();
    let cache = scene.lenient(Vec::new());
    assert_eq!(scene.meet(Some(&scene.routers.router(&["192.0.2.9"])), &cache, HOME).await, served("192.0.2.9"));
    assert_eq!(scene.meet(None, &cache, HOME).await, shows_none());
    assert_eq!(scene.meet(Some(&Authority::new("another").router(&[HOME])), &cache, HOME).await, stranger());
    let met = scene.meet(Some(&scene.routers.router(&[])), &cache, HOME).await;
    assert!(met.who.unwrap().unwrap().starts_with("SHA-256 "));
}

#[tokio::test]
async fn certificates_out_of_their_time_or_for_servers_are_refused() {
    let scene = Scene::new();
    for cache in [scene.strict(Vec::new()), scene.lenient(Vec::new())] {
        let met = scene.meet(Some(&scene.routers.issue(&[HOME], expired)), &cache, HOME).await;
        assert_eq!(met.alert, Some(AlertDescription::CertificateExpired));
        let why = met.who.unwrap_err();
        assert!(why.contains("it expired ") && why.ends_with(" days ago"), "{why}");
        let early = scene.routers.issue(&[HOME], |params| params.not_before = rcgen::date_time_ymd(4000, 1, 1));
        let met = scene.meet(Some(&early), &cache, HOME).await;
        assert_eq!(met.alert, Some(AlertDescription::CertificateExpired));
        let server = scene.routers.issue(&[HOME], |params| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        });
        let why = "its extended key usage does not let it be a client's";
        let met = scene.meet(Some(&server), &cache, HOME).await;
        assert_eq!(met, refused(AlertDescription::UnsupportedCertificate, why));
    }
}

#[tokio::test]
async fn a_revoked_certificate_is_refused() {
    let scene = Scene::new();
    let (good, bad) = (scene.routers.router_with_serial(&[HOME], 7), scene.routers.router_with_serial(&[HOME], 8));
    let crl = scene.routers.crl(&[8, 9], 4000);
    let revoked = refused(AlertDescription::CertificateRevoked, "it is revoked");
    for cache in [scene.strict(vec![crl.clone()]), scene.lenient(vec![crl.clone()])] {
        assert_eq!(scene.meet(Some(&good), &cache, HOME).await, served(HOME));
        assert_eq!(scene.meet(Some(&bad), &cache, HOME).await, revoked);
    }
    // Another authority's CRL has no effect on this one's, in a file of its own or in the same.
    let other = Authority::new("another").crl(&[7, 8], 4000);
    assert_eq!(scene.meet(Some(&bad), &scene.strict(vec![other.clone()]), HOME).await, served(HOME));
    for both in [vec![other.clone(), crl.clone()], vec![[other, crl].concat()]] {
        assert_eq!(scene.meet(Some(&good), &scene.strict(both.clone()), HOME).await, served(HOME));
        assert_eq!(scene.meet(Some(&bad), &scene.strict(both), HOME).await, revoked);
    }
}

#[tokio::test]
async fn an_expired_crl_refuses_all_that_its_issuer_vouches_for() {
    let scene = Scene::new();
    let cache = scene.strict(vec![scene.routers.crl(&[8], 2002)]);
    let met = scene.meet(Some(&scene.routers.router_with_serial(&[HOME], 7)), &cache, HOME).await;
    assert_eq!(met.alert, Some(AlertDescription::UnknownCA));
    let why = met.who.unwrap_err();
    assert!(why.contains("the CRL of its authority expired ") && why.ends_with("fetch the current one"), "{why}");
    // Another's does no harm.
    let cache = scene.strict(vec![Authority::new("another").crl(&[], 2002)]);
    assert_eq!(scene.meet(Some(&scene.routers.router(&[HOME])), &cache, HOME).await, served(HOME));
}

#[tokio::test]
async fn certificates_of_a_revoked_intermediate_authority_are_refused() {
    let scene = Scene::new();
    let below = scene.routers.below("a region", 20);
    let router = below.router_with_serial(&[HOME], 7).followed_by(&below.pem());
    assert_eq!(scene.meet(Some(&router), &scene.strict(Vec::new()), HOME).await, served(HOME));
    let cache = scene.strict(vec![scene.routers.crl(&[20], 4000)]);
    let revoked = refused(AlertDescription::CertificateRevoked, "it is revoked");
    assert_eq!(scene.meet(Some(&router), &cache, HOME).await, revoked);
    // The CRL of the one below is in effect without one of the one above.
    assert_eq!(scene.meet(Some(&router), &scene.strict(vec![below.crl(&[7], 4000)]), HOME).await, revoked);
}

#[tokio::test]
async fn a_lowest_version_is_kept() {
    let authority = Authority::new("caches");
    let cache = TlsServer::new(authority.server(), ClientCertificates::Off, TlsMinimum::V1_3).unwrap();
    assert_eq!(meet(authority.router_config(None, &TLS13), &cache, None).await, nameless());
    let met = meet(authority.router_config(None, &TLS12), &cache, None).await;
    assert_eq!(met.alert, Some(AlertDescription::ProtocolVersion));
    assert!(met.who.unwrap_err().starts_with("the router supports no TLS that we accept: "));
}

#[tokio::test]
async fn t_tls_01_a_client_hello_of_tls_1_1_is_refused_by_an_alert() {
    // ClientHello of TLS 1.1 with TLS_RSA_WITH_AES_128_CBC_SHA: without extensions, and with signature_algorithms,
    // which TLS 1.1 does not have. Alerts handshake_failure and protocol_version.
    let extensions = [0, 8, 0, 13, 0, 4, 0, 2, 4, 3];
    for (extensions, alert) in [(&[][..], 40), (&extensions[..], 70)] {
        let mut hello = [&[3, 2][..], &[0x5a; 32], &[0, 0, 2, 0, 0x2f, 1, 0], extensions].concat();
        let length = u8::try_from(hello.len()).unwrap();
        hello.splice(..0, [0x16, 3, 1, 0, length + 4, 1, 0, 0, length]);
        let (seen, failure) = refused_by_octets(&hello).await;
        assert_eq!(seen, [0x15, 3, 3, 0, 2, 2, alert]);
        assert!(failure.to_string().starts_with("the router supports no TLS that we accept: "), "{failure}");
    }
}

#[tokio::test]
async fn octets_that_are_no_tls_get_an_alert() {
    // A Reset Query of a router that takes the port for that of plain TCP.
    let (seen, failure) = refused_by_octets(&[1, 2, 0, 0, 0, 0, 0, 8]).await;
    assert_eq!(seen.get(..2), Some(&[0x15, 3][..]));
    let text = failure.to_string();
    assert!(text.starts_with("what the router sends is no TLS (") && text.ends_with("is it the right port?"), "{text}");
    assert!(!failure.is_authentication());
}

/// Sends octets to a cache, more than it reads, and reads until the end.
async fn refused_by_octets(octets: &[u8]) -> (Vec<u8>, TlsFailure) {
    let cache = open_server(&Authority::new("caches"));
    let (ours, mut theirs) = pair();
    let router = async {
        theirs.write_all(octets).await.unwrap();
        theirs.write_all(&[0; 20_000]).await.unwrap();
        let mut seen = Vec::new();
        theirs.read_to_end(&mut seen).await.unwrap();
        drop(theirs);
        seen
    };
    let (seen, accepted) = in_time(async { tokio::join!(router, accept(ours, &cache, None)) }).await;
    (seen, accepted.err().expect("it is refused"))
}

#[tokio::test]
async fn a_router_that_closes_in_the_handshake_is_a_lost_connection() {
    let cache = open_server(&Authority::new("caches"));
    let (ours, mut theirs) = pair();
    theirs.write_all(&[0x16]).await.unwrap();
    drop(theirs);
    let failure = in_time(accept(ours, &cache, None)).await.err().unwrap();
    assert!(matches!(failure, TlsFailure::Lost(_)), "{failure}");
}

#[tokio::test]
async fn a_connection_without_an_octet_is_a_probe() {
    let cache = open_server(&Authority::new("caches"));
    let (ours, theirs) = pair();
    drop(theirs);
    let failure = in_time(accept(ours, &cache, None)).await.err().unwrap();
    assert!(matches!(failure, TlsFailure::Probed), "{failure}");
}

#[tokio::test]
async fn a_router_that_does_not_trust_the_cache_is_a_failure_of_its_own() {
    let cache = open_server(&Authority::new("caches"));
    let (ours, theirs) = pair();
    let router = TlsConnector::from(Authority::new("another").router_config(None, &TLS13));
    let connecting = router.connect(NAME.try_into().unwrap(), theirs);
    let (accepted, connected) = in_time(async { tokio::join!(accept(ours, &cache, None), connecting) }).await;
    assert!(connected.is_err());
    let failure = accepted.err().unwrap();
    assert!(matches!(failure, TlsFailure::Refused(_)), "{failure}");
    assert!(failure.to_string().starts_with("the router does not accept our certificate (unknown_ca): "), "{failure}");
}

#[tokio::test]
async fn t_tls_03_the_alert_arrives_behind_a_finished_handshake_and_unread_octets() {
    let scene = Scene::new();
    let cache = scene.strict(Vec::new());
    let away = scene.routers.router(&["192.0.2.9"]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let cache = async {
        let (stream, from) = listener.accept().await.unwrap();
        accept(Socket::Tcp(stream), &cache, Some(from.ip())).await.err().unwrap()
    };
    let router = async {
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let config = scene.caches.router_config(Some(&away), &TLS13);
        // In TLS 1.3 the handshake is done before the cache has seen the certificate.
        let tls = TlsConnector::from(config).connect(NAME.try_into().unwrap(), stream).await.unwrap();
        let (mut from, mut to) = tokio::io::split(tls);
        let (octets, mut buffer) = (vec![0; 200_000], [0; 8]);
        let (_, read) = tokio::join!(to.write_all(&octets), from.read(&mut buffer));
        read.unwrap_err()
    };
    let (failure, error) = in_time(async { tokio::join!(cache, router) }).await;
    assert!(failure.is_authentication(), "{failure}");
    assert_eq!(alert(&error), Some(AlertDescription::BadCertificate), "{error}");
}

#[tokio::test]
async fn a_client_hello_with_any_octet_changed_or_cut_anywhere_does_no_harm() {
    let authority = Authority::new("caches");
    let cache = open_server(&authority);
    let config = authority.router_config(None, &TLS12);
    let mut hello = Vec::new();
    let mut router = rustls::ClientConnection::new(config, NAME.try_into().unwrap()).unwrap();
    router.write_tls(&mut hello).unwrap();
    for index in 0..hello.len() {
        let mut changed = hello.clone();
        changed.get_mut(index).into_iter().for_each(|octet| *octet ^= 0xff);
        for said in [changed.as_slice(), hello.get(..index).unwrap()] {
            let (ours, mut theirs) = pair();
            theirs.write_all(said).await.unwrap();
            drop(theirs);
            assert!(in_time(accept(ours, &cache, None)).await.is_err());
        }
    }
}

#[tokio::test]
async fn no_session_is_resumed() {
    let scene = Scene::new();
    let router = scene.routers.router(&[HOME]);
    for version in BOTH {
        // It stores sessions, as all clients of rustls do by default.
        let router: Arc<ClientConfig> = scene.caches.router_config(Some(&router), version);
        let cache = scene.strict(Vec::new());
        assert_eq!(meet(Arc::clone(&router), &cache, HOME.parse().ok()).await, served(HOME));
        let elsewhere = meet(router, &cache, "192.0.2.2".parse().ok()).await;
        assert_eq!(elsewhere.alert, Some(AlertDescription::BadCertificate));
    }
}

#[test]
fn unreadable_parts_are_named_with_their_index() {
    let scene = Scene::new();
    let made = |authorities: &str, crls: Vec<Vec<u8>>| {
        let check = ClientCheck { authorities: authorities.into(), crls, address: AddressCheck::Matches };
        let made = TlsServer::new(scene.caches.server(), ClientCertificates::Required(check), TlsMinimum::V1_2);
        made.err().unwrap()
    };
    assert_eq!(made("", Vec::new()), TlsError::Missing(TlsPart::Authorities));
    assert_eq!(made("", Vec::new()).to_string(), "there is no certificate in it");
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert_eq!(made(broken, Vec::new()).part(), Some(TlsPart::Authorities));
    let (authorities, crl) = (scene.routers.pem(), scene.routers.crl(&[], 4000));
    assert_eq!(made(&authorities, vec![crl.clone(), Vec::new()]), TlsError::Missing(TlsPart::Crls(1)));
    let broken = b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n".to_vec();
    let error = made(&authorities, vec![crl, broken]);
    assert_eq!(error.part(), Some(TlsPart::Crls(1)));
    assert!(error.to_string().starts_with("the CRLs can't be read: "), "{error}");
}
