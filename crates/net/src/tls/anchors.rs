//! Trust anchors: the certificates that an operator gives as authorities.
//!
//! Each is trusted as an issuer, and as an end entity: a peer that presents one of these very certificates, octet for
//! octet, and proves possession of its key, is accepted. So a self-signed certificate works on both sides as `openssl
//! req -x509` makes it, with CA:TRUE, which the library refuses at the end of a chain. Nothing else is relaxed: dates,
//! use, and name or address are verified as for any other.

use super::der::{self, Elements, OBJECT_IDENTIFIER, SEQUENCE};
use super::{TlsError, TlsPart, Validity, from_pem, provider};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, RootCertStore, SignatureScheme,
};
use std::sync::Arc;
use std::time::Duration;

/// id-ce-extKeyUsage, 2.5.29.37.
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];

/// Use of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KeyPurpose {
    Client,
    Server,
}

impl KeyPurpose {
    /// id-kp-clientAuth or id-kp-serverAuth (RFC 5280 section 4.2.1.12).
    fn identifier(self) -> &'static [u8] {
        match self {
            KeyPurpose::Client => &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02],
            KeyPurpose::Server => &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01],
        }
    }
}

/// Certificates that were given as authorities.
#[derive(Debug)]
pub(super) struct Anchors {
    pub(super) store: Arc<RootCertStore>,
    given: Vec<CertificateDer<'static>>,
}

impl Anchors {
    /// All certificates of a PEM text.
    pub(super) fn from_pem(pem: &[u8]) -> Result<Anchors, TlsError> {
        let given = from_pem::<CertificateDer<'static>>(TlsPart::Authorities, pem)?;
        let mut store = RootCertStore::empty();
        for certificate in &given {
            let added = store.add(certificate.clone());
            added.map_err(|error| TlsError::of_library(TlsPart::Authorities, &error))?;
        }
        Ok(Anchors { store: Arc::new(store), given })
    }

    /// Handles a certificate that the library has refused: accepted if it is itself one of the anchors, was refused as
    /// that of an authority, and is otherwise valid.
    fn accept_itself(
        &self,
        certificate: &CertificateDer<'_>,
        purpose: KeyPurpose,
        now: UnixTime,
        refusal: Error,
    ) -> Result<(), Error> {
        if !is_refused_as_authority(&refusal) || !self.given.iter().any(|given| given.as_ref() == certificate.as_ref())
        {
            return Err(refusal);
        }
        verify_dates(certificate, now)?;
        verify_purpose(certificate, purpose)
    }
}

fn is_refused_as_authority(refusal: &Error) -> bool {
    let Error::InvalidCertificate(CertificateError::Other(OtherError(other))) = refusal else { return false };
    matches!(other.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity))
}

fn verify_dates(certificate: &[u8], now: UnixTime) -> Result<(), Error> {
    let Validity { not_before, not_after } = Validity::of(certificate).ok_or(CertificateError::BadEncoding)?;
    let unix_time = |seconds: i64| UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)));
    let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    if seconds > not_after {
        return Err(CertificateError::ExpiredContext { time: now, not_after: unix_time(not_after) }.into());
    }
    if seconds < not_before {
        return Err(CertificateError::NotValidYetContext { time: now, not_before: unix_time(not_before) }.into());
    }
    Ok(())
}

/// Checks that a certificate with an extended key usage has this one.
fn verify_purpose(certificate: &[u8], purpose: KeyPurpose) -> Result<(), Error> {
    let Some(usage) = der::extension(certificate, EXTENDED_KEY_USAGE) else { return Ok(()) };
    let (tag, purposes) = Elements(usage).next().ok_or(CertificateError::BadEncoding)?;
    let is_for_it = |(tag, identifier): (u8, &[u8])| tag == OBJECT_IDENTIFIER && identifier == purpose.identifier();
    match tag == SEQUENCE && Elements(purposes).any(is_for_it) {
        true => Ok(()),
        false => Err(CertificateError::InvalidPurpose.into()),
    }
}

/// Verifies routers as the library does, and accepts the authorities' own certificates.
#[derive(Debug)]
pub(super) struct AnchoredClients {
    pub(super) inner: Arc<dyn ClientCertVerifier>,
    pub(super) anchors: Arc<Anchors>,
}

impl ClientCertVerifier for AnchoredClients {
    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.inner.verify_client_cert(end_entity, intermediates, now).or_else(|refusal| {
            self.anchors.accept_itself(end_entity, KeyPurpose::Client, now, refusal)?;
            Ok(ClientCertVerified::assertion())
        })
    }

    fn offer_client_auth(&self) -> bool {
        self.inner.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.inner.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.root_hint_subjects()
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// Verifies servers likewise.
#[derive(Debug)]
pub(super) struct AnchoredServers {
    inner: Arc<WebPkiServerVerifier>,
    anchors: Anchors,
}

impl AnchoredServers {
    pub(super) fn new(anchors: Anchors) -> AnchoredServers {
        let inner = WebPkiServerVerifier::builder_with_provider(Arc::clone(&anchors.store), provider()).build();
        AnchoredServers { inner: inner.expect("there is an authority, and no CRL"), anchors }
    }
}

impl ServerCertVerifier for AnchoredServers {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        verified.or_else(|refusal| {
            self.anchors.accept_itself(end_entity, KeyPurpose::Server, now, refusal)?;
            verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
            Ok(ServerCertVerified::assertion())
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
