//! Errors of reading a file, and their positions.

use crate::start::{Compression, OtherKind, START_OCTETS_MAX, Start};
use std::fmt;

/// The most octets that one value of a file may have: an ASPA with 10,000 providers has 120 KB.
pub(crate) const VALUE_OCTETS_MAX: usize = 1024 * 1024;

/// An error in a file, and its position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadError {
    /// The line, counted from 1; 0 in a binary file.
    pub line: u64,
    /// The octet, counted from 0.
    pub offset: u64,
    /// The octets that line and offset count.
    pub base: OffsetBase,
    /// The error.
    pub reason: Reason,
}

impl ReadError {
    /// Makes an error in the file as it came.
    pub(crate) fn new(line: u64, offset: u64, reason: Reason) -> ReadError {
        ReadError { line, offset, base: OffsetBase::File, reason }
    }

    /// Makes an error in a binary file.
    pub(crate) fn in_binary(offset: u64, reason: Reason) -> ReadError {
        ReadError::new(0, offset, reason)
    }
}

/// The octets that the position of an error counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetBase {
    /// Those of the file.
    File,
    /// Those after decompression.
    Decompressed,
}

/// The error in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There is nothing in it.
    Empty,
    /// An octet that UTF-8 does not allow.
    NotUtf8,
    /// It begins like no file of a validator: with this text.
    Unrecognised(String),
    /// It is of another kind that is recognised.
    OtherKind(OtherKind),
    /// It breaks JSON's grammar.
    NotJson(&'static str),
    /// It ends in the middle.
    Truncated,
    /// The compression is broken: its name, and the error.
    Compression(String),
    /// To decompress it takes a dictionary that is larger than any may be.
    Dictionary {
        /// Its size in MiB.
        mib: u32,
        /// The largest size that is allowed.
        mib_max: u32,
    },
    /// It has more octets than this.
    TooLarge(u64),
    /// It breaks a rule of the Canonical Cache Representation.
    Ccr(String),
    /// It is a Canonical Cache Representation without the element for VRPs, not even an empty one.
    CcrWithoutVrps,
    /// A value that is neither a list nor an object is larger than any can be.
    ValueTooLarge,
    /// A member that should be a list (or with FORT an object) is something else.
    NotAList(&'static str),
    /// A member is there twice.
    MemberTwice(&'static str),
    /// It is JSON, and has none of the members of a validator's output.
    NothingKnown,
    /// Every entry was refused; the first for this reason.
    AllRefused {
        /// Their number.
        entries: usize,
        /// The first one.
        first: String,
    },
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.base == OffsetBase::Decompressed {
            f.write_str("after decompression: ")?;
        }
        let position = Position(self);
        match &self.reason {
            Reason::Empty => f.write_str("the file is empty"),
            Reason::NotUtf8 => write!(f, "not UTF-8 at {position}"),
            Reason::Unrecognised(start) => {
                write!(f, "neither a validator's JSON nor its CSV nor a CCR: it begins with \"{start}\"")
            }
            Reason::OtherKind(kind) => write!(f, "this is {kind}; {}", kind.way_out()),
            Reason::NotJson(what) => write!(f, "not JSON at {position}: {what}"),
            Reason::Truncated => write!(f, "truncated: the file ends at {position} before it is complete"),
            Reason::Compression(what) => write!(f, "the compression is broken behind {position}: {what}"),
            Reason::Dictionary { mib, mib_max } => write!(
                f,
                "to decompress it takes a dictionary of {mib} MiB, more than the {mib_max} MiB that are allowed; compress it \
                 with a smaller one, as xz -9 does"
            ),
            Reason::TooLarge(octets_max) => write!(f, "larger than {octets_max} bytes"),
            Reason::Ccr(what) => write!(f, "CCR: {what} at {position}"),
            Reason::CcrWithoutVrps => f.write_str("the CCR has no VRPs element, not even an empty one"),
            Reason::ValueTooLarge => write!(f, "the value at {position} is larger than {VALUE_OCTETS_MAX} bytes"),
            Reason::NotAList(name) => write!(f, "member \"{name}\" at {position} is not a list"),
            Reason::MemberTwice(name) => write!(f, "duplicate member \"{name}\" at {position}"),
            Reason::NothingKnown => {
                f.write_str("JSON without VRPs (\"roas\"), router keys or ASPAs: not the output of a validator")
            }
            Reason::AllRefused { entries, first } => {
                write!(f, "all of its {entries} entries, or all VRPs, are invalid; the first is {first}")
            }
        }
    }
}

/// The position of an error, for messages.
struct Position<'a>(&'a ReadError);

impl fmt::Display for Position<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ReadError { line, offset, .. } = self.0;
        match line {
            0 => write!(f, "byte {offset}"),
            _ => write!(f, "byte {offset} (line {line})"),
        }
    }
}

impl std::error::Error for ReadError {}

/// Returns the error of a file whose format is unknown.
pub(crate) fn unrecognised(start: &[u8]) -> ReadError {
    let kind = match Compression::of(start) {
        // It is within another one.
        Start::Compressed(compression) => Some(OtherKind::CompressedTwice(compression.name())),
        Start::TooShort | Start::Plain => OtherKind::of(start),
    };
    if let Some(kind) = kind {
        return ReadError::new(1, 0, Reason::OtherKind(kind));
    }
    let (offset, reason) = match std::str::from_utf8(start.get(..START_OCTETS_MAX).unwrap_or(start)) {
        Err(error) if error.error_len().is_some() => (error.valid_up_to(), Reason::NotUtf8),
        _ if start.trim_ascii().is_empty() => (0, Reason::Empty),
        _ => {
            let start = String::from_utf8_lossy(start.trim_ascii());
            let words = start.lines().next().unwrap_or_default().chars().take(40);
            (0, Reason::Unrecognised(words.flat_map(char::escape_default).collect()))
        }
    };
    ReadError::new(1, offset as u64, reason)
}
