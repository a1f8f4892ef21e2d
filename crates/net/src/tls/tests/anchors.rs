//! Certificates that are themselves what was given as authority, on either side.

use super::authority::{Authority, Pair, expired, self_signed};
use super::{Met, NAME, in_time, meet, pair};
use crate::stream::Socket;
use crate::tls::{
    AddressCheck, ClientCertificates, ClientCheck, TlsClient, TlsFailure, TlsIdentity, TlsMinimum, TlsServer, accept,
    connect, provider,
};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, IsCa, date_time_ymd};
use rustls::AlertDescription;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use std::net::IpAddr;
use std::sync::Arc;

const HOME: &str = "192.0.2.1";
const AUTHORITYS_OWN: &str = "it is an authority's own (CA:TRUE, as `openssl req -x509` makes it), and not one of those that are trusted: have \
     this very certificate trusted, or use one that a trusted authority signed and that is not an authority's \
     (`-addext basicConstraints=critical,CA:FALSE`)";

/// Result at a router of a cache that trusts these certificates.
async fn comes(trusted: &str, shown: &Pair, address: AddressCheck) -> Met {
    let caches = Authority::new("caches");
    let check = ClientCheck { authorities: trusted.as_bytes().to_vec(), crls: Vec::new(), address };
    let cache = TlsServer::new(caches.server(), ClientCertificates::Required(check), TlsMinimum::V1_2).unwrap();
    let home: IpAddr = HOME.parse().unwrap();
    let first = meet(caches.router_config(Some(shown), &TLS12), &cache, Some(home)).await;
    let second = meet(caches.router_config(Some(shown), &TLS13), &cache, Some(home)).await;
    assert_eq!(first, second, "TLS 1.2 and TLS 1.3");
    first
}

fn refused(alert: AlertDescription, why: &str) -> Met {
    Met { alert: Some(alert), who: Err(format!("the router's certificate is not accepted: {why}")) }
}

fn for_(purpose: ExtendedKeyUsagePurpose) -> impl FnOnce(&mut CertificateParams) {
    |params| params.extended_key_usages = vec![purpose]
}

#[tokio::test]
async fn a_router_with_the_very_certificate_that_is_trusted_is_served() {
    for router in [
        self_signed(&[HOME], |_| {}),
        self_signed(&[HOME], for_(ExtendedKeyUsagePurpose::ClientAuth)),
        self_signed(&[HOME], |params| params.is_ca = IsCa::ExplicitNoCa),
        self_signed(&[HOME], |params| params.is_ca = IsCa::NoCa),
    ] {
        let among_others = Authority::new("routers").pem() + &router.chain;
        for address in [AddressCheck::Matches, AddressCheck::Ignored] {
            let met = comes(&among_others, &router, address).await;
            assert_eq!(met, Met { alert: None, who: Ok(Some(HOME.to_owned())) });
        }
    }
}

#[tokio::test]
async fn a_trusted_certificate_still_has_to_be_valid_and_for_the_routers_address() {
    let elsewhere = self_signed(&["192.0.2.9"], |_| {});
    let why = format!("it is not for {HOME}, the address that the router comes from; its SAN has 192.0.2.9");
    let met = comes(&elsewhere.chain, &elsewhere, AddressCheck::Matches).await;
    assert_eq!(met, refused(AlertDescription::BadCertificate, &why));

    let old = self_signed(&[HOME], expired);
    let met = comes(&old.chain, &old, AddressCheck::Ignored).await;
    assert_eq!(met.alert, Some(AlertDescription::CertificateExpired));

    let early = self_signed(&[HOME], |params| params.not_before = date_time_ymd(3000, 1, 1));
    let met = comes(&early.chain, &early, AddressCheck::Ignored).await;
    assert!(met.who.unwrap_err().contains("it becomes valid only in "));

    let server = self_signed(&[HOME], for_(ExtendedKeyUsagePurpose::ServerAuth));
    let why = "its extended key usage does not let it be a client's";
    let met = comes(&server.chain, &server, AddressCheck::Matches).await;
    assert_eq!(met, refused(AlertDescription::UnsupportedCertificate, why));
}

#[tokio::test]
async fn a_certificate_that_only_resembles_the_trusted_one_is_refused_with_the_way_out() {
    // The same name and key, in a certificate that was made anew.
    let key = rcgen::KeyPair::generate().unwrap();
    let made = |serial: u64| {
        let mut params = CertificateParams::new(vec![HOME.to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.serial_number = Some(serial.into());
        Pair { chain: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
    };
    let met = comes(&made(1).chain, &made(2), AddressCheck::Matches).await;
    assert_eq!(met, refused(AlertDescription::CertificateUnknown, AUTHORITYS_OWN));
    // An authority below the trusted one is itself none that was given.
    let routers = Authority::new("routers");
    let below = routers.issue(&[HOME], |params| params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained));
    let met = comes(&routers.pem(), &below, AddressCheck::Matches).await;
    assert_eq!(met, refused(AlertDescription::CertificateUnknown, AUTHORITYS_OWN));
}

/// The certificate of one pair with the key of another.
fn imitated(shown: &Pair, key: &Pair) -> Arc<SingleCertAndKey> {
    let chain = vec![CertificateDer::from_pem_slice(shown.chain.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(key.key.as_bytes()).unwrap();
    Arc::new(CertifiedKey::new(chain, provider().key_provider.load_private_key(key).unwrap()).into())
}

#[tokio::test]
async fn the_trusted_certificate_without_its_key_is_refused() {
    let (router, thief) = (self_signed(&[HOME], |_| {}), self_signed(&[HOME], |_| {}));
    let caches = Authority::new("caches");
    let authorities = router.chain.clone().into_bytes();
    let check = ClientCheck { authorities, crls: Vec::new(), address: AddressCheck::Matches };
    let cache = TlsServer::new(caches.server(), ClientCertificates::Required(check), TlsMinimum::V1_2).unwrap();
    for version in [&TLS12, &TLS13] {
        let mut config = Arc::into_inner(caches.router_config(None, version)).unwrap();
        config.client_auth_cert_resolver = imitated(&router, &thief);
        let met = meet(Arc::new(config), &cache, HOME.parse().ok()).await;
        assert_eq!(met.alert, Some(AlertDescription::DecryptError), "{met:?}");
        assert!(met.who.is_err());
    }
}

/// Result of a router that trusts these certificates with a cache.
async fn meets(trusted: &str, shown: &Pair, host: &str) -> Result<(), String> {
    let identity = TlsIdentity::from_pem(shown.chain.as_bytes(), shown.key.as_bytes()).unwrap();
    let cache = TlsServer::new(identity, ClientCertificates::Off, TlsMinimum::V1_2).unwrap();
    let client = TlsClient::new(Some(trusted.as_bytes()), None, None).unwrap();
    let (ours, theirs) = pair();
    let accepting = accept(Socket::Unix(theirs), &cache, None);
    let (_, connected) = in_time(async { tokio::join!(accepting, connect(ours, &client, host)) }).await;
    match connected {
        Ok(_) => Ok(()),
        Err(TlsFailure::Untrusted(text)) => Err(text),
        Err(failure) => panic!("{failure:?}"),
    }
}

#[tokio::test]
async fn a_cache_with_the_very_certificate_that_is_trusted_is_accepted_under_its_names() {
    let cache = self_signed(&[NAME, "192.0.2.7"], |_| {});
    assert_eq!(meets(&cache.chain, &cache, NAME).await, Ok(()));
    assert_eq!(meets(&cache.chain, &cache, "192.0.2.7").await, Ok(()));
    let own = self_signed(&[NAME], for_(ExtendedKeyUsagePurpose::ServerAuth));
    assert_eq!(meets(&own.chain, &own, NAME).await, Ok(()));

    let not_accepted = |why: &str| Err(format!("the cache's certificate is not accepted: {why}"));
    let other = "it is not for other.example; its SAN has cache.example, 192.0.2.7 (a common name is not used)";
    assert_eq!(meets(&cache.chain, &cache, "other.example").await, not_accepted(other));
    let stranger = self_signed(&[NAME], |_| {});
    assert_eq!(meets(&cache.chain, &stranger, NAME).await, not_accepted(AUTHORITYS_OWN));
    let old = self_signed(&[NAME], expired);
    assert!(meets(&old.chain, &old, NAME).await.unwrap_err().contains("it expired "));
    let client = self_signed(&[NAME], for_(ExtendedKeyUsagePurpose::ClientAuth));
    let why = "its extended key usage does not let it be a server's";
    assert_eq!(meets(&client.chain, &client, NAME).await, not_accepted(why));
}
