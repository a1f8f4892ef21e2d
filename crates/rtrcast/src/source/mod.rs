//! Where data and SLURM come from: a task for each place, which fetches, reads, and tells the hub.

pub(crate) mod dialer;
mod directory;
mod file;
mod http;
mod http_client;
mod local;
mod parallel;
mod rtr;
pub(crate) mod tasks;
mod watched;

pub(crate) use directory::{SlurmOutcome, is_slurm_name, names, read as read_slurm_directory};
pub(crate) use http_client::{FetchOptions, Senseless};

use crate::cli::DialOptions;
use crate::hub::{Input, News};
use crate::observe::describe::{describe_mistakes, plain};
use crate::observe::metrics::{Metrics, RequestLabels};
use local::Local;
use rtrcast_feed::curator::SourceId;
use rtrcast_feed::{Ahead, ReadError, Reader, Reason, SlurmDialect, SlurmErrors, SlurmFile, Stretch, Table, Tally};
use rtrcast_net::{DataSink, Target, TargetError};
use rtrcast_proto::Version;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::{Notify, mpsc};
use tokio::task::spawn_blocking;

/// What the URL of another cache begins with.
const CACHES: [&str; 4] = ["tcp", "tls", "ssh", "unix"];

/// A source as it is named on the command line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    File(PathBuf),
    /// A directory of SLURM files.
    Directory(PathBuf),
    Http(reqwest::Url),
    /// Another cache.
    Rtr(Target),
}

impl Source {
    /// The same as a place of SLURM, which may be a directory: one that is there, or is named with a slash at its end.
    pub(crate) fn of_slurm(self) -> Source {
        match self {
            Source::File(path) if path.as_os_str().as_encoded_bytes().ends_with(b"/") || path.is_dir() => {
                Source::Directory(path)
            }
            other => other,
        }
    }

    /// Whether both are at the same place: what was a file there may be a directory now.
    pub(crate) fn is_at_place_of(&self, other: &Source) -> bool {
        match (self, other) {
            (Source::File(path) | Source::Directory(path), Source::File(other) | Source::Directory(other)) => {
                path == other
            }
            _ => self == other,
        }
    }

    /// A path need not be UTF-8; a URL has to be.
    pub(crate) fn parse(text: OsString) -> Result<Source, String> {
        let Some(words) = text.to_str() else { return Ok(Source::File(PathBuf::from(text))) };
        match words.split_once("://") {
            Some((scheme, _)) if ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) => {
                words.parse().map(Source::Http).map_err(|error| format!("not a URL: {error}"))
            }
            Some((scheme, _)) if CACHES.iter().any(|known| scheme.eq_ignore_ascii_case(known)) => {
                words.parse().map(Source::Rtr).map_err(|error: TargetError| error.to_string())
            }
            Some((scheme, _)) => Err(format!(
                "{scheme}:// is not a source of this version; it reads files, http://, https://, and follows caches at tcp://, \
                 tls://, ssh:// and unix://"
            )),
            None if words.parse::<SocketAddr>().is_ok() && !Path::new(words).exists() => {
                Err(format!("there is no such file; another cache is named tcp://{words}"))
            }
            None if words.is_empty() => {
                Err("a source is a file, an http(s) URL or a cache's: tcp://host:port".to_owned())
            }
            None => Ok(Source::File(PathBuf::from(text))),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::File(path) | Source::Directory(path) => write!(f, "{}", path.display()),
            Source::Rtr(target) => write!(f, "{target}"),
            // User, password and query may be secrets, and this goes into logs and metrics.
            Source::Http(url) => {
                let mut url = url.clone();
                let _ = url.set_username("");
                let _ = url.set_password(None);
                if url.query().is_some() {
                    url.set_query(Some("..."));
                }
                write!(f, "{url}")
            }
        }
    }
}

/// Why a source has nothing new.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The file or directory can't be read.
    File(io::Error),
    /// The directory has too much in it, or is none that can be read.
    Directory(String),
    /// The content makes no sense.
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

impl Failure {
    /// The same in lines: one, or with a SLURM file one for each mistake.
    pub(crate) fn lines(&self) -> Vec<String> {
        match self {
            Failure::Slurm(errors) => describe_mistakes(errors),
            other => vec![other.to_string()],
        }
    }

    /// How much is wrong.
    pub(crate) fn mistakes(&self) -> usize {
        match self {
            Failure::Slurm(errors) => errors.count(),
            _ => 1,
        }
    }

    /// The reason as a metric's label.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Failure::File(error) if error.kind() == io::ErrorKind::NotFound => "missing",
            Failure::File(_) => "file",
            Failure::Directory(_) => "directory",
            Failure::Content(ReadError { reason, .. }) => match reason {
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
            Failure::Transfer(_) => "transfer",
            Failure::Upstream(_) => "upstream",
            Failure::Status(_) => "status",
            Failure::Slurm(_) => "slurm",
            Failure::Options(_) => "options",
            Failure::TooLarge(_) => "too_large",
            Failure::Memory(_) => "memory",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::File(error) => f.write_str(&plain(error)),
            Failure::Content(error @ ReadError { reason: Reason::Truncated, .. }) => {
                write!(f, "{error}, perhaps since it is still being written")
            }
            Failure::Content(error) => write!(f, "{error}"),
            Failure::Transfer(what) | Failure::Upstream(what) => f.write_str(what),
            Failure::Status(304) => {
                f.write_str("the server says \"not modified\" (304) of what it was not asked to compare")
            }
            Failure::Status(status) => {
                let hint = match status {
                    401 | 403 => ", and may want --fetch-token-file or --fetch-client-cert",
                    404 | 410 => "; check the path of the URL",
                    _ => "",
                };
                let name = reqwest::StatusCode::from_u16(*status).ok().and_then(|status| status.canonical_reason());
                let name = name.map_or(String::new(), |name| format!(" ({name})"));
                write!(f, "the server answered with status {status}{name}{hint}")
            }
            Failure::Slurm(errors) => f.write_str(&describe_mistakes(errors).join("; ")),
            Failure::Options(what) | Failure::Directory(what) => f.write_str(what),
            Failure::TooLarge(limit) => write!(f, "larger than {limit} bytes"),
            Failure::Memory(error) => write!(f, "no memory for the data: {}", plain(error)),
        }
    }
}

/// The most octets that a source may have: the world's JSON has 105 MB.
const SOURCE_OCTETS_MAX: u64 = 2 * 1024 * 1024 * 1024;

/// The most octets that a SLURM file may have.
const SLURM_OCTETS_MAX: usize = 64 * 1024 * 1024;

/// What a place is read for.
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

/// What was read at a place.
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
enum Reading {
    Table(Reader, Version),
    Slurm(Vec<u8>, SlurmDialect),
}

impl Reading {
    /// What a transfer may be compressed by, as a header says it.
    fn encodings(&self) -> &'static str {
        match self {
            Reading::Table(..) => "gzip, zstd",
            Reading::Slurm(..) => "identity",
        }
    }

    fn push(&mut self, octets: &[u8]) -> Result<(), Failure> {
        match self {
            Reading::Table(reader, _) => reader.push(octets).map_err(Failure::Content),
            Reading::Slurm(whole, _) if whole.len() + octets.len() > SLURM_OCTETS_MAX => {
                Err(Failure::TooLarge(SLURM_OCTETS_MAX as u64))
            }
            Reading::Slurm(whole, _) => {
                whole.extend_from_slice(octets);
                Ok(())
            }
        }
    }

    /// How pieces can be read before their turn, once that is known.
    fn ahead(&self) -> Option<Ahead> {
        match self {
            Reading::Table(reader, _) => reader.ahead(),
            Reading::Slurm(..) => None,
        }
    }

    /// The next piece, read already as far as that could be done.
    fn push_ahead(&mut self, octets: &[u8], stretch: Option<Stretch>) -> Result<(), Failure> {
        match self {
            Reading::Table(reader, _) => reader.push_ahead(octets, stretch).map_err(Failure::Content),
            Reading::Slurm(..) => self.push(octets),
        }
    }

    /// Ends it: sorts, and writes the image where the kernel can send it from.
    fn finish(self) -> Result<Content, Failure> {
        match self {
            Reading::Table(reader, version) => {
                let rows = reader.finish().map_err(Failure::Content)?;
                let tally = rows.tally().clone();
                let table = rows.into_table(version, DataSink::new()).map_err(Failure::Memory)?;
                Ok(Content::Table(Arc::new(table), tally))
            }
            Reading::Slurm(whole, dialect) => {
                let file = SlurmFile::parse(&whole, dialect).map_err(Failure::Slurm)?;
                Ok(Content::Slurm(Arc::new(file)))
            }
        }
    }
}

/// What a source's task works with.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) purpose: Purpose,
    pub(crate) name: Arc<str>,
    pub(crate) hub: mpsc::Sender<Input>,
    pub(crate) metrics: Arc<Metrics>,
    /// Rung to refresh now.
    pub(crate) bell: Arc<Notify>,
    pub(crate) habits: Habits,
    /// The version to read in if no router has asked yet.
    pub(crate) version: Version,
}

/// How a place is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Habits {
    /// Between two looks at it.
    pub(crate) refresh: Duration,
    /// The longest that a transfer may take.
    pub(crate) timeout: Duration,
    /// For URLs.
    pub(crate) fetch: FetchOptions,
    /// For other caches.
    pub(crate) dial: DialOptions,
    pub(crate) dialect: SlurmDialect,
}

/// Follows a place for ever.
pub(crate) async fn follow(place: Source, context: Context) {
    match place {
        Source::File(path) => file::follow(Local::File(path), context).await,
        Source::Directory(path) => file::follow(Local::Directory(path), context).await,
        Source::Http(url) => http::follow(url, context).await,
        Source::Rtr(target) => rtr::follow(target, context).await,
    }
}

/// Reads a place once, for commands that do not serve.
pub(crate) async fn read_once(place: &Source, habits: &Habits) -> Result<Read, Failure> {
    let reading = Reading::Table(Reader::new(), Version::V2);
    match place {
        // Only SLURM has directories, and reading one says that it is none.
        Source::File(path) | Source::Directory(path) => file::read(path, reading),
        Source::Http(url) => http::read_once(url, habits, reading).await,
        Source::Rtr(target) => rtr::read_once(target, habits).await,
    }
}

/// Reads a SLURM file now.
pub(crate) fn read_slurm(path: &Path, dialect: SlurmDialect) -> Result<Arc<SlurmFile>, Failure> {
    match file::read(path, Reading::Slurm(Vec::new(), dialect))?.content {
        Content::Slurm(file) => Ok(file),
        Content::Table(..) | Content::SlurmDirectory(_) => unreachable!("it was read as a SLURM file"),
    }
}

impl Context {
    /// A reading that begins. Tables are read in the version that most routers speak: an image of it needs no second
    /// one.
    fn reading(&self) -> Reading {
        match self.purpose {
            Purpose::Data(_) => {
                let version = self.metrics.versions_in_use().first().copied().unwrap_or(self.version);
                Reading::Table(Reader::new(), version)
            }
            Purpose::Slurm(_) => Reading::Slurm(Vec::new(), self.habits.dialect),
        }
    }

    async fn tell(&self, news: News) {
        // The hub outlives its sources; should it be gone, the program is ending.
        let _ = self.hub.send(Input::From(self.purpose, news)).await;
    }

    /// Counts an attempt.
    fn count_request(&self, code: &str) {
        let labels = RequestLabels { path: self.name.to_string(), code: code.to_owned() };
        self.metrics.requests.get_or_create(&labels).inc();
    }

    /// Tells the hub what came of an attempt; true if it went well.
    async fn tell_outcome(&self, started: Instant, code: &str, outcome: Result<Option<Read>, Failure>) -> bool {
        self.count_request(code);
        let good = outcome.is_ok();
        self.tell(match outcome {
            Ok(Some(read)) => News::Loaded { read, took: started.elapsed() },
            Ok(None) => News::Unchanged,
            Err(failure) => News::Failed(failure),
        })
        .await;
        good
    }
}

/// Does something that blocks on a thread for that. A panic there goes on here.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The program is ending.
            Err(_) => std::future::pending().await,
        },
    }
}

/// The time of day in seconds since 1970.
pub(crate) fn unix_now() -> u32 {
    unix_of(SystemTime::now()).unwrap_or(0)
}

fn unix_of(time: SystemTime) -> Option<u32> {
    u32::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_recognised_and_shown_without_secrets() {
        assert_eq!(Source::parse("a/b.json".into()), Ok(Source::File("a/b.json".into())));
        let source = Source::parse("https://me:secret@validator.example/rpki.json?token=secret".into()).unwrap();
        assert_eq!(source.to_string(), "https://validator.example/rpki.json?...");
        assert!(Source::parse("rsync://x/y".into()).unwrap_err().starts_with("rsync:// is not a source"));
    }
}
