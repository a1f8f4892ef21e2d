//! Sources of data and SLURM: a task for each, which fetches, reads, and reports to the hub.

pub(crate) mod content;
pub(crate) mod dialer;
mod directory;
mod file;
mod http;
mod http_client;
mod local;
mod parallel;
mod read_file;
mod rtr;
pub(crate) mod tasks;
mod watched;

pub(crate) use directory::{is_slurm_name, names, read as read_slurm_directory};
pub(crate) use http_client::try_fetching;

use crate::cli::{DialOptions, FetchOptions};
use crate::config::address::Source;
use crate::hub::message::{Input, News};
use crate::observe::metrics::{Metrics, RequestLabels};
use crate::observe::routers::Routers;
use content::{Purpose, Read, Reading, SourceContent, SourceError};
use local::LocalPath;
use read_file::read_file;
use rtrcast_feed::state::SourceRevision;
use rtrcast_feed::{Reader, SlurmDialect, SlurmFile, Table};
use rtrcast_proto::{Moment, Version};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, mpsc};

/// The context of a source's task.
#[derive(Clone)]
pub(crate) struct SourceContext {
    pub(crate) purpose: Purpose,
    pub(crate) name: Arc<str>,
    pub(crate) hub: mpsc::Sender<Input>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) routers: Arc<Routers>,
    /// Signal to refresh now.
    pub(crate) refresh: Arc<Notify>,
    pub(crate) options: SourceOptions,
    /// The version to read in if no router has asked yet.
    pub(crate) version: Version,
    /// What is known of it from an earlier run of the program.
    pub(crate) resumed: Option<Arc<ResumedSource>>,
}

/// What is known of a source from an earlier run of the program, to request only what is newer.
#[derive(Clone, Debug)]
pub(crate) struct ResumedSource {
    pub(crate) revision: SourceRevision,
    /// The table that it identifies.
    pub(crate) table: Arc<Table>,
    /// When it came, or was confirmed.
    pub(crate) received: Moment,
}

/// Options of reading a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SourceOptions {
    /// Interval of requests and checks.
    pub(crate) refresh: Duration,
    /// Limit of the time of a transfer.
    pub(crate) timeout: Duration,
    /// Options of URLs.
    pub(crate) fetch: FetchOptions,
    /// Options of other caches.
    pub(crate) dial: DialOptions,
    pub(crate) dialect: SlurmDialect,
}

/// Follows a source for ever.
pub(crate) async fn follow(source: Source, mut context: SourceContext) {
    if matches!(source, Source::File(_) | Source::Directory(_)) {
        // A file is read as a whole, and the table would stay in memory.
        context.resumed = None;
    }
    match source {
        Source::File(path) => file::follow(LocalPath::File(path), context).await,
        Source::Directory(path) => file::follow(LocalPath::Directory(path), context).await,
        Source::Http(url) => http::follow(url, context).await,
        Source::Rtr(target) => rtr::follow(target, context).await,
    }
}

/// Reads a source once, for commands that do not serve.
pub(crate) async fn read_once(source: &Source, options: &SourceOptions) -> Result<Read, SourceError> {
    let reading = Reading::Table(Reader::new(), Version::V2);
    match source {
        // Only SLURM has directories; reading one as data is an error.
        Source::File(path) | Source::Directory(path) => read_file(path, reading),
        Source::Http(url) => http::read_once(url, options, reading).await,
        Source::Rtr(target) => rtr::read_once(target, options).await,
    }
}

/// Reads a SLURM file now.
pub(crate) fn read_slurm(path: &Path, dialect: SlurmDialect) -> Result<Arc<SlurmFile>, SourceError> {
    match read_file(path, Reading::Slurm(Vec::new(), dialect))?.content {
        SourceContent::Slurm(file) => Ok(file),
        SourceContent::Table(..) | SourceContent::SlurmDirectory(_) => unreachable!("it was read as a SLURM file"),
    }
}

impl SourceContext {
    /// Returns a new reader. Tables are read in the version of most routers, so that no second image is needed.
    fn reading(&self) -> Reading {
        match self.purpose {
            Purpose::Data(_) => {
                let version = self.routers.in_use().versions.first().copied().unwrap_or(self.version);
                Reading::Table(Reader::new(), version)
            }
            Purpose::Slurm(_) => Reading::Slurm(Vec::new(), self.options.dialect),
        }
    }

    async fn send(&self, news: News) {
        // The hub outlives its sources; if it is gone, the program is ending.
        let _ = self.hub.send(Input::From(self.purpose, news)).await;
    }

    /// Counts an attempt.
    fn count_request(&self, code: &str) {
        let labels = RequestLabels { path: self.name.to_string(), code: code.to_owned() };
        self.metrics.requests.get_or_create(&labels).inc();
    }

    /// Sends the outcome of an attempt to the hub. Returns true if it was no error.
    async fn send_outcome(&self, started: Instant, code: &str, outcome: Result<Option<Read>, SourceError>) -> bool {
        self.count_request(code);
        let good = outcome.is_ok();
        self.send(match outcome {
            Ok(Some(read)) => News::Loaded { read, took: started.elapsed() },
            Ok(None) => News::Unchanged,
            Err(failure) => News::Failed(failure),
        })
        .await;
        good
    }
}
