//! The content of a source, or the reason that there is none.

use crate::observe::describe::{describe_mistakes, plain};
use rtrcast_feed::curator::SourceId;
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
    /// The directory has too much in it, or is none that can be read.
    Directory(String),
    /// The content is invalid.
    Content(ReadError),
    /// It is no SLURM.
    Slurm(SlurmErrors),
    /// A certificate, key, token or proxy can't be used.
    Options(String),
    /// The server could not be asked, or broke off.
    Transfer(String),
    /// Another cache could not be asked, or has nothing.
    Upstream(String),
    /// The server answered with this.
    Status(u16),
    /// More octets than that, which is more than any validator writes.
    TooLarge(u64),
    /// There was no memory for the data.
    Memory(io::Error),
}

impl SourceError {
    /// The same in lines: one, or with a SLURM file one for each mistake.
    pub(crate) fn lines(&self) -> Vec<String> {
        match self {
            SourceError::Slurm(errors) => describe_mistakes(errors),
            other => vec![other.to_string()],
        }
    }

    /// The number of mistakes.
    pub(crate) fn mistakes(&self) -> usize {
        match self {
            SourceError::Slurm(errors) => errors.count(),
            _ => 1,
        }
    }

    /// The reason as a metric's label.
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
                f.write_str("the server says \"not modified\" (304) of what it was not asked to compare")
            }
            SourceError::Status(status) => {
                let hint = match status {
                    401 | 403 => ", and may want --fetch-token-file or --fetch-client-cert",
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

/// Names a SLURM file, directory or URL for as long as the program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SlurmId(pub(crate) u32);

/// The content of a source, as it was read.
pub(crate) enum Content {
    Table(Arc<Table>, Tally),
    Slurm(Arc<SlurmFile>),
    SlurmDirectory(Vec<SlurmOutcome>),
}

/// SLURM files that were read well, each with the name that messages call it by.
pub(crate) type SlurmFiles = Vec<(Arc<str>, Arc<SlurmFile>)>;

/// A content that was read well, and when it was written, in seconds since 1970.
pub(crate) struct Read {
    pub(crate) content: Content,
    pub(crate) written: Option<u32>,
}

/// A reading under way: pieces go in, a content comes out.
pub(super) enum Reading {
    Table(Reader, Version),
    Slurm(Vec<u8>, SlurmDialect),
}

impl Reading {
    /// What a transfer may be compressed by, as a header says it.
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

    /// How pieces can be read before their turn, once that is known.
    pub(super) fn prefetch(&self) -> Option<Prefetch> {
        match self {
            Reading::Table(reader, _) => reader.prefetch(),
            Reading::Slurm(..) => None,
        }
    }

    /// The next piece, read already as far as that could be done.
    pub(super) fn push_speculated(&mut self, octets: &[u8], speculated: Option<Speculated>) -> Result<(), SourceError> {
        match self {
            Reading::Table(reader, _) => reader.push_speculated(octets, speculated).map_err(SourceError::Content),
            Reading::Slurm(..) => self.push(octets),
        }
    }

    /// Ends it: sorts, and writes the image where the kernel can send it from.
    pub(super) fn finish(self) -> Result<Content, SourceError> {
        match self {
            Reading::Table(reader, version) => {
                let rows = reader.finish().map_err(SourceError::Content)?;
                let tally = rows.tally().clone();
                let table = rows.into_table(version, DataSink::new()).map_err(SourceError::Memory)?;
                Ok(Content::Table(Arc::new(table), tally))
            }
            Reading::Slurm(whole, dialect) => {
                let file = SlurmFile::parse(&whole, dialect).map_err(SourceError::Slurm)?;
                Ok(Content::Slurm(Arc::new(file)))
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
