//! Error codes of the specifications, and one variant for each way a peer can break the protocol.
//!
//! Code and text of an Error Report are functions of the [`Violation`], so that they are decided once.

use crate::version::{PduType, Version, VersionRange};
use core::fmt;

/// The error codes of section 12 of 8210bis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorCode {
    /// 0
    CorruptData,
    /// 1
    InternalError,
    /// 2
    NoDataAvailable,
    /// 3
    InvalidRequest,
    /// 4
    UnsupportedProtocolVersion,
    /// 5
    UnsupportedPduType,
    /// 6
    WithdrawalOfUnknownRecord,
    /// 7
    DuplicateAnnouncement,
    /// 8, from version 1
    UnexpectedProtocolVersion,
    /// 9, from version 2
    AspaProviderListError,
    /// 10, from version 2
    TransportFailure,
    /// 11, from version 2
    OrderingError,
    /// 12, from version 2
    CacheRestart,
    /// 13, from version 2
    CacheShutdown,
}

impl ErrorCode {
    /// All codes, by number: the code of number n has index n.
    pub const ALL: [ErrorCode; 14] = [
        ErrorCode::CorruptData,
        ErrorCode::InternalError,
        ErrorCode::NoDataAvailable,
        ErrorCode::InvalidRequest,
        ErrorCode::UnsupportedProtocolVersion,
        ErrorCode::UnsupportedPduType,
        ErrorCode::WithdrawalOfUnknownRecord,
        ErrorCode::DuplicateAnnouncement,
        ErrorCode::UnexpectedProtocolVersion,
        ErrorCode::AspaProviderListError,
        ErrorCode::TransportFailure,
        ErrorCode::OrderingError,
        ErrorCode::CacheRestart,
        ErrorCode::CacheShutdown,
    ];

    /// The number that an Error Report carries.
    pub const fn number(self) -> u16 {
        match self {
            ErrorCode::CorruptData => 0,
            ErrorCode::InternalError => 1,
            ErrorCode::NoDataAvailable => 2,
            ErrorCode::InvalidRequest => 3,
            ErrorCode::UnsupportedProtocolVersion => 4,
            ErrorCode::UnsupportedPduType => 5,
            ErrorCode::WithdrawalOfUnknownRecord => 6,
            ErrorCode::DuplicateAnnouncement => 7,
            ErrorCode::UnexpectedProtocolVersion => 8,
            ErrorCode::AspaProviderListError => 9,
            ErrorCode::TransportFailure => 10,
            ErrorCode::OrderingError => 11,
            ErrorCode::CacheRestart => 12,
            ErrorCode::CacheShutdown => 13,
        }
    }

    /// The code of a number, if a specification defines one.
    pub fn from_number(number: u16) -> Option<ErrorCode> {
        ErrorCode::ALL.get(usize::from(number)).copied()
    }

    /// The first version that has this code. No report may carry a code that its version lacks.
    pub const fn since(self) -> Version {
        match self {
            ErrorCode::CorruptData
            | ErrorCode::InternalError
            | ErrorCode::NoDataAvailable
            | ErrorCode::InvalidRequest
            | ErrorCode::UnsupportedProtocolVersion
            | ErrorCode::UnsupportedPduType
            | ErrorCode::WithdrawalOfUnknownRecord
            | ErrorCode::DuplicateAnnouncement => Version::V0,
            ErrorCode::UnexpectedProtocolVersion => Version::V1,
            ErrorCode::AspaProviderListError
            | ErrorCode::TransportFailure
            | ErrorCode::OrderingError
            | ErrorCode::CacheRestart
            | ErrorCode::CacheShutdown => Version::V2,
        }
    }

    /// The name that the specifications use.
    pub const fn name(self) -> &'static str {
        match self {
            ErrorCode::CorruptData => "Corrupt Data",
            ErrorCode::InternalError => "Internal Error",
            ErrorCode::NoDataAvailable => "No Data Available",
            ErrorCode::InvalidRequest => "Invalid Request",
            ErrorCode::UnsupportedProtocolVersion => "Unsupported Protocol Version",
            ErrorCode::UnsupportedPduType => "Unsupported PDU Type",
            ErrorCode::WithdrawalOfUnknownRecord => "Withdrawal of Unknown Record",
            ErrorCode::DuplicateAnnouncement => "Duplicate Announcement Received",
            ErrorCode::UnexpectedProtocolVersion => "Unexpected Protocol Version",
            ErrorCode::AspaProviderListError => "ASPA Provider List Error",
            ErrorCode::TransportFailure => "Transport Failure",
            ErrorCode::OrderingError => "Ordering Error",
            ErrorCode::CacheRestart => "Cache Restart",
            ErrorCode::CacheShutdown => "Cache Shutdown",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.number(), self.name())
    }
}

/// One way in which a peer can break the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Violation {
    /// The header's Length is below 8.
    LengthBelowHeader(u32),
    /// The header's Length is above 65,535.
    LengthAboveLimit(u32),
    /// The header's Length is not one that the type can have.
    WrongLength(PduType, u32),
    /// The version has no such PDU type.
    UnknownType(Version, u8),
    /// A PDU that only a cache may send came from a router.
    WrongDirection(PduType),
    /// A first PDU asks for a version above the highest that is served; the router may ask again.
    VersionAbove {
        /// The version that the router asked for.
        asked: u8,
        /// The versions that are served.
        served: VersionRange,
    },
    /// A first PDU asks for a version below the lowest that is served.
    VersionBelow {
        /// The version that the router asked for.
        asked: u8,
        /// The versions that are served.
        served: VersionRange,
    },
    /// A PDU carries another version than the one that the session negotiated.
    VersionChanged {
        /// The session's version.
        session: Version,
        /// The PDU's version octet.
        got: u8,
    },
    /// A PDU names another session than that of the connection.
    SessionMismatch,
    /// An Error Report whose lengths contradict each other. It is never answered.
    MalformedErrorReport,
    /// A prefix or maximum length outside its range (RFC 8210 section 5.6).
    PrefixLengths,
    /// Bits beyond the prefix length are set (8210bis section 5.9; version 2 only).
    HostBits,
    /// The SubjectPublicKeyInfo is not one complete DER sequence.
    KeyNotDer,
    /// An ASPA announcement without providers.
    AspaWithoutProviders,
    /// An ASPA whose providers do not ascend.
    AspaProvidersUnsorted,
    /// An ASPA with AS 0 beside other providers.
    AspaZeroBesideOthers,
    /// An ASPA withdrawal with providers in it.
    AspaWithdrawalWithProviders,
    /// A record was announced that is there already, or twice in one response.
    DuplicateAnnouncement,
    /// A record was withdrawn that is not there.
    UnknownWithdrawal,
    /// A PDU that only a router may send came from a cache.
    NotFromCache(PduType),
    /// A PDU that a cache may send came in the wrong state: payload without a Cache Response before it, say.
    OutOfPlace(PduType),
    /// A response has more octets than the limit.
    ResponseTooLarge,
}

impl Violation {
    /// Returns the code that reports this in a session of the given version.
    pub fn code(self, version: Version) -> ErrorCode {
        match self {
            // [C-FRM-04] The specifications allow 0 or 3 for a bad length; 0 is Corrupt Data.
            Violation::LengthBelowHeader(_) | Violation::LengthAboveLimit(_) | Violation::WrongLength(..) => {
                ErrorCode::CorruptData
            }
            Violation::UnknownType(..) => ErrorCode::UnsupportedPduType, // [C-ERR-05]
            Violation::WrongDirection(_) => ErrorCode::InvalidRequest,   // [C-ERR-04]
            Violation::VersionAbove { .. } | Violation::VersionBelow { .. } => ErrorCode::UnsupportedProtocolVersion,
            // [C-NEG-09] Version 0 does not know code 8.
            Violation::VersionChanged { .. } => match version {
                Version::V0 => ErrorCode::CorruptData,
                Version::V1 | Version::V2 => ErrorCode::UnexpectedProtocolVersion,
            },
            Violation::SessionMismatch => ErrorCode::CorruptData, // [C-SID-05]
            Violation::MalformedErrorReport
            | Violation::PrefixLengths
            | Violation::HostBits
            | Violation::KeyNotDer
            | Violation::AspaWithdrawalWithProviders
            // Code 3 is for caches: a router reports a PDU in the wrong state as Corrupt Data.
            | Violation::NotFromCache(_)
            | Violation::OutOfPlace(_) => ErrorCode::CorruptData,
            Violation::DuplicateAnnouncement => ErrorCode::DuplicateAnnouncement,
            Violation::UnknownWithdrawal => ErrorCode::WithdrawalOfUnknownRecord,
            Violation::ResponseTooLarge => ErrorCode::InternalError,
            Violation::AspaWithoutProviders | Violation::AspaProvidersUnsorted | Violation::AspaZeroBesideOthers => {
                ErrorCode::AspaProviderListError
            }
        }
    }
}

/// The text of the Error Report: short, in English, with no trailing NUL. [C-ERR-08]
impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Violation::LengthBelowHeader(octets) => write!(f, "length {octets} is shorter than a header"),
            Violation::LengthAboveLimit(octets) => write!(f, "length {octets} is above 65535"),
            Violation::WrongLength(pdu, octets) => write!(f, "length {octets} is wrong for {pdu}"),
            Violation::UnknownType(version, octet) => write!(f, "version {version} has no PDU type {octet}"),
            Violation::WrongDirection(pdu) => write!(f, "a router does not send {pdu}"),
            Violation::VersionAbove { served, .. } | Violation::VersionBelow { served, .. } => {
                write!(f, "supported versions {served}")
            }
            Violation::VersionChanged { session, got } => {
                write!(f, "this session speaks version {session}, not {got}")
            }
            Violation::SessionMismatch => f.write_str("not the session id of this connection"),
            Violation::MalformedErrorReport => f.write_str("malformed Error Report"),
            Violation::PrefixLengths => f.write_str("prefix length or maximum length out of range"),
            Violation::HostBits => f.write_str("bits beyond the prefix length are set"),
            Violation::KeyNotDer => f.write_str("the key is not one DER SubjectPublicKeyInfo"),
            Violation::AspaWithoutProviders => f.write_str("ASPA announcement without providers"),
            Violation::AspaProvidersUnsorted => f.write_str("ASPA providers do not ascend"),
            Violation::AspaZeroBesideOthers => f.write_str("ASPA with AS 0 beside other providers"),
            Violation::AspaWithdrawalWithProviders => f.write_str("ASPA withdrawal with providers"),
            Violation::DuplicateAnnouncement => f.write_str("the record was announced before"),
            Violation::UnknownWithdrawal => f.write_str("the withdrawn record is not there"),
            Violation::NotFromCache(pdu) => write!(f, "a cache does not send {pdu}"),
            Violation::OutOfPlace(pdu) => write!(f, "{pdu} was not expected here"),
            Violation::ResponseTooLarge => f.write_str("the response is too large"),
        }
    }
}

impl core::error::Error for Violation {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_its_number_as_index() {
        for (number, code) in ErrorCode::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(code.number()), number);
            assert_eq!(ErrorCode::from_number(code.number()), Some(code));
        }
        assert_eq!(ErrorCode::from_number(14), None);
    }

    #[test]
    fn c_neg_09_no_report_carries_a_code_that_its_version_lacks() {
        let changed = Violation::VersionChanged { session: Version::V0, got: 1 };
        for version in Version::ALL {
            assert!(changed.code(version).since() <= version);
        }
        assert_eq!(changed.code(Version::V0), ErrorCode::CorruptData);
        assert_eq!(changed.code(Version::V1), ErrorCode::UnexpectedProtocolVersion);
    }
}
