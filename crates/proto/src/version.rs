//! Protocol versions, and the table of what differs between them: PDU types and their lengths.
//!
//! RFC 6810 is version 0, RFC 8210 version 1, draft-ietf-sidrops-8210bis-27 version 2. The versions differ by the facts
//! in this file and of [`crate::violation`], so nothing in the crate is generic over a version. Version 2 is still a
//! draft: when its next revision moves a number, it moves here.

use core::fmt;

/// The longest PDU that is sent or accepted, in octets (8210bis section 5.1; the RFCs set no limit).
pub const PDU_OCTETS_MAX: u32 = 65_535;

/// The octets of the header that all PDUs share.
pub const HEADER_OCTETS: usize = 8;

/// A protocol version that this crate speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// RFC 6810.
    V0,
    /// RFC 8210.
    V1,
    /// draft-ietf-sidrops-8210bis-27.
    V2,
}

impl Version {
    /// All versions, lowest first.
    pub const ALL: [Version; 3] = [Version::V0, Version::V1, Version::V2];

    /// The version that a header's first octet names, if it is one of ours.
    pub const fn from_octet(octet: u8) -> Option<Version> {
        match octet {
            0 => Some(Version::V0),
            1 => Some(Version::V1),
            2 => Some(Version::V2),
            _ => None,
        }
    }

    /// The first octet of each PDU of this version.
    pub const fn octet(self) -> u8 {
        match self {
            Version::V0 => 0,
            Version::V1 => 1,
            Version::V2 => 2,
        }
    }

    /// Index of this version, 0, 1 or 2, in a table with one row for each.
    pub const fn index(self) -> usize {
        self.octet() as usize
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.octet())
    }
}

/// The versions that a cache answers: all from a lowest to a highest.
///
/// There are no gaps, since 8210bis section 7 leaves undefined what a gap would mean. [C-NEG-07]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VersionRange {
    min: Version,
    max: Version,
}

impl VersionRange {
    /// Versions 0 to 2.
    pub const ALL: VersionRange = VersionRange { min: Version::V0, max: Version::V2 };

    /// The versions from `min` to `max`; none if `min` is above `max`.
    pub fn new(min: Version, max: Version) -> Option<VersionRange> {
        (min <= max).then_some(VersionRange { min, max })
    }

    /// The lowest version.
    pub fn min(self) -> Version {
        self.min
    }

    /// The highest version.
    pub fn max(self) -> Version {
        self.max
    }
}

impl fmt::Display for VersionRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.min == self.max { write!(f, "{}", self.min) } else { write!(f, "{}-{}", self.min, self.max) }
    }
}

/// The PDU types of the three specifications (section 5 of each).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PduType {
    /// Cache to router: there are new data.
    SerialNotify,
    /// Router to cache: what changed since a serial?
    SerialQuery,
    /// Router to cache: send everything.
    ResetQuery,
    /// Cache to router: payload follows.
    CacheResponse,
    /// One IPv4 VRP, announced or withdrawn.
    Ipv4Prefix,
    /// One IPv6 VRP, announced or withdrawn.
    Ipv6Prefix,
    /// Cache to router: the response is complete.
    EndOfData,
    /// Cache to router: no delta from there; ask for everything.
    CacheReset,
    /// One BGPsec router key, from version 1.
    RouterKey,
    /// In both directions: an error.
    ErrorReport,
    /// One ASPA, from version 2.
    Aspa,
}

impl PduType {
    /// All types, by number.
    pub const ALL: [PduType; 11] = [
        PduType::SerialNotify,
        PduType::SerialQuery,
        PduType::ResetQuery,
        PduType::CacheResponse,
        PduType::Ipv4Prefix,
        PduType::Ipv6Prefix,
        PduType::EndOfData,
        PduType::CacheReset,
        PduType::RouterKey,
        PduType::ErrorReport,
        PduType::Aspa,
    ];

    /// The second octet of each PDU of this type.
    pub const fn octet(self) -> u8 {
        match self {
            PduType::SerialNotify => 0,
            PduType::SerialQuery => 1,
            PduType::ResetQuery => 2,
            PduType::CacheResponse => 3,
            PduType::Ipv4Prefix => 4,
            PduType::Ipv6Prefix => 6,
            PduType::EndOfData => 7,
            PduType::CacheReset => 8,
            PduType::RouterKey => 9,
            PduType::ErrorReport => 10,
            PduType::Aspa => 11,
        }
    }

    /// The type that a header's second octet names in a version; none if that version has no such type.
    pub fn from_octet(version: Version, octet: u8) -> Option<PduType> {
        PduType::ALL.into_iter().find(|pdu| pdu.octet() == octet && pdu.since() <= version)
    }

    /// The first version that has this type (section 14 of 8210bis). [C-NEG-14]
    pub const fn since(self) -> Version {
        match self {
            PduType::SerialNotify
            | PduType::SerialQuery
            | PduType::ResetQuery
            | PduType::CacheResponse
            | PduType::Ipv4Prefix
            | PduType::Ipv6Prefix
            | PduType::EndOfData
            | PduType::CacheReset
            | PduType::ErrorReport => Version::V0,
            PduType::RouterKey => Version::V1,
            PduType::Aspa => Version::V2,
        }
    }

    /// Returns whether a PDU of this type may have a Length of `octets`.
    pub fn allows_length(self, version: Version, octets: u32) -> bool {
        match self {
            PduType::SerialNotify | PduType::SerialQuery => octets == 12,
            PduType::ResetQuery | PduType::CacheResponse | PduType::CacheReset => octets == 8,
            PduType::Ipv4Prefix => octets == 20,
            PduType::Ipv6Prefix => octets == 32,
            PduType::EndOfData => octets == if version == Version::V0 { 12 } else { 24 },
            PduType::RouterKey => (33..=PDU_OCTETS_MAX).contains(&octets),
            PduType::ErrorReport => (16..=PDU_OCTETS_MAX).contains(&octets),
            PduType::Aspa => octets.is_multiple_of(4) && (12..=PDU_OCTETS_MAX).contains(&octets),
        }
    }

    /// The name that the specifications use.
    pub const fn name(self) -> &'static str {
        match self {
            PduType::SerialNotify => "Serial Notify",
            PduType::SerialQuery => "Serial Query",
            PduType::ResetQuery => "Reset Query",
            PduType::CacheResponse => "Cache Response",
            PduType::Ipv4Prefix => "IPv4 Prefix",
            PduType::Ipv6Prefix => "IPv6 Prefix",
            PduType::EndOfData => "End of Data",
            PduType::CacheReset => "Cache Reset",
            PduType::RouterKey => "Router Key",
            PduType::ErrorReport => "Error Report",
            PduType::Aspa => "ASPA",
        }
    }
}

impl fmt::Display for PduType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloc::vec::Vec;

    #[test]
    fn c_neg_07_a_range_has_no_gaps_and_is_never_empty() {
        assert_eq!(VersionRange::new(Version::V2, Version::V1), None);
        let one = VersionRange::new(Version::V1, Version::V1).expect("a range of one");
        assert_eq!(one.to_string(), "1");
        assert_eq!(VersionRange::ALL.to_string(), "0-2");
    }

    #[test]
    fn types_exist_from_their_version_on() {
        let known =
            |version| (0..=255).filter(|octet| PduType::from_octet(version, *octet).is_some()).collect::<Vec<u8>>();
        assert_eq!(known(Version::V0), [0, 1, 2, 3, 4, 6, 7, 8, 10]);
        assert_eq!(known(Version::V1), [0, 1, 2, 3, 4, 6, 7, 8, 9, 10]);
        assert_eq!(known(Version::V2), [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11]);
    }
}
