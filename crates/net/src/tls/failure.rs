//! Failures of TLS connections and alerts, by the side that has to act.

use super::describe;
use rustls::{AlertDescription, CertificateError, Error as Rustls};
use std::error::Error;
use std::fmt;
use std::io;

/// Names of a certificate that are logged.
const NAMES_MAX: usize = 8;

/// Characters of a name that are logged: a DNS name has no more.
const NAME_CHARS_MAX: usize = 253;

/// Our role; messages are about the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TlsRole {
    Cache,
    Router,
    /// The client of a URL.
    Fetcher,
}

impl TlsRole {
    fn other(self) -> &'static str {
        match self {
            TlsRole::Cache => "the router",
            TlsRole::Router => "the cache",
            TlsRole::Fetcher => "the server",
        }
    }
}

/// Failure of a TLS connection. It is also an error of reading: in TLS 1.3 a cache refuses a certificate only after the
/// router has completed its handshake, and the alert comes among the data.
#[derive(Debug)]
pub enum TlsFailure {
    /// The certificate of the other side is not accepted here.
    Untrusted(String),
    /// The other side does not accept our certificate, or requires one.
    Refused(String),
    /// Both sides have no common parameters, or the input is no TLS.
    Protocol(String),
    /// The connection broke.
    Lost(io::Error),
    /// It was ended by a router, or another client, before anything was received.
    Probed,
}

impl TlsFailure {
    /// Returns true if it is a failure of authentication, and not of the connection.
    pub fn is_authentication(&self) -> bool {
        matches!(self, TlsFailure::Untrusted(_) | TlsFailure::Refused(_))
    }

    /// The failure that lies in an error of a connection.
    pub fn of(error: &io::Error) -> Option<&TlsFailure> {
        error.get_ref()?.downcast_ref()
    }

    /// The failure that an error of another library is, where that fetches URLs through the TLS library. It may lie in
    /// several errors of I/O, one within the other, of which only the outermost is among the causes.
    pub fn of_fetch(error: &(dyn Error + 'static)) -> Option<TlsFailure> {
        match error.downcast_ref() {
            // An error before a connection.
            Some(error @ Rustls::General(_)) => return Some(TlsFailure::Protocol(describe::error(error))),
            Some(error) => return Some(TlsFailure::new(error, TlsRole::Fetcher)),
            None => {}
        }
        TlsFailure::of_fetch(error.downcast_ref::<io::Error>()?.get_ref()?)
    }

    /// For a router that has agreed with the cache on a cipher suite. TLS 1.2 has no alert of its own for a certificate
    /// that is missing (RFC 5246 section 7.4.6): it is all that a handshake can fail of so late.
    pub(crate) fn of_agreed(error: &Rustls) -> TlsFailure {
        match error {
            Rustls::AlertReceived(AlertDescription::HandshakeFailure) => TlsFailure::Refused(
                "the cache ends the handshake (handshake_failure): it requires a certificate of ours".to_owned(),
            ),
            error => TlsFailure::new(error, TlsRole::Router),
        }
    }

    pub(crate) fn new(error: &Rustls, side: TlsRole) -> TlsFailure {
        let other = side.other();
        match error {
            Rustls::InvalidCertificate(error) => {
                let reason = untrusted(error, side);
                TlsFailure::Untrusted(format!("{other}'s certificate is not accepted: {reason}"))
            }
            Rustls::InvalidCertRevocationList(error) => TlsFailure::Untrusted(format!(
                "{other}'s certificate is not accepted: the CRL of its authority can't be used: {}",
                describe::crl(error)
            )),
            Rustls::NoCertificatesPresented => {
                TlsFailure::Untrusted(format!("{other} presents no certificate, which is required"))
            }
            Rustls::AlertReceived(alert) => alert_received(*alert, side),
            Rustls::PeerIncompatible(why) => TlsFailure::Protocol(format!(
                "{other} supports no TLS that we accept: {}",
                describe::variant_in_english(why)
            )),
            Rustls::InvalidMessage(why) => TlsFailure::Protocol(format!(
                "what {other} sends is no TLS ({}): is it the right port?",
                describe::variant_in_english(why)
            )),
            error => TlsFailure::Protocol(format!("TLS with {other} fails: {}", describe::error(error))),
        }
    }
}

impl fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TlsFailure::Untrusted(text) | TlsFailure::Refused(text) | TlsFailure::Protocol(text) => f.write_str(text),
            TlsFailure::Lost(error) => write!(f, "the connection broke in the TLS handshake: {error}"),
            TlsFailure::Probed => f.write_str("the connection ended before anything was received"),
        }
    }
}

impl Error for TlsFailure {}

impl From<TlsFailure> for io::Error {
    fn from(failure: TlsFailure) -> io::Error {
        let kind = match &failure {
            TlsFailure::Untrusted(_) | TlsFailure::Refused(_) => io::ErrorKind::PermissionDenied,
            TlsFailure::Protocol(_) => io::ErrorKind::InvalidData,
            TlsFailure::Lost(error) => error.kind(),
            TlsFailure::Probed => io::ErrorKind::UnexpectedEof,
        };
        io::Error::new(kind, failure)
    }
}

fn untrusted(error: &CertificateError, side: TlsRole) -> String {
    match error {
        CertificateError::NotValidForNameContext { expected, presented } => {
            let expected = expected.to_str();
            let has = match presented.as_slice() {
                [] => "it has no SAN (`openssl req` makes one with `-addext subjectAltName=DNS:NAME` or `IP:ADDRESS`)"
                    .to_owned(),
                names => format!("its SAN has {}", list(names)),
            };
            match side {
                TlsRole::Cache => format!("it is not for {expected}, the address that the router comes from; {has}"),
                TlsRole::Router | TlsRole::Fetcher => {
                    format!("it is not for {expected}; {has} (a common name is not used)")
                }
            }
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => match side {
            TlsRole::Cache => "its extended key usage does not let it be a client's".to_owned(),
            TlsRole::Router | TlsRole::Fetcher => "its extended key usage does not let it be a server's".to_owned(),
        },
        CertificateError::ApplicationVerificationFailure => {
            "its address can't be checked, since this connection has none".to_owned()
        }
        error => describe::certificate(error),
    }
}

/// Names of a stranger's certificate: few, none of them long, and nothing in them that a terminal would obey.
fn list(names: &[String]) -> String {
    let mut list: Vec<String> = names.iter().take(NAMES_MAX).map(|name| shown(name)).collect();
    if names.len() > NAMES_MAX {
        list.push(format!("{} more", names.len() - NAMES_MAX));
    }
    list.join(", ")
}

/// A name without what rustls puts around it: `DnsName("cache.example")`.
fn shown(name: &str) -> String {
    let bare = name.split_once('(').and_then(|(_, name)| name.strip_suffix(')')).unwrap_or(name);
    bare.trim_matches('"').chars().take(NAME_CHARS_MAX).flat_map(char::escape_debug).collect()
}

fn alert_received(alert: AlertDescription, side: TlsRole) -> TlsFailure {
    let other = side.other();
    let way_out = match (alert, side) {
        (AlertDescription::CertificateRequired, _) => "it requires a certificate of ours",
        (AlertDescription::BadCertificate, TlsRole::Router) => "it requires our address as an iPAddress in the SAN",
        (AlertDescription::BadCertificate, TlsRole::Cache) => "it requires the name that it connects to in the SAN",
        (AlertDescription::BadCertificate, TlsRole::Fetcher) => "its log has the reason",
        (AlertDescription::UnknownCA, _) => "it does not trust the authority, or lacks its current CRL",
        (AlertDescription::CertificateExpired, _) => "it has expired, or a clock is wrong",
        (AlertDescription::CertificateRevoked, _) => "it is revoked",
        (AlertDescription::UnsupportedCertificate, _) => "of this kind or for this use it is not accepted",
        (AlertDescription::CertificateUnknown | AlertDescription::AccessDenied, _) => "its log has the reason",
        (AlertDescription::DecryptError, _) => "it does not accept the signature",
        // The alert for a missing certificate in TLS 1.2 as well.
        (AlertDescription::HandshakeFailure, _) => {
            return TlsFailure::Protocol(format!(
                "{other} ends the handshake (handshake_failure): no cipher suite in common, or it requires a certificate"
            ));
        }
        (AlertDescription::ProtocolVersion, _) => {
            return TlsFailure::Protocol(format!("{other} supports no version of TLS that we do"));
        }
        _ => {
            return TlsFailure::Protocol(format!("{other} ends TLS with the alert {}", describe::alert(alert)));
        }
    };
    let alert = describe::alert(alert);
    TlsFailure::Refused(format!("{other} does not accept our certificate ({alert}): {way_out}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::pki_types::ServerName;

    #[test]
    fn names_of_a_strangers_certificate_are_escaped_and_cut() {
        let presented = vec![format!("DnsName(\"{}\n2026 ERROR made up\")", "x".repeat(50)), "y".repeat(16_000)];
        let expected = ServerName::try_from("cache.example").unwrap();
        let error = CertificateError::NotValidForNameContext { expected, presented };
        let text = TlsFailure::new(&Rustls::InvalidCertificate(error), TlsRole::Router).to_string();
        assert!(text.contains("x\\n2026 ERROR made up, yyy") && text.len() < 600, "{text}");
        let error = CertificateError::UnsupportedSignatureAlgorithmContext {
            signature_algorithm_id: vec![0; 16_000],
            supported_algorithms: Vec::new(),
        };
        let text = TlsFailure::new(&Rustls::InvalidCertificate(error), TlsRole::Cache).to_string();
        assert!(text.len() < 600, "{text}");
    }

    #[test]
    fn a_handshake_that_fails_late_misses_a_certificate() {
        let alert = |alert| Rustls::AlertReceived(alert);
        let failure = TlsFailure::of_agreed(&alert(AlertDescription::HandshakeFailure));
        assert!(failure.is_authentication(), "{failure}");
        let failure = TlsFailure::new(&alert(AlertDescription::HandshakeFailure), TlsRole::Router);
        assert!(!failure.is_authentication(), "{failure}");
        let failure = TlsFailure::of_agreed(&alert(AlertDescription::InternalError));
        assert!(!failure.is_authentication(), "{failure}");
    }
}
