//! Why a TLS connection did not come about, or was ended by an alert: told apart by who has to do what.

use super::describe;
use rustls::{AlertDescription, CertificateError, Error as Rustls};
use std::error::Error;
use std::fmt;
use std::io;

/// The most names of a certificate that are told.
const NAMES_MAX: usize = 8;

/// The most characters of a name that are told: a DNS name has no more.
const NAME_CHARS_MAX: usize = 253;

/// Which side we are; the other one is spoken of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Cache,
    Router,
    /// Who fetches a URL.
    Fetcher,
}

impl Side {
    fn other(self) -> &'static str {
        match self {
            Side::Cache => "the router",
            Side::Router => "the cache",
            Side::Fetcher => "the server",
        }
    }
}

/// Why the two sides do not speak TLS with each other. It is also found within the errors of reading: in TLS 1.3 a
/// cache refuses a certificate only after the router takes the handshake for done, and the alert comes among the data.
#[derive(Debug)]
pub enum HandshakeFailure {
    /// What the other side shows of itself is not accepted here.
    Untrusted(String),
    /// The other side does not accept what we show of ourselves, or wants us to show something.
    Refused(String),
    /// The two do not agree on how to speak, or what came is no TLS.
    Protocol(String),
    /// The connection broke.
    Lost(io::Error),
    /// It was ended by a router, or what seemed to be one, before anything came.
    Probed,
}

impl HandshakeFailure {
    /// Whether it is about who is who, and not about the connection.
    pub fn is_authentication(&self) -> bool {
        matches!(self, HandshakeFailure::Untrusted(_) | HandshakeFailure::Refused(_))
    }

    /// The failure that lies in an error of a connection.
    pub fn of(error: &io::Error) -> Option<&HandshakeFailure> {
        error.get_ref()?.downcast_ref()
    }

    /// The failure that an error of another library is, where that fetches URLs through the TLS library. It may lie in
    /// several errors of I/O, one within the other, of which only the outermost is among the causes.
    pub fn of_fetch(error: &(dyn Error + 'static)) -> Option<HandshakeFailure> {
        match error.downcast_ref() {
            // Before there is anybody to speak with.
            Some(error @ Rustls::General(_)) => return Some(HandshakeFailure::Protocol(describe::error(error))),
            Some(error) => return Some(HandshakeFailure::new(error, Side::Fetcher)),
            None => {}
        }
        HandshakeFailure::of_fetch(error.downcast_ref::<io::Error>()?.get_ref()?)
    }

    /// For a router that has agreed with the cache on a cipher suite. TLS 1.2 has no alert of its own for a certificate
    /// that is missing (RFC 5246 section 7.4.6): it is all that a handshake can fail of so late.
    pub(crate) fn of_agreed(error: &Rustls) -> HandshakeFailure {
        match error {
            Rustls::AlertReceived(AlertDescription::HandshakeFailure) => HandshakeFailure::Refused(
                "the cache ends the handshake (handshake_failure): it wants a certificate of ours".to_owned(),
            ),
            error => HandshakeFailure::new(error, Side::Router),
        }
    }

    pub(crate) fn new(error: &Rustls, side: Side) -> HandshakeFailure {
        let other = side.other();
        match error {
            Rustls::InvalidCertificate(error) => {
                let reason = untrusted(error, side);
                HandshakeFailure::Untrusted(format!("{other}'s certificate is not accepted: {reason}"))
            }
            Rustls::InvalidCertRevocationList(error) => HandshakeFailure::Untrusted(format!(
                "{other}'s certificate is not accepted: the CRL of its authority can't be used: {}",
                describe::crl(error)
            )),
            Rustls::NoCertificatesPresented => {
                HandshakeFailure::Untrusted(format!("{other} shows no certificate, and has to"))
            }
            Rustls::AlertReceived(alert) => alert_received(*alert, side),
            Rustls::PeerIncompatible(why) => {
                HandshakeFailure::Protocol(format!("{other} speaks no TLS that we accept: {}", describe::words_of(why)))
            }
            Rustls::InvalidMessage(why) => HandshakeFailure::Protocol(format!(
                "what {other} sends is no TLS ({}): is it the right port?",
                describe::words_of(why)
            )),
            error => HandshakeFailure::Protocol(format!("TLS with {other} fails: {}", describe::error(error))),
        }
    }
}

impl fmt::Display for HandshakeFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HandshakeFailure::Untrusted(text) | HandshakeFailure::Refused(text) | HandshakeFailure::Protocol(text) => {
                f.write_str(text)
            }
            HandshakeFailure::Lost(error) => write!(f, "the connection broke in the TLS handshake: {error}"),
            HandshakeFailure::Probed => f.write_str("the connection ended before anything came"),
        }
    }
}

impl Error for HandshakeFailure {}

impl From<HandshakeFailure> for io::Error {
    fn from(failure: HandshakeFailure) -> io::Error {
        let kind = match &failure {
            HandshakeFailure::Untrusted(_) | HandshakeFailure::Refused(_) => io::ErrorKind::PermissionDenied,
            HandshakeFailure::Protocol(_) => io::ErrorKind::InvalidData,
            HandshakeFailure::Lost(error) => error.kind(),
            HandshakeFailure::Probed => io::ErrorKind::UnexpectedEof,
        };
        io::Error::new(kind, failure)
    }
}

fn untrusted(error: &CertificateError, side: Side) -> String {
    match error {
        CertificateError::NotValidForNameContext { expected, presented } => {
            let expected = expected.to_str();
            let has = match presented.as_slice() {
                [] => "it has no SAN (`openssl req` makes one with `-addext subjectAltName=DNS:NAME` or `IP:ADDRESS`)"
                    .to_owned(),
                names => format!("its SAN has {}", list(names)),
            };
            match side {
                Side::Cache => format!("it is not for {expected}, the address that the router comes from; {has}"),
                Side::Router | Side::Fetcher => {
                    format!("it is not for {expected}; {has} (a common name does not count)")
                }
            }
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => match side {
            Side::Cache => "its extended key usage does not let it be a client's".to_owned(),
            Side::Router | Side::Fetcher => "its extended key usage does not let it be a server's".to_owned(),
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

fn alert_received(alert: AlertDescription, side: Side) -> HandshakeFailure {
    let other = side.other();
    let way_out = match (alert, side) {
        (AlertDescription::CertificateRequired, _) => "it wants a certificate of ours",
        (AlertDescription::BadCertificate, Side::Router) => "it wants our address as an iPAddress in the SAN",
        (AlertDescription::BadCertificate, Side::Cache) => "it wants the name that it knows us by in the SAN",
        (AlertDescription::BadCertificate, Side::Fetcher) => "its log says why",
        (AlertDescription::UnknownCA, _) => "it does not trust the authority, or lacks its current CRL",
        (AlertDescription::CertificateExpired, _) => "it has expired, or a clock is wrong",
        (AlertDescription::CertificateRevoked, _) => "it is revoked",
        (AlertDescription::UnsupportedCertificate, _) => "of this kind or for this use it is not accepted",
        (AlertDescription::CertificateUnknown | AlertDescription::AccessDenied, _) => "its log says why",
        (AlertDescription::DecryptError, _) => "it does not accept the signature",
        // The word for a missing certificate in TLS 1.2 as well.
        (AlertDescription::HandshakeFailure, _) => {
            return HandshakeFailure::Protocol(format!(
                "{other} ends the handshake (handshake_failure): no cipher suite in common, or it wants a certificate"
            ));
        }
        (AlertDescription::ProtocolVersion, _) => {
            return HandshakeFailure::Protocol(format!("{other} speaks no version of TLS that we do"));
        }
        _ => {
            return HandshakeFailure::Protocol(format!("{other} ends TLS with the alert {}", describe::alert(alert)));
        }
    };
    let alert = describe::alert(alert);
    HandshakeFailure::Refused(format!("{other} does not accept our certificate ({alert}): {way_out}"))
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
        let text = HandshakeFailure::new(&Rustls::InvalidCertificate(error), Side::Router).to_string();
        assert!(text.contains("x\\n2026 ERROR made up, yyy") && text.len() < 600, "{text}");
        let error = CertificateError::UnsupportedSignatureAlgorithmContext {
            signature_algorithm_id: vec![0; 16_000],
            supported_algorithms: Vec::new(),
        };
        let text = HandshakeFailure::new(&Rustls::InvalidCertificate(error), Side::Cache).to_string();
        assert!(text.len() < 600, "{text}");
    }

    #[test]
    fn a_handshake_that_fails_late_misses_a_certificate() {
        let alert = |alert| Rustls::AlertReceived(alert);
        let failure = HandshakeFailure::of_agreed(&alert(AlertDescription::HandshakeFailure));
        assert!(failure.is_authentication(), "{failure}");
        let failure = HandshakeFailure::new(&alert(AlertDescription::HandshakeFailure), Side::Router);
        assert!(!failure.is_authentication(), "{failure}");
        let failure = HandshakeFailure::of_agreed(&alert(AlertDescription::InternalError));
        assert!(!failure.is_authentication(), "{failure}");
    }
}
