//! Octets of a header: their number and their meaning.

use super::{PROXY_OCTETS_MAX, Proxied, ProxyError};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// The signature, version with command, family, and the length of the rest.
const FIXED_OCTETS: usize = 16;

/// The addition that holds a checksum of the header.
const TLV_CRC32C: u8 = 0x03;

/// State of the parser after the first octets of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    /// At least this many octets are missing.
    Needs(usize),
    /// All is there.
    Header(Proxied),
}

pub(super) fn parse(octets: &[u8]) -> Result<Parsed, ProxyError> {
    check_signature(octets)?;
    let Some((fixed, rest)) = octets.split_first_chunk::<FIXED_OCTETS>() else {
        check_fixed(octets)?;
        return Ok(Parsed::Needs(FIXED_OCTETS - octets.len()));
    };
    let content = check_fixed(octets)?;
    let &[.., high, low] = fixed;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > PROXY_OCTETS_MAX {
        return Err(ProxyError::Length(length));
    }
    match length.checked_sub(rest.len()) {
        Some(0) => {}
        Some(missing) => return Ok(Parsed::Needs(missing)),
        None => debug_assert!(false, "no more is read than the header has"),
    }
    let (proxied, additions) = match content {
        AddressBlock::Ignored => return Ok(Parsed::Header(Proxied::Local)),
        AddressBlock::Ipv4 => addresses::<4>(rest, |octets| Ipv4Addr::from(octets).into())?,
        AddressBlock::Ipv6 => addresses::<16>(rest, |octets| Ipv6Addr::from(octets).to_canonical())?,
        AddressBlock::Unix => (Proxied::Local, rest.get(UNIX_OCTETS..).ok_or(ProxyError::Address)?),
    };
    check_additions(octets, additions)?;
    Ok(Parsed::Header(proxied))
}

/// Contents after the fixed octets.
#[derive(Clone, Copy)]
enum AddressBlock {
    Ignored,
    Ipv4,
    Ipv6,
    Unix,
}

/// Two paths of 108 octets.
const UNIX_OCTETS: usize = 216;

fn check_signature(octets: &[u8]) -> Result<(), ProxyError> {
    // Neither a PDU nor the beginning of TLS or SSH begins so; the header of version 1 does.
    if octets.first() == Some(&b'P') {
        return Err(ProxyError::Version1);
    }
    match octets.iter().zip(SIGNATURE).all(|(octet, expected)| octet == expected) {
        true => Ok(()),
        false => Err(ProxyError::NoHeader),
    }
}

/// Judges version, command and family as far as they have come.
fn check_fixed(octets: &[u8]) -> Result<AddressBlock, ProxyError> {
    let is_local = match octets.get(12) {
        Some(0x20) => true,
        Some(0x21) | None => false,
        Some(octet) if octet >> 4 != 2 => return Err(ProxyError::Version(octet >> 4)),
        Some(octet) => return Err(ProxyError::Command(octet & 0x0f)),
    };
    match octets.get(13) {
        _ if is_local => Ok(AddressBlock::Ignored),
        // The balancer knows no address, or none that is supported here.
        Some(0x00) | None => Ok(AddressBlock::Ignored),
        Some(0x11) => Ok(AddressBlock::Ipv4),
        Some(0x21) => Ok(AddressBlock::Ipv6),
        Some(0x31) => Ok(AddressBlock::Unix),
        Some(octet) => Err(ProxyError::Family(*octet)),
    }
}

/// Reads two addresses and two ports; the rest are additions.
fn addresses<const OCTETS: usize>(
    octets: &[u8],
    address: impl Fn([u8; OCTETS]) -> IpAddr,
) -> Result<(Proxied, &[u8]), ProxyError> {
    let (remote, rest) = octets.split_first_chunk().ok_or(ProxyError::Address)?;
    let (local, rest) = rest.split_first_chunk().ok_or(ProxyError::Address)?;
    let (remote_port, rest) = rest.split_first_chunk().ok_or(ProxyError::Address)?;
    let (local_port, rest) = rest.split_first_chunk().ok_or(ProxyError::Address)?;
    let remote = SocketAddr::new(address(*remote), u16::from_be_bytes(*remote_port));
    let local = SocketAddr::new(address(*local), u16::from_be_bytes(*local_port));
    Ok((Proxied::From { remote, local }, rest))
}

/// Passes over the additions, whatever they are, and compares the checksum if there is one.
fn check_additions(header: &[u8], mut additions: &[u8]) -> Result<(), ProxyError> {
    while let Some((kind, rest)) = additions.split_first() {
        let (length, rest) = rest.split_first_chunk().ok_or(ProxyError::Tlv)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (value, rest) = rest.split_at_checked(length).ok_or(ProxyError::Tlv)?;
        if *kind == TLV_CRC32C {
            let told = u32::from_be_bytes(value.try_into().map_err(|_| ProxyError::Tlv)?);
            let value_at = header.len() - rest.len() - value.len();
            let zeroed = value_at..value_at + value.len();
            let octets = header.iter().enumerate();
            if crc32c(octets.map(|(at, octet)| if zeroed.contains(&at) { 0 } else { *octet })) != told {
                return Err(ProxyError::Checksum);
            }
        }
        additions = rest;
    }
    Ok(())
}

/// The checksum of RFC 3720 appendix B.4, bit by bit: a header is short, and comes once a connection.
fn crc32c(octets: impl Iterator<Item = u8>) -> u32 {
    const POLYNOMIAL_REFLECTED: u32 = 0x82f6_3b78;
    !octets.fold(u32::MAX, |crc, octet| {
        (0..8).fold(crc ^ u32::from(octet), |crc, _| (crc >> 1) ^ (POLYNOMIAL_REFLECTED * (crc & 1)))
    })
}

/// Reads as `read_header` does, with so many octets at a time: what came of it, and how many octets it took.
#[cfg(any(test, fuzzing))]
pub(super) fn read_in_pieces(octets: &[u8], mut piece: impl FnMut() -> usize) -> (Result<Proxied, ProxyError>, usize) {
    let mut taken = 0;
    loop {
        match parse(&octets[..taken]) {
            Ok(Parsed::Header(proxied)) => return (Ok(proxied), taken),
            Ok(Parsed::Needs(missing)) => {
                assert!(missing > 0);
                let some = piece().clamp(1, missing).min(octets.len() - taken);
                if some == 0 {
                    return (Err(ProxyError::Ended), taken);
                }
                taken += some;
            }
            Err(error) => return (Err(error), taken),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::proxy) fn header(version_command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [SIGNATURE, &[version_command, family][..], &length, rest].concat()
    }

    pub(in crate::proxy) const IPV4: [u8; 12] = [192, 0, 2, 1, 198, 51, 100, 2, 0xd4, 0x31, 0x01, 0x43];

    fn ipv6(remote: &str, local: &str) -> Vec<u8> {
        let octets = |address: &str| address.parse::<Ipv6Addr>().unwrap().octets();
        [&octets(remote)[..], &octets(local), &[0xd4, 0x31, 0x01, 0x43]].concat()
    }

    fn with(addresses: &[u8], additions: &[(u8, &[u8])]) -> Vec<u8> {
        let mut rest = addresses.to_vec();
        for (kind, value) in additions {
            rest.push(*kind);
            rest.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
            rest.extend(*value);
        }
        rest
    }

    /// A header that ends with its checksum.
    fn summed(family: u8, addresses: &[u8]) -> Vec<u8> {
        let mut octets = header(0x21, family, &with(addresses, &[(1, b"rtr"), (TLV_CRC32C, &[0; 4])]));
        let sum = crc32c(octets.iter().copied()).to_be_bytes();
        let at = octets.len() - 4;
        octets[at..].copy_from_slice(&sum);
        octets
    }

    fn good() -> Vec<(Vec<u8>, &'static str)> {
        vec![
            (header(0x21, 0x11, &IPV4), "192.0.2.1:54321 to 198.51.100.2:323"),
            (header(0x21, 0x21, &ipv6("2001:db8::1", "2001:db8::2")), "[2001:db8::1]:54321 to [2001:db8::2]:323"),
            (header(0x21, 0x21, &ipv6("::ffff:192.0.2.1", "::ffff:192.0.2.2")), "192.0.2.1:54321 to 192.0.2.2:323"),
            (
                header(0x21, 0x11, &with(&IPV4, &[(4, b""), (0xea, &[0; 300]), (0x20, b"opaque")])),
                "192.0.2.1:54321 to 198.51.100.2:323",
            ),
            (header(0x21, 0x11, &with(&IPV4, &[(4, &[0; 4 * 1024 - 15])])), "192.0.2.1:54321 to 198.51.100.2:323"),
            (summed(0x11, &IPV4), "192.0.2.1:54321 to 198.51.100.2:323"),
            (summed(0x21, &ipv6("2001:db8::1", "2001:db8::2")), "[2001:db8::1]:54321 to [2001:db8::2]:323"),
            (header(0x20, 0x00, &[]), "local"),
            (header(0x20, 0x11, &IPV4), "local"),
            (header(0x20, 0xff, b"whatever"), "local"),
            (header(0x21, 0x00, &[]), "local"),
            (header(0x21, 0x00, b"whatever"), "local"),
            (header(0x21, 0x31, &[b'/'; 216]), "local"),
        ]
    }

    fn bad() -> Vec<(Vec<u8>, &'static str)> {
        let mut wrong_sum = summed(0x11, &IPV4);
        wrong_sum[16] ^= 1;
        vec![
            (vec![2, 2, 0, 0, 0, 0, 0, 8], "not a PROXY v2 header"),
            (b"SSH-2.0-".to_vec(), "not a PROXY v2 header"),
            (b"\r\n\r\n\0\r\nQUIT\r".to_vec(), "not a PROXY v2 header"),
            (
                b"PROXY TCP4 192.0.2.1 198.51.100.2 54321 323\r\n".to_vec(),
                "a PROXY header of version 1; version 2 is needed",
            ),
            (header(0x11, 0x11, &IPV4), "a PROXY header of version 1; version 2 is needed"),
            (header(0x31, 0x11, &IPV4), "a PROXY header of version 3; version 2 is needed"),
            (header(0x22, 0x11, &IPV4), "a PROXY v2 header with the unknown command 2"),
            (header(0x21, 0x12, &IPV4), "a PROXY v2 header of family and protocol 0x12, which is no stream"),
            (header(0x21, 0x22, &IPV4), "a PROXY v2 header of family and protocol 0x22, which is no stream"),
            (header(0x21, 0x32, &IPV4), "a PROXY v2 header of family and protocol 0x32, which is no stream"),
            (header(0x21, 0x01, &IPV4), "a PROXY v2 header of family and protocol 0x01, which is no stream"),
            (header(0x21, 0x41, &IPV4), "a PROXY v2 header of family and protocol 0x41, which is no stream"),
            (
                header(0x20, 0x00, &[0; 4_097]),
                "a PROXY v2 header with 4097 octets of addresses and more; at most 4096 are read",
            ),
            (header(0x21, 0x11, &IPV4[..11]), "a PROXY v2 header that ends within its addresses"),
            (header(0x21, 0x21, &IPV4), "a PROXY v2 header that ends within its addresses"),
            (header(0x21, 0x31, &IPV4), "a PROXY v2 header that ends within its addresses"),
            (header(0x21, 0x11, &[&IPV4[..], &[4, 0]].concat()), "a PROXY v2 header that ends within a TLV"),
            (header(0x21, 0x11, &[&IPV4[..], &[4, 0, 2, 0]].concat()), "a PROXY v2 header that ends within a TLV"),
            (header(0x21, 0x11, &with(&IPV4, &[(TLV_CRC32C, &[0; 3])])), "a PROXY v2 header that ends within a TLV"),
            (wrong_sum, "a PROXY v2 header with a wrong checksum"),
        ]
    }

    pub(in crate::proxy) fn all() -> impl Iterator<Item = (Vec<u8>, &'static str)> {
        good().into_iter().chain(bad())
    }

    pub(in crate::proxy) fn shown(read: &Result<Proxied, ProxyError>) -> String {
        match read {
            Ok(Proxied::Local) => "local".to_owned(),
            Ok(Proxied::From { remote, local }) => format!("{remote} to {local}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn headers_are_addresses_or_errors() {
        for (octets, expected) in all() {
            let followed = [&octets[..], b"\x01\x02\0\0\0\0\0\x08"].concat();
            let (read, taken) = read_in_pieces(&followed, || usize::MAX);
            assert_eq!(shown(&read), expected, "{octets:02x?}");
            if read.is_ok() {
                assert_eq!(taken, octets.len(), "{octets:02x?}");
            }
        }
    }

    #[test]
    fn every_beginning_of_a_header_waits_for_more() {
        for (octets, _) in good() {
            for taken in 0..octets.len() {
                let Ok(Parsed::Needs(missing)) = parse(&octets[..taken]) else { panic!("{:02x?}", &octets[..taken]) };
                assert!(taken + missing <= octets.len());
            }
        }
    }

    #[test]
    fn the_first_wrong_octet_is_enough() {
        for (first, expected) in
            [(2, "not a PROXY v2 header"), (b'P', "a PROXY header of version 1; version 2 is needed")]
        {
            assert_eq!(parse(&[first]).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn any_split_gives_the_same() {
        for seed in 0..64_u64 {
            for (octets, expected) in all() {
                let mut state = seed;
                let (read, _) = read_in_pieces(&octets, || {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    ((state >> 33) as usize) % [1, 2, 7, 20, 500][(seed % 5) as usize] + 1
                });
                assert_eq!(shown(&read), expected, "{octets:02x?} with {seed}");
            }
        }
    }

    #[test]
    fn the_checksum_is_that_of_rfc_3720() {
        assert_eq!(crc32c(b"123456789".iter().copied()), 0xe306_9283);
        assert_eq!(crc32c([0; 32].into_iter()), 0x8a91_36aa);
    }
}
