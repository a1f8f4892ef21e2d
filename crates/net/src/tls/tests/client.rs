//! Caches that a router trusts, and errors that name the side that refuses.

use super::authority::{Authority, Pair, expired};
use super::{NAME, in_time, pair, read, write};
use crate::stream::{Socket, TlsStream};
use crate::tls::{
    AddressCheck, ClientCertificates, ClientCheck, TlsClient, TlsError, TlsFailure, TlsMinimum, TlsServer, accept,
    connect,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ServerConfig, WebPkiClientVerifier};
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn trusting(authority: &Authority, name: Option<&str>) -> TlsClient {
    TlsClient::new(Some(authority.pem().as_bytes()), None, name).unwrap()
}

/// Lets a router connect to a cache with this certificate.
async fn connected(client: &TlsClient, host: &str, cache: &Pair) -> Result<Box<TlsStream>, TlsFailure> {
    let (ours, theirs) = pair();
    let cache = TlsServer::new(cache.identity(), ClientCertificates::Off, TlsMinimum::V1_2).unwrap();
    let cache = accept(Socket::Unix(theirs), &cache, None);
    let (accepted, connected) = in_time(async { tokio::join!(cache, connect(ours, client, host)) }).await;
    match (&connected, accepted) {
        (Ok(_), Ok(_)) => {}
        // It has read why.
        (Err(_), Err(TlsFailure::Refused(_))) => {}
        (_, accepted) => panic!("{:?} for the router, {:?} for the cache", connected.err(), accepted.err()),
    }
    connected
}

async fn untrusted(client: &TlsClient, host: &str, cache: &Pair) -> String {
    match connected(client, host, cache).await {
        Err(TlsFailure::Untrusted(text)) => text,
        Err(failure) => panic!("{failure:?}"),
        Ok(_) => panic!("it is trusted"),
    }
}

#[tokio::test]
async fn t_tls_04_the_name_in_the_san_is_the_configured_one_or_the_host() {
    let authority = Authority::new("caches");
    let cache = authority.issue(&["other.example", NAME, "192.0.2.1", "fe80::1"], |_| {});
    for (name, host) in [
        (None, NAME),
        (None, "Cache.Example."),
        (Some(NAME), "elsewhere.example"),
        (Some(NAME), "192.0.2.9"),
        (None, "192.0.2.1"),
        (None, "fe80::1%eth0"),
        (Some("192.0.2.1"), "elsewhere.example"),
    ] {
        let connected = connected(&trusting(&authority, name), host, &cache).await;
        assert!(connected.is_ok(), "{name:?} at {host}: {:?}", connected.err());
    }
    let text = untrusted(&trusting(&authority, None), "elsewhere.example", &cache).await;
    let wanted = "the cache's certificate is not accepted: it is not for elsewhere.example; its SAN has \
                  other.example, cache.example, 192.0.2.1, fe80::1 (a common name is not used)";
    assert_eq!(text, wanted);
    // The configured name is in effect, not the host as well.
    untrusted(&trusting(&authority, Some("elsewhere.example")), NAME, &cache).await;
    untrusted(&trusting(&authority, None), "192.0.2.9", &cache).await;
}

#[tokio::test]
async fn t_tls_04_the_common_name_is_not_used() {
    let authority = Authority::new("caches");
    let named = |names: &[&str]| {
        authority.issue(names, |params| {
            params.distinguished_name.remove(rcgen::DnType::CommonName);
            params.distinguished_name.push(rcgen::DnType::CommonName, NAME);
        })
    };
    let text = untrusted(&trusting(&authority, None), NAME, &named(&[])).await;
    assert!(text.ends_with("it is not for cache.example; it has no SAN (`openssl req` makes one with `-addext subjectAltName=DNS:NAME` or `IP:ADDRESS`) (a common name is not used)"), "{text}");
    untrusted(&trusting(&authority, None), NAME, &named(&["other.example"])).await;
}

#[tokio::test]
async fn an_untrusted_certificate_is_a_failure_of_its_own_with_the_reason() {
    let authority = Authority::new("caches");
    let client = trusting(&authority, None);
    let text = untrusted(&client, NAME, &Authority::new("another").issue(&[NAME], |_| {})).await;
    assert!(text.ends_with("none of the authorities that are trusted here has issued it"), "{text}");
    let text = untrusted(&client, NAME, &authority.issue(&[NAME], expired)).await;
    assert!(text.contains("it expired "), "{text}");
    let text = untrusted(&client, NAME, &authority.router(&[NAME])).await;
    assert!(text.ends_with("its extended key usage does not let it be a server's"), "{text}");
}

/// A cache that demands certificates for 192.0.2.1.
fn demanding(caches: &Authority, routers: &Authority, crls: Vec<Vec<u8>>) -> TlsServer {
    let check = ClientCheck { authorities: routers.pem().into_bytes(), crls, address: AddressCheck::Matches };
    TlsServer::new(caches.server(), ClientCertificates::Required(check), TlsMinimum::V1_2).unwrap()
}

#[tokio::test]
async fn a_certificate_that_the_cache_refuses_fails_the_first_read() {
    let (caches, routers) = (Authority::new("caches"), Authority::new("routers"));
    let crl = routers.crl(&[8], 4000);
    for (shown, text) in [
        (None, "(certificate_required): it requires a certificate of ours"),
        (Some(routers.router(&["192.0.2.9"])), "(bad_certificate): it requires our address as an iPAddress in the SAN"),
        (
            Some(Authority::new("another").router(&["192.0.2.1"])),
            "(unknown_ca): it does not trust the authority, or lacks its current CRL",
        ),
        (Some(routers.issue(&["192.0.2.1"], expired)), "(certificate_expired): it has expired, or a clock is wrong"),
        (Some(routers.router_with_serial(&["192.0.2.1"], 8)), "(certificate_revoked): it is revoked"),
    ] {
        let identity = shown.as_ref().map(Pair::identity);
        let client = TlsClient::new(Some(caches.pem().as_bytes()), identity, None).unwrap();
        let cache = demanding(&caches, &routers, vec![crl.clone()]);
        let (ours, theirs) = pair();
        let accepting = accept(Socket::Unix(theirs), &cache, "192.0.2.1".parse().ok());
        let reading = async {
            let mut tls = connect(ours, &client, NAME).await.unwrap();
            // The cache may be past reading a query; its alert is read all the same.
            let _ = write(&mut tls, b"a query").await;
            read(&mut tls).await.unwrap_err()
        };
        let (accepted, error) = in_time(async { tokio::join!(accepting, reading) }).await;
        assert!(accepted.is_err());
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        let failure = TlsFailure::of(&error).unwrap();
        assert!(failure.is_authentication());
        assert_eq!(failure.to_string(), format!("the cache does not accept our certificate {text}"));
    }
}

#[tokio::test]
async fn in_tls_1_2_it_fails_the_handshake() {
    let (caches, routers) = (Authority::new("caches"), Authority::new("routers"));
    let cache = caches.issue(&[NAME], |_| {});
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(routers.pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(cache.chain.as_bytes()).unwrap()],
            PrivateKeyDer::from_pem_slice(cache.key.as_bytes()).unwrap(),
        )
        .unwrap();
    let (ours, theirs) = pair();
    let accepting = tokio_rustls::TlsAcceptor::from(Arc::new(config)).accept(theirs);
    let client = trusting(&caches, None);
    let (accepted, connected) = in_time(async { tokio::join!(accepting, connect(ours, &client, NAME)) }).await;
    assert!(accepted.is_err());
    let failure = connected.err().unwrap();
    assert!(matches!(&failure, TlsFailure::Refused(_)), "{failure:?}");
}

#[tokio::test]
async fn a_certificate_that_the_cache_accepts_opens_the_connection() {
    let (caches, routers) = (Authority::new("caches"), Authority::new("routers"));
    let identity = routers.router(&["r1.example", "192.0.2.1"]).identity();
    let client = TlsClient::new(Some(caches.pem().as_bytes()), Some(identity), None).unwrap();
    let cache = demanding(&caches, &routers, Vec::new());
    let (ours, theirs) = pair();
    let accepting = accept(Socket::Unix(theirs), &cache, "192.0.2.1".parse().ok());
    let (accepted, connected) = in_time(async { tokio::join!(accepting, connect(ours, &client, NAME)) }).await;
    let ((mut cache, who), mut router) = (accepted.unwrap(), connected.unwrap());
    assert_eq!(who.as_deref(), Some("r1.example"));
    write(&mut cache, b"data").await.unwrap();
    assert_eq!(in_time(read(&mut router)).await.unwrap(), b"data");
}

#[tokio::test]
async fn a_cache_that_closes_is_a_lost_connection_and_one_without_tls_is_named_so() {
    let client = trusting(&Authority::new("caches"), None);
    let (ours, theirs) = pair();
    drop(theirs);
    let failure = in_time(connect(ours, &client, NAME)).await.err().unwrap();
    assert!(matches!(failure, TlsFailure::Lost(_)) && !failure.is_authentication(), "{failure:?}");

    let (ours, mut theirs) = pair();
    let cache = async {
        // An Error Report of a cache on plain TCP.
        theirs.write_all(&[1, 10, 0, 3, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0]).await.unwrap();
        theirs.read_to_end(&mut Vec::new()).await.unwrap();
        drop(theirs);
    };
    let ((), connected) = in_time(async { tokio::join!(cache, connect(ours, &client, NAME)) }).await;
    let failure = connected.err().unwrap();
    assert!(matches!(failure, TlsFailure::Protocol(_)), "{failure:?}");
    assert!(failure.to_string().starts_with("what the cache sends is no TLS ("), "{failure}");
}

#[tokio::test]
async fn an_invalid_name_fails_before_connecting() {
    let authority = Authority::new("caches");
    let made = TlsClient::new(Some(authority.pem().as_bytes()), None, Some("no name"));
    assert_eq!(made.err().unwrap(), TlsError::Name("no name".to_owned()));
    let failure = connect(pair().0, &trusting(&authority, None), "no name").await.err().unwrap();
    let wanted = "\"no name\" is no name that a certificate can be for; it is a DNS name or an address";
    assert_eq!(failure.to_string(), wanted);
    let made = TlsClient::new(Some(b""), None, None);
    assert_eq!(made.err().unwrap().to_string(), "there is no certificate in it");
}

#[test]
fn without_authorities_the_systems_are_trusted() {
    match TlsClient::new(None, None, None).map(|_| ()) {
        // A machine may have none.
        Ok(()) | Err(TlsError::NoSystemAuthorities(_)) => {}
        Err(error) => panic!("{error}"),
    }
}
