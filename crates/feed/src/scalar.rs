//! The small values that files contain: AS numbers, prefixes, hexadecimal and base64.
//!
//! A global file has a million prefixes, so these read octets directly; std's parsers are the tests' oracle.

use rtrcast_proto::{Asn, Prefix, PrefixError};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Number of digits that can't overflow; hardly any value has more.
const DIGITS_SAFE: usize = 19;

/// A whole number in decimal digits, without sign, fraction or exponent.
pub(crate) fn unsigned(text: &[u8]) -> Option<u64> {
    leading_unsigned(text).filter(|(_, rest)| rest.is_empty()).map(|(value, _)| value)
}

/// The whole number that a text begins with, and what follows it.
pub(crate) fn leading_unsigned(text: &[u8]) -> Option<(u64, &[u8])> {
    let (mut value, mut digits) = (0_u64, 0);
    for octet in text.iter().take(DIGITS_SAFE) {
        let digit = octet.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        value = value * 10 + u64::from(digit);
        digits += 1;
    }
    let (number, mut rest) = text.split_at_checked(digits)?;
    while let [digit @ b'0'..=b'9', after @ ..] = rest {
        value = value.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
        rest = after;
    }
    match number {
        [] | [b'0', _, ..] => None,
        _ => Some((value, rest)),
    }
}

/// Returns the index of the first such octet.
pub(crate) fn find(octets: &[u8], wanted: u8) -> Option<usize> {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let (words, rest) = octets.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        // Eight octets at once: after the subtraction an octet that was zero is the first to have its high bit.
        let word = u64::from_le_bytes(*word) ^ (LOW * u64::from(wanted));
        let found = word.wrapping_sub(LOW) & !word & HIGH;
        if found != 0 {
            return Some(index * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    rest.iter().position(|octet| *octet == wanted).map(|at| words.len() * 8 + at)
}

/// An AS number as `64496` or `AS64496`.
pub(crate) fn asn(text: &[u8]) -> Option<Asn> {
    let digits = match text {
        [b'A' | b'a', b'S' | b's', digits @ ..] => digits,
        digits => digits,
    };
    unsigned(digits).and_then(|value| u32::try_from(value).ok()).map(Asn)
}

/// A prefix whose host bits are now zero, and whether they were before.
pub(crate) struct MaskedPrefix {
    pub(crate) prefix: Prefix,
    pub(crate) had_host_bits: bool,
}

/// A prefix as `192.0.2.0/24` or `2001:db8::/32`.
pub(crate) fn prefix(text: &[u8]) -> Option<MaskedPrefix> {
    let (addr, len) = match ipv4_prefix(text) {
        Some((bits, len)) => (IpAddr::V4(Ipv4Addr::from_bits(bits)), len),
        None => {
            let slash = text.iter().rposition(|octet| *octet == b'/')?;
            let (addr, len) = text.split_at_checked(slash)?;
            (IpAddr::V6(ipv6(addr)?), u8::try_from(unsigned(len.get(1..)?)?).ok()?)
        }
    };
    match Prefix::new(addr, len) {
        Ok(prefix) => Some(MaskedPrefix { prefix, had_host_bits: false }),
        Err(PrefixError::HostBits) => {
            Some(MaskedPrefix { prefix: Prefix::masked(addr, len).ok()?, had_host_bits: true })
        }
        Err(PrefixError::Length) => None,
    }
}

/// The address and the length of an IPv4 prefix, whatever the length.
fn ipv4_prefix(text: &[u8]) -> Option<(u32, u8)> {
    let (mut bits, mut rest) = (0_u32, text);
    for end in *b".../" {
        let (value, after) = leading_unsigned(rest)?;
        bits = bits << 8 | u32::from(u8::try_from(value).ok()?);
        rest = after.strip_prefix(&[end])?;
    }
    Some((bits, u8::try_from(unsigned(rest)?).ok()?))
}

fn ipv6(text: &[u8]) -> Option<Ipv6Addr> {
    if text.contains(&b'.') {
        // An address with an IPv4 tail: rare enough for std.
        return std::str::from_utf8(text).ok()?.parse().ok();
    }
    let mut groups = Groups::default();
    let mut rest = text;
    let mut gap = None;
    if let Some(after) = rest.strip_prefix(b"::") {
        gap = Some(0);
        rest = after;
    }
    while !rest.is_empty() {
        let end = rest.iter().position(|octet| *octet == b':').unwrap_or(rest.len());
        let (group, after) = rest.split_at_checked(end)?;
        groups.push(group)?;
        rest = match after {
            [] => after,
            [b':', b':', after @ ..] if gap.is_none() => {
                gap = Some(groups.count);
                after
            }
            [b':', after @ ..] if !after.is_empty() => after,
            _ => return None,
        };
    }
    groups.address(gap)
}

/// The groups of an IPv6 address, in the order in which they were read.
#[derive(Default)]
struct Groups {
    bits: u128,
    count: u32,
}

impl Groups {
    fn push(&mut self, group: &[u8]) -> Option<()> {
        if group.is_empty() || group.len() > 4 || self.count == 8 {
            return None;
        }
        let value = group.iter().try_fold(0_u16, |value, octet| Some(value << 4 | u16::from(hex_digit(*octet)?)))?;
        self.bits = self.bits << 16 | u128::from(value);
        self.count += 1;
        Some(())
    }

    /// Puts zeros where the gap `::` stood, before that many groups from the left.
    fn address(&self, gap: Option<u32>) -> Option<Ipv6Addr> {
        let Some(gap) = gap else { return (self.count == 8).then(|| Ipv6Addr::from_bits(self.bits)) };
        if self.count == 8 {
            return None;
        }
        let right = 16 * (self.count - gap);
        let low = self.bits & u128::MAX.checked_shr(128 - right).unwrap_or(0);
        let high = self.bits.checked_shr(right).unwrap_or(0).checked_shl(128 - 16 * gap).unwrap_or(0);
        Some(Ipv6Addr::from_bits(high | low))
    }
}

fn hex_digit(octet: u8) -> Option<u8> {
    match octet {
        b'0'..=b'9' => Some(octet - b'0'),
        b'a'..=b'f' => Some(octet - b'a' + 10),
        b'A'..=b'F' => Some(octet - b'A' + 10),
        _ => None,
    }
}

/// A Subject Key Identifier: twenty octets in hexadecimal or in base64.
pub(crate) fn ski(text: &[u8]) -> Option<[u8; 20]> {
    if text.len() != 40 {
        return base64(text)?.try_into().ok();
    }
    let (pairs, rest) = text.as_chunks::<2>();
    let pairs: &[[u8; 2]; 20] = pairs.try_into().ok().filter(|_| rest.is_empty())?;
    let mut ski = [0; 20];
    for (octet, [high, low]) in ski.iter_mut().zip(pairs) {
        *octet = hex_digit(*high)? << 4 | hex_digit(*low)?;
    }
    Some(ski)
}

/// A time as `2026-09-16T00:00:00Z` in seconds since 1970: RFC 3339 in UTC, with any fraction, and with a space for the
/// `T` where Routinator's CSV has one.
pub(crate) fn timestamp(text: &[u8]) -> Option<u64> {
    let (head, rest) = text.split_first_chunk::<19>()?;
    let [y0, y1, y2, y3, b'-', mo0, mo1, b'-', d0, d1, b'T' | b't' | b' ', h0, h1, b':', mi0, mi1, b':', s0, s1] =
        *head
    else {
        return None;
    };
    let fraction = match rest {
        [b'.', digits @ .., b'Z' | b'z'] if !digits.is_empty() => digits,
        [] | [b'Z' | b'z'] => &[],
        _ => return None,
    };
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    seconds([[y0, y1], [y2, y3], [mo0, mo1], [d0, d1], [h0, h1], [mi0, mi1], [s0, s1]])
}

/// A time as DER's GeneralizedTime has it, `20260916000000Z`, in seconds since 1970.
pub(crate) fn generalized_time(text: &[u8]) -> Option<u64> {
    let (pairs, [b'Z']) = text.as_chunks::<2>() else { return None };
    seconds(pairs.try_into().ok()?)
}

/// The seconds from 1970 to a date and time, of whose digits two make a pair, from the century down to the seconds.
fn seconds(pairs: [[u8; 2]; 7]) -> Option<u64> {
    let number = |[high, low]: [u8; 2]| {
        (high.is_ascii_digit() && low.is_ascii_digit()).then(|| u64::from(high - b'0') * 10 + u64::from(low - b'0'))
    };
    let [century, year, month, day, hour, minute, second] = pairs.map(number);
    let (year, month, day) = (century? * 100 + year?, month?, day?);
    let (hour, minute, second) = (hour?, minute?, second?);
    if year < 1970 || !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60
    {
        return None;
    }
    // Years that begin in March have their leap day last, so that months before it all have the same length each year.
    let (march_year, march_month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = march_year / 4 - march_year / 100 + march_year / 400;
    let days = march_year * 365 + leap_days + (153 * march_month + 2) / 5 + day - 1;
    // 719,468 such days passed from the year 0 to 1970-01-01.
    Some((days - 719_468) * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// Base64 in either alphabet (RFC 4648 sections 4 and 5), with or without padding; unused bits have to be zero.
pub(crate) fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let padding = text.iter().rev().take_while(|octet| **octet == b'=').count();
    let digits = text.get(..text.len() - padding)?;
    if padding > 2 || (padding > 0 && !text.len().is_multiple_of(4)) || digits.len() % 4 == 1 {
        return None;
    }
    let mut out = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    let (mut bits, mut held) = (0_u32, 0_u32);
    for octet in digits {
        let digit = match octet {
            b'A'..=b'Z' => octet - b'A',
            b'a'..=b'z' => octet - b'a' + 26,
            b'0'..=b'9' => octet - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(digit);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push(u8::try_from(bits >> held & 0xFF).ok()?);
        }
    }
    (bits & ((1 << held) - 1) == 0).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str) -> Option<(String, bool)> {
        prefix(text.as_bytes()).map(|masked| (masked.prefix.to_string(), masked.had_host_bits))
    }

    #[test]
    fn prefixes_of_both_families() {
        let plain = |text: &str| Some((text.to_owned(), false));
        for text in ["192.0.2.0/24", "0.0.0.0/0", "255.255.255.255/32", "2001:db8::/32", "::/0", "2001:db8::1/128"] {
            assert_eq!(shown(text), plain(text));
        }
        assert_eq!(shown("2001:DB8::/32"), plain("2001:db8::/32"));
        assert_eq!(shown("10.1.2.3/8"), Some(("10.0.0.0/8".to_owned(), true)));
        assert_eq!(shown("::ffff:192.0.2.0/120"), plain("::ffff:192.0.2.0/120"));
        for wrong in [
            "",
            "/",
            "1.2.3.4",
            "1.2.3/8",
            "1.2.3.4.5/8",
            "1.2.3.256/8",
            "01.2.3.4/8",
            "1.2.3.4/33",
            "1.2.3.4/",
            "1.2.3.4/08",
            "1.2.3.4/-1",
            "::/129",
            ":/1",
            "1::2::3/8",
            "1:2:3:4:5:6:7:8:9/8",
            "1:2/8",
            "12345::/8",
            "g::/8",
            "1:/8",
            ":1/8",
            "1:2:3:4:5:6:7::8/8x",
            " 1.2.3.4/8",
        ] {
            assert!(shown(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn as_numbers() {
        assert_eq!(asn(b"64496"), Some(Asn(64_496)));
        assert_eq!(asn(b"AS64496"), Some(Asn(64_496)));
        assert_eq!(asn(b"as0"), Some(Asn(0)));
        assert_eq!(asn(b"4294967295"), Some(Asn(u32::MAX)));
        for wrong in ["", "AS", "-1", "1.5", "1e3", "4294967296", "064496", "AS 1", "ASAS1", "99999999999999999999999"]
        {
            assert_eq!(asn(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn base64_of_both_alphabets_with_and_without_padding() {
        assert_eq!(base64(b"+/8="), Some(vec![0xFB, 0xFF]));
        assert_eq!(base64(b"-_8"), Some(vec![0xFB, 0xFF]));
        assert_eq!(base64(b"AAAA"), Some(vec![0, 0, 0]));
        assert_eq!(base64(b""), Some(vec![]));
        for wrong in ["A", "AA=", "AAA==", "A===", "AA=A", "AB", "A A=", "AAAAA"] {
            assert_eq!(base64(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn times() {
        assert_eq!(timestamp(b"1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(timestamp(b"2023-05-30T14:10:41Z"), Some(1_685_455_841));
        assert_eq!(timestamp(b"2024-02-29 23:59:59"), Some(1_709_251_199));
        assert_eq!(timestamp(b"2024-03-01T00:00:00.123Z"), Some(1_709_251_200));
        assert_eq!(timestamp(b"2100-03-01T00:00:00Z"), Some(4_107_542_400));
        for wrong in [
            "",
            "2024-02-29",
            "2024-13-01T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "2024-02-29T24:00:00Z",
            "2024-02-29T00:00:00+01:00",
            "2024-02-29T00:00:00.Z",
        ] {
            assert_eq!(timestamp(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn times_of_der() {
        assert_eq!(generalized_time(b"20240229235959Z"), Some(1_709_251_199));
        for wrong in
            ["", "Z", "20240229235959", "202402292359Z", "20240229235959.5Z", "20240229235959z", "2024022923595xZ"]
        {
            assert_eq!(generalized_time(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn key_identifiers() {
        assert_eq!(ski(b"00112233445566778899aabbCCDDEEFF00112233").unwrap()[10], 0xAA);
        assert_eq!(ski(b"MTIzNDU2Nzg5MDEyMzQ1Njc4OTA").unwrap(), *b"12345678901234567890");
        assert!(ski(b"MTIzNDU2Nzg5MDEyMzQ1Njc4").is_none());
        assert!(ski(b"00112233445566778899aabbCCDDEEFF0011223").is_none());
        assert!(ski(b"00112233445566778899aabbCCDDEEFF001122330").is_none());
        assert!(ski(b"0011223344556677889xaabbCCDDEEFF00112233").is_none());
    }

    proptest! {
        #[test]
        fn ipv6_agrees_with_std(groups in proptest::collection::vec(prop_oneof![Just(0_u16), any::<u16>()], 8)) {
            let groups: [u16; 8] = groups.try_into().unwrap();
            let addr = Ipv6Addr::from(groups);
            prop_assert_eq!(ipv6(addr.to_string().as_bytes()), Some(addr));
        }

        #[test]
        fn numbers_agree_with_std(text in "(0|[1-9][0-9]{0,21}|[0-9]{1,3})[x.]?") {
            let digits = text.trim_end_matches(['x', '.']);
            let is_one = digits == "0" || !digits.starts_with('0');
            let expected = digits.parse().ok().filter(|_| is_one);
            prop_assert_eq!(leading_unsigned(text.as_bytes()), expected.map(|value: u64| (value, &text.as_bytes()[digits.len()..])));
            prop_assert_eq!(unsigned(text.as_bytes()), expected.filter(|_| digits.len() == text.len()));
        }

        #[test]
        fn eight_octets_at_once_find_what_one_at_a_time_finds(octets in proptest::collection::vec(0..4_u8, 0..30)) {
            prop_assert_eq!(find(&octets, 1), octets.iter().position(|octet| *octet == 1));
        }

        #[test]
        fn ipv6_text_agrees_with_std(text in "[0-9a-f:.]{1,24}") {
            prop_assert_eq!(ipv6(text.as_bytes()), text.parse().ok(), "{}", text);
        }

        #[test]
        fn ipv4_text_agrees_with_std(text in "[0-9.]{1,16}") {
            let prefix = format!("{text}/24");
            let addr = ipv4_prefix(prefix.as_bytes()).map(|(bits, _)| Ipv4Addr::from_bits(bits));
            prop_assert_eq!(addr, text.parse().ok(), "{}", text);
        }
    }
}
