//! The small values of files, written: the counterpart of `scalar.rs`.

use rtrcast_proto::Prefix;
use std::io::Write;
use std::net::IpAddr;

/// Appends a number in decimal digits.
pub(super) fn decimal(mut number: u32, out: &mut Vec<u8>) {
    let mut digits = [b'0'; 10];
    let mut start = digits.len();
    for digit in digits.iter_mut().rev() {
        *digit = digit_of(number % 10);
        number /= 10;
        start -= 1;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(start..).unwrap_or_default());
}

fn digit_of(number: u32) -> u8 {
    b'0' + u8::try_from(number).unwrap_or(0)
}

/// Appends `192.0.2.0/24` or `2001:db8::/32`.
pub(super) fn prefix(prefix: Prefix, out: &mut Vec<u8>) {
    match prefix.addr() {
        IpAddr::V4(addr) => {
            for (index, octet) in addr.octets().into_iter().enumerate() {
                if index > 0 {
                    out.push(b'.');
                }
                decimal(octet.into(), out);
            }
        }
        IpAddr::V6(addr) => write!(out, "{addr}").expect("writing to a Vec does not fail"),
    }
    out.push(b'/');
    decimal(prefix.len().into(), out);
}

/// Appends octets in hexadecimal.
pub(super) fn hexadecimal(octets: &[u8], digits: &[u8; 16], out: &mut Vec<u8>) {
    let digit = |value: u8| digits.get(usize::from(value)).copied().unwrap_or(b'?');
    out.extend(octets.iter().flat_map(|octet| [digit(octet >> 4), digit(octet & 15)]));
}

/// Digits of rpki-client's key identifiers.
pub(super) const UPPER: &[u8; 16] = b"0123456789ABCDEF";

/// Digits of the text form of PDUs.
pub(super) const LOWER: &[u8; 16] = b"0123456789abcdef";

/// Appends octets in base64 with padding (RFC 4648 section 4).
pub(super) fn base64(octets: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for group in octets.chunks(3) {
        let octet = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
        let bits = octet(0) << 16 | octet(1) << 8 | octet(2);
        for index in 0..4 {
            let digit = usize::try_from(bits >> (18 - 6 * index) & 63).ok().and_then(|digit| DIGITS.get(digit));
            out.push(digit.copied().filter(|_| index <= group.len()).unwrap_or(b'='));
        }
    }
}

/// Appends a time in seconds since 1970 as `2026-09-16T00:00:00Z`.
pub(super) fn timestamp(seconds: u32, out: &mut Vec<u8>) {
    // Days are counted from 0000-03-01, so that a leap day is the last of its year, and an era of 400 years has always
    // the same number of them.
    let days = seconds / 86_400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = 400 * era + year_of_era + u32::from(month <= 2);
    let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    write!(out, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
        .expect("writing to a Vec does not fail");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scalar;
    use proptest::prelude::*;

    fn of(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn base64_is_padded() {
        for (octets, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
            assert_eq!(of(|out| base64(octets.as_bytes(), out)), text);
        }
    }

    #[test]
    fn times_of_leap_years() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_200, "2024-03-01T00:00:00Z"),
            (u32::MAX, "2106-02-07T06:28:15Z"),
        ] {
            assert_eq!(of(|out| timestamp(seconds, out)), text);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(number: u32, octets: Vec<u8>, ski: [u8; 20]) {
            prop_assert_eq!(of(|out| decimal(number, out)), number.to_string());
            prop_assert_eq!(scalar::timestamp(of(|out| timestamp(number, out)).as_bytes()), Some(u64::from(number)));
            prop_assert_eq!(scalar::base64(of(|out| base64(&octets, out)).as_bytes()), Some(octets));
            prop_assert_eq!(scalar::ski(of(|out| hexadecimal(&ski, UPPER, out)).as_bytes()), Some(ski));
        }

        #[test]
        fn prefixes_are_as_std_writes_them(addr: IpAddr, len in 0..=32_u8) {
            let written = Prefix::masked(addr, len).unwrap();
            prop_assert_eq!(of(|out| prefix(written, out)), written.to_string());
        }
    }
}
