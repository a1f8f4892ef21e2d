//! An authority that makes certificates for servers and their clients, and TLS as a server wants it.

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};
use std::sync::Arc;

pub(crate) struct Authority {
    certificate: rcgen::Certificate,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, both as PEM.
pub(crate) struct Pair {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Pair {
    /// For 127.0.0.1, with itself as authority: as `openssl req -x509` makes it, with CA:TRUE.
    pub(crate) fn self_signed() -> Pair {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Pair { certificate: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
    }

    /// A server that shows it; anybody may come.
    pub(crate) fn server(&self) -> ServerConfig {
        let chain = CertificateDer::pem_slice_iter(self.certificate.as_bytes()).map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap();
        ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap()
    }
}

impl Authority {
    pub(crate) fn new() -> Authority {
        Authority::called("an authority of the tests")
    }

    pub(crate) fn called(name: &str) -> Authority {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key).unwrap();
        Authority { certificate, issuer: Issuer::new(params, key) }
    }

    /// Its own certificate as PEM.
    pub(crate) fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// What a client shows.
    pub(crate) fn client(&self) -> Pair {
        let (certificate, key) = self.issue(Vec::new(), ExtendedKeyUsagePurpose::ClientAuth);
        Pair { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// What a cache at 127.0.0.1 shows.
    pub(crate) fn cache(&self) -> Pair {
        let (certificate, key) = self.issue(vec!["127.0.0.1".to_owned()], ExtendedKeyUsagePurpose::ServerAuth);
        Pair { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// The same, from the first day of one year to that of another.
    pub(crate) fn cache_between(&self, from: i32, until: i32) -> Pair {
        self.router("127.0.0.1", |params| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(until, 1, 1));
        })
    }

    /// What a router at an address shows, changed at will.
    pub(crate) fn router(&self, address: &str, change: impl FnOnce(&mut CertificateParams)) -> Pair {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![address.to_owned()]).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut params);
        Pair { certificate: params.signed_by(&key, &self.issuer).unwrap().pem(), key: key.serialize_pem() }
    }

    /// A list of the serial numbers that are revoked, as PEM.
    pub(crate) fn crl(&self, revoked: &[u64]) -> String {
        self.crl_until(2099, revoked)
    }

    /// The same, which expires with the first day of a year.
    pub(crate) fn crl_until(&self, year: i32, revoked: &[u64]) -> String {
        let revoked = revoked.iter().map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date_time_ymd(2001, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2001, 1, 2),
            next_update: date_time_ymd(year, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).unwrap().pem().unwrap()
    }

    /// A router's TLS that trusts this authority's caches. Each handshake is a whole one.
    pub(crate) fn trusted_by(&self, shown: Option<&Pair>, version: &'static SupportedProtocolVersion) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.der().clone()).unwrap();
        let builder = ClientConfig::builder_with_protocol_versions(&[version]).with_root_certificates(roots);
        let mut config = match shown {
            None => builder.with_no_client_auth(),
            Some(pair) => {
                let chain = CertificateDer::pem_slice_iter(pair.certificate.as_bytes()).map(Result::unwrap).collect();
                let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        };
        config.resumption = rustls::client::Resumption::disabled();
        config
    }

    /// A client that comes from this address.
    pub(crate) fn client_at(&self, address: &str) -> Pair {
        let (certificate, key) = self.issue(vec![address.to_owned()], ExtendedKeyUsagePurpose::ClientAuth);
        Pair { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// What a server of this name shows.
    pub(crate) fn server_named(&self, name: &str) -> Pair {
        let (certificate, key) = self.issue(vec![name.to_owned()], ExtendedKeyUsagePurpose::ServerAuth);
        Pair { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// A server that this authority vouches for; anybody may come.
    pub(crate) fn server(&self) -> ServerConfig {
        let (chain, key) = self.server_pair();
        ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap()
    }

    /// Likewise, for those only that another authority vouches for.
    pub(crate) fn server_for_clients_of(&self, clients: &Authority) -> ServerConfig {
        let (chain, key) = self.server_pair();
        let mut roots = RootCertStore::empty();
        roots.add(clients.certificate.der().clone()).unwrap();
        let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap();
        ServerConfig::builder().with_client_cert_verifier(verifier).with_single_cert(chain, key).unwrap()
    }

    /// A server that speaks this version of TLS only, for those only that another authority vouches for, if one is given.
    pub(crate) fn server_in(
        &self,
        version: &'static SupportedProtocolVersion,
        clients: Option<&Authority>,
    ) -> ServerConfig {
        let (chain, key) = self.server_pair();
        let builder = ServerConfig::builder_with_protocol_versions(&[version]);
        let builder = match clients {
            Some(clients) => {
                let mut roots = RootCertStore::empty();
                roots.add(clients.certificate.der().clone()).unwrap();
                builder.with_client_cert_verifier(WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap())
            }
            None => builder.with_no_client_auth(),
        };
        builder.with_single_cert(chain, key).unwrap()
    }

    fn server_pair(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let (certificate, key) = self.issue(vec!["127.0.0.1".to_owned()], ExtendedKeyUsagePurpose::ServerAuth);
        (vec![certificate.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())
    }

    fn issue(&self, names: Vec<String>, purpose: ExtendedKeyUsagePurpose) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, "somebody in the tests");
        params.extended_key_usages = vec![purpose];
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }
}
