//! The small values that files contain: AS numbers, prefixes, hexadecimal and base64.
//!
//! A global file has a million prefixes, so these read octets directly; std's parsers are the tests' oracle.

use rtrcast_proto::{Asn, Prefix, PrefixError};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A whole number in decimal digits, without sign, fraction or exponent.
pub(crate) fn unsigned(text: &[u8]) -> Option<u64> {
    let digits = match text {
        [b'0'] => return Some(0),
        [b'1'..=b'9', ..] => text,
        _ => return None,
    };
    digits.iter().try_fold(0_u64, |value, octet| match octet {
        b'0'..=b'9' => value.checked_mul(10)?.checked_add(u64::from(octet - b'0')),
        _ => None,
    })
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
    let slash = text.iter().rposition(|octet| *octet == b'/')?;
    let (addr, len) = text.split_at_checked(slash)?;
    let len = u8::try_from(unsigned(len.get(1..)?)?).ok()?;
    let addr = if addr.contains(&b':') { IpAddr::V6(ipv6(addr)?) } else { IpAddr::V4(ipv4(addr)?) };
    match Prefix::new(addr, len) {
        Ok(prefix) => Some(MaskedPrefix { prefix, had_host_bits: false }),
        Err(PrefixError::HostBits) => {
            Some(MaskedPrefix { prefix: Prefix::masked(addr, len).ok()?, had_host_bits: true })
        }
        Err(PrefixError::Length) => None,
    }
}

fn ipv4(text: &[u8]) -> Option<Ipv4Addr> {
    let mut bits = 0_u32;
    let mut parts = 0;
    for part in text.split(|octet| *octet == b'.') {
        let value = u8::try_from(unsigned(part)?).ok()?;
        bits = bits << 8 | u32::from(value);
        parts += 1;
    }
    (parts == 4).then(|| Ipv4Addr::from_bits(bits))
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

/// Twenty octets in hexadecimal, as rpki-client writes a Subject Key Identifier.
pub(crate) fn ski(text: &[u8]) -> Option<[u8; 20]> {
    let (pairs, rest) = text.as_chunks::<2>();
    let pairs: &[[u8; 2]; 20] = pairs.try_into().ok().filter(|_| rest.is_empty())?;
    let mut ski = [0; 20];
    for (octet, [high, low]) in ski.iter_mut().zip(pairs) {
        *octet = hex_digit(*high)? << 4 | hex_digit(*low)?;
    }
    Some(ski)
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
    fn key_identifiers() {
        assert_eq!(ski(b"00112233445566778899aabbCCDDEEFF00112233").unwrap()[10], 0xAA);
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
        fn ipv6_text_agrees_with_std(text in "[0-9a-f:.]{1,24}") {
            prop_assert_eq!(ipv6(text.as_bytes()), text.parse().ok(), "{}", text);
        }

        #[test]
        fn ipv4_text_agrees_with_std(text in "[0-9.]{1,16}") {
            prop_assert_eq!(ipv4(text.as_bytes()), text.parse().ok(), "{}", text);
        }
    }
}
