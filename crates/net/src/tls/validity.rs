//! The time in which a certificate is valid. rustls does not report that the own one has expired: the other side
//! refuses it.

use super::der::{self, Elements, SEQUENCE};
use super::describe::duration;

/// `[0]` in a TBSCertificate.
const VERSION: u8 = 0xa0;

/// The time in which a certificate is valid (RFC 5280 section 4.1.2.5), both ends included, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The first second.
    pub not_before: i64,
    /// The last second.
    pub not_after: i64,
}

impl Validity {
    /// Reads that of a certificate in DER.
    pub(super) fn of(certificate: &[u8]) -> Option<Validity> {
        let (_, certificate) = Elements(certificate).next()?;
        let (_, to_be_signed) = Elements(certificate).next()?;
        // Serial number, signature and issuer come before it.
        let (tag, validity) = Elements(to_be_signed).skip_while(|(tag, _)| *tag == VERSION).nth(3)?;
        let mut times = Elements(validity).map(der::time);
        let (not_before, not_after) = (times.next()??, times.next()??);
        (tag == SEQUENCE).then_some(Validity { not_before, not_after })
    }

    /// Returns the reason that a certificate is not valid at a time in seconds since 1970, as a sentence about "it".
    pub fn fault(&self, now: i64) -> Option<String> {
        let span = |from: i64, to: i64| duration(u64::try_from(to.saturating_sub(from)).unwrap_or(0));
        if now > self.not_after {
            return Some(format!("it expired {} ago", span(self.not_after, now)));
        }
        let wait = (now < self.not_before).then(|| span(now, self.not_before))?;
        Some(format!("it becomes valid only in {wait}: is a clock wrong?"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    fn certificate(from: i32, until: i32) -> Vec<u8> {
        let mut params = CertificateParams::default();
        (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(until, 1, 1));
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn both_forms_of_time_are_read() {
        let (not_before, not_after) = (946_684_800, 2_556_144_000);
        assert_eq!(Validity::of(&certificate(2000, 2051)), Some(Validity { not_before, not_after }));
    }

    #[test]
    fn expiry_is_reported_from_its_first_second_on() {
        let validity = Validity { not_before: 1_000_000, not_after: 2_000_000 };
        assert_eq!(validity.fault(1_000_000), None);
        assert_eq!(validity.fault(2_000_000), None);
        assert_eq!(validity.fault(2_000_001).unwrap(), "it expired 1 second ago");
        assert_eq!(validity.fault(2_000_000 + 3 * 86_400).unwrap(), "it expired 3 days ago");
        let early = "it becomes valid only in 5 minutes: is a clock wrong?";
        assert_eq!(validity.fault(1_000_000 - 300).unwrap(), early);
        let always = Validity { not_before: i64::MIN, not_after: i64::MAX };
        assert_eq!((always.fault(i64::MIN), always.fault(i64::MAX)), (None, None));
    }

    #[test]
    fn octets_that_are_no_certificate_do_no_harm() {
        let whole = certificate(2000, 2051);
        for place in 0..whole.len() {
            let mut octets = whole.clone();
            octets.get_mut(place).into_iter().for_each(|octet| *octet ^= 0xff);
            let _ = Validity::of(&octets);
            assert_eq!(Validity::of(whole.get(..place).unwrap()), None);
        }
    }
}
