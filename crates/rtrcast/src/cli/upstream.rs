//! Options of the connection to a cache: of `dump`, of one source, and with a prefix of all sources that are caches.

use super::given::{OptionGroup, PrefixedGroup};
use super::options::CACHE;
use clap::Args;
use std::path::PathBuf;

const CONNECTION: &str = "Connection";

/// Options of the connection to a cache. Files are read again for each connection, so that they may be renewed.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct DialOptions {
    /// Certificates (PEM) of the authorities that a cache at tls:// is checked by, instead of the system's
    #[arg(long, value_name = "FILE", help_heading = CONNECTION)]
    pub(crate) ca: Option<PathBuf>,

    /// Certificate chain (PEM) to show to a cache at tls://
    #[arg(long, value_name = "FILE", help_heading = CONNECTION)]
    pub(crate) client_cert: Option<PathBuf>,

    /// Private key (PEM) of that certificate
    #[arg(long, value_name = "FILE", help_heading = CONNECTION)]
    pub(crate) client_key: Option<PathBuf>,

    /// Name that the certificate of a cache at tls:// has to have as DNS name or address [default: the host]
    #[arg(long, value_name = "NAME", help_heading = CONNECTION)]
    pub(crate) tls_name: Option<String>,

    /// Private key (OpenSSH's format, not encrypted) to log in with at ssh://
    #[arg(long, value_name = "FILE", help_heading = CONNECTION)]
    pub(crate) ssh_key: Option<PathBuf>,

    /// Host keys of caches at ssh:// [default: ~/.ssh/known_hosts]
    #[arg(long, value_name = "FILE", help_heading = CONNECTION)]
    pub(crate) known_hosts: Option<PathBuf>,

    /// File with the password to log in with at ssh://, in its first line
    #[arg(long, value_name = "FILE", help_heading = CONNECTION)]
    pub(crate) password_file: Option<PathBuf>,

    /// Keys for TCP-MD5 (RFC 2385): lines "PREFIX KEY"; the longest prefix around the cache's address applies
    #[arg(long, value_name = "FILE", help_heading = CONNECTION)]
    pub(crate) tcp_md5: Option<PathBuf>,

    /// Keys for TCP-AO (RFC 5925): lines "PREFIX SEND-ID RECV-ID ALGORITHM KEY"
    #[arg(long, value_name = "FILE", help_heading = CONNECTION)]
    pub(crate) tcp_ao: Option<PathBuf>,
}

impl OptionGroup for DialOptions {
    const PREFIX: &'static str = CACHE;
}

impl PrefixedGroup for DialOptions {
    const HEADING: &'static str = "Other caches as sources";
}
