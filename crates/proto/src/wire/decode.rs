//! From octets to PDUs. Lengths are checked before anything is read, and nothing is copied.

use super::Header;
use crate::payload::{Action, Asn, Prefix, PrefixError, ProviderAsn, RouteOrigin, RouterKey};
use crate::serial::{Serial, SessionId};
use crate::version::{HEADER_OCTETS, PDU_OCTETS_MAX, PduType, Version};
use crate::violation::Violation;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// One PDU. Keys, provider lists and copies are borrowed from the octets that it was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pdu<'a> {
    /// Type 0.
    SerialNotify {
        /// The cache's session.
        session: SessionId,
        /// Its current serial.
        serial: Serial,
    },
    /// Type 1.
    SerialQuery {
        /// The session that the router knows.
        session: SessionId,
        /// The serial that it holds.
        serial: Serial,
    },
    /// Type 2.
    ResetQuery,
    /// Type 3.
    CacheResponse {
        /// The session of the data that follow.
        session: SessionId,
    },
    /// Types 4 and 6.
    Prefix {
        /// Announced or withdrawn.
        action: Action,
        /// The VRP.
        origin: RouteOrigin,
    },
    /// Type 7.
    EndOfData {
        /// The session of the data before it.
        session: SessionId,
        /// Their serial.
        serial: Serial,
        /// Refresh, retry and expire in seconds as received, from version 1.
        timers: Option<[u32; 3]>,
    },
    /// Type 8.
    CacheReset,
    /// Type 9.
    RouterKey {
        /// Announced or withdrawn.
        action: Action,
        /// The key.
        key: RouterKey<'a>,
    },
    /// Type 10.
    ErrorReport(ErrorReport<'a>),
    /// Type 11.
    Aspa {
        /// Announced or withdrawn.
        action: Action,
        /// The customer AS, which is the key of the record.
        customer: Asn,
        /// Ascending; empty exactly in a withdrawal.
        providers: &'a [ProviderAsn],
    },
}

/// The parts of an Error Report, as received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorReport<'a> {
    /// The error code, defined or not.
    pub code: u16,
    /// The copy of the erroneous PDU, perhaps cut short.
    pub copy: &'a [u8],
    /// The text: should be UTF-8, and may be anything.
    pub text: &'a [u8],
}

impl<'a> Pdu<'a> {
    /// Reads the one PDU that the octets hold. The version octet chooses the format; an octet too many or too few
    /// is a wrong length.
    pub fn decode(octets: &'a [u8]) -> Result<Pdu<'a>, Violation> {
        let available = u32::try_from(octets.len()).unwrap_or(u32::MAX);
        let header = Header::parse(octets).ok_or(Violation::LengthBelowHeader(available))?;
        let version = Version::from_octet(header.version)
            .ok_or(Violation::VersionAbove { asked: header.version, served: crate::version::VersionRange::ALL })?;
        let pdu_type =
            PduType::from_octet(version, header.pdu_type).ok_or(Violation::UnknownType(version, header.pdu_type))?;
        check_length(header.length)?;
        if header.length != available || !pdu_type.allows_length(version, header.length) {
            return Err(Violation::WrongLength(pdu_type, header.length));
        }
        let body = octets.get(HEADER_OCTETS..).unwrap_or_default();
        decode_body(version, pdu_type, header, body)
    }
}

/// Refuses a Length that no PDU can have, from the header alone. [C-FRM-03]
pub(crate) fn check_length(length: u32) -> Result<(), Violation> {
    if usize::try_from(length).is_ok_and(|octets| octets < HEADER_OCTETS) {
        Err(Violation::LengthBelowHeader(length))
    } else if length > PDU_OCTETS_MAX {
        Err(Violation::LengthAboveLimit(length))
    } else {
        Ok(())
    }
}

fn decode_body<'a>(version: Version, pdu_type: PduType, header: Header, body: &'a [u8]) -> Result<Pdu<'a>, Violation> {
    let session = SessionId(header.field);
    let mut body = BodyReader { rest: body, pdu_type, length: header.length };
    Ok(match pdu_type {
        PduType::SerialNotify => Pdu::SerialNotify { session, serial: Serial(body.u32()?) },
        PduType::SerialQuery => Pdu::SerialQuery { session, serial: Serial(body.u32()?) },
        PduType::ResetQuery => Pdu::ResetQuery,
        PduType::CacheResponse => Pdu::CacheResponse { session },
        PduType::CacheReset => Pdu::CacheReset,
        PduType::EndOfData => Pdu::EndOfData {
            session,
            serial: Serial(body.u32()?),
            timers: match version {
                Version::V0 => None,
                Version::V1 | Version::V2 => Some([body.u32()?, body.u32()?, body.u32()?]),
            },
        },
        PduType::Ipv4Prefix => {
            let [flags, len, max_len, _zero] = body.array()?;
            let addr = IpAddr::V4(Ipv4Addr::from_bits(body.u32()?));
            prefix_pdu(version, flags, addr, len, max_len, body.u32()?)?
        }
        PduType::Ipv6Prefix => {
            let [flags, len, max_len, _zero] = body.array()?;
            let addr = IpAddr::V6(Ipv6Addr::from_bits(u128::from_be_bytes(body.array()?)));
            prefix_pdu(version, flags, addr, len, max_len, body.u32()?)?
        }
        PduType::RouterKey => {
            let [flags, _zero] = header.field.to_be_bytes();
            let (ski, asn) = (body.array()?, Asn(body.u32()?));
            let key = RouterKey::new(ski, asn, body.rest).map_err(|_| Violation::KeyNotDer)?;
            Pdu::RouterKey { action: Action::from_flags(flags), key }
        }
        PduType::ErrorReport => Pdu::ErrorReport(error_report(header.field, body)?),
        PduType::Aspa => {
            let [flags, _zero] = header.field.to_be_bytes();
            let customer = Asn(body.u32()?);
            aspa_pdu(Action::from_flags(flags), customer, body.rest.as_chunks().0)?
        }
    })
}

fn prefix_pdu(
    version: Version,
    flags: u8,
    addr: IpAddr,
    len: u8,
    max_len: u8,
    asn: u32,
) -> Result<Pdu<'static>, Violation> {
    // [R-DAT-03] Version 2 checks host bits; the RFCs do not mention them, so there they are masked.
    let prefix = match version {
        Version::V0 | Version::V1 => Prefix::masked(addr, len),
        Version::V2 => Prefix::new(addr, len),
    };
    let prefix = prefix.map_err(|error| match error {
        PrefixError::Length => Violation::PrefixLengths,
        PrefixError::HostBits => Violation::HostBits,
    })?;
    let origin = RouteOrigin::new(prefix, max_len, Asn(asn)).map_err(|_| Violation::PrefixLengths)?;
    Ok(Pdu::Prefix { action: Action::from_flags(flags), origin })
}

fn aspa_pdu(action: Action, customer: Asn, providers: &[ProviderAsn]) -> Result<Pdu<'_>, Violation> {
    match (action, providers) {
        (Action::Withdraw, []) => {}
        (Action::Withdraw, [_, ..]) => return Err(Violation::AspaWithdrawalWithProviders),
        (Action::Announce, []) => return Err(Violation::AspaWithoutProviders),
        (Action::Announce, [first, rest @ ..]) => {
            if !providers.is_sorted_by(|a, b| a < b) {
                return Err(Violation::AspaProvidersUnsorted);
            }
            if *first == [0; 4] && !rest.is_empty() {
                return Err(Violation::AspaZeroBesideOthers);
            }
        }
    }
    Ok(Pdu::Aspa { action, customer, providers })
}

/// Reads copy and text; their lengths have to fill the PDU exactly.
fn error_report(code: u16, mut body: BodyReader<'_>) -> Result<ErrorReport<'_>, Violation> {
    let malformed = |_| Violation::MalformedErrorReport;
    let copy_octets = body.u32().map_err(malformed)?;
    let copy = body.take(copy_octets).map_err(malformed)?;
    let text_octets = body.u32().map_err(malformed)?;
    let text = body.take(text_octets).map_err(malformed)?;
    if body.rest.is_empty() { Ok(ErrorReport { code, copy, text }) } else { Err(Violation::MalformedErrorReport) }
}

/// The body of a PDU: what is left of it, and its type and length for errors.
struct BodyReader<'a> {
    rest: &'a [u8],
    pdu_type: PduType,
    length: u32,
}

impl<'a> BodyReader<'a> {
    fn take(&mut self, octets: u32) -> Result<&'a [u8], Violation> {
        let end = usize::try_from(octets).unwrap_or(usize::MAX);
        let (taken, rest) =
            self.rest.split_at_checked(end).ok_or(Violation::WrongLength(self.pdu_type, self.length))?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Violation> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(Violation::WrongLength(self.pdu_type, self.length))?;
        self.rest = rest;
        Ok(*taken)
    }

    fn u32(&mut self) -> Result<u32, Violation> {
        self.array().map(u32::from_be_bytes)
    }
}
