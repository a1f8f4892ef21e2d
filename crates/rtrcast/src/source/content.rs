//! The content of a source, or the reason that there is none.

use crate::observe::describe::{describe_mistakes, plain};
use rtrcast_feed::curator::SourceId;
use rtrcast_feed::state::SourceRevision;
use rtrcast_feed::{
    Prefetch, ReadError, Reader, Reason, SlurmDialect, SlurmErrors, SlurmFile, Speculated, Table, Tally,
};
use rtrcast_net::DataSink;
use rtrcast_proto::Version;
use std::fmt;
use std::io;
use std::sync::Arc;

/// A reason that a source has nothing new.
#[derive(Debug)]
pub(crate) enum SourceError {
    /// The file or directory can't be read.
    File(io::Error),
    /// The directory has too many files, or can't be read as one.
    Directory(String),
    /// The content is invalid.
    Content(ReadError),
    /// It is not valid SLURM.
    Slurm(SlurmErrors),
    /// A certificate, key, token or proxy can't be used.
    Options(String),
    /// The transfer failed.
    Transfer(String),
    /// The connection to another cache failed, or that has no data.
    Upstream(String),
    /// The server answered with this status.
    Status(u16),
    /// More octets than this, which is more than any validator writes.
    TooLarge(u64),
    /// There was no memory for the data.
    Memory(io::Error),
}

impl SourceError {
    /// Returns the message in lines: one, or for a SLURM file one for each mistake.
    pub(crate) fn lines(&self) -> Vec<String> {
        match self {
            SourceError::Slurm(errors) => describe_mistakes(errors),
            other => vec![other.to_string()],
        }
    }

    /// Returns the number of mistakes.
    pub(crate) fn mistakes(&self) -> usize {
        match self {
            SourceError::Slurm(errors) => errors.count(),
            _ => 1,
        }
    }

    /// Returns the reason as a metric's label.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            SourceError::File(error) if error.kind() == io::ErrorKind::NotFound => "missing",
            SourceError::File(_) => "file",
            SourceError::Directory(_) => "directory",
            SourceError::Content(ReadError { reason, .. }) => match reason {
                Reason::Empty => "empty",
                Reason::Truncated => "truncated",
                Reason::NotUtf8 => "not_utf8",
                Reason::NotJson(_) | Reason::MemberTwice(_) => "not_json",
                Reason::Unrecognised(_) | Reason::OtherKind(_) => "unrecognised",
                Reason::Compression(_) | Reason::Dictionary { .. } => "compression",
                Reason::TooLarge(_) => "too_large",
                Reason::Ccr(_) | Reason::CcrWithoutVrps => "ccr",
                Reason::NotAList(_) | Reason::ValueTooLarge | Reason::NothingKnown | Reason::AllRefused { .. } => {
                    "not_rpki"
                }
            },
            SourceError::Transfer(_) => "transfer",
            SourceError::Upstream(_) => "upstream",
            SourceError::Status(_) => "status",
            SourceError::Slurm(_) => "slurm",
            SourceError::Options(_) => "options",
            SourceError::TooLarge(_) => "too_large",
            SourceError::Memory(_) => "memory",
        }
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SourceError::File(error) => f.write_str(&plain(error)),
            SourceError::Content(error @ ReadError { reason: Reason::Truncated, .. }) => {
                write!(f, "{error}, perhaps since it is still being written")
            }
            SourceError::Content(error) => write!(f, "{error}"),
            SourceError::Transfer(what) | SourceError::Upstream(what) => f.write_str(what),
            SourceError::Status(304) => {
                f.write_str("the server answered \"not modified\" (304) to an unconditional request")
            }
            SourceError::Status(status) => {
                let hint = match status {
                    401 | 403 => ", and may need --fetch-token-file or --fetch-client-cert",
                    404 | 410 => "; check the path of the URL",
                    _ => "",
                };
                let name = reqwest::StatusCode::from_u16(*status).ok().and_then(|status| status.canonical_reason());
                let name = name.map_or(String::new(), |name| format!(" ({name})"));
                write!(f, "the server answered with status {status}{name}{hint}")
            }
            SourceError::Slurm(errors) => f.write_str(&describe_mistakes(errors).join("; ")),
            SourceError::Options(what) | SourceError::Directory(what) => f.write_str(what),
            SourceError::TooLarge(limit) => write!(f, "larger than {limit} bytes"),
            SourceError::Memory(error) => write!(f, "no memory for the data: {}", plain(error)),
        }
    }
}

/// The most octets that a source may have: the world's JSON has 105 MB.
pub(super) const SOURCE_OCTETS_MAX: u64 = 2 * 1024 * 1024 * 1024;

/// The most octets that a SLURM file may have.
pub(super) const SLURM_OCTETS_MAX: usize = 64 * 1024 * 1024;

/// The purpose that a source is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Purpose {
    /// Payloads.
    Data(SourceId),
    /// Exceptions to them.
    Slurm(SlurmId),
}

/// Id of a SLURM file, directory or URL for as long as the program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SlurmId(pub(crate) u32);

/// The content of a source, as it was read.
pub(crate) enum SourceContent {
    Table(Arc<Table>, Tally),
    Slurm(Arc<SlurmFile>),
    SlurmDirectory(Vec<SlurmOutcome>),
}

/// SLURM files without mistakes, each with its name in messages.
pub(crate) type SlurmFiles = Vec<(Arc<str>, Arc<SlurmFile>)>;

/// A content without mistakes, and the time at which it was written, in seconds since 1970.
pub(crate) struct Read {
    pub(crate) content: SourceContent,
    pub(crate) written: Option<u32>,
    /// What identifies it, by the server that it is from.
    pub(crate) revision: SourceRevision,
}

/// A reader under way: pieces go in, a content comes out.
pub(super) enum Reading {
    Table(Reader, Version),
    Slurm(Vec<u8>, SlurmDialect),
}

impl Reading {
    /// Returns the compressions that a server may use, as a header.
    pub(super) fn encodings(&self) -> &'static str {
        match self {
            Reading::Table(..) => "gzip, zstd",
            Reading::Slurm(..) => "identity",
        }
    }

    pub(super) fn push(&mut self, octets: &[u8]) -> Result<(), SourceError> {
        match self {
            Reading::Table(reader, _) => reader.push(octets).map_err(SourceError::Content),
            Reading::Slurm(whole, _) if whole.len() + octets.len() > SLURM_OCTETS_MAX => {
                Err(SourceError::TooLarge(SLURM_OCTETS_MAX as u64))
            }
            Reading::Slurm(whole, _) => {
                whole.extend_from_slice(octets);
                Ok(())
            }
        }
    }

    /// Returns the function that reads pieces ahead of their turn, once the format is known.
    pub(super) fn prefetch(&self) -> Option<Prefetch> {
        match self {
            Reading::Table(reader, _) => reader.prefetch(),
            Reading::Slurm(..) => None,
        }
    }

    /// Reads the next piece, with the result of reading it ahead.
    pub(super) fn push_speculated(&mut self, octets: &[u8], speculated: Option<Speculated>) -> Result<(), SourceError> {
        match self {
            Reading::Table(reader, _) => reader.push_speculated(octets, speculated).map_err(SourceError::Content),
            Reading::Slurm(..) => self.push(octets),
        }
    }

    /// Ends the reading: sorts, and writes the image to a memory file.
    pub(super) fn finish(self) -> Result<SourceContent, SourceError> {
        match self {
            Reading::Table(reader, version) => {
                let rows = reader.finish().map_err(SourceError::Content)?;
                let tally = rows.tally().clone();
                let table = rows.into_table(version, DataSink::new()).map_err(SourceError::Memory)?;
                Ok(SourceContent::Table(Arc::new(table), tally))
            }
            Reading::Slurm(whole, dialect) => {
                let file = SlurmFile::parse(&whole, dialect).map_err(SourceError::Slurm)?;
                Ok(SourceContent::Slurm(Arc::new(file)))
            }
        }
    }
}

/// The content of a directory's file, or the reason that it can't be read.
pub(crate) struct SlurmOutcome {
    /// Its path.
    pub(crate) name: Arc<str>,
    pub(crate) outcome: Result<Arc<SlurmFile>, SourceError>,
}
