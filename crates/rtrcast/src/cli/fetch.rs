//! Options of fetching URLs: of one source, and with a prefix of all URLs.

use super::given::{OptionGroup, PrefixedGroup};
use super::options::FETCH;
use clap::Args;
use std::path::PathBuf;

pub(super) const SOURCES: &str = "Sources";

/// Options of a fetch. Files are read when they are used, so that they may be renewed.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FetchOptions {
    /// Certificates (PEM) of the authorities that the servers of URLs are checked by, instead of the system's
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,

    /// Certificate chain (PEM) to show to the servers of URLs
    #[arg(long, value_name = "FILE")]
    pub(crate) client_cert: Option<PathBuf>,

    /// Private key (PEM) of that certificate
    #[arg(long, value_name = "FILE")]
    pub(crate) client_key: Option<PathBuf>,

    /// File with a bearer token for the servers of URLs, read at each request. Never sent without TLS but to this
    /// machine itself
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,

    /// Proxy for all URLs, or "none" [default: that of HTTP_PROXY, HTTPS_PROXY and NO_PROXY]
    #[arg(long, value_name = "URL")]
    pub(crate) proxy: Option<String>,
}

impl OptionGroup for FetchOptions {
    const PREFIX: &'static str = FETCH;
}

impl PrefixedGroup for FetchOptions {
    const HEADING: &'static str = SOURCES;
}
