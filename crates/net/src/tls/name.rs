//! The name of a certificate, for logs: the first name in its SAN, or else a fingerprint.
//!
//! It is read only after the certificate has been verified; a name that cannot be read or printed is replaced by the
//! fingerprint.

use super::der::{self, Elements, SEQUENCE};
use rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256;
use std::net::IpAddr;

/// Octets of a name that are printed; a DNS name has no more.
const NAME_OCTETS_MAX: usize = 253;

/// Octets of a fingerprint that are printed: enough to find the certificate.
const FINGERPRINT_OCTETS: usize = 8;

/// id-ce-subjectAltName, 2.5.29.17.
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];

/// Names the holder of a certificate in DER.
pub(super) fn who(certificate: &[u8]) -> String {
    first_alternative_name(certificate).unwrap_or_else(|| fingerprint(certificate))
}

fn fingerprint(certificate: &[u8]) -> String {
    let hash = TLS13_AES_128_GCM_SHA256.tls13().map(|suite| suite.common.hash_provider.hash(certificate));
    let hash = hash.as_ref().map(AsRef::as_ref).unwrap_or_default();
    let hex: String = hash.iter().take(FINGERPRINT_OCTETS).map(|octet| format!("{octet:02x}")).collect();
    format!("SHA-256 {hex}...")
}

fn first_alternative_name(certificate: &[u8]) -> Option<String> {
    let value = der::extension(certificate, SUBJECT_ALT_NAME)?;
    let (_, names) = Elements(value).next().filter(|(tag, _)| *tag == SEQUENCE)?;
    Elements(names).find_map(|(tag, name)| general_name(tag, name))
}

/// A GeneralName (RFC 5280 section 4.2.1.6) as text: rfc822Name, dNSName, uniformResourceIdentifier or iPAddress.
fn general_name(tag: u8, name: &[u8]) -> Option<String> {
    match tag {
        0x81 | 0x82 | 0x86 => {
            let is_shown = name.len() <= NAME_OCTETS_MAX && !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
            is_shown.then(|| String::from_utf8_lossy(name).into_owned())
        }
        0x87 => match (<[u8; 4]>::try_from(name), <[u8; 16]>::try_from(name)) {
            (Ok(octets), _) => Some(IpAddr::from(octets).to_string()),
            (_, Ok(octets)) => Some(IpAddr::from(octets).to_string()),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, SanType};

    fn who_is(names: Vec<SanType>) -> String {
        let mut params = CertificateParams::default();
        params.subject_alt_names = names;
        who(params.self_signed(&KeyPair::generate().unwrap()).unwrap().der())
    }

    #[test]
    fn the_first_printable_name_is_the_certificates() {
        let dns = |name: &str| SanType::DnsName(name.try_into().unwrap());
        let address = |address: &str| SanType::IpAddress(address.parse().unwrap());
        assert_eq!(who_is(vec![dns("router.example"), address("192.0.2.1")]), "router.example");
        assert_eq!(who_is(vec![address("192.0.2.1"), dns("router.example")]), "192.0.2.1");
        assert_eq!(who_is(vec![address("2001:db8::1")]), "2001:db8::1");
        assert_eq!(who_is(vec![dns("two\nlines"), SanType::URI("urn:router:1".try_into().unwrap())]), "urn:router:1");
    }

    #[test]
    fn without_one_a_fingerprint_does() {
        let text = who_is(Vec::new());
        assert!(text.starts_with("SHA-256 ") && text.len() == "SHA-256 0123456789abcdef...".len(), "{text}");
        // SHA-256 of nothing.
        assert_eq!(who(&[]), "SHA-256 e3b0c44298fc1c14...");
    }

    #[test]
    fn octets_that_are_no_certificate_do_no_harm() {
        let whole = CertificateParams::new(vec!["router.example".to_owned()]).unwrap();
        let whole = whole.self_signed(&KeyPair::generate().unwrap()).unwrap();
        for place in 0..whole.der().len() {
            let mut octets = whole.der().to_vec();
            octets.get_mut(place).into_iter().for_each(|octet| *octet ^= 0xff);
            assert!(!who(&octets).is_empty());
            assert!(who(octets.get(..place).unwrap()).starts_with("SHA-256 "));
        }
    }
}
