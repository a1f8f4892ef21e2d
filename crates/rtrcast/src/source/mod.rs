//! Where data come from: a task for each source, which fetches, reads, and tells the hub.

mod file;
mod http;

use crate::hub::{Input, Loaded};
use crate::metrics::{Metrics, RequestLabels};
use rtrcast_feed::{ReadError, Reader, Reason, Table, Tally};
use rtrcast_net::DataSink;
use rtrcast_proto::Version;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, mpsc};

/// A source as it is named on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    File(PathBuf),
    Http(reqwest::Url),
}

impl Source {
    /// A path need not be UTF-8; a URL has to be.
    pub(crate) fn parse(text: OsString) -> Result<Source, String> {
        let Some(words) = text.to_str() else { return Ok(Source::File(PathBuf::from(text))) };
        match words.split_once("://") {
            Some((scheme, _)) if ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) => {
                words.parse().map(Source::Http).map_err(|error| format!("not a URL: {error}"))
            }
            Some((scheme, _)) => {
                Err(format!("{scheme}:// is not a source of this version; it reads files, http:// and https://"))
            }
            None if words.is_empty() => Err("a source is a file or an http(s) URL".to_owned()),
            None => Ok(Source::File(PathBuf::from(text))),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::File(path) => write!(f, "{}", path.display()),
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
    /// The file can't be read.
    File(io::Error),
    /// The content makes no sense.
    Content(ReadError),
    /// The server could not be asked, or broke off.
    Transfer(String),
    /// The server answered with this.
    Status(u16),
    /// More octets than any validator writes.
    TooLarge,
    /// There was no memory for the data.
    Memory(io::Error),
}

impl Failure {
    /// The reason as a metric's label.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Failure::File(error) if error.kind() == io::ErrorKind::NotFound => "missing",
            Failure::File(_) => "file",
            Failure::Content(ReadError { reason, .. }) => match reason {
                Reason::Empty => "empty",
                Reason::Truncated => "truncated",
                Reason::NotUtf8 => "not_utf8",
                Reason::NotJson(_) | Reason::MemberTwice(_) => "not_json",
                Reason::Unrecognised(_) => "unrecognised",
                Reason::Compression(_) => "compression",
                Reason::TooLarge(_) => "too_large",
                Reason::Ccr(_) | Reason::CcrWithoutVrps => "ccr",
                Reason::NotAList(_) | Reason::ValueTooLarge | Reason::NothingKnown | Reason::AllRefused { .. } => {
                    "not_rpki"
                }
            },
            Failure::Transfer(_) => "transfer",
            Failure::Status(_) => "status",
            Failure::TooLarge => "too_large",
            Failure::Memory(_) => "memory",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::File(error) => write!(f, "{error}"),
            Failure::Content(error) => write!(f, "{error}"),
            Failure::Transfer(what) => f.write_str(what),
            Failure::Status(status) => write!(f, "the server answered with status {status}"),
            Failure::TooLarge => write!(f, "larger than {SOURCE_OCTETS_MAX} bytes"),
            Failure::Memory(error) => write!(f, "no memory for the data: {error}"),
        }
    }
}

/// The most octets that a source may have: the world's JSON has 105 MB.
const SOURCE_OCTETS_MAX: u64 = 2 * 1024 * 1024 * 1024;

/// What a source's task works with.
pub(crate) struct Context {
    pub(crate) name: Arc<str>,
    pub(crate) hub: mpsc::Sender<Input>,
    pub(crate) metrics: Arc<Metrics>,
    /// Rung to refresh now.
    pub(crate) bell: Arc<Notify>,
    /// Between two looks at the source.
    pub(crate) refresh: Duration,
    /// The version to read in if no router has asked yet.
    pub(crate) version: Version,
}

/// Follows a source for ever.
pub(crate) async fn follow(source: Source, context: Context) {
    match source {
        Source::File(path) => file::follow(path, context).await,
        Source::Http(url) => http::follow(url, context).await,
    }
}

impl Context {
    /// The version that most routers speak: an image of it needs no second one.
    fn version(&self) -> Version {
        self.metrics.versions_in_use().first().copied().unwrap_or(self.version)
    }

    async fn tell(&self, input: Input) {
        // The hub outlives its sources; should it be gone, the program is ending.
        let _ = self.hub.send(input).await;
    }

    /// Tells the hub what came of an attempt; true if it went well.
    async fn tell_outcome(
        &self,
        started: Instant,
        code: &str,
        outcome: Result<Option<(Table, Tally)>, Failure>,
    ) -> bool {
        let labels = RequestLabels { path: self.name.to_string(), code: code.to_owned() };
        self.metrics.requests.get_or_create(&labels).inc();
        let source = Arc::clone(&self.name);
        let good = outcome.is_ok();
        self.tell(match outcome {
            Ok(Some((table, tally))) => {
                Input::Loaded(Box::new(Loaded { source, table, tally, took: started.elapsed() }))
            }
            Ok(None) => Input::Unchanged { source },
            Err(failure) => Input::Failed { source, failure },
        })
        .await;
        good
    }
}

/// Ends a reading: sorts, and writes the image where the kernel can send it from.
fn into_table(reader: Reader, version: Version) -> Result<(Table, Tally), Failure> {
    let rows = reader.finish().map_err(Failure::Content)?;
    let tally = rows.tally().clone();
    let table = rows.into_table(version, DataSink::new()).map_err(Failure::Memory)?;
    Ok((table, tally))
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
