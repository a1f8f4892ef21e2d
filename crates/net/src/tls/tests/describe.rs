//! Every error of the TLS library as a person reads it: never by the name of a Rust variant.

use crate::describe::assert_plain;
use crate::tls::describe;
use crate::tls::{TlsFailure, TlsRole};
use rustls::pki_types::{ServerName, UnixTime, pem};
use rustls::server::VerifierBuilderError;
use rustls::{
    AlertDescription, CertRevocationListError, CertificateError, ContentType, EncryptedClientHelloError, Error,
    ExtendedKeyPurpose, HandshakeType, InconsistentKeys, InvalidMessage, OtherError, PeerIncompatible, PeerMisbehaved,
};
use std::io;
use std::sync::Arc;
use std::time::Duration;

fn at(seconds: u64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(seconds))
}

fn webpki_errors() -> Vec<webpki::Error> {
    use webpki::Error::*;
    vec![
        BadDer,
        BadDerTime,
        CaUsedAsEndEntity,
        CertDistrusted,
        CertRevoked,
        EmptyEkuExtension,
        EndEntityUsedAsCa,
        ExtensionValueInvalid,
        InvalidCertValidity,
        InvalidCrlNumber,
        InvalidNetworkMaskConstraint,
        InvalidSerialNumber,
        InvalidCrlSignatureForPublicKey,
        InvalidSignatureForPublicKey,
        IssuerNotCrlSigner,
        MalformedDnsIdentifier,
        MalformedExtensions,
        MalformedNameConstraint,
        MaximumNameConstraintComparisonsExceeded,
        MaximumPathBuildCallsExceeded,
        MaximumPathDepthExceeded,
        MaximumSignatureChecksExceeded,
        NameConstraintViolation,
        PathLenConstraintViolated,
        SignatureAlgorithmMismatch,
        UnknownIssuer,
        UnknownRevocationStatus,
        UnsupportedCertVersion,
        UnsupportedCriticalExtension,
        UnsupportedCrlIssuingDistributionPoint,
        UnsupportedCrlVersion,
        UnsupportedDeltaCrl,
        UnsupportedIndirectCrl,
        UnsupportedNameType,
        UnsupportedRevocationReason,
        UnsupportedRevocationReasonsPartitioning,
    ]
}

fn others() -> Vec<OtherError> {
    let mut others: Vec<OtherError> = webpki_errors().into_iter().map(|error| OtherError(Arc::new(error))).collect();
    others.push(OtherError(Arc::new(io::Error::other("SomeVariant { of: \"nobody\" }"))));
    others
}

#[expect(deprecated, reason = "what the library may still give")]
fn certificate_errors() -> Vec<CertificateError> {
    use CertificateError::*;
    let mut errors = vec![
        BadEncoding,
        Expired,
        ExpiredContext { time: at(90), not_after: at(30) },
        NotValidYet,
        NotValidYetContext { time: at(30), not_before: at(90) },
        Revoked,
        UnhandledCriticalExtension,
        UnknownIssuer,
        UnknownRevocationStatus,
        ExpiredRevocationList,
        ExpiredRevocationListContext { time: at(90), next_update: at(30) },
        BadSignature,
        UnsupportedSignatureAlgorithm,
        UnsupportedSignatureAlgorithmContext { signature_algorithm_id: vec![1; 9_000], supported_algorithms: vec![] },
        UnsupportedSignatureAlgorithmForPublicKeyContext {
            signature_algorithm_id: vec![1; 9_000],
            public_key_algorithm_id: vec![2; 9_000],
        },
        NotValidForName,
        NotValidForNameContext {
            expected: ServerName::try_from("cache.example").unwrap(),
            presented: vec!["DnsName(\"other.example\")".to_owned(), "IpAddress(192.0.2.1)".to_owned()],
        },
        InvalidPurpose,
        InvalidPurposeContext { required: ExtendedKeyPurpose::ClientAuth, presented: vec![] },
        InvalidOcspResponse,
        ApplicationVerificationFailure,
    ];
    errors.extend(others().into_iter().map(Other));
    errors
}

#[expect(deprecated, reason = "what the library may still give")]
fn crl_errors() -> Vec<CertRevocationListError> {
    use CertRevocationListError::*;
    let mut errors = vec![
        BadSignature,
        UnsupportedSignatureAlgorithm,
        UnsupportedSignatureAlgorithmContext { signature_algorithm_id: vec![1; 9_000], supported_algorithms: vec![] },
        UnsupportedSignatureAlgorithmForPublicKeyContext {
            signature_algorithm_id: vec![1; 9_000],
            public_key_algorithm_id: vec![2; 9_000],
        },
        InvalidCrlNumber,
        InvalidRevokedCertSerialNumber,
        IssuerInvalidForCrl,
        ParseError,
        UnsupportedCrlVersion,
        UnsupportedCriticalExtension,
        UnsupportedDeltaCrl,
        UnsupportedIndirectCrl,
        UnsupportedRevocationReason,
    ];
    errors.extend(others().into_iter().map(Other));
    errors
}

fn message_errors() -> Vec<InvalidMessage> {
    use InvalidMessage::*;
    vec![
        CertificatePayloadTooLarge,
        HandshakePayloadTooLarge,
        InvalidCcs,
        InvalidContentType,
        InvalidCertificateStatusType,
        InvalidCertRequest,
        InvalidDhParams,
        InvalidEmptyPayload,
        InvalidKeyUpdate,
        InvalidServerName,
        MessageTooLarge,
        MessageTooShort,
        MissingData("ServerHelloPayload"),
        MissingKeyExchange,
        NoSignatureSchemes,
        TrailingData("ClientHelloPayload"),
        UnexpectedMessage("SomeMessage"),
        UnknownProtocolVersion,
        UnsupportedCompression,
        UnsupportedCurveType,
        EmptyTicketValue,
        IllegalEmptyList("KeyShareEntries"),
        IllegalEmptyValue,
        DuplicateExtension(13),
        PreSharedKeyIsNotFinalExtension,
        UnknownHelloRetryRequestExtension,
        UnknownCertificateExtension,
    ]
}

fn incompatibilities() -> Vec<PeerIncompatible> {
    use PeerIncompatible::*;
    vec![
        EcPointsExtensionRequired,
        ExtendedMasterSecretExtensionRequired,
        IncorrectCertificateTypeExtension,
        KeyShareExtensionRequired,
        NamedGroupsExtensionRequired,
        NoCertificateRequestSignatureSchemesInCommon,
        NoCipherSuitesInCommon,
        NoEcPointFormatsInCommon,
        NoKxGroupsInCommon,
        NoSignatureSchemesInCommon,
        NullCompressionRequired,
        ServerDoesNotSupportTls12Or13,
        ServerSentHelloRetryRequestWithUnknownExtension,
        ServerTlsVersionIsDisabledByOurConfig,
        SignatureAlgorithmsExtensionRequired,
        SupportedVersionsExtensionRequired,
        Tls12NotOffered,
        Tls12NotOfferedOrEnabled,
        Tls13RequiredForQuic,
        UncompressedEcPointsRequired,
        UnsolicitedCertificateTypeExtension,
        ServerRejectedEncryptedClientHello(None),
    ]
}

fn misbehaviours() -> Vec<PeerMisbehaved> {
    use PeerMisbehaved::*;
    vec![
        AttemptedDowngradeToTls12WhenTls13IsSupported,
        BadCertChainExtensions,
        CipherSuiteDifferedOnRetry,
        DisallowedEncryptedExtension,
        DuplicateClientHelloExtensions,
        DuplicateServerNameTypes,
        EarlyDataAttemptedInSecondClientHello,
        EchAcceptanceVariedAfterRetry,
        HandshakeHashVariedAfterRetry,
        IllegalHelloRetryRequestWithEmptyCookie,
        IllegalHelloRetryRequestWithInvalidEch,
        IllegalMiddleboxChangeCipherSpec,
        IllegalTlsInnerPlaintext,
        IncorrectBinder,
        InvalidCertCompression,
        InvalidKeyShare,
        KeyEpochWithPendingFragment,
        KeyUpdateReceivedInQuicConnection,
        MessageInterleavedWithHandshakeMessage,
        MissingPskModesExtension,
        OfferedDuplicateKeyShares,
        PskExtensionMustBeLast,
        PskExtensionWithMismatchedIdsAndBinders,
        ResumptionAttemptedWithVariedEms,
        SelectedTls12UsingTls13VersionExtension,
        SelectedUnofferedKxGroup,
        ServerHelloMustOfferUncompressedEcPoints,
        ServerNameMustContainOneHostName,
        SignedHandshakeWithUnadvertisedSigScheme,
        TooManyEmptyFragments,
        TooManyKeyUpdateRequests,
        TooManyRenegotiationRequests,
        TooManyWarningAlertsReceived,
        UnsolicitedSctList,
        WrongGroupForKeyShare,
        UnsolicitedEchExtension,
    ]
}

fn errors() -> Vec<Error> {
    let mut errors = vec![
        Error::InappropriateMessage {
            expect_types: vec![ContentType::Handshake],
            got_type: ContentType::ApplicationData,
        },
        Error::InappropriateHandshakeMessage {
            expect_types: vec![HandshakeType::ClientHello],
            got_type: HandshakeType::EndOfEarlyData,
        },
        Error::InvalidEncryptedClientHello(EncryptedClientHelloError::NoCompatibleConfig),
        Error::NoCertificatesPresented,
        Error::UnsupportedNameType,
        Error::DecryptError,
        Error::EncryptError,
        Error::General("failed to parse private key\n".to_owned()),
        Error::FailedToGetCurrentTime,
        Error::FailedToGetRandomBytes,
        Error::HandshakeNotComplete,
        Error::PeerSentOversizedRecord,
        Error::NoApplicationProtocol,
        Error::BadMaxFragmentSize,
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch),
        Error::InconsistentKeys(InconsistentKeys::Unknown),
    ];
    errors.extend(others().into_iter().map(Error::Other));
    errors.extend(certificate_errors().into_iter().map(Error::InvalidCertificate));
    errors.extend(crl_errors().into_iter().map(Error::InvalidCertRevocationList));
    errors.extend(message_errors().into_iter().map(Error::InvalidMessage));
    errors.extend(incompatibilities().into_iter().map(Error::PeerIncompatible));
    errors.extend(misbehaviours().into_iter().map(Error::PeerMisbehaved));
    errors.extend((0..=u8::MAX).map(|number| Error::AlertReceived(AlertDescription::from(number))));
    errors
}

#[test]
fn no_error_of_the_library_is_described_by_the_name_of_its_variant() {
    for error in errors() {
        assert_plain(&describe::error(&error));
        for side in [TlsRole::Cache, TlsRole::Router, TlsRole::Fetcher] {
            let text = TlsFailure::new(&error, side).to_string();
            assert_plain(&text);
            let peer = match side {
                TlsRole::Cache => "the router",
                TlsRole::Router => "the cache",
                TlsRole::Fetcher => "the server",
            };
            assert!(text.contains(peer), "{text}");
        }
    }
    let crls = crl_errors().into_iter().map(VerifierBuilderError::InvalidCrl);
    for error in crls.chain([VerifierBuilderError::NoRootAnchors]) {
        assert_plain(&describe::builder(&error));
    }
    for error in [
        pem::Error::MissingSectionEnd { end_marker: b"CERTIFICATE".to_vec() },
        pem::Error::IllegalSectionStart { line: b"-----BEGIN".to_vec() },
        pem::Error::Base64Decode("InvalidCharacter(9)".to_owned()),
        pem::Error::NoItemsFound,
        pem::Error::SectionTooLarge,
    ] {
        assert_plain(&describe::pem(&error));
    }
}

#[test]
fn names_of_variants_become_english() {
    let text = |error: &PeerIncompatible| describe::variant_in_english(error);
    assert_eq!(text(&PeerIncompatible::NoCipherSuitesInCommon), "no cipher suites in common");
    assert_eq!(text(&PeerIncompatible::ServerDoesNotSupportTls12Or13), "server does not support TLS 1.2 or 1.3");
    assert_eq!(text(&PeerIncompatible::NoKxGroupsInCommon), "no key exchange groups in common");
    assert_eq!(describe::variant_in_english(&InvalidMessage::MissingData("ServerHello")), "missing data");
    assert_eq!(describe::alert(AlertDescription::UnknownCA), "unknown_ca");
    assert_eq!(describe::alert(AlertDescription::UnknownPSKIdentity), "unknown_psk_identity");
    assert_eq!(describe::alert(AlertDescription::HandshakeFailure), "handshake_failure");
    assert_eq!(describe::alert(AlertDescription::Unknown(99)), "99");
}
