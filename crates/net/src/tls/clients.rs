//! Verification of a router's certificate: an authority, its CRL, and the address of the router.

use super::anchors::{AnchoredClients, Anchors};
use super::{CrlOrigin, TlsError, TlsPart, describe, from_pem, provider};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ParsedCertificate, VerifierBuilderError, WebPkiClientVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use std::net::IpAddr;
use std::sync::Arc;

/// Client certificates of routers [T-TLS-02].
#[derive(Clone, Debug)]
pub enum ClientCertificates {
    /// None is requested.
    Off,
    /// One is requested; a router without one is served too, one with an invalid one is not.
    Requested(ClientCheck),
    /// One is required, as in RFC 8210 section 9.2.
    Required(ClientCheck),
}

/// Requirements of a router's certificate.
#[derive(Clone, Debug)]
pub struct ClientCheck {
    /// Authorities of routers, which may also be the certificates of routers themselves: certificates as PEM.
    pub authorities: Vec<u8>,
    /// CRLs as PEM, one or more in each. A certificate that its issuer's CRL names is refused, anywhere in the chain.
    ///
    /// A CRL is in effect for its issuer alone: where an issuer has none here, none of its certificates is revoked. One
    /// that has expired refuses all certificates of its issuer until the current one is given, since recent revocations
    /// are missing in it. Of several from one issuer the first is in effect. A certificate that is accepted since it is
    /// itself one of the authorities is looked up in none: remove it from the authorities to revoke it.
    pub crls: Vec<Vec<u8>>,
    /// Check of the router's address.
    pub address: AddressCheck,
}

/// Check of a router's address against its certificate [T-TLS-03].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AddressCheck {
    /// It has to be an iPAddress in the SAN. An IPv4-mapped address is the IPv4 address.
    #[default]
    Matches,
    /// Nothing: for routers behind NAT.
    Ignored,
}

/// Verifier of routers.
pub(super) struct Verifier {
    /// All but the address.
    pub(super) inner: Arc<dyn ClientCertVerifier>,
    /// Check of the address.
    pub(super) address: AddressCheck,
    pub(super) crls: Vec<CrlOrigin>,
}

impl ClientCertificates {
    pub(super) fn verifier(&self) -> Result<Verifier, TlsError> {
        let (check, may_show_none) = match self {
            ClientCertificates::Off => {
                let inner = WebPkiClientVerifier::no_client_auth();
                return Ok(Verifier { inner, address: AddressCheck::Ignored, crls: Vec::new() });
            }
            ClientCertificates::Requested(check) => (check, true),
            ClientCertificates::Required(check) => (check, false),
        };
        let anchors = Arc::new(Anchors::from_pem(&check.authorities)?);
        let builder = || WebPkiClientVerifier::builder_with_provider(Arc::clone(&anchors.store), provider());
        let (mut crls, mut origins) = (Vec::new(), Vec::new());
        for (index, pem) in check.crls.iter().enumerate() {
            let read = from_pem::<CertificateRevocationListDer<'static>>(TlsPart::Crls(index), pem)?;
            // By themselves first, so that an error has their index.
            builder().with_crls(read.clone()).build().map_err(|error| unusable(TlsPart::Crls(index), &error))?;
            origins.extend(read.iter().filter_map(|crl| CrlOrigin::of(index, crl, &anchors.store)));
            crls.extend(read);
        }
        let builder = builder().with_crls(crls).allow_unknown_revocation_status().enforce_revocation_expiration();
        let builder = if may_show_none { builder.allow_unauthenticated() } else { builder };
        let inner = builder.build().map_err(|error| unusable(TlsPart::Authorities, &error))?;
        let inner = Arc::new(AnchoredClients { inner, anchors });
        Ok(Verifier { inner, address: check.address, crls: origins })
    }
}

fn unusable(part: TlsPart, error: &VerifierBuilderError) -> TlsError {
    TlsError::Unreadable(part, describe::builder(error))
}

/// Verifies one connection's certificate: as all are, and for the address that it comes from. Within the handshake, so
/// that a router that is refused reads an alert about its certificate.
#[derive(Debug)]
pub(super) struct AddressVerifier {
    inner: Arc<dyn ClientCertVerifier>,
    /// None where the connection has no address: then no certificate matches.
    peer: Option<IpAddr>,
}

impl AddressVerifier {
    pub(super) fn new(inner: Arc<dyn ClientCertVerifier>, peer: Option<IpAddr>) -> AddressVerifier {
        AddressVerifier { inner, peer: peer.map(|peer| peer.to_canonical()) }
    }

    /// [T-TLS-03] The SAN has the address, an IPv4 one perhaps in the form of IPv6.
    fn verify_address(&self, certificate: &CertificateDer<'_>) -> Result<(), Error> {
        let Some(peer) = self.peer else {
            return Err(CertificateError::ApplicationVerificationFailure.into());
        };
        let certificate = ParsedCertificate::try_from(certificate)?;
        let is_for = |address: IpAddr| verify_server_name(&certificate, &ServerName::from(address));
        is_for(peer).or_else(|error| match peer {
            IpAddr::V4(address) => is_for(address.to_ipv6_mapped().into()).map_err(|_| error),
            IpAddr::V6(_) => Err(error),
        })
    }
}

impl ClientCertVerifier for AddressVerifier {
    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.inner.verify_client_cert(end_entity, intermediates, now)?;
        self.verify_address(end_entity)?;
        Ok(verified)
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
