//! Descriptions of the TLS library's errors. Its own texts have the names of Rust variants in them
//! (`CaUsedAsEndEntity`), which mean little to an operator, and contain no remedy.

use rustls::pki_types::pem;
use rustls::server::VerifierBuilderError;
use rustls::{CertRevocationListError, CertificateError, Error, OtherError};
use std::fmt::Debug;

/// Characters of a text of the library that are logged.
const TEXT_CHARS_MAX: usize = 512;

/// Describes any error, without naming a side.
pub(super) fn error(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(why) => format!("a certificate is not accepted: {}", certificate(why)),
        Error::InvalidCertRevocationList(why) => format!("a CRL can't be used: {}", crl(why)),
        Error::AlertReceived(alert) => format!("the other side ends TLS with the alert {}", self::alert(*alert)),
        Error::PeerIncompatible(why) => variant_in_english(why),
        Error::PeerMisbehaved(why) => format!("the other side breaks the protocol ({})", variant_in_english(why)),
        Error::InvalidMessage(why) => format!("a message can't be read ({})", variant_in_english(why)),
        Error::InappropriateMessage { got_type, .. } => format!("{} came out of order", variant_in_english(got_type)),
        Error::InappropriateHandshakeMessage { got_type, .. } => {
            format!("{} came out of order", variant_in_english(got_type))
        }
        Error::InvalidEncryptedClientHello(why) => {
            format!("the encrypted ClientHello is wrong ({})", variant_in_english(why))
        }
        Error::NoCertificatesPresented => "the other side presents no certificate".to_owned(),
        Error::UnsupportedNameType => "certificates are not verified for names of this kind".to_owned(),
        Error::DecryptError => "a message can't be decrypted".to_owned(),
        Error::EncryptError => "a message is too large to be encrypted".to_owned(),
        Error::FailedToGetCurrentTime => "the system's clock can't be read".to_owned(),
        Error::FailedToGetRandomBytes => "the system gives no random numbers".to_owned(),
        Error::HandshakeNotComplete => "the handshake is not complete".to_owned(),
        Error::PeerSentOversizedRecord => "a record is larger than TLS allows".to_owned(),
        Error::NoApplicationProtocol => "no application protocol in common".to_owned(),
        Error::BadMaxFragmentSize => "the largest size of records is out of range".to_owned(),
        Error::InconsistentKeys(_) => "the key does not belong to the certificate".to_owned(),
        Error::General(text) => printable(text),
        Error::Other(other) => self::other(other).unwrap_or_else(|| "for a reason that is not known here".to_owned()),
        error => variant_in_english(error),
    }
}

/// Describes the error of a certificate, as a sentence about "it".
pub(super) fn certificate(error: &CertificateError) -> String {
    let text = match error {
        CertificateError::BadEncoding => "it can't be read: it is not in DER as X.509 says",
        CertificateError::Expired => "it has expired, or its dates contradict each other",
        CertificateError::ExpiredContext { time, not_after } => {
            return format!("it expired {} ago", duration(time.as_secs().saturating_sub(not_after.as_secs())));
        }
        CertificateError::NotValidYet => "it is not valid yet: is a clock wrong?",
        CertificateError::NotValidYetContext { time, not_before } => {
            let wait = duration(not_before.as_secs().saturating_sub(time.as_secs()));
            return format!("it becomes valid only in {wait}: is a clock wrong?");
        }
        CertificateError::Revoked => "it is revoked",
        CertificateError::UnhandledCriticalExtension => "it has a critical extension that is not known here",
        CertificateError::UnknownIssuer => "none of the authorities that are trusted here has issued it",
        CertificateError::UnknownRevocationStatus => "no CRL of its issuer is available",
        CertificateError::ExpiredRevocationList => "the CRL of its authority has expired: fetch the current one",
        CertificateError::ExpiredRevocationListContext { time, next_update } => {
            let age = duration(time.as_secs().saturating_sub(next_update.as_secs()));
            return format!("the CRL of its authority expired {age} ago: fetch the current one");
        }
        CertificateError::BadSignature => {
            "its signature is not that of the authority of this name that is trusted here: was that renewed?"
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { .. } => {
            "it is signed by an algorithm that is not accepted; RSA and ECDSA with SHA-256 or better are, and Ed25519"
        }
        CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "it is signed by an algorithm that its authority's key is not for"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is not for this name or address"
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "its extended key usage does not allow this use"
        }
        CertificateError::InvalidOcspResponse => "the OCSP response that comes with it is invalid",
        CertificateError::ApplicationVerificationFailure => "it fails a check of our own",
        CertificateError::Other(other) => {
            return self::other(other).unwrap_or_else(|| "for a reason that is not known here".to_owned());
        }
        error => return variant_in_english(error),
    };
    text.to_owned()
}

/// Describes the error of a CRL, as a sentence about "it".
pub(super) fn crl(error: &CertRevocationListError) -> String {
    let text = match error {
        CertRevocationListError::BadSignature => "its signature is not that of its issuer",
        CertRevocationListError::UnsupportedSignatureAlgorithmContext { .. }
        | CertRevocationListError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "it is signed by an algorithm that is not accepted, or not for its issuer's key"
        }
        CertRevocationListError::InvalidCrlNumber => "its number is missing or invalid",
        CertRevocationListError::InvalidRevokedCertSerialNumber => "a serial number in it is invalid",
        CertRevocationListError::IssuerInvalidForCrl => "the key usage of its issuer does not allow to sign CRLs",
        CertRevocationListError::ParseError => "it can't be read: it is not in DER as X.509 says",
        CertRevocationListError::UnsupportedCrlVersion => "it is not of version 2",
        CertRevocationListError::UnsupportedCriticalExtension => "it has a critical extension that is not known here",
        CertRevocationListError::UnsupportedDeltaCrl => "it is a delta CRL, and complete ones are needed",
        CertRevocationListError::UnsupportedIndirectCrl => "it is an indirect CRL, and direct ones are needed",
        CertRevocationListError::UnsupportedRevocationReason => "a reason for revocation in it is not known here",
        CertRevocationListError::Other(other) => {
            return self::other(other).unwrap_or_else(|| "for a reason that is not known here".to_owned());
        }
        error => return variant_in_english(error),
    };
    text.to_owned()
}

/// Describes an error of setting up authorities and CRLs.
pub(super) fn builder(error: &VerifierBuilderError) -> String {
    match error {
        VerifierBuilderError::NoRootAnchors => "no authority is in it".to_owned(),
        VerifierBuilderError::InvalidCrl(error) => crl(error),
        error => variant_in_english(error),
    }
}

/// Describes an error of reading PEM.
pub(super) fn pem(error: &pem::Error) -> String {
    match error {
        pem::Error::MissingSectionEnd { .. } => "a section has no END line".to_owned(),
        pem::Error::IllegalSectionStart { .. } => "a BEGIN line is malformed".to_owned(),
        pem::Error::Base64Decode(_) => "its base64 is damaged".to_owned(),
        pem::Error::Io(error) => error.to_string(),
        pem::Error::NoItemsFound => "nothing of the kind is in it".to_owned(),
        pem::Error::SectionTooLarge => "a section is too large".to_owned(),
        error => variant_in_english(error),
    }
}

/// Describes an error of the library that verifies certificates, beyond those of TLS.
fn other(OtherError(error): &OtherError) -> Option<String> {
    Some(webpki(error.downcast_ref()?))
}

fn webpki(error: &webpki::Error) -> String {
    let text = match error {
        webpki::Error::CaUsedAsEndEntity => {
            "it is an authority's own (CA:TRUE, as `openssl req -x509` makes it), and not one of those that are trusted: have \
             this very certificate trusted, or use one that a trusted authority signed and that is not an authority's \
             (`-addext basicConstraints=critical,CA:FALSE`)"
        }
        webpki::Error::EndEntityUsedAsCa => "one of its issuers is not an authority (no CA:TRUE)",
        webpki::Error::PathLenConstraintViolated => "one of its authorities allows no chain as long as this",
        webpki::Error::NameConstraintViolation => "one of its authorities may not issue certificates for this name",
        webpki::Error::MaximumPathDepthExceeded
        | webpki::Error::MaximumPathBuildCallsExceeded
        | webpki::Error::MaximumSignatureChecksExceeded
        | webpki::Error::MaximumNameConstraintComparisonsExceeded => "its chain is too long to be verified",
        webpki::Error::UnsupportedCertVersion => {
            "it is not of X.509's version 3: `openssl` makes that if extensions are given, such as the SAN"
        }
        webpki::Error::InvalidSerialNumber => "its serial number is negative, or longer than 20 octets",
        webpki::Error::EmptyEkuExtension => "its extended key usage allows nothing",
        webpki::Error::CertDistrusted => "it, or an authority of it, is known to be compromised",
        webpki::Error::ExtensionValueInvalid | webpki::Error::MalformedExtensions => {
            "one of its extensions can't be read"
        }
        webpki::Error::MalformedDnsIdentifier => "its SAN has a DNS name that is none",
        webpki::Error::SignatureAlgorithmMismatch => "it names two algorithms for one signature",
        error => return variant_in_english(error),
    };
    text.to_owned()
}

/// An alert in the specification's spelling (RFC 8446 section 6), as other programs log it.
pub(super) fn alert(alert: rustls::AlertDescription) -> String {
    let name = match alert {
        rustls::AlertDescription::Unknown(number) => return format!("{number}"),
        rustls::AlertDescription::UnrecognisedName => return "unrecognized_name".to_owned(),
        alert => format!("{alert:?}"),
    };
    let words: Vec<String> = split_variant(&name).map(str::to_ascii_lowercase).collect();
    words.join("_")
}

/// Returns the name of a variant as English words: `NoCipherSuitesInCommon` as "no cipher suites in common". Its fields
/// are left out: they may be octets, or names of types.
pub(super) fn variant_in_english(variant: &impl Debug) -> String {
    let name = format!("{variant:?}");
    let end = name.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(name.len());
    let words: Vec<String> = split_variant(name.get(..end).unwrap_or_default()).map(word).collect();
    words.join(" ")
}

/// A part of a name, as people write it.
fn word(part: &str) -> String {
    let lower = part.to_ascii_lowercase();
    match lower.as_str() {
        "tls" | "psk" | "sct" | "ech" | "ems" | "ocsp" | "crl" | "ca" | "dns" | "quic" | "sni" | "ec" | "dh" => {
            lower.to_ascii_uppercase()
        }
        "12" => "1.2".to_owned(),
        "13" => "1.3".to_owned(),
        "kx" => "key exchange".to_owned(),
        "ccs" => "change of cipher spec".to_owned(),
        "sig" => "signature".to_owned(),
        "cert" => "certificate".to_owned(),
        "config" => "configuration".to_owned(),
        _ => lower,
    }
}

/// The parts of a name in camel case.
fn split_variant(name: &str) -> impl Iterator<Item = &str> {
    let octets = name.as_bytes();
    let begins = move |at: &usize| {
        let [before, here] = [at.wrapping_sub(1), *at].map(|at| octets.get(at).copied().unwrap_or(b'_'));
        let after = octets.get(at + 1).copied().unwrap_or(b'_');
        let is_upper = before.is_ascii_lowercase() && here.is_ascii_uppercase();
        let ends_acronym = before.is_ascii_uppercase() && here.is_ascii_uppercase() && after.is_ascii_lowercase();
        let is_number = before.is_ascii_digit() != here.is_ascii_digit();
        *at > 0 && (is_upper || ends_acronym || is_number)
    };
    let starts = std::iter::once(0).chain((1..name.len()).filter(begins));
    let ends = (1..name.len()).filter(begins).chain(std::iter::once(name.len()));
    starts.zip(ends).filter_map(|(start, end)| name.get(start..end))
}

/// A text that may have parts of a peer's octets, fit for a log line.
fn printable(text: &str) -> String {
    text.chars().take(TEXT_CHARS_MAX).flat_map(char::escape_debug).collect()
}

/// Returns a span of time in English.
pub(super) fn duration(seconds: u64) -> String {
    match seconds {
        1 => "1 second".to_owned(),
        0..120 => format!("{seconds} seconds"),
        120..7_200 => format!("{} minutes", seconds / 60),
        7_200..172_800 => format!("{} hours", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}
