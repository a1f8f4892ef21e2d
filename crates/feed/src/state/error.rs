//! What is wrong with a file of state.

use rtrcast_proto::InvalidRecord;
use std::fmt;

/// Error of a file of state, or of a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StateError {
    /// It begins like no file of state, or like one of another kind.
    NotState,
    /// It has this format number, which is not read.
    Format(u32),
    /// It ends before its content does.
    Truncated,
    /// The checksum of the octets that begin at this offset is wrong.
    Checksum(u64),
    /// Octets follow its end.
    TooLong,
    /// What it says of this is not possible, though its checksum is right.
    Invalid(&'static str),
    /// A record is not valid.
    Record(InvalidRecord),
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StateError::NotState => f.write_str("it is no such file of rtrcast"),
            StateError::Format(format) => write!(f, "it has format {format}, and this program reads format {FORMAT}"),
            StateError::Truncated => f.write_str("its end is missing"),
            StateError::Checksum(at) => write!(f, "it is damaged behind octet {at}"),
            StateError::TooLong => f.write_str("octets follow its end"),
            StateError::Invalid(what) => write!(f, "its {what} is not valid"),
            StateError::Record(record) => record.fmt(f),
        }
    }
}

impl std::error::Error for StateError {}

/// The format of all files. Files of another one are set aside.
pub const FORMAT: u32 = 1;
