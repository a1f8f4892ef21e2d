//! DER (X.690) as far as certificates need it that rustls does not read for us: elements in a row, and times.

pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
const OCTET_STRING: u8 = 0x04;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

const DAY_SECONDS: i64 = 86_400;

/// The elements of DER in a row, each with its tag; ends at what is none.
pub(super) struct Elements<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Elements<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&[tag, first], rest) = self.0.split_first_chunk()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            // No certificate is longer than three octets of length can encode.
            0x81..=0x83 => {
                let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                (length.iter().fold(0, |length, octet| length << 8 | usize::from(*octet)), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, content))
    }
}

/// `[3]` in a TBSCertificate.
const EXTENSIONS: u8 = 0xa3;

/// The value of a certificate's extension (RFC 5280 section 4.1), if it has it.
pub(super) fn extension<'a>(certificate: &'a [u8], identifier: &[u8]) -> Option<&'a [u8]> {
    let (_, certificate) = Elements(certificate).next()?;
    let (_, to_be_signed) = Elements(certificate).next()?;
    let extensions = Elements(to_be_signed).find(|(tag, _)| *tag == EXTENSIONS)?.1;
    let (_, extensions) = Elements(extensions).next()?;
    Elements(extensions).find_map(|(_, extension)| {
        let mut elements = Elements(extension);
        elements.next().filter(|element| *element == (OBJECT_IDENTIFIER, identifier))?;
        // A "critical" may be between them.
        elements.find(|(tag, _)| *tag == OCTET_STRING).map(|(_, value)| value)
    })
}

/// A Time (RFC 5280 section 4.1.2.5) in seconds since 1970: UTCTime or GeneralizedTime, to the second and in UTC.
pub(super) fn time((tag, text): (u8, &[u8])) -> Option<i64> {
    let digits = text.strip_suffix(b"Z").filter(|digits| digits.iter().all(u8::is_ascii_digit))?;
    let number = |digits: &[u8]| digits.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0'));
    let (year, rest) = match tag {
        UTC_TIME => {
            let (year, rest) = digits.split_at_checked(2)?;
            let year = number(year);
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = digits.split_at_checked(4)?;
            (number(year), rest)
        }
        _ => return None,
    };
    let rest: &[u8; 10] = rest.try_into().ok()?;
    let [m1, m2, d1, d2, h1, h2, n1, n2, s1, s2] = *rest;
    let (month, day) = (number(&[m1, m2]), number(&[d1, d2]));
    let (hour, minute, second) = (number(&[h1, h2]), number(&[n1, n2]), number(&[s1, s2]));
    let is_time = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second < 61;
    is_time.then(|| days(year, month, day) * DAY_SECONDS + hour * 3_600 + minute * 60 + second)
}

/// Days since 1970-01-01 of a day in the Gregorian calendar, from the year 0 on.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March here, so that a leap day is the last of its year.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // Months of 31, 30, 31, 30, 31 days, again and again.
    let before_month = (153 * month + 2) / 5;
    // 1970-01-01 has the number 719468 since 0000-03-01.
    year * 365 + leap_days + before_month + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_since_1970() {
        for (tag, text, seconds) in [
            (UTC_TIME, "700101000000Z", 0),
            (GENERALIZED_TIME, "19700101000000Z", 0),
            (UTC_TIME, "691231235959Z", -1),
            (UTC_TIME, "000229120000Z", 951_825_600),
            (UTC_TIME, "491231235959Z", 2_524_607_999),
            (UTC_TIME, "500101000000Z", -631_152_000),
            (GENERALIZED_TIME, "20500101000000Z", 2_524_608_000),
            (GENERALIZED_TIME, "21000301000000Z", 4_107_542_400),
            (GENERALIZED_TIME, "99991231235959Z", 253_402_300_799),
        ] {
            assert_eq!(time((tag, text.as_bytes())), Some(seconds), "{text}");
        }
    }

    #[test]
    fn other_texts_are_no_time() {
        let texts = ["", "Z", "7001010000Z", "700101000000", "701301000000Z", "700001000000Z", "700132000000Z"];
        let more = ["700101240000Z", "70010100000aZ", "700101000000+0100", "70010100000000Z", "\u{fc}0101000000Z"];
        for text in texts.into_iter().chain(more) {
            assert_eq!(time((UTC_TIME, text.as_bytes())), None, "{text}");
        }
        assert_eq!(time((GENERALIZED_TIME, b"20500101000000.5Z")), None);
        assert_eq!(time((SEQUENCE, b"700101000000Z")), None);
    }
}
