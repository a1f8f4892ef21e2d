//! The payload of one record of an image, read from its fixed fields.
//!
//! An image was written from valid values, and its section is known, so that a million records need not pass through
//! the codec, which checks what peers send.

use crate::image::Section;
use crate::payload::{Asn, Aspa, Prefix, RouteOrigin, RouterKey};
use crate::version::HEADER_OCTETS;
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Payload of a record of an [`Image`](crate::Image), in any version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record<'a> {
    /// A VRP of either family.
    Origin(RouteOrigin),
    /// A router key.
    RouterKey(RouterKey<'a>),
    /// An ASPA.
    Aspa(Aspa<'a>),
}

impl<'a> Record<'a> {
    /// Reads a record of a section; none if the octets are not one.
    pub fn read(section: Section, octets: &'a [u8]) -> Option<Record<'a>> {
        let body = octets.get(HEADER_OCTETS..)?;
        match section {
            Section::Ipv4Prefix => {
                let [_, len, max_len, _, a0, a1, a2, a3, asn @ ..] = body.first_chunk::<12>()?;
                origin(Ipv4Addr::from([*a0, *a1, *a2, *a3]).into(), *len, *max_len, *asn)
            }
            Section::Ipv6Prefix => {
                let ([_, len, max_len, _], rest) = body.split_first_chunk()?;
                let (addr, asn) = rest.split_first_chunk::<16>()?;
                origin(Ipv6Addr::from(*addr).into(), *len, *max_len, *asn.first_chunk()?)
            }
            Section::RouterKey => {
                let (ski, rest) = body.split_first_chunk()?;
                let (asn, spki) = rest.split_first_chunk()?;
                RouterKey::new(*ski, Asn(u32::from_be_bytes(*asn)), spki).ok().map(Record::RouterKey)
            }
            Section::Aspa => {
                let (customer, providers) = body.split_first_chunk()?;
                Aspa::new(Asn(u32::from_be_bytes(*customer)), providers.as_chunks().0).ok().map(Record::Aspa)
            }
        }
    }
}

impl From<RouteOrigin> for Record<'_> {
    fn from(origin: RouteOrigin) -> Self {
        Record::Origin(origin)
    }
}

impl<'a> From<RouterKey<'a>> for Record<'a> {
    fn from(key: RouterKey<'a>) -> Self {
        Record::RouterKey(key)
    }
}

impl<'a> From<Aspa<'a>> for Record<'a> {
    fn from(aspa: Aspa<'a>) -> Self {
        Record::Aspa(aspa)
    }
}

/// A short form: a key without its octets, an ASPA without its list.
impl fmt::Display for Record<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Record::Origin(origin) => write!(f, "{origin}"),
            Record::RouterKey(key) => write!(f, "{key}"),
            Record::Aspa(aspa) => match aspa.providers().len() {
                1 => write!(f, "{} with 1 provider", aspa.customer()),
                count => write!(f, "{} with {count} providers", aspa.customer()),
            },
        }
    }
}

fn origin<'a>(addr: IpAddr, len: u8, max_len: u8, asn: [u8; 4]) -> Option<Record<'a>> {
    let prefix = Prefix::new(addr, len).ok()?;
    RouteOrigin::new(prefix, max_len, Asn(u32::from_be_bytes(asn))).ok().map(Record::Origin)
}

/// The customer of an ASPA's record.
pub(crate) fn customer_of(record: &[u8]) -> Asn {
    Asn(record.get(8..).and_then(<[u8]>::first_chunk).map_or(0, |asn| u32::from_be_bytes(*asn)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::ImageWriter;
    use crate::version::Version;
    use alloc::string::ToString;
    use alloc::vec;
    use alloc::vec::Vec;

    #[test]
    fn a_record_has_what_was_written() {
        let vrp = |addr: &str, len| Prefix::new(addr.parse().unwrap(), len).unwrap();
        let v4 = RouteOrigin::new(vrp("192.0.2.0", 24), 26, Asn(64_496)).unwrap();
        let v6 = RouteOrigin::new(vrp("2001:db8::", 32), 48, Asn(u32::MAX)).unwrap();
        let key = RouterKey::new([7; 20], Asn(64_497), &[0x30, 1, 5]).unwrap();
        let providers = [[0, 0, 0, 5], [0, 0, 1, 0]];
        let aspa = Aspa::new(Asn(64_498), &providers).unwrap();
        for version in Version::ALL {
            let mut writer = ImageWriter::new(version, Vec::new());
            writer.origin(&v4).unwrap();
            writer.origin(&v6).unwrap();
            writer.router_key(&key).unwrap();
            writer.aspa(&aspa).unwrap();
            let image = writer.finish().unwrap();
            let read = Section::ALL.map(|section| image.records(section).next().and_then(|r| Record::read(section, r)));
            let wrote = [Record::Origin(v4), Record::Origin(v6), Record::RouterKey(key), Record::Aspa(aspa)];
            assert_eq!(read, wrote.map(Some));
        }
        let shown = [Record::RouterKey(key), Record::Aspa(aspa)].map(|record| record.to_string());
        assert_eq!(shown, ["AS64497 0707070707070707070707070707070707070707", "AS64498 with 2 providers"]);
    }

    #[test]
    fn octets_that_are_no_record_are_none() {
        for section in Section::ALL {
            for octets in 0..20 {
                assert_eq!(Record::read(section, &vec![0; octets]), None, "{section:?} {octets}");
            }
        }
    }
}
