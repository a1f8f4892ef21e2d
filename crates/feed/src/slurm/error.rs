//! Errors of SLURM files, and their messages: the position first, then the remedy.

use crate::start::OtherKind;
use rtrcast_proto::{Asn, AspaError, NotDer, OriginError, Prefix};
use std::fmt;
use std::iter::once;

/// Errors for which a file is refused, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlurmErrors {
    /// At least one.
    first: Vec<SlurmError>,
    more: usize,
}

impl SlurmErrors {
    /// Makes errors of one, and perhaps others.
    pub(super) fn new(one: SlurmError, others: impl Iterator<Item = SlurmError>, more: usize) -> SlurmErrors {
        SlurmErrors { first: once(one).chain(others).collect(), more }
    }

    /// The first ones, of which there is at least one.
    pub fn iter(&self) -> impl Iterator<Item = &SlurmError> {
        self.first.iter()
    }

    /// Returns the number of errors beside the first ones. Where the file breaks JSON's grammar the search ends.
    pub fn more(&self) -> usize {
        self.more
    }

    /// Returns the number of all errors.
    pub fn count(&self) -> usize {
        self.first.len() + self.more
    }
}

/// All in one line.
impl fmt::Display for SlurmErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first: Vec<String> = self.iter().map(SlurmError::to_string).collect();
        f.write_str(&first.join("; "))?;
        match self.more {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

impl std::error::Error for SlurmErrors {}

/// One error in a file, and its position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlurmError {
    /// The line, counted from 1.
    pub line: u64,
    /// The octet in the line, counted from 1.
    pub column: u64,
    /// The value, as `validationOutputFilters.prefixFilters[3].asn`; empty for the document itself.
    pub path: String,
    /// The error.
    pub reason: SlurmReason,
}

/// An error in a SLURM file. Text of the file is quoted in part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SlurmReason {
    /// There is nothing in it.
    Empty,
    /// An octet that UTF-8 does not allow.
    NotUtf8,
    /// It breaks JSON's grammar.
    NotJson(&'static str),
    /// It ends in the middle.
    Truncated,
    /// A member that the specifications do not have.
    UnknownMember {
        /// Its name.
        name: String,
        /// The known name that is closest to it, if any is close.
        closest: Option<&'static str>,
    },
    /// A member of version 2 in a file of version 1.
    OfVersion2(&'static str),
    /// A member is there twice, perhaps by two of its names.
    MemberTwice(&'static str),
    /// The mandatory version is missing.
    MissingVersion,
    /// A mandatory member of an entry is missing.
    Missing(&'static str),
    /// A mandatory list, or object of lists, is missing.
    MissingList {
        /// Its name.
        name: &'static str,
        /// Its text without an entry.
        empty: &'static str,
    },
    /// A list, or an object of lists, is null.
    NullList {
        /// The expected kind.
        wanted: &'static str,
        /// Its text without an entry.
        empty: &'static str,
    },
    /// The file is a validator's output.
    ValidatorOutput,
    /// The file is of another kind that is recognised.
    OtherKind(OtherKind),
    /// A value of the wrong kind.
    WrongKind {
        /// The expected kind.
        wanted: &'static str,
        /// The value that is there.
        found: String,
        /// The value that was probably intended.
        suggestion: Option<String>,
    },
    /// A version other than 1 and 2.
    Version(String),
    /// A filter with none of the members that it could match by, which are these.
    NamesNothing(&'static str),
    /// Not a whole number that an AS can have.
    NotAsn(String),
    /// Not an address and a length that fits it.
    NotPrefix(String),
    /// Bits beyond the length are set; without them it would be this one.
    HostBits(String, Prefix),
    /// Not a whole number that a length can be.
    NotLength(String),
    /// A maximum length that its prefix can't have.
    MaxLength(OriginError),
    /// No base64 of either alphabet, or an impossible length.
    NotBase64,
    /// A Subject Key Identifier of another length than 20 octets.
    SkiOctets(usize),
    /// An invalid key.
    Key(NotDer),
    /// A provider that is not above the one before it.
    NotAscending(Asn, Asn),
    /// An invalid list of providers.
    Aspa(AspaError),
}

impl fmt::Display for SlurmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SlurmError { line, column, path, reason } = self;
        write!(f, "line {line}")?;
        // Without a path, or in a file of one line, the column is needed.
        if reason.is_of_grammar() || path.is_empty() {
            write!(f, ", column {column}")?;
        }
        let colon = if path.is_empty() { "" } else { ": " };
        write!(f, "{colon}{path}: {reason}")
    }
}

impl std::error::Error for SlurmError {}

impl SlurmReason {
    /// Returns whether the file can't be read on from there.
    pub(super) fn is_of_grammar(&self) -> bool {
        match self {
            SlurmReason::Empty
            | SlurmReason::NotUtf8
            | SlurmReason::NotJson(_)
            | SlurmReason::Truncated
            | SlurmReason::OtherKind(_) => true,
            SlurmReason::UnknownMember { .. }
            | SlurmReason::OfVersion2(_)
            | SlurmReason::MemberTwice(_)
            | SlurmReason::MissingVersion
            | SlurmReason::Missing(_)
            | SlurmReason::MissingList { .. }
            | SlurmReason::NullList { .. }
            | SlurmReason::ValidatorOutput
            | SlurmReason::WrongKind { .. }
            | SlurmReason::Version(_)
            | SlurmReason::NamesNothing(_)
            | SlurmReason::NotAsn(_)
            | SlurmReason::NotPrefix(_)
            | SlurmReason::HostBits(..)
            | SlurmReason::NotLength(_)
            | SlurmReason::MaxLength(_)
            | SlurmReason::NotBase64
            | SlurmReason::SkiOctets(_)
            | SlurmReason::Key(_)
            | SlurmReason::NotAscending(..)
            | SlurmReason::Aspa(_) => false,
        }
    }

    /// Returns whether [`SlurmDialect::Lenient`](super::SlurmDialect::Lenient) reads it as an empty list.
    pub fn is_lenient(&self) -> bool {
        matches!(self, SlurmReason::MissingList { .. } | SlurmReason::NullList { .. })
    }
}

impl fmt::Display for SlurmReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SlurmReason::Empty => f.write_str("the file is empty"),
            SlurmReason::NotUtf8 => f.write_str("not UTF-8"),
            SlurmReason::NotJson(what) => write!(f, "not JSON: {what}"),
            SlurmReason::Truncated => f.write_str("truncated: the file ends before it is complete"),
            SlurmReason::UnknownMember { name, closest: None } => write!(f, "unknown member \"{name}\""),
            SlurmReason::UnknownMember { name, closest: Some(closest) } => {
                write!(f, "unknown member \"{name}\"; did you mean \"{closest}\"?")
            }
            SlurmReason::OfVersion2(name) => {
                write!(f, "member \"{name}\" is of version 2, and the file has \"slurmVersion\": 1")
            }
            SlurmReason::MemberTwice(name) => write!(f, "duplicate member \"{name}\""),
            SlurmReason::MissingVersion => {
                f.write_str("no \"slurmVersion\"; add \"slurmVersion\": 1, or 2 for a file with lists of ASPAs")
            }
            SlurmReason::Missing(name) => write!(f, "no \"{name}\""),
            SlurmReason::MissingList { name, empty } => write!(f, "no \"{name}\"; add \"{name}\": {empty}"),
            SlurmReason::NullList { wanted, empty } => write!(f, "null instead of {wanted}; write {empty}"),
            SlurmReason::ValidatorOutput => {
                f.write_str("the output of a validator (\"roas\"), not SLURM; it is a source of data")
            }
            SlurmReason::OtherKind(kind) => write!(f, "this is {kind}; SLURM is plain JSON"),
            SlurmReason::WrongKind { wanted, found, suggestion: None } => write!(f, "{found} instead of {wanted}"),
            SlurmReason::WrongKind { wanted, found, suggestion: Some(suggestion) } => {
                write!(f, "{found} instead of {wanted}; did you mean {suggestion}?")
            }
            SlurmReason::Version(found) => write!(f, "{found} is not a version of SLURM that is known: 1 or 2"),
            SlurmReason::NamesNothing(members) => write!(f, "a filter without {members} names nothing to remove"),
            SlurmReason::NotAsn(found) => write!(f, "{found} is not an AS number: a whole number up to 4294967295"),
            SlurmReason::NotPrefix(found) => write!(f, "\"{found}\" is not an IPv4 or IPv6 prefix"),
            SlurmReason::HostBits(found, prefix) => {
                write!(f, "\"{found}\" has bits beyond its length; did you mean {prefix}?")
            }
            SlurmReason::NotLength(found) => write!(f, "{found} is not a prefix length"),
            SlurmReason::MaxLength(error) => write!(f, "{error}"),
            SlurmReason::NotBase64 => f.write_str("not base64"),
            SlurmReason::SkiOctets(octets) => write!(f, "a key identifier of {octets} octets instead of 20"),
            SlurmReason::Key(error) => write!(f, "{error}"),
            SlurmReason::NotAscending(before, provider) if before == provider => {
                write!(f, "duplicate provider {provider}")
            }
            SlurmReason::NotAscending(before, provider) => {
                write!(f, "provider {provider} comes after {before}; the list has to ascend")
            }
            SlurmReason::Aspa(error) => write!(f, "{error}"),
        }
    }
}
