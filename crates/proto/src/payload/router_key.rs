//! BGPsec router keys (RFC 8210 section 5.10).

use super::Asn;
use core::fmt;

/// The most octets that a key may have and still fit a PDU of 65,535.
const SPKI_OCTETS_MAX: usize = 65_503;

/// The payload of a Router Key PDU. The key is borrowed, as it lies in a PDU or an input file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouterKey<'a> {
    ski: [u8; 20],
    asn: Asn,
    spki: &'a [u8],
}

impl<'a> RouterKey<'a> {
    /// A router key; an error if `spki` is not one complete DER SEQUENCE that fits a PDU.
    pub fn new(ski: [u8; 20], asn: Asn, spki: &'a [u8]) -> Result<RouterKey<'a>, NotDer> {
        if spki.len() <= SPKI_OCTETS_MAX && is_one_sequence(spki) {
            Ok(RouterKey { ski, asn, spki })
        } else {
            Err(NotDer)
        }
    }

    /// The Subject Key Identifier.
    pub fn ski(&self) -> [u8; 20] {
        self.ski
    }

    /// The AS that the router belongs to.
    pub fn asn(&self) -> Asn {
        self.asn
    }

    /// The SubjectPublicKeyInfo in DER, with its outer tag and length.
    pub fn spki(&self) -> &'a [u8] {
        self.spki
    }
}

/// The AS and the identifier in hexadecimal.
impl fmt::Display for RouterKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.asn)?;
        self.ski.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

/// Returns whether the octets are a DER SEQUENCE whose length ends exactly where they end.
fn is_one_sequence(octets: &[u8]) -> bool {
    let Some((0x30, rest)) = octets.split_first().map(|(tag, rest)| (*tag, rest)) else { return false };
    let Some((first, rest)) = rest.split_first() else { return false };
    let (length, content) = match *first {
        short @ 0..=0x7F => (usize::from(short), rest),
        0x81 => match rest.split_first() {
            Some((length @ 0x80.., content)) => (usize::from(*length), content),
            _ => return false,
        },
        0x82 => match rest.split_first_chunk::<2>() {
            Some((length, content)) if length[0] != 0 => (usize::from(u16::from_be_bytes(*length)), content),
            _ => return false,
        },
        _ => return false,
    };
    content.len() == length
}

/// The octets are not one complete DER SEQUENCE, or too many for a PDU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotDer;

impl fmt::Display for NotDer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the key is not one DER SubjectPublicKeyInfo")
    }
}

impl core::error::Error for NotDer {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn a_key_is_one_der_sequence() {
        let key = |spki: &[u8]| RouterKey::new([0; 20], Asn(1), spki).is_ok();
        assert!(key(&[0x30, 0x00]));
        assert!(key(&[0x30, 0x02, 5, 0]));
        assert!(!key(&[]));
        assert!(!key(&[0x30]));
        assert!(!key(&[0x30, 0x02, 5]), "cut short");
        assert!(!key(&[0x30, 0x02, 5, 0, 0]), "an octet too many");
        assert!(!key(&[0x31, 0x02, 5, 0]), "a SET");
        let long = |head: &[u8], content: usize| key(&[head, &vec![0; content]].concat());
        assert!(long(&[0x30, 0x81, 0x80], 128));
        assert!(!long(&[0x30, 0x81, 0x7F], 127), "DER wants the short form");
        assert!(long(&[0x30, 0x82, 0x01, 0x00], 256));
        assert!(!long(&[0x30, 0x82, 0x00, 0xFF], 255), "DER wants one length octet");
        assert!(!long(&[0x30, 0x82, 0xFF, 0xFC], 65_532), "too long for a PDU");
    }
}
